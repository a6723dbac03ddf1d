package access

import "strings"

// Signers are those of certificates that a role may approve for.
type Signers struct {
	Count    int
	limited  bool // each rule names them
	Users    bool // one makes client certificates of the cluster
	kubelets bool // one makes serving certificates of kubelets
}

// Serving reports whether no more than serving certificates of kubelets follow:
// the API server takes those for no user's
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers).
func (s Signers) Serving() bool { return s.kubelets && !s.Users }

// Signers returns the signers for which the role, with those that it takes in, may approve.
func (r *Role) Signers() Signers {
	s := Signers{limited: true}
	r.Rules(func(p *PolicyRule) {
		if _, ok := p.Resource("signers"); !ok || !p.AllowsGroup("certificates.k8s.io") || len(p.Allowed([]string{"approve"}, "signers")) == 0 {
			return
		}
		s.Count++
		if !p.Named() {
			s.limited, s.Users = false, true
		}
		for _, e := range p.Names {
			switch {
			case e.Text == "kubernetes.io/kubelet-serving":
				s.kubelets = true
			case strings.HasPrefix(e.Text, "kubernetes.io/"):
				s.Users = true
			}
		}
	})
	s.limited = s.limited && s.Count > 0
	return s
}

// Approves reports whether a signer of the cluster is among those of the role.
func (r *Role) Approves() bool {
	s := r.Signers()
	return s.Users || s.kubelets
}

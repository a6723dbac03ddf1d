package rbac

import "strings"

// signers are those of certificates that a role may approve for.
type signers struct {
	count    int
	limited  bool // each rule names them
	users    bool // one makes client certificates of the cluster
	kubelets bool // one makes serving certificates of kubelets
}

// serving reports whether no more than serving certificates of kubelets follow:
// the API server takes those for no user's
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers).
func (s signers) serving() bool { return s.kubelets && !s.users }

func (r *role) signers() signers {
	s := signers{limited: true}
	r.rules(func(p *policyRule) {
		if _, ok := p.resource("signers"); !ok || !p.allowsGroup("certificates.k8s.io") || len(p.allowed([]string{"approve"}, "signers")) == 0 {
			return
		}
		s.count++
		if !p.named() {
			s.limited, s.users = false, true
		}
		for _, e := range p.names {
			switch {
			case e.text == "kubernetes.io/kubelet-serving":
				s.kubelets = true
			case strings.HasPrefix(e.text, "kubernetes.io/"):
				s.users = true
			}
		}
	})
	s.limited = s.limited && s.count > 0
	return s
}

// approves reports whether a signer of the cluster is among those of the role.
func (r *role) approves() bool {
	s := r.signers()
	return s.users || s.kubelets
}

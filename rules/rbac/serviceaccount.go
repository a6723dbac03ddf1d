package rbac

import (
	"fmt"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
)

// AutomountToken reports pods that get the token of a service account that
// nothing in the bundle grants anything to (CIS 5.1.6). A bound account's pods
// need their token.
var AutomountToken = &lint.Rule{
	ID:         "automount-token",
	Summary:    "pod mounts a service account token that it does not need",
	Severity:   lint.Medium,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.6", "NSA C-0034", "OWASP K09"},
	Peers: map[string][]string{"polaris": {"automountServiceAccountToken"}, "trivy": {"KSV-0036"}, "checkov": {"CKV_K8S_38"},
		"kubescape": {"C-0034"}, "kubesec": {"AutomountServiceAccountToken"}},
	Docs:     docs,
	YieldsTo: []string{"sandbox-token"},
	Remedy:   noToken,
	Run: func(pass *lint.Pass) {
		g := access.Of(pass.Bundle)
		for _, a := range g.Accounts {
			if len(a.Bindings) > 0 || g.GrantedToGroup(a) {
				continue
			}
			for _, pod := range a.Pods {
				if !a.Automounts(pod) {
					continue
				}
				f := pass.Reportf(pod.Node.Get("automountServiceAccountToken"),
					"%s mounts the token of ServiceAccount %q, to which nothing in this bundle grants rights", pod.Resource, a.Name)
				f.Help = "set automountServiceAccountToken: false"
			}
		}
	},
}

// ServiceAccountAutomount reports service accounts that let each pod of theirs have a
// token that does not say otherwise (CIS 5.1.6).
var ServiceAccountAutomount = &lint.Rule{
	ID:         "service-account-automount",
	Summary:    "ServiceAccount mounts its token into every pod that does not opt out",
	Severity:   lint.Low,
	Group:      "rbac",
	References: []string{"CIS 5.1.6", "NSA C-0034", "OWASP K09"},
	Peers:      map[string][]string{"kubescape": {"C-0034", "C-0190"}},
	Docs:       docs,
	Remedy:     noTokens,
	Run: func(pass *lint.Pass) {
		for _, res := range pass.Resources("ServiceAccount") {
			n := res.Get("automountServiceAccountToken")
			if res.Group != "" || n.IsFalse() {
				continue
			}
			f := pass.Reportf(n, "%s mounts its token into every pod that does not opt out", res)
			f.Help = "set automountServiceAccountToken: false, and true in the pods that call the API server"
		}
	},
}

// DefaultServiceAccount reports pods that get the token of the default service
// account, and bindings to it (CIS 5.1.5): what it may do, every pod of the
// namespace may that names no other. It yields where the token is the whole matter.
var DefaultServiceAccount = &lint.Rule{
	ID:         "default-service-account",
	Summary:    "pod uses the default service account",
	Severity:   lint.Medium,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.5", "OWASP K09"},
	Peers: map[string][]string{"kube-linter": {"default-service-account"}, "checkov": {"CKV_K8S_41", "CKV_K8S_42"},
		"kubescape": {"C-0189"}, "kubesec": {"ServiceAccountName"}},
	Docs:     docs,
	YieldsTo: []string{"automount-token"},
	Run: func(pass *lint.Pass) {
		g := access.Of(pass.Bundle)
		for _, a := range g.Accounts {
			if a.Name != "default" {
				continue
			}
			reported := false
			for _, pod := range a.Pods {
				if !a.Mounts(pod) {
					continue
				}
				reported = true
				granted := ""
				if len(a.Bindings) > 0 {
					granted = fmt.Sprintf(", to which %s %q grants %s %q", a.Bindings[0].Resource.Kind, a.Bindings[0].Resource.Name, a.Bindings[0].Kind, a.Bindings[0].Name)
				}
				f := pass.Reportf(accountNode(pod), "%s runs as the default ServiceAccount of its namespace%s", pod.Resource, granted)
				f.Help = "give the workload a ServiceAccount of its own, or set automountServiceAccountToken: false"
				for i, b := range a.Bindings {
					if i == maxRelated {
						break
					}
					f.Relate("binding", stand(b.Ref), fmt.Sprintf("%s %q grants it %s %q", b.Resource.Kind, b.Resource.Name, b.Kind, b.Name))
				}
			}
			if reported {
				continue
			}
			for _, b := range a.Bindings {
				for _, s := range b.Subjects {
					if s.Account == a {
						f := pass.Reportf(s.Node.Get("name"), "%s %q gives %s %q to the default ServiceAccount, and so to every pod%s that names no other ServiceAccount",
							b.Resource.Kind, b.Resource.Name, b.Kind, b.Name, access.InNamespaces([]string{a.Namespace}))
						f.Help = "bind a ServiceAccount of the one workload that needs it"
						break
					}
				}
			}
		}
	},
}

// DeprecatedServiceAccountField reports spec.serviceAccount, which the API keeps
// as an old name of serviceAccountName.
var DeprecatedServiceAccountField = &lint.Rule{
	ID:         "deprecated-service-account-field",
	Summary:    "pod names its service account in the deprecated field serviceAccount",
	Severity:   lint.Low,
	Group:      "rbac",
	References: []string{"OWASP K09"},
	Peers:      map[string][]string{"kube-linter": {"deprecated-service-account-field"}, "kubescape": {"C-0294"}},
	Docs:       docs,
	Remedy:     newAccountField,
	Run: func(pass *lint.Pass) {
		for _, pod := range pass.PodsWith("serviceAccount") {
			old, name := pod.Node.Get("serviceAccount"), pod.Node.Get("serviceAccountName").Value()
			if old.Value() == "" || old.Value() == name {
				continue // both fields are what the API server itself writes
			}
			effect := "the field is called serviceAccountName now"
			if name != "" {
				effect = fmt.Sprintf("serviceAccountName: %s is used instead", name)
			}
			f := pass.Reportf(old, "%s names ServiceAccount %q in the deprecated field serviceAccount; %s", pod.Resource, old.Value(), effect)
			f.Help = "use serviceAccountName"
		}
	},
}

// DanglingServiceAccount reports pods and bindings that name a service account
// which the bundle does not have, though it holds objects of that namespace.
var DanglingServiceAccount = &lint.Rule{
	ID:         "dangling-service-account",
	Summary:    "service account is named but not part of the bundle",
	Severity:   lint.Low,
	Group:      "rbac",
	References: []string{"OWASP K09"},
	Peers:      map[string][]string{"kube-linter": {"non-existent-service-account"}, "kubescape": {"C-0307"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		held := map[string]bool{}
		for _, r := range pass.Bundle.Resources {
			held[r.Namespace] = true
			if r.Is("", "Namespace") {
				held[r.Name] = true
			}
		}
		for _, a := range access.Of(pass.Bundle).Accounts {
			if a.Resource != nil || a.Name == "default" || !held[a.Namespace] {
				continue
			}
			for _, pod := range a.Pods {
				f := pass.Reportf(accountNode(pod), "%s runs as ServiceAccount %q, which this bundle lacks", pod.Resource, a.Name)
				f.Help = "add the ServiceAccount; the pod is not created without it"
			}
			for _, b := range a.Bindings {
				for _, s := range b.Subjects {
					if s.Account == a {
						f := pass.Reportf(s.Node.Get("name"), "%s %q names ServiceAccount %q%s, which this bundle lacks", b.Resource.Kind, b.Resource.Name, a.Name, access.InNamespaces([]string{a.Namespace}))
						f.Help = "add the ServiceAccount, or remove the subject: whoever may create one of that name gets what the binding gives"
						break
					}
				}
			}
		}
	},
}

package rbac

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// ClusterAdminBinding reports bindings of cluster-admin, and cluster-wide ones
// of other built-in roles from which the cluster follows (CIS 5.1.1). What a
// role of the bundle grants is reported at the role.
var ClusterAdminBinding = &lint.Rule{
	ID:         "rbac-cluster-admin-binding",
	Summary:    "binding gives cluster-admin or another built-in administrative role",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.1", "NSA C-0035", "OWASP K02"},
	Peers: map[string][]string{"kube-linter": {"cluster-admin-role-binding"},
		"polaris": {"clusterrolebindingClusterAdmin", "rolebindingClusterAdminClusterRole", "rolebindingClusterAdminRole"},
		"trivy":   {"KSV-0111"}, "kubescape": {"C-0035", "C-0185", "C-0272"}},
	Docs:     docs,
	YieldsTo: []string{"rbac-effective", "rbac-anonymous", "rbac-authenticated", "rbac-system-masters"},
	Run: func(pass *lint.Pass) {
		for _, b := range of(pass.Bundle).bindings {
			if len(b.roles) != 1 || b.roles[0].res != nil || len(b.subjects) == 0 {
				continue
			}
			r := b.roles[0]
			worst := r.takeover(true)
			if worst == nil || !b.cluster() && worst.power != everything {
				continue
			}
			var f *lint.Finding
			switch {
			case b.cluster() && worst.power == everything:
				f = pass.Reportf(b.ref, "%s %q gives %s to %s: every verb on every resource of the cluster", b.res.Kind, b.res.Name, r, b.whom())
			case b.cluster():
				f = pass.Reportf(b.ref, "%s %q gives %s to %s in every namespace, kube-system included%s", b.res.Kind, b.res.Name, r, b.whom(), consequence(r.sentences(true)))
				f.Severity = lint.High
			default:
				f = pass.Reportf(b.ref, "%s %q gives %s to %s%s: every verb on every resource there", b.res.Kind, b.res.Name, r, b.whom(), inNamespaces([]string{b.res.Namespace}))
				f.Severity = lint.High
			}
			f.Help = "bind a role that grants the verbs and resources that are used, by a RoleBinding where one namespace is enough"
			f.Subject = bindingSubject(b)
		}
	},
}

// bindsPrivilegedSCC reports bindings of the role by which OpenShift itself grants
// its privileged constraints.
func bindsPrivilegedSCC(pass *lint.Pass) {
	for _, b := range of(pass.Bundle).bindings {
		if b.kind != "ClusterRole" || b.name != privilegedSCC || len(b.roles) != 1 || b.roles[0].res != nil || len(b.subjects) == 0 {
			continue
		}
		where := ""
		if !b.cluster() {
			where = inNamespaces([]string{b.res.Namespace})
		}
		f := pass.Reportf(b.ref, "%s %q gives %s to %s%s, so it can %s", b.res.Kind, b.res.Name, b.roles[0], b.whom(), where, useSCC.can)
		f.Severity, f.Subject = weighBinding(b, lint.High), bindingSubject(b)
		f.Help = "bind constraints that allow the single thing that is needed: nonroot-v2, hostnetwork-v2, or one of your own"
	}
}

// SystemMasters reports bindings to the group system:masters (CIS 5.1.7).
var SystemMasters = &lint.Rule{
	ID:         "rbac-system-masters",
	Summary:    "binding names the group system:masters",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.7", "OWASP K02"},
	Peers:      map[string][]string{"trivy": {"KSV-0123"}, "kubescape": {"C-0246"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		broad(pass, func(b *binding, s *subjectRef) (string, lint.Severity) {
			if s.kind == "Group" && s.name == "system:masters" {
				return "whose members pass every check of the API server: no binding adds to it, and none can take it back", lint.Critical
			}
			return "", 0
		})
	},
}

// Anonymous reports bindings to whoever does not log in.
var Anonymous = &lint.Rule{
	ID:         "rbac-anonymous",
	Summary:    "binding names system:anonymous or system:unauthenticated",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"OWASP K02", "OWASP K09"},
	Peers:      map[string][]string{"trivy": {"KSV-0122"}, "kubescape": {"C-0262"}, "kubesec": {"BindingsToSystemAnonymous"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		broad(pass, func(b *binding, s *subjectRef) (string, lint.Severity) {
			if !(s.kind == "User" && s.name == "system:anonymous" || s.kind == "Group" && s.name == "system:unauthenticated") {
				return "", 0
			}
			const who = "everyone who reaches the API server, without logging in"
			switch b.reach() {
			case reachPublic:
				return "", 0
			case reachPaths:
				return who, lint.Low
			case reachHarmless:
				return who, weighBinding(b, lint.High)
			}
			return who, weighBinding(b, lint.Critical)
		})
	},
}

// Authenticated reports bindings to whoever logs in, and to all pods.
var Authenticated = &lint.Rule{
	ID:         "rbac-authenticated",
	Summary:    "binding names system:authenticated or all service accounts",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"OWASP K02"},
	Peers:      map[string][]string{"trivy": {"KSV-01011"}, "kubescape": {"C-0265"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		broad(pass, func(b *binding, s *subjectRef) (string, lint.Severity) {
			if s.kind != "Group" {
				return "", 0
			}
			reach := b.reach()
			namespace, one := strings.CutPrefix(s.name, "system:serviceaccounts:")
			var who string
			switch {
			case s.name == "system:authenticated":
				who = "every user and every pod of the cluster"
			case s.name == "system:serviceaccounts":
				who = "every pod of the cluster"
			case one:
				if reach != reachDangerous {
					return "", 0
				}
				return fmt.Sprintf("every pod of namespace %q", namespace), weighBinding(b, lint.Medium)
			default:
				return "", 0
			}
			switch reach {
			case reachPublic, reachPaths:
				return "", 0
			case reachHarmless:
				return who, weighBinding(b, lint.Medium)
			case reachTakeover:
				return who, weighBinding(b, lint.Critical)
			}
			return who, weighBinding(b, lint.High)
		})
	},
}

// broad reports the subjects that judge describes.
func broad(pass *lint.Pass, judge func(*binding, *subjectRef) (who string, severity lint.Severity)) {
	for _, b := range of(pass.Bundle).bindings {
		for _, s := range b.subjects {
			if !s.isBroad() {
				continue
			}
			who, severity := judge(b, s)
			if who == "" {
				continue
			}
			where := ""
			var can []string
			if !b.cluster() {
				where = inNamespaces([]string{b.res.Namespace})
			}
			for _, r := range b.roles {
				if s.name != "system:masters" { // its members can do everything without the binding
					can = append(can, r.sentences(b.cluster())...)
				}
			}
			f := pass.Reportf(s.node.Get("name"), "%s %q gives %s %q%s to %s, %s%s", b.res.Kind, b.res.Name, b.kind, b.name, where, s, who, consequence(can))
			f.Severity, f.Subject = severity, bindingSubject(b)
			f.Help = "bind the role to the users, groups or service accounts that need it"
			for _, r := range b.roles {
				if r.res != nil {
					f.Relate("role", stand(r.res.Get("metadata", "name")), r.String()+" stands here")
				}
			}
		}
	}
}

// bindingSubject is the [lint.Finding.Subject] of findings about a binding: those
// about its role yield to those about its subjects where the subjects are all
// of that kind.
func bindingSubject(b *binding) string {
	if b.narrow > 0 {
		return "roleRef"
	}
	return "subjects"
}

// weighBinding takes a step off in a RoleBinding.
func weighBinding(b *binding, severity lint.Severity) lint.Severity {
	if b.cluster() {
		return severity
	}
	return severity.Lower()
}

package rbac

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
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
		for _, b := range access.Of(pass.Bundle).Bindings {
			if len(b.Roles) != 1 || b.Roles[0].Resource != nil || len(b.Subjects) == 0 {
				continue
			}
			r := b.Roles[0]
			worst := r.Takeover(true)
			if worst == nil || !b.Cluster() && worst.Power != access.Everything {
				continue
			}
			var f *lint.Finding
			switch {
			case b.Cluster() && worst.Power == access.Everything:
				f = pass.Reportf(b.Ref, "%s %q gives %s to %s: every verb on every resource of the cluster", b.Resource.Kind, b.Resource.Name, r, b.Whom())
			case b.Cluster():
				f = pass.Reportf(b.Ref, "%s %q gives %s to %s in every namespace, kube-system included%s", b.Resource.Kind, b.Resource.Name, r, b.Whom(), consequence(r.Sentences(true)))
				f.Severity = lint.High
			default:
				f = pass.Reportf(b.Ref, "%s %q gives %s to %s%s: every verb on every resource there", b.Resource.Kind, b.Resource.Name, r, b.Whom(), access.InNamespaces([]string{b.Resource.Namespace}))
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
	for _, b := range access.Of(pass.Bundle).Bindings {
		if b.Kind != "ClusterRole" || b.Name != access.PrivilegedSCC || len(b.Roles) != 1 || b.Roles[0].Resource != nil || len(b.Subjects) == 0 {
			continue
		}
		where := ""
		if !b.Cluster() {
			where = access.InNamespaces([]string{b.Resource.Namespace})
		}
		f := pass.Reportf(b.Ref, "%s %q gives %s to %s%s, so it can %s", b.Resource.Kind, b.Resource.Name, b.Roles[0], b.Whom(), where, access.UseSCC.Can)
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
	Docs:       docs, Remedy: unbindMasters,
	Run: func(pass *lint.Pass) {
		broad(pass, func(b *access.Binding, s *access.SubjectRef) (string, lint.Severity) {
			if s.Kind == "Group" && s.Name == "system:masters" {
				return "whose members pass every authorization check: bindings add nothing to that, and removing them takes nothing away", lint.Critical
			}
			return "", 0
		})
	},
}

// Anonymous reports bindings to anyone who does not log in.
var Anonymous = &lint.Rule{
	ID:         "rbac-anonymous",
	Summary:    "binding names system:anonymous or system:unauthenticated",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"OWASP K02", "OWASP K09"},
	Peers:      map[string][]string{"trivy": {"KSV-0122"}, "kubescape": {"C-0262"}, "kubesec": {"BindingsToSystemAnonymous"}},
	Docs:       docs, Remedy: unbind,
	Run: func(pass *lint.Pass) {
		broad(pass, func(b *access.Binding, s *access.SubjectRef) (string, lint.Severity) {
			if !(s.Kind == "User" && s.Name == "system:anonymous" || s.Kind == "Group" && s.Name == "system:unauthenticated") {
				return "", 0
			}
			const who = "everyone who reaches the API server, without logging in"
			switch b.Reach() {
			case access.ReachPublic:
				return "", 0
			case access.ReachPaths:
				return who, lint.Low
			case access.ReachHarmless:
				return who, weighBinding(b, lint.High)
			}
			return who, weighBinding(b, lint.Critical)
		})
	},
}

// Authenticated reports bindings to anyone who logs in, and to all pods.
var Authenticated = &lint.Rule{
	ID:         "rbac-authenticated",
	Summary:    "binding names system:authenticated or all service accounts",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"OWASP K02"},
	Peers:      map[string][]string{"trivy": {"KSV-01011"}, "kubescape": {"C-0265"}},
	Docs:       docs, Remedy: unbind,
	Run: func(pass *lint.Pass) {
		broad(pass, func(b *access.Binding, s *access.SubjectRef) (string, lint.Severity) {
			if s.Kind != "Group" {
				return "", 0
			}
			reach := b.Reach()
			namespace, one := strings.CutPrefix(s.Name, "system:serviceaccounts:")
			var who string
			switch {
			case s.Name == "system:authenticated":
				who = "every user and every pod of the cluster"
			case s.Name == "system:serviceaccounts":
				who = "every pod of the cluster"
			case one:
				if reach != access.ReachDangerous {
					return "", 0
				}
				return fmt.Sprintf("every pod of namespace %q", namespace), weighBinding(b, lint.Medium)
			default:
				return "", 0
			}
			switch reach {
			case access.ReachPublic, access.ReachPaths:
				return "", 0
			case access.ReachHarmless:
				return who, weighBinding(b, lint.Medium)
			case access.ReachTakeover:
				return who, weighBinding(b, lint.Critical)
			}
			return who, weighBinding(b, lint.High)
		})
	},
}

// broad reports the subjects that judge describes.
func broad(pass *lint.Pass, judge func(*access.Binding, *access.SubjectRef) (who string, severity lint.Severity)) {
	for _, b := range access.Of(pass.Bundle).Bindings {
		for _, s := range b.Subjects {
			if !s.IsBroad() {
				continue
			}
			who, severity := judge(b, s)
			if who == "" {
				continue
			}
			where := ""
			var can []string
			if !b.Cluster() {
				where = access.InNamespaces([]string{b.Resource.Namespace})
			}
			for _, r := range b.Roles {
				if s.Name != "system:masters" { // its members can do everything without the binding
					can = append(can, r.Sentences(b.Cluster())...)
				}
			}
			f := pass.Reportf(s.Node.Get("name"), "%s %q gives %s %q%s to %s, %s%s", b.Resource.Kind, b.Resource.Name, b.Kind, b.Name, where, s, who, consequence(can))
			f.Severity, f.Subject = severity, bindingSubject(b)
			f.Help = "bind the role to the users, groups or service accounts that need it"
			for _, r := range b.Roles {
				if r.Resource != nil {
					f.Relate("role", stand(r.Resource.Get("metadata", "name")), r.String()+" stands here")
				}
			}
		}
	}
}

// bindingSubject is the [lint.Finding.Subject] of findings about a binding: those
// about its role yield to those about its subjects where the subjects are all
// of that kind.
func bindingSubject(b *access.Binding) string {
	if b.Narrow > 0 {
		return "roleRef"
	}
	return "subjects"
}

// weighBinding takes a step off in a RoleBinding.
func weighBinding(b *access.Binding, severity lint.Severity) lint.Severity {
	if b.Cluster() {
		return severity
	}
	return severity.Lower()
}

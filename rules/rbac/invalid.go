package rbac

import (
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/kube"
)

// Invalid reports what the API server refuses in roles and bindings
// (k8s.io/kubernetes/pkg/apis/rbac/validation), and, one step lower, what it
// takes and the authorizer never matches.
var Invalid = &lint.Rule{
	ID:         "rbac-invalid",
	Summary:    "role or binding is invalid, or grants nothing",
	Severity:   lint.Medium,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"OWASP K02"},
	Docs:       docs,
	YieldsTo:   []string{"schema"}, // only where a type is wrong: see semantic
	Run: func(pass *lint.Pass) {
		crds := crdNamesOf(pass.Bundle)
		bound := map[*lint.Resource]*access.Role{}
		for _, r := range access.Of(pass.Bundle).Roles {
			bound[r.Resource] = r
		}
		for _, res := range pass.Resources("ClusterRole", "Role") {
			if res.Group == access.Group {
				checkRole(pass, res, bound[res], crds)
			}
		}
		for _, res := range pass.Resources("ClusterRoleBinding", "RoleBinding") {
			if res.Group == access.Group {
				checkBinding(pass, res)
			}
		}
	},
}

// semantic reports what only RBAC knows to be wrong. Its subject keeps it apart
// from wrong types, which the rule schema reports too.
func semantic(pass *lint.Pass, n *lint.Node, format string, args ...any) *lint.Finding {
	f := pass.Reportf(n, format, args...)
	f.Subject = "rbac"
	return f
}

func checkRole(pass *lint.Pass, res *lint.Resource, bound *access.Role, crds crdNames) {
	rules := res.Get("rules")
	aggregated := res.Get("aggregationRule").IsMapping()
	switch {
	case rules.IsNull() && !aggregated && rules.Exists():
		semantic(pass, rules, "%s has no rules: it grants nothing", res).Severity = lint.Low
	case !rules.IsNull() && !rules.IsSequence():
		pass.Reportf(rules, "rules of %s is no list", res)
	case aggregated && len(rules.Items()) > 0:
		semantic(pass, rules, "%s has both rules and an aggregationRule: the controller overwrites the rules", res).Severity = lint.Low
		return
	}
	all := newRuleSet(res, bound)
	for _, rule := range rules.Items() {
		if !rule.IsMapping() {
			pass.Reportf(rule, "rule %d of %s is no mapping", rule.Index()+1, res)
			continue
		}
		ok := true
		for _, field := range []string{"verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"} {
			ok = checkStrings(pass, res, rule.Get(field)) && ok
		}
		if ok {
			checkRule(pass, res, rule, all, crds)
		}
	}
}

// checkStrings reports a field that is no list of strings.
func checkStrings(pass *lint.Pass, res *lint.Resource, n *lint.Node) bool {
	if n.IsNull() {
		return true
	}
	if !n.IsSequence() {
		pass.Reportf(n, "%s of %s is no list", n.Name(), res).Help = "write " + n.Name() + ": [...]"
		return false
	}
	for _, item := range n.Items() {
		if !item.IsString() {
			pass.Reportf(item, "%s of %s has an item that is not a string", n.Name(), res)
			return false
		}
	}
	return true
}

func checkRule(pass *lint.Pass, res *lint.Resource, rule *lint.Node, all *ruleSet, crds crdNames) {
	p := &checked{PolicyRule: access.NewPolicyRule(&all.role, rule, kube.Minor(pass.Bundle)), all: all, crds: crds}
	switch {
	case len(p.Verbs) == 0:
		semantic(pass, rule.Get("verbs"), "rule %d of %s has no verbs", rule.Index()+1, res)
	case len(p.Paths) > 0 && res.Kind == "Role":
		semantic(pass, rule.Get("nonResourceURLs"), "%s is namespaced and cannot grant nonResourceURLs", res)
	case len(p.Paths) > 0 && len(p.Resources)+len(p.Groups)+len(p.Names) > 0:
		semantic(pass, rule.Get("nonResourceURLs"), "rule %d of %s has both nonResourceURLs and resources", rule.Index()+1, res)
	case len(p.Paths) == 0 && len(p.Groups) == 0:
		semantic(pass, rule.Get("apiGroups"), "rule %d of %s has no apiGroups", rule.Index()+1, res).Help = `write apiGroups: [""] for the core API group`
	case len(p.Paths) == 0 && len(p.Resources) == 0:
		semantic(pass, rule.Get("resources"), "rule %d of %s has no resources", rule.Index()+1, res)
	}
	p.check(pass, res)
	checkPaths(pass, res, p.PolicyRule)
	p.checkNames(pass, res)
	for _, e := range p.Groups {
		switch {
		case e.Text == "core", e.Text == "v1":
			f := semantic(pass, e.Node, "API group %q of %s matches nothing: the core group is called \"\"", e.Text, res)
			f.Severity, f.Help = lint.Low, `write apiGroups: [""]`
		case strings.Contains(e.Text, "/"):
			f := semantic(pass, e.Node, "API group %q of %s matches nothing: a group has no version", e.Text, res)
			group, _, _ := strings.Cut(e.Text, "/")
			f.Severity, f.Help = lint.Low, "write "+group
		}
	}
}

// unmatched says why no request matches a resource; "" where one may.
func unmatched(resource string) string {
	base, sub, _ := strings.Cut(resource, "/")
	switch {
	case base != "" && base != "*" && base != "userextras" && sub == "*":
		return "only \"*\" covers all subresources; name " + base + "/exec and the like"
	case resource == "*/*":
		return "\"*\" alone covers all resources and subresources"
	case resource != strings.ToLower(resource):
		return "resources are written in lower case, in the plural"
	}
	return ""
}

func checkBinding(pass *lint.Pass, res *lint.Resource) {
	ref := res.Get("roleRef")
	kind := ref.Get("kind")
	switch {
	case !ref.IsMapping():
		semantic(pass, ref, "%s has no roleRef", res)
	case kind.Value() != "Role" && kind.Value() != "ClusterRole":
		semantic(pass, kind, "roleRef of %s is of kind %q; it must be Role or ClusterRole", res, kind.Value())
	case kind.Value() == "Role" && res.Kind == "ClusterRoleBinding":
		semantic(pass, kind, "%s names a Role; it can only bind a ClusterRole", res)
	case ref.Get("name").Value() == "":
		semantic(pass, ref.Get("name"), "roleRef of %s has no name", res)
	case ref.Get("apiGroup").Value() != "" && ref.Get("apiGroup").Value() != access.Group:
		semantic(pass, ref.Get("apiGroup"), "roleRef of %s is of API group %q; it must be %s", res, ref.Get("apiGroup").Value(), access.Group)
	}
	subjects := res.Get("subjects")
	if !subjects.IsNull() && !subjects.IsSequence() {
		pass.Reportf(subjects, "subjects of %s is no list", res)
	}
	for _, s := range subjects.Items() {
		kind, apiGroup := s.Get("kind"), s.Get("apiGroup").Value()
		switch {
		case !s.IsMapping():
			pass.Reportf(s, "subject %d of %s is no mapping", s.Index()+1, res)
		case kind.Value() != "User" && kind.Value() != "Group" && kind.Value() != "ServiceAccount":
			semantic(pass, kind, "subject %d of %s is of kind %q; it must be User, Group or ServiceAccount", s.Index()+1, res, kind.Value())
		case s.Get("name").Value() == "":
			semantic(pass, s.Get("name"), "subject %d of %s has no name", s.Index()+1, res)
		case kind.Value() == "ServiceAccount" && apiGroup != "":
			semantic(pass, s.Get("apiGroup"), "subject %d of %s is a ServiceAccount of API group %q; it has none", s.Index()+1, res, apiGroup)
		case kind.Value() == "ServiceAccount" && res.Kind == "ClusterRoleBinding" && s.Get("namespace").Value() == "":
			semantic(pass, s.Get("namespace"), "subject %d of %s is a ServiceAccount without a namespace", s.Index()+1, res)
		default:
			checkIdentity(pass, res, s)
		}
	}
}

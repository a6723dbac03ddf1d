package rbac

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// WildcardAll reports cluster roles that grant every verb on every resource
// (CIS 5.1.3). The powers that follow are its explanation, not findings.
var WildcardAll = &lint.Rule{
	ID:         "rbac-wildcard-all",
	Summary:    "cluster role grants every verb on every resource",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "NSA C-0035", "OWASP K02"},
	Peers:      map[string][]string{"kube-linter": {"wildcard-in-rules"}, "trivy": {"KSV-0044"}, "checkov": {"CKV_K8S_49"}, "kubescape": {"C-0187"}},
	Docs:       docs,
	YieldsTo:   []string{"rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) {
			if w.rule.role.kind != "ClusterRole" || !w.all() {
				return 0, false
			}
			if !w.rule.role.cluster() {
				return lint.High, true
			}
			return lint.Critical, true
		})
	},
}

// WildcardNamespace is WildcardAll for a Role.
var WildcardNamespace = &lint.Rule{
	ID:         "rbac-wildcard-namespace",
	Summary:    "role grants every verb on every resource of its namespace",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "OWASP K02"},
	Peers:      map[string][]string{"kube-linter": {"wildcard-in-rules"}, "trivy": {"KSV-0112"}, "polaris": {"rolebindingClusterAdminRole"}, "kubescape": {"C-0187"}},
	Docs:       docs,
	YieldsTo:   []string{"rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) {
			return lint.High, w.rule.role.kind == "Role" && w.all()
		})
	},
}

// WildcardResource reports resources: ["*"]; it weighs low in API groups where
// no dangerous power follows from it, as in those of custom resources.
var WildcardResource = &lint.Rule{
	ID:         "rbac-wildcard-resource",
	Summary:    "role grants verbs on every resource of an API group",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "OWASP K02"},
	Peers:      map[string][]string{"kube-linter": {"wildcard-in-rules"}, "trivy": {"KSV-0046"}, "checkov": {"CKV_K8S_49"}, "kubescape": {"C-0187"}},
	Docs:       docs,
	YieldsTo:   []string{"rbac-wildcard-all", "rbac-wildcard-namespace", "rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) { return w.severity(), w.resource != nil })
	},
}

// WildcardVerb reports verbs: ["*"], with the weight of what it gives on the
// resources beside it.
var WildcardVerb = &lint.Rule{
	ID:         "rbac-wildcard-verb",
	Summary:    "role grants every verb",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "OWASP K02"},
	Peers:      map[string][]string{"kube-linter": {"wildcard-in-rules"}, "trivy": {"KSV-0045"}, "checkov": {"CKV_K8S_49"}, "kubescape": {"C-0187"}},
	Docs:       docs,
	YieldsTo:   []string{"rbac-wildcard-all", "rbac-wildcard-namespace", "rbac-wildcard-resource", "rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) { return w.severity(), w.verb != nil })
	},
}

// A wildcard is a policy rule with a "*" among its verbs or resources.
type wildcard struct {
	rule           *policyRule
	verb, resource *entry
	grants         []*grant // that follow where the role is bound, the worst first
}

// all reports whether nothing that matters is left out: every verb on every
// resource of all groups, of the core group or of RBAC's own.
func (w *wildcard) all() bool {
	return w.verb != nil && w.resource != nil && !w.rule.named() && (w.rule.allowsGroup("") || w.rule.allowsGroup(group))
}

// severity is the weight of the worst power, less where the role reaches
// namespaces or names alone; low where "*" gives none: it will cover what the
// API group adds later.
func (w *wildcard) severity() lint.Severity {
	severity := lint.Low
	for _, g := range w.grants {
		weight, _ := g.weight(w.rule.role.cluster())
		severity = max(severity, weight)
	}
	return severity
}

func wildcardRules(pass *lint.Pass, judge func(*wildcard) (lint.Severity, bool)) {
	for _, r := range of(pass.Bundle).roles {
		for _, p := range r.own {
			w := wildcard{rule: p}
			if e, ok := star(p.verbs); ok && len(p.resources) > 0 {
				w.verb = &e
			}
			if e, ok := star(p.resources); ok {
				w.resource = &e
			}
			if w.verb == nil && w.resource == nil {
				continue
			}
			for _, g := range partsOf(p) {
				if r.gives(g) && (!p.named() || g.power.names == lower || g.power.only != nil) {
					w.grants = append(w.grants, g.within(r.cluster()))
				}
			}
			severity, ok := judge(&w)
			if !ok {
				continue
			}
			at := w.resource
			if at == nil || pass.Rule.ID == "rbac-wildcard-verb" {
				at = w.verb
			}
			f := pass.Reportf(at.node, "%s grants %s%s%s; %s", r, w.what(), r.where(), consequence(w.can()), r.holders())
			f.Severity, f.Subject = severity, p.node.Path()
			f.Help = w.help()
			relateHolders(f, r)
		}
	}
}

func (w *wildcard) what() string {
	verbs := "every verb"
	if w.verb == nil {
		verbs = texts(w.rule.verbs)
	}
	if w.resource == nil {
		return verbs + " on " + texts(w.rule.resources) + called(w.rule)
	}
	groups := ""
	if _, ok := star(w.rule.groups); !ok {
		switch {
		case len(w.rule.groups) == 1 && w.rule.groups[0].text == "":
			groups = " of the core API group"
		case len(w.rule.groups) > 0:
			groups = " of " + texts(w.rule.groups)
		}
	}
	return verbs + " on every resource" + groups + called(w.rule)
}

func called(p *policyRule) string {
	if !p.named() {
		return ""
	}
	return " called " + texts(p.names)
}

// can lists what follows.
func (w *wildcard) can() []string {
	var all []string
	for _, g := range w.grants {
		all = append(all, g.can(w.rule.role.cluster()))
	}
	return all
}

// consequence lists the first of the powers that follow.
func consequence(all []string) string {
	switch n := len(all) - 3; {
	case len(all) == 0:
		return ""
	case n > 0:
		return fmt.Sprintf(", so it can %s, and %d more", strings.Join(all[:3], "; "), n)
	}
	return ", so it can " + strings.Join(all, "; ")
}

func (w *wildcard) help() string {
	var verbs, resources []entry
	if w.verb != nil {
		verbs = []entry{*w.verb}
	}
	if w.resource != nil {
		resources = []entry{*w.resource}
	}
	text := inPlaceOf(verbs, resources)
	if can := w.can(); len(can) > 3 {
		text += "; what it lets its holders do:\n- " + strings.Join(can, "\n- ")
	}
	return text
}

package rbac

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
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
	Docs:       docs, Remedy: nameResources,
	YieldsTo: []string{"rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) {
			if w.rule.Role.Kind != "ClusterRole" || !w.all() {
				return 0, false
			}
			if !w.rule.Role.Cluster() {
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
	Docs:       docs, Remedy: nameResources,
	YieldsTo: []string{"rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) {
			return lint.High, w.rule.Role.Kind == "Role" && w.all()
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
	Docs:       docs, Remedy: nameResources,
	YieldsTo: []string{"rbac-wildcard-all", "rbac-wildcard-namespace", "rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) { return w.severity(), w.resource != nil })
	},
}

// WildcardVerb reports verbs: ["*"], with the weight of what it gives on the
// resources next to it.
var WildcardVerb = &lint.Rule{
	ID:         "rbac-wildcard-verb",
	Summary:    "role grants every verb",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "OWASP K02"},
	Peers:      map[string][]string{"kube-linter": {"wildcard-in-rules"}, "trivy": {"KSV-0045"}, "checkov": {"CKV_K8S_49"}, "kubescape": {"C-0187"}},
	Docs:       docs,
	Remedy:     nameVerbs,
	YieldsTo:   []string{"rbac-wildcard-all", "rbac-wildcard-namespace", "rbac-wildcard-resource", "rbac-effective"},
	Run: func(pass *lint.Pass) {
		wildcardRules(pass, func(w *wildcard) (lint.Severity, bool) { return w.severity(), w.verb != nil })
	},
}

// A wildcard is a policy rule with a "*" among its verbs or resources.
type wildcard struct {
	rule           *access.PolicyRule
	verb, resource *access.Entry
	grants         []*access.Grant // that follow where the role is bound, the worst first
}

// all reports whether nothing that matters is left out: every verb on every
// resource of all groups, of the core group or of RBAC's own.
func (w *wildcard) all() bool {
	return w.verb != nil && w.resource != nil && !w.rule.Named() && (w.rule.AllowsGroup("") || w.rule.AllowsGroup(access.Group))
}

// severity is the weight of the worst power, less where the role reaches
// namespaces or names alone; low where "*" gives none: it will cover what the
// API group adds later.
func (w *wildcard) severity() lint.Severity {
	severity := lint.Low
	for _, g := range w.grants {
		weight, _ := g.Weight(w.rule.Role.Cluster())
		severity = max(severity, weight)
	}
	return severity
}

func wildcardRules(pass *lint.Pass, judge func(*wildcard) (lint.Severity, bool)) {
	for _, r := range access.Of(pass.Bundle).Roles {
		for _, p := range r.Own {
			w := wildcard{rule: p}
			if e, ok := access.Star(p.Verbs); ok && len(p.Resources) > 0 {
				w.verb = &e
			}
			if e, ok := access.Star(p.Resources); ok {
				w.resource = &e
			}
			if w.verb == nil && w.resource == nil {
				continue
			}
			grants := p.Grants
			if p.IsEverything() {
				grants = access.PartsOf(p)
			}
			for _, g := range grants {
				if r.Gives(g) && (!p.Named() || g.Power.Names == access.Lower || g.Power.Only != nil) {
					w.grants = append(w.grants, g.Within(r.Cluster()))
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
			f := pass.Reportf(at.Node, "%s grants %s%s%s; %s", r, w.what(), r.Where(), consequence(w.can()), r.HeldBy())
			f.Severity, f.Subject = severity, p.Node.Path()
			f.Help = w.help()
			relateHolders(f, r)
		}
	}
}

func (w *wildcard) what() string {
	verbs := "every verb"
	if w.verb == nil {
		verbs = access.Join(w.rule.Verbs)
	}
	if w.resource == nil {
		return verbs + " on " + access.Join(w.rule.Resources) + called(w.rule)
	}
	groups := ""
	if _, ok := access.Star(w.rule.Groups); !ok {
		switch {
		case len(w.rule.Groups) == 1 && w.rule.Groups[0].Text == "":
			groups = " of the core API group"
		case len(w.rule.Groups) > 0:
			groups = " of " + access.Join(w.rule.Groups)
		}
	}
	return verbs + " on every resource" + groups + called(w.rule)
}

func called(p *access.PolicyRule) string {
	if !p.Named() {
		return ""
	}
	return " called " + access.Join(p.Names)
}

// can lists what follows.
func (w *wildcard) can() []string {
	var all []string
	for _, g := range w.grants {
		all = append(all, g.Can(w.rule.Role.Cluster()))
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
	var verbs, resources []access.Entry
	if w.verb != nil {
		verbs = []access.Entry{*w.verb}
	}
	if w.resource != nil {
		resources = []access.Entry{*w.resource}
	}
	text := access.InPlaceOf(verbs, resources)
	if can := w.can(); len(can) > 3 {
		text += "; what it allows:\n- " + strings.Join(can, "\n- ")
	}
	return text
}

package rbac

import (
	"fmt"
	"slices"

	"github.com/manilint/manilint/lint"
)

// AggregateTo reports cluster roles whose aggregate-to label adds a dangerous
// power to admin, edit or view that those do not have of themselves
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles).
var AggregateTo = &lint.Rule{
	ID:         "rbac-aggregate-to",
	Summary:    "label adds a dangerous power to admin, edit or view",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "OWASP K02"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range of(pass.Bundle).roles {
			for _, label := range r.labels {
				var held []*power
				for _, s := range builtinLevels(label) {
					held = append(held, s.powers(true)...)
				}
				var added []*power
				var places []*grant
				r.rules(func(p *policyRule) {
					for _, g := range p.grants {
						if p.named() || slices.Contains(held, g.power) || slices.Contains(added, g.power) || g.power.severity < lint.Medium || !g.at(true, "") {
							continue
						}
						added = append(added, g.power)
						places = append(places, g)
					}
				})
				if len(added) == 0 {
					continue
				}
				worst := lint.Medium
				for _, p := range added {
					worst = max(worst, min(p.severity, lint.High))
				}
				f := pass.Reportf(r.res.Get("metadata", "labels", aggregateLabel+label),
					"%s becomes part of %q, so whoever is bound to that can also %s%s", r, label, added[0].can, more(len(added)-1))
				f.Severity = worst
				f.Help = "remove the label, or the grant"
				for i, g := range places {
					if i == maxRelated {
						break
					}
					f.Relate("role", g.node(), "can "+g.power.can)
				}
			}
		}
	},
}

// builtinLevels returns the parts of admin, edit or view.
func builtinLevels(name string) []*role {
	levels := []string{"admin", "edit", "view"}
	var all []*role
	for _, level := range levels[slices.Index(levels, name):] {
		all = append(all, builtinRole("system:aggregate-to-"+level))
	}
	return all
}

func more(n int) string {
	if n < 1 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

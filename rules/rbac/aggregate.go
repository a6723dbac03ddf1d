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
		g := of(pass.Bundle)
		for _, r := range g.roles {
			for _, label := range r.labels {
				var held []*power
				for _, s := range g.levels(label) {
					held = append(held, s.powers(true)...)
				}
				var added []*power
				var places []*grant
				r.rules(func(p *policyRule) {
					for _, gr := range p.grants {
						if p.named() || slices.Contains(held, gr.power) || slices.Contains(added, gr.power) || gr.power.severity < lint.Medium || !gr.at(true, "") {
							continue
						}
						added = append(added, gr.power)
						places = append(places, gr)
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
					"%s becomes part of %q, so whoever is bound to that can also %s%s", r, label, places[0].can(true), more(len(added)-1))
				f.Severity = worst
				f.Help = "remove the label, or the grant"
				for i, gr := range places {
					if i == maxRelated {
						break
					}
					f.Relate("role", gr.node(), "can "+gr.can(true))
				}
			}
		}
	},
}

func more(n int) string {
	if n < 1 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

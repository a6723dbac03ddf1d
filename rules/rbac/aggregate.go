package rbac

import (
	"fmt"
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
)

// AggregateTo reports cluster roles whose aggregate-to label adds a dangerous
// power to admin, edit or view that those do not have of themselves
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles).
var AggregateTo = &lint.Rule{
	ID:         "rbac-aggregate-to",
	Summary:    "label adds a dangerous permission to admin, edit or view",
	Severity:   lint.High,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.3", "OWASP K02"},
	Docs:       docs, Remedy: noAggregation,
	Run: func(pass *lint.Pass) {
		g := access.Of(pass.Bundle)
		for _, r := range g.Roles {
			for _, label := range r.Labels {
				var held []*access.Power
				for _, s := range g.Levels(label) {
					held = append(held, s.Powers(true)...)
				}
				var added []*access.Power
				var places []*access.Grant
				r.Rules(func(p *access.PolicyRule) {
					for _, gr := range p.Grants {
						if p.Named() || slices.Contains(held, gr.Power) || slices.Contains(added, gr.Power) || gr.Power.Severity < lint.Medium || !gr.At(true, "") {
							continue
						}
						added = append(added, gr.Power)
						places = append(places, gr)
					}
				})
				if len(added) == 0 {
					continue
				}
				worst := lint.Medium
				for _, p := range added {
					worst = max(worst, min(p.Severity, lint.High))
				}
				f := pass.Reportf(r.Resource.Get("metadata", "labels", access.AggregateLabel+label),
					"%s is aggregated to %q, so whoever is bound to that can also %s%s", r, label, places[0].Can(true), more(len(added)-1))
				f.Severity = worst
				f.Help = "remove the label, or the grant"
				for i, gr := range places {
					if i == maxRelated {
						break
					}
					f.Relate("role", gr.Node(), "can "+gr.Can(true))
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

package access

import (
	"slices"

	"github.com/manilint/manilint/lint"
)

// A labelIndex finds cluster roles by label selector.
type labelIndex struct {
	all    []*Role
	labels map[*Role]map[string]string
	byPair map[[2]string][]*Role
}

func indexLabels(roles []*Role) *labelIndex {
	x := &labelIndex{labels: map[*Role]map[string]string{}, byPair: map[[2]string][]*Role{}}
	for _, r := range roles {
		if r.Kind != "ClusterRole" {
			continue
		}
		x.all = append(x.all, r)
		x.labels[r] = r.Resource.Labels()
		for k, v := range x.labels[r] {
			x.byPair[[2]string{k, v}] = append(x.byPair[[2]string{k, v}], r)
		}
	}
	return x
}

// matching returns the cluster roles that a label selector selects; an empty
// selector selects all, one that is no mapping none.
func (x *labelIndex) matching(selector *lint.Node) []*Role {
	if !selector.IsMapping() {
		return nil
	}
	candidates := x.all
	equal := selector.Get("matchLabels").StringMap()
	for k, v := range equal {
		if c := x.byPair[[2]string{k, v}]; len(c) <= len(candidates) {
			candidates = c
		}
	}
	var found []*Role
	for _, r := range candidates {
		labels := x.labels[r]
		ok := true
		for k, v := range equal {
			ok = ok && hasLabel(labels, k, v)
		}
		for _, e := range selector.Get("matchExpressions").Items() {
			ok = ok && matches(labels, e)
		}
		if ok {
			found = append(found, r)
		}
	}
	return found
}

func hasLabel(labels map[string]string, key, value string) bool {
	v, ok := labels[key]
	return ok && v == value
}

func matches(labels map[string]string, expression *lint.Node) bool {
	value, ok := labels[expression.Get("key").Value()]
	values := expression.Get("values").Strings()
	switch expression.Get("operator").Value() {
	case "In":
		return ok && slices.Contains(values, value)
	case "NotIn":
		return !ok || !slices.Contains(values, value)
	case "Exists":
		return ok
	case "DoesNotExist":
		return !ok
	}
	return false
}

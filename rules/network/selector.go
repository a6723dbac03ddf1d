package network

import (
	"slices"

	"github.com/manilint/manilint/lint"
)

// A labelSet is what is known of an object's labels. Labels that only the
// cluster knows (a job's name, the labels of a namespace that is not in the
// bundle) count as fitting whatever a selector asks of them: a rule that
// reports what is selected by nothing then stays quiet.
type labelSet struct {
	labels  map[string]string
	unknown map[string]bool // keys that the cluster sets
	open    bool            // any other key may be there
}

func (l labelSet) lookup(key string) (value string, ok, known bool) {
	value, ok = l.labels[key]
	return value, ok, ok || !l.open && !l.unknown[key]
}

// A requirement is one term of a label selector.
type requirement struct {
	key    string
	op     string // In, NotIn, Exists or DoesNotExist
	values []string
}

func (r requirement) matches(l labelSet) bool {
	value, ok, known := l.lookup(r.key)
	if !known {
		return true
	}
	switch r.op {
	case "In":
		return ok && slices.Contains(r.values, value)
	case "NotIn": // also without the label
		return !ok || !slices.Contains(r.values, value)
	case "Exists":
		return ok
	case "DoesNotExist":
		return !ok
	}
	return false
}

// A selector is a LabelSelector (https://kubernetes.io/docs/reference/kubernetes-api/definitions/label-selector-v1-meta/):
// all requirements must hold, so the zero value selects everything.
type selector []requirement

func (s selector) matches(l labelSet) bool {
	for _, r := range s {
		if !r.matches(l) {
			return false
		}
	}
	return true
}

// matchesEverything reports whether no label can make the selector fail. Every
// namespace carries kubernetes.io/metadata.name.
func (s selector) matchesEverything() bool {
	for _, r := range s {
		if r.op != "Exists" || r.key != metadataName {
			return false
		}
	}
	return true
}

const metadataName = "kubernetes.io/metadata.name"

// parseSelector reads matchLabels and matchExpressions; a missing or null
// selector reads as empty.
func parseSelector(n *lint.Node) selector {
	s := equalities(n.Get("matchLabels"))
	for _, e := range n.Get("matchExpressions").Items() {
		s = append(s, requirement{e.Get("key").Value(), e.Get("operator").Value(), e.Get("values").Strings()})
	}
	return s
}

// equalities reads a mapping of labels, as a Service's selector is.
func equalities(n *lint.Node) selector {
	var s selector
	for _, f := range n.Fields() {
		s = append(s, requirement{f.Name(), "In", []string{f.Value()}})
	}
	return s
}

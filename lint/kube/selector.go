package kube

import (
	"slices"

	"github.com/manilint/manilint/lint"
)

// A LabelSet is what is known of an object's labels. Labels that only the
// cluster knows (a job's name, the labels of a namespace that is not in the
// bundle) count as fitting whatever a selector asks of them: a rule that
// reports what is selected by nothing then stays quiet.
type LabelSet struct {
	Labels  map[string]string
	Unknown map[string]bool // keys that the cluster sets
	Open    bool            // any other key may be there
}

// Lookup returns the value of a label, whether it is there, and whether that is known.
func (l LabelSet) Lookup(key string) (value string, ok, known bool) {
	value, ok = l.Labels[key]
	return value, ok, ok || !l.Open && !l.Unknown[key]
}

// A Requirement is one term of a label selector.
type Requirement struct {
	Key    string
	Op     string // In, NotIn, Exists or DoesNotExist; any other selects nothing
	Values []string
}

// Matches reports whether labels fulfil the requirement, or may.
func (r Requirement) Matches(l LabelSet) bool {
	value, ok, known := l.Lookup(r.Key)
	if !known {
		return true
	}
	switch r.Op {
	case "In":
		return ok && slices.Contains(r.Values, value)
	case "NotIn": // also without the label
		return !ok || !slices.Contains(r.Values, value)
	case "Exists":
		return ok
	case "DoesNotExist":
		return !ok
	}
	return false
}

// IsTemplated reports whether a tool is to fill in a part of the requirement.
func (r Requirement) IsTemplated() bool {
	return IsTemplated(r.Key) || slices.ContainsFunc(r.Values, IsTemplated)
}

// A Selector is a LabelSelector (https://kubernetes.io/docs/reference/kubernetes-api/definitions/label-selector-v1-meta/):
// all requirements must hold, so the zero value selects everything.
type Selector []Requirement

// Matches reports whether labels fulfil every requirement, or may.
func (s Selector) Matches(l LabelSet) bool {
	for _, r := range s {
		if !r.Matches(l) {
			return false
		}
	}
	return true
}

// MatchesEveryNamespace reports whether no label of a namespace can make the selector
// fail. Every namespace carries [MetadataName].
func (s Selector) MatchesEveryNamespace() bool {
	for _, r := range s {
		if r.Op != "Exists" || r.Key != MetadataName {
			return false
		}
	}
	return true
}

// MetadataName is the label by which every namespace carries its name.
const MetadataName = "kubernetes.io/metadata.name"

// ParseSelector reads matchLabels and matchExpressions; a missing or null selector
// reads as empty. Fields that read a null selector as nothing request that themselves.
func ParseSelector(n *lint.Node) Selector {
	s := Equalities(n.Get("matchLabels"))
	for _, e := range n.Get("matchExpressions").Items() {
		s = append(s, Requirement{e.Get("key").Value(), e.Get("operator").Value(), e.Get("values").Strings()})
	}
	return s
}

// Equalities reads a mapping of labels, as a Service's selector is.
func Equalities(n *lint.Node) Selector {
	var s Selector
	for _, f := range n.Fields() {
		s = append(s, Requirement{f.Name(), "In", []string{f.Value()}})
	}
	return s
}

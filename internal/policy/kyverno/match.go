package kyverno

import (
	"maps"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/policy/jmespath"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// An answer says whether a filter is about an object.
type answer int

const (
	no answer = iota
	yes
	unknown // only the cluster can tell
)

// both is yes where both are, no where one is not.
func (a answer) both(b answer) answer {
	switch {
	case a == no || b == no:
		return no
	case a == unknown || b == unknown:
		return unknown
	}
	return yes
}

// either is yes where one is, no where both are not.
func (a answer) either(b answer) answer {
	switch {
	case a == yes || b == yes:
		return yes
	case a == unknown || b == unknown:
		return unknown
	}
	return no
}

func is(b bool) answer {
	if b {
		return yes
	}
	return no
}

// A subject is an object that filters are asked about.
type subject struct {
	object *lint.Resource
	set    []*lint.Resource // beside the policies
	home   string           // its namespace; "" where only the deploy decides
}

func newSubject(r *lint.Resource, set []*lint.Resource) *subject {
	s := &subject{object: r, set: set}
	if !r.IsClusterScoped() {
		s.home = kube.Home(r)
	}
	return s
}

// lookup returns an object of the bundle, or of those beside the policies.
func (s *subject) lookup(kind, namespace, name string) *lint.Resource {
	for _, r := range slices.Concat(s.object.Bundle.OfKind(kind), s.set) {
		if r.Is("", kind) && r.Name == name && (r.Namespace == namespace || r.Namespace == "") {
			return r
		}
	}
	return nil
}

// namespaceLabels are the labels of the namespace that the object is in.
func (s *subject) namespaceLabels() kube.LabelSet {
	if s.home == "" {
		return kube.LabelSet{Open: true}
	}
	l := kube.LabelSet{Labels: map[string]string{}, Open: true}
	if ns := s.lookup("Namespace", "", s.home); ns != nil {
		l = kube.LabelSet{Labels: ns.Labels()}
	}
	l.Labels[kube.MetadataName] = s.home
	return l
}

// A filterKind is how a rule that Kyverno makes of one about Pods replaces their kind.
type filterKind struct {
	kinds []string // nil for the rule as it is written
	all   bool     // CronJobs replace the kinds of all filters
}

// matches reports whether match, or exclude, of a rule is about the object. A filter by who
// asks is met by nobody in particular: known is false where that decided.
func (s *subject) matches(n *lint.Node, kinds filterKind) answer {
	result := no
	switch {
	case len(n.Get("any").Items()) > 0:
		for _, filter := range n.Get("any").Items() {
			result = result.either(s.filter(filter, kinds))
		}
	case len(n.Get("all").Items()) > 0:
		result = yes
		for _, filter := range n.Get("all").Items() {
			result = result.both(s.filter(filter, kinds))
		}
	default:
		return s.filter(n, kinds)
	}
	return result
}

// userFields are those of a filter by who asks.
var userFields = []string{"subjects", "roles", "clusterRoles"}

func byUser(filter *lint.Node) bool {
	return slices.ContainsFunc(userFields, func(f string) bool { return len(filter.Get(f).Items()) > 0 })
}

// filter reports whether the object meets a filter: all that it asks for.
func (s *subject) filter(filter *lint.Node, generated filterKind) answer {
	resources := filter.Get("resources")
	if len(resources.Fields()) == 0 && !byUser(filter) {
		return no
	}
	r := s.object
	if operations := resources.Get("operations").Strings(); len(operations) > 0 && !slices.Contains(operations, "CREATE") {
		return no
	}
	kinds := resources.Get("kinds").Strings()
	if generated.kinds != nil && (generated.all || slices.ContainsFunc(kinds, isPod)) {
		kinds = generated.kinds
	}
	if len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return isKind(k, r) }) {
		return no
	}
	result := yes
	names := resources.Get("names").Strings()
	if name := resources.Get("name").Value(); name != "" {
		result = result.both(named([]string{name}, r.Name))
	}
	if len(names) > 0 {
		result = result.both(named(names, r.Name))
	}
	if namespaces := resources.Get("namespaces").Strings(); len(namespaces) > 0 {
		home := s.home
		if r.Is("", "Namespace") {
			home = r.Name
		}
		switch {
		case home == "" && !r.IsClusterScoped() && !slices.Contains(namespaces, "*"):
			result = result.both(unknown)
		default:
			result = result.both(is(slices.ContainsFunc(namespaces, func(p string) bool { return jmespath.Wildcard(p, home) })))
		}
	}
	for _, wanted := range resources.Get("annotations").Fields() {
		found := false
		for name, value := range r.Annotations() {
			found = found || jmespath.Wildcard(wanted.Name(), name) && jmespath.Wildcard(wanted.Value(), value)
		}
		result = result.both(is(found))
	}
	if selector := resources.Get("selector"); selector.Exists() {
		result = result.both(selects(selector, kube.LabelSet{Labels: r.Labels()}))
	}
	if selector := resources.Get("namespaceSelector"); selector.Exists() {
		if r.Is("", "Namespace") {
			return no
		}
		result = result.both(selects(selector, s.namespaceLabels()))
	}
	if byUser(filter) {
		result = result.both(unknown)
	}
	return result
}

// named reports whether a name matches a pattern; of one that is generated only the beginning is known.
func named(patterns []string, name string) answer {
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		name = prefix // Kyverno compares what the name begins with
	}
	return is(slices.ContainsFunc(patterns, func(p string) bool { return jmespath.Wildcard(p, name) }))
}

// selects matches a selector of labels whose matchLabels may hold wildcards.
func selects(selector *lint.Node, labels kube.LabelSet) answer {
	result := yes
	var exact kube.Selector
	for _, f := range selector.Get("matchLabels").Fields() {
		if !strings.ContainsAny(f.Name()+f.Value(), "*?") {
			exact = append(exact, kube.Requirement{Key: f.Name(), Op: "In", Values: []string{f.Value()}})
			continue
		}
		found := no
		if labels.Open {
			found = unknown
		}
		for _, name := range slices.Sorted(maps.Keys(labels.Labels)) {
			found = found.either(is(jmespath.Wildcard(f.Name(), name) && jmespath.Wildcard(f.Value(), labels.Labels[name])))
		}
		result = result.both(found)
	}
	for _, e := range selector.Get("matchExpressions").Items() {
		exact = append(exact, kube.Requirement{Key: e.Get("key").Value(), Op: e.Get("operator").Value(), Values: e.Get("values").Strings()})
	}
	for _, requirement := range exact {
		switch _, _, known := labels.Lookup(requirement.Key); {
		case !known:
			result = result.both(unknown)
		default:
			result = result.both(is(requirement.Matches(labels)))
		}
	}
	return result
}

var versionPattern = lint.Regexp(`^(v\d((alpha|beta)\d)?|\*)$`)

// parseKind takes Kind, version/Kind, group/version/Kind apart, each with a subresource or without.
func parseKind(s string) (group, version, kind, sub string) {
	parts := strings.Split(s, "/")
	parts = append(parts[:len(parts)-1], strings.Split(parts[len(parts)-1], ".")...)
	switch len(parts) {
	case 1:
		return "*", "*", parts[0], ""
	case 2:
		switch {
		case s == "*/*":
			return "*", "*", "*", "*"
		case parts[0] == "*" && strings.ToLower(parts[1]) == parts[1]:
			return "*", "*", "*", parts[1]
		case versionPattern().MatchString(parts[0]):
			return "*", parts[0], parts[1], ""
		}
		return "*", "*", parts[0], parts[1]
	case 3:
		if versionPattern().MatchString(parts[0]) {
			return "*", parts[0], parts[1], parts[2]
		}
		return parts[0], parts[1], parts[2], ""
	case 4:
		return parts[0], parts[1], parts[2], parts[3]
	}
	return "", "", "", ""
}

func isPod(kind string) bool {
	_, _, k, sub := parseKind(kind)
	return k == "Pod" && sub == ""
}

// isKind reports whether an object that is created is of a kind.
func isKind(pattern string, r *lint.Resource) bool {
	group, version, kind, sub := parseKind(pattern)
	return jmespath.Wildcard(group, r.Group) && jmespath.Wildcard(version, r.Version) && jmespath.Wildcard(kind, r.Kind) && (sub == "" || sub == "*")
}

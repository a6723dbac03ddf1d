package vap

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A match is one object that policies are asked about.
type match struct {
	bundle    *lint.Bundle
	set       []*lint.Resource // what lies beside the policies
	object    *lint.Resource
	operation string // what both a policy and its binding are about: CREATE where they can
}

// An answer says whether a policy is about an object.
type answer int

const (
	no answer = iota
	yes
	unknown // the labels of its namespace would tell
)

// about reports whether the constraints of a policy and those of a binding both meet the
// object when it is created, else when it is updated.
func (m *match) about(constraints ...*lint.Node) answer {
	for _, op := range []string{"CREATE", "UPDATE"} {
		all := yes
		for _, n := range constraints {
			if in := m.meets(n, op); in == no || all == yes {
				if all = in; in == no {
					break
				}
			}
		}
		if all != no {
			m.operation = op
			return all
		}
	}
	return no
}

// meets reports whether an object meets matchConstraints, or the matchResources of a binding
// (Matcher.Matches of k8s.io/apiserver/pkg/admission/plugin/policy/matching).
func (m *match) meets(n *lint.Node, op string) answer {
	if !kube.ParseSelector(n.Get("objectSelector")).Matches(kube.LabelSet{Labels: m.object.Labels()}) {
		return no
	}
	exact := n.Get("matchPolicy").Value() == "Exact"
	matches := func(rule *lint.Node) bool { return has(rule.Get("operations"), op) && m.rule(rule, exact) }
	if slices.ContainsFunc(n.Get("excludeResourceRules").Items(), matches) {
		return no
	}
	if rules := n.Get("resourceRules").Items(); len(rules) > 0 && !slices.ContainsFunc(rules, matches) {
		return no
	}
	return m.namespace(kube.ParseSelector(n.Get("namespaceSelector")))
}

// has reports whether a list holds a value, or a star for any.
func has(list *lint.Node, value string) bool {
	all := list.Strings()
	return slices.Contains(all, "*") || slices.Contains(all, value)
}

// families are groups whose resources the API server converts into one another.
var families = map[string][]string{
	"extensions": {"apps", "networking.k8s.io", "policy"}, "apps": {"extensions"}, "networking.k8s.io": {"extensions"}, "policy": {"extensions"},
}

// rule reports whether a rule of resources is about the object.
func (m *match) rule(rule *lint.Node, exact bool) bool {
	r := m.object
	groups, versions := rule.Get("apiGroups").Strings(), rule.Get("apiVersions").Strings()
	has := func(list []string, value string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, value)
	}
	if !has(groups, r.Group) || !has(versions, r.Version) {
		if exact || !has(groups, r.Group) && !slices.ContainsFunc(families[r.Group], func(g string) bool { return slices.Contains(groups, g) }) {
			return false
		}
	}
	switch scope := rule.Get("scope").Value(); scope {
	case "Cluster", "Namespaced":
		if r.IsClusterScoped() != (scope == "Cluster") {
			return false
		}
	}
	plural := m.plural(r.Group, r.Kind)
	if !slices.ContainsFunc(rule.Get("resources").Strings(), func(pattern string) bool {
		resource, sub, _ := strings.Cut(pattern, "/")
		return (resource == "*" || resource == plural) && (sub == "" || sub == "*")
	}) {
		return false
	}
	names := rule.Get("resourceNames").Strings()
	return len(names) == 0 || slices.Contains(names, r.Name)
}

// each returns the objects of the bundle and of what lies beside the policies.
func (m *match) each(kind string) []*lint.Resource {
	all := slices.Clone(m.bundle.OfKind(kind))
	for _, r := range m.set {
		if r.Kind == kind {
			all = append(all, r)
		}
	}
	return all
}

// plural returns the resource of a kind, which its CustomResourceDefinition says.
func (m *match) plural(group, kind string) string {
	if group != "" {
		for _, crd := range m.each("CustomResourceDefinition") {
			if crd.Get("spec", "group").Value() == group && crd.Get("spec", "names", "kind").Value() == kind {
				return crd.Get("spec", "names", "plural").Value()
			}
		}
	}
	if kind == "Endpoints" {
		return "endpoints"
	}
	plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Kind: kind})
	return plural.Resource
}

// namespaceObject returns the Namespace of the object, nil where none is known.
func (m *match) namespaceObject() *lint.Resource {
	home := kube.Home(m.object)
	if home == "" {
		return nil
	}
	for _, r := range m.each("Namespace") {
		if r.Group == "" && r.Name == home {
			return r
		}
	}
	return nil
}

// namespace matches a namespaceSelector: objects of the cluster meet any, a Namespace by its own labels.
func (m *match) namespace(s kube.Selector) answer {
	labels := kube.LabelSet{Open: true}
	switch ns := m.namespaceObject(); {
	case len(s) == 0:
		return yes
	case m.object.Is("", "Namespace"):
		labels = kube.LabelSet{Labels: m.object.Labels()}
		labels.Labels[kube.MetadataName] = m.object.Name
	case m.object.IsClusterScoped():
		return yes
	case ns != nil:
		labels = kube.LabelSet{Labels: ns.Labels()}
		labels.Labels[kube.MetadataName] = ns.Name
	case kube.Home(m.object) != "":
		labels.Labels = map[string]string{kube.MetadataName: kube.Home(m.object)}
	}
	if !s.Matches(labels) {
		return no
	}
	for _, requirement := range s {
		if _, _, known := labels.Lookup(requirement.Key); !known {
			return unknown
		}
	}
	return yes
}

// params returns the parameters that a binding names; one that is nil stands for none. What
// is named and not in the tree is said.
func (m *match) params(kind, ref *lint.Node) (params []*lint.Resource, missing string) {
	if kind.IsNull() || ref.IsNull() {
		return []*lint.Resource{nil}, ""
	}
	group, _, ok := strings.Cut(kind.Get("apiVersion").Value(), "/")
	if !ok {
		group = ""
	}
	name, called := ref.Get("name").Value(), kind.Get("kind").Value()
	selector := kube.ParseSelector(ref.Get("selector"))
	namespace := ref.Get("namespace").Value()
	if namespace == "" {
		namespace = kube.Home(m.object)
	}
	seen := map[string]bool{}
	for _, r := range m.each(called) {
		scoped := r.IsClusterScoped()
		if r.Group != group || name != "" && r.Name != name || name == "" && !selector.Matches(kube.LabelSet{Labels: r.Labels()}) ||
			!scoped && r.Namespace != namespace && (r.Namespace != "" || ref.Get("namespace").Exists()) {
			continue
		}
		if id := r.Namespace + "/" + r.Name; !seen[id] {
			seen[id] = true
			params = append(params, r)
		}
	}
	if len(params) == 0 {
		if name == "" {
			return nil, "no " + called + " is selected"
		}
		return nil, fmt.Sprintf("%s %q", called, name)
	}
	return params, ""
}

// activation holds the variables for the object.
func (m *match) activation(param *lint.Resource) *expression.Activation {
	r := m.object
	home := kube.Home(r)
	a := &expression.Activation{Unknown: []string{"oldObject", "authorizer", "authorizer.requestResource", "request.userInfo", "request.options"}}
	a.Set("object", admitted(r))
	a.Set("params", expression.Value{}) // null
	a.Set("namespaceObject", expression.Value{})
	if param != nil {
		a.Set("params", expression.Of(param.Root))
	}
	kind := map[string]any{"group": r.Group, "version": r.Version, "kind": r.Kind}
	resource := map[string]any{"group": r.Group, "version": r.Version, "resource": m.plural(r.Group, r.Kind)}
	request := map[string]any{
		"kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource, "name": r.Name, "operation": m.operation, "dryRun": false,
	}
	if home != "" { // what is empty is left out
		request["namespace"] = home
	}
	a.Set("request", expression.Value{Data: request})
	switch ns := m.namespaceObject(); {
	case r.IsClusterScoped():
	case ns != nil:
		data, _ := expression.Data(ns.Root).(map[string]any)
		fill(mapping(mapping(data, "metadata"), "labels"), defaulted{kube.MetadataName, ns.Name})
		a.Set("namespaceObject", expression.Value{Data: data, Node: ns.Root, Size: expression.Size(data)})
	default:
		a.Unknown = append(a.Unknown, "namespaceObject")
	}
	if home == "" && !r.IsClusterScoped() {
		a.Unknown = append(a.Unknown, "object.metadata.namespace", "request.namespace")
	}
	if strings.HasSuffix(r.Name, "*") { // generateName
		a.Unknown = append(a.Unknown, "object.metadata.name", "request.name")
	}
	return a
}

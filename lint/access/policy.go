package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Group is the API group of roles and bindings.
const Group = "rbac.authorization.k8s.io"

// An Entry is one item of a list of a policy rule; node is nil in built-in roles.
type Entry struct {
	Text string
	Node *lint.Node
}

// A PolicyRule is one item of a role's rules.
type PolicyRule struct {
	Role                                   *Role
	Node                                   *lint.Node // nil in built-in roles
	Minor                                  int        // the minor version of Kubernetes that is deployed to
	nameless                               bool       // its resourceNames hold "", which does not limit it: see parts
	Verbs, Groups, Resources, Names, Paths []Entry
	Grants                                 []*Grant
}

// NewPolicyRule reads one item of the rules of a role, which may be malformed: what is no
// string is left out. Its grants are not settled.
func NewPolicyRule(owner *Role, n *lint.Node, minor int) *PolicyRule {
	return &PolicyRule{
		Role: owner, Node: n, Minor: minor,
		Verbs: entries(n.Get("verbs")), Groups: entries(n.Get("apiGroups")), Resources: entries(n.Get("resources")),
		Names: entries(n.Get("resourceNames")), Paths: entries(n.Get("nonResourceURLs")),
	}
}

// nameless are the verbs of requests that carry no name, or the name "", whatever
// resource they are about. Those to list and watch can carry one, by a field selector.
var nameless = []string{"create", "deletecollection", "list", "watch"}

// Parts returns what a rule is to the authorizer, which compares resourceNames for
// equality: where "" is among them, requests without a name are not limited
// by it, and it means no object. So that is a rule without
// names, of the verbs concerned, and one of the other names.
func (r *PolicyRule) Parts() []*PolicyRule {
	if !r.HasName("") {
		return []*PolicyRule{r}
	}
	open, limited := *r, *r
	open.Names, open.Verbs, open.nameless = nil, nil, true
	for _, e := range r.Verbs {
		switch {
		case e.Text == "*":
			for _, verb := range nameless {
				open.Verbs = append(open.Verbs, Entry{verb, e.Node})
			}
		case slices.Contains(nameless, e.Text):
			open.Verbs = append(open.Verbs, e)
		}
	}
	limited.Names = slices.DeleteFunc(slices.Clone(r.Names), func(e Entry) bool { return e.Text == "" })
	var all []*PolicyRule
	if len(open.Verbs) > 0 {
		all = append(all, &open)
	}
	if len(limited.Names) > 0 {
		all = append(all, &limited)
	}
	return all
}

// entries reads a list, and a lone string where the list belongs: the API
// server refuses that, and what was meant is still judged.
func entries(n *lint.Node) []Entry {
	if n.IsScalar() {
		return []Entry{{n.Value(), n}}
	}
	var all []Entry
	for _, item := range n.Items() {
		if item.IsScalar() {
			all = append(all, Entry{item.Value(), item})
		}
	}
	return all
}

// The four functions below decide as the authorizer does
// (k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go). Of resources it
// knows "*" (everything, subresources included), "pods", "pods/exec" and
// "*/exec". "pods" is not also "pods/exec", and "pods/*" is no pattern at all.

// AllowsGroup reports whether the rule is about an API group.
func (r *PolicyRule) AllowsGroup(group string) bool {
	return slices.ContainsFunc(r.Groups, func(e Entry) bool { return e.Text == "*" || e.Text == group })
}

// Resource returns the item that covers a resource, the wildcard last: the
// narrowest place to fix.
func (r *PolicyRule) Resource(resource string) (Entry, bool) {
	_, sub, _ := strings.Cut(resource, "/")
	if r.nameless && sub != "" {
		return Entry{}, false // such a request carries the name of the object that it is about
	}
	var star Entry
	var found bool
	for _, e := range r.Resources {
		switch {
		case e.Text == resource:
			return e, true
		case e.Text == "*", sub != "" && e.Text == "*/"+sub:
			if !found {
				star, found = e, true
			}
		}
	}
	return star, found
}

// Allowed returns the items that give one of the verbs on a resource. A request to create or to delete a collection
// carries no name, so a rule with resourceNames never allows it; on a
// subresource the name is in the URL. One to list or watch carries the name that
// a field selector requests, so resourceNames limit it
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources).
func (r *PolicyRule) Allowed(verbs []string, resource string) []Entry {
	var all []Entry
	for _, e := range r.Verbs {
		if e.Text == "*" {
			return []Entry{e}
		}
		if !slices.Contains(verbs, e.Text) {
			continue
		}
		if len(r.Names) > 0 && (e.Text == "create" || e.Text == "deletecollection") && !strings.Contains(resource, "/") {
			continue
		}
		all = append(all, e)
	}
	return all
}

// Named reports whether resourceNames limit the rule.
func (r *PolicyRule) Named() bool { return len(r.Names) > 0 }

// HasName reports whether one of the names is among the resourceNames.
func (r *PolicyRule) HasName(names ...string) bool {
	return slices.ContainsFunc(r.Names, func(e Entry) bool { return slices.Contains(names, e.Text) })
}

// Star returns the "*" of a list.
func Star(list []Entry) (Entry, bool) {
	for _, e := range list {
		if e.Text == "*" {
			return e, true
		}
	}
	return Entry{}, false
}

// HasStar reports whether verbs or resources hold a "*".
func (r *PolicyRule) HasStar() bool {
	_, verb := Star(r.Verbs)
	_, resource := Star(r.Resources)
	return verb || resource
}

// Join returns the items as messages list them, no more than eight.
func Join(list []Entry) string {
	var all []string
	for _, e := range list {
		text := e.Text
		if text == "" || text == "*" {
			text = strconv.Quote(text)
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if n := len(all) - 8; n > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:8], ", "), n)
	}
	return strings.Join(all, ", ")
}

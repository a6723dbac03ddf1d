package rbac

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

const group = "rbac.authorization.k8s.io"

// An entry is one item of a list of a policy rule; node is nil in built-in roles.
type entry struct {
	text string
	node *lint.Node
}

// A policyRule is one item of a role's rules.
type policyRule struct {
	role                                   *role
	node                                   *lint.Node // nil in built-in roles
	minor                                  int        // the minor version of Kubernetes that is deployed to
	nameless                               bool       // its resourceNames hold "", which does not limit it: see parts
	verbs, groups, resources, names, paths []entry
	grants                                 []*grant
}

func newPolicyRule(owner *role, n *lint.Node, minor int) *policyRule {
	return &policyRule{
		role: owner, node: n, minor: minor,
		verbs: entries(n.Get("verbs")), groups: entries(n.Get("apiGroups")), resources: entries(n.Get("resources")),
		names: entries(n.Get("resourceNames")), paths: entries(n.Get("nonResourceURLs")),
	}
}

// nameless are the verbs of requests that carry no name, or the name "", whatever
// resource they are about. Those to list and watch can carry one, by a field selector.
var nameless = []string{"create", "deletecollection", "list", "watch"}

// parts returns what a rule is to the authorizer, which compares resourceNames for
// equality: where "" is among them, requests without a name are not limited
// by it, and it means no object. So that is a rule without
// names, of the verbs concerned, and one of the other names.
func (r *policyRule) parts() []*policyRule {
	if !r.hasName("") {
		return []*policyRule{r}
	}
	open, limited := *r, *r
	open.names, open.verbs, open.nameless = nil, nil, true
	for _, e := range r.verbs {
		switch {
		case e.text == "*":
			for _, verb := range nameless {
				open.verbs = append(open.verbs, entry{verb, e.node})
			}
		case slices.Contains(nameless, e.text):
			open.verbs = append(open.verbs, e)
		}
	}
	limited.names = slices.DeleteFunc(slices.Clone(r.names), func(e entry) bool { return e.text == "" })
	var all []*policyRule
	if len(open.verbs) > 0 {
		all = append(all, &open)
	}
	if len(limited.names) > 0 {
		all = append(all, &limited)
	}
	return all
}

// entries reads a list, and a lone string where the list belongs: the API
// server refuses that, [Invalid] says so, and what was meant is still judged.
func entries(n *lint.Node) []entry {
	if n.IsScalar() {
		return []entry{{n.Value(), n}}
	}
	var all []entry
	for _, item := range n.Items() {
		if item.IsScalar() {
			all = append(all, entry{item.Value(), item})
		}
	}
	return all
}

// The four functions below decide as the authorizer does
// (k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go). Of resources it
// knows "*" (everything, subresources included), "pods", "pods/exec" and
// "*/exec". "pods" is not also "pods/exec", and "pods/*" is no pattern at all.

func (r *policyRule) allowsGroup(group string) bool {
	return slices.ContainsFunc(r.groups, func(e entry) bool { return e.text == "*" || e.text == group })
}

// resource returns the item that covers a resource, the wildcard last: the
// narrowest place to mend.
func (r *policyRule) resource(resource string) (entry, bool) {
	_, sub, _ := strings.Cut(resource, "/")
	var star entry
	var found bool
	for _, e := range r.resources {
		switch {
		case e.text == resource:
			return e, true
		case e.text == "*", sub != "" && e.text == "*/"+sub:
			if !found {
				star, found = e, true
			}
		}
	}
	return star, found
}

// allowed returns the items that give one of the verbs on a resource. A request to create or to delete a collection
// carries no name, so a rule with resourceNames never allows it; on a
// subresource the name is in the URL. One to list or watch carries the name that
// a field selector asks for, so resourceNames limit it
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources).
func (r *policyRule) allowed(verbs []string, resource string) []entry {
	var all []entry
	for _, e := range r.verbs {
		if e.text == "*" {
			return []entry{e}
		}
		if !slices.Contains(verbs, e.text) {
			continue
		}
		if len(r.names) > 0 && (e.text == "create" || e.text == "deletecollection") && !strings.Contains(resource, "/") {
			continue
		}
		all = append(all, e)
	}
	return all
}

func (r *policyRule) named() bool { return len(r.names) > 0 }

func (r *policyRule) hasName(names ...string) bool {
	return slices.ContainsFunc(r.names, func(e entry) bool { return slices.Contains(names, e.text) })
}

// star returns the "*" of a list.
func star(list []entry) (entry, bool) {
	for _, e := range list {
		if e.text == "*" {
			return e, true
		}
	}
	return entry{}, false
}

// hasStar reports whether verbs or resources hold a "*".
func (r *policyRule) hasStar() bool {
	_, verb := star(r.verbs)
	_, resource := star(r.resources)
	return verb || resource
}

// texts returns the items as messages list them, no more than eight.
func texts(list []entry) string {
	var all []string
	for _, e := range list {
		text := e.text
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

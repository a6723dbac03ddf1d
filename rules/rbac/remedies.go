package rbac

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/kube"
)

func noToken(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that shows its token to something outside of these files, or whose rights are granted elsewhere, fails", lint.Set(n, false))
}

func noTokens(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("every pod of the account that calls the API server, and does not ask for the token itself, fails", lint.Set(n, false))
}

// newAccountField renames serviceAccount, or drops it where serviceAccountName is there and counts.
func newAccountField(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Parent().Get("serviceAccountName").Exists() {
		return lint.Safe("serviceAccountName is set, and is the one that counts", lint.Remove(n))
	}
	return lint.Safe("the API server copies the old field to the new one", lint.Rename(n, "serviceAccountName"))
}

func hourlyToken(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that reads its token once, and not again, fails after the hour", lint.Set(n, 3600))
}

// nameVerbs writes the verbs of the API in place of "*", for resources that are named
// (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#request-verb-resource).
func nameVerbs(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	verbs := n.Parent()
	if n.Index() < 0 || verbs == nil || verbs.Name() != "verbs" || n.Value() != "*" {
		return nil
	}
	for _, resource := range verbs.Parent().Get("resources").Strings() {
		if strings.Contains(resource, "*") {
			return nil
		}
	}
	return lint.Risky("a program that uses a verb of its own kind (use, bind, escalate, impersonate, approve) is refused", inPlaceOf(n, []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"})...)
}

// inPlaceOf writes names in place of an item of a list.
func inPlaceOf(n *lint.Node, names []string) []lint.Edit {
	list := n.Parent()
	has := list.Strings()
	var edits []lint.Edit
	for _, name := range names {
		if !slices.Contains(has, name) {
			edits = append(edits, lint.Add(list, name))
		}
	}
	return append(edits, lint.Remove(n))
}

// nameResources writes the resources that the API groups of the rule have in place of "*":
// those that Kubernetes serves, and those that the bundle defines. Of a group of which
// neither is known there is no telling.
func nameResources(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	resources := n.Parent()
	if n.Index() < 0 || resources == nil || resources.Name() != "resources" || n.Value() != "*" {
		return nil
	}
	r := n.Resource()
	all := newRuleSet(r, nil)
	p := &checked{PolicyRule: access.NewPolicyRule(&all.role, resources.Parent(), kube.Minor(pass.Bundle)), all: all, known: true}
	if len(p.Groups) == 0 {
		return nil
	}
	var names []string
	for _, group := range p.Groups {
		of := definedIn(pass.Bundle, group.Text, r.Kind == "Role")
		for _, name := range servedIn(group.Text) {
			if why, _ := p.void(name, r.Kind == "Role", p.Verbs); why == "" {
				of = append(of, name)
			}
		}
		if len(of) == 0 {
			return nil
		}
		names = append(names, of...)
	}
	slices.Sort(names)
	return lint.Risky("what is not named is refused: kinds that the group gains later, finalizers, and users or signers to act as", inPlaceOf(n, slices.Compact(names))...)
}

// gone are resources that no version of Kubernetes serves any more.
var gone = []string{"deployments/rollback", "podschedulingcontexts", "podsecuritypolicies", "resourceclaimparameters", "resourceclasses", "resourceclassparameters"}

// servedIn returns the resources of an API group of Kubernetes, with their subresources.
// What cannot be read, as users and signers, is none.
func servedIn(group string) []string {
	var names []string
	for plural, all := range access.ServedResources().ByPlural {
		for _, r := range all {
			if r.Group != group || group == "extensions" || slices.ContainsFunc(r.Verbs, access.IsSpecial) {
				continue
			}
			names = append(names, plural)
			for sub := range r.Subs {
				names = append(names, plural+"/"+sub)
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(gone, name) })
	slices.Sort(names)
	return names
}

// definedIn returns the resources that definitions of the bundle add to an API group, with
// their subresources.
func definedIn(b *lint.Bundle, group string, namespaced bool) []string {
	var names []string
	for _, crd := range b.OfKind("CustomResourceDefinition") {
		spec := crd.Get("spec")
		plural := spec.Get("names", "plural").Value()
		if crd.Group != "apiextensions.k8s.io" || spec.Get("group").Value() != group || plural == "" || namespaced && spec.Get("scope").Value() == "Cluster" {
			continue
		}
		names = append(names, plural)
		for _, v := range append(spec.Get("versions").Items(), spec) {
			for _, sub := range v.Get("subresources").Fields() {
				names = append(names, plural+"/"+sub.Name())
			}
		}
	}
	return names
}

// unbindMasters takes the group system:masters out of a binding.
func unbindMasters(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Safe("members of system:masters pass every check without the binding", lint.Remove(n.Parent()))
}

// unbind takes a subject out of a binding.
func unbind(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("whoever is in that group, and has no binding of their own, is refused", lint.Remove(n.Parent()))
}

func noAggregation(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("users who are bound to the role that it is added to lose what it grants", lint.Remove(n))
}

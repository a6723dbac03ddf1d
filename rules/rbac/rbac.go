// Package rbac holds the rules about roles, bindings and service accounts: what
// single grants let their holders do, and what a workload can do through its
// service account, bindings and roles. It judges what the objects of a bundle
// grant; it does not know what a cluster's other objects add.
package rbac

import (
	"embed"
	"fmt"
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = slices.Concat(
	[]*lint.Rule{WildcardAll, WildcardNamespace, WildcardResource, WildcardVerb},
	[]*lint.Rule{ClusterAdminBinding, SystemMasters, Anonymous, Authenticated, Effective},
	grantRules(),
	[]*lint.Rule{AggregateTo, DanglingRole, Invalid},
	[]*lint.Rule{DefaultServiceAccount, AutomountToken, SandboxToken, ServiceAccountAutomount, TokenSecret, ForeignToken, TokenLifetime, DeprecatedServiceAccountField, DanglingServiceAccount},
)

var core = []lint.Profile{lint.ProfileDefault}

// maxRelated bounds the related places of a finding; its message counts the rest.
const maxRelated = 5

// relateHolders adds the bindings that give the role to somebody, and the pods
// that hold it.
func relateHolders(f *lint.Finding, r *access.Role) {
	places := 0
	for _, holder := range append([]*access.Role{r}, r.Into...) {
		for _, b := range holder.Bindings {
			if places++; places > maxRelated {
				return
			}
			f.Relate("binding", stand(b.Ref), fmt.Sprintf("%s %q gives it to %s", b.Resource.Kind, b.Resource.Name, b.Subjects[0]))
			if a := b.Subjects[0].Account; a != nil && len(a.Pods) > 0 {
				f.Relate("workload", stand(accountNode(a.Pods[0])), fmt.Sprintf("%s runs as %s", a.Pods[0].Resource, b.Subjects[0]))
			}
		}
	}
}

// stand returns n where it was written in the file of its object, else the nearest key
// around it that was, at last the object's kind: a name that a helper template or a
// prefix made says little about where a binding is.
func stand(n *lint.Node) *lint.Node {
	r := n.Resource()
	if r == nil {
		return n
	}
	kind := r.Get("kind")
	file := kind.Locate().Span.Path()
	if n.Locate().Span.Path() == file {
		return n
	}
	for at := n.Nearest(); at != nil; at = at.Parent() {
		if at.HasKey() && at.KeyNode().Locate().Span.Path() == file {
			return at.KeyNode()
		}
	}
	return kind
}

// accountNode returns the field of a pod that names its service account.
func accountNode(pod *lint.PodSpec) *lint.Node {
	if n := pod.Node.Get("serviceAccount"); !pod.Node.Get("serviceAccountName").Exists() && n.Exists() {
		return n
	}
	return pod.Node.Get("serviceAccountName")
}

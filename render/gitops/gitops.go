// Package gitops gathers what the objects of GitOps controllers ask to have rendered, of the
// packages that know one controller each. It renders nothing itself.
package gitops

import (
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/argocd"
	"github.com/manilint/manilint/render/gitops/flux"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/tree"
)

// Deployments returns what some objects deploy of charts (directories of the tree), with the
// values, release name and namespace of each object. all are the objects of the unit of these,
// and what is known of others, that may hold values for them. The charts of the others are
// somebody else's and are passed over. Objects that ask for the same rendering give one.
func Deployments(objects, all []*lint.Resource, charts []string, files *tree.Tree) []*helm.Deployment {
	var found []*helm.Deployment
	for _, r := range objects {
		by := named(r)
		found = slices.Concat(found, argocd.Deployments(by, r), flux.Deployments(by, r, all))
	}
	return helm.InCharts(found, charts, files)
}

// named returns an object as reports name it.
func named(r *lint.Resource) string {
	if r.Namespace != "" {
		return r.Kind + " " + r.Namespace + "/" + r.Name
	}
	return r.Kind + " " + r.Name
}

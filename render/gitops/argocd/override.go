package argocd

import (
	"path/filepath"
	"slices"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// overridden returns a source with what files beside the manifests say over it, as image
// updaters write them: .argocd-source.yaml, and .argocd-source-NAME.yaml of one Application.
// What they say is at its place there.
// https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git
func (a *application) overridden(s *lint.Node, dir string) *lint.Node {
	a.from = nil
	var g *grown
	var tree *kyaml.Node
	for _, name := range []string{".argocd-source.yaml", ".argocd-source-" + a.Name + ".yaml"} {
		at := filepath.Join(dir, name)
		if filepath.Dir(at) != dir || !a.checkout.Files.IsFile(at) {
			continue
		}
		src, err := a.checkout.Files.Open(at)
		if err != nil {
			a.out.Errors = append(a.out.Errors, &lint.InputError{Message: a.by + ": " + a.checkout.Files.Display(at) + " cannot be read: " + bare(err)})
			continue
		}
		docs, errs := lint.ParseYAML(src)
		a.out.Errors = append(a.out.Errors, errs...)
		if len(errs) > 0 || len(docs) == 0 || docs[0].Kind != kyaml.MappingNode {
			continue
		}
		if g == nil {
			g = &grown{templater: &templater{}, places: locator{}, texts: map[*kyaml.Node]made{}}
			if tree, _ = g.copy(s); tree == nil {
				a.out.Errors = append(a.out.Errors, &lint.InputError{Message: a.by + ": its source holds too many values", Span: s.Locate().Span})
				return s
			}
		}
		a.from = append(a.from, at)
		var place func(n *kyaml.Node)
		place = func(n *kyaml.Node) {
			g.places[n] = lint.Place{Span: lint.NodeSpan(src, n), Precision: lint.Exact}
			for _, c := range n.Content {
				place(c)
			}
		}
		place(docs[0])
		over := &kyaml.Node{Kind: kyaml.MappingNode}
		for i := 0; i+1 < len(docs[0].Content); i += 2 {
			if key := docs[0].Content[i]; !slices.Contains([]string{"repoURL", "path", "targetRevision", "chart", "ref"}, key.Value) { // which no file can change
				over.Content = append(over.Content, key, docs[0].Content[i+1])
			}
		}
		merged(tree, over)
	}
	if g == nil {
		return s
	}
	return g.nodeOf(tree)
}

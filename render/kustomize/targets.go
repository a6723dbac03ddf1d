package kustomize

import (
	"path/filepath"
	"slices"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// Targets returns the directories below the jail of files, the tree's git root, that Flux'
// Kustomization objects point at: what they deploy is an overlay of its own even where
// another one names it.
func Targets(resources []*lint.Resource, files *filetree.Tree) []string {
	var dirs []string
	t := newTree(files)
	root, _ := files.Jail()
	add := func(path *lint.Node) {
		if !path.IsScalar() {
			return
		}
		dir := filepath.Join(root, filepath.FromSlash(path.Value()))
		if real, err := t.resolve(dir); err == nil && t.at(real) != nil && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, r := range resources {
		if r.Is("kustomize.toolkit.fluxcd.io", "Kustomization") {
			add(r.Get("spec", "path"))
		}
	}
	return dirs
}

package kustomize

import (
	"path/filepath"

	filetree "github.com/manilint/manilint/render/tree"
)

// Parts returns the absolute paths of the files that the kustomizations in some directories
// name as something else than resources: patches, the configuration of transformers, and
// what generators read. Alone they are no manifests.
func Parts(dirs []string, files *filetree.Tree) map[string]bool {
	t := newTree(files)
	parts, resources := map[string]bool{}, map[string]bool{}
	for _, dir := range dirs {
		real, err := t.resolve(dir)
		if err != nil {
			continue
		}
		k := t.at(real)
		if k == nil {
			continue
		}
		for _, r := range k.refs {
			if r.path == "" || r.isDir {
				continue
			}
			into := parts
			if r.field == "resources" || r.field == "bases" || r.field == "crds" {
				into = resources
			}
			t.use(into, r.path)
			if !filepath.IsAbs(r.value) {
				t.use(into, filepath.Join(k.dir, filepath.FromSlash(r.value))) // a link, by its own name
			}
		}
	}
	for path := range resources {
		delete(parts, path)
	}
	return parts
}

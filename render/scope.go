package render

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// Scope returns what the unit may read, before it is rendered: files, and directories for
// all below them, absolute. What does not exist is searched for. It is not known, ok false, for
// a unit that reads what only its rendering names.
func (u *Unit) Scope() (paths []string, ok bool) {
	if u.scope == nil {
		return nil, false
	}
	return u.scope()
}

// plainScope is that of a tree of plain files; ok is false where objects in it deploy charts, or
// apply directories.
func plainScope(files *tree.Tree, paths, beside []string) ([]string, bool) {
	look := files.Record()
	for _, path := range paths {
		data, err := look.ReadFile(path)
		if err == nil && (bytes.Contains(data, []byte("argoproj.io")) || bytes.Contains(data, []byte("HelmRelease")) || bytes.Contains(data, []byte("HelmChart")) || bytes.Contains(data, []byte("kustomize.toolkit.fluxcd.io"))) {
			return nil, false
		}
	}
	return slices.Concat(paths, beside), true
}

// chartScope is that of a chart: its directory, the file:// dependencies of its Chart.yaml
// files, and the values files that it is rendered with.
func (l *loader) chartScope(chart string, files *tree.Tree) ([]string, bool) {
	look := files.Record()
	all := []string{chart}
	for i := 0; i < len(all) && i < 200; i++ { // a chart has a few; a cycle ends
		if !look.IsDir(all[i]) {
			continue
		}
		metadata, ok := filesCalled(look, all[i], 0, "Chart.yaml", "requirements.yaml")
		if !ok {
			return nil, false
		}
		for _, at := range metadata {
			data, err := look.ReadFile(at)
			if err != nil {
				return nil, false
			}
			if !bytes.Contains(data, []byte("file:")) {
				continue
			}
			siblings, ok := besideIt(look.Display(at), data)
			if !ok {
				return nil, false
			}
			for _, rel := range siblings {
				to := filepath.FromSlash(rel)
				if !filepath.IsAbs(to) {
					to = filepath.Join(filepath.Dir(at), to)
				}
				if !slices.ContainsFunc(all, func(dir string) bool { return within(dir, to) }) {
					all = append(all, to)
				}
			}
		}
	}
	for _, v := range l.Variants {
		for _, f := range v.Values {
			all = append(all, l.configured(f))
		}
	}
	for _, asked := range l.asked[chart] {
		all = append(all, asked...)
	}
	for _, f := range l.ValueFiles {
		all = append(all, files.Abs(f))
	}
	for _, set := range l.SetFile {
		if _, f, ok := bytes.Cut([]byte(set), []byte("=")); ok {
			all = append(all, files.Abs(string(f)))
		}
	}
	return all, true
}

// besideIt returns the directories that a Chart.yaml or requirements.yaml names as file://;
// ok is false where it cannot be read.
func besideIt(path string, data []byte) (dirs []string, ok bool) {
	docs, errs := lint.ParseYAML(lint.NewSource(path, data))
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if dir, found := strings.CutPrefix(n.Value, "file://"); found && n.Kind == yaml.ScalarNode {
			dirs = append(dirs, dir)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	for _, doc := range docs {
		walk(doc)
	}
	return dirs, len(errs) == 0
}

// filesCalled finds files by their names below a directory; ok is false where a directory in
// it is a link, which leads elsewhere.
func filesCalled(files *tree.Tree, dir string, depth int, names ...string) (found []string, ok bool) {
	const deepest = 50
	entries, err := files.ReadDir(dir)
	if err != nil || depth > deepest {
		return nil, false
	}
	for _, e := range entries {
		at := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			more, ok := filesCalled(files, at, depth+1, names...)
			if !ok {
				return nil, false
			}
			found = append(found, more...)
		case e.Type()&fs.ModeSymlink != 0 && files.IsDir(at):
			return nil, false
		case slices.Contains(names, e.Name()):
			found = append(found, at)
		}
	}
	return found, true
}

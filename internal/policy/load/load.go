// Package load makes the rules that a configuration brings: those that it writes out and
// those of the files that it names. Files are read through a tree, as all inputs are.
package load

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/policy/custom"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// Options say how rules are made.
type Options struct {
	// Tree is where files are read; those that the configuration names must lie in the
	// checkout, or the directory, of the configuration.
	Tree *tree.Tree
	// Dir is the directory of the configuration.
	Dir string
	// KubeVersion is the version whose expressions are compiled; "" for the newest known.
	KubeVersion string
	// Builtin are the rules whose ids are taken.
	Builtin []*lint.Rule
}

// Rules returns the rules that a configuration brings, and what is wrong with them, each
// at its place.
func Rules(c *config.Config, o Options) ([]config.Own, []*lint.InputError) {
	root := o.Tree.GitRoot(o.Dir)
	if root == "" {
		root = o.Dir
	}
	files := o.Tree.In(root)
	all := slices.Clone(c.Custom)
	var errs []*lint.InputError
	for _, named := range c.CustomFiles {
		paths := matching(files, o.Dir, named.Path)
		if len(paths) == 0 {
			errs = append(errs, &lint.InputError{Span: named.Span, Message: fmt.Sprintf("custom: no file is called %s, relative to the configuration", named.Path)})
		}
		for _, path := range paths {
			src, err := files.Open(path)
			if err != nil {
				errs = append(errs, &lint.InputError{Span: named.Span, Message: fmt.Sprintf("custom: %v", err)})
				continue
			}
			more, wrong := config.ParseCustom(src)
			all, errs = append(all, more...), append(errs, wrong...)
		}
	}
	rules, wrong := custom.Rules(all, o.Builtin, o.KubeVersion)
	return rules, append(errs, wrong...)
}

// matching returns the files that a glob relative to dir matches, sorted.
func matching(files *tree.Tree, dir, pattern string) []string {
	pattern = strings.TrimPrefix(filepath.ToSlash(pattern), "./")
	fixed := pattern
	if i := strings.IndexAny(pattern, `*?[{\`); i >= 0 {
		fixed = pattern[:strings.LastIndex(pattern[:i], "/")+1]
	}
	at := filepath.Join(dir, filepath.FromSlash(fixed))
	if fixed == pattern {
		if files.IsFile(at) {
			return []string{at}
		}
		return nil
	}
	g, err := config.CompileGlob(pattern[len(fixed):])
	if err != nil {
		return nil // reported where it was read
	}
	deep := strings.Contains(pattern[len(fixed):], "/") || strings.Contains(pattern[len(fixed):], "**")
	var found []string
	var walk func(path, rel string)
	walk = func(path, rel string) {
		entries, err := files.ReadDir(path)
		if err != nil {
			return
		}
		for _, e := range entries {
			name, below := filepath.Join(path, e.Name()), rel+e.Name()
			switch {
			case e.IsDir() && deep && !strings.HasPrefix(e.Name(), "."):
				walk(name, below+"/")
			case !e.IsDir() && g.MatchTree(below) && files.IsFile(name):
				found = append(found, name)
			}
		}
	}
	walk(at, "")
	return found
}

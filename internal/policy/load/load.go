// Package load makes the rules that a configuration brings: those that it writes out and
// those of the files that it names. Files are read through a tree, as all inputs are.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/policy/custom"
	"github.com/manilint/manilint/internal/policy/kyverno"
	"github.com/manilint/manilint/internal/policy/vap"
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
	// Render renders what some paths hold, as far as it may hold one of the files; all
	// where there are none.
	Render func(paths, files []string) ([]*lint.Bundle, []*lint.InputError)
}

// Rules returns the rules that a configuration brings, and the mistakes in what it says of
// them, each at its place. What is wrong with policies, and what is not judged of them, is
// put into the configuration: the others run.
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
	errs = append(errs, digests(c, files, o.Dir)...)
	own, wrong := custom.Rules(all, o.Builtin, o.KubeVersion)
	errs = append(errs, wrong...)
	c.Own = own
	objects, wrong := policies(c, files, o)
	errs = append(errs, wrong...)
	found := vap.Policies(objects, slices.Concat(o.Builtin, c.OwnRules()), o.KubeVersion)
	c.PolicyErrors, c.PolicyNotes = append(c.PolicyErrors, found.Errors...), append(c.PolicyNotes, found.Notes...)
	own = append(own, found.Own...)
	c.Own = own
	found = kyverno.Policies(objects, slices.Concat(o.Builtin, c.OwnRules()), o.KubeVersion)
	c.PolicyErrors, c.PolicyNotes = append(c.PolicyErrors, found.Errors...), append(c.PolicyNotes, found.Notes...)
	return append(own, found.Own...), errs
}

// digests adds the images of the file that a configuration names to its own.
func digests(c *config.Config, files *tree.Tree, dir string) []*lint.InputError {
	if c.DigestFile.Path == "" {
		return nil
	}
	src, err := files.Open(filepath.Join(dir, filepath.FromSlash(c.DigestFile.Path)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []*lint.InputError{{Span: c.DigestFile.Span, Message: fmt.Sprintf("digests: there is no file %s, relative to the configuration", c.DigestFile.Path)}}
	case err != nil:
		return []*lint.InputError{{Span: c.DigestFile.Span, Message: fmt.Sprintf("digests: %s is not read: %v", c.DigestFile.Path, err)}}
	}
	more, errs := config.ParseDigests(src)
	c.Digests = append(c.Digests, more...)
	return errs
}

// policies returns the objects among which policies are looked for: with their bindings,
// parameters and namespaces. A path that is not there is a mistake in the configuration.
func policies(c *config.Config, files *tree.Tree, o Options) ([]*lint.Resource, []*lint.InputError) {
	var errs []*lint.InputError
	var paths []string
	for _, named := range c.Policies {
		path := filepath.Join(o.Dir, filepath.FromSlash(named.Path))
		if _, err := files.Stat(path); err != nil {
			errs = append(errs, &lint.InputError{Span: named.Span, Message: fmt.Sprintf("policies: there is no %s, relative to the configuration", named.Path)})
			continue
		}
		paths = append(paths, o.Tree.Display(path))
	}
	var bundles []*lint.Bundle
	if len(paths) > 0 {
		rendered, wrong := o.Render(paths, nil)
		bundles = append(bundles, rendered...)
		c.PolicyErrors = append(c.PolicyErrors, wrong...)
	}
	if c.TreePolicies {
		if holding := mentioning(files, o.Dir); len(holding) > 0 {
			rendered, _ := o.Render([]string{o.Tree.Display(o.Dir)}, holding) // what cannot be rendered is said where it is linted
			bundles = append(bundles, rendered...)
		}
	}
	var objects []*lint.Resource
	for _, b := range bundles {
		for _, r := range b.Resources {
			if !b.Unselected[r] { // beside a file that was named alone
				objects = append(objects, r)
			}
		}
	}
	return objects, errs
}

// words are what files that hold policies, or write them, mention.
var words = [][]byte{[]byte("AdmissionPolicy"), []byte("kyverno.io/")}

// mentioning returns the files below a directory that may hold a policy.
func mentioning(files *tree.Tree, dir string) []string {
	var found []string
	entries, err := files.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			found = append(found, mentioning(files, path)...)
		} else if strings.HasSuffix(e.Name(), ".tgz") { // a chart: it is rendered to be seen
			found = append(found, path)
		} else if !e.IsDir() && files.IsFile(path) {
			data, err := files.ReadFile(path)
			if err == nil && slices.ContainsFunc(words, func(w []byte) bool { return bytes.Contains(data, w) }) {
				found = append(found, path)
			}
		}
	}
	return found
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

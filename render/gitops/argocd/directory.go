package argocd

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/tree"
)

// directory adds plain manifests:
// https://argo-cd.readthedocs.io/en/stable/user-guide/directory/
func (a *application) directory(s *lint.Node, dir string) {
	with := s.Get("directory")
	recurse := with.Get("recurse").IsTrue()
	pattern := func(field string) *regexp.Regexp {
		n := with.Get(field)
		if n.Value() == "" {
			return nil
		}
		g, err := source.Glob(n.Value(), source.Anything)
		if err != nil {
			a.note(n, "", field+": "+quoted(n.Value())+" is not a glob and matches nothing: "+err.Error())
			return regexp.MustCompile(`^\z.`)
		}
		return g
	}
	include, exclude := pattern("include"), pattern("exclude")
	holds := func(path string) bool {
		if !tree.Within(dir, path) || !recurse && filepath.Dir(path) != dir {
			return false
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return false
		}
		rel = filepath.ToSlash(rel)
		return (exclude == nil || !exclude.MatchString(rel)) && (include == nil || include.MatchString(rel))
	}
	jsonnet := ""
	a.checkout.Walk(dir, func(path string, isDir bool) bool {
		if jsonnet == "" && !isDir && strings.HasSuffix(path, ".jsonnet") && holds(path) {
			jsonnet = path
		}
		return recurse
	})
	if jsonnet != "" {
		a.note(s.Get("path"), a.checkout.Files.Display(jsonnet), a.checkout.Files.Display(jsonnet)+" is jsonnet, which is not evaluated: what it makes is not linted")
	}
	a.out.Directories = append(a.out.Directories, &source.Directory{By: a.by, Dir: dir, Namespace: a.namespace(), Holds: holds, Limits: a.limits})
}

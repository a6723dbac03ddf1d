package argocd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
)

// limited says what the AppProject of the Application, where it is among the objects, does not
// allow it: Argo CD refuses to sync then.
// https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
func (a *application) limited(all []*lint.Resource) {
	name := a.Get("spec", "project")
	var projects []*lint.Resource
	for _, r := range all {
		if r.Is("argoproj.io", "AppProject") && r.Name == name.Value() {
			projects = append(projects, r)
		}
	}
	if len(projects) != 1 {
		return
	}
	p := project{projects[0]}
	refused := fmt.Sprintf("AppProject %q does not allow ", p.Name)
	const end = ", so Argo CD refuses to sync it"
	for _, s := range a.sources {
		if repository := s.Get("repoURL"); repository.Value() != "" && !p.allowsRepository(repository.Value()) {
			a.note(repository, "", refused+"the repository "+quoted(repository.Value())+end)
		}
	}
	destination := a.Get("spec", "destination")
	if !p.allowsNamespace(destination, a.namespace()) {
		a.note(destination.Get("namespace"), "", refused+"the destination "+quoted(a.namespace())+" of "+quoted(destination.Get("server").Value()+destination.Get("name").Value())+end)
	}
	by := a.by
	a.limits = func(objects []*lint.Resource) []lint.Note {
		var notes []lint.Note
		said := map[string]bool{}
		for _, r := range objects {
			what := ""
			switch {
			case !p.allowsKind(r):
				what = r.Kind
			case !r.IsClusterScoped() && r.Namespace != "" && r.Namespace != a.namespace() && !p.allowsNamespace(destination, r.Namespace):
				what = "the namespace " + quoted(r.Namespace)
			}
			if what != "" && !said[what] {
				said[what] = true
				notes = append(notes, lint.Note{Message: by + ": " + refused + what + end, Span: r.Root.Locate().Span})
			}
		}
		return notes
	}
}

// A project is an AppProject.
type project struct{ *lint.Resource }

// matches reports whether a glob of a project matches a text; "*" matches all.
func matches(pattern, text string, style source.Style) bool {
	if pattern == "*" {
		return true
	}
	g, err := source.Glob(pattern, style)
	return err == nil && g.MatchString(text)
}

func (p project) allowsRepository(address string) bool {
	allowed := false
	for _, pattern := range p.Get("spec", "sourceRepos").Strings() {
		if denied, is := strings.CutPrefix(pattern, "!"); is {
			if matches(plain(denied), plain(address), source.Components) {
				return false
			}
			continue
		}
		allowed = allowed || matches(plain(pattern), plain(address), source.Components) || source.Same(pattern, address)
	}
	return allowed
}

// plain returns an address without what spellings of it differ in.
func plain(address string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(address)), ".git")
}

// allowsNamespace reports whether a namespace of the cluster of a destination is one of the
// project's. A cluster that one side names and the other one addresses may be the same.
func (p project) allowsNamespace(destination *lint.Node, namespace string) bool {
	allowed := false
	for _, d := range p.Get("spec", "destinations").Items() {
		pattern := d.Get("namespace").Value()
		cluster := true
		for _, field := range []string{"server", "name"} {
			if own, asked := d.Get(field).Value(), destination.Get(field).Value(); own != "" && asked != "" {
				denied, not := strings.CutPrefix(own, "!")
				if not && matches(denied, asked, source.Anything) {
					return false
				}
				cluster = cluster && (not || matches(own, asked, source.Anything))
			}
		}
		if denied, not := strings.CutPrefix(pattern, "!"); not {
			if cluster && matches(denied, namespace, source.Anything) {
				return false
			}
			continue
		}
		allowed = allowed || cluster && (namespace == "" || matches(pattern, namespace, source.Anything))
	}
	return allowed
}

// allowsKind reports whether the project lets objects of a kind be synced: cluster-scoped ones
// only where they are listed, others where they are not denied.
func (p project) allowsKind(r *lint.Resource) bool {
	listed := func(field string) bool {
		return slices.ContainsFunc(p.Get("spec", field).Items(), func(n *lint.Node) bool {
			name := n.Get("name").Value()
			return matches(n.Get("group").Value(), r.Group, source.Anything) && matches(n.Get("kind").Value(), r.Kind, source.Anything) &&
				(name == "" || matches(name, r.Name, source.Anything))
		})
	}
	if r.IsClusterScoped() {
		return listed("clusterResourceWhitelist") && !listed("clusterResourceBlacklist")
	}
	return !listed("namespaceResourceBlacklist") && (!p.Get("spec", "namespaceResourceWhitelist").Exists() || listed("namespaceResourceWhitelist"))
}

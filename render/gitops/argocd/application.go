package argocd

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/kustomize"
)

// An application is an Application at work.
type application struct {
	*lint.Resource
	by       string // as reports name it
	made     bool   // by an ApplicationSet: what is missing in it may be unknown
	checkout *source.Checkout
	sources  []*lint.Node
	from     []string // files of the tree that override the source at work
	limits   source.Limits
	out      *source.Wanted
}

// Wanted returns what an Application wants to have rendered from its repository; nil for other
// objects. by is the object as reports name it, all are the objects of its unit, among which
// its AppProject may be.
func Wanted(by string, r *lint.Resource, all []*lint.Resource, c *source.Checkout) *source.Wanted {
	if !r.Is("argoproj.io", "Application") {
		return nil
	}
	return wanted(&application{Resource: r, by: by, checkout: c}, all)
}

func wanted(a *application, all []*lint.Resource) *source.Wanted {
	spec := a.Get("spec")
	a.sources, a.out = spec.Get("sources").Items(), &source.Wanted{}
	switch dry := spec.Get("sourceHydrator", "drySource"); {
	case dry.IsMapping(): // what is rendered before it is committed
		a.sources = []*lint.Node{dry}
	case len(a.sources) == 0: // else source is ignored
		a.sources = []*lint.Node{spec.Get("source")}
	}
	a.limited(all)
	for _, s := range a.sources {
		a.add(s)
	}
	return a.out
}

func (a *application) note(at *lint.Node, lacks, message string) {
	a.out.Notes = append(a.out.Notes, lint.Note{Message: a.by + ": " + message, Span: at.Locate().Span, Lacks: lacks})
}

// add adds what one source wants.
func (a *application) add(s *lint.Node) {
	path, repository := s.Get("path"), s.Get("repoURL")
	if chart := s.Get("chart"); chart.IsScalar() {
		a.note(chart, strings.TrimSuffix(repository.Value(), "/")+"/"+chart.Value(), "chart "+quoted(chart.Value())+" of "+quoted(repository.Value())+" is not fetched, manilint works offline: what it deploys is not linted")
		return
	}
	if path.Value() == "" || a.made && !repository.Exists() { // it is there for its ref, or nobody knows what it is
		return
	}
	is := a.checkout.Is(repository.Value())
	if strings.HasPrefix(repository.Value(), "oci://") {
		a.note(repository, repository.Value(), quoted(repository.Value())+" is not fetched, manilint works offline: what it deploys is not linted")
		return
	}
	if is == source.No {
		a.note(repository, repository.Value(), quoted(repository.Value())+" is another repository than this checkout: what it deploys is not linted; if it is the same, name the address under repositories: in the configuration")
		return
	}
	dir, _, ok := a.checkout.Dir(path.Value(), path.Locate().Span)
	if is == source.Unknown && filepath.Clean("/"+path.Value()) == string(filepath.Separator) {
		ok = false // every repository has a root
	}
	if !ok {
		a.note(path, repository.Value(), quoted(path.Value())+" of "+quoted(repository.Value())+" is not in this tree: what it deploys is not linted")
		return
	}
	s = a.overridden(s, dir)
	// https://argo-cd.readthedocs.io/en/stable/user-guide/tool_detection/
	switch {
	case s.Get("plugin").Exists():
		a.note(s.Get("plugin").KeyNode(), path.Value(), "a plugin makes the manifests of "+quoted(path.Value())+", and no program is run: what it makes is not linted")
	case s.Get("helm").Exists():
		a.chart(s, dir)
	case s.Get("kustomize").Exists():
		a.overlay(s, dir)
	case s.Get("directory").Exists():
		a.directory(s, dir)
	case a.has(dir, "Chart.yaml"):
		a.chart(s, dir)
	case a.has(dir, kustomize.FileNames...):
		a.overlay(s, dir)
	default:
		a.directory(s, dir)
	}
}

// has reports whether a directory has a file of one of the names.
func (a *application) has(dir string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return a.checkout.Files.IsFile(filepath.Join(dir, name)) })
}

func (a *application) namespace() string { return a.Get("spec", "destination", "namespace").Value() }

// expand replaces the variables of the build environment in a text, as Argo CD does before it
// hands it to Helm or kustomize. A commit is that of no time:
// https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/
func (a *application) expand(s *lint.Node, text string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	const commit = "0000000000000000000000000000000000000000"
	environment := map[string]string{
		"ARGOCD_APP_NAME": a.Name, "ARGOCD_APP_NAMESPACE": a.namespace(), "ARGOCD_APP_PROJECT_NAME": a.Get("spec", "project").Value(),
		"ARGOCD_APP_SOURCE_PATH": s.Get("path").Value(), "ARGOCD_APP_SOURCE_REPO_URL": s.Get("repoURL").Value(),
		"ARGOCD_APP_SOURCE_TARGET_REVISION": s.Get("targetRevision").Value(),
		"ARGOCD_APP_REVISION":               commit, "ARGOCD_APP_REVISION_SHORT": commit[:7], "ARGOCD_APP_REVISION_SHORT_8": commit[:8],
		"$": "$",
	}
	return variable().ReplaceAllStringFunc(text, func(named string) string {
		return environment[strings.Trim(named[1:], "{}")] // nothing for one that there is not, as Argo CD has it
	})
}

// variable matches what the build environment replaces in a text.
var variable = lint.Regexp(`\$(?:\{\w*\}|\w+|\$)`)

// referred returns the path, from the root of the repository, of a file that a text names by
// the ref of a source: $values/env/prod.yaml. ok is false for a text that names none; there is
// an error where the source is another repository, or there is no such source.
func (a *application) referred(s *lint.Node, text string) (path string, err string, ok bool) {
	ref, rest, _ := strings.Cut(text, "/")
	if !strings.HasPrefix(ref, "$") || len(ref) == 1 {
		return "", "", false
	}
	for _, other := range a.sources {
		if other.Get("ref").Value() != ref[1:] {
			continue
		}
		address := other.Get("repoURL").Value()
		switch is := a.checkout.Is(address); {
		case is == source.Yes, is == source.Unknown && source.Same(address, s.Get("repoURL").Value()):
			return a.expand(s, rest), "", true
		}
		return "", text + " lies in another repository, " + quoted(address) + ", and is not applied", true
	}
	if strings.HasPrefix(ref, "$ARGOCD_") || strings.HasPrefix(ref, "${") {
		return "", "", false
	}
	return "", text + " is in another repository, or in none of the sources, and is not applied: none has the ref " + quoted(ref[1:]), true
}

func quoted(text string) string { return `"` + text + `"` }

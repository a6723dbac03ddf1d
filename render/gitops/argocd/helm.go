package argocd

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
)

// Deployments returns the charts that an Application deploys from a path of a repository;
// none for other objects. Of its values, parameters outrank valuesObject, that outranks values,
// which then count for nothing, and these outrank valueFiles:
// https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#helm-value-precedence
func Deployments(by string, r *lint.Resource) []*helm.Deployment {
	if !r.Is("argoproj.io", "Application") {
		return nil
	}
	spec := r.Get("spec")
	sources := spec.Get("sources").Items()
	if len(sources) == 0 { // else source is ignored
		sources = []*lint.Node{spec.Get("source")}
	}
	var out []*helm.Deployment
	for _, source := range sources {
		if source.Get("path").Value() == "" || source.Get("chart").IsScalar() {
			continue
		}
		out = append(out, deployment(by, r, source, sources))
	}
	return out
}

func deployment(by string, r *lint.Resource, source *lint.Node, sources []*lint.Node) *helm.Deployment {
	with, destination := source.Get("helm"), r.Get("spec", "destination", "namespace").Value()
	d := &helm.Deployment{
		By: by, Path: source.Get("path").Value(), ReleaseName: cmp.Or(with.Get("releaseName").Value(), r.Name),
		Namespace: cmp.Or(with.Get("namespace").Value(), destination), KubeVersion: with.Get("kubeVersion").Value(), APIVersions: with.Get("apiVersions").Strings(),
		NoCRDs: with.Get("skipCrds").IsTrue(), NoTests: with.Get("skipTests").IsTrue(), NoSchema: with.Get("skipSchemaValidation").IsTrue(),
	}
	// https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/
	environment := []string{
		"ARGOCD_APP_NAMESPACE", destination, "ARGOCD_APP_NAME", r.Name, "ARGOCD_APP_PROJECT_NAME", r.Get("spec", "project").Value(), "ARGOCD_APP_SOURCE_PATH", d.Path,
		"ARGOCD_APP_SOURCE_REPO_URL", source.Get("repoURL").Value(), "ARGOCD_APP_SOURCE_TARGET_REVISION", source.Get("targetRevision").Value(),
	}
	var pairs []string
	for i := 0; i < len(environment); i += 2 {
		pairs = append(pairs, "${"+environment[i]+"}", environment[i+1], "$"+environment[i], environment[i+1])
	}
	expand := strings.NewReplacer(pairs...).Replace

	optional := with.Get("ignoreMissingValueFiles").IsTrue()
	for _, item := range with.Get("valueFiles").Items() {
		addFile(d, expand(item.Value()), item, source, sources, optional)
	}
	if object := with.Get("valuesObject"); object.IsMapping() {
		d.AddNode(object)
		if text := with.Get("values"); text.IsScalar() {
			d.Note(text, "Argo CD ignores values beside valuesObject")
		}
	} else {
		d.AddText(with.Get("values"), with.Get("values").Value())
	}
	parameters := with.Get("parameters").Items()
	for _, isText := range []bool{false, true} { // helm ranks --set-string over --set
		for _, p := range parameters {
			if p.Get("forceString").IsTrue() == isText {
				d.Set(p.Get("value"), p.Get("name").Value(), commas(expand(p.Get("value").Value())), isText)
			}
		}
	}
	for _, p := range with.Get("fileParameters").Items() {
		at, path := p.Get("path"), expand(p.Get("path").Value())
		d.SetFile(at, p.Get("name").Value(), path, strings.HasPrefix(path, "/"))
	}
	return d
}

// addFile adds an entry of valueFiles. It is named from the chart; with a slash in
// front, or with the ref of a source, from the root of a repository.
func addFile(d *helm.Deployment, path string, at, source *lint.Node, sources []*lint.Node, optional bool) {
	ref, rest, named := strings.Cut(path, "/")
	switch {
	case !at.IsScalar() || path == "":
	case strings.Contains(path, "://"):
		d.Note(at, "the values file lies on the network and is not applied; only files of this tree are read")
		d.Lacks(path)
	case strings.ContainsAny(path, "*?["):
		d.Note(at, "the pattern %s is not expanded, and no values file of it applied; name the files", path)
	case strings.HasPrefix(path, "$"):
		for _, other := range sources {
			if name := other.Get("ref").Value(); name != "" && "$"+name == ref && named && sameRepository(other.Get("repoURL").Value(), source.Get("repoURL").Value()) {
				d.AddFile(rest, true, at, optional)
				return
			}
		}
		d.Note(at, "%s lies in another repository, or in none of the sources, and is not applied", path)
		d.Lacks(path)
	default:
		d.AddFile(path, strings.HasPrefix(path, "/"), at, optional)
	}
}

// sameRepository reports whether two addresses are of one repository.
func sameRepository(a, b string) bool {
	a, b = normalRepository(a), normalRepository(b)
	return a != "" && a == b
}

var scpAddress = regexp.MustCompile(`^(?:[\w.-]+@)?([\w.-]+):([^/].*)$`)

// normalRepository returns host and path of a repository's address, however it is written.
func normalRepository(address string) string {
	if m := scpAddress.FindStringSubmatch(address); m != nil && !strings.Contains(address, "://") {
		address = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname()) + "/" + strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
}

// commas escapes the commas of a parameter, but for Helm's notation of a list, as Argo
// CD does before it hands it to Helm.
func commas(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var out strings.Builder
	before := rune(0)
	for _, c := range value {
		if c == ',' && before != '\\' {
			out.WriteByte('\\')
		}
		out.WriteRune(c)
		before = c
	}
	return out.String()
}

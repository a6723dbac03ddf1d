package helm

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/manilint/manilint/lint"
)

// argoDeployments returns the charts that an Argo CD Application deploys from a path of
// a repository. Of its values, parameters outrank valuesObject, that outranks values,
// which then count for nothing, and these outrank valueFiles:
// https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#helm-value-precedence
func argoDeployments(by string, r *lint.Resource) []*deployment {
	spec := r.Get("spec")
	sources := spec.Get("sources").Items()
	if len(sources) == 0 { // else source is ignored
		sources = []*lint.Node{spec.Get("source")}
	}
	var out []*deployment
	for _, source := range sources {
		if source.Get("path").Value() == "" || source.Get("chart").IsScalar() {
			continue
		}
		out = append(out, argoDeployment(by, r, source, sources))
	}
	return out
}

func argoDeployment(by string, r *lint.Resource, source *lint.Node, sources []*lint.Node) *deployment {
	helm, destination := source.Get("helm"), r.Get("spec", "destination", "namespace").Value()
	d := &deployment{
		by: by, path: source.Get("path").Value(), name: first(helm.Get("releaseName").Value(), r.Name),
		namespace: first(helm.Get("namespace").Value(), destination), kubeVersion: helm.Get("kubeVersion").Value(), apiVersions: helm.Get("apiVersions").Strings(),
	}
	d.variant.noCRDs, d.variant.noTests, d.variant.noSchema = helm.Get("skipCrds").IsTrue(), helm.Get("skipTests").IsTrue(), helm.Get("skipSchemaValidation").IsTrue()
	// https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/
	environment := []string{
		"ARGOCD_APP_NAMESPACE", destination, "ARGOCD_APP_NAME", r.Name, "ARGOCD_APP_PROJECT_NAME", r.Get("spec", "project").Value(), "ARGOCD_APP_SOURCE_PATH", d.path,
		"ARGOCD_APP_SOURCE_REPO_URL", source.Get("repoURL").Value(), "ARGOCD_APP_SOURCE_TARGET_REVISION", source.Get("targetRevision").Value(),
	}
	var pairs []string
	for i := 0; i < len(environment); i += 2 {
		pairs = append(pairs, "${"+environment[i]+"}", environment[i+1], "$"+environment[i], environment[i+1])
	}
	expand := strings.NewReplacer(pairs...).Replace

	optional := helm.Get("ignoreMissingValueFiles").IsTrue()
	for _, item := range helm.Get("valueFiles").Items() {
		d.addArgoFile(expand(item.Value()), item, source, sources, optional)
	}
	if object := helm.Get("valuesObject"); object.IsMapping() {
		d.addNode(object)
		if text := helm.Get("values"); text.IsScalar() {
			d.note(text, "Argo CD ignores values beside valuesObject")
		}
	} else {
		d.addText(helm.Get("values"), helm.Get("values").Value())
	}
	var texts []*valueLayer
	for _, p := range helm.Get("parameters").Items() {
		isText := p.Get("forceString").IsTrue()
		layer := d.setLayer(p.Get("value"), p.Get("name").Value(), commas(expand(p.Get("value").Value())), isText)
		switch {
		case layer == nil:
		case isText: // helm ranks --set-string over --set
			texts = append(texts, layer)
		default:
			d.variant.sets = append(d.variant.sets, setting{layer: layer})
		}
	}
	for _, layer := range texts {
		d.variant.sets = append(d.variant.sets, setting{layer: layer})
	}
	for _, p := range helm.Get("fileParameters").Items() {
		at, path := p.Get("path"), expand(p.Get("path").Value())
		d.key += "\x00" + p.Get("name").Value() + " " + path
		d.variant.sets = append(d.variant.sets, setting{key: p.Get("name").Value(), file: valueFile{path: path, fromRoot: strings.HasPrefix(path, "/"), at: at.Locate().Span, by: d.by}})
	}
	return d
}

// addArgoFile adds an entry of valueFiles. It is named from the chart; with a slash in
// front, or with the ref of a source, from the root of a repository.
func (d *deployment) addArgoFile(path string, at, source *lint.Node, sources []*lint.Node, optional bool) {
	ref, rest, named := strings.Cut(path, "/")
	switch {
	case !at.IsScalar() || path == "":
	case strings.Contains(path, "://"):
		d.note(at, "the values file lies on the network and is not applied; only files of this tree are read")
		d.lacks(path)
	case strings.ContainsAny(path, "*?["):
		d.note(at, "the pattern %s is not expanded, and no values file of it applied; name the files", path)
	case strings.HasPrefix(path, "$"):
		for _, other := range sources {
			if name := other.Get("ref").Value(); name != "" && "$"+name == ref && named && sameRepository(other.Get("repoURL").Value(), source.Get("repoURL").Value()) {
				d.addFile(rest, true, at, optional)
				return
			}
		}
		d.note(at, "%s lies in another repository, or in none of the sources, and is not applied", path)
		d.lacks(path)
	default:
		d.addFile(path, strings.HasPrefix(path, "/"), at, optional)
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

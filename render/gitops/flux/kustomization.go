package flux

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/kustomize"
)

// IsKustomization reports whether an object is a Kustomization of Flux.
func IsKustomization(r *lint.Resource) bool {
	return r.Is("kustomize.toolkit.fluxcd.io", "Kustomization")
}

// PathOf returns the directory that a Kustomization applies, from the root of its source, and
// false where the source is no git repository or bucket, whose files a tree may hold.
func PathOf(k *lint.Resource) (string, bool) {
	switch k.Get("spec", "sourceRef", "kind").Value() {
	case "", "GitRepository", "Bucket", "OCIRepository": // flux push artifact makes the last of a tree
	default: // an ExternalArtifact is made by another controller
		return "", false
	}
	dir := k.Get("spec", "path")
	if dir.Exists() && !dir.IsScalar() {
		return "", false
	}
	return path.Clean("/" + strings.ReplaceAll(dir.Value(), `\`, "/"))[1:], true
}

// AddressOf returns the address of the GitRepository that a Kustomization or a HelmRelease takes
// its files from, where it is one of some objects; else "".
func AddressOf(r *lint.Resource, objects []*lint.Resource) string {
	ref := r.Get("spec", "sourceRef")
	if !ref.Exists() {
		ref = r.Get("spec", "chart", "spec", "sourceRef")
	}
	if ref.Get("kind").Value() != "GitRepository" {
		return ""
	}
	url := ""
	for _, o := range objects {
		if o.Is("source.toolkit.fluxcd.io", "GitRepository") && o.Name == ref.Get("name").Value() && o.Namespace == cmp.Or(ref.Get("namespace").Value(), r.Namespace) {
			if other := o.Get("spec", "url").Value(); url != "" && url != other { // one for each cluster
				return ""
			} else {
				url = other
			}
		}
	}
	return url
}

// Changes reports whether a Kustomization makes something else of its directory than
// `kustomize build` does.
func Changes(k *lint.Resource) bool {
	spec := k.Get("spec")
	for _, field := range []string{"targetNamespace", "namePrefix", "nameSuffix", "patches", "images", "components", "commonMetadata"} {
		if !spec.Get(field).IsNull() {
			return true
		}
	}
	return len(spec.Get("postBuild", "substitute").Fields()) > 0 || len(spec.Get("postBuild", "substituteFrom").Items()) > 0
}

// Patches reports whether a Kustomization patches what it applies, other Kustomizations maybe.
func Patches(k *lint.Resource) bool { return len(k.Get("spec", "patches").Items()) > 0 }

// Missing says which of the objects that a Kustomization or a HelmRelease depends on are not
// there.
func Missing(by string, r *lint.Resource, there func(name string) bool) []lint.Note {
	var notes []lint.Note
	for _, d := range r.Get("spec", "dependsOn").Items() {
		if name := d.Get("name"); name.IsScalar() && !there(name.Value()) {
			notes = append(notes, lint.Note{
				Message: fmt.Sprintf("%s: dependsOn: %s %q is not in this tree, and nothing is applied before it is ready", by, r.Kind, name.Value()),
				Span:    name.Locate().Span, Lacks: name.Value(),
			})
		}
	}
	return notes
}

// A Sources answers for the ConfigMap or Secret of a name in the namespace of a Kustomization;
// nil where the tree holds none.
type Sources func(k *lint.Resource, kind, name string) *lint.Resource

// An Applied is what a Kustomization makes of a directory.
type Applied struct {
	Change *kustomize.Change
	Notes  []lint.Note
	From   []*lint.Resource // ConfigMaps and Secrets that variables are of
	key    strings.Builder
}

// Key is the same for what comes to the same.
func (a *Applied) Key() string { return a.Change.Key() + a.key.String() }

// Apply reads a Kustomization, by its fields as
// https://fluxcd.io/flux/components/kustomize/kustomizations/ has them. exists says of a path
// from the directory that is applied whether there is something.
func Apply(by string, k *lint.Resource, sources Sources, exists func(string) bool) *Applied {
	c := &kustomize.Change{By: by}
	a := &Applied{Change: c}
	spec := k.Get("spec")
	for _, field := range [][2]string{{"targetNamespace", "namespace"}, {"namePrefix", "namePrefix"}, {"nameSuffix", "nameSuffix"}} {
		if n := spec.Get(field[0]); n.IsScalar() && n.Value() != "" {
			c.Set(field[1], c.Copy(n))
		}
	}
	for _, p := range spec.Get("patches").Items() {
		if p.Get("patch").IsScalar() {
			c.Append("patches", c.Copy(p))
		}
	}
	for _, image := range spec.Get("images").Items() {
		if image.IsMapping() {
			c.Replace("images", c.Copy(image))
		}
	}
	for _, component := range spec.Get("components").Items() {
		if component.IsScalar() && (!spec.Get("ignoreMissingComponents").IsTrue() || exists(component.Value())) {
			c.Append("components", c.Copy(component))
		}
	}
	a.variables(k, sources)
	a.metadata(spec.Get("commonMetadata"))
	return a
}

func (a *Applied) note(at *lint.Node, format string, args ...any) {
	a.Notes = append(a.Notes, lint.Note{Message: a.Change.By + ": " + fmt.Sprintf(format, args...), Span: at.Locate().Span})
}

// does not have says of the last note what is not there; see [lint.InputError.Lacks].
func (a *Applied) lacks(name string) { a.Notes[len(a.Notes)-1].Lacks = name }

// metadata adds labels and annotations to each object, not to what it makes.
func (a *Applied) metadata(common *lint.Node) {
	if !common.IsMapping() {
		return
	}
	for _, field := range []string{"labels", "annotations"} {
		for _, f := range common.Get(field).Fields() {
			span, name, value := f.Locate().Span, f.Name(), f.Value()
			fmt.Fprintf(&a.key, "\x00%s %s %s", field, name, value)
			a.Change.Then(func(m *kustomize.Made) { m.Set(span, value, "metadata", field, name) })
		}
	}
}

var variableName = lint.Regexp(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

// variables reads postBuild: the sources in order, then what the object itself sets.
func (a *Applied) variables(k *lint.Resource, sources Sources) {
	post := k.Get("spec", "postBuild")
	v := &variables{known: map[string]variable{}}
	set := func(name string, n *lint.Node, value string) {
		if !variableName().MatchString(name) {
			a.note(n, "postBuild: %q is not a variable name: Flux applies nothing", name)
			return
		}
		v.known[name] = variable{strings.ReplaceAll(value, "\n", ""), n.Locate().Span}
	}
	for _, from := range post.Get("substituteFrom").Items() {
		kind, name := from.Get("kind").Value(), from.Get("name").Value()
		source := sources(k, kind, name)
		switch {
		case source == nil:
			a.note(from.Get("name"), "substituteFrom: %s %q is not in this tree; variables that it may set stay as they are written", cmp.Or(kind, "source"), name)
			a.lacks(name)
			v.open = true
		case encrypted(source):
			a.note(from.Get("name"), "substituteFrom: %s %q is encrypted; variables that it sets stay as they are written", kind, name)
			a.lacks(name)
			v.open = true
		default:
			a.From = append(a.From, source)
			for _, h := range textsOf(source) {
				set(h.name, h.at, h.text)
			}
		}
	}
	for _, f := range post.Get("substitute").Fields() {
		set(f.Name(), f, f.Value())
	}
	if len(v.known) == 0 { // Flux substitutes nothing, defaults included
		return
	}
	names := make([]string, 0, len(v.known))
	for name, value := range v.known {
		names = append(names, fmt.Sprintf("%q=%q", name, value.text))
	}
	slices.Sort(names)
	fmt.Fprintf(&a.key, "\x00variables %v %s", v.open, strings.Join(names, " "))
	a.Change.Then(v.substitute)
}

// encrypted reports whether a Secret is one of SOPS: its values are no values.
func encrypted(r *lint.Resource) bool { return r.Root.Get("sops").IsMapping() }

var sopsValue = lint.Regexp(`^ENC\[AES256_GCM,`)

// A held text is what a key of a ConfigMap or a Secret says.
type held struct {
	name, text string
	at         *lint.Node
}

// textsOf returns what a ConfigMap or a Secret holds; what counts comes later.
func textsOf(r *lint.Resource) []held {
	var all []held
	for _, f := range r.Get("data").Fields() {
		text, ok := f.Value(), f.IsScalar()
		if r.Kind == "Secret" && ok {
			text, ok = decode(text)
		}
		if ok && !sopsValue().MatchString(text) {
			all = append(all, held{f.Name(), text, f})
		}
	}
	if r.Kind == "Secret" {
		for _, f := range r.Get("stringData").Fields() {
			if f.IsScalar() && !sopsValue().MatchString(f.Value()) {
				all = append(all, held{f.Name(), f.Value(), f})
			}
		}
	}
	return all
}

// decode reads a value of a Secret's data.
func decode(text string) (string, bool) {
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	return string(decoded), err == nil
}

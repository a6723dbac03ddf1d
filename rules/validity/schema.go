package validity

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/manilint/manilint/lint"
)

// Schema reports what the types of Kubernetes, or the CustomResourceDefinitions
// of the bundle, do not know: fields, types of values, kinds.
var Schema = &lint.Rule{
	ID:         "schema",
	Summary:    "unknown or missing field, value that the API server refuses, or unknown kind",
	Severity:   lint.Medium,
	Group:      "validity",
	Profiles:   core,
	References: []string{"OWASP K01"},
	Peers:      map[string][]string{"kube-linter": {"schema-validation"}},
	Docs:       docs, Remedy: fitSchema,
	Run: func(pass *lint.Pass) {
		custom := lint.Shared(pass.Bundle, customSchemas)
		above := make([]reflect.Type, 0, 16)
		for _, r := range pass.Resources() {
			if t, ok := builtin().kinds[gvk(r)]; ok {
				w := &walker{pass: pass, quiet: r.Is("", "Secret"), whole: !isPatch(r.Root)}
				w.value(r.Root, t, above)
				checkResources(pass, r)
				if w.whole {
					checkObject(pass, r)
				}
			} else if _, ok := builtin().groups[r.Group]; ok {
				checkKind(pass, r)
			} else if s, ok := custom[gvk(r)]; ok {
				s.check(pass, r)
			} else {
				checkContexts(pass, r)
			}
		}
	},
}

// checkContexts checks the security contexts of a custom resource of which no
// schema is known: they are those of Kubernetes in every kind that embeds pods.
func checkContexts(pass *lint.Pass, r *lint.Resource) {
	w := &walker{pass: pass}
	for _, pod := range r.PodSpecs() {
		if pod.Partial {
			continue
		}
		w.value(pod.SecurityContext(), podContextType, nil)
		for _, c := range pod.Containers() {
			w.value(c.Node.Get("securityContext"), contextType, nil)
		}
	}
}

// checkKind reports a kind that a group of Kubernetes does not have, where the
// kind that is meant can be told. Old versions are [DeprecatedAPI]'s.
func checkKind(pass *lint.Pass, r *lint.Resource) {
	k := builtin()
	if len(k.versions(r.Group, r.Kind)) > 0 {
		return
	}
	known := k.groups[r.Group][r.Version]
	if near := lint.Nearest(r.Kind, known); near != "" && len(near) > 3 && closeTo(r.Kind, near) {
		f := pass.Reportf(r.Get("kind"), "%s has no kind %q; did you mean %q?", r.APIVersion(), r.Kind, near)
		f.Help = "write kind: " + near
	} else if there := k.elsewhere(r.Kind); there != "" {
		f := pass.Reportf(r.Get("apiVersion"), "%s has no kind %q; %s has", r.APIVersion(), r.Kind, there)
		f.Help = "write apiVersion: " + there
	}
}

// closeTo is stricter than [lint.Nearest]: the core group is also used by kinds
// of other programs, which are no misspellings.
func closeTo(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if a == b || a == b+"s" || a+"s" == b {
		return true
	}
	// One letter more, less, or other; or two neighbours swapped.
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	rest, other := a[i:], b[i:]
	switch {
	case len(rest) > 0 && rest[1:] == other, len(other) > 0 && other[1:] == rest:
		return true
	case len(rest) > 0 && len(other) > 0 && rest[1:] == other[1:]:
		return true
	case len(rest) > 1 && len(other) > 1:
		return rest[0] == other[1] && rest[1] == other[0] && rest[2:] == other[2:]
	}
	return false
}

// A walker compares the nodes of an object with Go types.
type walker struct {
	pass  *lint.Pass
	quiet bool // name no value: the object is a Secret
	whole bool // what is missing is missing: the object is no patch

	wrongs int // the values of a wrong type so far
}

// isPatch reports whether an object has directives of a strategic-merge patch: what it
// does not have another object has.
func isPatch(n *lint.Node) bool {
	for _, e := range n.Fields() {
		if isDirective(e.Name()) || !e.IsScalar() && isPatch(e) {
			return true
		}
	}
	return slices.ContainsFunc(n.Items(), isPatch)
}

// value checks n against t. above are the structs around n, innermost last.
func (w *walker) value(n *lint.Node, t reflect.Type, above []reflect.Type) {
	w.check(n, shapeOf(t), above)
}

func (w *walker) check(n *lint.Node, s *shape, above []reflect.Type) {
	if n.IsNull() {
		return
	}
	switch s.kind {
	case anObject:
		w.object(n, s, above)
	case aMapping:
		if !n.IsMapping() {
			w.wrong(n, "a mapping")
			return
		}
		for _, f := range n.Fields() {
			if !isDirective(f.Name()) {
				w.check(f, s.elem, above)
			}
		}
	case aList:
		if !n.IsSequence() {
			w.wrong(n, "a list")
			return
		}
		for _, item := range n.Items() {
			w.check(item, s.elem, above)
		}
	case aQuantity:
		if !n.IsScalar() {
			w.wrong(n, "a quantity such as 100m or 64Mi")
		} else if !isPlainQuantity(n.Value()) && !isQuantity(n.Value()) {
			w.wrong(n, "a quantity such as 100m or 64Mi")
		}
	case aPort:
		if _, ok := n.Int(); !ok && !isText(n) {
			w.wrong(n, "an integer or a string")
		}
	case aTime:
		if !isText(n) && !n.IsString() {
			w.wrong(n, "a string")
		}
	case aString:
		if !isText(n) {
			w.wrong(n, "a string")
		}
	case aBoolean:
		if _, ok := n.Bool(); !ok {
			w.wrong(n, "true or false")
		}
	case anInteger:
		if _, ok := n.Int(); !ok {
			w.wrong(n, "an integer")
		}
	case aNumber:
		if !n.IsScalar() || n.Tag() != "!!int" && n.Tag() != "!!float" {
			w.wrong(n, "a number")
		}
	case opaque:
	}
}

func isQuantity(text string) bool {
	_, err := resource.ParseQuantity(text)
	return err == nil
}

// isPlainQuantity tells what nearly all quantities are, some digits and perhaps a unit, without
// reading it: it is one, and not negative.
func isPlainQuantity(text string) bool {
	digits := 0
	for digits < len(text) && '0' <= text[digits] && text[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > 12 {
		return false
	}
	switch text[digits:] {
	case "", "m", "k", "M", "G", "Ki", "Mi", "Gi":
		return true
	}
	return false
}

// isText reports whether Kubernetes' reader takes n for a string: it follows
// YAML 1.1, where yes and on are booleans. kustomize quotes such words.
func isText(n *lint.Node) bool {
	if !n.IsString() {
		return false
	}
	_, word := n.Bool()
	return !word || n.Resource() != nil && n.Resource().Bundle.Rendering.Kind == "kustomize"
}

func (w *walker) object(n *lint.Node, s *shape, above []reflect.Type) {
	if !n.IsMapping() {
		w.wrong(n, "a mapping")
		return
	}
	t, known, whole := s.typ, s.fields(), w.whole
	around := append(above, t) //nolint:gocritic // what is around siblings is written over, and kept by nobody
	if whole && len(known.required) > 0 {
		w.require(n, t, known.required)
	}
	for _, f := range n.Fields() {
		field := known.field(f.Name())
		if field == nil {
			if !w.tolerated(n, f) {
				w.unknown(f, t, above)
			}
			continue
		}
		w.whole = whole && !(len(above) == 0 && f.Name() == "status") // what a controller reports
		wrongs := w.wrongs
		w.check(f, field.shape, around)
		if w.wrongs == wrongs && w.whole && field.limited {
			w.limit(f, t, field)
		}
		w.whole = whole
	}
}

// tolerated reports whether another program reads an unknown field before
// Kubernetes sees the object, or nobody set it.
func (w *walker) tolerated(n, f *lint.Node) bool {
	return isDirective(f.Name()) || f.IsNull() || n.Parent() == nil && f.Name() == "sops" && f.IsMapping()
}

// isDirective tells the directives of strategic-merge patches.
func isDirective(name string) bool { return strings.HasPrefix(name, "$") }

func (w *walker) unknown(f *lint.Node, t reflect.Type, above []reflect.Type) {
	message := fmt.Sprintf("unknown field %q in %s has no effect", f.Name(), nounOf(t))
	near := lint.Nearest(f.Name(), names(t))
	hint, help := "", ""
	switch there := elsewhere(f.Name(), t, above); {
	case strings.EqualFold(near, f.Name()) || there == "" && near != "":
		hint, help = fmt.Sprintf("; did you mean %q?", near), renameTo+near
	case there != "":
		hint, help = "; it belongs in "+there, "move it to "+there
	}
	w.pass.Report(f.KeyNode(), message+hint).Help = help
}

// What to do about a finding of the schema, for its remedy.
const (
	renameTo    = "rename it to "
	putInQuotes = "put it in quotes"
)

func nounOf(t reflect.Type) string { return t.Name() }

func names(t reflect.Type) []string {
	var all []string
	for _, f := range fieldsOf(t) {
		all = append(all, f.name)
	}
	return all
}

// elsewhere searches for a field near the struct t that does not have it: in the structs
// around t, innermost first, and in each case up to two levels below. It returns the path from
// the nearest common struct, "" where none is found. Names that any struct might have tell nothing.
func elsewhere(name string, t reflect.Type, above []reflect.Type) string {
	if name == "name" || name == "type" || name == "kind" || name == "value" || name == "key" {
		return ""
	}
	if path := below(name, t); path != "" {
		return path + " of the same " + nounOf(t)
	}
	for i := len(above) - 1; i >= 0; i-- {
		if structOf(above[i]).field(name) != nil {
			return "the " + nounOf(above[i]) + " around it"
		}
		if path := below(name, above[i]); path != "" {
			return path + " of the " + nounOf(above[i])
		}
	}
	return ""
}

// below returns the path of the struct, one or two levels below t, that has a field of the name.
func below(name string, t reflect.Type) string {
	type level struct {
		path string
		typ  reflect.Type
	}
	level0 := []level{{"", t}}
	for range 2 {
		var next []level
		for _, l := range level0 {
			for _, f := range fieldsOf(l.typ) {
				ft, suffix := indirect(f.typ), ""
				if ft.Kind() == reflect.Slice {
					ft, suffix = indirect(ft.Elem()), "[]"
				}
				if ft.Kind() != reflect.Struct || isOpaque(ft) || f.name == "status" || f.name == "metadata" || f.name == "ephemeralContainers" || f.name == "initContainers" {
					continue
				}
				path := strings.TrimPrefix(l.path+"."+f.name+suffix, ".")
				if structOf(ft).field(name) != nil {
					return path
				}
				next = append(next, level{path, ft})
			}
		}
		level0 = next
	}
	return ""
}

// wrong reports a value of the wrong type. It is named where a number, a boolean or the
// like belongs: what is instead of a text, a list or a mapping may be a secret.
func (w *walker) wrong(n *lint.Node, expected string) {
	if n.IsScalar() && isFilledIn(n.Value()) {
		return
	}
	name := n.Name()
	if n.Index() >= 0 {
		name = fmt.Sprintf("%s[%d]", n.Parent().Name(), n.Index())
	}
	w.wrongs++
	quiet := w.quiet || expected == "a string" || expected == "a mapping" || expected == "a list"
	f := w.pass.Reportf(n, "%s is %s where %s belongs", name, describe(n, quiet), expected)
	if expected == "a string" && n.IsScalar() {
		f.Help = putInQuotes
	}
}

// describe returns what a node is, with the value of a short scalar: of a boolean, which
// is a word such as yes, always.
func describe(n *lint.Node, quiet bool) string {
	what := "a mapping"
	switch {
	case n.IsSequence():
		return "a list"
	case n.IsScalar():
		what = "a string"
		if _, ok := n.Bool(); ok {
			what = "a boolean"
		} else if tag := n.Tag(); tag == "!!int" || tag == "!!float" {
			what = "a number"
		}
		if len(n.Value()) <= 40 && (!quiet || what == "a boolean") && n.Value() != "" {
			what += fmt.Sprintf(" (%q)", n.Value())
		}
		if n.Value() == "" {
			what = "an empty string"
		}
	}
	return what
}

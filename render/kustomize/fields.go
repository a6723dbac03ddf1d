package kustomize

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A mistake is a value of a kustomization that kustomize does not decode, or refuses
// once it has. The overlay is built without it.
type mistake struct {
	at      *yaml.Node
	message string
	out     *yaml.Node // what is taken out
}

// mistakes finds what kustomize refuses in a kustomization's fields, by the types that
// it decodes them into. There are none where kustomize decodes it.
func mistakes(root *yaml.Node) []mistake {
	clean := clone(root)
	text, err := yaml.Marshal(clean)
	if err != nil {
		return nil
	}
	var decoded types.Kustomization
	if decoded.Unmarshal(text) == nil && len(decoded.EnforceFields()) == 0 {
		return nil
	}
	c := checker{}
	c.check("the kustomization", root, reflect.TypeFor[types.Kustomization](), root, nil)
	c.identity(root)
	return c.found
}

type checker struct{ found []mistake }

func (c *checker) add(at, out *yaml.Node, format string, args ...any) {
	c.found = append(c.found, mistake{at, fmt.Sprintf(format, args...), out})
}

// identity checks apiVersion and kind, of which kustomize knows one pair for overlays
// and one for components.
func (c *checker) identity(root *yaml.Node) {
	kind, api := fold(root, "kind"), fold(root, "apiVersion")
	want := types.KustomizationVersion
	switch text(kind) {
	case types.ComponentKind:
		want = types.ComponentVersion
	case "", types.KustomizationKind:
	default:
		c.add(kind, kind, "kind is %q, which kustomize does not support; write %s, or %s for what overlays share", kind.Value, types.KustomizationKind, types.ComponentKind)
	}
	if v := text(api); v != "" && v != want {
		c.add(api, api, "apiVersion is %q, which kustomize does not support for this kind; write %s", v, want)
	}
}

// check compares a value with the Go type that kustomize decodes it into, as
// encoding/json does: names in any case, null for everything. item is the innermost
// list item that holds the value: half of one is none.
func (c *checker) check(name string, n *yaml.Node, t reflect.Type, out, item *yaml.Node) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n = unalias(n); n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if item != nil {
		out = item
	}
	switch t.Kind() {
	case reflect.Interface:
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.add(n, out, "%s is %s where kustomize expects a list; write each entry after a dash", name, describe(n))
			return
		}
		for _, e := range n.Content {
			in := e
			if item != nil && t.Elem().Kind() != reflect.String { // a target without its replacement is none
				in = item
			}
			c.check("an entry of "+name, e, t.Elem(), e, in)
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			c.add(n, out, "%s is %s where kustomize expects a mapping; write it as key: value", name, describe(n))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v := n.Content[i+1]
			c.check(n.Content[i].Value, v, t.Elem(), v, item)
		}
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			c.add(n, out, "%s is %s where kustomize expects a mapping%s", name, describe(n), fieldsOf(t))
			return
		}
		fields := fieldTypes(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, v := n.Content[i], n.Content[i+1]
			if key.Value == "<<" {
				continue
			}
			f, known := fields[strings.ToLower(key.Value)]
			if !known {
				drop := v
				if item != nil {
					drop = item
				}
				c.add(key, drop, "kustomize has no field %q here%s", key.Value, near(key.Value, t))
				continue
			}
			c.check(key.Value, v, f, v, item)
		}
	default:
		if message := scalarMistake(name, n, t); message != "" {
			c.add(n, out, "%s", message)
		}
	}
}

// scalarMistake says how a value does not fit a scalar type; "" where it does.
func scalarMistake(name string, n *yaml.Node, t reflect.Type) string {
	want, advice := "a text", "quote it"
	_, isBool := lint.NewNode(n).Bool() // by YAML 1.1: y, on
	isBool = isBool && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	var fits bool
	switch t.Kind() {
	case reflect.String:
		fits = n.ShortTag() != "!!int" && n.ShortTag() != "!!float" && !isBool && n.ShortTag() != "!!bool"
		if n.Kind != yaml.ScalarNode {
			advice = "write it after a | as a block of text"
			if name != "patch" {
				advice = "write one value"
			}
		}
	case reflect.Bool:
		want, advice, fits = "true or false", "write it without quotes", isBool || n.ShortTag() == "!!bool"
	default:
		want, advice = "a whole number", "write digits, without quotes"
		_, err := strconv.ParseInt(n.Value, 0, t.Bits())
		fits = n.ShortTag() == "!!int" && err == nil
	}
	if fits && n.Kind == yaml.ScalarNode {
		return ""
	}
	return fmt.Sprintf("%s is %s where kustomize expects %s; %s", name, describe(n), want, advice)
}

// describe says what a value is, in YAML's words.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if _, isBool := lint.NewNode(n).Bool(); isBool && n.Style == 0 {
		return "true or false to YAML"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	}
	return "a text"
}

// fieldTypes returns the fields of a struct, by their names in lower case, as
// encoding/json sees them.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case name == "" && f.Anonymous:
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for k, v := range fieldTypes(inner) {
				if _, own := fields[k]; !own {
					fields[k] = v
				}
			}
		default:
			if name == "" {
				name = f.Name
			}
			fields[strings.ToLower(name)] = f.Type
		}
	}
	return fields
}

// names returns the fields of a struct as its documentation spells them.
func names(t reflect.Type) []string {
	var all []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			all = append(all, names(f.Type)...)
		case name != "" && name != "-":
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fieldsOf lists the fields of a struct where they are few.
func fieldsOf(t reflect.Type) string {
	if all := names(t); len(all) > 0 && len(all) <= 6 {
		return " of " + strings.Join(all, ", ")
	}
	return ""
}

// retired are fields that kustomize once had, and what is written in their place.
var retired = map[string]string{
	"inventory":     "kustomize has removed it; remove it",
	"commands":      "kustomize has removed it, since it ran programs; generate from files, literals or envs",
	"namereference": "put it in a file that configurations lists",
	"varreference":  "put it in a file that configurations lists",
}

// near says what to write instead of a field that kustomize does not know.
func near(word string, t reflect.Type) string {
	if advice := retired[strings.ToLower(word)]; advice != "" {
		return "; " + advice
	}
	if found := lint.Nearest(word, names(t)); found != "" {
		return fmt.Sprintf("; did you mean %q?", found)
	}
	if few := fieldsOf(t); few != "" {
		return "; it knows" + strings.TrimPrefix(few, " of")
	}
	return "; correct it, or remove it"
}

package argocd

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// params are the parameters that a generator makes for one Application.
type params struct {
	// data is nested for Go templates, and by dotted keys for the old form.
	data map[string]any
	// places are where the parameters stand: by the keys of data, joined as [trace.Child] does.
	places map[string]lint.Span
	// open says that there are more, which nobody knows here.
	open bool
	from map[string]bool // files that they were read from, absolute
}

func newParams() *params {
	return &params{data: map[string]any{}, places: map[string]lint.Span{}, from: map[string]bool{}}
}

func (p *params) clone() *params {
	return &params{data: copied(p.data).(map[string]any), places: maps.Clone(p.places), open: p.open, from: maps.Clone(p.from)}
}

// copied returns a copy of decoded YAML.
func copied(v any) any {
	switch x := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = copied(e)
		}
		return m
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = copied(e)
		}
		return list
	}
	return v
}

// set sets a parameter, and its place.
func (p *params) set(value any, at lint.Span, keys ...string) {
	m, path := p.data, ""
	for _, k := range keys[:len(keys)-1] {
		path = trace.Child(path, k)
		next, _ := m[k].(map[string]any)
		if next == nil {
			next = map[string]any{}
			m[k] = next
		}
		m = next
	}
	last := keys[len(keys)-1]
	m[last] = value
	p.places[trace.Child(path, last)] = at
}

// place returns where a parameter stands, or the nearest that holds it.
func (p *params) place(path string) (lint.Span, bool) {
	for {
		if at, ok := p.places[path]; ok && at.IsValid() {
			return at, true
		}
		i := strings.LastIndexByte(path, 0)
		if i < 0 {
			return lint.Span{}, false
		}
		path = path[:i]
	}
}

// files returns the files that parameters were read from.
func (p *params) files() []string { return slices.Sorted(maps.Keys(p.from)) }

// merge adds parameters; where both have one, those of over count. What is nested is merged
// field by field.
func (p *params) merge(over *params) {
	var merge func(into, from map[string]any)
	merge = func(into, from map[string]any) {
		for k, v := range from {
			below, isMap := v.(map[string]any)
			if have, ok := into[k].(map[string]any); ok && isMap {
				merge(have, below)
				continue
			}
			into[k] = v
		}
	}
	merge(p.data, copied(over.data).(map[string]any))
	maps.Copy(p.places, over.places)
	maps.Copy(p.from, over.from)
	p.open = p.open || over.open
}

// decoded returns a node as decoded YAML.
func decoded(n *lint.Node) any {
	var v any
	text, err := kyaml.NewRNode(n.YAML()).String()
	if err != nil || yaml.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}

// read adds the fields of a mapping. at returns where a node stands.
func (p *params) read(n *lint.Node, nested bool, at func(*lint.Node) lint.Span) {
	v, ok := decoded(n).(map[string]any)
	if !ok {
		return
	}
	var place func(n *lint.Node, path string)
	if nested {
		maps.Copy(p.data, v)
		place = func(n *lint.Node, path string) {
			for _, f := range n.Fields() {
				child := trace.Child(path, f.Name())
				p.places[child] = at(f)
				place(f, child)
			}
			for i, item := range n.Items() {
				child := trace.Child(path, strconv.Itoa(i))
				p.places[child] = at(item)
				place(item, child)
			}
		}
		place(n, "")
		return
	}
	maps.Copy(p.data, flat(v))
	place = func(n *lint.Node, path string) {
		join := func(name string) string {
			if path == "" {
				return name
			}
			return path + "." + name
		}
		for _, f := range n.Fields() {
			p.places[join(f.Name())] = at(f)
			place(f, join(f.Name()))
		}
		for i, item := range n.Items() {
			p.places[join(strconv.Itoa(i))] = at(item)
			place(item, join(strconv.Itoa(i)))
		}
	}
	place(n, "")
}

// flat returns decoded YAML by dotted keys, each value as text.
func flat(v map[string]any) map[string]any {
	out := map[string]any{}
	var add func(key string, v any)
	add = func(key string, v any) {
		prefix := key + "."
		if key == "" {
			prefix = ""
		}
		switch x := v.(type) {
		case map[string]any:
			for k, e := range x {
				add(prefix+k, e)
			}
		case []any:
			for i, e := range x {
				add(prefix+strconv.Itoa(i), e)
			}
		case float64:
			out[key] = strconv.FormatFloat(x, 'f', -1, 64)
		case nil:
			out[key] = "<nil>" // as Go prints it, which Argo CD does
		default:
			out[key] = fmt.Sprint(x)
		}
	}
	add("", v)
	return out
}

// selects reports whether a label selector matches parameters, as their texts by dotted keys.
func selects(selector *lint.Node, p *params) bool {
	have := flat(p.data)
	value := func(key string) (string, bool) {
		v, ok := have[key].(string)
		return v, ok
	}
	for key, want := range selector.Get("matchLabels").StringMap() {
		if v, ok := value(key); ok && v != want || !ok && !p.open {
			return false
		}
	}
	for _, e := range selector.Get("matchExpressions").Items() {
		v, ok := value(e.Get("key").Value())
		if !ok && p.open {
			continue
		}
		in := ok && slices.Contains(e.Get("values").Strings(), v)
		switch e.Get("operator").Value() {
		case "In":
			if !in {
				return false
			}
		case "NotIn":
			if in {
				return false
			}
		case "Exists":
			if !ok {
				return false
			}
		case "DoesNotExist":
			if ok {
				return false
			}
		}
	}
	return true
}

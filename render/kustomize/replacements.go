package kustomize

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A replacement copies one value to one field path of some objects.
type replacement struct {
	value   *yaml.Node             // where it is copied from: as it was, with its place, or sourceValue;
	place   func(*yaml.Node) place // of it and of what it holds
	to      place                  // of the field path
	path    []string
	targets map[*resource.Resource]bool
	of      *resource.Resource // what the value is of, nil for sourceValue,
	from    []string           // and where in it
}

// replacements lists what a ReplacementTransformer is going to copy, in its order.
// What does not fit is left out: kustomize will say so itself.
func (w *writer) replacements(m resmap.ResMap) []replacement {
	var list []replacement
	add := func(n *yaml.Node, place func(*yaml.Node) place) {
		var spec types.Replacement
		if n.Decode(&spec) != nil {
			return
		}
		one := replacement{place: place, value: fold(n, "sourceValue")}
		if spec.Source != nil {
			one.value, one.of, one.from = w.b.source(m, spec.Source)
			one.place = at
		}
		nodes := items(fold(n, "targets"))
		for i, t := range spec.Targets {
			if t == nil || t.Select == nil || i >= len(nodes) {
				continue
			}
			one.targets = targets(m, t)
			fields := items(fold(unalias(nodes[i]), "fieldPaths"))
			if len(fields) == 0 {
				one.to, one.path = place(unalias(nodes[i])), []string{"metadata", "name"}
				list = append(list, one)
			}
			for _, f := range fields {
				one.to, one.path = place(f), utils.SmarterPathSplitter(unalias(f).Value, ".")
				list = append(list, one)
			}
		}
	}
	if w.copying != nil {
		add(w.copying.node, w.copying.place)
		return list
	}
	for _, e := range w.copyings() {
		add(e.node, e.place)
	}
	return list
}

// A copying is an entry of replacements, or one that a file of it holds.
type copying struct {
	node  *yaml.Node
	place func(*yaml.Node) place // of it and of what it holds
}

// copyings lists the entries of a ReplacementTransformer, in its order. Of a file that
// holds none it is the entry that names it.
func (w *writer) copyings() []copying {
	var all []copying
	for _, e := range items(w.of("replacements")) {
		e = unalias(e)
		p := fold(e, "path")
		before := len(all)
		if text(p) != "" && len(e.Content) == 2 { // with more kustomize refuses it
			for _, d := range w.b.documents(w.file(p.Value), rolePlugin) {
				if d.Kind == yaml.MappingNode {
					all = append(all, copying{d, at})
				}
				for _, x := range items(d) {
					all = append(all, copying{unalias(x), at})
				}
				break // kustomize reads no further one
			}
		}
		if len(all) == before {
			all = append(all, copying{e, w.place})
		}
	}
	return all
}

// multiplies reports that the copies of a transformer are too many.
func (w *writer) multiplies() error {
	all := 0
	for _, c := range w.copies {
		if c.targets[c.of] && inside(c.path, c.from) {
			return errItself
		}
		if all += size(unalias(c.value)) * len(c.targets); all > maxNodes {
			return errGrown
		}
	}
	return nil
}

// inside reports whether a field path may lead into what another one names.
func inside(path, outer []string) bool {
	if len(path) <= len(outer) {
		return false
	}
	for i, step := range outer {
		if p := path[i]; p != step && p != "*" && step != "*" && !strings.HasPrefix(p, "[") && !strings.HasPrefix(step, "[") {
			return false
		}
	}
	return true
}

// doubles reports whether several entries copy more than single values, so that one may
// copy what another has: those are applied one by one, and counted in between.
func (w *writer) doubles(m resmap.ResMap) bool {
	if w.kind != "ReplacementTransformer" || w.copying != nil || len(w.copyings()) < 2 {
		return false
	}
	w.b.look(m)
	return slices.ContainsFunc(w.replacements(m), func(c replacement) bool {
		v := unalias(c.value)
		return v != nil && v.Kind != yaml.ScalarNode
	})
}

// source returns the value that a replacement copies, as it is before; nil where
// it is not one object's.
func (b *build) source(m resmap.ResMap, s *types.SourceSelector) (value *yaml.Node, of *resource.Resource, path []string) {
	if path = utils.SmarterPathSplitter(s.FieldPath, "."); s.FieldPath == "" {
		path = utils.SmarterPathSplitter(types.DefaultReplacementFieldPath, ".")
	}
	for _, r := range m.Resources() {
		for _, id := range append([]resid.ResId{r.CurId()}, r.PrevIds()...) {
			if id.IsSelectedBy(s.ResId) && b.trees[r] != nil {
				v, err := yaml.NewRNode(b.trees[r]).Pipe(yaml.Lookup(path...))
				if err != nil || v == nil {
					return nil, r, path
				}
				return v.YNode(), r, path
			}
		}
	}
	return nil, nil, nil
}

// targets returns the objects that a replacement writes to.
func targets(m resmap.ResMap, t *types.TargetSelector) map[*resource.Resource]bool {
	found := map[*resource.Resource]bool{}
	selector, err := types.NewTargetSelectorRegex(t)
	if err != nil {
		return nil
	}
	matches := func(r *resource.Resource, s *types.Selector) bool {
		labels, err := r.MatchesLabelSelector(s.LabelSelector)
		if err != nil {
			return false
		}
		annotations, err := r.MatchesAnnotationSelector(s.AnnotationSelector)
		return err == nil && labels && annotations
	}
	for _, r := range m.Resources() {
		ids := append([]resid.ResId{r.CurId()}, r.PrevIds()...)
		selected := false
		for _, id := range ids {
			selected = selected || selector.Selects(id)
		}
		if !selected || selector.RejectsAny(ids) || !matches(r, t.Select) {
			continue
		}
		rejected := false
		for _, s := range t.Reject {
			rejected = rejected || s != nil && (s.LabelSelector != "" || s.AnnotationSelector != "") && matches(r, s)
		}
		if !rejected {
			found[r] = true
		}
	}
	return found
}

// copied returns what the replacements say they wrote into an object: a value stands
// where it was copied from. Of several the last one wrote last.
func (w *writer) copied(r *resource.Resource, post *yaml.Node) claim {
	places := map[*yaml.Node]place{}
	var last place
	for _, c := range w.copies {
		if !c.targets[r] {
			continue
		}
		last = c.to
		for _, n := range reached(post, c.path) {
			w.copy(places, c, n, c.value)
		}
	}
	return func(_ []string, post, pre *yaml.Node) place {
		if p, ok := places[post]; ok {
			return p
		}
		if pre == nil {
			return last
		}
		return place{}
	}
}

func (w *writer) copy(places map[*yaml.Node]place, c replacement, n, from *yaml.Node) {
	if from = unalias(from); from == nil {
		places[n] = c.to
	} else {
		places[n] = w.b.through(c.place(from), c.to, copied)
	}
	for i, x := range n.Content {
		switch {
		case from == nil || from.Kind != n.Kind:
			w.copy(places, c, x, nil)
		case n.Kind == yaml.MappingNode && i%2 == 1:
			_, v := field(from, n.Content[i-1].Value)
			w.copy(places, c, x, v)
		case n.Kind == yaml.SequenceNode && i < len(from.Content):
			w.copy(places, c, x, from.Content[i])
		}
	}
}

// reached returns the values that a field path leads to, or the text that its last
// steps lead into.
func reached(root *yaml.Node, path []string) []*yaml.Node {
	for n := len(path); n > 0; n-- {
		found, err := yaml.NewRNode(root).Pipe(&yaml.PathMatcher{Path: path[:n]})
		if err != nil || found == nil || len(found.YNode().Content) == 0 {
			continue
		}
		nodes := found.YNode().Content
		if n < len(path) && nodes[0].Kind != yaml.ScalarNode {
			return nil
		}
		return nodes
	}
	return nil
}

package kustomize

import (
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A removal is a field that a transformer took out of an object. What is missing
// then is fixed where it was taken out, not in the base, which has it.
type removal struct {
	path []string   // as stepsOf writes it
	was  *yaml.Node // with its places
	by   place
}

// removals records what a transformer took out of an object.
func (b *build) removals(w *writer, r *resource.Resource, pre, post *yaml.Node) {
	var walk func(pre, post *yaml.Node, path, steps []string)
	walk = func(pre, post *yaml.Node, path, steps []string) { // what is called keeps nothing of these two
		if post == nil || pre.Kind != post.Kind {
			return
		}
		switch pre.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(pre.Content); i += 2 {
				key, was := pre.Content[i].Value, pre.Content[i+1]
				there, here := append(path, key), append(steps, key) //nolint:gocritic // path and steps are written again only when these have been used
				if _, now := field(post, key); now != nil {
					walk(was, now, there, here)
				} else if by := w.remover(there, here); by.known() {
					b.removed[r] = append(b.removed[r], removal{slices.Clone(here), was, by})
				}
			}
		case yaml.SequenceNode:
			for was, item := range pre.Content {
				name := text(get(item, "name"))
				if i := slices.IndexFunc(post.Content, func(n *yaml.Node) bool { return name != "" && text(get(n, "name")) == name }); i >= 0 && at(post.Content[i]) == at(item) { // else the item was written as a whole, and lacks what it lacks there
					walk(item, post.Content[i], append(path, strconv.Itoa(was)), append(steps, "[name="+name+"]"))
				}
			}
		}
	}
	walk(pre, post, make([]string, 0, 16), make([]string, 0, 16))
}

// remover returns the place in a patch that takes out the field at path; steps
// names the items of lists on it. Else it returns that of the entry.
func (w *writer) remover(path, steps []string) place {
	var found place
	for _, doc := range w.docs {
		if doc.Kind != yaml.SequenceNode {
			if p := merged(doc, steps); p.known() {
				found = p
			}
			continue
		}
		// an operation in front of it may have moved the items of a list
		for _, exactly := range []bool{false, true} {
			for _, op := range doc.Content {
				name, pointer := text(get(op, "op")), unalias(get(op, "path"))
				if name == "move" {
					pointer = unalias(get(op, "from"))
				}
				if name != "test" && name != "add" && name != "copy" && leads(text(pointer), path, exactly) {
					found = at(pointer)
				}
			}
		}
	}
	switch {
	case found.known():
		return found
	case w.plugin != nil:
		return at(w.plugin)
	case w.node != nil:
		return w.place(w.anchor())
	}
	return place{}
}

// leads reports whether a JSON pointer names the field at path, or what holds it;
// of list items, unless exactly, whichever.
func leads(pointer string, path []string, exactly bool) bool {
	to := tokens(pointer)
	if len(to) == 0 || len(to) > len(path) {
		return false
	}
	for i, t := range to {
		if _, err := strconv.Atoi(path[i]); t != path[i] && (exactly || err != nil) {
			return false
		}
	}
	return true
}

// merged returns where a strategic merge patch takes out the field that steps lead
// to: at a null, or at a $patch directive above it.
func merged(doc *yaml.Node, steps []string) place {
	var found place
	for _, step := range steps {
		doc = unalias(doc)
		if directive := get(doc, "$patch"); text(directive) == "replace" || text(directive) == "delete" {
			found = at(directive)
		}
		if name, ok := strings.CutPrefix(step, "[name="); ok {
			i := slices.IndexFunc(items(doc), func(n *yaml.Node) bool { return text(get(unalias(n), "name"))+"]" == name })
			if i < 0 {
				return found
			}
			doc = items(doc)[i]
			continue
		}
		if _, doc = field(doc, step); doc == nil {
			return found
		}
	}
	if doc = unalias(doc); doc != nil && doc.Kind == yaml.ScalarNode && doc.ShortTag() == "!!null" {
		return at(doc)
	}
	if directive := get(doc, "$patch"); directive != nil {
		return at(directive)
	}
	return found
}

// stepsOf returns the fields and the named items that lead to a node of a result;
// nil where an item on the way has no name.
func stepsOf(n *lint.Node) []string {
	var steps []string
	for ; n.Parent() != nil; n = n.Parent() {
		if n.Index() < 0 {
			steps = append(steps, n.Name())
			continue
		}
		name := n.Get("name").Value()
		if name == "" {
			return nil
		}
		steps = append(steps, "[name="+name+"]")
	}
	slices.Reverse(steps)
	return steps
}

// removal returns what took out the field n, on its own or with what held it, and
// the field as it was; by is unknown where nothing did.
func (b *build) removal(n *lint.Node) (by place, was *yaml.Node) {
	root := n
	for root.Parent() != nil {
		root = root.Parent()
	}
	all := b.gone[root.YAML()]
	if len(all) == 0 {
		return place{}, nil
	}
	steps, there := stepsOf(n), len(stepsOf(n.Nearest()))
	for i := len(all) - 1; i >= 0; i-- {
		r := &all[i]
		if len(r.path) > there && len(r.path) <= len(steps) && slices.Equal(r.path, steps[:len(r.path)]) {
			if was := lookup(r.was, steps[len(r.path):]); was != nil {
				return r.by, was
			}
		}
	}
	return place{}, nil
}

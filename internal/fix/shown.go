package fix

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
)

// shown is what one rendering of a tree shows.
type shown struct {
	objects  map[string]string // their leaves, by objectKey and the number of its kind
	findings map[string]int    // by keyOf
	known    map[string]int    // the same, with those that yielded or that are ignored
	errors   map[string]int    // by what they say
	worst    map[string]lint.Severity
}

func newShown() *shown {
	return &shown{objects: map[string]string{}, findings: map[string]int{}, known: map[string]int{}, errors: map[string]int{}, worst: map[string]lint.Severity{}}
}

// objectKey names an object. Its version may be what a fix changes.
func objectKey(r *lint.Resource) string {
	return r.Kind + "\x00" + r.Namespace + "\x00" + r.Name
}

// keyOf names a finding of a rendering.
func keyOf(f *lint.Finding) string {
	return strings.Join([]string{f.Rule.ID, f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Path, f.Key}, "\x00")
}

// addObjects takes down the objects of a bundle.
func (s *shown) addObjects(b *lint.Bundle) {
	for _, r := range b.Resources {
		key := objectKey(r)
		for n := 0; ; n++ {
			numbered := key + "\x00" + fmt.Sprint(n)
			if _, known := s.objects[numbered]; !known {
				s.objects[numbered] = flat(r.Root.YAML())
				break
			}
		}
	}
}

var digits = regexp.MustCompile(`\d+`)

// addResult takes down what was found.
func (s *shown) addResult(r *engine.Result) {
	found, yielded, hidden := r.Found()
	for _, f := range found {
		s.findings[keyOf(f)]++
	}
	for _, f := range slices.Concat(found, yielded, hidden) {
		s.known[keyOf(f)]++
		s.worst[keyOf(f)] = max(s.worst[keyOf(f)], f.Severity)
	}
	for _, e := range r.Errors { // whose lines may move
		s.errors[digits.ReplaceAllString(e.Message, "0")]++
	}
}

// leavesOf returns the leaves of a tree by their paths, as flat writes them.
func leavesOf(n *yaml.Node, path string, into map[string]string) {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		for _, f := range lint.NewNode(n).Fields() {
			leavesOf(f.YAML(), under(path, f.Name()), into)
		}
		keys := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if keys[key] { // no remedy asks for that
				into[under(path, key+twice)] = key
			}
			keys[key] = true
		}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		for i, c := range n.Content {
			leavesOf(c, under(path, fmt.Sprint(i)), into)
		}
	case n.Kind == yaml.MappingNode:
		into[path] = "{}"
	case n.Kind == yaml.SequenceNode:
		into[path] = "[]"
	default:
		into[path] = n.ShortTag() + " " + n.Value
	}
}

const separator = "\x01"

// twice marks a leaf that stands for a key which is written more than once.
const twice = " (written twice)"

func under(path, field string) string {
	if path == "" {
		return field
	}
	return path + separator + field
}

// flat writes the leaves of a tree as one text.
func flat(n *yaml.Node) string {
	leaves := map[string]string{}
	leavesOf(n, "", leaves)
	lines := make([]string, 0, len(leaves))
	for path, value := range leaves {
		lines = append(lines, path+"\x02"+value)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\x03")
}

func unflat(text string) map[string]string {
	leaves := map[string]string{}
	for line := range strings.SplitSeq(text, "\x03") {
		path, value, _ := strings.Cut(line, "\x02")
		leaves[path] = value
	}
	return leaves
}

// pathOf returns the path of a node of an object, which may be missing.
func pathOf(n *lint.Node) string {
	var fields []string
	for ; n.Parent() != nil; n = n.Parent() {
		if n.Index() >= 0 {
			fields = append(fields, fmt.Sprint(n.Index()))
		} else {
			fields = append(fields, n.Name())
		}
	}
	slices.Reverse(fields)
	return strings.Join(fields, separator)
}

// below reports whether a path is another one or lies below it.
func below(path, top string) bool {
	return path == top || strings.HasPrefix(path, top+separator) || top == ""
}

// allows reports whether a change of a leaf is one that the intent asks for. A value of ""
// is none.
func (i *intent) allows(path, before, after string) bool {
	hollow := func(value string) bool { return value == "{}" || value == "[]" || strings.HasPrefix(value, "!!null") }
	switch {
	case after == "" && hollow(before) && below(i.path, path): // it is filled
		return true
	case i.op == lint.Renamed:
		return below(path, i.path) && after == "" || below(path, i.renamed) && before == ""
	case i.op == lint.Removed && path == i.path && before == "!!bool true" && after == "!!bool false": // the same to Kubernetes
		return true
	case i.op == lint.Removed:
		return below(path, i.path) && after == "" || before == "" && hollow(after) && below(i.path, path)
	case i.op == lint.AddItem:
		return below(path, i.path)
	case after == "": // replaced by something of another form
		return below(path, i.path) && len(i.leaves) > 0 && i.leaves[path] == "" && i.leaves[i.path] != ""
	}
	return i.leaves[path] == after
}

// done reports whether an object got what the other edits of the same remedy ask for: it may not
// get a part, as a read-only root file system without the directories that are written to. now are
// its leaves, differ the changes of all objects, and key is its own among them.
func (i *intent) done(now map[string]string, differ []change, key string) bool {
	for _, other := range i.whole {
		if other == i || other.object != i.object {
			continue
		}
		switch other.op {
		case lint.SetValue:
			for path := range other.leaves {
				if now[path] == "" {
					return false
				}
			}
		case lint.AddItem:
			if !slices.ContainsFunc(differ, func(c change) bool { return c.object == key && below(c.path, other.path) }) {
				return false
			}
		}
	}
	return true
}

// intend takes down what a remedy asks of an object.
func (s *Session) intend(rendering lint.Rendering, object string, safe bool, e lint.Edit) *intent {
	i := &intent{op: e.Op, path: pathOf(e.Node), leaves: map[string]string{}, object: object}
	if e.Op == lint.Removed && e.Node.Index() >= 0 { // those behind it move up
		i.op, i.path = lint.AddItem, pathOf(e.Node.Parent())
	}
	if name, ok := e.Value.(string); ok && e.Op == lint.Renamed {
		i.renamed = under(pathOf(e.Node.Parent()), name)
	}
	if e.Op == lint.SetValue {
		leavesOf(valueNode(e.Value), i.path, i.leaves)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := intentKey{rendering, object}
	s.intents[key] = append(s.intents[key], i)
	if safe {
		s.safeIntents[key] = append(s.safeIntents[key], i)
	}
	return i
}

type intentKey struct {
	rendering lint.Rendering
	object    string
}

// A change is a leaf of an object that differs.
type change struct {
	object, path, before, after string
}

// changes returns how the objects of two renderings differ.
func changes(before, after *shown) (all []change, gone, added []string) {
	for key, was := range before.objects {
		is, there := after.objects[key]
		if !there {
			gone = append(gone, key)
			continue
		}
		if is == was {
			continue
		}
		old, now := unflat(was), unflat(is)
		for path, value := range old {
			if now[path] != value && !strings.HasSuffix(path, twice) {
				all = append(all, change{key, path, value, now[path]})
			}
		}
		for path, value := range now {
			if _, there := old[path]; !there {
				all = append(all, change{key, path, "", value})
			}
		}
	}
	for key := range after.objects {
		if _, there := before.objects[key]; !there {
			added = append(added, key)
		}
	}
	slices.Sort(gone)
	slices.Sort(added)
	slices.SortFunc(all, func(a, b change) int {
		return strings.Compare(a.object+separator+a.path, b.object+separator+b.path)
	})
	return all, gone, added
}

// called names an object, of an objectKey with its number, for reasons.
func called(key string) string {
	parts := strings.Split(key, "\x00")
	return fmt.Sprintf("%s %q", parts[0], parts[2])
}

// field names a path for reasons.
func field(path string) string { return strings.ReplaceAll(path, separator, ".") }

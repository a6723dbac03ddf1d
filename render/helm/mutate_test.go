package helm

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
	filetree "github.com/manilint/manilint/render/tree"
)

var perChart = flag.Int("per-chart", 6, "mutations of each kind for each chart")

// minExact is the share of reported places that must stand the test of being edited.
const minExact = 0.995

// leaves returns the scalars of what a chart renders to, by template, object and path.
func leaves(texts map[string]string) map[string]string {
	out := map[string]string{}
	for name, text := range texts {
		if strings.HasSuffix(name, ".txt") {
			continue
		}
		text, _ = trace.SplitGlued(text, nil)
		docs, _ := lint.ParseYAML(lint.NewSource(name, []byte(text)))
		ids := identities{}
		for _, doc := range docs {
			collectLeaves(doc, ids.of(name, doc), out)
		}
		for kind, n := range ids {
			out[kind+"/#"] = strconv.Itoa(n)
		}
	}
	return out
}

// identities names the documents of a text by what they are, so that one more document
// does not give the others new names.
type identities map[string]int

func (ids identities) of(name string, doc *kyaml.Node) string {
	kind := name + "#" + lint.NewNode(doc).Get("kind").Value()
	ids[kind]++
	return fmt.Sprintf("%s/%d", kind, ids[kind])
}

func collectLeaves(n *kyaml.Node, at string, out map[string]string) {
	switch n.Kind {
	case kyaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			collectLeaves(n.Content[i+1], at+"/"+n.Content[i].Value, out)
		}
	case kyaml.SequenceNode:
		out[at+"/#"] = strconv.Itoa(len(n.Content))
		for i, c := range n.Content {
			collectLeaves(c, at+"/"+strconv.Itoa(i), out)
		}
	case kyaml.ScalarNode:
		out[at] = n.Value
	}
}

// A leaf is a scalar of a traced rendering.
type leaf struct {
	id   string
	node *lint.Node
	loc  *locator
}

// tracedLeaves renders a sample and returns the scalars of its objects.
func tracedLeaves(t testing.TB, s sample, cache *filetree.Tree) ([]leaf, bool) {
	t.Helper()
	tr, err := readTree(s.dir, cache)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := tr.output(context.Background(), s.v, Options{Files: cache})
	if out == nil || out.failed {
		return nil, false
	}
	var all []leaf
	for _, x := range out.texts {
		adjusted := *x
		adjusted.Text, adjusted.Segs = trace.SplitGlued(x.Text, x.Segs)
		l := &locator{out: out, x: &adjusted, src: lint.NewSource(x.Name, []byte(adjusted.Text))}
		docs, _ := lint.ParseYAML(l.src)
		ids := identities{}
		for _, doc := range docs {
			id := ids.of(x.Name, doc)
			for _, r := range lint.NewResources(doc, l) {
				if strings.HasSuffix(r.Kind, "List") {
					continue
				}
				var walk func(n *lint.Node, id string)
				walk = func(n *lint.Node, id string) {
					if n.YAML().Kind == kyaml.ScalarNode {
						all = append(all, leaf{id, n, l})
					}
					for i, c := range n.Items() {
						walk(c, id+"/"+strconv.Itoa(i))
					}
					for _, c := range n.Fields() {
						walk(c, id+"/"+c.Name())
					}
				}
				walk(r.Root, id)
			}
		}
	}
	return all, true
}

// mutated returns text of the same kind as v, and another.
func mutated(v string) string {
	switch v {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	if n, err := strconv.Atoi(v); err == nil {
		return strconv.Itoa(n + 1)
	}
	for i := len(v) - 1; i >= 0; i-- {
		switch c := v[i]; {
		case c >= 'a' && c < 'z', c >= 'A' && c < 'Z', c >= '0' && c < '9':
			return v[:i] + string(c+1) + v[i+1:]
		case c == 'z' || c == 'Z' || c == '9':
			return v[:i] + string(c-1) + v[i+1:]
		}
	}
	return v
}

// edited returns the sample's files with a span replaced.
func edited(t testing.TB, span lint.Span, text string) *filetree.Tree {
	t.Helper()
	abs, err := filepath.Abs(span.Path())
	if err != nil {
		t.Fatal(err)
	}
	data := span.Start.Source.Data
	var out []byte
	out = append(append(append(out, data[:span.Start.Offset]...), text...), data[span.End.Offset:]...)
	return filetree.New(map[string][]byte{abs: out})
}

// exists reports whether a place is in a file that can be edited, not in an archive or a flag.
func exists(span lint.Span) bool {
	if !span.IsValid() {
		return false
	}
	info, err := os.Stat(span.Path())
	return err == nil && info.Mode().IsRegular()
}

// Editing a reported place changes the reported leaf, as Helm itself renders it.
func TestEditedPlacesChangeTheirLeaf(t *testing.T) {
	var text, value tally
	for _, s := range samples(t) {
		if strings.Contains(s.name, "/") && len(s.name)%17 != 0 || testing.Short() && len(s.name)%5 != 0 { // some of the ci values
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			all, ok := tracedLeaves(t, s, filetree.New(nil))
			if !ok {
				t.Skip("does not render with these values")
			}
			rnd := rand.New(rand.NewSource(7))
			rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			var ofText, ofValue tally
			for _, l := range all {
				if l.node.Value() == "" || l.node.Path() == "apiVersion" || l.node.Path() == "kind" {
					continue
				}
				place := l.node.Locate()
				if place.Precision == lint.Exact && place.Origin == lint.FromText && ofText.n < *perChart && !strings.Contains(place.Span.Text(), "{{") && exists(place.Span) {
					ofText.add(t, s, l, place.Span, edit(place.Span.Text()))
				}
				if place.Origin != lint.FromValue || ofValue.n >= *perChart {
					continue
				}
				if place.Precision == lint.Exact && !strings.Contains(place.Span.Text(), "{{") && exists(place.Span) {
					ofValue.add(t, s, l, place.Span, edit(place.Span.Text()))
				} else if i := slices.IndexFunc(place.Related, func(r lint.Related) bool { return r.Role == "value" }); i >= 0 && exists(place.Related[i].Span) {
					at := place.Related[i].Span
					ofValue.add(t, s, l, at, edit(at.Text()))
				}
			}
			t.Logf("edited: template text %v, values %v", ofText, ofValue)
			text.merge(ofText)
			value.merge(ofValue)
		})
	}
	t.Logf("all charts: template text %v, values %v", text, value)
	for what, c := range map[string]tally{"template text": text, "values": value} {
		if c.n == 0 || float64(c.good) < minExact*float64(c.n) {
			t.Errorf("%s: edited at the reported place, %v leaves changed", what, c)
		}
	}
}

// edit changes text in the way that keeps its type; of several lines the first word.
func edit(text string) string {
	line, rest, more := strings.Cut(text, "\n")
	if more && strings.HasPrefix(text, "|") {
		second, tail, _ := strings.Cut(rest, "\n")
		return line + "\n" + mutated(second) + "\n" + tail
	}
	if more {
		return mutated(line) + "\n" + rest
	}
	return mutated(text)
}

// A tally counts edits that changed the leaf.
type tally struct{ good, n int }

func (c tally) String() string { return fmt.Sprintf("%d of %d", c.good, c.n) }

func (c *tally) merge(d tally) { c.good, c.n = c.good+d.good, c.n+d.n }

func (c *tally) add(t *testing.T, s sample, l leaf, span lint.Span, with string) {
	t.Helper()
	if with == span.Text() {
		return
	}
	texts, err := plainly(t, s, edited(t, span, with))
	if err != nil {
		return // the chart refuses the edited value
	}
	c.n++
	now, there := leaves(texts)[l.id]
	if there && now == l.node.Value() {
		t.Logf("%s: %s: %q became %q and %s is %q", s.name, span.Start, span.Text(), with, l.id, now)
		return
	}
	c.good++
}

// Anyone who changes a value finds it named by every leaf that changes with it.
func TestChangedLeavesNameTheirValue(t *testing.T) {
	var all tally
	for _, s := range samples(t) {
		if strings.Contains(s.name, "/") && len(s.name)%17 != 1 || testing.Short() && len(s.name)%5 != 1 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cache := filetree.New(nil)
			found, ok := tracedLeaves(t, s, cache)
			if !ok {
				t.Skip("does not render with these values")
			}
			src, err := cache.Open(filepath.Join(s.dir, "values.yaml"))
			if err != nil {
				t.Skip("no values")
			}
			var keys []*lint.Node
			var paths []string
			seen := map[*kyaml.Node]bool{} // an alias is the node that it names
			var walk func(n *lint.Node, path string)
			walk = func(n *lint.Node, path string) {
				if seen[n.YAML()] {
					return
				}
				seen[n.YAML()] = true
				if n.YAML() != nil && n.YAML().Kind == kyaml.ScalarNode && n.Style()&(kyaml.LiteralStyle|kyaml.FoldedStyle) == 0 {
					keys, paths = append(keys, n), append(paths, path)
				}
				for i, c := range n.Items() {
					walk(c, trace.Child(path, strconv.Itoa(i)))
				}
				for _, c := range n.Fields() {
					walk(c, trace.Child(path, c.Name()))
				}
			}
			walk(parseValues(src), "")
			before, err := plainly(t, s, filetree.New(nil))
			if err != nil {
				t.Fatal(err)
			}
			old := leaves(before)
			rnd := rand.New(rand.NewSource(11))
			var own tally
			for tries, k := range rnd.Perm(len(keys)) {
				if tries >= *perChart*3 {
					break
				}
				span := lint.NodeSpan(src, keys[k].YAML())
				with := mutated(span.Text())
				if span.Text() == `""` || span.Text() == "" {
					with = "changed"
				}
				texts, err := plainly(t, s, edited(t, span, with))
				if err != nil || with == span.Text() {
					continue
				}
				now := leaves(texts)
				for _, l := range found {
					if now[l.id] == old[l.id] || resized(l.id, old, now) {
						continue
					}
					if from, to := l.loc.bounds(l.node); generatedAt(l.loc.x, from, to) {
						continue
					}
					own.n++
					if names := leafNames(l); slices.ContainsFunc(names, func(n string) bool { return related(n, paths[k]) }) {
						own.good++
					} else {
						t.Logf("%s: %s changed with %s: %q became %q", s.name, l.id, strings.ReplaceAll(paths[k], "\x00", "."), old[l.id], now[l.id])
					}
				}
			}
			t.Logf("named: %v", own)
			all.merge(own)
		})
	}
	t.Logf("all charts: %v changed leaves name the value", all)
	if all.n == 0 || float64(all.good) < minExact*float64(all.n) {
		t.Errorf("%v changed leaves name the value", all)
	}
}

// leafNames returns what a leaf depends on, its key and its guards included.
func leafNames(l leaf) []string {
	from, to := l.loc.bounds(l.node)
	paths := l.loc.names(from, to)
	for n := l.node; n != nil; n = n.Parent() {
		if n.HasKey() {
			from, to := l.loc.bounds(n.KeyNode())
			paths = append(paths, l.loc.names(from, to)...)
		}
	}
	return paths
}

// related reports whether a name covers a value: the value itself, something it is
// part of, or, for subcharts, the same value under the subchart's name.
func related(name, path string) bool {
	return name == path || strings.HasPrefix(path, name+"\x00") || strings.HasPrefix(name, path+"\x00") ||
		strings.HasSuffix(name, "\x00"+path) && strings.HasPrefix(path, "global\x00")
}

// resized reports whether a list around a leaf changed its length: its items are then
// others.
func resized(id string, old, now map[string]string) bool {
	for at := id; strings.Contains(at, "/"); at = at[:strings.LastIndexByte(at, '/')] {
		if n, ok := old[at+"/#"]; ok && n != now[at+"/#"] {
			return true
		}
	}
	return false
}

package edit

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

func node(t testing.TB, value any) *yaml.Node {
	t.Helper()
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		t.Fatal(err)
	}
	return &n
}

// path parses "a/0/b/@/c": numbers are list items, @ is the document that a text holds.
func path(text string) []Step {
	var all []Step
	for part := range strings.SplitSeq(text, "/") {
		index := -1
		if _, err := fmt.Sscanf(part, "%d", &index); err == nil {
			all = append(all, Step{Index: index})
		} else if part == "@" {
			all = append(all, Step{Text: true})
		} else if part != "" {
			all = append(all, Step{Key: part, Index: -1})
		}
	}
	return all
}

var edits = []struct {
	name, in string
	op       Op
	value    any
	out      string
}{
	{"a missing field goes behind the others", "a:\n  b: 1 # one\n# next\nc: 2\n", Op{Place: Place{0, path("a")}, Fields: []string{"x", "z"}}, false,
		"a:\n  b: 1 # one\n  x:\n    z: false\n# next\nc: 2\n"},
	{"in a list item", "list:\n- name: a\n  image: b\n- name: c\n", Op{Place: Place{0, path("list/0")}, Fields: []string{"s"}}, true,
		"list:\n- name: a\n  image: b\n  s: true\n- name: c\n"},
	{"the indentation of the file", "a:\n    b:\n        c: 1\n", Op{Place: Place{0, path("a/b")}, Fields: []string{"d"}}, map[string]any{"e": []string{"ALL"}},
		"a:\n    b:\n        c: 1\n        d:\n            e:\n                - ALL\n"},
	{"dashes below the key", "a:\n  - b\nc:\n  d: 1\n", Op{Place: Place{0, path("c")}, Fields: []string{"e"}}, []string{"ALL"},
		"a:\n  - b\nc:\n  d: 1\n  e:\n    - ALL\n"},
	{"dashes at the key", "a:\n- b\nc:\n  d: 1\n", Op{Place: Place{0, path("c")}, Fields: []string{"e"}}, []string{"ALL"},
		"a:\n- b\nc:\n  d: 1\n  e:\n  - ALL\n"},
	{"a flow mapping gets a flow entry", "a: {b: 1} # c\n", Op{Place: Place{0, path("a")}, Fields: []string{"x", "z"}}, false,
		"a: {b: 1, x: {z: false}} # c\n"},
	{"an empty flow mapping", "a: {}\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, "RuntimeDefault", "a: {x: RuntimeDefault}\n"},
	{"nothing behind a key", "a: # why\nb: 1\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a: # why\n  x: true\nb: 1\n"},
	{"null", "a: null\nb: 1\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a:\n  x: true\nb: 1\n"},
	{"JSON", `{"a": {"b": 1}}` + "\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, "y", `{"a": {"b": 1, "x": "y"}}` + "\n"},
	{"JSON in lines", "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, false, "{\n  \"a\": {\n    \"b\": 1,\n    \"x\": false\n  }\n}\n"},
	{"CRLF", "a:\r\n  b: 1\r\nc: 2\r\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a:\r\n  b: 1\r\n  x: true\r\nc: 2\r\n"},
	{"no line end", "a:\n  b: 1", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a:\n  b: 1\n  x: true"},
	{"a value", "a:\n  b: true # c\n", Op{Place: Place{0, path("a/b")}}, false, "a:\n  b: false # c\n"},
	{"quotes stay", "a: 'x'\nb: \"y\"\n", Op{Place: Place{0, path("b")}}, "z", "a: 'x'\nb: \"z\"\n"},
	{"an anchor stays", "a: &x true\nb: *x\n", Op{Place: Place{0, path("a")}}, false, "a: &x false\nb: *x\n"},
	{"fields of a mapping", "a:\n  type: Unconfined\n  other: 1\n", Op{Place: Place{0, path("a")}}, map[string]any{"type": "RuntimeDefault"}, "a:\n  type: RuntimeDefault\n  other: 1\n"},
	{"behind a block of text", "a:\n  b: |\n    text\n    more\n\nc: 1\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a:\n  b: |\n    text\n    more\n  x: true\n\nc: 1\n"},
	{"before text that keeps its lines", "a:\n  c: 1\n  b: |+\n    text\n\nd: 1\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a:\n  c: 1\n  x: true\n  b: |+\n    text\n\nd: 1\n"},
	{"the second document", "a: 1\n---\nb:\n  c: 1\n---\nd: 1\n", Op{Place: Place{1, path("b")}, Fields: []string{"x"}}, true, "a: 1\n---\nb:\n  c: 1\n  x: true\n---\nd: 1\n"},
	{"an item of a list", "a:\n  - b\nc: 1\n", Op{Kind: Add, Place: Place{0, path("a")}}, "ALL", "a:\n  - b\n  - ALL\nc: 1\n"},
	{"an item of a flow list", "a: [b]\n", Op{Kind: Add, Place: Place{0, path("a")}}, "ALL", "a: [b, ALL]\n"},
	{"the first item", "a:\n  b: 1\n", Op{Kind: Add, Place: Place{0, path("a")}, Fields: []string{"drop"}}, "ALL", "a:\n  b: 1\n  drop:\n    - ALL\n"},
	{"an item that is there", "a: [ALL]\n", Op{Kind: Add, Place: Place{0, path("a")}}, "ALL", "a: [ALL]\n"},
	{"a list of mappings", "a:\n- name: b\n  c: 1\n", Op{Kind: Add, Place: Place{0, path("a")}}, map[string]any{"name": "x", "path": "y"}, "a:\n- name: b\n  c: 1\n- name: x\n  path: \"y\"\n"},
	{"removes a field", "a:\n  # why\n  b: 1 # c\n  d: 2\n", Op{Kind: Remove, Place: Place{0, path("a/b")}}, nil, "a:\n  # why\n  d: 2\n"},
	{"removes the first of two of a name", "a:\n  b: 1 # c\n  d: 2\n  b:\n    e: 3\n", Op{Kind: Remove, Place: Place{0, []Step{{Key: "a", Index: -1}, {Key: "b", Index: -1, Later: 1}}}}, nil, "a:\n  d: 2\n  b:\n    e: 3\n"},
	{"removes the first of three of a name", "{b: 1, b: [2], b: 3}\n", Op{Kind: Remove, Place: Place{0, []Step{{Key: "b", Index: -1, Later: 2}}}}, nil, "{b: [2], b: 3}\n"},
	{"removes the last field", "a:\n  b: 1\nd: 2\n", Op{Kind: Remove, Place: Place{0, path("a/b")}}, nil, "a: {}\nd: 2\n"},
	{"removes the first of an item", "a:\n- b: 1\n  c: 2\n", Op{Kind: Remove, Place: Place{0, path("a/0/b")}}, nil, "a:\n- c: 2\n"},
	{"removes an item", "a:\n- b\n- c\n", Op{Kind: Remove, Place: Place{0, path("a/0")}}, nil, "a:\n- c\n"},
	{"removes the only item", "a:\n- b\nd: 1\n", Op{Kind: Remove, Place: Place{0, path("a/0")}}, nil, "a: []\nd: 1\n"},
	{"removes from a flow mapping", "a: {b: 1, c: 2}\n", Op{Kind: Remove, Place: Place{0, path("a/b")}}, nil, "a: {c: 2}\n"},
	{"removes the last of a flow list", "a: [b, c]\n", Op{Kind: Remove, Place: Place{0, path("a/1")}}, nil, "a: [b]\n"},
	{"a field in a text", "a:\n  b: | # why\n    # x\n    c:\n      d: 1 # e\n\n    f: 2\ng: 1\n", Op{Place: Place{0, path("a/b/@/c")}, Fields: []string{"x"}}, true,
		"a:\n  b: | # why\n    # x\n    c:\n      d: 1 # e\n      x: true\n\n    f: 2\ng: 1\n"},
	{"a value in a text", "a: |-\n  b:  'c' # d\n  e: 1", Op{Place: Place{0, path("a/@/b")}}, "x", "a: |-\n  b:  'x' # d\n  e: 1"},
	{"the last field of a text", "a: |-\n  b: 1", Op{Place: Place{0, path("a/@")}, Fields: []string{"x"}}, true, "a: |-\n  b: 1\n  x: true"},
	{"a text with an indentation of its own", "a: |2\n    b: 1\n    c: 2\n", Op{Place: Place{0, path("a/@")}, Fields: []string{"x"}}, true, "a: |2\n    b: 1\n    c: 2\n    x: true\n"},
	{"a text that keeps its lines", "a: |+\n  b: 1\n\n\nc: 1\n", Op{Place: Place{0, path("a/@")}, Fields: []string{"x"}}, true, "a: |+\n  b: 1\n  x: true\n\n\nc: 1\n"},
	{"blanks at the end of lines of a text", "a: |\n  b: 1 \n   \n  c: 2\n", Op{Place: Place{0, path("a/@")}}, map[string]any{"b": 3, "x": 4}, "a: |\n  b: 3 \n   \n  c: 2\n  x: 4\n"},
	{"a text with CRLF", "a: |\r\n  b: 1\r\n  c: 2\r\n", Op{Place: Place{0, path("a/@")}, Fields: []string{"x"}}, true, "a: |\r\n  b: 1\r\n  c: 2\r\n  x: true\r\n"},
	{"removes from a text", "a: |\n  b: 1\n  c: 2\n", Op{Kind: Remove, Place: Place{0, path("a/@/c")}}, nil, "a: |\n  b: 1\n"},
	{"a text between quotes", `{"a": "b: 1\n\u0063: 2\n"}`, Op{Place: Place{0, path("a/@/b")}}, true, `{"a": "b: true\n\u0063: 2\n"}`},
	{"a flow mapping between quotes", "a: '{b: ''c''}'\n", Op{Place: Place{0, path("a/@")}, Fields: []string{"x"}}, true, "a: '{b: ''c'', x: true}'\n"},
	{"the second document of a text", "- |\n  b: 1\n  ---\n  c: 1\n", Op{Place: Place{0, []Step{{Index: 0}, {Index: 1, Text: true}}}, Fields: []string{"x"}}, true, "- |\n  b: 1\n  ---\n  c: 1\n  x: true\n"},
	{"an empty flow mapping in two lines", "a: {\n}\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}}, true, "a: {x: true\n}\n"},
	{"a comment goes with what it is of", "# a\n\nl:\n  # b\n  # c\n  - d: 1\n    # e\n    f: 2\n    # g\n\n  # h\n  - i: 1\n", Op{Kind: Remove, Place: Place{0, path("l/0")}, Whole: true}, nil, "# a\n\nl:\n\n  # h\n  - i: 1\n"},
	{"what is empty goes, too", "a: 1 # b\n# c\nd: # e\n  f:\n  - g # h\n# i\nj: 2\n", Op{Kind: Remove, Place: Place{0, path("d/f/0")}, Whole: true}, nil, "a: 1 # b\n# i\nj: 2\n"},
	{"but for a document", "a:\n  b:\n  - c\n", Op{Kind: Remove, Place: Place{0, path("a/b/0")}, Whole: true}, nil, "a: {}\n"},
	{"an entry in flow style goes with what holds it", "a: {b: {c: [d]}, e: 1}\n", Op{Kind: Remove, Place: Place{0, path("a/b/c/0")}, Whole: true}, nil, "a: {e: 1}\n"},
	{"comments with CRLF", "a: 1\r\n# b\r\nc: 2\r\n# d\r\ne: 3\r\n", Op{Kind: Remove, Place: Place{0, path("c")}, Whole: true}, nil, "a: 1\r\n# d\r\ne: 3\r\n"},
	{"the last of a text", "a: 1\nb: |\n  c:\n  - d\n  e: 1\n", Op{Kind: Remove, Place: Place{0, path("b/@/c/0")}, Whole: true}, nil, "a: 1\nb: |\n  e: 1\n"},
	{"removes a block", "a:\n  b:\n    - c\n    - d\n  e: 1\n", Op{Kind: Remove, Place: Place{0, path("a/b")}}, nil, "a:\n  e: 1\n"},
}

func TestEdits(t *testing.T) {
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			op := e.op
			if e.value != nil {
				op.Value = node(t, e.value)
			}
			got, err := Apply([]byte(e.in), []Op{op})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != e.out {
				t.Errorf("got\n%s\nwant\n%s", got, e.out)
			}
			if op.Kind == Remove {
				return
			}
			again, err := Apply(got, []Op{op})
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("the second time: %v\n%s", err, again)
			}
		})
	}
}

func TestWhatCannotBeEdited(t *testing.T) {
	for name, c := range map[string]struct {
		in string
		op Op
	}{
		"a field of a text":        {"a: text\n", Op{Place: Place{0, path("a")}, Fields: []string{"x"}, Value: node(t, true)}},
		"a value with a tag":       {"a: !!str true\n", Op{Place: Place{0, path("a")}, Value: node(t, true)}},
		"a document of nothing":    {"a: 1\n", Op{Place: Place{3, nil}, Fields: []string{"x"}, Value: node(t, true)}},
		"broken text":              {"a: [\n", Op{Place: Place{0, nil}, Fields: []string{"x"}, Value: node(t, true)}},
		"a field of a folded text": {"a: >\n  b: 1\n\n  c: 2\n", Op{Place: Place{0, path("a/@")}, Fields: []string{"x"}, Value: node(t, true)}},
		"the YAML of a number":     {"a: 1\n", Op{Place: Place{0, path("a/@")}, Value: node(t, true)}},
		"a comment that would go":  {"a:\n  # why\n  b: 1\n", Op{Kind: Remove, Place: Place{0, path("a/b")}}},
	} {
		if got, err := Apply([]byte(c.in), []Op{c.op}); err == nil {
			t.Errorf("%s: no error, but\n%s", name, got)
		}
	}
}

// Two changes of one place are both made, in one mapping.
func TestEditsOfOnePlaceAreMerged(t *testing.T) {
	op := func(field string, value any) Op {
		return Op{Place: Place{0, path("c/0")}, Fields: []string{"securityContext", field}, Value: node(t, value)}
	}
	got, err := Apply([]byte("c:\n- name: a\n"), []Op{op("a", true), op("b", false), op("a", true)})
	if want := "c:\n- name: a\n  securityContext:\n    a: true\n    b: false\n"; err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// A random writes the same kind of tree in whatever style YAML has.
type random struct {
	*rand.Rand
	b    strings.Builder
	eol  string
	step int
	dash int
}

func (r *random) comment() string {
	if r.Intn(5) == 0 {
		return " # " + []string{"why", "a: b", "- x", "{", "'"}[r.Intn(5)]
	}
	return ""
}

func (r *random) line(text string) { r.b.WriteString(text + r.eol) }

func (r *random) scalar() string {
	return []string{"1", "true", "text", "'it''s'", `"a: \"b\" # c"`, "a b  c", "~", "0o17", "x#y", "日本", "!!str 5", "*", "-1"}[r.Intn(11)]
}

func (r *random) flow(depth int) string {
	if depth > 2 || r.Intn(2) == 0 {
		return []string{"1", "true", "text", "'it''s'", `"a, ]"`}[r.Intn(5)]
	}
	var parts []string
	if r.Intn(2) == 0 {
		for i := range r.Intn(3) {
			parts = append(parts, fmt.Sprintf("k%d: %s", i, r.flow(depth+1)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	for range r.Intn(3) {
		parts = append(parts, r.flow(depth+1))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (r *random) mapping(indent, depth int, first string) {
	for i := range 1 + r.Intn(4) {
		head := strings.Repeat(" ", indent)
		if i == 0 && first != "" {
			head = first
		} else if r.Intn(6) == 0 {
			r.line(strings.Repeat(" ", r.Intn(6)) + "# a comment")
		} else if r.Intn(8) == 0 {
			r.line("")
		}
		head += fmt.Sprintf("k%d:", i)
		switch n := r.Intn(10); {
		case n < 2 && depth < 4:
			r.line(head + r.comment())
			r.mapping(indent+r.step, depth+1, "")
		case n < 4 && depth < 4:
			r.line(head + r.comment())
			r.list(indent+r.dash, depth+1)
		case n < 6:
			r.line(head + " " + r.flow(0) + r.comment())
		case n == 6:
			style := []string{"|", ">", "|-", "|+", ">-"}[r.Intn(5)]
			r.line(head + " " + style)
			if r.Intn(2) == 0 && depth < 4 { // YAML in the text
				r.mapping(indent+2, depth+2, "")
				break
			}
			for range 1 + r.Intn(3) {
				r.line(strings.Repeat(" ", indent+2) + []string{"some text", "k: v", "# no comment", "- x"}[r.Intn(4)])
			}
			for range r.Intn(3) {
				r.line("")
			}
		case n == 7 && r.Intn(3) == 0:
			r.line(head + r.comment())
		case n == 8 && r.Intn(3) == 0:
			r.line(head + " &a" + fmt.Sprint(r.b.Len()) + " " + []string{"1", "{}", "[]"}[r.Intn(3)])
		default:
			r.line(head + " " + r.scalar() + r.comment())
		}
	}
}

func (r *random) list(indent, depth int) {
	for range 1 + r.Intn(3) {
		dash := strings.Repeat(" ", indent) + "- "
		switch n := r.Intn(4); {
		case n == 0 && depth < 4:
			r.mapping(indent+2, depth+1, dash)
		case n == 1:
			r.line(dash + r.flow(0) + r.comment())
		default:
			r.line(dash + r.scalar() + r.comment())
		}
	}
}

func randomYAML(seed int64) string {
	r := &random{Rand: rand.New(rand.NewSource(seed)), eol: "\n", step: 2}
	if r.Intn(4) == 0 {
		r.eol = "\r\n"
	}
	r.step = []int{2, 2, 4, 3}[r.Intn(4)]
	r.dash = []int{0, 2, r.step}[r.Intn(3)]
	for i := range 1 + r.Intn(3) {
		if i > 0 || r.Intn(2) == 0 {
			r.line("---" + r.comment())
		}
		r.mapping(0, 0, "")
	}
	text := r.b.String()
	if r.Intn(5) == 0 {
		text = strings.TrimRight(text, "\r\n")
	}
	return text
}

// places returns the places of a text's mappings, lists and values.
func places(docs []*yaml.Node) []Place {
	var all []Place
	var visit func(n *yaml.Node, p Place)
	visit = func(n *yaml.Node, p Place) {
		all = append(all, p)
		for _, s := range steps(n) {
			visit(n.Content[s.at], Place{p.Doc, append(slices.Clone(p.Path), s.Step)})
		}
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && strings.Contains(n.Value, ":") {
			for i := 0; ; i++ {
				s := Step{Index: i, Text: true}
				in := child(n, s)
				if in == nil || in.Kind == yaml.ScalarNode {
					break
				}
				visit(in, Place{p.Doc, append(slices.Clone(p.Path), s)})
			}
		}
	}
	for i, doc := range docs {
		visit(doc, Place{Doc: i})
	}
	return all
}

// subsequence reports whether all bytes of a are in b, in their order.
func subsequence(a, b []byte) bool {
	for _, c := range b {
		if len(a) > 0 && a[0] == c {
			a = a[1:]
		}
	}
	return len(a) == 0
}

// hold checks what is true of each change: it parses, says what was asked for, is none the
// second time, and, where something is added, keeps every byte.
func hold(t *testing.T, text string, op Op) (done bool) {
	t.Helper()
	got, err := Apply([]byte(text), []Op{op})
	if err != nil {
		return false
	}
	_, docs, err := parse(got)
	if err != nil {
		t.Fatalf("%v\n%s\nwas\n%s", err, got, text)
	}
	_, was, _ := parse([]byte(text))
	_, now, _ := parse([]byte(text))
	if _, err := change(was, op.pruned(now)); err != nil || !slices.EqualFunc(docs, was, equal) {
		t.Fatalf("%v: not what was asked for: %v\n%s\nwas\n%s", op, err, got, text)
	}
	if len(op.Fields) == 0 && !op.Whole && op.Kind != Add {
		onItsLines(t, text, string(got), op)
	}
	if op.Kind == Remove {
		return true
	}
	if again, err := Apply(got, []Op{op}); err != nil || !bytes.Equal(again, got) {
		t.Fatalf("%v: the second time: %v\n%s\nwas\n%s", op, err, again, got)
	}
	if _, docs, _ := parse([]byte(text)); len(op.Fields) > 0 {
		n, _ := find(docs, op.Place)
		at, rest := descend(n, op.Fields)
		if (len(rest) > 0 && at.Kind == yaml.MappingNode || op.Kind == Add && len(rest) == 0 && at.Kind == yaml.SequenceNode) && !subsequence([]byte(text), got) {
			t.Fatalf("%v: bytes were lost\n%s\nwas\n%s", op, got, text)
		}
	}
	return true
}

// onItsLines fails where a value that is set, or a removal, changes a line that is not of
// the node's entry, or of what holds it where that is empty then.
func onItsLines(t *testing.T, text, got string, op Op) {
	t.Helper()
	if _, _, inside := op.inside(); inside || strings.ContainsAny(strings.ReplaceAll(text, "\r\n", "\n"), "\r\u0085\u2028\u2029") {
		return // other line ends are not counted here
	}
	src := lint.NewSource("", []byte(text))
	docs, _ := lint.ParseYAML(src)
	path := op.Path
	if op.Kind == Remove {
		path = path[:len(path)-1]
	}
	n, err := find(docs, Place{op.Doc, path})
	if err != nil || n.Kind == yaml.AliasNode {
		return
	}
	span := lint.NodeSpan(src, n)
	first, last := span.Start.Line, span.End.Line
	if len(path) > 0 && path[len(path)-1].Index < 0 { // the line of its key, behind which it may be written
		holder, _ := find(docs, Place{op.Doc, path[:len(path)-1]})
		holder = resolve(holder)
		first = lint.NodeSpan(src, holder.Content[entryOf(holder, path[len(path)-1])]).Start.Line
	}
	before, after := strings.SplitAfter(text, "\n"), strings.SplitAfter(got, "\n")
	head, tail := 0, 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	if head+1 < first || len(before)-tail > last {
		t.Fatalf("%v: of lines %d to %d, lines %d to %d changed\n%s\nwas\n%s", op, first, last, head+1, len(before)-tail, got, text)
	}
}

func TestEditsOfRandomText(t *testing.T) {
	tried, done, texts := 0, 0, 0
	for seed := range int64(60) {
		text := randomYAML(seed)
		docs, errs := lint.ParseYAML(lint.NewSource("", []byte(text)))
		if len(errs) > 0 {
			continue
		}
		for i, p := range places(docs) {
			for _, op := range []Op{
				{Place: p, Fields: []string{"new", "field"}, Value: node(t, false)},
				{Place: p, Fields: []string{"new"}, Value: node(t, map[string]any{"type": "RuntimeDefault"})},
				{Kind: Add, Place: p, Fields: []string{"list"}, Value: node(t, "ALL")},
				{Kind: Add, Place: p, Fields: []string{"k1"}, Value: node(t, map[string]any{"name": "x", "newTag": "1.20"})},
				{Place: p, Value: node(t, "other")},
				{Kind: Remove, Place: p},
				{Kind: Remove, Place: p, Whole: true},
			} {
				if (int(seed)+i)%3 != int(op.Kind) && op.Kind != Set {
					continue
				}
				n, _ := find(docs, p)
				if len(op.Fields) > 0 && n.Kind != yaml.MappingNode {
					continue
				}
				made := hold(t, text, op)
				if _, _, inside := op.inside(); inside {
					if made {
						texts++
					}
				} else if len(op.Fields) > 0 && op.Fields[0] != "k1" { // others may be refused with good reason
					tried++
					if made {
						done++
					}
				}
			}
		}
	}
	if tried < 500 || done*100 < tried*98 || texts < 100 {
		t.Errorf("%d of %d changes were made, and %d in texts", done, tried, texts)
	}
}

func FuzzEdit(f *testing.F) {
	for seed := range int64(30) {
		f.Add(randomYAML(seed), uint8(seed), uint8(seed))
	}
	for _, e := range edits {
		f.Add(e.in, uint8(0), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, which, what uint8) {
		_, docs, err := parse([]byte(text))
		if err != nil || len(docs) == 0 || len(text) > 2000 {
			return
		}
		all := places(docs)
		p := all[int(which)%len(all)]
		ops := []Op{
			{Place: p, Fields: []string{"new", "field"}, Value: node(t, false)},
			{Kind: Add, Place: p, Fields: []string{"list"}, Value: node(t, "ALL")},
			{Kind: Add, Place: p, Fields: []string{"k1"}, Value: node(t, map[string]any{"name": "x", "newTag": "1.20"})},
			{Place: p, Value: node(t, "other")},
			{Kind: Remove, Place: p},
			{Kind: Remove, Place: p, Whole: true},
		}
		hold(t, text, ops[int(what)%len(ops)])
	})
}

// A part of a template that is YAML by itself is edited as such, and nothing around it.
func TestPartsOfTemplates(t *testing.T) {
	for _, c := range []struct{ in, part, out string }{
		{"a: {{ b }}\n  c:\n    - 'd' # e\n    - f\n{{- end }}\n", "    - 'd' # e\n    - f", "a: {{ b }}\n  c:\n    - 'd' # e\n    - ALL\n{{- end }}\n"},
		{"a: [d, \"f\"] # {{ b }}\n", "[d, \"f\"]", "a: [d, ALL] # {{ b }}\n"},
		{"{{ b }}\r\n- d\r\n- f\r\n", "- d\r\n- f", "{{ b }}\r\n- d\r\n- ALL\r\n"},
	} {
		from := strings.Index(c.in, c.part)
		insert := func(op Op) Insert { return Insert{Offset: from, End: from + len(c.part), Op: &op} }
		got, err := Template([]byte(c.in), []Insert{insert(Op{Kind: Remove, Place: Place{0, path("1")}}), insert(Op{Kind: Add, Value: node(t, "ALL")})})
		if err != nil || string(got) != c.out {
			t.Errorf("%v\n%s\nwant\n%s", err, got, c.out)
		}
	}
	if got, err := Template([]byte("- a\n{{ b }}\n"), []Insert{{Offset: 0, End: 3, Op: &Op{Kind: Remove, Place: Place{0, path("0")}}}}); err == nil {
		t.Errorf("a list is left empty:\n%s", got)
	}
}

package lint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/yamltext"
)

// sameTree says where two trees differ in what is not a comment; "" where they do not.
func sameTree(a, b *yaml.Node) string {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Style != b.Style || a.Line != b.Line || a.Column != b.Column || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return describeNode(a) + " is not " + describeNode(b)
	}
	for i := range a.Content {
		if differ := sameTree(a.Content[i], b.Content[i]); differ != "" {
			return differ
		}
	}
	return ""
}

func describeNode(n *yaml.Node) string {
	c := *n
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	var b strings.Builder
	for _, s := range []any{c.Kind, c.Tag, c.Value, c.Style, c.Line, c.Column, len(c.Content)} {
		b.WriteString(" ")
		b.WriteString(strings.TrimSpace(yamlText(s)))
	}
	return "{" + b.String()[1:] + "}"
}

func yamlText(v any) string {
	text, _ := yaml.Marshal(v)
	return string(text)
}

// compareBlocks compares what a blockParser makes of one document with what yaml.v3 does.
func compareBlocks(t *testing.T, text []byte) (taken bool) {
	t.Helper()
	p := newBlockParser(t.Context())
	defer p.release()
	got, ok := p.document(string(text), 1)
	if !ok {
		return false
	}
	left := maxNodes
	want, err := decode(bytes.NewReader(text), &left)
	switch {
	case err != nil:
		t.Errorf("%q is read, and is broken: %v", text, err)
	case got == nil && len(want) == 0:
	case got == nil && len(want) == 1 && want[0].Kind == yaml.ScalarNode && want[0].Value == "":
	case got == nil || len(want) != 1:
		t.Errorf("%q: %v, want %d documents", text, got, len(want))
	default:
		src := NewSource("", text)
		if differ := sameNodes(src, got.Root, NewNode(want[0])); differ != "" {
			t.Errorf("%q: %s", text, differ)
		}
		if differ := sameTree(got.Root.YAML(), want[0]); differ != "" {
			t.Errorf("%q: %s", text, differ)
		}
		if nodes := Nodes(want[0]); got.Values != nodes {
			t.Errorf("%q: %d values and keys, want %d", text, got.Values, nodes)
		}
		got.Root.Walk(func(n *Node) bool {
			for i, c := range n.Items() {
				if c.YAML() != n.YAML().Content[i] || c.Key() != nil {
					t.Errorf("%q: an item is not its YAML node", text)
				}
			}
			for i, c := range n.Fields() {
				if c.Key() != n.YAML().Content[2*i] || c.YAML() != n.YAML().Content[2*i+1] || c.KeyNode().YAML() != c.Key() {
					t.Errorf("%q: a field is not its YAML nodes", text)
				}
			}
			return true
		})
	}
	return true
}

// sameNodes says where a tree that was read here tells something else than one of yaml.v3.
func sameNodes(src *Source, a, b *Node) string {
	if got, want := tell(src, a), tell(src, b); got != want {
		return got + " is not " + want
	}
	for i, c := range a.below().list {
		d := b.below().list[i]
		if c.Parent() != a || c.HasKey() && (a.Get(c.Name()) != c || tell(src, c.KeyNode()) != tell(src, d.KeyNode())) {
			return "the key of " + tell(src, c)
		}
		if differ := sameNodes(src, c, d); differ != "" {
			return differ
		}
	}
	return ""
}

// tell writes out what a node says of itself.
func tell(src *Source, n *Node) string {
	var number any
	if b, ok := n.Bool(); ok {
		number = b
	} else if i, ok := n.Int(); ok {
		number = i
	}
	span := n.Span(src)
	return fmt.Sprintf("%s %q %q %s %d %v %v %v %v %d-%d %d %d %d %v", n.Path(), n.Name(), n.Value(), n.Tag(), n.Style(), n.IsNull(), n.IsString(), n.IsMapping(), n.IsSequence(),
		span.Start.Offset, span.End.Offset, len(n.Fields()), len(n.Items()), len(n.Entries()), number)
}

var blocks = []string{
	"", "---\n", "--- # a\na: b\n", "a: b", "a: b\n", "a:\n", "a:", "a:\nb: c\n", "a:\n- b\n- c\nd: e\n", "a:\n  - b: c\n    d: e\n  -\n  - - x\n    - y\n",
	"a: |\n  b\n   c\n\n  d\n\n\ne: f\n", "a: |-\n  b\n\n", "a: |+\n  b\n\n", "- |\n b\n- c\n", "a: 'it''s' # c\nb: \"x y\"\n", "\"a\": 1\n'b': 2\n",
	"a: {b: c, d: [e, 1, 1.5, 'f'], g: {}}\nh: []\n", "a: [x:y, -1, --flag]\n", "a: -1\nb: --x\nc: -\n", "a: b #c\nd: e#f\n", "# x\na: b\n\n  # y\nc: d\n",
	"a: 2001-01-01\nb: 0x1F\nc: 1e3\nd: .5\ne: 007\nf: 1_000\ng: +1\nh: ~\ni: NULL\nj: yes\nk: True\nl: 1.2.3\nm: 0o7\nn: .inf\n",
	"a: b\n  c\n", "a: b: c\n", "a: &x b\n", "a: *x\n", "a: >\n  b\n", "a: !!str b\n", "? a\n: b\n", "a: [\n  b]\n", "a: [b,]\n", "a: {b}\n", "a: {b: }\n", "a\n", "- a\nb: c\n",
	"a: b\n - c\n", "a:\n b: c\n  d: e\n", "a:\n   b: c\n  d: e\n", "a: |\n\n  b\n", "a: |\n", "a: |2\n    b\n", "a: |\n  b\n # c\nd: e\n", "a: |\n  b\n c: d\n", "a : b\n", "a:  b  \n",
	"- - a\n  - b\n- c: d\n  e:\n  - f\n  - g\n", "<<: a\n", "a: << \n", "a: @b\n", "a: %b\n", "%YAML 1.1\n---\na: b\n", "---\na: b\n---\nc: d\n", "a: 'b' c\n", "a: \"b\\n\"\n", "a: b\n...\n",
	"a: [b]c\n", "a: [b] # c\n", "[a]: b\n", "{a: b}: c\n", "[a, b]\n", "a: b\r\n", "a:\tb\n", "é: a\n", "a: (b)\n", "a: $(b) {c}\n", "a: b, c\n", "a: ]\n", "a: [a: b]\n", "a: {a:b}\n", "a: {a: b:c, d: e}\n",
	"a: {\"b\":c}\n", "a: {b: \"c\"d}\n", "a:\n-b\n", "a:\n  -\n    b: c\n", "a: b#\n", "a: #b\n", "a: |#b\n  c\n", "-\n", "- \n-\n", "a: - b\n", "a: ?b\n", "a: [?b]\n", "a: [b?]\n", "1: a\ntrue: b\n~: c\n", "a: http://b:80/c\n", "a: b:\n", "a: 12:30:45\n",
}

func TestBlocksAreReadAsYAML(t *testing.T) {
	taken := 0
	for _, text := range blocks {
		if compareBlocks(t, []byte(text)) {
			taken++
		}
	}
	for _, text := range []string{"k: [" + strings.Repeat("x, ", 30000) + "y]\n", "k: {" + strings.Repeat(" ", 70000) + "x: y}\n", strings.Repeat("- ", 90) + "- a: b\n"} {
		compareBlocks(t, []byte(text)) // columns beyond those of nodes; deep
	}
	if taken < 35 {
		t.Errorf("only %d of %d were taken", taken, len(blocks))
	}
}

// TestFixturesAreReadAsYAML compares on all files of the repository, and of the corpus where it is.
func TestFixturesAreReadAsYAML(t *testing.T) {
	taken, documents := 0, 0
	for _, root := range []string{"../fixtures", "../../shared/corpus"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil || bytes.Contains(text, []byte("{{")) {
				return err
			}
			for _, c := range yamltext.Documents(text) {
				documents++
				if compareBlocks(t, text[c.Start:c.End]) {
					taken++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d documents", taken, documents)
	if taken*2 < documents {
		t.Errorf("only %d of %d documents were taken", taken, documents)
	}
}

func FuzzBlocks(f *testing.F) {
	for _, text := range blocks {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range yamltext.Documents(text) {
			compareBlocks(t, text[c.Start:c.End])
		}
	})
}

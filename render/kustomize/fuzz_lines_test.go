package kustomize

import (
	"bytes"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// FuzzLines puts a patch at numbers of its own, as [space.pad] does: kustomize reads the same
// documents there, and the number of each node leads back to the line that it is written in.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		web, "a: b\n---\nc: [d, {e: f}]\n", "---\n---\na: b\n", "--- {a: b}\n---\n--- # x\nc: d", "\ufeffa: b\r\n---\r\nc: |\r\n  d\r\n  e\r\n---",
		"a: 'b\n\n  c'\n--- \nd: e\n", "a: b\rc: d\n---\ne: f", "# a\n---\n# b\na: \u2028b\n", "[a, b]\n", "{\"a\": 1}\n{\"b\": 2}\n", "a: b\n...\n---\nc: d\n", "?", "",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		var s space
		// one in front of it, so that numbers are not lines
		first := lint.NewSource("other.yaml", []byte(other))
		if _, fits := s.pad(first, rolePatch, entry{}, nil, nil); !fits {
			return
		}
		src := lint.NewSource("p.yaml", []byte(text))
		padded, fits := s.pad(src, rolePatch, entry{}, nil, nil)
		if !fits {
			return
		}
		want, wantErr := documents([]byte(text))
		got, gotErr := documents(padded)
		if wantErr != nil && gotErr == nil && strings.Contains(text, "\t") {
			return // a document of white space with a tab, which is left out here
		}
		if (wantErr == nil) != (gotErr == nil) || len(want) != len(got) {
			t.Fatalf("%q: %d documents, %v; behind empty lines %d, %v", text, len(want), wantErr, len(got), gotErr)
		}
		if bytes.Equal(padded, kyamlText(src.Data)) {
			return // there is nothing to be put elsewhere
		}
		lines := strings.Split(string(kyamlText(src.Data)), "\n")
		for i := range got {
			equalTrees(t, text, want[i], got[i])
			var check func(n *yaml.Node)
			check = func(n *yaml.Node) {
				g := s.find(n.Line)
				if g == nil && n.Value == "" && len(n.Content) == 0 {
					return // YAML puts what is not written behind the end
				}
				if g == nil || g.src != src {
					t.Fatalf("%q: %q in number %d has no place", text, n.Value, n.Line)
				}
				line := g.first + n.Line - g.base - 1
				if line < 1 || line > len(lines)+breaks([]byte(text)) {
					t.Fatalf("%q: %q in line %d", text, n.Value, line)
				}
				plain := n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value != "" && !strings.ContainsAny(n.Value, " \n")
				if plain && breaks([]byte(text)) == 0 && !strings.Contains(lines[line-1], n.Value) {
					t.Fatalf("%q: %q is not in line %d", text, n.Value, line)
				}
				for _, c := range n.Content {
					check(c)
				}
			}
			check(got[i])
		}
	})
}

// documents returns what kustomize reads of a text.
func documents(text []byte) (all []*yaml.Node, err error) {
	nodes, err := (&kio.ByteReader{Reader: bytes.NewReader(text), OmitReaderAnnotations: true, DisableUnwrapping: true}).Read()
	for _, n := range nodes {
		all = append(all, n.YNode())
	}
	return all, err
}

// equalTrees fails where two documents do not hold the same.
func equalTrees(t *testing.T, text string, want, got *yaml.Node) {
	t.Helper()
	if want.Kind != got.Kind || want.Value != got.Value || want.Tag != got.Tag || len(want.Content) != len(got.Content) {
		t.Fatalf("%q: %q %s is read as %q %s behind empty lines", text, want.Value, want.Tag, got.Value, got.Tag)
	}
	for i := range want.Content {
		equalTrees(t, text, want.Content[i], got.Content[i])
	}
}

// FuzzEmbedded finds the bytes of a text in the scalar that it is written as: in its place,
// in order, each where it stands or where an escape of it does.
func FuzzEmbedded(f *testing.F) {
	for _, seed := range []string{
		"a: plain text\n", "a: |\n  one\n\n    two\n  three\n", "a: >-\n  folded\n  text\n\n  more\n", "a: \"x\\n\\u00e9\\x41 \\\n  y\"\n", "a: 'it''s\n\n  so'\n", "a: |2\n    x\n", "a: \"\\U0001F600\\t\"\n", "a: |+\r\n  x\r\n\r\n", "a: >\n  x\n   y\n  z\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := lint.NewSource("p.yaml", []byte(text))
		docs, errs := lint.ParseYAML(src)
		if len(errs) > 0 {
			return
		}
		k := &kustomization{src: src}
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			for _, c := range n.Content {
				walk(c)
			}
			if n.Kind != yaml.ScalarNode {
				return
			}
			in := embed(entry{k: k, node: n})
			if in.offsets == nil {
				return
			}
			if len(in.offsets) != len(n.Value)+1 {
				t.Fatalf("%q: %d offsets of %q", text, len(in.offsets), n.Value)
			}
			for i, at := range in.offsets {
				if at < in.span.Start.Offset || at > in.span.End.Offset || i > 0 && at < in.offsets[i-1] {
					t.Fatalf("%q: byte %d of %q is at %d, in %v", text, i, n.Value, at, in.span)
				}
				if i == len(n.Value) || at == len(src.Data) || strings.ContainsRune(" \n\r\t\\", rune(src.Data[at])) || n.Value[i] == '\n' || n.Value[i] == ' ' {
					continue
				}
				if src.Data[at] != n.Value[i] {
					t.Fatalf("%q: byte %d of %q is at %d, which is %q", text, i, n.Value, at, src.Data[at])
				}
			}
		}
		for _, doc := range docs {
			walk(doc)
		}
	})
}

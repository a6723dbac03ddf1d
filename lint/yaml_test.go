package lint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// marked returns the text without its «» marks and the byte span they enclosed.
func marked(text string) (string, int, int) {
	start := strings.Index(text, "«")
	text = strings.Replace(text, "«", "", 1)
	end := strings.Index(text, "»")
	return strings.Replace(text, "»", "", 1), start, end
}

func TestNodeSpanCoversTheValueAndNothingElse(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                      "a: «web»\n",
		"plain with spaces":          "a: «two words» # comment\n",
		"plain over lines":           "a: «one\n  two\n\n  three»\nb: 1\n",
		"double quoted":              "a: «\"x \\\" y\"» # c\n",
		"single quoted":              "a: «'it''s'»\nb: 1\n",
		"quoted over lines":          "a: «\"one\n  two\"»\nb: 1\n",
		"literal":                    "a: «|\n  one\n\n  two»\nb: 1\n",
		"literal at the end":         "a: «|-\n  one\n    two»",
		"folded in a list":           "b:\n- a: «>-\n    one\n    two»\n  y: 1\n",
		"literal with an anchor":     "a:\n  «- two\n  - &id !x |\n    one»\nb: 1\n",
		"tagged literal in a list":   "b:\n- a:\n  «- two\n  - !!str |\n    one\n    two»\n- three\n",
		"literal below ?":            "? b\n: a: «|\n    one»\n  c: two\n",
		"indented by a number":       "b:\n  a: «|2-\n       one\n    two»\n  c: 1\n",
		"literal of blank lines":     "a: «|+»\n\n  \nb: 1\n",
		"literal as a list item":     "b:\n  - - a: «|\n        one»\n    - two\n",
		"anchor":                     "a: &id «web»\nb: *id\n",
		"tag":                        "a: !!str «12»\n",
		"tag above":                  "a: !!str # why\n  # and how\n\n  «12»\nb: 1\n",
		"anchor above the tag":       "a: &id\n  !!str\n  «'x y'»\nb: *id\n",
		"anchor above a mapping":     "a: «&id # why\n  x: 1»\nb: *id\n",
		"flow list":                  "a: «[x, \"]\", 'it]', {y: z}]» # ]\n",
		"flow mapping over lines":    "a: «{x: 1,\n  y: [2]}»\nb: 1\n",
		"after runes":                "é: 1\na: «ü»\n",
		"CRLF":                       "b: 1\r\na: «web»\r\nc: 2\r\n",
		"byte order mark":            "\ufeffa: «web»\n",
		"second document":            "b: 1\n---\na: «web»\n",
		"document after a long mark": "b: 1\n--- # two\n\na: «web»\n",
		"quote in a plain item":      "a: «[x\"y, 5\" pipe, it's, a:\"b]» # c]\nb: \"1\"\n",
		"keys against quotes":        "a: «{\"x\":\"]\", 'y':']', z: !!str \"}\", &id '}': [\"]\"]}»\nb: 1\n",
		"comment in a flow list":     "a: «[x, # ] \"\n  y#]»\nb: 1\n",
		"lone carriage returns":      "b: 1\ra: «|\r  one\r  two»\rc: 2\r",
		"tag directive":              "%TAG !e! tag:example.com,2026:\n# why\n---\na: !e!x «web»\n",
		"document with tag":          "%YAML 1.2\n---\na: «web»\n",
		"block mapping":              "a:\n  «x: 1\n  y: 2»\nb: 1\n",
		"block list":                 "a:\n  «- x\n  - y: 2\n    z: [1,\n      2]»\nb: 1\n",
		"null":                       "a:«»\nb: 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			text, start, end := marked(text)
			src := NewSource("x.yaml", []byte(text))
			docs, errs := ParseYAML(src)
			if len(errs) > 0 {
				t.Fatal(errs[0])
			}
			var n *Node
			NewNode(docs[len(docs)-1]).Walk(func(m *Node) bool {
				if m.Name() == "a" && n == nil {
					n = m
				}
				return true
			})
			if n == nil {
				t.Fatal("no node a")
			}
			span := NodeSpan(src, n.YAML())
			if name == "null" { // an empty value has a place but no text
				if span.Text() != "" {
					t.Errorf("an empty value covers %q", span.Text())
				}
				return
			}
			if span.Start.Offset != start || span.End.Offset != end {
				t.Errorf("covers %q, want %q", span.Text(), text[start:end])
			}
		})
	}
}

func TestABrokenDocumentDoesNotHideTheOthers(t *testing.T) {
	src := NewSource("x.yaml", []byte("a: 1\n---\nb: [\n---\nc: 3\n---\n# nothing\n---\nd: 'x\n"))
	docs, errs := ParseYAML(src)
	if len(docs) != 2 || docs[1].Content[0].Value != "c" || docs[1].Line != 5 {
		t.Errorf("got %d documents", len(docs))
	}
	if len(errs) != 2 || errs[0].Span.Start.Line < 3 || errs[0].Span.Start.Line > 4 {
		t.Errorf("errors: %v", errs)
	}
}

func TestAByteOrderMarkMayOpenAnyDocument(t *testing.T) {
	for name, text := range map[string]string{
		"of each file":      "\ufeffa: 1\n---\n\ufeffb: 2\n",
		"before the marker": "\ufeff---\na: 1\n\ufeff--- # two\nb: 2\n",
		"twice":             "\ufeff\ufeffa: 1\n---\nb: 2\n",
		"with CR LF":        "\ufeff# one\r\na: 1\r\n---\r\n\ufeffb: 2\r\n",
	} {
		src := NewSource("x.yaml", []byte(text))
		docs, errs := ParseYAML(src)
		if len(errs) > 0 || len(docs) != 2 {
			t.Errorf("%s: %d documents, errors %v", name, len(docs), errs)
			continue
		}
		for i, want := range []string{"a", "b"} {
			if got := NodeSpan(src, docs[i].Content[0]).Text(); docs[i].Content[0].Value != want || got != want {
				t.Errorf("%s: key %q at %q, want %q", name, docs[i].Content[0].Value, got, want)
			}
		}
	}
}

func TestAnErrorStandsWhereItIsMended(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb: \x00\nc: 3\n":                       "2:1: ",
		"a: 1\n# gr\xfc\xdfe\nc: 3\n":                 "2:1: ",
		"a: 1\n---\nb: 1\nc: \"\x7f\"\n":              "4:1: ",
		"a: 1\nb:\n  c: [1\n---\nd: 1\n":              "3:6: ",
		"a: 1\nb: [x\nc: 2\n":                         "2:4: broken YAML: did not find expected ',' or ']': the list that begins here is not closed",
		"a: 1\nb: {x: 1\nc: 2\n":                      "2:4: broken YAML: did not find expected ',' or '}': the mapping that begins here is not closed",
		"é: 1\nb: \"x\nc: 2\n":                        "2:4: broken YAML: found unexpected end of stream: the text that begins here is not closed",
		"a: 1\nb: 2\nc:\n  - d\n  e: 1\n":             "5:3: ",
		"metadata:\n  name: a\n labels: {}\nb: 1\n":   "3:2: ",
		"a: 1\nb:\n  c: {x: 1\nd: ]\n":                "4:2: ",
		"a: [\n\n\n":                                  "1:1: ",
		"a: 1\n\tb: 2\n":                              "2:1: ",
		"a: 1\nb: !e!x 2\n":                           "2:4: ",
		"é: b: c\n":                                   "1:5: ",
		"a: 1\nb: *password\n":                        "2:1: broken YAML: an alias",
		"a: 1\n---\n# c\nb: [1, 2\n---\nc: [\"x\"]\n": "4:4: ",
	} {
		_, errs := ParseYAML(NewSource("x.yaml", []byte(text)))
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "x.yaml:"+want) {
			t.Errorf("%q: errors %v, want one at %s", text, errs, want)
		}
	}
}

func TestAliasesThatExpandWithoutEndAreAnError(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	for name, text := range map[string]string{"cycle": "a: &a [*a]\n", "bomb": bomb.String()} {
		_, errs := ParseYAML(NewSource("x.yaml", []byte(text)))
		if len(errs) != 1 || !strings.Contains(errs[0].Message, "alias") && !strings.Contains(errs[0].Message, "anchor") {
			t.Errorf("%s: errors %v", name, errs)
		}
	}
}

// Each of these documents expands to a fifth of what a file may.
func TestTheAliasesOfAFileAndOfABundleAreCountedTogether(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("---\napiVersion: v1\nkind: A\nmetadata: {name: a}\na0: &a0 [x, x]\n")
	for i := 1; i < 13; i++ {
		fmt.Fprintf(&doc, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	file := func(docs int) ([]*Resource, []*InputError) {
		src := NewSource("x.yaml", []byte(strings.Repeat(doc.String(), docs)))
		roots, errs := ParseYAML(src)
		var all []*Resource
		for _, root := range roots {
			all = append(all, NewResources(root, FileLocator{src})...)
		}
		return all, errs
	}
	one, errs := file(1)
	if len(one) != 1 || len(errs) != 0 {
		t.Fatalf("one document: %d objects, %v", len(one), errs)
	}
	few, errs := file(40)
	if len(few) == 0 || len(few) > 8 || len(few)+len(errs) != 40 {
		t.Errorf("one file: %d objects, %d errors", len(few), len(errs))
	}
	var all []*Resource
	for range 40 {
		objects, _ := file(1)
		all = append(all, objects...)
	}
	b := NewBundle(Rendering{Root: "deploy"}, "", all)
	refused := b.Misplaced()
	if len(b.Resources) < len(few) || len(b.Resources) > 30 || len(refused) == 0 || !strings.Contains(refused[0].Error(), `x.yaml:2:1: A "a" is not checked: the aliases`) {
		t.Errorf("one bundle: %d objects, errors %v", len(b.Resources), refused[:min(1, len(refused))])
	}
}

func FuzzParseYAML(f *testing.F) {
	for _, seed := range []string{"a: 1\n---\nb: [x, {y: z}]\n", "a: &a [*a]", "- |\n x\n...\n--- {a: b}", "\ufeffa: 'x''y'\r\n", "a: !!binary |\n  aGk=", `{"a": [1, "\/"]} {"b": null}`, "---\n\ufeff{\"a\": {}}\nb: 1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		src := NewSource("x.yaml", data)
		docs, errs := ParseYAML(src)
		for _, e := range errs {
			if !e.Span.IsValid() {
				t.Errorf("an error without a place: %s", e.Message)
			}
		}
		for _, d := range docs {
			var walk func(n *yaml.Node)
			walk = func(n *yaml.Node) {
				s := NodeSpan(src, n)
				if s.End.Offset < s.Start.Offset || s.End.Offset > len(data) {
					t.Errorf("span %d to %d of %d bytes", s.Start.Offset, s.End.Offset, len(data))
				}
				for _, c := range n.Content {
					walk(c)
				}
			}
			walk(d)
		}
	})
}

func TestPositionsCountRunesAndEveryKindOfLineBreak(t *testing.T) {
	src := NewSource("x", []byte("é: ü\r\nb\rc\n"))
	for offset, want := range map[int][2]int{0: {1, 1}, 2: {1, 2}, 4: {1, 4}, 8: {2, 1}, 10: {3, 1}, 12: {4, 1}, 99: {4, 1}} {
		p := src.Position(offset)
		if p.Line != want[0] || p.Column != want[1] {
			t.Errorf("offset %d: %d:%d, want %v", offset, p.Line, p.Column, want)
		}
		if offset < 12 && src.At(p.Line, p.Column).Offset != offset {
			t.Errorf("At(%d, %d) is not offset %d", p.Line, p.Column, offset)
		}
	}
}

func TestMissingNodesKnowTheirNearestAncestor(t *testing.T) {
	src := NewSource("x.yaml", []byte(`apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - image: web:1
      name: web
      <<: &more
        securityContext:
          runAsUser: 1
`))
	docs, _ := ParseYAML(src)
	res := NewResources(docs[0], FileLocator{src})[0]
	NewBundle(Rendering{}, "", []*Resource{res})
	c := res.PodSpecs()[0].Containers()[0]
	if v, ok := c.Node.Get("securityContext", "runAsUser").Int(); !ok || v != 1 {
		t.Error("the merged field is not seen")
	}
	n := c.Node.Get("resources", "limits", "memory")
	if n.Exists() || strings.Join(n.Missing(), ".") != "resources.limits.memory" {
		t.Errorf("missing %v", n.Missing())
	}
	if got, want := n.Path(), "spec.containers[name=web].resources.limits.memory"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
	place := n.Locate()
	if place.Precision != Block || place.Span.Start.Line != 7 || place.Span.Text() != "web" {
		t.Errorf("stands at %s %q, %s", place.Span.Start, place.Span.Text(), place.Precision)
	}
	if at := res.Get("spec", "hostPID").Locate().Span; at.Start.Line != 4 || at.Text() != "spec" {
		t.Errorf("a field missing in spec stands at %s %q", at.Start, at.Text())
	}
}

// Every break that yaml.v3 knows ends a line of YAML; lines and columns are an editor's.
func TestPlacesAgreeWithAnEditorWhateverEndsTheLines(t *testing.T) {
	breaks := []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		if random.IntN(4) == 0 {
			b.WriteString("\ufeff")
		}
		end := func() { b.WriteString(breaks[random.IntN(len(breaks))]) }
		if random.IntN(4) == 0 {
			b.WriteString("%YAML 1.2")
			end()
			b.WriteString("---")
			end()
		}
		const keys = 12
		for i := range keys {
			switch random.IntN(6) {
			case 0:
				b.WriteString("---")
				end()
			case 1:
				b.WriteString("# a comment of ü")
				end()
			}
			fmt.Fprintf(&b, "kü%d: ", i)
			switch random.IntN(3) {
			case 0:
				fmt.Fprintf(&b, "v%d", i)
			case 1:
				fmt.Fprintf(&b, "'v%d'", i)
			case 2:
				b.WriteString("|")
				end()
				fmt.Fprintf(&b, "  v%d", i)
			}
			end()
		}
		text := b.String()
		src := NewSource("x.yaml", []byte(text))
		docs, errs := ParseYAML(src)
		if len(errs) > 0 {
			t.Fatalf("%q: %v", text, errs[0])
		}
		found := 0
		for _, d := range docs {
			for _, f := range NewNode(d).Fields() {
				found++
				name := strings.TrimPrefix(f.Name(), "kü")
				key, value := NodeSpan(src, f.Key()), NodeSpan(src, f.YAML())
				if key.Text() != f.Name() || !strings.Contains(value.Text(), "v"+name) || strings.Contains(value.Text(), "k") {
					t.Fatalf("%q: key %q, value %q", text, key.Text(), value.Text())
				}
				lines := regexp.MustCompile(`\r\n|\r|\n`).Split(text[:key.Start.Offset], -1)
				column := len([]rune(strings.TrimPrefix(lines[len(lines)-1], "\ufeff"))) + 1
				if key.Start.Line != len(lines) || key.Start.Column != column || f.Key().Line != len(lines) {
					t.Fatalf("%q: key %q stands at %s, node line %d, want %d:%d", text, f.Name(), key.Start, f.Key().Line, len(lines), column)
				}
			}
		}
		if found != keys {
			t.Fatalf("%q: %d keys of %d", text, found, keys)
		}
	}
}

func TestFlowCollectionsEndWhereYAMLEndsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	words := []string{"x", "x\"y", "it's", "5\" pipe", "a:b", "a#b", "\"]\"", "'}'", "\"\\\"]\"", "'it''s]'", "!!str \"]\"", "- x", "x ' y", "http://h:80/p"}
	var build func(depth int) string
	build = func(depth int) string {
		if depth == 0 || random.IntN(3) == 0 {
			return words[random.IntN(len(words))]
		}
		var parts []string
		mapping := random.IntN(2) == 0
		for i := range random.IntN(4) {
			part := build(depth - 1)
			switch {
			case mapping && random.IntN(2) == 0:
				part = fmt.Sprintf("\"k%d\":%s", i, part)
			case mapping:
				part = fmt.Sprintf("k'%d: %s", i, part)
			}
			parts = append(parts, part)
		}
		text := strings.Join(parts, []string{",", ", ", " ,\n  ", ", # ]\n  "}[random.IntN(4)])
		if mapping {
			return "{" + text + "}"
		}
		return "[" + text + "]"
	}
	checked := 0
	for checked < 2000 {
		flow := "[" + build(4) + ", " + build(4) + "]"
		src := NewSource("x.yaml", []byte("a: "+flow+" # ]'\"\nb: ']'\n"))
		docs, errs := ParseYAML(src)
		if len(errs) > 0 {
			continue // no YAML, as "- x" in some places
		}
		checked++
		if got := NodeSpan(src, NewNode(docs[0]).Get("a").YAML()).Text(); got != flow {
			t.Fatalf("%q ends behind %q", flow, got)
		}
	}
}

func TestAnUnknownAnchorIsAnErrorAtItsAlias(t *testing.T) {
	_, errs := ParseYAML(NewSource("x.yaml", []byte("a: 1\n---\n# not *hunter2\nb: *hunter2\nc: *hunter2x\n")))
	if len(errs) != 1 || errs[0].Span.Start.Line != 4 || strings.Contains(errs[0].Message, "hunter") {
		t.Errorf("errors %v", errs)
	}
}

// What may be meant to occupy the run is read no further than the context and the limit go.
func TestReadingStops(t *testing.T) {
	src := NewSource("x.yaml", []byte("a: 1\n---\nb: [1, 2, 3, 4]\n---\nc: 1\n"))
	docs, errs, cut := ReadYAML(t.Context(), src, 5)
	if len(docs) != 1 || len(errs) != 0 || cut == nil || cut.Span.Start.Line != 2 {
		t.Errorf("%d documents, errors %v, %v", len(docs), errs, cut)
	}
	if docs, _, cut := ReadYAML(t.Context(), src, 20); len(docs) != 3 || cut != nil {
		t.Errorf("%d documents, %v", len(docs), cut)
	}
	for name, text := range map[string]string{"block": "a:\n" + strings.Repeat("  - b\n", 100000), "flow": "a: [" + strings.Repeat("b, ", 100000) + "]", "JSON": `{"a":[` + strings.Repeat("1,", 100000) + "1]}"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		looks := 0
		docs, errs, cut := ReadYAML(countdown{ctx, &looks, cancel}, NewSource("x.yaml", []byte(text)), 1<<20)
		if len(docs) != 0 || len(errs) != 0 || cut == nil || cut.Message != "too slow" || looks > 20 {
			t.Errorf("%s: %d documents, errors %v, %v, %d looks", name, len(docs), errs, cut, looks)
		}
	}
}

// A countdown ends when it was examined ten times.
type countdown struct {
	context.Context
	looks  *int
	cancel context.CancelCauseFunc
}

func (c countdown) Err() error {
	if *c.looks++; *c.looks == 10 {
		c.cancel(errors.New("too slow"))
	}
	return c.Context.Err()
}

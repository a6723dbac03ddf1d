package lint

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/yamltext"
)

func TestEveryObjectOfAStreamIsRead(t *testing.T) {
	const a, b = `{"name": "a"}`, `{"name": "b"}`
	for name, text := range map[string]string{
		"a line each":          a + "\n" + b + "\n",
		"without a blank":      a + b,
		"over lines":           "{\n  \"name\": \"a\"\n}\n\n{\n  \"name\": \"b\"\n}\n",
		"below a marker":       "--- # two\n" + a + "\n# the other\n" + b,
		"before YAML":          a + "\nname: b\n",
		"before a document":    a + "\n---\n" + b,
		"with CRLF":            a + "\r\n" + b + "\r\n",
		"with a mark":          "\ufeff" + a + "\n" + b,
		"flow that is YAML":    "{name: a}\n---\n" + b,
		"JSON that is no YAML": `{"name": "a", "` + strings.Repeat("k", 1100) + `": "\/\ud83d\ude00"}` + b,
	} {
		src := NewSource("x.json", []byte(text))
		docs, errs := ParseYAML(src)
		var names []string
		for _, d := range docs {
			n := NewNode(d).Get("name")
			names = append(names, n.Value())
			if got := NodeSpan(src, n.YAML()).Text(); strings.Trim(got, `"`) != n.Value() {
				t.Errorf("%s: the name %q stands at %q", name, n.Value(), got)
			}
		}
		if fmt.Sprint(names, errs) != "[a b] []" {
			t.Errorf("%s: names %v, errors %v", name, names, errs)
		}
	}
}

func TestWhatFollowsADocumentIsReadOrAnError(t *testing.T) {
	for text, line := range map[string]int{
		"{\"a\": 1},\n{\"b\": 2}\n":     1,
		"{\"a\": 1}\n]\n":               2,
		"{a: 1}\n{b: 2}\n":              2,
		"{a: 1}\nb: 2\n":                2,
		"'a'\n\nb: 2\n":                 3,
		"{\"a\": 1}\n{\"b\": \"\xff\"}": 2,
	} {
		_, errs := ParseYAML(NewSource("x.json", []byte(text)))
		if len(errs) != 1 || errs[0].Span.Start.Line != line {
			t.Errorf("%q: errors %v, want one in line %d", text, errs, line)
		}
	}
}

// What is JSON to both parsers gives the same nodes at the same places.
func TestJSONIsParsedAsYAMLParsesIt(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var build func(depth int) string
	build = func(depth int) string {
		blank := []string{"", " ", "\n", "\t", " \r\n  "}[random.IntN(5)]
		var parts []string
		switch n := random.IntN(7); {
		case depth == 0 || n > 4:
			return blank + []string{`"x"`, `"ü😀 \" \\ \n é"`, `""`, "0", "-12", "1.5e3", "true", "false", "null", `"} ,:["`, `"true"`}[random.IntN(11)]
		case n > 2:
			for range random.IntN(4) {
				parts = append(parts, build(depth-1))
			}
			return blank + "[" + strings.Join(parts, blank+",") + blank + "]"
		}
		for i := range random.IntN(4) {
			parts = append(parts, fmt.Sprintf("%s\"k%dü\": %s", blank, i, build(depth-1)))
		}
		return blank + "{" + strings.Join(parts, ",") + blank + "}"
	}
	for range 2000 {
		text := `{"a":` + build(4) + "}"
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q is no JSON", text)
		}
		src := NewSource("x.json", []byte(text))
		ours, end := parseJSON(t.Context(), src, yamltext.Chunk{Start: 0, End: len(text)})
		left := maxNodes
		theirs, err := decode(strings.NewReader(text), &left)
		if err != nil || len(ours) != 1 || end != len(text) {
			t.Fatalf("%q: %d objects up to %d, YAML says %v", text, len(ours), end, err)
		}
		var compare func(a, b *yaml.Node)
		compare = func(a, b *yaml.Node) {
			if a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value || a.Line != b.Line || a.Column != b.Column || len(a.Content) != len(b.Content) {
				t.Fatalf("%q: %s %q at %d:%d, YAML says %s %q at %d:%d", text, a.ShortTag(), a.Value, a.Line, a.Column, b.ShortTag(), b.Value, b.Line, b.Column)
			}
			for i := range a.Content {
				compare(a.Content[i], b.Content[i])
			}
		}
		compare(ours[0], theirs[0])
	}
}

func TestJSONThatNestsWithoutEndIsAnError(t *testing.T) {
	text := strings.Repeat(`{"a":`, 2*maxJSONDepth) + "1" + strings.Repeat("}", 2*maxJSONDepth)
	if docs, errs := ParseYAML(NewSource("x.json", []byte(text))); len(docs) != 0 || len(errs) != 1 {
		t.Errorf("%d documents, errors %v", len(docs), errs)
	}
}

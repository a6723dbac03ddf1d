package lint

import (
	"bytes"
	"strings"
	"testing"
)

func TestCountOfValues(t *testing.T) {
	for text, want := range map[string]int{
		"a: 1\nb: [1, 2]\n":                          7,
		"- - 1\n  - a: b\n-\n- {}\n- []\n":           9,
		"a:\n  [[], [1,], {a: 1,}]\n":                9,
		"? a\n: - b\n? [c]\n: d\n":                   8 - 1,
		"[a, b]: c\n\"d\" : 'e'\n":                   7,
		"--- {a: b, \"c\":1}\n":                      5,
		"[a,#]\n 1, \"b\"#,,\n, c\n]\n":              5,
		"a: |\n  [1,\n\n  2,\n  - 3\n  4: 5\nb: c":   5,
		"a: |2\n    [1,\n  2\n":                      3,
		"- a: >-\n    [1,\n    2\n  b: [1]\n":        7,
		"- |\n - 1\n - 2\n- 3\n":                     3,
		"a: \"[1,\n  - 2, 3\n  b: c\"\n":             3,
		"a: x\n  [1,\n  - 2, 3\nb: &x !!str |\n - 1": 5,
		"a:\n  x\n  - 1\n  # - 2\n# - 3: 4\n":        3,
		"- &a\n  b: *a\n- !!map {c: d}\n- *a\n":      8,
	} {
		if got := atLeast([]byte(text), 1000); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzCount(f *testing.F) {
	for _, text := range []string{
		"a: 1\nb: [1, 2]\n", "a: |\n  [1,\n  2\nb: >-2\n     - c\n", "? a\n: - b\n? [c]\n: {d, \"e\":1}\n", "a: 'x,\n - y'\n[b]: c\n", "--- !!map &a {a: [b, c: d,],}\n",
		"a: x\n  - y\n# {c\nb:\n- - - 1\n", "\t{a: b}", "a:\u0085- b\u2028- c\r- d", "- a: |\n   b\n  c: d", "[a,#]\n1, \"b\"#,\n]", "--- |\n [1,2]\n", "- ? a\n  : b\n", "\"a\": b\n'c' : [d]\n", "a: [::, 0:]\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		left := maxNodes
		roots, err := decode(bytes.NewReader(text), &left)
		if err != nil || len(roots) != 1 || bytes.HasPrefix(text, []byte("\ufeff")) {
			t.Skip()
		}
		if got, all := atLeast(text, 1<<30), Nodes(roots[0]); got > all {
			t.Errorf("%q: %d, and there are %d", text, got, all)
		}
	})
}

func TestTooManyValuesAreNotParsed(t *testing.T) {
	good := "apiVersion: v1\nkind: ConfigMap\n---\n"
	script := strings.Repeat("if (a[0] === {b: 1, c: [1, 2]}) { - x: y }\\n", 10)
	for text, full := range map[string]bool{
		"a: [" + strings.Repeat("1,\n", 60) + "]":                                 true,
		"[" + strings.Repeat("{a: 1}, ", 40) + "]":                                true,
		"{\"a\": [" + strings.Repeat("1, ", 60) + "1]}":                           true,
		"a: &a\n" + strings.Repeat("- 1\n", 60):                                   true,
		strings.Repeat("? a\n: b\n", 40):                                          true,
		strings.Repeat("[]: b\n", 40):                                             true,
		"a: |\n" + strings.Repeat("  [1, 2, 3], - x: y\n  - x: 1\n", 60) + "b: c": false,
		"a: \"" + script + "\"":                                                   false,
		"a: '" + strings.ReplaceAll(script, `\n`, "\n  ") + "'":                   false,
		"a: x\n" + strings.Repeat("  - {1, 2\n", 60):                              false,
		"a: b\n" + strings.Repeat("# {a: 1, b: 2}\n", 60):                         false,
	} {
		docs, errs, cut := ReadYAML(t.Context(), NewSource("a.yaml", []byte(good+text)), 50)
		if len(errs) > 0 {
			t.Errorf("%.40q: %v", text, errs[0])
		}
		if full != (cut != nil) || full && (len(docs) != 1 || cut.Span.Start.Line != 3) {
			t.Errorf("%.40q: %d documents, %v", text, len(docs), cut)
		}
	}
}

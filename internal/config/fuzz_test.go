package config

import (
	"testing"

	"github.com/manilint/manilint/lint"
)

// FuzzParse: whatever a configuration holds, what is wrong is said at a place in it, and
// its globs come to an end.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"profile: baseline\nexclude: [vendor/**, '{a,b}*']\n", "rules: {a: {severity: low}}\n", "ignore: [{rules: [a], path: '**/a', reason: b, until: 2026-01-01}]\n",
		"helm: {variants: [{chart: c, values: [v.yaml]}]}\npodPaths: {a/v1/B: [spec]}\nkubeVersion: 1.30\n", "- a\n", "exclude: ['[']\n", "a: &a [*a]\n", "<<: {profile: x}\n", "? [a]\n: b\n", "\x00", "---\n---\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := lint.NewSource(".manilint.yaml", []byte(text))
		c, errs := Parse(src, nil)
		for _, e := range errs {
			if e.Message == "" || e.Span.Path() != ".manilint.yaml" || e.Span.Start.Line < 1 || e.Span.Start.Line > src.Lines()+1 {
				t.Errorf("%q: %v", text, e)
			}
		}
		if len(errs) > 0 || c == nil {
			return
		}
		if excludes := c.Excludes(); excludes != nil {
			excludes("a/b/" + text)
		}
	})
}

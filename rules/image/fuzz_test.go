package image

import (
	"strconv"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// FuzzReferences: a reference is judged or refused, whatever it is.
func FuzzReferences(f *testing.F) {
	for _, seed := range []string{"nginx", "nginx:1", "a/b@sha256:x", "registry.example:5000/a:b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "", "A:B:C", "//", "@", ":", "user:pass@host/a", "[::1]:5000/a", "{{ x }}", "$(IMAGE)", "\x00", "\xff", "a b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		text := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: " + strconv.QuoteToASCII(ref) + "}]}\n"
		report := linttest.Check([]*lint.Bundle{linttest.Bundle(t, lint.NewSource("a.yaml", []byte(text)))}, Rules...)
		for _, e := range report.Errors {
			t.Errorf("%q: %v", ref, e)
		}
	})
}

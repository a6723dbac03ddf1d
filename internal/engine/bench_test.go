package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
)

// BenchmarkIgnores checks a file of many ignores, of each kind: the time for one of them
// is the same however many there are.
func BenchmarkIgnores(b *testing.B) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: x, image: i}]}\n"
	comment := "# manilint:ignore[image] why\n"
	for name, file := range map[string]func(n int) (string, []config.Ignore){
		"above one object": func(n int) (string, []config.Ignore) { return strings.Repeat(comment, n) + pod, nil },
		"one an object": func(n int) (string, []config.Ignore) {
			return strings.Repeat("---\n"+comment+pod, n), nil
		},
		"nested": func(n int) (string, []config.Ignore) {
			var text strings.Builder
			text.WriteString(pod)
			for i := range n {
				text.WriteString(comment + "x" + fmt.Sprint(i) + ":\n  - a\n")
			}
			return text.String(), nil
		},
		"unknown rules": func(n int) (string, []config.Ignore) {
			var text strings.Builder
			for i := range n {
				fmt.Fprintf(&text, "# manilint:ignore[image-%d] why\n", i)
			}
			return text.String() + pod, nil
		},
		"configuration": func(n int) (string, []config.Ignore) {
			entries := make([]config.Ignore, n)
			for i := range entries {
				entries[i] = config.Ignore{Rules: []string{"image"}, Path: fmt.Sprintf("deploy/{a,b}/*-%d/**", i), Reason: "why", Span: lint.NewSource(".manilint.yaml", nil).Span(0, 0)}
			}
			return strings.Repeat("---\n"+pod, 100), entries
		},
	} {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				text, entries := file(n)
				src := lint.NewSource("a.yaml", []byte(text))
				docs, errs := lint.ParseYAML(src)
				if len(errs) > 0 {
					b.Fatal(errs)
				}
				o := Options{Rules: []config.Enabled{{Rule: everyImage}, {Rule: SuppressionHygiene}}, AllRules: []*lint.Rule{everyImage, SuppressionHygiene}, Ignores: entries}
				var took time.Duration
				for b.Loop() {
					var all []*lint.Resource
					for _, d := range docs {
						all = append(all, lint.NewResources(d, lint.FileLocator{Source: src})...)
					}
					bundle := lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", all)
					start := time.Now()
					Merge(Group{Options: o, Results: []*Result{Check(b.Context(), bundle, o)}})
					took += time.Since(start)
				}
				b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/float64(n), "ns/ignore")
			})
		}
	}
}

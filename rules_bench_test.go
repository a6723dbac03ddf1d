//go:build unix

package main

import (
	"fmt"
	"testing"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/rules"
)

// BenchmarkRules shows what each rule takes of two loads, and what hiding secrets does: the
// metric walks is the time in walks over all nodes of the same load, which is the least that
// looking at every value takes. What rules share is made before.
func BenchmarkRules(b *testing.B) {
	for _, load := range []struct {
		name  string
		files int
		text  func(file int) string
	}{
		{"plain", 2000, mixed},
		{"apps", 1000, app},
	} {
		b.Run(load.name, func(b *testing.B) {
			var all []*lint.Resource
			for i := range load.files {
				src := lint.NewSource(fmt.Sprintf("%d.yaml", i), []byte(load.text(i)))
				docs, errs := lint.ParseYAML(src)
				if len(errs) > 0 {
					b.Fatal(errs)
				}
				for _, d := range docs {
					all = append(all, lint.NewResources(d, lint.FileLocator{Source: src})...)
				}
			}
			bundle := lint.NewBundle(lint.Rendering{Kind: "file", Root: "."}, "", all)
			walk := func() {
				for _, r := range all {
					r.Root.Walk(func(*lint.Node) bool { return true })
				}
			}
			var floor float64
			measure := func(name string, work func()) {
				b.Run(name, func(b *testing.B) {
					work()
					for b.Loop() {
						work()
					}
					took := b.Elapsed().Seconds() / float64(b.N)
					if floor == 0 {
						floor = took
					}
					b.ReportMetric(took/floor, "walks")
				})
			}
			measure("walk", walk)
			measure("hiding-secrets", func() { (&mask.Masks{}).AddBundle(bundle) })
			for _, rule := range rules.All() {
				measure(rule.ID, func() { rule.Run(lint.NewPass(rule, bundle, nil)) })
			}
		})
	}
}

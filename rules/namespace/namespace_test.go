package namespace

import (
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

func TestAReleaseToDefaultIsOneFinding(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\n"))
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for namespace, want := range map[string]int{"": 0, "default": 1, "shop": 0} {
		var all []*lint.Resource
		for _, d := range docs {
			all = append(all, lint.NewResources(d, lint.FileLocator{Source: src})...)
		}
		b := lint.NewBundle(lint.Rendering{}, namespace, all)
		report := linttest.Check([]*lint.Bundle{b}, Default)
		if len(report.Findings) != want {
			t.Errorf("released to %q: %d findings, want %d", namespace, len(report.Findings), want)
		}
	}
}

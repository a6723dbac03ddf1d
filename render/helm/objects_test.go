package helm

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

func TestInflate(t *testing.T) {
	docs, _ := lint.ParseYAML(lint.NewSource("kustomization.yaml", []byte("valuesInline:\n  replicas: 7\n")))
	src := lint.NewSource("kustomization.yaml", []byte("valuesInline:\n  replicas: 7\n"))
	inline := []InlineValues{{Source: src, Node: lint.NewNode(docs[0]).Get("valuesInline").YAML()}}
	abs, err := filepath.Abs(odd)
	if err != nil {
		t.Fatal(err)
	}
	got := Inflate(context.Background(), Release{Chart: abs, Inline: inline, SkipTests: true}, Options{Files: filetree.New(nil), ReleaseName: "r"})
	for _, e := range got.Errors {
		t.Error(e)
	}
	docs, errs := lint.ParseYAML(lint.NewSource("inflated", []byte(got.Text)))
	for _, e := range errs {
		t.Error(e)
	}
	if len(docs) != len(got.Resources) || len(docs) == 0 {
		t.Fatalf("%d documents, %d objects", len(docs), len(got.Resources))
	}
	seen := false
	for i, doc := range docs {
		r := got.Resources[i]
		if lint.NewNode(doc).Get("metadata", "name").Value() != r.Name {
			t.Errorf("document %d is not %v", i, r)
		}
		if r.Kind == "CustomResourceDefinition" || r.Name == "probe" {
			t.Errorf("%v was to be left out", r)
		}
		if r.Name == "r-web" {
			seen = true
			place := r.Get("spec", "replicas").Locate()
			if r.Get("spec", "replicas").Value() != "7" || len(place.Related) == 0 || place.Related[0].Span.Start.String() != "kustomization.yaml:2:13" {
				t.Errorf("replicas: %s", shown(place))
			}
		}
	}
	if !seen {
		t.Error("no r-web")
	}
	if with := Inflate(context.Background(), Release{Chart: abs, IncludeCRDs: true}, Options{Files: filetree.New(nil)}); len(with.Resources) != len(got.Resources)+2 {
		t.Errorf("%d objects with definitions and tests, %d without", len(with.Resources), len(got.Resources))
	}
}

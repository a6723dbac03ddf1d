package helm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	helmengine "helm.sh/helm/v3/pkg/engine"

	"github.com/manilint/manilint/render/helm/trace"
	filetree "github.com/manilint/manilint/render/tree"
)

// A sample is one chart with one set of values, of the corpus or of the fixtures.
type sample struct {
	name string
	dir  string
	v    variant
}

// samples returns the charts that the oracles are held to, each with its defaults and
// with its ci values.
func samples(t testing.TB) []sample {
	t.Helper()
	var all []sample
	found, _ := filepath.Glob("../../fixtures/render/helm/*/Chart.yaml")
	more, _ := filepath.Glob(filepath.Join(corpus, "helm", "*", "Chart.yaml"))
	if len(more) == 0 {
		t.Log("no corpus beside the checkout: the oracles run over the fixtures alone")
	}
	for _, f := range append(found, more...) {
		dir := filepath.Dir(f)
		all = append(all, sample{filepath.Base(dir), dir, variant{}})
		values, _ := filepath.Glob(filepath.Join(dir, "ci", "*-values.yaml"))
		for _, v := range values {
			all = append(all, sample{filepath.Base(dir) + "/" + filepath.Base(v), dir, variant{files: []valueFile{{path: v, shown: v}}}})
		}
	}
	return all
}

// traced renders a sample with the tracer; ok is false where the chart does not render.
func traced(t testing.TB, s sample, cache *filetree.Tree) (tr *tree, texts []*trace.Text, ok bool) {
	t.Helper()
	tr, err := readTree(s.dir, cache)
	if err != nil {
		t.Fatal(err)
	}
	l, _, values, errs := tr.prepare(context.Background(), s.v, Options{Files: cache})
	if l == nil {
		t.Fatalf("%s: %v", s.name, errs)
	}
	r := tr.execute(context.Background(), l.Chart, values, Options{}.maxOutput(t.Context()))
	if r.err != nil {
		t.Fatal(r.err)
	}
	return tr, r.Texts, len(r.Failures) == 0
}

// plainly renders a sample with Helm's own engine.
func plainly(t testing.TB, s sample, cache *filetree.Tree) (map[string]string, error) {
	t.Helper()
	tr, err := readTree(s.dir, cache)
	if err != nil {
		t.Fatal(err)
	}
	l, _, values, errs := tr.prepare(context.Background(), s.v, Options{Files: cache})
	if l == nil {
		return nil, fmt.Errorf("%v", errs)
	}
	return helmengine.Render(l.Chart, values)
}

// generatedAt reports whether something generated is part of a line.
func generatedAt(x *trace.Text, from, to int) bool {
	for _, g := range x.Segs {
		if g.Start < to && g.End > from && (g.O.Random || g.O.Kind == trace.FromGenerated) {
			return true
		}
	}
	return false
}

func TestTextEqualsHelm(t *testing.T) {
	for _, s := range samples(t) {
		if testing.Short() && strings.Contains(s.name, "/") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want, err := plainly(t, s, filetree.New(nil))
			_, texts, ok := traced(t, s, filetree.New(nil))
			if ok != (err == nil) {
				t.Fatalf("rendered: %v, Helm's error: %v", ok, err)
			}
			if err != nil {
				t.Skipf("does not render: %v", err)
			}
			if len(texts) == 0 {
				t.Fatal("no text")
			}
			generated := 0
			for _, x := range texts {
				if x.Text == want[x.Name] {
					continue
				}
				ours, theirs := strings.SplitAfter(x.Text, "\n"), strings.SplitAfter(want[x.Name], "\n")
				if len(ours) != len(theirs) && !generatedAt(x, 0, len(x.Text)) {
					t.Errorf("%s: %d lines, Helm writes %d", x.Name, len(ours), len(theirs))
					continue
				}
				at := 0
				for i, line := range ours {
					if i < len(theirs) && line != theirs[i] {
						if !generatedAt(x, at, at+len(line)) {
							t.Errorf("%s:%d: %q, Helm writes %q", x.Name, i+1, line, theirs[i])
							break
						}
						generated++
					}
					at += len(line)
				}
			}
			if generated > 0 {
				t.Logf("%d lines hold something generated", generated)
			}
		})
	}
}

// Every line of a rendering is in a template.
func TestEveryLineHasATemplatePlace(t *testing.T) {
	total, mapped := 0, 0
	for _, s := range samples(t) {
		if testing.Short() && strings.Contains(s.name, "/") {
			continue
		}
		_, texts, _ := traced(t, s, filetree.New(nil))
		for _, x := range texts {
			if strings.HasSuffix(x.Name, "NOTES.txt") {
				continue
			}
			at := 0
			for i, line := range strings.SplitAfter(x.Text, "\n") {
				from, to := at, at+len(line)
				at = to
				if strings.TrimSpace(line) == "" {
					continue
				}
				total++
				ok := false
				for _, g := range x.Segs {
					if g.Start < to && g.End > from && strings.TrimSpace(x.Text[max(g.Start, from):min(g.End, to)]) != "" {
						ok = ok || g.O.Kind == trace.FromText || g.O.Via != nil
					}
				}
				if ok {
					mapped++
				} else {
					t.Errorf("%s: %s:%d has no place: %q", s.name, x.Name, i+1, line)
				}
			}
		}
	}
	if mapped != total || total == 0 {
		t.Errorf("%d of %d lines have a template place", mapped, total)
	}
	t.Logf("%d of %d lines have a template place", mapped, total)
}

package helm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	helmengine "helm.sh/helm/v3/pkg/engine"

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
func traced(t testing.TB, s sample, cache *filetree.Tree) (tr *tree, texts []*text, ok bool) {
	t.Helper()
	tr, err := readTree(s.dir, cache)
	if err != nil {
		t.Fatal(err)
	}
	l, _, values, errs := tr.prepare(context.Background(), s.v, Options{Files: cache})
	if l == nil {
		t.Fatalf("%s: %v", s.name, errs)
	}
	r := tr.run(context.Background(), l, values, Options{})
	if r.err != nil {
		t.Fatal(r.err)
	}
	return tr, r.texts, len(r.failures) == 0
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
func generatedAt(x *text, from, to int) bool {
	for _, g := range x.segs {
		if g.start < to && g.end > from && (g.o.random || g.o.kind == fromGenerated) {
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
				if x.text == want[x.name] {
					continue
				}
				ours, theirs := strings.SplitAfter(x.text, "\n"), strings.SplitAfter(want[x.name], "\n")
				if len(ours) != len(theirs) && !generatedAt(x, 0, len(x.text)) {
					t.Errorf("%s: %d lines, Helm writes %d", x.name, len(ours), len(theirs))
					continue
				}
				at := 0
				for i, line := range ours {
					if i < len(theirs) && line != theirs[i] {
						if !generatedAt(x, at, at+len(line)) {
							t.Errorf("%s:%d: %q, Helm writes %q", x.name, i+1, line, theirs[i])
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

// Every line of a rendering stands in a template.
func TestEveryLineHasATemplatePlace(t *testing.T) {
	total, mapped := 0, 0
	for _, s := range samples(t) {
		if testing.Short() && strings.Contains(s.name, "/") {
			continue
		}
		_, texts, _ := traced(t, s, filetree.New(nil))
		for _, x := range texts {
			if strings.HasSuffix(x.name, "NOTES.txt") {
				continue
			}
			at := 0
			for i, line := range strings.SplitAfter(x.text, "\n") {
				from, to := at, at+len(line)
				at = to
				if strings.TrimSpace(line) == "" {
					continue
				}
				total++
				ok := false
				for _, g := range x.segs {
					if g.start < to && g.end > from && strings.TrimSpace(x.text[max(g.start, from):min(g.end, to)]) != "" {
						ok = ok || g.o.kind == fromText || g.o.via != nil
					}
				}
				if ok {
					mapped++
				} else {
					t.Errorf("%s: %s:%d has no place: %q", s.name, x.name, i+1, line)
				}
			}
		}
	}
	if mapped != total || total == 0 {
		t.Errorf("%d of %d lines have a template place", mapped, total)
	}
	t.Logf("%d of %d lines have a template place", mapped, total)
}

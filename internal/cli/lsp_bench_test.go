package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.lsp.dev/protocol"
)

// BenchmarkAnEditInTheEditor types into a template of a chart with a hundred of them, and into
// a manifest of a directory with 2,000. It reports how long it takes until the editor is shown
// what that does, the pause that a writer has to make included, as a multiple of a run of the
// command over the chart, or over the manifest, alone.
func BenchmarkAnEditInTheEditor(b *testing.B) {
	pod := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-%d\nspec:\n  containers:\n    - name: web\n      image: registry.example.com/web:1.%d\n"
	chart := map[string]string{"Chart.yaml": "apiVersion: v2\nname: large\nversion: 1.0.0\n", "values.yaml": "a: 1\n"}
	for i := range 100 {
		chart[fmt.Sprintf("templates/pod-%03d.yaml", i)] = fmt.Sprintf(pod, i, i)
	}
	plain := map[string]string{}
	for i := range 2000 {
		plain[fmt.Sprintf("dir-%02d/pod-%04d.yaml", i%40, i)] = fmt.Sprintf(pod, i, i)
	}
	for _, c := range []struct {
		name, edited string
		alone        string // what the floor lints
		files        map[string]string
	}{
		{"template", "templates/pod-050.yaml", ".", chart},
		{"manifest", "dir-10/pod-0050.yaml", "dir-10/pod-0050.yaml", plain},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					b.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			path := filepath.Join(dir, filepath.FromSlash(c.edited))
			e := newEditor(b, protocol.ClientCapabilities{}, nil, dir)
			e.open(b, path)
			e.await(b, "the first report", func() bool { return len(e.lines(path)) > 0 })
			e.await(b, "that of the directory", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.shown) > 1 })
			var floor, edits time.Duration
			version := int32(1)
			for b.Loop() {
				start := time.Now()
				var out, errs strings.Builder
				Run(b.Context(), []string{"-f", "unix", filepath.Join(dir, filepath.FromSlash(c.alone))}, strings.NewReader(""), &out, &errs)
				floor += time.Since(start)
				version++
				start = time.Now()
				text := fmt.Sprintf(pod, version, version)
				if version%2 == 0 {
					text += "  hostPID: true\n"
				}
				e.change(b, path, version, &protocol.TextDocumentContentChangeWholeDocument{Text: text})
				e.await(b, "the edit", func() bool {
					e.mu.Lock()
					defer e.mu.Unlock()
					v, _ := e.shown[path].Version.Get()
					return v == version
				})
				edits += time.Since(start)
			}
			b.ReportMetric(float64(edits.Milliseconds())/float64(b.N), "ms/edit")
			b.ReportMetric(float64(edits)/float64(floor), "x-alone")
		})
	}
}

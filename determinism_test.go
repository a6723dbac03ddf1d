package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/lint/report"
)

// The same inputs give the same bytes, on both streams and in every format, however many
// processors and jobs there are and in whatever order the paths are named.
func TestTheSameInputsGiveTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	for name, files := range map[string]map[string]string{
		"plain": {"a.yaml": leaks["workload"]["a.yaml"], "b.yaml": leaks["secret"]["a.yaml"], "c.yaml": leaks["inside other objects"]["a.yaml"], "broken.yaml": "a: [\n", "d.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec: {source: {path: chart, helm: {releaseName: shop, values: "auth: {password: x}"}}, destination: {namespace: shop}}
`},
		"chart":   leaks["chart"],
		"failing": leaks["chart that fails"],
		"refused": leaks["chart with a schema"],
		"overlay": leaks["overlay"],
		"remote":  leaks["overlay of a remote base"],
		"maps": {
			"Chart.yaml": "apiVersion: v2\nname: maps\nversion: 0.1.0\n", "values.yaml": "a: {b: 1, c: 2, d: 3, e: 4, f: 5}\n",
			"templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: maps, annotations: {keys: {{ keys .Values.a | join \"-\" | quote }}, values: {{ values .Values.a | join \"-\" | quote }}}}\nspec:\n  containers:\n  {{- range $k, $v := .Values.a }}\n  - {name: {{ $k }}, image: {{ $k }}, securityContext: {privileged: true}}\n  {{- end }}\n",
			"ci/a-values.yaml": "a: {g: 6}\n", "ci/b-values.yaml": "a: {h: {}}\n",
		},
	} {
		for file, text := range files {
			path := filepath.Join(dir, name, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(plant(text)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Chdir(dir)
	paths := []string{"plain", "chart", "failing", "refused", "overlay", "remote", "maps"}
	run := func(format, jobs string, paths []string) string {
		var stdout, stderr bytes.Buffer
		status := cli.Run(t.Context(), append([]string{"-f", format, "--jobs", jobs, "--profile", "all", "--ci-values"}, paths...), strings.NewReader(""), &stdout, &stderr)
		if status != 3 {
			t.Fatalf("%s: status %d: %s", format, status, stderr.String())
		}
		return stdout.String() + "\n" + stderr.String()
	}
	backwards := slices.Clone(paths)
	slices.Reverse(backwards)
	for _, format := range report.Names() {
		want := run(format, "1", paths)
		for range 3 {
			if got := run(format, "8", paths); got != want {
				t.Errorf("%s with 8 jobs: %s", format, difference(got, want))
			}
		}
		if format != "html" && format != "gitlab-sast" && format != "sarif" { // these name the inputs as they were given
			if got := run(format, "8", backwards); got != want {
				t.Errorf("%s with the paths backwards: %s", format, difference(got, want))
			}
		}
		before := runtime.GOMAXPROCS(1)
		got := run(format, "8", paths)
		runtime.GOMAXPROCS(before)
		if got != want {
			t.Errorf("%s on one processor: %s", format, difference(got, want))
		}
	}
}

// difference returns the first lines that differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "\n" + g[i] + "\nwant\n" + w[i]
		}
	}
	return "one is longer"
}

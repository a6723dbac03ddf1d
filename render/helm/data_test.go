package helm

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	filetree "github.com/manilint/manilint/render/tree"
)

// What templates read is found by what they and the values name, whatever the conditions.
func TestDataFiles(t *testing.T) {
	for template, want := range map[string]string{
		`{{ .Files.Get "a.yaml" }}`:                                             "a.yaml",
		`{{ if .Values.never }}{{ .Files.Get "a.yaml" }}{{ end }}`:              "a.yaml",
		`{{ (.Files.Glob "files/*.yaml").AsConfig }}`:                           "files/b.yaml files/c.yaml",
		"{{ $.Files.Glob `**.yaml` }}":                                          "a.yaml chosen.yaml examples/d.yaml files/b.yaml files/c.yaml",
		`{{ .Files.Get (printf "files/%s.yaml" .Values.name) }}`:                "chosen.yaml files/b.yaml files/c.yaml",
		`{{ range $p, $_ := .Files.Glob (print "files/" .Values.x) }}{{ end }}`: "chosen.yaml files/b.yaml files/c.yaml",
		`{{ .Files.Get .Values.file }}`:                                         "chosen.yaml",
		`{{ .Files.Get (default "none" .Values.file) }}`:                        "chosen.yaml",
		`{{ range $name, $text := .Files }}{{ end }}`:                           "a.yaml chosen.yaml examples/d.yaml files/b.yaml files/c.yaml",
		`{{ "a.yaml" }}`: "",
		`{{/* examples/d.yaml is not read */}}{{ .Files.Lines "a.yaml" | join "" }}`: "a.yaml",
	} {
		dir := chartOf(t, "templates/t.yaml", template, "values.yaml", "file: chosen.yaml\n", "ignored.yaml", "x: 1", ".helmignore", "ignored.yaml\n",
			"a.yaml", "x: 1", "files/b.yaml", "x: 1", "files/c.yaml", "x: 1", "examples/d.yaml", "x: 1", "chosen.yaml", "x: 1")
		var got []string
		for path := range DataFiles(dir, filetree.New(nil)) {
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			if rel = filepath.ToSlash(rel); strings.HasSuffix(rel, ".yaml") {
				got = append(got, rel)
			}
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s reads %q, want %q", template, text, want)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// A rule's fixtures may be charts and overlays, each an archive of files: the wants of its
// templates, values files, patches and bases say where in them the findings are reported.
func TestRulesReportTheirRenderedFixtures(t *testing.T) {
	archives, err := filepath.Glob("fixtures/rules/*/*.txtar")
	if err != nil || len(archives) < 10 {
		t.Fatal(archives, err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rule := filepath.Base(filepath.Dir(path))
		t.Run(rule+"/"+filepath.Base(path), func(t *testing.T) {
			dir := t.TempDir()
			if err := txtar.Write(archive, dir); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			sources := map[string]*lint.Source{}
			var all []*lint.Source
			for _, f := range archive.Files {
				sources[f.Name] = lint.NewSource(f.Name, f.Data)
				all = append(all, sources[f.Name])
			}
			var stdout, stderr bytes.Buffer
			if status := cli.Run(t.Context(), []string{"--no-config", "--fail-on", "never", "-f", "json", "--only", rule, "."}, strings.NewReader(""), &stdout, &stderr); status != 0 {
				t.Fatalf("status %d: %s", status, stderr.String())
			}
			var report struct {
				Findings []struct {
					Rule, Severity, Message, Precision string
					Location                           struct {
						File         string
						Line, Column int
					}
				}
			}
			if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
				t.Fatal(err)
			}
			var findings []*lint.Finding
			for _, f := range report.Findings {
				severity, err := lint.ParseSeverity(f.Severity)
				if err != nil {
					t.Fatal(err)
				}
				src := sources[f.Location.File]
				if src == nil {
					t.Fatalf("%s: %s", f.Location.File, f.Message)
				}
				findings = append(findings, &lint.Finding{Rule: &lint.Rule{ID: f.Rule}, Severity: severity, Message: f.Message, Precision: lint.Precision(f.Precision),
					Span: lint.Span{Start: lint.Position{Source: src, Line: f.Location.Line, Column: f.Location.Column}}})
			}
			if linttest.Expect(t, findings, all) == 0 {
				t.Error("no # want")
			}
		})
	}
}

package engine_test

import (
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// What a rule cannot judge is an error at its place, and what it found is reported.
func TestWhatARuleCannotJudgeIsAnError(t *testing.T) {
	rule := &lint.Rule{ID: "odd", Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Pod") {
			pass.Report(r.Get("kind"), "found")
			pass.Fail(r.Get("metadata", "name"), "rule odd cannot judge %s", r)
		}
	}}
	report := linttest.Check([]*lint.Bundle{linttest.Bundle(t, lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n")))}, rule)
	if len(report.Findings) != 1 || len(report.Errors) != 1 || !strings.HasPrefix(report.Errors[0].Error(), `a.yaml:4:9: rule odd cannot judge Pod "web"`) {
		t.Errorf("%v %v", report.Findings, report.Errors)
	}
}

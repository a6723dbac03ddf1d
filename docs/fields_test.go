package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/manilint/manilint/internal/lsp"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/rules"
)

// TestTheListOfFieldsIsCurrent compares what the language server says of fields with what the
// fixtures of the rules show: a rule judges a field that one of its findings is about.
func TestTheListOfFieldsIsCurrent(t *testing.T) {
	all := map[string][]string{}
	for _, rule := range rules.All() {
		for _, b := range linttest.Bundles(t, filepath.Join("../fixtures/rules", rule.ID)) {
			for _, f := range linttest.Check([]*lint.Bundle{b}, rule).Findings {
				field := lsp.Field(f.Object.Kind, f.Path)
				if !slices.Contains(all[field], rule.ID) {
					all[field] = append(all[field], rule.ID)
				}
			}
		}
	}
	for _, ids := range all {
		slices.Sort(ids)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := string(text) + "\n"
	const file = "../internal/lsp/fields.json"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what the rules judge (%v); run go test ./docs -update", file, err)
	}
}

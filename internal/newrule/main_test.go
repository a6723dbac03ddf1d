package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is written for each group compiles and passes the tests of rules.
func TestADraftPassesTheTestsOfRules(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the rules anew")
	}
	root := t.TempDir()
	for _, dir := range []string{"lint", "internal", "render/tree", "rules", "fixtures/rules"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var run []string
	for _, group := range []string{"image", "namespace", "network", "pod", "rbac", "reliability", "resources", "secret", "validity"} {
		id := "draft-of-" + group
		run = append(run, id)
		if written, err := write(root, group, id, "example"); err != nil || len(written) != 4 {
			t.Fatal(written, err)
		}
	}
	test := exec.Command("go", "test", "./rules", "-v", "-run", "^(TestRulesReportTheirFixturesAndNothingElse|TestDocsShowWhatTheRulesReport|TestRulesAreWellFormed)$/("+strings.Join(run, "|")+")|WellFormed")
	test.Dir = root
	out, err := test.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, id := range run {
		if n := strings.Count(string(out), "--- PASS: TestRulesReportTheirFixturesAndNothingElse/"+id) + strings.Count(string(out), "--- PASS: TestDocsShowWhatTheRulesReport/"+id); n != 2 {
			t.Errorf("%s: %d tests have run\n%s", id, n, out)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	for _, c := range []struct{ group, id, field, want string }{
		{"pod", "host-pid", "example", "there is a rule host-pid"},
		{"pods", "draft", "example", `there is no group "pods" here; one of pod, `},
		{"pod", "Draft", "example", `"Draft" is no id`},
		{"pod", "draft", "a.b", `"a.b" is no field`},
	} {
		if written, err := write("../..", c.group, c.id, c.field); err == nil || !strings.Contains(err.Error(), c.want) || written != nil {
			t.Errorf("%s %s: wrote %v: %v", c.group, c.id, written, err)
		}
	}
}

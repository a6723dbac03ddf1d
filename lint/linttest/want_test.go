package linttest

import (
	"testing"

	"github.com/manilint/manilint/lint"
)

func TestAWantSaysRuleSeverityColumnAndPrecision(t *testing.T) {
	finding := func() *lint.Finding {
		f := &lint.Finding{Rule: &lint.Rule{ID: "host-pid"}, Severity: lint.High, Message: `pod "web" shares`, Precision: lint.Block}
		f.Span.Start.Column = 7
		return f
	}
	for comment, matches := range map[string]bool{
		`hostPID: true # want "shares"`:                            true,
		`hostPID: true # want "high: pod .web."`:                   true,
		"hostPID: true # want high \"pod \\\"web\\\" shares\"":     true,
		"hostPID: true # want high@7 `pod \"web\" shares`":         true,
		"hostPID: true # want host-pid high@7/block `shares`":      true,
		`hostPID: true # not what you want high@7 "shares"`:        true,
		`hostPID: true # want medium "shares"`:                     false,
		`hostPID: true # want high@8 "shares"`:                     false,
		`hostPID: true # want high@7/exact "shares"`:               false,
		`hostPID: true # want host-ipc high "shares"`:              false,
		`hostPID: true # want high "shares nothing"`:               false,
		`hostPID: true # want low@7/block "high: pod .web. share"`: false,
	} {
		wants := parseWants(t, "pod.yaml:1", comment)
		if len(wants) != 1 {
			t.Errorf("%s: %d wants", comment, len(wants))
		} else if got := wants[0].matches(finding()); got != matches {
			t.Errorf("%s: matches %v", comment, got)
		}
	}
	if wants := parseWants(t, "pod.yaml:1", `a: 1 # want high "a" low@3 "b"`); len(wants) != 2 || wants[0].severity != "high" || wants[1].column != 3 {
		t.Errorf("two wants of a line: %v", wants)
	}
	if wants := parseWants(t, "pod.yaml:1", `a: 1 # nobody may want this`); wants != nil {
		t.Errorf("prose is no want: %v", wants)
	}
}

func TestUpdateKeepsAPatternThatMatches(t *testing.T) {
	f := &lint.Finding{Rule: &lint.Rule{ID: "host-pid"}, Severity: lint.High, Message: `pod shares IDs (all)`}
	f.Span = lint.Span{Start: lint.Position{Source: lint.NewSource("pod.yaml", []byte("a\n")), Line: 1, Column: 10}}
	for line, updated := range map[string]string{
		`hostPID: true # want "shares"`:              `hostPID: true # want high@10 "shares"`,
		`hostPID: true # want "^medium: pod shares"`: "hostPID: true # want high@10 `pod shares IDs \\(all\\)`",
		`hostPID: true # want low@2 "gone" too`:      "hostPID: true # want high@10 `pod shares IDs \\(all\\)` too",
		`hostPID: true # want "a" "b"`:               `hostPID: true # want "a" "b"`, // of another number: a failure, not an update
		`hostPID: true`:                              `hostPID: true`,
	} {
		if got := updateLine(t, f.Span.Start.Source, line, 1, []*lint.Finding{f}); got != updated {
			t.Errorf("%s\n%s, want %s", line, got, updated)
		}
	}
}

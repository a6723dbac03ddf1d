package compliance

import (
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

var (
	privileged = &lint.Rule{ID: "privileged", References: []string{"CIS 5.2.2", "PSS baseline"}, Peers: map[string][]string{"kubescape": {"C-0057"}}}
	hostPID    = &lint.Rule{ID: "host-pid", References: []string{"CIS 5.2.3"}}
	segments   = &lint.Rule{ID: "segments", References: []string{"OWASP K05"}}
)

func report() *lint.Report {
	return &lint.Report{
		Rules:      []*lint.Rule{privileged, hostPID, segments},
		Findings:   []*lint.Finding{{Rule: privileged}, {Rule: privileged}, {Rule: segments}},
		Suppressed: []*lint.Suppressed{{Finding: &lint.Finding{Rule: hostPID}}},
	}
}

func TestVerdicts(t *testing.T) {
	for _, want := range []struct {
		framework, control string
		verdict            Verdict
		findings           int
	}{
		{"cis", "5.2.2", Failed, 2},
		{"cis", "5.2.3", Passed, 0},
		{"cis", "5.2.12", NotChecked, 0},
		{"cis", "5.3.1", NotJudgeable, 0},
		{"nsa", "C-0057", Failed, 2}, // by Kubescape's id
		{"mitre", "C-0057", Failed, 2},
		{"pss", "baseline privileged", Failed, 2},
		{"pss", "baseline hostNamespaces", Passed, 0},
		{"owasp", "K05", Failed, 1},
		{"owasp", "K07:2022", Failed, 1}, // the same control under its older number
		{"owasp", "K05:2022", NotJudgeable, 0},
		{"k8s-checklist", "container security context 3", Failed, 2},
		{"k8s-checklist", "network policies 1", NotChecked, 0}, // no rule that ran answers it
		{"pci", "2.2.3", Failed, 2},
		{"bsi", "APP.4.4.A4", Failed, 2},
		{"bsi", "APP.4.4.A11", NotChecked, 0},
		{"bsi", "APP.4.4.A17", NotJudgeable, 0},
	} {
		result, err := Assess(report(), want.framework)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, a := range result.Controls {
			if a.ID == want.control {
				found = true
				if a.Verdict != want.verdict || a.Findings != want.findings {
					t.Errorf("%s %s: %s with %d findings, want %s with %d", want.framework, want.control, a.Verdict, a.Findings, want.verdict, want.findings)
				}
			}
		}
		if !found {
			t.Errorf("%s has no control %s", want.framework, want.control)
		}
		if n := result.Passed + result.Failed + result.Unjudged + result.NotChecked; n != len(result.Controls) {
			t.Errorf("%s: %d verdicts of %d controls", want.framework, n, len(result.Controls))
		}
	}
}

func TestRulesThatDidNotRunAreNamed(t *testing.T) {
	result, err := Assess(report(), "nsa")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range result.Controls {
		if a.ID == "1.4" && (a.Verdict != Passed || strings.Join(a.NotRun, " ") != "host-ipc") {
			t.Errorf("%+v", a)
		}
	}
}

func TestUnknownFramework(t *testing.T) {
	if _, err := Assess(report(), "ciss"); err == nil || !strings.Contains(err.Error(), `did you mean "cis"`) {
		t.Errorf("%v", err)
	}
}

func TestControlsAreWellFormed(t *testing.T) {
	for _, f := range Frameworks() {
		seen := map[string]bool{}
		for _, c := range f.Controls {
			if seen[c.ID] || f.Source == "" || c.Title == "" || c.Judged != Yes && c.Judged != Partly && c.Judged != No {
				t.Errorf("%s %s: twice, or without title or degree", f.Name, c.ID)
			}
			seen[c.ID] = true
			for _, same := range c.Same {
				if !Known(same) {
					t.Errorf("%s %s is the same as %s, which is no control", f.Name, c.ID, same)
				}
			}
		}
	}
	for reference, want := range map[string]bool{"CIS 5.2.6": true, "CIS 9.9.9": false, "PSS restricted": true, "NSA C-0057": true, "NSA 1.10": true, "OWASP K02:2022": true, "KEP-127": false, "": false} {
		if Known(reference) != want {
			t.Errorf("Known(%q) is %v", reference, !want)
		}
	}
}

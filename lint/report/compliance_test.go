package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
)

var (
	cisPrivileged = &lint.Rule{ID: "privileged", References: []string{"CIS 5.2.2"}}
	cisHostPID    = &lint.Rule{ID: "host-pid", References: []string{"CIS 5.2.3"}}
)

func TestComplianceTextAndJSON(t *testing.T) {
	result, err := compliance.Assess(&lint.Report{
		Rules:      []*lint.Rule{cisPrivileged, cisHostPID},
		Findings:   []*lint.Finding{{Rule: cisPrivileged}, {Rule: cisPrivileged}},
		Suppressed: []*lint.Suppressed{{Finding: &lint.Finding{Rule: cisHostPID}}},
	}, "cis")
	if err != nil {
		t.Fatal(err)
	}
	result.Errors = 2
	var text, data bytes.Buffer
	if err := ComplianceText(&text, result); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"5.2.2   failed (2)", "privileged\n", "5.2.3   passed", "1 suppressed", "5.3.1   not judgeable", "1 passed, 1 failed, ",
		"2 errors: not everything was checked, so no control is proven to pass",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	if err := ComplianceJSON(&data, result); err != nil {
		t.Fatal(err)
	}
	var back compliance.Result
	if err := json.Unmarshal(data.Bytes(), &back); err != nil || len(back.Controls) != len(result.Controls) || strings.Contains(data.String(), "null") {
		t.Errorf("%v: %s", err, data.String())
	}
}

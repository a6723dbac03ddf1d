package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

func TestReportsFollowTheSchemasOfTheirReaders(t *testing.T) {
	for format, schema := range map[string]string{"rdjson": "rdjson.schema.json", "gitlab-sast": "gitlab-sast-15.0.6.schema.json", "sonarqube": "sonarqube.schema.json"} {
		for name, r := range everyReport(t) {
			validate(t, "testdata/"+schema, format+" "+name, write(t, format, r, Options{}))
		}
	}
}

// wide is a source in which a column is another number in code points, bytes and UTF-16.
func wide() (*lint.Source, lint.Span) {
	src := lint.NewSource("a.yaml", []byte("a: 1\nb: é𐐀 x: true\n"))
	from := strings.Index(string(src.Data), "true")
	return src, src.Span(from, from+4)
}

func TestRDJSONCountsBytes(t *testing.T) {
	src, span := wide()
	r := &lint.Report{
		Findings: []*lint.Finding{{Rule: tag, Severity: lint.High, Message: "m", Help: "h\nmore", Span: span, Related: []lint.Related{{Role: "value", Span: src.LineSpan(1)}}}, {Rule: tag, Renderings: []lint.Rendering{{Root: "chart"}}}},
		Errors:   []*lint.InputError{{Message: "broken", Span: src.LineSpan(1)}, {Message: "elsewhere"}},
	}
	var got struct{ Diagnostics []rdDiagnostic }
	if err := json.Unmarshal([]byte(write(t, "rdjson", r, Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Diagnostics) != 3 {
		t.Fatalf("%+v", got)
	}
	broken, found, coarse := got.Diagnostics[0], got.Diagnostics[1], got.Diagnostics[2]
	if broken.Severity != "ERROR" || broken.Message != "broken" || broken.Code != nil {
		t.Errorf("%+v", broken)
	}
	if found.Message != "m\nh" || *found.Location.Range != (rdRange{rdPosition{2, 14}, rdPosition{2, 18}}) || found.Severity != "ERROR" || found.Code.Value != tag.ID || found.Related[0].Message != "value" {
		t.Errorf("%+v, %+v", found, found.Location.Range)
	}
	if coarse.Location.Path != "chart" || coarse.Location.Range != nil || coarse.Severity != "INFO" {
		t.Errorf("%+v", coarse)
	}
}

func TestSonarQubeCountsUTF16FromZero(t *testing.T) {
	src, span := wide()
	outside := lint.NewSource("../b.yaml", []byte("a: 1\n"))
	r := &lint.Report{Findings: []*lint.Finding{
		{Rule: tag, Severity: tag.Severity, Message: "m", Span: span}, {Rule: tag, Severity: lint.Low, Message: "m", Span: src.Span(0, 0)}, {Rule: tag, Severity: tag.Severity, Message: "m", Span: outside.LineSpan(1)},
		{Rule: tag, Severity: tag.Severity, Message: "again", Span: span, Related: []lint.Related{{Role: "value", Span: outside.LineSpan(1)}, {Role: "value", Span: src.LineSpan(1)}}},
	}}
	var got struct {
		Rules  []sonarRule
		Issues []sonarIssue
	}
	if err := json.Unmarshal([]byte(write(t, "sonarqube", r, Options{})), &got); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, rule := range got.Rules {
		ids = append(ids, rule.ID+" "+rule.Impacts[0].Severity)
	}
	if want := []string{tag.ID + " " + sonarImpacts[tag.Severity], tag.ID + ":low LOW"}; !slices.Equal(ids, want) {
		t.Errorf("rules %v, want %v", ids, want)
	}
	if len(got.Issues) != 3 {
		t.Fatalf("%d issues: what is outside of the project is left out", len(got.Issues))
	}
	for _, i := range []int{0, 2} {
		if r := got.Issues[i].Primary.TextRange; r.StartLine != 2 || *r.StartColumn != 10 || *r.EndColumn != 14 {
			t.Errorf("%+v: %d to %d", r, *r.StartColumn, *r.EndColumn)
		}
	}
	if r := got.Issues[1].Primary.TextRange; r.StartColumn != nil || got.Issues[1].RuleID != tag.ID+":low" {
		t.Errorf("an empty range has columns: %+v", r)
	}
	if second := got.Issues[2].Secondary; len(second) != 1 || second[0].FilePath != "a.yaml" {
		t.Errorf("%+v", second)
	}
}

func TestGitLabSASTTracksFingerprintsAndSaysWhatFailed(t *testing.T) {
	src := lint.NewSource("./a.yaml", []byte("a: 1\n"))
	r := &lint.Report{
		Findings: []*lint.Finding{{Rule: privileged, Severity: lint.Critical, Message: "<b> @all", Help: strings.Repeat("é", 8000), Span: src.LineSpan(1), Fingerprint: "f1"}},
		Errors:   []*lint.InputError{{Message: "broken", Span: src.LineSpan(1)}},
	}
	var got struct {
		Scan            gitlabScan
		Vulnerabilities []gitlabVulnerability
	}
	if err := json.Unmarshal([]byte(write(t, "gitlab-sast", r, Options{})), &got); err != nil {
		t.Fatal(err)
	}
	v := got.Vulnerabilities[0]
	if v.ID != "f1" || v.Tracking.Items[0].Signatures[0].Value != "f1" || v.Severity != "Critical" || v.Location.File != "a.yaml" || v.Identifiers[0].Value != privileged.ID || strings.Contains(v.Description, "<b>") {
		t.Errorf("%+v", v)
	}
	if n := len([]rune(v.Solution)); n != 7000 {
		t.Errorf("the solution has %d characters", n)
	}
	if got.Scan.Status != "failure" || len(got.Scan.Messages) != 1 {
		t.Errorf("%+v", got.Scan)
	}
}

type sarifRead struct {
	Runs []struct {
		AutomationDetails struct{ ID string }
		Invocations       []sarifInvocation
		Results           []sarifResult
	}
}

func TestSARIFKeepsGitHubsLimits(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("a: 1\n"))
	at := src.LineSpan(1)
	r := &lint.Report{}
	for n := range sarifMaxResults + 10 {
		f := &lint.Finding{Rule: tag, Severity: lint.Low, Message: strconv.Itoa(n), Span: at}
		if n == sarifMaxResults+9 {
			f.Severity = lint.Critical
			for i := range 3000 {
				f.Related = append(f.Related, lint.Related{Role: "value", Message: strconv.Itoa(i), Span: at})
			}
		}
		r.Findings = append(r.Findings, f)
	}
	r.Suppressed = []*lint.Suppressed{{Finding: &lint.Finding{Rule: tag, Span: at}}}
	var log sarifRead
	if err := json.Unmarshal([]byte(write(t, "sarif", r, Options{})), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	worst := run.Results[0]
	if len(run.Results) != sarifMaxResults || worst.Message.Text[:len("25009")] != "25009" {
		t.Errorf("%d results, the first is %.40s", len(run.Results), worst.Message.Text)
	}
	if n := len(worst.RelatedLocations); n != sarifMaxLocations-1 || !strings.Contains(worst.Message.Text, "of 3000 related places the first 999 are listed") {
		t.Errorf("%d related locations", n)
	}
	if n := len(worst.CodeFlows[0].ThreadFlows[0].Locations); n > sarifMaxLocations {
		t.Errorf("%d steps", n)
	}
	if text := fmt.Sprint(run.Invocations[0].ToolExecutionNotifications); !strings.Contains(text, "worst 25000 of 25011 results") || !run.Invocations[0].ExecutionSuccessful {
		t.Errorf("what is cut is not said: %s", text)
	}
	r.Findings = r.Findings[:6000]
	if cut := SARIFCut(r); !strings.Contains(cut, "6001 results, of which GitHub shows 5000") {
		t.Error(cut)
	}
	r.Findings = r.Findings[:10]
	if cut := SARIFCut(r); cut != "" {
		t.Error(cut)
	}
}

func TestSARIFTellsUploadsApartByTheirInputs(t *testing.T) {
	for want, inputs := range map[string][]string{
		"manilint/": {"."}, "manilint/deploy/": {"deploy/"}, "manilint/a,b/c/": {"b/c", "./a", "a"}, "manilint/-/": {"-"}, "manilint/tmp/x/": {"/tmp/x"},
	} {
		var log sarifRead
		if err := json.Unmarshal([]byte(write(t, "sarif", &lint.Report{}, Options{Inputs: inputs})), &log); err != nil {
			t.Fatal(err)
		}
		if got := log.Runs[0].AutomationDetails.ID; got != want {
			t.Errorf("%v: %q, want %q", inputs, got, want)
		}
	}
}

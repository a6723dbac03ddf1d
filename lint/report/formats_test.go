package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
)

// everyReport returns the reports that each format must be able to write.
func everyReport(t *testing.T) map[string]*lint.Report {
	return map[string]*lint.Report{
		"clean":   {Rules: []*lint.Rule{tag, privileged}, Masks: &mask.Masks{}},
		"zero":    {},
		"example": example(t),
		"hostile": hostileReport(t),
		"bare":    {Findings: []*lint.Finding{{Rule: tag}, {Rule: tag}}, Suppressed: []*lint.Suppressed{{Finding: &lint.Finding{Rule: tag}, By: "config"}}, Errors: []*lint.InputError{{Message: "e"}}},
	}
}

func validate(t *testing.T, schemaFile, name, text string) {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := compiled.Validate(instance); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestJSONFollowsThePublishedSchema(t *testing.T) {
	for name, r := range everyReport(t) {
		validate(t, "../../docs/schema/manilint-v1.schema.json", name, write(t, "json", r, Options{}))
	}
}

func TestThePublishedSchemaNamesEveryField(t *testing.T) {
	data, err := os.ReadFile("../../docs/schema/manilint-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(write(t, "json", example(t), Options{}), -1) {
		if !bytes.Contains(data, []byte(`"`+key[1]+`":`)) {
			t.Errorf("the schema does not describe %s", key[1])
		}
	}
}

func TestSARIFFollowsTheOfficialSchema(t *testing.T) {
	for name, r := range everyReport(t) {
		validate(t, "testdata/sarif-2.1.0.schema.json", name, write(t, "sarif", r, Options{}))
		validate(t, "testdata/sarif-2.1.0.schema.json", name, write(t, "sarif", r, Options{Version: "(devel)"}))
	}
}

func TestSARIFSaysWhatGitHubReads(t *testing.T) {
	var log struct {
		Runs []struct {
			Tool        sarifTool
			Invocations []sarifInvocation
			ColumnKind  string
			Results     []sarifResult
		}
	}
	if err := json.Unmarshal([]byte(write(t, "sarif", example(t), Options{Version: "v1.2.3-rc.1"})), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if run.Tool.Driver.SemanticVersion != "1.2.3-rc.1" || run.ColumnKind != "unicodeCodePoints" || run.Invocations[0].ExecutionSuccessful {
		t.Errorf("%+v", run.Tool.Driver)
	}
	for _, r := range run.Results {
		rule := run.Tool.Driver.Rules[r.RuleIndex]
		if rule.ID != r.RuleID || rule.Help.Text == "" || rule.HelpURI != DocsURL+r.RuleID {
			t.Errorf("%s points at rule %+v", r.RuleID, rule)
		}
		if _, ok := rule.Properties["security-severity"]; ok == (r.RuleID == probes.ID) {
			t.Errorf("%s: %v", r.RuleID, rule.Properties)
		}
		for i, rel := range r.RelatedLocations {
			if rel.ID != i+1 || !strings.Contains(r.Message.Text, "]("+string(rune('0'+rel.ID))+")") {
				t.Errorf("%s: related place %d is not cited in %q", r.RuleID, rel.ID, r.Message.Text)
			}
		}
	}
	critical := run.Results[2]
	if got := *critical.Locations[0].PhysicalLocation.Region; got != (sarifRegion{12, 25, 12, 49}) {
		t.Errorf("region %+v", got)
	}
	flow := critical.CodeFlows[0].ThreadFlows[0].Locations
	if len(flow) != 2 || flow[0].Location.PhysicalLocation.ArtifactLocation.URI != "deploy/chart/values.yaml" {
		t.Errorf("the flow does not lead from the values to the template: %+v", flow)
	}
	last := run.Results[len(run.Results)-1]
	if len(last.Suppressions) != 1 || last.Suppressions[0].Kind != "inSource" || last.Suppressions[0].Justification != "the node agent needs it" {
		t.Errorf("%+v", last.Suppressions)
	}
}

func TestCodeFlowsFollowTheValue(t *testing.T) {
	src := lint.NewSource("x.yaml", []byte("a\nb\nc\nd\n"))
	rel := func(role string, line int) lint.Related { return lint.Related{Role: role, Span: src.LineSpan(line)} }
	for _, test := range []struct {
		related []lint.Related
		want    []int
	}{
		{nil, nil},
		{[]lint.Related{rel("binding", 2)}, nil},
		{[]lint.Related{rel("include", 3), rel("value", 2)}, []int{2, 1, 3}},
		{[]lint.Related{rel("template", 2), rel("include", 3)}, []int{1, 2, 3}},
		{[]lint.Related{rel("base", 2)}, []int{2, 1}},
		{[]lint.Related{rel("patch", 2)}, []int{1, 2}},
	} {
		var lines []int
		if steps := flow(&lint.Finding{Rule: tag, Span: src.LineSpan(1), Related: test.related}); len(steps) > 1 {
			for _, s := range steps {
				lines = append(lines, s.Location.PhysicalLocation.Region.StartLine)
			}
		}
		if !slices.Equal(lines, test.want) {
			t.Errorf("%v: lines %v, want %v", test.related, lines, test.want)
		}
	}
}

func TestSARIFPathsAreRelativeURIs(t *testing.T) {
	for file, want := range map[string]string{
		"deploy/web.yaml": "deploy/web.yaml", "./a.yaml": "a.yaml", "../x y/é.yaml": "../x%20y/%C3%A9.yaml",
		"a:b.yaml": "a%3Ab.yaml", "100%.yaml": "100%25.yaml", "a?b#c.yaml": "a%3Fb%23c.yaml", "/abs/x.yaml": "file:///abs/x.yaml", "-": "stdin",
	} {
		if got := artifact(file); got.URI != want || (got.URIBaseID == "") != strings.HasPrefix(want, "file:") {
			t.Errorf("artifact(%q) = %+v, want %s", file, got, want)
		}
	}
}

func TestXMLFormatsAreWellFormed(t *testing.T) {
	for _, format := range []string{"junit", "checkstyle"} {
		for name, r := range everyReport(t) {
			text := write(t, format, r, Options{})
			d := xml.NewDecoder(strings.NewReader(text))
			d.Strict = true
			elements := map[string]int{}
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s, %s: %v", format, name, err)
				}
				if e, ok := token.(xml.StartElement); ok {
					elements[e.Name.Local]++
				}
			}
			known := []string{"testsuites", "testsuite", "testcase", "failure", "error", "skipped", "checkstyle", "file"}
			for e := range elements {
				if !slices.Contains(known, e) {
					t.Errorf("%s, %s: element %s", format, name, e)
				}
			}
			if want := len(r.Findings); format == "junit" && elements["failure"] != want || format == "checkstyle" && elements["error"] != want+len(r.Errors) {
				t.Errorf("%s, %s: %v, want %d findings", format, name, elements, want)
			}
		}
	}
}

func TestJUnitCountsWhatItHolds(t *testing.T) {
	var suites junitSuites
	if err := xml.Unmarshal([]byte(write(t, "junit", example(t), Options{})), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 7 || suites.Failures != 4 || suites.Errors != 2 || suites.Skipped != 1 {
		t.Errorf("%+v", suites)
	}
	if err := xml.Unmarshal([]byte(write(t, "junit", everyReport(t)["clean"], Options{})), &suites); err != nil {
		t.Fatal(err)
	}
}

func TestGitLabIssuesHaveCleanPathsAndItsSeverities(t *testing.T) {
	src := lint.NewSource("./a.yaml", []byte("x: 1\ny: 2\n"))
	r := &lint.Report{}
	for n := range 3 {
		r.Findings = append(r.Findings, &lint.Finding{Rule: tag, Fingerprint: strconv.Itoa(n), Span: src.LineSpan(n), Severity: lint.Severity(n)})
	}
	var issues []gitlabIssue
	if err := json.Unmarshal([]byte(write(t, "gitlab", r, Options{})), &issues); err != nil {
		t.Fatal(err)
	}
	for n, i := range issues {
		if i.Fingerprint != strconv.Itoa(n) || i.Location.Path != "a.yaml" || !slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, i.Severity) {
			t.Errorf("%+v", i)
		}
	}
	if got := write(t, "gitlab", &lint.Report{}, Options{}); got != "[]\n" {
		t.Errorf("a clean report is %q", got)
	}
}

// command parses a workflow command as the runner does: https://github.com/actions/runner
func command(t *testing.T, line string) (name, message string, properties map[string]string) {
	t.Helper()
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "::")
	head, message, found := strings.Cut(rest, "::")
	if !ok || !found {
		t.Fatalf("%q is no command", line)
	}
	undo := strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",")
	name, args, _ := strings.Cut(head, " ")
	properties = map[string]string{}
	for _, p := range strings.Split(args, ",") {
		k, v, _ := strings.Cut(p, "=")
		properties[k] = undo.Replace(v)
	}
	return name, undo.Replace(message), properties
}

func TestGitHubShowsTheWorstTenOfALevel(t *testing.T) {
	src := lint.NewSource("a,b:c.yaml", []byte(strings.Repeat("key: value\n", 40)))
	r := &lint.Report{}
	for n := range 30 {
		f := &lint.Finding{Rule: tag, Severity: []lint.Severity{lint.High, lint.Medium, lint.Critical}[n%3], Message: "100% of it", Help: "do this,\nthen: that", Span: src.Span(src.LineSpan(n+1).Start.Offset+5, src.LineSpan(n+1).End.Offset)}
		r.Findings = append(r.Findings, f)
	}
	count := map[string]int{}
	for line := range strings.Lines(write(t, "github", r, Options{})) {
		if !strings.HasPrefix(line, "::") {
			count["line"]++
			continue
		}
		name, message, properties := command(t, line)
		count[name]++
		if name == "error" && !strings.Contains(properties["title"], "critical") {
			t.Errorf("a high finding is shown before a critical one: %s", line)
		}
		if message != "100% of it\ndo this,\nthen: that" || properties["file"] != src.Path || properties["col"] != "6" || properties["endColumn"] != "10" {
			t.Errorf("%q %q", message, properties)
		}
	}
	if count["error"] != 10 || count["warning"] != 10 || count["line"] != 10 {
		t.Errorf("%v, want 10 errors, 10 warnings and 10 lines", count)
	}
	if got := write(t, "github", &lint.Report{}, Options{}); got != "" {
		t.Errorf("a clean report is %q", got)
	}
}

func TestHostileTextRunsNoCommand(t *testing.T) {
	for _, format := range Names() {
		text := write(t, format, hostileReport(t), Options{Width: 60})
		for line := range strings.Lines(text) {
			if regexp.MustCompile(`##[A-Za-z]*\[`).MatchString(line) {
				t.Errorf("%s: %s", format, line)
			}
			if strings.HasPrefix(strings.TrimSpace(line), "::") {
				if format != "github" {
					t.Errorf("%s: %s", format, line)
					continue
				}
				if name, _, properties := command(t, line); name != "error" || !strings.HasPrefix(properties["file"], "dir/") {
					t.Errorf("%s %v", name, properties)
				}
			}
		}
	}
	for in, want := range map[string]string{
		"::error::x": `\x3a:error::x`, "a ::set-env name=x::y": `a \x3a:set-env name=x::y`, "a::b ::/0 [::1]": "a::b ::/0 [::1]",
		"##[group]": `\x23#[group]`, "##vso[task.x]": `\x23#vso[task.x]`, "## heading [x]": "## heading [x]",
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestMarkdownShowsTextAsItIs(t *testing.T) {
	text := write(t, "markdown", hostileReport(t), Options{})
	for _, bad := range []string{"<script>", "</failure>", "`code`", "**bold**", "![", "](javascript", "(http://evil", "http://evil", "@everyone", "#1 ", " | **"} {
		if strings.Contains(strings.ReplaceAll(text, "| --- |", ""), bad) {
			t.Errorf("%q passes through:\n%s", bad, text)
		}
	}
	rows := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| high |") {
			rows++
			if n := strings.Count(line, "|") - strings.Count(line, `\|`); n != 4 {
				t.Errorf("%d cell borders: %s", n, line)
			}
		}
	}
	if rows != 1 {
		t.Errorf("%d rows, want one", rows)
	}
}

func TestMarkdownFitsIntoAComment(t *testing.T) {
	r := &lint.Report{}
	for range 5000 {
		r.Findings = append(r.Findings, &lint.Finding{Rule: tag, Message: "a message of some length that stands in each of many findings"})
	}
	r.Findings = append(r.Findings, &lint.Finding{Rule: privileged, Severity: lint.Critical, Message: "the worst"})
	text := write(t, "markdown", r, Options{})
	if len(text) > 65000 || !strings.Contains(text, "the worst") || !regexp.MustCompile(`… and \d+ findings more`).MatchString(text) {
		t.Errorf("%d bytes", len(text))
	}
}

func TestSARIFCarriesTheRulesText(t *testing.T) {
	documented := &lint.Rule{ID: "documented", Summary: "x", Docs: fstest.MapFS{"documented.md": {Data: []byte("# documented\n\nx\n\n## Why\n\nBecause.\n\n## Bad\n\ny\n")}}}
	got := newSarifRule(documented, Options{URL: "https://example.com/rules/"})
	if got.FullDescription.Text != "Because." || !strings.HasPrefix(got.Help.Markdown, "# documented") || path.Base(got.HelpURI) != "documented" {
		t.Errorf("%+v", got)
	}
}

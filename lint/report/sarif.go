package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// SARIFSchema is the official JSON Schema of what [SARIF] writes.
const SARIFSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// fingerprintName is manilint's key in partialFingerprints.
const fingerprintName = "manilint/v1"

// The part of SARIF 2.1.0 that is written. The types of
// github.com/owenrumney/go-sarif nest a rule's own properties one level too
// deep for GitHub, which searches for properties["security-severity"], and write
// out every default, so the few types are here.
type (
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		InformationURI  string      `json:"informationUri"`
		Version         string      `json:"version,omitempty"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string         `json:"id"`
		ShortDescription     sarifMessage   `json:"shortDescription"`
		FullDescription      sarifMessage   `json:"fullDescription"`
		Help                 sarifMessage   `json:"help"`
		HelpURI              string         `json:"helpUri"`
		DefaultConfiguration sarifLevel     `json:"defaultConfiguration"`
		Properties           map[string]any `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		ExecutionSuccessful        bool                `json:"executionSuccessful"`
		ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           int                `json:"ruleIndex"`
		Level               string             `json:"level"`
		Message             sarifMessage       `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
		CodeFlows           []sarifCodeFlow    `json:"codeFlows,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
		BaselineState       string             `json:"baselineState,omitempty"`
		Fixes               []sarifFix         `json:"fixes,omitempty"`
		Properties          map[string]any     `json:"properties"`
	}
	sarifLocation struct {
		ID               int            `json:"id,omitempty"`
		PhysicalLocation sarifPhysical  `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
		Message          *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI         string        `json:"uri,omitempty"`
		URIBaseID   string        `json:"uriBaseId,omitempty"`
		Description *sarifMessage `json:"description,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifCodeFlow struct {
		ThreadFlows []sarifThreadFlow `json:"threadFlows"`
	}
	sarifThreadFlow struct {
		Locations []sarifStep `json:"locations"`
	}
	sarifStep struct {
		Location sarifLocation `json:"location"`
	}
	sarifSuppression struct {
		Kind          string         `json:"kind"`
		Status        string         `json:"status"`
		Justification string         `json:"justification,omitempty"`
		Location      *sarifLocation `json:"location,omitempty"`
	}
)

// securitySeverity is GitHub's scale: from 9.0 critical, 7.0 high, 4.0 medium,
// above 0 low. Rules about reliability have none.
var securitySeverity = map[lint.Severity]string{lint.Critical: "9.5", lint.High: "8.0", lint.Medium: "5.5", lint.Low: "2.0"}

// SARIF writes a SARIF 2.1.0 log. What an ignore hides is in it too, with the
// ignore as its suppression; errors of input are notifications of the invocation.
func SARIF(w io.Writer, r *lint.Report, o Options) error {
	driver := sarifDriver{Name: "manilint", InformationURI: ProjectURL, Version: o.Version, Rules: []sarifRule{}}
	if semantic().MatchString(o.Version) {
		driver.SemanticVersion = strings.TrimPrefix(o.Version, "v")
	}
	index := map[*lint.Rule]int{}
	rule := func(rule *lint.Rule) int {
		i, ok := index[rule]
		if !ok {
			i = len(driver.Rules)
			index[rule] = i
			driver.Rules = append(driver.Rules, newSarifRule(rule, o))
		}
		return i
	}
	for _, x := range r.Rules {
		rule(x)
	}
	invocation := sarifInvocation{ExecutionSuccessful: len(r.Errors) == 0, ToolExecutionNotifications: []sarifNotification{}}
	for _, e := range r.Errors {
		n := sarifNotification{Level: "error", Message: sarifText(e.Message)}
		if e.Span.IsValid() {
			n.Locations = []sarifLocation{{PhysicalLocation: physical(e.Span, nil)}}
		}
		invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, n)
	}
	findings, suppressed := sarifResults(r)
	if cut := SARIFCut(r); cut != "" {
		invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, sarifNotification{Level: "warning", Message: sarifText(cut)})
	}
	for _, f := range findings {
		rule(f.Rule)
	}
	for _, s := range suppressed {
		rule(s.Finding.Rule)
	}
	gone := r.Gone[:min(len(r.Gone), sarifMaxResults-len(findings)-len(suppressed))]
	gone = slices.DeleteFunc(slices.Clone(gone), func(g lint.Gone) bool { return g.Rule == nil })
	results := func(yield func(any) bool) {
		for _, f := range findings {
			if !yield(newSarifResult(f, rule(f.Rule))) {
				return
			}
		}
		for _, s := range suppressed {
			if !yield(suppressedResult(s, rule(s.Finding.Rule))) {
				return
			}
		}
		for _, g := range gone {
			if !yield(goneResult(g, rule(g.Rule))) {
				return
			}
		}
	}
	run := object{
		{"tool", sarifTool{driver}},
		{"automationDetails", map[string]string{"id": sarifCategory(o.Inputs)}},
		{"invocations", []sarifInvocation{invocation}},
		{"columnKind", "unicodeCodePoints"},
		{"originalUriBaseIds", map[string]sarifArtifact{"%SRCROOT%": {Description: &sarifMessage{Text: "the directory that manilint ran in"}}}},
		{"results", list(results)},
	}
	return Encode(w, object{{"$schema", SARIFSchema}, {"version", "2.1.0"}, {"runs", mapped([]object{run}, func(o object) any { return o })}})
}

// What GitHub takes of a run, beyond which it refuses the file, and what it shows:
// https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning
const (
	sarifMaxResults   = 25_000
	sarifShownResults = 5_000
	sarifMaxLocations = 1_000 // of a result
)

// sarifResults returns what is written of a report: all of it, or the worst findings.
func sarifResults(r *lint.Report) ([]*lint.Finding, []*lint.Suppressed) {
	if len(r.Findings)+len(r.Suppressed) <= sarifMaxResults {
		return r.Findings, r.Suppressed
	}
	findings := worstFirst(r.Findings)
	findings = findings[:min(len(findings), sarifMaxResults)]
	return findings, r.Suppressed[:min(len(r.Suppressed), sarifMaxResults-len(findings))]
}

// SARIFCut says what [SARIF] leaves out of a report, and what of it GitHub does not show;
// "" where that is nothing.
func SARIFCut(r *lint.Report) string {
	all := len(r.Findings) + len(r.Suppressed)
	findings, suppressed := sarifResults(r)
	switch n := len(findings) + len(suppressed); {
	case n < all:
		return fmt.Sprintf("the SARIF log holds the worst %d of %d results, as many as GitHub accepts; lint fewer paths at a time, or raise --severity", n, all)
	case all > sarifShownResults:
		return fmt.Sprintf("the SARIF log holds %d results, of which GitHub shows %d; lint fewer paths at a time, or raise --severity", all, sarifShownResults)
	}
	return ""
}

// sarifCategory is what GitHub keeps the results of several uploads apart by: the paths
// that were linted.
func sarifCategory(inputs []string) string {
	var clean []string
	for _, input := range inputs {
		if input = path.Clean(filepath.ToSlash(input)); input != "." {
			clean = append(clean, input)
		}
	}
	slices.Sort(clean)
	return "manilint/" + strings.TrimPrefix(strings.Join(slices.Compact(clean), ",")+"/", "/")
}

// sarifStates are SARIF's words for states (3.27.24); a result that is there with another
// severity was updated.
var sarifStates = map[lint.State]string{lint.New: "new", lint.Unchanged: "unchanged", lint.Worse: "updated"}

// goneResult is the result of something that was known and is found no more.
func goneResult(g lint.Gone, index int) sarifResult {
	text := firstUpper(g.Rule.Summary) + ": no longer found"
	if g.Object != "" {
		text += " in " + strings.TrimSuffix(g.Object+", "+g.Path, ", ")
	}
	return sarifResult{
		RuleID: g.Rule.ID, RuleIndex: index, Level: level(g.Severity), Message: sarifText(text), BaselineState: "absent",
		Locations:           []sarifLocation{{PhysicalLocation: sarifPhysical{ArtifactLocation: artifact(g.File)}}},
		PartialFingerprints: map[string]string{fingerprintName: g.Fingerprint},
		Properties:          map[string]any{"severity": g.Severity},
	}
}

func suppressedResult(s *lint.Suppressed, index int) sarifResult {
	result := newSarifResult(s.Finding, index)
	suppression := sarifSuppression{Kind: "external", Status: "accepted", Justification: plain(s.Reason)}
	if s.By == "comment" || s.By == "annotation" {
		suppression.Kind = "inSource"
	}
	if s.Span.IsValid() {
		suppression.Location = &sarifLocation{PhysicalLocation: physical(s.Span, nil)}
	}
	result.Suppressions = []sarifSuppression{suppression}
	return result
}

// semantic is the form that SARIF wants for semanticVersion.
var semantic = lint.Regexp(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+][0-9A-Za-z.+-]+)?$`)

func newSarifRule(r *lint.Rule, o Options) sarifRule {
	doc := strings.TrimSpace(r.Doc())
	summary := firstUpper(r.Summary) + "."
	tags := append([]string{r.Group}, r.References...)
	properties := map[string]any{"precision": "high", "problem.severity": map[string]string{"error": "error", "warning": "warning", "note": "recommendation"}[level(r.Severity)]}
	if s := securitySeverity[r.Severity]; s != "" {
		tags = append([]string{"security"}, tags...)
		properties["security-severity"] = s
	}
	properties["tags"] = tags[:min(len(tags), 20)] // as many as GitHub accepts
	return sarifRule{
		ID: r.ID, ShortDescription: sarifMessage{Text: summary}, FullDescription: sarifMessage{Text: cmp.Or(section(doc, "Why"), summary)},
		Help: sarifMessage{Text: cmp.Or(doc, summary), Markdown: doc}, HelpURI: o.url(r),
		DefaultConfiguration: sarifLevel{level(r.Severity)}, Properties: properties,
	}
}

// section returns the text under a "## title" heading.
func section(doc, title string) string {
	_, rest, ok := strings.Cut(doc, "\n## "+title+"\n")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return strings.TrimSpace(text)
}

func firstUpper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func newSarifResult(f *lint.Finding, index int) sarifResult {
	text := plain(f.Message)
	result := sarifResult{
		RuleID: f.Rule.ID, RuleIndex: index, Level: level(f.Severity),
		Locations:           []sarifLocation{{PhysicalLocation: physical(f.Span, f.Renderings), LogicalLocations: logical(f)}},
		PartialFingerprints: map[string]string{fingerprintName: f.Fingerprint}, BaselineState: sarifStates[f.State],
		Properties: map[string]any{"severity": f.Severity, "precision": precision(f), "renderings": nonNil(f.Renderings)},
	}
	var links []string
	for _, rel := range f.Related {
		if !rel.Span.IsValid() {
			continue
		}
		id := len(result.RelatedLocations) + 1
		if id == sarifMaxLocations { // the finding's own is one
			text += fmt.Sprintf(" (of %d related places the first %d are listed)", len(f.Related), id-1)
			break
		}
		message := cmp.Or(rel.Message, rel.Role)
		result.RelatedLocations = append(result.RelatedLocations, sarifLocation{
			ID: id, PhysicalLocation: physical(rel.Span, nil), Message: &sarifMessage{Text: plain(message)},
		})
		links = append(links, "["+linkText.Replace(message)+"]("+strconv.Itoa(id)+")")
	}
	if len(links) > 0 {
		text += " (" + strings.Join(links, ", ") + ")"
	}
	if f.Help != "" {
		text += "\n" + plain(f.Help)
	}
	result.Message.Text, result.Fixes = text, sarifFixes(f.Fix)
	if steps := flow(f); len(steps) > 1 {
		result.CodeFlows = []sarifCodeFlow{{ThreadFlows: []sarifThreadFlow{{Locations: steps}}}}
	}
	return result
}

// linkText escapes what would end the text of an embedded link (SARIF 3.11.6).
var linkText = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`)

// plain escapes what viewers would take for an embedded link in text that is none.
func plain(s string) string {
	if strings.Contains(s, "](") {
		return strings.ReplaceAll(s, "[", `\[`)
	}
	return s
}

func sarifText(s string) sarifMessage { return sarifMessage{Text: plain(s)} }

// stages order the places of a finding as the value travels: from the values
// file or base through template or patch to the template that includes it.
var stages = map[string]int{"value": 1, "generator": 1, "base": 2, "template": 4, "patch": 4, "include": 5, "overlay": 5}

// flow returns the steps from where a value is set to where it takes effect;
// none where the finding has one place.
func flow(f *lint.Finding) []sarifStep {
	type step struct {
		stage    int
		location sarifLocation
	}
	own := 3 // between the values and the templates that include this one
	for _, rel := range f.Related {
		if rel.Role == "template" || rel.Role == "patch" {
			own = 0 // the finding itself is at the value
		}
	}
	steps := []step{{own, sarifLocation{PhysicalLocation: physical(f.Span, f.Renderings), Message: &sarifMessage{Text: plain(f.Message)}}}}
	for _, rel := range f.Related {
		if stage := stages[rel.Role]; stage > 0 && rel.Span.IsValid() && len(steps) < sarifMaxLocations {
			steps = append(steps, step{stage, sarifLocation{PhysicalLocation: physical(rel.Span, nil), Message: &sarifMessage{Text: plain(cmp.Or(rel.Message, rel.Role))}}})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.stage - b.stage })
	var all []sarifStep
	for _, s := range steps {
		all = append(all, sarifStep{s.location})
	}
	return all
}

func logical(f *lint.Finding) []sarifLogical {
	if f.Object.Kind == "" {
		return nil
	}
	name := f.Object.Name
	if f.Object.Namespace != "" {
		name = f.Object.Namespace + "/" + name
	}
	full := f.Object.Kind + "/" + name
	if f.Path != "" {
		full += ":" + f.Path
	}
	return []sarifLogical{{Name: f.Object.Name, FullyQualifiedName: full, Kind: "object"}}
}

func physical(s lint.Span, renderings []lint.Rendering) sarifPhysical {
	p := at(s, renderings)
	physical := sarifPhysical{ArtifactLocation: artifact(p.file), Region: &sarifRegion{StartLine: p.line}}
	if s.IsValid() {
		physical.Region = &sarifRegion{p.line, p.column, p.endLine, p.endColumn}
	}
	return physical
}

// artifact returns the reference to a file: relative to the directory of the
// run, percent-encoded.
func artifact(file string) sarifArtifact {
	if file == "-" {
		file = "stdin"
	}
	segments := strings.Split(path.Clean(file), "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), ":", "%3A")
	}
	uri := strings.Join(segments, "/")
	if strings.HasPrefix(uri, "/") {
		return sarifArtifact{URI: "file://" + uri}
	}
	return sarifArtifact{URI: uri, URIBaseID: "%SRCROOT%"}
}

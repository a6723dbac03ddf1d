// Package mcp serves what manilint finds to coding agents, by the Model Context Protocol over
// a stream (https://modelcontextprotocol.io/). Answers are bounded in size and say what they
// leave out; nothing outside of one directory is read.
package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/manilint/manilint/internal/rendering"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

// A Program is what the tools run.
type Program interface {
	// Lint lints paths of the directory; since, if not "", is the revision of which the
	// findings are left out.
	Lint(ctx context.Context, paths []string, since string) (*lint.Report, error)
	// Render returns what is rendered from paths, with the report on it, which knows what is
	// secret.
	Render(ctx context.Context, paths []string) ([]*lint.Bundle, *lint.Report, error)
	// Fix proves fixes for findings, those that are risky too where that is wanted, and writes
	// the files that they edit where write says so.
	Fix(ctx context.Context, paths []string, want func(*lint.Finding) bool, risky, write bool) (*Fixes, error)
	// Network and RBAC write the tables of those commands.
	Network(w io.Writer, bundles []*lint.Bundle) error
	RBAC(w io.Writer, bundles []*lint.Bundle) error
}

// Options are those of a server.
type Options struct {
	Version string
	Dir     string // that paths must lie in
	Rules   []*lint.Rule
	Program Program
	Write   bool // whether fix may write
}

// Fixes are what became of the fixes that were wanted.
type Fixes struct {
	Diff    string   // unified; without what is secret
	Fixed   int      // findings that the edits make go away
	Files   []string // that are edited
	Reasons []string // why further findings are not fixed
}

// Serve answers a client until the stream ends.
func Serve(ctx context.Context, in io.ReadCloser, out io.WriteCloser, o Options) error {
	err := New(o).Run(ctx, &mcp.IOTransport{Reader: in, Writer: out})
	if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// New returns a server.
func New(o Options) *mcp.Server {
	s := &server{o}
	m := mcp.NewServer(&mcp.Implementation{Name: "manilint", Version: o.Version, Title: "manilint"}, &mcp.ServerOptions{
		Instructions: "Finds insecure settings in Kubernetes manifests, Helm charts and Kustomize overlays, offline. Paths are relative to the directory that " +
			"the server was started in. lint names the line of the file to edit; after an edit lint again. explain says why a rule matters and shows good YAML.",
		Capabilities: &mcp.ServerCapabilities{},
	})
	reads := &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: new(bool)}
	mcp.AddTool(m, &mcp.Tool{Name: "lint", Annotations: reads, Description: "Lint files and directories. Each finding has the rule, the place as file:line:column, the message and how to fix it."}, s.lint)
	mcp.AddTool(m, &mcp.Tool{Name: "explain", Annotations: reads, Description: "The page of a rule: what it finds, why it matters, bad and good YAML, when to ignore it."}, s.explain)
	mcp.AddTool(m, &mcp.Tool{Name: "render", Annotations: reads, Description: "The objects that charts, overlays and manifests render to, each value with the file and line that it comes from. Secrets are hidden."}, s.render)
	proposes := &mcp.ToolAnnotations{ReadOnlyHint: !o.Write, IdempotentHint: true, OpenWorldHint: new(bool)}
	mcp.AddTool(m, &mcp.Tool{Name: "fix", Annotations: proposes, Description: "Fixes that are proven: all that reads an edited file is rendered and checked again, the findings are gone and nothing else changes. " +
		"Answers with a unified diff. Takes the safe fixes alone unless risky is true. Writes the files only with apply, and only where the server was started with --write."}, s.fix)
	mcp.AddTool(m, &mcp.Tool{Name: "network", Annotations: reads, Description: "What network policies leave open to each workload."}, s.network)
	mcp.AddTool(m, &mcp.Tool{Name: "rbac", Annotations: reads, Description: "Who can do what of the dangerous things, through which binding and role."}, s.rbac)
	for _, r := range o.Rules {
		m.AddResource(&mcp.Resource{URI: "manilint://rules/" + r.ID, Name: r.ID, Title: r.Summary, MIMEType: "text/markdown"}, s.page)
	}
	return m
}

type server struct{ Options }

// paths are the input of several tools.
type paths struct {
	Paths []string `json:"paths,omitempty" jsonschema:"files and directories, relative to the server's directory; all of it when empty"`
}

// inside returns paths as the program takes them. One that leads out of the directory is an
// error that does not say whether it exists.
func (s *server) inside(p paths) ([]string, error) {
	if len(p.Paths) == 0 {
		return []string{s.Dir}, nil
	}
	var all []string
	for _, path := range p.Paths {
		at := path
		if !filepath.IsAbs(at) {
			at = filepath.Join(s.Dir, filepath.FromSlash(path))
		}
		rel, err := filepath.Rel(s.Dir, at)
		if err != nil || !filepath.IsLocal(rel) || strings.HasSuffix(path, "...") {
			return nil, fmt.Errorf("%q lies outside of the directory that the server was started in", path)
		}
		all = append(all, at)
	}
	return all, nil
}

type lintInput struct {
	paths
	Since    string `json:"since,omitempty" jsonschema:"a git revision or branch: only what it lacks is reported"`
	Severity string `json:"severity,omitempty" jsonschema:"leave out findings below this severity: critical, high, medium, low or info"`
	Rule     string `json:"rule,omitempty" jsonschema:"only findings of this rule"`
	Limit    int    `json:"limit,omitempty" jsonschema:"how many findings at most, the worst first; 50 when 0"`
}

// A Finding is one of an answer.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity string   `json:"severity"`
	Place    string   `json:"place" jsonschema:"file:line:column where it is written"`
	Object   string   `json:"object"`
	Field    string   `json:"field,omitempty"`
	Message  string   `json:"message"`
	Fix      string   `json:"fix,omitempty"`
	Related  []string `json:"related,omitempty" jsonschema:"further places that decide it"`
}

// A Lint is the answer of lint.
type Lint struct {
	Findings []Finding      `json:"findings"`
	Total    map[string]int `json:"total" jsonschema:"the number of findings of each severity, those that are left out included"`
	LeftOut  string         `json:"leftOut,omitempty" jsonschema:"what the answer leaves out"`
	Errors   []string       `json:"errors,omitempty" jsonschema:"what could not be read or rendered: it was not checked"`
}

const (
	defaultFindings = 50
	mostFindings    = 500
	mostErrors      = 20
	mostHelp        = 2000
	mostText        = 60_000 // bytes of a rendering or a table
)

func (s *server) lint(ctx context.Context, _ *mcp.CallToolRequest, in lintInput) (*mcp.CallToolResult, Lint, error) {
	inside, err := s.inside(in.paths)
	if err != nil {
		return nil, Lint{}, err
	}
	floor := lint.Info
	if in.Severity != "" {
		if floor, err = lint.ParseSeverity(in.Severity); err != nil {
			return nil, Lint{}, err
		}
	}
	if in.Rule != "" && lint.FindRule(s.Rules, in.Rule) == nil {
		return nil, Lint{}, s.unknown(in.Rule)
	}
	rep, err := s.Program.Lint(ctx, inside, in.Since)
	if err != nil {
		return nil, Lint{}, err
	}
	out := Lint{Findings: []Finding{}, Total: map[string]int{}}
	var wanted []*lint.Finding
	for _, f := range rep.Findings {
		if f.Severity >= floor && (in.Rule == "" || f.Rule == lint.FindRule(s.Rules, in.Rule)) {
			out.Total[f.Severity.String()]++
			wanted = append(wanted, f)
		}
	}
	slices.SortStableFunc(wanted, func(a, b *lint.Finding) int { return int(b.Severity - a.Severity) })
	limit := min(cmp.Or(max(0, in.Limit), defaultFindings), mostFindings)
	for _, f := range wanted[:min(limit, len(wanted))] {
		out.Findings = append(out.Findings, findingOf(f))
	}
	if n := len(wanted) - limit; n > 0 {
		out.LeftOut = fmt.Sprintf("%d findings, none worse than those above; narrow paths, severity or rule, or raise limit (at most %d)", n, mostFindings)
	}
	out.Errors = errorsOf(rep)
	return nil, out, nil
}

func findingOf(f *lint.Finding) Finding {
	x := Finding{Rule: f.Rule.ID, Severity: f.Severity.String(), Message: f.Message, Field: f.Path}
	x.Object = strings.TrimSpace(f.Object.Kind + " " + strings.TrimPrefix(f.Object.Namespace+"/"+f.Object.Name, "/"))
	if f.Span.IsValid() {
		x.Place = f.Span.Start.String()
	} else if len(f.Renderings) > 0 {
		x.Place = f.Renderings[0].Root
	}
	x.Fix, _ = cut(f.Help, mostHelp)
	const most = 5
	for _, r := range f.Related[:min(most, len(f.Related))] {
		if r.Span.IsValid() {
			x.Related = append(x.Related, fmt.Sprintf("%s %s: %s", r.Span.Start, r.Role, r.Message))
		}
	}
	return x
}

func errorsOf(rep *lint.Report) []string {
	var all []string
	for _, e := range rep.Errors[:min(mostErrors, len(rep.Errors))] {
		all = append(all, e.Error())
	}
	if n := len(rep.Errors) - mostErrors; n > 0 {
		all = append(all, fmt.Sprintf("and %d more errors", n))
	}
	return all
}

// cut returns at most n bytes of a text, whole lines of it where there are several, and how
// many are left out.
func cut(text string, n int) (string, int) {
	if len(text) <= n {
		return text, 0
	}
	kept := text[:n]
	if end := strings.LastIndexByte(kept, '\n'); end > 0 {
		kept = kept[:end+1]
	}
	kept = strings.ToValidUTF8(kept, "")
	return kept, len(text) - len(kept)
}

type fixInput struct {
	paths
	Rule  string `json:"rule,omitempty" jsonschema:"only findings of this rule"`
	Place string `json:"place,omitempty" jsonschema:"only the finding at this place, as lint names it: file:line:column"`
	Risky bool   `json:"risky,omitempty" jsonschema:"set to true for risky fixes, too: those that may stop a program that works; without it a finding whose fix is risky is in notFixed"`
	Apply bool   `json:"apply,omitempty" jsonschema:"write the files"`
}

// A Fix is the answer of fix.
type Fix struct {
	Diff     string   `json:"diff"`
	Fixed    int      `json:"fixed" jsonschema:"findings that the edits make go away"`
	Files    []string `json:"files"`
	Written  bool     `json:"written" jsonschema:"whether the files were written"`
	NotFixed []string `json:"notFixed,omitempty" jsonschema:"why further findings are not fixed"`
	LeftOut  string   `json:"leftOut,omitempty" jsonschema:"what the answer leaves out"`
}

func (s *server) fix(ctx context.Context, _ *mcp.CallToolRequest, in fixInput) (*mcp.CallToolResult, Fix, error) {
	inside, err := s.inside(in.paths)
	if err != nil {
		return nil, Fix{}, err
	}
	rule := lint.FindRule(s.Rules, in.Rule)
	if in.Rule != "" && rule == nil {
		return nil, Fix{}, s.unknown(in.Rule)
	}
	if in.Apply && !s.Write {
		return nil, Fix{}, errors.New("the server writes nothing: it was not started with --write; the diff of a call without apply can be applied by other means")
	}
	found := false
	fixes, err := s.Program.Fix(ctx, inside, func(f *lint.Finding) bool {
		wanted := (rule == nil || f.Rule == rule) && (in.Place == "" || f.Span.IsValid() && f.Span.Start.String() == in.Place)
		found = found || wanted
		return wanted
	}, in.Risky, in.Apply)
	if err != nil {
		return nil, Fix{}, err
	}
	out := Fix{Fixed: fixes.Fixed, Files: fixes.Files, NotFixed: fixes.Reasons, Written: in.Apply && fixes.Fixed > 0}
	if out.Files == nil {
		out.Files = []string{}
	}
	for i, reason := range out.NotFixed {
		if !in.Risky && strings.Contains(reason, ": it is risky: ") {
			out.NotFixed[i] = reason + " (a call with risky: true fixes it)"
		}
	}
	if !found {
		out.NotFixed = append(out.NotFixed, "nothing is found of that rule at that place")
	}
	var left int
	if out.Diff, left = cut(fixes.Diff, mostText); left > 0 {
		out.LeftOut = fmt.Sprintf("%d bytes of the diff; narrow paths or rule", left)
	}
	return nil, out, nil
}

type explainInput struct {
	Rule string `json:"rule" jsonschema:"the id of a rule, as findings show it"`
}

// A Page is the answer of explain.
type Page struct {
	Page string `json:"page"`
}

func (s *server) explain(_ context.Context, _ *mcp.CallToolRequest, in explainInput) (*mcp.CallToolResult, Page, error) {
	r := lint.FindRule(s.Rules, in.Rule)
	if r == nil {
		return nil, Page{}, s.unknown(in.Rule)
	}
	return nil, Page{r.Doc()}, nil
}

func (s *server) unknown(id string) error {
	var known []string
	for _, r := range s.Rules {
		known = append(known, r.ID)
	}
	return fmt.Errorf("there is no rule %q%s", id, lint.Suggest(id, known))
}

func (s *server) page(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	rule := lint.FindRule(s.Rules, strings.TrimPrefix(r.Params.URI, "manilint://rules/"))
	if rule == nil {
		return nil, mcp.ResourceNotFoundError(r.Params.URI)
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, MIMEType: "text/markdown", Text: rule.Doc()}}}, nil
}

type renderInput struct {
	paths
	Kind string `json:"kind,omitempty" jsonschema:"only objects of this kind"`
	Name string `json:"name,omitempty" jsonschema:"only objects of this name"`
}

// A Text is the answer of render, network and rbac.
type Text struct {
	Text    string   `json:"text"`
	LeftOut string   `json:"leftOut,omitempty" jsonschema:"what the answer leaves out"`
	Errors  []string `json:"errors,omitempty" jsonschema:"what could not be read or rendered"`
}

func (s *server) bundles(ctx context.Context, in paths) ([]*lint.Bundle, *lint.Report, error) {
	inside, err := s.inside(in)
	if err != nil {
		return nil, nil, err
	}
	return s.Program.Render(ctx, inside)
}

func (s *server) render(ctx context.Context, _ *mcp.CallToolRequest, in renderInput) (*mcp.CallToolResult, Text, error) {
	bundles, rep, err := s.bundles(ctx, in.paths)
	if err != nil {
		return nil, Text{}, err
	}
	out := Text{Errors: errorsOf(rep)}
	left := 0
	var b strings.Builder
	for _, bundle := range bundles {
		for _, r := range bundle.Resources {
			if bundle.Unselected[r] || in.Kind != "" && r.Kind != in.Kind || in.Name != "" && r.Name != in.Name {
				continue
			}
			if left > 0 || b.Len() > mostText {
				left++
				continue
			}
			text, cut := cut(rendering.Object(bundle, r, rep.Masks), mostText)
			b.WriteString(text)
			if cut > 0 {
				fmt.Fprintf(&b, "# %d bytes of %s are left out\n", cut, report.Escape(r.String()))
			}
		}
	}
	out.Text = b.String()
	if left > 0 {
		out.LeftOut = fmt.Sprintf("%d objects; narrow paths, kind or name", left)
	}
	if out.Text == "" && left == 0 {
		out.LeftOut = "nothing is rendered from these paths with these names"
	}
	return nil, out, nil
}

func (s *server) table(ctx context.Context, in paths, write func(io.Writer, []*lint.Bundle) error) (*mcp.CallToolResult, Text, error) {
	bundles, rep, err := s.bundles(ctx, in)
	if err != nil {
		return nil, Text{}, err
	}
	var b strings.Builder
	if err := write(&b, bundles); err != nil {
		return nil, Text{}, err
	}
	text, left := cut(b.String(), mostText)
	out := Text{Text: text, Errors: errorsOf(rep)}
	if left > 0 {
		out.LeftOut = fmt.Sprintf("%d bytes of the table; narrow paths", left)
	}
	return nil, out, nil
}

func (s *server) network(ctx context.Context, _ *mcp.CallToolRequest, in paths) (*mcp.CallToolResult, Text, error) {
	return s.table(ctx, in, s.Program.Network)
}

func (s *server) rbac(ctx context.Context, _ *mcp.CallToolRequest, in paths) (*mcp.CallToolResult, Text, error) {
	return s.table(ctx, in, s.Program.RBAC)
}

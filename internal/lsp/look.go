package lsp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/manilint/manilint/internal/rendering"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

// lookedAt is a file and a position that a request is about.
type lookedAt struct {
	directory *directory
	path      string
	src       *lint.Source
	lines     lines
}

// look finds the file of a request; nil where it cannot be read.
func (s *server) look(at uri.URI) *lookedAt {
	if !at.IsFile() {
		return nil
	}
	path := at.FsPath()
	f := s.of(path)
	src := f.shower(s.documents.snapshot()).text(path)
	if src == nil {
		return nil
	}
	return &lookedAt{f, path, src, lines{src, s.encoding}}
}

// findings returns what is found at an offset of the file, there or decided there.
func (l *lookedAt) findings(start, end int) (found []*lint.Finding) {
	touches := func(span lint.Span) bool {
		if !span.IsValid() || span.Start.Source.File != l.path {
			return false
		}
		last := min(span.End.Offset, span.Start.Offset+len(span.Start.Source.Line(span.Start.Line)))
		return span.Start.Offset <= end && start <= last
	}
	rep := l.directory.reportOn(l.path)
	if rep == nil {
		return nil
	}
	for _, f := range rep.Findings {
		if touches(f.Span) || slices.ContainsFunc(f.Related, func(r lint.Related) bool {
			return r.Revision == "" && slices.Contains(decides, r.Role) && touches(r.Span)
		}) {
			found = append(found, f)
		}
	}
	return found
}

// Hover says what is found at a place, with the page of its rule, and what is rendered from it.
func (s *server) Hover(ctx context.Context, p *protocol.HoverParams) (*protocol.Hover, error) {
	l := s.look(p.TextDocument.URI)
	if l == nil {
		return nil, nil
	}
	offset := l.lines.offset(p.Position)
	found := l.findings(offset, offset)
	var parts []string
	seen := map[string]bool{}
	for _, f := range found {
		text := fmt.Sprintf("**%s** (%s): %s", f.Rule.ID, f.Severity, markdown(f.Message))
		if f.Help != "" {
			if head, block, several := strings.Cut(f.Help, "\n"); several {
				text += "\n\nFix: " + markdown(head) + "\n\n```yaml\n" + block + "\n```"
			} else {
				text += "\n\nFix: " + markdown(f.Help)
			}
		}
		if !seen[f.Rule.ID] {
			seen[f.Rule.ID] = true
			text += "\n\n" + f.Rule.Doc()
		}
		parts = append(parts, text)
	}
	x, err := l.directory.index(ctx, l.path)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, protocol.ErrRequestCancelled
	case err == nil:
		if text := rendersTo(x.at(l.src, offset), x.masks); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return &protocol.Hover{Contents: &protocol.MarkupContent{Kind: protocol.MarkupKindMarkdown, Value: strings.Join(parts, "\n\n---\n\n")}}, nil
}

// rendersTo lists the fields that a place has to do with, in Markdown.
func rendersTo(fields []indexed, masks lint.Masks) string {
	if len(fields) == 0 {
		return ""
	}
	type row struct{ object, path, value, unit string }
	var rows []row
	objects := map[string]bool{}
	for _, s := range fields {
		r := s.field.node.Resource()
		o := row{r.Kind + " " + cmp.Or(strings.TrimPrefix(r.Namespace+"/"+r.Name, "/"), "?"), masks.Redact(s.field.node.Path()), s.field.value(masks), report.Rendering(s.field.bundle.Rendering)}
		if !slices.Contains(rows, o) {
			rows = append(rows, o)
		}
		objects[o.object] = true
	}
	text := fmt.Sprintf("Rendered to %d objects:\n", len(objects))
	if len(objects) == 1 {
		text = "Rendered to 1 object:\n"
	}
	const most = 12
	for _, r := range rows[:min(most, len(rows))] {
		text += fmt.Sprintf("\n- %s: %s = %s (%s)", markdown(r.object), code(r.path), code(r.value), markdown(r.unit))
	}
	if n := len(rows) - most; n > 0 {
		text += fmt.Sprintf("\n- and %d more", n)
	}
	var judged []string
	for _, s := range fields {
		judged = append(judged, rulesOf(s.field.node.Resource().Kind, s.field.node.Path())...)
	}
	slices.Sort(judged)
	if judged = slices.Compact(judged); len(judged) > 0 {
		text += "\n\nJudged by " + strings.Join(judged, ", ") + "."
	}
	return text
}

// markdown writes a text of the inputs so that nothing of it is markup.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range report.Escape(text) {
		if strings.ContainsRune("\\`*_{}[]<>()#+-!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code writes a text of the inputs as code.
func code(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if fence != "`" || strings.HasPrefix(text, " ") || text == "" {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// Definition leads from a place that something is rendered from to what decides it there, a
// value, a helper, a base or a patch, and from such a place to where it is written out.
func (s *server) Definition(ctx context.Context, p *protocol.DefinitionParams) (protocol.DefinitionResult, error) {
	all, err := s.related(ctx, p.TextDocument.URI, p.Position, false)
	return protocol.LocationSlice(all), err
}

// References returns all places that have to do with the fields that a place decides or writes.
func (s *server) References(ctx context.Context, p *protocol.ReferenceParams) ([]protocol.Location, error) {
	return s.related(ctx, p.TextDocument.URI, p.Position, true)
}

func (s *server) related(ctx context.Context, at uri.URI, position protocol.Position, every bool) ([]protocol.Location, error) {
	l := s.look(at)
	if l == nil {
		return nil, nil
	}
	x, err := l.directory.index(ctx, l.path)
	if err != nil {
		return nil, err
	}
	show := l.directory.shower(s.documents.snapshot())
	var all []protocol.Location
	add := func(span lint.Span) {
		file := span.Start.Source.File
		if file == "" {
			return
		}
		at := protocol.Location{URI: show.uris(file), Range: show.lines(span.Start.Source).firstLine(span)}
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	for _, field := range x.at(l.src, l.lines.offset(position)) {
		for i, place := range field.field.places {
			if place.Span != field.span && (every || field.first == (i > 0)) {
				add(place.Span)
			}
		}
	}
	slices.SortFunc(all, func(a, b protocol.Location) int {
		return cmp.Or(strings.Compare(string(a.URI), string(b.URI)), cmp.Compare(a.Range.Start.Line, b.Range.Start.Line), cmp.Compare(a.Range.Start.Character, b.Range.Start.Character))
	})
	return all, nil
}

// CodeLens says of each workload of a file what network policies and roles make of it.
func (s *server) CodeLens(ctx context.Context, p *protocol.CodeLensParams) ([]protocol.CodeLens, error) {
	l := s.look(p.TextDocument.URI)
	if l == nil || s.options.Lenses == nil {
		return nil, nil
	}
	x, err := l.directory.index(ctx, l.path)
	if err != nil {
		return nil, err
	}
	lenses := []protocol.CodeLens{}
	seen := map[string]bool{}
	for _, lens := range s.options.Lenses(x.bundles) {
		if !lens.Span.IsValid() || lens.Span.Start.Source.File != l.path {
			continue
		}
		at := l.lines.firstLine(lens.Span)
		key := fmt.Sprint(at.Start.Line, lens.Text)
		if !seen[key] {
			seen[key] = true
			lenses = append(lenses, protocol.CodeLens{Range: at, Command: protocol.Command{Title: lens.Text, Command: ""}})
		}
	}
	return lenses, nil
}

// CodeAction offers to ignore what is found in a range.
func (s *server) CodeAction(_ context.Context, p *protocol.CodeActionParams) ([]protocol.CommandOrCodeAction, error) {
	l := s.look(p.TextDocument.URI)
	if l == nil {
		return nil, nil
	}
	actions := []protocol.CommandOrCodeAction{}
	found := l.findings(l.lines.offset(p.Range.Start), l.lines.offset(p.Range.End))
	done := map[string]bool{}
	for _, f := range found {
		if done[f.Rule.ID] {
			continue
		}
		done[f.Rule.ID] = true
		if s.options.Fix != nil && f.Rule.Remedy != nil && wanted(p, protocol.CodeActionKindQuickFix) {
			actions = append(actions, fixAction(l, f, p.Context.Diagnostics))
		}
		if a := s.ignoreAction(l, f, p.Context.Diagnostics); a != nil && wanted(p, protocol.CodeActionKindQuickFix) {
			actions = append(actions, a)
		}
		if !wanted(p, "") {
			continue
		}
		arg, _ := json.Marshal(f.Rule.ID) // a string
		actions = append(actions, &protocol.CodeAction{
			Title:   "Explain " + f.Rule.ID,
			Command: protocol.Command{Title: "Explain " + f.Rule.ID, Command: explainCommand, Arguments: []protocol.LSPAny{arg}},
		})
	}
	if s.options.Fix != nil && wanted(p, fixAllKind) {
		arg, _ := json.Marshal(string(p.TextDocument.URI)) // a string
		kind := fixAllKind
		actions = append(actions, &protocol.CodeAction{
			Title: "Apply the safe fixes of this file", Kind: &kind,
			Command: protocol.Command{Title: "Apply the safe fixes", Command: fixAllCommand, Arguments: []protocol.LSPAny{arg}},
		})
	}
	return actions, nil
}

// fixAllKind is the kind of the action that applies all safe fixes of a file.
const fixAllKind protocol.CodeActionKind = "source.fixAll.manilint"

// wanted reports whether a client asks for a kind of action: where it names kinds, for those
// and what is below them. "" stands for an action without a kind.
func wanted(p *protocol.CodeActionParams, kind protocol.CodeActionKind) bool {
	if len(p.Context.Only) == 0 {
		return kind != fixAllKind // it is for who asks for it
	}
	return kind != "" && slices.ContainsFunc(p.Context.Only, func(only protocol.CodeActionKind) bool {
		return only == "" || kind == only || strings.HasPrefix(string(kind), string(only)+".")
	})
}

// fixAction has a finding fixed. Whether that can be proven is found out when it is chosen.
func fixAction(l *lookedAt, f *lint.Finding, all []protocol.Diagnostic) *protocol.CodeAction {
	path, _ := json.Marshal(string(uri.File(l.path))) // a string
	print, _ := json.Marshal(f.Fingerprint)           // a string
	kind := protocol.CodeActionKindQuickFix
	return &protocol.CodeAction{
		Title: "Fix " + f.Rule.ID, Kind: &kind, Diagnostics: diagnosticsOf(f, all),
		Command: protocol.Command{Title: "Fix " + f.Rule.ID, Command: fixCommand, Arguments: []protocol.LSPAny{path, print}},
	}
}

// diagnosticsOf returns the diagnostics of a client that are of a finding's rule.
func diagnosticsOf(f *lint.Finding, all []protocol.Diagnostic) []protocol.Diagnostic {
	var of []protocol.Diagnostic
	for _, d := range all {
		if rule, ok := d.Code.(protocol.String); ok && string(rule) == f.Rule.ID {
			of = append(of, d)
		}
	}
	return of
}

// ignoreAction writes a comment above the place of a finding that ignores it. Its reason is
// for the writer to give: until it is there, that is a finding, too.
func (s *server) ignoreAction(l *lookedAt, f *lint.Finding, all []protocol.Diagnostic) *protocol.CodeAction {
	at := f.Span
	if !at.IsValid() || at.Start.Source.File != l.path || f.Line > 0 || strings.HasSuffix(l.path, ".json") {
		return nil
	}
	line := at.Start.Line
	text := l.src.Line(line)
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	comment := "# manilint:ignore[" + f.Rule.ID + "] "
	if strings.Contains(string(l.src.Data), "{{") {
		comment = "{{/* manilint:ignore[" + f.Rule.ID + "] */}}"
	}
	start := protocol.Position{Line: uint32(line - 1)} //nolint:gosec // a line of a file
	kind := protocol.CodeActionKindQuickFix
	return &protocol.CodeAction{
		Title: "Ignore " + f.Rule.ID + " here", Kind: &kind, Diagnostics: diagnosticsOf(f, all),
		Edit: &protocol.WorkspaceEdit{Changes: map[uri.URI][]protocol.TextEdit{
			l.directory.shower(s.documents.snapshot()).uris(l.path): {{Range: protocol.Range{Start: start, End: start}, NewText: indent + comment + "\n"}},
		}},
	}
}

// The commands that a client may have executed.
const (
	explainCommand = "manilint.explain" // of a rule: its page in Markdown
	renderCommand  = "manilint.render"  // of a file: the objects that are rendered from it
	fixCommand     = "manilint.fix"     // of a file and a fingerprint: applies the fix of the finding
	fixAllCommand  = "manilint.fixFile" // of a file: applies all its safe fixes
)

// ExecuteCommand answers one of the server's commands.
func (s *server) ExecuteCommand(ctx context.Context, p *protocol.ExecuteCommandParams) (protocol.LSPAny, error) {
	var arg, print string
	number := 1
	if p.Command == fixCommand {
		number = 2
	}
	if len(p.Arguments) != number || json.Unmarshal(p.Arguments[0], &arg) != nil || number == 2 && json.Unmarshal(p.Arguments[1], &print) != nil {
		return nil, fmt.Errorf("%s takes the id of a rule or the address of a file, and manilint.fix a fingerprint, too", p.Command)
	}
	switch p.Command {
	case fixCommand, fixAllCommand:
		l := s.look(uri.URI(arg))
		if l == nil || s.options.Fix == nil {
			return nil, fmt.Errorf("%s cannot be read", arg)
		}
		var err error
		if p.Command == fixCommand {
			err = s.fixOne(ctx, l, print)
		} else {
			err = s.fixAll(ctx, l)
		}
		if err != nil {
			_ = s.client.ShowMessage(ctx, &protocol.ShowMessageParams{Type: protocol.MessageTypeWarning, Message: "manilint: " + err.Error()}) // the client is gone
		}
		return nil, nil
	case explainCommand:
		rule := lint.FindRule(s.options.Rules, arg)
		if rule == nil {
			return nil, fmt.Errorf("there is no rule %q", arg)
		}
		return json.Marshal(rule.Doc())
	case renderCommand:
		l := s.look(uri.URI(arg))
		if l == nil {
			return nil, fmt.Errorf("%s cannot be read", arg)
		}
		x, err := l.directory.index(ctx, l.path)
		if err != nil {
			return nil, err
		}
		return json.Marshal(rendering.YAML(x.bundles, x.masks))
	}
	return nil, fmt.Errorf("there is no command %q", p.Command)
}

package fix

import (
	"regexp"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
)

// hygieneOf names what is said of an ignore, wherever in its file it stands.
func hygieneOf(f *lint.Finding) string {
	return f.Span.Path() + "\x00" + digits.ReplaceAllString(f.Message, "0")
}

var ignored = regexp.MustCompile(`manilint:ignore\[([^\]]*)\]`)

// unignore proposes to take an ignore out that suppresses nothing, or the rules of it that
// find nothing. Merging makes these findings: no rule is asked for a remedy.
func (s *Session) unignore(f *lint.Finding) {
	src := f.Span.Start.Source
	unused := engine.Unused(f)
	if len(unused) == 0 || src == nil || src.File == "" || f.Fix != nil {
		return
	}
	text := f.Span.Text()
	m := ignored.FindStringSubmatchIndex(text)
	if m == nil {
		return // an annotation, or an entry of the configuration
	}
	f.Fix = &lint.Fix{Safe: true, Why: "what it names is found here in no rendering"}
	p := &proposal{fix: f.Fix, rule: f.Rule.ID, cause: causeOf(f), rendering: f.Renderings[0], key: keyOf(f), hygiene: hygieneOf(f)}
	s.proposals = append(s.proposals, p)
	if why := s.refused(src.File); why != "" {
		p.vain = src.Path + " " + why
		return
	}
	var left []string
	names := strings.FieldsFunc(text[m[2]:m[3]], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	for _, name := range names {
		if !slices.Contains(unused, name) {
			left = append(left, name)
		}
	}
	insert := &edit.Insert{Offset: f.Span.Start.Offset, End: f.Span.End.Offset, Cut: true}
	switch {
	case len(names)-len(left) != len(unused):
		p.vain = "the comment names the rules by other names"
		return
	case len(left) > 0:
		insert.Cut = false
		insert.Offset, insert.End, insert.Text = f.Span.Start.Offset+m[2], f.Span.Start.Offset+m[3], strings.Join(left, ", ")
	default:
		first, last := src.LineStart(f.Span.Start.Line), src.LineStart(f.Span.End.Line+1)
		if f.Span.End.Line == src.Lines() {
			last = len(src.Data)
		}
		before, after := string(src.Data[first:insert.Offset]), string(src.Data[insert.End:last])
		switch {
		case strings.TrimSpace(before) == "" && strings.TrimSpace(after) == "":
			insert.Offset, insert.End = first, last
		case strings.TrimSpace(after) == "" && strings.HasPrefix(text, "#"):
			insert.Offset = first + len(strings.TrimRight(before, " \t"))
		}
	}
	p.choices = []choice{{safe: true, edits: []fileEdit{{path: s.real(src.File), insert: insert}}}}
	p.choices[0].id = idOf(p.choices[0].edits)
}

package fix

import (
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

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
	f.Fix = &lint.Fix{Safe: true, Why: "what it names is found here in no rendering"}
	p := &proposal{fix: f.Fix, rule: f.Rule.ID, cause: causeOf(f), rendering: f.Renderings[0], key: keyOf(f), hygiene: hygieneOf(f)}
	s.proposals = append(s.proposals, p)
	if why := s.refused(src.File); why != "" {
		p.vain = src.Path + " " + why
		return
	}
	var insert *edit.Insert
	var ops []edit.Op
	if m := ignored.FindStringSubmatchIndex(f.Span.Text()); m != nil {
		insert, p.vain = uncommented(f.Span, m, unused)
	} else if file := s.parsed(src); file != nil {
		ops, p.vain = unlisted(file, f.Span.Start.Offset, unused)
	} else {
		insert, p.vain = unannotated(f.Span, unused)
	}
	if p.vain != "" {
		return
	}
	c := choice{safe: true}
	if insert != nil {
		c.edits = append(c.edits, fileEdit{path: s.real(src.File), insert: insert})
	}
	for i := range ops {
		c.edits = append(c.edits, fileEdit{path: s.real(src.File), op: &ops[i]})
	}
	c.id = idOf(c.edits)
	p.choices = []choice{c}
}

// otherNames is said of an ignore that has aliases of the rules.
const otherNames = "the ignore names the rules by other names"

// without returns names less those of some rules; ok is false where not all of these are there.
func without(names, unused []string) (left []string, ok bool) {
	for _, name := range names {
		if !slices.Contains(unused, name) {
			left = append(left, name)
		}
	}
	return left, len(names)-len(left) == len(unused)
}

func splitNames(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// uncommented takes a comment out, or rules out of it. m is where its span has the rules.
func uncommented(span lint.Span, m []int, unused []string) (*edit.Insert, string) {
	text, src := span.Text(), span.Start.Source
	left, ok := without(splitNames(text[m[2]:m[3]]), unused)
	at := span.Start.Offset
	switch {
	case !ok:
		return nil, otherNames
	case len(left) > 0:
		return &edit.Insert{Offset: at + m[2], End: at + m[3], Text: strings.Join(left, ", ")}, ""
	}
	first, last := src.LineStart(span.Start.Line), src.LineStart(span.End.Line+1)
	if span.End.Line == src.Lines() {
		last = len(src.Data)
	}
	before, after := string(src.Data[first:at]), string(src.Data[span.End.Offset:last])
	insert := &edit.Insert{Offset: at, End: span.End.Offset, Cut: true}
	switch {
	case strings.TrimSpace(before) == "" && strings.TrimSpace(after) == "":
		insert.Offset, insert.End = first, last
	case strings.TrimSpace(after) == "" && strings.HasPrefix(text, "#"):
		insert.Offset = first + len(strings.TrimRight(before, " \t"))
	}
	return insert, ""
}

// unlisted takes an annotation out of an object, or an entry out of the configuration, or
// rules out of it.
func unlisted(file *edit.File, offset int, unused []string) ([]edit.Op, string) {
	remove := func(at edit.Place) edit.Op { return edit.Op{Kind: edit.Remove, Place: at, Whole: true} }
	at, ok := file.Value(offset, yaml.ScalarNode)
	if !ok {
		at, ok = file.Key(offset)
	}
	switch {
	case !ok:
	case at.Path[len(at.Path)-1].Key == engine.IgnoreAnnotation:
		names, reason, _ := strings.Cut(file.Node(at).Value, ":")
		left, all := without(splitNames(names), unused)
		switch {
		case !all:
			return nil, otherNames
		case len(left) > 0:
			return []edit.Op{{Place: at, Value: valueNode(strings.Join(left, ", ") + ":" + reason)}}, ""
		}
		return []edit.Op{remove(at)}, ""
	case len(at.Path) > 2 && at.Path[0].Key == "unavailable":
		at.Path = at.Path[:2]
		return []edit.Op{remove(at)}, ""
	case len(at.Path) > 2 && at.Path[0].Key == "ignore":
		at.Path = at.Path[:2]
		rule := lint.NewNode(file.Node(at)).Get("rule")
		names := rule.Strings()
		if rule.IsScalar() {
			names = []string{rule.Value()}
		}
		left, all := without(names, unused)
		switch {
		case !all:
			return nil, otherNames
		case len(left) > 0:
			var ops []edit.Op
			for i, name := range names {
				if slices.Contains(unused, name) {
					ops = append(ops, remove(edit.Place{Doc: at.Doc, Path: slices.Concat(at.Path, []edit.Step{{Key: "rule", Index: -1}, {Index: i}})}))
				}
			}
			return ops, ""
		}
		return []edit.Op{remove(at)}, ""
	}
	return nil, "it is not known where it is written"
}

var annotation = regexp.MustCompile(`^\s*["']?` + regexp.QuoteMeta(engine.IgnoreAnnotation) + `["']?:\s*["']?([^"':{}]*):[^"'{}]*["']?\s*$`)

// unannotated takes the line of an annotation out of a template, or rules out of it.
func unannotated(span lint.Span, unused []string) (*edit.Insert, string) {
	src, n := span.Start.Source, span.Start.Line
	m := annotation.FindStringSubmatchIndex(src.Line(n))
	if m == nil {
		return nil, "it is not known where it is written"
	}
	line := src.LineStart(n)
	left, ok := without(splitNames(src.Line(n)[m[2]:m[3]]), unused)
	switch {
	case !ok:
		return nil, otherNames
	case len(left) > 0:
		return &edit.Insert{Offset: line + m[2], End: line + m[3], Text: strings.Join(left, ", ")}, ""
	}
	return &edit.Insert{Offset: line, End: src.LineStart(n + 1), Cut: true}, ""
}

// isIgnore reports whether a change of an object is that of an ignore that was taken out.
func (c change) isIgnore() bool {
	hollow := func(value string) bool { return value == "" || value == "{}" || strings.HasPrefix(value, "!!null") }
	return strings.HasSuffix(c.path, separator+engine.IgnoreAnnotation) ||
		(strings.HasSuffix(c.path, separator+"annotations") || strings.HasSuffix(c.path, "metadata")) && hollow(c.before) && hollow(c.after)
}

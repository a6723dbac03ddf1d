package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
	"github.com/mattn/go-runewidth"

	"github.com/manilint/manilint/lint"
)

// Text writes findings for people: the source line with the place underlined,
// the values or patch line that decided it, what is wrong, and how to fix it. Help
// of several lines, as a ready manifest, is whole at the first finding that has it.
// Findings in one place share a frame. A clean report is empty.
func Text(w io.Writer, r *lint.Report, o Options) error {
	t := &text{report: r, Writer: bufio.NewWriter(w), lines: &lineCache{line: r.Line}, width: max(cmp.Or(o.Width, 100), 40), paint: painter(o.Color), varied: map[string]bool{}, helped: map[string]bool{}}
	for _, f := range r.Findings {
		for _, x := range f.Renderings {
			t.varied[x.Root] = t.varied[x.Root] || x.Variant != ""
		}
	}
	for start := 0; start < len(r.Findings); {
		end := start + 1
		for end < len(r.Findings) && samePlace(r.Findings[start], r.Findings[end]) {
			end++
		}
		t.group(r.Findings[start:end])
		start = end
	}
	if len(r.Findings) > 0 {
		t.summary(r)
	}
	if len(r.Findings) >= long {
		t.start(newStart(r))
	}
	return t.Flush()
}

var namespaceLine = lint.Regexp(`(?m)^ *namespace: .*\n?`)

type text struct {
	*bufio.Writer
	report *lint.Report
	lines  *lineCache
	width  int
	paint  func(string, ...color.Attribute) string
	// varied are the charts of which further sets of values show findings.
	varied map[string]bool
	// helped are the rules and their help of several lines that was written.
	helped map[string]bool
}

// frameRoles are the roles of related places that get a frame of their own: the
// other half of where a field is written.
var frameRoles = []string{"value", "patch", "base", "template"}

const maxFrames = 3 // related frames of a finding; further ones are a line each
const maxRelated = 5

func samePlace(a, b *lint.Finding) bool {
	return a.Span.IsValid() && a.Span.Compare(b.Span) == 0 && a.Object == b.Object &&
		slices.EqualFunc(a.Related, b.Related, func(x, y lint.Related) bool {
			return x.Role == y.Role && x.Message == y.Message && x.Span.Compare(y.Span) == 0
		}) && slices.Equal(a.Renderings, b.Renderings)
}

// group writes findings that share their place.
func (t *text) group(findings []*lint.Finding) {
	f := findings[0]
	p := at(f.Span, f.Renderings)
	var frames, lines []lint.Related
	for i, rel := range f.Related {
		sameSpan := func(other lint.Related) bool { return other.Span.Compare(rel.Span) == 0 }
		switch {
		case !rel.Span.IsValid():
			if rel.Message != "" { // a flag, which has no place
				lines = append(lines, rel)
			}
		case rel.Span.Compare(f.Span) == 0 || slices.ContainsFunc(f.Related[:i], sameSpan):
		case slices.Contains(frameRoles, rel.Role) && len(frames) < maxFrames:
			frames = append(frames, rel)
		default:
			lines = append(lines, rel)
		}
	}
	gutter := len(strconv.Itoa(p.line))
	for _, rel := range frames {
		gutter = max(gutter, len(strconv.Itoa(rel.Span.Start.Line)))
	}
	header := fmt.Sprintf("%s:%d:%d", Escape(p.file), p.line, p.column)
	if !f.Span.IsValid() {
		header = Escape(p.file)
	}
	t.wrap(t.paint(header, color.Bold), width(header), 4, t.subject(f))
	t.frame(f.Span, gutter, "^", severityColor[f.Severity]...)
	for _, rel := range frames {
		place := fmt.Sprintf("%s:%d:%d", Escape(rel.Span.Path()), rel.Span.Start.Line, rel.Span.Start.Column)
		t.wrap(strings.Repeat(" ", gutter+2)+t.paint(place, color.Bold), gutter+2+width(place), gutter+4, role(rel))
		t.frame(rel.Span, gutter, "-", color.FgHiBlue, color.Bold)
	}
	var fixes []string // one that several findings share is written once
	for _, x := range findings {
		const indent = 11
		label := x.Severity.String()
		t.wrap("  "+t.paint(label, severityColor[x.Severity]...)+strings.Repeat(" ", indent-2-len(label)), indent, indent,
			Escape(x.Message)+" "+"["+x.Rule.ID+"]")
		if help, rest, _ := strings.Cut(strings.TrimSpace(x.Help), "\n"); help != "" {
			// what differs in the namespace alone is the same help
			manifest := x.Rule.ID + "\n" + namespaceLine().ReplaceAllString(rest, "")
			whole := rest != "" && !t.helped[manifest]
			if rest != "" && !whole {
				help = strings.TrimRight(help, " \r") + " …"
			}
			t.wrap(strings.Repeat(" ", indent)+t.paint("help:", color.FgHiCyan), indent+5, indent+6, Escape(help))
			if whole { // a manifest to copy: once is enough
				t.helped[manifest] = true
				for line := range strings.Lines(rest) {
					fmt.Fprintln(t, strings.TrimRight(strings.Repeat(" ", indent+2)+Escape(strings.TrimRight(line, "\r\n")), " "))
				}
			}
		}
		if x.Fix == nil {
			continue
		}
		if said := fmt.Sprint(x.Fix.Proven, x.Fix.Why, x.Fix.Reason, x.Fix.Edits); !slices.Contains(fixes, said) {
			fixes = append(fixes, said)
			t.fix(t.report, x.Fix, indent)
		}
	}
	for i, rel := range lines {
		if i == maxRelated {
			fmt.Fprintf(t, "  %s\n", t.paint("… and "+plural(len(lines)-i, "more place"), color.Faint))
			break
		}
		if !rel.Span.IsValid() {
			t.wrap("          ", 10, 11, role(rel))
			continue
		}
		place := fmt.Sprintf("%s:%d:%d", Escape(rel.Span.Path()), rel.Span.Start.Line, rel.Span.Start.Column)
		t.wrap("  see      "+t.paint(place, color.Bold), 11+width(place), 11, role(rel))
	}
	fmt.Fprintln(t)
}

// role says what a related place is.
func role(rel lint.Related) string {
	if rel.Message == "" {
		return "(" + Escape(rel.Role) + ")"
	}
	return Escape(rel.Message)
}

// subject names the object and what it was rendered from.
func (t *text) subject(f *lint.Finding) string {
	var parts []string
	if f.Object.Kind != "" {
		name := f.Object.Name
		if f.Object.Namespace != "" {
			name = f.Object.Namespace + "/" + name
		}
		s := f.Object.Kind + " " + name
		if n := len(f.Objects); n > 0 {
			s += " and " + plural(n, "more object")
		}
		parts = append(parts, s)
	}
	if len(f.Renderings) > 0 && f.Renderings[0].Kind != "file" {
		parts = append(parts, t.renderings(f.Renderings))
	}
	return Escape(strings.Join(parts, ", "))
}

// renderings names the first of several, and of overlays, each of which is to be
// examined on its own, the first few.
func (t *text) renderings(all []lint.Rendering) string {
	const few = 4
	s, named := Rendering(all[0]), 1
	if r := all[0]; len(all) == 1 && r.Kind == "helm" && r.Variant == "" && t.varied[r.Root] {
		s += " with its own values"
	}
	if len(all) > 1 && !slices.ContainsFunc(all, func(r lint.Rendering) bool { return r.Kind != "kustomize" }) {
		if named = len(all); named > few {
			named = few - 1
		}
		roots := make([]string, named)
		for i := range roots {
			roots[i] = all[i].Root
		}
		s = "overlays " + strings.Join(roots, ", ")
	}
	if n := len(all) - named; n > 0 {
		s += " and " + plural(n, "more rendering")
	}
	return s
}

// Rendering names a rendering for people: chart deploy/chart with values-prod.yaml.
func Rendering(r lint.Rendering) string {
	switch r.Kind {
	case "helm":
		if r.Variant != "" {
			return "chart " + r.Root + " with " + r.Variant
		}
		return "chart " + r.Root
	case "kustomize":
		return "overlay " + r.Root
	}
	return r.Root
}

// frame shows the first line of a span with the span underlined.
func (t *text) frame(s lint.Span, gutter int, mark string, attributes ...color.Attribute) {
	if !s.IsValid() {
		return
	}
	n := s.Start.Line
	runes, from, to, rest := t.lines.of(s).marked(s)
	room := t.width - gutter - 4 - width(rest)
	before, marked, after := clip(runes, from, to, room)
	bar := t.paint("|", color.FgHiBlue)
	number := t.paint(fmt.Sprintf("%*d", gutter+1, n), color.FgHiBlue)
	fmt.Fprintf(t, "%s %s %s%s%s%s\n", number, bar, before, t.paint(marked, attributes...), after, t.paint(rest, color.Faint))
	fmt.Fprintf(t, "%s %s %s%s\n", strings.Repeat(" ", gutter+1), bar,
		strings.Repeat(" ", width(before)), t.paint(strings.Repeat(mark, max(1, width(marked))), attributes...))
}

// A lineCache keeps the lines that were shown last: a file of one long line is shown for
// each of its findings.
type lineCache struct {
	line func(src *lint.Source, n int) string // as a report may show it
	kept map[lineKey]shownLine
}

type lineKey struct {
	src *lint.Source
	n   int
}

// of returns the first line of a span.
func (c *lineCache) of(s lint.Span) shownLine {
	key := lineKey{s.Start.Source, s.Start.Line}
	l, ok := c.kept[key]
	if !ok {
		if len(c.kept) > 50 || c.kept == nil {
			c.kept = map[lineKey]shownLine{}
		}
		l = newShownLine(key.src, key.n, key.src.Line(key.n), c.line(key.src, key.n))
		c.kept[key] = l
	}
	return l
}

// A shownLine is a line of a source, and what a report may show of it.
type shownLine struct {
	src         *lint.Source
	n           int
	text, shown string
	runes       []rune  // of shown
	comment     int     // where the comment of shown begins, the end where it has none
	pieces      []piece // where they differ
}

// A piece is text that both a line and what is shown of it hold, by the columns
// (from 0) where it begins in each.
type piece struct{ line, shown, length int }

func newShownLine(src *lint.Source, n int, line, shown string) shownLine {
	l := shownLine{src: src, n: n, text: line, shown: shown, runes: []rune(shown)}
	l.comment = utf8.RuneCountInString(shown[:commentAt(shown)])
	if line == shown {
		return l
	}
	atLine, atShown := 0, 0
	parts := strings.Split(shown, lint.Mask)
	for i, part := range parts {
		if i > 0 {
			atShown += utf8.RuneCountInString(lint.Mask)
		}
		skip := strings.Index(line, part)
		if i == len(parts)-1 {
			skip = max(0, len(line)-len(part))
		}
		if skip < 0 {
			break
		}
		atLine += utf8.RuneCountInString(line[:skip])
		length := utf8.RuneCountInString(part)
		l.pieces = append(l.pieces, piece{atLine, atShown, length})
		atLine, atShown, line = atLine+length, atShown+length, line[skip+len(part):]
	}
	return l
}

// marked returns what is shown of the line, the columns (from 0) that a span on it
// marks, and what stands for the rest. A comment does not mention a finding next to it and
// may say anything else, a password that nothing can tell from a word: it is shown where
// the finding is about it.
func (l shownLine) marked(s lint.Span) (runes []rune, from, to int, rest string) {
	from, to = s.Start.Column-1, len(l.runes)
	if s.End.Line == l.n {
		to = s.End.Column - 1
	}
	if l.shown != l.text {
		if s.End.Line != l.n {
			to = utf8.RuneCountInString(l.text)
		}
		from, to = l.shift(from, to)
	}
	if from >= l.comment || l.comment == len(l.runes) {
		return l.runes, from, to, ""
	}
	runes = l.runes[:l.comment]
	for len(runes) > from+1 && (runes[len(runes)-1] == ' ' || runes[len(runes)-1] == '\t') {
		runes = runes[:len(runes)-1]
	}
	return runes, from, min(to, len(runes)), " # …"
}

// commentAt returns the offset where a line's comment begins, of YAML, of a shell or of a
// template; the line's length where it has none.
func commentAt(line string) int {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		before := byte(' ')
		if i > 0 {
			before = line[i-1]
		}
		switch c := line[i]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote && quote == '\'' && strings.HasPrefix(line[i+1:], "'") {
				i++
			} else if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && strings.IndexByte(" \t[{,:=(", before) >= 0 && strings.IndexByte(line[i+1:], c) >= 0:
			quote = c
		case c == '#' && (before == ' ' || before == '\t'):
			return i
		case strings.HasPrefix(line[i:], "{{/*"), strings.HasPrefix(line[i:], "{{- /*"):
			return i
		}
	}
	return len(line)
}

// shift moves columns (from 0) of the line to the same text in the line as it is
// shown, where masks stand for values of other lengths. A column inside a masked
// value moves to the mask's start (from) or end (to).
func (l shownLine) shift(from, to int) (int, int) {
	move := func(column int, before bool) int {
		i, found := slices.BinarySearchFunc(l.pieces, column, func(p piece, column int) int {
			switch {
			case column < p.line:
				return 1
			case column > p.line+p.length:
				return -1
			}
			return 0
		})
		switch {
		case found: // of two that meet, the first
			for i > 0 && column <= l.pieces[i-1].line+l.pieces[i-1].length {
				i--
			}
			return l.pieces[i].shown + column - l.pieces[i].line
		case i < len(l.pieces) && !before:
			return l.pieces[i].shown
		case i == 0:
			return 0
		}
		return l.pieces[i-1].shown + l.pieces[i-1].length
	}
	from = move(from, true)
	return from, max(from, move(to, false))
}

// clip cuts a line to room columns around [from, to), which comes back in the
// middle; tabs become two spaces and unsafe characters are written out.
func clip(line []rune, from, to, room int) (before, marked, after string) {
	// what is far outside cannot be shown, however narrow its characters
	far := 4 * max(room, 1)
	before, marked, after = cell(line[max(0, from-far):from]), cell(line[from:min(to, from+far)]), cell(line[to:min(len(line), to+far)])
	if width(before)+width(marked)+width(after) <= room {
		return before, marked, after
	}
	if limit := room * 3 / 4; width(marked) > limit {
		marked, after = truncate(marked, limit), ""
	}
	left := room - width(marked)
	if keep := max(left-min(width(after), left/4), 1); width(before) > keep {
		before = truncateLeft(before, width(before)-keep+1)
	}
	left -= width(before)
	return before, marked, truncate(after, max(left, 1))
}

// truncate cuts a text to columns, truncateLeft cuts columns off its start; both put an
// ellipsis there.
func truncate(s string, columns int) string {
	if !isPlain(s) {
		return cells.Truncate(s, columns, "…")
	}
	if len(s) <= columns {
		return s
	}
	return s[:columns-1] + "…"
}

func truncateLeft(s string, columns int) string {
	if !isPlain(s) {
		return cells.TruncateLeft(s, columns, "…")
	}
	return "…" + s[min(columns, len(s)):]
}

func cell(part []rune) string {
	return Escape(strings.ReplaceAll(string(part), "\t", "  "))
}

// cells measures text in terminal columns, the same in every locale.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// width returns how many columns a text takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		if (r < ' ' || r > '~') && r != '…' {
			return cells.StringWidth(s)
		}
		n++
	}
	return n
}

// wrap writes text after prefix, which is at columns wide, broken between words
// at the width; further lines are indented. A prefix that does not end in a
// space gets one.
func (t *text) wrap(prefix string, at, indent int, text string) {
	fmt.Fprint(t, prefix)
	column, space := at, !strings.HasSuffix(prefix, " ")
	for _, word := range strings.Fields(text) {
		columns := width(word)
		if column+1+columns > t.width && column > indent {
			fmt.Fprint(t, "\n", strings.Repeat(" ", indent))
			column = indent
		} else if space {
			fmt.Fprint(t, " ")
			column++
		}
		space = true
		fmt.Fprint(t, word)
		column += columns
	}
	fmt.Fprintln(t)
}

// long is how many findings are too many to begin with the first.
const long = 10

// start says what to fix first.
func (t *text) start(s start) {
	if len(s.steps) == 0 && s.line == nil {
		return
	}
	fmt.Fprintf(t, "\n%s\n", t.paint("Where to start", color.Bold))
	rows := [][]string{}
	for i, step := range s.steps {
		place := step.place()
		if step.count > 1 {
			place += " first"
		}
		rows = append(rows, []string{fmt.Sprintf("  %d. %s", i+1, step.title), strconv.Itoa(step.count), Escape(place)})
	}
	fmt.Fprint(t, columns(rows))
	if s.line != nil {
		t.wrap("  ", 2, 4, fmt.Sprintf("`%s` at %s:%d %s", Escape(s.line.text(s.report)), Escape(s.line.span.Path()), s.line.span.Start.Line, s.decides()))
	}
}

// summary counts the findings by severity and says where to read on.
func (t *text) summary(r *lint.Report) {
	count := r.Count()
	var parts []string
	for _, s := range severities {
		if count[s] > 0 {
			parts = append(parts, t.paint(fmt.Sprintf("%d %s", count[s], s), severityColor[s]...))
		}
	}
	ignored, known := r.CountSuppressed()
	what := "finding"
	if r.Baseline != "" || r.Since != "" {
		what = "new finding"
	}
	fmt.Fprintf(t, "%s: %s", t.paint(plural(len(r.Findings), what), color.Bold), strings.Join(parts, ", "))
	if known > 0 {
		fmt.Fprintf(t, "; %d known", known)
	}
	if ignored > 0 {
		fmt.Fprintf(t, "; %d ignored", ignored)
	}
	worst := r.Findings[0]
	for _, f := range r.Findings {
		if f.Severity > worst.Severity {
			worst = f
		}
	}
	fmt.Fprintf(t, "\nmanilint explain %s says why it matters and how to fix it\n", worst.Rule.ID)
}

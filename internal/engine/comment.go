package engine

import (
	"bytes"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/manilint/manilint/internal/yamltext"
	"github.com/manilint/manilint/lint"
)

func splitNames(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// cutReason splits what follows the rules into until= and the reason, which ends
// where another comment begins.
func cutReason(tail string) (until, reason string) {
	tail = strings.TrimLeft(strings.TrimSpace(tail), ":- \t")
	if rest, ok := strings.CutPrefix(tail, "until="); ok {
		until, tail, _ = strings.Cut(rest, " ")
		if until == "" {
			until = "?"
		}
	}
	reason, _, _ = strings.Cut(" "+tail, " # ")
	return until, strings.TrimLeft(strings.TrimSpace(reason), ":- \t")
}

// A comment is an ignore as it was found in a file.
type comment struct {
	*ignore
	names []string
}

var (
	ignoreComment   = lint.Regexp(`^[#\s]*manilint:ignore(?:\[([^\]\n]*)\]|\b)(.*)`)
	templateComment = lint.Regexp(`\{\{-?\s*/\*([\s\S]*?)\*/\s*-?\}\}`)
	action          = lint.Regexp(`\{\{-?\s*(.*?)\}\}`)
	flowAction      = lint.Regexp(`^(?:if|with|range|else|end|define|block|break|continue)\b|^\$\w*\s*:?=|^/\*`)
	nindent         = lint.Regexp(`\bnindent\s+(\d+)`)
	blockScalar     = lint.Regexp(`^(?:.*[:\-?]\s+|)(?:[&!]\S+\s+)*[|>][-+0-9]*\s*(?:#.*)?$`)
	objectKey       = lint.Regexp(`^(?:apiVersion|kind)\s*:`)
)

// findComments reads the ignores of a file from its text, so that it works in
// templates and in values files as in manifests.
func findComments(src *lint.Source) []comment {
	if !bytes.Contains(src.Data, []byte("manilint:ignore")) {
		return nil
	}
	text := &commented{src: src, kind: make([]lineKind, src.Lines()+1)}
	var all []comment
	for _, m := range templateComment().FindAllSubmatchIndex(src.Data, -1) {
		start, end := src.Position(m[0]), src.Position(m[1])
		alone := strings.TrimSpace(src.Line(start.Line)[:m[0]-src.LineStart(start.Line)]) == "" &&
			strings.TrimSpace(src.Line(end.Line)[m[1]-src.LineStart(end.Line):]) == ""
		if alone {
			for n := start.Line; n <= end.Line; n++ {
				text.kind[n] = lineComment
			}
		}
		for line := range strings.Lines(string(src.Data[m[2]:m[3]])) {
			if c, ok := parseComment(line, src.Span(m[0], m[1])); ok {
				c.first, c.last = start.Line, end.Line
				if alone {
					c.last = -end.Line // settled below, when every line is known
				}
				all = append(all, c)
			}
		}
	}
	all = append(all, text.hashComments()...)
	outline := text.outline()
	for _, c := range all {
		if c.last < 0 {
			c.first, c.last = outline.below(-c.last)
		}
	}
	slices.SortStableFunc(all, func(a, b comment) int { return a.span.Compare(b.span) })
	return all
}

func parseComment(text string, span lint.Span) (comment, bool) {
	m := ignoreComment().FindStringSubmatch(strings.TrimRight(text, "\r\n"))
	if m == nil {
		return comment{}, false
	}
	c := comment{&ignore{by: "comment", span: span}, splitNames(m[1])}
	c.until, c.reason = cutReason(m[2])
	return c, true
}

type lineKind int

const (
	lineText lineKind = iota
	lineComment
	lineScalar // inside a block scalar, where # begins no comment
)

// commented is a file with what its lines are.
type commented struct {
	src  *lint.Source
	kind []lineKind
}

// hashComments finds the YAML comments. Inside block scalars # is text, but for
// the patches that a kustomization file holds in line.
func (t *commented) hashComments() []comment {
	kustomization := strings.HasPrefix(strings.ToLower(path.Base(t.src.Path)), "kustomization")
	var all []comment
	scalar := -1 // the indentation that a block scalar's text exceeds
	for n := 1; n <= t.src.Lines(); n++ {
		line := t.src.Line(n)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || t.kind[n] == lineComment {
			continue
		}
		if scalar >= 0 && yamltext.Indent([]byte(line)) > scalar {
			t.kind[n] = lineScalar
			continue
		}
		scalar = -1
		if strings.HasPrefix(trimmed, "#") {
			t.kind[n] = lineComment
		} else if blockScalar().MatchString(trimmed) && !kustomization {
			scalar = keyColumn(line)
		}
		at := commentStart(line)
		if at < 0 {
			continue
		}
		start := t.src.LineStart(n)
		if n == 1 && bytes.HasPrefix(t.src.Data, []byte("\ufeff")) && at < 3 {
			at = 3
		}
		c, ok := parseComment(line[at:], t.src.Span(start+at, start+len(strings.TrimRight(line, " \t"))))
		if !ok {
			continue
		}
		c.first, c.last = n, n
		if t.kind[n] == lineComment {
			c.last = -n
		}
		all = append(all, c)
	}
	return all
}

// commentStart returns the byte offset of the # of an ignore, or -1. A # inside
// double quotes or behind anything but a blank is text.
func commentStart(line string) int {
	word := strings.Index(line, "manilint:ignore")
	if word < 0 {
		return -1
	}
	at := word
	for at > 0 && strings.ContainsRune("# \t", rune(line[at-1])) {
		at--
	}
	at += strings.IndexByte(line[at:word]+"#", '#')
	if at >= word || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' && line[:at] != "\ufeff" || strings.Count(line[:at], `"`)%2 == 1 {
		return -1
	}
	return at
}

// keyColumn returns the column (from 0) of the last key or dash that opens a line:
// "- - key: |" is 4.
func keyColumn(line string) int {
	column := yamltext.Indent([]byte(line))
	for column+1 < len(line) && line[column] == '-' && line[column+1] == ' ' {
		next := column + 1 + yamltext.Indent([]byte(line[column+1:]))
		if next >= len(line) || line[next] == '|' || line[next] == '>' {
			break
		}
		column = next
	}
	return column
}

// transparent reports whether a line does not mention the tree: it is blank, a
// comment, or an action that only steers the template.
func (t *commented) transparent(n int) bool {
	line := t.src.Line(n)
	if t.kind[n] == lineComment || strings.TrimSpace(line) == "" {
		return true
	}
	if !strings.Contains(line, "{{") {
		return false
	}
	for _, m := range action().FindAllStringSubmatch(line, -1) {
		if !flowAction().MatchString(m[1]) {
			return false
		}
	}
	return strings.TrimSpace(action().ReplaceAllString(line, "")) == ""
}

// indentOfWritten returns the indentation of what a line writes.
func indentOfWritten(line string) int {
	if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "{{") {
		if m := nindent().FindStringSubmatch(trimmed); m != nil {
			if to, err := strconv.Atoi(m[1]); err == nil {
				return to
			}
		}
	}
	return yamltext.Indent([]byte(line))
}

// An outline is what the lines of a file say of its tree, read once for all comments:
// many comments in one file cost no more than its lines.
type outline struct {
	lines  int
	indent []int // by line; of a document's marker -1
	item   []bool
	// next is, by line, the first at or below it that is not transparent; behind the
	// last line where there is none.
	next []int
	// last is, by line, the last at or above it that says something of the tree.
	last []int
	// out is, by line, the first below it that is indented no deeper.
	out     []int
	markers []int // lines
	objects []int // by line: how many lines up to it are a key of an object's head
}

func (t *commented) outline() *outline {
	n := t.src.Lines()
	o := &outline{
		lines: n, indent: make([]int, n+2), item: make([]bool, n+2), next: make([]int, n+2), last: make([]int, n+2), out: make([]int, n+2), objects: make([]int, n+2),
	}
	speaks := make([]bool, n+2) // a line of a block scalar does, whatever it looks like
	for i := 1; i <= n; i++ {
		line := t.src.Line(i)
		o.indent[i], o.item[i] = indentOfWritten(line), isItem(line)
		if yamltext.IsMarker([]byte(line), "---") {
			o.indent[i] = -1
			o.markers = append(o.markers, i)
		}
		o.objects[i] = o.objects[i-1]
		if objectKey().MatchString(line) {
			o.objects[i]++
		}
		o.next[i] = i
		if t.transparent(i) {
			o.next[i] = 0
		}
		speaks[i] = o.next[i] == i || t.kind[i] == lineScalar || o.indent[i] < 0
		o.last[i] = o.last[i-1]
		if speaks[i] {
			o.last[i] = i
		}
	}
	o.next[n+1] = n + 1
	below := n + 1 // the nearest line below that speaks
	for i := n; i >= 1; i-- {
		if o.next[i] == 0 {
			o.next[i] = o.next[i+1]
		}
		if !speaks[i] {
			continue
		}
		out := below
		for out <= n && o.indent[out] > o.indent[i] {
			out = o.out[out]
		}
		o.out[i] = out
		below = i
	}
	return o
}

// below returns the lines that a comment ending at line n covers: the line below
// and, where it opens a mapping or a list item, all that is in it. Above the
// first line of a Kubernetes object it covers the object.
func (o *outline) below(n int) (first, last int) {
	target := o.next[n+1]
	if target > o.lines {
		return n, n
	}
	from, to := o.document(n)
	opens := o.next[from] > n // nothing is written above it
	if o.indent[target] < 0 {
		if !opens || target == o.lines {
			return n, n
		}
		_, last = o.document(target + 1) // the head of a file, in front of its first marker
		return n, last
	}
	if opens && o.objects[to] > o.objects[from-1] {
		return n, to
	}
	out := o.out[target]
	for out <= o.lines && !o.item[target] && o.item[out] && o.indent[out] == o.indent[target] { // a list may be as deep as its key
		out = o.out[out]
	}
	return n, max(target, o.last[out-1])
}

func isItem(line string) bool {
	trimmed := strings.TrimSpace(line)
	return strings.HasPrefix(trimmed, "- ") || trimmed == "-"
}

// document returns the lines of the document that holds line n, without its marker.
func (o *outline) document(n int) (first, last int) {
	at := sort.SearchInts(o.markers, n)
	first, last = 1, o.lines
	if at > 0 {
		first = o.markers[at-1] + 1
	}
	if at < len(o.markers) && o.markers[at] == n {
		at++
	}
	if at < len(o.markers) {
		last = o.markers[at] - 1
	}
	return first, last
}

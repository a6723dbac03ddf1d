package helm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// reason returns what is wrong with a file without the path, which the caller names.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// A spot is a place that text/template's errors name.
type spot struct {
	name      string
	line, col int // col counts bytes from 0; -1 where it is not known
}

var spots = lint.Regexp(`template: ([^\n]+?):(\d+)(?::(\d+))?: `)

// spotsOf returns the places in an error's text, the outermost first.
func spotsOf(text string) []spot {
	var out []spot
	for _, m := range spots().FindAllStringSubmatch(text, -1) {
		s := spot{name: m[1], col: -1}
		s.line, _ = strconv.Atoi(m[2])
		if m[3] != "" {
			s.col, _ = strconv.Atoi(m[3])
		}
		out = append(out, s)
	}
	return out
}

// offset returns the byte offset of a spot in a text.
func (s spot) offset(text string) int {
	at := 0
	for range s.line - 1 {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return at
		}
		at += i + 1
	}
	return min(at+max(s.col, 0), len(text))
}

// explain turns a failed template into an error at the place to blame: the innermost
// place of the templates that the chart's author writes.
func (t *tree) explain(f trace.Failure, files map[string]*file, values *valueStack, limit int) *lint.InputError {
	e := &lint.InputError{Message: plainMessage(f.Err, limit)}
	if holder, kind, ok := t.noMapping(f, values); ok {
		e.Message = fmt.Sprintf("does not render: %s is %s; a mapping is expected there%s", holder, kind, fieldRead(f.Err))
	}
	outer := f.Err
	var inner *trace.TplError
	for errors.As(outer, &inner) { // the text of a value
		if e.Span.IsValid() {
			break
		}
		if found := spotsOf(inner.Err.Error()); len(found) > 0 {
			at := found[0].offset(inner.Text)
			l := &locator{out: &output{tree: t, values: values}}
			for _, g := range trace.Clip(inner.Segs, at, at+1) {
				if g.O.Kind == trace.FromValue && len(g.O.Paths) == 1 {
					if p, ok := l.valuePlace(g.O.Paths[0]); ok && !p.layer.vendored {
						e.Span = l.insideValue(p, g.Off, 0)
					}
				}
			}
		}
		outer = inner.Err
	}
	found := spotsOf(f.Err.Error())
	for pass := 0; pass < 2 && !e.Span.IsValid(); pass++ {
		for i := len(found) - 1; i >= 0 && !e.Span.IsValid(); i-- {
			file := files[found[i].name]
			if file == nil || file.vendored && pass == 0 {
				continue
			}
			text := file.loaded()
			at := found[i].offset(text)
			if found[i].col < 0 {
				e.Span = file.src.LineSpan(found[i].line)
				if from, action, ok := trace.Unclosed(text); ok && strings.Contains(f.Err.Error(), "unexpected EOF") {
					e.Message = fmt.Sprintf("does not render: %s is not closed: an {{ end }} is missing", strings.Join(strings.Fields(action), " "))
					e.Span = file.span(from, from+len(action))
				} else if word := quotedWord().FindStringSubmatch(f.Err.Error()); word != nil {
					if from, ok := wordInAction(text, at, word[1]); ok {
						e.Span = file.span(from, from+len(word[1]))
					}
				}
				continue
			}
			_, to := trace.ActionBounds(text, at)
			e.Span = file.span(at, max(at+1, min(to, at+len(text)-at)))
			if e.Span.End.Line != e.Span.Start.Line {
				e.Span = file.span(at, at+1)
			}
		}
	}
	if !e.Span.IsValid() {
		if file := files[f.Name]; file != nil {
			e.Span = file.src.LineSpan(1)
		} else {
			e.Span = t.firstLine("Chart.yaml")
		}
	}
	return e
}

var (
	nilPointer = lint.Regexp(`nil pointer evaluating (?:interface \{\}|\S+)\.(\S+)$`)
	noTemplate = lint.Regexp(`(?:no template|template:? )"?([^"]+)"? (?:associated with template|not defined)`)
	noFunction = lint.Regexp(`function "([^"]+)" not defined`)
	operand    = lint.Regexp(`(?s)at <(.*?)>: `)
	calling    = lint.Regexp(`^(?:error calling \w+: )+`)
	executing  = lint.Regexp(`^executing "[^"]*" `)
	badField   = lint.Regexp(`can't evaluate field (\S+) in type (\S+)`)
	wrongType  = lint.Regexp(`wrong type for value; expected (.+); got (.+)$`)
	noRange    = lint.Regexp(`range can't iterate over (?s:.*)$`)
	quotedWord = lint.Regexp(`(?:function|undefined variable) "([^"]+)"`)
)

// kindOfType says what a Go type is in the words of YAML.
func kindOfType(name string) string {
	switch {
	case name == "string":
		return "a string"
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "map[") || strings.HasSuffix(name, ".Values"):
		return "a mapping"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	case strings.HasPrefix(name, "int") || strings.HasPrefix(name, "uint") || strings.HasPrefix(name, "float"):
		return "a number"
	}
	return "another kind of value"
}

// fieldRead says which field a template reads from what is no mapping.
func fieldRead(err error) string {
	m := badField().FindAllStringSubmatch(err.Error(), -1)
	return fmt.Sprintf(", with the key %s", m[len(m)-1][1])
}

// noMapping returns the value that a template reads a field from, although it is no
// mapping, and what it is and where.
func (t *tree) noMapping(f trace.Failure, values *valueStack) (holder, kind string, ok bool) {
	text := f.Err.Error()
	fields := badField().FindAllStringSubmatch(text, -1)
	reads := operand().FindAllStringSubmatch(text, -1)
	if len(fields) == 0 || len(reads) == 0 {
		return "", "", false
	}
	_, read, ok := strings.Cut(strings.TrimPrefix(reads[len(reads)-1][1], "$"), ".Values.")
	if !ok {
		return "", "", false
	}
	path := strings.Split(read, ".")
	for _, part := range strings.Split(f.Name, "/charts/")[1:] { // a subchart's own
		chart, _, _ := strings.Cut(part, "/")
		path = slices.Insert(path, 0, chart)
	}
	for i := 1; i < len(path); i++ {
		places := values.find(path[:i])
		if path[i] != fields[len(fields)-1][1] || len(places) == 0 || !places[0].node.Exists() {
			continue
		}
		p := places[0]
		switch {
		case p.node.IsMapping() || p.node.IsNull():
			continue
		case p.node.IsSequence():
			kind = "a list"
		default:
			kind = "a string"
			switch p.node.Tag() {
			case kyaml.NodeTagBool:
				kind = "true or false"
			case kyaml.NodeTagInt, kyaml.NodeTagFloat:
				kind = "a number"
			}
		}
		if at := p.span(); at.IsValid() {
			return strings.Join(path[:i], "."), fmt.Sprintf("%s (%s:%d)", kind, at.Path(), at.Start.Line), true
		}
		return strings.Join(path[:i], "."), fmt.Sprintf("%s (%s)", kind, p.setHere()), true
	}
	return "", "", false
}

// wordInAction returns where a name is in an action of the line that begins at an
// offset.
func wordInAction(text string, line int, word string) (at int, ok bool) {
	end := len(text)
	if i := strings.IndexByte(text[line:], '\n'); i >= 0 {
		end = line + i
	}
	expr := regexp.MustCompile(`(?:^|[^\w.$"'-])(` + regexp.QuoteMeta(word) + `)(?:$|[^\w"'-])`)
	for from := line; from < end; {
		m := expr.FindStringSubmatchIndex(text[from:end])
		if m == nil {
			return 0, false
		}
		at = from + m[2]
		if open := strings.LastIndex(text[:at], "{{"); open >= 0 && !strings.Contains(text[open:at], "}}") {
			return at, true
		}
		from = at + len(word)
	}
	return 0, false
}

// composed reports whether the innermost error of templates names an expression of several
// operands, which says less than the place does.
func composed(err error) bool {
	is := false
	for fault := (*trace.Fault)(nil); errors.As(err, &fault); err = errors.Unwrap(fault) {
		is = fault.Composed
	}
	return is
}

// plainMessage says in plain words what is wrong.
func plainMessage(err error, limit int) string {
	var r trace.Refusal
	var memory trace.MemoryError
	switch {
	case errors.As(err, &r) && r.Cluster:
		return "the chart does not render without a cluster, in which its lookup finds nothing: " + strings.Join(strings.Fields(r.Message), " ")
	case errors.As(err, &r):
		return "the chart refuses these values: " + strings.Join(strings.Fields(r.Message), " ")
	case errors.Is(err, trace.ErrTooLarge):
		return fmt.Sprintf("the chart writes more than %d bytes; the rest is not rendered", limit)
	case errors.As(err, &memory):
		return fmt.Sprintf("rendering the chart takes more than %d MiB; the rest is not rendered", memory.Limit>>20)
	case errors.Is(err, context.Canceled):
		return "rendering was stopped"
	}
	text := err.Error()
	if m := noTemplate().FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("template %q is not defined by any file of the chart or its dependencies", m[1])
	}
	if m := noFunction().FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("function %q is not one of Helm's", m[1])
	}
	rest := text
	if all := spots().FindAllStringIndex(text, -1); len(all) > 0 {
		rest = text[all[len(all)-1][1]:]
	}
	what := ""
	rest = executing().ReplaceAllString(rest, "")
	if m := operand().FindStringSubmatchIndex(rest); m != nil {
		what, rest = rest[m[2]:m[3]], rest[m[1]:]
	}
	rest = calling().ReplaceAllString(rest, "")
	if composed(err) {
		what = ""
	}
	switch {
	case nilPointer().MatchString(rest):
		field := nilPointer().FindStringSubmatch(rest)[1]
		rest = fmt.Sprintf("cannot read .%s: what should hold it is not set", field)
	case badField().MatchString(rest):
		field := badField().FindStringSubmatch(rest)[1]
		rest = fmt.Sprintf("cannot read .%s: what should hold it is not a mapping", field)
	case wrongType().MatchString(rest):
		m := wrongType().FindStringSubmatch(rest)
		rest = fmt.Sprintf("needs %s, not %s", kindOfType(m[1]), kindOfType(m[2]))
	case noRange().MatchString(rest):
		rest = "range needs a list, a mapping or a number"
	}
	if what != "" {
		return "does not render: " + what + ": " + rest
	}
	return "does not render: " + rest
}

// Package jmespath evaluates expressions of JMESPath as Kyverno does, on values that know
// the node that they were read from. A field that is not there is an error, as in Kyverno,
// unless something takes its place; functions that ask a clock, a network or chance are
// known and have no result. Evaluation is bounded by a [Budget].
// (https://jmespath.org/specification.html, https://kyverno.io/docs/policy-types/cluster-policy/jmespath/)
package jmespath

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const (
	maxText  = 1 << 16 // of an expression
	maxDepth = 200     // of its parts
)

// A kind is that of a part of an expression.
type kind int

const (
	identity kind = iota
	literal
	field
	index
	slice
	sub // the right one is asked of the left one's value
	pipe
	or
	and
	not
	compare
	list      // [a, b]
	hash      // {a: b}
	flatten   // of the left one
	project   // the right one for each item of the left one
	values    // the right one for each value of a mapping
	filter    // the right one for each item for which the third holds
	call      // of a function
	reference // &expression
)

// A part is one of an expression.
type part struct {
	kind  kind
	text  string // of a field, a function or a comparator
	value any    // of a literal
	at    [3]*int
	parts []*part
	names []string // of a hash
}

// An Expression is parsed. It may be evaluated concurrently.
type Expression struct {
	root      *part
	functions []string
}

// Functions returns the functions that the expression calls.
func (x *Expression) Functions() []string { return x.functions }

// A token is one of a text.
type token struct {
	kind string // the text of an operator, else "name", "quoted", "literal", "number" or "end"
	text string
	data any
	at   int
}

// A SyntaxError is why a text is no expression. Offset is counted in bytes.
type SyntaxError struct {
	Offset  int
	Message string
}

func (e *SyntaxError) Error() string { return e.Message }

func isName(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

var operators = []string{"[?", "[]", "&&", "||", "==", "!=", "<=", ">=", ".", "*", "[", "]", "{", "}", "(", ")", ",", ":", "@", "&", "|", "!", "<", ">"}

func tokens(text string) ([]token, error) {
	var all []token
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isName(c):
			for i < len(text) && (isName(text[i]) || isDigit(text[i])) {
				i++
			}
			all = append(all, token{kind: "name", text: text[start:i], at: start})
			continue
		case isDigit(c) || c == '-' && i+1 < len(text) && isDigit(text[i+1]):
			for i++; i < len(text) && isDigit(text[i]); i++ {
			}
			n, err := strconv.Atoi(text[start:i])
			if err != nil {
				return nil, &SyntaxError{start, "the number " + text[start:i] + " is too large"}
			}
			all = append(all, token{kind: "number", data: n, at: start})
			continue
		case c == '"' || c == '\'' || c == '`':
			var inside strings.Builder
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
					if c == '"' || text[i] != c {
						inside.WriteByte('\\')
					}
				}
				inside.WriteByte(text[i])
			}
			if i == len(text) {
				return nil, &SyntaxError{start, "the text that begins here does not end"}
			}
			i++
			t := token{kind: "literal", data: inside.String(), at: start}
			switch c {
			case '"':
				t.kind = "quoted"
				if err := json.Unmarshal([]byte(`"`+inside.String()+`"`), &t.text); err != nil {
					return nil, &SyntaxError{start, "this is no text in quotes of JSON"}
				}
			case '`':
				var data any
				trimmed := strings.TrimSpace(inside.String())
				if json.Unmarshal([]byte(trimmed), &data) != nil {
					// A text may leave out its quotes.
					if err := json.Unmarshal([]byte(`"`+trimmed+`"`), &data); err != nil {
						return nil, &SyntaxError{start, "this is no JSON"}
					}
				}
				t.data = data
			}
			all = append(all, t)
			continue
		}
		found := false
		for _, op := range operators {
			if strings.HasPrefix(text[i:], op) {
				all, i, found = append(all, token{kind: op, at: start}), i+len(op), true
				break
			}
		}
		if !found {
			return nil, &SyntaxError{start, fmt.Sprintf("%q is not expected here", text[i:i+1])}
		}
	}
	return append(all, token{kind: "end", at: len(text)}), nil
}

// powers say how strongly an operator binds what is on its left.
var powers = map[string]int{
	"|": 1, "||": 2, "&&": 3, "==": 5, "!=": 5, "<": 5, "<=": 5, ">": 5, ">=": 5,
	"[]": 9, "*": 20, "[?": 21, ".": 40, "!": 45, "{": 50, "[": 55, "(": 60,
}

// projectionEnds is the power below which an operator ends a projection.
const projectionEnds = 10

type parser struct {
	tokens    []token
	at        int
	depth     int
	functions []string
}

// Parse parses an expression. An error is a [SyntaxError].
func Parse(text string) (*Expression, error) {
	if len(text) > maxText {
		return nil, &SyntaxError{0, fmt.Sprintf("an expression may have %d bytes", maxText)}
	}
	all, err := tokens(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: all}
	root, err := p.expression(0)
	if err == nil && p.current().kind != "end" {
		err = p.unexpected()
	}
	if err != nil {
		return nil, err
	}
	return &Expression{root, p.functions}, nil
}

func (p *parser) current() token { return p.tokens[p.at] }
func (p *parser) next() token {
	if p.at+1 < len(p.tokens) {
		return p.tokens[p.at+1]
	}
	return p.tokens[p.at]
}

func (p *parser) advance() token {
	t := p.tokens[p.at]
	if t.kind != "end" {
		p.at++
	}
	return t
}

func (p *parser) unexpected() error {
	t := p.current()
	switch t.kind {
	case "end":
		return &SyntaxError{t.at, "the expression is not complete"}
	case "name", "quoted":
		return &SyntaxError{t.at, fmt.Sprintf("%q is not expected here", t.text)}
	case "literal", "number":
		return &SyntaxError{t.at, "a value is not expected here"}
	}
	return &SyntaxError{t.at, fmt.Sprintf("%q is not expected here", t.kind)}
}

func (p *parser) expect(kind string) error {
	if p.current().kind != kind {
		return p.unexpected()
	}
	p.advance()
	return nil
}

// expression parses what binds more strongly than power.
func (p *parser) expression(power int) (*part, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, &SyntaxError{p.current().at, "the expression is nested too deeply"}
	}
	defer func() { p.depth-- }()
	left, err := p.first()
	for err == nil && powers[p.current().kind] > power {
		left, err = p.after(left)
	}
	return left, err
}

func (p *parser) first() (*part, error) {
	switch t := p.current(); t.kind {
	case "literal":
		p.advance()
		return &part{kind: literal, value: t.data}, nil
	case "name", "quoted":
		p.advance()
		if t.kind == "name" && p.current().kind == "(" {
			return p.call(t)
		}
		return &part{kind: field, text: t.text}, nil
	case "@":
		p.advance()
		return &part{kind: identity}, nil
	case "*":
		p.advance()
		if p.current().kind == "]" {
			return &part{kind: values, parts: []*part{{kind: identity}, {kind: identity}}}, nil
		}
		return p.projection(values, &part{kind: identity}, powers["*"])
	case "[?":
		return p.filter(&part{kind: identity})
	case "[]":
		p.advance()
		return p.projection(project, &part{kind: flatten, parts: []*part{{kind: identity}}}, powers["[]"])
	case "[":
		p.advance()
		switch {
		case p.current().kind == "number" || p.current().kind == ":":
			return p.index(&part{kind: identity})
		case p.current().kind == "*" && p.next().kind == "]":
			p.advance()
			p.advance()
			return p.projection(project, &part{kind: identity}, powers["*"])
		}
		return p.list()
	case "{":
		p.advance()
		return p.hash()
	case "&":
		p.advance()
		x, err := p.expression(0)
		return &part{kind: reference, parts: []*part{x}}, err
	case "!":
		p.advance()
		x, err := p.expression(powers["!"])
		return &part{kind: not, parts: []*part{x}}, err
	case "(":
		p.advance()
		x, err := p.expression(0)
		if err == nil {
			err = p.expect(")")
		}
		return x, err
	}
	return nil, p.unexpected()
}

func (p *parser) after(left *part) (*part, error) {
	t := p.current()
	switch t.kind {
	case ".":
		p.advance()
		if p.current().kind == "*" {
			p.advance()
			return p.projection(values, left, powers["."])
		}
		right, err := p.member(powers["."])
		return &part{kind: sub, parts: []*part{left, right}}, err
	case "|", "||", "&&":
		p.advance()
		right, err := p.expression(powers[t.kind])
		return &part{kind: map[string]kind{"|": pipe, "||": or, "&&": and}[t.kind], parts: []*part{left, right}}, err
	case "==", "!=", "<", "<=", ">", ">=":
		p.advance()
		right, err := p.expression(powers[t.kind])
		return &part{kind: compare, text: t.kind, parts: []*part{left, right}}, err
	case "[?":
		return p.filter(left)
	case "[]":
		p.advance()
		return p.projection(project, &part{kind: flatten, parts: []*part{left}}, powers["[]"])
	case "[":
		p.advance()
		if p.current().kind == "number" || p.current().kind == ":" {
			return p.index(left)
		}
		if p.current().kind == "*" && p.next().kind == "]" {
			p.advance()
			p.advance()
			return p.projection(project, left, powers["*"])
		}
	}
	return nil, p.unexpected()
}

// member parses what follows a dot.
func (p *parser) member(power int) (*part, error) {
	switch p.current().kind {
	case "name", "quoted", "*":
		return p.expression(power)
	case "[":
		p.advance()
		return p.list()
	case "{":
		p.advance()
		return p.hash()
	}
	return nil, p.unexpected()
}

// projection parses what is asked of each item.
func (p *parser) projection(kind kind, left *part, power int, condition ...*part) (*part, error) {
	right := &part{kind: identity}
	var err error
	switch t := p.current(); {
	case powers[t.kind] < projectionEnds:
	case t.kind == "[" || t.kind == "[?":
		right, err = p.expression(power) // the brackets are about the item
	case t.kind == ".":
		p.advance()
		right, err = p.member(power)
	default:
		err = p.unexpected()
	}
	return &part{kind: kind, parts: append([]*part{left, right}, condition...)}, err
}

func (p *parser) filter(left *part) (*part, error) {
	p.advance()
	condition, err := p.expression(0)
	if err == nil {
		err = p.expect("]")
	}
	if err != nil {
		return nil, err
	}
	return p.projection(filter, left, powers["[?"], condition)
}

// index parses a number, or a slice, and its bracket.
func (p *parser) index(left *part) (*part, error) {
	right := &part{kind: index}
	for n := 0; p.current().kind != "]"; {
		switch t := p.advance(); t.kind {
		case "number":
			i := t.data.(int)
			if right.at[n] != nil {
				return nil, p.unexpected()
			}
			right.at[n] = &i
		case ":":
			right.kind = slice
			if n++; n > 2 {
				return nil, &SyntaxError{t.at, "a slice has three parts at most"}
			}
		default:
			return nil, &SyntaxError{t.at, "a number is expected here"}
		}
	}
	p.advance()
	x := &part{kind: sub, parts: []*part{left, right}}
	if right.kind == slice {
		return p.projection(project, x, powers["*"])
	}
	return x, nil
}

func (p *parser) list() (*part, error) {
	x := &part{kind: list}
	for {
		item, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		x.parts = append(x.parts, item)
		if p.current().kind != "," {
			return x, p.expect("]")
		}
		p.advance()
	}
}

func (p *parser) hash() (*part, error) {
	x := &part{kind: hash}
	for {
		t := p.current()
		if t.kind != "name" && t.kind != "quoted" {
			return nil, p.unexpected()
		}
		p.advance()
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		value, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		x.names, x.parts = append(x.names, t.text), append(x.parts, value)
		if p.current().kind != "," {
			return x, p.expect("}")
		}
		p.advance()
	}
}

func (p *parser) call(name token) (*part, error) {
	p.advance()
	x := &part{kind: call, text: name.text}
	for p.current().kind != ")" {
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		x.parts = append(x.parts, arg)
		if p.current().kind != "," {
			break
		}
		p.advance()
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	f, known := functions[x.text]
	switch {
	case !known:
		return nil, &SyntaxError{name.at, "there is no function " + x.text}
	case len(x.parts) < f.least || f.most >= 0 && len(x.parts) > f.most:
		return nil, &SyntaxError{name.at, fmt.Sprintf("%s has %d arguments here, which it cannot have", x.text, len(x.parts))}
	}
	p.functions = append(p.functions, x.text)
	return x, nil
}

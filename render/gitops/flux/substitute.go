package flux

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/kustomize"
)

// A variable is a text to be written for ${name}, and where it is set.
type variable struct {
	text string
	span lint.Span
}

// variables are those that a Kustomization substitutes.
type variables struct {
	known map[string]variable
	open  bool // others may be set elsewhere: what is not known stays as it is written
}

const optOut = "kustomize.toolkit.fluxcd.io/substitute"

// substitute writes the values of variables into an object, as Flux does with the text of
// it: the value of a field becomes what YAML reads there then.
func (v *variables) substitute(m *kustomize.Made) {
	o := lint.NewNode(m.Node)
	for _, field := range []string{"labels", "annotations"} {
		if o.Get("metadata", field, optOut).Value() == "disabled" {
			return
		}
	}
	seen := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node, isKey bool)
	walk = func(n *yaml.Node, isKey bool) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.Kind == yaml.ScalarNode {
			if strings.Contains(n.Value, "$") {
				v.write(m, n, isKey)
			}
			return
		}
		for i, c := range n.Content {
			walk(c, n.Kind == yaml.MappingNode && i%2 == 0)
		}
	}
	walk(m.Node, false)
}

// write writes the values of variables into one text of an object.
func (v *variables) write(m *kustomize.Made, n *yaml.Node, isKey bool) {
	e := expansion{variables: v, room: m.Room()}
	if e.room <= 0 {
		return // which was said
	}
	text := e.expand(n.Value, 0)
	if !m.Grow(m.Room()-e.room, nil) {
		m.Fail(n, tooMuch)
		return
	}
	if text == n.Value {
		return
	}
	plain := isPlain(n.Value)
	whole := len(e.used) == 1 && e.whole
	n.Value = text
	if whole {
		m.Place(n, e.used[0])
	} else {
		for _, span := range e.used {
			m.Through(n, span, "a variable in it is set here")
		}
	}
	if !plain || isKey {
		return
	}
	// the text is not quoted there: it is read anew, be it a number or a mapping
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil {
		m.Fail(n, "this is not YAML once its variables are substituted")
		return
	}
	if len(doc.Content) == 0 {
		n.Tag, n.Style = yaml.NodeTagNull, 0
		return
	}
	read := doc.Content[0]
	if read.Kind == yaml.AliasNode || read.Anchor != "" {
		return
	}
	if !m.Grow(0, read) {
		m.Fail(n, tooMuch)
		return
	}
	n.Kind, n.Tag, n.Value, n.Style, n.Content = read.Kind, read.Tag, read.Value, read.Style, read.Content
	var place func(c *yaml.Node)
	place = func(c *yaml.Node) {
		c.Line, c.Column = n.Line, n.Column
		for _, x := range c.Content {
			place(x)
		}
	}
	for _, c := range n.Content {
		place(c)
	}
}

// isPlain reports whether kustomize prints a text without quotes, on one line.
func isPlain(text string) bool {
	out, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: text})
	return err == nil && len(out) > 0 && !strings.ContainsRune(`"'|>`, rune(out[0]))
}

// An expansion writes the variables of one text, as https://github.com/fluxcd/pkg/tree/main/envsubst
// does: ${name} with the operators of a shell.
type expansion struct {
	*variables
	used  []lint.Span
	whole bool // the text is one variable and nothing else
	room  int  // bytes that may still be written
}

const tooMuch = "variables write too much or too deep YAML into the objects of this build: from here on none is substituted"

// maxNested bounds defaults that hold variables.
const maxNested = 10

func (e *expansion) expand(text string, depth int) string {
	var out strings.Builder
	write := func(text string) {
		if e.room -= len(text); e.room > 0 {
			out.WriteString(text)
		}
	}
	for rest := text; rest != ""; {
		i := strings.Index(rest, "${")
		if i < 0 || e.room <= 0 {
			write(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' { // $${name} is ${name}, and no variable
			write(rest[:i-1])
			write("${")
			rest = rest[i+2:]
			continue
		}
		end := closing(rest[i+2:])
		if end < 0 { // Flux refuses the object
			write(rest)
			break
		}
		inner := rest[i+2 : i+2+end]
		write(rest[:i])
		value, ok := e.value(inner, depth)
		if !ok {
			value = "${" + inner + "}"
		}
		e.whole = depth == 0 && i == 0 && i+3+end == len(text)
		write(value)
		rest = rest[i+3+end:]
	}
	return out.String()
}

// closing returns where the brace closes that was opened before a text.
func closing(text string) int {
	depth := 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			if i > 0 && text[i-1] == '$' {
				depth++
			}
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// value returns what stands for ${inner}; ok is false where that is not known.
func (e *expansion) value(inner string, depth int) (value string, ok bool) {
	if depth > maxNested {
		return "", false
	}
	length := strings.HasPrefix(inner, "#")
	name := strings.TrimPrefix(inner, "#")
	end := 0
	for end < len(name) && (name[end] == '_' || name[end] >= 'a' && name[end] <= 'z' || name[end] >= 'A' && name[end] <= 'Z' || end > 0 && name[end] >= '0' && name[end] <= '9') {
		end++
	}
	name, op := name[:end], name[end:]
	if name == "" { // ${1}, ${@} or the like: of a script, and no variable of Flux
		return "", false
	}
	v, known := e.known[name]
	if !known && e.open {
		return "", false
	}
	if known {
		e.used = append(e.used, v.span)
	}
	switch {
	case length && op == "":
		return strconv.Itoa(utf8.RuneCountInString(v.text)), true
	case op == "":
		return v.text, true
	}
	for _, o := range []string{":=", ":-", "=", "-"} {
		if rest, found := strings.CutPrefix(op, o); found {
			if v.text == "" {
				return e.expand(rest, depth+1), true
			}
			return v.text, true
		}
	}
	return e.operate(v.text, op)
}

// operate applies an operator of a shell to the value of a variable. Patterns with wildcards
// are not expanded: ok is false.
func (e *expansion) operate(text, op string) (string, bool) {
	switch op {
	case "^":
		return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):], true
	case "^^":
		return strings.ToUpper(text), true
	case ",":
		return strings.ToLower(text[:min(1, len(text))]) + text[min(1, len(text)):], true
	case ",,":
		return strings.ToLower(text), true
	}
	if strings.ContainsAny(op[1:], "*?[$\\") {
		return "", false
	}
	switch {
	case strings.HasPrefix(op, "#"):
		return strings.TrimPrefix(text, strings.TrimLeft(op, "#")), true
	case strings.HasPrefix(op, "%"):
		return strings.TrimSuffix(text, strings.TrimLeft(op, "%")), true
	case strings.HasPrefix(op, "/"):
		all := strings.HasPrefix(op, "//")
		from, to, _ := strings.Cut(strings.TrimLeft(op, "/"), "/")
		switch {
		case from == "" || from[0] == '#' || from[0] == '%':
			return "", false
		case all && len(text)+strings.Count(text, from)*(len(to)-len(from)) > e.room:
			e.room = 0
			return "", true
		case all:
			return strings.ReplaceAll(text, from, to), true
		}
		return strings.Replace(text, from, to, 1), true
	case strings.HasPrefix(op, ":"):
		from, count, cut := strings.Cut(op[1:], ":")
		start, err := strconv.Atoi(strings.TrimSpace(from))
		n := len(text)
		if cut && err == nil {
			n, err = strconv.Atoi(strings.TrimSpace(count))
		}
		if err != nil || start < 0 || n < 0 || start > len(text) {
			return "", false
		}
		return text[start:min(len(text), start+n)], true
	}
	return "", false
}

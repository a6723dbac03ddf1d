package lint

import (
	"context"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A blockParser reads the YAML that most manifests are written in, nearly five times as fast
// as yaml.v3: mappings and lists in blocks or, in one line, in brackets; scalars of one
// line, plain or in quotes without escapes; literal blocks; comments. It stops on all
// else (anchors, tags, folded text, whatever has two readings), and yaml.v3 decides. What
// it makes is what yaml.v3 makes, less the comments: FuzzBlocks compares them.
//
// The scalars of a document are parts of one string, and nodes are allocated many at a
// time: one parser reads all documents of a file.
type blockParser struct {
	ctx   context.Context
	text  string
	at    int // what is read next
	start int // of the line of at
	line  int // of at
	depth int
	looks int          // one for each slab
	ended bool         // the context is
	nodes []yaml.Node  // room for nodes
	lists []*yaml.Node // and for lists of children
	open  []*yaml.Node // the children so far of the collections around at
}

const (
	maxBlockDepth = 100 // bounds the recursion
	slab          = 32  // nodes allocated at a time
	looksEvery    = 32  // slabs, at the context
)

// document returns the root of a document that begins in a line; ok is false where
// yaml.v3 is to be asked, or the context ended. The root is nil where the document is empty.
func (p *blockParser) document(text []byte, line int) (root *yaml.Node, ok bool) {
	for _, c := range text {
		if c < ' ' && c != '\n' || c > '~' { // tabs, carriage returns, all that is not ASCII
			return nil, false
		}
	}
	p.text, p.at, p.start, p.line, p.open, p.depth = string(text), 0, 0, line, p.open[:0], 0
	if rest, marked := strings.CutPrefix(p.text, "---"); marked {
		if rest = strings.TrimLeft(rest, " "); rest != "" && rest[0] != '\n' && (rest[0] != '#' || p.text[3] != ' ') {
			return nil, false
		}
		p.endLine()
	}
	indent, ok := p.next()
	if !ok || p.at == len(p.text) {
		return nil, ok
	}
	if p.text[p.at] == '{' { // JSON
		return nil, false
	}
	root, ok = p.block(indent, -1)
	return root, ok && !p.ended && p.at == len(p.text) && root.Kind != yaml.ScalarNode // of which the rules are others
}

// endLine goes to the start of the next line.
func (p *blockParser) endLine() {
	if end := strings.IndexByte(p.text[p.at:], '\n'); end >= 0 {
		p.at += end + 1
		p.line++
	} else {
		p.at = len(p.text)
	}
	p.start = p.at
}

// next goes from the start of a line to the next content, and returns its column from 0; -1 at the end.
func (p *blockParser) next() (indent int, ok bool) {
	for p.at < len(p.text) {
		for p.at < len(p.text) && p.text[p.at] == ' ' {
			p.at++
		}
		if p.at < len(p.text) && p.text[p.at] != '\n' && p.text[p.at] != '#' {
			rest := p.text[p.at:]
			return p.at - p.start, p.at > p.start || !strings.HasPrefix(rest, "---") && !strings.HasPrefix(rest, "...") && rest[0] != '%'
		}
		p.endLine()
	}
	return -1, true
}

// restOfLine goes behind the value that ends at p.at, which nothing but a comment may follow,
// to the next content. What is indented deeper than parent belongs to the value: there it stops.
func (p *blockParser) restOfLine(parent int) bool {
	from := p.at
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	if p.at < len(p.text) && p.text[p.at] != '\n' && (p.text[p.at] != '#' || p.at == from) {
		return false
	}
	p.endLine()
	indent, ok := p.next()
	return ok && indent <= parent
}

// column returns that of p.at, from 0; -1 where nothing is to be read any more.
func (p *blockParser) column() int {
	if p.at == len(p.text) || p.ended {
		return -1
	}
	return p.at - p.start
}

func (p *blockParser) node(kind yaml.Kind, tag, value string, style yaml.Style, at int) *yaml.Node {
	if len(p.nodes) == cap(p.nodes) {
		p.nodes = make([]yaml.Node, 0, slab)
		p.looks++
		p.ended = p.ended || p.looks%looksEvery == 0 && p.ctx.Err() != nil
	}
	p.nodes = append(p.nodes, yaml.Node{Kind: kind, Tag: tag, Value: value, Style: style, Line: p.line, Column: at - p.start + 1})
	return &p.nodes[len(p.nodes)-1]
}

// close gives a collection the children that were opened since.
func (p *blockParser) close(n *yaml.Node, since int) {
	count := len(p.open) - since
	if count > cap(p.lists)-len(p.lists) {
		p.lists = make([]*yaml.Node, 0, max(count, 128))
	}
	from := len(p.lists)
	p.lists = append(p.lists, p.open[since:]...)
	if n.Content = p.lists[from:len(p.lists):len(p.lists)]; count == 0 {
		n.Content = nil
	}
	p.open = p.open[:since]
}

// block reads the value at p.at, which is in column indent. parent is the column of
// the collection around it.
func (p *blockParser) block(indent, parent int) (*yaml.Node, bool) {
	if p.depth++; p.depth > maxBlockDepth {
		return nil, false
	}
	defer func() { p.depth-- }()
	if p.isItem() {
		return p.sequence(indent)
	}
	if key, ok := p.key(); ok {
		return p.mapping(key, indent)
	}
	return p.inline(parent)
}

// isItem reports whether an item of a list begins at p.at.
func (p *blockParser) isItem() bool {
	return p.text[p.at] == '-' && (p.at+1 == len(p.text) || p.text[p.at+1] == ' ' || p.text[p.at+1] == '\n')
}

func (p *blockParser) sequence(indent int) (*yaml.Node, bool) {
	n := p.node(yaml.SequenceNode, "!!seq", "", 0, p.at)
	since := len(p.open)
	for p.column() == indent && p.isItem() {
		p.at++
		item, ok := p.behind(indent, false)
		if !ok {
			return nil, false
		}
		p.open = append(p.open, item)
	}
	p.close(n, since)
	return n, p.column() <= indent
}

func (p *blockParser) mapping(key *yaml.Node, indent int) (*yaml.Node, bool) {
	n := p.node(yaml.MappingNode, "!!map", "", 0, p.start+key.Column-1)
	since := len(p.open)
	for {
		value, ok := p.behind(indent, true)
		if !ok {
			return nil, false
		}
		p.open = append(p.open, key, value)
		if p.column() != indent || p.isItem() {
			break
		}
		if key, ok = p.key(); !ok {
			return nil, false
		}
	}
	p.close(n, since)
	return n, p.column() <= indent
}

// behind reads what is behind the colon of a key or the dash of an item, there or below.
// A list below a key may be in the key's column.
func (p *blockParser) behind(indent int, key bool) (*yaml.Node, bool) {
	colon, line, start := p.at, p.line, p.start
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	if p.at < len(p.text) && p.text[p.at] != '\n' && p.text[p.at] != '#' {
		if key {
			if p.isItem() {
				return nil, false
			}
			return p.inline(indent)
		}
		return p.block(p.at-p.start, indent)
	}
	p.endLine()
	column, ok := p.next()
	switch {
	case !ok:
		return nil, false
	case column > indent || key && column == indent && p.isItem():
		return p.block(column, indent)
	}
	n := p.node(yaml.ScalarNode, "!!null", "", 0, colon)
	n.Line, n.Column = line, colon-start+1
	return n, true
}

// key reads a key with its colon, and leaves p.at where it is if there is none.
func (p *blockParser) key() (*yaml.Node, bool) {
	end := p.at
	text, style := "", yaml.Style(0)
	if c := p.text[p.at]; c == '"' || c == '\'' {
		var ok bool
		if text, style, end, ok = p.quoted(p.at); !ok {
			return nil, false
		}
	} else {
		if !beginsPlain[c] {
			return nil, false
		}
		for end < len(p.text) && p.text[end] != '\n' && !p.isColon(end) {
			if p.text[end] == '#' && p.text[end-1] == ' ' {
				return nil, false
			}
			end++
		}
		text = p.text[p.at:end]
	}
	if end == len(p.text) || !p.isColon(end) || end-p.at > 1000 || style == 0 && text[len(text)-1] == ' ' { // yaml.v3 ends a key at 1024
		return nil, false
	}
	key := p.node(yaml.ScalarNode, tagOf(text, style), text, style, p.at)
	p.at = end + 1
	return key, true
}

// isColon reports whether a colon that ends a key is at an offset.
func (p *blockParser) isColon(at int) bool {
	return p.text[at] == ':' && (at+1 == len(p.text) || p.text[at+1] == ' ' || p.text[at+1] == '\n')
}

// inline reads a value that is not a collection in a block, and goes to the next content.
func (p *blockParser) inline(parent int) (*yaml.Node, bool) {
	var n *yaml.Node
	switch p.text[p.at] {
	case '|':
		return p.literal(parent)
	case '[', '{':
		var ok bool
		if n, ok = p.flow(); !ok {
			return nil, false
		}
	case '"', '\'':
		text, style, end, ok := p.quoted(p.at)
		if !ok {
			return nil, false
		}
		n = p.node(yaml.ScalarNode, "!!str", text, style, p.at)
		p.at = end
	default:
		if !p.beginsPlain() {
			return nil, false
		}
		end := p.at
		for end < len(p.text) && p.text[end] != '\n' && (p.text[end] != '#' || p.text[end-1] != ' ') {
			if p.isColon(end) {
				return nil, false
			}
			end++
		}
		text := strings.TrimRight(p.text[p.at:end], " ")
		n = p.node(yaml.ScalarNode, tagOf(text, 0), text, 0, p.at)
		p.at += len(text)
	}
	return n, p.restOfLine(parent)
}

// beginsPlain are the bytes that a plain scalar begins with here; YAML allows a few more.
var beginsPlain = func() (set [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./$+~(" {
		set[c] = true
	}
	return set
}()

// beginsPlain reports whether a plain scalar begins at p.at: it may with a dash that is no item's.
func (p *blockParser) beginsPlain() bool {
	c := p.text[p.at]
	return beginsPlain[c] || c == '-' && p.at+1 < len(p.text) && (beginsPlain[p.text[p.at+1]] || p.text[p.at+1] == '-')
}

// quoted reads the text in quotes at an offset.
func (p *blockParser) quoted(at int) (text string, style yaml.Style, end int, ok bool) {
	quote := p.text[at]
	doubled := false
	for end = at + 1; end < len(p.text); end++ {
		switch c := p.text[end]; {
		case c == '\n' || c == '\\' && quote == '"':
			return "", 0, 0, false
		case c != quote:
		case quote == '\'' && end+1 < len(p.text) && p.text[end+1] == quote:
			end++
			doubled = true
		default:
			text, style = p.text[at+1:end], yaml.DoubleQuotedStyle
			if quote == '\'' {
				style = yaml.SingleQuotedStyle
			}
			if doubled {
				text = strings.ReplaceAll(text, "''", "'")
			}
			return text, style, end + 1, true
		}
	}
	return "", 0, 0, false
}

// literal reads a block behind "|".
func (p *blockParser) literal(parent int) (*yaml.Node, bool) {
	n := p.node(yaml.ScalarNode, "!!str", "", yaml.LiteralStyle, p.at)
	p.at++
	chomping := byte(' ')
	if p.at < len(p.text) && (p.text[p.at] == '-' || p.text[p.at] == '+') {
		chomping = p.text[p.at]
		p.at++
	}
	if p.at == len(p.text) || p.text[p.at] != '\n' || p.text[len(p.text)-1] != '\n' {
		return nil, false
	}
	p.endLine()
	indent := 0
	for p.at+indent < len(p.text) && p.text[p.at+indent] == ' ' {
		indent++
	}
	if indent <= parent || p.at+indent == len(p.text) || p.text[p.at+indent] == '\n' { // empty, or begins with empty lines
		return nil, false
	}
	// The lines without their indentation, and how much of them the last that is not blank ends.
	var value strings.Builder
	value.Grow(p.lengthOf(indent))
	full := 0
	for p.at < len(p.text) {
		column := 0
		for column < indent && p.text[p.at+column] == ' ' {
			column++
		}
		if blank := p.text[p.at+column] == '\n'; !blank && column < indent {
			break
		}
		from := p.at + column
		p.endLine()
		if value.WriteString(p.text[from:p.at]); p.at-from > 1 {
			full = value.Len()
		}
	}
	switch n.Value = value.String(); chomping {
	case ' ':
		n.Value = n.Value[:full]
	case '-':
		n.Value = n.Value[:full-1]
	}
	column, ok := p.next()
	return n, ok && column <= parent
}

// lengthOf returns how much room the lines from p.at on need that are indented so far.
func (p *blockParser) lengthOf(indent int) (length int) {
	for at := p.at; at < len(p.text); {
		line := p.text[at : at+strings.IndexByte(p.text[at:], '\n')+1]
		text := strings.TrimLeft(line, " ")
		if text != "\n" && len(line)-len(text) < indent {
			break
		}
		at += len(line)
		length += max(1, len(line)-indent)
	}
	return length
}

// flow reads a collection in brackets that ends in its line.
func (p *blockParser) flow() (*yaml.Node, bool) {
	if p.depth++; p.depth > maxBlockDepth {
		return nil, false
	}
	defer func() { p.depth-- }()
	kind, tag, end := yaml.SequenceNode, "!!seq", byte(']')
	if p.text[p.at] == '{' {
		kind, tag, end = yaml.MappingNode, "!!map", '}'
	}
	n := p.node(kind, tag, "", yaml.FlowStyle, p.at)
	since := len(p.open)
	p.at++
	if p.skipBlanks(); p.at < len(p.text) && p.text[p.at] == end {
		p.at++
		return n, true
	}
	for {
		if kind == yaml.MappingNode {
			from := p.at
			key, ok := p.flowScalar()
			if !ok || p.at == len(p.text) || !p.isColon(p.at) || p.at-from > 1000 {
				return nil, false
			}
			p.open = append(p.open, key)
			p.at++
			p.skipBlanks()
		}
		value, ok := p.flowValue()
		if !ok {
			return nil, false
		}
		p.open = append(p.open, value)
		p.skipBlanks()
		if p.at == len(p.text) || p.ended {
			return nil, false
		}
		switch p.text[p.at] {
		case end:
			p.at++
			p.close(n, since)
			return n, true
		case ',':
			p.at++
			p.skipBlanks()
		default:
			return nil, false
		}
	}
}

func (p *blockParser) skipBlanks() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

func (p *blockParser) flowValue() (*yaml.Node, bool) {
	if p.at < len(p.text) && (p.text[p.at] == '[' || p.text[p.at] == '{') {
		return p.flow()
	}
	return p.flowScalar()
}

// flowScalar reads a scalar in brackets.
func (p *blockParser) flowScalar() (*yaml.Node, bool) {
	if p.at == len(p.text) {
		return nil, false
	}
	if c := p.text[p.at]; c == '"' || c == '\'' {
		text, style, end, ok := p.quoted(p.at)
		if !ok {
			return nil, false
		}
		n := p.node(yaml.ScalarNode, "!!str", text, style, p.at)
		p.at = end
		return n, true
	}
	if !p.beginsPlain() {
		return nil, false
	}
	end := p.at
scan:
	for ; end < len(p.text); end++ {
		switch p.text[end] {
		case ',', ']', '}':
			break scan
		case '\n', '[', '{', '?', '#', '"', '\'', '`':
			return nil, false
		case ':':
			if p.isColon(end) {
				break scan
			}
			if strings.IndexByte(",[]{}", p.text[end+1]) >= 0 {
				return nil, false
			}
		}
	}
	text := strings.TrimRight(p.text[p.at:end], " ")
	n := p.node(yaml.ScalarNode, tagOf(text, 0), text, 0, p.at)
	p.at += len(text)
	return n, true
}

// tagOf returns the tag of a scalar, as yaml.v3 resolves it.
func tagOf(text string, style yaml.Style) string {
	if style != 0 || text == "" {
		return "!!str"
	}
	switch c := text[0]; {
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		switch text {
		case "true", "True", "TRUE", "false", "False", "FALSE":
			return "!!bool"
		}
		return "!!str"
	case c == 'n' || c == 'N' || c == '~':
		switch text {
		case "null", "Null", "NULL", "~":
			return "!!null"
		}
		return "!!str"
	case c == '.' || c == '+' || c == '-' || '0' <= c && c <= '9':
		n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
		return n.ShortTag()
	}
	return "!!str"
}

package lint

import (
	"context"
	"math"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// A blockParser reads the YAML that most manifests are written in, many times as fast
// as yaml.v3: mappings and lists in blocks or, in one line, in brackets; scalars of one
// line, plain or in quotes without escapes; literal blocks; comments. It stops on all
// else (anchors, tags, folded text, keys that are repeated, whatever has two readings), and
// yaml.v3 decides. What it makes is what yaml.v3 makes, less the comments: FuzzBlocks
// compares them.
//
// What it has read of a document is gathered in room that is used again, and then laid out:
// children behind each other, each collection behind its children.
type blockParser struct {
	ctx   context.Context
	text  string
	at    int // what is read next
	start int // of the line of at
	line  int // of at
	depth int
	looks int          // one for each value
	ended bool         // the context is, or a column is beyond those of nodes
	keyed int          // values with a key
	open  []blockValue // the children so far of the collections around at
	done  []blockValue // of the collections that are closed
	kids  []blockKids  // the collections that are closed
}

// A blockValue is a [Node] that is not in its tree yet.
type blockValue struct {
	field, value      string
	line, keyLine     int32
	column, keyColumn uint16
	kids              int32 // those of a collection, from 1; 0 where there are none
	kind, tag         uint8
	style, keyStyle   uint8
}

// blockKids are the children of a collection, a part of those that are done.
type blockKids struct {
	from, to int
	keys     uint64
	places   map[string]int
}

const (
	maxBlockDepth = 100     // bounds the recursion
	looksEvery    = 512     // values, at the context
	maxRoom       = 1 << 15 // values for which room is kept
)

var blockParsers = sync.Pool{New: func() any { return &blockParser{} }}

// newBlockParser returns a parser for the documents of one text; it must be released.
func newBlockParser(ctx context.Context) *blockParser {
	p := blockParsers.Get().(*blockParser)
	p.ctx, p.looks, p.ended = ctx, 0, false
	return p
}

// release gives the room of the parser to others. It must hold on to no text.
func (p *blockParser) release() {
	if cap(p.open) > maxRoom || cap(p.done) > maxRoom {
		return
	}
	clear(p.open[:cap(p.open)])
	clear(p.done[:cap(p.done)])
	clear(p.kids[:cap(p.kids)])
	p.ctx, p.text = nil, ""
	blockParsers.Put(p)
}

// document returns the document that begins in a line; ok is false where
// yaml.v3 is to be asked, or the context ended. It is nil where the document is empty.
func (p *blockParser) document(text string, line int) (d *Document, ok bool) {
	if len(text) > math.MaxInt32 { // of more lines than nodes have numbers for
		return nil, false
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' || c > '~' { // tabs, carriage returns, all that is not ASCII
			return nil, false
		}
	}
	p.text, p.at, p.start, p.line, p.depth, p.keyed = text, 0, 0, line, 0, 0
	p.open, p.done, p.kids = p.open[:0], p.done[:0], p.kids[:0]
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
	if !p.block(indent, -1) || p.ended || p.at < len(p.text) || p.open[0].kind == scalarKind { // of which the rules are others
		return nil, false
	}
	return p.layOut(), true
}

// layOut makes the nodes of the document that was read.
func (p *blockParser) layOut() *Document {
	p.done = append(p.done, p.open[0])
	nodes, list, kids := make([]Node, len(p.done)), make([]*Node, len(p.done)), make([]children, len(p.kids))
	for i := range p.done {
		v, n := &p.done[i], &nodes[i]
		list[i] = n
		n.field, n.value = v.field, v.value
		n.line, n.column, n.keyLine, n.keyColumn = v.line, v.column, v.keyLine, v.keyColumn
		n.kind, n.tag, n.style, n.keyStyle = v.kind, v.tag, v.style, v.keyStyle
		if v.kids == 0 {
			n.kids = noChildren
			continue
		}
		k, c := &p.kids[v.kids-1], &kids[v.kids-1]
		c.list, c.keys, c.places = list[k.from:k.to:k.to], k.keys, k.places
		for at, child := range c.list { // which are laid out
			if child.parent = n; n.kind == sequenceKind {
				child.keyStyle, child.keyLine = itemOf, int32(at)
			}
		}
		n.kids = c
	}
	root := &nodes[len(nodes)-1]
	root.back = &backing{origin: &origin{root: root}}
	return &Document{root, len(nodes) + p.keyed}
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

// push adds a value to the collection around it.
func (p *blockParser) push(kind, tag uint8, value string, style uint8, line, column int) {
	p.looks++
	p.ended = p.ended || column > math.MaxUint16 || p.looks%looksEvery == 0 && p.ctx.Err() != nil
	p.open = append(p.open, blockValue{kind: kind, tag: tag, value: value, style: style, line: int32(line), column: uint16(column)})
}

// scalar adds a scalar that begins at an offset of the line.
func (p *blockParser) scalar(tag uint8, value string, style uint8, at int) {
	p.push(scalarKind, tag, value, style, p.line, at-p.start+1)
}

// close adds a collection, with the children that were opened since; it reports false where
// a key is repeated.
func (p *blockParser) close(since int, kind, tag, style uint8, line, column int) bool {
	children := p.open[since:]
	if len(children) == 0 {
		p.push(kind, tag, "", style, line, column)
		return true
	}
	k := blockKids{from: len(p.done), to: len(p.done) + len(children)}
	if kind == mappingKind {
		if p.keyed += len(children); !k.index(children) {
			return false
		}
	}
	p.done = append(p.done, children...)
	p.kids = append(p.kids, k)
	p.open = p.open[:since]
	p.push(kind, tag, "", style, line, column)
	p.open[since].kids = int32(len(p.kids))
	return true
}

// index indexes the fields of a mapping; it reports false where one is repeated.
func (k *blockKids) index(fields []blockValue) bool {
	if len(fields) > manyFields {
		k.places = make(map[string]int, len(fields))
	}
	for i := range fields {
		name := fields[i].field
		bit := keyBit(name)
		if k.places != nil {
			k.places[name] = i
		} else if k.keys&bit != 0 {
			for j := range i {
				if fields[j].field == name {
					return false
				}
			}
		}
		k.keys |= bit
	}
	return k.places == nil || len(k.places) == len(fields)
}

// A blockKey is a key that was read.
type blockKey struct {
	text         string
	style        uint8
	line, column int
}

// name gives a key to the value that was read last.
func (p *blockParser) name(k blockKey) {
	v := &p.open[len(p.open)-1]
	v.field, v.keyStyle, v.keyLine, v.keyColumn = k.text, k.style, int32(k.line), uint16(k.column)
	p.ended = p.ended || k.column > math.MaxUint16
}

// block reads the value at p.at, which is in column indent. parent is the column of
// the collection around it.
func (p *blockParser) block(indent, parent int) bool {
	if p.depth++; p.depth > maxBlockDepth {
		return false
	}
	ok := false
	if p.isItem() {
		ok = p.sequence(indent)
	} else if key, is := p.key(); is {
		ok = p.mapping(key, indent)
	} else {
		ok = p.inline(parent)
	}
	p.depth--
	return ok
}

// isItem reports whether an item of a list begins at p.at.
func (p *blockParser) isItem() bool {
	return p.text[p.at] == '-' && (p.at+1 == len(p.text) || p.text[p.at+1] == ' ' || p.text[p.at+1] == '\n')
}

func (p *blockParser) sequence(indent int) bool {
	since, line, column := len(p.open), p.line, p.at-p.start+1
	for p.column() == indent && p.isItem() {
		p.at++
		if !p.behind(indent, false) {
			return false
		}
	}
	return p.close(since, sequenceKind, seqTag, 0, line, column) && p.column() <= indent
}

func (p *blockParser) mapping(key blockKey, indent int) bool {
	since, line, column := len(p.open), key.line, key.column
	for {
		if !p.behind(indent, true) {
			return false
		}
		p.name(key)
		if p.column() != indent || p.isItem() {
			break
		}
		var ok bool
		if key, ok = p.key(); !ok {
			return false
		}
	}
	return p.close(since, mappingKind, mapTag, 0, line, column) && p.column() <= indent
}

// behind reads what is behind the colon of a key or the dash of an item, there or below.
// A list below a key may be in the key's column.
func (p *blockParser) behind(indent int, key bool) bool {
	line, column := p.line, p.at-p.start+1
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	if p.at < len(p.text) && p.text[p.at] != '\n' && p.text[p.at] != '#' {
		if key {
			return !p.isItem() && p.inline(indent)
		}
		return p.block(p.at-p.start, indent)
	}
	p.endLine()
	below, ok := p.next()
	switch {
	case !ok:
		return false
	case below > indent || key && below == indent && p.isItem():
		return p.block(below, indent)
	}
	p.push(scalarKind, nullTag, "", 0, line, column)
	return true
}

// key reads a key with its colon, and leaves p.at where it is if there is none.
func (p *blockParser) key() (key blockKey, ok bool) {
	end := p.at
	if c := p.text[p.at]; c == '"' || c == '\'' {
		if key.text, key.style, end, ok = p.quoted(p.at); !ok {
			return key, false
		}
	} else {
		if !beginsPlain[c] {
			return key, false
		}
		for end < len(p.text) && p.text[end] != '\n' && !p.isColon(end) {
			if p.text[end] == '#' && p.text[end-1] == ' ' {
				return key, false
			}
			end++
		}
		key.text = p.text[p.at:end]
	}
	if end == len(p.text) || !p.isColon(end) || end-p.at > 1000 || key.style == 0 && key.text[len(key.text)-1] == ' ' { // yaml.v3 ends a key at 1024
		return key, false
	}
	key.line, key.column = p.line, p.at-p.start+1
	p.at = end + 1
	return key, true
}

// isColon reports whether a colon that ends a key is at an offset.
func (p *blockParser) isColon(at int) bool {
	return p.text[at] == ':' && (at+1 == len(p.text) || p.text[at+1] == ' ' || p.text[at+1] == '\n')
}

// inline reads a value that is not a collection in a block, and goes to the next content.
func (p *blockParser) inline(parent int) bool {
	switch p.text[p.at] {
	case '|':
		return p.literal(parent)
	case '[', '{':
		if !p.flow() {
			return false
		}
	case '"', '\'':
		text, style, end, ok := p.quoted(p.at)
		if !ok {
			return false
		}
		p.scalar(strTag, text, style, p.at)
		p.at = end
	default:
		if !p.beginsPlain() {
			return false
		}
		end := p.at
		for end < len(p.text) && p.text[end] != '\n' && (p.text[end] != '#' || p.text[end-1] != ' ') {
			if p.isColon(end) {
				return false
			}
			end++
		}
		text := strings.TrimRight(p.text[p.at:end], " ")
		p.scalar(tagOf(text, 0), text, 0, p.at)
		p.at += len(text)
	}
	return p.restOfLine(parent)
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
func (p *blockParser) quoted(at int) (text string, style uint8, end int, ok bool) {
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
			text, style = p.text[at+1:end], doubleQuoted
			if quote == '\'' {
				style = singleQuoted
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
func (p *blockParser) literal(parent int) bool {
	line, at := p.line, p.at-p.start+1
	p.at++
	chomping := byte(' ')
	if p.at < len(p.text) && (p.text[p.at] == '-' || p.text[p.at] == '+') {
		chomping = p.text[p.at]
		p.at++
	}
	if p.at == len(p.text) || p.text[p.at] != '\n' || p.text[len(p.text)-1] != '\n' {
		return false
	}
	p.endLine()
	indent := 0
	for p.at+indent < len(p.text) && p.text[p.at+indent] == ' ' {
		indent++
	}
	if indent <= parent || p.at+indent == len(p.text) || p.text[p.at+indent] == '\n' { // empty, or begins with empty lines
		return false
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
	text := value.String()
	switch chomping {
	case ' ':
		text = text[:full]
	case '-':
		text = text[:full-1]
	}
	p.push(scalarKind, strTag, text, literalText, line, at)
	next, ok := p.next()
	return ok && next <= parent
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
func (p *blockParser) flow() bool {
	if p.depth++; p.depth > maxBlockDepth {
		return false
	}
	kind, tag, end := sequenceKind, uint8(seqTag), byte(']')
	if p.text[p.at] == '{' {
		kind, tag, end = mappingKind, mapTag, '}'
	}
	since, line, column := len(p.open), p.line, p.at-p.start+1
	p.at++
	p.skipBlanks()
	for closed := p.at < len(p.text) && p.text[p.at] == end; !closed; {
		var key blockKey
		if kind == mappingKind {
			from := p.at
			if !p.flowScalar() || p.at == len(p.text) || !p.isColon(p.at) || p.at-from > 1000 {
				return false
			}
			k := p.open[len(p.open)-1]
			p.open = p.open[:len(p.open)-1]
			key = blockKey{k.value, k.style, int(k.line), int(k.column)}
			p.at++
			p.skipBlanks()
		}
		if !p.flowValue() {
			return false
		}
		if kind == mappingKind {
			p.name(key)
		}
		p.skipBlanks()
		if p.at == len(p.text) || p.ended {
			return false
		}
		switch p.text[p.at] {
		case end:
			closed = true
		case ',':
			p.at++
			p.skipBlanks()
		default:
			return false
		}
	}
	p.at++
	p.depth--
	return p.close(since, kind, tag, inBrackets, line, column)
}

func (p *blockParser) skipBlanks() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

func (p *blockParser) flowValue() bool {
	if p.at < len(p.text) && (p.text[p.at] == '[' || p.text[p.at] == '{') {
		return p.flow()
	}
	return p.flowScalar()
}

// flowScalar reads a scalar in brackets.
func (p *blockParser) flowScalar() bool {
	if p.at == len(p.text) {
		return false
	}
	if c := p.text[p.at]; c == '"' || c == '\'' {
		text, style, end, ok := p.quoted(p.at)
		if !ok {
			return false
		}
		p.scalar(strTag, text, style, p.at)
		p.at = end
		return true
	}
	if !p.beginsPlain() {
		return false
	}
	end := p.at
scan:
	for ; end < len(p.text); end++ {
		switch p.text[end] {
		case ',', ']', '}':
			break scan
		case '\n', '[', '{', '?', '#', '"', '\'', '`':
			return false
		case ':':
			if p.isColon(end) {
				break scan
			}
			if strings.IndexByte(",[]{}", p.text[end+1]) >= 0 {
				return false
			}
		}
	}
	text := strings.TrimRight(p.text[p.at:end], " ")
	p.scalar(tagOf(text, 0), text, 0, p.at)
	p.at += len(text)
	return true
}

// tagOf returns the tag of a scalar, as yaml.v3 resolves it.
func tagOf(text string, style uint8) uint8 {
	if style != 0 || text == "" {
		return strTag
	}
	switch c := text[0]; {
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		switch text {
		case "true", "True", "TRUE", "false", "False", "FALSE":
			return boolTag
		}
		return strTag
	case c == 'n' || c == 'N' || c == '~':
		switch text {
		case "null", "Null", "NULL", "~":
			return nullTag
		}
		return strTag
	case c == '.' || c == '+' || c == '-' || '0' <= c && c <= '9':
		n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
		return tagNumber(n.ShortTag())
	}
	return strTag
}

package lint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlv4 "go.yaml.in/yaml/v4"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/yamltext"
)

// maxNodes bounds what the documents with aliases of one file may expand to, together,
// so that a file of a few hundred bytes cannot occupy a run ("billion laughs").
// maxBundleNodes bounds those of all objects of a bundle.
const (
	maxNodes       = 1 << 18
	maxBundleNodes = 1 << 20
)

// ParseYAML parses every document of src, and every object of a stream of JSON. The
// nodes carry absolute lines and columns (as yaml.v3 counts them: from 1, in code
// points). A document that is broken becomes an error at its line and the others are
// still returned: one decoder over the whole file would stop at the first. Empty
// documents are left out.
func ParseYAML(src *Source) ([]*yaml.Node, []*InputError) {
	docs, errs, _ := ReadYAML(context.Background(), src, math.MaxInt)
	return docs, errs
}

// ReadYAML is [ParseYAML] for text that may be meant to occupy the run. Where the context ends,
// and where the documents hold more than most values and keys, it stops: cut says why, at
// the document that it came to, and only what is before that is returned. cut is nil
// where all was read.
func ReadYAML(ctx context.Context, src *Source, most int) (docs []*yaml.Node, errs []*InputError, cut *InputError) {
	all, errs, cut := ReadDocuments(ctx, src, most)
	for _, d := range all {
		docs = append(docs, d.Root.YAML())
	}
	return docs, errs, cut
}

// A Document is one document of a source, or one object of a stream of JSON.
type Document struct {
	Root   *Node
	Values int // and keys, without what aliases stand for
}

// ParseDocuments is [ParseYAML] for who has no need of YAML nodes.
func ParseDocuments(src *Source) ([]*Document, []*InputError) {
	docs, errs, _ := ReadDocuments(context.Background(), src, math.MaxInt)
	return docs, errs
}

// ReadDocuments is [ReadYAML] for who has no need of YAML nodes.
func ReadDocuments(ctx context.Context, src *Source, most int) (docs []*Document, errs []*InputError, cut *InputError) {
	left := maxNodes
	blocks := newBlockParser(ctx)
	defer blocks.release()
	read, line := 0, 1                           // of the text so far
	plain := bytes.IndexByte(src.Data, '\r') < 0 // a line ends in "\n" alone
	for _, c := range yamltext.Documents(src.Data) {
		known := len(docs)
		line += bytes.Count(src.Data[read:c.Start], []byte("\n"))
		read = c.Start
		full := c.End-c.Start > most && atLeast(src.Data[c.Start:c.End], most) > most
		var root *Document
		quick := false
		if plain && !full && (c.Start == 0 || src.Data[c.Start-1] == '\n') {
			root, quick = blocks.document(src.text()[c.Start:c.End], line)
		}
		var broken *InputError
		switch {
		case full:
			most = -1
		case !quick:
			var roots []*yaml.Node
			roots, broken = readDocument(ctx, src, c, &left)
			for _, root := range roots {
				docs = append(docs, &Document{NewNode(root), Nodes(root)})
			}
		case root != nil:
			docs = append(docs, root)
		}
		for _, d := range docs[known:] {
			most -= d.Values
		}
		if ctx.Err() != nil || most < 0 {
			cut = &InputError{Span: src.LineSpan(src.Position(c.Start).Line), Message: "the file holds too many values and keys"}
			if ctx.Err() != nil {
				cut.Message = context.Cause(ctx).Error()
			}
			return docs[:known], errs, cut
		}
		if broken != nil {
			errs = append(errs, broken)
		}
	}
	return docs, errs, nil
}

// readDocument reads one document, or a stream of JSON, of any form.
func readDocument(ctx context.Context, src *Source, c yamltext.Chunk, left *int) ([]*yaml.Node, *InputError) {
	docs, end := parseJSON(ctx, src, c)
	c.Start = end
	text := withoutVersion(src.Data[c.Start:c.End])
	place := placer(src, c)
	roots, err := decode(&stoppable{ctx, bytes.NewReader(text)}, left)
	for _, root := range roots {
		if root.Kind != yaml.ScalarNode || root.ShortTag() != "!!null" {
			placeNodes(root, place)
			docs = append(docs, root)
		}
	}
	if err == nil {
		return docs, nil
	}
	line, column, message := yamlError(err, text)
	at, _ := place(max(1, line), 1)
	span := src.LineSpan(at)
	if column > 0 {
		from := src.At(place(line, column)).Offset
		span = src.Span(from, max(from, span.End.Offset))
	}
	return docs, &InputError{Span: span, Message: message}
}

// A stoppable reader fails when its context ends: a document of many megabytes is read for
// a long time.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// Nodes counts those of a tree, without what aliases stand for.
func Nodes(n *yaml.Node) int {
	all := 1
	for _, c := range n.Content {
		all += Nodes(c)
	}
	return all
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// withoutVersion turns %YAML directives at the head of a document into comments:
// yaml.v3 refuses 1.2, of which Kubernetes' reader thinks nothing.
func withoutVersion(text []byte) []byte {
	n := yamltext.Directives(text)
	if n == 0 {
		return text
	}
	head := bytes.ReplaceAll(text[:n], []byte("%YAML"), []byte("#YAML"))
	return append(head, text[n:]...)
}

// decode returns the roots of the documents of text up to the first that is broken. It
// reads to the end: behind a document that ends on its own, as "{a: b}" does, yaml.v3
// would leave text unread and say nothing. It contains yaml.v3's panics on hostile input.
// left is what aliases may still expand to.
func decode(text io.Reader, left *int) (roots []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	for decoder := yaml.NewDecoder(text); ; {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return roots, nil
		} else if err != nil {
			return roots, err
		}
		for _, root := range doc.Content {
			if *left -= expansion(root, *left); *left < 0 {
				*left = 0
				return roots, errAliases
			}
			roots = append(roots, root)
		}
	}
}

// placer returns a function that turns yaml.v3's lines and columns in a chunk into
// those of the source.
func placer(src *Source, chunk yamltext.Chunk) func(line, column int) (int, int) {
	text := src.Data[chunk.Start:chunk.End]
	before := src.Position(chunk.Start).Line - 1
	ours := func(line, column int) (int, int) { return line + before, column }
	if src.Position(chunk.Start).Column == 1 && !bytes.Contains(text, []byte("\u0085")) && !bytes.Contains(text, []byte("\u2028")) && !bytes.Contains(text, []byte("\u2029")) {
		return ours
	}
	theirs := []int{0}
	for at := 0; at < len(text); {
		at = yamltext.NextLine(text, at)
		theirs = append(theirs, at)
	}
	return func(line, column int) (int, int) {
		if line > len(theirs) {
			return ours(line, column)
		}
		start := src.Position(chunk.Start + theirs[line-1])
		return start.Line, start.Column + column - 1
	}
}

func placeNodes(n *yaml.Node, place func(line, column int) (int, int)) {
	if n.Line > 0 {
		n.Line, n.Column = place(n.Line, n.Column)
	}
	for _, c := range n.Content { // an alias' target is a node of the tree: placed there
		placeNodes(c, place)
	}
}

var errAliases = errors.New("yaml: aliases expand to too many nodes or to themselves; write the values out")

// expansion returns the number of nodes that a tree with aliases expands to, limit + 1
// where they are more or the tree holds itself; 0 for a tree without aliases.
func expansion(root *yaml.Node, limit int) int {
	if !hasAlias(root) {
		return 0
	}
	size := map[*yaml.Node]int{}
	var count func(n *yaml.Node) int
	count = func(n *yaml.Node) int {
		if n == nil {
			return 0
		}
		if s, ok := size[n]; ok {
			return s
		}
		size[n] = limit + 1 // met again before it is done: a cycle
		s := 1
		if n.Kind == yaml.AliasNode {
			s += count(n.Alias)
		}
		for _, c := range n.Content {
			s = min(s+count(c), limit+1)
		}
		size[n] = s
		return s
	}
	return count(root)
}

var (
	yamlLine      = Regexp(`^yaml: (?:unmarshal errors:\s*)?line (\d+): `)
	unknownAnchor = Regexp(`unknown anchor '([^']*)' referenced`)
)

// yamlError says where in text, from 1 or 0 where that is not known, and why yaml.v3
// refused it. The message quotes nothing of the text: an unknown anchor may be a
// password that begins with "*".
func yamlError(err error, text []byte) (line, column int, message string) {
	message = err.Error()
	if m := unknownAnchor().FindStringSubmatch(message); m != nil {
		if alias := regexp.MustCompile(`(?m)^[^#]*[\s,:\[{-]\*` + regexp.QuoteMeta(m[1]) + `(?:[^\w-]|$)`).FindIndex(text); alias != nil {
			line = yamltext.LineOf(text, bytes.LastIndexByte(text[:alias[1]], '*'))
		}
		return line, 0, `broken YAML: an alias ("*") names an anchor ("&") that is not set above it; quote the text if it is not an alias`
	}
	if line, column, message = syntaxError(text); message != "" {
		return line, column, "broken YAML: " + message
	}
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine().FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = err.Error()[len(m[0]):]
	} else if at := yamltext.Unreadable(text); at >= 0 {
		line = yamltext.LineOf(text, at)
	}
	return line, 0, "broken YAML: " + message
}

// syntaxError asks the successor of yaml.v3, which knows line and column of what it
// stumbles over and of what it was reading. Brackets and quotes that are not closed
// are fixed where they open.
func syntaxError(text []byte) (line, column int, message string) {
	defer func() {
		if recover() != nil {
			line, column, message = 0, 0, ""
		}
	}()
	for decoder := yamlv4.NewDecoder(bytes.NewReader(text)); ; {
		var doc yamlv4.Node
		err := decoder.Decode(&doc)
		if err == nil {
			continue
		}
		var at *yamlv4.LoadError
		if !errors.As(err, &at) || at.Mark.Line == 0 {
			return 0, 0, ""
		}
		if what := unclosed[at.ContextMsg]; what != "" && at.ContextMark.Line > 0 && at.ContextMark.Line < at.Mark.Line {
			return at.ContextMark.Line, at.ContextMark.Column, fmt.Sprintf("%s: the %s that begins here is not closed", at.Message, what)
		}
		if last := yamltext.LineOf(text, len(bytes.TrimRight(text, " \t\r\n"))-1); at.Mark.Line > last {
			return last, 0, at.Message // what is missing is missed at the end
		}
		return at.Mark.Line, at.Mark.Column, at.Message
	}
}

// unclosed names what the parser was reading.
var unclosed = map[string]string{
	"while parsing a flow sequence":  "list",
	"while parsing a flow mapping":   "mapping",
	"while scanning a quoted scalar": "text",
}

// NodeSpan returns where a node parsed by [ParseYAML] is in its source.
// yaml.Node has no end, so it is read from the text. Keys, tags and anchors
// in front of a value are not part of it.
func NodeSpan(src *Source, n *yaml.Node) Span {
	start := contentStart(src.Data, src.At(n.Line, n.Column).Offset, n)
	return src.Span(start, nodeEnd(src, start, n))
}

// contentStart skips the anchor and tag, where yaml.v3 puts a node's position. Of a
// collection whose content is on later lines they are the start.
func contentStart(data []byte, at int, n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return at
	}
	for at < len(data) && (data[at] == '&' && n.Anchor != "" || data[at] == '!') {
		next := at
		for next < len(data) && !strings.ContainsRune(" \t\r\n,]}", rune(data[next])) {
			next++
		}
		for next < len(data) && (data[next] == ' ' || data[next] == '\t') {
			next++
		}
		if next >= len(data) || data[next] == '\n' || data[next] == '\r' || data[next] == '#' {
			if n.Kind != yaml.ScalarNode || n.Value == "" {
				return at
			}
			for next < len(data) && strings.IndexByte(" \t\r\n#", data[next]) >= 0 {
				if data[next] == '#' {
					next = yamltext.EndOfLine(data, next)
				} else {
					next++
				}
			}
		}
		at = next
	}
	return at
}

func nodeEnd(src *Source, start int, n *yaml.Node) int {
	data := src.Data
	switch {
	case n.Kind == yaml.AliasNode:
		return start + 1 + len(n.Value)
	case n.Kind == yaml.ScalarNode:
		return scalarEnd(data, start, n.Value, n.Style)
	case n.Style&yaml.FlowStyle != 0:
		return flowEnd(data, start)
	case len(n.Content) > 0:
		last := n.Content[len(n.Content)-1]
		if end := NodeSpan(src, last).End.Offset; end > start {
			return end
		}
		if len(n.Content) > 1 { // an empty value: end with its key
			return NodeSpan(src, n.Content[len(n.Content)-2]).End.Offset
		}
	}
	return start
}

func scalarEnd(data []byte, start int, value string, style yaml.Style) int {
	if start >= len(data) {
		return start
	}
	switch {
	case style&yaml.DoubleQuotedStyle != 0 && data[start] == '"', style&yaml.SingleQuotedStyle != 0 && data[start] == '\'':
		return yamltext.QuotedEnd(data, start)
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return blockEnd(data, start, value)
	}
	if bytes.HasPrefix(data[start:], []byte(value)) {
		return start + len(value)
	}
	return plainEnd(data, start, value)
}

// blockEnd returns the end of the last non-blank line of a block scalar whose
// indicator is at start: of the lines that are indented as its first one is, less
// the blanks that belong to the value.
func blockEnd(data []byte, start int, value string) int {
	last := yamltext.EndOfLine(data, start)
	indent := -1
	for line := range strings.Lines(value) {
		if strings.TrimSpace(line) != "" {
			indent = yamltext.Indent([]byte(line))
			break
		}
	}
	if indent < 0 {
		return last
	}
	first := true
	for at := yamltext.NextLine(data, start); at < len(data); at = yamltext.NextLine(data, at) {
		line := data[at:yamltext.EndOfLine(data, at)]
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if first {
			indent, first = yamltext.Indent(line)-indent, false
		}
		if yamltext.Indent(line) < indent {
			break
		}
		last = at + len(line)
	}
	return last
}

// plainEnd walks a multi-line plain scalar: its words in the order of value.
func plainEnd(data []byte, start int, value string) int {
	at := start
	for _, word := range strings.Fields(value) {
		for at < len(data) && strings.ContainsRune(" \t\r\n", rune(data[at])) {
			at++
		}
		if !bytes.HasPrefix(data[at:], []byte(word)) {
			break
		}
		at += len(word)
	}
	return at
}

func flowEnd(data []byte, start int) int {
	end, _ := flow(data, start)
	return end
}

// flow returns the end of the flow collection that opens at start, and how many values and
// keys it holds at the least. A quote, an anchor or a tag is one at the start of a
// token alone: [it's, 5" pipe, a:b].
func flow(data []byte, start int) (end, least int) {
	depth := 0
	item := false   // one may follow
	fresh := true   // at the start of a token
	closed := false // behind a quoted token or a collection, where a colon needs no blank
	for i := start; i < len(data); i++ {
		c := data[i]
		comment := c == '#' && i > start && (fresh || closed || strings.ContainsRune(" \t\r\n", rune(data[i-1])))
		if item && !comment && strings.IndexByte(" \t\r\n,]}", c) < 0 {
			item = false
			least++
		}
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '[' || c == '{':
			depth++
			item = true
			fresh, closed = true, false
		case c == ']' || c == '}':
			if depth--; depth <= 0 {
				return i + 1, least
			}
			item = false
			fresh, closed = false, true
		case c == ',':
			item = true
			fresh, closed = true, false
		case c == ':' && (closed || i+1 == len(data) || strings.ContainsRune(" \t\r\n,[]{}", rune(data[i+1]))):
			if closed || i+1 < len(data) && strings.IndexByte(",[]{}", data[i+1]) < 0 { // "::" may be a text
				least++
			}
			fresh, closed = true, false
		case comment:
			i = yamltext.EndOfLine(data, i) - 1
		case fresh && c == '?' && i+1 < len(data) && strings.ContainsRune(" \t\r\n", rune(data[i+1])):
		case fresh && (c == '&' || c == '!'):
			for i+1 < len(data) && !strings.ContainsRune(" \t\r\n,[]{}", rune(data[i+1])) {
				i++
			}
		case fresh && (c == '"' || c == '\''):
			i = yamltext.QuotedEnd(data, i) - 1
			fresh, closed = false, true
		default:
			fresh, closed = false, false
		}
	}
	return len(data), least
}

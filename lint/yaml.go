package lint

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxNodes bounds what the aliases of one document may expand to, so that a
// document of a few hundred bytes cannot occupy a run ("billion laughs").
const maxNodes = 1 << 20

// ParseYAML parses every document of src. The nodes carry absolute lines and
// columns (as yaml.v3 counts them: from 1, in code points). A document that is
// broken becomes an error at its line and the others are still returned: one
// decoder over the whole file would stop at the first. Empty documents are left out.
func ParseYAML(src *Source) ([]*yaml.Node, []*InputError) {
	var docs []*yaml.Node
	var errs []*InputError
	for _, chunk := range splitDocuments(src.Data) {
		var doc yaml.Node
		text := src.Data[chunk.start:chunk.end]
		if onlyDirectives(text) {
			continue
		}
		line := src.Position(chunk.start).Line - 1
		err := decode(text, &doc)
		if err == nil && doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
			err = checkAliases(doc.Content[0])
		}
		if err != nil {
			at, message := yamlError(err)
			errs = append(errs, &InputError{Span: src.LineSpan(line + max(1, at)), Message: message})
			continue
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
			continue
		}
		root := doc.Content[0]
		if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
			continue
		}
		shiftLines(&doc, line)
		docs = append(docs, root)
	}
	return docs, errs
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// onlyDirectives reports whether a chunk holds nothing but %YAML or %TAG lines
// and comments: what may stand before the first "---".
func onlyDirectives(text []byte) bool {
	found := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '%' && line[0] != '#' {
			return false
		}
		found = found || len(line) > 0 && line[0] == '%'
	}
	return found
}

// decode contains yaml.v3's panics on hostile input.
func decode(text []byte, doc *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	return yaml.Unmarshal(text, doc)
}

type chunk struct{ start, end int }

// splitDocuments cuts at lines that begin with "---" followed by a blank or the
// end of the line, and at "...". A marker line stays with the document it opens,
// since "--- {a: b}" carries content.
func splitDocuments(data []byte) []chunk {
	var chunks []chunk
	start := 0
	for at := 0; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			end = len(data)
		} else {
			end += at + 1
		}
		line := data[at:end]
		if at > start && isMarker(line, "---") {
			chunks = append(chunks, chunk{start, at})
			start = at
		} else if isMarker(line, "...") {
			chunks = append(chunks, chunk{start, at})
			start = end
		}
		at = end
	}
	return append(chunks, chunk{start, len(data)})
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

func shiftLines(n *yaml.Node, by int) {
	if n == nil || by == 0 {
		return
	}
	n.Line += by
	for _, c := range n.Content { // an alias' target is a node of the tree: shifted there
		shiftLines(c, by)
	}
}

var errAliases = errors.New("yaml: aliases expand to too many nodes or to themselves; write the values out")

// checkAliases refuses cycles and trees that expand beyond maxNodes.
func checkAliases(root *yaml.Node) error {
	if !hasAlias(root) {
		return nil
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
		size[n] = maxNodes + 1 // met again before it is done: a cycle
		s := 1
		if n.Kind == yaml.AliasNode {
			s += count(n.Alias)
		}
		for _, c := range n.Content {
			s = min(s+count(c), maxNodes+1)
		}
		size[n] = s
		return s
	}
	if count(root) > maxNodes {
		return errAliases
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?line (\d+): `)

// yamlError splits yaml.v3's error text into a line (from 1, or 0) and a message.
func yamlError(err error) (int, string) {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n, "broken YAML: " + text[len(m[0]):]
	}
	return 0, "broken YAML: " + strings.TrimPrefix(text, "yaml: ")
}

// NodeSpan returns where a node parsed by [ParseYAML] stands in its source.
// yaml.Node has no end, so it is read from the text. Keys, tags and anchors
// in front of a value are not part of it.
func NodeSpan(src *Source, n *yaml.Node) Span {
	start := contentStart(src.Data, src.At(n.Line, n.Column).Offset, n)
	return src.Span(start, nodeEnd(src, start, n))
}

// contentStart skips the anchor and tag, where yaml.v3 puts a node's position.
func contentStart(data []byte, at int, n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return at
	}
	for at < len(data) && (data[at] == '&' && n.Anchor != "" || data[at] == '!') {
		end := at
		for end < len(data) && !strings.ContainsRune(" \t\r\n,]}", rune(data[end])) {
			end++
		}
		next := end
		for next < len(data) && (data[next] == ' ' || data[next] == '\t') {
			next++
		}
		if next >= len(data) || data[next] == '\n' || data[next] == '\r' {
			return at // the content is on later lines, or empty
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
		return scalarEnd(data, start, n)
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

func scalarEnd(data []byte, start int, n *yaml.Node) int {
	if start >= len(data) {
		return start
	}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 && data[start] == '"':
		for i := start + 1; i < len(data); i++ {
			switch data[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(data)
	case n.Style&yaml.SingleQuotedStyle != 0 && data[start] == '\'':
		for i := start + 1; i < len(data); i++ {
			if data[i] == '\'' {
				if i+1 < len(data) && data[i+1] == '\'' {
					i++
					continue
				}
				return i + 1
			}
		}
		return len(data)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return blockEnd(data, start)
	}
	if bytes.HasPrefix(data[start:], []byte(n.Value)) {
		return start + len(n.Value)
	}
	return plainEnd(data, start, n.Value)
}

// blockEnd returns the end of the last non-blank line of a block scalar whose
// indicator stands at start: what is indented deeper than the indicator's line.
func blockEnd(data []byte, start int) int {
	bol := bytes.LastIndexByte(data[:start], '\n') + 1
	outer := indentOf(data[bol:])
	// "- |" and "- key: |": the list dash indents what follows it
	for at := bol + outer; at+1 < start && data[at] == '-' && data[at+1] == ' '; {
		step := 1 + indentOf(data[at+1:])
		if rest := data[at+step : start]; len(bytes.TrimSpace(rest)) == 0 {
			break
		}
		outer += step
		at += step
	}
	end := start
	for end < len(data) && data[end] != '\n' {
		end++
	}
	last := end
	for at := end + 1; at < len(data); {
		eol := bytes.IndexByte(data[at:], '\n')
		if eol < 0 {
			eol = len(data)
		} else {
			eol += at
		}
		line := bytes.TrimRight(data[at:eol], "\r")
		if len(bytes.TrimSpace(line)) > 0 {
			if indentOf(line) <= outer && (outer > 0 || indentOf(line) == 0) {
				break
			}
			last = at + len(line)
		}
		at = eol + 1
	}
	return last
}

func indentOf(line []byte) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}
	return n
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

// flowEnd returns the end of the flow collection that opens at start.
func flowEnd(data []byte, start int) int {
	depth := 0
	for i := start; i < len(data); i++ {
		switch data[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth <= 0 {
				return i + 1
			}
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '\'':
			if i > 0 && !strings.ContainsRune(" \t\r\n,[{:", rune(data[i-1])) {
				continue // an apostrophe inside a plain scalar
			}
			for i++; i < len(data) && data[i] != '\''; i++ {
			}
		case '#':
			if i > 0 && strings.ContainsRune(" \t\n", rune(data[i-1])) {
				for i < len(data) && data[i] != '\n' {
					i++
				}
			}
		}
	}
	return len(data)
}

package edit

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/yamltext"
	"github.com/manilint/manilint/lint"
)

// A writer makes the text of one change.
type writer struct {
	src  *lint.Source
	data []byte
	docs []*yaml.Node
	root *yaml.Node
}

// A patch replaces a range of bytes.
type patch struct {
	from, to int
	text     string
}

func (w *writer) with(patches ...patch) []byte {
	slices.SortStableFunc(patches, func(a, b patch) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, p := range patches {
		out = append(append(out, w.data[at:p.from]...), p.text...)
		at = p.to
	}
	return append(out, w.data[at:]...)
}

// attempts returns texts that may be what the op asks for, the best first.
func (w *writer) attempts(op Op) ([][]byte, error) {
	if scalar, inner, ok := op.inside(); ok {
		if n, err := find(w.docs, op.Place); err == nil && op.Kind == Set && len(op.Fields) == 0 && resolve(n).Kind == yaml.MappingNode && op.Value.Kind == yaml.MappingNode {
			return w.setFieldsAt(op.Place, op.Value) // each by itself, so that what is between them stays
		}
		n, text, err := retold(w.docs, scalar, inner)
		if err != nil {
			return nil, err
		}
		return w.retell(n, text)
	}
	n, err := find(w.docs, op.Place)
	if err != nil {
		return nil, err
	}
	if op.Kind == Remove {
		return w.remove(op)
	}
	if op.Kind == Rename {
		holder, i, err := renamed(w.docs, op)
		if err != nil {
			return nil, err
		}
		from, to := w.span(holder.Content[i])
		return [][]byte{w.with(patch{from, to, flowKey(op.Value.Value, w.json(holder))})}, nil
	}
	at, rest := descend(n, op.Fields)
	value := op.Value
	if op.Kind == Add {
		if len(rest) == 0 && at.Kind == yaml.SequenceNode {
			return w.addItem(at, value)
		}
		value = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{value}}
	}
	return w.set(at, rest, value)
}

func (w *writer) set(n *yaml.Node, rest []string, value *yaml.Node) ([][]byte, error) {
	switch {
	case len(rest) == 0 && n.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
		return w.setFields(n, value)
	case len(rest) == 0:
		return w.replace(n, value)
	case n.Kind == yaml.MappingNode && (n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0):
		return w.addFlow(n, keyNode(rest[0]), nested(rest[1:], value))
	case n.Kind == yaml.MappingNode:
		return w.addEntry(n, rest[0], nested(rest[1:], value))
	case isNull(n):
		return w.replace(n, nested(rest, value))
	}
	return nil, errors.New("there can be no field in what is there")
}

// setFields sets the fields of a mapping one after the other.
func (w *writer) setFields(n, value *yaml.Node) ([][]byte, error) {
	place, ok := w.placeOf(n)
	if !ok {
		return nil, errors.New("the mapping is not found again")
	}
	return w.setFieldsAt(place, value)
}

func (w *writer) setFieldsAt(place Place, value *yaml.Node) ([][]byte, error) {
	data := w.data
	for i := 0; i+1 < len(value.Content); i += 2 {
		var err error
		data, err = apply(data, Op{Kind: Set, Place: place, Fields: []string{value.Content[i].Value}, Value: value.Content[i+1]})
		if err != nil {
			return nil, err
		}
	}
	return [][]byte{data}, nil
}

// placeOf returns where a node is.
func (w *writer) placeOf(n *yaml.Node) (Place, bool) {
	for i, doc := range w.docs {
		if path, ok := pathTo(doc, n); ok {
			return Place{i, path}, true
		}
	}
	return Place{}, false
}

func pathTo(from, n *yaml.Node) ([]Step, bool) {
	if from == n {
		return nil, true
	}
	for _, s := range steps(from) {
		if path, ok := pathTo(from.Content[s.at], n); ok {
			return append([]Step{s.Step}, path...), true
		}
	}
	return nil, false
}

// An inner is a step, and the index in its holder's content of the node that it leads to.
type inner struct {
	Step
	at int
}

// steps returns the steps to the nodes that are written in one.
func steps(n *yaml.Node) []inner {
	var all []inner
	switch n.Kind {
	case yaml.SequenceNode:
		for i := range n.Content {
			all = append(all, inner{Step{Index: i}, i})
		}
	case yaml.MappingNode:
		later := map[string]int{}
		for i := len(n.Content) - 2; i >= 0; i -= 2 {
			if k := n.Content[i]; k.Kind == yaml.ScalarNode && !isMerge(k) {
				all = append(all, inner{Step{Key: k.Value, Index: -1, Later: later[k.Value]}, i + 1})
				later[k.Value]++
			}
		}
		slices.Reverse(all)
	}
	return all
}

// above returns what holds a node: a mapping with the index of its key, or a list.
func (w *writer) above(n *yaml.Node) (holder *yaml.Node, index int) {
	var find func(at *yaml.Node) bool
	find = func(at *yaml.Node) bool {
		for i, c := range at.Content {
			if c == n {
				holder, index = at, i
				return true
			}
			if find(c) {
				return true
			}
		}
		return false
	}
	for _, doc := range w.docs {
		if find(doc) {
			return holder, index
		}
	}
	return nil, 0
}

// inFlow reports whether a node is part of a flow collection.
func (w *writer) inFlow(n *yaml.Node) bool {
	for at, _ := w.above(n); at != nil; at, _ = w.above(at) {
		if at.Style&yaml.FlowStyle != 0 {
			return true
		}
	}
	return false
}

func (w *writer) span(n *yaml.Node) (from, to int) {
	s := lint.NodeSpan(w.src, n)
	return s.Start.Offset, s.End.Offset
}

// json reports whether keys and strings at a node are to be quoted.
func (w *writer) json(n *yaml.Node) bool {
	quoted := func(m *yaml.Node) bool {
		return m.Kind == yaml.MappingNode && m.Style&yaml.FlowStyle != 0 && len(m.Content) > 0 && m.Content[0].Style&yaml.DoubleQuotedStyle != 0
	}
	for at := n; at != nil; at, _ = w.above(at) {
		if quoted(at) {
			return true
		}
	}
	return false
}

// replace writes another value in place of one.
func (w *writer) replace(n, value *yaml.Node) ([][]byte, error) {
	holder, index := w.above(n)
	from, to := w.span(n)
	empty := n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 || from == to
	if empty { // it stands behind its key, or its dash
		if holder == nil {
			return nil, errors.New("an empty document is not edited")
		}
		if holder.Kind != yaml.MappingNode {
			return nil, errors.New("an empty list item is not edited")
		}
		_, end := w.span(holder.Content[index-1])
		colon := bytes.IndexByte(w.data[end:], ':')
		if colon < 0 || n.Anchor != "" {
			return nil, errors.New("an empty value is not edited here")
		}
		from = end + colon + 1
		to = from
	}
	block := (value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode) && !w.inFlow(n) && holder != nil && holder.Kind == yaml.MappingNode
	if block && index > 0 {
		key := holder.Content[index-1]
		eol := yamltext.EndOfLine(w.data, to)
		trailing := bytes.TrimSpace(w.data[to:eol])
		if len(trailing) == 0 || trailing[0] == '#' {
			var lines []string
			f := w.style(key.Column - 1)
			f.block(&lines, f.child(value), value)
			text := lineBreak(w.data, to) + strings.Join(lines, lineBreak(w.data, to))
			start := from
			for start > 0 && w.data[start-1] == ' ' {
				start--
			}
			return [][]byte{w.with(patch{start, to, ""}, patch{eol, eol, text})}, nil
		}
	}
	text := flow(value, w.json(n))
	if value.Kind == yaml.ScalarNode && n.Kind == yaml.ScalarNode && value.ShortTag() == "!!str" {
		switch {
		case n.Style&yaml.DoubleQuotedStyle != 0:
			text = quoted(value.Value)
		case n.Style&yaml.SingleQuotedStyle != 0:
			text = "'" + strings.ReplaceAll(value.Value, "'", "''") + "'"
		}
	}
	if empty {
		text = " " + text
	}
	return [][]byte{w.with(patch{from, to, text})}, nil
}

// addEntry adds an entry to a mapping in block style: behind its last one, else behind
// another, where the text does not allow it there.
func (w *writer) addEntry(m *yaml.Node, key string, value *yaml.Node) ([][]byte, error) {
	f := w.style(m.Content[0].Column - 1)
	if m.Content[0].Style&yaml.DoubleQuotedStyle != 0 {
		f.json = true
	}
	var lines []string
	f.entry(&lines, key, value)
	var all [][]byte
	for i := len(m.Content) - 2; i >= 0 && len(all) < 8; i -= 2 {
		_, end := w.span(m.Content[i])
		if from, to := w.span(m.Content[i+1]); from >= end {
			end = max(end, to)
		}
		eol := yamltext.EndOfLine(w.data, end)
		br := lineBreak(w.data, end)
		all = append(all, w.with(patch{eol, eol, br + strings.Join(lines, br)}))
	}
	return all, nil
}

// addFlow adds an entry to a mapping in flow style.
func (w *writer) addFlow(m, key, value *yaml.Node) ([][]byte, error) {
	json := w.json(m)
	return w.addToFlow(m, flowKey(key.Value, json)+": "+flow(value, json), 2)
}

// addToFlow adds text to a flow collection whose elements are of some nodes each.
func (w *writer) addToFlow(m *yaml.Node, text string, each int) ([][]byte, error) {
	from, to := w.span(m)
	if from >= len(w.data) || w.data[from] != '{' && w.data[from] != '[' || to <= from+1 {
		return nil, errors.New("the collection does not begin with a bracket")
	}
	if len(m.Content) == 0 {
		if in := string(w.data[from+1 : to-1]); strings.TrimSpace(in) == "" && !strings.ContainsAny(in, "\n\r") {
			return [][]byte{w.with(patch{from + 1, to - 1, text})}, nil
		}
		return [][]byte{w.with(patch{from + 1, from + 1, text})}, nil // a comment, or a line break, is in it
	}
	last := m.Content[len(m.Content)-each]
	start, end := w.span(last)
	if each == 2 {
		if _, e := w.span(m.Content[len(m.Content)-1]); e > end {
			end = e
		}
	}
	comma := end
	for comma < to && (w.data[comma] == ' ' || w.data[comma] == '\t' || w.data[comma] == '\n' || w.data[comma] == '\r') {
		comma++
	}
	var all [][]byte
	line := bytes.LastIndexByte(w.data[:start], '\n') + 1
	ownLine := line > from && len(bytes.TrimSpace(w.data[line:start])) == 0
	if ownLine { // each on a line
		br := lineBreak(w.data, start) + string(w.data[line:start])
		eol := yamltext.EndOfLine(w.data, end)
		if w.data[comma] == ',' {
			all = append(all, w.with(patch{eol, eol, br + text + ","}))
		} else if bytes.ContainsAny(w.data[end:eol], "]}") {
			all = append(all, w.with(patch{end, end, "," + br + text}))
		} else {
			all = append(all, w.with(patch{end, end, ","}, patch{eol, eol, br + text}))
		}
	}
	if w.data[comma] == ',' {
		return append(all, w.with(patch{comma + 1, comma + 1, " " + text})), nil
	}
	return append(all, w.with(patch{end, end, ", " + text})), nil
}

// addItem adds an item to a list.
func (w *writer) addItem(list, item *yaml.Node) ([][]byte, error) {
	if list.Style&yaml.FlowStyle != 0 || len(list.Content) == 0 {
		return w.addToFlow(list, flow(item, w.json(list)), 1)
	}
	var all [][]byte
	for i := len(list.Content) - 1; i >= 0 && i >= len(list.Content)-1; i-- {
		start, end := w.span(list.Content[i])
		dash := bytes.LastIndexByte(w.data[:start], '-')
		if dash < 0 {
			return nil, errors.New("the list has no dash")
		}
		line := bytes.LastIndexByte(w.data[:dash], '\n') + 1
		f := w.style(dash - line)
		var lines []string
		f.item(&lines, item)
		eol := yamltext.EndOfLine(w.data, end)
		br := lineBreak(w.data, end)
		all = append(all, w.with(patch{eol, eol, br + strings.Join(lines, br)}))
	}
	return all, nil
}

// remove takes a node out.
func (w *writer) remove(op Op) ([][]byte, error) {
	n, err := find(w.docs, op.Place)
	if err != nil {
		return nil, err
	}
	n, _ = descend1(n, op.Fields)
	holder, index := w.above(n)
	if holder == nil {
		return nil, errors.New("a whole document is not removed")
	}
	each, first := 1, index
	if holder.Kind == yaml.MappingNode {
		each, first = 2, index-1
	}
	if len(holder.Content) == each {
		return w.empty(holder)
	}
	start, end := w.span(holder.Content[first])
	if from, to := w.span(n); from >= end {
		end = max(end, to)
	}
	if holder.Style&yaml.FlowStyle != 0 {
		if first+each < len(holder.Content) {
			next := w.whole(holder.Content[first+each])
			return [][]byte{w.with(patch{start, next, ""})}, nil
		}
		from := start
		for from > 0 && w.data[from-1] != ',' {
			from--
		}
		return [][]byte{w.with(patch{from - 1, end, ""})}, nil
	}
	line := bytes.LastIndexAny(w.data[:start], "\n\r") + 1
	if each == 1 { // the dash belongs to it
		dash := bytes.LastIndexByte(w.data[:start], '-')
		if dash < line {
			return nil, errors.New("the list has no dash")
		}
		start = dash
	}
	next := yamltext.NextLine(w.data, end)
	if len(bytes.TrimSpace(w.data[line:start])) == 0 {
		if op.Whole {
			line, next = w.comments(line, next, start-line)
		}
		return [][]byte{w.with(patch{line, next, ""})}, nil
	}
	if first+each >= len(holder.Content) {
		return nil, errors.New("the entry stands on the line of another")
	}
	follows := w.whole(holder.Content[first+each])
	if each == 1 {
		follows = bytes.LastIndexByte(w.data[:follows], '-')
	}
	if bytes.IndexByte(w.data[end:follows], '#') >= 0 {
		eol := yamltext.EndOfLine(w.data, end)
		return [][]byte{w.with(patch{start, eol, ""})}, nil
	}
	return [][]byte{w.with(patch{start, follows, ""})}, nil
}

// comments widens the lines of an entry at a column by the comments that are its: in the lines
// right above it, at its column, and in those right below it that are deeper.
func (w *writer) comments(from, to, column int) (int, int) {
	isComment := func(at int) bool {
		text := bytes.TrimLeft(w.data[at:yamltext.EndOfLine(w.data, at)], " ")
		return len(text) > 0 && text[0] == '#'
	}
	for from > 0 {
		end := from - 1
		if end > 0 && w.data[end] == '\n' && w.data[end-1] == '\r' {
			end--
		}
		above := bytes.LastIndexAny(w.data[:end], "\n\r") + 1
		if !isComment(above) || yamltext.Indent(w.data[above:]) != column {
			break
		}
		from = above
	}
	for to < len(w.data) && isComment(to) && yamltext.Indent(w.data[to:]) > column {
		to = yamltext.NextLine(w.data, to)
	}
	return from, to
}

// whole is where a node begins, with its anchor and its tag.
func (w *writer) whole(n *yaml.Node) int { return w.src.At(n.Line, n.Column).Offset }

// descend1 is descend without following a last alias.
func descend1(n *yaml.Node, fields []string) (*yaml.Node, bool) {
	for _, field := range fields {
		next := child(n, Step{Key: field, Index: -1})
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// empty makes a collection that loses its one element an empty one.
func (w *writer) empty(n *yaml.Node) ([][]byte, error) {
	text := "{}"
	if n.Kind == yaml.SequenceNode {
		text = "[]"
	}
	from, to := w.span(n)
	if n.Style&yaml.FlowStyle != 0 {
		return [][]byte{w.with(patch{from, to, text})}, nil
	}
	holder, index := w.above(n)
	if holder == nil || holder.Kind != yaml.MappingNode || n.Anchor != "" {
		return nil, errors.New("what is left would be empty")
	}
	_, end := w.span(holder.Content[index-1])
	colon := end + bytes.IndexByte(w.data[end:], ':') + 1
	if bytes.IndexByte(w.data[colon:from], '#') >= 0 {
		return nil, errors.New("a comment stands in what would be removed")
	}
	return [][]byte{w.with(patch{colon, to, " " + text})}, nil
}

// retell writes another text in place of that of a scalar: lines of a block, and else what
// differs of it.
func (w *writer) retell(n *yaml.Node, text string) ([][]byte, error) {
	span := lint.NodeSpan(w.src, n)
	if n.Style&yaml.LiteralStyle != 0 {
		return w.retellLines(span, n.Value, text)
	}
	at := lint.TextOffsets(span, n)
	if at == nil || n.Style&yaml.FoldedStyle != 0 {
		return nil, errors.New("the text is written in a way in which its lines cannot be edited")
	}
	from, end := 0, 0
	for from < min(len(n.Value), len(text)) && n.Value[from] == text[from] {
		from++
	}
	for end < min(len(n.Value), len(text))-from && n.Value[len(n.Value)-1-end] == text[len(text)-1-end] {
		end++
	}
	for from > 0 && !utf8.RuneStart(text[from-1]) { // between code points
		from--
	}
	for end > 0 && !utf8.RuneStart(text[len(text)-end]) {
		end--
	}
	put := text[from : len(text)-end]
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		put = strings.TrimSuffix(strings.TrimPrefix(quoted(put), `"`), `"`)
	case n.Style&yaml.SingleQuotedStyle != 0:
		put = strings.ReplaceAll(put, "'", "''")
	}
	return [][]byte{w.with(patch{at[from], at[len(n.Value)-end], put})}, nil
}

// retellLines writes the lines of another text in place of those of a literal block that differ.
func (w *writer) retellLines(span lint.Span, was, text string) ([][]byte, error) {
	old, now := strings.Split(was, "\n"), strings.Split(text, "\n")
	head, tail := 0, 0
	for head < min(len(old), len(now)) && old[head] == now[head] {
		head++
	}
	for tail < min(len(old), len(now))-head && old[len(old)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	ends := []int{yamltext.EndOfLine(w.data, span.Start.Offset)} // of the head, and of each line
	indent := -1
	for n, line := range old {
		next := yamltext.NextLine(w.data, ends[n])
		if next == ends[n] && n < len(old)-1 {
			return nil, errors.New("the block has fewer lines than its text")
		}
		if strings.TrimSpace(line) != "" && indent < 0 {
			indent = yamltext.Indent(w.data[next:]) - yamltext.Indent([]byte(line))
		}
		ends = append(ends, yamltext.EndOfLine(w.data, next))
	}
	if indent < 0 {
		return nil, errors.New("the block has no line that says how it is indented")
	}
	br := lineBreak(w.data, span.Start.Offset)
	var put strings.Builder
	for _, line := range now[head : len(now)-tail] {
		put.WriteString(br)
		if line != "" {
			put.WriteString(strings.Repeat(" ", indent) + line)
		}
	}
	return [][]byte{w.with(patch{ends[head], ends[len(old)-tail], put.String()})}, nil
}

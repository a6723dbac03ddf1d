package fix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/edit"
	"github.com/manilint/manilint/lint"
)

// A proposal is what may be done about one finding, in one rendering.
type proposal struct {
	fix       *lint.Fix
	rule      string
	cause     string // the same for findings that a report shows as one
	rendering lint.Rendering
	key       string // of the finding; see keyOf
	object    string // as reasons name it
	choices   []choice
	hygiene   string // of an ignore that is taken out: what is said of it
	vain      string // why nothing can be tried; "" where there is something

	next   int    // the choice that is tried, or was accepted
	reason string // why its best choice failed
}

// A choice is one remedy written in one way.
type choice struct {
	safe  bool
	edits []fileEdit
	id    string
}

// A fileEdit is one change of one file.
type fileEdit struct {
	path   string // absolute
	op     *edit.Op
	insert *edit.Insert
	patch  *objectPatch
	create *newFile // what the file holds that is to be made, or a part of that
}

// An objectPatch is a part of an inline patch of an object, which a kustomization gets.
type objectPatch struct {
	object string // the same for parts of one patch
	tree   *yaml.Node
}

// An intent is a change of an object that some remedy asks for.
type intent struct {
	op      lint.EditOp
	path    string
	leaves  map[string]string
	renamed string
	object  string
	whole   []*intent // those of the same remedy, with this one
}

const maxChoices = 16

// A finder finds the places of edits in the author's files.
type finder struct {
	s     *Session
	pass  *lint.Pass
	notes []string // why places were left out
}

// propose takes down what may be done about a finding. It is called while the finding's
// node is there.
func (s *Session) propose(pass *lint.Pass, f *lint.Finding, n *lint.Node) {
	remedy := pass.Rule.Remedy(pass, f, n)
	if remedy == nil {
		return
	}
	f.Fix = &lint.Fix{Safe: remedy.Safe, Why: remedy.Why}
	p := &proposal{fix: f.Fix, rule: f.Rule.ID, cause: causeOf(f), rendering: pass.Bundle.Rendering, key: keyOf(f), object: f.Object.Kind + ` "` + f.Object.Name + `"`}
	w := &finder{s: s, pass: pass}
	if remedy.Draft != nil {
		for r := remedy; r != nil; r = r.Or {
			s.intendDraft(pass.Bundle.Rendering, r.Draft)
		}
		p.choices = w.draftChoices(remedy)
	}
	for r := remedy; r != nil && r.Draft == nil; r = r.Or {
		var ways [][][]fileEdit // of each edit
		var whole []*intent
		for _, e := range r.Edits {
			object := e.Node.Resource()
			if object == nil {
				ways = nil
				break
			}
			whole = append(whole, s.intend(pass.Bundle.Rendering, objectKey(object), r.Safe, e))
			of := w.ways(e)
			for _, way := range of {
				for i := range way {
					way[i].path = s.real(way[i].path)
				}
			}
			ways = append(ways, of)
		}
		for _, i := range whole {
			i.whole = whole
		}
		sets := combine(ways)
		for _, set := range sets {
			if len(set) == 0 {
				continue
			}
			c := choice{safe: r.Safe, edits: set, id: idOf(set)}
			if !slices.ContainsFunc(p.choices, func(other choice) bool { return other.id == c.id }) && len(p.choices) < maxChoices {
				p.choices = append(p.choices, c)
			}
		}
	}
	if len(p.choices) == 0 {
		p.vain = "no place in the files that were named is known to decide it"
		if len(w.notes) > 0 {
			p.vain = w.notes[0]
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proposals = append(s.proposals, p)
}

// combine returns sets of one way of each edit, the best first: those that write all edits in
// the same manner in one file.
func combine(ways [][][]fileEdit) [][]fileEdit {
	if len(ways) == 0 {
		return nil
	}
	manner := func(way []fileEdit) string {
		e := way[0]
		return fmt.Sprintf("%s %v %v %v", e.path, e.op != nil, e.insert != nil, e.patch != nil)
	}
	var alike [][]fileEdit
	for _, first := range ways[0] {
		set := slices.Clone(first)
		for _, of := range ways[1:] {
			i := slices.IndexFunc(of, func(way []fileEdit) bool { return manner(way) == manner(first) })
			if i < 0 {
				set = nil
				break
			}
			set = append(set, of[i]...)
		}
		if set != nil {
			alike = append(alike, set)
		}
	}
	sets := [][]fileEdit{nil}
	for _, of := range ways {
		var longer [][]fileEdit
		for _, way := range of {
			for _, set := range sets {
				if len(longer) < maxChoices*maxChoices {
					longer = append(longer, append(slices.Clone(set), way...))
				}
			}
		}
		sets = longer
	}
	slices.SortStableFunc(sets, func(a, b []fileEdit) int { return filesOf(a) - filesOf(b) })
	return slices.Concat(alike, sets)
}

// filesOf returns how many files some edits are of.
func filesOf(edits []fileEdit) int {
	paths := map[string]bool{}
	for _, e := range edits {
		paths[e.path] = true
	}
	return len(paths)
}

func idOf(edits []fileEdit) string {
	var b strings.Builder
	for _, e := range edits {
		b.WriteString(e.path)
		switch {
		case e.op != nil:
			b.WriteString(e.op.String())
		case e.insert != nil:
			b.WriteString(e.insert.String())
		case e.patch != nil:
			b.WriteString(e.patch.object + flat(e.patch.tree))
		case e.create != nil:
			b.Write(e.create.text())
		}
		b.WriteByte(0)
	}
	return b.String()
}

// causeOf returns what a report joins findings by.
func causeOf(f *lint.Finding) string {
	return strings.Join([]string{f.Rule.ID, f.Span.Start.String(), f.Missing, f.Key, f.Object.Kind}, "\x00")
}

// valueNode returns a value as YAML.
func valueNode(value any) *yaml.Node {
	if n, ok := value.(*yaml.Node); ok {
		return n
	}
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		return nil
	}
	return &n
}

// ways returns the ways to write an edit, the best first.
func (w *finder) ways(e lint.Edit) [][]fileEdit {
	r := e.Node.Resource()
	value := valueNode(e.Value)
	if value == nil && e.Op != lint.Removed {
		return nil
	}
	var all [][]fileEdit
	known := map[string]bool{}
	add := func(f fileEdit, ok bool) {
		if !ok || len(all) == maxChoices {
			return
		}
		if id := idOf([]fileEdit{f}); !known[id] {
			known[id] = true
			all = append(all, []fileEdit{f})
		}
	}
	kind := edit.Kind(e.Op)
	at, fields := e.Node, []string(nil)
	if !at.Exists() {
		at, fields = e.Node.Nearest(), e.Node.Missing()
	}
	if src := r.Source(); src != nil {
		add(w.atNode(src, at.YAML(), kind, fields, value))
		return all
	}
	for _, s := range e.Node.Settings() {
		if e.Op == lint.Renamed {
			break
		}
		v, k := value, kind
		if e.Op == lint.Removed {
			if b, ok := e.Node.Bool(); !ok || !b { // what is true is there because of a value that is
				continue
			}
			v, k = valueNode(false), edit.Set
		}
		if k == edit.Set {
			for _, part := range partsOf(s, e.Node, v) {
				add(w.atSetting(s, k, part))
			}
		}
		for _, v := range w.written(s, v) {
			add(w.atSetting(s, k, v))
		}
	}
	helm := w.pass.Bundle.Rendering.Kind == "helm"
	if len(fields) == 0 {
		place := at.Locate()
		images := w.imageEntries(place, at, kind, value)
		for _, f := range images {
			add(f, true)
		}
		f, ok := w.atSpan(place.Span, at.YAML().Kind, kind, nil, value)
		ok = ok && len(images) == 0
		if ok && kind == edit.Set && at.YAML().ShortTag() != "!!str" { // what was a text becomes a value elsewhere
			add(w.atSpan(place.Span, at.YAML().Kind, kind, nil, w.written(lint.Setting{Span: place.Span}, value)[0]))
		}
		if ok && kind == edit.Remove {
			if whole, is := w.patchOp(f); is {
				add(whole, true)
			}
			add(f, true)
			if b, is := at.Bool(); is && b { // what has to be there for something else
				add(w.atSpan(place.Span, at.YAML().Kind, edit.Set, nil, valueNode(false)))
			}
		}
		add(f, ok)
		if !ok && kind == edit.Set && place.Precision == lint.Exact {
			add(w.literal(place.Span, at, value))
		}
		if !ok && helm {
			add(w.inList(at, kind, value))
		}
		if !ok && kind == edit.Remove && place.Precision == lint.Exact {
			add(w.literalLine(place.Span, at))
		}
		for _, rel := range place.Related {
			switch rel.Role {
			case "value":
				for _, v := range w.written(lint.Setting{Span: rel.Span}, value) {
					add(w.atSpan(rel.Span, at.YAML().Kind, kind, nil, v))
				}
			case "overlay": // a variable in a text
				for _, v := range partsOf(lint.Setting{Span: rel.Span}, at, value) {
					add(w.atSpan(rel.Span, yaml.ScalarNode, kind, nil, v))
				}
			case "patch", "base":
				add(w.atSpan(rel.Span, at.YAML().Kind, kind, nil, value))
			}
		}
	} else {
		for _, key := range w.keysOf(at) {
			place := key.KeyNode().Locate()
			f, ok := w.atKey(place.Span, key.KeyNode().YAML(), kind, fields, value)
			add(f, ok)
			if !ok {
				add(w.inTemplate(place, key, fields, value, kind))
			}
		}
		for _, key := range w.keysOf(at) { // a patch may repeat a key of the base
			if !helm && key.IsScalar() {
				add(w.besides(key, kind, fields, value))
			}
		}
		if at.IsNull() || at.IsMapping() && len(at.Fields()) == 0 {
			place := at.Locate()
			add(w.atSpan(place.Span, at.YAML().Kind, kind, fields, value))
			if key := at.KeyNode(); key != at {
				add(w.nothingBehind(key.Locate().Span, kind, fields, value))
			}
		}
	}
	if f, ok := w.newImageEntry(at, kind, value); ok && len(fields) == 0 {
		add(f, true)
	}
	if !helm && e.Op != lint.Renamed {
		for _, f := range w.inlinePatches(e.Node, kind, value) {
			add(f, true)
		}
	}
	return all
}

// patchOp makes of the removal of what an operation of a JSON patch sets that of the operation.
func (w *finder) patchOp(f fileEdit) (fileEdit, bool) {
	path := f.op.Path
	n := len(path)
	if n < 2 || path[n-1].Key != "value" || path[n-2].Index < 0 || path[n-2].Text {
		return fileEdit{}, false
	}
	op := *f.op
	op.Path = path[:n-1]
	return fileEdit{path: f.path, op: &op}, true
}

// keysOf returns the fields of a mapping in the order in which an entry is added at them.
func (w *finder) keysOf(m *lint.Node) []*lint.Node {
	fields := m.Entries()
	if len(fields) == 0 {
		return nil
	}
	// what names an item is written where the item is defined, a patch only repeats it
	var first, rest []*lint.Node
	for _, f := range fields {
		switch f.Name() {
		case "image", "name", "containers", "securityContext":
			first = append(first, f)
		default:
			rest = append(rest, f)
		}
	}
	order := map[string]int{"image": 0, "containers": 1, "name": 2}
	slices.SortStableFunc(first, func(a, b *lint.Node) int { return order[a.Name()] - order[b.Name()] })
	first = append(first, rest...)
	return first[:min(len(first), 6)]
}

// file parses a source that may be edited; nil, with a note, where it is not.
func (w *finder) file(src *lint.Source) *edit.File {
	if !w.mayEdit(src) {
		return nil
	}
	return w.s.parsed(src)
}

// mayEdit reports whether a file is one of those that were named, and the author's.
func (w *finder) mayEdit(src *lint.Source) bool {
	if src == nil || src.File == "" || !w.s.tree.Owns(src) {
		return false
	}
	if why := w.s.refused(src.File); why != "" {
		w.notes = append(w.notes, src.Path+" "+why)
		return false
	}
	return true
}

// atNode edits a node of a file as it lies.
func (w *finder) atNode(src *lint.Source, n *yaml.Node, kind edit.Kind, fields []string, value *yaml.Node) (fileEdit, bool) {
	f := w.file(src)
	if f == nil {
		return fileEdit{}, false
	}
	place, ok := f.Value(lint.NodeSpan(src, n).Start.Offset, n.Kind)
	return fileEdit{path: src.File, op: &edit.Op{Kind: kind, Place: place, Fields: fields, Value: value}}, ok
}

// filledIn reports whether a text is filled in by something that renders it: it stands for more
// than one value, which are written elsewhere.
func filledIn(span lint.Span) bool {
	text := span.Text()
	return strings.Contains(text, "{{") || strings.Contains(text, "${")
}

// atSpan edits the node of a kind whose content begins where a span does.
func (w *finder) atSpan(span lint.Span, of yaml.Kind, kind edit.Kind, fields []string, value *yaml.Node) (fileEdit, bool) {
	f := w.file(span.Start.Source)
	if f == nil || of == yaml.ScalarNode && filledIn(span) {
		return fileEdit{}, false
	}
	place, ok := f.Value(span.Start.Offset, of)
	return fileEdit{path: span.Start.Source.File, op: &edit.Op{Kind: kind, Place: place, Fields: fields, Value: value}}, ok
}

// atKey adds to the mapping that has a key where a span begins.
func (w *finder) atKey(span lint.Span, key *yaml.Node, kind edit.Kind, fields []string, value *yaml.Node) (fileEdit, bool) {
	f := w.file(span.Start.Source)
	if f == nil {
		return fileEdit{}, false
	}
	place, ok := f.Key(span.Start.Offset)
	if !ok || place.Path[len(place.Path)-1].Key != key.Value {
		return fileEdit{}, false
	}
	place, _ = place.Up()
	return fileEdit{path: span.Start.Source.File, op: &edit.Op{Kind: kind, Place: place, Fields: fields, Value: value}}, true
}

// besides adds to the mapping in which the value of a key stands.
func (w *finder) besides(key *lint.Node, kind edit.Kind, fields []string, value *yaml.Node) (fileEdit, bool) {
	span := key.Locate().Span
	f := w.file(span.Start.Source)
	if f == nil {
		return fileEdit{}, false
	}
	place, ok := f.Value(span.Start.Offset, key.YAML().Kind)
	if !ok || len(place.Path) == 0 || place.Path[len(place.Path)-1].Key != key.Name() {
		return fileEdit{}, false
	}
	place, _ = place.Up()
	return fileEdit{path: span.Start.Source.File, op: &edit.Op{Kind: kind, Place: place, Fields: fields, Value: value}}, true
}

// nothingBehind adds to the value of a key, which is null.
func (w *finder) nothingBehind(span lint.Span, kind edit.Kind, fields []string, value *yaml.Node) (fileEdit, bool) {
	f := w.file(span.Start.Source)
	if f == nil {
		return fileEdit{}, false
	}
	place, ok := f.Key(span.Start.Offset)
	return fileEdit{path: span.Start.Source.File, op: &edit.Op{Kind: kind, Place: place, Fields: fields, Value: value}}, ok
}

// written returns how a value is written where there is one: as a text where that is one
// between quotes, as the parameters of an Application are, and else as what it is.
func (w *finder) written(s lint.Setting, value *yaml.Node) []*yaml.Node {
	if q := s.Span.Text(); len(s.Missing) == 0 && value.Kind == yaml.ScalarNode && value.ShortTag() != "!!str" && q != "" && (q[0] == '"' || q[0] == '\'') {
		return []*yaml.Node{valueNode(value.Value), value}
	}
	return []*yaml.Node{value}
}

// partsOf returns what a value becomes that is a part of a text, where the text becomes another
// one: the tag of an image whose registry and name are other values.
func partsOf(s lint.Setting, n *lint.Node, value *yaml.Node) []*yaml.Node {
	if !n.IsScalar() || value.Kind != yaml.ScalarNode || value.ShortTag() != "!!str" {
		return nil
	}
	old, text, part := n.Value(), value.Value, ""
	if len(s.Missing) == 0 && !s.Key {
		part = strings.Trim(s.Span.Text(), `"'`)
	}
	if part == "" || part == "null" || part == "~" {
		to := imageOf(text)
		if to.digest == "" {
			return nil
		}
		all := []*yaml.Node{valueNode(to.digest)}
		if to.tag != "" {
			all = append(all, valueNode(to.tag+"@"+to.digest))
		}
		return all
	}
	at := strings.LastIndex(old, part)
	if at < 0 || part == old {
		return nil
	}
	before, after := old[:at], old[at+len(part):]
	if !strings.HasPrefix(text, before) || !strings.HasSuffix(text[len(before):], after) {
		return nil
	}
	return []*yaml.Node{valueNode(text[len(before) : len(text)-len(after)])}
}

// atSetting edits a value of a chart.
func (w *finder) atSetting(s lint.Setting, kind edit.Kind, value *yaml.Node) (fileEdit, bool) {
	src := s.Span.Start.Source
	f := w.file(src)
	if f == nil || len(s.Missing) == 0 && filledIn(s.Span) {
		return fileEdit{}, false
	}
	op := func(p edit.Place) (fileEdit, bool) {
		n := f.Node(p)
		switch {
		case n == nil:
			return fileEdit{}, false
		case len(s.Missing) > 0 && n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" || len(s.Missing) > 0 && n.Kind == yaml.SequenceNode:
			return fileEdit{}, false
		case len(s.Missing) == 0 && kind == edit.Set && n.Kind != value.Kind && n.ShortTag() != "!!null":
			return fileEdit{}, false
		}
		return fileEdit{path: src.File, op: &edit.Op{Kind: kind, Place: p, Fields: s.Missing, Value: value}}, true
	}
	if s.Key {
		p, ok := f.Key(s.Span.Start.Offset)
		if !ok {
			return fileEdit{}, false
		}
		return op(p)
	}
	for _, of := range []yaml.Kind{yaml.MappingNode, yaml.ScalarNode, yaml.SequenceNode} {
		if p, ok := f.Value(s.Span.Start.Offset, of); ok {
			return op(p)
		}
	}
	return fileEdit{}, false
}

// template reports whether a source is a template of the chart that is linted.
func (w *finder) template(src *lint.Source) bool {
	return src != nil && strings.Contains(src.Path, "templates/") && w.mayEdit(src)
}

// literal replaces a value that a template writes out.
func (w *finder) literal(span lint.Span, n *lint.Node, value *yaml.Node) (fileEdit, bool) {
	src := span.Start.Source
	if !w.template(src) || !n.IsScalar() || value.Kind != yaml.ScalarNode || strings.Contains(span.Text(), "{{") || strings.Trim(span.Text(), `"'`) != n.Value() {
		return fileEdit{}, false
	}
	text := value.Value
	if q := span.Text()[:1]; (q == `"` || q == "'") && value.ShortTag() == "!!str" {
		text = q + text + q
	}
	return fileEdit{path: src.File, insert: &edit.Insert{Offset: span.Start.Offset, End: span.End.Offset, Text: text}}, true
}

// literalLine takes out a line in which a template writes a field, or an item, and nothing else.
func (w *finder) literalLine(span lint.Span, n *lint.Node) (fileEdit, bool) {
	src := span.Start.Source
	if !w.template(src) || !n.IsScalar() {
		return fileEdit{}, false
	}
	head := "- "
	if n.Key() != nil {
		head = n.Name() + ": "
	}
	line, _, _ := strings.Cut(src.Line(span.Start.Line), " #")
	if strings.TrimSpace(line) != head+span.Text() || strings.Contains(line, "{{") || span.End.Line != span.Start.Line {
		return fileEdit{}, false
	}
	return fileEdit{path: src.File, insert: &edit.Insert{Offset: src.LineStart(span.Start.Line), End: src.LineStart(span.Start.Line + 1), Cut: true}}, true
}

// inList adds an item to a list that a template writes out as YAML, or takes one out of it.
func (w *finder) inList(n *lint.Node, kind edit.Kind, value *yaml.Node) (fileEdit, bool) {
	list, op := n, &edit.Op{Kind: kind, Value: value}
	if kind == edit.Remove || kind == edit.Set {
		list, op.Path = n.Parent(), []edit.Step{{Index: n.Index()}}
	}
	if list == nil || !list.IsSequence() || kind == edit.Rename || n != list && n.Index() < 0 || n == list && kind != edit.Add {
		return fileEdit{}, false
	}
	items := list.Items()
	if len(items) == 0 {
		return fileEdit{}, false
	}
	first, last := items[0].Locate(), items[len(items)-1].Locate()
	src := first.Span.Start.Source
	if first.Precision != lint.Exact || last.Precision != lint.Exact || last.Span.Start.Source != src || !w.template(src) {
		return fileEdit{}, false
	}
	from, to := src.LineStart(first.Span.Start.Line), last.Span.End.Offset
	before := string(src.Data[from:first.Span.Start.Offset])
	if strings.TrimLeft(before, " ") == "- " { // in lines
		to = from + len(strings.TrimRight(string(src.Data[from:src.LineStart(last.Span.End.Line+1)]), "\r\n"))
	} else if at := strings.LastIndexByte(before, '['); at >= 0 && strings.Trim(before[at+1:], " \"'") == "" {
		end := bytes.IndexByte(src.Data[to:], ']')
		if end < 0 || strings.Trim(string(src.Data[to:to+end]), ", \"'\r\n") != "" {
			return fileEdit{}, false
		}
		from, to = from+at, to+end+1
	} else {
		return fileEdit{}, false
	}
	text := src.Data[from:to]
	docs, errs := lint.ParseYAML(lint.NewSource("", text))
	if bytes.Contains(text, []byte("{{")) || len(errs) > 0 || len(docs) != 1 || flat(docs[0]) != flat(list.YAML()) {
		return fileEdit{}, false
	}
	return fileEdit{path: src.File, insert: &edit.Insert{Offset: from, End: to, Op: op}}, true
}

// inTemplate adds an entry to a mapping that a template writes out, at one of its keys.
func (w *finder) inTemplate(place lint.Place, key *lint.Node, fields []string, value *yaml.Node, kind edit.Kind) (fileEdit, bool) {
	src, at := place.Span.Start.Source, place.Span.Start.Offset
	if !w.template(src) || !strings.HasPrefix(string(src.Data[at:]), key.Name()+":") {
		return fileEdit{}, false
	}
	if kind == edit.Add {
		value = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{value}}
	}
	line := bytes.LastIndexByte(src.Data[:at], '\n') + 1
	before := string(src.Data[line:at])
	insert := &edit.Insert{Offset: at, Fields: fields, Value: value}
	switch {
	case mentions(src.Data, at, at-line, fields[0]):
		return fileEdit{}, false // with other values it would be there twice
	case strings.TrimSpace(before) == "":
	case strings.TrimLeft(before, " -") == "" && key.IsScalar(): // the first key of a list item
		end := line + len(src.Line(place.Span.Start.Line))
		text := string(src.Data[at:end])
		if strings.HasSuffix(strings.TrimSpace(text), "-}}") || strings.Count(text, "{{") != strings.Count(text, "}}") {
			return fileEdit{}, false
		}
		insert.Below = true
	default:
		return fileEdit{}, false
	}
	return fileEdit{path: src.File, insert: insert}, true
}

// mentions reports whether the mapping around a key of a template, at a column, has a field
// under whatever condition.
func mentions(data []byte, at, column int, field string) bool {
	lines := strings.Split(string(data), "\n")
	line := bytes.Count(data[:at], []byte("\n"))
	has := func(n int) (found, ends bool) {
		text := strings.TrimRight(lines[n], "\r")
		content := strings.TrimLeft(text, " ")
		indent := len(text) - len(content)
		if content == "" || content[0] == '#' || strings.HasPrefix(content, "{{") {
			return false, false
		}
		if rest, dash := strings.CutPrefix(content, "- "); dash && indent+2 == column {
			return strings.HasPrefix(rest, field+":"), true
		}
		return indent == column && strings.HasPrefix(content, field+":"), indent < column
	}
	for n := line; n >= 0; n-- {
		found, ends := has(n)
		if found {
			return true
		}
		if ends {
			break
		}
	}
	for n := line + 1; n < len(lines); n++ {
		found, ends := has(n)
		if ends {
			break
		}
		if found {
			return true
		}
	}
	return false
}

// kustomization returns the file of the overlay that is rendered, "" where there is none or it
// is not edited.
func (w *finder) kustomization() string {
	at := w.s.kustomizationIn(w.s.tree.Abs(w.pass.Bundle.Rendering.Root))
	if at == "" || w.s.refused(at) != "" {
		return ""
	}
	return at
}

// inlinePatches returns patches of the object for the kustomization that builds it: by the
// name that the object has in its own file, and by the one that it ends up with; merge patches
// before those of operations, which know an item by its index alone.
func (w *finder) inlinePatches(n *lint.Node, kind edit.Kind, value *yaml.Node) []fileEdit {
	if w.pass.Bundle.Rendering.Kind != "kustomize" {
		return nil
	}
	r := n.Resource()
	file := w.kustomization()
	if file == "" {
		return nil
	}
	names := []string{r.Name}
	if at := r.Get("metadata", "name").Locate().Span; at.IsValid() && !strings.ContainsAny(at.Text(), " {}\n") && at.Text() != "" && at.Text() != r.Name {
		names = []string{strings.Trim(at.Text(), `"'`), r.Name}
	}
	tree, ops := mergePatch(n, kind, value), operations(n, kind, value)
	var all []fileEdit
	for _, name := range names {
		if tree == nil {
			break
		}
		head := &yaml.Node{Kind: yaml.MappingNode}
		entry := func(m *yaml.Node, key string, v *yaml.Node) {
			m.Content = append(m.Content, valueNode(key), v)
		}
		meta := &yaml.Node{Kind: yaml.MappingNode}
		entry(meta, "name", valueNode(name))
		entry(head, "apiVersion", valueNode(r.APIVersion()))
		entry(head, "kind", valueNode(r.Kind))
		entry(head, "metadata", meta)
		head.Content = append(head.Content, tree.Content...)
		all = append(all, fileEdit{path: file, patch: &objectPatch{object: r.Kind + "\x00" + name, tree: head}})
	}
	for _, name := range names {
		if len(ops) > 0 {
			all = append(all, fileEdit{path: file, patch: &objectPatch{object: r.Kind + "\x00" + name, tree: &yaml.Node{Kind: yaml.SequenceNode, Content: ops}}})
		}
	}
	return all
}

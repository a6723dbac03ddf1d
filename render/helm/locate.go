package helm

import (
	"cmp"
	"iter"
	"slices"
	"sort"
	"strings"
	"unicode"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// A locator says where the nodes of one rendered text were written.
type locator struct {
	out *output
	x   *trace.Text
	src *lint.Source // the rendered text
}

// A site is where a piece of text was written: the text of a template, an action, or a
// value that tpl rendered.
type site struct {
	span     lint.Span
	vendored bool
	action   bool // an action, which writes other text than its own
}

// Locate returns where the author fixes n; see [lint.Locator].
func (l *locator) Locate(n *lint.Node) lint.Place {
	if !n.Exists() {
		return l.missing(n)
	}
	if p := n.Parent(); p != nil && p.Name() == "metadata" && (n.Name() == "name" || n.Name() == "generateName") && n.HasKey() {
		return l.atKey(n.KeyNode(), n) // the name stands for the object
	}
	from, to := l.bounds(n)
	if !n.IsScalar() && !n.IsNull() {
		to = min(to, from+1)
		if entries := n.Entries(); len(entries) > 0 && n.Style()&kyaml.FlowStyle == 0 {
			from, to = l.bounds(entries[0].KeyNode())
		}
	}
	return l.place(from, to, l.handedOn(n, from))
}

// bounds returns the offsets of a node in the rendered text.
func (l *locator) bounds(n *lint.Node) (from, to int) {
	span := n.Span(l.src)
	return span.Start.Offset, max(span.End.Offset, span.Start.Offset+1)
}

// segments returns the segments that overlap a range of the rendered text.
func (l *locator) segments(from, to int) []trace.Segment {
	segs := l.x.Segs
	i := sort.Search(len(segs), func(i int) bool { return segs[i].End > from })
	var out []trace.Segment
	for ; i < len(segs) && segs[i].Start < to; i++ {
		if g := segs[i]; g.Start < g.End {
			out = append(out, clipOne(g, from, to))
		}
	}
	return out
}

func clipOne(g trace.Segment, from, to int) trace.Segment {
	if g.Start < from {
		g.Off += from - g.Start
		g.Start = from
	}
	g.End = min(g.End, to)
	return g
}

// atKey returns the place of a value that stands for what it is part of: in the template
// that writes the key, not in a helper that many objects take their name from.
func (l *locator) atKey(key, value *lint.Node) lint.Place {
	from, to := l.bounds(value)
	place := l.place(from, to, false)
	at, _ := l.bounds(key)
	segs := l.segments(at, at+1)
	if len(segs) == 0 {
		return place
	}
	// What decided about the name's text did not decide about the object.
	place.Related = slices.DeleteFunc(place.Related, func(r lint.Related) bool { return r.Role == "guard" })
	place.Related = append(place.Related, l.guards(segs[0])...)
	k, ok := l.site(segs[0])
	sites := l.sites(l.main(l.segments(from, to)))
	if k.vendored { // unless the value is written there, too, its place is the author's
		ok = ok && slices.ContainsFunc(sites, func(s site) bool { return s.span.Compare(place.Span) == 0 })
	}
	if !ok || !place.Span.IsValid() || place.Span.Start.Source == k.span.Start.Source && place.Span.Start.Line == k.span.Start.Line {
		return place
	}
	if place.Span.Start.Source != k.span.Start.Source || place.Precision == lint.Block {
		inner := place.Span
		place.Span, place.Precision = k.span, lint.Block
		for _, s := range sites {
			if s.vendored == k.vendored && s.span.Start.Source == k.span.Start.Source && s.span.Start.Line == k.span.Start.Line {
				place.Span = s.span
			}
		}
		place.Related = dropSpan(place.Related, place.Span)
		if place.Origin != lint.FromValue || !slices.ContainsFunc(place.Related, func(r lint.Related) bool { return r.Span.Compare(inner) == 0 }) {
			place.Related = append(place.Related, lint.Related{Role: "include", Message: "written here", Span: inner})
		}
	}
	return place
}

// handedOn reports whether the node's key, or the dash of a list item, is part of a
// value: the template only passes a block of values on.
func (l *locator) handedOn(n *lint.Node, from int) bool {
	at := from
	if n.HasKey() {
		at, _ = l.bounds(n.KeyNode())
	} else if n.Index() >= 0 {
		for at--; at > 0 && l.x.Text[at] != '-' && l.x.Text[at] != '\n' && l.x.Text[at] != '[' && l.x.Text[at] != ','; at-- {
		}
	}
	segs := l.segments(at, at+1)
	return len(segs) == 1 && segs[0].O.Kind == trace.FromValue
}

// place returns the place of a range of the rendered text.
func (l *locator) place(from, to int, handedOn bool) lint.Place {
	segs := l.segments(from, to)
	if len(segs) == 0 {
		return l.coarse()
	}
	main := l.main(segs)
	place := lint.Place{Origin: originWord(main)}
	values := l.values(segs)
	place.Related = append(place.Related, values...)
	if handedOn && main.O.Kind == trace.FromValue && len(main.O.Paths) == 1 {
		if p, ok := l.valuePlace(main.O.Paths[0]); ok && p.inFile() && !p.layer.vendored {
			place.Span, place.Precision = l.inValue(p, main), lint.Exact
			place.Related = nil
			if s, ok := l.template(main); ok {
				place.Related = append(place.Related, lint.Related{Role: "template", Message: "rendered by this template", Span: s.span})
			}
			place.Related = append(place.Related, l.guards(main)...)
			return place
		}
	}
	s, ok := l.site(main)
	switch {
	case !ok:
		return l.coarse()
	case s.vendored:
		return l.vendored(place, main, s)
	}
	place.Span, place.Precision = s.span, lint.Exact
	if s.action {
		place.Precision = lint.Block
	}
	for _, g := range segs { // the whole of "{{ .Values.repository }}:{{ .Values.tag }}"
		other, ok := l.site(g)
		if !ok || other.span.Start.Source != place.Span.Start.Source || other.vendored {
			continue
		}
		if !other.action && !g.O.Fixed && wordy(l.x.Text[g.Start:g.End]) {
			place.Precision = lint.Exact
		}
		if other.span.Start.Line-place.Span.End.Line > 20 || place.Span.Start.Line-other.span.End.Line > 20 {
			continue
		}
		if other.span.Start.Offset < place.Span.Start.Offset {
			place.Span.Start = other.span.Start
		}
		if other.span.End.Offset > place.Span.End.Offset {
			place.Span.End = other.span.End
		}
	}
	place.Related = append(place.Related, l.includes(main, s)...)
	place.Related = append(place.Related, l.guards(main)...)
	return place
}

func wordy(text string) bool { return strings.Trim(text, " \t\r\n\"'") != "" }

// main returns the segment that says most about a range: a value before plain text,
// and never a quote alone.
func (l *locator) main(segs []trace.Segment) trace.Segment {
	best, score := segs[0], -1
	for _, g := range segs {
		s := 1
		switch {
		case !strings.ContainsFunc(l.x.Text[g.Start:g.End], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
			s = 0
		case g.O.Kind == trace.FromGenerated || g.O.Random:
			s = 4
		case g.O.Kind == trace.FromValue:
			s = 3
		case g.O.Kind == trace.FromDerived || g.O.Kind == trace.FromReads || g.O.Kind == trace.FromFile || g.O.Kind == trace.FromRelease:
			s = 2
		}
		if s > score {
			best, score = g, s
		}
	}
	return best
}

func originWord(g trace.Segment) lint.Origin {
	switch g.O.Kind {
	case trace.FromText:
		return lint.FromText
	case trace.FromValue:
		return lint.FromValue
	case trace.FromFile:
		return lint.FromFile
	case trace.FromLiteral, trace.FromReads:
		return lint.FromLiteral
	case trace.FromGenerated:
		return lint.FromGenerated
	}
	if g.O.Random {
		return lint.FromGenerated
	}
	return lint.FromDerived
}

// coarse is the place of what has none: the first line of the template.
func (l *locator) coarse() lint.Place {
	f := fileOf(l.x.File)
	if f == nil {
		return lint.Place{Precision: lint.FileLevel}
	}
	return lint.Place{Span: f.src.LineSpan(1), Precision: lint.FileLevel}
}

// site returns where a segment was written: its own text or an action that it came
// through, the innermost that belongs to the chart's author, else the innermost.
func (l *locator) site(g trace.Segment) (site, bool) {
	sites := l.sites(g)
	for _, s := range sites {
		if !s.vendored {
			return s, true
		}
	}
	if len(sites) == 0 {
		return site{}, false
	}
	return sites[0], true
}

// template is site for a segment of a value: the action that writes it.
func (l *locator) template(g trace.Segment) (site, bool) {
	o := *g.O
	o.Kind = trace.FromLiteral
	g.O = &o
	return l.site(g)
}

// sites returns the places of a segment, the innermost first.
func (l *locator) sites(g trace.Segment) []site {
	var sites []site
	if s, ok := l.own(g); ok {
		sites = append(sites, s)
	}
	for f := g.O.Via; f != nil; f = f.Next {
		if s, ok := l.frame(f); ok {
			sites = append(sites, s)
		}
	}
	return sites
}

// own returns the place of a segment's text in a template.
func (l *locator) own(g trace.Segment) (site, bool) {
	o := g.O
	file := fileOf(o.File)
	if o.Kind != trace.FromText || file == nil {
		return site{}, false
	}
	from, n := g.Off, g.End-g.Start
	if o.Fixed {
		from, n = o.At, token(file.loaded(), o.At)
	}
	return site{span: file.span(from, from+n), vendored: file.vendored}, true
}

// token returns the length of the word at an offset.
func token(text string, at int) int {
	if at >= len(text) {
		return 0
	}
	if n := strings.IndexAny(text[at:], " \t\r\n{"); n > 0 {
		return n
	}
	return 1
}

// frame returns the place of an action.
func (l *locator) frame(f *trace.Frame) (site, bool) {
	file := fileOf(f.In.File)
	switch {
	case f.In.Kind == trace.FromText && file != nil && !f.In.Fixed:
		from, to := trace.ActionBounds(file.loaded(), f.Off)
		return site{span: file.span(from, to), vendored: file.vendored, action: true}, true
	case f.In.Kind == trace.FromText && file != nil:
		return site{span: file.span(f.In.At, f.In.At+1), vendored: file.vendored, action: true}, true
	case f.In.Kind == trace.FromValue && len(f.In.Paths) == 1:
		p, ok := l.valuePlace(f.In.Paths[0])
		if !ok {
			return site{}, false
		}
		return site{span: l.insideValue(p, f.Off, 0), vendored: p.layer.vendored, action: true}, true
	}
	return site{}, false
}

// valuePlace returns where the value at a path was set.
func (l *locator) valuePlace(path string) (valuePlace, bool) {
	places := l.out.values.find(trace.Split(path))
	if len(places) == 0 {
		return valuePlace{node: nowhere}, false
	}
	return places[0], true
}

// inValue returns the place of a segment inside the value that it was made from.
func (l *locator) inValue(p valuePlace, g trace.Segment) lint.Span {
	off, n := g.Off, g.End-g.Start
	if g.O.Key {
		return p.key()
	}
	if g.O.Fixed {
		off, n = g.O.At, 0
	} else if !g.Exact {
		return p.span()
	}
	return l.insideValue(p, off, n)
}

// insideValue returns the place of n bytes at off of a string value; of the line around
// them for n = 0 in a block scalar, of the whole value where it is not written as it is.
func (l *locator) insideValue(p valuePlace, off, n int) lint.Span {
	whole := p.span()
	if !p.node.IsScalar() || p.layer.located || p.layer.root == nil {
		return whole
	}
	style, value, src := p.node.Style(), p.node.Value(), p.layer.src
	if style&(kyaml.LiteralStyle|kyaml.FoldedStyle) == 0 || off > len(value) {
		return whole
	}
	if style&kyaml.FoldedStyle != 0 {
		return whole
	}
	line := whole.Start.Line + 1 + strings.Count(value[:off], "\n")
	row := src.LineSpan(line)
	text := value[strings.LastIndexByte(value[:off], '\n')+1:]
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	if n == 0 || strings.Count(value[off:min(len(value), off+n)], "\n") > 0 || !strings.HasSuffix(text, row.Text()) {
		return row
	}
	column := off - strings.LastIndexByte(value[:off], '\n') - 1 - (len(text) - len(row.Text()))
	if column < 0 {
		return row
	}
	at := row.Start.Offset + column
	return src.Span(at, min(at+n, row.End.Offset))
}

// maxRelated bounds the related places of one kind.
const maxRelated = 4

// values returns the places of the values that segments were made from.
func (l *locator) values(segs []trace.Segment) []lint.Related {
	var out []lint.Related
	seen := map[string]bool{}
	segs = slices.Clone(segs)
	slices.SortStableFunc(segs, func(a, b trace.Segment) int { return cmp.Compare(rank(a), rank(b)) })
	for _, g := range segs {
		if file := fileOf(g.O.File); g.O.Kind == trace.FromFile && file != nil && !seen[file.name] {
			seen[file.name] = true
			from, n := g.Off, g.End-g.Start
			if g.O.Fixed {
				from, n = g.O.At, token(file.loaded(), g.O.At)
			}
			out = append(out, lint.Related{Role: "value", Message: "read from here", Span: file.span(from, from+n)})
		}
		paths := g.O.Paths
		if len(paths) == 0 && (g.O.Kind == trace.FromLiteral || g.O.Kind == trace.FromReads) {
			paths = g.O.Also
		}
		for _, path := range paths {
			if seen[path] || len(out) >= maxRelated || path == "" {
				continue
			}
			seen[path] = true
			p, ok := l.valuePlace(path)
			if !ok {
				continue
			}
			r := lint.Related{Role: "value", Span: p.span()}
			switch g.O.Kind {
			case trace.FromValue:
				r.Message = l.out.values.called(path) + " " + p.setHere()
				r.Span = l.inValue(p, g)
			case trace.FromReads, trace.FromLiteral:
				r.Message = "may come from " + l.out.values.called(path) + p.flagged()
			default:
				r.Message = "computed from " + l.out.values.called(path) + p.flagged()
			}
			out = append(out, r)
			for _, r := range p.related() { // what the object that sets it was made from
				if len(out) < maxRelated {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// rank orders segments by how well they say what they were made from.
func rank(g trace.Segment) int {
	switch g.O.Kind {
	case trace.FromValue, trace.FromFile:
		return 0
	case trace.FromDerived, trace.FromGenerated:
		return 1
	}
	return 2
}

// includes returns the actions around the one that a segment is in.
func (l *locator) includes(g trace.Segment, at site) []lint.Related {
	var out []lint.Related
	found := false
	for _, s := range l.sites(g) {
		switch {
		case s.span.Compare(at.span) == 0:
			found = true
		case s.span.Start.Source == nil:
		case !found || s.vendored:
			out = append(out, lint.Related{Role: "template", Message: "written in a vendored chart", Span: s.span})
		default:
			out = append(out, lint.Related{Role: "include", Message: "included here", Span: s.span})
		}
		if len(out) == maxRelated {
			break
		}
	}
	return out
}

// guards returns the values that made a segment appear, the innermost block's first.
func (l *locator) guards(g trace.Segment) []lint.Related {
	var out []lint.Related
	seen := map[string]bool{}
	for w := g.Guard; w != nil && len(out) < 2; w = w.Next {
		var best lint.Related
		of := ""
		for _, path := range w.Paths {
			p, ok := l.valuePlace(path)
			if seen[path] || !ok || slices.ContainsFunc(g.O.Paths, func(own string) bool { return own == path || strings.HasPrefix(own, path+"\x00") }) {
				continue
			}
			message, certain := l.out.values.because(w.Decision, !w.Other, path, p)
			if best.Message == "" || certain {
				best, of = lint.Related{Role: "guard", Message: message, Span: p.span()}, path
			}
			if certain {
				break
			}
		}
		if best.Message != "" {
			seen[of] = true
			out = append(out, best)
		}
	}
	return out
}

// inFile reports whether the value is in a file, where a finding may stand; a flag
// of the command line is no place to fix.
func (p valuePlace) inFile() bool { return p.layer.root != nil || p.layer.at.IsValid() }

func (p valuePlace) bool() (value, ok bool) { return p.node.Bool() }

// vendored places what a vendored chart wrote where the chart that is linted can change
// it: at its own values, else where it requests the chart, else in the vendored template.
func (l *locator) vendored(place lint.Place, g trace.Segment, at site) lint.Place {
	template := lint.Related{Role: "template", Message: "written by a vendored chart", Span: at.span}
	for _, path := range g.O.Paths {
		p, missing, ok := l.out.values.nearest(trace.Split(path))
		if !ok {
			continue
		}
		if missing == 0 {
			place.Span, place.Precision = l.inValue(p, g), lint.Exact
			if g.O.Kind != trace.FromValue {
				place.Precision = lint.Block
			}
		} else {
			place.Span, place.Precision = p.key(), lint.ObjectLevel // many defects are there
			template.Message = "written by a vendored chart; set " + l.out.values.called(path) + " to change it"
		}
		place.Related = append([]lint.Related{template}, append(dropSpan(place.Related, place.Span), l.guards(g)...)...)
		return place
	}
	place.Span, place.Precision = at.span, lint.Exact
	if at.action {
		place.Precision = lint.Block
	}
	place.Related = append(append(place.Related, l.includes(g, at)...), l.guards(g)...)
	return place
}

func dropSpan(related []lint.Related, span lint.Span) []lint.Related {
	var out []lint.Related
	for _, r := range related {
		if r.Span.Compare(span) != 0 {
			out = append(out, r)
		}
	}
	return out
}

// missing returns where a field that is not there would be added: the values key that a
// block of the template would take it from, else the mapping that should hold it.
func (l *locator) missing(n *lint.Node) lint.Place {
	holder := n.Nearest()
	anchor := lint.Anchor(n)
	from, to := l.bounds(anchor)
	fields := n.Missing()
	if len(fields) > 0 {
		if place, ok := l.block(holder); ok {
			return place
		}
		if place, ok := l.gap(holder, fields); ok {
			return place
		}
	}
	place := l.place(from, to, false)
	for _, m := range []*lint.Node{holder, holder.Get("metadata")} {
		for _, e := range m.Entries() {
			if e.Same(anchor) {
				place = l.atKey(e.KeyNode(), e)
			}
		}
	}
	if place.Precision == lint.Exact {
		place.Precision = lint.Block
	}
	// What the anchor's text was made from is not what the finding is about.
	place.Origin = lint.FromText
	var related []lint.Related
	for _, r := range place.Related {
		if r.Role != "value" {
			related = append(related, r)
		}
	}
	place.Related = related
	return place
}

// block returns the values key of a mapping that is a block of values as a whole: the
// empty containerSecurityContext: {}, or one that does not have the field.
func (l *locator) block(holder *lint.Node) (lint.Place, bool) {
	at, _ := l.bounds(holder)
	segs := l.segments(at, at+1)
	if len(segs) != 1 || len(segs[0].O.Paths) != 1 {
		return lint.Place{}, false
	}
	g := segs[0]
	path := g.O.Paths[0]
	if g.O.Kind != trace.FromValue { // the null that toYaml makes of nothing has no address
		if p, ok := l.valuePlace(path); g.O.Kind != trace.FromReads || !holder.IsNull() || !ok || !p.node.Exists() || !p.node.IsNull() {
			return lint.Place{}, false
		}
	}
	if entries := holder.Entries(); len(entries) > 0 && holder.Style()&kyaml.FlowStyle == 0 {
		fields := trace.Split(path) // the value of the first key: the block is what holds it
		if fields[len(fields)-1] != entries[0].Name() {
			return lint.Place{}, false
		}
		path = strings.Join(fields[:len(fields)-1], "\x00")
	}
	p, ok := l.valuePlace(path)
	if !ok || path == "" {
		return lint.Place{}, false
	}
	place := lint.Place{Precision: lint.Block, Origin: lint.FromValue}
	s, written := l.template(g)
	template := lint.Related{Role: "template", Message: "rendered by this template", Span: s.span}
	if p.layer.vendored || !p.inFile() {
		if !written {
			return lint.Place{}, false
		}
		if s.vendored {
			return l.vendored(place, trace.Segment{O: &trace.Origin{Kind: trace.FromValue, Paths: []string{path}, Via: g.O.Via}, Guard: g.Guard}, s), true
		}
		place.Span = s.span
		place.Related = append(place.Related, l.guards(g)...)
		return place, true
	}
	place.Span = p.key()
	if written {
		place.Related = append(place.Related, template)
	}
	place.Related = append(place.Related, l.guards(g)...)
	return place, true
}

// gapsIn goes through what the template did not write in a mapping, in the order of the text.
func (l *locator) gapsIn(m block) iter.Seq[trace.Segment] {
	return func(yield func(trace.Segment) bool) {
		segs := l.x.Segs
		for i := sort.Search(len(segs), func(i int) bool { return segs[i].End >= m.start }); i < len(segs); i++ {
			g := segs[i]
			if g.Start > m.end && m.endsIn(l.x.Text[m.end:g.Start]) {
				return
			}
			if g.O.Kind != trace.FromGap || g.O.Gap == nil || g.Start != g.End || g.Start < m.start {
				continue
			}
			if !yield(g) {
				return
			}
		}
	}
}

// gap looks among what the template did not write in a mapping for the block that would
// have written the field, and returns the values key that decides about it.
func (l *locator) gap(holder *lint.Node, fields []string) (lint.Place, bool) {
	m, ok := l.mapping(holder)
	if !ok {
		return lint.Place{}, false
	}
	closed := map[string]bool{} // by the values that decide about a block that ends the mapping
	for g := range l.gapsIn(m) {
		adds, ends := m.with(l.x.Text, g, fields)
		if ends {
			for _, path := range g.O.Paths {
				closed[path] = true
			}
		}
		if !adds || slices.ContainsFunc(g.O.Paths, func(path string) bool { return closed[path] }) {
			continue
		}
		if place, ok := l.atGap(g); ok {
			return place, true
		}
	}
	return lint.Place{}, false
}

// atGap returns the place of something that a block did not write: the values key that
// decides about the block where that is certain, else the block.
func (l *locator) atGap(g trace.Segment) (lint.Place, bool) {
	s, ok := l.site(g)
	if !ok {
		return lint.Place{}, false
	}
	place := lint.Place{Precision: lint.Block, Origin: lint.FromValue}
	unmet, certain := l.out.values.unmet(g.O.Gap.Decision, g.O.Paths)
	var paths, wishes []string
	for _, n := range unmet {
		paths, wishes = append(paths, n.path), append(wishes, l.out.values.wish(n))
	}
	if s.vendored && !certain { // all that can be changed are the values
		paths = g.O.Paths
	}
	for _, path := range paths {
		p, missing, ok := l.out.values.nearest(trace.Split(path))
		if !ok || missing > 0 && !s.vendored {
			continue
		}
		place.Span = p.key()
		if missing > 0 {
			place.Precision = lint.ObjectLevel
		}
		message := "rendered here depending on " + l.out.values.called(path)
		if certain {
			message = "rendered here when " + strings.Join(wishes, " and ")
		}
		place.Related = append(place.Related, lint.Related{Role: "template", Message: message, Span: s.span})
		place.Related = append(place.Related, l.guards(g)...)
		return place, true
	}
	if s.vendored {
		return lint.Place{}, false
	}
	place.Span, place.Origin = s.span, lint.FromText
	if !certain {
		for _, path := range g.O.Paths {
			if p, ok := l.valuePlace(path); ok && len(place.Related) < maxRelated {
				place.Related = append(place.Related, lint.Related{Role: "value", Message: "rendered depending on " + l.out.values.called(path) + p.flagged(), Span: p.span()})
			}
		}
	}
	place.Related = append(place.Related, l.guards(g)...)
	return place, true
}

// A block is a mapping of the rendered text that is written in lines.
type block struct {
	start, from, end int // behind the key or dash; of the first key; behind the last value
	column           int // of its keys; -1 where it has none yet
	above            int // the column of its own key, which its keys are behind
}

// mapping returns where a mapping stands; ok is false for one in flow style, in which no
// line can be added. Nothing behind a key is a mapping, too.
func (l *locator) mapping(n *lint.Node) (m block, ok bool) {
	entries, text := n.Entries(), l.x.Text
	switch {
	case n.IsNull() && n.HasKey():
		at, _ := l.bounds(n.KeyNode())
		line := text[strings.LastIndexByte(text[:at], '\n')+1 : at]
		colon := strings.IndexByte(text[at:], ':')
		if strings.Trim(line, " -") != "" || colon < 0 {
			return block{}, false
		}
		m = block{start: at + colon + 1, column: -1, above: len(line)}
		if rest, _, _ := strings.Cut(text[m.start:], "\n"); strings.TrimSpace(rest) != "" {
			return block{}, false
		}
		m.from, m.end = m.start, m.start
		return m, true
	case len(entries) == 0 || n.Style()&kyaml.FlowStyle != 0:
		return block{}, false
	}
	m.from, m.end = l.bounds(n)
	_, column := entries[0].KeyNode().Position()
	m.column, m.above = column-1, -1
	for m.start = m.from; ; { // blank lines and comments before it belong to it
		m.start = len(strings.TrimRight(text[:m.start], " \t\r\n"))
		line := strings.LastIndexByte(text[:m.start], '\n') + 1
		if !strings.HasPrefix(strings.TrimLeft(text[line:m.start], " "), "#") {
			return m, true
		}
		m.start = line
	}
}

// endsIn reports whether a line of the text behind a mapping is no part of it.
func (m block) endsIn(text string) bool {
	_, lines, more := strings.Cut(text, "\n")
	for more {
		var line string
		line, lines, more = strings.Cut(lines, "\n")
		content := strings.TrimLeft(line, " ")
		if m.ends(len(line)-len(content), content) {
			return true
		}
	}
	return false
}

// ends reports whether a line with content at a column is no part of the mapping.
func (m block) ends(column int, content string) bool {
	if content = strings.TrimSpace(content); content == "" || content[0] == '#' {
		return false
	}
	if column == 0 && (strings.HasPrefix(content, "---") || strings.HasPrefix(content, "...")) {
		return true
	}
	return column < m.column || column <= m.above
}

// with reports whether the text of a gap, where the gap is, would add the field, and
// whether it would end the mapping: by another item of the list that the mapping is in,
// say.
func (m block) with(text string, g trace.Segment, fields []string) (adds, ends bool) {
	before := text[strings.LastIndexByte(text[:g.Start], '\n')+1 : g.Start]
	margin := g.Indent
	first := true
	rest := g.O.Gap.Body
	for more := true; more; first = false {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		content := strings.TrimLeft(line, " ")
		column := margin + len(line) - len(content)
		if first {
			if strings.Trim(before, " -") != "" {
				continue // the rest of a line
			}
			column = len(before) + len(line) - len(content)
		}
		if m.column < 0 && column > m.above && strings.TrimSpace(content) != "" && content[0] != '#' {
			m.column = column // these would be its first keys
		}
		if m.ends(column, content) {
			return adds && g.Start >= m.from, true
		}
		if value, ok := isKey(content, fields[0]); ok && column == m.column && !adds {
			adds = mayHold(value+"\n"+rest, column-margin, fields[1:])
		}
	}
	return adds, false
}

// isKey reports whether a line begins with a key, and returns what is behind it.
func isKey(line, key string) (value string, ok bool) {
	for _, quote := range []string{"", `"`, "'"} {
		if value, ok = strings.CutPrefix(line, quote+key+quote+":"); ok {
			return value, true
		}
	}
	return "", false
}

// mayHold reports whether the value that a text begins with, whose key is at a column,
// has fields, each in the one before, or is written by an action, which may have them.
func mayHold(text string, column int, fields []string) bool {
	var value strings.Builder
	for i, line := range strings.SplitAfter(text, "\n") {
		content := strings.TrimLeft(line, " ")
		at := len(line) - len(content)
		if i > 0 && strings.TrimSpace(content) != "" && (at < column || at == column && content[0] != '-') {
			break
		}
		if strings.HasPrefix(content, trace.Written) {
			return true
		}
		value.WriteString(line)
	}
	text = value.String()
	for _, field := range fields {
		i := strings.Index(text, field+":")
		if i < 0 {
			return false
		}
		text = text[i+len(field)+1:]
	}
	return true
}

// names returns the values that a range of the rendered text depends on, in whatever way.
func (l *locator) names(from, to int) []string {
	segs := l.segments(from, to)
	for i := sort.Search(len(l.x.Segs), func(i int) bool { return l.x.Segs[i].End >= from }); i < len(l.x.Segs) && l.x.Segs[i].Start <= to; i++ {
		if g := l.x.Segs[i]; g.Start == g.End { // something that wrote nothing
			segs = append(segs, g)
		}
	}
	return trace.Names(segs)
}

// fromReleaseNamespace reports whether a node is .Release.Namespace.
func (l *locator) fromReleaseNamespace(n *lint.Node) bool {
	if !n.IsScalar() {
		return false
	}
	from, to := l.bounds(n)
	for _, g := range l.segments(from, to) {
		if g.O.Namespace {
			return true
		}
	}
	return false
}

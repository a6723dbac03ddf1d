package kustomize

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A space numbers the lines of everything that one build reads, as go/token.FileSet
// does for Go files: a node's line tells the file too. kustomize keeps yaml.Node's
// Line and Column through parsing, strategic merges and copies.
//
// The objects of a file get their numbers, from firstNumber on, when a hook first sees
// them (see [build.settle]). The documents of a patch are merged before any hook sees
// them: they are handed to kustomize behind so many empty lines that their lines are
// their own from the start, below firstNumber.
//
// A number also names what is no line: one entry of a kustomization, one line of
// an env file, or a value together with the one it replaced.
type space struct {
	padded, numbered []segment
	padding          int // bytes of empty lines written so far
	sites            map[siteKey]int
	overs            map[[2]place]int
	vias             map[[2]place]int
}

// firstLine is the first number that names a place. Nodes that kustomize makes
// anew have lines below it: 0, or those of one-line JSON and its own snippets.
const firstLine = 64

const firstNumber = 1 << 30

// maxPadding bounds the empty lines that a build writes in front of its patches. Each
// document is behind as many as there are lines of patches before it, which grows with
// their square; this is enough for three thousand patches of ten lines.
const maxPadding = 64 << 20

// A place is what a node's Line and Column say.
type place struct{ line, col int }

func at(n *yaml.Node) place     { return place{n.Line, n.Column} }
func (p place) known() bool     { return p.line > firstLine }
func set(n *yaml.Node, p place) { n.Line, n.Column = p.line, p.col }

// The roles of the files of a build.
const (
	roleResource  = "resource"
	rolePatch     = "patch"
	rolePlugin    = "plugin" // the configuration of a transformer, a generator or a replacement
	roleGenerator = "generator"
	roleEntry     = "entry" // of a kustomization
	roleHelm      = "helm"
)

// A segment is a run of numbers: base+1 … base+lines.
type segment struct {
	base, lines int
	role        string
	by          entry        // the entry that named the file
	src         *lint.Source // for lines of text: the file or the inline text,
	first       int          // its line at base+1,
	inside      *embedded    // and the scalar whose text it is
	span        lint.Span    // for one place
	over, prev  place        // for a value together with what it replaced
	via         place        // for a value that an entry copied or lengthened: the entry,
	note        string       // and what it did
	chart       *inflated    // of roleHelm
}

// An entry is a node of a kustomization file, with the lines of that file.
type entry struct {
	k    *kustomization
	node *yaml.Node
}

func (e entry) span() lint.Span {
	if e.k == nil || e.node == nil {
		return lint.Span{}
	}
	return e.k.span(e.node)
}

// add gives a segment the next numbers and returns its base.
func (s *space) add(g segment) int { return take(&s.numbered, g, firstNumber) }

// addPadded is add for text that kustomize is given at these numbers.
func (s *space) addPadded(g segment) int { return take(&s.padded, g, firstLine) }

func take(segs *[]segment, g segment, first int) int {
	g.base = first
	if n := len(*segs); n > 0 {
		last := &(*segs)[n-1]
		g.base = last.base + last.lines + 1
	}
	*segs = append(*segs, g)
	return g.base
}

// join makes the numbers of another space ones of this, and returns what they are here.
func (s *space) join(other *space) func(place) place {
	next := func(segs []segment, first int) int {
		if n := len(segs); n > 0 {
			return segs[n-1].base + segs[n-1].lines + 1
		}
		return first
	}
	padded, numbered := next(s.padded, firstLine)-firstLine, next(s.numbered, firstNumber)-firstNumber
	move := func(p place) place {
		switch {
		case p.line > firstNumber:
			p.line += numbered
		case p.line > firstLine:
			p.line += padded
		}
		return p
	}
	moved := func(segs []segment, by int) []segment {
		segs = slices.Clone(segs)
		for i := range segs {
			g := &segs[i]
			g.base += by
			g.over, g.prev, g.via = move(g.over), move(g.prev), move(g.via)
		}
		return segs
	}
	s.padded = append(s.padded, moved(other.padded, padded)...)
	s.numbered = append(s.numbered, moved(other.numbered, numbered)...)
	s.padding += other.padding
	return move
}

func (s *space) find(line int) *segment {
	segs := s.padded
	if line > firstNumber {
		segs = s.numbered
	}
	i := sort.Search(len(segs), func(i int) bool { return segs[i].base >= line }) - 1
	if i < 0 || line > segs[i].base+segs[i].lines {
		return nil
	}
	return &segs[i]
}

type siteKey struct {
	span lint.Span
	role string
}

// site returns the number of one place.
func (s *space) site(span lint.Span, role string, by entry) place {
	if !span.IsValid() {
		return place{}
	}
	if s.sites == nil {
		s.sites = map[siteKey]int{}
	}
	k := siteKey{span, role}
	line, ok := s.sites[k]
	if !ok {
		line = s.add(segment{lines: 1, role: role, by: by, span: span}) + 1
		s.sites[k] = line
	}
	return place{line, 1}
}

// entry returns the number of a node of a kustomization.
func (s *space) entry(e entry) place { return s.site(e.span(), roleEntry, e) }

// replaced returns the number of the value at p together with what it replaced.
func (s *space) replaced(p, prev place) place {
	if !p.known() || !prev.known() || p == prev {
		return p
	}
	if g := s.find(p.line); g != nil && g.via.known() && g.over == prev {
		return p
	}
	if s.overs == nil {
		s.overs = map[[2]place]int{}
	}
	k := [2]place{p, prev}
	line, ok := s.overs[k]
	if !ok {
		line = s.add(segment{lines: 1, over: p, prev: prev}) + 1
		s.overs[k] = line
	}
	return place{line, p.col}
}

// What an entry did to a value that is elsewhere.
const (
	copied     = "copied here by this replacement"
	lengthened = "the name is lengthened by this entry"
)

// through returns the number of the value at p together with the entry that copied
// it to where it is now, or lengthened it.
func (s *space) through(p, via place, note string) place {
	switch {
	case !p.known():
		return via
	case !via.known():
		return p
	}
	if s.vias == nil {
		s.vias = map[[2]place]int{}
	}
	k := [2]place{p, via}
	line, ok := s.vias[k]
	if !ok {
		line = s.add(segment{lines: 1, over: p, via: via, note: note}) + 1
		s.vias[k] = line
	}
	return place{line, p.col}
}

// pad puts the documents of a patch at numbers of their own. Documents for which skip
// says so are left out. It reports false when that would take too many empty lines.
func (s *space) pad(src *lint.Source, role string, by entry, inside *embedded, skip func(first, last int) bool) ([]byte, bool) {
	text := kyamlText(src.Data)
	if role == rolePatch && (bytes.HasPrefix(text, []byte("[")) && !json.Valid(text) || bytes.ContainsFunc(text, unreadable)) {
		// Kustomize refuses it, as JSON that is none, or for a character in a document
		// that it does not even want; behind empty lines it would not.
		return text, true
	}
	fits := true
	laid := lay(text, func(d piece) int {
		if !fits || skip != nil && skip(d.first-d.opened, d.last) {
			return -1
		}
		base := s.addPadded(segment{lines: d.lines(), role: role, by: by, src: src, first: d.first, inside: inside})
		s.padding += base
		fits = s.padding <= maxPadding
		return base
	})
	return laid, fits
}

// kyamlText is a text as kyaml's reader (kio.ByteReader) splits it into documents.
func kyamlText(data []byte) []byte {
	return bytes.TrimPrefix(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\ufeff"))
}

// A piece is what kyaml's reader takes for a document.
type piece struct {
	text   []byte
	first  int // its first line in the file
	last   int
	opened int // lines of "---" in front of it that kyaml takes for a part of it
}

// lines is how many lines YAML counts in the piece, or more.
func (d piece) lines() int { return d.last - d.first + breaks(d.text) + 1 }

// pieces cuts a text where kyaml's reader cuts it. Pieces without text are left out.
// between is called with the text that separates pieces, and what opens them.
func pieces(text []byte, between func([]byte), document func(piece)) {
	line := 1
	from := 0
	for from <= len(text) {
		cut, next := separator(text, from)
		doc, opened := text[from:cut], 0
		for bytes.HasPrefix(doc, []byte("---")) { // left by kyaml as part of the document
			end := bytes.IndexByte(doc, '\n') + 1
			if rest := bytes.TrimSpace(doc[3:max(3, end)]); end == 0 || len(rest) > 0 && rest[0] != '#' {
				break
			}
			between(doc[:end])
			doc, line, opened = doc[end:], line+1, opened+1
		}
		count := bytes.Count(doc, []byte("\n"))
		if len(bytes.TrimSpace(doc)) > 0 {
			document(piece{doc, line, line + count, opened})
		}
		line += count
		if next < 0 {
			return
		}
		between(text[cut:next])
		line += bytes.Count(text[cut:next], []byte("\n"))
		from = next
	}
}

// lay writes a text anew with each document so far down that its first line has the
// number base+1, as base says of it; a document whose base is negative is left out.
func lay(text []byte, base func(piece) int) []byte {
	var out bytes.Buffer
	out.Grow(len(text))
	pieces(text, func(between []byte) { out.Write(between) }, func(d piece) {
		n := base(d)
		if n < 0 {
			return
		}
		pad(&out, n-d.opened-1)
		if bytes.HasPrefix(d.text, []byte("---")) {
			// "--- {…}" or "--- !!map": behind a line feed kyaml would cut it off, behind
			// a carriage return, which ends a line of YAML just as well, it does not
			out.WriteByte('\r')
		} else {
			out.WriteByte('\n')
		}
		out.Write(d.text)
	})
	return out.Bytes()
}

// unreadable reports whether a YAML reader refuses a text for a character, wherever
// it stands (YAML 1.2, 5.1).
func unreadable(r rune) bool {
	switch r {
	case '\t', '\n', '\r', 0x85, 0xFEFF:
		return false
	}
	return r < ' ' || 0x7F <= r && r < 0xA0 || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF
}

// breaks counts what YAML takes for a line break and others do not.
func breaks(doc []byte) int {
	return bytes.Count(doc, []byte("\r")) + bytes.Count(doc, []byte("\u0085")) + bytes.Count(doc, []byte("\u2028")) + bytes.Count(doc, []byte("\u2029"))
}

const emptyLines = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"

func pad(out *bytes.Buffer, n int) {
	for ; n > len(emptyLines); n -= len(emptyLines) {
		out.WriteString(emptyLines)
	}
	out.WriteString(emptyLines[:n])
}

// separator returns where the next "---" line of text begins and ends, the line
// break in front of it included; next is -1 where there is none. Of two such lines
// on end kyaml takes the second for text, which is an empty document all the same.
func separator(text []byte, from int) (cut, next int) {
	j := bytes.Index(text[from:], []byte("\n---"))
	if j < 0 {
		return len(text), -1
	}
	start := from + j
	end := bytes.IndexByte(text[start+1:], '\n')
	if end < 0 {
		return len(text), -1
	}
	return start, start + 1 + end + 1
}

func decode(text []byte, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = yaml.Unmarshal([]byte("}"), n)
		}
	}()
	return yaml.Unmarshal(text, n)
}

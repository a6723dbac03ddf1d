package lsp

import (
	"unicode/utf8"

	"go.lsp.dev/protocol"

	"github.com/manilint/manilint/lint"
)

// An encoding is the unit in which client and server count the characters of a line.
type encoding = protocol.PositionEncodingKind

// negotiate takes the encoding that costs nothing where the client knows it, else the one
// that every client knows.
func negotiate(known []encoding) encoding {
	for _, e := range known {
		if e == protocol.PositionEncodingKindUTF8 {
			return e
		}
	}
	return protocol.PositionEncodingKindUTF16
}

// width returns how many units of an encoding a code point takes, of which size bytes are.
func width(e encoding, r rune, size int) uint32 {
	switch {
	case e == protocol.PositionEncodingKindUTF8:
		return uint32(size) //nolint:gosec // at most 4
	case r > 0xFFFF && e == protocol.PositionEncodingKindUTF16:
		return 2
	}
	return 1
}

// lines numbers the bytes of a text as the protocol does: lines from 0, which end with a line
// feed, a carriage return or both.
type lines struct {
	src *lint.Source
	e   encoding
}

// position returns the position of a byte offset, which is clamped to the text.
func (l lines) position(offset int) protocol.Position {
	offset = max(0, min(offset, len(l.src.Data)))
	line := l.src.Position(offset).Line
	var character uint32
	for i := l.src.LineStart(line); i < offset; {
		r, size := utf8.DecodeRune(l.src.Data[i:])
		character += width(l.e, r, size)
		i += size
	}
	return protocol.Position{Line: uint32(line - 1), Character: character} //nolint:gosec // lines of one file
}

// offset returns the byte offset of a position. A position behind the end of a line is its
// end, and one behind the last line the end of the text, as the protocol has it.
func (l lines) offset(p protocol.Position) int {
	line := int(p.Line) + 1
	if line > l.src.Lines() {
		return len(l.src.Data)
	}
	i := l.src.LineStart(line)
	end := i + len(l.src.Line(line))
	for n := uint32(0); i < end && n < p.Character; {
		r, size := utf8.DecodeRune(l.src.Data[i:])
		n += width(l.e, r, size)
		i += size
	}
	return i
}

// rangeOf returns the range of a span.
func (l lines) rangeOf(s lint.Span) protocol.Range {
	return protocol.Range{Start: l.position(s.Start.Offset), End: l.position(s.End.Offset)}
}

// firstLine returns the range of a span as far as its first line goes: a whole block that is
// underlined hides what is in it.
func (l lines) firstLine(s lint.Span) protocol.Range {
	r := l.rangeOf(s)
	if r.End.Line > r.Start.Line {
		start := l.src.LineStart(s.Start.Line)
		r.End = l.position(start + len(l.src.Line(s.Start.Line)))
	}
	return r
}

package lsp

import (
	"strings"
	"testing"
	"unicode/utf16"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// client is a text as an editor holds it that counts in UTF-16: lines of units, each with what
// ends it.
type client struct{ units []uint16 }

// offset is where a position lies, by the words of the protocol alone.
func (c *client) offset(p protocol.Position) int {
	line, i := 0, 0
	for line < int(p.Line) {
		if i >= len(c.units) {
			return len(c.units)
		}
		switch {
		case c.units[i] == '\r' && i+1 < len(c.units) && c.units[i+1] == '\n':
			i++
			line++
		case c.units[i] == '\n' || c.units[i] == '\r':
			line++
		}
		i++
	}
	for n := 0; n < int(p.Character) && i < len(c.units) && c.units[i] != '\n' && c.units[i] != '\r'; n++ {
		i++
	}
	return i
}

func (c *client) change(r protocol.Range, text string) {
	start, end := c.offset(r.Start), c.offset(r.End)
	c.units = append(append(append([]uint16{}, c.units[:start]...), utf16.Encode([]rune(text))...), c.units[end:]...)
}

// split reports whether a position lies inside of a pair of surrogates, which no client sends.
func (c *client) split(p protocol.Position) bool {
	i := c.offset(p)
	return i > 0 && i < len(c.units) && utf16.IsSurrogate(rune(c.units[i-1])) && utf16.IsSurrogate(rune(c.units[i])) && c.units[i] >= 0xDC00 && c.units[i-1] < 0xDC00
}

// FuzzIncrementalSync makes edits in a document and compares the server's text with the client's.
func FuzzIncrementalSync(f *testing.F) {
	f.Add("a: 1\nb: 2\n", "x: 3\n", uint8(0), uint8(2), uint8(1), uint8(0))
	f.Add("ü: 𝄞𝄞\r\nb\rc\n\n", "𝄞", uint8(0), uint8(3), uint8(9), uint8(9))
	f.Add("", "text", uint8(4), uint8(4), uint8(4), uint8(4))
	f.Fuzz(func(t *testing.T, text, insert string, line, character, endLine, endCharacter uint8) {
		text, insert = strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(insert, "?")
		c := &client{utf16.Encode([]rune(text))}
		docs := &documents{open: map[string]*document{}}
		at := uri.File("/a.yaml")
		docs.put(at, 1, text)
		start := protocol.Position{Line: uint32(line % 8), Character: uint32(character)}
		end := protocol.Position{Line: uint32(endLine % 8), Character: uint32(endCharacter)}
		for version := range int32(3) {
			r := protocol.Range{Start: start, End: end}
			if c.offset(start) > c.offset(end) {
				r = protocol.Range{Start: end, End: start}
			}
			if c.split(r.Start) || c.split(r.End) {
				return
			}
			c.change(r, insert)
			docs.change(at, version+2, []protocol.TextDocumentContentChangeEvent{&protocol.TextDocumentContentChangePartial{Range: r, Text: insert}}, protocol.PositionEncodingKindUTF16)
			if want, got := string(utf16.Decode(c.units)), string(docs.get("/a.yaml").src.Data); got != want {
				t.Fatalf("after %d edits of %q at %v the server has %q, the client %q", version+1, text, r, got, want)
			}
			start.Character++
		}
	})
}

// TestPositionsComeBack goes through every offset of a text in each encoding.
func TestPositionsComeBack(t *testing.T) {
	text := "ab: 𝄞ü\r\nc\rd\n\ne"
	doc := (&documents{open: map[string]*document{}}).put(uri.File("/a.yaml"), 1, text)
	for _, e := range []encoding{protocol.PositionEncodingKindUTF8, protocol.PositionEncodingKindUTF16, protocol.PositionEncodingKindUTF32} {
		l := lines{doc.src, e}
		for i := range text {
			if text[i] == '\n' && i > 0 && text[i-1] == '\r' {
				continue // inside of a line's end
			}
			if got := l.offset(l.position(i)); got != i {
				t.Errorf("%s: offset %d is position %v, which is offset %d", e, i, l.position(i), got)
			}
		}
	}
	if got := (lines{doc.src, protocol.PositionEncodingKindUTF16}).position(len("ab: 𝄞")); got.Character != 6 {
		t.Errorf("behind a character outside of the basic plane it is %d units", got.Character)
	}
}

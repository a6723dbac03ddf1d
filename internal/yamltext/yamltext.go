// Package yamltext knows what YAML's text says before and besides a parser: where lines,
// documents and quoted texts end. It knows no files and no objects.
package yamltext

import (
	"bytes"
	"unicode/utf8"
)

// Directives returns the length of the %YAML and %TAG lines at the head of a document,
// with the comments and empty lines among them; 0 where there is no directive.
func Directives(text []byte) int {
	found := false
	at := 0
	for at < len(text) {
		end := NextLine(text, at)
		line := bytes.TrimSpace(bytes.TrimPrefix(text[at:end], byteOrderMark))
		if len(line) > 0 && line[0] != '%' && line[0] != '#' {
			break
		}
		found = found || len(line) > 0 && line[0] == '%'
		at = end
	}
	if !found {
		return 0
	}
	return at
}

// A Chunk is a document's text: the byte offsets of its start and end.
type Chunk struct{ Start, End int }

// Documents cuts at lines that begin with "---" followed by a blank or the
// end of the line, and at "...". A marker line stays with the document it opens,
// since "--- {a: b}" carries content, and so do the directives above it.
func Documents(data []byte) []Chunk {
	var chunks []Chunk
	start := 0
	for at := 0; at < len(data); {
		end := NextLine(data, at)
		line := bytes.TrimPrefix(data[at:end], byteOrderMark)
		if at > start && IsMarker(line, "---") && Directives(data[start:at]) < at-start {
			chunks = append(chunks, Chunk{start, at})
			start = at
		} else if IsMarker(line, "...") {
			chunks = append(chunks, Chunk{start, at})
			start = end
		}
		at = end
	}
	chunks = append(chunks, Chunk{start, len(data)})
	for i := range chunks {
		chunks[i].Start = afterByteOrderMark(data, chunks[i])
	}
	return chunks
}

var byteOrderMark = []byte("\ufeff")

// afterByteOrderMark returns where a document begins behind its byte order mark, before or
// below a marker line. YAML allows one in front of every document, as files that were
// joined have; yaml.v3 takes those inside a file for the first letter of a key.
func afterByteOrderMark(data []byte, c Chunk) int {
	at := c.Start
	for at < c.End {
		if bytes.HasPrefix(data[at:c.End], byteOrderMark) {
			at += len(byteOrderMark)
			continue
		}
		below := NextLine(data, at)
		if !IsBareMarker(data[at:below]) || !bytes.HasPrefix(data[below:c.End], byteOrderMark) {
			break
		}
		at = below
	}
	return at
}

// IsBareMarker reports whether a line is a document marker without content.
func IsBareMarker(line []byte) bool {
	rest := bytes.TrimSpace(bytes.TrimPrefix(line, []byte("---")))
	return IsMarker(line, "---") && (len(rest) == 0 || rest[0] == '#')
}

// IsMarker reports whether a line is a marker, "---" or "...", with or without content
// behind it.
func IsMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || LineBreak(rest) > 0)
}

// LineBreak returns the length in bytes of the line break that text begins with, 0
// where there is none. Breaks are those of yaml.v3: LF, CR, CR LF, and YAML 1.1's NEL,
// LS and PS, which are none to an editor.
func LineBreak(text []byte) int {
	switch {
	case len(text) == 0:
	case text[0] == '\n':
		return 1
	case text[0] == '\r':
		if len(text) > 1 && text[1] == '\n' {
			return 2
		}
		return 1
	case bytes.HasPrefix(text, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(text, []byte("\u2028")) || bytes.HasPrefix(text, []byte("\u2029")):
		return 3
	}
	return 0
}

// EndOfLine returns the offset of the line break that ends the line at an offset, or
// the end of data.
func EndOfLine(data []byte, at int) int {
	for ; at < len(data); at++ {
		switch data[at] {
		case '\n', '\r':
			return at
		case 0xC2, 0xE2:
			if LineBreak(data[at:]) > 0 {
				return at
			}
		}
	}
	return at
}

// NextLine returns the offset of the line after the one at an offset.
func NextLine(data []byte, at int) int {
	at = EndOfLine(data, at)
	return at + LineBreak(data[at:])
}

// Unreadable returns the offset of the first byte that YAML allows nowhere, -1 where
// there is none: yaml.v3 complains of it without a line.
func Unreadable(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		switch {
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\n' && r != '\r',
			r >= 0x7F && r < 0xA0 && r != 0x85, r == 0xFFFE, r == 0xFFFF:
			return at
		}
		at += size
	}
	return -1
}

// Indent returns the number of blanks that a line begins with.
func Indent(line []byte) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}
	return n
}

// QuotedEnd returns the end of the quoted scalar that opens at start.
func QuotedEnd(data []byte, start int) int {
	quote := data[start]
	for i := start + 1; i < len(data); i++ {
		switch {
		case quote == '"' && data[i] == '\\':
			i++
		case data[i] != quote:
		case quote == '\'' && i+1 < len(data) && data[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(data)
}

// LineOf returns the line of an offset, from 1.
func LineOf(text []byte, offset int) int {
	line := 0
	for at := 0; at <= offset && at < len(text); at = NextLine(text, at) {
		line++
	}
	return line
}

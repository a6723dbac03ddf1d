package lint

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// A Source is one file as its author wrote it. It is immutable and safe for
// concurrent use.
type Source struct {
	// Path is what reports print: relative to the working directory where it
	// can be, with forward slashes.
	Path string
	// File is the absolute path on disk; "" where there is none (standard input,
	// the member of an archive).
	File string
	// Data holds the bytes of the file, unchanged.
	Data []byte

	once  sync.Once
	lines []int // byte offset of the start of each line
	// runes holds the number of code points before each multiple of runeStep, so
	// that a column in a file of one long line costs no scan of that line.
	runes []int
	ascii bool // every byte is a code point
}

const runeStep = 1024

// NewSource returns a Source for data; path is printed in reports as given.
func NewSource(path string, data []byte) *Source {
	return &Source{Path: path, Data: data}
}

// text returns the bytes of the file as a string, which shares them: they never change.
func (s *Source) text() string { return unsafe.String(unsafe.SliceData(s.Data), len(s.Data)) }

func (s *Source) lineTable() []int {
	s.once.Do(func() {
		s.lines = append(make([]int, 0, 1+bytes.Count(s.Data, []byte("\n"))), 0)
		s.ascii = true
		for i, b := range s.Data {
			if b == '\n' || b == '\r' && (i+1 == len(s.Data) || s.Data[i+1] != '\n') {
				s.lines = append(s.lines, i+1)
			}
			s.ascii = s.ascii && b < utf8.RuneSelf
		}
		if s.ascii {
			return
		}
		n := 0
		for i, b := range s.Data {
			if i%runeStep == 0 {
				s.runes = append(s.runes, n)
			}
			if utf8.RuneStart(b) {
				n++
			}
		}
		s.runes = append(s.runes, n)
	})
	return s.lines
}

// runesBefore returns the number of code points that start before an offset.
func (s *Source) runesBefore(offset int) int {
	if s.ascii {
		return offset
	}
	step := min(offset/runeStep, len(s.runes)-1)
	n := s.runes[step]
	for _, b := range s.Data[min(step*runeStep, offset):offset] {
		if utf8.RuneStart(b) {
			n++
		}
	}
	return n
}

// runeAt returns the offset of the code point that n others precede.
func (s *Source) runeAt(n int) int {
	if s.ascii {
		return min(n, len(s.Data))
	}
	step := max(0, sort.SearchInts(s.runes, n+1)-1)
	offset := min(step*runeStep, len(s.Data))
	for seen := s.runes[step]; offset < len(s.Data); offset++ {
		if utf8.RuneStart(s.Data[offset]) {
			if seen == n {
				break
			}
			seen++
		}
	}
	return offset
}

// Lines returns the number of lines; an empty file has one.
func (s *Source) Lines() int { return len(s.lineTable()) }

// Line returns the text of line n (from 1) without its line break, or "" where
// there is no such line.
func (s *Source) Line(n int) string {
	lines := s.lineTable()
	if n < 1 || n > len(lines) {
		return ""
	}
	end := len(s.Data)
	if n < len(lines) {
		end = lines[n]
	}
	return strings.TrimRight(string(s.Data[lines[n-1]:end]), "\r\n")
}

// LineStart returns the byte offset of line n, which is clamped to the file.
func (s *Source) LineStart(n int) int {
	lines := s.lineTable()
	return lines[max(1, min(n, len(lines)))-1]
}

// Position returns the position of a byte offset, which is clamped to the file.
func (s *Source) Position(offset int) Position {
	offset = max(0, min(offset, len(s.Data)))
	lines := s.lineTable()
	line := sort.SearchInts(lines, offset+1)
	start := lines[line-1]
	if line == 1 && strings.HasPrefix(string(s.Data[:min(3, len(s.Data))]), "\ufeff") {
		start = min(3, offset) // a byte order mark is no column
	}
	return Position{s, line, s.runesBefore(offset) - s.runesBefore(start) + 1, offset}
}

// At returns the position of a line and a column in code points, both from 1
// and both clamped to the file.
func (s *Source) At(line, column int) Position {
	lines := s.lineTable()
	if line < 1 {
		line, column = 1, 1
	}
	if line > len(lines) {
		return s.Position(len(s.Data))
	}
	offset := lines[line-1]
	if line == 1 && strings.HasPrefix(string(s.Data[:min(3, len(s.Data))]), "\ufeff") {
		offset = 3
	}
	end := len(s.Data)
	if line < len(lines) {
		end = lines[line] - 1
		if end > offset && s.Data[end] == '\n' && s.Data[end-1] == '\r' {
			end--
		}
	}
	return s.Position(min(s.runeAt(s.runesBefore(offset)+max(0, column-1)), max(end, offset)))
}

// Span returns the span between two byte offsets, the end exclusive.
func (s *Source) Span(start, end int) Span {
	return Span{s.Position(start), s.Position(max(start, end))}
}

// LineSpan returns the text of line n without the blanks around it.
func (s *Source) LineSpan(n int) Span {
	lines := s.lineTable()
	if n < 1 || n > len(lines) {
		return s.Span(0, 0)
	}
	text := s.Line(n)
	trimmed := strings.TrimLeft(text, " \t")
	start := lines[n-1] + len(text) - len(trimmed)
	return s.Span(start, start+len(strings.TrimRight(trimmed, " \t")))
}

// A Position is a place in a Source. Line and Column count from 1, Column in
// Unicode code points; Offset counts bytes from 0. The zero Position is no place.
type Position struct {
	Source *Source
	Line   int
	Column int
	Offset int
}

// IsValid reports whether p is a place.
func (p Position) IsValid() bool { return p.Source != nil }

// A Span is the text from Start up to, not including, End; both lie in one Source.
type Span struct {
	Start, End Position
}

// IsValid reports whether s is a place.
func (s Span) IsValid() bool { return s.Start.IsValid() }

// Text returns the text that s covers.
func (s Span) Text() string {
	if !s.IsValid() {
		return ""
	}
	return string(s.Start.Source.Data[s.Start.Offset:s.End.Offset])
}

// Path returns the path of the span's source, or "".
func (s Span) Path() string {
	if !s.IsValid() {
		return ""
	}
	return s.Start.Source.Path
}

// Compare orders spans by path, start and end.
func (s Span) Compare(t Span) int {
	if c := strings.Compare(s.Path(), t.Path()); c != 0 {
		return c
	}
	if c := s.Start.Offset - t.Start.Offset; c != 0 {
		return c
	}
	return s.End.Offset - t.End.Offset
}

// String returns path:line:column.
func (p Position) String() string {
	if !p.IsValid() {
		return ""
	}
	return p.Source.Path + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

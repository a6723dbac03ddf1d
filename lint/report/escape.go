package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
)

// Escape returns s fit for one line of a terminal or a log: control characters,
// line breaks, bytes that are not UTF-8 and the invisible characters that reorder
// or hide text are written out as \n, \x1b or \u202e. So is the first character
// of what a build runner would take for a command: "##[…", "##vso[…" and
// "::command::" at the start of a line.
func Escape(s string) string {
	if !isPlain(s) {
		s = writeOut(s, false)
	}
	if strings.Contains(s, "##") {
		s = runnerCommand().ReplaceAllString(s, `\x23#$1[`)
	}
	if strings.Contains(s, "::") {
		s = workflowCommand().ReplaceAllString(s, `$1\x3a:$2`)
	}
	return s
}

// isPlain reports whether s is printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// writeOut writes unsafe characters of s as escapes. Screens keep tabs, and colors
// where they are wanted.
func writeOut(s string, keep bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case keep && r == '\t':
			b.WriteByte('\t')
		case unsafe(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// Commands that runners look for in what a step prints: GitHub's older form and
// Azure's may be anywhere in a line, GitHub's newer form (::name args::text)
// at its start, behind any blanks. Text is wrapped between words, so the start of a
// word counts.
var (
	runnerCommand   = lint.Regexp(`##([A-Za-z]*)\[`)
	workflowCommand = lint.Regexp(`(^|[\s\pZ])::(\pL)`)
)

// unsafe reports whether a rune is a control character, ends a line, or is an
// invisible formatting character (bidirectional overrides, zero-width spaces,
// tags).
func unsafe(r rune) bool {
	switch {
	case r < ' ' || r == 0x7f:
		return true
	case r < 0x7f:
		return false
	case r < 0xa0:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// A Screen passes on what is written to it, a line at a time, and escapes what
// [Escape] does: whatever prints through it, no terminal and no build runner obeys
// text of an input. Formats and messages escape on their own, as their readers need
// it; a Screen is there for the one that forgets. It is safe for concurrent use.
//
// The first error in writing is kept, and nothing is written after it.
type Screen struct {
	// Colors lets the sequences that colour text through.
	Colors bool
	// Annotations lets lines through that begin as those of [GitHub].
	Annotations bool
	// Returns lets the carriage return of a line's end through, as a diff must have it.
	Returns bool

	mu   sync.Mutex
	w    io.Writer
	part []byte // of a line
	err  error
}

// NewScreen returns a screen in front of w.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// Write takes text of any number of lines. What has no line break yet waits for it, or
// for [Screen.Flush].
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := bytes.LastIndexByte(text, '\n') + 1
	if end == 0 {
		s.part = append(s.part, text...)
		return len(text), s.err
	}
	whole := text[:end]
	if len(s.part) > 0 {
		s.part = append(s.part, whole...)
		whole = s.part
	}
	s.pass(whole)
	s.part = append(s.part[:0], text[end:]...)
	if s.err != nil {
		return 0, s.err
	}
	return len(text), nil
}

// Flush writes the start of a line that waits for its end, and returns the first error
// that there was.
func (s *Screen) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass(s.part)
	s.part = nil
	return s.err
}

// Err returns the first error in writing.
func (s *Screen) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// pass writes whole lines.
func (s *Screen) pass(text []byte) {
	if s.err != nil || len(text) == 0 {
		return
	}
	if !isHarmless(text) {
		var safe strings.Builder
		for line := range strings.Lines(string(text)) {
			if before, ok := strings.CutSuffix(line, "\r\n"); ok && s.Returns {
				safe.WriteString(strings.TrimSuffix(s.line(before+"\n"), "\n") + "\r\n")
				continue
			}
			safe.WriteString(s.line(line))
		}
		text = []byte(safe.String())
	}
	_, s.err = s.w.Write(text)
}

// isHarmless tells quickly that no line of a text needs escaping.
func isHarmless(text []byte) bool {
	for _, b := range text {
		if b < ' ' && b != '\n' && b != '\t' || b > '~' {
			return false
		}
	}
	return !bytes.Contains(text, []byte("::")) && !bytes.Contains(text, []byte("##"))
}

var (
	colors      = lint.Regexp("\x1b\\[[0-9;]*m")
	lineCommand = lint.Regexp(`^[\s\pZ]*(:):\pL`)
	annotation  = lint.Regexp(`^::(?:error|warning|notice) `)
)

// line returns one line, with its line break, as it may be printed.
func (s *Screen) line(line string) string {
	text := strings.TrimSuffix(line, "\n")
	lineBreak := line[len(text):]
	if s.Annotations && annotation().MatchString(text) {
		head := annotation().FindString(text)
		return head + s.plain(text[len(head):]) + lineBreak
	}
	if at := lineCommand().FindStringSubmatchIndex(text); at != nil {
		text = text[:at[2]] + `\x3a` + text[at[2]+1:]
	}
	return s.plain(text) + lineBreak
}

// plain escapes a text but for tabs and, where they are wanted, colors.
func (s *Screen) plain(text string) string {
	var b strings.Builder
	for s.Colors {
		next := colors().FindStringIndex(text)
		if next == nil {
			break
		}
		b.WriteString(writeOut(text[:next[0]], true))
		b.WriteString(text[next[0]:next[1]])
		text = text[next[1]:]
	}
	b.WriteString(writeOut(text, true))
	return runnerCommand().ReplaceAllString(b.String(), `\x23#$1[`)
}

package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"
)

type (
	// An object is a JSON object that is written a member at a time.
	object []member
	member struct {
		name  string
		value any
	}
	// A list is a JSON list whose items are made as they are written: those of a large
	// report are never all there at once.
	list iter.Seq[any]
)

// mapped returns the list of what f makes of the items of a slice.
func mapped[T any](items []T, f func(T) any) list {
	return func(yield func(any) bool) {
		for _, x := range items {
			if !yield(f(x)) {
				return
			}
		}
	}
}

// Encode writes v as indented JSON that is safe to show on a terminal: what
// [Escape] writes out is written as \u escapes, which mean the same to a reader.
func Encode(w io.Writer, v any) error {
	e := &jsonWriter{out: bufio.NewWriterSize(w, 1<<16)}
	e.encoder = json.NewEncoder(&e.compact)
	e.encoder.SetEscapeHTML(false)
	if err := e.value(v, 0); err != nil {
		return err
	}
	e.text = append(e.text, '\n')
	e.drain()
	return e.out.Flush()
}

type jsonWriter struct {
	out     *bufio.Writer // keeps its first error
	encoder *json.Encoder
	compact bytes.Buffer // one value as encoding/json writes it
	text    []byte       // the same, indented and safe, not yet written
}

func (e *jsonWriter) drain() {
	_, _ = e.out.Write(e.text) // Flush returns the error
	e.text = e.text[:0]
}

func (e *jsonWriter) value(v any, depth int) error {
	switch v := v.(type) {
	case object:
		e.text = append(e.text, '{')
		for i, m := range v {
			if i > 0 {
				e.text = append(e.text, ',')
			}
			e.text = lineBreak(e.text, depth+1)
			e.text = append(append(append(e.text, '"'), m.name...), `": `...)
			if err := e.value(m.value, depth+1); err != nil {
				return err
			}
		}
		e.text = append(lineBreak(e.text, depth), '}')
	case list:
		e.text = append(e.text, '[')
		empty := true
		for item := range v {
			if !empty {
				e.text = append(e.text, ',')
			}
			empty = false
			e.text = lineBreak(e.text, depth+1)
			if err := e.value(item, depth+1); err != nil {
				return err
			}
			e.drain()
		}
		if !empty {
			e.text = lineBreak(e.text, depth)
		}
		e.text = append(e.text, ']')
	default:
		e.compact.Reset()
		if err := e.encoder.Encode(v); err != nil {
			return err
		}
		e.text = indent(e.text, bytes.TrimSuffix(e.compact.Bytes(), []byte("\n")), depth)
	}
	return nil
}

func lineBreak(dst []byte, depth int) []byte {
	dst = append(dst, '\n')
	for range depth {
		dst = append(dst, "  "...)
	}
	return dst
}

// indent appends compact JSON as [json.Indent] would write it at a depth, and writes out
// what is unsafe in its strings. The JSON must be valid.
func indent(dst, src []byte, depth int) []byte {
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '{', '[':
			dst = append(dst, c)
			if next := src[i+1]; next == '}' || next == ']' {
				dst = append(dst, next)
				i++
				continue
			}
			depth++
			dst = lineBreak(dst, depth)
		case '}', ']':
			depth--
			dst = append(lineBreak(dst, depth), c)
		case ',':
			dst = lineBreak(append(dst, c), depth)
		case ':':
			dst = append(dst, ": "...)
		case '"':
			end := i + 1
			for src[end] != '"' {
				if src[end] == '\\' {
					end++
				}
				end++
			}
			dst = safeText(dst, src[i:end+1])
			i = end
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// plainByte holds the bytes of printable ASCII but for #, which may begin a command.
var plainByte = func() (table [256]bool) {
	for c := ' '; c <= '~'; c++ {
		table[c] = c != '#'
	}
	return table
}()

// safeText appends a JSON string with what is unsafe in it as \u escapes.
func safeText(dst, text []byte) []byte {
	for len(text) > 0 {
		n := 0
		for n < len(text) && plainByte[text[n]] {
			n++
		}
		dst, text = append(dst, text[:n]...), text[n:]
		if len(text) == 0 {
			break
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '#' && beginsCommand(text):
			dst = append(dst, `\u0023`...)
		case r > 0xffff && unsafe(r):
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case unsafe(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = append(dst, text[:size]...)
		}
		text = text[size:]
	}
	return dst
}

// beginsCommand reports whether text begins with what [runnerCommand] matches.
func beginsCommand(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("##"))
	if !ok {
		return false
	}
	rest = bytes.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	return bytes.HasPrefix(rest, []byte("["))
}

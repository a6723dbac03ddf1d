package lint

import (
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TextOffsets returns where in a file the bytes of the text of a scalar are written, which
// has a span: behind the indentation of a block, in a folded line, as an escape. The last of
// them is the end of the text. It returns nil where the text and the file do not agree.
func TextOffsets(span Span, n *yaml.Node) []int {
	found := offsets(span.Text(), n.Value, n.Style)
	for i := range found {
		found[i] += span.Start.Offset
	}
	return found
}

// offsets finds the bytes of a scalar's text in the scalar as it is written: behind
// the indentation of a block, in a folded line, as an escape. The last of them is
// the end of the text. It returns nil where the two do not agree.
func offsets(raw, text string, style yaml.Style) []int {
	block := style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	i, indent := 0, 0
	switch {
	case block:
		if i = strings.IndexByte(raw, '\n') + 1; i == 0 {
			return nil
		}
		indent = indentOf(raw[i:]) - indentOf(text)
	case style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		i = 1
	}
	blanks := func(from int) int {
		for n := 0; from < len(raw) && (raw[from] == ' ' || !block && raw[from] == '\t') && (!block || n < indent); n++ {
			from++
		}
		return from
	}
	i = blanks(i)
	found := make([]int, len(text)+1)
	for j := 0; j < len(text); {
		found[j] = i
		next := i
		if !block && (text[j] == ' ' || text[j] == '\n') {
			next = blanks(i) // in front of a fold
		}
		if n := breakLength(raw[next:]); n > 0 {
			if text[j] == '\n' || text[j] == ' ' {
				j++
			} else if style&yaml.LiteralStyle != 0 {
				return nil
			}
			i = blanks(next + n)
			continue
		}
		switch {
		case i >= len(raw):
			if strings.Trim(text[j:], "\n") != "" {
				return nil
			}
			j++
		case style&yaml.DoubleQuotedStyle != 0 && raw[i] == '\\':
			if n := breakLength(raw[i+1:]); n > 0 {
				i = blanks(i + 1 + n)
				continue
			}
			_, size := utf8.DecodeRuneInString(text[j:])
			for range size {
				found[j] = i
				j++
			}
			i += escapeLength(raw[i:])
		case style&yaml.SingleQuotedStyle != 0 && raw[i] == '\'':
			if text[j] != '\'' || !strings.HasPrefix(raw[i:], "''") {
				return nil
			}
			i, j = i+2, j+1
		case raw[i] != text[j]:
			return nil
		default:
			i, j = i+1, j+1
		}
	}
	found[len(text)] = min(i, len(raw))
	return found
}

// escapeLength returns the length of the escape that s begins with.
func escapeLength(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// indentOf returns the indentation of the first line with text.
func indentOf(s string) int {
	for line := range strings.Lines(s) {
		if t := strings.TrimLeft(line, " "); strings.TrimRight(t, "\r\n") != "" {
			return len(line) - len(t)
		}
	}
	return 0
}

func breakLength(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case s != "" && (s[0] == '\n' || s[0] == '\r'):
		return 1
	}
	return 0
}

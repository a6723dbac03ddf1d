package lint

import (
	"github.com/manilint/manilint/internal/yamltext"
)

// A counter counts the values and keys of a document in its text, so that one that holds too
// many is refused before a parser spends a hundred times its size on it. In YAML that can be
// read it counts no more than there are: text in quotes, in blocks, in comments and in
// further lines of a plain scalar is skipped, as in a ConfigMap that holds megabytes of JSON.
type counter struct {
	text   []byte
	at     int
	count  int
	parent int // the column of the collection whose value is on a line of its own
}

// atLeast returns how many values and keys the text of a document holds at the least, some
// number above most where there are more than most.
func atLeast(text []byte, most int) int {
	c := &counter{text: text, count: 1, parent: -1}
	for c.at < len(text) && c.count <= most {
		c.line()
	}
	return c.count
}

// line goes behind what begins in a line: outside of all scalars and brackets.
func (c *counter) line() {
	start, parent := c.at, -1 // parent is the column of the collection around what is next
	if yamltext.IsMarker(c.text[start:], "---") {
		c.at += 3
	}
	for {
		c.blanks()
		if c.at == len(c.text) {
			return
		}
		column := c.at - start
		switch b := c.text[c.at]; {
		case b == '#' || c.breaks(c.at):
			if parent >= 0 {
				c.parent = parent
			}
			c.at = yamltext.NextLine(c.text, c.at)
			return
		case (b == '-' || b == '?' || b == ':') && c.separates(c.at+1):
			switch b {
			case '-':
				c.count++
			case '?': // and the value behind the colon
				c.count += 2
			}
			parent = column
			c.at++
		case b == '&' || b == '!':
			for !c.separates(c.at) {
				c.at++
			}
		case b != '|' && b != '>' && c.key():
			c.count += 2
			parent = column
		default:
			if parent < 0 {
				parent = min(c.parent, column-1)
			}
			c.skip(parent)
			return
		}
	}
}

// key goes behind a scalar or brackets, and the colon that makes a key of it; it reports
// whether there is one.
func (c *counter) key() bool {
	switch c.text[c.at] {
	case '"', '\'':
		c.at = yamltext.QuotedEnd(c.text, c.at)
	case '[', '{':
		end, least := flow(c.text, c.at)
		c.at = end
		c.count += least
	default:
		for c.at < len(c.text) && !c.breaks(c.at) && (c.text[c.at] != ':' || !c.separates(c.at+1)) {
			if c.text[c.at] == '#' && c.separates(c.at-1) {
				return false
			}
			c.at++
		}
	}
	c.blanks()
	if c.at == len(c.text) || c.text[c.at] != ':' || !c.separates(c.at+1) {
		return false
	}
	c.at++
	return true
}

func (c *counter) blanks() {
	for c.at < len(c.text) && (c.text[c.at] == ' ' || c.text[c.at] == '\t') {
		c.at++
	}
}

func (c *counter) breaks(at int) bool { return yamltext.LineBreak(c.text[at:]) > 0 }

func (c *counter) separates(at int) bool {
	return at >= len(c.text) || c.text[at] == ' ' || c.text[at] == '\t' || c.breaks(at)
}

// skip goes behind the rest of the line and the lines below that are blank or indented
// deeper than the parent: they belong to the value.
func (c *counter) skip(parent int) {
	for c.at = yamltext.NextLine(c.text, c.at); c.at < len(c.text); c.at = yamltext.NextLine(c.text, c.at) {
		content := c.at + yamltext.Indent(c.text[c.at:])
		if content < len(c.text) && content-c.at <= parent && !c.breaks(content) {
			return
		}
	}
}

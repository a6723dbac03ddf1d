// Package glob matches slash paths with the globs of the configuration, in time that
// grows with the lengths of the glob and the path alone.
//
// "*" and "?" stand for characters other than "/", "[a-z]" and "[!a-z]" (or "[^a-z]")
// for one of a set or none, "{a,b}" for either glob, "**" as a whole component for any
// number of directories, and "\" takes the meaning from the character behind it. It looks
// at no file: paths are text to it.
package glob

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Glob is a pattern ready to match. It is immutable.
type Glob struct {
	literal string // what every match begins with
	tree    *regexp.Regexp
}

// maxPattern is the length in bytes of the longest pattern.
const maxPattern = 1024

// Compile reads a pattern. Its error says what is wrong with it.
func Compile(pattern string) (*Glob, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("the glob is longer than %d bytes", maxPattern)
	}
	if !utf8.ValidString(pattern) {
		return nil, errors.New("the glob is not UTF-8")
	}
	p := parser{pattern: pattern}
	if err := p.parse(0); err != nil {
		return nil, err
	}
	expr := p.out.String()
	tree, err := regexp.Compile(`(?s)^(?:` + expr + `)(/.*)?$`)
	if err != nil {
		return nil, errors.New("the glob nests too deep")
	}
	literal, _, _ := strings.Cut(pattern, "**")
	if at := strings.IndexAny(literal, `*?[{\`); at >= 0 {
		literal = literal[:at]
	}
	return &Glob{literal: strings.TrimSuffix(literal, "/"), tree: tree}, nil
}

// MatchTree reports whether the glob stands for the path or for a directory above it.
func (g *Glob) MatchTree(path string) bool {
	return strings.HasPrefix(path, g.literal) && g.tree.MatchString(path)
}

// A parser writes a pattern as a regular expression.
type parser struct {
	pattern string
	at      int
	out     strings.Builder
}

const maxDepth = 100

// parse reads up to the end of the pattern, inside braces up to the one that closes them.
func (p *parser) parse(depth int) error {
	if depth > maxDepth {
		return errors.New("the glob nests too deep")
	}
	fresh := true // at the start of a component
	for p.at < len(p.pattern) {
		rest := p.pattern[p.at:]
		switch c := rest[0]; {
		case depth > 0 && (c == '}' || c == ','):
			return nil
		case c == '}':
			return errors.New(`"}" closes no "{"`)
		case rest == "/**" && !strings.HasSuffix(p.pattern[:p.at], "**"): // the directory itself, too
			p.out.WriteString("(?:/.*)?")
			p.at = len(p.pattern)
		case fresh && strings.HasPrefix(rest, "**/"):
			p.out.WriteString("(?:.*/)?")
			p.at += 3
		case fresh && strings.HasPrefix(rest, "**") && (len(rest) == 2 || depth > 0 && (rest[2] == ',' || rest[2] == '}')):
			p.out.WriteString(".*")
			p.at += 2
			fresh = false
		case c == '*':
			p.out.WriteString("[^/]*")
			p.at++
			fresh = false
		case c == '?':
			p.out.WriteString("[^/]")
			p.at++
			fresh = false
		case c == '[':
			if err := p.class(); err != nil {
				return err
			}
			fresh = false
		case c == '{':
			if err := p.braces(depth); err != nil {
				return err
			}
			fresh = false
		default:
			r, ok := p.char()
			if !ok {
				return errors.New(`"\" is the last character`)
			}
			p.out.WriteString(regexp.QuoteMeta(string(r)))
			fresh = r == '/'
		}
	}
	return nil
}

// char reads one character, which a backslash may be in front of.
func (p *parser) char() (rune, bool) {
	if p.pattern[p.at] == '\\' {
		p.at++
	}
	if p.at == len(p.pattern) {
		return 0, false
	}
	r, size := utf8.DecodeRuneInString(p.pattern[p.at:])
	p.at += size
	return r, true
}

func (p *parser) braces(depth int) error {
	p.out.WriteString("(?:")
	for {
		p.at++ // the brace, or the comma
		if err := p.parse(depth + 1); err != nil {
			return err
		}
		if p.at == len(p.pattern) {
			return errors.New(`"{" is not closed`)
		}
		if p.pattern[p.at] == '}' {
			p.at++
			p.out.WriteString(")")
			return nil
		}
		p.out.WriteString("|")
	}
}

func (p *parser) class() error {
	unclosed := errors.New(`"[" is not closed`)
	p.at++
	p.out.WriteString("[")
	if p.at < len(p.pattern) && (p.pattern[p.at] == '!' || p.pattern[p.at] == '^') {
		p.out.WriteString("^/")
		p.at++
	}
	for first := true; ; first = false {
		if p.at == len(p.pattern) {
			return unclosed
		}
		if p.pattern[p.at] == ']' {
			if first {
				return errors.New(`"[]" matches no character`)
			}
			p.at++
			p.out.WriteString("]")
			return nil
		}
		low, ok := p.char()
		if !ok {
			return unclosed
		}
		high := low
		if rest := p.pattern[p.at:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
			p.at++
			if high, ok = p.char(); !ok {
				return unclosed
			}
			if high < low {
				return fmt.Errorf(`"%c-%c" is not a range`, low, high)
			}
		}
		if low <= '/' && '/' <= high { // a set stands for no slash
			fmt.Fprintf(&p.out, `\x{%x}-\x{%x}\x{%x}-\x{%x}`, min(low, '/'-1), '/'-1, '/'+1, max(high, '/'+1))
			continue
		}
		fmt.Fprintf(&p.out, `\x{%x}-\x{%x}`, low, high)
	}
}

package source

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/manilint/manilint/render/tree"
)

// A Style says what a glob's characters stand for.
type Style int

// The styles.
const (
	// Components: * and ? stop at a slash, ** is any number of directories, {a,b} is either: as
	// github.com/bmatcuk/doublestar has it.
	Components Style = iota
	// Anything: * and ? match slashes too, {a,b} is either: as github.com/gobwas/glob has it
	// without separators.
	Anything
	// Pathspec: * and ? match slashes too, braces are themselves, and a directory stands for
	// what lies below it: as git ls-files has it.
	Pathspec
)

// maxPattern is the length in bytes of the longest glob.
const maxPattern = 1024

// Glob compiles a glob to an expression that matches whole slash paths, in time that grows
// with their lengths alone.
func Glob(pattern string, style Style) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern || !utf8.ValidString(pattern) {
		return nil, fmt.Errorf("the glob is longer than %d bytes, or not UTF-8", maxPattern)
	}
	var out strings.Builder
	some, one := "[^/]*", "[^/]"
	if style != Components {
		some, one = ".*", "."
	}
	braces := 0
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		size := 1
		switch {
		case style == Components && strings.HasPrefix(rest, "**/") && (i == 0 || pattern[i-1] == '/'):
			out.WriteString("(?:[^/]+/)*")
			size = 3
		case style == Components && rest == "**" && (i == 0 || pattern[i-1] == '/'):
			out.WriteString(".*")
			size = 2
		case rest[0] == '*':
			out.WriteString(some)
		case rest[0] == '?':
			out.WriteString(one)
		case rest[0] == '[':
			end := strings.IndexByte(rest[1:], ']')
			if end <= 0 {
				return nil, errors.New("a [ is not closed")
			}
			set := rest[1 : 1+end]
			size = end + 2
			if set[0] == '!' || set[0] == '^' {
				out.WriteString("[^" + strings.NewReplacer(`\`, `\\`, "[", `\[`).Replace(set[1:]) + "]")
			} else {
				out.WriteString("[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "^", `\^`).Replace(set) + "]")
			}
		case rest[0] == '{' && style != Pathspec:
			braces++
			out.WriteString("(?:")
		case rest[0] == '}' && braces > 0:
			braces--
			out.WriteByte(')')
		case rest[0] == ',' && braces > 0:
			out.WriteByte('|')
		case rest[0] == '\\' && len(rest) > 1:
			_, n := utf8.DecodeRuneInString(rest[1:])
			out.WriteString(regexp.QuoteMeta(rest[1 : 1+n]))
			size = 1 + n
		default:
			_, size = utf8.DecodeRuneInString(rest)
			out.WriteString(regexp.QuoteMeta(rest[:size]))
		}
		i += size
	}
	if braces > 0 {
		return nil, errors.New("a { is not closed")
	}
	if style == Pathspec {
		out.WriteString("(?:/.*)?")
	}
	return regexp.Compile("(?s)^(?:" + strings.TrimSuffix(out.String(), "/") + ")$")
}

// maxWalked bounds how many entries of a tree are examined for one glob.
const maxWalked = 200000

// Walk calls visit for the files and directories below dir, in order, those of git's own
// directory left out. visit says of a directory whether to look into it.
func (c *Checkout) Walk(dir string, visit func(path string, isDir bool) bool) {
	walked := 0
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := c.Files.ReadDir(dir)
		if err != nil {
			return
		}
		for _, e := range entries {
			if walked++; walked > maxWalked || e.Name() == ".git" {
				continue
			}
			if path := filepath.Join(dir, e.Name()); visit(path, e.IsDir()) && e.IsDir() {
				walk(path)
			}
		}
	}
	walk(dir)
}

// Literal returns the directory that all matches of a glob lie in: what is in front of
// its first component with a character that is none of itself.
func Literal(pattern string) string {
	parts := strings.Split(pattern, "/")
	var dir []string
	for _, p := range parts[:len(parts)-1] {
		if strings.ContainsAny(p, `*?[{\`) {
			break
		}
		dir = append(dir, p)
	}
	return strings.Join(dir, "/")
}

// Match returns the absolute paths of the files below a base that a glob matches, in order.
func (c *Checkout) Match(base, pattern string, style Style) ([]string, error) {
	g, err := Glob(pattern, style)
	if err != nil {
		return nil, err
	}
	var found []string
	start := filepath.Join(base, filepath.FromSlash(Literal(pattern)))
	if root, _ := c.Files.Jail(); !tree.Within(root, start) && !tree.Within(start, root) {
		return nil, nil
	}
	c.Walk(start, func(path string, isDir bool) bool {
		rel, err := filepath.Rel(base, path)
		if err == nil && !isDir && g.MatchString(filepath.ToSlash(rel)) && c.Files.IsFile(path) {
			found = append(found, path)
		}
		return true
	})
	return found, nil
}

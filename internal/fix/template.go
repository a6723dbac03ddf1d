package fix

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"text/template/parse"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// inTemplates returns the place of a draft among the templates of the chart that is rendered.
func (w *finder) inTemplates(d *lint.Draft) []draftPlace {
	dir := filepath.Join(w.s.tree.Abs(w.pass.Bundle.Rendering.Root), "templates")
	if !w.s.tree.IsDir(dir) {
		return nil
	}
	in := &asTemplate{w: w, dir: dir, scopes: map[*lint.Source]scopes{}}
	path, ok := w.free(dir, d, in)
	if !ok {
		return nil
	}
	return []draftPlace{{path: path, in: in}}
}

// asTemplate writes what nodes say as the templates of a chart write it: actions and all.
type asTemplate struct {
	w      *finder
	dir    string
	scopes map[*lint.Source]scopes
}

var errNotCopied = errors.New("a label, name or port that its policy needs is not written in the chart's own templates in a way that can be taken over")

// key returns where a template writes the key of a node.
func (t *asTemplate) key(n *lint.Node) (src *lint.Source, at int, err error) {
	span := n.KeyNode().Locate().Span
	src, at = span.Start.Source, span.Start.Offset
	switch {
	case src == nil || src.File == "":
		return nil, 0, errNotCopied
	case strings.Contains(filepath.ToSlash(src.File), "/charts/") && !strings.HasPrefix(src.File, t.dir+string(filepath.Separator)):
		return nil, 0, fmt.Errorf("%s belongs to a vendored chart", src.Path)
	case !strings.HasPrefix(src.File, t.dir+string(filepath.Separator)) || !strings.HasPrefix(string(src.Data[at:]), n.Name()+":"):
		return nil, 0, errNotCopied
	}
	return src, at, nil
}

// variable matches one that the text does not set.
var variable = regexp.MustCompile(`\$[A-Za-z_]`)

func (t *asTemplate) value(v lint.Affixed) (*part, []string, error) {
	p, conditions, err := t.copied(v)
	if err != nil && v.Literal && v.Node.IsScalar() && !strings.Contains(v.Node.Value(), "{{") {
		return scalar(v.Node.YAML()), nil, nil
	}
	return p, conditions, err
}

// copied is value for what can be taken over.
func (t *asTemplate) copied(v lint.Affixed) (*part, []string, error) {
	n := v.Node
	src, at, err := t.key(n)
	if err != nil {
		return nil, nil, err
	}
	conditions, err := t.around(src, at)
	if err != nil {
		return nil, nil, err
	}
	line := src.Position(at).Line
	column := at - src.LineStart(line)
	rest := strings.TrimSpace(src.Line(line)[column+len(n.Name())+1:])
	if n.IsScalar() {
		text, ok := inline(rest)
		if !ok || variable.MatchString(text) {
			return nil, nil, errNotCopied
		}
		return affixed(v, text), conditions, nil
	}
	if v.Before+v.After != "" {
		return nil, nil, errNotCopied
	}
	p, err := mapping(src, n, at, column, rest)
	return p, conditions, err
}

// affixed writes text around the text of a scalar.
func affixed(v lint.Affixed, text string) *part {
	if q := text[:1]; q == `"` || q == "'" {
		text = q + v.Before + strings.Trim(text, q) + v.After + q
	} else {
		text = v.Before + text + v.After
	}
	return &part{kind: yaml.ScalarNode, text: text}
}

// inline returns a scalar on the line of its key, without a comment behind it.
func inline(rest string) (string, bool) {
	behind := strings.LastIndex(rest, "}}") + 1
	if comment := strings.Index(rest[behind:], " #"); comment >= 0 {
		rest = strings.TrimSpace(rest[:behind+comment])
	}
	if rest == "" || strings.Count(rest, "{{") != strings.Count(rest, "}}") || strings.Contains(rest, "indent") {
		return "", false
	}
	if strings.HasPrefix(rest, "{{") {
		return rest, true
	}
	return rest, !strings.ContainsAny(rest[:1], "|>&*{[!#%@`")
}

// mapping takes over the lines below a key.
func mapping(src *lint.Source, n *lint.Node, offset, column int, rest string) (*part, error) {
	if strings.TrimLeft(string(src.Data[offset-column:offset]), " ") != "" || !n.IsMapping() {
		return nil, errNotCopied
	}
	b := &block{column: column}
	switch {
	case strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, "{{") && strings.HasSuffix(rest, "}") && !variable.MatchString(rest) && balanced(rest):
		return &part{kind: yaml.ScalarNode, text: rest}, nil
	case strings.HasPrefix(rest, "{{") && strings.HasSuffix(rest, "}}") && strings.Contains(rest, "nindent"):
		b.lines = []string{at(column+step) + "{{- " + strings.TrimLeft(rest[2:], "- ")}
	case rest == "" || rest[0] == '#':
		b.lines = linesBelow(src, src.Position(offset).Line, column)
	}
	text := strings.Join(b.lines, "\n")
	if text == "" || variable.MatchString(text) || strings.Count(text, "{{") != strings.Count(text, "}}") || !balanced(text) {
		return nil, errNotCopied
	}
	return &part{kind: yaml.MappingNode, block: b}, nil
}

// linesBelow returns the lines of a template below a key at a column, without comments.
func linesBelow(src *lint.Source, line, column int) []string {
	var all []string
	for line++; line <= src.Lines(); line++ {
		text := strings.TrimRight(src.Line(line), " \t\r")
		content := strings.TrimLeft(text, " ")
		if content == "" || content[0] == '#' {
			continue
		}
		if len(text)-len(content) <= column && !(strings.HasPrefix(content, "{{") && strings.Contains(content, "indent")) {
			break
		}
		all = append(all, text)
	}
	return all
}

// balanced reports whether text of a template stands on its own: it opens no block that it
// does not end.
func balanced(text string) bool {
	_, err := scopesOf(text)
	return err == nil
}

func (*asTemplate) written(n *lint.Node) bool { return n.Exists() }

func (t *asTemplate) conditions(r *lint.Resource) ([]string, error) {
	src, at, err := t.key(r.Get("kind"))
	if err != nil {
		return nil, err
	}
	return t.around(src, at)
}

// around returns the conditions under which a place of a template is written.
func (t *asTemplate) around(src *lint.Source, at int) ([]string, error) {
	known, ok := t.scopes[src]
	if !ok {
		var err error
		if known, err = scopesOf(string(src.Data)); err != nil {
			return nil, errNotCopied
		}
		t.scopes[src] = known
	}
	for _, s := range known {
		if s.from <= at && at < s.to {
			if s.bound {
				return nil, fmt.Errorf("%s writes it in a block that cannot be taken over", src.Path)
			}
			return s.conditions, nil
		}
	}
	return nil, errNotCopied
}

var plainPath = regexp.MustCompile(`^[\w./\\-]+$`)

func (t *asTemplate) name(r *lint.Resource) string {
	src := r.Get("kind").KeyNode().Locate().Span.Start.Source
	if src == nil {
		return r.Kind
	}
	rel, err := filepath.Rel(filepath.Dir(t.dir), src.File)
	if err != nil {
		return r.Kind
	}
	if !plainPath.MatchString(rel) { // which the template would read as its own
		return r.Kind
	}
	return fmt.Sprintf("%s of %s", r.Kind, filepath.ToSlash(rel))
}

// A scope is a piece of text of a template and what decides whether it is written.
type scope struct {
	from, to   int
	conditions []string
	bound      bool // it is in a range, a with, or a template with a name: dot is not the root
}

type scopes []scope

// scopesOf reads the blocks of a template.
func scopesOf(text string) (scopes, error) {
	t := parse.New("template")
	t.Mode = parse.SkipFuncCheck | parse.ParseComments
	trees := map[string]*parse.Tree{}
	if _, err := t.Parse(text, "", "", trees); err != nil {
		return nil, err
	}
	var all scopes
	for name, tree := range trees {
		all.add(tree.Root, nil, name != "template")
	}
	if t.Root != nil && trees["template"] == nil {
		all.add(t.Root, nil, false)
	}
	return all, nil
}

func (s *scopes) add(list *parse.ListNode, conditions []string, bound bool) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			*s = append(*s, scope{int(n.Pos), int(n.Pos) + len(n.Text), conditions, bound})
		case *parse.IfNode:
			test := n.Pipe.String()
			own := bound || len(n.Pipe.Decl) > 0 || variable.MatchString(test)
			s.add(n.List, append(conditions[:len(conditions):len(conditions)], test), own)
			s.add(n.ElseList, append(conditions[:len(conditions):len(conditions)], "not ("+test+")"), own)
		case *parse.RangeNode:
			s.add(n.List, conditions, true)
			s.add(n.ElseList, conditions, true)
		case *parse.WithNode:
			s.add(n.List, conditions, true)
			s.add(n.ElseList, conditions, true)
		}
	}
}

package fix

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
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
	in := &asTemplate{w: w, dir: dir, blocks: map[*lint.Source]blocks{}}
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
	blocks map[*lint.Source]blocks
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

// variable matches a variable, but for the root.
var variable = regexp.MustCompile(`\$[A-Za-z_]\w*`)

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
		if ok {
			text, ok = t.blocks[src].inlined(text)
		}
		if !ok {
			return nil, nil, errNotCopied
		}
		return affixed(v, text), conditions, nil
	}
	if v.Before+v.After != "" {
		return nil, nil, errNotCopied
	}
	p, err := mapping(src, n, at, column, rest, t.blocks[src])
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
func mapping(src *lint.Source, n *lint.Node, offset, column int, rest string, in blocks) (*part, error) {
	if strings.TrimLeft(string(src.Data[offset-column:offset]), " ") != "" || !n.IsMapping() {
		return nil, errNotCopied
	}
	b := &block{column: column}
	switch {
	case strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, "{{") && strings.HasSuffix(rest, "}") && balanced(rest):
		text, ok := in.inlined(rest)
		if !ok {
			return nil, errNotCopied
		}
		return &part{kind: yaml.ScalarNode, text: text}, nil
	case strings.HasPrefix(rest, "{{") && strings.HasSuffix(rest, "}}") && strings.Contains(rest, "nindent"):
		b.lines = []string{at(column+step) + "{{- " + strings.TrimLeft(rest[2:], "- ")}
	case rest == "" || rest[0] == '#':
		b.lines = linesBelow(src, src.Position(offset).Line, column)
	}
	text, ok := in.inlined(strings.Join(b.lines, "\n"))
	b.lines = strings.Split(text, "\n")
	if text == "" || !ok || strings.Count(text, "{{") != strings.Count(text, "}}") || !balanced(text) {
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
	_, err := blocksOf(text)
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
	known, ok := t.blocks[src]
	if !ok {
		var err error
		if known, err = blocksOf(string(src.Data)); err != nil {
			return nil, errNotCopied
		}
		t.blocks[src] = known
	}
	for _, s := range known.scopes {
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

// blocks are the scopes of a template, and the variables that it sets once, outside of any block.
type blocks struct {
	scopes    []scope
	variables map[string]string // by name with the dollar sign: what they are set to
}

// blocksOf reads the blocks of a template.
func blocksOf(text string) (blocks, error) {
	t := parse.New("template")
	t.Mode = parse.SkipFuncCheck | parse.ParseComments
	trees := map[string]*parse.Tree{}
	all := blocks{variables: map[string]string{}}
	if _, err := t.Parse(text, "", "", trees); err != nil {
		return all, err
	}
	if t.Root != nil {
		all.set(t.Root, text)
	}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		if trees[name].Root != t.Root {
			all.add(trees[name].Root, nil, true)
		}
	}
	all.add(t.Root, nil, false)
	return all, nil
}

// set takes down the variables that a list of nodes sets.
func (s *blocks) set(list *parse.ListNode, text string) {
	for _, n := range list.Nodes {
		action, ok := n.(*parse.ActionNode)
		if !ok || len(action.Pipe.Decl) != 1 || action.Pipe.IsAssign {
			continue
		}
		name := action.Pipe.Decl[0].String()
		again := regexp.MustCompile(regexp.QuoteMeta(name) + `\s*(:=|=|,)|,\s*` + regexp.QuoteMeta(name) + `\b`)
		var parts []string
		for _, c := range action.Pipe.Cmds {
			parts = append(parts, c.String())
		}
		if value, ok := s.inlined(strings.Join(parts, " | ")); ok && len(again.FindAllString(text, 2)) == 1 {
			s.variables[name] = value
		}
	}
}

// inlined writes for the variables of a text what they are set to; ok is false where that is not
// known of each.
func (s blocks) inlined(text string) (inlined string, ok bool) {
	ok = true
	inlined = variable.ReplaceAllStringFunc(text, func(name string) string {
		value, known := s.variables[name]
		ok = ok && known
		return "(" + value + ")"
	})
	return alone.ReplaceAllString(inlined, "{{${1}${2}${3}}}"), ok
}

// alone matches an action that is what a variable is set to and nothing else.
var alone = regexp.MustCompile(`\{\{(-? )\(([^(){}]*)\)( -?)\}\}`)

func (s *blocks) add(list *parse.ListNode, conditions []string, bound bool) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			s.scopes = append(s.scopes, scope{int(n.Pos), int(n.Pos) + len(n.Text), conditions, bound})
		case *parse.IfNode:
			test, known := s.inlined(n.Pipe.String())
			own := bound || len(n.Pipe.Decl) > 0 || !known
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

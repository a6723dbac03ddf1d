package trace

import (
	"maps"
	"slices"
	"text/template/parse"
)

// rootName is what Helm calls the template that all others are associated with, and the text
// of tpl.
const rootName = "gotpl"

// A definition is a template with a name, of a file or of a text that tpl renders.
type definition struct {
	name string
	tree *parse.Tree
	file *Origin   // of a template of a file
	text []Segment // of the text of tpl that holds it, where it is no file's
}

// place returns what n bytes of the template's text were read from.
func (d *definition) place(off, n int) []Segment {
	if d.file != nil {
		return []Segment{{End: n, O: d.file, Off: off, Exact: true}}
	}
	return Clip(d.text, off, off+n)
}

// A set is the templates that can be called by name: those of a chart, and for each text
// that tpl renders its own besides.
type set struct {
	parent *set
	depth  int // how deep tpl is in tpl
	own    map[string]*definition
}

func (s *set) lookup(name string) *definition {
	for ; s != nil; s = s.parent {
		if d := s.own[name]; d != nil {
			return d
		}
	}
	return nil
}

// add adds a definition in the place of one of the same name, which an empty one does not
// take.
func (s *set) add(d *definition) {
	if parse.IsEmptyTree(d.tree.Root) && s.lookup(d.name) != nil {
		return
	}
	s.own[d.name] = d
}

// builtins are the names of the functions that text/template has itself.
var builtins = map[string]any{"and": true, "or": true, "not": true, "call": true, "html": true, "index": true, "slice": true, "js": true, "len": true,
	"print": true, "printf": true, "println": true, "urlquery": true, "eq": true, "ne": true, "lt": true, "le": true, "gt": true, "ge": true,
	"include": true, "tpl": true}

// Parsed is the templates of a chart, which several renderings share. It is used by one
// goroutine. The zero Parsed is ready for use.
type Parsed struct {
	trees    map[templateText]parsedText
	branches map[*parse.BranchNode]*block // those that were executed
}

// A block is what is known of an if, with or range whatever the values are.
type block struct {
	asked    Condition
	assigned []string // the variables of others that its blocks assign to
	body     string   // the text of what it decides about, once it is known
	known    bool
}

// blockOf returns what is known of an if, with or range.
func (t *tracer) blockOf(of *definition, b *parse.BranchNode) *block {
	known := t.branches[b]
	if known == nil {
		known = &block{asked: conditionOf(b.Pipe)}
		assigned := map[string]bool{}
		assignments(b.List, map[string]bool{}, assigned)
		assignments(b.ElseList, map[string]bool{}, assigned)
		for _, v := range b.Pipe.Decl {
			delete(assigned, v.Ident[0])
		}
		known.assigned = slices.Sorted(maps.Keys(assigned))
		if of.file != nil { // the text of tpl is parsed each time
			t.branches[b] = known
		}
	}
	return known
}

// A templateText is a template by its name and its text, which never changes.
type templateText struct{ name, text string }

type parsedText struct {
	trees map[string]*parse.Tree
	err   error
}

// parsed returns the templates that a text defines, itself among them.
func (e *Engine) parsed(name, text string) (map[string]*parse.Tree, error) {
	if e.Parsed == nil {
		return e.parse(name, text)
	}
	key := templateText{name, text}
	p, known := e.Parsed.trees[key]
	if !known {
		p.trees, p.err = e.parse(name, text)
		if e.Parsed.trees == nil {
			e.Parsed.trees = map[templateText]parsedText{}
		}
		e.Parsed.trees[key] = p
	}
	return p.trees, p.err
}

func (e *Engine) parse(name, text string) (map[string]*parse.Tree, error) {
	if err := nested(text); err != nil {
		return nil, err
	}
	return parse.Parse(name, text, "", "", e.raw, builtins)
}

package trace

import (
	"maps"
	"strings"
	"text/template/parse"
)

// actionOf returns what is kept of an action, or of a constant in one.
func (t *tracer) actionOf(of *definition, n parse.Node, pos parse.Pos) *action {
	if a := t.actions[n]; a != nil {
		return a
	}
	a := &action{in: literal}
	if of.file != nil {
		a.in, a.off = of.file, int(pos)
	} else if segs := of.place(int(pos), 1); len(segs) > 0 {
		a.in, a.off = segs[0].O, segs[0].Off
	}
	t.actions[n] = a
	return a
}

// branchOf is actionOf for an if, with or range.
func (t *tracer) branchOf(of *definition, b *parse.BranchNode) *action {
	if a := t.actions[b]; a != nil {
		return a
	}
	a := t.actionOf(of, b, b.Pos)
	a.list, a.block = b.List, t.blockOf(of, b)
	return a
}

// kept reports whether an argument of a command is a constant that its function puts into a
// mapping or a list, where it is to be told from what it is next to.
func kept(c *parse.CommandNode, i int) bool {
	fn, ok := c.Args[0].(*parse.IdentifierNode)
	return ok && isKept(fn.Ident, i, c.Args[i])
}

// isKept is kept for the i-th argument of a function.
func isKept(name string, i int, n parse.Node) bool {
	switch arg := n.(type) {
	case *parse.StringNode, *parse.BoolNode:
	case *parse.NumberNode:
		if arg.IsComplex && !arg.IsFloat {
			return false
		}
	default:
		return false
	}
	switch name {
	case "dict":
		return i%2 == 0 // the others are keys
	case "set":
		return i == 3
	case "list", "tuple":
		return true
	case "append", "mustAppend", "push", "mustPush", "prepend", "mustPrepend":
		return i == 2
	}
	return false
}

// Written is in the text of a block where an action would write something.
const Written = "\x00"

// bodyText returns what a block of a template would write: its text, that of
// all branches of the blocks in it, and [written] for actions, as far to the right as
// indent and nindent put it.
func bodyText(l *parse.ListNode) string {
	var out strings.Builder
	var walk func(l *parse.ListNode)
	walk = func(l *parse.ListNode) {
		if l == nil {
			return
		}
		for _, n := range l.Nodes {
			switch x := n.(type) {
			case *parse.TextNode:
				out.Write(x.Text)
			case *parse.ActionNode:
				if len(x.Pipe.Decl) == 0 {
					last := x.Pipe.Cmds[len(x.Pipe.Cmds)-1].Args
					if fn, ok := last[0].(*parse.IdentifierNode); ok && len(last) > 1 {
						if n, ok := last[1].(*parse.NumberNode); ok && n.IsInt && n.Int64 >= 0 && n.Int64 < 1000 {
							switch fn.Ident {
							case "nindent":
								out.WriteString("\n" + strings.Repeat(" ", int(n.Int64)))
							case "indent":
								out.WriteString(strings.Repeat(" ", int(n.Int64)))
							}
						}
					}
					out.WriteString(Written)
				}
			case *parse.TemplateNode:
				out.WriteString(Written)
			default:
				if b := branchIn(n); b != nil {
					walk(b.List)
					walk(b.ElseList)
				}
			}
		}
	}
	walk(l)
	return out.String()
}

// assignments collects the variables that a block assigns to without declaring them.
func assignments(l *parse.ListNode, declared, assigned map[string]bool) {
	if l == nil {
		return
	}
	own := maps.Clone(declared)
	for _, n := range l.Nodes {
		if x, ok := n.(*parse.ActionNode); ok {
			for _, v := range x.Pipe.Decl {
				if !x.Pipe.IsAssign {
					own[v.Ident[0]] = true
				} else if !own[v.Ident[0]] {
					assigned[v.Ident[0]] = true
				}
			}
		} else if b := branchIn(n); b != nil {
			inner := maps.Clone(own)
			for _, v := range b.Pipe.Decl {
				inner[v.Ident[0]] = true
			}
			assignments(b.List, inner, assigned)
			assignments(b.ElseList, inner, assigned)
		}
	}
}

package trace

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// Templates are rewritten after parsing, so that they tell the tracer what they do;
// what they compute and print is unchanged:
//
//	{{ p }}              {{ __print ID __begin (p) }}
//	{{ if p }}a{{ end }} {{ if __decide ID __begin (p) }}{{ __enter … }}a{{ end }}{{ __leave … }}
//	{{ $x = p }}         {{ $x = __keep ID __begin (p) }}
//	.Values.a            (__field "a" .Values .Values.a)
//	dict "a" true        dict "a" (__const ID true)
//
// The hooks are registered after the chart is parsed, so its templates cannot name them.

// hooks returns the functions that rewritten templates call.
func (t *tracer) hooks() template.FuncMap {
	return template.FuncMap{
		"__begin": t.begin, "__print": t.print, "__decide": t.decide, "__keep": t.keep, "__join": t.join, "__field": t.field, "__read": t.read, "__files": t.filesRead, "__const": t.constant,
		"__enter": t.enterGuard, "__leave": t.leaveGuard, "__call": t.enterTemplate, "__return": t.leaveTemplate,
	}
}

// A placer maps a range of a template's text to segments of what it was read from.
type placer func(off, n int) []Segment

// A rewriter rewrites one tree.
type rewriter struct {
	t     *tracer
	tree  *parse.Tree
	place placer

	functions map[string]bool // that the template calls
	calls     []string        // the templates that it calls with {{ template }}
}

func (r *rewriter) action(pos parse.Pos) int {
	a := action{in: literal}
	if segs := r.place(int(pos), 1); len(segs) > 0 {
		a.in, a.off = segs[0].O, segs[0].Off
	}
	r.t.actions = append(r.t.actions, a)
	return len(r.t.actions) - 1
}

func (r *rewriter) name(pos parse.Pos, name string) *parse.IdentifierNode {
	return parse.NewIdentifier(name).SetPos(pos).SetTree(r.tree)
}

func number(pos parse.Pos, n int) *parse.NumberNode {
	return &parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(n), IsUint: n >= 0, Uint64: uint64(n), IsFloat: true, Float64: float64(n), Text: strconv.Itoa(n)}
}

func command(pos parse.Pos, args ...parse.Node) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: args}
}

func pipe(pos parse.Pos, line int, cmds ...*parse.CommandNode) *parse.PipeNode {
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Line: line, Cmds: cmds}
}

// call returns an action that calls a hook with numbers.
func (r *rewriter) call(pos parse.Pos, hook string, args ...int) *parse.ActionNode {
	c := command(pos, r.name(pos, hook))
	for _, n := range args {
		c.Args = append(c.Args, number(pos, n))
	}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: pipe(pos, 0, c)}
}

// wrap hands the result of a pipeline through a hook.
func (r *rewriter) wrap(p *parse.PipeNode, hook string, act int) {
	inner := pipe(p.Pos, p.Line, p.Cmds...)
	r.operands(inner)
	begin := pipe(p.Pos, p.Line, command(p.Pos, r.name(p.Pos, "__begin")))
	p.Cmds = []*parse.CommandNode{command(p.Pos, r.name(p.Pos, hook), number(p.Pos, act), begin, inner)}
}

// operands lets the tracer see the operands of a pipeline.
func (r *rewriter) operands(p *parse.PipeNode) {
	for ci, c := range p.Cmds {
		for i, arg := range c.Args {
			if fn, ok := arg.(*parse.IdentifierNode); ok {
				if r.functions == nil {
					r.functions = map[string]bool{}
				}
				r.functions[fn.Ident] = true
				continue
			}
			if nested, ok := arg.(*parse.PipeNode); ok {
				r.operands(nested)
				if _, named := nested.Cmds[len(nested.Cmds)-1].Args[0].(*parse.IdentifierNode); named {
					nested.Cmds = append(nested.Cmds, command(nested.Pos, r.name(nested.Pos, "__read")))
				}
				continue
			}
			if chain, ok := arg.(*parse.ChainNode); ok {
				if nested, ok := chain.Node.(*parse.PipeNode); ok {
					r.operands(nested)
				}
			}
			if i == 0 && (ci > 0 || len(c.Args) > 1) {
				continue // what it calls, with arguments
			}
			if r.kept(c, i) {
				c.Args[i] = pipe(arg.Position(), p.Line, command(arg.Position(), r.name(arg.Position(), "__const"), number(arg.Position(), r.action(arg.Position())), arg))
				continue
			}
			if seen := r.seen(arg, p.Line); seen != nil {
				c.Args[i] = seen
			}
		}
	}
}

// kept reports whether an argument is a constant that a function puts into a mapping or
// a list, where it is to be told from what it is next to.
func (r *rewriter) kept(c *parse.CommandNode, i int) bool {
	switch arg := c.Args[i].(type) {
	case *parse.StringNode, *parse.BoolNode:
	case *parse.NumberNode:
		if arg.IsComplex && !arg.IsFloat {
			return false
		}
	default:
		return false
	}
	fn, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		return false
	}
	switch fn.Ident {
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

// seen returns an operand handed through a hook; nil for those that need none.
func (r *rewriter) seen(arg parse.Node, line int) parse.Node {
	pos := arg.Position()
	hooked := func(args ...parse.Node) parse.Node { return pipe(pos, line, command(pos, args...)) }
	path := func(fields []string) parse.Node {
		joined := strings.Join(fields, "\x00")
		return &parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: strconv.Quote(joined), Text: joined}
	}
	switch x := arg.(type) {
	case *parse.FieldNode:
		switch x.Ident[0] {
		case "Files", "Capabilities", "Template", "Subcharts":
			return nil
		case "Values":
			if len(x.Ident) == 1 {
				return nil
			}
			base := &parse.FieldNode{NodeType: parse.NodeField, Pos: pos, Ident: x.Ident[:1]}
			return hooked(r.name(pos, "__field"), path(x.Ident[1:]), base, x)
		case "Chart", "Release":
			return hooked(r.name(pos, "__read"), x)
		}
		return hooked(r.name(pos, "__field"), path(x.Ident), &parse.DotNode{NodeType: parse.NodeDot, Pos: pos}, x)
	case *parse.VariableNode:
		switch {
		case len(x.Ident) == 1 && x.Ident[0] == "$":
			return nil
		case len(x.Ident) == 1:
			return hooked(r.name(pos, "__read"), x)
		}
		from := 1
		if x.Ident[1] == "Values" {
			from = 2
		}
		if from == len(x.Ident) {
			return nil
		}
		base := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: pos, Ident: x.Ident[:from]}
		return hooked(r.name(pos, "__field"), path(x.Ident[from:]), base, x)
	case *parse.ChainNode:
		if last := x.Field[len(x.Field)-1]; last == "AsConfig" || last == "AsSecrets" {
			return hooked(r.name(pos, "__files"), x.Node, x)
		}
		return hooked(r.name(pos, "__read"), x)
	case *parse.DotNode:
		return hooked(r.name(pos, "__read"), x)
	}
	return nil
}

// list rewrites the nodes of a block at a depth.
func (r *rewriter) list(l *parse.ListNode, depth int) {
	if l == nil {
		return
	}
	var out []parse.Node
	for _, n := range l.Nodes {
		switch x := n.(type) {
		case *parse.TextNode:
			if len(x.Text) > 0 {
				r.t.texts[bytesAddress(x.Text)] = r.place(int(x.Pos), len(x.Text))
			}
		case *parse.ActionNode:
			switch {
			case len(x.Pipe.Decl) == 0:
				r.wrap(x.Pipe, "__print", r.action(x.Pos))
			case len(x.Pipe.Decl) == 1:
				r.wrap(x.Pipe, "__keep", r.action(x.Pos))
			default:
				r.operands(x.Pipe)
			}
		case *parse.IfNode:
			out = append(out, r.branch(n, &x.BranchNode, depth)...)
			continue
		case *parse.WithNode:
			out = append(out, r.branch(n, &x.BranchNode, depth)...)
			continue
		case *parse.RangeNode:
			out = append(out, r.branch(n, &x.BranchNode, depth)...)
			continue
		case *parse.TemplateNode:
			if x.Pipe != nil {
				r.operands(x.Pipe)
			}
			r.calls = append(r.calls, x.Name)
			out = append(out, r.call(x.Pos, "__call"), n, r.call(x.Pos, "__return"))
			continue
		}
		out = append(out, n)
	}
	l.Nodes = out
}

// branch rewrites an if, with or range and returns what is in its place.
func (r *rewriter) branch(n parse.Node, b *parse.BranchNode, depth int) []parse.Node {
	act := r.action(b.Pos)
	asked := conditionOf(b.Pipe)
	r.t.actions[act].list, r.t.actions[act].asked = b.List, &asked
	assigned := map[string]bool{}
	assignments(b.List, map[string]bool{}, assigned)
	assignments(b.ElseList, map[string]bool{}, assigned)
	for _, v := range b.Pipe.Decl {
		delete(assigned, v.Ident[0])
	}
	r.wrap(b.Pipe, "__decide", act)
	for other, l := range []*parse.ListNode{b.List, b.ElseList} {
		if l != nil {
			r.list(l, depth+1)
			l.Nodes = append([]parse.Node{r.call(b.Pos, "__enter", act, other, depth)}, l.Nodes...)
		}
	}
	out := []parse.Node{n, r.call(b.Pos, "__leave", depth)}
	for _, name := range slices.Sorted(maps.Keys(assigned)) {
		v := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: b.Pos, Ident: []string{name}}
		join := pipe(b.Pos, b.Line, command(b.Pos, r.name(b.Pos, "__join"), number(b.Pos, act), v))
		join.IsAssign, join.Decl = true, []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: b.Pos, Ident: []string{name}}}
		out = append(out, &parse.ActionNode{NodeType: parse.NodeAction, Pos: b.Pos, Line: b.Line, Pipe: join})
	}
	return out
}

// Written is in the text of a block where an action would write something.
const Written = "\x00"

// bodyText returns what a block of a rewritten template would write: its text, that of
// all branches of the blocks in it, and [written] for actions, as far to the right as
// indent and nindent put it.
func bodyText(l *parse.ListNode) string {
	var out strings.Builder
	var walk func(l *parse.ListNode)
	branch := func(b *parse.BranchNode) {
		walk(b.List)
		walk(b.ElseList)
	}
	walk = func(l *parse.ListNode) {
		if l == nil {
			return
		}
		for _, n := range l.Nodes {
			switch x := n.(type) {
			case *parse.TextNode:
				out.Write(x.Text)
			case *parse.ActionNode:
				if fn, ok := x.Pipe.Cmds[0].Args[0].(*parse.IdentifierNode); ok && fn.Ident == "__print" {
					printed := x.Pipe.Cmds[0].Args[3].(*parse.PipeNode)
					last := printed.Cmds[len(printed.Cmds)-1].Args
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
			case *parse.IfNode:
				branch(&x.BranchNode)
			case *parse.WithNode:
				branch(&x.BranchNode)
			case *parse.RangeNode:
				branch(&x.BranchNode)
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
	own := map[string]bool{}
	for name := range declared {
		own[name] = true
	}
	branch := func(b *parse.BranchNode) {
		inner := map[string]bool{}
		for name := range own {
			inner[name] = true
		}
		for _, v := range b.Pipe.Decl {
			inner[v.Ident[0]] = true
		}
		assignments(b.List, inner, assigned)
		assignments(b.ElseList, inner, assigned)
	}
	for _, n := range l.Nodes {
		switch x := n.(type) {
		case *parse.ActionNode:
			for _, v := range x.Pipe.Decl {
				if !x.Pipe.IsAssign {
					own[v.Ident[0]] = true
				} else if !own[v.Ident[0]] {
					assigned[v.Ident[0]] = true
				}
			}
		case *parse.IfNode:
			branch(&x.BranchNode)
		case *parse.WithNode:
			branch(&x.BranchNode)
		case *parse.RangeNode:
			branch(&x.BranchNode)
		}
	}
}

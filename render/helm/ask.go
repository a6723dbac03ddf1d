package helm

import (
	"slices"
	"strings"
	"text/template/parse"
)

// A condition is what an if, with or range asks, as far as it can be put in words.
type condition struct {
	op       conditionOp
	operand  string // of asksSet and the comparisons: the fields, joined by NUL; "" for a variable or the dot
	absolute bool   // the operand is read from .Values, not from what the dot or a variable holds
	word     string // what the comparisons compare with
	args     []condition
}

type conditionOp uint8

const (
	asksOther conditionOp = iota // something that is not followed
	asksSet                      // the operand is true, not empty
	asksEqual
	asksUnequal
	asksNot
	asksAll
	asksAny
)

// A decision is how a condition turned out.
type decision struct {
	asked *condition
	// value is the path of the value that the condition came to as it is; "" where it
	// came to anything else.
	value string
}

// conditionOf reads a pipeline that is not rewritten yet.
func conditionOf(p *parse.PipeNode) condition {
	var c condition
	for i, cmd := range p.Cmds {
		args := make([]condition, 0, len(cmd.Args))
		words := make([]string, 0, len(cmd.Args))
		for _, arg := range cmd.Args {
			asked, word := operandOf(arg)
			args, words = append(args, asked), append(words, word)
		}
		fn, called := cmd.Args[0].(*parse.IdentifierNode)
		if !called {
			if i > 0 || len(args) > 1 {
				return condition{}
			}
			c = args[0]
			continue
		}
		args, words = args[1:], words[1:]
		if i > 0 {
			args, words = append(args, c), append(words, "")
		}
		c = callOf(fn.Ident, args, words)
	}
	return c
}

// callOf returns what the result of a function asks.
func callOf(name string, args []condition, words []string) condition {
	switch {
	case (name == "not" || name == "empty") && len(args) == 1:
		return condition{op: asksNot, args: args}
	case name == "and" && len(args) > 0:
		return condition{op: asksAll, args: args}
	case name == "or" && len(args) > 0:
		return condition{op: asksAny, args: args}
	case (name == "eq" || name == "ne") && len(args) == 2:
		if words[1] == "" {
			args[0], words[1] = args[1], words[0]
		}
		if args[0].op != asksSet || words[1] == "" {
			return condition{}
		}
		c := args[0]
		c.op, c.word = asksEqual, words[1]
		if name == "ne" {
			c.op = asksUnequal
		}
		return c
	}
	return condition{}
}

// operandOf returns what an operand asks where it is a condition, or the text of a constant.
func operandOf(arg parse.Node) (c condition, word string) {
	read := func(fields []string) condition {
		c := condition{op: asksSet}
		if len(fields) > 0 {
			switch fields[0] {
			case "Chart", "Release", "Capabilities", "Files", "Template", "Subcharts":
				return condition{}
			}
		}
		if i := slices.Index(fields, "Values"); i >= 0 {
			c.absolute, fields = true, fields[i+1:]
		}
		c.operand = strings.Join(fields, "\x00")
		return c
	}
	switch x := arg.(type) {
	case *parse.FieldNode:
		return read(x.Ident), ""
	case *parse.VariableNode:
		return read(x.Ident[1:]), ""
	case *parse.DotNode:
		return read(nil), ""
	case *parse.PipeNode:
		if len(x.Decl) == 0 {
			return conditionOf(x), ""
		}
	case *parse.ChainNode:
		if inner, _ := operandOf(x.Node); inner.op == asksSet && inner.operand != "" {
			inner.operand += "\x00" + strings.Join(x.Field, "\x00")
			return inner, ""
		}
	case *parse.StringNode:
		return condition{}, x.Text
	case *parse.NumberNode:
		return condition{}, x.Text
	case *parse.BoolNode:
		if x.True {
			return condition{}, "true"
		}
		return condition{}, "false"
	}
	return condition{}, ""
}

// follows returns what is known of the operands of a condition that turned out true or
// false; nothing of alternatives, of which any may have decided.
func (c condition) follows(outcome bool) []condition {
	switch {
	case c.op == asksNot:
		return c.args[0].follows(!outcome)
	case c.op == asksAll && outcome || c.op == asksAny && !outcome || len(c.args) == 1:
		var all []condition
		for _, arg := range c.args {
			all = append(all, arg.follows(outcome)...)
		}
		return all
	case c.op == asksOther || c.op == asksAll || c.op == asksAny:
		return nil
	case outcome:
		return []condition{c}
	}
	return []condition{{op: asksNot, args: []condition{c}}}
}

// needs returns what would have to hold for a condition to turn out true or false; ok is
// false where it cannot be said.
func (c condition) needs(outcome bool) (all []condition, ok bool) {
	switch {
	case c.op == asksNot:
		return c.args[0].needs(!outcome)
	case c.op == asksOther:
		return nil, false
	case c.op == asksAll && outcome || c.op == asksAny && !outcome:
		for _, arg := range c.args {
			more, ok := arg.needs(outcome)
			if !ok {
				return nil, false
			}
			all = append(all, more...)
		}
		return all, true
	case c.op == asksAll || c.op == asksAny:
		for _, arg := range c.args { // one is enough
			if all, ok = arg.needs(outcome); ok {
				return all, true
			}
		}
		return nil, false
	}
	return c.follows(outcome), true
}

// leaf returns a condition on one value without its negation.
func (c condition) leaf() (leaf condition, negated bool) {
	if c.op == asksNot {
		return c.args[0], true
	}
	return c, false
}

package trace

import (
	"slices"
	"strings"
	"text/template/parse"
)

// A Condition is what an if, with or range asks, as far as it can be put in words.
type Condition struct {
	Op       conditionOp
	Operand  string // of asksSet and the comparisons: the fields, joined by NUL; "" for a variable or the dot
	Absolute bool   // the operand is read from .Values, not from what the dot or a variable holds
	Word     string // what the comparisons compare with
	Args     []Condition
}

type conditionOp uint8

// What a condition asks of its operands.
const (
	AsksOther conditionOp = iota // something that is not followed
	AsksSet                      // the operand is true, not empty
	AsksEqual
	AsksUnequal
	asksNot
	AsksAll
	asksAny
)

// A Decision is how a condition turned out.
type Decision struct {
	Asked *Condition
	// value is the path of the value that the condition came to as it is; "" where it
	// came to anything else.
	Value string
}

// conditionOf reads a pipeline.
func conditionOf(p *parse.PipeNode) Condition {
	var c Condition
	for i, cmd := range p.Cmds {
		args := make([]Condition, 0, len(cmd.Args))
		words := make([]string, 0, len(cmd.Args))
		for _, arg := range cmd.Args {
			asked, word := operandOf(arg)
			args, words = append(args, asked), append(words, word)
		}
		fn, called := cmd.Args[0].(*parse.IdentifierNode)
		if !called {
			if i > 0 || len(args) > 1 {
				return Condition{}
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
func callOf(name string, args []Condition, words []string) Condition {
	switch {
	case (name == "not" || name == "empty") && len(args) == 1:
		return Condition{Op: asksNot, Args: args}
	case name == "and" && len(args) > 0:
		return Condition{Op: AsksAll, Args: args}
	case name == "or" && len(args) > 0:
		return Condition{Op: asksAny, Args: args}
	case (name == "eq" || name == "ne") && len(args) == 2:
		if words[1] == "" {
			args[0], words[1] = args[1], words[0]
		}
		if args[0].Op != AsksSet || words[1] == "" {
			return Condition{}
		}
		c := args[0]
		c.Op, c.Word = AsksEqual, words[1]
		if name == "ne" {
			c.Op = AsksUnequal
		}
		return c
	}
	return Condition{}
}

// operandOf returns what an operand asks where it is a condition, or the text of a constant.
func operandOf(arg parse.Node) (c Condition, word string) {
	read := func(fields []string) Condition {
		c := Condition{Op: AsksSet}
		if len(fields) > 0 {
			switch fields[0] {
			case "Chart", "Release", "Capabilities", "Files", "Template", "Subcharts":
				return Condition{}
			}
		}
		if i := slices.Index(fields, "Values"); i >= 0 {
			c.Absolute, fields = true, fields[i+1:]
		}
		c.Operand = strings.Join(fields, "\x00")
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
		if inner, _ := operandOf(x.Node); inner.Op == AsksSet && inner.Operand != "" {
			inner.Operand += "\x00" + strings.Join(x.Field, "\x00")
			return inner, ""
		}
	case *parse.StringNode:
		return Condition{}, x.Text
	case *parse.NumberNode:
		return Condition{}, x.Text
	case *parse.BoolNode:
		if x.True {
			return Condition{}, "true"
		}
		return Condition{}, "false"
	}
	return Condition{}, ""
}

// Follows returns what is known of the operands of a condition that turned out true or
// false; nothing of alternatives, of which any may have decided.
func (c Condition) Follows(outcome bool) []Condition {
	switch {
	case c.Op == asksNot:
		return c.Args[0].Follows(!outcome)
	case c.Op == AsksAll && outcome || c.Op == asksAny && !outcome || len(c.Args) == 1:
		var all []Condition
		for _, arg := range c.Args {
			all = append(all, arg.Follows(outcome)...)
		}
		return all
	case c.Op == AsksOther || c.Op == AsksAll || c.Op == asksAny:
		return nil
	case outcome:
		return []Condition{c}
	}
	return []Condition{{Op: asksNot, Args: []Condition{c}}}
}

// Needs returns what would have to hold for a condition to turn out true or false; ok is
// false where it cannot be said.
func (c Condition) Needs(outcome bool) (all []Condition, ok bool) {
	switch {
	case c.Op == asksNot:
		return c.Args[0].Needs(!outcome)
	case c.Op == AsksOther:
		return nil, false
	case c.Op == AsksAll && outcome || c.Op == asksAny && !outcome:
		for _, arg := range c.Args {
			more, ok := arg.Needs(outcome)
			if !ok {
				return nil, false
			}
			all = append(all, more...)
		}
		return all, true
	case c.Op == AsksAll || c.Op == asksAny:
		for _, arg := range c.Args { // one is enough
			if all, ok = arg.Needs(outcome); ok {
				return all, true
			}
		}
		return nil, false
	}
	return c.Follows(outcome), true
}

// Leaf returns a condition on one value without its negation.
func (c Condition) Leaf() (leaf Condition, negated bool) {
	if c.Op == asksNot {
		return c.Args[0], true
	}
	return c, false
}

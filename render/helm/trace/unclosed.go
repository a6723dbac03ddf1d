package trace

import (
	"strings"
	"text/template/parse"
)

// maxUnclosed bounds how many ends are tried.
const maxUnclosed = 50

// Unclosed returns where the innermost block of a template begins that has no end, and
// its action; ok is false where a missing end is not what is wrong.
func Unclosed(text string) (at int, action string, ok bool) {
	closed := text
	for n := 1; n <= maxUnclosed; n++ {
		closed += "{{ end }}"
		trees := map[string]*parse.Tree{}
		main := parse.New("main")
		main.Mode = parse.SkipFuncCheck
		if _, err := main.Parse(closed, "", "", trees); err != nil {
			continue
		}
		// The definition that is written last takes in the end of the text, unless the
		// text goes on behind it; its list begins behind its action.
		last := main.Root
		for _, tree := range trees {
			if tree.Root.Pos > last.Pos {
				last = tree.Root
			}
		}
		if last != main.Root {
			if l := main.Root.Nodes; len(l) > 0 && l[len(l)-1].Position() > last.Pos {
				last = main.Root
			} else {
				n--
			}
		}
		pos := last.Pos
		for ; n > 0; n-- {
			b := branchOf(last)
			if b == nil {
				return 0, "", false
			}
			pos = b.Pipe.Pos
			for last = b.List; b != nil && b.ElseList != nil; {
				last = b.ElseList
				if b = branchOf(last); b == nil || !isElse(text, b) {
					break // else if, which the same end closes
				}
				last = b.List
			}
		}
		from := strings.LastIndex(text[:min(int(pos), len(text))], "{{")
		if from < 0 {
			return 0, "", false
		}
		_, to := ActionBounds(text, from+2)
		return from, text[from:to], true
	}
	return 0, "", false
}

// isElse reports whether a block begins with an else: else if, else with.
func isElse(text string, b *parse.BranchNode) bool {
	before := text[:min(int(b.Pipe.Pos), len(text))]
	i := strings.LastIndex(before, "{{")
	return i >= 0 && strings.HasPrefix(strings.TrimLeft(before[i+2:], "- \t\r\n"), "else")
}

// branchOf returns the block that a list ends with.
func branchOf(l *parse.ListNode) *parse.BranchNode {
	if len(l.Nodes) == 0 {
		return nil
	}
	return branchIn(l.Nodes[len(l.Nodes)-1])
}

// branchIn returns what an if, with or range decides about; nil of another node.
func branchIn(n parse.Node) *parse.BranchNode {
	switch x := n.(type) {
	case *parse.IfNode:
		return &x.BranchNode
	case *parse.WithNode:
		return &x.BranchNode
	case *parse.RangeNode:
		return &x.BranchNode
	}
	return nil
}

// ActionBounds returns where the {{ … }} around an offset begins and ends.
func ActionBounds(text string, at int) (from, to int) {
	at = min(at, len(text))
	from = strings.LastIndex(text[:at], "{{")
	if from < 0 {
		return at, min(at+1, len(text))
	}
	quote := byte(0)
	for to = from + 2; to < len(text); to++ {
		switch c := text[to]; {
		case quote == 0 && (c == '"' || c == '`' || c == '\''):
			quote = c
		case quote != 0 && c == '\\' && quote != '`':
			to++
		case c == quote:
			quote = 0
		case quote == 0 && strings.HasPrefix(text[to:], "}}"):
			return from, to + 2
		}
	}
	return from, len(text)
}

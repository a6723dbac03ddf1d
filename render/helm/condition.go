package helm

import (
	"slices"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/render/helm/trace"

	"github.com/manilint/manilint/lint"
)

// about reports whether a condition on one value is about the value at a path.
func (s *valueStack) about(c trace.Condition, path string) bool {
	leaf, _ := c.Leaf()
	if leaf.Operand == "" {
		return false
	}
	prefix, ok := strings.CutSuffix(path, leaf.Operand)
	if !ok || prefix != "" && !strings.HasSuffix(prefix, "\x00") {
		return false
	}
	return !leaf.Absolute || s.isSubchart(strings.TrimSuffix(prefix, "\x00"))
}

// isSubchart reports whether the values of a chart lie at a path.
func (s *valueStack) isSubchart(path string) bool {
	c := s.chart
	for _, field := range trace.Split(path) {
		if c = c.subs[field]; c == nil {
			return false
		}
	}
	return true
}

// plainWord is text that may be shown: it is reported in a condition and is no password.
var plainWord = lint.Regexp(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,23}$`)

// holds reports whether a condition on one value is true of the value as its file has
// it; known is false where that cannot be told.
func holds(c trace.Condition, p valuePlace) (holds, known bool) {
	leaf, negated := c.Leaf()
	truth, known := p.truth()
	switch leaf.Op {
	case trace.AsksEqual, trace.AsksUnequal:
		if known = p.node.IsScalar(); known {
			truth = (p.node.Value() == leaf.Word) == (leaf.Op == trace.AsksEqual)
		}
	}
	return truth != negated, known
}

// wording puts a condition on one value in words, as "is set"; kind is the kind of value
// that is there. It returns "" where the words would say more than is known.
func wording(c trace.Condition, p valuePlace, found bool) string {
	leaf, negated := c.Leaf()
	switch leaf.Op {
	case trace.AsksEqual, trace.AsksUnequal:
		if !plainWord().MatchString(leaf.Word) || mask.NamesSecret(trace.Split(leaf.Operand)...) {
			return ""
		}
		word := leaf.Word
		if word != "true" && word != "false" && strings.Trim(word, "0123456789") != "" {
			word = `"` + word + `"`
		}
		if negated == (leaf.Op == trace.AsksEqual) {
			return "is not " + word
		}
		return "is " + word
	}
	_, isBool := p.bool()
	switch {
	case isBool && negated:
		return "is false"
	case isBool:
		return "is true"
	case !negated:
		return "is set"
	case !found || p.node.IsNull():
		return "is not set"
	case p.node.IsScalar() && p.node.Tag() != kyaml.NodeTagString:
		return "is 0"
	}
	return "is empty"
}

// truth returns what a condition makes of a value, as text/template does.
func (p valuePlace) truth() (truth, known bool) {
	switch {
	case !p.node.Exists():
		return false, false
	case p.node.IsMapping():
		return len(p.node.Fields()) > 0, true
	case p.node.IsSequence():
		return len(p.node.Items()) > 0, true
	case p.node.IsNull():
		return false, true
	}
	if value, ok := p.bool(); ok {
		return value, true
	}
	switch p.node.Tag() {
	case kyaml.NodeTagInt, kyaml.NodeTagFloat:
		return strings.Trim(p.node.Value(), "+-0.") != "", true
	}
	return p.node.Value() != "", true
}

// because says what the value at a path has to do with a decision that turned out as
// outcome; certain is false where all that can be said is that it has.
func (s *valueStack) because(d trace.Decision, outcome bool, path string, p valuePlace) (said string, certain bool) {
	words := ""
	for _, c := range s.facts(d, outcome, path) {
		holds, known := holds(c, p)
		own := wording(c, p, true)
		if known && !holds || own == "" || words != "" && words != own {
			words = ""
			break
		}
		words = own
	}
	if words == "" {
		return "rendered depending on " + s.called(path) + p.flagged(), false
	}
	return "rendered because " + s.called(path) + " " + words + p.flagged(), true
}

// facts returns what a decision tells of the value at a path.
func (s *valueStack) facts(d trace.Decision, outcome bool, path string) []trace.Condition {
	if d.Value == path {
		return trace.Condition{Op: trace.AsksSet, Operand: path}.Follows(outcome)
	}
	return slices.DeleteFunc(d.Asked.Follows(outcome), func(c trace.Condition) bool { return !s.about(c, path) })
}

// A need is a condition on the value at a path.
type need struct {
	trace.Condition
	path string
}

// unmet returns what keeps a block from being rendered; ok is false where that cannot be
// said for certain. paths are the values that its condition read.
func (s *valueStack) unmet(d trace.Decision, paths []string) (unmet []need, ok bool) {
	if d.Value != "" && (d.Asked.Op == trace.AsksSet || d.Asked.Op == trace.AsksOther) {
		return []need{{trace.Condition{Op: trace.AsksSet, Operand: d.Value}, d.Value}}, true
	}
	all, ok := d.Asked.Needs(true)
	if !ok {
		return nil, false
	}
	prefix, inChart := "", false
	needs := make([]need, len(all))
	for i, c := range all {
		needs[i].Condition = c
		for _, path := range paths {
			if !s.about(c, path) {
				continue
			}
			if needs[i].path != "" {
				return nil, false
			}
			needs[i].path = path
			if leaf, _ := c.Leaf(); leaf.Absolute {
				prefix, inChart = strings.TrimSuffix(path, leaf.Operand), true
			}
		}
	}
	for _, n := range needs {
		if n.path == "" { // what decided came before it
			leaf, _ := n.Leaf()
			if !leaf.Absolute || !inChart || leaf.Operand == "" {
				return nil, false
			}
			n.path = prefix + leaf.Operand
		}
		p := valuePlace{node: nowhere}
		if places := s.find(trace.Split(n.path)); len(places) > 0 {
			p = places[0]
			if holds, known := holds(n.Condition, p); holds && known {
				continue
			}
		} else if leaf, negated := n.Leaf(); negated && leaf.Op == trace.AsksSet {
			continue
		}
		if wording(n.Condition, p, p.layer != nil) == "" {
			return nil, false
		}
		unmet = append(unmet, n)
	}
	return unmet, len(unmet) > 0
}

// wish puts what would have to hold of a value in words.
func (s *valueStack) wish(n need) string {
	p := valuePlace{node: nowhere}
	if places := s.find(trace.Split(n.path)); len(places) > 0 {
		p = places[0]
	}
	return s.called(n.path) + " " + wording(n.Condition, p, p.layer != nil)
}

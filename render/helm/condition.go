package helm

import (
	"regexp"
	"slices"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/mask"
)

// about reports whether a condition on one value is about the value at a path.
func (s *valueStack) about(c condition, path string) bool {
	leaf, _ := c.leaf()
	if leaf.operand == "" {
		return false
	}
	prefix, ok := strings.CutSuffix(path, leaf.operand)
	if !ok || prefix != "" && !strings.HasSuffix(prefix, "\x00") {
		return false
	}
	return !leaf.absolute || s.isSubchart(strings.TrimSuffix(prefix, "\x00"))
}

// isSubchart reports whether the values of a chart lie at a path.
func (s *valueStack) isSubchart(path string) bool {
	c := s.chart
	for _, field := range split(path) {
		if c = c.subs[field]; c == nil {
			return false
		}
	}
	return true
}

// plainWord is text that may be shown: it stands in a condition and is no password.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,23}$`)

// secretOperand reports whether the names of fields suggest a secret, of which a report
// says nothing however short it is.
func secretOperand(fields string) bool {
	const probe = "neither-short-nor-public"
	var tree any = probe
	for _, field := range split(fields) {
		tree = map[string]any{field: tree}
	}
	var masks mask.Masks
	masks.AddSettings(tree)
	return masks.Redact(probe) != probe
}

// holds reports whether a condition on one value is true of the value as its file has
// it; known is false where that cannot be told.
func (c condition) holds(p valuePlace) (holds, known bool) {
	leaf, negated := c.leaf()
	truth, known := p.truth()
	switch leaf.op {
	case asksEqual, asksUnequal:
		if known = p.node.IsScalar(); known {
			truth = (p.node.Value() == leaf.word) == (leaf.op == asksEqual)
		}
	}
	return truth != negated, known
}

// words puts a condition on one value in words, as "is set"; kind is the kind of value
// that is there. It returns "" where the words would say more than is known.
func (c condition) words(p valuePlace, found bool) string {
	leaf, negated := c.leaf()
	switch leaf.op {
	case asksEqual, asksUnequal:
		if !plainWord.MatchString(leaf.word) || secretOperand(leaf.operand) {
			return ""
		}
		word := leaf.word
		if word != "true" && word != "false" && strings.Trim(word, "0123456789") != "" {
			word = `"` + word + `"`
		}
		if negated == (leaf.op == asksEqual) {
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
	case p.node.IsScalar() && p.node.YAML().ShortTag() != kyaml.NodeTagString:
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
	switch p.node.YAML().ShortTag() {
	case kyaml.NodeTagInt, kyaml.NodeTagFloat:
		return strings.Trim(p.node.Value(), "+-0.") != "", true
	}
	return p.node.Value() != "", true
}

// because says what the value at a path has to do with a decision that turned out as
// outcome; certain is false where all that can be said is that it has.
func (s *valueStack) because(d decision, outcome bool, path string, p valuePlace) (said string, certain bool) {
	words := ""
	for _, c := range s.facts(d, outcome, path) {
		holds, known := c.holds(p)
		own := c.words(p, true)
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
func (s *valueStack) facts(d decision, outcome bool, path string) []condition {
	if d.value == path {
		return condition{op: asksSet, operand: path}.follows(outcome)
	}
	return slices.DeleteFunc(d.asked.follows(outcome), func(c condition) bool { return !s.about(c, path) })
}

// A need is a condition on the value at a path.
type need struct {
	condition
	path string
}

// unmet returns what keeps a block from being rendered; ok is false where that cannot be
// said for certain. paths are the values that its condition read.
func (s *valueStack) unmet(d decision, paths []string) (unmet []need, ok bool) {
	if d.value != "" && (d.asked.op == asksSet || d.asked.op == asksOther) {
		return []need{{condition{op: asksSet, operand: d.value}, d.value}}, true
	}
	all, ok := d.asked.needs(true)
	if !ok {
		return nil, false
	}
	prefix, inChart := "", false
	needs := make([]need, len(all))
	for i, c := range all {
		needs[i].condition = c
		for _, path := range paths {
			if !s.about(c, path) {
				continue
			}
			if needs[i].path != "" {
				return nil, false
			}
			needs[i].path = path
			if leaf, _ := c.leaf(); leaf.absolute {
				prefix, inChart = strings.TrimSuffix(path, leaf.operand), true
			}
		}
	}
	for _, n := range needs {
		if n.path == "" { // what decided came before it
			leaf, _ := n.leaf()
			if !leaf.absolute || !inChart || leaf.operand == "" {
				return nil, false
			}
			n.path = prefix + leaf.operand
		}
		p := valuePlace{node: nowhere}
		if places := s.find(split(n.path)); len(places) > 0 {
			p = places[0]
			if holds, known := n.holds(p); holds && known {
				continue
			}
		} else if leaf, negated := n.leaf(); negated && leaf.op == asksSet {
			continue
		}
		if n.words(p, p.layer != nil) == "" {
			return nil, false
		}
		unmet = append(unmet, n)
	}
	return unmet, len(unmet) > 0
}

// wish puts what would have to hold of a value in words.
func (s *valueStack) wish(n need) string {
	p := valuePlace{node: nowhere}
	if places := s.find(split(n.path)); len(places) > 0 {
		p = places[0]
	}
	return s.called(n.path) + " " + n.words(p, p.layer != nil)
}

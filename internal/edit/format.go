package edit

import (
	"encoding/json"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A format is how a file indents.
type format struct {
	column int // of the key or the dash
	step   int // of what is in a mapping
	dash   int // of the dashes of a list in a mapping, behind its key
	json   bool
}

// style finds how a file indents, for text at a column.
func (w *writer) style(column int) format {
	f := format{column: column, step: 2, dash: -1}
	steps, dashes := map[int]int{}, map[int]int{}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		if n.Style&yaml.FlowStyle != 0 {
			return
		}
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 {
				key := n.Content[i-1]
				if c.Style&yaml.FlowStyle == 0 && len(c.Content) > 0 && c.Line > key.Line {
					switch c.Kind {
					case yaml.MappingNode:
						steps[max(1, c.Content[0].Column-key.Column)]++
					case yaml.SequenceNode:
						dashes[c.Column-key.Column]++
					}
				}
			}
			visit(c)
		}
	}
	for _, doc := range w.docs {
		visit(doc)
	}
	f.step = most(steps, 2)
	f.dash = most(dashes, f.step)
	return f
}

// most returns the number that is met most often, the least of several.
func most(counts map[int]int, otherwise int) int {
	best, times := otherwise, 0
	for n, count := range counts {
		if n >= 0 && n <= 16 && (count > times || count == times && n < best) {
			best, times = n, count
		}
	}
	return best
}

func (f format) at(column int) string { return strings.Repeat(" ", column) }

// child returns the format of what is the value of a key at f's column.
func (f format) child(value *yaml.Node) format {
	if value.Kind == yaml.SequenceNode {
		f.column += f.dash
	} else {
		f.column += f.step
	}
	return f
}

// entry writes an entry of a mapping.
func (f format) entry(lines *[]string, key string, value *yaml.Node) {
	head := f.at(f.column) + flowKey(key, f.json) + ":"
	if text := value.Value; value.Kind == yaml.ScalarNode && value.ShortTag() == "!!str" && strings.Contains(text, "\n") && !f.json && blockText().MatchString(text) {
		*lines = append(*lines, head+" |-")
		for line := range strings.SplitSeq(text, "\n") {
			*lines = append(*lines, f.at(f.column+f.step)+line)
		}
		return
	}
	if len(value.Content) == 0 {
		*lines = append(*lines, head+" "+flow(value, f.json))
		return
	}
	*lines = append(*lines, head)
	f.block(lines, f.child(value), value)
}

// block writes a mapping or a list in block style.
func (f format) block(lines *[]string, in format, value *yaml.Node) {
	switch value.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(value.Content); i += 2 {
			in.entry(lines, value.Content[i].Value, value.Content[i+1])
		}
	case yaml.SequenceNode:
		for _, item := range value.Content {
			in.item(lines, item)
		}
	}
}

// item writes an item of a list whose dashes are at the format's column.
func (f format) item(lines *[]string, item *yaml.Node) {
	if item.Kind != yaml.MappingNode || len(item.Content) == 0 {
		*lines = append(*lines, f.at(f.column)+"- "+flow(item, f.json))
		return
	}
	in := f
	in.column += 2
	first := len(*lines)
	in.block(lines, in, item)
	(*lines)[first] = f.at(f.column) + "- " + strings.TrimLeft((*lines)[first], " ")
}

var (
	plainText = lint.Regexp(`^[A-Za-z_./][A-Za-z0-9_./*-]*(?: [A-Za-z0-9_./-]+)*$`)
	word      = lint.Regexp(`^(?i:true|false|yes|no|on|off|y|n|null|nan|inf|\.inf|\.nan)$`)
)

// blockText matches what can be written as lines of a block scalar without a number.
var blockText = lint.Regexp(`^[^\s][ -~\n]*[^\s]$`)

// quoted returns a string between double quotes.
func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func flowKey(key string, json bool) string {
	if json || !plainText().MatchString(key) || word().MatchString(key) || strings.HasPrefix(key, "*") {
		return quoted(key)
	}
	return key
}

// Text writes a value on one line, in quotes where it needs some.
func Text(n *yaml.Node) string { return flow(n, false) }

// Key writes a key, in quotes where it needs some.
func Key(key string) string { return flowKey(key, false) }

// flow writes a value in flow style.
func flow(n *yaml.Node, json bool) string {
	switch n.Kind {
	case yaml.MappingNode:
		var parts []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, flowKey(n.Content[i].Value, json)+": "+flow(n.Content[i+1], json))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		var parts []string
		for _, c := range n.Content {
			parts = append(parts, flow(c, json))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if n.ShortTag() != "!!str" {
		if n.ShortTag() == "!!null" {
			return "null"
		}
		return n.Value
	}
	if json || !isPlain(n.Value) {
		return quoted(n.Value)
	}
	return n.Value
}

var (
	compact = lint.Regexp(`^[A-Za-z0-9_./][A-Za-z0-9_./@:=-]*[A-Za-z0-9]$`)
	number  = lint.Regexp(`^[-+0-9_.:]+$`) // of YAML 1.1, with those to the base of 60
)

// isPlain reports whether a text can do without quotes.
func isPlain(text string) bool {
	if word().MatchString(text) {
		return false
	}
	if plainText().MatchString(text) {
		return true
	}
	var n yaml.Node
	return compact().MatchString(text) && !number().MatchString(text) && yaml.Unmarshal([]byte(text), &n) == nil &&
		len(n.Content) == 1 && n.Content[0].Kind == yaml.ScalarNode && n.Content[0].ShortTag() == "!!str" && n.Content[0].Value == text
}

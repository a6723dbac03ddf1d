package edit

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// An Insert adds an entry to a mapping that a template writes: in front of the line of one
// of its keys, at the column of the key. Text, if it is not empty, replaces a range instead, and
// Op changes the YAML in one.
type Insert struct {
	Offset int // of the key, or of the range
	Fields []string
	Value  *yaml.Node

	End  int
	Text string
	Cut  bool // the range is taken out
	// Below puts the entry behind the line of the key.
	Below bool
	// Op changes the range, which is YAML by itself.
	Op *Op
}

// Template makes inserts in the text of a template, which need not be YAML. Those of one
// place are merged to one entry.
func Template(data []byte, inserts []Insert) (out []byte, err error) {
	defer contain(&err)
	type at struct {
		offset int
		below  bool
	}
	trees := map[at]*yaml.Node{}
	var patches []patch
	type part struct{ from, to int }
	parts := map[part][]Op{}
	for _, i := range inserts {
		if i.Op != nil {
			p := part{i.Offset, i.End}
			parts[p] = append(parts[p], *i.Op)
			continue
		}
		if i.Text != "" || i.Cut {
			p := patch{i.Offset, i.End, i.Text}
			if !slices.Contains(patches, p) {
				patches = append(patches, p)
			}
			continue
		}
		k := at{i.Offset, i.Below}
		if trees[k] == nil {
			trees[k] = &yaml.Node{Kind: yaml.MappingNode}
		}
		into, rest := descend(trees[k], i.Fields)
		if _, err := set(into, rest, i.Value); err != nil {
			return nil, err
		}
	}
	for p, ops := range parts {
		text, err := Apply(data[p.from:p.to], ops)
		if err != nil {
			return nil, err
		}
		patches = append(patches, patch{p.from, p.to, string(text)})
	}
	w := &writer{data: data}
	for k, tree := range trees {
		line := k.offset
		for line > 0 && data[line-1] != '\n' {
			line--
		}
		f := format{column: k.offset - line, step: 2, dash: 2}
		f.step, f.dash = indents(string(data))
		var lines []string
		f.block(&lines, f, tree)
		br := lineBreak(data, k.offset)
		text := strings.Join(lines, br) + br
		if !k.below {
			patches = append(patches, patch{line, line, text})
			continue
		}
		next := k.offset + strings.IndexByte(string(data[k.offset:]), '\n') + 1
		if next <= k.offset {
			next, text = len(data), br+strings.TrimSuffix(text, br)
		}
		patches = append(patches, patch{next, next, text})
	}
	slices.SortFunc(patches, func(a, b patch) int { return a.from - b.from })
	for n := 1; n < len(patches); n++ {
		if patches[n].from < patches[n-1].to {
			return nil, errOverlap
		}
	}
	return w.with(patches...), nil
}

// indents guesses how a template indents: by lines that are deeper than the key above.
func indents(text string) (step, dash int) {
	steps, dashes := map[int]int{}, map[int]int{}
	above, key := 0, false
	for line := range strings.Lines(text) {
		content := strings.TrimLeft(line, " ")
		column := len(line) - len(content)
		content = strings.TrimSpace(content)
		if content == "" || content[0] == '#' || strings.HasPrefix(content, "{{") {
			key = false
			continue
		}
		isDash := strings.HasPrefix(content, "- ")
		if key && isDash && column >= above {
			dashes[column-above]++
		} else if key && !isDash && column > above {
			steps[column-above]++
		}
		if isDash {
			column += 2
		}
		above, key = column, strings.HasSuffix(content, ":")
	}
	step = most(steps, 2)
	return step, most(dashes, step)
}

// String returns the same for inserts that do the same.
func (i Insert) String() string {
	s := fmt.Sprintf("%d %d %q %q %v %v ", i.Offset, i.End, i.Text, i.Fields, i.Below, i.Cut)
	if i.Value != nil {
		s += flow(i.Value, true)
	}
	if i.Op != nil {
		s += i.Op.String()
	}
	return s
}

package kyverno

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/policy/jmespath"
	"github.com/manilint/manilint/lint"
)

// A state is what matching a pattern came to.
type state int

const (
	matched state = iota
	failed
	// skipped: a condition of the pattern itself does not hold, so it is not about the value.
	skipped
	// skippedBelow: what is below is skipped, as all the items of a list.
	skippedBelow
)

// An outcome is that of matching a pattern: where it failed, and which part of the pattern
// did. The place is missing where the value is.
type outcome struct {
	state   state
	node    *lint.Node
	pattern *lint.Node
	why     string
}

// A matcher matches one pattern.
type matcher struct {
	budget *jmespath.Budget
	err    error // what kept the pattern from being matched
}

// anchored takes the key of a pattern apart: "(" for a condition, "" for a plain key.
func anchored(key string) (modifier, name string) {
	trimmed := strings.TrimSpace(key)
	inner, ok := strings.CutSuffix(trimmed, ")")
	switch {
	case !ok:
	case len(inner) > 1 && inner[0] == '(':
		return "(", inner[1:]
	case len(inner) > 2 && inner[1] == '(' && strings.IndexByte("+<=X^", inner[0]) >= 0:
		return inner[:1], inner[2:]
	}
	return "", key
}

func isAnchor(key string) bool {
	modifier, _ := anchored(key)
	return modifier != "" && modifier != "+"
}

// deepAnchors reports whether a pattern holds an anchor.
func deepAnchors(p jmespath.Value) bool {
	switch d := p.Data.(type) {
	case map[string]jmespath.Value:
		for key, v := range d {
			if isAnchor(key) || deepAnchors(v) {
				return true
			}
		}
	case []jmespath.Value:
		return slices.ContainsFunc(d, deepAnchors)
	}
	return false
}

func fail(v, p jmespath.Value, format string, args ...any) outcome {
	return outcome{failed, v.Node, p.Node, fmt.Sprintf(format, args...)}
}

// match matches a value with a pattern (https://kyverno.io/docs/policy-types/cluster-policy/validate/).
func (m *matcher) match(v, p jmespath.Value) outcome {
	if m.err == nil {
		m.err = m.budget.Spend(1)
	}
	if unknown, ok := v.Data.(jmespath.Failed); ok && m.err == nil {
		m.err = unknown.Err
	}
	if m.err != nil {
		return outcome{}
	}
	switch pattern := p.Data.(type) {
	case map[string]jmespath.Value:
		value, ok := v.Data.(map[string]jmespath.Value)
		if !ok {
			return fail(v, p, "a mapping is expected")
		}
		return m.mapping(v, value, withLabels(pattern, value))
	case []jmespath.Value:
		value, ok := v.Data.([]jmespath.Value)
		if !ok {
			return fail(v, p, "a list is expected")
		}
		return m.list(v, value, p, pattern)
	}
	if items, ok := v.Data.([]jmespath.Value); ok {
		for _, item := range items {
			if !m.scalar(item, p) {
				return fail(item, p, "it does not match %s", shown(p))
			}
		}
		return outcome{}
	}
	if !m.scalar(v, p) {
		return fail(v, p, "it does not match %s", shown(p))
	}
	return outcome{}
}

func (m *matcher) scalar(v, p jmespath.Value) bool {
	if s, ok := p.Data.(string); ok {
		size := len(s)
		if text, ok := v.Data.(string); ok {
			size *= len(text)
		}
		if m.err == nil {
			m.err = m.budget.Spend(size / 1024)
		}
	}
	return m.err == nil && matches(v.Data, p.Data)
}

func shown(v jmespath.Value) string {
	text, err := v.Text()
	if err != nil {
		return "the pattern"
	}
	return fmt.Sprintf("%q", text)
}

// mapping evaluates the anchors first, since they say whether the rest is about the value,
// then what holds anchors, the last name first, as Kyverno does.
func (m *matcher) mapping(v jmespath.Value, value, pattern map[string]jmespath.Value) outcome {
	var anchors, nested, plain []string
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		modifier, _ := anchored(key)
		switch {
		case isAnchor(key) && modifier != "<":
			anchors = append(anchors, key)
		case modifier == "<" || deepAnchors(pattern[key]):
			nested = append([]string{key}, nested...)
		default:
			plain = append(plain, key)
		}
	}
	var skips []outcome
	applied, skippedHere := false, false
	for _, key := range anchors {
		o := m.anchor(key, v, value, pattern[key])
		switch {
		case o.state == failed && !skippedHere:
			return o
		case o.state == failed:
		case o.state == matched:
			applied = true
		default:
			skips = append(skips, o)
			skippedHere = skippedHere || o.state == skipped
		}
	}
	if len(skips) > 0 && (!applied || skippedHere) {
		return outcome{state: skippedBelow}
	}
	for _, key := range slices.Concat(nested, plain) {
		ask := m.field
		if isAnchor(key) {
			ask = m.anchor
		}
		if o := ask(key, v, value, pattern[key]); o.state != matched {
			return o
		}
	}
	return outcome{}
}

// at returns a field of a mapping; of one that is not there the node is missing.
func at(v jmespath.Value, value map[string]jmespath.Value, name string) (jmespath.Value, bool) {
	got, ok := value[name]
	if !ok {
		got.Node = v.Below(name)
	}
	return got, ok
}

// field matches a key without an anchor.
func (m *matcher) field(key string, v jmespath.Value, value map[string]jmespath.Value, pattern jmespath.Value) outcome {
	got, ok := at(v, value, key)
	if pattern.Data == "*" {
		if !ok || got.Data == nil {
			return fail(got, pattern, "it is not set")
		}
		return outcome{}
	}
	return m.match(got, pattern)
}

// anchor matches a key with one.
func (m *matcher) anchor(key string, v jmespath.Value, value map[string]jmespath.Value, pattern jmespath.Value) outcome {
	modifier, name := anchored(key)
	got, ok := at(v, value, name)
	switch modifier {
	case "X":
		if ok {
			return fail(got, pattern, "it is not allowed")
		}
	case "=":
		if ok {
			return m.match(got, pattern)
		}
	case "(":
		if !ok || m.match(got, pattern).state != matched {
			return outcome{state: skipped}
		}
	case "<":
		if ok && m.match(got, pattern).state != matched {
			return outcome{state: skipped}
		}
	case "^":
		if ok {
			return m.exists(got, pattern)
		}
	}
	return outcome{}
}

// exists asks that each pattern of a list matches an item at least.
func (m *matcher) exists(v, p jmespath.Value) outcome {
	items, ok := v.Data.([]jmespath.Value)
	patterns, ok2 := p.Data.([]jmespath.Value)
	if !ok || !ok2 {
		return fail(v, p, "a list is expected")
	}
	for _, pattern := range patterns {
		if _, ok := pattern.Data.(map[string]jmespath.Value); !ok {
			return fail(v, pattern, "the pattern of an item is no mapping")
		}
		if !slices.ContainsFunc(items, func(item jmespath.Value) bool { return m.match(item, pattern).state == matched }) {
			return fail(v, pattern, "no item matches")
		}
	}
	return outcome{}
}

func (m *matcher) list(v jmespath.Value, items []jmespath.Value, p jmespath.Value, patterns []jmespath.Value) outcome {
	if len(patterns) == 0 {
		return fail(v, p, "the pattern is an empty list")
	}
	each := items
	pattern := func(int) jmespath.Value { return patterns[0] }
	switch patterns[0].Data.(type) {
	case map[string]jmespath.Value: // one pattern for all items
	case []jmespath.Value: // a pattern for each item
		if len(items) < len(patterns) {
			return fail(v, p, "%d items are expected", len(patterns))
		}
		each = items[:len(patterns)]
		pattern = func(i int) jmespath.Value { return patterns[i] }
	default:
		return m.match(v, patterns[0])
	}
	applied, skips := false, false
	for i, item := range each {
		switch o := m.match(item, pattern(i)); o.state {
		case failed:
			return o
		case matched:
			applied = true
		default:
			skips = true
		}
	}
	if skips && !applied {
		return outcome{state: skippedBelow}
	}
	return outcome{}
}

// withLabels puts the labels and annotations of an object in place of keys with wildcards.
func withLabels(pattern, value map[string]jmespath.Value) map[string]jmespath.Value {
	given, ok := value["metadata"].Data.(map[string]jmespath.Value)
	if !ok {
		return pattern
	}
	replaced := pattern
	for key, p := range pattern {
		_, name := anchored(key)
		metadata, ok := p.Data.(map[string]jmespath.Value)
		if name != "metadata" || !ok {
			continue
		}
		expanded := maps.Clone(metadata)
		for tag, p := range metadata {
			_, name := anchored(tag)
			wanted, ok1 := p.Data.(map[string]jmespath.Value)
			has, ok2 := given[name].Data.(map[string]jmespath.Value)
			if name != "labels" && name != "annotations" || !ok1 || !ok2 {
				continue
			}
			keys := map[string]jmespath.Value{}
			for key, p := range wanted {
				keys[expand(key, has)] = p
			}
			expanded[tag] = jmespath.Value{Data: keys, Node: p.Node}
		}
		replaced = maps.Clone(replaced)
		replaced[key] = jmespath.Value{Data: expanded, Node: p.Node}
	}
	return replaced
}

// expand returns a key with the name that it matches in place of its wildcards.
func expand(key string, names map[string]jmespath.Value) string {
	modifier, name := anchored(key)
	if !strings.ContainsAny(name, "*?") {
		return key
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if jmespath.Wildcard(name, n) {
			switch modifier {
			case "":
				return n
			case "(":
				return "(" + n + ")"
			}
			return modifier + "(" + n + ")"
		}
	}
	return key
}

package kyverno

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/internal/policy/jmespath"
	"github.com/manilint/manilint/lint"
)

const (
	// maxSteps bounds what one rule costs for one object.
	maxSteps = 1_000_000
	// maxText bounds a text whose variables are replaced, and maxRounds how often variables
	// may stand in what replaces others.
	maxText   = 1 << 20
	maxRounds = 16
	// maxNesting is how deep one foreach may stand in another.
	maxNesting = 8
)

// variable is an expression in a text; the first group is what stands before it.
var variable = lint.Regexp(`(^|[^\\])(\{\{(?:\{[^{}]*\}|[^{}])*\}\})`)

// expressionOf takes an expression out of its braces.
func expressionOf(braced string) string {
	text := strings.TrimSpace(strings.NewReplacer("{{", "", "}}", "").Replace(braced))
	return strings.TrimSpace(strings.TrimPrefix(text, "-"))
}

// expressions are parsed, and parts of the policy read, once for all objects.
type expressions struct {
	all   sync.Map // text → func() (*jmespath.Expression, error)
	parts sync.Map // *lint.Node → part
}

// A part is one of a policy as it is written, with the nodes of the policy and without.
type part struct {
	placed, unplaced jmespath.Value
	variables        bool // it holds variables
}

func (x *expressions) part(n *lint.Node) part {
	got, ok := x.parts.Load(n)
	if !ok {
		p := part{placed: jmespath.Written(n), unplaced: unplaced(jmespath.Written(n))}
		n.Walk(func(n *lint.Node) bool {
			p.variables = p.variables || strings.Contains(n.Name(), "{{") || n.IsScalar() && strings.Contains(n.Value(), "{{")
			return true
		})
		got, _ = x.parts.LoadOrStore(n, p)
	}
	return got.(part)
}

func (x *expressions) parse(text string) (*jmespath.Expression, error) {
	once, ok := x.all.Load(text)
	if !ok {
		once, _ = x.all.LoadOrStore(text, sync.OnceValues(func() (*jmespath.Expression, error) { return jmespath.Parse(text) }))
	}
	return once.(func() (*jmespath.Expression, error))()
}

// A run evaluates one form of a rule for one object.
type run struct {
	*subject
	expressions *expressions
	form        form
	budget      *jmespath.Budget
	variables   map[string]jmespath.Value
	nesting     int
}

// query evaluates an expression on the variables.
func (r *run) query(text string) (jmespath.Value, error) {
	x, err := r.expressions.parse(r.form.rewrite(text))
	if err != nil {
		return jmespath.Value{}, err
	}
	return x.Search(jmespath.Value{Data: r.variables}, r.budget)
}

// text replaces the variables of a text. One that is all of it may be of any type.
func (r *run) text(text string) (jmespath.Value, error) {
	var read *lint.Node
	for round := 0; ; round++ {
		found := variable().FindStringSubmatchIndex(text)
		if found == nil {
			break
		}
		if round == maxRounds*64 || len(text) > maxText {
			return jmespath.Value{}, jmespath.ErrCost
		}
		begin, end := found[4], found[5]
		v, err := r.query(expressionOf(text[begin:end]))
		if err != nil {
			return jmespath.Value{}, err
		}
		if begin == 0 && end == len(text) {
			s, ok := v.Data.(string)
			if !ok || !variable().MatchString(s) || strings.HasPrefix(text, "{{-") {
				return v, nil
			}
		}
		if read == nil {
			read = v.Node
		}
		s, err := v.Text()
		if err != nil {
			return jmespath.Value{}, err
		}
		if strings.HasPrefix(text[begin:], "{{-") {
			s = strings.ReplaceAll(s, "{{", `\{{`)
		}
		if err := r.budget.Spend(1 + (len(text)+len(s))/1024); err != nil {
			return jmespath.Value{}, err
		}
		text = text[:begin] + s + text[end:]
	}
	return jmespath.Value{Data: strings.ReplaceAll(text, `\{{`, "{{"), Node: read}, nil
}

// replaced returns a part of the policy with its variables replaced.
func (r *run) replaced(v jmespath.Value) (jmespath.Value, error) {
	switch d := v.Data.(type) {
	case string:
		got, err := r.text(d)
		return got, err
	case []jmespath.Value:
		items := make([]jmespath.Value, len(d))
		for i, item := range d {
			var err error
			if items[i], err = r.replaced(item); err != nil {
				return jmespath.Value{}, err
			}
		}
		return jmespath.Value{Data: items, Node: v.Node}, nil
	case map[string]jmespath.Value:
		m := make(map[string]jmespath.Value, len(d))
		for _, key := range slices.Sorted(maps.Keys(d)) {
			name, err := r.text(key)
			if err != nil {
				return jmespath.Value{}, err
			}
			s, err := name.Text()
			if err != nil {
				return jmespath.Value{}, err
			}
			if m[s], err = r.replaced(d[key]); err != nil {
				return jmespath.Value{}, err
			}
		}
		return jmespath.Value{Data: m, Node: v.Node}, nil
	}
	return v, nil
}

// pattern is replaced, with the nodes of the policy: a leaf says where it is written.
func (r *run) pattern(n *lint.Node) (jmespath.Value, error) {
	p := r.expressions.part(n)
	if !p.variables {
		return p.placed, nil
	}
	v, err := r.replaced(p.unplaced)
	return placed(v, n), err
}

// value is a part of the policy with its variables replaced: what it holds was read of the
// object, or of nothing.
func (r *run) value(n *lint.Node) (jmespath.Value, error) {
	p := r.expressions.part(n)
	if !p.variables {
		return p.unplaced, nil
	}
	return r.replaced(p.unplaced)
}

// placed returns a part of the policy with the nodes that it is written at.
func placed(v jmespath.Value, n *lint.Node) jmespath.Value {
	v.Node = n
	switch d := v.Data.(type) {
	case []jmespath.Value:
		items, all := n.Items(), make([]jmespath.Value, len(d))
		for i := range d {
			at := n
			if i < len(items) {
				at = items[i]
			}
			all[i] = placed(d[i], at)
		}
		v.Data = all
	case map[string]jmespath.Value:
		all := make(map[string]jmespath.Value, len(d))
		for key := range d {
			at := n
			if f := n.Get(key); f.Exists() {
				at = f
			}
			all[key] = placed(d[key], at)
		}
		v.Data = all
	}
	return v
}

// load puts the entries of a context among the variables. What cannot be had fails where it is read.
func (r *run) load(context *lint.Node) {
	for _, entry := range context.Items() {
		r.variables[entry.Get("name").Value()] = r.entry(entry)
	}
}

func (r *run) entry(entry *lint.Node) jmespath.Value {
	name := entry.Get("name").Value()
	failed := func(err error) jmespath.Value { return jmespath.Value{Data: jmespath.Failed{Err: err}} }
	switch {
	case entry.Get("variable").Exists():
		v, err := r.variable(entry.Get("variable"))
		if err != nil {
			return failed(err)
		}
		return v
	case entry.Get("configMap").Exists():
		v, err := r.configMap(entry.Get("configMap"))
		if err != nil {
			return failed(err)
		}
		return v
	}
	for _, what := range []struct{ field, said string }{{"apiCall", "an API call"}, {"imageRegistry", "a registry"}, {"globalReference", "the global context"}} {
		if entry.Get(what.field).Exists() {
			return jmespath.Unknown(fmt.Sprintf("%s (context %s)", what.said, name))
		}
	}
	return failed(fmt.Errorf("the context %s has no value", name))
}

func (r *run) variable(n *lint.Node) (jmespath.Value, error) {
	v := jmespath.Value{}
	var err error
	path, hasPath := n.Get("jmesPath"), n.Get("jmesPath").IsScalar()
	if n.Get("value").Exists() {
		v, err = r.value(n.Get("value"))
		if err == nil && hasPath {
			v, err = r.path(path.Value(), v)
		}
	} else if hasPath {
		v, err = r.path(path.Value(), jmespath.Value{Data: r.variables})
	}
	var missing *jmespath.NotFoundError
	if n.Get("default").Exists() && (errors.As(err, &missing) || err == nil && v.Data == nil) {
		node := v.Node
		if missing != nil {
			node = missing.Node
		}
		if v, err = r.value(n.Get("default")); v.Node == nil {
			v.Node = node
		}
	}
	return v, err
}

// path evaluates an expression, whose own variables are replaced first.
func (r *run) path(text string, on jmespath.Value) (jmespath.Value, error) {
	replaced, err := r.text(text)
	if err != nil {
		return jmespath.Value{}, err
	}
	s, err := replaced.Text()
	if err != nil {
		return jmespath.Value{}, err
	}
	x, err := r.expressions.parse(r.form.rewrite(s))
	if err != nil {
		return jmespath.Value{}, err
	}
	return x.Search(on, r.budget)
}

// unplaced forgets the nodes of a part of the policy: what it holds was read of no object.
func unplaced(v jmespath.Value) jmespath.Value {
	switch d := v.Data.(type) {
	case []jmespath.Value:
		for i := range d {
			d[i] = unplaced(d[i])
		}
	case map[string]jmespath.Value:
		for key := range d {
			d[key] = unplaced(d[key])
		}
	}
	v.Node = nil
	return v
}

func (r *run) configMap(n *lint.Node) (jmespath.Value, error) {
	var names [2]string
	for i, field := range []string{"namespace", "name"} {
		v, err := r.text(n.Get(field).Value())
		if err != nil {
			return jmespath.Value{}, err
		}
		names[i], _ = v.Data.(string)
	}
	if names[0] == "" {
		names[0] = "default"
	}
	found := r.lookup("ConfigMap", names[0], names[1])
	if found == nil {
		return jmespath.Value{}, &jmespath.UnknownError{What: fmt.Sprintf("the ConfigMap %s/%s, which the tree does not hold", names[0], names[1])}
	}
	return unplaced(jmespath.Of(found.Root)), nil
}

// A condition that holds: where it was read, and the message that it brings.
type held struct {
	node    *lint.Node
	written *lint.Node
	message string
}

// conditions evaluates any and all of conditions, or a list of them, all of which must
// hold. Those that hold are returned where they do together.
func (r *run) conditions(n *lint.Node) (bool, []held, error) {
	if n.IsSequence() {
		var all []held
		for _, one := range n.Items() {
			ok, these, err := r.conditions(one)
			if err != nil || !ok {
				return false, nil, err
			}
			all = append(all, these...)
		}
		return true, all, nil
	}
	if n.Get("key").Exists() || n.Get("operator").Exists() {
		ok, h, err := r.condition(n)
		return ok, []held{h}, err
	}
	var all []held
	if any := n.Get("any"); any.Exists() {
		found := false
		for _, one := range any.Items() {
			ok, h, err := r.condition(one)
			if err != nil {
				return false, nil, err
			}
			if ok {
				found, all = true, append(all, h)
				break
			}
		}
		if !found {
			return false, nil, nil
		}
	}
	for _, one := range n.Get("all").Items() {
		ok, h, err := r.condition(one)
		if err != nil || !ok {
			return false, nil, err
		}
		all = append(all, h)
	}
	return true, all, nil
}

func (r *run) condition(n *lint.Node) (bool, held, error) {
	op := operators[strings.ToLower(n.Get("operator").Value())]
	if op == nil {
		return false, held{}, fmt.Errorf("there is no operator %s", n.Get("operator").Value())
	}
	key, err := r.value(n.Get("key"))
	if err != nil {
		return false, held{}, err
	}
	value, err := r.value(n.Get("value"))
	if err != nil {
		return false, held{}, err
	}
	keys, _ := key.Data.([]jmespath.Value)
	values, _ := value.Data.([]jmespath.Value)
	if err := r.budget.Spend(1 + max(len(keys), 1)*max(len(values), 1)); err != nil {
		return false, held{}, err
	}
	plain := value.Plain()
	if !op(key.Plain(), plain) {
		return false, held{}, nil
	}
	h := held{node: key.Node, written: n, message: n.Get("message").Value()}
	if h.node == nil {
		h.node = value.Node
	}
	for _, one := range keys { // the item that decides, where one alone does
		if one.Node != nil && op([]any{one.Plain()}, plain) {
			h.node = one.Node
			break
		}
	}
	return true, h, nil
}

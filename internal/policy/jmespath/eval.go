package jmespath

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/manilint/manilint/lint"
)

// A Value is one of JSON: Data is nil, a bool, a float64, a string, a []Value or a
// map[string]Value. Node is where it was read, or what it was mostly computed from; nil
// where no object says it. Of a field that is not there the node is missing.
type Value struct {
	Data any
	Node *lint.Node
}

// Failed is the data of what cannot be read: to read it is the error.
type Failed struct{ Err error }

// Unknown returns a value that nobody knows; to read it is an [UnknownError].
func Unknown(what string) Value { return Value{Data: Failed{&UnknownError{what}}} }

// A NotFoundError is that of a field that is not there.
type NotFoundError struct {
	Field string
	Node  *lint.Node // of the field, missing; nil where no object was read
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("the field %q is not set", e.Field) }

// An UnknownError says that a result depends on what nobody knows.
type UnknownError struct{ What string }

func (e *UnknownError) Error() string { return "it depends on " + e.What + ", which is not known" }

// ErrCost is that of an evaluation whose [Budget] is used up.
var ErrCost = errors.New("it takes too many steps")

// A Budget bounds what evaluations cost together: a step is a part that is evaluated, an
// item that is made, or a kilobyte of text.
type Budget struct{ Steps int }

// Spend takes steps; it returns [ErrCost] where none are left.
func (b *Budget) Spend(steps int) error {
	if b.Steps -= steps; b.Steps < 0 {
		return ErrCost
	}
	return nil
}

// Of returns the value of a node, as Kubernetes' decoder reads it: fields that are null are
// left out.
func Of(n *lint.Node) Value { return of(n, false) }

// Written returns the value of a node as it is written, with fields that are null.
func Written(n *lint.Node) Value { return of(n, true) }

func of(n *lint.Node, nulls bool) Value {
	v := Value{Node: n}
	switch {
	case n.IsNull():
	case n.IsMapping():
		m := map[string]Value{}
		for _, f := range n.Fields() {
			if nulls || !f.IsNull() {
				m[f.Name()] = of(f, nulls)
			}
		}
		v.Data = m
	case n.IsSequence():
		items := []Value{}
		for _, item := range n.Items() {
			items = append(items, of(item, nulls))
		}
		v.Data = items
	default:
		v.Data = scalar(n)
	}
	return v
}

func scalar(n *lint.Node) any {
	if b, ok := n.Bool(); ok {
		return b
	}
	switch n.Tag() {
	case "!!int", "!!float":
		if i, ok := n.Int(); ok {
			return float64(i)
		}
		if f, err := strconv.ParseFloat(n.Value(), 64); err == nil {
			return f
		}
	}
	return n.Value()
}

// From returns the value of data as encoding/json decodes it.
func From(data any) Value {
	switch d := data.(type) {
	case map[string]any:
		m := make(map[string]Value, len(d))
		for k, v := range d {
			m[k] = From(v)
		}
		return Value{Data: m}
	case []any:
		items := make([]Value, len(d))
		for i, v := range d {
			items[i] = From(v)
		}
		return Value{Data: items}
	case int:
		return Value{Data: float64(d)}
	case int64:
		return Value{Data: float64(d)}
	}
	return Value{Data: data}
}

// Below returns the node of a field of the value, missing where there is none; nil where no
// object says it.
func (v Value) Below(field string) *lint.Node {
	if v.Node == nil || !v.Node.IsMapping() {
		return v.Node
	}
	return v.Node.Get(field)
}

// Plain returns the data as encoding/json decodes it.
func (v Value) Plain() any {
	switch d := v.Data.(type) {
	case map[string]Value:
		m := make(map[string]any, len(d))
		for k, v := range d {
			m[k] = v.Plain()
		}
		return m
	case []Value:
		items := make([]any, len(d))
		for i, v := range d {
			items[i] = v.Plain()
		}
		return items
	case Failed, *part:
		return nil
	}
	return v.Data
}

// isFalse says what counts as false.
func (v Value) isFalse() bool {
	switch d := v.Data.(type) {
	case nil:
		return true
	case bool:
		return !d
	case string:
		return d == ""
	case []Value:
		return len(d) == 0
	case map[string]Value:
		return len(d) == 0
	}
	return false
}

func equal(a, b Value) bool {
	switch x := a.Data.(type) {
	case []Value:
		y, ok := b.Data.([]Value)
		return ok && slices.EqualFunc(x, y, equal)
	case map[string]Value:
		y, ok := b.Data.(map[string]Value)
		return ok && maps.EqualFunc(x, y, equal)
	}
	switch b.Data.(type) {
	case []Value, map[string]Value:
		return false
	}
	return a.Data == b.Data
}

// Search evaluates the expression on a value. An error is a [NotFoundError], an
// [UnknownError], [ErrCost], or says why a function has no result.
func (x *Expression) Search(v Value, b *Budget) (Value, error) {
	return (&evaluation{b}).eval(x.root, v)
}

type evaluation struct{ budget *Budget }

// missing turns a field that is not there into null.
func missing(v Value, err error) (Value, error) {
	var none *NotFoundError
	if errors.As(err, &none) {
		return Value{Node: none.Node}, nil
	}
	return v, err
}

// list evaluates what a part flattens, filters or takes the values of: whatever keeps it from
// a value, it is null, as in Kyverno, but for what nobody knows and for the budget.
func (e *evaluation) list(p *part, v Value) (Value, error) {
	left, err := e.soft(p, v)
	var unknown *UnknownError
	if err != nil && !errors.As(err, &unknown) && !errors.Is(err, ErrCost) {
		return Value{}, nil
	}
	return left, err
}

// soft evaluates a part; a field that is not there is null.
func (e *evaluation) soft(p *part, v Value) (Value, error) { return missing(e.eval(p, v)) }

func (e *evaluation) eval(p *part, v Value) (Value, error) {
	if err := e.budget.Spend(1); err != nil {
		return Value{}, err
	}
	switch p.kind {
	case identity:
		return v, nil
	case literal:
		return From(p.value), nil
	case field:
		return e.field(p, v)
	case index:
		items, ok := v.Data.([]Value)
		i := *p.at[0]
		if i < 0 {
			i += len(items)
		}
		if !ok || i < 0 || i >= len(items) {
			return Value{Node: v.Node}, nil
		}
		return items[i], nil
	case slice:
		return e.slice(p, v)
	case sub:
		left, err := e.eval(p.parts[0], v)
		if err != nil {
			return Value{}, err
		}
		return e.eval(p.parts[1], left)
	case pipe:
		left, err := e.soft(p.parts[0], v)
		if err != nil {
			return Value{}, err
		}
		return e.soft(p.parts[1], left)
	case or:
		left, err := e.soft(p.parts[0], v)
		if err != nil || !left.isFalse() {
			return left, err
		}
		right, err := e.soft(p.parts[1], v)
		if right.Node == nil { // what took the place of a field that is not there
			right.Node = left.Node
		}
		return right, err
	case and:
		left, err := e.soft(p.parts[0], v)
		if err != nil || left.isFalse() {
			return left, err
		}
		return e.eval(p.parts[1], v)
	case not:
		x, err := e.soft(p.parts[0], v)
		return Value{x.isFalse(), x.Node}, err
	case compare:
		return e.compare(p, v)
	case list:
		if v.Data == nil {
			return v, nil
		}
		items := []Value{}
		for _, one := range p.parts {
			item, err := e.soft(one, v)
			if err != nil {
				return Value{}, err
			}
			items = append(items, item)
		}
		return Value{items, v.Node}, nil
	case hash:
		if v.Data == nil {
			return v, nil
		}
		m := map[string]Value{}
		for i, one := range p.parts {
			item, err := e.soft(one, v)
			if err != nil {
				return Value{}, err
			}
			m[p.names[i]] = item
		}
		return Value{m, v.Node}, nil
	case flatten:
		return e.flatten(p, v)
	case project, values, filter:
		return e.project(p, v)
	case reference:
		return Value{Data: p.parts[0]}, nil
	}
	return e.call(p, v)
}

func (e *evaluation) field(p *part, v Value) (Value, error) {
	m, ok := v.Data.(map[string]Value)
	if !ok {
		return Value{Node: v.Node}, nil
	}
	got, ok := m[p.text]
	if !ok {
		return Value{}, &NotFoundError{p.text, v.Below(p.text)}
	}
	if failed, ok := got.Data.(Failed); ok {
		return Value{}, failed.Err
	}
	return got, nil
}

func (e *evaluation) compare(p *part, v Value) (Value, error) {
	left, err := e.soft(p.parts[0], v)
	if err != nil {
		return Value{}, err
	}
	right, err := e.soft(p.parts[1], v)
	if err != nil {
		return Value{}, err
	}
	result := Value{Node: first(left, right)}
	a, aOK := left.Data.(float64)
	b, bOK := right.Data.(float64)
	switch {
	case p.text == "==":
		result.Data = equal(left, right)
	case p.text == "!=":
		result.Data = !equal(left, right)
	case !aOK || !bOK:
	case p.text == "<":
		result.Data = a < b
	case p.text == "<=":
		result.Data = a <= b
	case p.text == ">":
		result.Data = a > b
	default:
		result.Data = a >= b
	}
	return result, nil
}

// first returns the node of the first of some values that has one.
func first(all ...Value) *lint.Node {
	for _, v := range all {
		if v.Node != nil {
			return v.Node
		}
	}
	return nil
}

func (e *evaluation) flatten(p *part, v Value) (Value, error) {
	left, err := e.list(p.parts[0], v)
	items, ok := left.Data.([]Value)
	if err != nil || !ok {
		return Value{Node: left.Node}, err
	}
	flat := []Value{}
	for _, item := range items {
		if inner, ok := item.Data.([]Value); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, item)
		}
	}
	return Value{flat, left.Node}, e.budget.Spend(len(flat))
}

func (e *evaluation) project(p *part, v Value) (Value, error) {
	ask := e.list
	if p.kind == project {
		ask = e.soft
	}
	left, err := ask(p.parts[0], v)
	if err != nil {
		return Value{}, err
	}
	items, ok := left.Data.([]Value)
	if p.kind == values {
		var m map[string]Value
		if m, ok = left.Data.(map[string]Value); ok {
			for _, name := range slices.Sorted(maps.Keys(m)) {
				if failed, ok := m[name].Data.(Failed); ok {
					return Value{}, failed.Err
				}
				items = append(items, m[name])
			}
		}
	}
	if !ok {
		return Value{Node: left.Node}, nil
	}
	all := []Value{}
	for _, item := range items {
		if p.kind == filter {
			holds, err := e.soft(p.parts[2], item)
			if err != nil {
				return Value{}, err
			}
			if holds.isFalse() {
				continue
			}
		}
		one, err := e.soft(p.parts[1], item)
		if err != nil {
			return Value{}, err
		}
		if one.Data != nil {
			all = append(all, one)
		}
	}
	return Value{all, left.Node}, e.budget.Spend(len(all))
}

func (e *evaluation) slice(p *part, v Value) (Value, error) {
	items, ok := v.Data.([]Value)
	if !ok {
		return Value{Node: v.Node}, nil
	}
	step, n := 1, len(items)
	if p.at[2] != nil {
		step = *p.at[2]
	}
	if step == 0 {
		return Value{}, errors.New("the step of a slice cannot be 0")
	}
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	bound := func(at *int, otherwise int) int {
		if at == nil {
			return otherwise
		}
		i := *at
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	start, stop := low, high
	if step < 0 {
		start, stop = high, low
	}
	all := []Value{}
	for i, end := bound(p.at[0], start), bound(p.at[1], stop); step > 0 && i < end || step < 0 && i > end; i += step {
		all = append(all, items[i])
	}
	return Value{all, v.Node}, e.budget.Spend(len(all))
}

func (e *evaluation) call(p *part, v Value) (Value, error) {
	args := make([]Value, len(p.parts))
	for i, one := range p.parts {
		var err error
		if args[i], err = e.soft(one, v); err != nil {
			return Value{}, err
		}
	}
	result, err := functions[p.text].run(e, args)
	if err != nil {
		var none *NotFoundError
		var unknown *UnknownError
		if !errors.As(err, &none) && !errors.As(err, &unknown) && !errors.Is(err, ErrCost) {
			err = fmt.Errorf("%s: %w", p.text, err)
		}
		return Value{}, err
	}
	if result.Node == nil {
		result.Node = first(args...)
	}
	cost := 1
	switch d := result.Data.(type) {
	case string:
		cost = len(d) / 1024
	case []Value:
		cost = len(d)
	case map[string]Value:
		cost = len(d)
	}
	return result, e.budget.Spend(cost)
}

package trace

import (
	"errors"
	"fmt"
	"reflect"
	"text/template"
)

// A function is one that templates call, or a method of a value.
type function struct {
	name string
	fn   any
	of   reflect.Value
	in   []reflect.Type // the parameters, but for those of which there may be many
	more reflect.Type   // of which there may be many; nil where there are none such
	// native is called instead of fn, with values as a run holds them.
	native func(r *run, args []any) (any, error)
	short  bool // and, or
	bound  bool // its arguments are measured, and its result has an origin
	text   bool // it returns a string
	traced bool // its result is made from its arguments
	number bool // which is a number, that must be boxed
}

var (
	valueType   = reflect.TypeFor[reflect.Value]()
	stringType  = reflect.TypeFor[string]()
	mappingType = reflect.TypeFor[map[string]any]()
)

// describe returns a function of Go.
func describe(name string, fn reflect.Value) *function {
	f := &function{name: name, of: fn}
	t := fn.Type()
	for i := range t.NumIn() {
		f.in = append(f.in, t.In(i))
	}
	if t.IsVariadic() {
		last := len(f.in) - 1
		f.more, f.in = f.in[last].Elem(), f.in[:last]
	}
	return f
}

// param returns the type of the i-th argument.
func (f *function) param(i int) reflect.Type {
	if i < len(f.in) {
		return f.in[i]
	}
	return f.more
}

// open reports whether the i-th parameter takes any value.
func (f *function) open(i int) bool { return i < len(f.in) && f.in[i] == anyType }

// functionOf returns a function by its name; nil where there is none.
func (e *Engine) functionOf(name string) *function {
	if f, known := e.known[name]; known {
		return f
	}
	f := native(name)
	if fn := e.raw[name]; f == nil && fn != nil {
		f = describe(name, reflect.ValueOf(fn))
		f.fn, f.bound = fn, !handedOn[name]
		result := f.of.Type().Out(0)
		f.text = result == stringType
		switch result.Kind() {
		case reflect.String, reflect.Interface, reflect.Map, reflect.Slice:
			f.traced = !passThrough[name]
		case reflect.Int, reflect.Int64, reflect.Float64:
			f.traced = !passThrough[name]
			f.number = true
		}
	}
	e.known[name] = f
	return f
}

// native returns a function that is called with values as a run holds them; nil where the
// name is of another.
func native(name string) *function {
	f := &function{name: name, in: []reflect.Type{valueType}}
	switch name {
	case "and", "or":
		f.more, f.short = valueType, true
	case "not":
		f.native = func(_ *run, args []any) (any, error) {
			truth, _ := isTrue(args[0])
			return !truth, nil
		}
	case "eq":
		f.more = valueType
		f.native = func(_ *run, args []any) (any, error) { return equalTo(args) }
	case "ne":
		f.in = append(f.in, valueType)
		f.native = func(_ *run, args []any) (any, error) {
			same, err := equalTo(args)
			return !same, err
		}
	case "include":
		f.in = []reflect.Type{stringType, anyType}
		f.native = func(r *run, args []any) (any, error) {
			return r.include(r.set, args[0].(string), plainly(args[1]))
		}
	case "tpl":
		f.in = []reflect.Type{stringType, anyType}
		f.native = func(r *run, args []any) (any, error) { return r.tpl(r.set, args[0].(string), plainly(args[1])) }
	case "len":
		f.native = func(_ *run, args []any) (any, error) {
			switch x := args[0].(type) {
			case string:
				return len(x), nil
			case map[string]any:
				return len(x), nil
			case []any:
				return len(x), nil
			}
			return builtin(name, args)
		}
	case "index":
		f.more = valueType
		f.native = func(_ *run, args []any) (any, error) {
			if len(args) == 2 {
				switch x := args[0].(type) {
				case map[string]any:
					if key, ok := args[1].(string); ok {
						return x[key], nil
					}
				case []any:
					if i, ok := args[1].(int); ok && i >= 0 && i < len(x) {
						return x[i], nil
					}
				}
			}
			return builtin(name, args)
		}
	case "lt", "le", "gt", "ge":
		f.in = append(f.in, valueType)
		f.native = func(_ *run, args []any) (any, error) { return builtin(name, args) }
	case "call":
		f.more = valueType
		f.native = func(_ *run, args []any) (any, error) { return builtin(name, args) }
	default:
		return nil
	}
	return f
}

// equalTo is [equal] for values of a run.
func equalTo(args []any) (bool, error) {
	if len(args) == 2 {
		switch a := args[0].(type) {
		case string:
			if b, ok := args[1].(string); ok {
				return a == b, nil
			}
		case bool:
			if b, ok := args[1].(bool); ok {
				return a == b, nil
			}
		}
	}
	values := make([]reflect.Value, len(args))
	for i, arg := range args {
		values[i] = valueOf(arg)
	}
	return equal(values[0], values[1:]...)
}

// builtin calls a function that only text/template has, by a template.
func builtin(name string, args []any) (v any, err error) {
	text, data := "{{ __result ("+name, map[string]any{}
	for i, arg := range args {
		key := fmt.Sprintf("A%d", i)
		text += " (." + key + ")"
		data[key] = plainly(arg)
	}
	result := func(x any) string {
		v = x
		return ""
	}
	t, err := template.New("").Funcs(template.FuncMap{"__result": result}).Parse(text + ") }}")
	if err == nil {
		err = t.Execute(discard{}, data)
	}
	var failed template.ExecError
	if errors.As(err, &failed) {
		if cause := errors.Unwrap(failed.Err); cause != nil {
			err = cause
		}
	}
	return v, err
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// invoke calls a function. What it panics with is its error, as in text/template.
func (r *run) invoke(f *function, args []any) (v any, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = p
		default:
			err = fmt.Errorf("%v", p)
		}
	}()
	if f.native != nil {
		return f.native(r, args)
	}
	args = f.gather(args)
	if !f.bound {
		return f.call(args)
	}
	if err := r.before(f, args); err != nil {
		return nil, err
	}
	if f.name == "toYaml" {
		if text, ok := r.toYAML(args[0]); ok {
			return text, r.after(text)
		}
	}
	if v, err = f.call(args); err != nil {
		return nil, err
	}
	if err := r.after(v); err != nil {
		return nil, err
	}
	return r.derived(f, args, v), nil
}

// gather puts the arguments of which there may be many into a slice.
func (f *function) gather(args []any) []any {
	if f.more == nil {
		return args
	}
	fixed := len(f.in)
	rest := args[fixed:]
	var many any
	switch f.more {
	case anyType:
		many = rest
	case stringType:
		list := make([]string, len(rest))
		for i, arg := range rest {
			list[i] = arg.(string)
		}
		many = list
	case mappingType:
		list := make([]map[string]any, len(rest))
		for i, arg := range rest {
			list[i] = arg.(map[string]any)
		}
		many = list
	default:
		list := reflect.MakeSlice(reflect.SliceOf(f.more), len(rest), len(rest))
		for i, arg := range rest {
			if f.more == valueType {
				arg = valueOf(arg)
				list.Index(i).Set(reflect.ValueOf(arg))
			} else if arg != nil {
				list.Index(i).Set(reflect.ValueOf(arg))
			}
		}
		many = list.Interface()
	}
	if fixed == 0 {
		return []any{many}
	}
	out := make([]any, fixed, fixed+1)
	copy(out, args)
	return append(out, many)
}

// call calls the function with gathered arguments: those of the signatures that templates
// mostly call as they are, the others by reflection.
func (f *function) call(args []any) (any, error) {
	switch fn := f.fn.(type) {
	case func(string) string:
		return fn(args[0].(string)), nil
	case func(any) string:
		return fn(plainly(args[0])), nil
	case func(...any) string:
		return fn(plainAll(args[0])...), nil
	case func(string, ...any) string:
		return fn(args[0].(string), plainAll(args[1])...), nil
	case func(int, string) string:
		return fn(args[0].(int), args[1].(string)), nil
	case func(int, string) (string, error):
		return fn(args[0].(int), args[1].(string))
	case func(string, string) string:
		return fn(args[0].(string), args[1].(string)), nil
	case func(string, string, string) string:
		return fn(args[0].(string), args[1].(string), args[2].(string)), nil
	case func(string, string) bool:
		return fn(args[0].(string), args[1].(string)), nil
	case func(string, string) (bool, error):
		return fn(args[0].(string), args[1].(string))
	case func(string, any) string:
		return fn(args[0].(string), plainly(args[1])), nil
	case func(string, any) bool:
		return fn(args[0].(string), plainly(args[1])), nil
	case func(string, any) (any, error):
		return fn(args[0].(string), plainly(args[1]))
	case func(string) map[string]any:
		return fn(args[0].(string)), nil
	case func(any) bool:
		return fn(plainly(args[0])), nil
	case func(any) any:
		return fn(plainly(args[0])), nil
	case func(any) int:
		return fn(plainly(args[0])), nil
	case func(any) int64:
		return fn(plainly(args[0])), nil
	case func(any) float64:
		return fn(plainly(args[0])), nil
	case func(any, any) bool:
		return fn(plainly(args[0]), plainly(args[1])), nil
	case func(any, any) []any:
		return fn(plainly(args[0]), plainly(args[1])), nil
	case func(any, any, bool) any:
		return fn(plainly(args[0]), plainly(args[1]), args[2].(bool)), nil
	case func(any, ...any) any:
		return fn(plainly(args[0]), plainAll(args[1])...), nil
	case func(...any) any:
		return fn(plainAll(args[0])...), nil
	case func(...any) []any:
		return fn(plainAll(args[0])...), nil
	case func(...any) map[string]any:
		return fn(plainAll(args[0])...), nil
	case func(...any) (any, error):
		return fn(plainAll(args[0])...)
	case func(map[string]any, string) bool:
		return fn(args[0].(map[string]any), args[1].(string)), nil
	case func(map[string]any, string) any:
		return fn(args[0].(map[string]any), args[1].(string)), nil
	case func(map[string]any, string) map[string]any:
		return fn(args[0].(map[string]any), args[1].(string)), nil
	case func(map[string]any, string, any) map[string]any:
		return fn(args[0].(map[string]any), args[1].(string), plainly(args[2])), nil
	case func(map[string]any, ...string) map[string]any:
		return fn(args[0].(map[string]any), args[1].([]string)...), nil
	case func(map[string]any, ...map[string]any) any:
		return fn(args[0].(map[string]any), args[1].([]map[string]any)...), nil
	}
	return f.reflected(args)
}

// plainAll is plainly for the elements of a slice.
func plainAll(list any) []any {
	values := list.([]any)
	for i, v := range values {
		values[i] = plainly(v)
	}
	return values
}

// reflected calls the function by reflection.
func (f *function) reflected(args []any) (any, error) {
	values := make([]reflect.Value, len(args))
	for i, arg := range args {
		switch {
		case i < len(f.in) && f.in[i] == valueType:
			values[i] = reflect.ValueOf(valueOf(arg))
		case arg == nil:
			values[i] = reflect.Zero(f.param(i))
		default:
			values[i] = valueOf(arg)
		}
	}
	var out []reflect.Value
	if f.more != nil {
		out = f.of.CallSlice(values)
	} else {
		out = f.of.Call(values)
	}
	if len(out) == 2 && !out[1].IsNil() {
		return nil, out[1].Interface().(error)
	}
	v := out[0]
	if v.Type() == valueType {
		v = v.Interface().(reflect.Value)
	}
	return fromReflect(v), nil
}

// derived gives what a function returned its origin.
func (t *tracer) derived(f *function, args []any, v any) any {
	if merges[f.name] {
		if m, ok := v.(map[string]any); ok {
			t.foreign(m, true)
		}
	}
	switch {
	case !f.traced || v == nil:
	case f.number:
		if o := t.derive(f.name, t.inputs(f, args)); o != nil {
			v = boxed(v)
			t.hold(v, o)
		}
	default:
		if f.text {
			return t.transferred(f, args, v.(string))
		}
		return t.container(f, args, v)
	}
	return v
}

package trace

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chartutil"
)

// This file executes the parse trees of text/template and tells the tracer what is read,
// printed and decided. What it writes is what text/template writes
// (https://pkg.go.dev/text/template); [Engine.plain] is that, and the tests compare the two.
//
// A value is held as an any: nil is text/template's invalid value, which a nil in an
// interface becomes at the end of each pipeline. A struct that lies in another value is
// held as the reflect.Value of its place, so that it has the methods of a pointer.

// absentElement is an element of a list or mapping that is nil, as the dot or a variable of a
// range: a field of it is an error, where a field of nil is nil.
type absentElement struct{}

// none stands for the value of the command before, where there is none.
type none struct{}

// A variable is one of a template's, such as $ or $name.
type variable struct {
	name  string
	value any
}

// A run is the execution of one template.
type run struct {
	*Engine
	set  *set
	of   *definition
	w    *writer
	vars []variable
	node parse.Node // which errors name
	// behind says that node was evaluated as a part of something and handed on.
	behind bool
}

// A control says how the nodes of a list ended.
type control uint8

const (
	toEnd control = iota
	toBreak
	toContinue
)

// start executes a template.
func (e *Engine) start(s *set, d *definition, w *writer, data any) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			panic(p)
		case writeError:
			err = p.error
		case template.ExecError:
			err = p
		default:
			panic(p)
		}
	}()
	r := &run{Engine: e, set: s, of: d, w: w, vars: make([]variable, 1, 8)}
	r.vars[0] = variable{"$", data}
	r.list(data, d.tree.Root, 1)
	return nil
}

// A writeError is an error of the writer, which no template is named for.
type writeError struct{ error }

// A Fault is an error in a template, as text/template words it.
type Fault struct {
	text  string
	cause error
	// Composed says that its text names an expression of several operands.
	Composed bool
}

func (f *Fault) Error() string { return f.text }
func (f *Fault) Unwrap() error { return f.cause }

// fail ends the execution with an error at the node at work.
func (r *run) fail(format string, args ...any) {
	what := fmt.Errorf(format, args...)
	f := &Fault{text: fmt.Sprintf("template: %s: %s", r.of.name, what), cause: errors.Unwrap(what)}
	if r.node != nil {
		location, context := r.of.tree.ErrorContext(r.node)
		f.text = fmt.Sprintf("template: %s: executing %q at <%s>: %s", location, r.of.name, context, what)
		f.Composed = r.behind || composed(r.node)
	}
	panic(template.ExecError{Name: r.of.name, Err: f})
}

func (r *run) at(n parse.Node) { r.node, r.behind = n, false }

// check ends the execution where there is an error.
func (r *run) check(hook parse.Node, err error) {
	if err != nil {
		r.at(hook)
		r.behind = true
		r.fail("%w", err)
	}
}

// composed reports whether a node has operands that the tracer sees.
func composed(n parse.Node) bool {
	switch x := n.(type) {
	case *parse.CommandNode:
		for i, arg := range x.Args {
			switch a := arg.(type) {
			case *parse.PipeNode, *parse.ChainNode:
				if composed(a) {
					return true
				}
			}
			if i > 0 && (isOperand(arg) || kept(x, i)) {
				return true
			}
		}
	case *parse.PipeNode:
		for i, c := range x.Cmds {
			if composed(c) || i == 0 && len(c.Args) == 1 && isOperand(c.Args[0]) {
				return true
			}
		}
		_, named := x.Cmds[len(x.Cmds)-1].Args[0].(*parse.IdentifierNode)
		return named
	case *parse.ChainNode:
		if p, ok := x.Node.(*parse.PipeNode); ok {
			return composed(p)
		}
	}
	return false
}

// isOperand reports whether a node reads a value that the tracer is told of.
func isOperand(n parse.Node) bool {
	switch x := n.(type) {
	case *parse.FieldNode:
		switch x.Ident[0] {
		case "Files", "Capabilities", "Template", "Subcharts":
			return false
		case "Values":
			return len(x.Ident) > 1
		}
		return true
	case *parse.VariableNode:
		return x.Ident[0] != "$" && len(x.Ident) == 1 || len(x.Ident) > 1 && (x.Ident[1] != "Values" || len(x.Ident) > 2)
	case *parse.ChainNode, *parse.DotNode:
		return true
	}
	return false
}

func (r *run) push(name string, v any) { r.vars = append(r.vars, variable{name, v}) }
func (r *run) pop(mark int)            { clear(r.vars[mark:]); r.vars = r.vars[:mark] }

// slot returns a variable.
func (r *run) slot(name string) *any {
	for i := len(r.vars) - 1; i >= 0; i-- {
		if r.vars[i].name == name {
			return &r.vars[i].value
		}
	}
	r.fail("undefined variable: %s", name)
	return nil
}

// list executes the nodes of a block at a depth.
func (r *run) list(dot any, l *parse.ListNode, depth int) control {
	for _, n := range l.Nodes {
		r.at(n)
		switch x := n.(type) {
		case *parse.TextNode:
			if err := r.w.template(r.of, x); err != nil {
				panic(writeError{err})
			}
		case *parse.ActionNode:
			r.action(dot, x)
		case *parse.IfNode:
			if c := r.branch(dot, n, &x.BranchNode, depth); c != toEnd {
				return c
			}
		case *parse.WithNode:
			if c := r.branch(dot, n, &x.BranchNode, depth); c != toEnd {
				return c
			}
		case *parse.RangeNode:
			r.branch(dot, n, &x.BranchNode, depth)
		case *parse.TemplateNode:
			r.template(dot, x)
		case *parse.BreakNode:
			return toBreak
		case *parse.ContinueNode:
			return toContinue
		case *parse.CommentNode:
		default:
			r.fail("unknown node: %s", n)
		}
	}
	return toEnd
}

// action executes {{ p }}, {{ $x := p }} or {{ $x = p }}.
func (r *run) action(dot any, x *parse.ActionNode) {
	begin, err := r.begin()
	r.check(x, err)
	v := r.pipe(dot, x.Pipe)
	if len(x.Pipe.Decl) > 0 {
		r.declare(x.Pipe, r.keep(begin, v))
		return
	}
	r.check(x, finite(plainly(v)))
	p := printed{r.actionOf(r.of, x, x.Pos), v, r.since(begin)}
	if err := r.w.print(&p); err != nil {
		switch {
		case errors.Is(err, errUnprintable):
			r.at(x)
			r.fail("can't print %s of type %s", x, reflect.TypeOf(plainly(v)))
		default:
			panic(writeError{err})
		}
	}
}

// declare gives the variables of a pipeline its value.
func (r *run) declare(p *parse.PipeNode, v any) {
	for _, d := range p.Decl {
		if p.IsAssign {
			*r.slot(d.Ident[0]) = v
		} else {
			r.push(d.Ident[0], v)
		}
	}
}

// branch executes an if, with or range.
func (r *run) branch(dot any, n parse.Node, b *parse.BranchNode, depth int) control {
	mark := len(r.vars)
	begin, err := r.begin()
	r.check(n, err)
	v := r.pipe(dot, b.Pipe)
	act := r.branchOf(r.of, b)
	r.decide(act, begin, v)
	c := toEnd
	if b.NodeType == parse.NodeRange {
		r.iterate(dot, b, act, v, depth)
	} else {
		r.declare(b.Pipe, v)
		truth, ok := isTrue(v)
		switch {
		case !ok:
			r.fail("if/with can't use %v", plainly(v))
		case truth && b.NodeType == parse.NodeWith:
			c = r.guarded(v, b, b.List, act, false, depth)
		case truth:
			c = r.guarded(dot, b, b.List, act, false, depth)
		case b.ElseList != nil:
			c = r.guarded(dot, b, b.ElseList, act, true, depth)
		}
	}
	r.pop(mark)
	if c == toEnd { // or a range around it ends here, which does the same
		r.leaveTo(r.base + depth)
		for _, name := range act.block.assigned {
			r.at(n)
			v := r.slot(name)
			*v = r.owe(*v, act.chosen)
		}
	}
	return c
}

// guarded executes a block of an if, with or range.
func (r *run) guarded(dot any, b *parse.BranchNode, l *parse.ListNode, act *action, other bool, depth int) control {
	r.check(b, r.enterGuard(act, other, depth))
	return r.list(dot, l, depth+1)
}

// iterate executes a range over v.
func (r *run) iterate(dot any, b *parse.BranchNode, act *action, v any, depth int) {
	p := b.Pipe
	r.declare(p, v)
	mark := len(r.vars)
	once := func(index, element any) bool {
		element = elementOf(element)
		switch {
		case len(p.Decl) > 0 && p.IsAssign:
			if len(p.Decl) > 1 {
				*r.slot(p.Decl[0].Ident[0]) = index
				*r.slot(p.Decl[1].Ident[0]) = element
			} else {
				*r.slot(p.Decl[0].Ident[0]) = element
			}
		case len(p.Decl) > 0:
			r.vars[mark-1].value = element
			if len(p.Decl) > 1 {
				r.vars[mark-2].value = index
			}
		}
		c := r.guarded(element, b, b.List, act, false, depth)
		r.pop(mark)
		return c != toBreak
	}
	ran := false
	switch x := v.(type) {
	case nil:
	case []any:
		for i, element := range x {
			ran = true
			if !once(i, element) {
				break
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			ran = true
			if !once(k, x[k]) {
				break
			}
		}
	default:
		ran = r.iterateOver(p, valueOf(v), once)
	}
	if !ran && b.ElseList != nil {
		r.guarded(dot, b, b.ElseList, act, true, depth)
	}
}

// iterateOver is iterate for what templates seldom range over; it reports whether there was
// an element.
func (r *run) iterateOver(p *parse.PipeNode, v reflect.Value, once func(index, element any) bool) (ran bool) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case v.CanInt() || v.CanUint():
		if len(p.Decl) > 1 {
			r.fail("can't use %v to iterate over more than one variable", v)
		}
		for i := range v.Seq() {
			ran = true
			if !once(nil, fromReflect(i)) {
				break
			}
		}
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		for i := range v.Len() {
			ran = true
			if !once(i, elementAt(v.Index(i))) {
				break
			}
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, compareKeys)
		for _, k := range keys {
			ran = true
			if !once(fromReflect(k), elementAt(v.MapIndex(k))) {
				break
			}
		}
	case v.Kind() == reflect.Invalid:
	default:
		r.fail("range can't iterate over %v", v)
	}
	return ran
}

// elementAt is fromReflect where a nil in an interface is an absent element.
func elementAt(v reflect.Value) any {
	if v.Kind() == reflect.Interface && v.IsNil() {
		return absentElement{}
	}
	return fromReflect(v)
}

func elementOf(v any) any {
	if v == nil {
		return absentElement{}
	}
	return v
}

// compareKeys orders the keys of a mapping as fmt and so text/template does, as far as
// templates can come by them: by kind, and by what they are.
func compareKeys(a, b reflect.Value) int {
	for a.Kind() == reflect.Interface && !a.IsNil() {
		a = a.Elem()
	}
	for b.Kind() == reflect.Interface && !b.IsNil() {
		b = b.Elem()
	}
	switch {
	case a.Kind() == reflect.String && b.Kind() == reflect.String:
		return strings.Compare(a.String(), b.String())
	case a.CanInt() && b.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint() && b.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	case a.CanFloat() && b.CanFloat():
		return cmp.Compare(a.Float(), b.Float())
	case a.Kind() == reflect.Bool && b.Kind() == reflect.Bool:
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}
	return cmp.Or(cmp.Compare(a.Kind(), b.Kind()), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
}

// template executes {{ template "name" p }}.
func (r *run) template(dot any, x *parse.TemplateNode) {
	r.check(x, r.enterTemplate())
	d := r.set.lookup(x.Name)
	if d == nil {
		r.fail("template %q not defined", x.Name)
	}
	var data any
	if x.Pipe != nil {
		data = r.pipe(dot, x.Pipe)
		r.declare(x.Pipe, data)
	}
	inner := &run{Engine: r.Engine, set: r.set, of: d, w: r.w, vars: make([]variable, 1, 8)}
	inner.vars[0] = variable{"$", data}
	inner.list(data, d.tree.Root, 1)
	r.leaveTemplate()
}

// pipe evaluates a pipeline without its variables.
func (r *run) pipe(dot any, p *parse.PipeNode) any {
	r.at(p)
	var v any = none{}
	for i, c := range p.Cmds {
		v = concrete(r.command(dot, c, i == 0, v))
	}
	return v
}

// concrete returns a value at the end of a command, where an absent element is nil.
func concrete(v any) any {
	if v == (absentElement{}) {
		return nil
	}
	return v
}

func isNone(v any) bool {
	_, is := v.(none)
	return is
}

func (r *run) noArguments(args []parse.Node, final any) {
	if len(args) > 1 || !isNone(final) {
		r.fail("can't give argument to non-function %s", args[0])
	}
}

func (r *run) command(dot any, c *parse.CommandNode, first bool, final any) any {
	word := c.Args[0]
	if first && len(c.Args) == 1 && isOperand(word) {
		return r.operand(dot, word)
	}
	switch x := word.(type) {
	case *parse.FieldNode:
		r.at(x)
		return r.fields(dot, dot, x, x.Ident, c.Args, final)
	case *parse.ChainNode:
		return r.chain(dot, x, c.Args, final)
	case *parse.IdentifierNode:
		return r.function(dot, x, c, c.Args, final)
	case *parse.PipeNode:
		r.noArguments(c.Args, final)
		return r.nested(dot, x)
	case *parse.VariableNode:
		return r.variable(dot, x, c.Args, final)
	}
	r.at(word)
	r.noArguments(c.Args, final)
	switch x := word.(type) {
	case *parse.BoolNode:
		return x.True
	case *parse.DotNode:
		return dot
	case *parse.NilNode:
		r.fail("nil is not a command")
	case *parse.NumberNode:
		return r.number(x)
	case *parse.StringNode:
		return x.Text
	}
	r.fail("can't evaluate command %q", word)
	return nil
}

// nested evaluates a pipeline in parentheses.
func (r *run) nested(dot any, p *parse.PipeNode) any {
	v := r.pipe(dot, p)
	r.declare(p, v)
	if _, named := p.Cmds[len(p.Cmds)-1].Args[0].(*parse.IdentifierNode); named {
		r.read(v)
		r.node, r.behind = p, true
	}
	return v
}

// operand evaluates a field, a variable or the dot, and tells the tracer.
func (r *run) operand(dot any, n parse.Node) any {
	r.at(n)
	switch x := n.(type) {
	case *parse.DotNode:
		return r.read(concrete(dot))
	case *parse.FieldNode:
		switch x.Ident[0] {
		case "Values":
			base, declared := r.step(dot, false, x, "Values", true)
			return r.field(x.Ident[1:], base, r.rest(base, declared, x, x.Ident[1:]))
		case "Chart", "Release":
			return r.read(r.fields(dot, dot, x, x.Ident, nil, none{}))
		}
		return r.field(x.Ident, concrete(dot), r.fields(dot, dot, x, x.Ident, nil, none{}))
	case *parse.VariableNode:
		base := *r.slot(x.Ident[0])
		if len(x.Ident) == 1 {
			return r.read(concrete(base))
		}
		from, declared := 1, false
		if x.Ident[1] == "Values" {
			from = 2
			base, declared = r.step(base, false, x, "Values", true)
		}
		return r.field(x.Ident[from:], concrete(base), r.rest(base, declared, x, x.Ident[from:]))
	case *parse.ChainNode:
		of := r.chained(dot, x)
		v := r.fields(dot, of, x, x.Field, nil, none{})
		if last := x.Field[len(x.Field)-1]; last == "AsConfig" || last == "AsSecrets" {
			return r.filesRead(concrete(of), v)
		}
		return r.read(v)
	}
	return nil
}

// variable evaluates $x or $x.Field.
func (r *run) variable(dot any, x *parse.VariableNode, args []parse.Node, final any) any {
	r.at(x)
	v := *r.slot(x.Ident[0])
	if len(x.Ident) == 1 {
		if args != nil {
			r.noArguments(args, final)
		}
		return v
	}
	return r.fields(dot, v, x, x.Ident[1:], args, final)
}

// chained evaluates what (p).Field begins with.
func (r *run) chained(dot any, x *parse.ChainNode) any {
	r.at(x)
	switch n := x.Node.(type) {
	case *parse.NilNode:
		r.fail("indirection through explicit nil in %s", x)
	case *parse.PipeNode:
		v := r.pipe(dot, n)
		r.declare(n, v)
		return v
	}
	return r.argument(dot, nil, nil, 0, x.Node)
}

func (r *run) chain(dot any, x *parse.ChainNode, args []parse.Node, final any) any {
	return r.fields(dot, r.chained(dot, x), x, x.Field, args, final)
}

// number returns the value of a number where no type is wanted.
func (r *run) number(n *parse.NumberNode) any {
	r.at(n)
	text := n.Text
	isHex := len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && !strings.ContainsAny(text, "pP")
	switch {
	case n.IsComplex:
		return n.Complex128
	case n.IsFloat && !isHex && text[0] != '\'' && strings.ContainsAny(text, ".eEpP"):
		return n.Float64
	case n.IsInt && int64(int(n.Int64)) == n.Int64:
		return int(n.Int64)
	case n.IsInt || n.IsUint:
		r.fail("%s overflows int", text)
	}
	return nil
}

// fields evaluates .X.Y.Z of a value; the last may be a method, which has the arguments.
func (r *run) fields(dot, of any, node parse.Node, names []string, args []parse.Node, final any) any {
	declared := false
	last := len(names) - 1
	for _, name := range names[:last] {
		of, declared = r.step(of, declared, node, name, false)
	}
	if len(args) > 1 || !isNone(final) {
		return r.method(dot, of, declared, node, names[last], args, final)
	}
	of, _ = r.step(of, declared, node, names[last], false)
	return of
}

// rest evaluates the fields of a value that the first field gave.
func (r *run) rest(of any, declared bool, node parse.Node, names []string) any {
	for _, name := range names {
		of, declared = r.step(of, declared, node, name, false)
	}
	return of
}

// step evaluates one field. declared says that the value lies in an interface, which errors
// name in its place. alone says that errors name the field as the only one.
func (r *run) step(of any, declared bool, node parse.Node, name string, alone bool) (v any, inInterface bool) {
	switch x := of.(type) {
	case map[string]any:
		if v, ok := x[name]; ok || r.missingKey() == missingZero {
			return v, true
		}
	case chartutil.Values:
		if valuesMethods[name] {
			break
		}
		if v, ok := x[name]; ok || r.missingKey() == missingZero {
			return v, true
		}
	case nil:
		if !declared && r.missingKey() != missingError {
			return nil, false
		}
	}
	if alone { // what text/template evaluates first, for the tracer
		switch x := node.(type) {
		case *parse.FieldNode:
			node = &parse.FieldNode{NodeType: parse.NodeField, Pos: x.Pos, Ident: x.Ident[:1]}
		case *parse.VariableNode:
			node = &parse.VariableNode{NodeType: parse.NodeVariable, Pos: x.Pos, Ident: x.Ident[:2]}
		}
		r.at(node)
	}
	return r.member(of, declared, node, name)
}

// valuesMethods are the methods of what templates see as .Values, which come before its keys.
var valuesMethods = func() map[string]bool {
	names := map[string]bool{}
	for t, i := reflect.TypeFor[chartutil.Values](), 0; i < t.NumMethod(); i++ {
		names[t.Method(i).Name] = true
	}
	return names
}()

type missing uint8

const (
	missingZero missing = iota
	missingInvalid
	missingError
)

// missingKey says what a key that is not there gives.
func (r *run) missingKey() missing {
	if r.set.parent != nil { // as in tpl, https://github.com/golang/go/issues/43022
		return missingZero
	}
	switch r.MissingKey {
	case "missingkey=error":
		return missingError
	case "missingkey=default", "missingkey=invalid":
		return missingInvalid
	}
	return missingZero
}

// member is step for what is no plain mapping, or not there.
func (r *run) member(of any, declared bool, node parse.Node, name string) (v any, inInterface bool) {
	if method, ok := methodOf(of, name); ok {
		return r.call(nil, method, node, nil, none{}), false
	}
	kind := "interface {}"
	if of == (absentElement{}) || of == nil && declared {
		r.fail("nil pointer evaluating %s.%s", kind, name)
	}
	if of == nil {
		if r.missingKey() == missingError {
			r.fail("nil data; no entry for key %q", name)
		}
		return nil, false
	}
	value := valueOf(of)
	if !declared {
		kind = value.Type().String()
	}
	pointer := value
	for (value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface) && !value.IsNil() {
		value = value.Elem()
	}
	switch value.Kind() {
	case reflect.Struct:
		if field, ok := value.Type().FieldByName(name); ok {
			if !field.IsExported() {
				r.fail("%s is an unexported field of struct type %s", name, kind)
			}
			member, err := value.FieldByIndexErr(field.Index)
			if err != nil {
				r.fail("%v", err)
			}
			return fromReflect(member), member.Kind() == reflect.Interface
		}
	case reflect.Map:
		if !reflect.TypeFor[string]().AssignableTo(value.Type().Key()) {
			break
		}
		element := value.MapIndex(reflect.ValueOf(name))
		if !element.IsValid() {
			switch r.missingKey() {
			case missingInvalid:
				return nil, false
			case missingError:
				r.fail("map has no entry for key %q", name)
			}
			element = reflect.Zero(value.Type().Elem())
		}
		return fromReflect(element), element.Kind() == reflect.Interface
	case reflect.Pointer: // a nil one
		if t := value.Type().Elem(); t.Kind() == reflect.Struct {
			if _, ok := t.FieldByName(name); !ok {
				break
			}
		}
		r.fail("nil pointer evaluating %s.%s", pointer.Type(), name)
	}
	r.fail("can't evaluate field %s in type %s", name, kind)
	return nil, false
}

// method evaluates a field with arguments: a method.
func (r *run) method(dot, of any, declared bool, node parse.Node, name string, args []parse.Node, final any) any {
	if method, ok := methodOf(of, name); ok {
		return r.call(dot, method, node, args, final)
	}
	_, _ = r.member(of, declared, node, name)
	value := valueOf(of)
	for value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Kind() == reflect.Struct {
		r.fail("%s has arguments but cannot be invoked as function", name)
	}
	if value.IsValid() {
		r.fail("%s is not a method but has arguments", name)
	}
	return nil
}

// methodOf returns a method of a value.
func methodOf(of any, name string) (*function, bool) {
	switch of.(type) {
	case nil, absentElement, map[string]any, []any, string, bool, int, int64, float64:
		return nil, false
	}
	v := valueOf(of)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Pointer && v.CanAddr() {
		v = v.Addr()
	}
	method := v.MethodByName(name)
	if !method.IsValid() {
		return nil, false
	}
	f := describe(name, method)
	return f, true
}

// function evaluates a function's name with its arguments.
func (r *run) function(dot any, n *parse.IdentifierNode, node parse.Node, args []parse.Node, final any) any {
	r.at(n)
	f := r.functionOf(n.Ident)
	if f == nil {
		r.fail("%q is not a defined function", n.Ident)
	}
	return r.call(dot, f, node, args, final)
}

// call evaluates the arguments of a function and calls it. The first of args is the function.
func (r *run) call(dot any, f *function, node parse.Node, args []parse.Node, final any) any {
	var word parse.Node
	if len(args) > 0 {
		word, args = args[0], args[1:]
	}
	given := len(args)
	if !isNone(final) {
		given++
	}
	switch fixed := len(f.in); {
	case f.more != nil && given < fixed:
		r.fail("wrong number of args for %s: want at least %d got %d", f.name, fixed, len(args))
	case f.more == nil && given != fixed:
		r.fail("wrong number of args for %s: want %d got %d", f.name, fixed, given)
	}
	if f.short {
		return r.shortCircuit(dot, f.name == "or", args, final)
	}
	called := f
	if _, named := word.(*parse.IdentifierNode); !named {
		called = nil
	}
	base := len(r.stack)
	for i, arg := range args {
		v := r.argument(dot, f.param(i), called, i+1, arg)
		r.stack = append(r.stack, v)
	}
	if !isNone(final) {
		v := r.convert(final, f.param(given-1))
		r.stack = append(r.stack, v)
	}
	values := r.stack[base:]
	if f.more != nil { // the function may keep them
		values = slices.Clone(values)
	}
	v, err := r.invoke(f, values)
	clear(r.stack[base:])
	r.stack = r.stack[:base]
	if err != nil {
		r.at(node)
		r.fail("error calling %s: %w", f.name, err)
	}
	return v
}

// shortCircuit evaluates and, or.
func (r *run) shortCircuit(dot any, or bool, args []parse.Node, final any) (v any) {
	for _, arg := range args {
		v = r.argument(dot, valueType, nil, 0, arg)
		if truth, _ := isTrue(v); truth == or {
			return v
		}
	}
	if !isNone(final) {
		v = final
	}
	return v
}

// argument evaluates an argument for a parameter of a type, the i-th of a function that is
// called by its name.
func (r *run) argument(dot any, want reflect.Type, f *function, i int, n parse.Node) any {
	r.at(n)
	switch x := n.(type) {
	case *parse.DotNode, *parse.FieldNode, *parse.VariableNode, *parse.ChainNode:
		if isOperand(n) {
			return r.convert(r.operand(dot, n), want)
		}
		switch x := n.(type) {
		case *parse.FieldNode:
			return r.convert(r.fields(dot, dot, x, x.Ident, nil, none{}), want)
		case *parse.VariableNode:
			return r.convert(concrete(r.variable(dot, x, nil, none{})), want)
		}
	case *parse.PipeNode:
		return r.convert(r.nested(dot, x), want)
	case *parse.IdentifierNode:
		return r.convert(concrete(r.function(dot, x, x, nil, none{})), want)
	case *parse.NilNode:
		if !canBeNil(want) {
			r.fail("cannot assign nil to %s", want)
		}
		return r.convert(nil, want)
	case *parse.StringNode:
		if want.Kind() == reflect.String {
			return r.typed(x.Text, want)
		}
	case *parse.BoolNode:
		if want.Kind() == reflect.Bool {
			return r.typed(x.True, want)
		}
	case *parse.NumberNode:
		switch want.Kind() {
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			if x.IsInt {
				return r.typed(x.Int64, want)
			}
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
			if x.IsUint {
				return r.typed(x.Uint64, want)
			}
		case reflect.Float32, reflect.Float64:
			if x.IsFloat {
				return r.typed(x.Float64, want)
			}
		}
	}
	return r.constantFor(want, f, i, n)
}

// constantFor evaluates a constant for a parameter that takes any value.
func (r *run) constantFor(want reflect.Type, f *function, i int, n parse.Node) any {
	if want == valueType || want.Kind() == reflect.Interface && want.NumMethod() == 0 {
		var v any
		switch x := n.(type) {
		case *parse.BoolNode:
			v = x.True
		case *parse.StringNode:
			v = x.Text
		case *parse.NumberNode:
			v = r.number(x)
		default:
			r.fail("can't handle assignment of %s to empty interface argument", n)
		}
		if f != nil && isKept(f.name, i, n) {
			return r.constant(r.actionOf(r.of, n, n.Position()), v)
		}
		return v
	}
	switch want.Kind() {
	case reflect.Bool:
		r.fail("expected bool; found %s", n)
	case reflect.String:
		r.fail("expected string; found %s", n)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		r.fail("expected integer; found %s", n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		r.fail("expected unsigned integer; found %s", n)
	case reflect.Float32, reflect.Float64:
		r.fail("expected float; found %s", n)
	}
	r.fail("can't handle %s for arg of type %s", n, want)
	return nil
}

// typed returns a constant as a type of its kind.
func (r *run) typed(v any, want reflect.Type) any {
	if reflect.TypeOf(v) == want {
		return v
	}
	return reflect.ValueOf(v).Convert(want).Interface()
}

// convert returns a value as a parameter of a type takes it.
func (r *run) convert(v any, want reflect.Type) any {
	switch want {
	case nil, anyType, valueType:
		return v
	case stringType:
		if s, ok := v.(string); ok {
			return s
		}
	case mappingType:
		switch x := v.(type) {
		case map[string]any:
			return x
		case chartutil.Values:
			return map[string]any(x)
		}
	}
	if v == nil {
		if !canBeNil(want) {
			r.fail("invalid value; expected %s", want)
		}
		return reflect.Zero(want).Interface()
	}
	value := valueOf(v)
	switch {
	case value.Type().AssignableTo(want):
	case value.Kind() == reflect.Pointer && value.Type().Elem().AssignableTo(want):
		if value = value.Elem(); !value.IsValid() {
			r.fail("dereference of nil pointer of type %s", want)
		}
	case value.CanAddr() && reflect.PointerTo(value.Type()).AssignableTo(want):
		value = value.Addr()
	default:
		r.fail("wrong type for value; expected %s; got %s", want, value.Type())
	}
	if want.Kind() == reflect.Interface || value.Type() == want {
		return value.Interface()
	}
	return value.Convert(want).Interface()
}

func canBeNil(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice:
		return true
	}
	return t == valueType
}

// isTrue is [template.IsTrue], quick for what templates mostly ask.
func isTrue(v any) (truth, ok bool) {
	switch x := v.(type) {
	case nil, absentElement:
		return false, true
	case bool:
		return x, true
	case string:
		return x != "", true
	case map[string]any:
		return len(x) > 0, true
	case []any:
		return len(x) > 0, true
	}
	return template.IsTrue(plainly(v))
}

// valueOf is [reflect.ValueOf] for a value of a run.
func valueOf(v any) reflect.Value {
	switch x := v.(type) {
	case reflect.Value:
		return x
	case absentElement:
		return reflect.Value{}
	}
	return reflect.ValueOf(v)
}

// plainly returns a value of a run without its place.
func plainly(v any) any {
	switch x := v.(type) {
	case reflect.Value:
		return x.Interface()
	case absentElement:
		return nil
	}
	return v
}

// fromReflect returns v as a run holds it.
func fromReflect(v reflect.Value) any {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch {
	case !v.IsValid():
		return nil
	case v.Kind() == reflect.Struct && v.CanAddr():
		return v
	}
	return v.Interface()
}

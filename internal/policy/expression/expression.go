package expression

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	servercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/lazy"

	"github.com/manilint/manilint/lint"
)

// An Issue is why a text is no expression, with a place in it: line and column from 1.
type Issue struct {
	Line, Column int
	Message      string
}

// An Expression is compiled. It may be evaluated concurrently.
type Expression struct {
	Text   string
	Output *cel.Type

	env     *Environment
	ast     *ast.AST
	bound   bound
	fast    cel.Program                 // which counts no cost; nil where that is not bounded
	counted func() (cel.Program, error) // which does
	partial func() (cel.Program, error) // for what is not known
	reads   map[string]bool             // variables and, as "request.userInfo", their fields; see Reads
	parts   sync.Map                    // id of a part → func() (cel.Program, error)
}

// Compile compiles an expression that gives one of the types; any where none is named.
func (e *Environment) Compile(text string, outputs ...*cel.Type) (*Expression, []Issue) {
	checked, found := e.env.Compile(text)
	if found.Err() != nil {
		var issues []Issue
		for _, err := range found.Errors() {
			message, _, _ := strings.Cut(err.Message, " (in container")
			issue := Issue{err.Location.Line(), err.Location.Column() + 1, message}
			if len(issues) == 0 || issues[len(issues)-1] != issue {
				issues = append(issues, issue)
			}
		}
		return nil, issues
	}
	x := &Expression{Text: text, Output: checked.OutputType(), env: e, ast: checked.NativeRep()}
	fits := len(outputs) == 0
	var wanted []string
	for _, t := range outputs {
		fits = fits || x.Output.IsExactType(t)
		wanted = append(wanted, t.String())
	}
	if !fits {
		return nil, []Issue{{1, 1, fmt.Sprintf("the expression gives %s and has to give %s", x.Output, strings.Join(wanted, " or "))}}
	}
	var err error
	x.counted = sync.OnceValues(func() (cel.Program, error) { return e.env.Program(checked, programOptions(false)...) })
	if x.bound = boundOf(x.ast.Expr()); x.bound.parts > 0 {
		x.fast, err = e.env.Program(checked, programOptions(true)...)
	} else {
		_, err = x.counted()
	}
	if err != nil {
		return nil, []Issue{{1, 1, err.Error()}}
	}
	x.partial = sync.OnceValues(func() (cel.Program, error) {
		return e.env.Program(checked, append(programOptions(false), cel.EvalOptions(cel.OptPartialEval))...)
	})
	x.reads = x.variables()
	for name := range maps.Clone(x.reads) {
		if defined := e.defined[strings.TrimPrefix(name, variablesName+".")]; defined != nil && strings.HasPrefix(name, variablesName+".") {
			maps.Copy(x.reads, defined.reads)
		}
	}
	return x, nil
}

// Define adds a field to the variable named variables: later expressions read it. One that
// does not compile is of any type.
func (e *Environment) Define(name, text string) []Issue {
	x, issues := e.Compile(text)
	declared := servercel.DynType
	if x != nil {
		e.defined[name] = x
		declared = declType(x.Output)
	}
	e.variables.Fields[name] = servercel.NewDeclField(name, declared, true, nil, nil)
	return issues
}

// declType returns a type as variables are declared with.
func declType(t *cel.Type) *servercel.DeclType {
	for _, simple := range []*servercel.DeclType{
		servercel.AnyType, servercel.BoolType, servercel.BytesType, servercel.DoubleType, servercel.DurationType, servercel.IntType,
		servercel.NullType, servercel.StringType, servercel.TimestampType, servercel.UintType,
	} {
		if t.IsExactType(simple.CelType()) {
			return simple
		}
	}
	switch of := t.Parameters(); t.Kind() {
	case types.ListKind:
		return servercel.NewListType(declType(of[0]), -1)
	case types.MapKind:
		return servercel.NewMapType(declType(of[0]), declType(of[1]), -1)
	}
	return servercel.DynType
}

// Reads reports whether the expression, or a defined variable that it reads, reads a variable
// or, as request.userInfo, a field of one.
func (x *Expression) Reads(variable string) bool { return x.reads[variable] }

// ReadsAlone reports whether of a variable nothing is read but some of its fields.
func (x *Expression) ReadsAlone(variable string, fields ...string) bool {
	for name := range x.reads {
		if field, ok := strings.CutPrefix(name, variable+"."); ok && !slices.Contains(fields, field) {
			return false
		}
	}
	return true
}

// Fields returns the places in the expression where it reads a field of a variable, with the
// field's name as the message. A field that the expression also tests by has() is not among them.
func (x *Expression) Fields(variable string) []Issue {
	var found []Issue
	tested := map[string]bool{}
	var walk func(ast.Expr)
	walk = func(e ast.Expr) {
		if e.Kind() == ast.SelectKind {
			s := e.AsSelect()
			if o := s.Operand(); o.Kind() == ast.IdentKind && o.AsIdent() == variable && x.reads[variable+"."+s.FieldName()] {
				if s.IsTestOnly() {
					tested[s.FieldName()] = true
				} else {
					at := x.ast.SourceInfo().GetStartLocation(o.ID())
					found = append(found, Issue{at.Line(), at.Column() + 1, s.FieldName()})
				}
				return
			}
		}
		parts := children(e)
		if e.Kind() == ast.ComprehensionKind {
			c := e.AsComprehension()
			parts = []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
		}
		for _, part := range parts {
			walk(part)
		}
	}
	walk(x.ast.Expr())
	return slices.DeleteFunc(found, func(f Issue) bool { return tested[f.Message] })
}

// Constant returns the text that the expression always gives; ok is false where it is no
// literal string.
func (x *Expression) Constant() (text string, ok bool) {
	if x.ast.Expr().Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok = x.ast.Expr().AsLiteral().Value().(string)
	return text, ok
}

// variables returns the variables that the expression itself reads.
func (x *Expression) variables() map[string]bool {
	reads := map[string]bool{}
	bound := map[string]int{}
	var walk func(ast.Expr)
	walk = func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			name := e.AsIdent()
			if r := x.ast.ReferenceMap()[e.ID()]; r != nil && r.Name != "" {
				name = r.Name
			}
			if bound[name] == 0 {
				reads[name], reads[name+".*"] = true, true
			}
		case ast.SelectKind:
			s := e.AsSelect()
			if r := x.ast.ReferenceMap()[e.ID()]; r != nil && r.Name != "" { // a variable with a dot in its name
				reads[r.Name] = true
				return
			}
			if o := s.Operand(); o.Kind() == ast.IdentKind && bound[o.AsIdent()] == 0 {
				reads[o.AsIdent()], reads[o.AsIdent()+"."+s.FieldName()] = true, true
				return
			}
			walk(s.Operand())
		case ast.CallKind:
			c := e.AsCall()
			if c.IsMemberFunction() {
				walk(c.Target())
			}
			for _, a := range c.Args() {
				walk(a)
			}
		case ast.ListKind:
			for _, item := range e.AsList().Elements() {
				walk(item)
			}
		case ast.MapKind:
			for _, item := range e.AsMap().Entries() {
				walk(item.AsMapEntry().Key())
				walk(item.AsMapEntry().Value())
			}
		case ast.StructKind:
			for _, field := range e.AsStruct().Fields() {
				walk(field.AsStructField().Value())
			}
		case ast.ComprehensionKind:
			c := e.AsComprehension()
			walk(c.IterRange())
			walk(c.AccuInit())
			names := []string{c.IterVar(), c.AccuVar()}
			if c.HasIterVar2() {
				names = append(names, c.IterVar2())
			}
			for _, name := range names {
				bound[name]++
			}
			walk(c.LoopCondition())
			walk(c.LoopStep())
			walk(c.Result())
			for _, name := range names {
				bound[name]--
			}
		}
	}
	walk(x.ast.Expr())
	return reads
}

// A Value is what a variable holds: plain data, a [ref.Val], or nil for null, and the node
// that it was read from, nil where it is of no object.
type Value struct {
	Data any
	Node *lint.Node
	// Size is how many fields and elements the data holds, at the least.
	Size int
}

// An Activation is what the variables hold for one object. It is used by one goroutine.
type Activation struct {
	// Unknown are the variables, or parts of them as object.metadata.namespace, whose
	// values nobody knows: what depends on them has no result.
	Unknown []string

	names   [16]string // few enough to be searched
	values  [16]Value
	count   int
	defined map[string]ref.Val
	cost    uint64
}

// Set gives a variable a value, in place of the one that it had. There are 16 at the most.
func (a *Activation) Set(name string, v Value) {
	i := a.at(name)
	if i < 0 {
		i = a.count
		a.count++
	}
	a.names[i], a.values[i] = name, v
}

// Get returns what a variable holds; the zero Value where it holds nothing.
func (a *Activation) Get(name string) Value {
	if i := a.at(name); i >= 0 {
		return a.values[i]
	}
	return Value{}
}

func (a *Activation) at(name string) int {
	for i := range a.count {
		if a.names[i] == name {
			return i
		}
	}
	return -1
}

// ResolveName returns what a variable holds.
func (a *Activation) ResolveName(name string) (any, bool) {
	i := a.at(name)
	if i < 0 {
		return nil, false
	}
	return a.values[i].Data, true
}

// Parent returns nil.
func (a *Activation) Parent() cel.Activation { return nil }

// composed is an activation with the variables that an environment defines.
type composed struct {
	*Activation
	env *Environment
}

func (c composed) ResolveName(name string) (any, bool) {
	if name != variablesName {
		return c.Activation.ResolveName(name)
	}
	values := lazy.NewMapValue(c.env.variables)
	for name, x := range c.env.defined {
		values.Append(name, func(*lazy.MapValue) ref.Val { return c.value(name, x) })
	}
	return values, true
}

// value evaluates a defined variable, once an activation.
func (c composed) value(name string, x *Expression) ref.Val {
	if v, ok := c.defined[name]; ok {
		return v
	}
	r := x.Eval(c.Activation)
	v := r.Value
	switch {
	case r.Err != nil:
		v = types.WrapErr(fmt.Errorf("variable %q: %w", name, r.Err))
	case r.Unknown:
		v = types.NewUnknown(0, nil)
	}
	if c.defined == nil {
		c.Activation.defined = map[string]ref.Val{}
	}
	c.Activation.defined[name] = v
	return v
}

// A Result is what an evaluation came to: a value, an error, or neither where it depends on
// what is not known.
type Result struct {
	Value   ref.Val
	Err     error
	Unknown bool
}

// IsTrue reports whether the result is true.
func (r Result) IsTrue() bool { return r.Value == types.True }

// Eval evaluates the expression.
func (x *Expression) Eval(a *Activation) Result {
	if cost, ok := x.bound.of(a.size()); ok {
		a.cost += cost
		return x.run(x.fast, x.partial, a, x.input(a))
	}
	program, err := x.counted()
	if err != nil {
		return Result{Err: err}
	}
	return x.run(program, x.partial, a, x.input(a))
}

// size returns that of the largest value.
func (a *Activation) size() int {
	size := 0
	for i := range a.count {
		size = max(size, a.values[i].Size)
	}
	return size
}

// light are the operators and functions that look at a value once, at the most.
var light = map[string]bool{
	operators.LogicalAnd: true, operators.LogicalOr: true, operators.LogicalNot: true, operators.Conditional: true, operators.Equals: true, operators.NotEquals: true,
	operators.Less: true, operators.LessEquals: true, operators.Greater: true, operators.GreaterEquals: true, operators.Index: true, operators.OptIndex: true,
	operators.OptSelect: true, operators.In: true, "startsWith": true, "endsWith": true, "size": true, "orValue": true, "hasValue": true,
	operators.Add: true, operators.NotStrictlyFalse: true, "quantity": true, "isLessThan": true, "isGreaterThan": true, "compareTo": true, "lowerAscii": true, "upperAscii": true, "trim": true, "int": true, "string": true,
}

// isLight reports whether a call is that of a light function, or looks for a short text or
// pattern that is written out.
func isLight(c ast.CallExpr) bool {
	name := c.FunctionName()
	if name != "matches" && name != "contains" {
		return light[name]
	}
	args := c.Args()
	if len(args) == 0 || args[len(args)-1].Kind() != ast.LiteralKind {
		return false
	}
	text, ok := args[len(args)-1].AsLiteral().Value().(string)
	return ok && len(text) <= 64
}

// A bound says how much an expression can cost that calls nothing but light functions: as much
// as it has parts, for each element of what its macros, depth inside of one another, go over.
// It is 0 for any other.
type bound struct{ parts, depth int }

// maxUncounted is what an expression may cost at the most without being counted. It is far
// from what the API server allows one; counting doubles the time.
const maxUncounted = 20000

// of returns what the expression costs at the most over values of a size; ok is false where
// that is not known or more than goes uncounted.
func (b bound) of(size int) (cost uint64, ok bool) {
	if b.parts == 0 {
		return 0, false
	}
	most := b.parts
	for range b.depth {
		if most *= max(size, b.parts); most > maxUncounted {
			return 0, false
		}
	}
	return uint64(most), most <= maxUncounted
}

func boundOf(e ast.Expr) bound {
	var b bound
	var walk func(e ast.Expr, depth int) bool
	walk = func(e ast.Expr, depth int) bool {
		b.parts++
		b.depth = max(b.depth, depth)
		parts := children(e)
		switch e.Kind() {
		case ast.CallKind:
			if !isLight(e.AsCall()) {
				return false
			}
		case ast.IdentKind:
			if e.AsIdent() == variablesName { // what defines them is counted
				return false
			}
		case ast.ComprehensionKind:
			c := e.AsComprehension()
			parts = []ast.Expr{c.IterRange(), c.AccuInit(), c.Result()}
			if !walk(c.LoopCondition(), depth+1) || !walk(c.LoopStep(), depth+1) {
				return false
			}
		}
		return !slices.ContainsFunc(parts, func(part ast.Expr) bool { return !walk(part, depth) })
	}
	if !walk(e, 0) {
		return bound{}
	}
	return b
}

// input returns what the program is given.
func (x *Expression) input(a *Activation) cel.Activation {
	if x.env.variables == nil {
		return a
	}
	return composed{a, x.env}
}

func (x *Expression) run(program cel.Program, partial func() (cel.Program, error), a *Activation, input cel.Activation) Result {
	var unknown []*cel.AttributePatternType
	for _, name := range a.Unknown {
		root, rest, _ := strings.Cut(name, ".")
		if !x.reads[root] && !x.reads[name] {
			continue
		}
		if x.env.declared[name] { // the whole variable, whose name may hold a dot
			unknown = append(unknown, cel.AttributePattern(name))
			continue
		}
		pattern := cel.AttributePattern(root)
		for rest != "" {
			var field string
			field, rest, _ = strings.Cut(rest, ".")
			pattern = pattern.QualString(field)
		}
		unknown = append(unknown, pattern)
	}
	if len(unknown) > 0 {
		p, err := partial()
		if err != nil {
			return Result{Err: err}
		}
		known, err := cel.PartialVars(input, unknown...)
		if err != nil {
			return Result{Err: err}
		}
		program, input = p, known
	}
	value, details, err := program.Eval(input)
	if details != nil && details.ActualCost() != nil {
		a.cost += *details.ActualCost()
	}
	switch {
	case err != nil:
		return Result{Err: err}
	case types.IsUnknown(value):
		return Result{Unknown: true}
	}
	return Result{Value: value}
}

// Cost returns what all evaluations with the activation cost, as the API server counts.
func (a *Activation) Cost() uint64 { return a.cost }

// IsCost reports whether an error is that of a limit of cost.
func IsCost(err error) bool {
	var cancelled interpreter.EvalCancelledError
	return errors.As(err, &cancelled)
}

// IsMissing reports whether an error is that of a field or an element that is not there.
func IsMissing(err error) bool {
	text := err.Error()
	return strings.Contains(text, "no such key") || strings.Contains(text, "no such field") || strings.Contains(text, "index out of bounds")
}

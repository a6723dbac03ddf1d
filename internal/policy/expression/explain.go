package expression

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apicel "k8s.io/apiserver/pkg/apis/cel"

	"github.com/manilint/manilint/lint"
)

// A Read is a field that decided a result. Of a field that is not there the node is missing.
type Read struct {
	Node *lint.Node
	// Presence says that it mattered whether the field is there, not what it holds.
	Presence bool
}

// maxParts is how many parts of an expression are evaluated to explain one result, and
// maxCost what they may cost together; beyond it the explanation ends with what it has.
const (
	maxParts = 2000
	maxCost  = apicel.PerCallLimit
)

// Explain returns the fields that decided what the expression gives, the one that matters
// most first. It evaluates parts of the expression by themselves: of a conjunction that is
// false the first part that is false decides, of all() the first element that fails. None
// are returned where no field of an object was read.
func (x *Expression) Explain(a *Activation) []Read {
	cost := a.cost
	e := &explainer{activation: a, left: maxParts, end: cost + maxCost}
	defer func() { a.cost = cost }()
	return e.decisive(at{x, nil}, x.ast.Expr())
}

// at is the expression whose part is explained, and what its macros bind there.
type at struct {
	*Expression
	bound *binding
}

// A binding is the variable of a macro, as c of all(c, ...).
type binding struct {
	name  string
	value located
	outer *binding
}

// A located value is one with the node that it was read from, or of whose elements that is known.
type located struct {
	value ref.Val
	node  *lint.Node // nil for what is computed
	items []located  // of a computed list
}

type explainer struct {
	activation *Activation
	left       int    // parts
	end        uint64 // of the cost
}

// scope is the activation with what macros bind.
type scope struct {
	cel.Activation
	bound *binding
}

func (s scope) ResolveName(name string) (any, bool) {
	for b := s.bound; b != nil; b = b.outer {
		if b.name == name {
			return b.value.value, true
		}
	}
	return s.Activation.ResolveName(name)
}

// eval evaluates a part by itself. It returns nil where that is not possible or not known.
func (e *explainer) eval(at at, part ast.Expr) ref.Val {
	if e.left--; e.left < 0 || e.activation.cost > e.end {
		return nil
	}
	if part.Kind() == ast.LiteralKind {
		return part.AsLiteral()
	}
	plan := func(options ...cel.ProgramOption) func() (cel.Program, error) {
		return func() (cel.Program, error) {
			sub := ast.NewCheckedAST(ast.NewAST(part, at.ast.SourceInfo()), at.ast.TypeMap(), at.ast.ReferenceMap())
			return at.env.env.PlanProgram(sub, append(programOptions(false), options...)...)
		}
	}
	once, _ := at.parts.LoadOrStore(part.ID(), sync.OnceValues(plan()))
	program, err := once.(func() (cel.Program, error))()
	if err != nil {
		return nil
	}
	r := at.run(program, plan(cel.EvalOptions(cel.OptPartialEval)), e.activation, scope{at.input(e.activation), at.bound})
	switch {
	case r.Err != nil:
		return types.WrapErr(r.Err)
	case r.Unknown:
		return nil
	}
	return r.Value
}

func failed(v ref.Val) bool { return v == nil || types.IsError(v) }

// decisive returns what decided the value of a part, which may be an error.
func (e *explainer) decisive(at at, part ast.Expr) []Read {
	value := e.eval(at, part)
	if value != nil && types.IsError(value) {
		return e.culprit(at, part)
	}
	switch part.Kind() {
	case ast.CallKind:
		call := part.AsCall()
		args := call.Args()
		switch call.FunctionName() {
		case operators.LogicalNot:
			return e.decisive(at, args[0])
		case operators.LogicalAnd, operators.LogicalOr:
			return e.junction(at, call.FunctionName() == operators.LogicalOr, value, args)
		case operators.Conditional:
			taken := args[2]
			if e.eval(at, args[0]) == types.True {
				taken = args[1]
			}
			if reads := e.decisive(at, taken); len(reads) > 0 {
				return reads
			}
			return e.decisive(at, args[0])
		}
	case ast.ComprehensionKind:
		return e.loop(at, part.AsComprehension(), value)
	case ast.SelectKind:
		if s := part.AsSelect(); s.IsTestOnly() {
			if base := e.locate(at, s.Operand()); base.node != nil {
				return []Read{{base.node.Get(s.FieldName()), true}}
			}
			return e.decisive(at, s.Operand())
		}
	}
	return e.values(at, part)
}

// junction explains && and ||. The one that outweighs (true for ||) is decided by the first
// part that has it. Else all parts have a say: of a || b that is false, where the first
// parts are usually exceptions and the last is what is asked for, values outweigh whether
// fields are there, and these outweigh the name and labels of the object.
func (e *explainer) junction(at at, or bool, value ref.Val, args []ast.Expr) []Read {
	if strong := types.Bool(or); value == strong {
		for _, arg := range args {
			if e.eval(at, arg) == strong {
				return e.decisive(at, arg)
			}
		}
	}
	var values, presence, identity []Read
	for _, arg := range args {
		var of []Read
		for _, r := range e.decisive(at, arg) {
			switch {
			case isIdentity(r.Node):
				identity = append(identity, r)
			case r.Presence:
				presence = append(presence, r)
			default:
				of = append(of, r)
			}
		}
		if or {
			values = slices.Concat(of, values)
		} else {
			values = append(values, of...)
		}
	}
	return slices.Concat(values, presence, identity)
}

// isIdentity reports whether a field says which object it is.
func isIdentity(n *lint.Node) bool {
	for n.Parent() != nil && n.Parent().Parent() != nil {
		n = n.Parent()
	}
	return n.Parent() != nil && (n.Name() == "metadata" || n.Name() == "kind" || n.Name() == "apiVersion")
}

// A macro is what a comprehension was written as.
type macro struct {
	name      string // all, exists, filter, map; "" for any other
	condition ast.Expr
	item      ast.Expr // of map
}

// macroOf recognises a comprehension by what the macro expands to.
func macroOf(c ast.ComprehensionExpr) macro {
	step := c.LoopStep()
	if step.Kind() != ast.CallKind {
		return macro{}
	}
	call := step.AsCall()
	args := call.Args()
	isAccu := func(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == c.AccuVar() }
	appended := func(e ast.Expr) ast.Expr { // accumulator + [item]
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Add {
			return nil
		}
		if sum := e.AsCall().Args(); isAccu(sum[0]) && sum[1].Kind() == ast.ListKind && sum[1].AsList().Size() == 1 {
			return sum[1].AsList().Elements()[0]
		}
		return nil
	}
	switch call.FunctionName() {
	case operators.LogicalAnd:
		if isAccu(args[0]) {
			return macro{name: "all", condition: args[1]}
		}
	case operators.LogicalOr:
		if isAccu(args[0]) {
			return macro{name: "exists", condition: args[1]}
		}
	case operators.Conditional:
		if item := appended(args[1]); item != nil {
			return macro{name: "map", condition: args[0], item: item}
		}
	case operators.Add:
		if item := appended(step); item != nil {
			return macro{name: "map", item: item}
		}
	}
	return macro{}
}

// loop explains a macro.
func (e *explainer) loop(at at, c ast.ComprehensionExpr, value ref.Val) []Read {
	m := macroOf(c)
	items := e.elements(at, c)
	switch m.name {
	case "":
		return e.values(at, c.IterRange())
	case "map":
		if reads := e.picked(m, items); len(reads) > 0 {
			return reads
		}
		return e.values(at, c.IterRange())
	}
	if strong := types.Bool(m.name == "exists"); value == strong {
		for _, inner := range items {
			if e.eval(inner, m.condition) == strong {
				if reads := e.decisive(inner, m.condition); len(reads) > 0 {
					return reads
				}
				return inner.bound.value.reads()
			}
		}
	}
	// no element stands out: the list, or where that is of no object what is compared with it
	if reads := e.values(at, c.IterRange()); len(reads) > 0 {
		return reads
	}
	if len(items) > 0 {
		return e.decisive(items[0], m.condition)
	}
	return nil
}

// picked explains filter and map where the list is counted or compared: why an element was
// picked, or what it was mapped from.
func (e *explainer) picked(m macro, items []at) []Read {
	var all []Read
	for _, inner := range items {
		part := m.item
		if m.condition != nil {
			if e.eval(inner, m.condition) != types.True {
				continue
			}
			part = m.condition
		}
		all = append(all, e.decisive(inner, part)...)
	}
	return all
}

// elements binds the variables of a comprehension to one element after the other.
func (e *explainer) elements(outer at, c ast.ComprehensionExpr) []at {
	over := e.locate(outer, c.IterRange())
	var all []at
	bind := func(key, value located) {
		inner := outer
		inner.bound = &binding{c.IterVar(), key, inner.bound}
		if c.HasIterVar2() {
			inner.bound = &binding{c.IterVar2(), value, inner.bound}
		}
		all = append(all, inner)
	}
	switch v := over.value.(type) {
	case traits.Lister:
		for i, item := range over.list(v) {
			if c.HasIterVar2() {
				bind(located{value: types.Int(i), node: item.node}, item)
			} else {
				bind(item, located{})
			}
		}
	case traits.Mapper:
		var keys []ref.Val
		for it := v.Iterator(); it.HasNext() == types.True; {
			keys = append(keys, it.Next())
		}
		slices.SortFunc(keys, func(a, b ref.Val) int { // maps have no order, findings have
			s, _ := a.Value().(string)
			t, _ := b.Value().(string)
			return strings.Compare(s, t)
		})
		for _, key := range keys {
			item := located{value: v.Get(key)}
			if name, ok := key.Value().(string); ok && over.node != nil {
				item.node = over.node.Get(name)
			}
			bind(located{value: key, node: item.node}, item)
		}
	}
	return all
}

// list returns the elements of a list.
func (l located) list(v traits.Lister) []located {
	if l.items != nil {
		return l.items
	}
	size, _ := v.Size().Value().(int64)
	items := make([]located, size)
	var nodes []*lint.Node
	if l.node != nil {
		nodes = l.node.Items()
	}
	for i := range items {
		items[i].value = v.Get(types.Int(i))
		if i < len(nodes) {
			items[i].node = nodes[i]
		}
	}
	return items
}

// reads returns a located value as what was read.
func (l located) reads() []Read {
	if l.node != nil {
		return []Read{{l.node, false}}
	}
	var all []Read
	for _, item := range l.items {
		all = append(all, item.reads()...)
	}
	return all
}

// culprit explains an error: what raised it.
func (e *explainer) culprit(at at, part ast.Expr) []Read {
	if part.Kind() == ast.ComprehensionKind {
		c := part.AsComprehension()
		if v := e.eval(at, c.IterRange()); failed(v) {
			return e.decisive(at, c.IterRange())
		}
		m := macroOf(c)
		for _, inner := range e.elements(at, c) {
			for _, part := range []ast.Expr{m.condition, m.item} {
				if part == nil {
					continue
				}
				if v := e.eval(inner, part); v != nil && types.IsError(v) {
					return e.decisive(inner, part)
				}
			}
		}
		return e.values(at, c.IterRange())
	}
	for _, child := range children(part) {
		if v := e.eval(at, child); v != nil && types.IsError(v) {
			return e.decisive(at, child)
		}
	}
	if part.Kind() == ast.SelectKind { // a field that is not there
		s := part.AsSelect()
		if defined := at.definition(s); defined != nil {
			return e.decisive(*defined, defined.ast.Expr())
		}
		if base := e.locate(at, s.Operand()); base.node != nil {
			return []Read{{base.node.Get(s.FieldName()), s.IsTestOnly()}}
		}
	}
	return e.values(at, part)
}

// definition returns the expression that variables.name stands for; nil for anything else.
func (a at) definition(s ast.SelectExpr) *at {
	if o := s.Operand(); a.env.variables != nil && o.Kind() == ast.IdentKind && o.AsIdent() == variablesName {
		if x := a.env.defined[s.FieldName()]; x != nil {
			return &at{x, nil}
		}
	}
	return nil
}

// children returns what a part is made of.
func children(part ast.Expr) []ast.Expr {
	switch part.Kind() {
	case ast.CallKind:
		c := part.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.SelectKind:
		return []ast.Expr{part.AsSelect().Operand()}
	case ast.ListKind:
		return part.AsList().Elements()
	case ast.MapKind:
		var all []ast.Expr
		for _, entry := range part.AsMap().Entries() {
			all = append(all, entry.AsMapEntry().Value())
		}
		return all
	case ast.StructKind:
		var all []ast.Expr
		for _, field := range part.AsStruct().Fields() {
			all = append(all, field.AsStructField().Value())
		}
		return all
	}
	return nil
}

// values returns the fields from whose values a part is computed.
func (e *explainer) values(at at, part ast.Expr) []Read {
	if part.Kind() == ast.ComprehensionKind {
		return e.loop(at, part.AsComprehension(), e.eval(at, part))
	}
	if part.Kind() == ast.SelectKind {
		if defined := at.definition(part.AsSelect()); defined != nil {
			return e.decisive(*defined, defined.ast.Expr())
		}
	}
	if reads := e.locate(at, part).reads(); len(reads) > 0 {
		return reads
	}
	var all []Read
	for _, child := range children(part) {
		all = append(all, e.decisive(at, child)...)
	}
	return all
}

// locate evaluates a part and finds the node that its value was read from.
func (e *explainer) locate(at at, part ast.Expr) located {
	found := located{}
	switch part.Kind() {
	case ast.IdentKind:
		name := part.AsIdent()
		for b := at.bound; b != nil; b = b.outer {
			if b.name == name {
				return b.value
			}
		}
		found.node = e.activation.Get(name).Node
	case ast.SelectKind:
		s := part.AsSelect()
		if s.IsTestOnly() {
			break
		}
		if defined := at.definition(s); defined != nil {
			return e.locate(*defined, defined.ast.Expr())
		}
		if base := e.locate(at, s.Operand()); base.node != nil {
			found.node = base.node.Get(s.FieldName())
		}
	case ast.CallKind:
		return e.locateCall(at, part)
	case ast.ListKind:
		for _, item := range part.AsList().Elements() {
			found.items = append(found.items, e.locate(at, item))
		}
		if len(part.AsList().OptionalIndices()) > 0 {
			found.items = nil
		}
	case ast.ComprehensionKind:
		return e.locateLoop(at, part)
	}
	found.value = e.eval(at, part)
	return found
}

// locateLoop is locate for filter and map: each element has a place of its own.
func (e *explainer) locateLoop(at at, part ast.Expr) located {
	found := located{value: e.eval(at, part)}
	c := part.AsComprehension()
	m := macroOf(c)
	if m.name != "map" || failed(found.value) {
		return found
	}
	for _, inner := range e.elements(at, c) {
		if m.condition != nil && e.eval(inner, m.condition) != types.True {
			continue
		}
		item := e.locate(inner, m.item)
		if item.node == nil && item.items == nil { // computed: from what
			if reads := e.values(inner, m.item); len(reads) > 0 {
				item.node = reads[0].Node
			}
		}
		found.items = append(found.items, item)
	}
	if list, ok := found.value.(traits.Lister); ok && list.Size() != types.Int(len(found.items)) {
		found.items = nil
	}
	if len(found.items) == 0 { // why nothing is left: what was looked through
		over := e.locate(at, c.IterRange())
		found.node, found.items = over.node, nil
	}
	return found
}

// locateCall is locate for operators and functions that pass a value on.
func (e *explainer) locateCall(at at, part ast.Expr) located {
	call := part.AsCall()
	args := call.Args()
	found := located{value: e.eval(at, part)}
	switch call.FunctionName() {
	case operators.Conditional:
		if e.eval(at, args[0]) == types.True {
			return e.locate(at, args[1])
		}
		return e.locate(at, args[2])
	case operators.Index, operators.OptIndex, operators.OptSelect:
		base := e.locate(at, args[0])
		switch key := e.eval(at, args[1]).(type) {
		case types.String:
			if base.node != nil {
				found.node = base.node.Get(string(key))
			}
		case types.Int:
			if base.items != nil && int(key) >= 0 && int(key) < len(base.items) {
				found.node, found.items = base.items[key].node, base.items[key].items
			} else if base.node != nil {
				if items := base.node.Items(); int(key) >= 0 && int(key) < len(items) {
					found.node = items[key]
				} else {
					found.node = base.node.Get(strconv.Itoa(int(key)))
				}
			}
		}
	case "orValue", "or":
		if call.IsMemberFunction() {
			of := e.locate(at, call.Target())
			found.node = of.node
			if v, ok := of.value.(*types.Optional); ok && !v.HasValue() {
				if other := e.locate(at, args[0]); other.node != nil || len(other.items) > 0 {
					found.node, found.items = other.node, other.items
				}
			}
		}
	case "value":
		if call.IsMemberFunction() {
			found.node = e.locate(at, call.Target()).node
		}
	case "dyn":
		inner := e.locate(at, args[0])
		found.node, found.items = inner.node, inner.items
	case operators.Add:
		if _, ok := found.value.(traits.Lister); ok {
			for _, arg := range args {
				of := e.locate(at, arg)
				list, ok := of.value.(traits.Lister)
				if !ok {
					return located{value: found.value}
				}
				found.items = append(found.items, of.list(list)...)
			}
		}
	}
	return found
}

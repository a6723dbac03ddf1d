package kyverno

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/internal/policy/jmespath"
	"github.com/manilint/manilint/internal/policy/vap"
	"github.com/manilint/manilint/lint"
)

// A result is that of a rule, with the messages of the conditions that denied.
type result struct {
	outcome
	messages []string
}

// rule evaluates validate of a rule with its preconditions.
func (r *run) rule(rule *lint.Node) (result, error) {
	if pre := rule.Get("preconditions"); pre.Exists() {
		if ok, _, err := r.conditions(pre); err != nil || !ok {
			return result{outcome: outcome{state: skipped}}, err
		}
	}
	return r.validate(rule.Get("validate"), r.target())
}

// target is what patterns are about: the object, or the template of its pods.
func (r *run) target() jmespath.Value {
	v := r.variables["request"].Data.(map[string]jmespath.Value)["object"]
	for _, field := range r.form.path {
		m, _ := v.Data.(map[string]jmespath.Value)
		v, _ = at(v, m, field)
	}
	return v
}

// validate evaluates what a rule, or a foreach of it, asks.
func (r *run) validate(n *lint.Node, target jmespath.Value) (result, error) {
	switch {
	case n.Get("deny").Exists():
		return r.deny(n.Get("deny"))
	case n.Get("pattern").Exists():
		pattern, err := r.pattern(n.Get("pattern"))
		if err != nil {
			return result{}, err
		}
		m := &matcher{budget: r.budget}
		o := m.match(target, pattern)
		return result{outcome: o}, m.err
	case n.Get("anyPattern").Exists():
		return r.anyPattern(n.Get("anyPattern"), target)
	}
	return r.foreach(n.Get("foreach"), target)
}

// anyPattern asks that one of some patterns matches. The place is that of the pattern that
// was followed farthest.
func (r *run) anyPattern(n *lint.Node, target jmespath.Value) (result, error) {
	var failures []outcome
	skips := false
	for _, one := range n.Items() {
		pattern, err := r.pattern(one)
		if err != nil {
			return result{}, err
		}
		m := &matcher{budget: r.budget}
		switch o := m.match(target, pattern); {
		case m.err != nil:
			return result{}, m.err
		case o.state == matched:
			return result{}, nil
		case o.state == failed:
			failures = append(failures, o)
		default:
			skips = true
		}
	}
	if len(failures) == 0 {
		if skips {
			return result{outcome: outcome{state: skipped}}, nil
		}
		return result{}, nil
	}
	best := slices.MaxFunc(failures, func(a, b outcome) int { return existingDepth(a.node) - existingDepth(b.node) })
	return result{outcome: best}, nil
}

// existingDepth counts the nodes above one that are there.
func existingDepth(n *lint.Node) int {
	depth := 0
	for ; n != nil; n = n.Parent() {
		if n.Exists() {
			depth++
		}
	}
	return depth
}

// deny fails where its conditions hold.
func (r *run) deny(n *lint.Node) (result, error) {
	conditions := n.Get("conditions")
	if !conditions.Exists() {
		return result{outcome: outcome{state: failed, pattern: n}}, nil
	}
	ok, all, err := r.conditions(conditions)
	if err != nil || !ok {
		return result{}, err
	}
	o := result{outcome: outcome{state: failed, pattern: n, why: "it is denied"}}
	// The last condition is usually what is asked for, those before it say of what.
	for _, h := range all {
		if h.message != "" {
			o.messages = append(o.messages, h.message)
		}
		if isOf(h.node, r.object) && (o.node == nil || !identifies(h.node)) {
			o.node, o.pattern = h.node, h.written
		}
	}
	if element, ok := r.variables["element"]; ok && (o.node == nil || identifies(o.node)) && isOf(element.Node, r.object) {
		o.node = element.Node
	}
	return o, nil
}

// identifies reports whether a field says which object it is.
func identifies(n *lint.Node) bool {
	for n.Parent() != nil && n.Parent().Parent() != nil {
		n = n.Parent()
	}
	return n.Parent() == nil || slices.Contains([]string{"metadata", "kind", "apiVersion"}, n.Name())
}

// foreach evaluates what is asked of each element of lists.
func (r *run) foreach(n *lint.Node, target jmespath.Value) (result, error) {
	if r.nesting == maxNesting {
		return result{}, fmt.Errorf("foreach is nested %d deep", maxNesting)
	}
	var listError error
	applied := false
	for _, one := range n.Items() {
		list, err := r.path(one.Get("list").Value(), jmespath.Value{Data: r.variables})
		var missing *jmespath.NotFoundError
		var unknown *jmespath.UnknownError
		switch {
		case errors.As(err, &missing):
			continue
		case errors.As(err, &unknown) || errors.Is(err, jmespath.ErrCost):
			return result{}, err
		case err != nil:
			listError = err
			continue
		}
		elements, ok := list.Data.([]jmespath.Value)
		if !ok {
			elements = []jmespath.Value{list}
		}
		for i, element := range elements {
			if element.Data == nil {
				continue
			}
			o, err := r.element(one, element, i, target)
			if err != nil || o.state == failed {
				return o, err
			}
			applied = applied || o.state == matched
		}
	}
	switch {
	case applied:
		return result{}, nil
	case listError != nil:
		return result{}, listError
	}
	return result{outcome: outcome{state: skipped}}, nil
}

// element evaluates what is asked of one element.
func (r *run) element(n *lint.Node, element jmespath.Value, i int, target jmespath.Value) (result, error) {
	if element.Node == nil {
		element.Node = target.Node
	}
	inner := *r
	inner.nesting++
	inner.variables = make(map[string]jmespath.Value, len(r.variables)+4)
	for name, v := range r.variables {
		inner.variables[name] = v
	}
	index := jmespath.Value{Data: float64(i)}
	inner.variables["element"], inner.variables["elementIndex"] = element, index
	inner.variables[fmt.Sprintf("element%d", r.nesting)], inner.variables[fmt.Sprintf("elementIndex%d", r.nesting)] = element, index
	inner.load(n.Get("context"))
	if pre := n.Get("preconditions"); pre.Exists() {
		ok, _, err := inner.conditions(pre)
		var unknown *jmespath.UnknownError
		if errors.As(err, &unknown) || errors.Is(err, jmespath.ErrCost) {
			return result{}, err
		}
		if err != nil || !ok { // Kyverno passes over elements whose preconditions cannot be evaluated
			return result{outcome: outcome{state: skipped}}, nil
		}
	}
	_, scoped := element.Data.(map[string]jmespath.Value)
	if scope := n.Get("elementScope"); scope.IsScalar() {
		scoped = scoped && scope.IsTrue()
	}
	if scoped {
		target = element
	}
	o, err := inner.validate(n, target)
	if o.state == failed {
		for j, m := range o.messages {
			if v, err := inner.text(m); err == nil {
				o.messages[j], _ = v.Text()
			}
		}
		r.variables["element"], r.variables["elementIndex"] = element, index // for the message
	}
	return o, err
}

// excepted reports whether a PolicyException exempts the object from a rule.
func (p *clusterPolicy) excepted(pass *lint.Pass, r *run, rule string) (bool, error) {
	policyName := p.object.Name
	if p.object.Kind == "Policy" {
		policyName = p.object.Namespace + "/" + p.object.Name
	}
	for _, e := range slices.Concat(p.set, pass.Bundle.OfKind("PolicyException")) {
		if !e.Is(apiGroup, "PolicyException") || len(e.Get("spec", "podSecurity").Items()) > 0 ||
			!slices.ContainsFunc(e.Get("spec", "exceptions").Items(), func(n *lint.Node) bool {
				return n.Get("policyName").Value() == policyName &&
					slices.ContainsFunc(n.Get("ruleNames").Strings(), func(name string) bool { return jmespath.Wildcard(name, rule) })
			}) {
			continue
		}
		switch r.matches(e.Get("spec", "match"), filterKind{}) {
		case unknown:
			return false, &jmespath.UnknownError{What: fmt.Sprintf("who asks or a namespace that the tree does not hold (%s)", e)}
		case yes:
			if conditions := e.Get("spec", "conditions"); conditions.Exists() {
				if ok, _, err := r.conditions(conditions); err != nil || !ok {
					continue
				}
			}
			return true, nil
		}
	}
	return false, nil
}

// A check gathers what is wrong with a policy, and what of it is not judged.
type check struct {
	policy *clusterPolicy
	errs   []*lint.InputError
	notes  []lint.Note
}

func (c *check) fail(n *lint.Node, offset int, format string, args ...any) {
	place := n.Locate()
	span := place.Span
	if offset >= 0 && place.Precision == lint.Exact {
		line, column := 1, 1
		for _, r := range n.Value()[:min(offset, len(n.Value()))] {
			if column++; r == '\n' {
				line, column = line+1, 1
			}
		}
		span = policy.Within(span, n.Value(), line, column)
	}
	c.errs = append(c.errs, &lint.InputError{Span: span, Message: fmt.Sprintf("%s: %s: %s", n.Resource(), n.Path(), fmt.Sprintf(format, args...))})
}

func (c *check) note(n *lint.Node, format string, args ...any) {
	c.notes = append(c.notes, lint.Note{Span: n.Locate().Span, Message: fmt.Sprintf(format, args...)})
}

// check settles which rules are judged, and says what is wrong and what is not judged.
func (p *clusterPolicy) check() ([]*lint.InputError, []lint.Note) {
	c := &check{policy: p}
	p.applied = map[*lint.Node][]form{}
	rules := p.object.Get("spec", "rules")
	if !rules.IsSequence() {
		c.fail(rules, -1, "a list of rules is expected here")
	}
	for _, rule := range rules.Items() {
		before := len(c.errs)
		if c.rule(rule) && len(c.errs) == before {
			p.rules = append(p.rules, rule)
			for _, f := range p.forms {
				if f.applies(rule) {
					p.applied[rule] = append(p.applied[rule], f)
				}
			}
		}
	}
	return c.errs, c.notes
}

// rule reports whether a rule is judged.
func (c *check) rule(rule *lint.Node) bool {
	validate := rule.Get("validate")
	for _, other := range []string{"mutate", "generate", "verifyImages"} {
		if rule.Get(other).Exists() {
			c.note(rule.Get(other), "%s: the rule %s is not judged: manifests cannot tell what %s comes to", c.policy.object, rule.Get("name").Value(), other)
		}
	}
	for _, other := range []string{"podSecurity", "manifests", "assert"} {
		if validate.Get(other).Exists() {
			c.note(validate.Get(other), "%s: the rule %s is not judged: validate.%s is not supported", c.policy.object, rule.Get("name").Value(), other)
			return false
		}
	}
	if !validate.Exists() {
		return false
	}
	if !rule.Get("match").IsMapping() {
		c.fail(rule, -1, "the rule has no match")
	}
	if validate.Get("cel").Exists() {
		return c.cel(rule)
	}
	c.validation(validate)
	rule.Walk(func(n *lint.Node) bool {
		c.texts(n)
		return true
	})
	return true
}

// cel compiles a rule that is written in CEL, in all its forms.
func (c *check) cel(rule *lint.Node) bool {
	p := c.policy
	f := vap.Form{
		Object: p.object, Spec: rule.Get("validate", "cel"), Field: "expressions", Conditions: rule.Get("celPreconditions"),
		Ignore: p.object.Get("spec", "failurePolicy").Value() == "Ignore", All: true,
	}
	for _, one := range p.forms {
		if !one.applies(rule) {
			continue
		}
		if path := strings.Join(one.path, "."); path != "" {
			f.Rewrite = celRewriter(path)
		}
		compiled, errs, notes := vap.New(f, p.set, p.version)
		if c.errs = append(c.errs, errs...); len(errs) > 0 {
			return false
		}
		if one.kinds == nil {
			c.notes = append(c.notes, notes...)
		}
		if p.cel == nil {
			p.cel = map[celRule]policy.Policy{}
		}
		p.cel[celRule{rule, strings.Join(one.path, ".")}] = compiled
	}
	return true
}

// validation looks at what a rule, or a foreach, asks.
func (c *check) validation(n *lint.Node) {
	asks := 0
	for _, f := range []string{"pattern", "anyPattern", "deny", "foreach"} {
		if n.Get(f).Exists() {
			asks++
		}
	}
	if asks != 1 {
		c.fail(n, -1, "one of pattern, anyPattern, deny and foreach is expected here")
	}
	if p := n.Get("anyPattern"); p.Exists() && !p.IsSequence() {
		c.fail(p, -1, "a list of patterns is expected here")
	}
	for _, f := range n.Get("foreach").Items() {
		if !f.Get("list").IsScalar() {
			c.fail(f, -1, "foreach needs a list")
		}
		c.validation(f)
	}
}

// texts looks at what one node of a rule holds: expressions, operators, references.
func (c *check) texts(n *lint.Node) {
	if n.Name() == "operator" && n.Parent().Get("key").Exists() && n.Parent().Parent().Name() != "matchExpressions" && operators[strings.ToLower(n.Value())] == nil {
		c.fail(n, 0, "there is no operator %s", n.Value())
	}
	if n.Name() == "jmesPath" || n.Name() == "list" && n.Parent().Parent().Name() == "foreach" {
		if !variable().MatchString(n.Value()) {
			c.expression(n, n.Value(), 0)
		}
		return
	}
	if !n.IsScalar() {
		return
	}
	if strings.Contains(n.Value(), "$(") {
		c.fail(n, strings.Index(n.Value(), "$("), "references as $(...) are not supported")
	}
	for _, at := range variable().FindAllStringSubmatchIndex(n.Value(), -1) {
		braced := n.Value()[at[4]:at[5]]
		x := expressionOf(braced)
		c.expression(n, x, at[4]+max(strings.Index(braced, x), 0))
	}
}

func (c *check) expression(n *lint.Node, text string, offset int) {
	var syntax *jmespath.SyntaxError
	if _, err := c.policy.expressions.parse(text); errors.As(err, &syntax) {
		c.fail(n, offset+syntax.Offset, "%s", syntax.Message)
	}
}

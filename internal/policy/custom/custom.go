// Package custom makes rules of those that a configuration writes out: an expression of CEL
// that is true of what is right. A field that the expression reads and that is not there is
// not right; whatever else keeps it from giving true or false is an error of that rule and object.
package custom

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/glob"
	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
)

// URL is where rules of one's own are documented.
const URL = "https://github.com/manilint/manilint/blob/main/docs/own-rules.md"

// Group is the group of the rules.
const Group = "custom"

// Rules compiles rules for a version of Kubernetes, "" for the newest that is known. What
// is wrong with one is an error at its place, and the others are returned.
func Rules(all []config.Custom, others []*lint.Rule, version string) ([]config.Own, []*lint.InputError) {
	var own []config.Own
	taken := slices.Clone(others)
	var errs []*lint.InputError
	for _, c := range all {
		if c.ID == "" || c.Expression.Value == "" {
			continue // reported where it was read
		}
		if e := config.Collides(c.ID, c.Span, taken); e != nil {
			errs = append(errs, e)
			continue
		}
		r := &rule{Custom: c, kinds: globs(c.Match.Kinds), groups: globs(c.Match.Groups), namespaces: globs(c.Match.Namespaces)}
		compiled, wrong := r.compile(version)
		if len(wrong) > 0 {
			errs = append(errs, wrong...)
			compiled = nil
		}
		made := r.about(compiled).Rule(r) // one that is wrong, too, so that what names it is no further mistake
		taken, own = append(taken, made), append(own, config.Own{Rule: made, Span: c.Span})
	}
	return own, errs
}

// A rule is one at work. It may be used by several goroutines.
type rule struct {
	config.Custom
	kinds, groups, namespaces []*glob.Glob
	versions                  sync.Map // version of Kubernetes → func() outcome
}

// compiled is what a rule is for one version of Kubernetes.
type compiled struct {
	expression, message *expression.Expression // message is nil without one
	container           bool                   // it runs once a container
	identity            bool                   // it reads no more of an object than what says which it is
}

type outcome struct {
	compiled *compiled
	errs     []*lint.InputError
}

// compile compiles the rule for a version of Kubernetes, once.
func (r *rule) compile(version string) (*compiled, []*lint.InputError) {
	once, _ := r.versions.LoadOrStore(version, sync.OnceValue(func() outcome {
		env, err := environment(version)
		if err != nil {
			return outcome{errs: []*lint.InputError{{Span: r.Span, Message: err.Error()}}}
		}
		o := outcome{compiled: &compiled{}}
		o.compiled.expression, o.errs = r.part(env, "expression", r.Expression, cel.BoolType, cel.DynType)
		if r.Message.Value != "" {
			var errs []*lint.InputError
			o.compiled.message, errs = r.part(env, "message", r.Message, cel.StringType, cel.DynType)
			if len(errs) > 0 && !strings.ContainsAny(r.Message.Value, `"'`) {
				errs = []*lint.InputError{{Span: errs[0].Span, Message: fmt.Sprintf(`message: it is CEL; write plain text in quotes of its own: '"%s"'`, r.Message.Value)}}
			}
			o.errs = append(o.errs, errs...)
		}
		if len(o.errs) == 0 {
			o.errs = slices.Concat(r.unset("expression", r.Expression, o.compiled.expression), r.unset("message", r.Message, o.compiled.message))
		}
		if len(o.errs) == 0 {
			c := o.compiled
			c.container = c.reads("container")
			c.identity = !c.container && c.expression.ReadsAlone("object", expression.Identity...) && (c.message == nil || c.message.ReadsAlone("object", expression.Identity...))
		}
		return o
	}))
	o := once.(func() outcome)()
	return o.compiled, o.errs
}

var environments sync.Map // version of Kubernetes → func() (*expression.Environment, error)

// environment returns what rules are compiled in for a version, made once for all.
func environment(version string) (*expression.Environment, error) {
	once, _ := environments.LoadOrStore(version, sync.OnceValues(func() (*expression.Environment, error) {
		return expression.New(version, []expression.Variable{{Name: "object"}, {Name: "container"}, {Name: "namespaceObject"}, {Name: "params"}}, false)
	}))
	return once.(func() (*expression.Environment, error))()
}

func (c *compiled) reads(name string) bool {
	return c.expression.Reads(name) || c.message != nil && c.message.Reads(name)
}

func (r *rule) part(env *expression.Environment, key string, text config.Text, gives ...*cel.Type) (*expression.Expression, []*lint.InputError) {
	x, issues := env.Compile(text.Value, gives...)
	var errs []*lint.InputError
	for _, issue := range issues {
		errs = append(errs, &lint.InputError{Span: policy.Within(text.Span, text.Value, issue.Line, issue.Column), Message: key + ": " + issue.Message})
	}
	return x, errs
}

// unset returns what is read of params and is none of them: of an object any field may be
// absent, of params it is a misspelt name.
func (r *rule) unset(key string, text config.Text, x *expression.Expression) []*lint.InputError {
	if x == nil {
		return nil
	}
	var known []string
	if r.Params != nil {
		for _, n := range r.Params.Fields() {
			known = append(known, n.Name())
		}
	}
	var errs []*lint.InputError
	for _, f := range x.Fields("params") {
		hint := "; add it under params:"
		if len(known) > 0 {
			hint = lint.Suggest(f.Message, known)
		}
		if !slices.Contains(known, f.Message) {
			errs = append(errs, &lint.InputError{
				Span:    policy.Within(text.Span, text.Value, f.Line, f.Column),
				Message: fmt.Sprintf("%s: params has no %q%s", key, f.Message, hint),
			})
		}
	}
	return errs
}

// about describes the rule, c being nil where it does not compile. Its summary is its message
// where that is always the same.
func (r *rule) about(c *compiled) policy.About {
	summary := ""
	if c != nil && c.message != nil {
		summary, _ = c.message.Constant()
	}
	if summary == "" {
		summary = r.fallback()
	}
	kinds := r.Match.Kinds
	if slices.ContainsFunc(kinds, func(k string) bool { return strings.ContainsAny(k, `*?[{\`) }) {
		kinds = nil
	}
	a := policy.About{
		ID: r.ID, Summary: oneLine(summary), Group: Group, Severity: r.Severity, Place: r.Span, Kinds: kinds, URL: URL,
	}
	var doc strings.Builder
	fmt.Fprintf(&doc, "# %s\n\n%s\n\n## Expression\n\nTrue of what is right:\n\n```\n%s\n```\n", r.ID, a.Summary, strings.TrimSpace(r.Expression.Value))
	if r.Help != "" {
		fmt.Fprintf(&doc, "\n## Help\n\n%s\n", strings.TrimSpace(r.Help))
	}
	fmt.Fprintf(&doc, "\n## Source\n\n%s\n", r.Span.Start)
	a.Text = doc.String()
	if r.Params != nil {
		for _, n := range r.Params.Fields() {
			if value, ok := parameter(n); ok {
				a.Params = append(a.Params, lint.Param{Name: n.Name(), Summary: "read as params." + n.Name(), Default: value})
			}
		}
	}
	return a
}

// parameter returns what a configuration may set anew: a truth value, a whole number, a
// text or a list of texts.
func parameter(n *lint.Node) (any, bool) {
	switch v := expression.Data(n).(type) {
	case bool, string:
		return v, true
	case int64:
		return int(v), true
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			texts[i] = text
		}
		return texts, true
	}
	return nil, false
}

// params returns what expressions read as params.
func (r *rule) params(pass *lint.Pass) expression.Value {
	all := map[string]any{}
	if r.Params != nil {
		all, _ = expression.Data(r.Params).(map[string]any)
		for _, p := range pass.Rule.Params {
			all[p.Name] = pass.Param(p.Name)
		}
	}
	return expression.Value{Data: all, Size: expression.Size(all)}
}

// fallback is the message of a rule that has none.
func (r *rule) fallback() string {
	text := oneLine(r.Expression.Value)
	if cut := []rune(text); len(cut) > 120 {
		text = string(cut[:119]) + "…"
	}
	return "this is not true: " + text
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// On evaluates the rule on objects, or on each of their containers.
func (r *rule) On(pass *lint.Pass) policy.Judge {
	version := pass.Bundle.KubeVersion
	c, errs := r.compile(version)
	var a expression.Activation
	if len(errs) == 0 && c.reads("params") {
		a.Set("params", r.params(pass))
	}
	byKind := map[string]map[*lint.Node]expression.Value{}
	return func(res *lint.Resource) []policy.Verdict {
		if c != nil && c.container && len(res.PodSpecs()) == 0 || !r.matches(res) {
			return nil
		}
		if len(errs) > 0 {
			return []policy.Verdict{{Failed: true, Message: fmt.Sprintf("rule %s does not compile for Kubernetes %s: %s", r.ID, version, errs[0].Message)}}
		}
		values := byKind[res.Kind]
		if values == nil {
			if c.identity {
				values = policy.IdentitiesOf(pass.Bundle, res.Kind)
			} else {
				values = policy.ValuesOf(pass.Bundle, res.Kind)
			}
			byKind[res.Kind] = values
		}
		a.Set("object", values[res.Root])
		if c.reads("namespaceObject") {
			a.Unknown = []string{"namespaceObject"}
			if ns := pass.Bundle.Lookup("", "Namespace", "", res.Namespace); ns != nil && res.Namespace != "" {
				a.Set("namespaceObject", policy.ValuesOf(pass.Bundle, ns.Kind)[ns.Root])
				a.Unknown = nil
			}
		}
		if !c.container {
			return r.judge(c, &a, res, nil)
		}
		var all []policy.Verdict
		for _, pod := range res.PodSpecs() {
			for _, container := range pod.Containers() {
				a.Set("container", values[container.Node])
				all = append(all, r.judge(c, &a, res, container.Node)...)
			}
		}
		return all
	}
}

func (r *rule) judge(c *compiled, a *expression.Activation, res *lint.Resource, container *lint.Node) []policy.Verdict {
	result := c.expression.Eval(a)
	if result.IsTrue() || result.Unknown {
		return nil
	}
	var node, other *lint.Node
	if result.Err == nil || !expression.IsCost(result.Err) {
		node, other = policy.Decisive(c.expression.Explain(a), res)
	}
	if node == nil || node.Parent() == nil {
		node = container
	}
	v := policy.Verdict{Node: node, Help: r.Help, Message: r.fallback(), Place: r.Expression.Span}
	problem := ""
	switch err := result.Err; {
	case err == nil && result.Value != types.False:
		problem = fmt.Sprintf("the expression gives %s, not true or false", result.Value.Type())
	case err != nil && expression.IsCost(err):
		problem = "the expression costs more than the API server allows one; make it simpler"
	case err != nil && !expression.IsMissing(err):
		problem = err.Error()
		if problem == "no such overload" {
			problem += ": the expression compares, or calls a function with, values of types that do not go together, such as a text and a number"
		}
	}
	if problem != "" {
		v.Failed, v.Message = true, fmt.Sprintf("rule %s cannot judge %s: %s", r.ID, res, problem)
		return []policy.Verdict{v}
	}
	if c.message != nil {
		if m := c.message.Eval(a); m.Value != nil {
			if text, ok := m.Value.Value().(string); ok && strings.TrimSpace(text) != "" {
				v.Message = oneLine(text)
			}
		}
	}
	if other != nil {
		v.Related = append(v.Related, lint.Related{Role: "namespace", Message: "read here, too", Span: other.Locate().Span})
	}
	return []policy.Verdict{v}
}

// matches reports whether the rule is about an object.
func (r *rule) matches(res *lint.Resource) bool {
	if !anyOf(r.kinds, res.Kind) || !anyOf(r.groups, res.Group) || len(r.namespaces) > 0 && (res.Namespace == "" || !anyOf(r.namespaces, res.Namespace)) {
		return false
	}
	if len(r.Match.Labels) > 0 {
		labels := res.Labels()
		for name, value := range r.Match.Labels {
			if v, ok := labels[name]; !ok || v != value {
				return false
			}
		}
	}
	return true
}

// anyOf reports whether a text matches one of globs; where there are none any does.
func anyOf(globs []*glob.Glob, text string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(g *glob.Glob) bool { return g.MatchTree(text) })
}

func globs(patterns []string) []*glob.Glob {
	var all []*glob.Glob
	for _, p := range patterns {
		if g, err := glob.Compile(p); err == nil { // reported where it was read
			all = append(all, g)
		}
	}
	return all
}

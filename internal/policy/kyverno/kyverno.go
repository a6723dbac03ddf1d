// Package kyverno judges objects by the policies of Kyverno as its admission controller does
// when they are created: which objects a rule is about, the rules that it makes of those
// about Pods, preconditions, context, patterns and conditions, and exceptions. What only a
// cluster, a registry or who asks can tell has no value here: what depends on it is not
// judged, and that is said. Kyverno's engine would bring 2,500 packages and its own release
// of CEL, so what it does is done again, from its documentation.
// (https://kyverno.io/docs/policy-types/)
package kyverno

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/internal/policy/jmespath"
	"github.com/manilint/manilint/internal/policy/vap"
	"github.com/manilint/manilint/lint"
)

const apiGroup = "kyverno.io"

// Policies makes rules of the policies among objects, with the exceptions, ConfigMaps and
// namespaces that are among them, too. A rule is called as its policy; taken are the rules
// whose ids no policy may have.
func Policies(objects []*lint.Resource, taken []*lint.Rule) vap.Found {
	var found vap.Found
	seen := map[string]bool{}
	for _, r := range objects {
		id := r.Kind + "/" + r.Namespace + "/" + r.Name
		if r.Group != apiGroup || r.Kind != "ClusterPolicy" && r.Kind != "Policy" || r.Name == "" || seen[id] {
			continue // rendered more than once: the first stands for all
		}
		seen[id] = true
		place := r.Get("metadata", "name").Locate().Span
		if e := config.Collides(r.Name, place, taken); e != nil {
			e.Message = "the policy's name: " + e.Message
			found.Errors = append(found.Errors, e)
			continue
		}
		p := &clusterPolicy{object: r, set: objects, forms: forms(r), expressions: &expressions{}}
		errs, notes := p.check()
		found.Errors, found.Notes = append(found.Errors, errs...), append(found.Notes, notes...)
		if len(p.rules) == 0 {
			continue
		}
		rule := p.about(place).Rule(p)
		taken = append(taken[:len(taken):len(taken)], rule)
		found.Own = append(found.Own, config.Own{Rule: rule, Span: place})
	}
	return found
}

// A clusterPolicy is a ClusterPolicy or a Policy. It may be used by several goroutines.
type clusterPolicy struct {
	object      *lint.Resource
	set         []*lint.Resource // where exceptions, ConfigMaps and namespaces are looked up
	rules       []*lint.Node     // that are judged
	forms       []form
	expressions *expressions
}

// action returns what Kyverno does with an object that breaks a rule: Enforce or Audit.
func (p *clusterPolicy) action(rule *lint.Node, s *subject) string {
	spec, validate := p.object.Get("spec"), rule.Get("validate")
	for _, overrides := range []*lint.Node{validate.Get("failureActionOverrides"), spec.Get("validationFailureActionOverrides")} {
		for _, o := range overrides.Items() {
			namespaces := o.Get("namespaces").Strings()
			if len(namespaces) > 0 && !slices.ContainsFunc(namespaces, func(n string) bool { return jmespath.Wildcard(n, s.home) }) {
				continue
			}
			if selector := o.Get("namespaceSelector"); selector.Exists() && selects(selector, s.namespaceLabels()) != yes {
				continue
			}
			return o.Get("action").Value()
		}
		if overrides.Parent() == validate && validate.Get("failureAction").IsScalar() {
			return validate.Get("failureAction").Value()
		}
	}
	return spec.Get("validationFailureAction").Value()
}

// severity weighs an action: what is refused is high, what is said to who asks is medium,
// what is only written into a report is low.
func (p *clusterPolicy) severity(action string) lint.Severity {
	switch {
	case strings.EqualFold(action, "enforce"):
		return lint.High
	case p.object.Get("spec", "emitWarning").IsTrue():
		return lint.Medium
	}
	return lint.Low
}

// about describes the policy.
func (p *clusterPolicy) about(place lint.Span) policy.About {
	a := policy.About{ID: p.object.Name, Group: vap.Group, Place: place, URL: vap.URL, Severity: lint.Low}
	var doc strings.Builder
	nowhere := &subject{object: p.object}
	for _, rule := range p.rules {
		message := oneLine(rule.Get("validate", "message").Value())
		if message == "" {
			message = "the rule " + rule.Get("name").Value()
		}
		if a.Summary == "" {
			a.Summary = message
		}
		a.Severity = max(a.Severity, p.severity(p.action(rule, nowhere)))
		fmt.Fprintf(&doc, "\n- `%s`: %s\n", rule.Get("name").Value(), message)
	}
	if title := oneLine(p.object.Annotations()["policies.kyverno.io/title"]); title != "" {
		a.Summary = title
	}
	description := oneLine(p.object.Annotations()["policies.kyverno.io/description"])
	if description != "" {
		description = "\n" + description + "\n"
	}
	a.Text = fmt.Sprintf("# %s\n\n%s of Kyverno, %s.\n%s\n## Rules\n%s", p.object.Name, p.object, place.Start, description, doc.String())
	return a
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// On returns what judges the objects of a bundle.
func (p *clusterPolicy) On(pass *lint.Pass) policy.Judge {
	return func(r *lint.Resource) []policy.Verdict { return p.judgeAll(pass, r) }
}

// judgeAll returns what Kyverno would say of an object that is created.
func (p *clusterPolicy) judgeAll(pass *lint.Pass, r *lint.Resource) []policy.Verdict {
	if r.Group == apiGroup || strings.HasSuffix(r.Group, "."+apiGroup) {
		return nil // policies are not about policies
	}
	s := newSubject(r, p.set)
	if p.object.Kind == "Policy" && p.object.Namespace != s.home {
		if s.home == "" && !r.IsClusterScoped() {
			return []policy.Verdict{{Note: fmt.Sprintf("%s is not judged for objects whose namespace is decided when they are deployed: it is about the namespace %s", p.object, p.object.Namespace)}}
		}
		return nil
	}
	var all []policy.Verdict
	for _, rule := range p.rules {
		for _, f := range p.forms {
			if !f.applies(rule) {
				continue
			}
			verdicts, applied := p.judge(pass, s, rule, f)
			all = append(all, verdicts...)
			if applied && p.object.Get("spec", "applyRules").Value() == "One" {
				return all
			}
		}
	}
	return all
}

// judge evaluates one form of a rule. applied says that the rule is about the object.
func (p *clusterPolicy) judge(pass *lint.Pass, s *subject, rule *lint.Node, f form) (verdicts []policy.Verdict, applied bool) {
	name := f.name(rule)
	note := func(format string, args ...any) []policy.Verdict {
		return []policy.Verdict{{Note: fmt.Sprintf("%s: the rule %s is not judged for some objects: ", p.object, rule.Get("name").Value()) + fmt.Sprintf(format, args...)}}
	}
	about := s.matches(rule.Get("match"), f.filterKind)
	if about == no {
		return nil, false
	}
	switch s.matches(rule.Get("exclude"), f.filterKind) {
	case yes:
		return nil, false
	case unknown:
		return note("what it excludes depends on who asks or on a namespace that the tree does not hold"), false
	}
	if about == unknown {
		return note("what it is about depends on who asks or on a namespace that the tree does not hold"), false
	}
	r := &run{subject: s, expressions: p.expressions, form: f, budget: &jmespath.Budget{Steps: maxSteps}, variables: variablesOf(s)}
	excepted, err := p.excepted(pass, r, name)
	if err == nil && excepted {
		return nil, false
	}
	r.load(p.object.Get("spec", "context"))
	r.load(rule.Get("context"))
	var result result
	if err == nil {
		result, err = r.rule(rule)
	}
	severity := p.severity(p.action(rule, s))
	v := policy.Verdict{Key: rule.Get("name").Value(), Severity: &severity, Place: rule.Locate().Span}
	if n := rule.Get("name"); n.Exists() {
		v.Place = n.Locate().Span
	}
	var unknown *jmespath.UnknownError
	var missing *jmespath.NotFoundError
	switch {
	case errors.As(err, &unknown):
		return note("that depends on %s", unknown.What), true
	case errors.Is(err, jmespath.ErrCost):
		v.Failed, v.Message = true, fmt.Sprintf("%s cannot judge %s: the rule %s takes too many steps; make it simpler", p.object, s.object, name)
		return []policy.Verdict{v}, true
	case err != nil && p.object.Get("spec", "failurePolicy").Value() == "Ignore":
		return nil, true
	case err != nil: // Kyverno refuses what it cannot judge
		severity = lint.High
		if errors.As(err, &missing) && isOf(missing.Node, s.object) {
			v.Node = missing.Node
		}
		v.Message = fmt.Sprintf("the rule %s cannot be evaluated, which refuses the object: %v", name, err)
		return []policy.Verdict{v}, true
	case result.state != failed:
		return nil, result.state == matched
	}
	if isOf(result.node, s.object) && result.node.Parent() != nil {
		v.Node = result.node
	}
	v.Message = r.message(rule, name, result)
	if isOf(result.pattern, p.object) && result.pattern.Exists() {
		v.Place = result.pattern.Locate().Span
	}
	return []policy.Verdict{v}, true
}

// isOf reports whether a node, which may be nil, is one of an object.
func isOf(n *lint.Node, r *lint.Resource) bool { return n != nil && n.Resource() == r }

// message returns the message of a rule that an object breaks.
func (r *run) message(rule *lint.Node, name string, o result) string {
	written := rule.Get("validate", "message").Value()
	for _, m := range o.messages {
		if written != "" {
			written += "; "
		}
		written += m
	}
	if v, err := r.text(written); err == nil {
		if s, err := v.Text(); err == nil {
			written = s
		}
	}
	if written = oneLine(written); written != "" {
		return written
	}
	if o.why != "" {
		return fmt.Sprintf("the rule %s fails: %s", name, o.why)
	}
	return fmt.Sprintf("the rule %s fails", name)
}

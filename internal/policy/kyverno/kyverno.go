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
// namespaces that are among them, too; expressions of CEL are compiled for a version of
// Kubernetes. A rule is called as its policy; taken are the rules whose ids no policy may have.
func Policies(objects []*lint.Resource, taken []*lint.Rule, version string) vap.Found {
	var found vap.Found
	seen := map[string]bool{}
	for _, r := range objects {
		id := r.Group + "/" + r.Kind + "/" + r.Namespace + "/" + r.Name
		if r.Group != apiGroup && r.Group != celGroup || r.Name == "" || seen[id] {
			continue // rendered more than once: the first stands for all
		}
		seen[id] = true
		place := r.Get("metadata", "name").Locate().Span
		var p policy.Policy
		var errs []*lint.InputError
		var notes []lint.Note
		var rules []described
		switch {
		case r.Group == celGroup && slices.Contains(others, r.Kind):
			notes = []lint.Note{{Span: place, Message: fmt.Sprintf("%s is not judged: manifests cannot tell what it comes to", r)}}
		case r.Group == celGroup && (r.Kind == "ValidatingPolicy" || r.Kind == "NamespacedValidatingPolicy"):
			p, errs, notes = validating(r, objects, version)
			rules = describe(r.Get("spec", "validations"), "expression")
		case r.Group == apiGroup && (r.Kind == "ClusterPolicy" || r.Kind == "Policy"):
			of := &clusterPolicy{object: r, set: objects, forms: forms(r), expressions: &expressions{}, version: version}
			errs, notes = of.check()
			if len(of.rules) > 0 {
				p = of
			}
			rules = describe(r.Get("spec", "rules"), "name")
		}
		if e := config.Collides(r.Name, place, taken); e != nil && (p != nil || len(errs) > 0) {
			e.Message = "the policy's name: " + e.Message
			found.Errors = append(found.Errors, e)
			continue
		}
		found.Errors, found.Notes = append(found.Errors, errs...), append(found.Notes, notes...)
		if p == nil || r.Group == celGroup && len(errs) > 0 {
			continue
		}
		rule := about(r, place, rules).Rule(p)
		taken = append(taken[:len(taken):len(taken)], rule)
		found.Own = append(found.Own, config.Own{Rule: rule, Span: place})
	}
	return found
}

// A described rule is one of a policy, for its documentation.
type described struct{ name, message string }

// describe describes the rules of a list by a field of theirs and their message.
func describe(list *lint.Node, field string) []described {
	var all []described
	for _, rule := range list.Items() {
		message := oneLine(rule.Get("message").Value() + rule.Get("validate", "message").Value())
		all = append(all, described{oneLine(rule.Get(field).Value()), message})
	}
	return all
}

// A clusterPolicy is a ClusterPolicy or a Policy. It may be used by several goroutines.
type clusterPolicy struct {
	object      *lint.Resource
	set         []*lint.Resource // where exceptions, ConfigMaps and namespaces are looked up
	rules       []*lint.Node     // that are judged
	forms       []form
	applied     map[*lint.Node][]form // those that a rule has
	expressions *expressions
	version     string                    // of Kubernetes, for CEL
	cel         map[celRule]policy.Policy // the rules that are written in it
}

// A celRule is a form of a rule, by the path of the template of its pods.
type celRule struct {
	rule *lint.Node
	path string
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

// about describes a policy. Its severity is that of each verdict.
func about(r *lint.Resource, place lint.Span, rules []described) policy.About {
	a := policy.About{ID: r.Name, Group: vap.Group, Place: place, URL: vap.URL, Severity: lint.Low, Summary: r.String()}
	var doc strings.Builder
	for i, rule := range rules {
		if i == 0 && rule.message != "" {
			a.Summary = rule.message
		}
		fmt.Fprintf(&doc, "\n- `%s` %s\n", rule.name, rule.message)
	}
	if title := oneLine(r.Annotations()["policies.kyverno.io/title"]); title != "" {
		a.Summary = title
	}
	if enforced(r) {
		a.Severity = lint.High
	}
	description := oneLine(r.Annotations()["policies.kyverno.io/description"])
	if description != "" {
		description = "\n" + description + "\n"
	}
	a.Text = fmt.Sprintf("# %s\n\n%s of Kyverno, %s.\n%s\n## Rules\n%s", r.Name, r, place.Start, description, doc.String())
	return a
}

// enforced reports whether a policy, or a rule of it, refuses objects.
func enforced(r *lint.Resource) bool {
	spec := r.Get("spec")
	if r.Group == celGroup {
		actions := spec.Get("validationActions").Strings()
		return len(actions) == 0 || slices.Contains(actions, "Deny")
	}
	return strings.EqualFold(spec.Get("validationFailureAction").Value(), "enforce") ||
		slices.ContainsFunc(spec.Get("rules").Items(), func(n *lint.Node) bool {
			return strings.EqualFold(n.Get("validate", "failureAction").Value(), "enforce")
		})
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// On returns what judges the objects of a bundle.
func (p *clusterPolicy) On(pass *lint.Pass) policy.Judge {
	return func(r *lint.Resource) []policy.Verdict { return p.judgeAll(pass, r) }
}

// judgeAll returns what Kyverno would say of an object that is created.
func (p *clusterPolicy) judgeAll(pass *lint.Pass, r *lint.Resource) []policy.Verdict {
	if isPolicy(r) {
		return nil
	}
	s := newSubject(r, p.set)
	var all []policy.Verdict
	for _, rule := range p.rules {
		for _, f := range p.applied[rule] {
			verdicts, applied := p.judge(pass, s, rule, f)
			all = append(all, verdicts...)
			if applied && p.object.Get("spec", "applyRules").Value() == "One" {
				return all
			}
		}
	}
	return all
}

// inNamespace reports whether an object is where the policy is about: in its namespace where it has one.
func (p *clusterPolicy) inNamespace(s *subject) answer {
	if p.object.Kind == "Policy" && s.home == "" && !s.object.IsClusterScoped() {
		return unknown
	}
	return is(p.object.Kind != "Policy" || p.object.Namespace == s.home)
}

// judge evaluates one form of a rule. applied says that the rule is about the object.
func (p *clusterPolicy) judge(pass *lint.Pass, s *subject, rule *lint.Node, f form) (verdicts []policy.Verdict, applied bool) {
	name := f.name(rule)
	note := func(format string, args ...any) []policy.Verdict {
		return []policy.Verdict{{Note: fmt.Sprintf("%s: the rule %s is not judged for some objects: ", p.object, rule.Get("name").Value()) + fmt.Sprintf(format, args...)}}
	}
	about := p.inNamespace(s).both(s.matches(rule.Get("match"), f.filterKind))
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
	if cel := p.cel[celRule{rule, strings.Join(f.path, ".")}]; cel != nil && err == nil {
		return p.judgeCEL(cel.On(pass), s, rule), true
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

// judgeCEL weighs what a rule that is written in CEL says.
func (p *clusterPolicy) judgeCEL(judge policy.Judge, s *subject, rule *lint.Node) []policy.Verdict {
	verdicts := judge(s.object)
	severity := p.severity(p.action(rule, s))
	for i := range verdicts {
		verdicts[i].Severity = &severity
		verdicts[i].Key = rule.Get("name").Value() + " " + verdicts[i].Key
	}
	return verdicts
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

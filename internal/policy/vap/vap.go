// Package vap judges objects by ValidatingAdmissionPolicies as the API server does when they
// are created: the bindings, the objects that both match, conditions, variables, parameters
// and failure policy. What only the server knows, who asks, what an object was before and
// what they may do, has no value here; a validation that depends on it is not judged, and
// that is said. MutatingAdmissionPolicies are compiled and not applied.
// (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/)
package vap

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	apicel "k8s.io/apiserver/pkg/apis/cel"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
)

// Group is the group of the rules that policies come to.
const Group = "policy"

// URL is where policies are documented.
const URL = "https://github.com/manilint/manilint/blob/main/docs/policies.md"

const apiGroup = "admissionregistration.k8s.io"

// Found is what some objects hold of policies.
type Found struct {
	Own    []config.Own
	Errors []*lint.InputError
	Notes  []lint.Note
}

// Policies makes rules of the policies among objects, with the bindings, parameters and
// namespaces that are among them, too, compiled for a version of Kubernetes. A rule is
// called as its policy; taken are the rules whose ids no policy may have.
func Policies(objects []*lint.Resource, taken []*lint.Rule, version string) Found {
	var found Found
	bindings := map[string][]*lint.Resource{}
	for _, r := range objects {
		if r.Is(apiGroup, "ValidatingAdmissionPolicyBinding") {
			name := r.Get("spec", "policyName").Value()
			bindings[name] = append(bindings[name], r)
		}
	}
	seen := map[string]bool{}
	for _, r := range objects {
		if r.Is(apiGroup, "MutatingAdmissionPolicy") {
			found.Errors = append(found.Errors, mutating(r, version)...)
			found.Notes = append(found.Notes, note(r.Get("metadata", "name"), "%s is compiled and not applied: objects are judged as they are before it changes them", r))
		}
		if !r.Is(apiGroup, "ValidatingAdmissionPolicy") || r.Name == "" || seen[r.Name] {
			continue // rendered more than once: the first stands for all
		}
		seen[r.Name] = true
		place := r.Get("metadata", "name").Locate().Span
		if e := config.Collides(r.Name, place, taken); e != nil {
			e.Message = "the policy's name: " + e.Message
			found.Errors = append(found.Errors, e)
			continue
		}
		v := &validating{object: r, set: objects, version: version}
		for _, b := range bindings[r.Name] {
			v.bindings = append(v.bindings, newBinding(b))
		}
		p, errs := v.compile(version)
		found.Errors = append(found.Errors, errs...)
		if len(errs) == 0 {
			found.Notes = append(found.Notes, v.notes(p)...)
		}
		rule := v.about(place).Rule(v)
		taken = append(taken[:len(taken):len(taken)], rule)
		found.Own = append(found.Own, config.Own{Rule: rule, Span: place})
	}
	return found
}

func note(n *lint.Node, format string, args ...any) lint.Note {
	return lint.Note{Span: n.Locate().Span, Message: fmt.Sprintf(format, args...)}
}

// A validating is a ValidatingAdmissionPolicy. It may be used by several goroutines.
type validating struct {
	object   *lint.Resource
	form     *Form // of another controller; nil for a ValidatingAdmissionPolicy
	bindings []*binding
	set      []*lint.Resource // where parameters and namespaces are looked up
	version  string           // that it was compiled for when it was read
	versions sync.Map         // version of Kubernetes → func() outcome
}

// A binding is a ValidatingAdmissionPolicyBinding.
type binding struct {
	object   *lint.Resource
	severity lint.Severity
}

// newBinding weighs a binding by its strongest action: what is refused is high, what is
// said to who asks is medium, what is only written down is low.
func newBinding(r *lint.Resource) *binding {
	b := &binding{r, lint.Low}
	for _, action := range r.Get("spec", "validationActions").Strings() {
		switch action {
		case "Deny":
			b.severity = max(b.severity, lint.High)
		case "Warn":
			b.severity = max(b.severity, lint.Medium)
		}
	}
	return b
}

// A part is an expression of the policy.
type part struct {
	*expression.Expression
	node *lint.Node
	key  string // as validations[0]
}

// A validation is an expression with its message.
type validation struct {
	part
	message string
	said    *expression.Expression // messageExpression; nil without
}

// A compiled is a policy for one version of Kubernetes.
type compiled struct {
	conditions, annotations []part
	exempt                  [][]part
	validations             []validation
}

type outcome struct {
	compiled *compiled
	errs     []*lint.InputError
}

func (v *validating) spec(path ...string) *lint.Node {
	if v.form != nil {
		return v.form.Spec.Get(path...)
	}
	return v.object.Get("spec").Get(path...)
}

// conditionsAt and validationsAt are where the policy holds them, with the name of the field.
func (v *validating) conditionsAt() *lint.Node {
	if v.form != nil {
		return v.form.Conditions
	}
	return v.spec("matchConditions")
}

func (v *validating) validationsAt() (*lint.Node, string) {
	if v.form != nil {
		return v.spec(v.form.Field), v.form.Field
	}
	return v.spec("validations"), "validations"
}

// compile compiles the policy for a version of Kubernetes, once.
func (v *validating) compile(version string) (*compiled, []*lint.InputError) {
	once, ok := v.versions.Load(version)
	if ok {
		o := once.(func() outcome)()
		return o.compiled, o.errs
	}
	once, _ = v.versions.LoadOrStore(version, sync.OnceValue(func() outcome {
		c := &compiler{hasParams: v.spec("paramKind").Exists()}
		if v.form != nil {
			c.rewrite = v.form.Rewrite
		}
		before, err := expression.New(version, c.variables(), false)
		if err != nil {
			return outcome{errs: []*lint.InputError{{Span: v.object.Root.Locate().Span, Message: err.Error()}}}
		}
		env, err := expression.New(version, c.variables(), true)
		if err != nil {
			return outcome{errs: []*lint.InputError{{Span: v.object.Root.Locate().Span, Message: err.Error()}}}
		}
		c.define(env, v.spec("variables"))
		p := &compiled{}
		p.conditions = c.conditions(before, v.conditionsAt())
		if v.form != nil {
			as := *c // exceptions are read as they are written
			as.rewrite = nil
			for _, exempt := range v.form.Exempt {
				p.exempt = append(p.exempt, as.conditions(before, exempt))
			}
			c.errs = as.errs
		}
		validations, field := v.validationsAt()
		for i, n := range validations.Items() {
			x := c.compile(env, n.Get("expression"), cel.BoolType)
			one := validation{part: part{x, n.Get("expression"), fmt.Sprintf("%s[%d]", field, i)}, message: strings.TrimSpace(n.Get("message").Value())}
			if said := n.Get("messageExpression"); said.IsScalar() {
				if one.said = c.compile(env, said, cel.StringType); one.said != nil && one.said.Reads("authorizer") {
					c.fail(said, 1, 1, "messageExpression cannot read authorizer")
				}
			}
			if x != nil {
				p.validations = append(p.validations, one)
			}
		}
		for i, n := range v.spec("auditAnnotations").Items() {
			if x := c.compile(env, n.Get("valueExpression"), cel.StringType, cel.NullType); x != nil {
				p.annotations = append(p.annotations, part{x, n.Get("valueExpression"), fmt.Sprintf("auditAnnotations[%d]", i)})
			}
		}
		return outcome{p, c.errs}
	}))
	o := once.(func() outcome)()
	return o.compiled, o.errs
}

// asked are the variables that only the API server knows when an object is created.
var asked = []struct{ name, what string }{
	{"oldObject", "what the object was before"}, {"authorizer", "what the one who asks may do"},
	{"authorizer.requestResource", "what the one who asks may do"}, {"request.userInfo", "who asks"},
}

// notes says what of the policy is not judged.
func (v *validating) notes(p *compiled) []lint.Note {
	var notes []lint.Note
	name := v.object.Get("metadata", "name")
	if len(v.bindings) == 0 {
		notes = append(notes, note(name, "%s is not judged: no ValidatingAdmissionPolicyBinding among the policies binds it", v.object))
	}
	said := map[string]bool{}
	say := func(x *expression.Expression, n *lint.Node) {
		for _, a := range asked {
			if x.Reads(a.name) && !said[a.what] {
				said[a.what] = true
				notes = append(notes, note(n, "%s asks %s (%s), which manifests do not tell: where that decides it is not judged", v.object, a.what, a.name))
			}
		}
	}
	for _, x := range p.conditions {
		say(x.Expression, x.node)
	}
	for _, x := range p.validations {
		say(x.Expression, x.node)
	}
	if rules := v.spec("matchConstraints", "resourceRules"); len(rules.Items()) > 0 && !slices.ContainsFunc(rules.Items(), func(r *lint.Node) bool {
		return has(r.Get("operations"), "CREATE") || has(r.Get("operations"), "UPDATE")
	}) {
		notes = append(notes, note(rules, "%s is not judged: it is about neither CREATE nor UPDATE", v.object))
	}
	return notes
}

// about describes the policy.
func (v *validating) about(place lint.Span) policy.About {
	severity := lint.Low
	for _, b := range v.bindings {
		severity = max(severity, b.severity)
	}
	a := policy.About{ID: v.object.Name, Group: Group, Severity: severity, Place: place, URL: URL}
	var doc strings.Builder
	for _, n := range v.spec("validations").Items() {
		message := oneLine(n.Get("message").Value())
		if message == "" {
			message = "failed expression: " + oneLine(n.Get("expression").Value())
		}
		if a.Summary == "" {
			a.Summary = message
		}
		fmt.Fprintf(&doc, "\n- %s\n\n  ```\n  %s\n  ```\n", message, strings.ReplaceAll(strings.TrimSpace(n.Get("expression").Value()), "\n", "\n  "))
	}
	if a.Summary == "" {
		a.Summary = v.object.String() + " has no validations"
	}
	bound := "Nothing binds it, so it is not judged."
	if len(v.bindings) > 0 {
		var names []string
		for _, b := range v.bindings {
			names = append(names, fmt.Sprintf("%s (%s)", b.object.Name, strings.Join(b.object.Get("spec", "validationActions").Strings(), ", ")))
		}
		bound = "Bound by " + strings.Join(names, ", ") + "."
	}
	a.Text = fmt.Sprintf("# %s\n\n%s of %s. %s\n\n## Validations\n%s", v.object.Name, v.object, place.Start, bound, doc.String())
	return a
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// On judges objects as the API server would when they are created.
func (v *validating) On(pass *lint.Pass) policy.Judge {
	return func(r *lint.Resource) []policy.Verdict { return v.judgeAll(pass, r) }
}

// judgeAll joins what the bindings come to.
func (v *validating) judgeAll(pass *lint.Pass, r *lint.Resource) []policy.Verdict {
	if len(v.bindings) == 0 || r.Group == apiGroup && strings.Contains(r.Kind, "AdmissionPolicy") {
		return nil // the API server asks no policy about policies
	}
	var all []policy.Verdict
	var p *compiled
	type asked struct {
		param   *lint.Resource
		actions string
	}
	done := map[asked]bool{} // what bindings with one parameter and one action say is the same
	for _, b := range v.bindings {
		pass.GoOn()
		m := match{bundle: pass.Bundle, set: v.set, object: r}
		var about answer
		if v.form != nil {
			about = v.form.about(&m)
		} else {
			about = m.about(v.spec("matchConstraints"), b.object.Get("spec", "matchResources"))
		}
		switch about {
		case no:
			continue
		case unknown:
			if v.form != nil && v.form.Namespace != "" {
				all = append(all, policy.Verdict{Note: fmt.Sprintf("%s is not judged for objects whose namespace is decided when they are deployed: it is about the namespace %s", v.object, v.form.Namespace)})
				continue
			}
			all = append(all, policy.Verdict{Note: fmt.Sprintf("%s is not judged where its namespaceSelector asks for labels of a namespace that the tree does not hold", v.object)})
			continue
		}
		if p == nil {
			var errs []*lint.InputError
			switch p, errs = v.compile(pass.Bundle.KubeVersion); {
			case len(errs) > 0 && pass.Bundle.KubeVersion == v.version: // said once, where the policy was read
				return nil
			case len(errs) > 0:
				return []policy.Verdict{{Failed: true, Message: fmt.Sprintf("%s does not compile for Kubernetes %s: %s", v.object, pass.Bundle.KubeVersion, errs[0].Message)}}
			}
		}
		params, missing := m.params(v.spec("paramKind"), b.object.Get("spec", "paramRef"))
		if missing != "" {
			all = append(all, policy.Verdict{Note: fmt.Sprintf("%s is not judged where its parameter is not in the tree: %s", v.object, missing)})
			continue
		}
		actions := strings.Join(b.object.Get("spec", "validationActions").Strings(), ",")
		for _, param := range params {
			if k := (asked{param, actions}); !done[k] {
				done[k] = true
				all = append(all, v.judge(p, b, &m, param)...)
			}
		}
	}
	return strongest(all)
}

// strongest leaves of what several bindings say of one validation and place what weighs most.
func strongest(all []policy.Verdict) []policy.Verdict {
	type one struct{ path, key, message string }
	at := map[one]int{}
	var kept []policy.Verdict
	for _, x := range all {
		if x.Failed || x.Note != "" {
			kept = append(kept, x)
			continue
		}
		o := one{key: x.Key, message: x.Message}
		if x.Node != nil {
			o.path = x.Node.Path()
		}
		if i, ok := at[o]; ok {
			if *x.Severity > *kept[i].Severity {
				kept[i] = x
			}
			continue
		}
		at[o] = len(kept)
		kept = append(kept, x)
	}
	return kept
}

// judge evaluates the policy with one parameter.
func (v *validating) judge(p *compiled, b *binding, m *match, param *lint.Resource) []policy.Verdict {
	a := m.activation(param)
	fails := v.spec("failurePolicy").Value() != "Ignore" && (v.form == nil || !v.form.Ignore)
	var all []policy.Verdict
	refuse := func(x part, message string) {
		node, other := policy.Decisive(x.Explain(a), m.object)
		if node != nil && node.Parent() == nil {
			node = nil
		}
		severity := b.severity
		verdict := policy.Verdict{Node: node, Message: message, Key: x.key, Severity: &severity, Place: x.node.Locate().Span}
		if other != nil {
			role := "parameter"
			if param == nil || other.Resource() != param {
				role = "namespace"
			}
			verdict.Related = append(verdict.Related, lint.Related{Role: role, Message: "read here, too", Span: other.Locate().Span})
		}
		if v.form != nil {
			all = append(all, verdict)
			return
		}
		verdict.Related = append(verdict.Related, lint.Related{Role: "binding", Message: fmt.Sprintf("bound by %s", b.object), Span: b.object.Get("metadata", "name").Locate().Span})
		all = append(all, verdict)
	}
	// broken is what an error comes to.
	broken := func(x part, err error) {
		switch {
		case expression.IsCost(err) || a.Cost() > apicel.RuntimeCELCostBudget:
			all = append(all, policy.Verdict{Failed: true, Message: fmt.Sprintf("%s cannot judge %s: %s costs more than the API server allows; make it simpler", v.object, m.object, x.key)})
		case fails:
			refuse(x, fmt.Sprintf("%s cannot be evaluated, which refuses the object: %s", x.key, oneLine(err.Error())))
		}
	}
	conditions := *a
	conditions.Set("namespaceObject", expression.Value{}) // is null there
	for _, exempt := range p.exempt {
		if !slices.ContainsFunc(exempt, func(c part) bool { r := c.Eval(&conditions); return !r.IsTrue() }) {
			return nil
		}
	}
	var wrong []part
	var errs []error
	for _, c := range p.conditions {
		switch r := c.Eval(&conditions); {
		case r.Unknown:
			return nil
		case r.Err != nil:
			wrong, errs = append(wrong, c), append(errs, r.Err)
		case !r.IsTrue():
			return nil
		}
	}
	if len(wrong) > 0 {
		broken(wrong[0], errs[0])
		return all
	}
	for _, x := range p.validations {
		r := x.Eval(a)
		switch {
		case a.Cost() > apicel.RuntimeCELCostBudget || r.Err != nil:
			broken(x.part, r.Err)
			if a.Cost() > apicel.RuntimeCELCostBudget {
				return all
			}
		case r.Unknown || r.IsTrue():
		default:
			refuse(x.part, x.text(a))
		}
	}
	for _, x := range p.annotations {
		if r := x.Eval(a); r.Err != nil {
			broken(x, r.Err)
		}
	}
	return all
}

// text returns the message of a validation that failed, as the API server chooses it.
func (x validation) text(a *expression.Activation) string {
	if x.said != nil {
		if r := x.said.Eval(a); r.Value != nil {
			text, _ := r.Value.Value().(string)
			text = strings.TrimSpace(text)
			if text != "" && len(text) <= apicel.MaxEvaluatedMessageExpressionSizeBytes && !strings.Contains(text, "\n") {
				return text
			}
		}
	}
	if x.message != "" {
		return oneLine(x.message)
	}
	return "failed expression: " + oneLine(x.Text)
}

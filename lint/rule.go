package lint

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Severity orders findings by what they let happen; see docs/rules.md.
type Severity int

// The severities. Critical: a node or the cluster falls from this one object.
// High: isolation breaks or a credential leaks with one more step. Medium:
// hardening or containment is missing. Low: hygiene with a security angle.
// Info: reliability.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = []string{"info", "low", "medium", "high", "critical"}

// String returns the lower-case name.
func (s Severity) String() string {
	if s < Info || s > Critical {
		return fmt.Sprintf("Severity(%d)", int(s))
	}
	return severityNames[s]
}

// Lower returns the severity one step below, Info at the least.
func (s Severity) Lower() Severity { return max(Info, s-1) }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity reads a name as String writes it.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q; one of critical, high, medium, low, info", name)
}

// A Profile is a named selection of rules.
type Profile string

// The profiles. Every rule is in ProfileAll.
const (
	ProfileDefault    Profile = "default"
	ProfileBaseline   Profile = "baseline"   // Pod Security Standards, baseline
	ProfileRestricted Profile = "restricted" // Pod Security Standards, restricted
	ProfileAll        Profile = "all"
)

// A Rule is one check, as a value. Run reads the bundle through its Pass and
// reports; it does no I/O and keeps nothing between calls, so it may run on
// several bundles at once.
type Rule struct {
	ID       string // kebab-case, names the problem, never reused
	Aliases  []string
	Summary  string // one line, no full stop
	Severity Severity
	Group    string    // pod, resources, rbac, network, secret, image, namespace, reliability, validity; custom, policy
	Profiles []Profile // ProfileDefault for core rules; none for opt-in
	// References are the controls that the rule implements: "CIS 5.2.6", "PSS restricted", "NSA ...".
	References []string
	// Peers maps another linter (kube-linter, kube-score, polaris, trivy,
	// checkov, kubescape, kubesec, kyverno) to its ids of the same check.
	Peers map[string][]string
	// Docs holds the rule's Markdown under its file name: see [Rule.Doc].
	Docs fs.FS
	// Text is the Markdown of a rule that is no part of this program, and URL where more
	// is said of it.
	Text, URL string
	Params    []Param
	// YieldsTo names stronger rules: a finding of this rule is dropped where one
	// of them reports the same container (see [Finding.Subject]), so that one root
	// cause is one finding; an ignore of the stronger finding covers it too, unless it
	// is the worse one.
	YieldsTo []string
	Run      func(*Pass)
	// Remedy returns what would make a finding of the rule go away, nil where it knows
	// nothing; n is the node that it was reported at. It may be nil. Like Run it does no I/O.
	Remedy func(pass *Pass, f *Finding, n *Node) *Remedy
}

// FindRule returns the rule with an ID or an alias, or nil.
func FindRule(rules []*Rule, id string) *Rule {
	for _, r := range rules {
		if r.ID == id || slices.Contains(r.Aliases, id) {
			return r
		}
	}
	return nil
}

// A Param is a parameter that the configuration may set for a rule. The type of
// Default (bool, int, string, []string) is the type it must have.
type Param struct {
	Name    string
	Summary string
	Default any
	Allowed []string // of a string or the items of a []string; any when empty
}

// Doc returns the rule's Markdown: Text, or what is read from Docs, where host-path is host_path.md.
func (r *Rule) Doc() string {
	if r.Docs == nil {
		return r.Text
	}
	text, err := fs.ReadFile(r.Docs, strings.ReplaceAll(r.ID, "-", "_")+".md")
	if err != nil {
		return ""
	}
	return string(text)
}

// In reports whether the rule belongs to a profile.
func (r *Rule) In(p Profile) bool {
	if p == ProfileAll {
		return true
	}
	for _, q := range r.Profiles {
		if p == q {
			return true
		}
	}
	return false
}

// A Pass is one rule at work on one bundle.
type Pass struct {
	Rule   *Rule
	Bundle *Bundle

	params   map[string]any
	reported []Reported
	masked   []Masked
	failed   []Failed
	stopped  func() bool
	notes    []Note
}

// NewPass returns the pass of a rule over a bundle, with the parameters that are not
// their defaults. The engine, and a test that has no need of one, then calls rule.Run.
func NewPass(rule *Rule, bundle *Bundle, params map[string]any) *Pass {
	return &Pass{Rule: rule, Bundle: bundle, params: params}
}

// StopWhen ends the rule early, with what it reported so far, once stopped returns true: the
// next call of the pass panics with [Stopped], which the caller of rule.Run recovers from.
func (p *Pass) StopWhen(stopped func() bool) { p.stopped = stopped }

// Stopped is what a pass panics with to end its rule.
const Stopped = stop("the rule is to end")

type stop string

// GoOn ends the rule where it is to end early; see [Pass.StopWhen]. The other calls of a pass do
// so, too: GoOn is for loops that call none of them.
func (p *Pass) GoOn() {
	if p.stopped != nil && p.stopped() {
		panic(Stopped)
	}
}

// A Reported is a finding with the node that it is about. The node belongs to the
// bundle: it is for anyone who places the finding and settles ignores, not for keeping.
type Reported struct {
	Finding *Finding
	Node    *Node
}

// Reported returns what the rule reported so far, in order.
func (p *Pass) Reported() []Reported { return p.reported }

// A Masked is a part of a node's value that no report may show.
type Masked struct {
	Node *Node
	Part string
}

// Masked returns what the rule masked so far, in order.
func (p *Pass) Masked() []Masked { return p.masked }

// A Failed is what a rule could not judge, and why.
type Failed struct {
	Node    *Node
	Message string
}

// Fail says that the rule cannot judge n, which is an error of the run and no finding.
func (p *Pass) Fail(n *Node, format string, args ...any) {
	p.GoOn()
	p.failed = append(p.failed, Failed{n, fmt.Sprintf(format, args...)})
}

// Failed returns what the rule could not judge so far, in order.
func (p *Pass) Failed() []Failed { return p.failed }

// Note says something that a user should know of what the rule looks at, though nothing is
// wrong. What is said more than once is printed once.
func (p *Pass) Note(n Note) { p.notes = append(p.notes, n) }

// Notes returns what the rule noted so far, in order.
func (p *Pass) Notes() []Note { return p.notes }

// Resources returns the bundle's objects of the kinds; see [Bundle.OfKind].
func (p *Pass) Resources(kinds ...string) []*Resource {
	p.GoOn()
	return p.Bundle.OfKind(kinds...)
}

// PodSpecs returns the bundle's pods.
func (p *Pass) PodSpecs() []*PodSpec {
	p.GoOn()
	return p.Bundle.PodSpecs()
}

// Containers returns every container of every pod of the bundle.
func (p *Pass) Containers() []*Container {
	p.GoOn()
	return p.Bundle.Containers()
}

// Report adds a finding at n, which may be missing, and returns it: until the rule's
// Run returns its fields may be set.
func (p *Pass) Report(n *Node, message string) *Finding {
	p.GoOn()
	f := &Finding{Rule: p.Rule, Severity: p.Rule.Severity, Message: message, Subject: ContainerOf(n)}
	p.reported = append(p.reported, Reported{f, n})
	return f
}

// Reportf is Report with a format.
func (p *Pass) Reportf(n *Node, format string, args ...any) *Finding {
	return p.Report(n, fmt.Sprintf(format, args...))
}

// Mask marks a node whose value no report may show. The data of Secrets is
// marked by the engine.
func (p *Pass) Mask(n *Node) { p.MaskPart(n, n.Value()) }

// MaskPart marks a part of a node's value, as the password of a URL, that no
// report may show, there or elsewhere.
func (p *Pass) MaskPart(n *Node, part string) {
	p.GoOn()
	p.masked = append(p.masked, Masked{n, part})
}

func (p *Pass) param(name string) any {
	if v, ok := p.params[name]; ok {
		return v
	}
	for _, param := range p.Rule.Params {
		if param.Name == name {
			return param.Default
		}
	}
	panic("rule " + p.Rule.ID + " has no parameter " + name)
}

// Param returns a parameter of any type that a [Param] may have.
func (p *Pass) Param(name string) any { return p.param(name) }

// Strings returns a []string parameter.
func (p *Pass) Strings(name string) []string { return p.param(name).([]string) }

// String returns a string parameter.
func (p *Pass) String(name string) string { return p.param(name).(string) }

// Int returns an int parameter.
func (p *Pass) Int(name string) int { return p.param(name).(int) }

// Bool returns a bool parameter.
func (p *Pass) Bool(name string) bool { return p.param(name).(bool) }

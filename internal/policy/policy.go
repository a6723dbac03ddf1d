// Package policy is what rules that users bring have in common, be they written in the
// configuration or policies of an admission controller: a [Policy] judges one object at a
// time, and [About.Rule] makes a rule of it that behaves as a built-in one. It reads no file.
package policy

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
)

// A Policy judges objects. It may be asked by several goroutines at once.
type Policy interface {
	// On returns what judges the objects of the pass's bundle, one after the other.
	On(pass *lint.Pass) Judge
}

// A Judge returns what is wrong with an object, in an order that is always the same; none for
// an object that the policy is not about.
type Judge func(r *lint.Resource) []Verdict

// A Verdict is one thing that a policy says of an object.
type Verdict struct {
	// Node is where it stands, which may be missing; nil stands for the object.
	Node *lint.Node
	// Message is one line, Help how to fix it.
	Message, Help string
	// Key tells verdicts of one policy on one node apart.
	Key string
	// Severity is nil for that of the policy.
	Severity *lint.Severity
	// Place is that of the part of the policy that says so; not valid for that of the policy.
	Place lint.Span
	// Related are further places.
	Related []lint.Related
	// Failed says that the object could not be judged: an error of the run, no finding.
	Failed bool
	// Note says, where it is not "", that the policy does not judge some objects, since
	// manifests cannot tell: it is said once, and there is no finding.
	Note string
}

// About describes a policy.
type About struct {
	ID, Summary, Group string
	Severity           lint.Severity
	// Text is its Markdown and URL where more is said of its kind.
	Text, URL string
	Params    []lint.Param
	// Place is where it is written.
	Place lint.Span
	// Kinds are the kinds of objects that it can be about; all where there are none.
	Kinds []string
}

// Rule makes a rule of a policy. It runs in every profile.
func (a About) Rule(p Policy) *lint.Rule {
	return &lint.Rule{
		ID: a.ID, Summary: a.Summary, Severity: a.Severity, Group: a.Group, Text: a.Text, URL: a.URL, Params: a.Params,
		Profiles: []lint.Profile{lint.ProfileDefault, lint.ProfileBaseline, lint.ProfileRestricted},
		Run: func(pass *lint.Pass) {
			judge := p.On(pass)
			for _, r := range pass.Resources(a.Kinds...) {
				pass.GoOn()
				for _, v := range judge(r) {
					a.report(pass, r, v)
				}
			}
		},
	}
}

// maxMessage is how many bytes of a message are reported: as many as the API server takes
// from an expression.
const maxMessage = 5 << 10

// cut returns as much of a message as is reported.
func cut(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}

func (a About) report(pass *lint.Pass, r *lint.Resource, v Verdict) {
	v.Message = cut(v.Message)
	if v.Note != "" {
		pass.Note(lint.Note{Span: a.Place, Message: v.Note})
		return
	}
	node := v.Node
	if node == nil {
		node = r.Root
	}
	whole := node.Parent() == nil || node.Index() >= 0 && !node.IsScalar()
	switch {
	case node.Parent() == nil && r.Get("metadata", "name").Exists():
		node = r.Get("metadata", "name")
	case whole && node.Get("name").IsScalar():
		node = node.Get("name")
	case node.Exists() && !node.IsScalar():
		node = node.KeyNode()
	}
	if v.Failed {
		pass.Fail(node, "%s", v.Message)
		return
	}
	f := pass.Report(node, v.Message)
	f.Help, f.Key, f.Whole = v.Help, v.Key, whole
	if v.Severity != nil {
		f.Severity = *v.Severity
	}
	place := v.Place
	if !place.IsValid() {
		place = a.Place
	}
	f.Related = slices.Clone(v.Related)
	if place.IsValid() {
		f.Related = append(f.Related, lint.Related{Role: "policy", Message: "asked for here", Span: place})
	}
}

// Decisive returns the node of an object at which a finding stands that an expression
// decided by some fields, and the first field of another object, nil without one.
func Decisive(reads []expression.Read, r *lint.Resource) (node, other *lint.Node) {
	for _, read := range reads {
		switch of := read.Node.Resource(); {
		case of == r && node == nil:
			node = read.Node
		case of != r && of != nil && other == nil:
			other = read.Node
		}
	}
	return node, other
}

// values are what expressions read of the objects of a bundle, made once for all policies.
type values struct{ made sync.Map } // part → func() map[*lint.Node]expression.Value

// A part is what is read of the objects of a kind.
type part struct {
	kind     string
	identity bool // nothing but [expression.Identity]
}

// ValuesOf returns what expressions read of the objects of a kind, and of their containers.
func ValuesOf(b *lint.Bundle, kind string) map[*lint.Node]expression.Value {
	return valuesOf(b, part{kind: kind}, func(all map[*lint.Node]expression.Value, r *lint.Resource) {
		object := expression.Of(r.Root)
		all[r.Root] = object
		for _, pod := range r.PodSpecs() {
			for _, c := range pod.Containers() {
				all[c.Node] = expression.Part(object, c.Node)
			}
		}
	})
}

// IdentitiesOf returns what expressions read of the objects of a kind that read nothing but
// what says which object it is.
func IdentitiesOf(b *lint.Bundle, kind string) map[*lint.Node]expression.Value {
	return valuesOf(b, part{kind, true}, func(all map[*lint.Node]expression.Value, r *lint.Resource) {
		all[r.Root] = expression.IdentityOf(r.Root)
	})
}

func valuesOf(b *lint.Bundle, p part, add func(map[*lint.Node]expression.Value, *lint.Resource)) map[*lint.Node]expression.Value {
	of := lint.Shared(b, func(*lint.Bundle) *values { return &values{} })
	made, ok := of.made.Load(p)
	if !ok {
		made, _ = of.made.LoadOrStore(p, sync.OnceValue(func() map[*lint.Node]expression.Value {
			all := map[*lint.Node]expression.Value{}
			for _, r := range b.OfKind(p.kind) {
				add(all, r)
			}
			return all
		}))
	}
	return made.(func() map[*lint.Node]expression.Value)()
}

// Within returns the place of a line and a column, from 1, of a text that a span of YAML
// writes out, be it plain, quoted or a block; the beginning of the span where it writes
// something else.
func Within(span lint.Span, text string, line, column int) lint.Span {
	begin := span
	begin.End = begin.Start
	raw := span.Text()
	src := span.Start.Source
	if src == nil {
		return span
	}
	wanted := 0 // visible characters before the place
	l, c := 1, 1
	for _, r := range text {
		if l == line && c == column {
			break
		}
		if !unicode.IsSpace(r) {
			wanted++
		}
		if c++; r == '\n' {
			l, c = l+1, 1
		}
	}
	skip, escape := 0, rune(0)
	if raw != "" {
		switch raw[0] {
		case '|', '>':
			for skip < len(raw) && raw[skip] != '\n' {
				skip++
			}
		case '"':
			skip, escape = 1, '\\'
		case '\'':
			skip, escape = 1, '\''
		}
	}
	seen, escaped := 0, false
	for i, r := range raw[skip:] {
		if unicode.IsSpace(r) || r == escape && !escaped {
			escaped = r == escape
			continue
		}
		escaped = false
		if seen == wanted {
			at := span.Start.Offset + skip + i
			return src.Span(at, at+len(string(r)))
		}
		seen++
	}
	return begin
}

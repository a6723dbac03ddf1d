package config

import (
	"fmt"
	"regexp"

	"github.com/manilint/manilint/lint"
)

// A Custom is a rule that a configuration, or a file that it names, writes out. Its
// expressions are text here.
type Custom struct {
	ID         string
	Severity   lint.Severity
	Match      Match
	Expression Text
	Message    Text // an expression, too; empty where the rule has none
	Help       string
	Params     *lint.Node // a mapping; nil without
	Source     *lint.Source
	Span       lint.Span // of the id
}

// A Match says which objects a rule is about: those that meet each field that is not
// empty. Kinds, Groups and Namespaces are globs.
type Match struct {
	Kinds, Groups, Namespaces []string
	Labels                    map[string]string
}

// A Text is a text and where it is written.
type Text struct {
	Value string
	Span  lint.Span
}

// kebab is what ids look like.
var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// custom parses the list of rules and of files that hold rules.
func (p *parser) custom(n *lint.Node) {
	p.each(n, func(item *lint.Node) {
		if item.IsScalar() {
			p.globIn(item, "custom")
			p.config.CustomFiles = append(p.config.CustomFiles, Named{item.Value(), lint.NodeSpan(p.src, item.YAML())})
			return
		}
		p.config.Custom = append(p.config.Custom, p.customRule(item))
	})
}

// ParseCustom reads a file of rules: a list of them, a mapping with a list custom, or one
// rule a document.
func ParseCustom(src *lint.Source) ([]Custom, []*lint.InputError) {
	p := &parser{src: src, config: &Config{}}
	docs, errs := lint.ParseYAML(src)
	p.errs = errs
	var all []Custom
	for _, doc := range docs {
		root := lint.NewNode(doc)
		switch {
		case root.IsSequence():
			p.each(root, func(item *lint.Node) { all = append(all, p.customRule(item)) })
		case root.Get("custom").Exists():
			p.mapping(root, []field{{"custom", "", nil, func(p *parser, n *lint.Node) {
				p.each(n, func(item *lint.Node) { all = append(all, p.customRule(item)) })
			}}})
		case !root.IsNull():
			all = append(all, p.customRule(root))
		}
	}
	return all, p.errs
}

func (p *parser) customRule(n *lint.Node) Custom {
	rule := Custom{Severity: lint.Medium, Source: p.src, Span: lint.Anchor(n).Span(p.src)}
	p.mapping(n, customFields(&rule))
	if !n.IsMapping() {
		return rule
	}
	for _, required := range []string{"id", "expression"} {
		if n.Get(required).IsNull() {
			p.errorf(n, "custom: the rule has no %s; add %s:", required, required)
		}
	}
	return rule
}

// customFields parses into a rule.
func customFields(r *Custom) []field {
	text := func(p *parser, n *lint.Node) Text { return Text{p.text(n), lint.NodeSpan(p.src, n.YAML())} }
	return []field{
		{"id", "the rule's id: small letters, digits and hyphens, none of a built-in rule", map[string]any{"type": "string", "pattern": kebab.String()}, func(p *parser, n *lint.Node) {
			if r.ID, r.Span = p.text(n), lint.NodeSpan(p.src, n.YAML()); n.IsScalar() && !kebab.MatchString(r.ID) {
				p.errorf(n, "id: %q is not an id; use lower-case letters, digits and single hyphens, as in team-label", r.ID)
			}
		}},
		{"severity", "the severity of its findings; medium where it is not set", enum(severities()...), func(p *parser, n *lint.Node) {
			if s, err := lint.ParseSeverity(p.oneOf(n, severities())); err == nil {
				r.Severity = s
			}
		}},
		{"match", "the objects that the rule is about; all where it is not set", object(matchFields(&Match{})), func(p *parser, n *lint.Node) { p.mapping(n, matchFields(&r.Match)) }},
		{"expression", "CEL that is true of what is right, over object, container, namespaceObject and params", stringSchema, func(p *parser, n *lint.Node) { r.Expression = text(p, n) }},
		{"message", "CEL that gives the message of a finding", stringSchema, func(p *parser, n *lint.Node) { r.Message = text(p, n) }},
		{"help", "how to fix a finding", stringSchema, func(p *parser, n *lint.Node) { r.Help = p.text(n) }},
		{"params", "what the expressions read as params; rules: ID: parameters: sets them anew", map[string]any{"type": "object"}, func(p *parser, n *lint.Node) {
			if !n.IsMapping() {
				p.errorf(n, "params: a mapping is expected here")
				return
			}
			r.Params = n
		}},
	}
}

func matchFields(m *Match) []field {
	globs := func(name, summary string, at *[]string) field {
		return field{name, summary, stringsSchema, func(p *parser, n *lint.Node) {
			*at = p.texts(n)
			for _, item := range n.Items() {
				p.globIn(item, name)
			}
		}}
	}
	return []field{
		globs("kinds", "globs of kinds", &m.Kinds),
		globs("groups", `globs of API groups; "" is the core group`, &m.Groups),
		globs("namespaces", "globs of namespaces", &m.Namespaces),
		{"labels", "labels that the object has", map[string]any{"type": "object", "additionalProperties": stringSchema}, func(p *parser, n *lint.Node) {
			if !n.IsMapping() {
				p.errorf(n, "labels: a mapping of labels to values is expected here")
				return
			}
			m.Labels = map[string]string{}
			for _, f := range n.Fields() {
				if !f.IsScalar() {
					p.errorf(f, "labels: %s: a string is expected here", f.Name())
				}
				m.Labels[f.Name()] = f.Value()
			}
		}},
	}
}

// Collides returns an error for each rule whose id another one of rules, or an earlier one,
// has, or that is the name of a group.
func Collides(id string, at lint.Span, rules []*lint.Rule) *lint.InputError {
	for _, r := range rules {
		switch {
		case lint.FindRule([]*lint.Rule{r}, id) != nil && r.Text == "":
			return &lint.InputError{Span: at, Message: fmt.Sprintf("%q is the id of a built-in rule; give this one another", id)}
		case r.ID == id:
			return &lint.InputError{Span: at, Message: fmt.Sprintf("%q is the id of another rule of yours; give one of them another", id)}
		case r.Group == id:
			return &lint.InputError{Span: at, Message: fmt.Sprintf("%q is the name of a group of rules; give this rule another id", id)}
		}
	}
	return nil
}

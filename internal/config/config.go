// Package config reads .manilint.yaml, publishes the schema of it, and says which rules
// it selects with which settings. It reads no file but the one it is given the text of.
package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/manilint/manilint/internal/glob"
	"github.com/manilint/manilint/lint"
)

// Name is the name of the configuration file.
const Name = ".manilint.yaml"

// A Config is a configuration file, parsed. The zero Config changes nothing.
type Config struct {
	// Source is the file; nil for the zero Config.
	Source *lint.Source
	// Profile is "" where the file names none.
	Profile lint.Profile
	// Rules holds what the file says of single rules, by rule ID.
	Rules map[string]Settings
	// Exclude are globs of paths, relative to the file's directory, that are not linted.
	Exclude []string
	// Ignore are findings that are not reported.
	Ignore []Ignore
	// Baseline is the file of findings that are known, relative to the file's directory, ""
	// for none; BaselineSpan is where the file says so.
	Baseline     string
	BaselineSpan lint.Span
	// Unavailable is what inputs name and nobody can have here: its errors are notes.
	Unavailable []Unavailable
	// Repositories are addresses under which controllers know the repository.
	Repositories []string
	// Variants are further sets of values files for charts.
	Variants []Variant
	// KubeVersion is the Kubernetes version deployed to, "" for the newest known.
	KubeVersion string
	// KubeVersionSpan is where the file says so.
	KubeVersionSpan lint.Span
	// PodPaths are where custom resources hold pods, besides those that manilint knows.
	PodPaths []lint.PodPath
	// Custom are the rules that the file writes out, CustomFiles the globs of files that
	// hold more, relative to the file's directory.
	Custom      []Custom
	CustomFiles []Named
	// Digests are images with their digests, as image:tag@digest, for the rules with that
	// parameter; DigestFile is a file of more, relative to the file's directory, whose path is
	// "" for none.
	Digests    []string
	DigestFile Named
	// Policies are directories and files of policies, relative to the file's directory;
	// TreePolicies takes those of that directory, however they are rendered.
	Policies     []Named
	TreePolicies bool
	// Own are the rules that these come to; see [ParseWith].
	Own []Own
	// PolicyErrors and PolicyNotes are what is to be said of the policies: unlike a mistake in
	// the configuration it stops nothing.
	PolicyErrors []*lint.InputError
	PolicyNotes  []lint.Note
}

// An Own is a rule of the user's own, and where it is written.
type Own struct {
	Rule *lint.Rule
	Span lint.Span
}

// OwnRules returns the rules that the configuration brings.
func (c *Config) OwnRules() []*lint.Rule {
	var rules []*lint.Rule
	for _, o := range c.Own {
		rules = append(rules, o.Rule)
	}
	return rules
}

// A Named is a path, or a glob, and where the file names it.
type Named struct {
	Path string
	Span lint.Span
}

// A Settings is what a configuration says of one rule.
type Settings struct {
	Enabled          *bool
	Severity         *lint.Severity
	Params           map[string]any // of the types of [lint.Param.Default]
	ExemptNamespaces []string
}

// A Variant is a set of values files for a chart, relative to the
// configuration's directory. Chart is the chart's directory, "" for every chart.
type Variant struct {
	Chart  string
	Values []string
	// ChartSpan and ValueSpans are where the file says so.
	ChartSpan  lint.Span
	ValueSpans []lint.Span
}

// A Ignore is an entry of ignore: every field that is not empty must
// match. Path is a glob over the paths of a finding's places, relative to the
// configuration's directory. Until, as 2006-01-02, is the last day it holds.
type Ignore struct {
	Rules                                                 []string
	Path, Kind, Namespace, Name, Container, Reason, Until string
	Span                                                  lint.Span
}

// An Unavailable is an entry of unavailable. What is a glob over paths, relative to the
// configuration's directory, or addresses, the name of a chart, or a name as an input writes it.
type Unavailable struct {
	What, Reason, Until string
	Span                lint.Span
}

// An Enabled is a rule that runs, with what the configuration says of it.
type Enabled struct {
	Rule     *lint.Rule
	Severity *lint.Severity // nil: as the rule reports
	Params   map[string]any // of the types of [lint.Param.Default]
	// ExemptNamespaces are namespaces whose objects the rule leaves alone.
	ExemptNamespaces []string
}

// field describes one key of the configuration: one table for the parser, its
// messages and the JSON Schema.
type field struct {
	name, summary string
	schema        map[string]any
	parse         func(p *parser, n *lint.Node)
}

type parser struct {
	src    *lint.Source
	rules  []*lint.Rule
	config *Config
	errs   []*lint.InputError
	late   []func() // what names rules, own ones too
}

// Parse reads a configuration file against the rules that exist. Unknown
// keys, rules and values are errors that name the line and the nearest known word.
func Parse(src *lint.Source, rules []*lint.Rule) (*Config, []*lint.InputError) {
	return ParseWith(src, rules, func(*Config) ([]Own, []*lint.InputError) { return nil, nil })
}

// ParseWith is Parse with rules of the user's own: own makes them of what custom and
// policies say, before it is looked up what rules and ignore name.
func ParseWith(src *lint.Source, rules []*lint.Rule, own func(*Config) ([]Own, []*lint.InputError)) (*Config, []*lint.InputError) {
	p := &parser{src: src, rules: rules, config: &Config{Source: src, Rules: map[string]Settings{}}}
	docs, errs := lint.ParseYAML(src)
	p.errs = errs
	if len(docs) > 1 {
		p.errs = append(p.errs, &lint.InputError{Span: lint.NodeSpan(src, docs[1]), Message: "a configuration is one YAML document"})
	}
	if len(docs) > 0 {
		p.mapping(lint.NewNode(docs[0]), fileFields())
	}
	more, errs := own(p.config)
	lint.SortErrors(errs)
	p.config.Own, p.errs = more, append(p.errs, errs...)
	p.rules = slices.Concat(rules, p.config.OwnRules())
	for _, parse := range p.late {
		parse()
	}
	p.config.addDigests(rules)
	return p.config, p.errs
}

func (p *parser) errorf(n *lint.Node, format string, args ...any) {
	y := n.YAML()
	if n.Key() != nil && !n.IsScalar() {
		y = n.Key()
	}
	p.errs = append(p.errs, &lint.InputError{Span: lint.NodeSpan(p.src, y), Message: fmt.Sprintf(format, args...)})
}

// mapping parses n by a table of fields.
func (p *parser) mapping(n *lint.Node, fields []field) {
	if n.IsNull() {
		return
	}
	if !n.IsMapping() {
		p.errorf(n, "a mapping with the keys %s is expected here", names(fields))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.YAML().Content); i += 2 {
		if k := n.YAML().Content[i]; seen[k.Value] {
			p.errs = append(p.errs, &lint.InputError{Span: lint.NodeSpan(p.src, k), Message: fmt.Sprintf("key %q is written twice", k.Value)})
		} else {
			seen[k.Value] = true
		}
	}
fields:
	for _, child := range n.Fields() {
		for _, f := range fields {
			if f.name == child.Name() {
				if !child.IsNull() {
					f.parse(p, child)
				}
				continue fields
			}
		}
		var known []string
		for _, f := range fields {
			known = append(known, f.name)
		}
		p.errs = append(p.errs, &lint.InputError{Span: lint.NodeSpan(p.src, child.Key()), Message: fmt.Sprintf("unknown key %q%s", child.Name(), lint.Suggest(child.Name(), known))})
	}
}

func names(fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	return strings.Join(all, ", ")
}

func (p *parser) text(n *lint.Node) string {
	if !n.IsScalar() {
		p.errorf(n, "%s: a string is expected here", n.Name())
	}
	return n.Value()
}

func (p *parser) texts(n *lint.Node) []string {
	if !n.IsSequence() {
		p.errorf(n, "%s: a list of strings is expected here", n.Name())
		return nil
	}
	all := []string{}
	for _, item := range n.Items() {
		if !item.IsScalar() {
			p.errorf(item, "%s: a string is expected here", n.Name())
			continue
		}
		all = append(all, item.Value())
	}
	return all
}

// globIn reports a glob that is none.
func (p *parser) globIn(n *lint.Node, key string) {
	if !n.IsScalar() {
		return // reported
	}
	if _, err := CompileGlob(n.Value()); err != nil {
		p.errorf(n, "%s: %q is not a glob: %v; write \\ in front of a literal character", key, n.Value(), err)
	}
}

// CompileGlob reads a glob as the configuration has it, which "./" may be in front of and
// "/" behind.
func CompileGlob(pattern string) (*glob.Glob, error) {
	return glob.Compile(strings.TrimSuffix(strings.TrimPrefix(pattern, "./"), "/"))
}

// Excludes returns what tells whether a slash path, relative to the configuration's
// directory, or a directory above it is excluded; nil where nothing is.
func (c *Config) Excludes() func(path string) bool {
	var globs []*glob.Glob
	for _, pattern := range c.Exclude {
		if g, err := CompileGlob(pattern); err == nil { // Parse reports the others
			globs = append(globs, g)
		}
	}
	if len(globs) == 0 {
		return nil
	}
	return func(path string) bool {
		return slices.ContainsFunc(globs, func(g *glob.Glob) bool { return g.MatchTree(path) })
	}
}

func (p *parser) oneOf(n *lint.Node, allowed []string) string {
	v := p.text(n)
	if n.IsScalar() && !slices.Contains(allowed, v) {
		p.errorf(n, "%s: unknown value %q%s", n.Name(), v, lint.Suggest(v, allowed))
		return ""
	}
	return v
}

func (p *parser) bool(n *lint.Node) bool {
	v, ok := n.Bool()
	if !ok {
		p.errorf(n, "%s: true or false is expected here", n.Name())
	}
	return v
}

func (p *parser) rule(n *lint.Node, id string) *lint.Rule {
	if r := lint.FindRule(p.rules, id); r != nil {
		return r
	}
	y := n.YAML()
	if n.Key() != nil && n.Name() == id {
		y = n.Key()
	}
	p.errs = append(p.errs, &lint.InputError{Span: lint.NodeSpan(p.src, y), Message: fmt.Sprintf("unknown rule %q%s", id, lint.Suggest(id, ruleIDs(p.rules)))})
	return nil
}

func ruleIDs(rules []*lint.Rule) []string {
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	return ids
}

var (
	stringSchema  = map[string]any{"type": "string"}
	stringsSchema = map[string]any{"type": "array", "items": stringSchema}
)

func enum(values ...string) map[string]any {
	return map[string]any{"type": "string", "enum": values}
}

func fileFields() []field {
	return []field{
		{"profile", "which rules run", enum("default", "baseline", "restricted", "all"), func(p *parser, n *lint.Node) {
			p.config.Profile = lint.Profile(p.oneOf(n, []string{"default", "baseline", "restricted", "all"}))
		}},
		{"rules", "settings of single rules, by rule id", nil, func(p *parser, n *lint.Node) { p.late = append(p.late, func() { p.ruleSettings(n) }) }},
		{"exclude", "globs of paths that are not linted, relative to this file; ** crosses directories", stringsSchema, func(p *parser, n *lint.Node) {
			p.config.Exclude = p.texts(n)
			for _, item := range n.Items() {
				p.globIn(item, "exclude")
			}
		}},
		{"ignore", "findings that are not reported; each entry gives its reason", list(ignoreFields()), func(p *parser, n *lint.Node) { p.late = append(p.late, func() { p.ignores(n) }) }},
		{"baseline", "the file of findings that are known and not reported, relative to this file, as --write-baseline writes it", stringSchema, func(p *parser, n *lint.Node) {
			if p.config.Baseline, p.config.BaselineSpan = p.text(n), lint.NodeSpan(p.src, n.YAML()); p.config.Baseline == "" && n.IsScalar() {
				p.errorf(n, "baseline: it names no file")
			}
		}},
		{"unavailable", "what inputs refer to and is not available here: notes instead of errors; each entry gives its reason", list(unavailableFields(&Unavailable{})), func(p *parser, n *lint.Node) {
			p.each(n, func(item *lint.Node) {
				entry := Unavailable{Span: lint.Anchor(item).Span(p.src)}
				p.mapping(item, unavailableFields(&entry))
				if item.IsMapping() && entry.What == "" {
					p.errorf(item, "unavailable: the entry does not say what; add what: with an address, a path or the name of a chart")
				}
				p.config.Unavailable = append(p.config.Unavailable, entry)
			})
		}},
		{"repositories", "addresses under which Argo CD and Flux know this repository, besides those of the checkout's remotes", stringsSchema, func(p *parser, n *lint.Node) {
			p.config.Repositories = p.texts(n)
		}},
		{"helm", "how charts are rendered", object(helmFields()), func(p *parser, n *lint.Node) { p.mapping(n, helmFields()) }},
		{"kubeVersion", "the Kubernetes version deployed to, as 1.33", stringSchema, func(p *parser, n *lint.Node) {
			p.config.KubeVersion, p.config.KubeVersionSpan = p.text(n), lint.NodeSpan(p.src, n.YAML())
		}},
		{"registries", "the image registries that are allowed: short for the parameter allowed of the rule image-registry", stringsSchema, func(p *parser, n *lint.Node) {
			if p.rule(n, "image-registry") != nil {
				c := p.config.Rules["image-registry"]
				if c.Params == nil {
					c.Params = map[string]any{}
				}
				c.Params["allowed"] = p.texts(n)
				p.config.Rules["image-registry"] = c
			}
		}},
		{"digests", "images with their digests, as registry.example/web:1.4@sha256:…, or the file of them, relative to this file: more for the parameter digests of image-tag and image-digest", map[string]any{
			"anyOf": []any{stringSchema, stringsSchema},
		}, (*parser).digests},
		{"custom", "rules of your own: each written out, or a glob of files that hold them, relative to this file", map[string]any{
			"type": "array", "items": map[string]any{"anyOf": []any{stringSchema, object(customFields(&Custom{}))}},
		}, (*parser).custom},
		{"policies", "directories and files of admission policies, relative to this file, or true for those of its directory", map[string]any{
			"anyOf": []any{map[string]any{"type": "boolean"}, stringsSchema},
		}, func(p *parser, n *lint.Node) {
			if _, ok := n.Bool(); ok {
				p.config.TreePolicies = p.bool(n)
				return
			}
			if !n.IsSequence() {
				p.errorf(n, "policies: true, or a list of directories and files, is expected here")
				return
			}
			p.texts(n)
			for _, item := range n.Items() {
				p.config.Policies = append(p.config.Policies, Named{item.Value(), lint.NodeSpan(p.src, item.YAML())})
			}
		}},
		{"podPaths", "where custom resources hold pods: group/Kind to the dotted paths of the pod's metadata and spec", map[string]any{"type": "object", "additionalProperties": stringsSchema}, func(p *parser, n *lint.Node) {
			for _, f := range n.Fields() {
				for _, path := range p.texts(f) {
					p.config.PodPaths = append(p.config.PodPaths, lint.PodPath{Kind: f.Name(), Path: path})
				}
			}
		}},
	}
}

func (p *parser) ignores(n *lint.Node) {
	p.each(n, func(item *lint.Node) {
		entry := Ignore{Span: lint.Anchor(item).Span(p.src)}
		p.mapping(item, ignoreFields(&entry))
		if len(entry.Rules) == 0 && item.IsMapping() && !item.Get("rule").Exists() {
			p.errorf(item, "ignore: the entry names no rule; add rule: with a rule id")
		}
		p.config.Ignore = append(p.config.Ignore, entry)
	})
}

func (p *parser) each(n *lint.Node, f func(*lint.Node)) {
	if !n.IsSequence() {
		p.errorf(n, "%s: a list is expected here", n.Name())
	}
	for _, item := range n.Items() {
		f(item)
	}
}

func unavailableFields(e *Unavailable) []field {
	return []field{
		{"what", "a glob of addresses or of paths relative to this file, the name of a chart, or a name as an input writes it", stringSchema, func(p *parser, n *lint.Node) {
			e.What = p.text(n)
			p.globIn(n, "what")
		}},
		{"reason", "why it is not available, and where it is linted instead", stringSchema, func(p *parser, n *lint.Node) { e.Reason = p.text(n) }},
		{"until", "the last day that the entry holds, as 2027-03-31", stringSchema, func(p *parser, n *lint.Node) {
			if e.Until = p.text(n); !IsDate(e.Until) {
				p.errorf(n, "until: %q is not a date; write it as 2027-03-31", e.Until)
			}
		}},
	}
}

// ignoreFields parses into the first entry; without one the table serves the schema.
func ignoreFields(into ...*Ignore) []field {
	if len(into) == 0 {
		into = []*Ignore{{}}
	}
	e := into[0]
	text := func(name, summary string, at *string) field {
		return field{name, summary, stringSchema, func(p *parser, n *lint.Node) { *at = p.text(n) }}
	}
	pattern := func(name, summary string, at *string) field {
		return field{name, summary, stringSchema, func(p *parser, n *lint.Node) {
			*at = p.text(n)
			p.globIn(n, name)
		}}
	}
	return []field{
		{"rule", "a rule id, or a list of them", map[string]any{"anyOf": []any{stringSchema, stringsSchema}}, func(p *parser, n *lint.Node) {
			items := n.Items()
			if n.IsScalar() {
				items = []*lint.Node{n}
			}
			for _, item := range items {
				if r := p.rule(item, item.Value()); r != nil {
					e.Rules = append(e.Rules, r.ID)
				}
			}
		}},
		pattern("path", "a glob over the paths of the finding, relative to this file", &e.Path),
		text("kind", "the object's kind", &e.Kind),
		text("namespace", "the object's namespace", &e.Namespace),
		pattern("name", "the object's name, as a glob", &e.Name),
		text("container", "the container's name", &e.Container),
		text("reason", "why it is accepted", &e.Reason),
		{"until", "the last day that the entry holds, as 2027-03-31", map[string]any{"type": "string", "format": "date"}, func(p *parser, n *lint.Node) {
			e.Until = p.text(n)
			if !IsDate(e.Until) {
				p.errorf(n, "until: %q is not a date; write it as 2027-03-31", e.Until)
			}
		}},
	}
}

func helmFields() []field {
	return []field{{"variants", "further sets of values files that every chart is rendered with", list(variantFields()), func(p *parser, n *lint.Node) {
		p.each(n, func(item *lint.Node) {
			var v Variant
			p.mapping(item, variantFields(&v))
			if len(v.Values) == 0 && item.IsMapping() && !item.Get("values").Exists() {
				p.errorf(item, "variants: the entry names no values file; add values: with a list of files")
			}
			p.config.Variants = append(p.config.Variants, v)
		})
	}}}
}

func variantFields(into ...*Variant) []field {
	if len(into) == 0 {
		into = []*Variant{{}}
	}
	v := into[0]
	return []field{
		{"chart", "the chart's directory, relative to this file; every chart where it is absent", stringSchema, func(p *parser, n *lint.Node) { v.Chart, v.ChartSpan = p.text(n), lint.NodeSpan(p.src, n.YAML()) }},
		{"values", "values files, relative to this file, later ones win", stringsSchema, func(p *parser, n *lint.Node) {
			v.Values = p.texts(n)
			for _, item := range n.Items() {
				v.ValueSpans = append(v.ValueSpans, lint.NodeSpan(p.src, item.YAML()))
			}
		}},
	}
}

func (p *parser) ruleSettings(n *lint.Node) {
	if !n.IsMapping() {
		p.errorf(n, "rules: a mapping of rule ids is expected here")
		return
	}
	for _, f := range n.Fields() {
		rule := p.rule(f, f.Name())
		if rule == nil {
			continue
		}
		c := p.config.Rules[rule.ID]
		p.mapping(f, ruleFields(rule, &c))
		p.config.Rules[rule.ID] = c
	}
}

func ruleFields(rule *lint.Rule, c *Settings) []field {
	return []field{
		{"enabled", "whether the rule runs, regardless of the profile", map[string]any{"type": "boolean"}, func(p *parser, n *lint.Node) {
			v := p.bool(n)
			c.Enabled = &v
		}},
		{"severity", "the severity of all its findings", enum(severities()...), func(p *parser, n *lint.Node) {
			if s, err := lint.ParseSeverity(p.oneOf(n, severities())); err == nil {
				c.Severity = &s
			}
		}},
		{"exemptNamespaces", "namespaces that the rule does not check", stringsSchema, func(p *parser, n *lint.Node) { c.ExemptNamespaces = p.texts(n) }},
		{"parameters", "the rule's parameters: see manilint explain " + rule.ID, object(paramFields(rule, nil)), func(p *parser, n *lint.Node) {
			if c.Params == nil {
				c.Params = map[string]any{}
			}
			if len(rule.Params) == 0 {
				p.errorf(n, "rule %s has no parameters", rule.ID)
				return
			}
			p.mapping(n, paramFields(rule, c.Params))
		}},
	}
}

func paramFields(rule *lint.Rule, into map[string]any) []field {
	var fields []field
	for _, param := range rule.Params {
		var schema map[string]any
		switch param.Default.(type) {
		case bool:
			schema = map[string]any{"type": "boolean"}
		case int:
			schema = map[string]any{"type": "integer"}
		case string:
			schema = map[string]any{"type": "string"}
			if len(param.Allowed) > 0 {
				schema = enum(param.Allowed...)
			}
		case []string:
			schema = stringsSchema
			if len(param.Allowed) > 0 {
				schema = map[string]any{"type": "array", "items": enum(param.Allowed...)}
			}
		}
		fields = append(fields, field{param.Name, param.Summary, schema, func(p *parser, n *lint.Node) {
			switch param.Default.(type) {
			case bool:
				into[param.Name] = p.bool(n)
			case int:
				v, ok := n.Int()
				if !ok {
					p.errorf(n, "%s: a whole number is expected here", n.Name())
				}
				into[param.Name] = int(v)
			case string:
				if len(param.Allowed) > 0 {
					into[param.Name] = p.oneOf(n, param.Allowed)
				} else {
					into[param.Name] = p.text(n)
				}
			case []string:
				into[param.Name] = p.texts(n)
				for _, item := range n.Items() {
					if len(param.Allowed) > 0 && item.IsScalar() && !slices.Contains(param.Allowed, item.Value()) {
						p.errorf(item, "%s: unknown value %q%s", n.Name(), item.Value(), lint.Suggest(item.Value(), param.Allowed))
					}
				}
			}
		}})
	}
	return fields
}

func object(fields []field) map[string]any {
	properties := map[string]any{}
	for _, f := range fields {
		s := map[string]any{"description": f.summary}
		for k, v := range f.schema {
			s[k] = v
		}
		properties[f.name] = s
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func list(fields []field) map[string]any {
	return map[string]any{"type": "array", "items": object(fields)}
}

// Schema returns the JSON Schema of the configuration, made from the table
// that [Parse] reads by.
func Schema(rules []*lint.Rule) []byte {
	schema := object(fileFields())
	byRule := map[string]any{}
	for _, r := range rules {
		s := object(ruleFields(r, &Settings{}))
		if len(r.Params) == 0 {
			delete(s["properties"].(map[string]any), "parameters")
		}
		s["description"] = r.Summary
		byRule[r.ID] = s
	}
	own := object(ruleFields(&lint.Rule{ID: "RULE"}, &Settings{}))
	own["properties"].(map[string]any)["parameters"] = map[string]any{"type": "object", "description": "the parameters of a rule of your own"}
	own["description"] = "a rule of your own"
	schema["properties"].(map[string]any)["rules"] = map[string]any{
		"type": "object", "description": "settings of single rules, by rule id", "additionalProperties": own, "properties": byRule,
	}
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "manilint configuration (" + Name + ")"
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // the table above holds plain maps and strings alone
	}
	return append(data, '\n')
}

// Select returns the rules that run: those of the profile, changed by what the
// configuration says of single rules, then by enable, disable and only, which
// name rules or groups. An unknown name is an error.
func (c *Config) Select(rules []*lint.Rule, profile lint.Profile, enable, disable, only []string) ([]Enabled, error) {
	if profile == "" {
		profile = c.Profile
	}
	if profile == "" {
		profile = lint.ProfileDefault
	}
	on := map[*lint.Rule]bool{}
	for _, r := range rules {
		on[r] = r.In(profile)
		if rc, ok := c.Rules[r.ID]; ok && rc.Enabled != nil {
			on[r] = *rc.Enabled
		}
	}
	set := func(names []string, value bool) error {
		for _, name := range names {
			matched := false
			for _, r := range rules {
				if r.ID == name || r.Group == name || slices.Contains(r.Aliases, name) {
					on[r], matched = value, true
				}
			}
			if !matched {
				known := ruleIDs(rules)
				for _, r := range rules {
					if !slices.Contains(known, r.Group) {
						known = append(known, r.Group)
					}
				}
				return fmt.Errorf("no rule or group is called %q%s", name, lint.Suggest(name, known))
			}
		}
		return nil
	}
	if len(only) > 0 {
		clear(on)
	}
	for _, step := range []struct {
		names []string
		value bool
	}{{only, true}, {enable, true}, {disable, false}} {
		if err := set(step.names, step.value); err != nil {
			return nil, err
		}
	}
	var selected []Enabled
	for _, r := range rules {
		if on[r] {
			rc := c.Rules[r.ID]
			selected = append(selected, Enabled{Rule: r, Severity: rc.Severity, Params: rc.Params, ExemptNamespaces: rc.ExemptNamespaces})
		}
	}
	return selected, nil
}

func severities() []string {
	var names []string
	for s := lint.Info; s <= lint.Critical; s++ {
		names = append(names, s.String())
	}
	return names
}

// IsDate reports whether a text is a day as the configuration writes it: 2027-03-31.
func IsDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

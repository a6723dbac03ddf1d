package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/manilint/manilint/internal/glob"
)

// ConfigName is the name of the configuration file.
const ConfigName = ".manilint.yaml"

// A Config is a configuration file, parsed. The zero Config changes nothing.
type Config struct {
	// Source is the file; nil for the zero Config.
	Source *Source
	// Profile is "" where the file names none.
	Profile Profile
	// Rules holds what the file says of single rules, by rule ID.
	Rules map[string]RuleConfig
	// Exclude are globs of paths, relative to the file's folder, that are not linted.
	Exclude []string
	// Ignore are findings that are not reported.
	Ignore []ConfigIgnore
	// Variants are further sets of values files for charts.
	Variants []Variant
	// KubeVersion is the Kubernetes version deployed to, "" for the newest known.
	KubeVersion string
	// KubeVersionSpan is where the file says so.
	KubeVersionSpan Span
	// PodPaths are where custom resources hold pods, besides those that manilint knows.
	PodPaths []PodPath
}

// A RuleConfig is what a configuration says of one rule.
type RuleConfig struct {
	Enabled          *bool
	Severity         *Severity
	Params           map[string]any // of the types of [Param.Default]
	ExemptNamespaces []string
}

// A Variant is a set of values files for a chart, relative to the
// configuration's folder. Chart is the chart's folder, "" for every chart.
type Variant struct {
	Chart  string
	Values []string
	// ChartSpan and ValueSpans are where the file says so.
	ChartSpan  Span
	ValueSpans []Span
}

// A ConfigIgnore is an entry of ignore: every field that is not empty must
// match. Path is a glob over the paths of a finding's places, relative to the
// configuration's folder. Until, as 2006-01-02, is the last day it holds.
type ConfigIgnore struct {
	Rules                                                 []string
	Path, Kind, Namespace, Name, Container, Reason, Until string
	Span                                                  Span
}

// field describes one key of the configuration: one table for the parser, its
// messages and the JSON Schema.
type field struct {
	name, summary string
	schema        map[string]any
	parse         func(p *configParser, n *Node)
}

type configParser struct {
	src    *Source
	rules  []*Rule
	config *Config
	errs   []*InputError
}

// ParseConfig reads a configuration file against the rules that exist. Unknown
// keys, rules and values are errors that name the line and the nearest known word.
func ParseConfig(src *Source, rules []*Rule) (*Config, []*InputError) {
	p := &configParser{src: src, rules: rules, config: &Config{Source: src, Rules: map[string]RuleConfig{}}}
	docs, errs := ParseYAML(src)
	p.errs = errs
	if len(docs) > 1 {
		p.errs = append(p.errs, &InputError{Span: NodeSpan(src, docs[1]), Message: "a configuration is one YAML document"})
	}
	if len(docs) > 0 {
		p.mapping(NewNode(docs[0]), configFields())
	}
	return p.config, p.errs
}

func (p *configParser) errorf(n *Node, format string, args ...any) {
	y := n.YAML()
	if n.Key() != nil && !n.IsScalar() {
		y = n.Key()
	}
	p.errs = append(p.errs, &InputError{Span: NodeSpan(p.src, y), Message: fmt.Sprintf(format, args...)})
}

// mapping parses n by a table of fields.
func (p *configParser) mapping(n *Node, fields []field) {
	if n.IsNull() {
		return
	}
	if !n.IsMapping() {
		p.errorf(n, "a mapping with the keys %s belongs here", names(fields))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.YAML().Content); i += 2 {
		if k := n.YAML().Content[i]; seen[k.Value] {
			p.errs = append(p.errs, &InputError{Span: NodeSpan(p.src, k), Message: fmt.Sprintf("key %q is written twice", k.Value)})
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
		p.errs = append(p.errs, &InputError{Span: NodeSpan(p.src, child.Key()), Message: fmt.Sprintf("unknown key %q%s", child.Name(), Suggest(child.Name(), known))})
	}
}

func names(fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	return strings.Join(all, ", ")
}

// Suggest returns `; did you mean "word"?` for the known word nearest to word,
// else the list of the known words.
func Suggest(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) > 12 {
		return ""
	}
	return "; known are " + strings.Join(known, ", ")
}

// Nearest returns the word of known that is most like word: at most a third of
// its letters differ, upper and lower case being alike. "" where none is near.
func Nearest(word string, known []string) string {
	if len(word) > longestWord {
		return ""
	}
	best, least := "", max(2, len(word)/3)+1
	word = strings.ToLower(word)
	for _, k := range known {
		if len(k)-len(word) >= least || len(word)-len(k) >= least {
			continue
		}
		if d := distance(word, strings.ToLower(k), least); d < least {
			best, least = k, d
		}
	}
	return best
}

// longestWord is the length in bytes of the longest word that is taken for a misspelt one.
const longestWord = 100

// distance is the Levenshtein distance, or limit where it is no less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least >= limit { // it only grows
			return limit
		}
	}
	return min(row[len(b)], limit)
}

func (p *configParser) text(n *Node) string {
	if !n.IsScalar() {
		p.errorf(n, "%s: a string belongs here", n.Name())
	}
	return n.Value()
}

func (p *configParser) texts(n *Node) []string {
	if !n.IsSequence() {
		p.errorf(n, "%s: a list of strings belongs here", n.Name())
		return nil
	}
	all := []string{}
	for _, item := range n.Items() {
		if !item.IsScalar() {
			p.errorf(item, "%s: a string belongs here", n.Name())
			continue
		}
		all = append(all, item.Value())
	}
	return all
}

// globIn reports a glob that is none.
func (p *configParser) globIn(n *Node, key string) {
	if !n.IsScalar() {
		return // reported
	}
	if _, err := CompileGlob(n.Value()); err != nil {
		p.errorf(n, "%s: %q is no glob: %v; write \\ in front of a character that stands for itself", key, n.Value(), err)
	}
}

// CompileGlob reads a glob as the configuration has it, which "./" may stand in front of and
// "/" behind.
func CompileGlob(pattern string) (*glob.Glob, error) {
	return glob.Compile(strings.TrimSuffix(strings.TrimPrefix(pattern, "./"), "/"))
}

// Excludes returns what tells whether a slash path, relative to the configuration's
// folder, or a folder above it is excluded; nil where nothing is.
func (c *Config) Excludes() func(path string) bool {
	var globs []*glob.Glob
	for _, pattern := range c.Exclude {
		if g, err := CompileGlob(pattern); err == nil { // ParseConfig reports the others
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

func (p *configParser) oneOf(n *Node, allowed []string) string {
	v := p.text(n)
	if n.IsScalar() && !slices.Contains(allowed, v) {
		p.errorf(n, "%s: unknown value %q%s", n.Name(), v, Suggest(v, allowed))
		return ""
	}
	return v
}

func (p *configParser) bool(n *Node) bool {
	v, ok := n.Bool()
	if !ok {
		p.errorf(n, "%s: true or false belongs here", n.Name())
	}
	return v
}

func (p *configParser) rule(n *Node, id string) *Rule {
	if r := FindRule(p.rules, id); r != nil {
		return r
	}
	y := n.YAML()
	if n.Key() != nil && n.Name() == id {
		y = n.Key()
	}
	p.errs = append(p.errs, &InputError{Span: NodeSpan(p.src, y), Message: fmt.Sprintf("unknown rule %q%s", id, Suggest(id, ruleIDs(p.rules)))})
	return nil
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

func ruleIDs(rules []*Rule) []string {
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

func configFields() []field {
	return []field{
		{"profile", "which rules run", enum("default", "baseline", "restricted", "all"), func(p *configParser, n *Node) {
			p.config.Profile = Profile(p.oneOf(n, []string{"default", "baseline", "restricted", "all"}))
		}},
		{"rules", "settings of single rules, by rule id", nil, (*configParser).ruleSettings},
		{"exclude", "globs of paths that are not linted, relative to this file; ** crosses folders", stringsSchema, func(p *configParser, n *Node) {
			p.config.Exclude = p.texts(n)
			for _, item := range n.Items() {
				p.globIn(item, "exclude")
			}
		}},
		{"ignore", "findings that are not reported; each entry says why", list(ignoreFields()), func(p *configParser, n *Node) {
			p.each(n, func(item *Node) {
				entry := ConfigIgnore{Span: NodeSpan(p.src, Anchor(item))}
				p.mapping(item, ignoreFields(&entry))
				if len(entry.Rules) == 0 && item.IsMapping() && !item.Get("rule").Exists() {
					p.errorf(item, "ignore: the entry names no rule; add rule: with a rule id")
				}
				p.config.Ignore = append(p.config.Ignore, entry)
			})
		}},
		{"helm", "how charts are rendered", object(helmFields()), func(p *configParser, n *Node) { p.mapping(n, helmFields()) }},
		{"kubeVersion", "the Kubernetes version deployed to, as 1.33", stringSchema, func(p *configParser, n *Node) {
			p.config.KubeVersion, p.config.KubeVersionSpan = p.text(n), NodeSpan(p.src, n.YAML())
		}},
		{"registries", "the image registries that are allowed: short for the parameter allowed of rule image-registry", stringsSchema, func(p *configParser, n *Node) {
			if p.rule(n, "image-registry") != nil {
				c := p.config.Rules["image-registry"]
				if c.Params == nil {
					c.Params = map[string]any{}
				}
				c.Params["allowed"] = p.texts(n)
				p.config.Rules["image-registry"] = c
			}
		}},
		{"podPaths", "where custom resources hold pods: group/Kind to dotted paths of what holds the pod's metadata and spec", map[string]any{"type": "object", "additionalProperties": stringsSchema}, func(p *configParser, n *Node) {
			for _, f := range n.Fields() {
				for _, path := range p.texts(f) {
					p.config.PodPaths = append(p.config.PodPaths, PodPath{Kind: f.Name(), Path: path})
				}
			}
		}},
	}
}

func (p *configParser) each(n *Node, f func(*Node)) {
	if !n.IsSequence() {
		p.errorf(n, "%s: a list belongs here", n.Name())
	}
	for _, item := range n.Items() {
		f(item)
	}
}

// ignoreFields parses into the first entry; without one the table serves the schema.
func ignoreFields(into ...*ConfigIgnore) []field {
	if len(into) == 0 {
		into = []*ConfigIgnore{{}}
	}
	e := into[0]
	text := func(name, summary string, at *string) field {
		return field{name, summary, stringSchema, func(p *configParser, n *Node) { *at = p.text(n) }}
	}
	pattern := func(name, summary string, at *string) field {
		return field{name, summary, stringSchema, func(p *configParser, n *Node) {
			*at = p.text(n)
			p.globIn(n, name)
		}}
	}
	return []field{
		{"rule", "a rule id, or a list of them", map[string]any{"anyOf": []any{stringSchema, stringsSchema}}, func(p *configParser, n *Node) {
			items := n.Items()
			if n.IsScalar() {
				items = []*Node{n}
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
		{"until", "the last day that the entry holds, as 2027-03-31", map[string]any{"type": "string", "format": "date"}, func(p *configParser, n *Node) {
			e.Until = p.text(n)
			if !isDate(e.Until) {
				p.errorf(n, "until: %q is no date; write it as 2027-03-31", e.Until)
			}
		}},
	}
}

func helmFields() []field {
	return []field{{"variants", "further sets of values files that every chart is rendered with", list(variantFields()), func(p *configParser, n *Node) {
		p.each(n, func(item *Node) {
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
		{"chart", "the chart's folder, relative to this file; every chart where it is absent", stringSchema, func(p *configParser, n *Node) { v.Chart, v.ChartSpan = p.text(n), NodeSpan(p.src, n.YAML()) }},
		{"values", "values files, relative to this file, later ones win", stringsSchema, func(p *configParser, n *Node) {
			v.Values = p.texts(n)
			for _, item := range n.Items() {
				v.ValueSpans = append(v.ValueSpans, NodeSpan(p.src, item.YAML()))
			}
		}},
	}
}

func (p *configParser) ruleSettings(n *Node) {
	if !n.IsMapping() {
		p.errorf(n, "rules: a mapping of rule ids belongs here")
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

func ruleFields(rule *Rule, c *RuleConfig) []field {
	return []field{
		{"enabled", "whether the rule runs, whatever the profile", map[string]any{"type": "boolean"}, func(p *configParser, n *Node) {
			v := p.bool(n)
			c.Enabled = &v
		}},
		{"severity", "the severity of all its findings", enum(severityNames...), func(p *configParser, n *Node) {
			if s, err := ParseSeverity(p.oneOf(n, severityNames)); err == nil {
				c.Severity = &s
			}
		}},
		{"exemptNamespaces", "namespaces that the rule leaves alone", stringsSchema, func(p *configParser, n *Node) { c.ExemptNamespaces = p.texts(n) }},
		{"parameters", "the rule's parameters: see manilint explain " + rule.ID, object(paramFields(rule, nil)), func(p *configParser, n *Node) {
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

func paramFields(rule *Rule, into map[string]any) []field {
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
		fields = append(fields, field{param.Name, param.Summary, schema, func(p *configParser, n *Node) {
			switch param.Default.(type) {
			case bool:
				into[param.Name] = p.bool(n)
			case int:
				v, ok := n.Int()
				if !ok {
					p.errorf(n, "%s: a whole number belongs here", n.Name())
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
						p.errorf(item, "%s: unknown value %q%s", n.Name(), item.Value(), Suggest(item.Value(), param.Allowed))
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

// ConfigSchema returns the JSON Schema of the configuration, made from the table
// that [ParseConfig] reads by.
func ConfigSchema(rules []*Rule) []byte {
	schema := object(configFields())
	byRule := map[string]any{}
	for _, r := range rules {
		s := object(ruleFields(r, &RuleConfig{}))
		if len(r.Params) == 0 {
			delete(s["properties"].(map[string]any), "parameters")
		}
		s["description"] = r.Summary
		byRule[r.ID] = s
	}
	schema["properties"].(map[string]any)["rules"] = map[string]any{
		"type": "object", "description": "settings of single rules, by rule id", "additionalProperties": false, "properties": byRule,
	}
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "manilint configuration (" + ConfigName + ")"
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // the table above holds plain maps and strings alone
	}
	return append(data, '\n')
}

// Select returns the rules that run: those of the profile, changed by what the
// configuration says of single rules, then by enable, disable and only, which
// name rules or groups. An unknown name is an error.
func (c *Config) Select(rules []*Rule, profile Profile, enable, disable, only []string) ([]Enabled, error) {
	if profile == "" {
		profile = c.Profile
	}
	if profile == "" {
		profile = ProfileDefault
	}
	on := map[*Rule]bool{}
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
				return fmt.Errorf("no rule or group is called %q%s", name, Suggest(name, known))
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

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

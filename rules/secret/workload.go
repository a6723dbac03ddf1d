package secret

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// EnvLiteralSecret reports environment variables whose literal value is a credential.
var EnvLiteralSecret = &lint.Rule{
	ID:         "env-literal-secret",
	Summary:    "environment variable holds a literal credential",
	Severity:   lint.High,
	Group:      "secret",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"CIS 5.4.1", "OWASP K03", "NSA C-0012"},
	Peers: map[string][]string{
		"kube-linter": {"env-var-secret"}, "polaris": {"sensitiveContainerEnvVar"}, "kubescape": {"C-0012"}, "checkov": {"CKV_SECRET_6"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		names := namesOf(pass.Bundle)
		for _, c := range suspectsOf(pass.Bundle).containers(inEnvironment) {
			for _, v := range variables(c.Node.Get("env")) {
				if names[v.value] && !isWeak(v.value) {
					continue
				}
				if found := search(v.node, v.name, v.value); len(found) > 0 {
					report(pass, v.node, found, fmt.Sprintf("%s has %%s in plain text in the environment variable %q%%s", c, v.name))
				}
			}
		}
	},
}

// A variable is an environment variable with a literal value.
type variable struct {
	name, value string
	node        *lint.Node
}

// variables reads env as Kubernetes has it, and as people write it who know it from
// Compose files, a mapping or a list of NAME=value: the API server refuses these, but
// the credentials are in the repository all the same.
func variables(env *lint.Node) (all []variable) {
	for _, n := range env.Fields() {
		all = append(all, variable{n.Name(), n.Value(), n})
	}
	for _, item := range env.Items() {
		if name, value, ok := strings.Cut(item.Value(), "="); ok {
			all = append(all, variable{name, value, item})
		}
		if value := item.Get("value"); value.Exists() {
			all = append(all, variable{item.Get("name").Value(), value.Value(), value})
			continue
		}
		for _, n := range item.Fields() { // - NAME: value
			if n.Name() != "name" {
				all = append(all, variable{n.Name(), n.Value(), n})
			}
		}
	}
	return all
}

// Where a container holds commands, and the probes that may send headers.
var (
	commands = [][]string{
		{"command"}, {"args"}, {"livenessProbe", "exec", "command"}, {"readinessProbe", "exec", "command"}, {"startupProbe", "exec", "command"},
		{"lifecycle", "postStart", "exec", "command"}, {"lifecycle", "preStop", "exec", "command"},
	}
	probes = []string{"livenessProbe", "readinessProbe", "startupProbe"}
)

// SecretInArgs reports credentials in what a container runs and in annotations:
// both are shown by kubectl to anyone who may read the object, and arguments by ps too.
var SecretInArgs = &lint.Rule{
	ID:         "secret-in-args",
	Summary:    "command, argument or annotation holds a literal credential",
	Severity:   lint.High,
	Group:      "secret",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"OWASP K03", "NSA C-0012"},
	Peers:      map[string][]string{"kubescape": {"C-0012"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		suspected := suspectsOf(pass.Bundle)
		for _, c := range suspected.containers(inBody) {
			for _, path := range commands {
				if !c.Node.Get(path[0]).Exists() {
					continue
				}
				where := strings.Join(path, ".")
				list := c.Node.Get(path...)
				items := list.Items()
				if list.IsScalar() { // one text where a list belongs
					items = []*lint.Node{list}
				}
				if len(items) > 0 {
					inWords(pass, items, fmt.Sprintf("%s has %%s in plain text in %s%%s", c, where))
				}
			}
			for _, hook := range probes {
				for _, h := range c.Node.Get(hook, "httpGet", "httpHeaders").Items() {
					inHTTPHeader(pass, c, hook, h)
				}
			}
		}
		for _, s := range suspected.in(inNotes) {
			r := s.resource
			inAnnotations(pass, r.Get("metadata", "annotations"), r.String())
			for _, p := range r.PodSpecs() {
				if p.Metadata.Parent() != nil && p.Metadata.Parent().Parent() != nil { // not the object's own, of a Pod
					inAnnotations(pass, p.Metadata.Get("annotations"), "the pod of "+r.String())
				}
			}
		}
	},
}

// inWords looks at a command as a shell would join it: an option and its value may
// be one word or two.
func inWords(pass *lint.Pass, items []*lint.Node, format string) {
	program := ""
	for i, item := range items {
		text := item.Value()
		if text == "" {
			continue
		}
		var found leaks
		if isWorth("", text) {
			found.add(inContent("", text)...)
			found.add(inScript(text)...)
		}
		if i > 0 && len(found.all) == 0 {
			before := strings.TrimSpace(items[i-1].Value())
			if flag := strings.TrimLeft(before, "-"); strings.HasPrefix(before, "-") && !strings.ContainsAny(flag, "= \t\n") && !strings.HasPrefix(text, "-") && nameHint(flag) != noHint && isLiteral(text) {
				if l := inNamed(flag, text); l != nil {
					l.field = before
					found.add(*l)
				}
			}
		}
		if len(found.all) == 0 && program != "" && !strings.ContainsAny(strings.TrimSpace(text), "\n") {
			// mysql -p, redis-cli -a, curl -u: the program is an earlier word
			line := program + " x " + text
			if i > 0 && strings.HasPrefix(items[i-1].Value(), "-") {
				line = program + " x " + items[i-1].Value() + " " + text
			}
			if hasOption(line) {
				for _, l := range inClient(line) {
					if strings.Contains(text, l.text) {
						found.add(l)
					}
				}
			}
		}
		if base := text[strings.LastIndexByte(text, '/')+1:]; !strings.HasPrefix(text, "-") && !strings.ContainsAny(text, " \n") && i == 0 {
			program = base
		}
		if len(found.all) > 0 && !isGenerated(item) {
			report(pass, item, found.all, format)
		}
	}
}

func inHTTPHeader(pass *lint.Pass, c *lint.Container, hook string, h *lint.Node) {
	name, value := h.Get("name").Value(), h.Get("value")
	if value.Value() == "" {
		return
	}
	leaks := inHeader(newText(name + ": " + value.Value()))
	for i := range leaks {
		leaks[i].what = "credentials" // the message names the header
	}
	if len(leaks) == 0 {
		leaks = inText(name, value.Value())
	}
	if len(leaks) == 0 || !isGiven(value.Value()) || isGenerated(value) {
		return
	}
	report(pass, value, leaks, fmt.Sprintf("%s has %%s in plain text in the header %q of its %s%%s", c, name, hook))
}

// lastApplied is where kubectl apply keeps the object as it was applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func inAnnotations(pass *lint.Pass, annotations *lint.Node, owner string) {
	for _, n := range annotations.Fields() {
		text := n.Value()
		var leaks []leak
		if n.Name() == lastApplied && !isGenerated(n) {
			leaks = inApplied(text)
		}
		if len(leaks) == 0 {
			leaks = search(n, annotationName(n.Name()), text)
		}
		if len(leaks) > 0 {
			report(pass, n, leaks, fmt.Sprintf("%s has %%s in plain text in the annotation %q%%s", owner, n.Name()))
		}
	}
}

// inApplied judges the object that the annotation of kubectl apply holds: of a Secret
// its data, decoded.
func inApplied(text string) (leaks []leak) {
	docs, _ := lint.ParseYAML(lint.NewSource("", []byte(text)))
	for _, doc := range docs {
		for _, r := range lint.NewResources(doc, nil) {
			if !r.Is("", "Secret") {
				continue
			}
			for _, field := range []string{"data", "stringData"} {
				for _, n := range r.Get(field).Fields() {
					value := n.Value()
					if field == "data" {
						value = decodeData(value)
					}
					for _, l := range inSecret(r.Get("type").Value(), r.Name, n.Name(), value) {
						l.field, l.line = n.Name(), 0
						leaks = append(leaks, l, leak{text: n.Value(), field: n.Name()}) // mask it as it is written too
					}
				}
			}
		}
	}
	return leaks
}

// isGenerated reports whether a value is made anew by each rendering.
func isGenerated(n *lint.Node) bool { return n.Locate().Origin == lint.FromGenerated }

type objectNames map[string]bool

// namesOf returns the names of the bundle's objects: a variable that holds one is a reference.
func namesOf(b *lint.Bundle) objectNames {
	return lint.Shared(b, func(b *lint.Bundle) objectNames {
		names := objectNames{}
		for _, r := range b.Resources {
			names[r.Name] = true
		}
		return names
	})
}

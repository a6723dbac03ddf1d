package helm

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

// podHead is what the templates below begin with; their own lines start with the tenth.
const podHead = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
`

// oneContainer is a container to which most templates below add something, from line 13.
const oneContainer = `      containers:
      - name: a
        image: a:1
`

// placeIn renders a pod and writes the place of the node at a path of its spec.
func placeIn(t *testing.T, path string, files ...string) string {
	t.Helper()
	dir := chartOf(t, files...)
	b := loadOne(t, dir, Options{})
	for _, e := range b.Errors {
		t.Error(e)
	}
	n := find(t, b, "Deployment", "web").Get("spec", "template", "spec")
	for _, field := range strings.Split(path, ".") {
		if i, err := strconv.Atoi(field); err == nil {
			n = n.Items()[i]
		} else {
			n = n.Get(field)
		}
	}
	at := func(s lint.Span) string {
		_, from, _ := strings.Cut(s.Path(), "/shop/")
		return fmt.Sprintf("%s:%d", from, s.Start.Line)
	}
	place := n.Locate()
	got := at(place.Span) + " " + place.Span.Text()
	for _, r := range place.Related {
		got += "; " + at(r.Span) + " " + r.Message
	}
	return got
}

// A field that is missing is at the values key, or the block, that would add it to
// this very mapping, else at the mapping.
func TestMissingFieldsStandWhereTheyWouldBeAdded(t *testing.T) {
	const (
		escalation = "containers.0.securityContext.allowPrivilegeEscalation"
		memory     = "containers.0.resources.limits.memory"
	)
	for _, c := range []struct {
		name, body, values, helpers string
		path, want                  string
	}{
		{"another item of the list", podHead + oneContainer + `      {{- if .Values.tls.enabled }}
      - name: proxy
        image: p:1
        securityContext: {allowPrivilegeEscalation: false}
      {{- end }}
`, "tls: {enabled: false}\n", "",
			escalation, `templates/d.yaml:11 a`},
		{"items of a range", podHead + oneContainer + `      {{- range .Values.sidecars }}
      - name: {{ .name }}
        securityContext: {allowPrivilegeEscalation: false}
      {{- end }}
`, "sidecars: []\n", "",
			escalation, `templates/d.yaml:11 a`},
		{"items of an include", podHead + oneContainer + `      {{- if .Values.agent }}
      {{- include "agent" . | nindent 6 }}
        securityContext: {allowPrivilegeEscalation: false}
      {{- end }}
`, "agent: false\n", `{{ define "agent" }}- name: agent{{ end }}`,
			escalation, `templates/d.yaml:11 a`},
		{"a field of an item that the same value adds", podHead + oneContainer + `      {{- if .Values.agent }}
      - name: agent
      {{- end }}
      {{- if .Values.agent }}
        securityContext: {allowPrivilegeEscalation: false}
      {{- end }}
`, "agent: false\n", "",
			escalation, `templates/d.yaml:11 a`},
		{"another mount", podHead + oneContainer + `        volumeMounts:
        - name: x
          mountPath: /x
        {{- if .Values.tls }}
        - name: tls
          readOnly: true
        {{- end }}
`, "tls: false\n", "",
			"containers.0.volumeMounts.0.readOnly", `templates/d.yaml:14 x`},
		{"the mapping around the list", podHead + oneContainer + `      {{- if .Values.tls }}
      - name: tls
      automountServiceAccountToken: false
      {{- end }}
`, "tls: false\n", "",
			"automountServiceAccountToken", `values.yaml:1 tls; templates/d.yaml:13 rendered here when tls is true`},
		{"another document", podHead + oneContainer + `{{- if .Values.more }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
spec:
{{- end }}
`, "more: false\n", "",
			"automountServiceAccountToken", `templates/d.yaml:9 spec`},
		{"flow style", podHead + `      containers: [{name: a{{ if .Values.m }},
        resources: {limits: {memory: 1Gi}}{{ end }}}]
`, "m: false\n", "",
			memory, `templates/d.yaml:10 a`},
		{"fields of the mapping", podHead + oneContainer + `        {{- if .Values.sc.enabled }}
        env:
        - name: x
        securityContext:
          allowPrivilegeEscalation: false
        {{- end }}
        args: [x]
`, "sc:\n  enabled: false\n", "",
			escalation, `values.yaml:2 enabled; templates/d.yaml:13 rendered here when sc.enabled is true`},
		{"a block without the field", podHead + oneContainer + `        {{- if .Values.sc.enabled }}
        securityContext:
          runAsUser: {{ .Values.sc.user }}
        {{- end }}
`, "sc: {enabled: false, user: 1}\n", "",
			escalation, `templates/d.yaml:11 a`},
		{"a block that values fill", podHead + oneContainer + `        {{- if .Values.sc.enabled }}
        securityContext: {{- toYaml .Values.sc.all | nindent 10 }}
        {{- end }}
`, "sc: {enabled: false}\n", "",
			escalation, `values.yaml:1 enabled; templates/d.yaml:13 rendered here when sc.enabled is true`},
		{"before the first field", podHead + `      containers:
      - name: a
        securityContext:
          # as the cluster wants it
          {{- if .Values.strict }}
          allowPrivilegeEscalation: false
          {{- end }}
          # always
          runAsUser: 1
`, "strict: false\n", "",
			escalation, `values.yaml:1 strict; templates/d.yaml:14 rendered here when strict is true`},
		{"nothing but a condition", podHead + oneContainer + `        securityContext:
          {{- if .Values.strict }}
          allowPrivilegeEscalation: false
          {{- end }}
        args: [x]
`, "strict: false\n", "",
			escalation, `values.yaml:1 strict; templates/d.yaml:14 rendered here when strict is true`},
		{"behind comments and blank lines", podHead + oneContainer + `        # the agent

      # of the pod
      {{- if .Values.a }}
      # here
      - name: b
        securityContext: {allowPrivilegeEscalation: false}
      {{- end }}
        {{ if .Values.b }}
        resources: {limits: {memory: 1Gi}}
        {{ end }}
`, "a: false\nb: false\n", "",
			memory, `values.yaml:2 b; templates/d.yaml:21 rendered here when b is true`},
		{"inside an include that moves it", podHead + `      containers:
      - name: a
        {{- include "common" . | nindent 8 }}
      - name: b
`, "secure: false\n", `
{{- define "common" -}}
image: a:1
{{- if .Values.secure }}
securityContext: {allowPrivilegeEscalation: false}
{{- end }}
{{- end -}}
`,
			escalation, `values.yaml:1 secure; templates/_h.tpl:4 rendered here when secure is true`},
		{"behind an include", podHead + `      containers:
        {{- include "containers" . | nindent 8 }}
      {{- if .Values.b }}
      - securityContext: {allowPrivilegeEscalation: false}
      {{- end }}
`, "a: false\nb: false\n", `
{{- define "containers" -}}
- name: a
{{- if .Values.a }}
- name: b
  securityContext: {allowPrivilegeEscalation: false}
{{- end }}
{{- end -}}
`,
			escalation, `templates/_h.tpl:3 a; templates/d.yaml:11 included here`},
		{"nested conditions", podHead + oneContainer + `        {{- if .Values.a }}
        {{- if .Values.b }}
        resources: {limits: {memory: 1Gi}}
        {{- end }}
        {{- end }}
`, "a: true\nb: false\n", "",
			memory, `values.yaml:2 b; templates/d.yaml:14 rendered here when b is true; values.yaml:1 rendered because a is true`},
		{"another branch", podHead + oneContainer + `      {{- if .Values.a }}
      - name: b
      {{- else if .Values.b }}
      - name: c
        resources: {limits: {memory: 1Gi}}
      {{- end }}
`, "a: false\nb: false\n", "",
			memory, `templates/d.yaml:11 a`},
		{"text of a block scalar", podHead + oneContainer + `        args:
        - |
          x
        {{- if .Values.a }}
          resources: {limits: {memory: 1Gi}}
        {{- end }}
`, "a: false\n", "",
			memory, `templates/d.yaml:11 a`},
		{"the other way round", podHead + oneContainer + `        {{- if not .Values.plain }}
        resources: {limits: {memory: 1Gi}}
        {{- end }}
`, "plain: true\n", "",
			memory, `values.yaml:1 plain; templates/d.yaml:13 rendered here when plain is false`},
		{"a comparison", podHead + oneContainer + `        {{- if and .Values.on.all (eq .Values.mode "safe") }}
        resources: {limits: {memory: 1Gi}}
        {{- end }}
`, "\"on\": {all: false}\nmode: fast\n", "",
			memory, `values.yaml:1 all; templates/d.yaml:13 rendered here when on.all is true and mode is "safe"`},
		{"what holds already", podHead + oneContainer + `        {{- if and .Values.a .Values.b }}
        resources: {limits: {memory: 1Gi}}
        {{- end }}
`, "a: true\nb: \"\"\n", "",
			memory, `values.yaml:2 b; templates/d.yaml:13 rendered here when b is set`},
		{"a condition that is not followed", podHead + oneContainer + `        {{- if gt (int .Values.size) 3 }}
        resources: {limits: {memory: 1Gi}}
        {{- end }}
`, "size: 1\n", "",
			memory, `templates/d.yaml:13 {{- if gt (int .Values.size) 3 }}; values.yaml:1 rendered depending on size`},
		{"a variable", podHead + oneContainer + `        {{- $sc := .Values.own | default .Values.shared }}
        {{- with $sc }}
        securityContext: {{- toYaml . | nindent 10 }}
        {{- end }}
`, "own: {}\nshared: {}\n", "",
			escalation, `values.yaml:2 shared; templates/d.yaml:14 rendered here when shared is set`},
		{"a name that a helper chooses", podHead + `      containers:
      {{- if .Values.a }}
      - name: {{ include "name" . }}
      {{- end }}
`, "a: true\nover: \"\"\n", `{{ define "name" }}{{ if .Values.over }}{{ .Values.over }}{{ else }}a{{ end }}{{ end }}`,
			escalation, `templates/d.yaml:12 {{ include "name" . }}; values.yaml:1 rendered because a is true; templates/_h.tpl:1 written here`},
	} {
		for _, eol := range []string{"\n", "\r\n"} {
			text := func(s string) string { return strings.ReplaceAll(s, "\n", eol) }
			got := placeIn(t, c.path, "templates/d.yaml", text(c.body), "values.yaml", text(c.values), "templates/_h.tpl", c.helpers)
			if got != c.want {
				t.Errorf("%s, lines end in %q: %s\nwant %s", c.name, eol, got, c.want)
			}
		}
	}
}

// What is said of a value is true of it.
func TestGuardsSayWhatIsTrue(t *testing.T) {
	for _, c := range []struct{ condition, values, want string }{
		{".Values.a", "a: x", "because a is set"},
		{".Values.a", "a: true", "because a is true"},
		{".Values.a", "a: 3", "because a is set"},
		{"not .Values.a", "a: \"\"", "because a is empty"},
		{"not .Values.a", "a:", "because a is not set"},
		{"not .Values.a", "a: false", "because a is false"},
		{"not .Values.a", "a: 0", "because a is 0"},
		{".Values.a | empty", "a: {}", "because a is empty"},
		{"not (empty .Values.a)", "a: [x]", "because a is set"},
		{"eq .Values.a \"internal\"", "a: internal", "because a is \"internal\""},
		{"eq 3.0 (.Values.a).b", "a: {b: 3}", "depending on a"},
		{"eq \"3\" .Values.a", "a: '3'", "because a is 3"},
		{"ne .Values.a \"internal\"", "a: external", "because a is not \"internal\""},
		{"not (eq .Values.a \"internal\")", "a: external", "because a is not \"internal\""},
		{"eq .Values.a \"two words and more\"", "a: two words and more", "depending on a"},
		{"eq .Values.a.password \"x\"", "a: {password: x}", "depending on a.password"},
		{"ne .Values.token \"x\"", "token: z", "depending on token"},
		{"eq .Values.a \"x\" \"z\"", "a: z", "depending on a"},
		{"and (not .Values.a) .Values.b", "a: false\nb: true", "because a is false"},
		{"and (kindIs \"string\" .Values.a) .Values.b", "a: x\nb: true", "because b is true"},
		{"or .Values.a .Values.b", "a: false\nb: true", "because b is true"},
		{"or (not .Values.a) .Values.b", "a: false\nb: true", "depending on a"},
		{"default .Values.b .Values.a", "a: \"\"\nb: x", "because b is set"},
		{"gt (len .Values.a) 1", "a: [x, x]", "depending on a"},
		{"hasKey .Values.a \"b\"", "a: {b: false}", "depending on a"},
		{"$v", "a: false", "depending on a"},
		{".Values.a }}{{ else if .Values.b", "a: 0\nb: true", "because b is true; a is 0"},
	} {
		body := podHead + oneContainer + "{{ $v := not .Values.a }}\n      {{- if " + c.condition + " }}\n      hostPID: true\n      {{- end }}\n"
		got := placeIn(t, "hostPID", "templates/d.yaml", body, "values.yaml", c.values+"\n")
		var said []string
		for _, part := range strings.Split(got, "; ")[1:] {
			_, message, _ := strings.Cut(part, " rendered ")
			if len(said) > 0 {
				message = strings.TrimPrefix(message, "because ")
			}
			said = append(said, message)
		}
		if strings.Join(said, "; ") != c.want {
			t.Errorf("%s with %q: %s\nwant %s", c.condition, c.values, got, c.want)
		}
	}
}

// A value that is there, but nothing, is where the author writes what is missing.
func TestEmptyValuesArePlaces(t *testing.T) {
	for values, want := range map[string]string{
		"resources:\n  limits:\n":           "values.yaml:2 limits",
		"resources: {limits: null, a: 1}\n": "values.yaml:1 limits",
		"resources:\n  limits: {}\n":        "values.yaml:2 limits",
		"resources:\n":                      "values.yaml:1 resources",
		"resources: {}\n":                   "values.yaml:1 resources",
	} {
		body := podHead + oneContainer + "        resources:\n          {{- toYaml .Values.resources | nindent 10 }}\n"
		got := placeIn(t, "containers.0.resources.limits.memory", "templates/d.yaml", body, "values.yaml", values)
		if want += "; templates/d.yaml:14 rendered by this template"; got != want {
			t.Errorf("%q: %s\nwant %s", values, got, want)
		}
	}
}

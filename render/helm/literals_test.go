package helm

import (
	"testing"
)

// A literal that a template puts into a mapping is where the template has it, or at
// the action that prints the mapping; what is next to it stays where the values have it.
func TestLiteralsInMappings(t *testing.T) {
	const values = "sc:\n  privileged: false\n  runAsUser: 1000\n  capabilities: {drop: [ALL]}\ncaps: [CHOWN]\n"
	const print = "        securityContext: {{- toYaml $sc | nindent 10 }}\n"
	const privileged, user = "containers.0.securityContext.privileged", "containers.0.securityContext.runAsUser"
	const own = "values.yaml:3 1000; templates/d.yaml:14 rendered by this template"
	for _, c := range []struct{ name, before, print, path, want string }{
		{"merge", `{{- $sc := merge (dict "privileged" true) .Values.sc }}`, print, privileged, `templates/d.yaml:13 {{- $sc := merge (dict "privileged" true) .Values.sc }}; templates/d.yaml:14 included here`},
		{"merge, beside it", `{{- $sc := merge (dict "privileged" true) .Values.sc }}`, print, user, own},
		{"mergeOverwrite into the values", `{{- $sc := mergeOverwrite .Values.sc (dict "privileged" true) }}`, print, privileged, `templates/d.yaml:13 {{- $sc := mergeOverwrite .Values.sc (dict "privileged" true) }}; templates/d.yaml:14 included here`},
		{"mergeOverwrite into the values, beside it", `{{- $sc := mergeOverwrite .Values.sc (dict "privileged" true) }}`, print, user, own},
		{"a computed part", `{{- $sc := mustMergeOverwrite (deepCopy .Values.sc) (dict "privileged" (eq 1 1)) }}`, print, privileged, `templates/d.yaml:14 {{- toYaml $sc | nindent 10 }}; values.yaml:2 may come from sc`},
		{"set", `{{- $sc := deepCopy .Values.sc }}{{- $_ := set $sc "privileged" true }}`, print, privileged, `templates/d.yaml:13 {{- $_ := set $sc "privileged" true }}; templates/d.yaml:14 included here`},
		{"set, computed", `{{- $sc := deepCopy .Values.sc }}{{- $_ := set $sc "privileged" (ternary true false true) }}`, print, privileged, `templates/d.yaml:14 {{- toYaml $sc | nindent 10 }}; values.yaml:2 may come from sc`},
		{"set, beside it", `{{- $sc := deepCopy .Values.sc }}{{- $_ := set $sc "privileged" true }}`, print, user, own},
		{"a list", `{{- $sc := set (deepCopy .Values.sc) "capabilities" (dict "add" (list "SYS_ADMIN")) }}`, print, "containers.0.securityContext.capabilities.add.0", `templates/d.yaml:13 {{- $sc := set (deepCopy .Values.sc) "capabilities" (dict "add" (list "SYS_ADMIN")) }}; templates/d.yaml:14 included here`},
		{"append", `{{- $sc := dict "capabilities" (dict "add" (append .Values.caps "SYS_ADMIN")) }}`, print, "containers.0.securityContext.capabilities.add.1", `templates/d.yaml:13 {{- $sc := dict "capabilities" (dict "add" (append .Values.caps "SYS_ADMIN")) }}; templates/d.yaml:14 included here`},
		{"append, beside it", `{{- $sc := dict "capabilities" (dict "add" (append .Values.caps "SYS_ADMIN")) }}`, print, "containers.0.securityContext.capabilities.add.0", `values.yaml:5 CHOWN; templates/d.yaml:14 rendered by this template`},
		{"through tpl and JSON", `{{- $sc := merge (dict "privileged" true) .Values.sc }}`, "        securityContext: {{ tpl (toJson $sc) . }}\n", privileged, `templates/d.yaml:13 {{- $sc := merge (dict "privileged" true) .Values.sc }}; templates/d.yaml:14 included here`},
		{"a range", `{{- $sc := mergeOverwrite (dict) .Values.sc (dict "privileged" true) }}`, "        securityContext:\n          {{- range $k, $v := $sc }}\n          {{ $k }}: {{ toJson $v }}\n          {{- end }}\n", privileged, `templates/d.yaml:13 {{- $sc := mergeOverwrite (dict) .Values.sc (dict "privileged" true) }}; templates/d.yaml:16 included here`},
		{"a helper", ``, "        securityContext: {{- include \"sc\" . | nindent 10 }}\n", privileged, `templates/_h.tpl:1 {{ $sc := dict "privileged" true }}; templates/_h.tpl:1 included here; templates/d.yaml:14 included here`},
	} {
		body := podHead + oneContainer + c.before + "\n" + c.print
		got := placeIn(t, c.path, "templates/d.yaml", body, "values.yaml", values, "templates/_h.tpl", `{{ define "sc" }}{{ $sc := dict "privileged" true }}{{ toYaml (merge $sc .Values.sc) }}{{ end }}`)
		if got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

// A global that a subchart reads is called as the author of the parent writes it.
func TestGlobalsAreCalledAsTheyAreWritten(t *testing.T) {
	dir := chartOf(t, "values.yaml", "global: {host: a.example}\napi: {port: 1}\n",
		"charts/api/Chart.yaml", "apiVersion: v2\nname: api\nversion: 1.0.0\n", "charts/api/values.yaml", "global: {host: none, own: b}\nport: 2\n",
		"charts/api/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: api\ndata:\n  host: {{ .Values.global.host }}\n  own: {{ .Values.global.own }}\n  port: {{ .Values.port }}\n")
	data := find(t, loadOne(t, dir, Options{}), "ConfigMap", "api").Get("data")
	for key, want := range map[string]string{"host": "global.host is set here", "own": "api.global.own is set here", "port": "api.port is set here"} {
		if related := data.Get(key).Locate().Related; len(related) != 1 || related[0].Message != want {
			t.Errorf("%s: %v, want %s", key, related, want)
		}
	}
}

// A value that a flag sets has no place, and decides as any other.
func TestFlagsDecide(t *testing.T) {
	dir := chartOf(t, "values.yaml", "mode: foo\nlist: [a]\n", "templates/a.yaml", "{{- if eq .Values.mode \"bar\" }}\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  mode: {{ .Values.mode }}\n{{- with .Values.list }}\n  more: \"1\"\n{{- end }}\n{{- end }}\n")
	file := dir + "/mode.txt"
	write(t, file, "bar")
	for _, c := range []struct {
		o              Options
		guard, related string
	}{
		{Options{Set: []string{"mode=bar"}}, `rendered because mode is "bar", set by --set mode`, "mode is set by --set mode"},
		{Options{SetString: []string{"x=1,mode=bar"}}, `rendered because mode is "bar", set by --set-string x`, "mode is set by --set-string x"},
		{Options{SetFile: []string{"mode=" + file}}, `rendered because mode is "bar", set by --set-file mode`, "mode is set by --set-file mode"},
		{Options{Set: []string{"mode=bar", "list={}"}}, `rendered because mode is "bar", set by --set mode`, "mode is set by --set mode"},
		{Options{Set: []string{"mode=bar", "list=null"}}, `rendered because mode is "bar", set by --set mode`, "mode is set by --set mode"},
	} {
		b := loadOne(t, dir, c.o)
		config := find(t, b, "ConfigMap", "a")
		var guard, related string
		for _, r := range append(config.Get("kind").Locate().Related, config.Get("data", "mode").Locate().Related...) {
			if r.Span.IsValid() && len(c.o.SetFile) == 0 {
				t.Errorf("%v: %s stands at %s", c.o, r.Message, r.Span.Start)
			}
			if r.Role == "guard" {
				guard = r.Message
			} else {
				related = r.Message
			}
		}
		if guard != c.guard || related != c.related {
			t.Errorf("guard %q, related %q, want %q and %q", guard, related, c.guard, c.related)
		}
	}
	b := loadOne(t, dir, Options{Set: []string{"mode=baz"}})
	if len(b.LeftOut) != 1 || b.LeftOut[0].Wish != `mode is "bar"` {
		t.Errorf("left out: %+v", b.LeftOut)
	}
}

package helm

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatAChartLeavesOut(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Chart.yaml":                   "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: db, version: 1.0.0}]\n",
		"values.yaml":                  "policy:\n  enabled: false\n  kind: cilium\nbackup: true\nrules: []\ndb: {}\n",
		"templates/alone.yaml":         "{{- if .Values.policy.enabled }}\nkind: NetworkPolicy\n---\nkind: \"NetworkPolicy\"\n{{- end }}\n",
		"templates/mixed.yaml":         "{{- if .Values.policy.enabled }}\nkind: NetworkPolicy\n---\nkind: Deployment\n{{- end }}\n",
		"templates/and.yaml":           "{{- if and .Values.backup .Values.policy.enabled }}\nkind: Role\n{{- end }}\n",
		"templates/eq.yaml":            "{{- if eq .Values.policy.kind \"kubernetes\" }}\nkind: Secret\n{{- end }}\n",
		"templates/both.yaml":          "{{- if and .Values.policy.enabled (eq .Values.policy.kind \"calico\") }}\nkind: Ingress\n{{- end }}\n",
		"templates/not.yaml":           "{{- if not .Values.backup }}\nkind: Tier\n{{- end }}\n",
		"templates/range.yaml":         "{{- range .Values.rules }}\nkind: Service\n{{- end }}\n",
		"templates/nested.yaml":        "{{- if .Values.policy.enabled }}{{- if .Values.backup }}\nkind: Job\n{{- end }}{{- end }}\n",
		"templates/missing.yaml":       "{{- if .Values.policy.audit }}\nkind: Pod\n{{- end }}\n",
		"templates/version.yaml":       "{{- if .Capabilities.APIVersions.Has \"none/v1\" }}\nkind: Route\n{{- end }}\n",
		"templates/written.yaml":       "{{- if .Values.backup }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n{{- end }}\n",
		"templates/field.yaml":         "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  {{- if .Values.policy.enabled }}\n  kind: Ingress\n  {{- end }}\n",
		"charts/db/Chart.yaml":         "apiVersion: v2\nname: db\nversion: 1.0.0\n",
		"charts/db/values.yaml":        "policy: false\n",
		"charts/db/templates/all.yaml": "{{- if .Values.policy }}\nkind: CronJob\n{{- end }}\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	var got []string
	for _, left := range loadOne(t, dir, Options{}).LeftOut {
		value := "nowhere"
		if left.Value.IsValid() {
			_, from, _ := strings.Cut(left.Value.Path(), filepath.Base(dir)+"/")
			value = fmt.Sprintf("%s:%d", from, left.Value.Start.Line)
		}
		alone := ""
		if left.Alone {
			alone = " alone"
		}
		got = append(got, fmt.Sprintf("%s%s if %s at %s, %s:%d", left.Kind, alone, left.Wish, value, filepath.Base(left.Template.Path()), left.Template.Start.Line))
	}
	want := []string{
		"NetworkPolicy alone if policy.enabled is true at values.yaml:2, alone.yaml:1",
		"Role alone if policy.enabled is true at values.yaml:2, and.yaml:1",
		"Secret alone if policy.kind is \"kubernetes\" at values.yaml:3, eq.yaml:1",
		"Ingress alone if policy.enabled is true and policy.kind is \"calico\" at values.yaml:2, both.yaml:1",
		"Tier alone if backup is false at values.yaml:4, not.yaml:1",
		"Pod alone if policy.audit is set at values.yaml:1, missing.yaml:1",
		"NetworkPolicy if policy.enabled is true at values.yaml:2, mixed.yaml:1",
		"Deployment if policy.enabled is true at values.yaml:2, mixed.yaml:1",
		"Job alone if policy.enabled is true at values.yaml:2, nested.yaml:1",
		"Service alone if rules is set at values.yaml:5, range.yaml:1",
		"Route alone if  at nowhere, version.yaml:1",
		"CronJob alone if db.policy is true at charts/db/values.yaml:1, all.yaml:1",
	}
	missing, extra := map[string]bool{}, []string{}
	for _, w := range want {
		missing[w] = true
	}
	for _, g := range got {
		if !missing[g] {
			extra = append(extra, g)
		}
		delete(missing, g)
	}
	if len(missing) > 0 || len(extra) > 0 {
		t.Errorf("missing %v\nextra\n%s", missing, strings.Join(extra, "\n"))
	}
}

package kustomize

import (
	"path/filepath"
	"strings"
	"testing"
)

// Each text of kustomize's that is known here is what this release says, and what is
// at fault is found and taken out.
func TestKustomizeSaysSo(t *testing.T) {
	provoked := map[string]struct {
		fields string
		files  map[string]string
		want   string
	}{
		"an entry on the way":     {"resources: [web.yaml, values.yaml]\n", map[string]string{"o/values.yaml": "a: 1\n"}, "o/kustomization.yaml:1:23: "},
		"twice":                   {"resources: [web.yaml, again.yaml]\n", map[string]string{"o/again.yaml": web}, "o/kustomization.yaml:1:23: Deployment.v1.apps/web.[noNs] is defined twice"},
		"a program":               {"resources: [web.yaml]\ngenerators: [g.yaml]\n", map[string]string{"o/g.yaml": "apiVersion: builtin\nkind: Mine\nmetadata: {name: m}\n"}, "o/kustomization.yaml:2:14: Mine.builtin.[noGrp] is not a builtin of kustomize"},
		"a generator of nothing":  {"resources: [web.yaml]\nconfigMapGenerator: [{name: gone, behavior: merge, literals: [a=b]}]\n", nil, "o/kustomization.yaml:2:22: there is no ConfigMap \"gone\""},
		"a variable of nothing":   {"resources: [web.yaml]\nvars: [{name: A, objref: {apiVersion: v1, kind: Pod, name: gone}}]\n", nil, "o/kustomization.yaml:2:8: the variable \"A\" names a field that no object has"},
		"a variable twice":        {"resources: [web.yaml]\nvars:\n- &a {name: A, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}\n- {name: A, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}\n", nil, "o/kustomization.yaml:4:3: the variable \"A\" is defined twice"},
		"an order":                {"resources: [web.yaml]\nsortOptions: {order: foo}\n", nil, "o/kustomization.yaml:2:14: kustomize does not support this order; write one of fifo, legacy"},
		"a patch of nothing":      {"resources: [web.yaml]\npatches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: gone}}'}]\n", nil, "o/kustomization.yaml:2:19: no resource matches"},
		"a patch that is neither": {"resources: [web.yaml]\npatches: [{target: {name: web}, patch: '[{op: replace, path: /spec/replicas, value: 7}]'}]\n", nil, "o/kustomization.yaml:2:40: unable to parse SM or JSON patch"},
	}
	for _, s := range sayings {
		t.Run(s.name, func(t *testing.T) {
			if s.release != release() || !s.pattern().MatchString(s.example) {
				t.Errorf("the example is one of %s, or does not match: %s", s.release, s.example)
			}
			c, ok := provoked[s.name]
			if !ok {
				t.Fatal("nothing makes kustomize say that")
			}
			files := map[string]string{"o/web.yaml": web, "o/kustomization.yaml": c.fields}
			for path, text := range c.files {
				files[path] = text
			}
			root := write(t, files)
			if _, err := plain(filepath.Join(root, "o"), "", nil); err == nil || !s.pattern().MatchString(err.Error()) {
				t.Errorf("kustomize says %v", err)
			}
			b := open(root, "o").Bundles[0]
			if got := errorsOf(root, b); !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") || !strings.Contains(got, s.advice) {
				t.Errorf("said:\n%s\nwant %s", got, c.want)
			}
			if b.Lookup("apps", "Deployment", "", "web") == nil {
				t.Error("the rest was not built")
			}
		})
	}
}

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
		fields  string
		files   map[string]string
		want    string
		nothing bool // is built: no entry is at fault
	}{
		"an entry on the way":     {"resources: [web.yaml, values.yaml]\n", map[string]string{"o/values.yaml": "a: 1\n"}, "o/kustomization.yaml:1:23: ", false},
		"twice":                   {"resources: [web.yaml, again.yaml]\n", map[string]string{"o/again.yaml": web}, "o/kustomization.yaml:1:23: Deployment.v1.apps/web.[noNs] is defined twice", false},
		"a program":               {"resources: [web.yaml]\ngenerators: [g.yaml]\n", map[string]string{"o/g.yaml": "apiVersion: builtin\nkind: Mine\nmetadata: {name: m}\n"}, "o/kustomization.yaml:2:14: Mine.builtin.[noGrp] is not a builtin of kustomize", false},
		"a generator of nothing":  {"resources: [web.yaml]\nconfigMapGenerator: [{name: gone, behavior: merge, literals: [a=b]}]\n", nil, "o/kustomization.yaml:2:22: there is no ConfigMap \"gone\"", false},
		"a variable of nothing":   {"resources: [web.yaml]\nvars: [{name: A, objref: {apiVersion: v1, kind: Pod, name: gone}}]\n", nil, "o/kustomization.yaml:2:8: the variable \"A\" names a field that no object has", false},
		"a variable twice":        {"resources: [web.yaml]\nvars:\n- &a {name: A, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}\n- {name: A, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}\n", nil, "o/kustomization.yaml:4:3: the variable \"A\" is defined twice", false},
		"an order":                {"resources: [web.yaml]\nsortOptions: {order: foo}\n", nil, "o/kustomization.yaml:2:14: kustomize does not support this order; write one of fifo, legacy", false},
		"a patch of nothing":      {"resources: [web.yaml]\npatches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: gone}}'}]\n", nil, "o/kustomization.yaml:2:19: no resource matches", false},
		"a patch that is neither": {"resources: [web.yaml]\npatches: [{target: {name: web}, patch: '[{op: replace, path: /spec/replicas, value: 7}]'}]\n", nil, "o/kustomization.yaml:2:40: unable to parse SM or JSON patch", false},
		"a name of several": {"resources: [web.yaml, rbac.yaml]\nnamePrefix: p-\n", map[string]string{
			"o/rbac.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: api, namespace: one}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: api, namespace: two}\n" +
				"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: ServiceAccount, name: api}]\n",
		}, "o/kustomization.yaml:1:1: an object refers to another by a name that several objects", true},
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
			if !c.nothing && b.Lookup("apps", "Deployment", "", "web") == nil {
				t.Error("the rest was not built")
			}
		})
	}
}

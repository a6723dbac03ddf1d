package argocd

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/manilint/manilint/lint"
)

// Whatever an object says, reading it ends, and does not panic.
func FuzzObjects(f *testing.F) {
	const head = "apiVersion: argoproj.io/v1alpha1\nmetadata: {name: x, namespace: argocd}\nspec:\n"
	for _, seed := range []string{
		"kind: Application\n" + head + "  project: p\n  destination: {namespace: a}\n  sources:\n  - {repoURL: r, path: c, helm: {valueFiles: ['*.yaml', $v/a.yaml], parameters: [{name: 'a[0]', value: '{x,y}'}], valuesObject: {a: 1}}}\n  - {repoURL: r, ref: v}\n",
		"kind: Application\n" + head + "  source: {repoURL: r, path: k, kustomize: {images: ['a=b:c@d'], patches: [{patch: 'a: b'}], replicas: [{name: a, count: 1}], commonLabels: {a: $ARGOCD_APP_NAME}, components: [../c]}}\n",
		"kind: Application\n" + head + "  source: {repoURL: r, path: d, directory: {recurse: true, include: '{a,b}*', exclude: '[a-z]?'}}\n---\nkind: AppProject\n" + head + "  sourceRepos: ['!a', '*']\n  destinations: [{server: '*', namespace: '!a'}]\n  clusterResourceWhitelist: [{group: '*', kind: '*'}]\n",
		"kind: ApplicationSet\n" + head + "  goTemplate: true\n  generators: [{matrix: {generators: [{git: {repoURL: r, directories: [{path: '*'}], values: {a: '{{.path.path}}'}}}, {list: {elements: [{b: c}], elementsYaml: '[{b: d}]'}}]}}]\n  template: {metadata: {name: '{{.path.basename}}-{{.b}}'}, spec: {source: {repoURL: r, path: '{{.path.path}}'}}}\n  templatePatch: |\n    spec: {source: {helm: {parameters: [{name: a, value: '{{.b}}'}]}}}\n",
		"kind: ApplicationSet\n" + head + "  generators: [{merge: {mergeKeys: [a], generators: [{list: {elements: [{a: b}]}}, {clusters: {values: {a: b}}}]}, selector: {matchLabels: {a: b}}}, {git: {repoURL: r, files: [{path: '**/*.json'}]}}]\n  template: {metadata: {name: '{{a}}'}, spec: {source: {repoURL: r, path: '{{path}}'}}}\n",
	} {
		f.Add(seed)
	}
	c := checkout(f, map[string]string{"c/Chart.yaml": "name: c\n", "c/a.yaml": "a: b\n", "k/kustomization.yaml": "resources: []\n", "d/a.yaml": "", "d/a.jsonnet": "", "e/a.json": "{\"a\": [1, {\"b\": null}]}"})
	root, _ := c.Files.Jail()
	f.Fuzz(func(t *testing.T, text string) {
		src := lint.NewSource("objects.yaml", []byte(text))
		src.File = filepath.Join(root, "objects.yaml")
		docs, _ := lint.ParseYAML(src)
		var objects []*lint.Resource
		for _, d := range docs {
			objects = append(objects, lint.NewResources(d, lint.FileLocator{Source: src})...)
		}
		lint.NewBundle(lint.Rendering{}, "", objects)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		began := time.Now()
		for _, r := range objects {
			if w := Wanted("object", r, objects, c); w != nil {
				for _, d := range w.Charts {
					if d.Limits != nil {
						d.Limits(objects)
					}
				}
			}
			made, _ := Generated(ctx, "set", r, c)
			for _, m := range made {
				m.Wanted("made", objects, c)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

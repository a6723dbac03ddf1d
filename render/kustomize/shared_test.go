package kustomize

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kustomize/api/resmap"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// sharedOrNot builds a root, with what its bases come to shared or not, and says what it came to.
func sharedOrNot(t testing.TB, jail, dir string, share bool) (told string, tr *tree, files *filetree.Tree) {
	t.Helper()
	if !hooked() {
		t.Fatal("no hooks")
	}
	defer quiet()()
	tr = newTree(filetree.New(nil).In(jail))
	k := tr.at(dir)
	if k == nil || k.component() {
		return "", tr, nil
	}
	if share {
		tr.each(k, func(k *kustomization) { tr.reached[k.dir] = 2 })
	}
	files = tr.files.Record()
	b := newBuild(tr, k, Options{Files: files})
	m := b.run(context.Background())
	return everything(t, b, m), tr, files
}

// everything tells the objects that a build came to, where each of their values and keys
// is, where some that they lack are to be, and what is wrong.
func everything(t testing.TB, b *build, m resmap.ResMap) string {
	t.Helper()
	var out strings.Builder
	for _, e := range b.errs {
		fmt.Fprintln(&out, e)
	}
	if m == nil {
		return out.String()
	}
	text, err := m.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	place := func(path string, p lint.Place) {
		fmt.Fprintf(&out, "%s: %s %d-%d %s %v", path, p.Span.Path(), p.Span.Start.Offset, p.Span.End.Offset, p.Precision, p.Origin)
		for _, r := range p.Related {
			fmt.Fprintf(&out, "; %s: %s %s:%d", r.Role, r.Message, r.Span.Path(), r.Span.Start.Offset)
		}
		out.WriteByte('\n')
	}
	for _, l := range leaves(m, locator{b}) {
		path := l.object + l.path
		for n := l.node; n != nil; n = n.Parent() {
			place(path, n.Locate())
			path = "above " + path
		}
		place("below "+l.path, l.node.Parent().Get("securityContext", "runAsNonRoot").Locate())
	}
	return out.String()
}

func TestSharedBasesComeToTheSame(t *testing.T) {
	const kind = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {a: one}\n"
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec:\n  # of the base\n  containers:\n  - {name: a, image: 'a:1', envFrom: [{configMapRef: {name: settings}}]}\n"
	files := map[string]string{
		"plain/kustomization.yaml":       "resources: [a.yaml, web.yaml]\n",
		"plain/a.yaml":                   settings + "---\n" + pod,
		"plain/web.yaml":                 web,
		"changed/kustomization.yaml":     "resources: [../plain]\nnamePrefix: a-\nnamespace: shop\nimages: [{name: a, newTag: '2'}]\nlabels: [{pairs: {x: y}, includeTemplates: true}]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {replicas: 2, template: {spec: {$patch: delete}}}\n- {path: p.yaml, target: {kind: Pod}}\n",
		"changed/p.yaml":                 "- {op: add, path: /spec/hostPID, value: true}\n- {op: remove, path: /spec/containers/0/envFrom}\n",
		"copied/kustomization.yaml":      "resources: [../plain]\nreplacements:\n- source: {kind: ConfigMap, fieldPath: data.a}\n  targets: [{select: {kind: Pod}, fieldPaths: [spec.containers.0.image]}]\n",
		"generated/kustomization.yaml":   "resources: [../plain]\nconfigMapGenerator:\n- {name: made, literals: [k=v], files: [f.txt]}\n- {name: settings, behavior: merge, literals: [b=two]}\n",
		"generated/f.txt":                "text\n",
		"component/kustomization.yaml":   "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\npatches: [{target: {kind: Pod}, patch: '[{op: add, path: /spec/hostIPC, value: true}]'}]\n",
		"composed/kustomization.yaml":    "resources: [../plain]\ncomponents: [../component]\n",
		"variables/kustomization.yaml":   "resources: [../plain]\nvars: [{name: A, objref: {apiVersion: v1, kind: ConfigMap, name: settings}, fieldref: {fieldpath: data.a}}]\n",
		"origins/kustomization.yaml":     "resources: [../plain]\nbuildMetadata: [originAnnotations]\n",
		"other/kustomization.yaml":       "resources: [o.yaml]\nnameSuffix: -other\npatchesStrategicMerge: [p.yaml]\n",
		"other/o.yaml":                   fmt.Sprintf(kind, "other"),
		"other/p.yaml":                   fmt.Sprintf(kind, "other") + "  b: two\n",
		"local/kustomization.yaml":       "resources: [l.yaml, ../other]\n",
		"local/l.yaml":                   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: local, annotations: {config.kubernetes.io/local-config: 'true'}}\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s1}}\n- {apiVersion: v1, kind: Secret, metadata: {name: s2}}\n",
		"broken/kustomization.yaml":      "resources: [../plain, none.yaml, bad.yaml]\n",
		"broken/bad.yaml":                fmt.Sprintf(kind, "good") + "---\na: [\n",
		"failing/kustomization.yaml":     "resources: [../plain]\npatches: [{target: {kind: Pod}, patch: '[{op: remove, path: /spec/none}]'}]\n",
		"empty/kustomization.yaml":       "namePrefix: a-\nresources: []\n",
		"commented/kustomization.yaml":   "resources: [c.yaml]\n",
		"commented/c.yaml":               "# above\n" + fmt.Sprintf(kind, "commented") + "# below\n---\n# again\n" + fmt.Sprintf(kind, "again"),
		"x/kustomization.yaml":           "resources: [x.yaml]\n",
		"x/x.yaml":                       fmt.Sprintf(kind, "settings"),
		"deprecated/kustomization.yaml":  "bases: [../plain]\nresources: [d.yaml]\npatchesStrategicMerge:\n- |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: settings}\n  data: {b: two}\n",
		"deprecated/d.yaml":              fmt.Sprintf(kind, "deprecated"),
		"twice/kustomization.yaml":       "resources: [once, more]\n",
		"twice/once/kustomization.yaml":  "resources: [../../other]\nnamePrefix: once-\n",
		"twice/more/kustomization.yaml":  "resources: [../../other]\nnamePrefix: more-\n",
		"deeper/kustomization.yaml":      "resources: [../changed, ../other, e.yaml]\nreplicas: [{name: web, count: 4}]\n",
		"deeper/e.yaml":                  fmt.Sprintf(kind, "e"),
		"configured/kustomization.yaml":  "resources: [../plain]\nconfigurations: [c.yaml]\nnamePrefix: c-\n",
		"configured/c.yaml":              "namePrefix: [{path: data/a, kind: ConfigMap}]\n",
		"transformed/kustomization.yaml": "resources: [../plain]\ntransformers: [t.yaml]\nvalidators: []\n",
		"transformed/t.yaml":             "apiVersion: builtin\nkind: PatchStrategicMergeTransformer\nmetadata: {name: t}\npatches: |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: settings}\n  data: {t: three}\n",
	}
	overlays := map[string]string{ // by what they have beside it
		"one base":                    "resources: [../%s]\n",
		"and changes":                 "resources: [../%s]\nnamePrefix: o-\nnamespace: ns\nlabels: [{pairs: {stage: s}}]\npatches: [{target: {kind: Pod}, patch: '[{op: add, path: /spec/hostNetwork, value: true}]'}]\nreplicas: [{name: web, count: 3}]\n",
		"and files behind":            "resources: [../%s, f.yaml]\nnameSuffix: -o\n",
		"and files in front":          "resources: [f.yaml, ../%s]\nnameSuffix: -o\n",
		"and files around":            "resources: [f.yaml, ../%s, g.yaml]\n",
		"and another base":            "resources: [../%s, ../x2, f.yaml]\n",
		"behind another base":         "resources: [../x2, ../%s]\ncommonLabels: {a: b}\npatchesStrategicMerge: [s.yaml]\n",
		"and a generator":             "resources: [../%s]\nconfigMapGenerator: [{name: gen, literals: [a=b]}]\nsecretGenerator: [{name: gen, literals: [a=b]}]\n",
		"and a generator that merges": "resources: [../%s]\nconfigMapGenerator: [{name: settings, behavior: merge, literals: [z=9]}]\n",
		"and a component":             "resources: [../%s]\ncomponents: [../component]\nnamePrefix: c-\n",
		"that is in the way":          "resources: [../%s, ../x]\n",
		"and a file in the way":       "resources: [../%s, ../plain/a.yaml]\n",
		"and a patch that fails":      "resources: [../%s]\npatches: [{target: {kind: Pod}, patch: '[{op: remove, path: /spec/none}]'}]\nnamePrefix: p-\n",
		"and variables":               "resources: [../%s]\nvars: [{name: B, objref: {apiVersion: v1, kind: ConfigMap, name: settings}, fieldref: {fieldpath: data.a}}]\n",
		"and configurations":          "resources: [../%s]\nconfigurations: [../configured/c.yaml]\nnamePrefix: k-\n",
		"and replacements":            "resources: [../%s]\nreplacements:\n- source: {kind: ConfigMap, name: settings, fieldPath: data.a}\n  targets: [{select: {kind: Pod}, fieldPaths: [metadata.annotations.x], options: {create: true}}]\n",
		"and origins":                 "resources: [../%s]\nbuildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]\nnamePrefix: m-\n",
		"and transformers":            "resources: [../%s]\ntransformers: [../transformed/t.yaml]\n",
		"twice":                       "resources: [one, two]\n",
		"and an order":                "resources: [../%s]\nsortOptions: {order: fifo}\n",
	}
	var bases []string
	for path := range files {
		if dir := filepath.ToSlash(filepath.Dir(path)); strings.HasSuffix(path, "/kustomization.yaml") && dir != "component" {
			bases = append(bases, dir)
		}
	}
	files["x2/kustomization.yaml"], files["x2/x2.yaml"] = "resources: [x2.yaml]\nnamePrefix: x-\n", fmt.Sprintf(kind, "x2")
	for i, base := range bases {
		for j, overlay := range slices.Sorted(maps.Values(overlays)) {
			dir := fmt.Sprintf("o-%d-%d", i, j)
			files[dir+"/kustomization.yaml"] = strings.ReplaceAll(overlay, "%s", base)
			for _, part := range []string{"one", "two"} {
				files[dir+"/"+part+"/kustomization.yaml"] = fmt.Sprintf("resources: [../../%s]\nnamePrefix: %s-\n", base, part)
			}
			files[dir+"/f.yaml"], files[dir+"/g.yaml"] = fmt.Sprintf(kind, "f"), "# g\n"+fmt.Sprintf(kind, "g")
			files[dir+"/s.yaml"] = fmt.Sprintf(kind, "x-x2") + "  s: three\n"
		}
	}
	root := write(t, files)
	shared, roots := 0, 0
	for i, base := range bases {
		for j, overlay := range slices.Sorted(maps.Values(overlays)) {
			dir := filepath.Join(root, fmt.Sprintf("o-%d-%d", i, j))
			want, _, read := sharedOrNot(t, root, dir, false)
			got, tr, files := sharedOrNot(t, root, dir, true)
			if got != want {
				t.Errorf("%s\n%s: %s", overlay, base, firstDifference(got, want))
			}
			if got, want := fmt.Sprint(files.Sources()), fmt.Sprint(read.Sources()); got != want {
				t.Errorf("%s\n%s: read %s\nwant %s", overlay, base, got, want)
			}
			roots++
			for _, s := range tr.shared {
				if s.came != nil {
					shared++
					break
				}
			}
		}
	}
	if shared < roots/2 {
		t.Errorf("of %d overlays %d share something", roots, shared)
	}
}

// The overlays of the fixtures, and a quarter of the corpus, come to the same when all their bases are shared.
func TestSharedBasesOfOverlaysInUse(t *testing.T) {
	for name, dirs := range map[string]func(testing.TB) []string{
		"fixtures": func(t testing.TB) []string { return overlays(t, fixtures) }, "corpus": func(t testing.TB) []string { return sample(t, "../../../shared/corpus/kustomize", corpus(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			shared := 0
			for _, dir := range dirs(t) {
				want, _, _ := sharedOrNot(t, jailOf(dir), dir, false)
				got, tr, _ := sharedOrNot(t, jailOf(dir), dir, true)
				if got != want {
					t.Errorf("%s: %s", dir, firstDifference(got, want))
				}
				for _, s := range tr.shared {
					if s.came != nil {
						shared++
					}
				}
			}
			t.Logf("%d bases were shared", shared)
			if shared == 0 {
				t.Error("nothing was shared")
			}
		})
	}
}

// A base that several overlays of a plan reach is built once.
func TestABaseIsBuiltOnce(t *testing.T) {
	root := write(t, map[string]string{
		"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": web,
		"a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\n", "b/kustomization.yaml": "resources: [../base]\nnamePrefix: b-\n",
		"c/kustomization.yaml": "resources: [../base]\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n", "d/kustomization.yaml": "resources: [../base]\nlabels: [{pairs: {a: b}, includeSelectors: true}]\n",
		"own/base/kustomization.yaml": "resources: [web.yaml]\n", "own/base/web.yaml": web, "own/kustomization.yaml": "resources: [base]\n",
	})
	var dirs []string
	for _, d := range []string{"a", "b", "c", "d", "own"} {
		dirs = append(dirs, filepath.Join(root, d))
	}
	p := NewPlan(dirs, Options{Files: filetree.New(nil).In(root)})
	var all sync.WaitGroup
	for _, r := range p.Roots {
		all.Go(func() {
			built := r.Build(t.Context(), r.o.Files.Record())
			for _, o := range built.Bundle.Resources {
				if o.Kind == "Deployment" && o.Root.Get("spec").Locate().Span.Start.Line != 6 {
					t.Errorf("%s is in line %d", o, o.Root.Get("spec").Locate().Span.Start.Line)
				}
			}
			if len(built.Bundle.Errors) > 0 {
				t.Error(built.Bundle.Errors)
			}
		})
	}
	all.Wait()
	shared := p.Roots[0].t.shared
	if s := shared[filepath.Join(root, "base")]; s == nil || s.came == nil || len(shared) != 1 {
		t.Errorf("%v is shared", shared)
	}
}

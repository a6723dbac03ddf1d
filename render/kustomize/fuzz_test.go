package kustomize

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	filetree "github.com/manilint/manilint/render/tree"
)

// FuzzBuild builds an overlay of three texts: a kustomization, a resource and a
// patch. Whatever they hold, nothing panics, every value has a place in one of the
// files, what kustomize builds is built alike, and what it refuses is said.
func FuzzBuild(f *testing.F) {
	f.Add("resources: [r.yaml]\npatches: [{path: p.yaml}]\n", web, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n")
	f.Add("\ufeffresources:\r\n- r.yaml\r\npatches:\r\n- patch: |-\r\n    - op: add\r\n      path: /spec/replicas\r\n      value: 3\r\n  target: {kind: Deployment}\r\n", web, "")
	f.Add("resources: [r.yaml]\npatches: [{patch: \"- op: remove\\n  path: /spec\", target: {}}]\nnamePrefix: a-\nimages: [{name: web, newTag: '2'}]\n", web, "x")
	f.Add("resources: [r.yaml]\nreplacements: [{path: p.yaml}]\nlabels: [{pairs: {a: b}}]\n", web+"---\n"+settings, "source: {kind: ConfigMap, fieldPath: data.a}\ntargets: [{select: {kind: Deployment}, fieldPaths: [metadata.name, spec.x], options: {create: true}}]\n")
	f.Add("transformers: [p.yaml]\nresources: &r [r.yaml]\ngenerators: *r\n", "a: &a [*a]\n", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npatch: '{'\n")
	f.Add("configMapGenerator: [{name: a, literals: [a=b, 'c'], files: [r.yaml], envs: [p.yaml]}]\nvars: [{}]\n", "a=b", "c=d\nA")
	f.Add("resources: [., r.yaml, r.yaml]\ncomponents: [..]\nopenapi: {path: p.yaml}\n", "---\n---\n[]\n", "{}")
	f.Fuzz(func(t *testing.T, kustomization, resource, patch string) {
		tryBuild(t, map[string]string{"kustomization.yaml": kustomization, "r.yaml": resource, "p.yaml": patch})
	})
}

func tryBuild(t *testing.T, files map[string]string) {
	for _, text := range files {
		// kustomize itself would run or fetch these, or reads what is not in the directory
		for _, word := range []string{"://", "git", "helm", "function", "exec", "/tmp", ".."} {
			if strings.Contains(strings.ToLower(text), word) {
				return
			}
		}
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	defer quiet()()
	goOffline()
	watch := time.AfterFunc(20*time.Second, func() { panic(fmt.Sprintf("does not end: %q", files)) })
	defer watch.Stop()
	tr := newTree(filetree.New(nil).In(root))
	k := tr.at(root)
	if k == nil || k.component() {
		return
	}
	b := newBuild(tr, k, Options{Files: tr.files})
	m := b.run(context.Background())
	for _, e := range b.errs {
		if strings.Contains(e.Message, "aliases expand") {
			return // kustomize does not survive these
		}
	}
	want, wantErr := plain(root, "", nil)
	if wantErr == nil && len(b.errs) == 0 {
		if m == nil {
			t.Fatalf("kustomize builds %q, this package does not and says nothing", files)
		}
		text, errText := want.AsYaml()
		got, errGot := m.AsYaml()
		if errText == nil && (errGot != nil || !bytes.Equal(got, text)) {
			t.Errorf("output differs: %s\nof %q", firstDifference(string(got), string(text)), files)
		}
	}
	if wantErr != nil && len(b.errs) == 0 {
		t.Errorf("kustomize refuses %q: %v; this package says nothing", files, wantErr)
	}
	if m == nil {
		return
	}
	for _, l := range leaves(m, locator{b}) {
		p := l.node.Locate()
		if !p.Span.IsValid() || p.Span.End.Offset > len(p.Span.Start.Source.Data) {
			t.Fatalf("object %s%s has no place: %v in %q", l.object, l.path, p.Span, files)
		}
		for _, r := range p.Related {
			if !r.Span.IsValid() {
				t.Fatalf("object %s%s has a related place that is none: %v", l.object, l.path, r)
			}
		}
	}
}

// Every fixture survives damage: a line less or twice, a broken quote, a value of
// another type, other line ends. The damage is the same in every run.
func TestDamagedOverlays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	damages := []func(lines []string, i int){
		func(l []string, i int) { l[i] = "" },
		func(l []string, i int) { l[i] += "\n" + l[i] },
		func(l []string, i int) { l[i] = strings.Replace(l[i], ": ", ":", 1) },
		func(l []string, i int) { l[i] = strings.Replace(l[i], "- ", "", 1) },
		func(l []string, i int) { l[i] = " " + l[i] },
		func(l []string, i int) { l[i] = strings.TrimPrefix(l[i], "  ") },
		func(l []string, i int) { k, _, _ := strings.Cut(l[i], ":"); l[i] = k + ": [1, {a: null}]" },
		func(l []string, i int) { k, _, _ := strings.Cut(l[i], ":"); l[i] = k + ":" },
		func(l []string, i int) { k, _, _ := strings.Cut(l[i], ":"); l[i] = k + ": \"a\\u00e9\\n b\"" },
		func(l []string, i int) { l[i] += " # comment" },
		func(l []string, i int) { l[i] += "'" },
		func(l []string, i int) { l[i] = "\t" + l[i] },
		func(l []string, i int) { l[i] = "---\n" + l[i] },
		func(l []string, i int) { l[i] = "? " + l[i] },
		func(l []string, i int) { l[i] = strings.ReplaceAll(l[i], "e", "\u2028") },
		func(l []string, i int) { l[i] += "\x00" },
		func(l []string, _ int) {
			for i := range l {
				l[i] += "\r"
			}
		},
	}
	rounds := 6
	if os.Getenv("MANILINT_ORACLE") != "" {
		rounds = 200
	}
	tried := 0
	for _, dir := range overlays(t, fixtures) {
		whole := filepath.Dir(dir)
		for round := range rounds {
			name := fmt.Sprintf("%s/%d", filepath.Base(dir), round)
			files := map[string]string{}
			var own []string
			for _, d := range overlays(t, whole) {
				entries, err := os.ReadDir(d)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					data, err := os.ReadFile(filepath.Join(d, e.Name()))
					if err != nil {
						continue
					}
					path := filepath.Base(d) + "/" + e.Name()
					files[path] = string(data)
					if d == dir {
						own = append(own, path)
					}
				}
			}
			path := own[random.IntN(len(own))]
			lines := strings.Split(files[path], "\n")
			for range 1 + random.IntN(2) {
				damages[random.IntN(len(damages))](lines, random.IntN(len(lines)))
			}
			files[path] = strings.Join(lines, "\n")
			t.Run(name, func(t *testing.T) { tryDamaged(t, filepath.Base(dir), files, path) })
			tried++
		}
	}
	t.Logf("%d damaged overlays", tried)
}

func tryDamaged(t *testing.T, overlay string, files map[string]string, damaged string) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tr := newTree(filetree.New(nil).In(root))
	k := tr.at(filepath.Join(root, overlay))
	if k == nil || k.component() {
		return
	}
	restore := quiet()
	b := newBuild(tr, k, Options{Files: tr.files})
	m := b.run(context.Background())
	restore()
	want, wantErr := plain(filepath.Join(root, overlay), "", nil)
	switch {
	case wantErr != nil && len(b.errs) == 0:
		t.Errorf("kustomize refuses this and nothing is said: %v\n%s:\n%s", wantErr, damaged, files[damaged])
	case wantErr == nil && len(b.errs) == 0:
		text, _ := want.AsYaml()
		got, _ := m.AsYaml()
		if !bytes.Equal(got, text) {
			t.Errorf("output differs: %s\n%s:\n%s", firstDifference(string(got), string(text)), damaged, files[damaged])
		}
	}
	if m == nil {
		return
	}
	for _, l := range leaves(m, locator{b}) {
		if p := l.node.Locate(); !p.Span.IsValid() || p.Span.End.Offset > len(p.Span.Start.Source.Data) {
			t.Fatalf("object %s%s has no place: %v\n%s:\n%s", l.object, l.path, p.Span, damaged, files[damaged])
		}
	}
}

package lint

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

func TestEntriesAndKeysOfAMapping(t *testing.T) {
	src := NewSource("a.yaml", []byte("x: &x {m: 1}\ny:\n  <<: *x\n  a: 1\n  b: 2\n  a: 3\n"))
	docs, errs := ParseYAML(src)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	y := NewNode(docs[0]).Get("y")
	var got []string
	for _, e := range y.Entries() {
		got = append(got, e.Name()+"="+e.Value())
		if k := e.KeyNode(); k.Value() != e.Name() || k.Path() != e.Path() || NodeSpan(src, k.YAML()).Text() != e.Name() {
			t.Errorf("the key of %s is %q", e.Path(), k.Value())
		}
	}
	if want := []string{"<<=", "a=1", "b=2", "a=3"}; len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
		t.Errorf("entries %q, want %q", got, want)
	}
	if missing := y.Get("none"); missing.KeyNode() != missing {
		t.Error("a missing node has a key")
	}
}

// What kubectl makes of a mapping is what rules see.
func TestMappingsAreReadAsKubernetesReadsThem(t *testing.T) {
	const anchors = "x: &x {a: 2, b: 2}\nz: &z {<<: *x, a: 3, c: 3}\nk: &k key\n"
	for _, text := range []string{
		"a: 1\n  b: 1",
		"a: 1\n  a: 4",
		"<<: *x\n  a: 1",
		"a: 1\n  <<: *x",
		"a: 1\n  <<: *x\n  a: 4",
		"<<: *x\n  <<: *z",
		"<<: *z\n  <<: *x",
		"<<: [*x, *z]\n  b: 1",
		"b: 1\n  <<: [*z, *x]",
		"c: 1\n  <<: {<<: *z, b: 4}",
		"\"<<\": 1\n  a: 1",
		"*k : 1\n  a: !!bool \"true\"\n  b: !!str true",
	} {
		text := anchors + "m:\n  " + text + "\n"
		var want struct{ M map[string]any }
		if err := yaml.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		docs, errs := ParseYAML(NewSource("x.yaml", []byte(text)))
		if len(errs) > 0 {
			t.Fatal(errs[0])
		}
		m := NewNode(docs[0]).Get("m")
		got := map[string]any{}
		for _, f := range m.Fields() {
			if f != m.Get(f.Name()) || f.Key() != m.Get(f.Name()).Key() {
				t.Errorf("%q: %s has two values", text, f.Name())
			}
			got[f.Name()] = f.Value()
			if b, ok := f.Bool(); ok {
				got[f.Name()] = b
			} else if i, ok := f.Int(); ok {
				got[f.Name()] = i
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want.M) || strings.Contains(fmt.Sprintf("%T", got["b"]), "bool") {
			t.Errorf("%q: %v, Kubernetes reads %v", text, got, want.M)
		}
	}
}

func TestFieldsAreFoundWhateverAnObjectIsAskedFor(t *testing.T) {
	src := NewSource("x.yaml", []byte(`apiVersion: v1
kind: Pod
metadata: {name: p}
base: &base {image: merged, tty: true}
spec:
  containers:
    - {name: a, image: i, securityContext: {runAsUser: 1}}
    - {<<: *base, name: b}
`))
	docs, errs := ParseYAML(src)
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	b := NewBundle(Rendering{}, "", NewResources(docs[0], FileLocator{Source: src}))
	root := b.Resources[0].Root
	bare := NewNode(docs[0])
	for _, c := range b.Containers() {
		plain := bare.Get("spec", "containers").Items()[c.Node.Index()]
		for _, path := range [][]string{{"name"}, {"image"}, {"tty"}, {"securityContext"}, {"securityContext", "runAsUser"}, {"securityContext", "runAsGroup"}, {"absent"}, {"a", "b"}, {""}, {}} {
			want := plain.Get(path...)
			for _, got := range []*Node{c.Get(path...), c.Node.Get(path...)} {
				if got.YAML() != want.YAML() || got.Path() != c.Node.Get(path...).Path() || got.Name() != want.Name() && len(path) > 0 {
					t.Errorf("%s: %q is %v at %s, want %v", c, path, got.YAML(), got.Path(), want.YAML())
				}
			}
		}
	}
	for _, f := range root.Fields() {
		if root.Get(f.Name()).YAML() != f.YAML() {
			t.Errorf("%s is not found", f.Name())
		}
	}
}

func BenchmarkGet(b *testing.B) {
	docs, _ := ParseYAML(NewSource("x.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - {name: a, image: i, securityContext: {runAsUser: 1}, env: [], args: [], ports: []}\n")))
	c := NewBundle(Rendering{}, "", NewResources(docs[0], nil)).Containers()[0]
	b.ReportAllocs()
	for b.Loop() {
		c.Get("securityContext", "runAsNonRoot")
		c.Get("lifecycle", "preStop")
		c.Get("image")
	}
}

// The objects of a list are trees of their own, of which the YAML nodes are made when one of
// them is requested, by however many at once.
func TestYAMLNodesAreMadeOnRequest(t *testing.T) {
	src := NewSource("x.yaml", []byte("apiVersion: v1\nkind: List\nitems:\n  # the first\n  - apiVersion: v1\n    kind: Pod\n    metadata: {name: a}\n  - {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"))
	docs, errs := ParseDocuments(src)
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	all := docs[0].Resources(FileLocator{Source: src})
	if len(all) != 2 || all[0].MadeYAML() || all[0].Get("metadata", "name").Locate().Span.Start.String() != "x.yaml:7:22" || all[0].MadeYAML() {
		t.Fatalf("%v, at %s", all, all[0].Get("metadata", "name").Locate().Span)
	}
	var group sync.WaitGroup
	kinds := make([]*kyaml.Node, 8)
	for i := range kinds {
		group.Go(func() { kinds[i] = all[0].Get("kind").KeyNode().YAML() })
	}
	group.Wait()
	root := all[0].Root
	for _, k := range kinds {
		if k != root.YAML().Content[2] || k != root.Get("kind").Key() || k.Line != 6 || k.Column != 5 {
			t.Errorf("the key is %v", k)
		}
	}
	if !all[0].MadeYAML() || all[1].MadeYAML() || root.Get("absent").YAML() != nil || root.Key() != nil {
		t.Error("YAML nodes were made of another object than the one, or of what is not there")
	}
	if a, b := root.Get("kind"), all[1].Get("kind"); a.Same(b) || !a.Same(root.Get("kind")) || a.Identity() == a.KeyNode().Identity() || a.KeyNode().Identity() != root.Get("kind").KeyNode().Identity() {
		t.Error("nodes are taken for others")
	}
	if text := all[1].Get("metadata").Path() + " " + all[1].Get("metadata", "name").Path() + fmt.Sprint(all[1].Root.Index(), all[1].Root.Parent()); text != "metadata metadata.name-1 <nil>" {
		t.Error(text)
	}
}

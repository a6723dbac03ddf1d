package lint

import (
	"fmt"
	"strings"
	"testing"

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
			if f.yaml != m.Get(f.Name()).yaml || f.key != m.Get(f.Name()).key {
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

package lint

import "testing"

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

package glob

import (
	"strings"
	"testing"
)

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, path string
		want       bool
	}{
		{"a/**", "a", true}, {"a/**", "a/b/c", true}, {"a/**", "ab", false}, {"**/a", "a", true}, {"**/a", "b/c/a", true}, {"**/a", "ba", false},
		{"**", "a/b", true}, {"a**c", "ab/c", false}, {"a**b", "axxb", true}, {"**/a/**", "a", true}, {"**/a/**", "x/a/y/z", true},
		{"a/**/b", "a/b", true}, {"a/**/b", "a/x/y/b", true}, {"*.b", "a/b.b", false}, {"*", "a/b", true}, {"*", ".git", true}, {"*", "", true}, {"", "", true},
		{"{a,b/c}", "b/c", true}, {"{a,**}/x", "q/r/x", true}, {"{**/x,y}", "a/x", true}, {"{a,{b,c}}d", "cd", true}, {"{,a}b", "b", true},
		{"[^a]b", "cb", true}, {"[!a]b", "ab", false}, {"[!a]b", "/b", false}, {"[a-c]", "b", true}, {"[a-]", "-", true}, {"[+-0]", "/", false}, {"[+-0]", "0", true},
		{`a\*`, "a*", true}, {`a\*`, "ab", false}, {`[\]]`, "]", true}, {"?", "é", true}, {"?", "/", false}, {"a/", "a", false}, {"a.b", "axb", false},
		{"**/", "a/", true}, {"values-{dev,prod}.y?ml", "values-prod.yaml", true},
	} {
		g, err := Compile(c.glob)
		if err != nil {
			t.Errorf("%s: %v", c.glob, err)
		} else if got := g.MatchTree(c.path); got != c.want {
			t.Errorf("%q for %q: %v", c.glob, c.path, got)
		}
	}
}

func TestMatchTree(t *testing.T) {
	g, err := Compile("deploy/{dev,test}*")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"deploy/dev": true, "deploy/dev1/a/b.yaml": true, "deploy/prod/a": false, "deploy": false, "deploy2/dev": false} {
		if g.MatchTree(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

func TestBrokenGlobsAreErrors(t *testing.T) {
	for _, pattern := range []string{"[", "[]", "[!]", "a[b", "{a", "{a,{b}", "a}", `a\`, `[\`, "[b-a]", "\xff", strings.Repeat("{", 5000), strings.Repeat("a", 5000)} {
		if _, err := Compile(pattern); err == nil {
			t.Errorf("%.20q: no error", pattern)
		}
	}
}

// A backtracking matcher does not come to the end of this one.
func TestAlternativesCostNoPowers(t *testing.T) {
	g, err := Compile(strings.Repeat("{a,a*,*a}", 100) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if g.MatchTree(strings.Repeat("a", 2000)) {
		t.Error("matches")
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"a/**/{b,c[!d-f]}*?", `\[`, "[+-0]", "{**/x,y}"} {
		f.Add(s, "a/b/c")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		g, err := Compile(pattern)
		if err == nil && g.MatchTree(path) && !g.MatchTree(path+"/x") {
			t.Errorf("%q matches %q and nothing in it", pattern, path)
		}
	})
}

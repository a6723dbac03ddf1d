package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

func TestAddressesOfOneRepository(t *testing.T) {
	for _, test := range []struct {
		known, asked string
		want         Answer
	}{
		{"git@git.example.org:shop/deploy.git", "https://git.example.org/shop/deploy", Yes},
		{"git@git.example.org:shop/deploy.git", "https://user:token@git.example.org:8443/shop/deploy.git/", Yes},
		{"ssh://git@git.example.org:22/shop/deploy", "git.example.org:shop/deploy.git", Yes},
		{"https://GIT.example.org/shop/deploy", "https://git.example.org/shop/deploy", Yes},
		{"https://git.example.org/me/Deploy.git", "https://git.example.org/shop/deploy", Yes}, // a fork
		{"https://git.example.org/shop/deploy", "https://git.example.org/shop/other", No},
		{"https://git.example.org/shop/deploy", "https://git.example.org/deploy/shop", No},
		{"https://git.example.org/shop/deploy", "https://charts.example.org", Unknown},
		{"/srv/git/deploy.git", "https://git.example.org/shop/other", Unknown},
		{"", "https://git.example.org/shop/other", Unknown},
	} {
		c := NewCheckout(tree.New(nil).In(t.TempDir()), nil, Addresses(t.TempDir(), []string{test.known}))
		if got := c.Is(test.asked); got != test.want {
			t.Errorf("%s in a checkout of %s: %d, want %d", test.asked, test.known, got, test.want)
		}
	}
}

func TestRemotesOfTheCheckoutCount(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".git/config", "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@git.example.org:shop/deploy.git\n[remote \"mirror\"]\n\turl = https://mirror.example.org/x/copy\n")
	write(t, root, ".git/HEAD", "ref: refs/heads/main\n")
	write(t, root, ".git/objects/info/x", "")
	write(t, root, ".git/refs/heads/x", "")
	c := NewCheckout(tree.New(nil).In(root), nil, Addresses(root, nil))
	for address, want := range map[string]Answer{"https://git.example.org/shop/deploy": Yes, "https://mirror.example.org/x/copy.git": Yes, "https://git.example.org/shop/web": No} {
		if got := c.Is(address); got != want {
			t.Errorf("%s: %d, want %d", address, got, want)
		}
	}
}

func TestGlobs(t *testing.T) {
	for _, test := range []struct {
		pattern string
		style   Style
		yes, no string
	}{
		{"a/*.yaml", Components, "a/b.yaml a/.yaml", "a/b/c.yaml b.yaml"},
		{"**/b.yaml", Components, "b.yaml a/b.yaml a/a/b.yaml", "ab.yaml"},
		{"a/**", Components, "a/b a/b/c", "b/a"},
		{"{a,b}/?.y[am]l", Components, "a/x.yal b/y.yml", "c/x.yml a/xx.yml"},
		{"[!a]b", Components, "bb", "ab"},
		{"*.yaml", Anything, "a.yaml a/b.yaml", "a.yml"},
		{"{dev/*,*.skip.yaml}", Anything, "dev/a.yaml dev/a/b x/a.skip.yaml", "a.yaml"},
		{"env/*/c.json", Pathspec, "env/a/c.json env/a/b/c.json", "env/c.json"},
		{"env", Pathspec, "env/a env", "envs"},
		{"{a}", Pathspec, "{a}", "a"},
		{`a\*b`, Components, "a*b", "axb"},
		{"a.b+(c)", Components, "a.b+(c)", "axb+(c)"},
	} {
		g, err := Glob(test.pattern, test.style)
		if err != nil {
			t.Fatal(test.pattern, err)
		}
		for _, path := range strings.Fields(test.yes) {
			if !g.MatchString(path) {
				t.Errorf("%s does not match %s", test.pattern, path)
			}
		}
		for _, path := range strings.Fields(test.no) {
			if g.MatchString(path) {
				t.Errorf("%s matches %s", test.pattern, path)
			}
		}
	}
	for _, pattern := range []string{"[", "{a", "[]", strings.Repeat("a", maxPattern+1), "\xff"} {
		if _, err := Glob(pattern, Anything); err == nil {
			t.Errorf("%.20q is taken for a glob", pattern)
		}
	}
}

// A path begins at the root of the checkout; where there is none, maybe above it, or in an
// example that holds the object.
func TestDirectoriesOfARepository(t *testing.T) {
	outer := t.TempDir()
	root := filepath.Join(outer, "deploy")
	for _, at := range []string{"charts/web/x", "examples/shop/charts/api/x", "examples/shop/apps/app.yaml"} {
		write(t, root, at, "")
	}
	src := lint.NewSource("app.yaml", nil)
	src.File = filepath.Join(root, "examples/shop/apps/app.yaml")
	at := src.Span(0, 0)
	c := NewCheckout(tree.New(nil).In(root), nil, func() []string { return nil })
	for path, want := range map[string]string{
		"charts/web": "charts/web", "./charts/web/": "charts/web", "/charts/web": "charts/web", "deploy/charts/web": "charts/web",
		"charts/api": "examples/shop/charts/api", "charts/none": "", "../deploy/charts/web": "charts/web", "../../../etc": "", ".": ".",
	} {
		dir, _, ok := c.Dir(path, at)
		rel := ""
		if ok {
			rel, _ = filepath.Rel(root, dir)
			rel = filepath.ToSlash(rel)
		}
		if rel != want {
			t.Errorf("%s is %q, want %q", path, rel, want)
		}
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	at := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

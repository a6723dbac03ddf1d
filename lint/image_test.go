package lint

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
)

var sum = strings.Repeat("0123456789abcdef", 4)

// Every text is the reference that the module of container runtimes reads, or no reference for the
// same reason.
func FuzzImageReferencesAreReadAsRuntimesDo(f *testing.F) {
	for _, text := range []string{"", "nginx", "nginx:1.27", "Nginx", "docker.io/nginx", "index.docker.io/a/b", "library/nginx", "user/app:tag", "localhost/a", "localhost:5000/a:b", "a:5000/b",
		"Registry/a", "REG.example/a", "reg.example/A", "reg.example:x/a", "[::1]:5000/a", "[fe80::1%25en0]/a", "10.0.0.1/a/b/c", "foo_bar.x/y", "foo_bar/y", "a__b/c---d/e.f", "a..b", "a___b", "-a", "a-", "a/-b",
		"a@sha256:" + sum, "a:b@sha256:" + sum, "a@sha256:" + sum[1:], "a@sha256:" + strings.ToUpper(sum), "a@md5:" + sum[:32], "a@Sha256:" + sum, "a@sha512:" + sum + sum, "a@sha384:" + sum + sum[:32], "a@sha256+b64:" + sum,
		sum, strings.ToUpper(sum), sum + ":a", "a:" + strings.Repeat("t", 129), strings.Repeat("a", 256), "example.com/" + strings.Repeat("a/", 130) + "a", "a b", "a\n", "a:\n", "ä", "a:ä", "İ/a", "a/İ:b", "$(image)", "https://a/b", "a//b", "/a", "a/", "a:", "a@", ":a", "a:b:c", "docker.io/library/a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseImageReference(text)
		want, wrong := reference.ParseNormalizedNamed(text)
		if (err == nil) != (wrong == nil) || err != nil && err.Error() != wrong.Error() {
			t.Fatalf("%q: %v, want %v", text, err, wrong)
		}
		if err != nil {
			return
		}
		var is ImageReference
		is.Registry, is.Path = reference.Domain(want), reference.Path(want)
		if tagged, ok := want.(reference.Tagged); ok {
			is.Tag = tagged.Tag()
		}
		if digested, ok := want.(reference.Digested); ok {
			is.Digest = digested.Digest().String()
		}
		if got != is || got.String() != want.String() || got.Name() != want.Name() || got.Tagged().String() != reference.TagNameOnly(want).String() {
			t.Errorf("%q: %#v, want %#v", text, got, is)
		}
	})
}

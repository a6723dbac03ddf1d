package engine

import (
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
)

func TestAnEntryMatchesEveryFormOfAnAddress(t *testing.T) {
	at := lint.NewSource("deploy/.manilint.yaml", []byte("unavailable:\n")).LineSpan(1)
	for _, test := range []struct {
		what, lacks string
		want        bool
	}{
		{"https://github.com/*/*", "https://github.com/org/repo", true},
		{"https://github.com/*/*", "https://github.com/org/repo//path/to?ref=v1&timeout=2m", true},
		{"https://github.com/*/*", "git::https://github.com/org/repo.git//path?ref=v1", true},
		{"https://github.com/org/repo", "git@github.com:org/repo.git", true},
		{"https://github.com/org/repo", "ssh://git@github.com/org/repo.git", true},
		{"https://github.com/org/repo", "github.com/org/repo/path?ref=v1", true},
		{"https://github.com/org/repo", "https://github.com/org/repository", false},
		{"https://github.com/org/*", "https://gitlab.com/org/repo", false},
		{"https://charts.example.com", "https://charts.example.com/redis", true},
		{"redis", "redis", true},
		{"redis", "redis-ha", false},
		{"vendor/**", "deploy/vendor/base", true}, // from the configuration's directory
		{"../vendor", "vendor/base", true},
		{"$values/**", "$values/shop/prod.yaml", true},
	} {
		l := newLacking(&Options{Unavailable: []config.Unavailable{{What: test.what, Span: at}}})
		errs, notes := l.accept([]*lint.InputError{{Message: "gone", Lacks: []string{test.lacks}}, {Message: "broken"}}, nil)
		if accepted := len(notes) == 1; accepted != test.want || len(errs)+len(notes) != 2 {
			t.Errorf("%q accepts %q: %v, want %v (errors %v)", test.what, test.lacks, accepted, test.want, errs)
		}
	}
}

package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// A file of digests is one of the checkout of the configuration.
func TestAFileOfDigestsIsReadInTheTreeAlone(t *testing.T) {
	dir := t.TempDir()
	const line = "web:1 sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	for name, text := range map[string]string{"outside.txt": line, "tree/inside.txt": line, "tree/broken.txt": line + "web\n", "tree/dir/x.txt": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"inside.txt": "", "./inside.txt": "", "broken.txt": "broken.txt:2:1: an image and its digest", "../outside.txt": "outside the linted tree", "none.txt": "there is no file none.txt", "dir": "dir is not read",
	} {
		c := &config.Config{Rules: map[string]config.Settings{}, DigestFile: config.Named{Path: file, Span: lint.NewSource(config.Name, []byte("digests: "+file)).LineSpan(1)}}
		_, errs := Rules(c, Options{Tree: tree.New(nil), Dir: filepath.Join(dir, "tree")})
		switch {
		case want == "" && (len(errs) > 0 || len(c.Digests) != 1):
			t.Errorf("%s: %v %v", file, errs, c.Digests)
		case want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), want)):
			t.Errorf("%s: %v", file, errs)
		}
	}
}

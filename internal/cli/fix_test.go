package cli

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/manilint/manilint/internal/fix"
)

// What changed on disk since it was read is not written, the others are; modes stay.
func TestFixesAreWrittenWhereNothingChanged(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"same": "a: 1\n", "changed": "a: 2\n"} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &command{console: newConsole(io.Discard, io.Discard), files: &reportFiles{}}
	written, err := c.writeFixes([]*fix.File{
		{Path: path("changed"), Shown: "changed", Before: []byte("a: 1\n"), After: []byte("a: 3\n")},
		{Path: path("gone"), Shown: "gone", Before: []byte("a: 1\n"), After: []byte("a: 3\n")},
		{Path: path("same"), Shown: "same", Before: []byte("a: 1\n"), After: []byte("a: 3\n")},
	})
	if written != 1 || err == nil {
		t.Errorf("%d were written, %v", written, err)
	}
	for name, want := range map[string]string{"same": "a: 3\n", "changed": "a: 2\n"} {
		got, err := os.ReadFile(path(name))
		if err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
		if info, err := os.Stat(path(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%d files are there", len(entries))
	}
}

package tree

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// TestTheIndexIsTrustedAsFarAsItGoes compares a file with what an index says of it.
func TestTheIndexIsTrustedAsFarAsItGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte("a: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1_700_000_000, 123_456_789)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	changed, _ := changedAt(info)
	hash := plumbing.ComputeHash(plumbing.BlobObject, []byte("a: 1\n"))
	for name, test := range map[string]struct {
		edit    func(*index.Entry)
		written time.Time
		trusted bool
	}{
		"as git wrote it":                {func(*index.Entry) {}, when.Add(time.Second), true},
		"without a time of change":       {func(e *index.Entry) { e.CreatedAt = time.Time{} }, when.Add(time.Second), true},
		"another size":                   {func(e *index.Entry) { e.Size++ }, when.Add(time.Second), false},
		"another time":                   {func(e *index.Entry) { e.ModifiedAt = when.Add(time.Nanosecond) }, when.Add(time.Second), false},
		"a time of whole seconds":        {func(e *index.Entry) { e.ModifiedAt = time.Unix(when.Unix(), 0) }, when.Add(time.Second), false},
		"written with the index":         {func(*index.Entry) {}, when.Add(time.Millisecond), false},
		"not added yet":                  {func(e *index.Entry) { e.IntentToAdd = true }, when.Add(time.Second), false},
		"not merged":                     {func(e *index.Entry) { e.Stage = index.OurMode }, when.Add(time.Second), false},
		"a link":                         {func(e *index.Entry) { e.Mode = filemode.Symlink }, when.Add(time.Second), false},
		"of another path":                {func(e *index.Entry) { e.Name = "b.yaml" }, when.Add(time.Second), false},
		"smudged, as git does when racy": {func(e *index.Entry) { e.Size = 0 }, when.Add(time.Second), false},
	} {
		e := &index.Entry{Name: "a.yaml", Hash: hash, Mode: filemode.Regular, ModifiedAt: info.ModTime(), CreatedAt: changed, Size: uint32(info.Size())}
		test.edit(e)
		x := &indexed{test.written, map[string]*index.Entry{filepath.Join(filepath.Dir(path), e.Name): e}}
		if got := x.hash(path, info); (got == hash) != test.trusted || !got.IsZero() && got != hash {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, known := changedAt(info); known {
		e := &index.Entry{Name: "a.yaml", Hash: hash, Mode: filemode.Regular, ModifiedAt: info.ModTime(), CreatedAt: changed.Add(-time.Second), Size: uint32(info.Size())}
		if got := (&indexed{when.Add(time.Second), map[string]*index.Entry{path: e}}).hash(path, info); !got.IsZero() {
			t.Error("a file that was changed and given its old time is taken for unchanged")
		}
	}
}

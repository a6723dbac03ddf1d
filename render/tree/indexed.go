package tree

import (
	"io/fs"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// indexed is what the index of git knows of the files of a checkout.
type indexed struct {
	written time.Time // when the index was
	entries map[string]*index.Entry
}

// racy is how long before the index a file must have been written for its time to tell that it
// was not written once more since: the ticks of file systems take up to 10 ms.
const racy = 20 * time.Millisecond

// hash returns the hash of the blob that a regular file equals by its size and its times, as git
// tells that it was not modified; zero where they do not say so, or could be wrong
// (https://git-scm.com/docs/racy-git). A filter may make the bytes of the two differ, which
// git calls no change either.
func (x *indexed) hash(path string, info fs.FileInfo) plumbing.Hash {
	e := x.entries[path]
	if e == nil || !info.Mode().IsRegular() || e.Mode != filemode.Regular && e.Mode != filemode.Executable || e.Stage != 0 || e.IntentToAdd {
		return plumbing.ZeroHash
	}
	modified := e.ModifiedAt
	if modified.Nanosecond() == 0 || !modified.Equal(info.ModTime()) || e.Size != uint32(info.Size()) || modified.After(x.written.Add(-racy)) { //nolint:gosec // git keeps 32 bits of the size
		return plumbing.ZeroHash
	}
	if changed, known := changedAt(info); known && !e.CreatedAt.IsZero() && !e.CreatedAt.Equal(changed) {
		return plumbing.ZeroHash
	}
	return e.Hash
}

// Know tells a tree of the work tree what the index knows, so that files which are as git wrote
// them are not read to be compared. Where the index cannot be read nothing is known.
func (r *Repository) Know(t *Tree) {
	info, err := r.store.Filesystem().Stat("index")
	if err != nil {
		return
	}
	entries, err := r.entries("")
	if err != nil {
		return
	}
	x := &indexed{info.ModTime(), make(map[string]*index.Entry, len(entries))}
	for _, e := range entries {
		x.entries[filepath.Join(r.root, filepath.FromSlash(e.Name))] = e
	}
	t.index = x
}

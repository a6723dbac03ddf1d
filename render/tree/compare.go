package tree

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// A Comparison tells in what two trees are the same. It is safe for concurrent use.
type Comparison struct {
	a, b *Tree
	mu   sync.Mutex
	same map[string]bool // by path
}

// Compare compares two trees. Nothing is read before it is asked about.
func Compare(a, b *Tree) *Comparison {
	return &Comparison{a: a.In().Record(), b: b.In().Record(), same: map[string]bool{}}
}

// Same reports whether both trees have the same at a path: the same bytes, the same files in
// a directory and all below it, a link that says the same and leads to the same; or nothing.
// Of a file that git's object store holds it compares the hash.
func (c *Comparison) Same(path string) bool {
	abs := c.a.Abs(path)
	c.mu.Lock()
	same, known := c.same[abs]
	if !known {
		c.same[abs] = true // for a link that leads to itself
	}
	c.mu.Unlock()
	if known {
		return same
	}
	same = c.compare(abs)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.same[abs] = same
	return same
}

// SameInput reports whether an input of one tree is the same in the other, as far as it was
// requested: of a directory that was listed, the names and kinds; of a path that was looked
// up, what is there.
func (c *Comparison) SameInput(in Input) bool {
	if c.beyond(in.Path) {
		return true
	}
	switch in.Use {
	case read:
		return c.Same(in.Path)
	case Listed:
		a, errA := c.a.ReadDir(in.Path)
		b, errB := c.b.ReadDir(in.Path)
		return (errA == nil) == (errB == nil) && slices.EqualFunc(a, b, func(x, y fs.DirEntry) bool { return x.Name() == y.Name() && x.Type() == y.Type() })
	case entered:
		return c.sameKind(in.Path, (*Tree).Lstat, (*Tree).Readlink)
	}
	return c.sameKind(in.Path, (*Tree).Stat, (*Tree).EvalSymlinks)
}

// sameKind reports whether a path is of one kind and leads to one place in both trees, or
// is in neither of them.
func (c *Comparison) sameKind(path string, stat func(*Tree, string) (fs.FileInfo, error), target func(*Tree, string) (string, error)) bool {
	a, errA := stat(c.a, path)
	b, errB := stat(c.b, path)
	if errA != nil || errB != nil {
		return errA != nil && errB != nil
	}
	to, _ := target(c.a, path)
	also, _ := target(c.b, path)
	return a.Mode().Type() == b.Mode().Type() && to == also
}

// beyond reports whether a path is none of a checkout: of what is next to it, and of git's
// own files, a revision knows nothing.
func (c *Comparison) beyond(abs string) bool {
	if filepath.Base(abs) == ".git" {
		return true
	}
	for _, t := range []*Tree{c.a, c.b} {
		if s := t.store(); s != nil {
			if real, err := t.real(filepath.Dir(abs), 0); err == nil && !Within(s.root, filepath.Join(real, filepath.Base(abs))) {
				return true
			}
		}
	}
	return false
}

func (c *Comparison) compare(abs string) bool {
	if c.beyond(abs) {
		return true
	}
	a, errA := c.a.Lstat(abs)
	b, errB := c.b.Lstat(abs)
	switch {
	case errA != nil || errB != nil:
		return errA != nil && errB != nil && bare(errA).Error() == bare(errB).Error()
	case a.Mode().Type() != b.Mode().Type():
		return false
	}
	if hash := c.a.stored(abs); !hash.IsZero() && hash == c.b.stored(abs) {
		return true
	}
	switch {
	case a.Mode()&fs.ModeSymlink != 0:
		to, errA := c.a.Readlink(abs)
		also, errB := c.b.Readlink(abs)
		if errA != nil || errB != nil || to != also {
			return false
		}
		real, errA := c.a.EvalSymlinks(abs)
		other, errB := c.b.EvalSymlinks(abs)
		return errA != nil && errB != nil || real == other && c.Same(real)
	case a.IsDir():
		ours, errA := c.a.ReadDir(abs)
		theirs, errB := c.b.ReadDir(abs)
		if errA != nil || errB != nil || len(ours) != len(theirs) {
			return false
		}
		for i, e := range ours {
			if e.Name() != theirs[i].Name() || !c.Same(filepath.Join(abs, e.Name())) {
				return false
			}
		}
		return true
	}
	return c.sameFile(abs)
}

func (c *Comparison) sameFile(abs string) bool {
	for _, pair := range [][2]*Tree{{c.a, c.b}, {c.b, c.a}} {
		if hash := pair[0].stored(abs); !hash.IsZero() && pair[1].stored(abs).IsZero() {
			data, err := pair[1].ReadFile(abs)
			return err == nil && plumbing.ComputeHash(plumbing.BlobObject, data) == hash
		}
	}
	if a, b := c.a.stored(abs), c.b.stored(abs); !a.IsZero() && !b.IsZero() {
		return a == b
	}
	ours, errA := c.a.ReadFile(abs)
	theirs, errB := c.b.ReadFile(abs)
	return errA == nil && errB == nil && bytes.Equal(ours, theirs)
}

// stored returns the hash that git's object store has a file or a directory by, a file of the
// work tree included that is as git has written it; zero where that is not known.
func (w *world) stored(abs string) plumbing.Hash {
	real, err := w.real(filepath.Dir(abs), 0)
	if err != nil {
		return plumbing.ZeroHash
	}
	return w.hash(filepath.Join(real, filepath.Base(abs)))
}

// hash is stored of a path without links.
func (w *world) hash(at string) plumbing.Hash {
	switch from := w.files.(type) {
	case *edited:
		if from.touches(at) {
			return plumbing.ZeroHash
		}
		if s, ok := from.files.(seen); ok {
			return s.w.hash(at)
		}
	case *stored:
		if n, _, err := from.at(at); err == nil && n != nil {
			return n.hash
		}
	case system:
		if info, err := w.lstat(at); err == nil && w.index != nil {
			return w.index.hash(at, info)
		}
	}
	return plumbing.ZeroHash
}

// store returns the object store of git that the files are read from; nil for none.
func (w *world) store() *stored {
	switch from := w.files.(type) {
	case *edited:
		if s, ok := from.files.(seen); ok {
			return s.w.store()
		}
	case *stored:
		return from
	}
	return nil
}

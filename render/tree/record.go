package tree

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A Use is what was done with a path.
type Use string

// The uses of paths.
const (
	read    Use = "read"
	Listed  Use = "listed"
	looked  Use = "looked up"
	entered Use = "looked up as it is" // a link itself
)

// An Input is a path that something was made of, or that was looked up without finding it. Whatever
// was made of the inputs of a record stays as it is as long as each is the same.
type Input struct {
	Path    string // absolute, as it was named
	Real    string // where its links lead; of a missing path, as far as they lead
	Use     Use
	Missing bool // there is nothing at the path, or nothing that is read
	// Digest is of the bytes of a file, of the names and kinds in a directory, or of the
	// kind of what was only looked up.
	Digest [sha256.Size]byte
}

type request struct {
	use  Use
	path string
}

type answer struct {
	real    string
	info    fs.FileInfo
	target  string
	entries []fs.DirEntry
	content *content
	err     error
}

// record is what one view was requested.
type record struct {
	mu     sync.Mutex
	seen   map[request]*answer
	opened map[string]bool
}

func (r *record) add(q request, a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[q] == nil {
		r.seen[q] = a
	}
}

func (r *record) open(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened[path] = true
}

func (r *record) has(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened[path]
}

func (r *record) sources() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.opened))
}

func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.opened)
}

// Include adds to what this view remembers what another one of the same files does: that is read
// here, too.
func (t *Tree) Include(other *Tree) {
	other.record.mu.Lock()
	seen, opened := maps.Clone(other.record.seen), slices.Collect(maps.Keys(other.record.opened))
	other.record.mu.Unlock()
	for q, a := range seen {
		t.record.add(q, a)
	}
	for _, path := range opened {
		t.record.open(path)
	}
}

// Inputs returns what was read, listed and looked up through this view, by path.
func (t *Tree) Inputs() []Input {
	t.record.mu.Lock()
	defer t.record.mu.Unlock()
	inputs := make([]Input, 0, len(t.record.seen))
	for q, a := range t.record.seen {
		inputs = append(inputs, Input{Path: q.path, Real: a.real, Use: q.use, Missing: a.err != nil, Digest: a.digest(q.use)})
	}
	slices.SortFunc(inputs, func(a, b Input) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Use), string(b.Use)))
	})
	return inputs
}

// Same reports whether an input is in this tree what it was.
func (t *Tree) Same(in Input) bool {
	again := t.Record()
	switch in.Use {
	case read:
		_, _ = again.ReadFile(in.Path)
	case Listed:
		_, _ = again.ReadDir(in.Path)
	case looked:
		_, _ = again.Stat(in.Path)
	case entered:
		_, _ = again.Lstat(in.Path)
	}
	for _, now := range again.Inputs() {
		return now == in
	}
	return false
}

func (a *answer) digest(use Use) (sum [sha256.Size]byte) {
	if a.err != nil {
		return sha256.Sum256([]byte(a.err.Error()))
	}
	switch use {
	case read:
		return sha256.Sum256(a.content.data)
	case Listed:
		h := sha256.New()
		for _, e := range a.entries {
			describe(h, e.Name(), e.Type())
		}
		h.Sum(sum[:0])
	default:
		h := sha256.New()
		describe(h, a.target, a.info.Mode().Type())
		h.Sum(sum[:0])
	}
	return sum
}

func describe(h hash.Hash, name string, kind fs.FileMode) {
	fmt.Fprintf(h, "%q %d\n", name, kind)
}

package tree

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// Revision returns the files of a commit as if they were checked out at root, the root of a
// git checkout, and nothing else. They are read from git's object store. name is as for
// [Repository.Commit].
func Revision(root, name string) (*Tree, error) {
	r, err := OpenRepository(root)
	if err != nil {
		return nil, err
	}
	commit, err := r.Commit(name)
	if err != nil {
		return nil, err
	}
	return r.Tree(commit), nil
}

// openStore opens the object store of a checkout, which may be a worktree of another one
// (https://git-scm.com/docs/gitrepository-layout).
func openStore(root string) (*filesystem.Storage, error) {
	dir := filepath.Join(root, ".git")
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		text, err := readAll(func() (io.ReadCloser, error) { return system{}.open(dir) }, 1<<16)
		if err != nil {
			return nil, err
		}
		to, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
		if !ok {
			return nil, fmt.Errorf("%s names no gitdir", dir)
		}
		if dir = filepath.FromSlash(to); !filepath.IsAbs(dir) {
			dir = filepath.Join(root, dir)
		}
	}
	at := osfs.New(dir)
	shared := filepath.Join(dir, "commondir")
	if text, err := readAll(func() (io.ReadCloser, error) { return system{}.open(shared) }, 1<<16); err == nil {
		common := filepath.FromSlash(strings.TrimSpace(string(text)))
		if !filepath.IsAbs(common) {
			common = filepath.Join(dir, common)
		}
		at = dotgit.NewRepositoryFilesystem(at, osfs.New(common))
	}
	return filesystem.NewStorage(at, cache.NewObjectLRUDefault()), nil
}

// resolveCommit returns the commit that a revision names.
func resolveCommit(store *filesystem.Storage, name string) (*object.Commit, error) {
	name = strings.TrimSuffix(name, "^{commit}")
	base, steps := name, ""
	if i := strings.IndexAny(name, "~^"); i >= 0 {
		base, steps = name[:i], name[i:]
	}
	commit, err := namedCommit(store, base)
	if err != nil {
		return nil, err
	}
	for steps != "" {
		digits := 1
		for digits < len(steps) && steps[digits] >= '0' && steps[digits] <= '9' {
			digits++
		}
		n, err := strconv.Atoi(cmp.Or(steps[1:digits], "1"))
		if err != nil {
			return nil, err
		}
		switch {
		case steps[0] == '~':
			for range n {
				if commit, err = commit.Parent(0); err != nil {
					return nil, err
				}
			}
		case steps[0] == '^' && n > 0:
			if commit, err = commit.Parent(n - 1); err != nil {
				return nil, err
			}
		case steps[0] != '^':
			return nil, fmt.Errorf("%q is not a step from one commit to another", steps)
		}
		steps = steps[digits:]
	}
	return commit, nil
}

// namedCommit returns the commit of a reference, a tag or a commit id.
func namedCommit(store *filesystem.Storage, name string) (*object.Commit, error) {
	if name == "@" {
		name = "HEAD"
	}
	for _, rule := range plumbing.RefRevParseRules {
		ref, err := storer.ResolveReference(store, plumbing.ReferenceName(fmt.Sprintf(rule, name)))
		if err != nil {
			continue
		}
		hash := ref.Hash()
		for {
			tag, err := object.GetTag(store, hash)
			if err != nil {
				return object.GetCommit(store, hash)
			}
			hash = tag.Target
		}
	}
	const shortest = 4 // as git has it
	id := strings.ToLower(name)
	if len(id) < shortest || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, plumbing.ErrReferenceNotFound
	}
	if plumbing.IsHash(id) {
		return object.GetCommit(store, plumbing.NewHash(id))
	}
	var found *object.Commit
	commits, err := store.IterEncodedObjects(plumbing.CommitObject)
	if err != nil {
		return nil, err
	}
	defer commits.Close()
	err = commits.ForEach(func(o plumbing.EncodedObject) error {
		if !strings.HasPrefix(o.Hash().String(), id) || found != nil && found.Hash == o.Hash() {
			return nil
		}
		if found != nil {
			return fmt.Errorf("more than one commit begins with %s; write more of its id", id)
		}
		found, err = object.DecodeCommit(store, o)
		return err
	})
	if err == nil && found == nil {
		err = plumbing.ErrReferenceNotFound
	}
	return found, err
}

// stored is files of git's object store: those of a commit, or of whatever else fills a node.
type stored struct {
	root string // where they would be checked out

	mu  sync.Mutex // the stores are not safe for concurrent use
	top *node
}

// A node is a file, a link or a directory of a store.
type node struct {
	hash     plumbing.Hash
	mode     filemode.FileMode
	children map[string]*node // of a directory; nil where it was not read yet
	store    storer.EncodedObjectStorer
	path     string // where it would be checked out
	entered  bool   // of a submodule: store is its own
}

// at returns the node at a path, and whether the path is a directory above them all.
func (s *stored) at(path string) (n *node, above bool, err error) {
	if Within(path, s.root) && path != s.root {
		return nil, true, nil
	}
	if !Within(s.root, path) {
		return nil, false, syscall.ENOENT
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n = s.top
	if path == s.root {
		return n, false, nil
	}
	for name := range strings.SplitSeq(filepath.ToSlash(path[len(strings.TrimSuffix(s.root, string(filepath.Separator)))+1:]), "/") {
		children, err := s.children(n)
		if err != nil {
			return nil, false, err
		}
		if n = children[name]; n == nil {
			return nil, false, syscall.ENOENT
		}
	}
	return n, false, nil
}

// children reads a directory. The lock is held.
func (s *stored) children(n *node) (map[string]*node, error) {
	if n.children != nil || n.mode != filemode.Dir && n.mode != filemode.Submodule {
		return n.children, nil
	}
	hash := n.hash
	if n.mode == filemode.Submodule {
		if err := s.enter(n); err != nil || n.store == nil {
			return nil, err
		}
		commit, err := object.GetCommit(n.store, n.hash)
		if err != nil {
			return nil, fmt.Errorf("commit %s of the submodule is not in its repository; fetch it (git submodule update --init)", n.hash.String()[:12])
		}
		hash = commit.TreeHash
	}
	t, err := object.GetTree(n.store, hash)
	if err != nil {
		return nil, err
	}
	n.children = make(map[string]*node, len(t.Entries))
	for _, e := range t.Entries {
		n.children[e.Name] = &node{hash: e.Hash, mode: e.Mode, store: n.store, path: filepath.Join(n.path, e.Name)}
	}
	return n.children, nil
}

// enter opens the repository of a submodule, which is none of that of the checkout around
// it. One that is not checked out is empty, as its directory is.
func (s *stored) enter(n *node) error {
	if n.entered {
		return nil
	}
	n.store = nil
	if _, err := os.Stat(filepath.Join(n.path, ".git")); err != nil {
		return nil
	}
	store, err := openStore(n.path)
	if err != nil {
		return err
	}
	n.store, n.entered = store, true
	return nil
}

// info describes a node, but for the size of a file.
func (s *stored) info(name string, n *node) memory {
	m := memory{name: name}
	switch n.mode {
	case filemode.Dir, filemode.Submodule:
		m.mode = fs.ModeDir | 0o755
	case filemode.Symlink:
		m.mode = fs.ModeSymlink
	}
	return m
}

// size returns how many bytes a file holds. Git unpacks a part of it to know.
func (s *stored) size(n *node) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	size, _ := n.store.EncodedObjectSize(n.hash)
	return size
}

func (s *stored) lstat(path string) (fs.FileInfo, error) {
	n, above, err := s.at(path)
	switch {
	case filepath.Base(path) == ".git" && s.isRoot(filepath.Dir(path)):
		return memory{name: ".git", mode: fs.ModeDir}, nil
	case above:
		return memory{name: filepath.Base(path), mode: fs.ModeDir | 0o755}, nil
	case err != nil:
		return nil, err
	}
	return s.info(filepath.Base(path), n), nil
}

// isRoot reports whether a directory is the root of a checkout, whatever else is there.
func (s *stored) isRoot(dir string) bool {
	if dir == s.root {
		return true
	}
	n, _, err := s.at(dir)
	if err != nil || n == nil || n.mode != filemode.Submodule {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enter(n) == nil && n.store != nil
}

func (s *stored) readDir(path string) ([]fs.DirEntry, error) {
	n, above, err := s.at(path)
	switch {
	case above: // of what lies beside the checkout the store knows nothing
		return nil, nil
	case err != nil:
		return nil, err
	}
	s.mu.Lock()
	children, err := s.children(n)
	s.mu.Unlock()
	var entries []fs.DirEntry
	for name, child := range children {
		entries = append(entries, fs.FileInfoToDirEntry(s.info(name, child)))
	}
	return entries, err
}

func (s *stored) readlink(path string) (string, error) {
	n, _, err := s.at(path)
	if err != nil {
		return "", err
	}
	if n == nil || n.mode != filemode.Symlink {
		return "", syscall.EINVAL
	}
	const longest = 1 << 12
	text, err := readAll(func() (io.ReadCloser, error) { return s.reader(n) }, longest)
	return filepath.FromSlash(string(text)), err
}

func (s *stored) open(path string) (io.ReadCloser, error) {
	n, above, err := s.at(path)
	switch {
	case above:
		return nil, irregular(fs.ModeDir)
	case err != nil:
		return nil, err
	}
	info := s.info(filepath.Base(path), n)
	if !info.Mode().IsRegular() {
		return nil, irregular(info.mode)
	}
	info.size = s.size(n)
	return &blob{s: s, n: n, info: info}, nil
}

func (s *stored) reader(n *node) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := object.GetBlob(n.store, n.hash)
	if err != nil {
		return nil, err
	}
	return b.Reader()
}

// A blob is a file of the store. It is unpacked when it is first read, so that its size can
// be examined before.
type blob struct {
	s    *stored
	n    *node
	info memory
	r    io.ReadCloser
}

func (b *blob) Stat() (fs.FileInfo, error) { return b.info, nil }

func (b *blob) Read(p []byte) (int, error) {
	if b.r == nil {
		r, err := b.s.reader(b.n)
		if err != nil {
			return 0, err
		}
		b.r = r
	}
	return b.r.Read(p)
}

func (b *blob) Close() error {
	if b.r == nil {
		return nil
	}
	return b.r.Close()
}

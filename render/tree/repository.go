package tree

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// A Repository is the git repository of a checkout. It is read, never written, and no
// program is run for it.
type Repository struct {
	root  string // of the checkout, links resolved
	store *filesystem.Storage
	index []*index.Entry // where it was read
}

// A Commit is one commit of a [Repository].
type Commit = object.Commit

var (
	// ErrShallow says that a clone holds too little of its history for what was asked.
	ErrShallow = errors.New("the clone is shallow and does not have it; fetch the whole history (git fetch --unshallow; fetch-depth: 0 for actions/checkout, GIT_DEPTH: 0 for GitLab)")
	// ErrNoCommit says that nothing was committed yet.
	ErrNoCommit = errors.New("the repository has no commit yet")
)

// OpenRepository opens the repository of the checkout at root, be it a worktree of another
// one, or a submodule.
func OpenRepository(root string) (*Repository, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	store, err := openStore(abs)
	if err != nil {
		return nil, fmt.Errorf("the git repository cannot be opened: %w", bare(err))
	}
	r := &Repository{root: abs, store: store}
	if c, err := store.Config(); err == nil {
		extensions := c.Raw.Section("extensions")
		for key, only := range map[string]string{"objectFormat": "sha1", "refStorage": "files"} {
			if v := extensions.Option(key); v != "" && !strings.EqualFold(v, only) {
				return nil, fmt.Errorf("the git repository has extensions.%s %q, which is not read; only %q is", key, v, only)
			}
		}
	}
	return r, nil
}

// Remotes returns the addresses of the remotes of the checkout at root, as its configuration
// has them; none where there is no checkout, or it cannot be read.
func Remotes(root string) []string {
	store, err := openStore(root)
	if err != nil {
		return nil
	}
	c, err := store.Config()
	if err != nil {
		return nil
	}
	var all []string
	for _, remote := range c.Remotes {
		all = append(all, remote.URLs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Root returns the root of the checkout, its links resolved.
func (r *Repository) Root() string { return r.root }

// Commit returns what a name stands for: a full or shortened commit id, HEAD or @, a branch,
// a remote branch or a tag, each with ~N or ^N behind it as in git
// (https://git-scm.com/docs/gitrevisions). The error is, or wraps, [ErrShallow] where the
// clone is shallow, and [ErrNoCommit] where there is none at all.
func (r *Repository) Commit(name string) (*Commit, error) {
	commit, err := resolveCommit(r.store, name)
	if err == nil {
		return commit, nil
	}
	if _, headErr := namedCommit(r.store, "HEAD"); errors.Is(headErr, plumbing.ErrReferenceNotFound) {
		if head, refErr := r.store.Reference(plumbing.HEAD); refErr == nil && head.Type() == plumbing.SymbolicReference && !r.anyBranch() {
			return nil, ErrNoCommit
		}
	}
	if r.shallow() != nil {
		return nil, ErrShallow
	}
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		err = errors.New("there is no such branch, tag or commit; check the name, or fetch it")
	case errors.Is(err, object.ErrParentNotFound):
		err = errors.New("the history does not go back that far")
	case errors.Is(err, plumbing.ErrObjectNotFound):
		err = errors.New("the repository does not have the commit; fetch it")
	}
	return nil, err
}

func (r *Repository) anyBranch() bool {
	refs, err := r.store.IterReferences()
	if err != nil {
		return true
	}
	defer refs.Close()
	any := false
	_ = refs.ForEach(func(ref *plumbing.Reference) error {
		any = any || ref.Type() == plumbing.HashReference
		return nil
	})
	return any
}

// shallow returns the commits whose parents the clone does not have; nil for a whole one.
func (r *Repository) shallow() map[plumbing.Hash]bool {
	hashes, err := r.store.Shallow()
	if err != nil || len(hashes) == 0 {
		return nil
	}
	all := map[plumbing.Hash]bool{}
	for _, h := range hashes {
		all[h] = true
	}
	return all
}

// IsBranch reports whether a name is that of a branch, or of a branch of a remote.
func (r *Repository) IsBranch(name string) bool {
	for _, rule := range plumbing.RefRevParseRules {
		full := plumbing.ReferenceName(fmt.Sprintf(rule, name))
		if _, err := storer.ResolveReference(r.store, full); err == nil {
			return full.IsBranch() || full.IsRemote()
		}
	}
	return false
}

// MergeBase returns the newest commit that two commits have in common, as git merge-base.
// The error is [ErrShallow] where a shallow clone does not reach back to one.
func (r *Repository) MergeBase(a, b *Commit) (*Commit, error) {
	const both = 3
	shallow := r.shallow()
	seen := map[plumbing.Hash]int{a.Hash: 1}
	seen[b.Hash] |= 2
	queue := &newest{a}
	if b.Hash != a.Hash {
		heap.Push(queue, b)
	}
	queued := map[plumbing.Hash]bool{a.Hash: true, b.Hash: true}
	var best *Commit
	for queue.Len() > 0 {
		c := heap.Pop(queue).(*Commit)
		delete(queued, c.Hash)
		if seen[c.Hash] == both {
			if best == nil {
				best = c
			}
			return best, nil
		}
		if shallow[c.Hash] {
			continue
		}
		for _, h := range c.ParentHashes {
			if seen[h]|seen[c.Hash] == seen[h] {
				continue
			}
			seen[h] |= seen[c.Hash]
			if queued[h] {
				continue
			}
			parent, err := object.GetCommit(r.store, h)
			if err != nil {
				if shallow != nil {
					continue
				}
				return nil, fmt.Errorf("commit %s cannot be read: %w", h.String()[:12], err)
			}
			queued[h] = true
			heap.Push(queue, parent)
		}
	}
	if shallow != nil {
		return nil, ErrShallow
	}
	return nil, errors.New("they have no commit in common")
}

// newest is a heap of commits, the newest first.
type newest []*Commit

func (q newest) Len() int { return len(q) }
func (q newest) Less(i, j int) bool {
	if a, b := q[i].Committer.When, q[j].Committer.When; !a.Equal(b) {
		return a.After(b)
	}
	return q[i].Hash.String() < q[j].Hash.String()
}
func (q newest) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *newest) Push(c any)   { *q = append(*q, c.(*Commit)) }
func (q *newest) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// Tree returns the files of a commit as if they were checked out, and nothing else.
func (r *Repository) Tree(c *Commit) *Tree {
	return r.tree(&node{hash: c.TreeHash, mode: filemode.Dir})
}

// Empty returns the tree of a repository in which nothing was committed.
func (r *Repository) Empty() *Tree {
	return r.tree(&node{mode: filemode.Dir, children: map[string]*node{}})
}

func (r *Repository) tree(top *node) *Tree {
	top.store, top.path = r.store, r.root
	t := newTree(&stored{root: r.root, top: top})
	t.ResolveCwd() // the store knows no link above the checkout
	return t
}

// Index returns the files as they are staged: what git would commit now. file is where the
// index is read, "" for where git has it; a hook is told by GIT_INDEX_FILE.
func (r *Repository) Index(file string) (*Tree, error) {
	entries, err := r.entries(file)
	if err != nil {
		return nil, fmt.Errorf("the index cannot be read: %w", bare(err))
	}
	top := &node{mode: filemode.Dir, children: map[string]*node{}}
	for _, e := range entries {
		if e.Stage != 0 {
			return nil, fmt.Errorf("%s is not merged; resolve the conflict and git add it", e.Name)
		}
		if e.IntentToAdd {
			continue
		}
		dir, path := top, r.root
		names := strings.Split(strings.TrimSuffix(e.Name, "/"), "/")
		for i, name := range names {
			path = filepath.Join(path, name)
			child := dir.children[name]
			switch {
			case i == len(names)-1:
				child = &node{hash: e.Hash, mode: e.Mode, store: r.store, path: path}
			case child == nil:
				child = &node{mode: filemode.Dir, children: map[string]*node{}, store: r.store, path: path}
			}
			dir.children[name] = child
			dir = child
		}
	}
	return r.tree(top), nil
}

// Tracked returns the paths of the files that the index holds, absolute and sorted. file is as
// for [Repository.Index].
func (r *Repository) Tracked(file string) ([]string, error) {
	entries, err := r.entries(file)
	if err != nil {
		return nil, fmt.Errorf("the index cannot be read: %w", bare(err))
	}
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = filepath.Join(r.root, filepath.FromSlash(e.Name))
	}
	slices.Sort(paths)
	return paths, nil
}

func (r *Repository) entries(file string) ([]*index.Entry, error) {
	if file == "" && r.index != nil {
		return r.index, nil
	}
	if file == "" {
		idx, err := r.store.Index()
		if err != nil {
			return nil, err
		}
		r.index = idx.Entries
		return r.index, nil
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(r.root, file)
	}
	f, err := system{}.open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	idx := &index.Index{}
	if err := index.NewDecoder(io.Reader(f)).Decode(idx); err != nil {
		return nil, err
	}
	return idx.Entries, nil
}

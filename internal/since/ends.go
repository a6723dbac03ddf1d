package since

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/tree"
)

// Ends are the two trees that are compared.
type Ends struct {
	Now, Then *tree.Tree
	Root      string // of the checkout, links resolved
	Name      string // of the revision, as it is printed
	Commit    string // its id; "" where nothing was committed yet

	staged bool
}

// A RevisionError is a revision that cannot be compared with. It is a mistake of the command
// line, unless the clone is shallow.
type RevisionError struct {
	Name string
	Err  error
}

func (e *RevisionError) Error() string { return fmt.Sprintf("revision %q: %v", e.Name, e.Err) }

func (e *RevisionError) Unwrap() error { return e.Err }

// Find finds the ends of a comparison in the checkout at root: a revision, or HEAD where it is
// "", and the work tree, or the index where it is staged that is linted. Of a branch, local or
// of a remote, the merge base with HEAD counts; "main.." is the commit of main itself. Where
// nothing was committed, HEAD holds no file.
//
// What helm fetched into the charts/ directories of charts, and git does not track, is in no
// revision, yet each needs it. It counts for the revisions whose lock or Chart.yaml names it
// in this version; a change of the version is a change. Of a chart of the tree itself it is a
// copy, which neither end reads.
func Find(root, revision string, staged bool) (*Ends, error) {
	repo, err := tree.OpenRepository(root)
	if err != nil {
		return nil, err
	}
	ends, err := find(repo, revision, staged)
	if err == nil {
		ends.fetched(repo)
	}
	return ends, err
}

func find(repo *tree.Repository, revision string, staged bool) (ends *Ends, err error) {
	ends = &Ends{Root: repo.Root(), Now: tree.New(nil)}
	ends.Now.ResolveCwd()
	if !staged {
		repo.Know(ends.Now)
	} else {
		// a hook of "git commit FILE" is told of an index of its own (https://git-scm.com/docs/githooks)
		if ends.Now, err = repo.Index(indexFile()); err != nil {
			return nil, err
		}
		ends.staged = true
	}
	if revision == "" {
		revision = "HEAD"
		if head, err := repo.Commit(revision); errors.Is(err, tree.ErrNoCommit) {
			ends.Name, ends.Then = revision, repo.Empty()
		} else if err != nil {
			return nil, &RevisionError{revision, err}
		} else {
			ends.Name, ends.Then, ends.Commit = revision, repo.Tree(head), head.Hash.String()
		}
		return ends, nil
	}
	name, exact := strings.CutSuffix(revision, "..")
	commit, err := repo.Commit(name)
	if err != nil {
		return nil, &RevisionError{name, err}
	}
	if !exact && repo.IsBranch(name) {
		head, err := repo.Commit("HEAD")
		if err != nil {
			return nil, &RevisionError{"HEAD", err}
		}
		base, err := repo.MergeBase(head, commit)
		if err != nil {
			return nil, &RevisionError{name, fmt.Errorf("where HEAD left it cannot be found: %w; %s.. compares with the branch itself", err, name)}
		}
		commit = base
	}
	ends.Name, ends.Then, ends.Commit = name, repo.Tree(commit), commit.Hash.String()
	return ends, nil
}

func indexFile() string { return os.Getenv("GIT_INDEX_FILE") }

// fetched puts what helm fetched, and git does not track, into the ends that name it. Where
// the index cannot be read, nothing is known to be untracked.
func (e *Ends) fetched(repo *tree.Repository) {
	paths, err := repo.Tracked(indexFile())
	if err != nil {
		return
	}
	tracked := func(path string) bool {
		_, found := slices.BinarySearch(paths, path)
		below, _ := slices.BinarySearch(paths, path+string(filepath.Separator))
		return found || below < len(paths) && tree.Within(path, paths[below])
	}
	work := tree.New(nil)
	now, then := map[string][]byte{}, map[string][]byte{}
	add := func(edits map[string][]byte, fetched []string) {
		for _, path := range fetched {
			for _, file := range helm.FilesBelow(path, work) {
				if data, err := work.ReadFile(file); err == nil {
					edits[file] = data
				}
			}
		}
	}
	for _, path := range paths {
		if filepath.Base(path) != "Chart.yaml" {
			continue
		}
		dir := filepath.Dir(path)
		of, copies := helm.Untracked(dir, work, e.Now, tracked)
		if e.staged {
			add(now, of)
		} else {
			for _, copied := range copies {
				now[copied] = nil
			}
		}
		of, _ = helm.Untracked(dir, work, e.Then, tracked)
		add(then, of)
	}
	for _, end := range []struct {
		tree  **tree.Tree
		edits map[string][]byte
	}{{&e.Now, now}, {&e.Then, then}} {
		if len(end.edits) > 0 {
			*end.tree = (*end.tree).Edit(end.edits)
		}
	}
}

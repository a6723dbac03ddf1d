package since

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/manilint/manilint/render/tree"
)

// Ends are the two trees that are compared.
type Ends struct {
	Now, Then *tree.Tree
	Root      string // of the checkout, links resolved
	Name      string // of the revision, as it is printed
	Commit    string // its id; "" where nothing was committed yet
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
func Find(root, revision string, staged bool) (*Ends, error) {
	repo, err := tree.OpenRepository(root)
	if err != nil {
		return nil, err
	}
	ends := &Ends{Root: repo.Root(), Now: tree.New(nil)}
	ends.Now.ResolveCwd()
	if staged {
		// a hook of "git commit FILE" is told of an index of its own (https://git-scm.com/docs/githooks)
		if ends.Now, err = repo.Index(os.Getenv("GIT_INDEX_FILE")); err != nil {
			return nil, err
		}
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

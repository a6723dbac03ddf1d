package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/internal/fix"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/render/tree"
)

// TestProofsEndWithTheirTime gives the proofs of fixes no time, and then all that they need.
func TestProofsEndWithTheirTime(t *testing.T) {
	dir := lookTree(t)
	f := &flags{}
	for _, late := range []bool{true, false} {
		files := tree.New(nil)
		files.From(dir)
		looked := false
		now := time.Now()
		o := fix.Options{
			Paths: []string{dir}, Begin: func(string) {}, Budget: time.Hour,
			Open: func(ctx context.Context, t *tree.Tree) ([]session.Group, error) {
				opened, err := f.opener()(ctx, t, []string{dir})
				if err != nil {
					return nil, err
				}
				return opened.Groups, nil
			},
			Now: func() time.Time {
				if looked && late {
					return now.Add(2 * time.Hour)
				}
				return now
			},
		}
		s, err := fix.Look(t.Context(), files, o)
		if err != nil {
			t.Fatal(err)
		}
		looked = true
		rep := engine.Merge(s.Results()...)
		r, err := s.Fix(t.Context(), rep.Findings, fix.All)
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, x := range rep.Findings {
			if x.Fix != nil && strings.Contains(x.Fix.Reason, "no time was left to prove it; fix it by itself (--only "+x.Rule.ID) {
				left++
			}
		}
		if late && (r.Fixed > 0 || len(r.Files) > 0 || left == 0 || !s.Late()) {
			t.Errorf("without time %d findings are fixed in %d files, and of %d it says why not", r.Fixed, len(r.Files), left)
		}
		if !late && (r.Fixed == 0 || left > 0) {
			t.Errorf("with time %d findings are fixed, and for %d there was none", r.Fixed, left)
		}
	}
}

// TestNoFileIsReplacedByANewOne writes a file that is to be made where one has appeared, one whose
// directory has become a link, and one that can be made.
func TestNoFileIsReplacedByANewOne(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	there := write(t, dir, "a/new.yaml", "mine\n")
	named := write(t, dir, "a/kustomization.yaml", "resources: []\n")
	if err := os.Symlink("a", filepath.Join(dir, "linked")); err != nil {
		t.Skip(err)
	}
	c := &command{files: &reportFiles{}}
	edit := &fix.File{Path: named, Shown: "kustomization.yaml", Before: []byte("resources: []\n"), After: []byte("resources: [new.yaml]\n")}
	for path, want := range map[string]string{
		there:                                    "it is there by now",
		filepath.Join(dir, "linked", "new.yaml"): "its directory changed",
		filepath.Join(dir, "gone", "new.yaml"):   "no such file",
	} {
		written, err := c.writeFixes([]*fix.File{edit, {Path: path, Shown: "new.yaml", After: []byte("theirs\n")}})
		if written != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d files are written, the error is %v", path, written, err)
		}
	}
	made := filepath.Join(dir, "a", "other.yaml")
	if written, err := c.writeFixes([]*fix.File{edit, {Path: made, Shown: "other.yaml", After: []byte("theirs\n")}}); written != 2 || err != nil {
		t.Errorf("%d files are written: %v", written, err)
	}
	for path, want := range map[string]string{there: "mine\n", made: "theirs\n", named: "resources: [new.yaml]\n"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s holds %q: %v", path, got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", ".manilint*")); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

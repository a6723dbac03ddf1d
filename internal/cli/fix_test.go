package cli

import (
	"context"
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

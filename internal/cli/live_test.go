package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render/tree"
)

// lintedText is what a session says of a directory, as JSON without notes.
func lintedText(t *testing.T, s *session.Session, dir string, edits map[string][]byte, changed []string) (string, *session.Result) {
	t.Helper()
	files := tree.New(edits)
	files.From(dir)
	r, err := s.Lint(t.Context(), files, []string{dir}, changed)
	if err != nil {
		t.Fatal(err)
	}
	r.Report.Notes = nil // what is said of values files that nothing uses needs every unit
	var out bytes.Buffer
	if err := report.Formats["json"](&out, r.Report, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String(), r
}

// TestASessionEqualsARun edits random files of a tree with charts and overlays, in memory and
// on disk, and compares what a session says with what a new one says.
func TestASessionEqualsARun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.CopyFS(dir, os.DirFS("../../fixtures/example")); err != nil {
		t.Fatal(err)
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	s := session.New((&flags{}).opener())
	edits := map[string][]byte{}
	first, r := lintedText(t, s, dir, edits, nil)
	if len(r.Report.Findings) < 10 || len(r.Rendered) < 3 {
		t.Fatalf("the tree has %d findings in %d units; the test needs more", len(r.Report.Findings), len(r.Rendered))
	}
	if again, r := lintedText(t, s, dir, edits, nil); again != first || len(r.Rendered) > 0 {
		t.Fatalf("nothing changed, and %v were rendered", r.Rendered)
	}
	kept := 0
	for n := range 40 {
		path := files[random.IntN(len(files))]
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if edited, ok := edits[path]; ok {
			text = edited
		}
		lines := strings.SplitAfter(string(text), "\n")
		at := random.IntN(len(lines))
		switch random.IntN(5) {
		case 0:
			lines = slices.Insert(lines, at, fmt.Sprintf("# comment %d\n", n))
		case 1:
			lines = slices.Delete(lines, at, at+1)
		case 2:
			lines = slices.Insert(lines, at, lines[at])
		case 3:
			lines[at] = strings.ReplaceAll(strings.ReplaceAll(lines[at], "true", "false"), "1", "2")
		case 4:
			lines = append(lines, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: added, namespace: shop}\nspec: {hostNetwork: true}\n")
		}
		data := []byte(strings.Join(lines, ""))
		changed := []string{path}
		switch random.IntN(4) {
		case 0: // a file beside it comes
			path = filepath.Join(filepath.Dir(path), fmt.Sprintf("added-%d.yaml", n))
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			changed = []string{path}
		case 1: // it is saved
			delete(edits, path)
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			edits[path] = data
		}
		if n%7 == 0 {
			changed = nil
		}
		now, r := lintedText(t, s, dir, edits, changed)
		want, _ := lintedText(t, session.New((&flags{}).opener()), dir, edits, nil)
		if now != want {
			t.Fatalf("edit %d of %s: the session says, and a new one\n%s", n, changed, firstDifference(now, want))
		}
		kept += r.Kept
	}
	if kept < 40 {
		t.Errorf("only %d units were kept in 40 edits", kept)
	}
}

// firstDifference returns the first lines in which two texts differ, each with what is around it.
func firstDifference(a, b string) string {
	first, second := strings.Split(a, "\n"), strings.Split(b, "\n")
	n := 0
	for n < min(len(first), len(second)) && first[n] == second[n] {
		n++
	}
	around := func(lines []string) string { return strings.Join(lines[max(0, n-3):min(len(lines), n+8)], "\n") }
	return around(first) + "\n---\n" + around(second)
}

// TestASessionThatIsStopped keeps nothing of work that was stopped.
func TestASessionThatIsStopped(t *testing.T) {
	dir := "../../fixtures/example"
	s := session.New((&flags{}).opener())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lint(ctx, tree.New(nil), []string{dir}, nil); err == nil {
		t.Fatal("a run that was stopped is one that was finished")
	}
	r, err := s.Lint(t.Context(), tree.New(nil), []string{dir}, nil)
	if err != nil || len(r.Rendered) == 0 || len(r.Report.Findings) == 0 {
		t.Fatalf("after it %v were rendered: %v", r.Rendered, err)
	}
}

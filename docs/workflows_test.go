package docs_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// What runs with somebody's rights is named by its commit, which no one can move, and a
// workflow has no right that it does not name.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	uses := regexp.MustCompile(`(?m)^[ -]*uses: (.*)$`)
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range append(files, "../action.yml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := uses.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s uses nothing", file)
		}
		for _, m := range found {
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s: %s is not pinned by a commit, with the version behind it", file, m[1])
			}
		}
		var workflow struct {
			Permissions *map[string]string
		}
		if err := yaml.Unmarshal(text, &workflow); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if file == "../action.yml" {
			continue
		}
		if workflow.Permissions == nil {
			t.Errorf("%s names no permissions", file)
		}
		for right, level := range *workflow.Permissions {
			if right != "contents" || level != "read" {
				t.Errorf("%s: every job has %s: %s", file, right, level)
			}
		}
	}
}

// The action runs a released program that has the checksum which it was given, and no other.
func TestTheActionChecksWhatItDownloads(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "tar"} {
		need(t, tool)
	}
	text, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Runs struct {
			Steps []struct{ ID, Run string }
		}
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, step := range action.Runs.Steps {
		if step.ID == "download" {
			script = step.Run
		}
	}
	var archive bytes.Buffer
	zip := gzip.NewWriter(&archive)
	members := tar.NewWriter(zip)
	program := "#!/bin/sh\necho released\n"
	if err := members.WriteHeader(&tar.Header{Name: "manilint", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(members, program)
	members.Close()
	zip.Close()
	releases := t.TempDir()
	write(t, releases, map[string]string{"v1.2.3/manilint_1.2.3_linux_arm64.tar.gz": archive.String()})
	sum := fmt.Sprintf("%x", sha256.Sum256(archive.Bytes()))
	for _, c := range []struct{ version, sum, said string }{
		{"1.2.3", sum, ""},
		{"v1.2.3", sum, ""},
		{"1.2.3", strings.Repeat("0", 64), "has the checksum " + sum},
		{"1.2.4", sum, "curl"},
		{"", "", "set version"},
		{"1.2.3", "", "set version"},
		{"", sum, "set version"},
		{"1.2.3/../../x", sum, "set version"},
		{"$(touch bad)", sum, "set version"},
		{"1.2.3", sum + "; touch bad", "set version"},
	} {
		temp := t.TempDir()
		out, code := run(t, temp, []string{"VERSION=" + c.version, "SHA256=" + c.sum, "RELEASES=file://" + releases, "RUNNER_TEMP=" + temp, "RUNNER_OS=Linux", "RUNNER_ARCH=ARM64"},
			"bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
		if (code == 0) != (c.said == "") || !strings.Contains(out, c.said) {
			t.Errorf("version %q, checksum %q: exit status %d\n%s", c.version, c.sum, code, out)
		}
		left, err := os.ReadDir(temp)
		if err != nil || c.said == "" && (len(left) != 1 || left[0].Name() != "manilint") || c.said != "" && len(left) != 0 {
			t.Errorf("version %q, checksum %q leaves %v", c.version, c.sum, left)
		}
	}
}

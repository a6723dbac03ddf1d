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

// What the pages tell readers to copy is pinned as well: actions by a commit, images by a
// digest. COMMIT, DIGEST and SHA256 are for readers to fill in from a release.
func TestWhatReadersCopyIsPinned(t *testing.T) {
	text, err := os.ReadFile("ci.md")
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@([0-9a-f]{40}|COMMIT) # v\d+\.\d+\.\d+$`)
	uses := regexp.MustCompile(`(?m)^[ -]*uses: (.*)$`).FindAllStringSubmatch(string(text), -1)
	images := regexp.MustCompile(`(?m)^[ -]*image: (\S+)`).FindAllStringSubmatch(string(text), -1)
	if len(uses) == 0 || len(images) == 0 {
		t.Errorf("%d actions, %d images", len(uses), len(images))
	}
	for _, m := range uses {
		if !pinned.MatchString(m[1]) {
			t.Errorf("%s is not pinned by a commit", m[1])
		}
	}
	for _, m := range images {
		if !strings.HasSuffix(m[1], "@sha256:DIGEST") {
			t.Errorf("%s is not pinned by a digest", m[1])
		}
	}
	for _, floating := range []string{"@latest", ":latest", "curl | sh", "| bash"} {
		if strings.Contains(string(text), floating) {
			t.Errorf("ci.md has %q", floating)
		}
	}
	// the fragment that installs a release works, and refuses another archive
	for _, tool := range []string{"sh", "curl", "tar", "sha256sum"} {
		need(t, tool)
	}
	m := regexp.MustCompile("(?s)```sh\n(#!/bin/sh\n.*?)```").FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("the page installs no release")
	}
	archive := tarOf(t, "manilint", "#!/bin/sh\necho released\n")
	releases := t.TempDir()
	write(t, releases, map[string]string{"v1.2.3/manilint_1.2.3_linux_amd64.tar.gz": archive})
	script := strings.ReplaceAll(m[1], "https://github.com/manilint/manilint/releases/download", "file://"+releases)
	for _, sum := range []string{fmt.Sprintf("%x", sha256.Sum256([]byte(archive))), strings.Repeat("0", 64)} {
		dir := t.TempDir()
		out, code := run(t, dir, nil, "sh", "-c", strings.Replace(script, "sha256=SHA256", "sha256="+sum, 1))
		_, err := os.Stat(filepath.Join(dir, "manilint"))
		if good := sum[:8] != "00000000"; good != (code == 0) || good != (err == nil) {
			t.Errorf("checksum %s: exit status %d, %v\n%s", sum, code, err, out)
		}
	}
}

// tarOf returns a compressed archive that holds one program.
func tarOf(t *testing.T, name, program string) string {
	t.Helper()
	var archive bytes.Buffer
	zip := gzip.NewWriter(&archive)
	members := tar.NewWriter(zip)
	if err := members.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(members, program)
	members.Close()
	zip.Close()
	return archive.String()
}

// MegaLinter loads the descriptor: it names the fields that MegaLinter has, and flags that exist.
func TestTheMegaLinterDescriptor(t *testing.T) {
	text, err := os.ReadFile("../integrations/mega-linter-plugin-manilint/manilint.megalinter-descriptor.yml")
	if err != nil {
		t.Fatal(err)
	}
	var plugin struct {
		ID      string `yaml:"descriptor_id"`
		Type    string `yaml:"descriptor_type"`
		Linters []struct {
			Name  string   `yaml:"linter_name"`
			Mode  string   `yaml:"cli_lint_mode"`
			Args  []string `yaml:"cli_lint_extra_args"`
			After []string `yaml:"cli_lint_extra_args_after"`
			SARIF []string `yaml:"cli_sarif_args"`
			Count string   `yaml:"cli_lint_errors_regex"`
		}
	}
	if err := yaml.Unmarshal(text, &plugin); err != nil || plugin.ID == "" || plugin.Type != "tooling_format" || len(plugin.Linters) != 1 {
		t.Fatalf("%v: %+v", err, plugin)
	}
	l := plugin.Linters[0]
	dir := t.TempDir()
	write(t, dir, map[string]string{"pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {hostPID: true, containers: [{name: web, image: i}]}\n"})
	args := append(append([]string{"--only", "host-pid"}, l.Args...), l.After...)
	for _, a := range l.SARIF {
		args = append(args, strings.ReplaceAll(a, "{{SARIF_OUTPUT_FILE}}", "out.sarif"))
	}
	out, code := run(t, dir, nil, filepath.Join(binary(t), "manilint"), args...)
	sarif, err := os.ReadFile(filepath.Join(dir, "out.sarif"))
	if code != 1 || err != nil || !strings.Contains(string(sarif), `"ruleId": "host-pid"`) {
		t.Errorf("exit status %d, %v\n%s", code, err, out)
	}
	if m := regexp.MustCompile(l.Count).FindStringSubmatch(out); m == nil || m[1] != "1" {
		t.Errorf("%s finds %q in\n%s", l.Count, m, out)
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
	archive := tarOf(t, "manilint", "#!/bin/sh\necho released\n")
	releases := t.TempDir()
	write(t, releases, map[string]string{"v1.2.3/manilint_1.2.3_linux_arm64.tar.gz": archive})
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(archive)))
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

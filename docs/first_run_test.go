package docs_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// A newcomer without Go follows the page command by command and sees what it shows.
func TestTheFirstRun(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "tar", "sha256sum", "sed"} {
		need(t, tool)
	}
	if runtime.GOOS != "linux" {
		t.Skip("the page is about Linux")
	}
	text, err := os.ReadFile("first-run.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	dir, releases := t.TempDir(), t.TempDir()
	tree := regexp.MustCompile("(?s)```yaml\n# (deploy/agent.yaml)\n(.*?)```").FindStringSubmatch(page)
	if tree == nil {
		t.Fatal("the page has no tree")
	}
	write(t, dir, map[string]string{tree[1]: tree[2]})
	program, err := os.ReadFile(filepath.Join(binary(t), "manilint"))
	if err != nil {
		t.Fatal(err)
	}
	archive := tarOf(t, "manilint", string(program))
	write(t, releases, map[string]string{
		"v1.2.3/manilint_1.2.3_linux_amd64.tar.gz": archive,
		"v1.2.3/SHA256SUMS":                        fmt.Sprintf("%x  manilint_1.2.3_linux_amd64.tar.gz\n%064d  manilint_1.2.3_linux_arm64.tar.gz\n", sha256.Sum256([]byte(archive)), 0),
	})
	status := 0
	// sh runs a command with no more on the path than the system has
	sh := func(command string) string {
		command = strings.ReplaceAll(command, "https://github.com/manilint/manilint/releases/download", "file://"+releases)
		c := exec.Command("sh", "-c", fmt.Sprintf("(exit %d); %s", status, command))
		c.Dir, c.Env = dir, []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "LC_ALL=C.UTF-8", "COLUMNS=100"}
		out, err := c.CombinedOutput()
		status = c.ProcessState.ExitCode()
		if err != nil && status != 1 {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		return strings.ReplaceAll(string(out), " (devel)", " 1.2.3")
	}
	if out := sh("command -v go || echo none"); out != "none\n" {
		t.Skip("Go is one of the system's programs: " + out)
	}
	commands := 0
	now := regexp.MustCompile("(?s)```console\n(.*?)```").ReplaceAllStringFunc(page, func(block string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ "); ok {
				commands++
				b.WriteString(line + sh(command))
			}
		}
		return b.String() + "```"
	})
	if commands < 10 {
		t.Errorf("%d commands", commands)
	}
	if *update {
		if err := os.WriteFile("first-run.md", []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if now != page {
		t.Errorf("first-run.md shows other output than the commands give; run go test ./docs -run TestTheFirstRun -update\n%s", now)
	}
}

// Package docs_test runs what the documentation tells readers to copy: hooks,
// workflows, problem matchers and editor settings, each with the real tool. Where
// a tool is not installed its test skips and says so.
package docs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

var build struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if build.dir != "" {
		_ = os.RemoveAll(build.dir)
	}
	os.Exit(code)
}

// binary builds manilint once and returns the directory that holds it.
func binary(t *testing.T) string {
	t.Helper()
	build.Do(func() {
		if build.dir, build.err = os.MkdirTemp("", "manilint"); build.err != nil {
			return
		}
		c := exec.Command("go", "build", "-o", build.dir+string(filepath.Separator), ".")
		c.Dir = ".."
		if out, err := c.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if build.err != nil {
		t.Fatalf("build manilint: %v", build.err)
	}
	return build.dir
}

func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("%s is not installed: this integration is not tested", tool)
	}
}

// run runs a command with manilint on the path and returns its output and status.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, int) {
	t.Helper()
	if name == "manilint" {
		name = filepath.Join(binary(t), name)
	}
	c := exec.Command(name, args...)
	c.Dir = dir
	home := t.TempDir()
	c.Env = append(os.Environ(), "PATH="+binary(t)+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+home, "LC_ALL=C.UTF-8",
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	c.Env = append(c.Env, env...)
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, code := run(t, dir, nil, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit status %d\n%s", name, strings.Join(args, " "), code, out)
	}
	return out
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n    - name: app\n      image: registry.example/app:1.0.0\n      securityContext:\n        privileged: %s\n"

// project has a chart, an overlay over a base, and a plain manifest, each with a
// privileged container.
func project(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"chart/Chart.yaml":           "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.yaml":          "privileged: true\nother: 1\n",
		"chart/templates/pod.yaml":   fmt.Sprintf(pod, "chart-pod", "{{ .Values.privileged }}"),
		"chart/templates/other.yaml": fmt.Sprintf(pod, "chart-other", "true"),
		"base/pod.yaml":              fmt.Sprintf(pod, "kustomized", "false"),
		"base/other.yaml":            fmt.Sprintf(pod, "kustomized-other", "true"),
		"base/kustomization.yaml":    "resources: [pod.yaml, other.yaml]\n",
		"overlay/kustomization.yaml": "resources: [../base]\npatches:\n  - path: patch.yaml\n",
		"overlay/patch.yaml":         "apiVersion: v1\nkind: Pod\nmetadata:\n  name: kustomized\nspec:\n  containers:\n    - name: app\n      securityContext:\n        privileged: true\n",
		"plain/pod.yaml":             fmt.Sprintf(pod, "plain-pod", "true"),
		"plain/odd.yaml":             fmt.Sprintf(pod, "'odd: name [x]'", "false"),
		"ci.yaml":                    "on: push\n",
		"notes.txt":                  "text\n",
	})
	return dir
}

func TestPreCommitReportsTheUnitOfEachStagedFile(t *testing.T) {
	need(t, "git")
	need(t, "pre-commit")
	hooks, err := os.ReadFile("../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hookRepo := t.TempDir()
	write(t, hookRepo, map[string]string{".pre-commit-hooks.yaml": string(hooks)})
	must(t, hookRepo, "git", "init", "-q")
	must(t, hookRepo, "git", "add", "-A")
	must(t, hookRepo, "git", "commit", "-qm", "hooks")
	rev := strings.TrimSpace(must(t, hookRepo, "git", "rev-parse", "HEAD"))
	must(t, hookRepo, "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")

	dir := project(t)
	cache := t.TempDir()
	write(t, dir, map[string]string{".pre-commit-config.yaml": fmt.Sprintf("repos:\n  - repo: %s\n    rev: %s\n    hooks:\n      - id: manilint-system\n        args: [--only, privileged, --format, unix, --quiet]\n", hookRepo, rev)})
	must(t, dir, "git", "init", "-q")
	must(t, dir, "git", "add", "-A")
	must(t, dir, "git", "commit", "-qm", "all")

	out, _ := run(t, dir, nil, "manilint", "--only", "privileged", "--format", "json", "overlay")
	coarse := strings.Contains(out, `"precision": "file"`)
	for _, test := range []struct {
		file, add string
		code      int
		want      []string // the files of the findings
	}{
		{"chart/values.yaml", "# changed\n", 1, []string{"chart/templates/pod.yaml"}},
		{"chart/templates/pod.yaml", "# changed\n", 1, []string{"chart/templates/pod.yaml"}},
		{"chart/templates/other.yaml", "# changed\n", 1, []string{"chart/templates/other.yaml"}},
		{"overlay/patch.yaml", "# changed\n", 1, []string{"overlay/patch.yaml"}},
		{"base/other.yaml", "# changed\n", 1, []string{"base/other.yaml"}},
		{"plain/pod.yaml", "# changed\n", 1, []string{"plain/pod.yaml"}},
		{"ci.yaml", "# changed\n", 0, nil},
		{"notes.txt", "changed\n", 0, nil},
	} {
		t.Run(test.file, func(t *testing.T) {
			if coarse && (strings.HasPrefix(test.file, "overlay/") || strings.HasPrefix(test.file, "base/")) {
				t.Skip("findings in overlays stand at the kustomization file in this build, so none touches the staged file")
			}
			data, err := os.ReadFile(filepath.Join(dir, test.file))
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, map[string]string{test.file: string(data) + test.add})
			must(t, dir, "git", "add", test.file)
			defer must(t, dir, "git", "reset", "-q", "--hard")
			out, code := run(t, dir, []string{"PRE_COMMIT_HOME=" + cache, "PRE_COMMIT_COLOR=never"}, "pre-commit", "run")
			if code != test.code {
				t.Errorf("exit status %d, want %d", code, test.code)
			}
			var files []string
			for _, m := range regexp.MustCompile(`(?m)^([^\s:]+):\d+:\d+: `).FindAllStringSubmatch(out, -1) {
				files = append(files, m[1])
			}
			if !slices.Equal(files, test.want) {
				t.Errorf("findings in %q, want %q:\n%s", files, test.want, out)
			}
		})
	}
}

func TestPreCommitBuildsTheGoHook(t *testing.T) {
	need(t, "git")
	need(t, "pre-commit")
	if os.Getenv("MANILINT_SLOW") == "" {
		t.Skip("pre-commit builds manilint anew, which takes minutes: set MANILINT_SLOW=1 to test the golang hook")
	}
	repo := t.TempDir()
	for _, file := range strings.Fields(must(t, "..", "git", "ls-files", "--cached", "--others", "--exclude-standard", "*.go", "*.md", "*.json", "*.yaml", "go.mod", "go.sum", ".pre-commit-hooks.yaml")) {
		if data, err := os.ReadFile(filepath.Join("..", file)); err == nil && !strings.HasPrefix(file, "fixtures/") {
			write(t, repo, map[string]string{file: string(data)})
		}
	}
	must(t, repo, "git", "init", "-q")
	must(t, repo, "git", "add", "-A")
	must(t, repo, "git", "commit", "-qm", "manilint")
	rev := strings.TrimSpace(must(t, repo, "git", "rev-parse", "HEAD"))
	dir := project(t)
	write(t, dir, map[string]string{".pre-commit-config.yaml": fmt.Sprintf("repos:\n  - repo: %s\n    rev: %s\n    hooks:\n      - id: manilint\n        args: [--only, privileged, --format, unix]\n", repo, rev)})
	must(t, dir, "git", "init", "-q")
	must(t, dir, "git", "add", "-A")
	env := []string{"PRE_COMMIT_HOME=" + t.TempDir(), "PRE_COMMIT_COLOR=never"}
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOPROXY", "GOFLAGS", "GONOSUMDB", "GOSUMDB"} {
		env = append(env, name+"="+strings.TrimSpace(must(t, ".", "go", "env", name)))
	}
	out, code := run(t, dir, env, "pre-commit", "run", "--all-files")
	if code != 1 || !strings.Contains(out, "plain/pod.yaml:10:21: error: ") {
		t.Errorf("exit status %d\n%s", code, out)
	}
}

// matched is a problem as a matcher reads it.
type matched struct{ file, line, column, severity, message, code string }

// unixLines returns lines of the unix format with the problems in them.
func unixLines(t *testing.T, color string) (lines []string, want []matched) {
	t.Helper()
	dir := project(t)
	out, code := run(t, dir, nil, "manilint", "--format", "unix", "--quiet", "--color", color, "--enable", "host-users", ".")
	if code != 1 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	plain := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(out, "")
	if (plain == out) != (color == "never") {
		t.Fatalf("--color %s:\n%s", color, out)
	}
	severities := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(plain)) {
		line = strings.TrimRight(line, "\n")
		head, rest, _ := strings.Cut(line, ": ")
		place := strings.Split(head, ":")
		severity, rest, _ := strings.Cut(rest, ": ")
		at := strings.LastIndex(rest, " [")
		if len(place) != 3 || at < 0 {
			t.Fatalf("not a line of the unix format: %q", line)
		}
		severities[severity] = true
		want = append(want, matched{place[0], place[1], place[2], severity, rest[:at], strings.TrimSuffix(rest[at+2:], "]")})
	}
	for _, s := range []string{"error", "warning", "note"} {
		if !severities[s] {
			t.Fatalf("the example has no %s", s)
		}
	}
	return strings.Split(strings.TrimSpace(out), "\n"), want
}

func check(t *testing.T, got, want []matched) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%d problems, want %d", len(got), len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("got  %q\nwant %q", got[i], want[i])
			}
		}
	}
}

func TestGitHubProblemMatcherReadsTheUnixFormat(t *testing.T) {
	data, err := os.ReadFile("../.github/manilint-matcher.json")
	if err != nil {
		t.Fatal(err)
	}
	var matcher struct {
		ProblemMatcher []struct {
			Owner, Severity string
			Pattern         []struct {
				Regexp                                      string
				File, Line, Column, Severity, Message, Code int
			}
		}
	}
	if err := json.Unmarshal(data, &matcher); err != nil {
		t.Fatal(err)
	}
	for _, color := range []string{"never", "always"} {
		lines, want := unixLines(t, color)
		var got []matched
		for _, line := range lines {
			for _, m := range matcher.ProblemMatcher {
				p := m.Pattern[0]
				g := regexp.MustCompile(p.Regexp).FindStringSubmatch(line)
				if g == nil {
					continue
				}
				severity := g[p.Severity]
				if p.Severity == 0 {
					severity = map[string]string{"notice": "note"}[m.Severity]
				}
				got = append(got, matched{g[p.File], g[p.Line], g[p.Column], severity, g[p.Message], g[p.Code]})
			}
		}
		check(t, got, want)
	}
}

func TestTheActionRuns(t *testing.T) {
	need(t, "bash")
	need(t, "jq")
	data, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []struct {
				ID, Run, Shell, Uses string
				Env                  map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(data, &action); err != nil {
		t.Fatal(err)
	}
	if action.Runs.Using != "composite" {
		t.Errorf("using %q", action.Runs.Using)
	}
	for _, step := range action.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an expression inside a script runs as code:\n%s", step.Run)
		}
		if step.ID != "lint" {
			continue
		}
		temp, dir := t.TempDir(), project(t)
		must(t, dir, "cp", filepath.Join(binary(t), "manilint"), temp)
		write(t, dir, map[string]string{"ignored.yaml": "# manilint:ignore[privileged] the node agent\n" + fmt.Sprintf(pod, "ignored", "true")})
		for name, test := range map[string]struct {
			inputs map[string]string
			code   int
		}{
			"defaults": {nil, 1},
			"sarif":    {map[string]string{"sarif": "out.sarif", "args": "--only privileged\nplain ignored.yaml\n", "fail-on": "never"}, 0},
			"hostile":  {map[string]string{"args": "$(touch bad) `touch bad` ; touch bad", "since": ""}, 3},
			"since":    {map[string]string{"since": "$(touch bad)"}, 2},
		} {
			summary, output := filepath.Join(temp, name+".md"), filepath.Join(temp, name+".out")
			env := []string{"RUNNER_TEMP=" + temp, "GITHUB_STEP_SUMMARY=" + summary, "GITHUB_OUTPUT=" + output}
			for variable, expression := range step.Env {
				input := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(expression, "${{ inputs."), "}}"))
				value, ok := test.inputs[input]
				if !ok {
					value = action.Inputs[input].Default
				}
				env = append(env, variable+"="+value)
			}
			_ = os.Remove(filepath.Join(temp, "manilint.md"))
			out, code := run(t, dir, env, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
			outputs, _ := os.ReadFile(output)
			if code != test.code || string(outputs) != fmt.Sprintf("exit-code=%d\n", test.code) {
				t.Errorf("%s: exit status %d, outputs %q\n%s", name, code, outputs, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "bad")); err == nil {
				t.Errorf("%s: the inputs ran as code", name)
			}
			if name == "hostile" || name == "since" { // which is no checkout, or no revision
				continue
			}
			if text, err := os.ReadFile(summary); err != nil || !strings.HasPrefix(string(text), "## manilint: ") {
				t.Errorf("%s: summary %q: %v", name, text, err)
			}
			if !strings.Contains(out, "::error file=plain/pod.yaml,line=10,") {
				t.Errorf("%s: no annotation:\n%s", name, out)
			}
			if name == "sarif" {
				text, err := os.ReadFile(filepath.Join(dir, "out.sarif"))
				if err != nil || !bytes.Contains(text, []byte("plain/pod.yaml")) || bytes.Contains(text, []byte("suppressions")) {
					t.Errorf("sarif: %v\n%s", err, text)
				}
			}
		}
	}
}

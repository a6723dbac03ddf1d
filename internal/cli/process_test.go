package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary the program where it is asked to be.
func TestMain(m *testing.M) {
	if as := os.Getenv("MANILINT_TEST_PROGRAM"); as != "" {
		if as == "ready" { // whoever reads it may send signals, early ones are passed over
			signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			fmt.Println("ready")
		}
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// program returns the command line as a process of its own.
func program(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "MANILINT_TEST_PROGRAM=1")
	return c
}

func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: a, securityContext: {privileged: true}}]\n"

func skipOnWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("signals and pipes are those of Unix")
	}
}

// Whatever is at work when a signal comes, the run ends, with its status.
func TestSignalsEndTheRun(t *testing.T) {
	skipOnWindows(t)
	var deep strings.Builder // minutes of parsing
	for range 400_000 {
		deep.WriteString("---\n{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}\n")
	}
	chart := map[string]string{"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n",
		"templates/a.yaml": "{{ range until 20000 }}{{ range until 20000 }}{{ range until 20000 }}{{ end }}{{ end }}{{ end }}\n"}
	overlay := map[string]string{"kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n", "a.yaml": deep.String()}
	for name, test := range map[string]struct {
		files map[string]string
		args  []string
	}{
		"standard input": {nil, []string{"-"}},
		"parsing":        {map[string]string{"a.yaml": deep.String()}, []string{"."}},
		"a chart":        {chart, []string{"."}},
		"an overlay":     {overlay, []string{"."}},
		"a table":        {nil, []string{"network", "-"}},
	} {
		for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				c := program(t, writeTree(t, test.files), test.args...)
				stdin, err := c.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				defer stdin.Close()
				c.Env = append(c.Env, "MANILINT_TEST_PROGRAM=ready")
				stdout, err := c.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				var stderr bytes.Buffer
				c.Stderr = &stderr
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
					t.Fatalf("%q, %v", line, err)
				}
				time.Sleep(300 * time.Millisecond) // most often it is at work then
				ended := make(chan error, 1)
				go func() { ended <- c.Wait() }()
				err = errors.New("it goes on for a minute")
				for end := time.Now().Add(time.Minute); time.Now().Before(end); {
					_ = c.Process.Signal(signal)
					select {
					case err = <-ended:
						end = time.Now()
					case <-time.After(time.Second):
					}
				}
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != status {
					_ = c.Process.Kill()
					t.Fatalf("%v, want status %d", err, status)
				}
				if !strings.HasPrefix(stderr.String(), "manilint: stopped by a signal") {
					t.Errorf("standard error: %q", stderr.String())
				}
			})
		}
	}
}

func TestAFullDiskIsOneLine(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	dir := writeTree(t, map[string]string{"a.yaml": pod})
	for _, args := range [][]string{{"."}, {"-f", "json", "."}, {"rules"}, {"explain", "privileged"}, {"version"}, {"--help"}, {"network", "."}, {"rbac", "-f", "json", "."}, {"completion", "bash"}, {"--compliance", "cis", "."}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		c := program(t, dir, args...)
		var stderr bytes.Buffer
		c.Stdout, c.Stderr = full, &stderr
		var exit *exec.ExitError
		if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Errorf("%v: %v", args, err)
		}
		if got, want := stderr.String(), "manilint: standard output cannot be written: no space left on device\n"; got != want {
			t.Errorf("%v: %q, want %q", args, got, want)
		}
	}
	var stdout, stderr bytes.Buffer
	if status := Run(t.Context(), []string{"-q", "-f", "json=/dev/full", filepath.Join(dir, "a.yaml")}, nil, &stdout, &stderr); status != exitFailed || stderr.String() != "manilint: the report /dev/full cannot be written: no space left on device\n" {
		t.Errorf("status %d: %q", status, stderr.String())
	}
}

// Who stops reading has read enough: no word about it, and reports to files are written.
func TestABrokenPipeIsQuiet(t *testing.T) {
	skipOnWindows(t)
	dir := writeTree(t, map[string]string{"a.yaml": strings.Repeat(pod+"---\n", 100)})
	c := program(t, dir, "-q", "-f", "text", "-f", "json=report.json", ".")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = write, &stderr
	var exit *exec.ExitError
	if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed || stderr.Len() > 0 {
		t.Errorf("%v: %q", err, stderr.String())
	}
	if data, err := os.ReadFile(filepath.Join(dir, "report.json")); err != nil || !bytes.HasSuffix(data, []byte("}\n")) {
		t.Errorf("the report to a file is not whole: %v", err)
	}
}

func TestReportsAreReplacedWhole(t *testing.T) {
	dir := writeTree(t, map[string]string{"old.json": "old"})
	path := filepath.Join(dir, "old.json")
	look := func(want string) {
		t.Helper()
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%v, %q, want %q", err, data, want)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%v: %v", err, entries)
		}
	}
	half := func(then func()) func(io.Writer) error {
		return func(w io.Writer) error {
			if _, err := io.WriteString(w, "half"); err != nil {
				return err
			}
			then()
			return nil
		}
	}
	files := &reportFiles{}
	if err := files.write(path, half(func() {
		if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
			t.Errorf("while it is written: %v, %q", err, data)
		}
	})); err != nil {
		t.Fatal(err)
	}
	look("half")
	failing := errors.New("failing")
	if err := files.write(path, func(w io.Writer) error { _, _ = io.WriteString(w, "none"); return failing }); !errors.Is(err, failing) {
		t.Error(err)
	}
	look("half")
	if err := files.write(path, half(files.abandon)); !errors.Is(err, errEnded) {
		t.Error(err)
	}
	look("half")
	if err := files.write(path, half(func() {})); !errors.Is(err, errEnded) {
		t.Errorf("written after the end: %v", err)
	}
	look("half")
}

func TestReportsKeepLinksAndModes(t *testing.T) {
	skipOnWindows(t)
	dir := writeTree(t, map[string]string{"real": "old"})
	if err := os.Chmod(filepath.Join(dir, "real"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := (&reportFiles{}).write(filepath.Join(dir, "link"), func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, "real"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", err, info)
	}
	if link, err := os.Readlink(filepath.Join(dir, "link")); err != nil || link != "real" {
		t.Errorf("%v, %q", err, link)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "real")); err != nil || string(data) != "new" {
		t.Errorf("%v, %q", err, data)
	}
}

func TestAPanicIsOneErrorAndStatus3(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := &command{console: newConsole(&stdout, &stderr)}
	status := c.close(c.contain(func() int { panic("::error::\x1b") }))
	if status != exitFailed || !strings.HasPrefix(stderr.String(), `manilint: it failed: \x3a:error::\x1b; please report`) {
		t.Errorf("%d: %s", status, stderr.String())
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '#'
	}
	return len(p), nil
}

func TestInputsWithoutEndAreRefused(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := Run(t.Context(), []string{"-q", "-"}, endless{}, &stdout, &stderr); status != exitFailed || !strings.Contains(stderr.String(), "error: standard input: it holds more than 64 MiB; write it to files, or raise --limit-file\n") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	limited := &limitedInput{strings.NewReader("12345"), 5, 5}
	if data, err := io.ReadAll(limited); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := io.ReadAll(&limitedInput{strings.NewReader("123456"), 5, 5}); err == nil {
		t.Error("one byte too many is read")
	}
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skip("there is no /dev/zero")
	}
	stderr.Reset()
	if status := Run(t.Context(), []string{"-q", "-c", "/dev/zero", t.TempDir()}, nil, &stdout, &stderr); status != exitUsage || !strings.Contains(stderr.String(), "larger than 64 MiB") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}

// A configuration that comes with the inputs is a regular file of theirs.
func TestConfigurationsOutsideOfTheTreeAreRefused(t *testing.T) {
	skipOnWindows(t)
	outside := writeTree(t, map[string]string{"secret.yaml": "token: abc\n"})
	for name, make := range map[string]func(path string) error{
		"a link out":        func(path string) error { return os.Symlink(filepath.Join(outside, "secret.yaml"), path) },
		"a link to nowhere": func(path string) error { return os.Symlink("nowhere", path) },
		"a device":          func(path string) error { return os.Symlink("/dev/zero", path) },
		"a directory":       func(path string) error { return os.Mkdir(path, 0o755) },
		"a pipe":            mkfifo,
	} {
		dir := writeTree(t, map[string]string{"a.yaml": pod, ".git/HEAD": "", "deploy/b.yaml": pod})
		if err := make(filepath.Join(dir, ".manilint.yaml")); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		status := Run(t.Context(), []string{"-q", filepath.Join(dir, "deploy")}, nil, &stdout, &stderr)
		if status != exitUsage || !strings.HasPrefix(stderr.String(), "manilint: configuration ") || strings.Contains(stderr.String(), "token") {
			t.Errorf("%s: status %d: %s", name, status, stderr.String())
		}
	}
	// one inside the tree may be linked to
	dir := writeTree(t, map[string]string{"a.yaml": pod, ".git/HEAD": "", "config/a.yaml": "profile: nope\n"})
	if err := os.Symlink("config/a.yaml", filepath.Join(dir, ".manilint.yaml")); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if status := Run(t.Context(), []string{"-q", dir}, nil, &stdout, &stderr); status != exitUsage || !strings.Contains(stderr.String(), `"nope"`) {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}

func TestLimitsAreFlags(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"a.yaml":                 strings.Repeat("# a comment\n", 200) + pod,
		"chart/Chart.yaml":       "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"chart/templates/a.yaml": "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
	})
	file, chart := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "chart")
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--limit-file", "1KiB", file}, exitFailed, "larger than 1 KiB, the limit for one file; exclude it, or raise --limit-file"},
		{[]string{"--limit-file", "1MiB", file}, exitFindings, ""},
		{[]string{"--limit-file", "1KiB", "-"}, exitFailed, "it holds more than 1 KiB; write it to files, or raise --limit-file"},
		{[]string{"--limit-time", "1s", chart}, exitFailed, "not rendered within 1s"},
		{[]string{"--limit-memory", "64MiB", "--limit-time", "1m", chart}, exitFailed, ""},
		{[]string{"--limit-time", "0s", file}, exitUsage, `--limit-time: "0s" is not a duration from 1s to 1000h; write it as 90s or 5m`},
		{[]string{"--limit-time", "60", file}, exitUsage, "--limit-time"},
		{[]string{"--limit-memory", "0GiB", file}, exitUsage, "--limit-memory"},
		{[]string{"--limit-file", "10MB", file}, exitUsage, `--limit-file: "10MB" is not a size; write it as 512MiB or 2GiB`},
	} {
		var stdout, stderr bytes.Buffer
		status := Run(t.Context(), append([]string{"-q"}, c.args...), strings.NewReader(strings.Repeat("a: b\n", 1000)), &stdout, &stderr)
		if status != c.status || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%v: status %d: %s", c.args, status, stderr.String())
		}
	}
}

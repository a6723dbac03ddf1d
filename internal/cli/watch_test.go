package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// printed is a stream that others read while it is written.
type printed struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

// take returns what was printed since it was last taken, once it holds a text.
func (p *printed) take(t *testing.T, want string) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		text := p.text.String()
		if strings.Contains(text, want) {
			p.text.Reset()
			p.mu.Unlock()
			return text
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Fatalf("%q is not printed, but %q", want, p.text.String())
	return ""
}

// TestWatchPrintsTheReportAnew changes, adds and removes files, and breaks the configuration.
func TestWatchPrintsTheReportAnew(t *testing.T) {
	dir := lookTree(t)
	t.Chdir(dir)
	ctx, stop := context.WithCancel(t.Context())
	var out, errs printed
	status := make(chan int, 1)
	go func() {
		status <- Run(ctx, []string{"--watch", "-f", "unix", "--only", "host-pid", "."}, strings.NewReader(""), &out, &errs)
	}()
	const done = "watching"
	errs.take(t, done)
	pod := filepath.Join(dir, "base", "deployment.yaml")
	text, err := os.ReadFile(pod)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "base/deployment.yaml", strings.Replace(string(text), "      containers:", "      hostPID: true\n      containers:", 1))
	out.take(t, "base/deployment.yaml:11:16: error: ")
	if said := errs.take(t, done); !strings.Contains(said, "1 unit rendered") || !strings.Contains(said, ", 2 as before") {
		t.Errorf("of three units it says %q", said)
	}
	write(t, dir, "more/pods/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: added}\nspec: {hostPID: true, containers: [{name: a, image: a}]}\n")
	out.take(t, "more/pods/pod.yaml:4:17: error: ")
	errs.take(t, done)
	write(t, dir, "more/pods/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: added}\nspec: {hostPID: true,  containers: [{name: a, image: a}]} # in a new directory\n")
	out.take(t, "more/pods/pod.yaml:4:17: error: ")
	errs.take(t, done)
	write(t, dir, ".manilint.yaml", "rule: {}\n")
	errs.take(t, `unknown key "rule"`)
	write(t, dir, ".manilint.yaml", "exclude: [more]\n")
	if said := out.take(t, "deployment.yaml:11:16: error: "); strings.Contains(said, "more/") {
		t.Errorf("what is excluded is printed: %q", said)
	}
	errs.take(t, done)
	stop()
	if code := <-status; code != exitClean {
		t.Errorf("it ends with status %d", code)
	}
}

// TestWatchRefuses what has no meaning with it.
// TestWatchDoesNotLintItsOwnOutput redirects both streams to files of the tree, as a shell
// does: what the run writes there is no change.
func TestWatchDoesNotLintItsOwnOutput(t *testing.T) {
	dir := lookTree(t)
	t.Chdir(dir)
	file, err := os.Create(filepath.Join(dir, "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	ctx, stop := context.WithCancel(t.Context())
	status := make(chan int, 1)
	go func() {
		status <- Run(ctx, []string{"--watch", "-f", "unix", "."}, strings.NewReader(""), file, file)
	}()
	reports := func() int {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "watching")
	}
	for end := time.Now().Add(time.Minute); reports() == 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(5 * settle)
	if n := reports(); n != 1 {
		t.Errorf("%d reports, and nothing changed", n)
	}
	stop()
	<-status
}

func TestWatchRefuses(t *testing.T) {
	for _, args := range [][]string{{"--watch", "-"}, {"--watch", "--since", "HEAD"}, {"--watch", "--staged"}, {"--watch", "--write-baseline", "b"}, {"--watch", "--compliance", "cis"}, {"--watch", "-f", "html"}} {
		var out, errs strings.Builder
		if code := Run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "--watch") {
			t.Errorf("%v ends with %d: %s", args, code, errs.String())
		}
	}
}

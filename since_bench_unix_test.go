//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// fleet makes a checkout of charts of the same size, all committed, and changes one of them.
func fleet(b *testing.B, charts int) (dir, changed string) {
	b.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		b.Skip("no git here to make a repository with")
	}
	dir = b.TempDir()
	for i := range charts {
		write := func(name, text string) {
			at := filepath.Join(dir, fmt.Sprintf("chart-%03d", i), name)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		write("Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: chart-%03d\nversion: 1.0.0\n", i))
		write("values.yaml", "image: nginx:1.2.3\nprivileged: false\n")
		for j := range 10 {
			write(fmt.Sprintf("templates/web-%d.yaml", j), fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%d, namespace: shop}
spec:
  selector: {matchLabels: {app: web-%[1]d}}
  template:
    metadata: {labels: {app: web-%[1]d}}
    spec:
      containers:
      - name: web
        image: {{ .Values.image }}
        securityContext: {privileged: {{ .Values.privileged }}}
`, j))
		}
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "one"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	changed = filepath.Join(dir, "chart-007")
	if err := os.WriteFile(filepath.Join(changed, "values.yaml"), []byte("image: nginx:1.2.3\nprivileged: true\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	return dir, changed
}

// BenchmarkSince measures a comparison of 300 charts of which one changed, in units of linting
// that one and reading the tree, which is to find its units and to read their files, by the time
// of the processors. It fails where it finds the wrong thing.
func BenchmarkSince(b *testing.B) {
	dir, changed := fleet(b, 300)
	lint := func(args ...string) (time.Duration, string) {
		var out bytes.Buffer
		start := cpu()
		cli.Run(context.Background(), append([]string{"--fail-on", "never", "-f", "unix"}, args...), nil, &out, io.Discard)
		return cpu() - start, out.String()
	}
	read := func() time.Duration {
		start := cpu()
		files := tree.New(nil)
		if plan := render.NewPlan(context.Background(), []string{dir}, render.Options{Tree: files}); len(plan.Units) != 300 {
			b.Fatalf("%d units", len(plan.Units))
		}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Name() == ".git" {
				return filepath.SkipDir
			}
			if err == nil && d.Type().IsRegular() {
				_, err = files.ReadFile(path)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		return cpu() - start
	}
	lint(changed) // what is set up once
	const long = time.Hour
	one, all, since := long, long, long // the least of each
	for b.Loop() {
		alone, _ := lint(changed)
		whole := read()
		took, found := lint("--since", "main", dir)
		if strings.Count(found, "\n") != 10 || strings.Count(found, "chart-007") != 10 {
			b.Fatalf("found\n%s", found)
		}
		one, all, since = min(one, alone), min(all, whole), min(since, took)
	}
	b.ReportMetric(float64(since)/float64(one+all), "x(one+reading)")
	b.ReportMetric(float64(one.Microseconds())/1000, "ms/one")
	b.ReportMetric(float64(all.Microseconds())/1000, "ms/reading")
	b.ReportMetric(float64(since.Microseconds())/1000, "ms/since")
}

// cpu is the time that the processors spent on this process: others are at work on the machine.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

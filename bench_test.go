package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/internal/gc"
)

// manifests writes files of plain manifests to a folder: the load of the benchmark.
func manifests(b *testing.B, files int) (dir string, texts [][]byte) {
	b.Helper()
	dir = b.TempDir()
	for i := range files {
		var text bytes.Buffer
		for j := range 20 {
			fmt.Fprintf(&text, `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%d-%d
  namespace: shop-%d
  labels: {app.kubernetes.io/name: web, app.kubernetes.io/part-of: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web-%d-%d}
  template:
    metadata:
      labels: {app: web-%d-%d}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: web
          image: registry.example/web:1.2.3
          ports: [{containerPort: 8080, name: http}]
          env:
            - name: MODE
              value: production
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          resources:
            requests: {cpu: 100m, memory: 64Mi}
            limits: {memory: 64Mi}
          livenessProbe:
            httpGet: {path: /healthz, port: http}
`, i, j, j%5, i, j, i, j)
		}
		texts = append(texts, text.Bytes())
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), text.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir, texts
}

// BenchmarkRunToDecode reports how much longer a whole run over plain manifests
// takes than decoding the same bytes once on as many cores.
func BenchmarkRunToDecode(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(gc.Most)) // as main does
	dir, texts := manifests(b, 100)
	var whole, floor time.Duration
	for b.Loop() {
		start := time.Now()
		cli.Run(context.Background(), []string{"--no-config", "--fail-on", "never", "-f", "unix", "-q", dir}, nil, io.Discard, io.Discard)
		whole += time.Since(start)
		floor += decodeAll(texts)
	}
	b.ReportMetric(whole.Seconds()/floor.Seconds(), "run/decode")
}

// decodeAll decodes texts once, on all cores, and returns how long that took.
func decodeAll(texts [][]byte) time.Duration {
	start := time.Now()
	var group sync.WaitGroup
	work := make(chan []byte)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for text := range work {
				d := yaml.NewDecoder(bytes.NewReader(text))
				var n yaml.Node
				for d.Decode(&n) == nil {
					n = yaml.Node{}
				}
			}
		})
	}
	for _, t := range texts {
		work <- t
	}
	close(work)
	group.Wait()
	return time.Since(start)
}

// BenchmarkVersionToEmpty reports how much longer `manilint version` takes than
// a Go program that does nothing.
func BenchmarkVersionToEmpty(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	build := func(name, pkg string) string {
		exe := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-o", exe, pkg).CombinedOutput(); err != nil {
			b.Fatalf("go build %s: %v\n%s", pkg, err, out)
		}
		return exe
	}
	empty, manilint := build("empty", filepath.Join(dir, "empty.go")), build("manilint", ".")
	var whole, floor time.Duration
	for b.Loop() {
		start := time.Now()
		if err := exec.Command(manilint, "version").Run(); err != nil {
			b.Fatal(err)
		}
		whole += time.Since(start)
		start = time.Now()
		if err := exec.Command(empty).Run(); err != nil {
			b.Fatal(err)
		}
		floor += time.Since(start)
	}
	b.ReportMetric(whole.Seconds()/floor.Seconds(), "version/empty")
}

//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPlain runs the program over trees of plain manifests, with JSON as its output:
// how much longer it takes than decoding the same bytes once on as many cores, and the
// most memory that it held.
func BenchmarkPlain(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "manilint")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	for _, load := range []struct {
		name  string
		files int
		text  func(file int) string
	}{
		{"2000 files, 3860 objects", 2000, mixed},
		{"2000 files, 20000 small Deployments", 2000, small},
	} {
		b.Run(load.name, func(b *testing.B) {
			dir := b.TempDir()
			var texts [][]byte
			for i := range load.files {
				text := []byte(load.text(i))
				texts = append(texts, text)
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), text, 0o644); err != nil {
					b.Fatal(err)
				}
			}
			var whole, processor, floor time.Duration
			var most int64
			for b.Loop() {
				c := exec.Command(exe, "--no-config", "--fail-on", "never", "-f", "json", "-q", dir)
				start := time.Now()
				if err := c.Run(); err != nil {
					b.Fatal(err)
				}
				whole += time.Since(start)
				processor += c.ProcessState.UserTime()
				most = max(most, maxRSS(c.ProcessState))
				floor += decodeAll(texts)
			}
			b.ReportMetric(whole.Seconds()/floor.Seconds(), "run/decode")
			b.ReportMetric(processor.Seconds()/float64(b.N), "user-s/op")
			b.ReportMetric(float64(most)/(1<<20), "MiB")
		})
	}
}

// maxRSS returns the most memory that a process held, in bytes.
func maxRSS(p *os.ProcessState) int64 {
	rss := int64(p.SysUsage().(*syscall.Rusage).Maxrss) //nolint:unconvert // its type is the system's
	if runtime.GOOS != "darwin" {
		rss <<= 10
	}
	return rss
}

// mixed is a file of what repositories hold: a Deployment and, but for few, its settings.
func mixed(file int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%[1]d
  namespace: shop-%[2]d
  labels: {app.kubernetes.io/name: web, app.kubernetes.io/part-of: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web-%[1]d}
  template:
    metadata:
      labels: {app: web-%[1]d}
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
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          resources:
            requests: {cpu: 100m, memory: 64Mi}
            limits: {memory: 64Mi}
          livenessProbe:
            httpGet: {path: /healthz, port: http}
          env:
`, file, file%20)
	for i := range 20 {
		fmt.Fprintf(&b, "            - name: SETTING_%d\n              value: value-%d-of-%d\n", i, i, file)
	}
	if file%100 < 7 {
		return b.String()
	}
	fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings-%d, namespace: shop-%d}\ndata:\n  app.properties: |\n", file, file%20)
	for i := range 40 {
		fmt.Fprintf(&b, "    key.%d=some value of %d in %d\n", i, i, file)
	}
	return b.String()
}

// small is a file of ten Deployments that say no more than they have to.
func small(file int) string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%[1]d-%[2]d, namespace: shop-%[3]d}
spec:
  selector: {matchLabels: {app: web-%[1]d-%[2]d}}
  template:
    metadata: {labels: {app: web-%[1]d-%[2]d}}
    spec:
      containers:
        - name: web
          image: nginx:1.27
`, file, i, file%50)
	}
	return b.String()
}

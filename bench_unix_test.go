//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint/kube"
)

// The benchmarks of this file run whole processes: the program over a tree, and next to it
// the least that any program has to do with that tree, its floor. docs/performance.md is
// written from what they print, by go run ./internal/perfdoc.

// floorVariable has the test program do the work of a floor instead of tests: its value
// is the name of a floor, a colon and a directory.
const floorVariable = "MANILINT_FLOOR"

var floors = map[string]func(dir string) error{
	"empty": func(string) error { return nil },
	// load is no floor: it writes the files of BenchmarkPlain, for other linters.
	"load": func(dir string) error {
		var errs []error
		for i := range 2000 {
			errs = append(errs, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(mixed(i)), 0o644))
		}
		return errorOf(errs...)
	},
	// decode decodes the same YAML once, on as many cores.
	"decode": func(dir string) error {
		files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		return errorOf(err, each(files, func(file string) error {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			d := yaml.NewDecoder(bytes.NewReader(text))
			var n yaml.Node
			for d.Decode(&n) == nil {
				n = yaml.Node{}
			}
			return nil
		}))
	},
	// helm renders charts with Helm's own engine, each with its own values and with each of
	// its ci/*-values.yaml.
	"helm": func(dir string) error {
		charts, err := filepath.Glob(filepath.Join(dir, "*", "Chart.yaml"))
		return errorOf(err, each(charts, func(file string) error {
			sets, err := filepath.Glob(filepath.Join(filepath.Dir(file), "ci", "*-values.yaml"))
			for _, set := range append([]string{""}, sets...) {
				err = errorOf(err, renderWithHelm(filepath.Dir(file), set))
			}
			return err
		}))
	},
	// kustomize builds overlays with kustomize's own library.
	"kustomize": func(dir string) error {
		overlays, err := filepath.Glob(filepath.Join(dir, "overlays", "*"))
		return errorOf(err, each(overlays, func(overlay string) error {
			_, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
			return err
		}))
	},
}

// renderWithHelm renders a chart as helm template does, with a values file if set is not "".
func renderWithHelm(dir, set string) error {
	c, err := loader.Load(dir)
	if err != nil {
		return err
	}
	given := chartutil.Values{}
	if set != "" {
		if given, err = chartutil.ReadValuesFile(set); err != nil {
			return err
		}
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, given); err != nil {
		return err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: fmt.Sprintf("v1.%d.0", kube.Newest), Major: "1", Minor: fmt.Sprint(kube.Newest)}
	values, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "release", Namespace: "default"}, capabilities)
	if err != nil {
		return err
	}
	_, _ = engine.Render(c, values) // some charts refuse their own values
	return nil
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls do for all names, on all cores, and returns the first error.
func each(names []string, do func(string) error) error {
	var group sync.WaitGroup
	errs := make([]error, len(names))
	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, name := range names {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			errs[i] = do(name)
		})
	}
	group.Wait()
	return errorOf(errs...)
}

func init() {
	if name, dir, ok := strings.Cut(os.Getenv(floorVariable), ":"); ok {
		if err := floors[name](dir); err != nil {
			fmt.Fprintln(os.Stderr, name, "floor:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// build builds the program once for all benchmarks.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "manilint-bench")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "manilint")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return exe, nil
})

// measurer is a small program that starts another one and prints what it took: seconds of the
// clock and of the processor, and the bytes that it held. Linux counts as the memory of a process
// what the one held that started it, before it ran its own program, and the program of these
// tests holds more than many that it measures.
const measurer = `package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

func main() {
	c := exec.Command(os.Args[1], os.Args[2:]...)
	c.Stderr = os.Stderr
	start := time.Now()
	if err := c.Run(); err != nil && (c.ProcessState == nil || !c.ProcessState.Exited()) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wall := time.Since(start)
	most := int64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS != "darwin" {
		most <<= 10
	}
	fmt.Println(c.ProcessState.ExitCode(), wall.Seconds(), (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds(), most)
}
`

// measure builds the measurer once for all benchmarks.
var measure = sync.OnceValues(func() (string, error) { return buildText("measure", measurer) })

// buildText builds a program of one file.
func buildText(name, text string) (string, error) {
	dir, err := os.MkdirTemp("", "manilint-bench")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, name)
	if err := os.WriteFile(exe+".go", []byte(text), 0o644); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", exe, exe+".go").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return exe, nil
}

// costs are what processes took, each on its own.
type costs struct {
	wall, cpu, most []float64 // seconds, seconds, bytes
	partly          bool      // status 3, for inputs that are wrong, is no failure
}

func (c *costs) add(b *testing.B, command *exec.Cmd) {
	b.Helper()
	exe, err := measure()
	if err != nil {
		b.Fatal(err)
	}
	under := exec.Command(exe, append([]string{command.Path}, command.Args[1:]...)...)
	under.Dir, under.Env = command.Dir, command.Env
	var stderr bytes.Buffer
	under.Stderr = &stderr
	out, err := under.Output()
	if err != nil {
		b.Fatalf("%s: %v\n%s", command, err, &stderr)
	}
	var status int
	var wall, cpu, most float64
	if _, err := fmt.Sscan(string(out), &status, &wall, &cpu, &most); err != nil {
		b.Fatalf("%s: %v\n%s", command, err, out)
	}
	if status != 0 && (status != 3 || !c.partly) {
		b.Fatalf("%s: status %d\n%s", command, status, &stderr)
	}
	c.wall, c.cpu, c.most = append(c.wall, wall), append(c.cpu, cpu), append(c.most, most)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return (values[len(values)/2] + values[(len(values)-1)/2]) / 2
}

// against runs the program with arguments, and the floor of a name in dir next to it, and
// reports the medians.
func against(b *testing.B, floor, dir string, args ...string) {
	b.Helper()
	exe, err := build()
	if err != nil {
		b.Fatal(err)
	}
	run, least := costs{partly: floor == "helm"}, costs{} // some charts in use refuse their own values
	for b.Loop() {
		c := exec.Command(exe, append([]string{"--no-config", "--fail-on", "never", "-f", "json", "-q"}, args...)...)
		c.Dir = dir
		run.add(b, c)
		c = exec.Command(os.Args[0])
		c.Env = append(os.Environ(), floorVariable+"="+floor+":"+dir)
		least.add(b, c)
	}
	b.ReportMetric(median(run.wall)/median(least.wall), "wall/floor")
	b.ReportMetric(median(run.cpu)/median(least.cpu), "cpu/floor")
	b.ReportMetric(median(run.wall), "wall-s/op")
	b.ReportMetric(median(run.cpu), "cpu-s/op")
	b.ReportMetric(median(run.most)/(1<<20), "MiB")
	b.ReportMetric(median(least.most)/(1<<20), "floor-MiB")
}

// write writes a file of a load.
func write(b *testing.B, text string, path ...string) {
	b.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPlain is about trees of plain manifests.
func BenchmarkPlain(b *testing.B) {
	for _, load := range []struct {
		name string
		text func(file int) string
	}{
		{"2000 files with 3860 objects", mixed},
		{"2000 files with 20000 small Deployments", small},
	} {
		b.Run(load.name, func(b *testing.B) {
			dir := b.TempDir()
			for i := range 2000 {
				write(b, load.text(i), dir, fmt.Sprintf("%d.yaml", i))
			}
			against(b, "decode", dir, ".")
		})
	}
}

// BenchmarkObjects shows whether the time for an object depends on how many there are.
func BenchmarkObjects(b *testing.B) {
	for _, objects := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(objects), func(b *testing.B) {
			exe, err := build()
			if err != nil {
				b.Fatal(err)
			}
			dir := b.TempDir()
			for i := range objects / 10 {
				write(b, app(i), dir, fmt.Sprintf("%d.yaml", i))
			}
			var run costs
			for b.Loop() {
				c := exec.Command(exe, "--no-config", "--fail-on", "never", "-f", "unix", "-q", ".")
				c.Dir = dir
				run.add(b, c)
			}
			b.ReportMetric(median(run.cpu)*1e6/float64(objects), "cpu-µs/object")
			b.ReportMetric(median(run.most)/(1<<20), "MiB")
		})
	}
}

// BenchmarkCharts is about 20 charts, and about charts in use with their ci values where the
// corpus lies beside the checkout.
func BenchmarkCharts(b *testing.B) {
	b.Run("generated", func(b *testing.B) {
		dir := b.TempDir()
		for i := range 20 {
			name := fmt.Sprintf("chart-%d", i)
			chart := filepath.Join(dir, name)
			write(b, "apiVersion: v2\nname: "+name+"\nversion: 1.0.0\n", chart, "Chart.yaml")
			write(b, chartValues, chart, "values.yaml")
			write(b, chartHelpers, chart, "templates", "_helpers.tpl")
			for j := range 10 {
				write(b, strings.ReplaceAll(chartTemplate, "COMPONENT", fmt.Sprintf("part-%d", j)), chart, "templates", fmt.Sprintf("part-%d.yaml", j))
			}
		}
		against(b, "helm", dir, ".")
	})
	b.Run("in use", func(b *testing.B) {
		dir, err := filepath.Abs(filepath.Join("..", "shared", "corpus", "helm"))
		if _, missing := os.Stat(dir); errorOf(err, missing) != nil {
			b.Skip("no corpus beside the checkout")
		}
		against(b, "helm", dir, "--ci-values", ".")
	})
}

// BenchmarkOverlays is about 55 overlays of one base.
func BenchmarkOverlays(b *testing.B) {
	dir := b.TempDir()
	overlays(b, dir, 55)
	against(b, "kustomize", dir, ".")
}

func overlays(b *testing.B, dir string, count int) {
	var base strings.Builder
	base.WriteString("resources:\n")
	for i := range 20 {
		write(b, app(i), dir, "base", fmt.Sprintf("%d.yaml", i))
		fmt.Fprintf(&base, "  - %d.yaml\n", i)
	}
	write(b, base.String(), dir, "base", "kustomization.yaml")
	for i := range count {
		write(b, fmt.Sprintf("resources: [../../base]\nnameSuffix: -o%d\nlabels:\n  - pairs: {stage: s%d}\npatches:\n  - target: {kind: Deployment}\n    patch: |\n      - {op: replace, path: /spec/replicas, value: %d}\n", i, i, i%5+1), dir, "overlays", fmt.Sprintf("o%d", i), "kustomization.yaml")
	}
}

// BenchmarkOneFile checks one file that a hook names in a checkout of 2,300 files with 40
// overlays.
func BenchmarkOneFile(b *testing.B) {
	dir := b.TempDir()
	overlays(b, dir, 40)
	for i := range 2240 {
		write(b, mixed(i), dir, "plain", fmt.Sprint(i%40), fmt.Sprintf("%d.yaml", i))
	}
	if out, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		b.Fatalf("git init: %v\n%s", err, out)
	}
	against(b, "empty", dir, filepath.Join("plain", "7", "7.yaml"))
}

// BenchmarkVersion is what starting costs.
func BenchmarkVersion(b *testing.B) {
	exe, err := build()
	if err != nil {
		b.Fatal(err)
	}
	empty, err := buildText("empty", "package main\n\nfunc main() {}\n")
	if err != nil {
		b.Fatal(err)
	}
	const times = 20 // one is too short to be measured
	var run, least costs
	for b.Loop() {
		for range times {
			run.add(b, exec.Command(exe, "version"))
			least.add(b, exec.Command(empty))
		}
	}
	b.ReportMetric((median(run.cpu)-median(least.cpu))*1e3, "cpu-ms-more")
	b.ReportMetric(median(run.most)/(1<<20), "MiB")
}

// app is ten objects that belong together, of the kinds that applications are made of.
func app(n int) string {
	return strings.NewReplacer("APP", fmt.Sprintf("app-%d", n), "SPACE", fmt.Sprintf("space-%d", n%50)).Replace(`apiVersion: v1
kind: ServiceAccount
metadata: {name: APP, namespace: SPACE}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata: {name: APP, namespace: SPACE}
data: {mode: production, level: info}
---
apiVersion: v1
kind: Service
metadata: {name: APP, namespace: SPACE}
spec:
  selector: {app: APP}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: APP, namespace: SPACE, labels: {app: APP}}
spec:
  replicas: 3
  selector: {matchLabels: {app: APP}}
  template:
    metadata: {labels: {app: APP}}
    spec:
      serviceAccountName: APP
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: web
          image: registry.example/web:1.2.3
          ports: [{containerPort: 8080, name: http}]
          env:
            - {name: MODE, valueFrom: {configMapKeyRef: {name: APP, key: mode}}}
            - {name: LEVEL, valueFrom: {configMapKeyRef: {name: APP, key: level}}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}
          livenessProbe: {httpGet: {path: /healthz, port: http}}
          readinessProbe: {httpGet: {path: /ready, port: http}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: APP, namespace: SPACE}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: APP}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: APP, namespace: SPACE}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: APP}
  minReplicas: 2
  maxReplicas: 5
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: APP, namespace: SPACE}
spec:
  podSelector: {matchLabels: {app: APP}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: gateway}}}], ports: [{port: 8080}]}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: APP, namespace: SPACE}
spec:
  ingressClassName: public
  tls: [{hosts: [APP.example.com], secretName: APP-tls}]
  rules: [{host: APP.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: APP, port: {number: 80}}}}]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: APP, namespace: SPACE}
rules: [{apiGroups: [""], resources: [configmaps], resourceNames: [APP], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: APP, namespace: SPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: APP}
subjects: [{kind: ServiceAccount, name: APP, namespace: SPACE}]
`)
}

const (
	chartValues = `image: {repository: registry.example/web, tag: 1.2.3}
replicas: 3
resources:
  requests: {cpu: 100m, memory: 64Mi}
  limits: {memory: 64Mi}
podSecurityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
env: {MODE: production, LEVEL: info}
`
	chartHelpers = `{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}
`
	chartTemplate = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-COMPONENT
  labels: {{- include "labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: COMPONENT}
  template:
    metadata:
      labels: {app: COMPONENT}
    spec:
      securityContext: {{- toYaml .Values.podSecurityContext | nindent 8 }}
      containers:
        - name: web
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          env:
            {{- range $name, $value := .Values.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          securityContext: {{- toYaml .Values.securityContext | nindent 12 }}
          resources: {{- toYaml .Values.resources | nindent 12 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-COMPONENT
  labels: {{- include "labels" . | nindent 4 }}
spec:
  selector: {app: COMPONENT}
  ports: [{port: 80, targetPort: 8080}]
`
)

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

package hostile

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// traced are the system calls by which a program connects, starts another one, or changes
// a file. strace passes over those with a ? that this processor does not have.
var traced = "%net,execve,?execveat,?fork,?vfork,?clone,clone3,?open,openat,?openat2,?creat,?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir," +
	"?mkdir,mkdirat,?link,linkat,?symlink,symlinkat,truncate,ftruncate,?chmod,fchmod,fchmodat,?chown,fchown,fchownat,?mknod,mknodat,utimensat,setxattr"

// reaching is a tree whose author wants the program to fetch, run, write and read elsewhere.
func reaching(d dir) {
	d.file("chart/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n- {name: far, version: 1.0.0, repository: \"https://charts.example.com\"}\n- {name: oci, version: 1.0.0, repository: \"oci://registry.example.com/charts\"}\n- {name: out, version: 1.0.0, repository: \"file:///etc\"}\n")
	d.file("chart/values.yaml", "image: nginx\n")
	d.file("chart/values.schema.json", `{"$ref": "https://schemas.example.com/values.json", "properties": {"image": {"$ref": "file:///etc/passwd"}}}`)
	d.file("chart/templates/x.yaml", `apiVersion: v1
kind: Pod
metadata: {name: "{{ getHostByName "example.com" }}"}
spec: {hostPID: true, containers: [{name: "{{ (lookup "v1" "Secret" "a" "b").data }}", image: "{{ .Files.Get "../../../etc/passwd" }}"}]}
`)
	d.link("chart/templates/passwd.yaml", "/etc/passwd")
	d.file("overlay/kustomization.yaml", `resources:
- https://github.com/example/repo//deploy?ref=main
- git@github.com:example/repo.git
- ../../../../etc/passwd
- pod.yaml
generators: [plugin.yaml]
transformers: [function.yaml]
configMapGenerator:
- {name: a, files: [/etc/passwd], envs: [../../../../../etc/environment]}
helmCharts:
- {name: far, repo: "https://charts.example.com", version: 1.0.0, releaseName: a}
openapi: {path: "https://schemas.example.com/openapi.json"}
`)
	d.file("overlay/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: true, containers: [{name: c, image: nginx}]}\n")
	d.file("overlay/plugin.yaml", "apiVersion: example.com/v1\nkind: Plugin\nmetadata: {name: a, annotations: {config.kubernetes.io/function: \"exec: {path: ./run.sh}\"}}\n")
	d.file("overlay/function.yaml", "apiVersion: example.com/v1\nkind: Function\nmetadata: {name: a, annotations: {config.kubernetes.io/function: \"container: {image: example.com/run, network: true}\"}}\n")
	d.file("overlay/run.sh", "#!/bin/sh\ntouch /tmp/ran\n")
	d.file("argo/app.yaml", `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: a, namespace: argocd}
spec:
  destination: {server: "https://kubernetes.default.svc", namespace: shop}
  source: {repoURL: "https://charts.example.com", chart: far, targetRevision: 1.0.0, helm: {valueFiles: ["https://values.example.com/a.yaml", /etc/passwd]}}
`)
	d.file("chart/.manilint.yaml", "helm: {variants: [{values: [/etc/passwd]}]}\nbaseline: /etc/passwd\n")
}

// The program, seen by the kernel: in a network namespace without interfaces, under strace, it
// opens no connection, starts no program and changes no file, over the fixtures, the
// collection of real charts and overlays where it is at hand, and trees that want it to.
func TestNothingIsConnectedRunOrWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and runs it under strace")
	}
	for _, tool := range []string{"strace", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	if out, err := exec.Command("unshare", "--map-root-user", "--net", "strace", "-f", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("the kernel does not allow a network namespace with strace in it: %v: %s", err, out)
	}
	temp := t.TempDir()
	program := filepath.Join(temp, "manilint")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/manilint/manilint").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bad := dir{t, filepath.Join(temp, "bad")}
	reaching(bad)
	odd := filepath.Join(temp, "odd")
	for i, h := range append(overlays(), filesThatAreNone()...) {
		if !h.slow {
			h.make(dir{t, filepath.Join(odd, "tree", string(rune('a'+i/26))+string(rune('a'+i%26)))})
		}
	}
	trees := map[string][]string{
		"fixtures": {"../../fixtures"}, "reaching": {bad.path}, "its chart": {filepath.Join(bad.path, "chart")}, "odd files and overlays": {odd},
	}
	if _, err := os.Stat("../../../shared/corpus"); err == nil {
		trees["real charts and overlays"] = []string{"../../../shared/corpus"}
	}
	for name, paths := range trees {
		t.Run(name, func(t *testing.T) {
			for _, line := range forbidden(t, program, paths...) {
				t.Error(line)
			}
		})
	}
	// what writes, as a report to a file does, is seen
	report := filepath.Join(temp, "report.json")
	if seen := forbidden(t, program, "-f", "json="+report, bad.path); len(seen) == 0 || !strings.Contains(strings.Join(seen, "\n"), report) {
		t.Errorf("a report that was written is not among %q", seen)
	}
}

var (
	call   = regexp.MustCompile(`^\d+ +(\w+)\((.*)$`)
	writes = regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND`)
)

// forbidden runs the program under strace, in a network namespace without interfaces, and
// returns the calls that it should not make.
func forbidden(t *testing.T, program string, args ...string) (lines []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "calls")
	c := exec.Command("unshare", append([]string{"--map-root-user", "--net", "strace", "-f", "-qq", "-o", log, "-e", "trace=" + traced, "-e", "signal=none",
		program, "-f", "json", "--fail-on", "never", "--limit-time", "60s"}, args...)...)
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Run(); c.ProcessState.ExitCode() < 0 || c.ProcessState.ExitCode() == 1 || c.ProcessState.ExitCode() > 3 {
		t.Fatalf("%v: %.1000s", err, stderr.String())
	}
	calls, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	started, opened := 0, 0
	for line := range strings.Lines(string(calls)) {
		m := call.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue // the end of a call that was interrupted, whose beginning says all
		}
		bad := true
		switch name, args := m[1], m[2]; {
		case name == "execve":
			started++
			bad = started > 1
		case name == "clone" || name == "clone3":
			bad = !strings.Contains(args, "CLONE_THREAD")
		case strings.HasPrefix(name, "open"):
			opened++
			bad = writes.MatchString(args) && !strings.Contains(args, `"/dev/null"`) ||
				strings.Contains(args, "/etc/passwd") || strings.Contains(args, "/etc/environment")
		}
		if bad {
			lines = append(lines, line)
		}
	}
	if started == 0 || opened == 0 {
		t.Errorf("%d programs started, %d files opened: is strace's output what it was?", started, opened)
	}
	return lines
}

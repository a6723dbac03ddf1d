package cli

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// manyUnits is a tree of more units than a comparison renders for the sake of their number:
// charts, of which some share a library next to them, overlays of common bases, plain files,
// and an object that deploys a chart.
func manyUnits() map[string]string {
	files := map[string]string{
		".manilint.yaml":                 "helm:\n  variants:\n  - {chart: charts/c0, values: [values/prod.yaml]}\n",
		"values/prod.yaml":               "image: nginx:1.0\nprivileged: false\n",
		"library/Chart.yaml":             "apiVersion: v2\nname: library\ntype: library\nversion: 1.0.0\n",
		"library/templates/_context.tpl": `{{ define "library.context" }}{privileged: false}{{ end }}`,
		"plain/deny.yaml":                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n",
		"plain/pod.yaml":                 "apiVersion: v1\nkind: Pod\nmetadata: {name: plain, namespace: shop}\nspec:\n  hostIPC: true\n  containers:\n  - {name: a, image: \"nginx:1.0\"}\n",
		"plain/app.yaml":                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: shop}\n",
	}
	for i := range 10 {
		dir := fmt.Sprintf("charts/c%d/", i)
		context, dependency := "{privileged: {{ .Values.privileged }}}", ""
		if i%3 == 0 {
			context, dependency = `{{ include "library.context" . }}`, "dependencies:\n- {name: library, version: 1.0.0, repository: \"file://../../library\"}\n"
		}
		files[dir+"Chart.yaml"] = fmt.Sprintf("apiVersion: v2\nname: c%d\nversion: 1.0.0\n%s", i, dependency)
		files[dir+"values.yaml"] = "image: nginx:1.0\nprivileged: false\n"
		files[dir+"templates/pod.yaml"] = fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: pod-%d, namespace: shop}\nspec:\n  containers:\n  - name: a\n    image: {{ .Values.image }}\n    securityContext: %s\n", i, context)
	}
	for i := range 12 {
		base := fmt.Sprintf("bases/b%d/", i%3)
		files[base+"kustomization.yaml"] = "resources: [pod.yaml]\n"
		files[base+"pod.yaml"] = fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: base-%d}\nspec:\n  securityContext: {runAsNonRoot: true}\n  containers:\n  - {name: a, image: \"nginx:1.0\"}\n", i%3)
		files[fmt.Sprintf("overlays/o%d/kustomization.yaml", i)] = fmt.Sprintf("namespace: ns-%d\nresources: [../../bases/b%d]\npatches: [{path: patch.yaml}]\n", i, i%3)
		files[fmt.Sprintf("overlays/o%d/patch.yaml", i)] = fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: base-%d}\nspec: {hostNetwork: false}\n", i%3)
	}
	return files
}

// changes are made in the work tree, several at once. moved is for the prefix of a path.
var changes = []struct {
	name string
	make func(files map[string]string)
}{
	{"a value", func(f map[string]string) { f["charts/c1/values.yaml"] = "image: nginx:1.0\nprivileged: true\n" }},
	{"values of a variant", func(f map[string]string) { f["values/prod.yaml"] = "image: nginx:latest\nprivileged: false\n" }},
	{"a library beside charts", func(f map[string]string) {
		f["library/templates/_context.tpl"] = `{{ define "library.context" }}{privileged: true}{{ end }}`
	}},
	{"a policy is gone", func(f map[string]string) { delete(f, "plain/deny.yaml") }},
	{"a base", func(f map[string]string) {
		f["bases/b1/pod.yaml"] = strings.Replace(f["bases/b1/pod.yaml"], "runAsNonRoot: true", "runAsUser: 0", 1)
	}},
	{"a patch", func(f map[string]string) {
		f["overlays/o4/patch.yaml"] = strings.Replace(f["overlays/o4/patch.yaml"], "false", "true", 1)
	}},
	{"a patch is gone", func(f map[string]string) {
		f["overlays/o5/kustomization.yaml"] = "namespace: ns-5\nresources: [../../bases/b2]\n"
	}},
	{"a chart was renamed", func(f map[string]string) { rename(f, "charts/c2/", "charts/other/") }},
	{"a chart was copied", func(f map[string]string) {
		for name, text := range maps.Clone(f) {
			if rest, ok := strings.CutPrefix(name, "charts/c4/"); ok {
				f["charts/copy/"+rest] = strings.ReplaceAll(text, "c4", "copy")
			}
		}
	}},
	{"a chart is gone", func(f map[string]string) { rename(f, "charts/c5/", "") }},
	{"an overlay is gone, so that its base stands alone", func(f map[string]string) {
		for i := range 12 {
			if i%3 == 0 {
				rename(f, fmt.Sprintf("overlays/o%d/", i), "")
			}
		}
	}},
	{"an overlay of a base is new", func(f map[string]string) {
		f["overlays/new/kustomization.yaml"] = "namespace: new\nresources: [../../bases/b0]\n"
	}},
	{"a manifest was moved", func(f map[string]string) { rename(f, "plain/pod.yaml", "elsewhere/pod.yaml") }},
	{"a manifest was moved into a chart", func(f map[string]string) { rename(f, "plain/pod.yaml", "charts/c6/templates/plain.yaml") }},
	{"another rule", func(f map[string]string) { f[".manilint.yaml"] += "rules: {cpu-limit: {enabled: true}}\n" }},
	{"a variant is new", func(f map[string]string) {
		f[".manilint.yaml"] += "  - {chart: charts/c7, values: [values/new.yaml]}\n"
		f["values/new.yaml"] = "privileged: true\n"
	}},
	{"an object deploys a chart", func(f map[string]string) {
		f["plain/app.yaml"] = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\nspec:\n  project: shop\n  destination: {namespace: shop, server: https://kubernetes.default.svc}\n  source: {repoURL: https://git.example.org/repo, targetRevision: v1, path: charts/c8, helm: {valuesObject: {privileged: true}}}\n"
	}},
	{"a template is broken", func(f map[string]string) { f["charts/c9/templates/pod.yaml"] = "{{ .Values.image " }},
	{"only a comment", func(f map[string]string) { f["charts/c8/values.yaml"] += "# more\n" }},
}

// rename changes the beginning of paths; "" removes the files.
func rename(files map[string]string, from, to string) {
	for name, text := range maps.Clone(files) {
		if rest, ok := strings.CutPrefix(name, from); ok {
			delete(files, name)
			if to != "" {
				files[to+rest] = text
			}
		}
	}
}

// TestUnitsThatAreTheSameAreLeftOut compares what --since reports with and without its
// shortcut, which does not render units that may read nothing but what both ends have.
func TestUnitsThatAreTheSameAreLeftOut(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git makes the repository of this test")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	was := manyUnits()
	write := func(files map[string]string) {
		for name, text := range files {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(was)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "one"}} {
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	run := func(args ...string) (out, err string) {
		var stdout, stderr bytes.Buffer
		Run(t.Context(), append([]string{"--since", "main", "--fail-on", "never"}, args...), strings.NewReader(""), &stdout, &stderr)
		return stdout.String(), stderr.String()
	}
	rnd := rand.New(rand.NewPCG(18, 1))
	short, found := 0, 0
	for round := range len(changes) + 12 {
		chosen := []int{round}
		if round >= len(changes) { // several at once
			chosen = rnd.Perm(len(changes))[:2+rnd.IntN(3)]
		}
		files, names := maps.Clone(was), []string{}
		slices.Sort(chosen) // a change of what another one removed would bring it back
		for _, i := range chosen {
			changes[i].make(files)
			names = append(names, changes[i].name)
		}
		for name := range was {
			if _, there := files[name]; !there {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(files)
		got, said := run("-f", "unix")
		_, all := run("-f", "unix=all.txt", "-f", "json") // which lists what is known: every unit is rendered
		want, err := os.ReadFile("all.txt")
		if err != nil {
			t.Fatalf("%v\n%s", err, all)
		}
		if got != string(want) {
			t.Errorf("%s: with the shortcut\n%s%s\nwithout it\n%s%s", names, got, said, want, all)
		}
		if strings.Contains(said, "not rendered") {
			short++
		}
		found += strings.Count(got, "\n")
		if strings.Contains(all, "not rendered") {
			t.Errorf("%s: units were left out of a report that lists what is known", names)
		}
		for name := range files {
			if _, there := was[name]; !there {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.Remove("all.txt"); err != nil {
			t.Fatal(err)
		}
		write(was)
	}
	t.Logf("%d of %d comparisons left units out; %d new findings", short, len(changes)+12, found)
	if short < len(changes)/2 || found < len(changes) {
		t.Errorf("%d comparisons left units out and %d findings were new: too few to say anything", short, found)
	}
}

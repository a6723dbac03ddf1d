package render

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// A hook that names a file in a tree of very many manifests is told that what deploys it was
// not looked for.
func TestTooManyManifestsToSearchAreSaid(t *testing.T) {
	files := map[string]string{".git/HEAD": "", "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "chart/templates/a.yaml": named("a")}
	for i := range maxDeployers + 1 {
		files[fmt.Sprintf("m/%d/%d.yaml", i%100, i)] = "a: 1\n"
	}
	root := write(t, files)
	t.Chdir(root)
	said := func() string {
		var all []string
		for _, n := range NewPlan(context.Background(), []string{"chart/templates/a.yaml"}, Options{}).Notes {
			all = append(all, n.String())
		}
		return strings.Join(all, "\n")
	}
	if got := said(); strings.Count(got, "more than 5000 manifests and was not searched") != 1 {
		t.Errorf("said %q", got)
	}
}

// Kustomizations that apply themselves, each time as another one, end.
func TestAppliedForever(t *testing.T) {
	root := write(t, map[string]string{
		".git/HEAD": "",
		"d/k.yaml":  "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: \"k\", namespace: f}\nspec:\n  path: ./d\n  sourceRef: {kind: GitRepository, name: x}\n  postBuild: {substitute: {a: \"${a}x${a}y\"}}\n",
	})
	t.Chdir(root)
	units, _ := rendered(context.Background(), NewPlan(context.Background(), []string{"."}, Options{}))
	if n := len(units); n == 0 || n > 10*maxApplied {
		t.Errorf("%d units", n)
	}
}

// What is written in another repository is applied there; what is written for this one and is
// not there is said.
func TestSourcesOfKustomizations(t *testing.T) {
	const ks = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: NAME, namespace: f}\nspec: {path: PATH, namePrefix: NAME-, sourceRef: {kind: GitRepository, name: SOURCE}}\n---\n"
	k := func(name, path, source string) string {
		return strings.NewReplacer("NAME", name, "PATH", path, "SOURCE", source).Replace(ks)
	}
	const repo = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: NAME, namespace: f}\nspec: {url: 'https://git.example/NAME.git'}\n---\n"
	root := write(t, map[string]string{
		".git/HEAD": "ref: refs/heads/main\n", ".git/config": "[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = git@git.example:own\n",
		".git/objects/x": "", ".git/refs/x": "",
		"flux.yaml":            k("ours", "./a", "own") + k("theirs", "./a", "other") + k("gone", "./gone", "own") + strings.ReplaceAll(repo, "NAME", "own") + strings.ReplaceAll(repo, "NAME", "other"),
		"a/kustomization.yaml": "resources: [a.yaml]\n", "a/a.yaml": named("a"),
	})
	t.Chdir(root)
	plan := NewPlan(context.Background(), []string{"."}, Options{})
	units, results := rendered(context.Background(), plan)
	var names []string
	for i, u := range units {
		for _, b := range results[i].Bundles {
			for _, r := range b.OfKind("Pod") {
				names = append(names, filepath.ToSlash(u.Root)+" "+r.Name)
			}
		}
	}
	if got := strings.Join(names, ", "); got != "a ours-a" {
		t.Errorf("rendered %s", got)
	}
	var said []string
	for _, n := range plan.Notes {
		said = append(said, n.String())
	}
	if got := strings.Join(said, "\n"); got != `flux.yaml:14:14: Kustomization f/gone: path: there is no directory ./gone in this tree` {
		t.Errorf("said %s", got)
	}
}

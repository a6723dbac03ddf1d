package render

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/manilint/manilint/render/tree"
)

// write writes files, given as path and text, below a new directory; "-> x" is a link to x.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(filepath.FromSlash(target), path); err != nil {
				t.Skip("no symbolic links here: ", err)
			}
		} else if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func found(t *testing.T, root string, ignore bool) (charts, overlays, plain string) {
	t.Helper()
	w := &walker{units: &units{}, tree: tree.New(nil), root: root, ignore: ignore, excluded: func(string) bool { return false }}
	w.start(root)
	rel := func(paths []string) string {
		var names []string
		for _, p := range paths {
			r, err := filepath.Rel(root, p)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(r))
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	return rel(dirsOf(w.charts)), rel(dirsOf(w.overlays)), rel(w.plain)
}

func TestAWalkTellsUnitsApart(t *testing.T) {
	root := write(t, map[string]string{
		"chart/Chart.yaml":                      "name: a",
		"chart/values.yaml":                     "x: 1",
		"chart/templates/a.yaml":                "a: {{ b }}",
		"chart/charts/sub/Chart.yaml":           "name: sub",
		"chart/ci/kustomization.yaml":           "resources: []",
		"chart/values-prod.yaml":                "x: 2",
		"chart/crds/kustomization.yaml":         "resources: []",
		"chart/examples/pod.yaml":               "",
		"both/Chart.yaml":                       "name: both",
		"both/kustomization.yaml":               "resources: []",
		"chart/examples/other/Chart.yaml":       "name: other",
		"base/kustomization.yaml":               "resources: [a.yaml]",
		"base/a.yaml":                           "",
		"component/kustomization.yml":           "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
		"flux/kustomization.yaml":               "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n",
		"plain/a.yml":                           "",
		"plain/a.JSON":                          "",
		"plain/README.md":                       "",
		"node_modules/x/a.yaml":                 "",
		".git/a.yaml":                           "",
		"charts/one/Chart.yaml":                 "name: one",
		"charts/one/templates/tests/kustom.txt": "",
	})
	charts, overlays, plain := found(t, root, true)
	if charts != "both chart chart/examples/other charts/one" {
		t.Errorf("charts: %s", charts)
	}
	if overlays != "base both chart/ci component" {
		t.Errorf("overlays: %s", overlays)
	}
	if plain != "base/a.yaml chart/examples/pod.yaml chart/values-prod.yaml flux/kustomization.yaml plain/a.JSON plain/a.yml" {
		t.Errorf("plain: %s", plain)
	}
}

func TestWhatGitIgnoresIsLeftOut(t *testing.T) {
	root := write(t, map[string]string{
		".git/HEAD":            "",
		".git/info/exclude":    "secret.yaml\n",
		".gitignore":           "/build\n*.gen.yaml\n!keep.gen.yaml\nlogs/\n",
		"build/a.yaml":         "",
		"deploy/build/a.yaml":  "",
		"deploy/x.gen.yaml":    "",
		"deploy/keep.gen.yaml": "",
		"deploy/logs/a.yaml":   "",
		"deploy/secret.yaml":   "",
		"deploy/.gitignore":    "local.yaml\n",
		"deploy/local.yaml":    "",
		"local.yaml":           "",
	})
	if _, _, plain := found(t, root, true); plain != "deploy/build/a.yaml deploy/keep.gen.yaml local.yaml" {
		t.Errorf("plain: %s", plain)
	}
	if _, _, plain := found(t, root, false); strings.Count(plain, " ") != 7 {
		t.Errorf("plain with what git ignores: %s", plain)
	}
}

// A pattern that hides what is named does not hold; the others do.
func TestWhatIsNamedIsNotIgnored(t *testing.T) {
	for ignore, want := range map[string]string{
		"build/\n*.gen.yaml\n":                 "a.yaml b.json",
		"/build/*\n":                           "",
		"build\n!build/a.yaml\nbuild/*.json\n": "a.yaml x.gen.yaml",
	} {
		root := write(t, map[string]string{".git/HEAD": "", ".gitignore": ignore, "build/a.yaml": "", "build/b.json": "", "build/x.gen.yaml": ""})
		build := filepath.Join(root, "build")
		w := &walker{units: &units{}, tree: tree.New(nil), root: root, ignore: true, excluded: func(string) bool { return false }, asked: []string{build}}
		w.start(build)
		var names []string
		for _, path := range w.plain {
			names = append(names, filepath.Base(path))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("with %q: %q, want %q", ignore, got, want)
		}
	}
}

// What lies outside the tree is read by no name; inside, links are followed.
func TestLinksOutOfTheTreeAreNotRead(t *testing.T) {
	manifest := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
	elsewhere := write(t, map[string]string{"a.yaml": strings.Replace(manifest, "%s", "outside", 1)})
	root := write(t, map[string]string{"deploy/b.yaml": strings.Replace(manifest, "%s", "inside", 1), ".git/HEAD": ""})
	for link, target := range map[string]string{"deploy/out.yaml": filepath.Join(elsewhere, "a.yaml"), "deploy/in.yaml": filepath.Join(root, "deploy", "b.yaml")} {
		if err := os.Symlink(target, filepath.Join(root, filepath.FromSlash(link))); err != nil {
			t.Skip(err)
		}
	}
	res := Load(t.Context(), []string{filepath.Join(root, "deploy")}, Options{})
	for _, b := range res.Bundles {
		for _, r := range b.Resources {
			if r.Name == "outside" {
				t.Error("a file outside the tree was read")
			}
		}
	}
	if len(res.Bundles) != 1 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0].Message, "out.yaml links to a file outside the tree") {
		t.Errorf("%d bundles, notes %q", len(res.Bundles), res.Notes)
	}
}

// A file outside any checkout may lie at the top of a disk.
func TestTheSearchForOverlaysEnds(t *testing.T) {
	root := write(t, map[string]string{"web.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"})
	if tree.New(nil).GitRoot(root) != "" {
		t.Skip("temporary directories lie in a git checkout")
	}
	for i := range 50 {
		for j := range 50 {
			if err := os.MkdirAll(filepath.Join(root, strconv.Itoa(i), strconv.Itoa(j)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	res := Load(t.Context(), []string{filepath.Join(root, "web.yaml")}, Options{})
	if len(res.Focused) != 1 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0].Message, "in the first 2000 directories of") {
		t.Errorf("%d units, notes %q", len(res.Focused), res.Notes)
	}
}

func TestAFileBelongsToItsOutermostChart(t *testing.T) {
	root := write(t, map[string]string{
		"Chart.yaml":                         "name: unrelated",
		"deploy/chart/Chart.yaml":            "name: a",
		"deploy/chart/charts/sub/Chart.yaml": "name: sub",
	})
	for file, want := range map[string]string{
		"deploy/chart/templates/a.yaml":            "deploy/chart",
		"deploy/chart/charts/sub/templates/b.yaml": "deploy/chart",
		"deploy/chart/values.yaml":                 "deploy/chart",
	} {
		if got := chartOf(tree.New(nil), filepath.Join(root, filepath.FromSlash(file)), root); got != filepath.Join(root, filepath.FromSlash(want)) {
			t.Errorf("%s belongs to %s", file, got)
		}
	}
}

func TestJailIsTheCheckoutElseTheInput(t *testing.T) {
	root := write(t, map[string]string{"repo/.git/HEAD": "", "repo/deploy/a.yaml": "", "loose/a.yaml": ""})
	if got := jail(tree.New(nil), filepath.Join(root, "repo", "deploy")); got != filepath.Join(root, "repo") {
		t.Errorf("in a checkout: %s", got)
	}
	if got := jail(tree.New(nil), filepath.Join(root, "loose")); got != filepath.Join(root, "loose") {
		t.Errorf("outside: %s", got)
	}
}

// A subchart is rendered with the values of the chart around it, be it named itself.
func TestADirectoryOfASubchartReachesTheChart(t *testing.T) {
	root := write(t, map[string]string{"app/Chart.yaml": "", "app/charts/sub/Chart.yaml": "", "app/charts/sub/templates/deep/a.yaml": "", "app/docs/a.yaml": ""})
	for dir, want := range map[string]string{
		"app/charts": "app", "app/charts/sub": "app", "app/charts/sub/templates": "app", "app/charts/sub/templates/deep": "app", "app/docs/more": "app/docs/more",
	} {
		if got := jail(tree.New(nil), filepath.Join(root, filepath.FromSlash(dir))); got != filepath.Join(root, filepath.FromSlash(want)) {
			t.Errorf("%s: %s", dir, got)
		}
	}
}

func TestAnOverlayThatIsTheInputReachesItsBases(t *testing.T) {
	root := write(t, map[string]string{
		"a/overlays/prod/kustomization.yaml": "resources: [../../base, ../../../elsewhere]\n",
		"a/base/kustomization.yaml":          "resources: [../more]\n",
		"a/more/kustomization.yaml":          "resources: [a.yaml]\n",
		"elsewhere/a.yaml":                   "",
	})
	if got := jail(tree.New(nil), filepath.Join(root, "a", "overlays", "prod")); got != filepath.Join(root, "a") {
		t.Errorf("the overlay: %s", got)
	}
	if got := jail(tree.New(nil), filepath.Join(root, "a", "overlays")); got != filepath.Join(root, "a", "overlays") {
		t.Errorf("a directory of overlays: %s", got)
	}
}

// For a file that is named, the largest directory around it is examined that is not too
// much to read, inside its checkout and apart from overlays.
func TestWhatLiesBesideANamedFile(t *testing.T) {
	pod := func(name string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + "}\nspec: {containers: []}\n"
	}
	files := map[string]string{
		".git/HEAD":                         "",
		"team/shop/web.yaml":                pod("web"),
		"team/shop/db.yaml":                 pod("db"),
		"team/shop/broken.yaml":             "apiVersion: v1\nkind: Pod\nspec: [\n",
		"team/policies/deny.yaml":           pod("deny"),
		"team/overlay/kustomization.yaml":   "resources: [other.yaml]\n",
		"team/overlay/other.yaml":           pod("other"),
		"team/chart/Chart.yaml":             "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"team/chart/templates/chart.yaml":   pod("chart"),
		"team/chart/examples/examples.yaml": pod("examples"),
		"other/other.yaml":                  pod("elsewhere"),
	}
	beside := func(root string) string {
		res := Load(t.Context(), []string{filepath.Join(root, "team/shop/web.yaml")}, Options{})
		if len(res.Errors) > 0 || len(res.Focused) != 1 || len(res.Focused[0].Errors) > 0 || res.Files != 1 {
			t.Errorf("%d files, %d bundles, errors %v", res.Files, len(res.Focused), res.Errors)
		}
		var names []string
		for _, r := range res.Focused[0].Resources {
			names = append(names, r.Name)
		}
		if len(res.Focused[0].Unselected) != len(names)-1 || res.Focused[0].Unselected[res.Focused[0].Resources[0]] || names[0] != "web" {
			t.Errorf("%v, %d beside", names, len(res.Focused[0].Unselected))
		}
		return strings.Join(names[1:], " ")
	}
	if got := beside(write(t, files)); got != "elsewhere deny db" {
		t.Errorf("in a small checkout: %s", got)
	}
	for i := range maxBeside {
		files["other/"+strconv.Itoa(i)+".yaml"] = "a: 1\n"
	}
	if got := beside(write(t, files)); got != "deny db" {
		t.Errorf("in a large checkout: %s", got)
	}
	delete(files, ".git/HEAD")
	if got := beside(write(t, files)); got != "" {
		t.Errorf("outside of a checkout: %s", got)
	}
}

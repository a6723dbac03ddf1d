package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// said returns what was reported of a result: errors and notes.
func said(res *Result) string {
	var all []string
	for _, e := range res.Errors {
		all = append(all, e.Error())
	}
	for _, b := range slices.Concat(res.Bundles, res.Focused) {
		for _, e := range b.Errors {
			all = append(all, e.Error())
		}
	}
	for _, note := range res.Notes {
		all = append(all, note.String())
	}
	return strings.Join(all, "\n")
}

const leakingChart = `apiVersion: v1
kind: Pod
metadata: {name: "{{ .Values.token | default "none" }}"}
`

// No input makes another file read than those of its checkout.
func TestInputsReadNothingOutsideTheirCheckout(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"HelmRelease valuesFiles": {"a.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec: {chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository}, valuesFiles: [../outside/values.yaml]}}}\n"},
		"Application valueFiles":  {"a.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: r}\nspec: {source: {path: chart, helm: {valueFiles: [../../outside/values.yaml]}}}\n"},
		"a link to values":        {"chart/values.yaml": "-> ../../outside/values.yaml"},
		"a link beside templates": {"chart/templates/more": "-> ../../../outside/chart/templates"},
		"a file:// dependency":    {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: chart, version: 1.0.0, repository: \"file://../../outside/chart\"}]\n"},
		"a linked dependency":     {"chart/charts/chart": "-> ../../../outside/chart"},
		"an overlay's values":     {"o/kustomization.yaml": "helmGlobals: {chartHome: ..}\nhelmCharts: [{name: chart, releaseName: r, valuesFile: ../../outside/values.yaml}]\n"},
		"an overlay's base":       {"o/kustomization.yaml": "resources: [../../outside/base]\n"},
		"a linked manifest":       {"a.yaml": "-> ../outside/pod.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]string{
				"outside/values.yaml":             "token: leaked\n",
				"outside/chart/Chart.yaml":        "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
				"outside/chart/templates/p.yaml":  strings.ReplaceAll(leakingChart, `default "none"`, `default "leaked"`),
				"outside/base/kustomization.yaml": "resources: [pod.yaml]\n",
				"outside/base/pod.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: leaked}\n",
				"outside/pod.yaml":                "apiVersion: v1\nkind: Pod\nmetadata: {name: leaked}\n",
				"repo/.git/HEAD":                  "",
				"repo/chart/Chart.yaml":           "apiVersion: v2\nname: c\nversion: 1.0.0\n",
				"repo/chart/templates/p.yaml":     leakingChart,
				"repo/good.yaml":                  "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n",
			}
			for path, text := range files {
				all["repo/"+path] = text
			}
			root := write(t, all)
			res := Load(t.Context(), []string{filepath.Join(root, "repo")}, Options{})
			good := false
			for _, b := range res.Bundles {
				for _, r := range b.Resources {
					good = good || r.Name == "good"
					if r.Name == "leaked" {
						t.Errorf("a file outside was read for %s", b.Rendering.Root)
					}
				}
			}
			if !good {
				t.Error("the rest is not linted")
			}
			if text := said(res); !strings.Contains(text, "outside") && !strings.Contains(text, "out of the linted tree") || strings.Contains(text, "leaked") {
				t.Errorf("said: %s", text)
			}
		})
	}
}

// Flags of the person who runs it may name any file.
func TestFlagsMayNameFilesAnywhere(t *testing.T) {
	root := write(t, map[string]string{
		"outside/values.yaml": "token: given\n", "outside/text": "given", "repo/.git/HEAD": "",
		"repo/chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "repo/chart/templates/p.yaml": leakingChart,
	})
	for name, o := range map[string]Options{
		"--values":   {ValueFiles: []string{filepath.Join(root, "outside", "values.yaml")}},
		"--set-file": {SetFile: []string{"token=" + filepath.Join(root, "outside", "text")}},
	} {
		res := Load(t.Context(), []string{filepath.Join(root, "repo", "chart")}, o)
		if len(res.Bundles) != 1 || len(res.Bundles[0].Resources) != 1 || res.Bundles[0].Resources[0].Name != "given" {
			t.Errorf("%s: %s", name, said(res))
		}
	}
}

// A file that is named is read though it is a link out of the checkout.
func TestANamedLinkIsFollowed(t *testing.T) {
	root := write(t, map[string]string{
		"outside/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: named}\n", "repo/.git/HEAD": "",
		"repo/link.yaml": "-> ../outside/pod.yaml", "repo/dir": "-> ../outside",
	})
	for _, name := range []string{"link.yaml", "dir"} {
		res := Load(t.Context(), []string{filepath.Join(root, "repo", name)}, Options{})
		if all := slices.Concat(res.Bundles, res.Focused); len(all) != 1 || len(all[0].Resources) != 1 || said(res) != "" {
			t.Errorf("%s: %s", name, said(res))
		}
	}
}

// What the configuration names lies in its own checkout.
func TestConfigurationsNameFilesOfTheirCheckout(t *testing.T) {
	root := write(t, map[string]string{
		"outside/values.yaml": "a: 1\n", "outside/chart/Chart.yaml": "name: c\n", "repo/.git/HEAD": "",
		"repo/link.yaml": "-> ../outside/values.yaml", "repo/in.yaml": "a: 1\n", "repo/chart/Chart.yaml": "name: c\n",
	})
	for path, want := range map[string]string{
		"../outside/values.yaml": "is outside", "link.yaml": "is outside", "in.yaml": "", "nowhere.yaml": "there is no file", "chart": "is a directory",
	} {
		read := &config.Config{Variants: []config.Variant{{Chart: "chart", Values: []string{path}, ValueSpans: make([]lint.Span, 1)}}}
		errs := CheckConfig(tree.New(nil), read, filepath.Join(root, "repo"))
		if want == "" && len(errs) > 0 || want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), want)) {
			t.Errorf("values %s: %v", path, errs)
		}
	}
	read := &config.Config{Variants: []config.Variant{{Chart: "../outside/chart"}}}
	if errs := CheckConfig(tree.New(nil), read, filepath.Join(root, "repo")); len(errs) != 1 || !strings.Contains(errs[0].Error(), "is outside") {
		t.Errorf("chart: %v", errs)
	}
}

// A large file is an error where it may hold an object, and is passed over as other data is.
func TestLargeFiles(t *testing.T) {
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n"
	root := write(t, map[string]string{"good.yaml": pod, "data.json": strings.Repeat("[1,2,3]\n", 100), "large.yaml": pod + strings.Repeat("# x\n", 200)})
	files := tree.New(nil)
	files.SetLimit(500)
	res := Load(t.Context(), []string{root}, Options{Tree: files})
	if text := said(res); len(res.Bundles) != 1 || len(res.Bundles[0].Resources) != 1 || strings.Count(text, "\n") > 0 || !strings.Contains(text, "large.yaml:1:1: larger than 500 bytes") {
		t.Errorf("said: %s", text)
	}
	if res.Skipped != 1 {
		t.Errorf("%d skipped", res.Skipped)
	}
}

// archive packs files, given as name and size, into a .tgz.
func archive(t *testing.T, files ...any) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for i := 0; i < len(files); i += 2 {
		size, text := 0, []byte(nil)
		switch x := files[i+1].(type) {
		case int:
			size = x
		case string:
			size, text = len(x), []byte(x)
		}
		if err := w.WriteHeader(&tar.Header{Name: files[i].(string), Mode: 0o644, Size: int64(size)}); err != nil {
			t.Fatal(err)
		}
		if text == nil {
			text = make([]byte, size)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	zipped.Close()
	return out.String()
}

// Archives cost no more than what one chart may hold, and what is wrong has a place.
func TestArchives(t *testing.T) {
	chart := "apiVersion: v2\nname: c\nversion: 1.0.0\n"
	const mb = 1 << 20
	large := archive(t, "b/Chart.yaml", chart, "b/x1", 4*mb, "b/x2", 4*mb, "b/x3", 4*mb, "b/x4", 4*mb, "b/x5", 4*mb)
	nested := []any{"c/Chart.yaml", chart}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		nested = append(nested, "c/charts/"+name+".tgz", large)
	}
	for name, c := range map[string]struct{ text, want string }{
		"no archive":               {"x", "a.tgz is not a readable chart archive"},
		"a first entry of 128 MiB": {archive(t, "data", 128*mb, "c/Chart.yaml", chart), "no Chart.yaml in its first 64 MiB"},
		"archives in archives":     {archive(t, nested...), "larger than 128 MiB"},
		"an entry too large":       {archive(t, "c/Chart.yaml", chart, "c/x", 6*mb), "a.tgz:1:1: the archive cannot be unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			root := write(t, map[string]string{"a.tgz": c.text, "good.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n"})
			res := Load(t.Context(), []string{root}, Options{})
			if text := said(res); !strings.Contains(text, c.want) || len(res.Bundles) == 0 || len(res.Bundles[0].Resources) != 1 {
				t.Errorf("said: %s", text)
			}
		})
	}
}

// Errors about charts have a place, and what can be rendered is.
func TestErrorsOfChartsHaveAPlace(t *testing.T) {
	chart := "apiVersion: v2\nname: c\nversion: 1.0.0\n"
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		rest  bool
	}{
		".helmignore that Helm refuses": {map[string]string{".helmignore": "a\n**/b\n"}, "chart/.helmignore:2:1: the chart cannot be loaded", false},
		".helmignore to nowhere":        {map[string]string{".helmignore": "-> /dev/zero"}, "chart/.helmignore:1:1: unreadable", true},
		"Chart.yaml to nowhere":         {map[string]string{"Chart.yaml": "-> nowhere"}, "chart/Chart.yaml:1:1: unreadable: no such file", false},
		"Chart.yaml that is ignored":    {map[string]string{".helmignore": "Chart.yaml\n"}, "chart/Chart.yaml:1:1: chart", false},
		"a template that is a device":   {map[string]string{"templates/x.yaml": "-> /dev/zero"}, "chart/templates/x.yaml:1:1: symbolic link x.yaml points out of the linted tree", true},
		"a dependency on itself":        {map[string]string{"Chart.yaml": chart + "dependencies:\n- {name: c, version: 1.0.0, repository: \"file://.\"}\n"}, "chart/Chart.yaml:5:10: dependency \"c\": file://. depends on a chart", true},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"chart/Chart.yaml": chart, "chart/templates/p.yaml": pod, ".git/HEAD": ""}
			for path, text := range c.files {
				files["chart/"+path] = text
			}
			root := write(t, files)
			t.Chdir(root)
			res := Load(t.Context(), []string{"."}, Options{})
			if text := said(res); !strings.Contains(text, c.want) || strings.Count(text, c.want) > 1 {
				t.Errorf("said: %s\nwant %s", text, c.want)
			}
			if rest := len(res.Bundles) > 0 && len(res.Bundles[0].Resources) == 1; rest != c.rest {
				t.Errorf("the rest is rendered: %v", rest)
			}
		})
	}
}

func TestAnUnreadableDirectoryIsNoReasonToStop(t *testing.T) {
	root := write(t, map[string]string{"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "chart/templates/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\n", "chart/files/x": ""})
	dir := filepath.Join(root, "chart", "files")
	if err := os.Chmod(dir, 0); err != nil {
		t.Skip(err)
	}
	defer os.Chmod(dir, 0o755)
	if _, err := os.ReadDir(dir); err == nil {
		t.Skip("this user reads what nobody may")
	}
	res := Load(t.Context(), []string{filepath.Join(root, "chart")}, Options{})
	if text := said(res); !strings.Contains(text, "files:1:1: unreadable: permission denied") || len(res.Bundles[0].Resources) != 1 {
		t.Errorf("said: %s", text)
	}
}

// A kustomization that names more than it may does not make a chart above what was named
// take its files for data.
func TestAnOverlayDoesNotWidenWhatIsReadOfCharts(t *testing.T) {
	root := write(t, map[string]string{
		"Chart.yaml":                   "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"templates/all.yaml":           "{{ .Files.Get \"a/named/o/more.yaml\" }}\n",
		"a/named/o/kustomization.yaml": "resources: [pod.yaml]\ncomponents: [../../../shared]\n",
		"a/named/o/pod.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\n",
		"a/named/o/more.yaml":          "apiVersion: v1\nkind: Pod\nmetadata: {name: more}\n",
		"shared/kustomization.yaml":    "kind: Component\n",
	})
	res := Load(t.Context(), []string{filepath.Join(root, "a", "named")}, Options{})
	for _, b := range res.Bundles {
		for _, r := range b.Resources {
			if r.Name == "more" {
				return
			}
		}
	}
	t.Errorf("the manifest more.yaml is lost; said:\n%s", said(res))
}

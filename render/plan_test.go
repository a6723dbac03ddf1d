package render

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// everything holds one unit of each kind, and one that requests others.
func everything(t *testing.T) string {
	return write(t, map[string]string{
		".git/HEAD":  "",
		".gitignore": "gen/\n", "gen/kustomization.yaml": "resources: [a.yaml]\n", "gen/a.yaml": named("gen"),
		"plain/a.yaml": named("plain"), "plain/b.yaml": "a: 1\n",
		"plain/app.yaml":         "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\nspec: {source: {path: chart, helm: {valueFiles: [prod-values.yaml]}}}\n",
		"plain/flux.yaml":        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux}\nspec: {path: ./gen}\n",
		"chart/Chart.yaml":       "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"chart/templates/a.yaml": strings.ReplaceAll(pod, "NAME", "chart-{{ .Values.name | default \"none\" }}"), "chart/prod-values.yaml": "name: prod\n",
		"base/kustomization.yaml":   "resources: [a.yaml]\n",
		"base/a.yaml":               named("base"),
		"ov/kustomization.yaml":     "resources: [../base]\npatches: [{path: p.yaml}]\n",
		"ov/p.yaml":                 "apiVersion: v1\nkind: Pod\nmetadata: {name: base}\nspec: {hostPID: true}\n",
		"broken/kustomization.yaml": "resources: [../asked]\npatches: [{path: missing.yaml}, {target: {kind: Nothing}, patch: \"[\"}]\n",
		"asked/kustomization.yaml":  "resources: [a.yaml]\n",
		"asked/a.yaml":              named("asked"),
	})
}

// rendered renders a plan to its end and returns its units in order.
func rendered(ctx context.Context, p *Plan) (units []*Unit, results []*Rendered) {
	known := map[string]bool{}
	for wave := p.Units; len(wave) > 0; {
		var asks []*Unit
		for _, u := range wave {
			if known[u.Key] {
				continue
			}
			known[u.Key] = true
			r := u.Render(ctx)
			units, results, asks = append(units, u), append(results, r), append(asks, r.Asks...)
		}
		wave = asks
	}
	return units, results
}

func TestAPlanSaysWhichUnitsThereAreAndWhy(t *testing.T) {
	root := everything(t)
	t.Chdir(root)
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{"."}, "file plain: found on a walk\nkustomize broken: found on a walk\nkustomize ov: found on a walk\nkustomize gen: an object points to it\nhelm chart: found on a walk\nhelm chart with Application argocd/app: an object deploys it\n"},
		{[]string{"plain/a.yaml"}, "file plain: named\n"},
		{[]string{"ov/p.yaml"}, "kustomize ov: a file that was named is part of it\n"},
		{[]string{"base/a.yaml"}, "kustomize ov: a file that was named is part of it\n"},
		{[]string{"chart/templates/a.yaml"}, "helm chart: a file that was named is part of it\nfile the objects that deploy what was named: a file that was named is part of it\nhelm chart with Application argocd/app: an object deploys it\n"},
		{[]string{"plain", "plain/a.yaml"}, "file plain: found on a walk\nfile plain: named\nhelm chart with Application argocd/app: an object deploys it\n"},
		{[]string{"-", "plain/a.yaml"}, "file <stdin>: named\nfile plain: named\n"},
	} {
		p := NewPlan(t.Context(), c.paths, Options{Stdin: strings.NewReader(named("piped"))})
		if len(p.Errors) > 0 {
			t.Errorf("%s: %v", c.paths, p.Errors)
		}
		got := ""
		units, _ := rendered(t.Context(), p)
		for _, u := range units {
			got += u.Kind + " " + u.Root + ": " + string(u.Why) + "\n"
		}
		if got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.paths, got, c.want)
		}
	}
}

// A base is linted on its own where the overlay that uses it cannot be built.
func TestBasesOfOverlaysThatCannotBeBuilt(t *testing.T) {
	root := write(t, map[string]string{
		"ov/kustomization.yaml":   "resources: [../base]\nconfigMapGenerator: [{name: a, literals: [x=1]}, {name: a, literals: [x=1]}]\n",
		"base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": named("base"),
	})
	t.Chdir(root)
	units, results := rendered(t.Context(), NewPlan(t.Context(), []string{"."}, Options{}))
	var got []string
	for i, u := range units {
		got = append(got, u.Root+" "+string(u.Why))
		for _, b := range results[i].Bundles {
			if u.Root == "base" && len(b.Errors) > 0 || u.Root == "ov" && len(b.Errors) == 0 {
				t.Errorf("%s: %v", u.Root, b.Errors)
			}
		}
	}
	if want := []string{"ov found on a walk", "base an overlay that uses it cannot be built"}; !slices.Equal(got, want) {
		t.Errorf("units %q", got)
	}
}

// Planning renders nothing, and its units do not depend on the order in which they are rendered.
func TestUnitsAreRenderedInAnyOrder(t *testing.T) {
	root := everything(t)
	t.Chdir(root)
	summary := func(order func([]*Unit)) string {
		p := NewPlan(t.Context(), []string{".", "chart/templates/a.yaml", "plain/b.yaml"}, Options{})
		all := map[string]string{}
		known := map[string]bool{}
		for wave := slices.Clone(p.Units); len(wave) > 0; {
			order(wave)
			var asks []*Unit
			for _, u := range wave {
				if known[u.Key] {
					continue
				}
				known[u.Key] = true
				r := u.Render(t.Context())
				for _, b := range r.Bundles {
					for _, o := range b.Resources {
						all[u.Key] += " " + o.Name
					}
				}
				asks = append(asks, r.Asks...)
			}
			wave = asks
		}
		files, skipped := p.Counts()
		text := ""
		var keys []string
		for key := range all {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			text += key + all[key] + "\n"
		}
		for _, n := range p.Close() {
			text += n.String() + "\n"
		}
		return text + strings.Repeat("f", files) + strings.Repeat("s", skipped)
	}
	forwards := summary(func([]*Unit) {})
	if backwards := summary(slices.Reverse[[]*Unit]); forwards != backwards {
		t.Errorf("forwards\n%s\nbackwards\n%s", forwards, backwards)
	}
	if !strings.Contains(forwards, "chart-prod") {
		t.Errorf("rendered %s", forwards)
	}
}

// Each unit knows what it was made of: a change of anything else does not touch it.
func TestUnitsKnowTheirInputs(t *testing.T) {
	root := everything(t)
	t.Chdir(root)
	units, _ := rendered(t.Context(), NewPlan(t.Context(), []string{"."}, Options{}))
	touched := func(path, text string) string {
		now := tree.New(map[string][]byte{filepath.Join(root, filepath.FromSlash(path)): []byte(text)})
		var names []string
		for _, u := range units {
			if slices.ContainsFunc(u.Inputs(), func(in tree.Input) bool { return !now.Same(in) }) {
				names = append(names, u.Root)
			}
		}
		return strings.Join(names, ", ")
	}
	for path, want := range map[string]string{
		"plain/a.yaml":             "plain",
		"plain/new.yaml":           "", // it is the plan that lists directories
		"chart/templates/a.yaml":   "chart, chart with Application argocd/app",
		"chart/templates/new.yaml": "chart, chart with Application argocd/app",
		"chart/prod-values.yaml":   "chart, chart with Application argocd/app", // .Files holds it
		"base/a.yaml":              "ov",
		"base/kustomization.yaml":  "ov",
		"base/kustomization.yml":   "ov", // of which kustomize refuses two
		"ov/p.yaml":                "ov",
		"ov/unrelated.yaml":        "",
		"broken/missing.yaml":      "broken",
		"README.md":                "",
	} {
		if got := touched(path, "changed: true\n"); got != want {
			t.Errorf("%s touches %q, want %q", path, got, want)
		}
	}
	if got := touched("plain/a.yaml", named("plain")); got != "" {
		t.Errorf("without a change: %s", got)
	}
}

// A fault of the program in one unit is an error of it, and all else is rendered.
func TestAFaultStaysInItsUnit(t *testing.T) {
	root := everything(t)
	t.Chdir(root)
	for _, kind := range []string{"file", "helm", "kustomize", "deployed"} {
		p := NewPlan(t.Context(), []string{"."}, Options{})
		count, failed := 0, 0
		faulty := func(u *Unit) bool {
			return u.Kind == kind && u.Why != Deployed || kind == "deployed" && u.Why == Deployed
		}
		for wave := p.Units; len(wave) > 0; {
			var asks []*Unit
			for _, u := range wave {
				if faulty(u) {
					u.render = func(context.Context, *Unit) *Rendered { panic("a fault") }
				}
				r := u.Render(t.Context())
				asks = append(asks, r.Asks...)
				switch {
				case faulty(u) && len(r.Errors) == 1 && strings.Contains(r.Errors[0].Message, u.Root) && strings.Contains(r.Errors[0].Message, "a fault"):
					failed++
				case !faulty(u) && len(r.Bundles) == 1 && len(r.Errors) == 0:
					count++
				default:
					t.Errorf("%s, %s: %v", kind, u.Root, r.Errors)
				}
			}
			wave = asks
		}
		if failed == 0 || count < 3 {
			t.Errorf("%s: %d failed, %d rendered", kind, failed, count)
		}
		p.Close()
	}
}

// A fault of the parser, too, is an error of the file alone.
func TestAFaultOfTheParserStaysInItsFile(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: Pod\n"))
	src.Data = nil
	p := contained(src, func(*lint.Source) parsed { panic("a fault") })
	if len(p.errs) != 1 || !p.object || p.errs[0].Span.Path() != "a.yaml" || !strings.Contains(p.errs[0].Message, "a fault") {
		t.Errorf("%+v", p)
	}
}

func TestAPlanEndsWithItsContext(t *testing.T) {
	root := everything(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := NewPlan(ctx, []string{root}, Options{})
	if len(p.Units) != 0 {
		t.Errorf("%d units", len(p.Units))
	}
	p = NewPlan(t.Context(), []string{root}, Options{})
	for _, u := range p.Units {
		for _, b := range u.Render(ctx).Bundles {
			if len(b.Errors) == 0 && len(b.Resources) > 0 {
				t.Errorf("%s was rendered", u.Root)
			}
		}
	}
}

// A HelmRelease may name a HelmChart that an overlay, or another chart, makes; with values
// of its own unit.
func TestAHelmChartOfAnotherUnit(t *testing.T) {
	chart := "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {name: c, namespace: ns}\nspec: {chart: chart, sourceRef: {kind: GitRepository, name: r}}\n"
	release := "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: ns}\nspec: {chartRef: {kind: HelmChart, name: c}, valuesFrom: [{kind: ConfigMap, name: v}]}\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: v, namespace: ns}\ndata: {values.yaml: 'name: released'}\n"
	for name, files := range map[string]map[string]string{
		"of an overlay":     {"a/release.yaml": release, "b/kustomization.yaml": "resources: [c.yaml]\n", "b/c.yaml": chart},
		"in an overlay":     {"a/chart.yaml": chart, "b/kustomization.yaml": "resources: [r.yaml]\n", "b/r.yaml": release},
		"of another":        {"a/kustomization.yaml": "resources: [r.yaml]\n", "a/r.yaml": release, "b/kustomization.yaml": "resources: [c.yaml]\n", "b/c.yaml": chart},
		"of several alike":  {"a/release.yaml": release, "b/kustomization.yaml": "resources: [c.yaml]\n", "b/c.yaml": chart, "c/kustomization.yaml": "resources: [c.yaml]\n", "c/c.yaml": chart},
		"of the same files": {"a/release.yaml": release, "a/chart.yaml": chart},
	} {
		t.Run(name, func(t *testing.T) {
			files[".git/HEAD"], files["chart/Chart.yaml"] = "", "apiVersion: v2\nname: c\nversion: 1.0.0\n"
			files["chart/templates/a.yaml"] = strings.ReplaceAll(pod, "NAME", "{{ .Values.name | default \"none\" }}")
			t.Chdir(write(t, files))
			_, results := rendered(t.Context(), NewPlan(t.Context(), []string{"."}, Options{}))
			var deployed []string
			for _, r := range results {
				for _, b := range r.Bundles {
					if strings.HasPrefix(b.Rendering.Variant, "HelmRelease") {
						for _, o := range b.OfKind("Pod") {
							deployed = append(deployed, b.Rendering.Variant+" "+o.Name)
						}
					}
				}
			}
			if want := []string{"HelmRelease ns/app released"}; !slices.Equal(deployed, want) {
				t.Errorf("%q, want %q", deployed, want)
			}
		})
	}
}

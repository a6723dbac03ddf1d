package cli

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/rules"
)

const deployed = `apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      hostPID: true # manilint:ignore[host-pid] it watches
      containers: [{name: NAME, image: NAME, env: [{name: PASSWORD, value: correcthorsebattery}]}]
`

// everyKind is a tree with units of each kind: plain files, a chart, one that an
// Application deploys, an overlay, one that inflates a chart, and one that cannot be
// built, whose base is linted instead.
func everyKind() map[string]string {
	of := func(name string) string { return strings.ReplaceAll(deployed, "NAME", name) }
	return map[string]string{
		"plain/a.yaml": of("plain"),
		"plain/app.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app}\nspec:\n  source: {path: chart, repoURL: https://git.example.com/a, helm: {values: 'tag: 2'}}\n" +
			"  destination: {namespace: a}\n",
		"chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n", "chart/values.yaml": "tag: 1\n",
		"chart/templates/a.yaml":          strings.ReplaceAll(of("chart"), "image: chart", "image: 'chart:{{ .Values.tag }}'"),
		"base/kustomization.yaml":         "resources: [a.yaml]\n",
		"base/a.yaml":                     of("base"),
		"overlay/kustomization.yaml":      "resources: [../base]\nnamePrefix: x-\n",
		"inflated/kustomization.yaml":     "helmGlobals: {chartHome: charts}\nhelmCharts: [{name: sub, releaseName: sub}]\n",
		"inflated/charts/sub/Chart.yaml":  "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"inflated/charts/sub/values.yaml": "", "inflated/charts/sub/templates/a.yaml": of("inflated"),
		"other/kustomization.yaml":  "resources: [a.yaml]\n",
		"other/a.yaml":              of("other"),
		"broken/kustomization.yaml": "resources: [../other, ../other]\n",
	}
}

// A unit's bundles and objects are gone once it is checked, while its results, and the
// plan, are still there.
func TestUnitsAreLetGoOf(t *testing.T) {
	dir := writeTree(t, everyKind())
	plan := render.NewPlan(t.Context(), []string{dir}, render.Options{Jobs: 2})
	type held struct {
		unit   string
		bundle weak.Pointer[lint.Bundle]
		node   weak.Pointer[lint.Node]
	}
	var mu sync.Mutex
	var all []held
	kinds := map[string]int{}
	var watch func(units []engine.Unit) []engine.Unit
	watch = func(units []engine.Unit) []engine.Unit {
		for i := range units {
			u := units[i]
			units[i].Render = func(ctx context.Context) engine.Rendered {
				r := u.Render(ctx)
				r.More = watch(r.More)
				mu.Lock()
				defer mu.Unlock()
				kinds[u.Kind]++
				for _, b := range r.Bundles {
					h := held{u.Name, weak.Make(b), weak.Pointer[lint.Node]{}}
					for _, o := range b.Resources {
						h.node = weak.Make(o.Root)
					}
					all = append(all, h)
				}
				return r
			}
		}
		return units
	}
	var enabled []config.Enabled
	for _, r := range rules.All() {
		enabled = append(enabled, config.Enabled{Rule: r})
	}
	results := engine.Run(t.Context(), watch(unitsOf(plan, plan.Units, &progress{})), engine.Options{Rules: enabled, Masking: rules.Masking(), AllRules: rules.All()})
	if len(all) < 6 || kinds["file"] == 0 || kinds["helm"] < 2 || kinds["kustomize"] < 3 {
		t.Fatalf("%d bundles of %v", len(all), kinds)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		all = slices.DeleteFunc(all, func(h held) bool { return h.bundle.Value() == nil && h.node.Value() == nil })
		if len(all) == 0 {
			break
		}
		if time.Now().After(end) {
			for _, h := range all {
				t.Errorf("%s: its bundle is held: %t, its last object: %t", h.unit, h.bundle.Value() != nil, h.node.Value() != nil)
			}
			break
		}
	}
	if rep := engine.Merge(engine.Group{Results: results}); len(rep.Findings) < 20 || len(rep.Suppressed) < 5 {
		t.Errorf("%d findings, %d suppressed", len(rep.Findings), len(rep.Suppressed))
	}
	runtime.KeepAlive(plan)
}

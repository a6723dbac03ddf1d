package engine

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
)

func unitOf(t *testing.T, kind, name string, more ...Unit) Unit {
	return Unit{Kind: kind, Name: name, Key: kind + " " + name, Render: func(context.Context) Rendered {
		b := bundleOf(t, name, "apiVersion: v1\nkind: Pod\nmetadata: {name: "+name+"}\nspec: {containers: [{name: x, image: i}]}\n")
		b.Rendering.Kind = kind
		return Rendered{Bundles: []*lint.Bundle{b}, More: more}
	}}
}

type brokenLocator struct{}

func (brokenLocator) Locate(*lint.Node) lint.Place { panic("no place") }

// What breaks one unit is an error that names it; the units next to it, and what the rest
// of it came to, are reported.
func TestEachStageOfEachKindOfUnitIsContained(t *testing.T) {
	good := config.Enabled{Rule: everyImage}
	for _, kind := range []string{"file", "helm", "kustomize"} {
		for stage, broken := range map[string]struct {
			change func(b *lint.Bundle) *lint.Bundle
			rule   func(p *lint.Pass)
			render bool
			left   int // findings of the broken unit itself
		}{
			"render": {render: true},
			"rule":   {rule: func(*lint.Pass) { panic("no such field") }, left: 1},
			"locate": {change: func(b *lint.Bundle) *lint.Bundle {
				return lint.NewBundle(b.Rendering, "", lint.NewResources(b.Resources[0].Root.YAML(), brokenLocator{}))
			}, left: 1},
			"index": {change: func(b *lint.Bundle) *lint.Bundle { b.Resources = append(b.Resources, nil); return b }, left: 1},
			"mask, ignore": {change: func(b *lint.Bundle) *lint.Bundle {
				b.Resources = append(b.Resources, &lint.Resource{Bundle: b})
				return b
			}, left: 1},
		} {
			t.Run(kind+" "+stage, func(t *testing.T) {
				whole := unitOf(t, kind, "broken")
				unit := Unit{Kind: kind, Name: "broken", Render: func(ctx context.Context) Rendered {
					if broken.render {
						panic("no such template")
					}
					r := whole.Render(ctx)
					if broken.change != nil {
						r.Bundles[0] = broken.change(r.Bundles[0])
					}
					return r
				}}
				o := Options{Rules: []config.Enabled{good}, Jobs: 2}
				if broken.rule != nil {
					o.Rules = append(o.Rules, config.Enabled{Rule: &lint.Rule{ID: "broken", Run: func(p *lint.Pass) {
						if p.Bundle.Rendering.Root == "broken" {
							broken.rule(p)
						}
					}}})
				}
				results := Run(t.Context(), []Unit{unitOf(t, "file", "before"), unit, unitOf(t, "file", "after")}, o)
				r := Merge(Group{Options: o, Results: results})
				found := map[string]int{}
				for _, f := range r.Findings {
					for _, rendering := range f.Renderings {
						found[rendering.Root]++
					}
				}
				if found["before"] != 1 || found["after"] != 1 || found["broken"] < broken.left {
					t.Errorf("findings %v", found)
				}
				if len(r.Errors) == 0 || !slices.ContainsFunc(r.Errors, func(e *lint.InputError) bool { return strings.Contains(e.Message, "broken") }) {
					t.Errorf("errors %v", r.Errors)
				}
			})
		}
	}
}

func TestTheNumberOfJobsDoesNotShow(t *testing.T) {
	run := func(jobs int) string {
		var units []Unit
		for i := range 40 {
			units = append(units, unitOf(t, "helm", fmt.Sprintf("c%02d", i), unitOf(t, "helm", fmt.Sprintf("asked%d", i%7))))
		}
		o := Options{Rules: []config.Enabled{{Rule: everyImage}}, Jobs: jobs}
		var all []string
		for _, r := range Run(t.Context(), units, o) {
			all = append(all, r.Rendering.Root)
		}
		return strings.Join(all, " ")
	}
	one := run(1)
	if many := run(8); one != many {
		t.Errorf("1 job:  %s\n8 jobs: %s", one, many)
	}
	if !strings.HasSuffix(one, "c39 asked0 asked1 asked2 asked3 asked4 asked5 asked6") {
		t.Errorf("what several units ask for is not run once, behind them: %s", one)
	}
}

func TestNoMoreUnitsThanJobsAreAlive(t *testing.T) {
	var alive, most atomic.Int32
	var units []Unit
	for i := range 50 {
		u := unitOf(t, "file", fmt.Sprint("u", i))
		units = append(units, Unit{Name: u.Name, Render: func(ctx context.Context) Rendered {
			most.Store(max(most.Load(), alive.Add(1)))
			r := u.Render(ctx)
			runtime.AddCleanup(r.Bundles[0], func(struct{}) { alive.Add(-1) }, struct{}{})
			runtime.GC() // the trees of units that are done go
			runtime.GC()
			time.Sleep(time.Millisecond) // cleanups run next to
			return r
		}})
	}
	o := Options{Rules: []config.Enabled{{Rule: everyImage}}, Jobs: 2}
	if results := Run(t.Context(), units, o); len(results) != 50 || len(results[0].Findings) != 1 {
		t.Fatalf("%d results", len(results))
	}
	if n := most.Load(); n > 10 {
		t.Errorf("%d bundles were alive at once", n)
	}
}

func TestAUnitThatTakesTooLongIsGivenUp(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	heeds := Unit{Kind: "helm", Name: "heeds", Render: func(ctx context.Context) Rendered {
		<-ctx.Done()
		return Rendered{Errors: []*lint.InputError{{Message: "heeds: " + context.Cause(ctx).Error()}}}
	}}
	deaf := Unit{Kind: "helm", Name: "deaf", Render: func(context.Context) Rendered { <-stuck; return Rendered{} }}
	o := Options{Rules: []config.Enabled{{Rule: everyImage}}, Jobs: 1, Deadline: 20 * time.Millisecond}
	r := Merge(Group{Options: o, Results: Run(t.Context(), []Unit{heeds, deaf, unitOf(t, "file", "good")}, o)})
	if len(r.Findings) != 1 || len(r.Errors) != 2 || r.Errors[0].Message != "heeds: it takes longer than 20ms" ||
		r.Errors[1].Message != "helm deaf was stopped: it takes longer than 20ms; lint it on its own, or exclude it" {
		t.Errorf("%d findings, errors %v", len(r.Findings), r.Errors)
	}
}

// What waits for a processor would only hold memory.
func TestNoMoreUnitsAtWorkThanProcessors(t *testing.T) {
	var at, most atomic.Int32
	units := make([]Unit, 50)
	for i := range units {
		units[i].Render = func(context.Context) Rendered {
			defer at.Add(-1)
			for n := at.Add(1); ; {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			time.Sleep(time.Millisecond)
			return Rendered{}
		}
	}
	Run(context.Background(), units, Options{Jobs: 1000})
	if n := int(most.Load()); n > runtime.GOMAXPROCS(0) {
		t.Errorf("%d units at once on %d processors", n, runtime.GOMAXPROCS(0))
	}
}

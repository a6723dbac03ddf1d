package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/manilint/manilint/lint"
)

// A Unit is what is rendered and checked on its own: a chart, an overlay, one tree of
// plain files.
type Unit struct {
	// Kind is as that of a [lint.Rendering]. Name is what errors call the unit: the path of
	// the chart, the overlay or the tree.
	Kind, Name string
	// Key is the same for units that come to the same: one of them is run. All are
	// run that have none.
	Key string
	// Render makes the unit's bundles. It stops when the context ends.
	Render func(context.Context) Rendered
	// Keep says which findings are wanted; nil wants all.
	Keep func(*lint.Finding) bool
}

// Rendered is what rendering a unit came to.
type Rendered struct {
	Bundles []*lint.Bundle
	Errors  []*lint.InputError
	Notes   []lint.Note
	// More are units that objects of this one request: the charts that an Argo CD
	// Application or a HelmRelease names.
	More []Unit
}

// Run renders and checks units, o.Jobs at a time, and those that they request. Each is
// let go of once it is checked: a result holds nothing of its trees. The results are in
// the order of the units, those of units that were requested behind them. A unit that
// panics, or takes longer than o.Deadline, is an error that names it.
func Run(ctx context.Context, units []Unit, o Options) []*Result {
	r := &runner{options: &o, names: newNames(&o)}
	var all []*Result
	known := map[string]bool{}
	for len(units) > 0 {
		units = slices.DeleteFunc(slices.Clone(units), func(u Unit) bool {
			again := u.Key != "" && known[u.Key]
			known[u.Key] = true
			return again
		})
		done := r.wave(ctx, units)
		units = nil
		for _, d := range done {
			all, units = append(all, d.results...), append(units, d.more...)
		}
	}
	return all
}

// CheckAll checks bundles side by side; the results are in their order.
func CheckAll(ctx context.Context, bundles []*lint.Bundle, o Options) []*Result {
	units := make([]Unit, len(bundles))
	for i, b := range bundles {
		units[i].Render = func(context.Context) Rendered { return Rendered{Bundles: []*lint.Bundle{b}} }
	}
	return Run(ctx, units, o)
}

// A runner is one call of Run at work.
type runner struct {
	options *Options
	names   *names

	mu          sync.Mutex
	done, total int
}

// done is what a unit came to.
type done struct {
	results []*Result
	more    []Unit
}

// wave runs units side by side.
func (r *runner) wave(ctx context.Context, units []Unit) []done {
	r.total += len(units)
	all := make([]done, len(units))
	var group sync.WaitGroup
	slots := make(chan struct{}, r.options.jobs())
	for i, u := range units {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				all[i] = done{results: []*Result{{stopped: context.Cause(ctx)}}}
			} else {
				all[i] = r.within(ctx, u)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.done++; r.options.Progress != nil {
				r.options.Progress(r.done, r.total)
			}
		})
	}
	group.Wait()
	return all
}

// within gives a unit up at its deadline: what does not follow the context is left behind.
func (r *runner) within(ctx context.Context, u Unit) done {
	if r.options.Deadline == 0 {
		return r.unit(ctx, u)
	}
	limited, cancel := context.WithTimeoutCause(ctx, r.options.Deadline, fmt.Errorf("it takes longer than %s", r.options.Deadline))
	defer cancel()
	came := make(chan done, 1)
	go func() { came <- r.unit(limited, u) }()
	select {
	case d := <-came:
		return d
	case <-limited.Done():
	}
	// what follows the context says itself where it was stopped
	select {
	case d := <-came:
		return d
	case <-time.After(unitGrace):
		message := fmt.Sprintf("%s was stopped: %v; lint it on its own, or exclude it", u.called(), context.Cause(limited))
		return done{results: []*Result{{Unit: u.Key, GivenUp: true, Errors: []*lint.InputError{{Message: message}}}}}
	}
}

// unitGrace is how long a unit may take to end once the context has.
const unitGrace = 5 * time.Second

// unit renders a unit and checks its bundles.
func (r *runner) unit(ctx context.Context, u Unit) (d done) {
	rendered, failed := u.render(ctx)
	d.more = rendered.More
	if failed != nil {
		rendered.Errors = append(rendered.Errors, failed)
	}
	if len(rendered.Errors) > 0 || len(rendered.Notes) > 0 {
		d.results = append(d.results, &Result{Errors: rendered.Errors, Notes: rendered.Notes})
	}
	for i, b := range rendered.Bundles {
		rendered.Bundles[i] = nil // the next is checked without its tree
		result := checked(ctx, b, r.names)
		if u.Keep != nil {
			result.Keep(u.Keep)
		}
		if u.Kind != "file" && u.Kind != "" {
			result.pack()
		}
		d.results = append(d.results, result)
	}
	for _, result := range d.results {
		result.Unit = u.Key
	}
	return d
}

// called names a unit in errors.
func (u Unit) called() string {
	if u.Kind == "" || u.Kind == "file" {
		return u.Name
	}
	return u.Kind + " " + u.Name
}

// render contains a panic of a renderer or a parser.
func (u Unit) render(ctx context.Context) (rendered Rendered, failed *lint.InputError) {
	defer func() {
		if p := recover(); p != nil {
			failed = &lint.InputError{Message: fmt.Sprintf("rendering %s failed: %v; please report this with the files", u.called(), p)}
		}
	}()
	return u.Render(ctx), nil
}

// checked contains a panic of the check itself.
func checked(ctx context.Context, b *lint.Bundle, n *names) (result *Result) {
	c := newCheck(b, n)
	defer func() {
		if p := recover(); p != nil {
			c.result.Errors = append(slices.Clone(b.Errors), c.broke("checking", p))
			result = c.result
		}
		result.Errors = freed(result.Errors)
	}()
	return c.run(ctx)
}

// freed returns errors that name the rendering on their own, not by the bundle's field,
// which would hold the bundle.
func freed(errs []*lint.InputError) []*lint.InputError {
	all := make([]*lint.InputError, len(errs))
	for i, e := range errs {
		if all[i] = e; e.Rendering != nil {
			alone, rendering := *e, *e.Rendering
			alone.Rendering = &rendering
			all[i] = &alone
		}
	}
	return all
}

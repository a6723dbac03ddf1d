// Package limits bounds what a run takes: the time of each file, chart and overlay, that of all
// of them, and the memory of the process. Go ends a process that runs out of memory, with
// nothing reported; so a watch cancels what is being rendered before it comes to that.
//
// The limits travel in the context. What renders requests its share with [Unit], and for the
// memory of one rendering with [Memory].
package limits

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/manilint/manilint/render/tree"
)

// Limits are those of a run. The zero value of each field stands for what it says.
type Limits struct {
	// Time bounds one file, chart or overlay; what renders has a limit of its own when 0.
	Time time.Duration
	// Run bounds all of them, and the rules over them; 0 does not.
	Run time.Duration
	// Memory bounds the process, in bytes; what the environment allows it when 0.
	Memory int64
}

// The parts of the memory limit at which something happens: what is no longer used is
// collected at any price; what is being read or rendered is cancelled, then what is being
// checked; the run is ended with what it has; it is stopped.
const (
	collectAt = 0.75
	cancelAt  = 0.85
	checksAt  = 0.90
	endAt     = 0.94
	giveUpAt  = 0.97
)

const (
	every = 20 * time.Millisecond
	// notice is how long what was cancelled may take to end before the next is.
	notice = 300 * time.Millisecond
)

type key struct{}

// A run is one call of Start at work.
type run struct {
	Limits
	bound int64 // of memory; 0 for none
	ends  time.Time

	end context.CancelCauseFunc // of all that is at work

	mu     sync.Mutex
	units  []*unit // at work, the oldest first
	checks []*unit // rules at work
	slow   int     // units that ran out of time
}

type unit struct{ cancel context.CancelCauseFunc }

var errMemory = errors.New("memory")

type memoryError struct{ bound int64 }

func (e memoryError) Error() string {
	return fmt.Sprintf("the run is close to its memory limit of %s while this is rendered; the rest of it is skipped. Lint it on its own, or raise --limit-memory", tree.Size(e.bound))
}

func (e memoryError) Is(target error) bool { return target == errMemory }

// Start makes limits hold for what is done with the context that it returns, until stop is
// called. Each unit that runs out of time halves what those after it may take, down to an
// eighth: many slow ones leave time for the others. Where memory runs short and nothing is left to cancel, the context ends, so that
// what is done can be reported; exhausted is called, at most once, where that does not help.
// It may be nil.
func Start(ctx context.Context, l Limits, exhausted func(error)) (limited context.Context, stop func()) {
	r := &run{Limits: l, bound: l.Memory}
	if l.Run > 0 {
		r.ends = time.Now().Add(l.Run)
	}
	if r.bound == 0 {
		r.bound = allowed() >> 20 << 20 // for messages
	}
	ctx, r.end = context.WithCancelCause(context.WithValue(ctx, key{}, r))
	if r.bound == 0 {
		return ctx, func() { r.end(context.Canceled) }
	}
	before := debug.SetMemoryLimit(-1)
	if before == math.MaxInt64 || l.Memory > 0 {
		debug.SetMemoryLimit(int64(float64(r.bound) * collectAt))
	}
	done := make(chan struct{})
	go r.watch(done, used, exhausted)
	return ctx, sync.OnceFunc(func() {
		close(done)
		r.end(context.Canceled)
		debug.SetMemoryLimit(before)
	})
}

// used returns the memory that the runtime counts against its limit.
func used() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// watch cancels units, the oldest first, while memory runs short: what is as it should be
// is done in a moment, and what eats memory takes a while.
func (r *run) watch(done <-chan struct{}, used func() int64, exhausted func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last time.Time
	ended := false
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := float64(used()) / float64(r.bound)
		if now < cancelAt || time.Since(last) < notice {
			continue
		}
		switch {
		case r.cancelOldest(&r.units) || now > checksAt && r.cancelOldest(&r.checks): // what is rendered has more to give
			last = time.Now()
		case now > endAt && !ended:
			ended, last = true, time.Now()
			r.end(runError{r.bound, "was ended: the rest is left out"})
		case now > giveUpAt:
			if exhausted != nil {
				exhausted(runError{r.bound, "was stopped"})
			}
			return
		}
	}
}

// A runError says that all of the run takes too much memory.
type runError struct {
	bound int64
	what  string
}

func (e runError) Error() string {
	return fmt.Sprintf("the run takes more than %s, its memory limit, and %s; lint fewer inputs at once, or raise --limit-memory", tree.Size(e.bound), e.what)
}

func (e runError) Is(target error) bool { return target == errMemory }

func (r *run) cancelOldest(units *[]*unit) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(*units) == 0 {
		return false
	}
	(*units)[0].cancel(memoryError{r.bound})
	*units = (*units)[1:]
	return true
}

// Unit returns the context of one file, chart or overlay: it ends with the time that the unit may
// take (own, unless the run says otherwise), with that of the run, and when memory runs
// short. late says what is wrong where the unit took too long. The caller calls end when
// the unit is done.
func Unit(ctx context.Context, own time.Duration, late func(time.Duration) error) (limited context.Context, end context.CancelFunc) {
	r, _ := ctx.Value(key{}).(*run)
	if r == nil {
		return context.WithTimeoutCause(ctx, own, late(own))
	}
	own = Time(ctx, own)
	r.mu.Lock()
	own >>= min(r.slow, 3)
	r.mu.Unlock()
	deadline, cause := time.Now().Add(own), late(own)
	if !r.ends.IsZero() && r.ends.Before(deadline) {
		deadline, cause = r.ends, r.late()
	}
	timed, cancelTimer := context.WithDeadlineCause(ctx, deadline, cause)
	limited, leave := r.enter(timed, &r.units)
	return limited, func() {
		if errors.Is(limited.Err(), context.DeadlineExceeded) {
			r.mu.Lock()
			r.slow++
			r.mu.Unlock()
		}
		leave()
		cancelTimer()
	}
}

// Ends returns when the time of the run is up; the zero time where it has no limit.
func Ends(ctx context.Context) time.Time {
	if r, _ := ctx.Value(key{}).(*run); r != nil {
		return r.ends
	}
	return time.Time{}
}

// Rules returns the context of the rules of one bundle: it ends with the time of the run, and
// when memory runs short and nothing that is read or rendered is left to cancel. The caller
// calls end when the rules are done.
func Rules(ctx context.Context) (limited context.Context, end context.CancelFunc) {
	r, _ := ctx.Value(key{}).(*run)
	if r == nil {
		return context.WithCancel(ctx)
	}
	timed, cancelTimer := ctx, context.CancelFunc(func() {})
	if !r.ends.IsZero() {
		timed, cancelTimer = context.WithDeadlineCause(ctx, r.ends, r.late())
	}
	limited, leave := r.enter(timed, &r.checks)
	return limited, func() {
		leave()
		cancelTimer()
	}
}

func (r *run) late() error {
	return fmt.Errorf("the run takes longer than %s; lint fewer inputs at once, or raise --limit-time", r.Run)
}

// enter makes a context one of units, until leave is called.
func (r *run) enter(ctx context.Context, units *[]*unit) (limited context.Context, leave func()) {
	limited, cancel := context.WithCancelCause(ctx)
	u := &unit{cancel}
	r.mu.Lock()
	defer r.mu.Unlock()
	*units = append(*units, u)
	return limited, func() {
		r.mu.Lock()
		if i := slices.Index(*units, u); i >= 0 {
			*units = slices.Delete(*units, i, i+1)
		}
		r.mu.Unlock()
		cancel(context.Canceled)
	}
}

// Time returns how long one unit may take where a flag says so; otherwise own.
func Time(ctx context.Context, own time.Duration) time.Duration {
	if r, _ := ctx.Value(key{}).(*run); r != nil && r.Limits.Time > 0 {
		return r.Limits.Time
	}
	return own
}

// Values returns how many values and keys of manifests may be held for one bundle: own, and
// fewer where the memory of the run has no room for what rules make of so many.
func Values(ctx context.Context, own int) int {
	const each = 1 << 10 // bytes
	if r, _ := ctx.Value(key{}).(*run); r != nil && r.bound > 0 {
		return int(min(int64(own), r.bound/each))
	}
	return own
}

// Reached reports whether a context ended by a limit, rather than because the user or a
// caller is done with it.
func Reached(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), errMemory)
}

// Memory returns the bytes that one rendering may take where the run has a limit that a
// flag sets, an eighth of that; otherwise own.
func Memory(ctx context.Context, own int) int {
	if r, _ := ctx.Value(key{}).(*run); r != nil && r.Limits.Memory > 0 {
		return int(min(r.Limits.Memory/8, math.MaxInt))
	}
	return own
}

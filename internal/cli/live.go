package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/baseline"
	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/internal/fix"
	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// registerLive adds the flags of what lints again and again.
func (f *flags) registerLive(fs *pflag.FlagSet) {
	f.registerConfig(fs)
	f.registerRules(fs)
	fs.StringVar(&f.severity, "severity", "info", "hide findings below this `SEVERITY`")
	f.registerRendering(fs)
	fs.StringVar(&f.pssVersion, "pss-version", "", "`VERSION` of the Pod Security Standards (default: the newest)")
	fs.StringVar(&f.baseline, "baseline", "", "report only what is not in this `FILE`")
	fs.BoolVar(&f.noGitignore, "no-gitignore", false, "lint what git ignores")
	fs.IntVarP(&f.jobs, "jobs", "j", 0, "units and rules at work at once (default: the number of processors)")
	f.registerLimits(fs)
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "say on standard error what is linted")
	f.color, f.failOn, f.allowEmpty = "auto", "never", true
}

// live checks the flags of a command that serves an editor or an agent, which takes no path,
// and returns what makes its sessions.
func (c *command) live(f *flags, fs *pflag.FlagSet) (func() *session.Session, error) {
	if _, err := f.inputs(fs, nil); err != nil {
		return nil, err
	}
	if err := f.choices(fs); err != nil {
		return nil, err
	}
	return c.sessions(f)
}

// sessions returns what makes sessions that lint as the flags say, each run of them within
// the limits of the flags.
func (c *command) sessions(f *flags) (func() *session.Session, error) {
	bounds, err := f.limits()
	if err != nil {
		return nil, err
	}
	open := f.opener() // here: sessions are made, and lint, at the same time
	return func() *session.Session {
		s := session.New(open)
		s.Bound = func(ctx context.Context) (context.Context, func()) { return limits.Start(ctx, bounds, c.exhausted) }
		return s
	}, nil
}

// opener returns what plans a tree again and again, as the flags say.
func (f *flags) opener() session.Opener {
	limit := f.files().Limit() // which makes the tree: the flags do not change from now on
	return func(ctx context.Context, t *tree.Tree, paths []string) (*session.Opened, error) {
		g := *f
		g.tree, g.checkout = t, ""
		if f.wall != "" {
			t.Confine(f.wall)
		}
		t.SetLimit(limit)
		groups, err := g.group(paths)
		if err != nil {
			return nil, err
		}
		known, err := g.known(groups)
		if err != nil {
			return nil, err
		}
		end, err := g.plan(ctx, paths, &progress{})
		if err != nil {
			return nil, err
		}
		opened := &session.Opened{Groups: end.Groups, Finish: func(rep *lint.Report) error {
			return g.finish(rep, groups, func() error {
				if known != nil {
					rep.Baseline = cmp.Or(g.baseline, config.Name)
					now := baseline.TreeOf(rep, g.exists, g.name)
					now.Covers = g.coverage(rep, paths)
					known.Apply(rep, "baseline", now)
				}
				return nil
			})
		}}
		return opened, nil
	}
}

// proposed is what fixes would do to a tree.
type proposed struct {
	report *lint.Report
	result *fix.Result
	wanted []*lint.Finding // with what became of their fixes
}

// propose finds and proves fixes for findings of paths in a tree, within the limits of the
// flags and without writing any.
func (c *command) propose(ctx context.Context, f *flags, t *tree.Tree, paths []string, want func(*lint.Finding) bool, risky bool) (*proposed, error) {
	bounds, err := f.limits()
	if err != nil {
		return nil, err
	}
	ctx, stop := limits.Start(ctx, bounds, c.exhausted)
	defer stop()
	var first *session.Opened // of the tree without edits
	open := func(ctx context.Context, t *tree.Tree) ([]session.Group, error) {
		opened, err := f.opener()(ctx, t, paths)
		if err != nil {
			return nil, err
		}
		first = cmp.Or(first, opened)
		return opened.Groups, nil
	}
	s, err := fix.Look(ctx, t, fix.Options{Open: open, Paths: paths, Begin: func(string) {}, Until: limits.Ends(ctx), Budget: f.proofs(ctx)})
	if err != nil {
		return nil, err
	}
	rep := engine.Merge(s.Results()...)
	if err := first.Finish(rep); err != nil { // what the baseline knows is not fixed
		return nil, err
	}
	level := fix.OnlySafe
	if risky {
		level = fix.All
	}
	p := &proposed{report: rep}
	for _, x := range rep.Findings {
		if want(x) {
			p.wanted = append(p.wanted, x)
		}
	}
	p.result, err = s.Fix(ctx, p.wanted, level)
	return p, err
}

// reasons says why findings were not fixed, without what is secret.
func (p *proposed) reasons() []string {
	const most = 5
	var all []string
	for _, x := range p.wanted {
		if x.Fix == nil || x.Fix.Proven || x.Fix.Reason == "" {
			continue
		}
		text := p.report.Masks.Redact(x.Span.Start.String() + ": " + x.Rule.ID + ": " + x.Fix.Reason)
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if n := len(all) - most; n > 0 {
		all = append(all[:most], fmt.Sprintf("and %d more", n))
	}
	return all
}

package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/baseline"
	"github.com/manilint/manilint/internal/config"
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

// sessions returns what makes sessions that lint as the flags say, each run of them within
// the limits of the flags.
func (c *command) sessions(f *flags) (func() *session.Session, error) {
	bounds, err := f.limits()
	if err != nil {
		return nil, err
	}
	return func() *session.Session {
		s := session.New(f.opener())
		s.Bound = func(ctx context.Context) (context.Context, func()) { return limits.Start(ctx, bounds, c.exhausted) }
		return s
	}, nil
}

// opener returns what plans a tree again and again, as the flags say.
func (f *flags) opener() session.Opener {
	return func(ctx context.Context, t *tree.Tree, paths []string) (*session.Opened, error) {
		g := *f
		g.tree, g.checkout = t, ""
		if f.wall != "" {
			t.Confine(f.wall)
		}
		t.SetLimit(f.files().Limit())
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
		opened := &session.Opened{Finish: func(rep *lint.Report) error {
			if known != nil {
				rep.Baseline = cmp.Or(g.baseline, config.Name)
				now := baseline.TreeOf(rep, g.exists, g.name)
				now.Covers = g.coverage(rep, paths)
				known.Apply(rep, "baseline", now)
			}
			floor, _ := lint.ParseSeverity(g.severity)
			rep.Findings = slices.DeleteFunc(rep.Findings, func(x *lint.Finding) bool { return x.Severity < floor })
			return nil
		}}
		for _, group := range end.Groups {
			opened.Groups = append(opened.Groups, session.Group(group))
		}
		return opened, nil
	}
}

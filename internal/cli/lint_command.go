package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
	"github.com/manilint/manilint/rules"
	"github.com/manilint/manilint/rules/network"
	"github.com/manilint/manilint/rules/rbac"
)

// lint is `manilint [flags] [PATH ...]`.
func (c *command) lint(f *flags, fs *pflag.FlagSet, args []string) error {
	paths, err := f.inputs(fs, args)
	if err != nil {
		return err
	}
	if err := f.choices(fs); err != nil {
		return err
	}
	outs, err := f.outputs()
	if err != nil {
		return err
	}
	if err := f.fixable(paths, outs); err != nil {
		return err
	}
	if err := f.checkWatch(paths); err != nil {
		return err
	}
	if f.watch {
		return c.watchAll(f, paths, outs)
	}
	ends, paths, err := f.ends(paths)
	if err != nil {
		return err
	}
	stop, err := c.bound(f)
	if err != nil {
		return err
	}
	defer stop()
	groups, err := f.group(paths)
	if err != nil {
		return err
	}
	html := slices.ContainsFunc(outs, func(out output) bool { return out.name == "html" })
	c.holds = html // its tables are made of bundles
	known, err := f.known(groups)
	if err != nil {
		return err
	}
	if f.fix != "" || f.diff {
		return c.fix(f, groups, paths, known, outs)
	}
	var all *covered
	var rep *lint.Report
	if ends != nil {
		full := known != nil || slices.ContainsFunc(outs, func(out output) bool { return report.ListsSuppressed(out.name) })
		if all, rep, err = c.checkSince(f, ends, groups, paths, full); err != nil {
			return err
		}
	} else {
		all, rep = c.check(f, groups, paths)
	}
	if err := f.finish(rep, groups, func() error { return c.compare(f, known, rep, paths) }); err != nil {
		return err
	}
	if f.compliance != "" {
		err = c.writeCompliance(f, rep)
	} else {
		o := report.Options{Version: version(), Inputs: paths}
		if html {
			o.Network, o.Access = network.Table(all.bundles), rbac.Table(all.bundles)
		}
		err = c.write(f, o, outs, rep)
	}
	if err != nil || c.out.Err() != nil {
		return err
	}
	c.closing(f, rep)
	c.status = f.status(rep)
	return nil
}

// finish adds to a merged report what is wrong with the policies of its configurations, has it
// compared with what was known, and leaves out what is below --severity.
func (f *flags) finish(rep *lint.Report, groups []*group, compare func() error) error {
	for _, g := range groups {
		rep.Errors, rep.Notes = append(rep.Errors, g.config.PolicyErrors...), append(rep.Notes, g.config.PolicyNotes...)
	}
	lint.SortErrors(rep.Errors)
	rep.Errors = slices.CompactFunc(rep.Errors, func(a, b *lint.InputError) bool { return a.Error() == b.Error() })
	if err := compare(); err != nil {
		return err
	}
	floor, _ := lint.ParseSeverity(f.severity)
	rep.Findings = slices.DeleteFunc(rep.Findings, func(x *lint.Finding) bool { return x.Severity < floor })
	return nil
}

// covered is what was linted, for what is said of it.
type covered struct {
	hidden  int            // manifests and directories that git ignores
	bundles []*lint.Bundle // for tables alone
}

// check plans the inputs, renders and checks one unit after another, and makes one report of
// the results. Inputs that hold nothing to check are an error of the report.
func (c *command) check(f *flags, groups []*group, paths []string) (*covered, *lint.Report) {
	p := newProgress(c.behindErr, !f.quiet)
	all, checked, files, skipped := c.run(f, groups, p)
	p.wipe()
	for _, g := range checked {
		c.checked = append(c.checked, g.Results...)
	}
	rep := engine.Merge(checked...)
	rep.Stats.Files, rep.Stats.Skipped = files, skipped
	f.empty(rep, paths, all.hidden)
	return all, rep
}

// empty makes it an error of a report that inputs hold nothing to check.
func (f *flags) empty(rep *lint.Report, paths []string, hidden int) {
	if rep.Stats.Objects == 0 && len(rep.Errors) == 0 && rep.Stats.Unavailable == 0 && !f.allowEmpty {
		named := strings.Join(paths, ", ")
		message := fmt.Sprintf("no Kubernetes object in %s; check the path, or pass --allow-empty", named)
		if named == "-" {
			message = "no Kubernetes object on standard input; check what writes it, or pass --allow-empty"
		}
		if hidden > 0 {
			message = fmt.Sprintf("no Kubernetes object in %s outside of what git ignores (%s); pass --no-gitignore to lint that too",
				named, count(hidden, "file or directory", "files and directories"))
		}
		rep.Errors = append(rep.Errors, &lint.InputError{Message: message})
	}
}

// A group is the inputs that one configuration holds for.
type group struct {
	config  *config.Config
	dir     string // what the configuration's paths are relative to
	file    string // of the configuration, absolute; "" for none
	paths   []string
	enabled []config.Enabled
}

// group finds the configuration of each path.
func (f *flags) group(paths []string) ([]*group, error) {
	var groups []*group
	byFile := map[configFile]*group{}
	for _, path := range paths {
		file := f.configFor(path)
		g := byFile[file]
		if g == nil {
			var err error
			g = &group{config: &config.Config{}}
			if file.path != "" {
				if g.config, err = f.read(file); err != nil {
					return nil, err
				}
				g.dir, g.file = filepath.Dir(file.path), file.path
			}
			enable := slices.Concat(f.enable, compliance.Rules(f.compliance, rules.All()))
			if g.enabled, err = g.config.Select(g.rules(), lint.Profile(f.profile), enable, f.disable, f.only); err != nil {
				return nil, usageError{err}
			}
			byFile[file] = g
			groups = append(groups, g)
		}
		g.paths = append(g.paths, path)
	}
	for _, g := range groups {
		if err := f.renderOptions(g, nil).Check(); err != nil {
			return nil, usageError{err}
		}
	}
	return groups, nil
}

// rules returns the rules that there are for the inputs of a group.
func (g *group) rules() []*lint.Rule { return slices.Concat(rules.All(), g.config.OwnRules()) }

func (f *flags) renderOptions(g *group, stdin io.Reader) render.Options {
	o := render.Options{
		ReleaseName: f.releaseName, Namespace: f.namespace, KubeVersion: cmp.Or(f.kubeVersion, g.config.KubeVersion), APIVersions: f.apiVersions,
		ValueFiles: f.values, Set: f.set, SetString: f.setString, SetFile: f.setFile, CIValues: f.ciValues,
		Variants: g.config.Variants, VariantRoot: g.dir, Repositories: g.config.Repositories, NoGitignore: f.noGitignore, PSSVersion: f.pssVersion,
		Tree: f.files(), PodPaths: g.config.PodPaths, Jobs: f.workers(), Stdin: stdin,
	}
	excludes, baselines := g.config.Excludes(), f.baselines(g)
	if excludes != nil || len(baselines) > 0 {
		o.Exclude = func(path string) bool {
			if slices.Contains(baselines, path) {
				return true
			}
			if excludes == nil {
				return false
			}
			rel, err := filepath.Rel(g.dir, path)
			return err == nil && excludes(filepath.ToSlash(rel))
		}
	}
	return o
}

// unitTime is how long one unit may take, for what the limits of charts and of builds do
// not end: it is then an error, and the others are reported.
const unitTime = 10 * time.Minute

func (f *flags) engineOptions(g *group, p *progress) engine.Options {
	return engine.Options{
		Rules: g.enabled, Masking: rules.Masking(), Jobs: f.jobs, AllRules: g.rules(),
		Name: f.name, NoIgnores: f.noIgnores, Ignores: g.config.Ignore, Unavailable: g.config.Unavailable, Complete: f.completes(g), Now: time.Now(), Progress: p.step, Deadline: unitTime,
	}
}

func (c *command) run(f *flags, groups []*group, p *progress) (all *covered, checked []engine.Group, files, skipped int) {
	all = &covered{}
	for _, g := range groups {
		ro := f.renderOptions(g, c.stdin)
		group := engine.Group{Options: f.engineOptions(g, p)}
		if c.holds { // tables need all bundles at once
			res := render.Load(c.ctx, g.paths, ro)
			focused := engine.CheckAll(c.ctx, res.Focused, group.Options)
			for _, r := range focused {
				r.Keep(res.Focus.Touches)
			}
			group.Results = slices.Concat(engine.CheckAll(c.ctx, res.Bundles, group.Options), focused)
			group.Results = append(group.Results, &engine.Result{Errors: res.Errors, Notes: res.Notes})
			all.bundles, all.hidden = append(all.bundles, slices.Concat(res.Bundles, res.Focused)...), all.hidden+res.Hidden
			files, skipped = files+res.Files, skipped+res.Skipped
		} else {
			plan := render.NewPlan(c.ctx, g.paths, ro)
			group.Results = []*engine.Result{{Errors: plan.Errors, Notes: plan.Notes}}
			group.Results = append(group.Results, engine.Run(c.ctx, unitsOf(plan, plan.Units, p), group.Options)...)
			group.Results = append(group.Results, &engine.Result{Notes: plan.Close()})
			all.hidden += plan.Hidden
			more, without := plan.Counts()
			files, skipped = files+more, skipped+without
		}
		checked = append(checked, group)
	}
	return all, checked, files, skipped
}

// unitsOf hands units of a plan to the engine.
func unitsOf(plan *render.Plan, units []*render.Unit, p *progress) []engine.Unit {
	var all []engine.Unit
	for _, u := range units {
		unit := engine.Unit{Kind: u.Kind, Name: u.Root, Key: u.Key, Render: func(ctx context.Context) engine.Rendered {
			p.begin(u.Root)
			r := u.Render(ctx)
			return engine.Rendered{Bundles: r.Bundles, Errors: r.Errors, Notes: r.Notes, More: unitsOf(plan, r.Asks, p)}
		}}
		if u.Focused {
			unit.Keep = plan.Focus.Touches
		}
		all = append(all, unit)
	}
	return all
}

// completes reports whether the inputs of a group are all that its configuration holds for.
func (f *flags) completes(g *group) bool {
	t := f.files()
	return g.dir != "" && slices.ContainsFunc(g.paths, func(p string) bool {
		at := t.Abs(strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(p), "/..."), "..."))
		return p != "-" && tree.Within(at, g.dir) && t.IsDir(at)
	})
}

// write writes the reports, those to files first: nobody may read the other to its end.
func (c *command) write(f *flags, o report.Options, outs []output, rep *lint.Report) error {
	var errs []error
	for _, out := range outs {
		if cut := report.SARIFCut(rep); out.name == "sarif" && cut != "" {
			c.say("note", cut)
		}
		if out.file == "" {
			continue
		}
		o.Width, o.Color = 100, f.color == "always"
		err := c.files.write(out.file, func(w io.Writer) error { return show(report.NewScreen(w), out, rep, o) })
		if err != nil {
			errs = append(errs, fmt.Errorf("the report %s cannot be written: %w", out.file, reason(err)))
		}
	}
	for _, out := range outs {
		if out.file == "" {
			o.Width, o.Color = width(c.behindOut), useColor(f.color, c.behindOut)
			_ = show(c.out, out, rep, o) // the stream keeps its error
		}
	}
	return errors.Join(errs...)
}

// show writes a report to a screen.
func show(w *report.Screen, out output, rep *lint.Report, o report.Options) error {
	w.Colors, w.Annotations = o.Color, out.name == "github"
	buffered := bufio.NewWriterSize(w, 1<<16)
	if err := out.format(buffered, rep, o); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return w.Flush()
}

// writeCompliance prints what the report says of each control of a framework.
func (c *command) writeCompliance(f *flags, rep *lint.Report) error {
	result, err := compliance.Assess(rep, f.compliance)
	if err != nil {
		return usageError{err}
	}
	if len(f.formats) == 1 && f.formats[0] == "json" {
		return report.ComplianceJSON(c.out, result)
	}
	if len(f.formats) > 0 && f.formats[0] != "text" {
		return usagef("--compliance prints text or json, to standard output")
	}
	return report.ComplianceText(c.out, result)
}

// closing says on standard error what was covered, so that nobody mistakes
// "nothing read" for "nothing wrong".
func (c *command) closing(f *flags, rep *lint.Report) {
	c.errorLines(rep.Errors)
	if f.stats {
		c.stats(rep)
	}
	if f.quiet {
		return
	}
	if f.verbose {
		for _, r := range c.rendered() {
			name := r.Rendering.Root
			if r.Rendering.Variant != "" {
				name += " with " + r.Rendering.Variant
			}
			fmt.Fprintf(c.err, "%s %s: %s, %s, %.2f s\n", r.Rendering.Kind, report.Escape(name),
				count(r.All, "object", "objects"), count(len(r.Errors), "error", "errors"), r.Took.Seconds())
		}
	}
	for _, note := range rep.Notes {
		c.say("note", note.String())
	}
	s := rep.Stats
	kinds := map[string]int{}
	for _, r := range c.rendered() {
		kinds[r.Rendering.Kind]++
	}
	var parts []string
	for _, k := range []struct{ kind, one, many string }{{"file", "tree of manifests", "trees of manifests"}, {"helm", "chart rendering", "chart renderings"}, {"kustomize", "overlay", "overlays"}} {
		if n := kinds[k.kind]; n > 0 {
			parts = append(parts, count(n, k.one, k.many))
		}
	}
	fmt.Fprintf(c.err, "manilint: %s, %s, %s", count(s.Units, "unit", "units"), count(s.Objects, "object", "objects"), count(s.Files, "file", "files"))
	if len(parts) > 0 {
		fmt.Fprintf(c.err, " (%s)", strings.Join(parts, ", "))
	}
	if !c.tables { // no rule has run
		fmt.Fprintf(c.err, "; %s", report.Found(rep))
	}
	if c.same > 0 {
		fmt.Fprintf(c.err, "; %s, with the same content as in the revision and not rendered", count(c.same, "further unit", "further units"))
	}
	if s.Skipped > 0 {
		fmt.Fprintf(c.err, "; %s without a Kubernetes object skipped", count(s.Skipped, "file", "files"))
	}
	if n := len(rep.Errors); n > 0 {
		fmt.Fprintf(c.err, "; %s: not everything was checked", count(n, "error", "errors"))
	}
	fmt.Fprintln(c.err)
}

// rendered returns the results of bundles, those of units that have none left out.
func (c *command) rendered() []*engine.Result {
	return slices.DeleteFunc(slices.Clone(c.checked), func(r *engine.Result) bool { return r.Rendering == lint.Rendering{} })
}

// stats prints a table of units and one of rules.
func (c *command) stats(rep *lint.Report) {
	w := tabwriter.NewWriter(c.err, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "unit\tkind\tobjects\tfindings\terrors\tseconds\t")
	found := map[lint.Rendering]int{}
	for _, f := range rep.Findings {
		for _, r := range f.Renderings {
			found[r]++
		}
	}
	for _, r := range c.rendered() {
		name := r.Rendering.Root
		if r.Rendering.Variant != "" {
			name += " (" + r.Rendering.Variant + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.2f\t\n", report.Escape(name), r.Rendering.Kind, r.All, found[r.Rendering], len(r.Errors), r.Took.Seconds())
	}
	type row struct {
		rule     string
		severity lint.Severity
	}
	byRow := map[row]int{}
	for _, f := range rep.Findings {
		byRow[row{f.Rule.ID, f.Severity}]++
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\nrule\tseverity\tfindings\t\t\t\t")
	for _, r := range rep.Rules {
		for severity := lint.Critical; severity >= lint.Info; severity-- {
			if n := byRow[row{r.ID, severity}]; n > 0 {
				fmt.Fprintf(w, "%s\t%s\t%d\t\t\t\t\n", r.ID, severity, n)
			}
		}
	}
	w.Flush()
}

func (f *flags) status(rep *lint.Report) int {
	if len(rep.Errors) > 0 {
		return exitFailed
	}
	if f.failOn == "never" || f.writeBaseline != "" {
		return exitClean
	}
	limit, _ := lint.ParseSeverity(f.failOn)
	for _, x := range rep.Findings {
		if x.Severity >= limit {
			return exitFindings
		}
	}
	return exitClean
}

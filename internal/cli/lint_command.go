package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/rules"
)

// Exit statuses; 3 wins over 1.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2
	exitFailed   = 3
)

// lintCommand is `manilint [flags] [PATH ...]`.
func (c *command) lint(args []string) (int, error) {
	var f flags
	paths, err := f.parse(args)
	if err != nil {
		return 0, err
	}
	if f.help {
		fmt.Fprint(c.stdout, usage(&f))
		return exitClean, nil
	}
	outs, err := f.outputs()
	if err != nil {
		return 0, err
	}
	groups, err := f.group(paths)
	if err != nil {
		return 0, err
	}
	loaded, rep := c.check(&f, groups, paths)
	floor, _ := lint.ParseSeverity(f.severity)
	rep.Findings = slices.DeleteFunc(rep.Findings, func(x *lint.Finding) bool { return x.Severity < floor })
	if f.compliance != "" {
		err = c.writeCompliance(&f, rep)
	} else {
		err = c.write(&f, outs, rep)
	}
	if err != nil {
		return 0, err
	}
	c.closing(&f, rep, loaded)
	return f.status(rep), nil
}

// check loads the inputs, runs the rules of their groups and joins the reports.
// Inputs that hold nothing to check are an error of the report.
func (c *command) check(f *flags, groups []*group, paths []string) ([]*render.Result, *lint.Report) {
	p := newProgress(c.stderr, !f.quiet)
	loaded, reports := c.run(f, groups, p)
	p.done()
	rep := lint.Combine(reports...)
	if rep.Stats.Objects == 0 && len(rep.Errors) == 0 && !f.allowEmpty {
		named := strings.Join(paths, ", ")
		message := fmt.Sprintf("no Kubernetes object in %s; check the path, or pass --allow-empty", named)
		if named == "-" {
			message = "no Kubernetes object on standard input; check what writes it, or pass --allow-empty"
		}
		hidden := 0
		for _, res := range loaded {
			hidden += res.Hidden
		}
		if hidden > 0 {
			message = fmt.Sprintf("no Kubernetes object in %s but for what git ignores (%s); pass --no-gitignore to lint that",
				named, count(hidden, "file or folder", "files and folders"))
		}
		rep.Errors = append(rep.Errors, &lint.InputError{Message: message})
	}
	return loaded, rep
}

func (f *flags) parse(args []string) ([]string, error) {
	fs := pflag.NewFlagSet("manilint", pflag.ContinueOnError)
	f.register(fs)
	fs.Usage = func() {}
	if err := fs.Parse(args); err != nil {
		var known []string
		fs.VisitAll(func(fl *pflag.Flag) { known = append(known, "--"+fl.Name) })
		text := err.Error()
		if word, ok := strings.CutPrefix(text, "unknown flag: "); ok {
			text += lint.Suggest(word, known)
		}
		return nil, usageError{errors.New(text)}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if fs.Changed("jobs") && f.jobs < 1 {
		return nil, usagef("--jobs: %d is below 1", f.jobs)
	}
	if fs.Changed("only") && len(f.only) == 0 {
		return nil, usagef("--only names no rule")
	}
	if fs.NArg() == 0 {
		return []string{"."}, nil
	}
	if slices.Contains(fs.Args(), "") {
		return nil, usagef("a PATH is empty; the current folder is .")
	}
	return fs.Args(), nil
}

// A group is the inputs that one configuration holds for.
type group struct {
	config  *lint.Config
	dir     string // what the configuration's paths are relative to
	paths   []string
	enabled []lint.Enabled
}

// group finds the configuration of each path.
func (f *flags) group(paths []string) ([]*group, error) {
	var groups []*group
	byFile := map[string]*group{}
	for _, path := range paths {
		file, err := f.configFor(path)
		if err != nil {
			return nil, err
		}
		g := byFile[file]
		if g == nil {
			g = &group{config: &lint.Config{}}
			if file != "" {
				if g.config, err = readConfig(file); err != nil {
					return nil, err
				}
				g.dir = filepath.Dir(file)
			}
			enable := slices.Concat(f.enable, compliance.Rules(f.compliance, rules.All()))
			if g.enabled, err = g.config.Select(rules.All(), lint.Profile(f.profile), enable, f.disable, f.only); err != nil {
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

// configFor returns the configuration that holds for a path: the flag's, else
// the nearest one from the path up to the root of its git checkout.
func (f *flags) configFor(path string) (string, error) {
	if f.noConfig {
		return "", nil
	}
	if f.config != "" {
		abs, err := filepath.Abs(f.config)
		if err != nil {
			return "", usageError{err}
		}
		return abs, nil
	}
	dir, err := filepath.Abs(strings.TrimSuffix(path, "..."))
	if err != nil || path == "-" {
		dir, err = os.Getwd()
		if err != nil {
			return "", nil
		}
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	root := cmp.Or(render.GitRoot(dir), dir)
	for {
		file := filepath.Join(dir, lint.ConfigName)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
		if dir == root || dir == filepath.Dir(dir) {
			return "", nil
		}
		dir = filepath.Dir(dir)
	}
}

func readConfig(file string) (*lint.Config, error) {
	name := file
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, file); err == nil {
			name = filepath.ToSlash(rel)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return nil, usagef("configuration %s: %w", name, err)
	}
	config, errs := lint.ParseConfig(lint.NewSource(name, data), rules.All())
	if len(errs) == 0 {
		errs = render.CheckConfig(config, filepath.Dir(file))
	}
	if len(errs) > 0 {
		var all []error
		for _, e := range errs {
			all = append(all, e)
		}
		return nil, usageError{errors.Join(all...)}
	}
	return config, nil
}

func (f *flags) renderOptions(g *group, stdin io.Reader) render.Options {
	o := render.Options{
		ReleaseName: f.releaseName, Namespace: f.namespace, KubeVersion: cmp.Or(f.kubeVersion, g.config.KubeVersion), APIVersions: f.apiVersions,
		ValueFiles: f.values, Set: f.set, SetString: f.setString, SetFile: f.setFile, CIValues: f.ciValues,
		Variants: g.config.Variants, VariantRoot: g.dir, NoGitignore: f.noGitignore, PSSVersion: f.pssVersion,
		PodPaths: g.config.PodPaths, Jobs: f.workers(), Stdin: stdin,
	}
	if excludes := g.config.Excludes(); excludes != nil {
		o.Exclude = func(path string) bool {
			rel, err := filepath.Rel(g.dir, path)
			return err == nil && excludes(filepath.ToSlash(rel))
		}
	}
	return o
}

func (c *command) run(f *flags, groups []*group, p *progress) ([]*render.Result, []*lint.Report) {
	var loaded []*render.Result
	var reports []*lint.Report
	for _, g := range groups {
		ro := f.renderOptions(g, c.stdin)
		ro.Progress = p.step
		res := render.Load(c.ctx, g.paths, ro)
		loaded = append(loaded, res)
		o := lint.Options{
			Rules: g.enabled, Masking: rules.Masking(), Jobs: f.jobs, AllRules: rules.All(),
			NoIgnores: f.noIgnores, Ignores: g.config.Ignore, Now: time.Now(),
		}
		rep := lint.Run(c.ctx, res.Bundles, o)
		rep.Stats.Files, rep.Stats.Skipped = res.Files, res.Skipped
		rep.Errors = append(rep.Errors, res.Errors...)
		reports = append(reports, rep)
		if len(res.Focused) > 0 {
			part := lint.Run(c.ctx, res.Focused, o)
			part.Findings = slices.DeleteFunc(part.Findings, func(x *lint.Finding) bool { return !res.Focus.Touches(x) })
			part.Yielded = slices.DeleteFunc(part.Yielded, func(x *lint.Finding) bool { return !res.Focus.Touches(x) })
			part.Suppressed = slices.DeleteFunc(part.Suppressed, func(x *lint.Suppressed) bool { return !res.Focus.Touches(x.Finding) })
			reports = append(reports, part)
		}
	}
	return loaded, reports
}

func (c *command) write(f *flags, outs []output, rep *lint.Report) error {
	for _, out := range outs {
		o := report.Options{Version: version()}
		if out.file == "" {
			o.Color, o.Width = useColor(f.color, c.stdout), width(c.stdout)
			if err := out.format(c.stdout, rep, o); err != nil {
				return err
			}
			continue
		}
		o.Width, o.Color = 100, f.color == "always"
		var buf bytes.Buffer
		if err := out.format(&buf, rep, o); err != nil {
			return err
		}
		if err := os.WriteFile(out.file, buf.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// writeCompliance prints what the report says of each control of a framework.
func (c *command) writeCompliance(f *flags, rep *lint.Report) error {
	result, err := compliance.Assess(rep, f.compliance)
	if err != nil {
		return usageError{err}
	}
	if len(f.formats) == 1 && f.formats[0] == "json" {
		return report.ComplianceJSON(c.stdout, result)
	}
	if len(f.formats) > 0 && f.formats[0] != "text" {
		return usagef("--compliance prints text or json, to standard output")
	}
	return report.ComplianceText(c.stdout, result)
}

// closing says on standard error what was covered, so that nobody mistakes
// "nothing read" for "nothing wrong".
func (c *command) closing(f *flags, rep *lint.Report, loaded []*render.Result) {
	for _, e := range rep.Errors {
		fmt.Fprintf(c.stderr, "error: %s\n", report.Escape(e.Error()))
	}
	if f.stats {
		c.stats(rep, loaded)
	}
	if f.quiet {
		return
	}
	if f.verbose {
		for _, res := range loaded {
			for _, b := range slices.Concat(res.Bundles, res.Focused) {
				name := b.Rendering.Root
				if b.Rendering.Variant != "" {
					name += " with " + b.Rendering.Variant
				}
				fmt.Fprintf(c.stderr, "%s %s: %s, %s, %.2f s\n", b.Rendering.Kind, report.Escape(name),
					count(len(b.Resources), "object", "objects"), count(len(b.Errors), "error", "errors"), b.Took.Seconds())
			}
		}
	}
	for _, res := range loaded {
		for _, note := range res.Notes {
			fmt.Fprintf(c.stderr, "note: %s\n", report.Escape(note))
		}
	}
	s := rep.Stats
	kinds := map[string]int{}
	for _, res := range loaded {
		for _, b := range slices.Concat(res.Bundles, res.Focused) {
			kinds[b.Rendering.Kind]++
		}
	}
	var parts []string
	for _, k := range []struct{ kind, one, many string }{{"file", "tree of manifests", "trees of manifests"}, {"helm", "chart rendering", "chart renderings"}, {"kustomize", "overlay", "overlays"}} {
		if n := kinds[k.kind]; n > 0 {
			parts = append(parts, count(n, k.one, k.many))
		}
	}
	fmt.Fprintf(c.stderr, "manilint: %s, %s, %s", count(s.Units, "unit", "units"), count(s.Objects, "object", "objects"), count(s.Files, "file", "files"))
	if len(parts) > 0 {
		fmt.Fprintf(c.stderr, " (%s)", strings.Join(parts, ", "))
	}
	if !c.tables { // no rule has run
		fmt.Fprintf(c.stderr, "; %s", count(len(rep.Findings), "finding", "findings"))
	}
	if n := len(rep.Suppressed); n > 0 {
		fmt.Fprintf(c.stderr, ", %d ignored", n)
	}
	if s.Skipped > 0 {
		fmt.Fprintf(c.stderr, "; %s without a Kubernetes object passed over", count(s.Skipped, "file", "files"))
	}
	if n := len(rep.Errors); n > 0 {
		fmt.Fprintf(c.stderr, "; %s: not everything was checked", count(n, "error", "errors"))
	}
	fmt.Fprintln(c.stderr)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// stats prints a table of units and one of rules.
func (c *command) stats(rep *lint.Report, loaded []*render.Result) {
	w := tabwriter.NewWriter(c.stderr, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "unit\tkind\tobjects\tfindings\terrors\tseconds\t")
	for _, res := range loaded {
		for _, b := range slices.Concat(res.Bundles, res.Focused) {
			findings := 0
			for _, f := range rep.Findings {
				if slices.Contains(f.Renderings, b.Rendering) {
					findings++
				}
			}
			name := b.Rendering.Root
			if b.Rendering.Variant != "" {
				name += " (" + b.Rendering.Variant + ")"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.2f\t\n", report.Escape(name), b.Rendering.Kind, len(b.Resources), findings, len(b.Errors), b.Took.Seconds())
		}
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
	if f.failOn == "never" {
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

// command is one run of the program.
type command struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	tables         bool // rbac or network: the run looks, no rule judges
}

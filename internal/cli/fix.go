package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/manilint/manilint/internal/baseline"
	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/internal/fix"
	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// fixable refuses what fixes cannot be made with.
func (f *flags) fixable(paths []string, outs []output) error {
	flag := "--fix"
	if f.fix == "" {
		flag = "--diff"
	}
	switch {
	case f.fix == "" && !f.diff:
		return nil
	case slices.Contains(paths, "-"):
		return usagef("%s edits files; standard input (-) is not one", flag)
	case f.since != "" || f.staged:
		return usagef("%s edits the files of the work tree; --since and --staged compare it with others", flag)
	case f.watch:
		return usagef("%s and --watch exclude each other", flag)
	case f.writeBaseline != "":
		return usagef("%s and --write-baseline exclude each other: write the baseline of what is left", flag)
	case f.compliance != "":
		return usagef("%s and --compliance exclude each other", flag)
	case slices.ContainsFunc(outs, func(out output) bool { return out.name == "html" }):
		return usagef("%s makes no html report; lint again for one", flag)
	}
	return nil
}

// proofs returns how long proofs may take: as long as the run, where the command line gives
// it a time, and 0, which leaves that to the size of the tree, where not.
func (f *flags) proofs(ctx context.Context) time.Duration {
	if f.limitTime == "" {
		return 0
	}
	return max(time.Until(limits.Ends(ctx)), time.Nanosecond)
}

// maxRounds is how often fixes are looked for again in what the earlier ones made.
const maxRounds = 4

// fix finds and proves fixes for what a report would hold, and writes or prints them.
func (c *command) fix(f *flags, groups []*group, paths []string, known *baseline.Known, outs []output) error {
	level := fix.Level(cmp.Or(f.fix, string(fix.All)))
	p := newProgress(c.behindErr, !f.quiet)
	defer p.wipe()
	t := f.files()
	open := func(ctx context.Context, t *tree.Tree) ([]session.Group, error) {
		end, err := f.at(t).plan(ctx, paths, p)
		if err != nil {
			return nil, err
		}
		return end.Groups, nil
	}
	o := fix.Options{Open: open, Paths: paths, Begin: p.begin, Until: limits.Ends(c.ctx), Budget: f.proofs(c.ctx)}
	s, err := fix.Look(c.ctx, t, o)
	if err != nil {
		return err
	}
	rep, err := c.fixReport(f, groups, s.Results(), s.Plans(), known, paths)
	if err != nil {
		return err
	}
	r, err := s.Fix(c.ctx, rep.Findings, level)
	if err != nil {
		return err
	}
	// What a finding that is fixed stood for is found now, and may have a fix, too.
	o.Until = s.Ends()
	ctx, cancel := context.WithDeadline(c.ctx, o.Until)
	defer cancel()
	later := map[string]bool{} // what these rounds fix
	for range maxRounds {
		if len(r.Files) == 0 || s.Late() {
			break
		}
		again, err := fix.Look(ctx, s.Edited(r), o)
		if ctx.Err() != nil && c.ctx.Err() == nil {
			break // what is proven so far is kept
		}
		if err != nil {
			return err
		}
		shown, err := c.fixReport(f, groups, again.Results(), again.Plans(), known, paths)
		if err != nil {
			return err
		}
		more, err := again.Fix(c.ctx, shown.Findings, level)
		if err != nil {
			return err
		}
		if len(more.Files) == 0 {
			break
		}
		r.Join(more)
		for _, x := range shown.Findings {
			if x.Fix != nil && x.Fix.Proven {
				later[x.Fingerprint] = true
			}
		}
	}
	p.wipe()
	if f.diff {
		if err := c.printFixes(f, rep, r, paths, outs); err != nil {
			return err
		}
		c.closing(f, rep)
		c.sayFixes(f, level, rep, later, count(r.Fixed, "finding has a proven fix", "findings have a proven fix"))
		c.status = f.status(rep)
		return nil
	}
	written, failed := c.writeFixes(r.Files)
	left := rep
	if after := r.After(); after != nil && failed == nil {
		if left, err = c.fixReport(f, groups, after, s.Plans(), known, paths); err != nil {
			return err
		}
		fixed := map[string]*lint.Fix{}
		for _, x := range rep.Findings {
			fixed[x.Fingerprint] = x.Fix
		}
		for _, x := range left.Findings { // why they are left
			x.Fix = fixed[x.Fingerprint]
		}
	}
	if err := c.write(f, report.Options{Version: version(), Inputs: paths}, outs, left); err != nil || c.out.Err() != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	c.closing(f, left)
	c.sayFixes(f, level, rep, later, fmt.Sprintf("%s fixed in %s", count(r.Fixed, "finding", "findings"), count(written, "file", "files")))
	c.status = f.status(left)
	return nil
}

// fixReport makes the report that a run without fixes would make.
func (c *command) fixReport(f *flags, groups []*group, results []engine.Group, plans []*render.Plan, known *baseline.Known, paths []string) (*lint.Report, error) {
	c.checked = nil
	for _, g := range results {
		c.checked = append(c.checked, g.Results...)
	}
	rep := engine.Merge(results...)
	hidden := 0
	for _, plan := range plans {
		files, skipped := plan.Counts()
		rep.Stats.Files, rep.Stats.Skipped, hidden = rep.Stats.Files+files, rep.Stats.Skipped+skipped, hidden+plan.Hidden
	}
	f.empty(rep, paths, hidden)
	err := f.finish(rep, groups, func() error { return c.compare(f, known, rep, paths) })
	return rep, err
}

// printFixes prints the edits as a diff, or the report with them where a format is named.
func (c *command) printFixes(f *flags, rep *lint.Report, r *fix.Result, paths []string, outs []output) error {
	if !slices.ContainsFunc(f.formats, func(format string) bool { return f.formatNamed && !strings.Contains(format, "=") }) {
		outs = slices.DeleteFunc(slices.Clone(outs), func(out output) bool { return out.file == "" })
		var b bytes.Buffer
		err := fix.Diff(&b, r.Files, func(file *fix.File, line int, text string) string {
			if line == 0 {
				return rep.Masks.Redact(text)
			}
			src, err := f.files().Open(file.Path)
			if err != nil {
				return rep.Masks.Redact(text)
			}
			return rep.Line(src, line)
		})
		if err != nil {
			return err
		}
		c.out.Returns = !isTerminal(c.behindOut)
		_, _ = c.out.Write(b.Bytes()) // the stream keeps its error
		c.out.Returns = false
	}
	if err := c.write(f, report.Options{Version: version(), Inputs: paths}, outs, rep); err != nil {
		return err
	}
	return c.out.Err()
}

// maxReasons is how many reasons are given unless --verbose asks for all.
const maxReasons = 5

// sayFixes says on standard error what was fixed, by fingerprint in a later round, and why the rest
// was not.
func (c *command) sayFixes(f *flags, level fix.Level, rep *lint.Report, later map[string]bool, what string) {
	if f.quiet {
		return
	}
	type left struct{ rule, reason string }
	counts := map[left]int{}
	places := map[left]lint.Span{}
	var order []left
	risky, none := 0, 0
	for _, x := range rep.Findings {
		switch {
		case later[x.Fingerprint]:
		case x.Fix == nil:
			none++
		case x.Fix.Proven:
		case level == fix.OnlySafe && strings.HasPrefix(x.Fix.Reason, "it is risky: "):
			risky++
		default:
			l := left{x.Rule.ID, x.Fix.Reason}
			if counts[l]++; counts[l] == 1 {
				order, places[l] = append(order, l), x.Span
			}
		}
	}
	for i, l := range order {
		if i == maxReasons && !f.verbose {
			c.say("note", count(len(order)-i, "further reason why something is not fixed; --verbose gives it", "further reasons why something is not fixed; --verbose gives them"))
			break
		}
		more := ""
		if n := counts[l]; n > 1 {
			more = fmt.Sprintf(" (and %d more)", n-1)
		}
		c.say("not fixed", fmt.Sprintf("%s%s: %s: %s", places[l].Start, more, l.rule, rep.Masks.Redact(l.reason)))
	}
	text := what
	if risky > 0 {
		text += "; " + count(risky, "further one may have a fix that is risky", "further ones may have fixes that are risky") + ": see --fix=all --diff"
	}
	if none > 0 {
		text += "; " + count(none, "finding has", "findings have") + " no fix"
	}
	fmt.Fprintf(c.err, "manilint: %s\n", text)
}

// writeFixes writes edited files: each as a whole, with its mode, and only where it is on
// disk what was linted. Those that are to be made come first, since others name them: where one
// cannot be made, nothing else is written.
func (c *command) writeFixes(files []*fix.File) (written int, err error) {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b *fix.File) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	var errs []error
	for _, file := range files {
		err := c.writeFix(file)
		switch {
		case err == nil:
			written++
			continue
		case file.Before == nil:
			return written, fmt.Errorf("%s is not made, and nothing is fixed that comes with it: %w", file.Shown, reason(err))
		}
		errs = append(errs, fmt.Errorf("%s is not fixed: %w", file.Shown, reason(err)))
	}
	return written, errors.Join(errs...)
}

func rankOf(f *fix.File) int {
	if f.Before == nil {
		return 0
	}
	return 1
}

func (c *command) writeFix(file *fix.File) error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(file.Path))
	if err != nil {
		return err
	}
	at := filepath.Join(dir, filepath.Base(file.Path))
	if file.Before == nil {
		if at != file.Path {
			return errors.New("its directory changed while it was linted; run again")
		}
		return c.files.add(at, file.After)
	}
	now, err := os.ReadFile(file.Path)
	if err == nil && !bytes.Equal(now, file.Before) {
		err = errors.New("it changed while it was linted; run again")
	}
	if err != nil {
		return err
	}
	return c.files.write(at, content(file.After))
}

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/baseline"
	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
	"github.com/manilint/manilint/rules"
)

// maxBaseline is how many bytes of a baseline are read.
const maxBaseline = 256 << 20

// root is the directory that the files of fingerprints are relative to: the root of the
// checkout that the working directory lies in, or that itself.
func (f *flags) root() string {
	if f.checkout == "" {
		t := f.files()
		f.checkout = cmp.Or(t.GitRoot("."), t.Abs("."))
	}
	return f.checkout
}

// name gives a path, as reports print it, the form of [lint.Finding.File].
func (f *flags) name(path string) string {
	if path == "-" || path == "" {
		return path
	}
	rel, err := filepath.Rel(f.root(), f.files().Abs(filepath.FromSlash(path)))
	if err != nil { // another disk
		return path
	}
	return filepath.ToSlash(rel)
}

// exists reports whether a file, named as findings name them, is there; one inside of an
// archive is where the archive is.
func (f *flags) exists(name string) bool {
	if name == "-" {
		return true
	}
	at := filepath.Join(f.root(), filepath.FromSlash(name))
	for {
		if info, err := f.files().Stat(at); err == nil {
			return info.Mode().IsRegular() || at == filepath.Join(f.root(), filepath.FromSlash(name))
		}
		if !strings.Contains(filepath.Dir(at), ".tgz") {
			return false
		}
		at = filepath.Dir(at)
	}
}

// baselines returns the absolute paths of the baselines that a group of inputs knows of:
// they are no inputs themselves.
func (f *flags) baselines(g *group) []string {
	var all []string
	for _, file := range []string{f.baseline, f.writeBaseline} {
		if file != "" {
			all = append(all, f.files().Abs(file))
		}
	}
	if g.config.Baseline != "" {
		all = append(all, f.files().Abs(filepath.Join(g.dir, filepath.FromSlash(g.config.Baseline))))
	}
	return all
}

// known reads what is known: the baseline that a flag names, else those of the
// configurations; nil where there is none. It returns an error of usage where one is
// missing or damaged.
func (f *flags) known(groups []*group) (*baseline.Known, error) {
	if err := f.checkBaselineFlags(); err != nil {
		return nil, err
	}
	if f.baseline != "" {
		f.files().Give(f.baseline)
		return f.readBaseline(f.files(), f.baseline, nil)
	}
	if f.writeBaseline != "" {
		return nil, nil // the file that is written holds from now on
	}
	var known *baseline.Known
	for _, g := range groups {
		if g.config.Baseline == "" {
			continue
		}
		t := f.files()
		file := filepath.Join(g.dir, filepath.FromSlash(g.config.Baseline))
		k, err := f.readBaseline(t.In(cmp.Or(t.GitRoot(g.dir), g.dir)), file, &g.config.BaselineSpan)
		if err != nil {
			return nil, err
		}
		if known != nil {
			k = k.Merged(known, func(baseline.Entry) bool { return true })
		}
		known = k
	}
	return known, nil
}

func (f *flags) checkBaselineFlags() error {
	if f.writeBaseline == "" {
		return nil
	}
	if dir := filepath.Dir(f.writeBaseline); !isDir(dir) {
		return usagef("--write-baseline: there is no directory %s; create it first", dir)
	}
	if isDir(f.writeBaseline) {
		return usagef("--write-baseline: %s is a directory; name a file in it", f.writeBaseline)
	}
	if text, exists := f.oldBaseline(); exists && !baseline.Is(text) {
		return usagef("--write-baseline: %s exists and is not a baseline, so it is not overwritten; name another file", f.writeBaseline)
	}
	return nil
}

// oldBaseline returns what the file that a baseline is written to holds.
func (f *flags) oldBaseline() (text []byte, exists bool) {
	if info, err := os.Stat(f.writeBaseline); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, false
	}
	text, err := tree.New(nil).ReadFile(f.writeBaseline)
	return text, err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// readBaseline reads one baseline, which the configuration names at a place or a flag.
func (f *flags) readBaseline(t *tree.Tree, file string, at *lint.Span) (*baseline.Known, error) {
	label := "--baseline: "
	if at != nil {
		label = at.Start.String() + ": baseline: "
	}
	data, err := t.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("%sthere is no file %s; make it with --write-baseline %s", label, t.Display(file), t.Display(file))
	case err != nil:
		return nil, usagef("%s%s cannot be read: %w", label, t.Display(file), reason(err))
	case len(data) > maxBaseline:
		return nil, usagef("%s%s holds more than %d MiB", label, t.Display(file), maxBaseline>>20)
	}
	known, damaged := baseline.Read(lint.NewSource(t.Display(file), data))
	if len(damaged) == 0 {
		return known, nil
	}
	const few = 10
	var errs []error
	for _, e := range damaged[:min(few, len(damaged))] {
		errs = append(errs, e)
	}
	if n := len(damaged) - few; n > 0 {
		errs = append(errs, fmt.Errorf("%s: %s are damaged", t.Display(file), count(n, "more line", "more lines")))
	}
	return nil, usageError{errors.Join(errs...)}
}

// compare takes what is known out of the findings of a report, and writes the baseline.
func (c *command) compare(f *flags, known *baseline.Known, rep *lint.Report, paths []string) error {
	now := baseline.TreeOf(rep, f.exists, f.name)
	now.Covers, now.Hidden = f.coverage(rep, paths), c.hidden(f, rep)
	if f.writeBaseline != "" {
		written, err := c.writeBaseline(f, rep, now)
		if err != nil {
			return err
		}
		known = cmp.Or(known, written)
	}
	if known == nil {
		return nil
	}
	rep.Baseline = cmp.Or(f.baseline, f.writeBaseline, config.Name)
	for _, note := range known.Unknown(slices.Concat(rules.All(), rep.Rules)) {
		note.Message = rep.Masks.Redact(note.Message)
		rep.Notes = append(rep.Notes, note)
	}
	known.Apply(rep, "baseline", now)
	worse := 0
	for _, x := range rep.Findings {
		if x.State == lint.Worse {
			worse++
		}
	}
	if worse > 0 {
		rep.Notes = append(rep.Notes, lint.Note{Message: count(worse, "finding is", "findings are") + " in the baseline with a lower severity, and reported again"})
	}
	if n := len(rep.Gone); n > 0 && f.writeBaseline == "" {
		message := fmt.Sprintf("%d of %s are fixed; --write-baseline drops them", n, count(len(known.Entries), "baseline entry", "baseline entries"))
		if n == 1 {
			message = fmt.Sprintf("1 of %s is fixed; --write-baseline drops it", count(len(known.Entries), "baseline entry", "baseline entries"))
		}
		rep.Notes = append(rep.Notes, lint.Note{Message: message})
	}
	return nil
}

// writeBaseline writes what a report holds, and of the file as it was what the run did not
// look at.
func (c *command) writeBaseline(f *flags, rep *lint.Report, now baseline.Tree) (*baseline.Known, error) {
	fresh := baseline.Of(rep)
	kept := 0
	if text, exists := f.oldBaseline(); exists {
		old, damaged := baseline.Read(lint.NewSource(f.writeBaseline, text))
		if len(damaged) > 0 {
			rep.Notes = append(rep.Notes, lint.Note{Message: f.writeBaseline + " was damaged and is replaced by what was found now"})
		} else {
			before := len(fresh.Entries)
			fresh = old.Merged(fresh, func(e baseline.Entry) bool { return (len(rep.Errors) > 0 || !now.Covers(e)) && f.exists(e.File) })
			kept = len(fresh.Entries) - before
		}
	}
	err := c.files.write(f.writeBaseline, func(w io.Writer) error { return fresh.Write(w) })
	if err != nil {
		return nil, fmt.Errorf("the baseline %s cannot be written: %w", f.writeBaseline, reason(err))
	}
	message := fmt.Sprintf("%s holds %s", f.writeBaseline, count(len(fresh.Entries), "finding", "findings"))
	if kept > 0 {
		message += fmt.Sprintf(", %d of them kept for paths that were not linted", kept)
	}
	rep.Notes = append(rep.Notes, lint.Note{Message: message})
	return fresh, nil
}

// coverage returns what says whether a run would have found what an entry of a baseline
// stands for: its rule ran, and its file is an input.
func (f *flags) coverage(rep *lint.Report, paths []string) func(baseline.Entry) bool {
	var inputs []string
	for _, path := range paths {
		clean := strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(path), "/..."), "...")
		inputs = append(inputs, f.name(cmp.Or(clean, ".")))
	}
	ran := map[string]bool{}
	for _, r := range rep.Rules {
		for _, name := range append([]string{r.ID}, r.Aliases...) {
			ran[name] = true
		}
	}
	return func(e baseline.Entry) bool {
		if !ran[e.Rule] && lint.FindRule(rules.All(), e.Rule) != nil {
			return false
		}
		return slices.ContainsFunc(inputs, func(input string) bool { return baseline.Below(input, e.File) })
	}
}

// hidden returns what says whether an error keeps what an entry stands for from being seen: its
// file is broken, or it lies below a chart that gave no object. A chart of which some values, or
// a dependency, are not there gives the others. What an overlay is made of lies anywhere.
func (c *command) hidden(f *flags, rep *lint.Report) func(baseline.Entry) bool {
	gave := map[string]bool{} // roots of charts with objects
	for _, r := range c.rendered() {
		if r.Rendering.Kind == "helm" && r.All > 0 {
			gave[r.Rendering.Root] = true
		}
	}
	files, charts, all := map[string]bool{}, []string{}, false
	for _, e := range rep.Errors {
		switch {
		case e.Rendering != nil && e.Rendering.Kind == "helm":
			if !gave[e.Rendering.Root] {
				charts = append(charts, f.name(e.Rendering.Root))
			}
		case (e.Rendering == nil || e.Rendering.Kind == "file") && e.Span.IsValid():
			files[f.name(e.Span.Path())] = true
		default:
			all = true
		}
	}
	return func(e baseline.Entry) bool {
		return all || files[e.File] || slices.ContainsFunc(charts, func(chart string) bool { return baseline.Below(chart, e.File) })
	}
}

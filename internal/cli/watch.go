package cli

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render/tree"
)

// settle is how long nothing may change before what changed is linted: an editor writes a
// file in several steps, and git many files.
const settle = 100 * time.Millisecond

// checkWatch refuses what has no meaning for a run that does not end.
func (f *flags) checkWatch(paths []string) error {
	for flag, set := range map[string]bool{
		"--since": f.since != "", "--staged": f.staged, "--write-baseline": f.writeBaseline != "", "--compliance": f.compliance != "",
	} {
		if f.watch && set {
			return usagef("--watch and %s exclude each other", flag)
		}
	}
	if f.watch && slices.ContainsFunc(f.formats, func(format string) bool { return format == "html" || strings.HasPrefix(format, "html=") }) {
		return usagef("--watch does not write html, whose tables need all objects at once")
	}
	if f.watch && slices.Contains(paths, "-") {
		return usagef("--watch follows files; standard input (-) is not one")
	}
	return nil
}

// watchAll lints paths, and again what a change touches, until the context ends.
func (c *command) watchAll(f *flags, paths []string, outs []output) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("--watch: the system does not report changes of files: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	sessions, err := c.sessions(f)
	if err != nil {
		return err
	}
	w := &watch{command: c, flags: f, paths: paths, outs: outs, session: sessions(), watcher: watcher, watched: map[string]bool{}}
	if err := w.lint(nil); err != nil {
		return err
	}
	changed := map[string]bool{}
	var timer <-chan time.Time
	for {
		select {
		case <-c.ctx.Done():
			return nil
		case e, open := <-watcher.Events:
			if !open {
				return nil
			}
			if e.Op != fsnotify.Chmod && !w.passedOver(e.Name) {
				changed[e.Name] = true
				timer = time.After(settle)
			}
		case err := <-watcher.Errors:
			c.say("note", fmt.Sprintf("a change may have been missed: %v; all is linted again", err))
			changed[""] = true
			timer = time.After(settle)
		case <-timer:
			timer = nil
			list := slices.Sorted(maps.Keys(changed))
			if changed[""] {
				list = nil
			}
			clear(changed)
			if err := w.lint(list); err != nil {
				return err
			}
		}
	}
}

// A watch is one run of watchAll.
type watch struct {
	*command
	flags   *flags
	paths   []string
	outs    []output
	session *session.Session
	watcher *fsnotify.Watcher
	watched map[string]bool // directories
	partial bool            // whether it was said that some are not
	again   bool
}

// passedOver reports whether a change is none of an input: git's own files, and the reports
// that the run writes, be they written to a file by name or by redirecting a stream.
func (w *watch) passedOver(path string) bool {
	if slices.Contains(strings.Split(filepath.ToSlash(path), "/"), ".git") {
		return true
	}
	if info, err := os.Stat(path); err == nil { // the report itself: manilint --watch > report.txt
		for _, stream := range []io.Writer{w.behindOut, w.behindErr} {
			if file, ok := stream.(*os.File); ok {
				if own, err := file.Stat(); err == nil && os.SameFile(info, own) {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(w.outs, func(out output) bool {
		if out.file == "" {
			return false
		}
		at := w.flags.files().Abs(out.file)
		return path == at || filepath.Dir(path) == filepath.Dir(at) && strings.HasPrefix(filepath.Base(path), "."+filepath.Base(at))
	})
}

// lint lints what changed and prints the report anew. A configuration that is wrong is said,
// and linted again when it changes.
func (w *watch) lint(changed []string) error {
	start := time.Now()
	r, err := w.session.Lint(w.ctx, tree.New(nil), w.paths, changed)
	if w.ctx.Err() != nil {
		return nil
	}
	if w.again && isTerminal(w.behindOut) {
		fmt.Fprint(w.behindOut, "\x1b[H\x1b[2J\x1b[3J")
	}
	if err != nil && !w.again {
		return err
	}
	w.again = true
	w.look()
	if err != nil {
		w.fail(err)
		return nil
	}
	w.checked = r.Checked
	w.flags.empty(r.Report, w.paths, 0)
	if err := w.write(w.flags, report.Options{Version: version(), Inputs: w.paths}, w.outs, r.Report); err != nil {
		return err
	}
	if w.out.Err() != nil {
		return w.out.Err()
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	w.closing(w.flags, r.Report)
	if !w.flags.quiet {
		w.say("manilint", fmt.Sprintf("%s rendered in %.2f s, %d as before; watching %s", count(len(r.Rendered), "unit", "units"), time.Since(start).Seconds(), r.Kept, count(len(w.watched), "directory", "directories")))
	}
	return w.err.Flush()
}

// look watches the directories of the inputs, and those of what was read elsewhere: a base
// beside them, say.
func (w *watch) look() {
	t := w.flags.files()
	wanted := map[string]bool{}
	var roots []string // what is looked for above them is not waited for
	for _, path := range w.paths {
		at := t.Abs(strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(path), "/..."), "..."))
		roots = append(roots, cmp.Or(t.GitRoot(at), at))
		if !isDir(at) {
			wanted[filepath.Dir(at)] = true
			continue
		}
		_ = filepath.WalkDir(at, func(path string, d fs.DirEntry, err error) error { // what cannot be listed is an error of the run
			switch {
			case err != nil || !d.IsDir():
				return nil
			case d.Name() == ".git":
				return filepath.SkipDir
			}
			wanted[path] = true
			return nil
		})
	}
	for _, dir := range w.session.Directories() {
		if slices.ContainsFunc(roots, func(root string) bool { return tree.Within(root, dir) }) {
			wanted[dir] = true
		}
	}
	for dir := range w.watched {
		if !wanted[dir] || !isDir(dir) {
			_ = w.watcher.Remove(dir) // it may be gone
			delete(w.watched, dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		if w.watched[dir] || !isDir(dir) {
			continue
		}
		if err := w.watcher.Add(dir); err != nil {
			if !w.partial {
				w.say("note", fmt.Sprintf("%s and further directories are not watched: %v", t.Display(dir), err))
			}
			w.partial = true
			return
		}
		w.watched[dir] = true
	}
}

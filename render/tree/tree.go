// Package tree is the one place where manilint opens, lists and looks up its inputs: a
// read-only view of files at one moment. A [Tree] reads the file system, the file system
// with some files replaced ([New]), or a commit of a git repository ([Revision]).
//
// It opens regular files alone, up to a size, without ever waiting for one, and a tree
// with a jail ([Tree.In]) reads nothing that lies outside of it, whatever an input names
// or links to. Each unit of work has a view of its own ([Tree.Record]), which remembers
// what was read, listed, and looked up without finding it: that is what decides whether a change
// touches the unit. It does not write, start a program, or open a connection.
package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/manilint/manilint/lint"
)

// DefaultLimit is how many bytes of one file are read unless [Tree.SetLimit] says otherwise.
const DefaultLimit = 64 << 20

// ErrOutside says that a path leads out of the jail. Whether there is anything is not said.
var ErrOutside = errors.New("it is outside the linted tree and is not read; lint from a directory that holds both, or copy it into the tree")

// A TooLargeError says that a file holds more bytes than are read of one.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("larger than %s, the limit for one file; exclude it, or raise --limit-file", Size(e.Limit))
}

// Size writes a number of bytes for a person.
func Size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// files is what a tree reads. Its paths are absolute and clean, and no directory in them is
// a link. The errors say what is wrong without the path.
type files interface {
	lstat(path string) (fs.FileInfo, error)
	readlink(path string) (string, error)
	readDir(path string) ([]fs.DirEntry, error)
	// open opens a regular file and refuses what is none, a link included, without waiting.
	open(path string) (io.ReadCloser, error)
}

// A Tree is a read-only view of files. Views that were made of one another share what
// was read. It is safe for concurrent use. Paths may be relative to the working
// directory; errors are *[fs.PathError], with the path as reports print it.
type Tree struct {
	*world
	jail   []string // links resolved; none for no jail
	named  string   // the first of them, as it was named
	record *record
}

// world is what the views of a tree share.
type world struct {
	files        files
	cwd, realCwd string
	wall         string // what no view reads outside of; "" for none

	mu       sync.Mutex
	limit    int64
	stats    map[string]*known  // by path without links in its directories
	reals    map[string]*known  // by path: where it leads
	listings map[string]listing // by path without links
	contents map[string]*content
	sources  map[string]*lint.Source
	index    *indexed        // of the checkout that is read; nil where it is not known
	given    map[string]bool // files that the user named: read wherever they lie; true for any kind of file
}

type known struct {
	info fs.FileInfo
	real string
	err  error
}

type listing struct {
	entries []fs.DirEntry
	err     error
}

// content is what one file holds; it is read once.
type content struct {
	once sync.Once
	data []byte
	err  error
}

// New returns the file system as it is, without a jail. edits maps absolute paths to bytes
// that stand for the file's, as an editor's unsaved text or a candidate fix does, and to nil
// for a file that is to be taken as removed; it may be nil.
func New(edits map[string][]byte) *Tree {
	t := newTree(system{})
	if len(edits) > 0 {
		t.files = newEdited(t, edits)
		t.forget()
	}
	return t
}

func newTree(from files) *Tree {
	w := &world{files: from, limit: DefaultLimit, given: map[string]bool{}}
	w.forget()
	if cwd, err := os.Getwd(); err == nil {
		w.cwd, w.realCwd = cwd, cwd
		if real, err := filepath.EvalSymlinks(cwd); err == nil {
			w.realCwd = real
		}
	}
	return (&Tree{world: w}).Record()
}

// forget empties the caches.
func (w *world) forget() {
	w.stats, w.reals, w.listings = map[string]*known{}, map[string]*known{}, map[string]listing{}
	w.contents, w.sources = map[string]*content{}, map[string]*lint.Source{}
}

// In returns a view that reads nothing outside of some directories, whose own links are
// followed, but what was given by [Tree.Name] and [Tree.Give].
func (t *Tree) In(dirs ...string) *Tree {
	view := *t
	view.jail, view.named = nil, ""
	if len(dirs) > 0 {
		view.named = t.Abs(dirs[0])
	}
	for _, dir := range dirs {
		real, err := t.real(t.Abs(dir), 0)
		if err != nil {
			real = t.Abs(dir)
		}
		view.jail = append(view.jail, real)
	}
	return &view
}

// Jail returns the first directory that the view is confined to, as it was named and with
// its links resolved; "" for none.
func (t *Tree) Jail() (named, real string) {
	if len(t.jail) == 0 {
		return "", ""
	}
	return t.named, t.jail[0]
}

// Record returns a view that remembers on its own what is read through it.
func (t *Tree) Record() *Tree {
	view := *t
	view.record = &record{seen: map[request]*answer{}, opened: map[string]bool{}}
	return &view
}

// ResolveCwd makes relative paths ones of the working directory with its links resolved, as
// those of a [Revision] are. It is called before anything is read.
func (t *Tree) ResolveCwd() { t.cwd = t.realCwd }

// From makes relative paths ones of a directory, which is what paths are printed relative to.
// It is called before anything is read.
func (t *Tree) From(dir string) {
	t.cwd, t.realCwd = filepath.Clean(dir), filepath.Clean(dir)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		t.realCwd = real
	}
}

// Confine has no view of the tree read anything outside of a directory, whatever is named or
// given. It is called before anything is read.
func (t *Tree) Confine(dir string) {
	t.wall = t.Abs(dir)
	if real, err := filepath.EvalSymlinks(t.wall); err == nil {
		t.wall = real
	}
}

// SetLimit sets the number of bytes that are read of one file, for all views.
func (t *Tree) SetLimit(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = bytes
}

// Limit returns the number of bytes that are read of one file.
func (t *Tree) Limit() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limit
}

// Name allows all views to read a file that the user named as an input, wherever it lies.
func (t *Tree) Name(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if abs := t.Abs(path); !t.given[abs] {
		t.given[abs] = false // known, and no more than it was
	}
}

// Give allows all views to open a file that the user named by a flag, wherever it lies and
// whether or not it is a regular one: a shell's <(command) is a pipe.
func (t *Tree) Give(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.given[t.Abs(path)] = true
}

// Abs returns the absolute, clean form of a path.
func (w *world) Abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(w.cwd, path)
}

// Home returns the home directory of the user, "" where none is known.
func (w *world) Home() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

// Display returns a path as reports print it: relative to the working directory, with
// forward slashes.
func (w *world) Display(path string) string {
	abs := w.Abs(path)
	shown := ""
	for _, cwd := range []string{w.cwd, w.realCwd} {
		rel, err := filepath.Rel(cwd, abs)
		if err != nil {
			continue
		}
		if Within(cwd, abs) {
			return filepath.ToSlash(rel)
		}
		shown = filepath.ToSlash(rel)
	}
	if shown == "" {
		return filepath.ToSlash(abs)
	}
	return shown
}

// Within reports whether a path is dir or lies below it, by the names alone; both are clean.
func Within(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// maxLinks is how many links one path may lead through, as on Linux.
const maxLinks = 40

var errLinks = errors.New("too many links, or one that points to itself")

// real follows the links of a clean absolute path, its last element's too. It looks at
// directories outside of any jail, and reads none.
func (w *world) real(path string, links int) (string, error) {
	w.mu.Lock()
	k := w.reals[path]
	w.mu.Unlock()
	if k != nil {
		return k.real, k.err
	}
	real, err := w.follow(path, links)
	if !errors.Is(err, errLinks) {
		w.mu.Lock()
		w.reals[path] = &known{real: real, err: err}
		w.mu.Unlock()
	}
	return real, err
}

func (w *world) follow(path string, links int) (string, error) {
	parent := filepath.Dir(path)
	if parent == path {
		return path, nil
	}
	dir, err := w.real(parent, links)
	if err != nil {
		return dir, err
	}
	at := filepath.Join(dir, filepath.Base(path))
	info, err := w.lstat(at)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return at, err
	}
	if links++; links > maxLinks {
		return at, errLinks
	}
	target, err := w.files.readlink(at)
	if err != nil {
		return at, err
	}
	if filepath.IsAbs(target) {
		dir = filepath.VolumeName(target) + string(filepath.Separator)
		target = target[len(filepath.VolumeName(target)):]
	}
	for part := range strings.SplitSeq(filepath.ToSlash(target), "/") {
		switch part {
		case "", ".":
		case "..":
			dir = filepath.Dir(dir)
		default:
			if dir, err = w.real(filepath.Join(dir, part), links); err != nil {
				return dir, err
			}
		}
	}
	return dir, nil
}

func (w *world) lstat(at string) (fs.FileInfo, error) {
	w.mu.Lock()
	k := w.stats[at]
	w.mu.Unlock()
	if k == nil {
		info, err := w.files.lstat(at)
		k = &known{info: info, err: bare(err)}
		w.mu.Lock()
		w.stats[at] = k
		w.mu.Unlock()
	}
	return k.info, k.err
}

// bare takes the path from an error.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if errors.Is(err, syscall.ENOTDIR) { // a file where a directory would have to be
		return syscall.ENOENT
	}
	return err
}

func (w *world) isGiven(abs string) (given, any bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	any, given = w.given[abs]
	return given, any
}

// confine refuses a path that leads out of the jail; err is what following it gave.
func (t *Tree) confine(abs, real string, err error) error {
	if t.wall != "" && !Within(t.wall, real) {
		return ErrOutside
	}
	if len(t.jail) == 0 || slices.ContainsFunc(t.jail, func(dir string) bool { return Within(dir, real) }) {
		return err
	}
	if given, _ := t.isGiven(abs); given {
		return err
	}
	return ErrOutside
}

func (t *Tree) fail(op, abs string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: t.Display(abs), Err: err}
}

// resolve follows the links of a path and refuses what leads out of the jail.
func (t *Tree) resolve(abs string) (string, error) {
	real, err := t.real(abs, 0)
	return real, t.confine(abs, real, err)
}

// stat follows a path and describes what it leads to.
func (t *Tree) stat(abs string) (string, fs.FileInfo, error) {
	real, err := t.resolve(abs)
	var info fs.FileInfo
	if err == nil {
		info, err = t.lstat(real)
	}
	t.record.add(request{looked, abs}, &answer{real: real, info: info, err: err})
	return real, info, err
}

// EvalSymlinks returns where a path leads, as [filepath.EvalSymlinks]. The result is absolute.
func (t *Tree) EvalSymlinks(path string) (string, error) {
	abs := t.Abs(path)
	real, _, err := t.stat(abs)
	if err != nil {
		return "", t.fail("lstat", abs, err)
	}
	return real, nil
}

// Stat describes what a path leads to.
func (t *Tree) Stat(path string) (fs.FileInfo, error) {
	abs := t.Abs(path)
	_, info, err := t.stat(abs)
	return info, t.fail("stat", abs, err)
}

// entry describes a path itself, and says where it points if it is a link.
func (t *Tree) entry(abs string) (info fs.FileInfo, target string, err error) {
	dir, err := t.real(filepath.Dir(abs), 0)
	at := filepath.Join(dir, filepath.Base(abs))
	if err = t.confine(abs, at, err); err == nil {
		info, err = t.lstat(at)
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		target, err = t.files.readlink(at)
		err = bare(err)
	}
	t.record.add(request{entered, abs}, &answer{real: at, info: info, target: target, err: err})
	return info, target, err
}

// Lstat describes a path itself, be it a link.
func (t *Tree) Lstat(path string) (fs.FileInfo, error) {
	abs := t.Abs(path)
	info, _, err := t.entry(abs)
	return info, t.fail("lstat", abs, err)
}

// Readlink returns what a link says. It is not followed, so it may name anything.
func (t *Tree) Readlink(path string) (string, error) {
	abs := t.Abs(path)
	info, target, err := t.entry(abs)
	if err == nil && info.Mode()&fs.ModeSymlink == 0 {
		err = syscall.EINVAL
	}
	return target, t.fail("readlink", abs, err)
}

// ReadDir lists a directory, sorted by name.
func (t *Tree) ReadDir(path string) ([]fs.DirEntry, error) {
	abs := t.Abs(path)
	real, err := t.resolve(abs)
	var l listing
	if err == nil {
		l = t.list(real)
		err = l.err
	}
	t.record.add(request{Listed, abs}, &answer{real: real, entries: l.entries, err: err})
	return slices.Clone(l.entries), t.fail("read", abs, err)
}

func (w *world) list(real string) listing {
	w.mu.Lock()
	l, known := w.listings[real]
	w.mu.Unlock()
	if known {
		return l
	}
	entries, err := w.files.readDir(real)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	l = listing{entries, bare(err)}
	w.mu.Lock()
	w.listings[real] = l
	w.mu.Unlock()
	return l
}

// IsFile reports whether a path leads to a regular file.
func (t *Tree) IsFile(path string) bool {
	info, err := t.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// IsDir reports whether a path leads to a directory.
func (t *Tree) IsDir(path string) bool {
	info, err := t.Stat(path)
	return err == nil && info.IsDir()
}

// ReadFile returns what a file holds. The bytes are shared: they must not be changed.
func (t *Tree) ReadFile(path string) ([]byte, error) {
	abs := t.Abs(path)
	if given, any := t.isGiven(abs); given && any && !t.holds(abs) {
		c := t.content(abs, func() (io.ReadCloser, error) { return openAny(abs) })
		t.record.add(request{read, abs}, &answer{real: abs, content: c, err: c.err})
		return c.data, t.fail("open", abs, c.err)
	}
	real, err := t.resolve(abs)
	var c *content
	if err == nil {
		c = t.content(real, func() (io.ReadCloser, error) { return t.files.open(real) })
		err = c.err
	}
	t.record.add(request{read, abs}, &answer{real: real, content: c, err: err})
	if err != nil {
		return nil, t.fail("open", abs, err)
	}
	return c.data, nil
}

// holds reports whether a file that a flag names is read as the others are: from the bytes
// that stand for it, or from the revision.
func (w *world) holds(abs string) bool {
	if e, ok := w.files.(*edited); ok {
		if e.has(abs) {
			return true
		}
		if s, ok := e.files.(seen); ok {
			return s.w.holds(abs)
		}
	}
	s := w.store()
	return s != nil && Within(s.root, abs)
}

// content returns what lies at a path without links, read once.
func (w *world) content(at string, open func() (io.ReadCloser, error)) *content {
	w.mu.Lock()
	c := w.contents[at]
	if c == nil {
		c = &content{}
		w.contents[at] = c
	}
	limit := w.limit
	w.mu.Unlock()
	c.once.Do(func() {
		// Anyone who reads it later must not take a file that was not read for an empty one.
		defer func() {
			if fault := recover(); fault != nil {
				c.data, c.err = nil, fmt.Errorf("reading it failed: %v; please report this", fault)
			}
		}()
		c.data, c.err = readAll(open, limit)
	})
	return c
}

func readAll(open func() (io.ReadCloser, error), limit int64) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	size := int64(0)
	if f, ok := f.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	if size > limit {
		return nil, &TooLargeError{limit}
	}
	// There is room for what the file says it holds, and for one byte more, which shows that it
	// ends there: texts are much of what a run over plain files keeps.
	data := make([]byte, 0, size+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		switch data = data[:len(data)+n]; {
		case int64(len(data)) > limit:
			return nil, &TooLargeError{limit}
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, bare(err)
		case len(data) == cap(data):
			data = slices.Grow(data, bytes.MinRead)
		}
	}
}

// Stream opens a file to be read from its beginning, whatever its size. The caller closes it.
func (t *Tree) Stream(path string) (io.ReadCloser, error) {
	abs := t.Abs(path)
	real, _, err := t.stat(abs)
	var f io.ReadCloser
	if err == nil {
		f, err = t.files.open(real)
		err = bare(err)
	}
	return f, t.fail("open", abs, err)
}

// Open returns the source of a file. Repeated calls, of all views, return the same Source.
func (t *Tree) Open(path string) (*lint.Source, error) {
	data, err := t.ReadFile(path)
	if err != nil {
		return nil, err
	}
	abs := t.Abs(path)
	t.record.open(abs)
	t.mu.Lock()
	defer t.mu.Unlock()
	src := t.sources[abs]
	if src == nil {
		src = lint.NewSource(t.Display(abs), data)
		src.File = abs
		t.sources[abs] = src
	}
	return src, nil
}

// Owns reports whether a source is one that [Tree.Open] returned, through whatever view.
func (t *Tree) Owns(src *lint.Source) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return src != nil && t.sources[src.File] == src
}

// Has reports whether [Tree.Open] opened a file through this view.
func (t *Tree) Has(path string) bool { return t.record.has(path) }

// Opened returns the number of files that [Tree.Open] opened through this view.
func (t *Tree) Opened() int { return t.record.count() }

// Sources returns the absolute paths of the files that [Tree.Open] opened through this view,
// sorted.
func (t *Tree) Sources() []string { return t.record.sources() }

// GitRoot returns the directory of the git checkout that holds a path, or "".
func (t *Tree) GitRoot(path string) string {
	for d := t.Abs(path); ; d = filepath.Dir(d) {
		if real, err := t.real(d, 0); err == nil {
			if t.wall != "" && !Within(t.wall, real) {
				return ""
			}
			if _, err := t.lstat(filepath.Join(real, ".git")); err == nil {
				return d
			}
		}
		if d == filepath.Dir(d) {
			return ""
		}
	}
}

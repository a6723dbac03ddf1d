package tree

import (
	"bytes"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// edited is a set of files with some of them replaced, added or removed.
type edited struct {
	files
	edits map[string][]byte // by path without links; nil for a file that is removed
	dirs  map[string]bool   // directories of files that are there
}

// Edit returns the tree with edits put over it, as [New] puts them over the file system. It
// sees the files that were read as they were then.
func (t *Tree) Edit(edits map[string][]byte) *Tree {
	under := *t
	under.world = &world{files: seen{t.world}, cwd: t.cwd, realCwd: t.realCwd, limit: t.Limit(), given: map[string]bool{}}
	under.forget()
	w := &world{files: newEdited(&under, edits), cwd: t.cwd, realCwd: t.realCwd, limit: t.Limit(), given: map[string]bool{}}
	w.forget()
	return (&Tree{world: w}).Record()
}

// seen is files as a world has seen them, or sees them now: none is looked up twice.
type seen struct{ w *world }

func (s seen) lstat(path string) (fs.FileInfo, error) { return s.w.lstat(path) }
func (s seen) readlink(path string) (string, error)   { return s.w.files.readlink(path) }
func (s seen) readDir(path string) ([]fs.DirEntry, error) {
	l := s.w.list(path)
	return slices.Clone(l.entries), l.err
}

func (s seen) open(path string) (io.ReadCloser, error) {
	c := s.w.content(path, func() (io.ReadCloser, error) { return s.w.files.open(path) })
	if c.err != nil {
		return nil, c.err
	}
	return io.NopCloser(bytes.NewReader(c.data)), nil
}

// newEdited puts edits, by absolute path, over the files of t.
func newEdited(t *Tree, edits map[string][]byte) *edited {
	e := &edited{files: t.files, edits: map[string][]byte{}, dirs: map[string]bool{}}
	for path, data := range edits {
		at, err := t.real(filepath.Clean(path), 0)
		if err != nil { // it is added: the directories that are there may still be links
			at = t.realDirs(filepath.Clean(path))
		}
		e.edits[at] = data
		if data == nil {
			continue
		}
		for dir := filepath.Dir(at); !e.dirs[dir]; dir = filepath.Dir(dir) {
			e.dirs[dir] = true
		}
	}
	return e
}

// realDirs follows the links of the directories of a path, as far as they exist.
func (w *world) realDirs(path string) string {
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	real, err := w.real(dir, 0)
	if err != nil {
		real = w.realDirs(dir)
	}
	return filepath.Join(real, filepath.Base(path))
}

// has reports whether there are bytes for a path, as its links stand.
func (e *edited) has(path string) bool { return e.edits[path] != nil }

// touches reports whether a path is edited, or something below it.
func (e *edited) touches(path string) bool {
	for at := range e.edits {
		if Within(path, at) {
			return true
		}
	}
	return false
}

func (e *edited) lstat(path string) (fs.FileInfo, error) {
	if data, ok := e.edits[path]; ok {
		if data == nil {
			return nil, syscall.ENOENT
		}
		return memory{name: filepath.Base(path), size: int64(len(data))}, nil
	}
	info, err := e.files.lstat(path)
	if err != nil && e.dirs[path] {
		return memory{name: filepath.Base(path), mode: fs.ModeDir | 0o755}, nil
	}
	return info, err
}

func (e *edited) readDir(path string) ([]fs.DirEntry, error) {
	entries, err := e.files.readDir(path)
	if err != nil && !e.dirs[path] {
		return nil, err
	}
	kept := entries[:0:0]
	for _, entry := range entries {
		if _, ok := e.edits[filepath.Join(path, entry.Name())]; !ok {
			kept = append(kept, entry)
		}
	}
	known := map[string]bool{}
	for _, entry := range kept {
		known[entry.Name()] = true
	}
	add := func(at string, info memory) {
		if filepath.Dir(at) == path && at != path && !known[info.name] {
			known[info.name] = true
			kept = append(kept, fs.FileInfoToDirEntry(info))
		}
	}
	for at, data := range e.edits {
		if data != nil {
			add(at, memory{name: filepath.Base(at), size: int64(len(data))})
		}
	}
	for at := range e.dirs {
		add(at, memory{name: filepath.Base(at), mode: fs.ModeDir | 0o755})
	}
	return kept, nil
}

func (e *edited) open(path string) (io.ReadCloser, error) {
	data, ok := e.edits[path]
	switch {
	case !ok:
		return e.files.open(path)
	case data == nil:
		return nil, syscall.ENOENT
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// memory describes a file or directory that the file system does not hold.
type memory struct {
	name string
	size int64
	mode fs.FileMode // 0 for a regular file
}

func (m memory) Name() string       { return m.name }
func (m memory) Size() int64        { return m.size }
func (m memory) Mode() fs.FileMode  { return m.mode | 0o444 }
func (m memory) ModTime() time.Time { return time.Time{} }
func (m memory) IsDir() bool        { return m.mode.IsDir() }
func (m memory) Sys() any           { return nil }

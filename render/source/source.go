// Package source reads files for the renderers, each once, and names them as
// reports print them. It is the one place where manilint's own code opens an input.
package source

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/manilint/manilint/lint"
)

// Files is a cache of sources, so that one file is one [lint.Source] for all
// bundles. It is safe for concurrent use.
type Files struct {
	cwd    string
	buffer map[string][]byte

	mu    sync.Mutex
	cache map[string]*lint.Source
}

// New returns an empty cache. buffers maps absolute paths to bytes that stand
// for the file's, as an editor's unsaved text does; it may be nil.
func New(buffers map[string][]byte) *Files {
	cwd, err := os.Getwd()
	if err != nil {
		cwd = ""
	}
	if resolved, err := filepath.EvalSymlinks(cwd); err == nil {
		cwd = resolved
	}
	return &Files{cwd: cwd, buffer: buffers, cache: map[string]*lint.Source{}}
}

// Open returns the source of a file. Repeated calls return the same Source.
// It refuses what is not a regular file: a pipe would block the run.
func (f *Files) Open(path string) (*lint.Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if src := f.cache[abs]; src != nil {
		return src, nil
	}
	data, ok := f.buffer[abs]
	if !ok {
		info, err := os.Stat(abs)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, errors.New("not a regular file; write it to one")
		}
		if data, err = os.ReadFile(abs); err != nil {
			return nil, err
		}
	}
	src := lint.NewSource(f.Display(abs), data)
	src.File = abs
	f.cache[abs] = src
	return src, nil
}

// Display returns a path as reports print it: relative to the working
// directory, with forward slashes.
func (f *Files) Display(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	for _, p := range []string{abs, resolve(abs)} {
		if rel, err := filepath.Rel(f.cwd, p); err == nil {
			return filepath.ToSlash(rel)
		}
	}
	return filepath.ToSlash(abs)
}

func resolve(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// Has reports whether a file was opened.
func (f *Files) Has(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cache[path] != nil
}

// Opened returns the number of files opened so far.
func (f *Files) Opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.cache)
}

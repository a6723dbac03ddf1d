package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/rules"
)

// What is read of a stream or a configuration before it is refused: both may have no end.
const (
	maxInput  = 64 << 20
	maxConfig = 4 << 20
)

// A limitedInput fails where its reader holds more than left bytes.
type limitedInput struct {
	r    io.Reader
	left int64
}

func (l *limitedInput) Read(p []byte) (int, error) {
	if l.r == nil {
		return 0, io.EOF
	}
	if l.left < 0 {
		return 0, fmt.Errorf("it holds more than %d MiB; write it to files", maxInput>>20)
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 && err == io.EOF { // one byte too many
		err = nil
	}
	return n, err
}

// A configFile is where a configuration is read from.
type configFile struct {
	path string // absolute; "" for none
	root string // what it may not lie outside of, links followed; "" where a flag names it
}

// configFor returns the configuration that holds for a path: the flag's, else
// the nearest one from the path up to the root of its git checkout.
func (f *flags) configFor(path string) (configFile, error) {
	if f.noConfig {
		return configFile{}, nil
	}
	if f.config != "" {
		abs, err := filepath.Abs(f.config)
		if err != nil {
			return configFile{}, usageError{err}
		}
		return configFile{path: abs}, nil
	}
	dir, err := filepath.Abs(strings.TrimSuffix(path, "..."))
	if err != nil || path == "-" {
		dir, err = os.Getwd()
		if err != nil {
			return configFile{}, nil
		}
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	root := cmp.Or(render.GitRoot(dir), dir)
	for {
		file := filepath.Join(dir, lint.ConfigName)
		if _, err := os.Lstat(file); err == nil {
			if !within(root, dir) { // the input was reached by a link out of the checkout
				root = dir
			}
			return configFile{file, root}, nil
		}
		if dir == root || dir == filepath.Dir(dir) {
			return configFile{}, nil
		}
		dir = filepath.Dir(dir)
	}
}

// within reports whether a directory lies in another one, links followed.
func within(root, dir string) bool {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false
	}
	rel, err := filepath.Rel(root, dir)
	return err == nil && filepath.IsLocal(rel)
}

// open opens the file. One that was found, not named, comes with the inputs: it must be
// a regular file of the tree, whatever it links to.
func (c configFile) open() (*os.File, error) {
	if c.root == "" {
		return os.Open(c.path)
	}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	rel, err := filepath.Rel(c.root, c.path)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(rel)
	if err != nil {
		if link, e := root.Readlink(rel); e == nil {
			return nil, fmt.Errorf("it links to %s, which is no file of the tree", link)
		}
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0) // whatever it is by now, opening it does not wait
}

func (c configFile) read() (*lint.Config, error) {
	name := c.path
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, c.path); err == nil {
			name = filepath.ToSlash(rel)
		}
	}
	file, err := c.open()
	if err != nil {
		return nil, usagef("configuration %s: %w", name, reason(err))
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, usagef("configuration %s: %w", name, reason(err))
	}
	if len(data) > maxConfig {
		return nil, usagef("configuration %s: it holds more than %d MiB", name, maxConfig>>20)
	}
	config, errs := lint.ParseConfig(lint.NewSource(name, data), rules.All())
	if len(errs) == 0 {
		errs = render.CheckConfig(config, filepath.Dir(c.path))
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

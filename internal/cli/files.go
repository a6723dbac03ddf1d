package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// reportFiles writes reports to files so that nobody finds half of one: each is written
// next to its file and renamed. A run that ends early leaves the old file.
type reportFiles struct {
	mu      sync.Mutex
	pending string     // what is being written, not yet renamed
	ended   bool       // the process is about to end
	inPlace sync.Mutex // held while a file is written that cannot be replaced
}

var errEnded = errors.New("the run was ended")

// abandon removes what is not whole yet; nothing is written after it.
func (r *reportFiles) abandon() {
	r.mu.Lock()
	r.ended = true
	if r.pending != "" {
		_ = os.Remove(r.pending) // the process ends with or without it
	}
	r.mu.Unlock()
	for range 50 { // a file that is written in place takes no longer than its copying
		if r.inPlace.TryLock() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// write makes what f writes the content of a file. Pipes, devices and terminals are
// written to; so is a file in a directory that takes no other one, in a single go.
func (r *reportFiles) write(path string, f func(io.Writer) error) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return r.stream(path, f)
	}
	mode := fs.FileMode(0o644)
	if err == nil {
		mode = info.Mode().Perm()
		if target, err := filepath.EvalSymlinks(path); err == nil { // the link stays
			path = target
		}
	}
	file, err := r.create(path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
			return r.replace(path, f)
		}
		return err
	}
	err = filled(file, func(w io.Writer) error {
		err := f(w)
		if info != nil {
			err = errors.Join(err, file.Chmod(mode))
		}
		return err
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = ""
	switch {
	case r.ended:
		return errEnded
	case err == nil:
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // err says what is wrong
	}
	if errors.Is(err, syscall.EBUSY) { // one file mounted into a container
		return r.replace(path, f)
	}
	return err
}

// add makes a file that is whole once it is there, and never in place of one that is there.
func (r *reportFiles) add(path string, data []byte) error {
	file, err := r.create(path)
	if err != nil {
		return err
	}
	err = filled(file, content(data))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = ""
	switch {
	case r.ended:
		err = errEnded
	case err == nil:
		if err = os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // there are file systems without
			err = exclusively(path, data)
		}
	}
	_ = os.Remove(file.Name()) // err says what is wrong
	if errors.Is(err, fs.ErrExist) {
		err = errors.New("it is there by now")
	}
	return err
}

// exclusively writes a file that is not there.
func exclusively(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err = filled(file, content(data)); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// filled writes what f writes to a file, and closes it.
func filled(file *os.File, f func(io.Writer) error) error {
	err := f(file)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// content returns what writes data.
func content(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// create opens a new file next to path.
func (r *reportFiles) create(path string) (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, errEnded
	}
	for n := 0; ; n++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".manilint-%d-%d.tmp", os.Getpid(), n))
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) && n < 100 {
			continue
		}
		if err == nil {
			r.pending = name
		}
		return file, err
	}
}

func (r *reportFiles) stream(path string, f func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return filled(file, f)
}

// replace overwrites a file whose directory takes no other one.
func (r *reportFiles) replace(path string, f func(io.Writer) error) error {
	var text bytes.Buffer
	if err := f(&text); err != nil {
		return err
	}
	r.inPlace.Lock()
	defer r.inPlace.Unlock()
	return os.WriteFile(path, text.Bytes(), 0o644)
}

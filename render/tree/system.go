package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// system is the file system of the machine.
type system struct{}

func (system) lstat(path string) (fs.FileInfo, error)     { return os.Lstat(path) }
func (system) readlink(path string) (string, error)       { return os.Readlink(path) }
func (system) readDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

func (system) open(path string) (io.ReadCloser, error) {
	// A pipe without a writer, or a device, would keep an ordinary open waiting.
	f, err := os.OpenFile(path, os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		if info, statErr := os.Lstat(path); statErr == nil && !info.Mode().IsRegular() { // a socket cannot be opened at all
			return nil, irregular(info.Mode())
		}
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return unwaiting(f), nil
}

// openAny opens what the user named by a flag, be it a pipe.
func openAny(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, irregular(info.Mode())
	}
	return f, nil
}

// irregular says what is not read because it is no regular file.
func irregular(mode fs.FileMode) error {
	return errors.New(Kind(mode) + ", not a regular file; write it to one")
}

// Kind names what a mode is of.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

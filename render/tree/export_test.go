package tree

import (
	"io"
	"path/filepath"
)

// Dir makes a directory of files, for tests from outside of the package.
var Dir = dir

// Faulty returns the file system as it is, but that opening a file of a name panics: a
// fault in whatever stage of whatever unit reads it.
func Faulty(name string) *Tree { return newTree(faulty{name: name}) }

type faulty struct {
	system
	name string
}

func (f faulty) open(path string) (io.ReadCloser, error) {
	if filepath.Base(path) == f.name {
		panic("a fault in reading")
	}
	return f.system.open(path)
}

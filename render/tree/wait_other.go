//go:build !unix

package tree

import (
	"io"
	"os"
)

// withoutWaiting are the flags of an open that neither waits nor follows a link; this
// system has none, and no pipes or devices among its files either.
const withoutWaiting = 0

func unwaiting(f *os.File) io.ReadCloser { return f }

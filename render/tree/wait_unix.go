//go:build unix

package tree

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// withoutWaiting are the flags of an open that neither waits nor follows a link.
const withoutWaiting = syscall.O_NONBLOCK | syscall.O_NOFOLLOW | syscall.O_NOCTTY

// unwaiting returns a file whose reads do not wait. Some of the kernel's, as /proc/kmsg,
// call themselves regular and wait for what comes next; package os would wait with them.
func unwaiting(f *os.File) io.ReadCloser {
	conn, err := f.SyscallConn()
	if err != nil {
		return f
	}
	return &ready{f, conn}
}

type ready struct {
	*os.File
	conn syscall.RawConn
}

func (r *ready) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	failed := r.conn.Read(func(fd uintptr) bool {
		for {
			if n, err = syscall.Read(int(fd), p); !errors.Is(err, syscall.EINTR) {
				return true
			}
		}
	})
	switch {
	case failed != nil:
		return 0, failed
	case errors.Is(err, syscall.EAGAIN):
		return 0, errors.New("reading it would have to wait, since it is not a regular file; write it to one")
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

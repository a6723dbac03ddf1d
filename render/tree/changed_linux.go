package tree

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt returns when what the file system knows of a file was last changed.
func changedAt(info fs.FileInfo) (at time.Time, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return at, false
	}
	return time.Unix(s.Ctim.Unix()), true
}

//go:build !linux

package tree

import (
	"io/fs"
	"time"
)

func changedAt(fs.FileInfo) (at time.Time, known bool) { return at, false }

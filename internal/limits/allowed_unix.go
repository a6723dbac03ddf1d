//go:build unix

package limits

import (
	"math"
	"syscall"
)

// addressSpace returns the bytes that ulimit -v allows; 0 for any number.
func addressSpace() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &limit) != nil || uint64(limit.Cur) >= math.MaxInt64 { //nolint:unconvert // signed on some systems
		return 0
	}
	return int64(limit.Cur)
}

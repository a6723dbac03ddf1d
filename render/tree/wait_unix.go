//go:build unix

package tree

import "syscall"

// withoutWaiting are the flags of an open that neither waits nor follows a link.
const withoutWaiting = syscall.O_NONBLOCK | syscall.O_NOFOLLOW | syscall.O_NOCTTY

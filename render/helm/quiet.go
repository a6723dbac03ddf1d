package helm

import (
	"io"
	"log"
	"sync"
)

// hush turns package log's default logger off for the rest of the process. Helm's
// packages print warnings through it that quote values as they are, passwords and
// control characters too, and take no other logger; manilint itself does not use it.
// What matters of them is said as notes (see conflicts.go) and errors.
var hush = sync.OnceFunc(func() { log.SetOutput(io.Discard) })

package kustomize

import (
	"io"
	"log"
	"os"
	"sync"
)

// kustomize prints warnings on standard error, through package log and to
// os.Stderr itself. What they say that matters is in notes and errors; the rest
// would spoil reports.
var silence struct {
	sync.Mutex
	users  int
	stderr *os.File
	null   *os.File
}

// quiet silences kustomize until the returned function is called.
func quiet() (restore func()) {
	silence.Lock()
	defer silence.Unlock()
	silence.users++
	if silence.users == 1 {
		silence.stderr = os.Stderr
		log.SetOutput(io.Discard) // for good: charts are rendered at the same time, and Helm logs too
		if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
			silence.null = null
			os.Stderr = null
		}
	}
	return func() {
		silence.Lock()
		defer silence.Unlock()
		silence.users--
		if silence.users == 0 {
			os.Stderr = silence.stderr
			if silence.null != nil {
				silence.null.Close()
				silence.null = nil
			}
		}
	}
}

package cli

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Main is the program: [Run] on the process's own arguments and streams, ended by
// SIGINT, SIGTERM and SIGHUP at once, whatever is at work. It returns the exit status.
func Main() int {
	stdin, stdout, stderr := os.Stdin, os.Stdout, os.Stderr
	silenceLibraries()
	signal.Ignore(syscall.SIGPIPE) // writing fails instead, so that reports to files are still written
	stop := make(chan os.Signal, 1)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(stop, signals...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	files := &reportFiles{}
	status := make(chan int, 1)
	exhausted := make(chan error, 1)
	go func() {
		status <- run(ctx, os.Args[1:], stdin, stdout, stderr, files, func(err error) { exhausted <- err })
	}()
	select {
	case s := <-status:
		return s
	case err := <-exhausted:
		cancel()
		files.abandon()
		farewell(stderr, err.Error())
		return exitFailed
	case s := <-stop:
		cancel()
		files.abandon()
		farewell(stderr, fmt.Sprintf("stopped by a signal (%v) before it was done", s))
		number, _ := s.(syscall.Signal)
		return 128 + int(number)
	}
}

// farewell says why the run was ended, unless nobody reads standard error.
func farewell(stderr io.Writer, why string) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		if isTerminal(stderr) { // the progress line, or half of another
			fmt.Fprint(stderr, "\r\x1b[K")
		}
		fmt.Fprintf(stderr, "manilint: %s\n", why)
	}()
	select {
	case <-said:
	case <-time.After(3 * time.Second): // a busy machine takes long even where somebody reads it
	}
}

// silenceLibraries cuts off whatever Helm, kustomize and what they are made of print by
// themselves: package log, klog, and writes to os.Stdout and os.Stderr. What matters of
// it is in errors and notes; the rest would spoil reports, and quotes inputs raw.
func silenceLibraries() {
	log.SetOutput(io.Discard) // it holds the stream of the start
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stdout, os.Stderr = null, null
	}
}

// contain runs f and reports what it panics with: exit status 3.
func (c *command) contain(f func() int) (status int) {
	defer func() {
		if p := recover(); p != nil {
			c.say("manilint", fmt.Sprintf("it failed: %v; please report this with the following lines and the files", p))
			fmt.Fprint(c.err, string(debug.Stack()))
			status = exitFailed
		}
	}()
	return f()
}

// Run is [Main] but for the process, for tests and benchmarks.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, args, stdin, stdout, stderr, &reportFiles{}, nil)
}

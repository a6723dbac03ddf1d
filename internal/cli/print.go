package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/term"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

// A console is the two streams of a run. Whatever is printed goes through their
// screens, which no text of an input can use to command a terminal or a build
// runner; the streams behind them are examined alone, by [isTerminal] and the
// progress line.
type console struct {
	out, err             *report.Screen
	behindOut, behindErr io.Writer
}

func newConsole(stdout, stderr io.Writer) *console {
	return &console{out: report.NewScreen(stdout), err: report.NewScreen(stderr), behindOut: stdout, behindErr: stderr}
}

// say prints one line on standard error: label: message.
func (c *console) say(label, message string) {
	fmt.Fprintf(c.err, "%s: %s\n", label, report.Escape(message))
}

// fail prints an error, each of several that are joined on a line of its own.
func (c *console) fail(err error) {
	for i, e := range split(err) {
		if i == 0 {
			c.say("manilint", e.Error())
			continue
		}
		fmt.Fprintf(c.err, "%s\n", report.Escape(e.Error()))
	}
}

func split(err error) []error {
	var usage usageError
	if errors.As(err, &usage) {
		err = usage.error
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// close flushes the streams and turns what could not be printed on standard output
// into the exit status: where nobody reads it any more, without a word.
func (c *console) close(status int) int {
	if err := c.out.Flush(); err != nil {
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.ErrClosedPipe) {
			c.say("manilint", "standard output cannot be written: "+reason(err).Error())
		}
		status = exitFailed
	}
	_ = c.err.Flush() // what cannot be said cannot be said
	return status
}

// reason returns what is wrong with a file without its path.
func reason(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	var linkErr *os.LinkError
	if errors.As(err, &linkErr) {
		return linkErr.Err
	}
	return err
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// width returns the columns of a terminal, 100 for anything else.
func width(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 100
}

// errorLines prints the errors of a report.
func (c *console) errorLines(errs []*lint.InputError) {
	for _, e := range errs {
		c.say("error", e.Error())
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

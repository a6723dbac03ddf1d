//go:build unix

package tree

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Pipes, sockets and devices are refused at once.
func TestRegularFilesAlone(t *testing.T) {
	root := dir(t, map[string]string{"zero": "-> /dev/zero", "pipelink": "-> pipe"})
	at := func(name string) string { return filepath.Join(root, name) }
	if err := syscall.Mkfifo(at("pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	files := New(nil)
	for name, want := range map[string]string{"pipe": "a named pipe", "pipelink": "a named pipe", "socket": "a socket", "zero": "a device", ".": "a directory"} {
		soon(t, name, func() {
			if _, err := files.ReadFile(at(name)); err == nil || !strings.Contains(err.Error(), want+", not a regular file") {
				t.Errorf("%s: %v", name, err)
			}
			if f, err := files.Stream(at(name)); err == nil {
				f.Close()
				t.Errorf("%s was opened", name)
			}
			if files.IsFile(at(name)) {
				t.Errorf("%s is taken for a file", name)
			}
		})
	}
}

// What the user names by a flag may be a pipe, as a shell's <(command) is, and ends at the limit.
func TestFlagsMayNamePipes(t *testing.T) {
	root := dir(t, nil)
	pipe := filepath.Join(root, "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Skip(err)
	}
	files := New(nil).In(filepath.Join(root, "elsewhere"))
	files.Give(pipe)
	go os.WriteFile(pipe, []byte("a: 1\n"), 0o644)
	soon(t, "pipe", func() {
		for range 2 { // it is read once
			if data, err := files.ReadFile(pipe); err != nil || string(data) != "a: 1\n" {
				t.Errorf("%q, %v", data, err)
			}
		}
	})
	files.SetLimit(1 << 10)
	files.Give("/dev/zero")
	if _, err := files.ReadFile("/dev/zero"); !errors.As(err, new(*TooLargeError)) {
		t.Errorf("without an end: %v", err)
	}
}

// A regular file of the kernel's may have nothing to read for now.
func TestReadsDoNotWait(t *testing.T) {
	for _, path := range []string{"/proc/kmsg", "/sys/kernel/debug/tracing/trace_pipe"} {
		soon(t, path, func() {
			if _, err := New(nil).ReadFile(path); err == nil {
				t.Errorf("%s was read to its end", path)
			}
		})
	}
}

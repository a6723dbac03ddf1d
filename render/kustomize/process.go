package kustomize

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/kustomize/api/resmap"
)

// What kustomize shares with the whole process. Its packages take no transport, no
// logger and no value that would reach their plugins, so that these are replaced for
// all of the process: here, and nowhere else.

// running holds the builds at work by their ids. A hook is told nothing but what
// krusty gives all its plugins, of which the plugin configuration is ours: the command
// that would render charts, which is never run, carries the id.
var running struct {
	sync.Mutex
	last int
	by   map[string]*build
}

// register makes b known to hooks until the returned function is called, and returns
// the text by which they find it.
func register(b *build) (id string, done func()) {
	running.Lock()
	defer running.Unlock()
	if running.by == nil {
		running.by = map[string]*build{}
	}
	running.last++
	id = fmt.Sprintf("manilint build %d", running.last)
	running.by[id] = b
	return id, func() {
		running.Lock()
		defer running.Unlock()
		delete(running.by, id)
	}
}

// buildOf returns the build that a plugin is made for, nil for krusty's other users.
func buildOf(h *resmap.PluginHelpers) *build {
	running.Lock()
	defer running.Unlock()
	b := running.by[h.GeneralConfig().HelmConfig.Command]
	if b != nil && b.coarse {
		return nil
	}
	return b
}

// refusing is a transport that reaches nothing.
type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, fmt.Errorf("%s is remote and is not fetched, manilint works offline; vendor it into the tree", r.URL.Redacted())
}

// goOffline takes the network away from the process: kustomize's HTTP clients use the
// default transport, whatever a kustomization or a plugin's document gets past the
// tests of their text. manilint itself has no use for it.
var goOffline = sync.OnceFunc(func() { http.DefaultTransport = refusing{} })

// boundCopies bounds what the copy operations of one JSON patch may add: the library
// that kustomize applies them with takes the limit from a variable, and has none else.
var boundCopies = sync.OnceFunc(func() { jsonpatch.AccumulatedCopySizeLimit = maxCopied })

// silence counts the builds for which standard error is silenced. kustomize prints
// warnings there, through package log and to os.Stderr itself. What they say that
// matters is in notes and errors; the rest would spoil reports.
var silence struct {
	sync.Mutex
	users  int
	stderr *os.File
	null   *os.File
	log    io.Writer
}

// quiet silences kustomize until the returned function is called.
func quiet() (restore func()) {
	silence.Lock()
	defer silence.Unlock()
	silence.users++
	if silence.users == 1 {
		silence.log, silence.stderr = log.Writer(), os.Stderr
		log.SetOutput(unprinted{})
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
			log.SetOutput(silence.log)
			os.Stderr = silence.stderr
			if silence.null != nil {
				silence.null.Close()
				silence.null = nil
			}
		}
	}
}

// unprinted takes what package log would print. kustomize ends the process by log.Fatal
// where it cannot print an object in an error's text (resource.MustYaml): a panic
// instead ends the build alone.
type unprinted struct{}

func (unprinted) Write(message []byte) (int, error) {
	var callers [16]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasPrefix(f.Function, "log.Fatal") {
			panic(strings.TrimSpace(string(message)))
		}
	}
	return len(message), nil
}

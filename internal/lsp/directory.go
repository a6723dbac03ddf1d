package lsp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// How long the server waits after a change: a document is linted as soon as the writer
// pauses, the whole directory once nothing happened for a while.
const (
	pause = 60 * time.Millisecond
	quiet = 600 * time.Millisecond
)

// A directory is a directory that the editor has open, linted as a whole and again when
// something in it changes.
type directory struct {
	server *server
	dir    string
	// whole says that all of the directory is linted; else only documents that are open,
	// each as if it were named on the command line.
	whole   bool
	session *session.Session
	wake    chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	indexes indexes

	mu      sync.Mutex
	touched map[string]bool // documents that wait to be linted by themselves
	changed map[string]bool // files that changed since the directory was linted
	all     bool            // the directory waits to be linted, whatever changed
	last    time.Time       // of the last change
	cancel  context.CancelFunc
	report  *lint.Report                     // of the whole directory
	quick   map[string]*lint.Report          // by document: newer than report
	shown   map[string][]protocol.Diagnostic // by file
	linted  map[string]int32                 // by document: the version that shown is of
	told    map[string]bool                  // messages
	settled *sync.Cond                       // when linted changes, or the work is done
	busy    bool
}

func newFolder(s *server, dir string, whole bool) *directory {
	f := &directory{
		server: s, dir: dir, whole: whole, wake: make(chan struct{}, 1), all: whole,
		touched: map[string]bool{}, changed: map[string]bool{}, quick: map[string]*lint.Report{},
		shown: map[string][]protocol.Diagnostic{}, linted: map[string]int32{}, told: map[string]bool{},
	}
	f.settled = sync.NewCond(&f.mu)
	f.session = s.options.Session()
	f.ctx, f.stop = context.WithCancel(s.ctx)
	return f
}

// touch asks for a document to be linted.
func (f *directory) touch(path string) {
	f.mu.Lock()
	f.touched[path], f.changed[path] = true, true
	f.interrupt()
	f.mu.Unlock()
	f.rouse()
}

// change asks for the directory to be linted again after files changed.
func (f *directory) change(paths ...string) {
	f.mu.Lock()
	for _, path := range paths {
		f.changed[path] = true
		if f.server.documents.get(path) == nil {
			delete(f.quick, path)
		}
	}
	f.interrupt()
	f.mu.Unlock()
	f.rouse()
}

// interrupt ends work on a state that is no longer that of the documents. f.mu is held.
func (f *directory) interrupt() {
	f.last = time.Now()
	if f.cancel != nil {
		f.cancel()
	}
}

func (f *directory) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// work lints whatever waits, until the directory is closed.
func (f *directory) work() {
	for f.ctx.Err() == nil {
		job, wait := f.next()
		if job != nil {
			job()
			continue
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-f.ctx.Done():
		case <-f.wake:
		case <-timer:
		}
	}
	f.mu.Lock()
	f.settled.Broadcast()
	f.mu.Unlock()
}

// next returns what is to be done now, or how long to wait for something; 0 for any time.
func (f *directory) next() (job func(), wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	since := time.Since(f.last)
	switch {
	case len(f.touched) > 0 && since < pause:
		return nil, pause - since
	case len(f.touched) > 0:
		path := slices.Min(slices.Collect(maps.Keys(f.touched)))
		ctx := f.begin()
		return func() { f.lintDocument(ctx, path) }, 0
	case f.whole && (f.all || len(f.changed) > 0):
		if since < quiet && !f.all {
			return nil, quiet - since
		}
		ctx := f.begin()
		return func() { f.lintAll(ctx) }, 0
	case !f.whole:
		clear(f.changed)
	}
	if f.busy {
		f.busy = false
		f.settled.Broadcast()
	}
	return nil, 0
}

// begin returns a context for work that a change interrupts. f.mu is held.
func (f *directory) begin() context.Context {
	ctx, cancel := context.WithCancel(f.ctx)
	f.cancel, f.busy = cancel, true
	return ctx
}

// tree returns the files as the editor shows them.
func (f *directory) tree(open map[string]*document) *tree.Tree {
	t := tree.New(edits(open))
	t.From(f.dir)
	return t
}

// lintDocument lints a document as if it were named alone, and shows what that says of it.
func (f *directory) lintDocument(ctx context.Context, path string) {
	open := f.server.documents.snapshot()
	doc := open[path]
	if doc == nil { // it was closed
		f.mu.Lock()
		delete(f.touched, path)
		delete(f.quick, path)
		f.mu.Unlock()
		return
	}
	r, err := f.session.Lint(ctx, f.tree(open), []string{path}, f.changes())
	if ctx.Err() != nil && f.ctx.Err() == nil {
		return // it changed meanwhile and still waits
	}
	f.mu.Lock()
	delete(f.touched, path)
	f.mu.Unlock()
	if err != nil {
		f.failed(err, open)
		return
	}
	f.server.options.Log(fmt.Sprintf("%s: rendered %v, kept %d", path, r.Rendered, r.Kept))
	f.mu.Lock()
	f.quick[path] = r.Report
	f.mu.Unlock()
	found := f.shower(open).diagnostics(r.Report)[path]
	f.show(open, map[string][]protocol.Diagnostic{path: found})
}

// changes returns the files that changed since the directory was linted; nil where the
// client does not say what changes on disk.
func (f *directory) changes() []string {
	if !f.server.watches {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, slices.Sorted(maps.Keys(f.changed))...)
}

// lintAll lints the directory and shows what that says of every file.
func (f *directory) lintAll(ctx context.Context) {
	open := f.server.documents.snapshot()
	f.mu.Lock()
	first := f.report == nil
	taken := maps.Clone(f.changed)
	f.mu.Unlock()
	changed := f.changes()
	if first {
		changed = nil
		done := f.server.progress(ctx, "manilint: linting "+filepath.Base(f.dir), f.session)
		defer done()
	}
	r, err := f.session.Lint(ctx, f.tree(open), []string{f.dir}, changed)
	if ctx.Err() != nil && f.ctx.Err() == nil {
		return
	}
	f.mu.Lock()
	f.all = false
	for path := range taken {
		delete(f.changed, path)
	}
	if err == nil {
		f.report = r.Report
		clear(f.quick)
	}
	f.mu.Unlock()
	if err != nil {
		f.failed(err, open)
		return
	}
	f.server.options.Log(fmt.Sprintf("%s: rendered %v, kept %d", f.dir, r.Rendered, r.Kept))
	show := f.shower(open)
	found := show.diagnostics(r.Report)
	f.mu.Lock()
	for path := range f.shown {
		if _, still := found[path]; !still {
			found[path] = nil
		}
	}
	f.mu.Unlock()
	for path := range open {
		if _, ok := found[path]; !ok && tree.Within(f.dir, path) {
			found[path] = nil
		}
	}
	f.show(open, found)
	for _, e := range r.Report.Errors {
		if path, _ := show.failure(e); path == "" {
			f.tell(protocol.MessageTypeWarning, e.Error())
		}
	}
}

// failed shows an error of a configuration, each of several that are joined at its line where
// it has one.
func (f *directory) failed(err error, open map[string]*document) {
	show := f.shower(open)
	found := map[string][]protocol.Diagnostic{}
	for _, e := range parts(err) {
		var input *lint.InputError
		if errors.As(e, &input) {
			if path, d := show.failure(input); path != "" {
				found[path] = append(found[path], d)
				continue
			}
		}
		f.tell(protocol.MessageTypeError, e.Error())
	}
	f.show(open, found)
}

// parts returns the errors that are joined in one.
func parts(err error) []error {
	switch e := err.(type) { //nolint:errorlint // it is taken apart
	case interface{ Unwrap() []error }:
		var all []error
		for _, part := range e.Unwrap() {
			all = append(all, parts(part)...)
		}
		return all
	case interface{ Unwrap() error }:
		if _, input := err.(*lint.InputError); !input && e.Unwrap() != nil { //nolint:errorlint // as above
			if inner := parts(e.Unwrap()); len(inner) > 1 {
				return inner
			}
		}
	}
	return []error{err}
}

// tell shows a message once.
func (f *directory) tell(kind protocol.MessageType, text string) {
	f.mu.Lock()
	again := f.told[text]
	f.told[text] = true
	f.mu.Unlock()
	if !again {
		_ = f.server.client.LogMessage(f.ctx, &protocol.LogMessageParams{Type: kind, Message: text}) // the client is gone
		if kind == protocol.MessageTypeError {
			_ = f.server.client.ShowMessage(f.ctx, &protocol.ShowMessageParams{Type: kind, Message: "manilint: " + text})
		}
	}
}

func (f *directory) shower(open map[string]*document) *shower {
	files := sync.OnceValue(func() *tree.Tree { return f.tree(open) })
	return &shower{
		encoding: f.server.encoding, dir: f.dir,
		uris: func(path string) uri.URI {
			if doc := open[path]; doc != nil {
				return doc.uri
			}
			return uri.File(path)
		},
		text: func(path string) *lint.Source {
			src, err := files().Open(path)
			if err != nil {
				return nil
			}
			return src
		},
	}
}

// show publishes the diagnostics of files where they are not those that are shown. What a
// client asks for by itself is not published, but the client is told to ask.
func (f *directory) show(open map[string]*document, found map[string][]protocol.Diagnostic) {
	refresh := false
	for _, path := range slices.Sorted(maps.Keys(found)) {
		list := found[path]
		doc := open[path]
		f.mu.Lock()
		old, known := f.shown[path]
		if len(list) > 0 || doc != nil {
			f.shown[path] = list
		} else {
			delete(f.shown, path)
		}
		if doc != nil {
			f.linted[path] = doc.version
		}
		f.settled.Broadcast()
		f.mu.Unlock()
		if f.server.pulls && doc != nil {
			refresh = true
			continue
		}
		if doc == nil && (same(old, list) || !known && len(list) == 0) {
			continue
		}
		params := &protocol.PublishDiagnosticsParams{URI: uri.File(path), Diagnostics: list}
		if list == nil {
			params.Diagnostics = []protocol.Diagnostic{}
		}
		if doc != nil {
			params.URI, params.Version = doc.uri, protocol.NewOptional(doc.version)
		}
		_ = f.server.client.PublishDiagnostics(f.ctx, params) // the client is gone
	}
	if refresh {
		go func() { _ = f.server.client.DiagnosticRefresh(f.ctx) }()
	}
}

// same reports whether two lists of diagnostics are the same.
func same(a, b []protocol.Diagnostic) bool {
	first, err := protocol.Marshal(a)
	second, err2 := protocol.Marshal(b)
	return err == nil && err2 == nil && string(first) == string(second)
}

// pulled returns the diagnostics of a document once its present version is linted.
func (f *directory) pulled(ctx context.Context, path string) ([]protocol.Diagnostic, error) {
	stop := context.AfterFunc(ctx, f.settled.Broadcast)
	defer stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		doc := f.server.documents.get(path)
		version, linted := f.linted[path]
		switch {
		case ctx.Err() != nil:
			return nil, protocol.ErrRequestCancelled
		case f.ctx.Err() != nil || doc == nil, linted && version == doc.version:
			return f.shown[path], nil
		case !linted && !f.touched[path] && !f.busy && !f.all: // nobody looks at it
			return nil, nil
		}
		f.settled.Wait()
	}
}

// reportOn returns what is known of a file: the newest report, nil for none.
func (f *directory) reportOn(path string) *lint.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.quick[path]; r != nil {
		return r
	}
	return f.report
}

// closed forgets the version of a document that the editor no longer has open, and has the
// directory linted as it is on disk.
func (f *directory) closed(path string) {
	f.mu.Lock()
	delete(f.touched, path)
	delete(f.linted, path)
	delete(f.quick, path)
	list, whole := f.shown[path], f.whole
	if !whole {
		delete(f.shown, path)
		list = nil
	}
	f.mu.Unlock()
	if f.server.pulls || !whole { // from now on it is published, or it is no longer looked at
		if list == nil {
			list = []protocol.Diagnostic{}
		}
		_ = f.server.client.PublishDiagnostics(f.ctx, &protocol.PublishDiagnosticsParams{URI: uri.File(path), Diagnostics: list})
	}
	f.change(path)
}

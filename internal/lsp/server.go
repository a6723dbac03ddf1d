// Package lsp is the language server: it shows what manilint finds while one types, in
// manifests, templates, values files, bases and patches, and says of a place what is rendered
// from it. The protocol is version 3.17 over a stream
// (https://microsoft.github.io/language-server-protocol/).
//
// What is found comes from a [session.Session] for each directory that the editor has open;
// the texts of its documents are put over the files. The server writes nothing: a fix is an
// edit that the editor applies.
package lsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
)

// Options are what the server needs of the program.
type Options struct {
	Version string
	// Session returns what lints a directory that is open, with its configuration.
	Session func() *session.Session
	// Rules are all rules, for their documentation.
	Rules []*lint.Rule
	// Lenses returns what is to be said of a workload, by its place.
	Lenses func([]*lint.Bundle) []Lens
	// Fix finds and proves fixes; nil where there are none.
	Fix Fixer
	// Log takes a line about what the server does; for debugging.
	Log func(string)
}

// Serve answers a client until it says exit or closes the stream. It returns an error where
// the client goes without having asked for the shutdown first, as the protocol wants it.
func Serve(ctx context.Context, stream io.ReadWriteCloser, o Options) error {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &server{options: o, ctx: ctx, stop: stop, documents: documents{open: map[string]*document{}}}
	conn := jsonrpc2.NewConn(jsonrpc2.NewStream(stream), jsonrpc2.WithCodec(codec{}))
	s.client = protocol.ClientDispatcher(conn)
	conn.Go(ctx, protocol.CancelHandler(inOrder(protocol.ServerHandler(s, jsonrpc2.MethodNotFoundHandler))))
	select {
	case <-conn.Done():
	case <-ctx.Done(): // the stream ends with the process
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.shut:
		return nil
	case conn.Err() != nil && !errors.Is(conn.Err(), io.EOF):
		return fmt.Errorf("the connection to the editor broke: %w", conn.Err())
	}
	return errors.New("the editor went away without asking for a shutdown")
}

// inOrder handles notifications one after another, since each changes the state that the
// next one is about, and requests side by side.
func inOrder(handler jsonrpc2.Handler) jsonrpc2.Handler {
	return func(ctx context.Context, req *jsonrpc2.Request) (result any, err error) {
		method := strings.Clone(req.Method())
		if req.IsCall() {
			jsonrpc2.Async(ctx)
		}
		defer func() {
			if p := recover(); p != nil { // one request must not end the others
				result, err = nil, fmt.Errorf("%w: %s failed: %v; please report this", jsonrpc2.ErrInternal, method, p)
			}
			if err != nil && !req.IsCall() { // an error would end the connection
				err = nil
			}
		}()
		return handler(ctx, req)
	}
}

// codec is the one that [protocol.NewServer] uses, whose handlers all run side by side.
type codec struct{}

func (codec) Marshal(v any) ([]byte, error) {
	if raw, ok := v.(jsonrpc2.RawMessage); ok && raw != nil {
		return raw, nil
	}
	return protocol.Marshal(v)
}

func (codec) Unmarshal(text []byte, v any) error {
	if raw, ok := v.(*jsonrpc2.RawMessage); ok {
		*raw = slices.Clone(text)
		return nil
	}
	return protocol.Unmarshal(text, v)
}

// A server is one client's.
type server struct {
	protocol.UnimplementedServer
	options   Options
	ctx       context.Context
	stop      context.CancelFunc
	client    protocol.Client
	documents documents

	// what the client can do; settled by Initialize
	encoding encoding
	pulls    bool // it asks for diagnostics of open documents, and can be told to
	watches  bool // it says what changes on disk
	progresses, registers,
	versions bool
	creates bool // it makes files

	mu          sync.Mutex
	directories []*directory
	shut        bool
}

func yes(b *bool) bool { return b != nil && *b }

// Initialize tells what the server can do and takes down what the client can.
func (s *server) Initialize(_ context.Context, p *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	c := p.Capabilities
	s.encoding = protocol.PositionEncodingKindUTF16
	if c.General != nil {
		s.encoding = negotiate(c.General.PositionEncodings)
	}
	if c.Window != nil {
		s.progresses = yes(c.Window.WorkDoneProgress)
	}
	if w := c.Workspace; w != nil {
		if w.DidChangeWatchedFiles != nil {
			s.registers = yes(w.DidChangeWatchedFiles.DynamicRegistration)
		}
		s.pulls = w.Diagnostics != nil && yes(w.Diagnostics.RefreshSupport) && c.TextDocument != nil && c.TextDocument.Diagnostic != nil
		s.versions = w.WorkspaceEdit != nil && yes(w.WorkspaceEdit.DocumentChanges)
		s.creates = s.versions && slices.Contains(w.WorkspaceEdit.ResourceOperations, protocol.ResourceOperationKindCreate)
	}
	dirs, several := p.WorkspaceFolders.Get()
	if several {
		for _, dir := range dirs {
			s.add(dir.URI)
		}
	} else if p.RootURI != nil { //nolint:staticcheck // what clients without workspace folders send
		s.add(*p.RootURI) //nolint:staticcheck // as above
	} else if path, ok := p.RootPath.Get(); ok && path != "" { //nolint:staticcheck // what the oldest send
		s.add(uri.File(path))
	}
	full := true
	change := protocol.TextDocumentSyncKindIncremental
	caps := protocol.ServerCapabilities{
		PositionEncoding: s.encoding,
		TextDocumentSync: &protocol.TextDocumentSyncOptions{OpenClose: &full, Change: &change, Save: &protocol.SaveOptions{}},
		HoverProvider:    protocol.Boolean(true), DefinitionProvider: protocol.Boolean(true), ReferencesProvider: protocol.Boolean(true),
		CodeActionProvider:     &protocol.CodeActionOptions{CodeActionKinds: []protocol.CodeActionKind{protocol.CodeActionKindQuickFix, fixAllKind}},
		CodeLensProvider:       &protocol.CodeLensOptions{},
		ExecuteCommandProvider: protocol.ExecuteCommandOptions{Commands: []string{explainCommand, renderCommand, fixCommand, fixAllCommand}},
		Workspace: &protocol.WorkspaceOptions{WorkspaceFolders: &protocol.WorkspaceFoldersServerCapabilities{
			Supported: &full, ChangeNotifications: protocol.Boolean(true),
		}},
	}
	if s.pulls {
		caps.DiagnosticProvider = &protocol.DiagnosticOptions{InterFileDependencies: true}
	}
	return &protocol.InitializeResult{
		Capabilities: caps, ServerInfo: protocol.ServerInfo{Name: "manilint", Version: protocol.NewOptional(s.options.Version)},
	}, nil
}

// Initialized begins the work: from now on the server may ask the client.
func (s *server) Initialized(context.Context, *protocol.InitializedParams) error {
	if s.registers {
		s.watches = true // until the client says otherwise
	}
	s.mu.Lock()
	directories := slices.Clone(s.directories)
	s.mu.Unlock()
	go func() {
		if s.registers {
			s.register()
		}
		for _, f := range directories {
			go f.work()
		}
	}()
	return nil
}

// register asks to be told what changes on disk.
func (s *server) register() {
	options, err := protocol.Marshal(&protocol.DidChangeWatchedFilesRegistrationOptions{Watchers: []protocol.FileSystemWatcher{{GlobPattern: protocol.Pattern("**/*")}}})
	if err == nil {
		err = s.client.RegisterCapability(s.ctx, &protocol.RegistrationParams{Registrations: []protocol.Registration{{
			ID: "manilint-files", Method: protocol.MethodWorkspaceDidChangeWatchedFiles, RegisterOptions: options,
		}}})
	}
	if err != nil {
		s.options.Log("the client does not watch files: " + err.Error())
	}
}

// add adds a directory that the editor has open.
func (s *server) add(at uri.URI) *directory {
	if !at.IsFile() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := filepath.Clean(at.FsPath())
	for _, f := range s.directories {
		if f.dir == dir && f.whole {
			return nil
		}
	}
	f := newFolder(s, dir, true)
	s.directories = append(s.directories, f)
	return f
}

// of returns the directory that a file belongs to: the innermost one that the editor has open,
// else one for the checkout, or the directory, that the file lies in.
func (s *server) of(path string) *directory {
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *directory
	for _, f := range s.directories {
		if tree.Within(f.dir, path) && (best == nil || len(f.dir) > len(best.dir)) {
			best = f
		}
	}
	if best != nil {
		return best
	}
	t := tree.New(nil)
	dir := t.GitRoot(path)
	if dir == "" {
		dir = filepath.Dir(path)
	}
	f := newFolder(s, dir, false)
	s.directories = append(s.directories, f)
	go f.work()
	return f
}

// Shutdown ends all work; what is left of the connection is Exit.
func (s *server) Shutdown(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	for _, f := range s.directories {
		f.stop()
	}
	return nil
}

// Exit ends the server.
func (s *server) Exit(context.Context) error {
	s.stop()
	return nil
}

// DidOpen takes the text of a document.
func (s *server) DidOpen(_ context.Context, p *protocol.DidOpenTextDocumentParams) error {
	if !p.TextDocument.URI.IsFile() {
		return nil
	}
	doc := s.documents.put(uri.URI(strings.Clone(string(p.TextDocument.URI))), p.TextDocument.Version, p.TextDocument.Text)
	if s.pulls { // it is asked for from now on
		_ = s.client.PublishDiagnostics(s.ctx, &protocol.PublishDiagnosticsParams{URI: doc.uri, Diagnostics: []protocol.Diagnostic{}})
	}
	s.of(doc.path).touch(doc.path)
	return nil
}

// DidChange takes edits of a document.
func (s *server) DidChange(_ context.Context, p *protocol.DidChangeTextDocumentParams) error {
	if doc := s.documents.change(p.TextDocument.URI, p.TextDocument.Version, p.ContentChanges, s.encoding); doc != nil {
		s.of(doc.path).touch(doc.path)
	}
	return nil
}

// DidSave lints the directory again: what counts is the text of the document, but another
// program may have been at work when it was saved.
func (s *server) DidSave(_ context.Context, p *protocol.DidSaveTextDocumentParams) error {
	if doc := s.documents.get(p.TextDocument.URI.FsPath()); doc != nil {
		s.of(doc.path).change(doc.path)
	}
	return nil
}

// DidClose goes back to the file on disk.
func (s *server) DidClose(_ context.Context, p *protocol.DidCloseTextDocumentParams) error {
	if !p.TextDocument.URI.IsFile() {
		return nil
	}
	path := p.TextDocument.URI.FsPath()
	s.documents.close(p.TextDocument.URI)
	s.of(path).closed(path)
	return nil
}

// DidChangeWatchedFiles lints what a change on disk touches.
func (s *server) DidChangeWatchedFiles(_ context.Context, p *protocol.DidChangeWatchedFilesParams) error {
	byFolder := map[*directory][]string{}
	for _, c := range p.Changes {
		if !c.URI.IsFile() {
			continue
		}
		path := c.URI.FsPath()
		if strings.Contains(filepath.ToSlash(path), "/.git/") {
			continue // it changes with every command
		}
		f := s.of(path)
		byFolder[f] = append(byFolder[f], path)
	}
	for f, paths := range byFolder {
		f.change(paths...)
	}
	return nil
}

// DidChangeConfiguration does nothing: the settings of a client are none of the server's, but
// it is told of their changes all the same.
func (s *server) DidChangeConfiguration(context.Context, *protocol.DidChangeConfigurationParams) error {
	return nil
}

// DidChangeWorkspaceFolders opens and closes directories.
func (s *server) DidChangeWorkspaceFolders(_ context.Context, p *protocol.DidChangeWorkspaceFoldersParams) error {
	for _, removed := range p.Event.Removed {
		dir := filepath.Clean(removed.URI.FsPath())
		s.mu.Lock()
		var gone []*directory
		s.directories = slices.DeleteFunc(s.directories, func(f *directory) bool {
			if f.dir == dir && f.whole {
				gone = append(gone, f)
				return true
			}
			return false
		})
		s.mu.Unlock()
		for _, f := range gone {
			f.clear()
		}
	}
	for _, added := range p.Event.Added {
		if f := s.add(added.URI); f != nil {
			go f.work()
		}
	}
	return nil
}

// clear ends the work on a directory and takes back what it shows.
func (f *directory) clear() {
	f.stop()
	f.mu.Lock()
	shown := f.shown
	f.shown = map[string][]protocol.Diagnostic{}
	f.mu.Unlock()
	for path := range shown {
		_ = f.server.client.PublishDiagnostics(f.server.ctx, &protocol.PublishDiagnosticsParams{URI: uri.File(path), Diagnostics: []protocol.Diagnostic{}})
	}
}

// Diagnostic answers a client that asks for the diagnostics of a document.
func (s *server) Diagnostic(ctx context.Context, p *protocol.DocumentDiagnosticParams) (protocol.DocumentDiagnosticReport, error) {
	path := p.TextDocument.URI.FsPath()
	items, err := s.of(path).pulled(ctx, path)
	if err != nil {
		return nil, err
	}
	if items == nil {
		items = []protocol.Diagnostic{}
	}
	return &protocol.RelatedFullDocumentDiagnosticReport{FullDocumentDiagnosticReport: protocol.FullDocumentDiagnosticReport{Kind: "full", Items: items}}, nil
}

// progress shows how far the first run over a directory is, until done is called.
func (s *server) progress(ctx context.Context, title string, work *session.Session) (done func()) {
	if !s.progresses {
		return func() {}
	}
	token := protocol.String("manilint/" + title)
	if err := s.client.WorkDoneProgressCreate(ctx, &protocol.WorkDoneProgressCreateParams{Token: token}); err != nil {
		return func() {}
	}
	say := func(value any) {
		if raw, err := protocol.Marshal(value); err == nil {
			_ = s.client.Progress(s.ctx, &protocol.ProgressParams{Token: token, Value: raw}) // the client is gone
		}
	}
	say(&protocol.WorkDoneProgressBegin{Kind: "begin", Title: title})
	work.Progress = func(n, total int) {
		text := fmt.Sprintf("%d of %d units", n, total)
		percent := uint32(100 * n / max(1, total)) //nolint:gosec // at most 100
		say(&protocol.WorkDoneProgressReport{Kind: "report", Message: &text, Percentage: &percent})
	}
	return func() {
		work.Progress = nil
		say(&protocol.WorkDoneProgressEnd{Kind: "end"})
	}
}

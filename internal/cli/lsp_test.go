package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// editor is a client of the language server that keeps what it was shown.
type editor struct {
	protocol.UnimplementedClient
	server protocol.Server
	status chan int

	mu       sync.Mutex
	shown    map[string]*protocol.PublishDiagnosticsParams // by file
	messages []string
	progress int
	refresh  int
	changed  chan struct{}
}

func (e *editor) note() {
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func (e *editor) PublishDiagnostics(_ context.Context, p *protocol.PublishDiagnosticsParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shown[p.URI.FsPath()] = p
	e.note()
	return nil
}

func (e *editor) LogMessage(_ context.Context, p *protocol.LogMessageParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, p.Message)
	e.note()
	return nil
}

func (e *editor) ShowMessage(context.Context, *protocol.ShowMessageParams) error { return nil }

func (e *editor) WorkDoneProgressCreate(context.Context, *protocol.WorkDoneProgressCreateParams) error {
	return nil
}

func (e *editor) Progress(context.Context, *protocol.ProgressParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.progress++
	return nil
}

func (e *editor) RegisterCapability(context.Context, *protocol.RegistrationParams) error { return nil }

func (e *editor) DiagnosticRefresh(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refresh++
	e.note()
	return nil
}

// lines returns what is shown of a file, as line:rule, each line from 1.
func (e *editor) lines(path string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return linesOf(e.shown[path])
}

func linesOf(p *protocol.PublishDiagnosticsParams) []string {
	if p == nil {
		return nil
	}
	var all []string
	for _, d := range p.Diagnostics {
		all = append(all, lineOf(d))
	}
	return all
}

// await waits until what is shown is as it should be.
func (e *editor) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.After(time.Minute)
	for !is() {
		select {
		case <-e.changed:
		case <-time.After(20 * time.Millisecond):
		case status := <-e.status:
			t.Fatalf("the server ended with status %d before %s", status, what)
		case <-end:
			e.mu.Lock()
			defer e.mu.Unlock()
			t.Fatalf("%s did not come; shown are %v, said was %v", what, e.shown, e.messages)
		}
	}
}

// ends is the two pipes between client and server, as one side sees them.
type ends struct {
	io.Reader
	io.WriteCloser
}

// newEditor starts a server, and a client that has directories open.
func newEditor(t *testing.T, caps protocol.ClientCapabilities, args []string, dirs ...string) *editor {
	t.Helper()
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	e := &editor{status: make(chan int, 1), shown: map[string]*protocol.PublishDiagnosticsParams{}, changed: make(chan struct{}, 1)}
	var said strings.Builder
	alive, end := context.WithCancel(context.WithoutCancel(t.Context())) // the test's is over when it cleans up
	go func() {
		e.status <- Run(alive, append([]string{"lsp"}, args...), fromClient, toClient, &said)
	}()
	ctx, conn, server := protocol.NewClient(alive, e, jsonrpc2.NewStream(ends{fromServer, toServer}))
	e.server = server
	var folders []protocol.WorkspaceFolder
	for _, dir := range dirs {
		folders = append(folders, protocol.WorkspaceFolder{URI: uri.File(dir), Name: filepath.Base(dir)})
	}
	p := &protocol.InitializeParams{Capabilities: caps}
	if len(folders) > 0 {
		p.WorkspaceFolders = protocol.NewNullable(folders)
	}
	if _, err := server.Initialize(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := server.Initialized(ctx, &protocol.InitializedParams{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := server.Exit(ctx); err != nil {
			t.Errorf("exit: %v", err)
		}
		select {
		case status := <-e.status:
			if status != exitClean {
				t.Errorf("the server ended with status %d: %s", status, said.String())
			}
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
		end()
		_ = fromServer.Close()
		_ = toServer.Close()
		_ = conn.Close()
	})
	return e
}

func (e *editor) open(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	err = e.server.DidOpen(t.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: uri.File(path), LanguageID: "yaml", Version: 1, Text: string(text)}})
	if err != nil {
		t.Fatal(err)
	}
}

func (e *editor) change(t *testing.T, path string, version int32, changes ...protocol.TextDocumentContentChangeEvent) {
	t.Helper()
	p := &protocol.DidChangeTextDocumentParams{ContentChanges: changes}
	p.TextDocument.URI, p.TextDocument.Version = uri.File(path), version
	if err := e.server.DidChange(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// TestTheEditorIsShownWhatTheCommandPrints opens a directory with charts and overlays.
func TestTheEditorIsShownWhatTheCommandPrints(t *testing.T) {
	dir := exampleTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	want := unixLines(t, dir)
	e.await(t, "the first report", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.shown) > 0
	})
	got := map[string]bool{}
	e.mu.Lock()
	for path, p := range e.shown {
		for _, d := range p.Diagnostics {
			if d.Severity != protocol.DiagnosticSeverityHint {
				got[path+":"+lineOf(d)] = true
			}
		}
	}
	e.mu.Unlock()
	for line := range want {
		if !got[line] {
			t.Errorf("the command prints %s, the editor is not shown it", line)
		}
	}
	for line := range got {
		if !want[line] {
			t.Errorf("the editor is shown %s, which the command does not print", line)
		}
	}
}

func exampleTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.CopyFS(dir, os.DirFS("../../fixtures/example")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func lineOf(d protocol.Diagnostic) string {
	rule, _ := d.Code.(protocol.String)
	return strconv.Itoa(int(d.Range.Start.Line)+1) + ":" + string(rule)
}

// unixLines returns what the command prints of a directory, as path:line:rule.
func unixLines(t *testing.T, dir string) map[string]bool {
	t.Helper()
	var out, errs strings.Builder
	Run(t.Context(), []string{"-f", "json", dir}, strings.NewReader(""), &out, &errs)
	var rep struct {
		Findings []struct {
			Rule     string
			Severity string
			Location struct {
				File string
				Line int
			}
		}
	}
	if err := json.Unmarshal([]byte(out.String()), &rep); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	lines := map[string]bool{}
	for _, f := range rep.Findings {
		path := f.Location.File
		if !filepath.IsAbs(path) {
			abs, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			path = abs
		}
		if f.Severity != "info" {
			lines[fmt.Sprintf("%s:%d:%s", path, f.Location.Line, f.Rule)] = true
		}
	}
	if len(lines) < 10 {
		t.Fatalf("the command finds %d defects: %s", len(lines), errs.String())
	}
	return lines
}

// TestAnEditShowsAtOnce edits a template in the editor without saving it.
func TestAnEditShowsAtOnce(t *testing.T) {
	dir := exampleTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	path := filepath.Join(dir, "chart", "templates", "deployment.yaml")
	e.open(t, path)
	e.await(t, "the template's diagnostics", func() bool { return len(e.lines(path)) > 0 })
	before := e.lines(path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	at := slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) == "containers:" })
	indent := lines[at][:strings.Index(lines[at], "c")]
	start := protocol.Position{Line: uint32(at)}
	e.change(t, path, 2, &protocol.TextDocumentContentChangePartial{Range: protocol.Range{Start: start, End: start}, Text: indent + "hostPID: true\n"})
	want := fmt.Sprintf("%d:host-pid", at+1)
	e.await(t, want, func() bool { return slices.Contains(e.lines(path), want) })
	if slices.Contains(before, want) {
		t.Fatal("it was there before")
	}
	e.change(t, path, 3, &protocol.TextDocumentContentChangePartial{Range: protocol.Range{Start: start, End: protocol.Position{Line: uint32(at) + 1}}})
	e.await(t, "the state before", func() bool { return slices.Equal(e.lines(path), before) })
	// however broken, it ends nothing
	e.change(t, path, 4, &protocol.TextDocumentContentChangeWholeDocument{Text: "{{ if }}\n\x00: [}"})
	e.await(t, "the error", func() bool { return slices.Contains(e.lines(path), "1:") })
	if err := e.server.DidClose(t.Context(), &protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)}}); err != nil {
		t.Fatal(err)
	}
	e.await(t, "what is on disk", func() bool { return slices.Equal(e.lines(path), before) })
}

// TestAValueShowsInTheTemplate edits a values file: the finding stands in the template that uses
// the value, and the values file hints at it.
func TestAValueShowsInTheTemplate(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
	write(t, dir, "values.yaml", "privileged: false\n")
	template := write(t, dir, "templates/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n    - name: web\n      image: web:1\n      securityContext:\n        privileged: {{ .Values.privileged }}\n")
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	values := filepath.Join(dir, "values.yaml")
	e.open(t, values)
	e.await(t, "the first report", func() bool { return len(e.lines(template)) > 0 })
	if slices.Contains(e.lines(template), "10:privileged") {
		t.Fatal("it is not privileged")
	}
	e.change(t, values, 2, &protocol.TextDocumentContentChangeWholeDocument{Text: "privileged: true\n"})
	e.await(t, "the hint", func() bool { return slices.Contains(e.lines(values), "1:privileged") })
	e.await(t, "the finding", func() bool { return slices.Contains(e.lines(template), "10:privileged") })
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range e.shown[values].Diagnostics {
		if lineOf(d) == "1:privileged" && (d.Severity != protocol.DiagnosticSeverityHint || len(d.RelatedInformation) != 1 || d.RelatedInformation[0].Location.URI != uri.File(template)) {
			t.Errorf("the hint is %+v", d)
		}
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhatChangesOnDisk is linted when the client says so.
func TestWhatChangesOnDisk(t *testing.T) {
	dir := exampleTree(t)
	registers := true
	caps := protocol.ClientCapabilities{Workspace: &protocol.WorkspaceClientCapabilities{DidChangeWatchedFiles: &protocol.DidChangeWatchedFilesClientCapabilities{DynamicRegistration: &registers}}}
	e := newEditor(t, caps, nil, dir)
	e.await(t, "the first report", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.shown) > 0 })
	path := write(t, dir, "manifests/added.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: added\nspec:\n  hostPID: true\n  containers: [{name: a, image: a}]\n")
	tell := func(path string, kind protocol.FileChangeType) {
		err := e.server.DidChangeWatchedFiles(t.Context(), &protocol.DidChangeWatchedFilesParams{Changes: []protocol.FileEvent{{URI: uri.File(path), Type: kind}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	tell(path, protocol.FileChangeTypeCreated)
	e.await(t, "the new file", func() bool { return slices.Contains(e.lines(path), "6:host-pid") })
	config := write(t, dir, ".manilint.yaml", "rules:\n  host-pid: {enabled: false}\n")
	tell(config, protocol.FileChangeTypeCreated)
	e.await(t, "the configuration", func() bool { lines := e.lines(path); return len(lines) > 0 && !slices.Contains(lines, "6:host-pid") })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	tell(path, protocol.FileChangeTypeDeleted)
	e.await(t, "that it is gone", func() bool { return len(e.lines(path)) == 0 })
}

// TestAClientThatAsks is told to ask, and answered for the text that it has.
func TestAClientThatAsks(t *testing.T) {
	dir := exampleTree(t)
	yes := true
	caps := protocol.ClientCapabilities{
		TextDocument: &protocol.TextDocumentClientCapabilities{Diagnostic: &protocol.DiagnosticClientCapabilities{}},
		Workspace:    &protocol.WorkspaceClientCapabilities{Diagnostics: &protocol.DiagnosticWorkspaceClientCapabilities{RefreshSupport: &yes}},
	}
	e := newEditor(t, caps, nil, dir)
	path := write(t, dir, "manifests/pod.yaml", "")
	e.open(t, path)
	e.change(t, path, 2, &protocol.TextDocumentContentChangeWholeDocument{Text: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: added\nspec:\n  hostPID: true\n  containers: [{name: a, image: a}]\n"})
	r, err := e.server.Diagnostic(t.Context(), &protocol.DocumentDiagnosticParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)}})
	if err != nil {
		t.Fatal(err)
	}
	full, ok := r.(*protocol.RelatedFullDocumentDiagnosticReport)
	if !ok || !slices.Contains(linesOf(&protocol.PublishDiagnosticsParams{Diagnostics: full.Items}), "6:host-pid") {
		t.Fatalf("the answer is %+v", r)
	}
	e.await(t, "that it is to ask again", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return e.refresh > 0 })
	if lines := e.lines(path); len(lines) > 0 {
		t.Errorf("%v are published, too", lines)
	}
	other := filepath.Join(dir, "manifests", "ci.yaml")
	e.await(t, "files that are not open", func() bool { return len(e.lines(other)) > 0 })
}

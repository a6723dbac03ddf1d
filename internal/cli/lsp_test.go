package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
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
	edits    []map[uri.URI][]protocol.TextEdit
	told     []string
	versions [][]protocol.DocumentChange // of edits that say which version they are of
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

func (e *editor) ShowMessage(_ context.Context, p *protocol.ShowMessageParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, p.Message)
	e.note()
	return nil
}

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
func (e *editor) await(t testing.TB, what string, is func() bool) {
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
func newEditor(t testing.TB, caps protocol.ClientCapabilities, args []string, dirs ...string) *editor {
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
	var directories []protocol.WorkspaceFolder
	for _, dir := range dirs {
		directories = append(directories, protocol.WorkspaceFolder{URI: uri.File(dir), Name: filepath.Base(dir)})
	}
	p := &protocol.InitializeParams{Capabilities: caps}
	if len(directories) > 0 {
		p.WorkspaceFolders = protocol.NewNullable(directories)
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

func (e *editor) open(t testing.TB, path string) {
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

func (e *editor) change(t testing.TB, path string, version int32, changes ...protocol.TextDocumentContentChangeEvent) {
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
	e.await(t, "all of it", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		for path, p := range e.shown {
			for _, d := range p.Diagnostics {
				if d.Severity != protocol.DiagnosticSeverityHint {
					got[path+":"+lineOf(d)] = true
				}
			}
		}
		return len(got) >= len(want)
	})
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
	indent, _, _ := strings.Cut(lines[at], "c")
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

// TestAValueShowsInTheTemplate edits a values file: the finding is reported in the template that uses
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
	write(t, dir, ".manilint.yaml", "rules: {}\nrule: {}\nexcludes: []\n")
	tell(config, protocol.FileChangeTypeChanged)
	e.await(t, "the errors of the configuration", func() bool { return slices.Equal(e.lines(config), []string{"2:", "3:"}) })
	write(t, dir, ".manilint.yaml", "rules: {}\n")
	tell(config, protocol.FileChangeTypeChanged)
	e.await(t, "that they are gone", func() bool { return len(e.lines(config)) == 0 })
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

// at is a position on the first line of a file that holds a text, at that text.
func at(t *testing.T, path, text string) protocol.TextDocumentPositionParams {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(data), "\n") {
		if column := strings.Index(line, text); column >= 0 {
			return protocol.TextDocumentPositionParams{
				TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)},
				Position:     protocol.Position{Line: uint32(n), Character: uint32(len([]rune(line[:column])))},
			}
		}
	}
	t.Fatalf("%s does not hold %s", path, text)
	return protocol.TextDocumentPositionParams{}
}

// lookTree is a chart with a helper and two sets of values, and an overlay with a patch.
func lookTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n")
	write(t, dir, "chart/values.yaml", "tag: \"1.2\"\npassword: hunter2-and-more\nprivileged: true\n")
	write(t, dir, "chart/prod.yaml", "tag: \"1.4\"\n")
	write(t, dir, ".manilint.yaml", "helm:\n  variants:\n    - {chart: chart, values: [chart/values.yaml]}\n    - {chart: chart, values: [chart/prod.yaml]}\n")
	write(t, dir, "chart/templates/_helpers.tpl", "{{- define \"shop.labels\" }}\napp: shop\n{{- end }}\n")
	write(t, dir, "chart/templates/pod.yaml", `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {{- include "shop.labels" . | nindent 4 }}
spec:
  containers:
    - name: web
      image: registry.example.com/web:{{ .Values.tag }}
      securityContext:
        privileged: {{ .Values.privileged }}
---
apiVersion: v1
kind: Secret
metadata:
  name: web
stringData:
  password: {{ .Values.password }}
`)
	write(t, dir, "base/kustomization.yaml", "resources: [deployment.yaml]\n")
	write(t, dir, "base/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n        - name: api\n          image: api:1\n")
	write(t, dir, "prod/kustomization.yaml", "resources: [../base]\npatches:\n  - path: patch.yaml\n")
	write(t, dir, "prod/patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  replicas: 7\n")
	return dir
}

// TestLookingAtAPlace hovers, jumps and requests lenses in templates, values files, bases and
// patches.
func TestLookingAtAPlace(t *testing.T) {
	dir := lookTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	path := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	e.await(t, "the first report", func() bool { return len(e.lines(path("chart/templates/pod.yaml"))) > 0 })
	hover := func(name, text string) string {
		t.Helper()
		h, err := e.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at(t, path(name), text)})
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			return ""
		}
		return h.Contents.(*protocol.MarkupContent).Value
	}
	for _, c := range []struct{ file, text, want string }{
		{"chart/values.yaml", "tag", "registry.example.com/web:1.2"},
		{"chart/prod.yaml", "tag", "registry.example.com/web:1.4"},
		{"chart/templates/pod.yaml", "{{ .Values.tag", "Pod web"},
		{"chart/templates/pod.yaml", "{{ .Values.tag", "1.4"},
		{"chart/templates/pod.yaml", "{{ .Values.privileged", "**privileged** (critical)"},
		{"chart/templates/pod.yaml", "{{ .Values.privileged", "Judged by privileged"},
		{"prod/patch.yaml", "7", "Rendered to 1 object"},
		{"chart/templates/_helpers.tpl", "app: shop", "metadata.labels.app"},
		{"base/deployment.yaml", "api:1", "spec.template.spec.containers[name=api].image"},
		{"prod/patch.yaml", "7", "spec.replicas"},
	} {
		if got := hover(c.file, c.text); !strings.Contains(got, c.want) {
			t.Errorf("%s at %q says %q, not %s", c.file, c.text, got, c.want)
		}
	}
	for _, c := range []struct{ file, text string }{{"chart/values.yaml", "password"}, {"chart/templates/pod.yaml", "{{ .Values.password"}} {
		if got := hover(c.file, c.text); strings.Contains(got, "hunter2") || !strings.Contains(got, "********") {
			t.Errorf("%s at %q says %q", c.file, c.text, got)
		}
	}
	places := func(locations []protocol.Location) []string {
		var all []string
		for _, l := range locations {
			rel, err := filepath.Rel(dir, l.URI.FsPath())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s:%d", filepath.ToSlash(rel), l.Range.Start.Line+1))
		}
		return all
	}
	for _, c := range []struct {
		file, text string
		want       []string
	}{
		{"chart/templates/pod.yaml", "{{ .Values.tag", []string{"chart/prod.yaml:1", "chart/values.yaml:1"}},
		{"chart/values.yaml", "tag", []string{"chart/templates/pod.yaml:9"}},
		{"chart/templates/_helpers.tpl", "app: shop", []string{"chart/templates/pod.yaml:5"}},
		{"prod/patch.yaml", "7", []string{"base/deployment.yaml:6", "prod/kustomization.yaml:3"}},
		{"base/deployment.yaml", "replicas", []string{"prod/patch.yaml:6"}},
	} {
		r, err := e.server.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: at(t, path(c.file), c.text)})
		if err != nil {
			t.Fatal(err)
		}
		locations, _ := r.(protocol.LocationSlice)
		if got := places(locations); !slices.Equal(got, c.want) {
			t.Errorf("the definition of %s at %q is %v, not %v", c.file, c.text, got, c.want)
		}
	}
	lenses, err := e.server.CodeLens(t.Context(), &protocol.CodeLensParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path("base/deployment.yaml"))}})
	if err != nil || len(lenses) != 1 || lenses[0].Range.Start.Line != 3 || !strings.Contains(lenses[0].Command.Title, "ingress open to") {
		t.Errorf("the lenses are %+v: %v", lenses, err)
	}
}

// TestWhatWasJustTypedIsHidden hovers over a password that was typed a moment ago, before the
// server has linted it.
func TestWhatWasJustTypedIsHidden(t *testing.T) {
	dir := t.TempDir()
	text := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n    - name: a\n      image: a\n      env:\n        - {name: DB_PASSWORD, value: hunter2-and-more}\n"
	path := write(t, dir, "pod.yaml", strings.Replace(text, "hunter2-and-more", "\"\"", 1))
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	e.open(t, path)
	e.await(t, "the report", func() bool { return len(e.lines(path)) > 0 })
	for n := range 10 {
		e.change(t, path, int32(n)+2, &protocol.TextDocumentContentChangeWholeDocument{Text: strings.Replace(text, "hunter2", fmt.Sprintf("hunter%d", n), 1)})
		h, err := e.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{
			TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)}, Position: protocol.Position{Line: 9, Character: 40},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			t.Fatal("nothing is said of the field")
		}
		if said := h.Contents.(*protocol.MarkupContent).Value; strings.Contains(said, "-and-more") || !strings.Contains(said, "DB\\_PASSWORD") && !strings.Contains(said, "env") {
			t.Errorf("of the value it says %s", said)
		}
	}
}

// TestActionsOnAFinding applies the edit that ignores a finding.
func TestActionsOnAFinding(t *testing.T) {
	dir := lookTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	path := filepath.Join(dir, "base", "deployment.yaml")
	e.open(t, path)
	e.await(t, "the report", func() bool { return slices.Contains(e.lines(path), "13:image-digest") || len(e.lines(path)) > 3 })
	e.mu.Lock()
	d := e.shown[path].Diagnostics[len(e.shown[path].Diagnostics)-1]
	e.mu.Unlock()
	actions, err := e.server.CodeAction(t.Context(), &protocol.CodeActionParams{
		TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)}, Range: d.Range, Context: protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{d}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rule := string(d.Code.(protocol.String))
	i := slices.IndexFunc(actions, func(a protocol.CommandOrCodeAction) bool {
		action, ok := a.(*protocol.CodeAction)
		return ok && action.Title == "Ignore "+rule+" here"
	})
	if i < 0 {
		t.Fatalf("of %s the actions are %+v", rule, actions)
	}
	edit := actions[i].(*protocol.CodeAction).Edit.Changes[uri.File(path)][0]
	e.change(t, path, 2, &protocol.TextDocumentContentChangePartial{Range: edit.Range, Text: edit.NewText + "    # reason\n"})
	gone := func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		p := e.shown[path]
		version, _ := p.Version.Get()
		return version == 2 && !slices.ContainsFunc(p.Diagnostics, func(other protocol.Diagnostic) bool {
			code, _ := other.Code.(protocol.String)
			return string(code) == rule && other.Range.Start.Line >= d.Range.Start.Line
		})
	}
	e.await(t, "that it is ignored", gone)
	for command, want := range map[string]string{"manilint.explain": "# " + rule, "manilint.render": "image: api:1 # base/deployment.yaml:1"} {
		arg, _ := json.Marshal(map[string]string{"manilint.explain": rule, "manilint.render": string(uri.File(path))}[command])
		answer, err := e.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{Command: command, Arguments: []protocol.LSPAny{arg}})
		var text string
		if err != nil || json.Unmarshal(answer, &text) != nil || !strings.Contains(text, want) {
			t.Errorf("%s answers %v, %q", command, err, text)
		}
	}
}

// TestNoEditEndsTheServer types what no file holds into every kind of file.
func TestNoEditEndsTheServer(t *testing.T) {
	dir := lookTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	random := rand.New(rand.NewPCG(3, 4))
	var files []string
	for _, name := range []string{"chart/Chart.yaml", "chart/values.yaml", "chart/templates/_helpers.tpl", "chart/templates/pod.yaml", "base/kustomization.yaml", "base/deployment.yaml", "prod/kustomization.yaml", "prod/patch.yaml", ".manilint.yaml"} {
		files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
	}
	for _, path := range files {
		e.open(t, path)
	}
	texts := []string{"{{", "}}", "\n", ": ", "- ", "&a ", "*a", "|\n", "[", "}", "\x00", "𝄞", "{{ include \"shop.labels\" . }}", "---\n", "\t", "# manilint:ignore[", "$patch: delete\n", "<<: ", "!!binary ", "? ", "%YAML 9\n"}
	n := 120
	if testing.Short() {
		n = 30
	}
	for version := range int32(n) {
		path := files[random.IntN(len(files))]
		start := protocol.Position{Line: random.Uint32N(12), Character: random.Uint32N(30)}
		end := protocol.Position{Line: start.Line + random.Uint32N(2), Character: start.Character + random.Uint32N(9)}
		e.change(t, path, version+2, &protocol.TextDocumentContentChangePartial{Range: protocol.Range{Start: start, End: end}, Text: texts[random.IntN(len(texts))]})
		if version%10 == 0 {
			if _, err := e.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)}, Position: start}}); err != nil && !strings.Contains(err.Error(), ".manilint.yaml") {
				t.Errorf("hover: %v", err)
			}
		}
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond) // between the pauses of a writer, and behind them
	}
	// it is still there
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		e.change(t, path, 1000, &protocol.TextDocumentContentChangeWholeDocument{Text: string(text)})
	}
	template := files[3]
	e.await(t, "the finding that was there before", func() bool { return slices.Contains(e.lines(template), "11:privileged") })
}

// TestMemoryStaysAsItIs compares what is held after 10 edits with what is after 1,000.
func TestMemoryStaysAsItIs(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a thousand edits")
	}
	dir := lookTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	path := filepath.Join(dir, "chart", "templates", "pod.yaml")
	e.open(t, path)
	version := int32(1)
	edit := func() {
		version++
		start := protocol.Position{Line: 4}
		end := start
		text := fmt.Sprintf("  generateName: web%d-\n", version)
		if version > 2 {
			end.Line++
		}
		e.change(t, path, version, &protocol.TextDocumentContentChangePartial{Range: protocol.Range{Start: start, End: end}, Text: text})
	}
	settled := func() uint64 {
		e.await(t, "the last edit", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			p := e.shown[path]
			if p == nil {
				return false
			}
			v, _ := p.Version.Get()
			return v == version
		})
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range 10 {
		edit()
		settled()
	}
	few := settled()
	for range 99 {
		for range 10 {
			edit()
		}
		settled()
	}
	if many := settled(); many > few+few/5 {
		t.Errorf("after 10 edits %d KiB are held, after 1,000 %d", few>>10, many>>10)
	}
}

// ApplyEdit applies what the server asks for to the documents of the client, as texts.
func (e *editor) ApplyEdit(_ context.Context, p *protocol.ApplyWorkspaceEditParams) (*protocol.ApplyWorkspaceEditResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.edits, e.versions = append(e.edits, p.Edit.Changes), append(e.versions, p.Edit.DocumentChanges)
	e.note()
	return &protocol.ApplyWorkspaceEditResult{Applied: true}, nil
}

// TestTheEditorFixes chooses the fix of a finding, and that of all of a file.
func TestTheEditorFixes(t *testing.T) {
	dir := lookTree(t)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, dir)
	path := write(t, dir, "base/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  selector: {matchLabels: {app: api}}\n  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n        - name: api\n          image: api:1\n          securityContext:\n            runAsUser: 1000\n")
	e.open(t, path)
	e.await(t, "the report", func() bool {
		return slices.Contains(e.lines(path), "14:allow-privilege-escalation") || slices.Contains(e.lines(path), "13:allow-privilege-escalation")
	})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	choose := func(version int32, title string, only ...protocol.CodeActionKind) string {
		t.Helper()
		actions, err := e.server.CodeAction(t.Context(), &protocol.CodeActionParams{
			TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)},
			Range:        protocol.Range{Start: protocol.Position{Line: 12}, End: protocol.Position{Line: 14}},
			Context:      protocol.CodeActionContext{Only: only},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range actions {
			action, ok := a.(*protocol.CodeAction)
			if !ok || action.Title != title {
				continue
			}
			if _, err := e.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{Command: action.Command.Command, Arguments: action.Command.Arguments}); err != nil {
				t.Fatal(err)
			}
			e.await(t, "the edit", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.edits) > 0 })
			e.mu.Lock()
			edit := e.edits[0][uri.File(path)][0]
			e.edits = nil
			e.mu.Unlock()
			lines := strings.SplitAfter(string(text), "\n")
			text = []byte(strings.Join(lines[:edit.Range.Start.Line], "") + edit.NewText + strings.Join(lines[edit.Range.End.Line:], ""))
			e.change(t, path, version, &protocol.TextDocumentContentChangePartial{Range: edit.Range, Text: edit.NewText})
			return string(text)
		}
		t.Fatalf("there is no %q in %+v", title, actions)
		return ""
	}
	if got := choose(2, "Fix allow-privilege-escalation"); !strings.Contains(got, "allowPrivilegeEscalation: false") || strings.Contains(got, "runAsNonRoot") {
		t.Errorf("fixed it is\n%s", got)
	}
	e.await(t, "that it is gone", func() bool {
		lines := e.lines(path)
		return len(lines) > 0 && !slices.ContainsFunc(lines, func(line string) bool { return strings.HasSuffix(line, ":allow-privilege-escalation") })
	})
	if got := choose(3, "Apply the safe fixes of this file", "source.fixAll"); !strings.Contains(got, "runAsNonRoot: true") || strings.Contains(got, "seccompProfile") {
		t.Errorf("with all safe fixes it is\n%s", got)
	}
	onDisk, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(onDisk), "allowPrivilegeEscalation") {
		t.Errorf("the server wrote the file: %s", onDisk)
	}
}

// TestTheEditorMakesAFile chooses a fix that is a new file, of an editor that makes files and of
// one that does not.
func TestTheEditorMakesAFile(t *testing.T) {
	yes := true
	for _, operations := range [][]protocol.ResourceOperationKind{{protocol.ResourceOperationKindCreate}, nil} {
		dir := lookTree(t)
		caps := protocol.ClientCapabilities{Workspace: &protocol.WorkspaceClientCapabilities{
			WorkspaceEdit: &protocol.WorkspaceEditClientCapabilities{DocumentChanges: &yes, ResourceOperations: operations},
		}}
		e := newEditor(t, caps, nil, dir)
		path := filepath.Join(dir, "base", "deployment.yaml")
		e.open(t, path)
		e.await(t, "the report", func() bool { return slices.Contains(e.lines(path), "4:namespace-default-deny") })
		actions, err := e.server.CodeAction(t.Context(), &protocol.CodeActionParams{
			TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)},
			Range:        protocol.Range{Start: protocol.Position{Line: 3}, End: protocol.Position{Line: 3, Character: 10}},
		})
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(actions, func(a protocol.CommandOrCodeAction) bool {
			action, ok := a.(*protocol.CodeAction)
			return ok && action.Title == "Fix namespace-default-deny"
		})
		if at < 0 {
			t.Fatalf("there is no fix in %+v", actions)
		}
		command := actions[at].(*protocol.CodeAction).Command
		_, err = e.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{Command: command.Command, Arguments: command.Arguments})
		if err != nil {
			t.Fatal(err)
		}
		if operations == nil {
			e.await(t, "that it cannot be", func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return slices.ContainsFunc(e.told, func(text string) bool { return strings.Contains(text, "this editor cannot; manilint --fix=all does") })
			})
			continue
		}
		e.await(t, "the edit", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.versions) > 0 })
		e.mu.Lock()
		var made, edited []string
		for _, c := range e.versions[0] {
			switch c := c.(type) {
			case *protocol.CreateFile:
				made = append(made, filepath.Base(string(c.URI)))
			case *protocol.TextDocumentEdit:
				edited = append(edited, filepath.Base(string(c.TextDocument.URI)))
			}
		}
		e.mu.Unlock()
		if len(made) != 1 || made[0] != "networkpolicy-default-deny.yaml" || !slices.Equal(edited, []string{"kustomization.yaml", "networkpolicy-default-deny.yaml"}) {
			t.Errorf("it makes %q and edits %q", made, edited)
		}
	}
}

// TestDirectoriesComeAndGo opens a second directory, a file outside of both, and closes one.
func TestDirectoriesComeAndGo(t *testing.T) {
	first, second, alone := exampleTree(t), t.TempDir(), t.TempDir()
	pod := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  hostPID: true # 𝄞\n  containers: [{name: \"𝄞𝄞\", image: a, securityContext: {privileged: true}}]\n"
	other, single := write(t, second, "pod.yaml", pod), write(t, alone, "pod.yaml", pod)
	e := newEditor(t, protocol.ClientCapabilities{}, nil, first)
	manifest := filepath.Join(first, "manifests", "ci.yaml")
	e.await(t, "the first directory", func() bool { return len(e.lines(manifest)) > 0 })
	change := func(added, removed []string) {
		t.Helper()
		p := &protocol.DidChangeWorkspaceFoldersParams{}
		for _, dir := range added {
			p.Event.Added = append(p.Event.Added, protocol.WorkspaceFolder{URI: uri.File(dir), Name: "added"})
		}
		for _, dir := range removed {
			p.Event.Removed = append(p.Event.Removed, protocol.WorkspaceFolder{URI: uri.File(dir), Name: "removed"})
		}
		if err := e.server.DidChangeWorkspaceFolders(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	change([]string{second}, nil)
	e.await(t, "the second directory", func() bool { return slices.Contains(e.lines(other), "6:host-pid") })
	e.open(t, single)
	e.await(t, "a file outside of both", func() bool { return slices.Contains(e.lines(single), "7:privileged") })
	e.mu.Lock()
	for _, d := range e.shown[single].Diagnostics {
		if want := uint32(len(`  containers: [{name: "ssss", image: a, securityContext: {privileged: `)); lineOf(d) == "7:privileged" && d.Range.Start.Character != want {
			t.Errorf("in UTF-16 it begins at %d, not %d", d.Range.Start.Character, want)
		}
	}
	e.mu.Unlock()
	change(nil, []string{first})
	e.await(t, "that the first directory is gone", func() bool { return len(e.lines(manifest)) == 0 })
	if len(e.lines(other)) == 0 {
		t.Error("the second directory is gone, too")
	}
}

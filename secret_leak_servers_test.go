package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.lsp.dev/uri"

	"github.com/manilint/manilint/internal/cli"
)

// A talk is a conversation with a server in JSON-RPC. It keeps all that the server says.
type talk struct {
	t      *testing.T
	framed bool // with headers, as the Language Server Protocol has it; else a line each
	in     *io.PipeWriter
	heard  chan message
	id     int
}

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
	Result json.RawMessage `json:"result"`
	text   string
}

func newTalk(t *testing.T, command string, args ...string) *talk {
	t.Helper()
	fromTest, in := io.Pipe()
	out, toTest := io.Pipe()
	k := &talk{t: t, framed: command == "lsp", in: in, heard: make(chan message, 1000)}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var stderr strings.Builder
	ended := make(chan bool)
	go func() {
		defer close(ended)
		cli.Run(ctx, append([]string{command}, args...), fromTest, toTest, &stderr)
		_ = toTest.Close()
	}()
	go k.listen(bufio.NewReader(out))
	t.Cleanup(func() {
		_ = in.Close()
		for range k.heard { // until the server has ended
		}
		stop()
		<-ended
		k.check("standard error", stderr.String())
	})
	return k
}

// listen reads messages until the server ends.
func (k *talk) listen(out *bufio.Reader) {
	defer close(k.heard)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return
		}
		if k.framed {
			length, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "Content-Length:")))
			if err != nil {
				continue // another header
			}
			for line != "\r\n" && err == nil {
				line, err = out.ReadString('\n')
			}
			body := make([]byte, length)
			if _, err := io.ReadFull(out, body); err != nil {
				return
			}
			line = string(body)
		}
		m := message{text: line}
		if json.Unmarshal([]byte(line), &m) == nil {
			k.heard <- m
		}
	}
}

func (k *talk) send(m map[string]any) {
	k.t.Helper()
	m["jsonrpc"] = "2.0"
	text, err := json.Marshal(m)
	if err != nil {
		k.t.Fatal(err)
	}
	line := string(text) + "\n"
	if k.framed {
		line = fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text)
	}
	if _, err := io.WriteString(k.in, line); err != nil {
		k.t.Fatal(err)
	}
}

// ask returns the answer to a request. What the server says until then is checked, too.
func (k *talk) ask(method string, params map[string]any) message {
	k.t.Helper()
	k.id++
	k.send(map[string]any{"id": k.id, "method": method, "params": params})
	limit := time.After(time.Minute)
	for {
		select {
		case m, open := <-k.heard:
			if !open {
				k.t.Fatalf("the server ended before it answered %s", method)
			}
			if m.Method != "workspace/applyEdit" { // the text that the client is to write holds what it replaces
				k.check(method, m.text)
			}
			if m.Method != "" && m.ID != nil {
				k.send(map[string]any{"id": m.ID, "result": map[string]any{"applied": true}})
			}
			if m.Method == "" && string(m.ID) == strconv.Itoa(k.id) {
				return m
			}
		case <-limit:
			k.t.Fatalf("%s is not answered", method)
		}
	}
}

// check fails where a text shows the password. Markdown has backslashes in it.
func (k *talk) check(what, text string) {
	k.t.Helper()
	text = strings.ReplaceAll(text, `\`, "")
	for _, shape := range shapes() {
		if at := strings.Index(text, shape); at >= 0 {
			k.t.Errorf("the answer to %s shows %s: …%s…", what, shape, text[max(0, at-200):min(len(text), at+80)])
			return
		}
	}
}

// plantAll writes files with the password in them and returns their directory and paths.
func plantAll(t *testing.T, files map[string]string) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(plant(text)), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return dir, paths
}

// Editors show what the server says, and their logs keep it.
func TestNoSecretIsToldToAnEditor(t *testing.T) {
	for name, files := range leaks {
		t.Run(name, func(t *testing.T) {
			dir, paths := plantAll(t, files)
			k := newTalk(t, "lsp", "--profile", "all")
			k.ask("initialize", map[string]any{"capabilities": map[string]any{}, "workspaceFolders": []any{map[string]any{"uri": uri.File(dir), "name": "x"}}})
			k.send(map[string]any{"method": "initialized", "params": map[string]any{}})
			rendered := false
			for _, path := range paths {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				document := map[string]any{"uri": uri.File(path)}
				k.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{"textDocument": map[string]any{"uri": uri.File(path), "languageId": "yaml", "version": 1, "text": string(data)}}})
				look := func() {
					for n, line := range strings.Split(string(data), "\n") {
						for column := 0; column <= len(line); column += 8 {
							k.ask("textDocument/hover", map[string]any{"textDocument": document, "position": map[string]any{"line": n, "character": column}})
						}
					}
				}
				look() // before it is linted, and then behind that
				for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
					m := k.ask("workspace/executeCommand", map[string]any{"command": "manilint.render", "arguments": []any{uri.File(path)}})
					if m.Error == nil || !strings.Contains(m.Error.Message, "still being linted") {
						rendered = rendered || m.Error == nil
						break
					}
					if time.Now().After(until) {
						t.Fatalf("%s is not linted", path)
					}
				}
				look()
				k.ask("textDocument/codeLens", map[string]any{"textDocument": document})
				k.ask("textDocument/codeAction", map[string]any{"textDocument": document, "range": map[string]any{"start": map[string]any{"line": 0, "character": 0}, "end": map[string]any{"line": 1000, "character": 0}}, "context": map[string]any{"diagnostics": []any{}}})
				k.ask("workspace/executeCommand", map[string]any{"command": "manilint.fixFile", "arguments": []any{uri.File(path)}})
			}
			if !rendered {
				t.Error("nothing is rendered")
			}
			k.ask("shutdown", nil)
			k.send(map[string]any{"method": "exit"})
		})
	}
}

// An agent sends what it is told to whoever runs its model.
func TestNoSecretIsToldToAnAgent(t *testing.T) {
	for name, files := range leaks {
		t.Run(name, func(t *testing.T) {
			dir, _ := plantAll(t, files)
			t.Chdir(dir)
			k := newTalk(t, "mcp", "--profile", "all")
			k.ask("initialize", map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "1"}})
			k.send(map[string]any{"method": "notifications/initialized"})
			for _, tool := range []string{"lint", "render", "fix", "network", "rbac"} {
				args := map[string]any{}
				if tool == "lint" {
					args["limit"] = 500
				}
				if tool == "fix" {
					args["risky"] = true
				}
				if m := k.ask("tools/call", map[string]any{"name": tool, "arguments": args}); m.Error != nil {
					t.Errorf("%s: %s", tool, m.Error.Message)
				}
			}
		})
	}
}

package cli

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// newAgent starts the server in a directory and connects the client of the official library.
func newAgent(t *testing.T, dir string, args ...string) *mcp.ClientSession {
	t.Helper()
	t.Chdir(dir)
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	status := make(chan int, 1)
	var said strings.Builder
	go func() {
		status <- Run(ctx, append([]string{"mcp"}, args...), fromClient, toClient, &said)
		_ = toClient.Close()
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	s, err := client.Connect(ctx, &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	t.Cleanup(func() {
		_ = s.Close()
		_ = toServer.Close()
		select {
		case code := <-status:
			if code != exitClean {
				t.Errorf("the server ends with status %d: %s", code, said.String())
			}
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
		stop()
	})
	return s
}

// call calls a tool and reads its answer into out; it returns the text of an error.
func call(t *testing.T, s *mcp.ClientSession, tool string, args map[string]any, out any) string {
	t.Helper()
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	text := r.Content[0].(*mcp.TextContent).Text
	if r.IsError {
		return text
	}
	raw, err := json.Marshal(r.StructuredContent)
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		t.Fatalf("%s answers %s: %v", tool, text, err)
	}
	return ""
}

type lintAnswer struct {
	Findings []struct{ Rule, Severity, Place, Object, Message, Fix string }
	Total    map[string]int
	LeftOut  string
	Errors   []string
}

type textAnswer struct {
	Text, LeftOut string
	Errors        []string
}

// TestAnAgentIsToldWhatTheCommandPrints calls every tool.
func TestAnAgentIsToldWhatTheCommandPrints(t *testing.T) {
	dir := lookTree(t)
	s := newAgent(t, dir)
	var all lintAnswer
	if failed := call(t, s, "lint", nil, &all); failed != "" {
		t.Fatal(failed)
	}
	found := false
	for _, f := range all.Findings {
		found = found || f.Rule == "privileged" && f.Place == "chart/values.yaml:3:13" || f.Rule == "privileged" && f.Place == "chart/templates/pod.yaml:11:21" && f.Object == "Pod web" && f.Fix != ""
	}
	if !found || all.LeftOut != "" || len(all.Errors) > 0 {
		t.Errorf("the answer is %+v", all)
	}
	var few lintAnswer
	call(t, s, "lint", map[string]any{"paths": []string{"chart"}, "limit": 2, "severity": "low"}, &few)
	if len(few.Findings) != 2 || few.Findings[0].Severity != "critical" || !strings.Contains(few.LeftOut, "findings, none worse") || few.Total["critical"] == 0 {
		t.Errorf("two of them are %+v", few)
	}
	var rendered textAnswer
	call(t, s, "render", map[string]any{"paths": []string{"chart"}}, &rendered)
	for _, want := range []string{"image: registry.example.com/web:1.4 # chart/templates/pod.yaml:9", "password: '********' # chart/templates/pod.yaml:18", "# chart chart with"} {
		if !strings.Contains(rendered.Text, want) {
			t.Errorf("the rendering lacks %q:\n%s", want, rendered.Text)
		}
	}
	if strings.Contains(rendered.Text, "hunter2") {
		t.Error("the rendering shows a secret")
	}
	var one textAnswer
	call(t, s, "render", map[string]any{"kind": "Deployment", "name": "api"}, &one)
	if !strings.Contains(one.Text, "replicas: 7 # prod/patch.yaml:6") || strings.Contains(one.Text, "kind: Pod ") {
		t.Errorf("the Deployment is\n%s", one.Text)
	}
	var table textAnswer
	call(t, s, "network", map[string]any{"paths": []string{"prod"}}, &table)
	if !strings.Contains(table.Text, "Deployment/api") {
		t.Errorf("the table is %+v", table)
	}
	call(t, s, "rbac", nil, &table)
	var page struct{ Page string }
	call(t, s, "explain", map[string]any{"rule": "host-pid"}, &page)
	if !strings.HasPrefix(page.Page, "# host-pid") {
		t.Errorf("the page is %q", page.Page)
	}
	if failed := call(t, s, "explain", map[string]any{"rule": "host-pdi"}, &page); !strings.Contains(failed, `did you mean "host-pid"`) {
		t.Errorf("of a rule that is none it says %q", failed)
	}
	r, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "manilint://rules/host-pid"})
	if err != nil || !strings.HasPrefix(r.Contents[0].Text, "# host-pid") {
		t.Errorf("the resource is %+v: %v", r, err)
	}
}

// TestAnAgentStaysInside names and links to what lies outside of the directory.
func TestAnAgentStaysInside(t *testing.T) {
	outer := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", outer).CombinedOutput(); err != nil {
		t.Skipf("git: %s", out)
	}
	dir := filepath.Join(outer, "inside")
	write(t, dir, "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: a, image: a}]}\n")
	write(t, outer, "base/kustomization.yaml", "resources: [pod.yaml]\n")
	write(t, outer, "base/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: unspeakable}\nspec: {hostPID: true, containers: [{name: a, image: a}]}\n")
	write(t, dir, "overlay/kustomization.yaml", "resources: [../../base]\n")
	if err := os.Symlink(filepath.Join(outer, "base", "pod.yaml"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Skip(err)
	}
	s := newAgent(t, dir)
	for _, path := range []string{"..", "../base", filepath.Join(outer, "base"), "/etc", "pod.yaml/../../base", "..."} {
		if failed := call(t, s, "lint", map[string]any{"paths": []string{path}}, &lintAnswer{}); !strings.Contains(failed, "outside") {
			t.Errorf("%s is linted: %s", path, failed)
		}
	}
	for _, args := range []map[string]any{nil, {"paths": []string{"link.yaml"}}, {"paths": []string{"overlay"}}} {
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "lint", Arguments: args})
		if err != nil {
			t.Fatal(err)
		}
		text := r.Content[0].(*mcp.TextContent).Text
		if strings.Contains(text, "unspeakable") || args == nil && !strings.Contains(text, "host-pid") {
			t.Errorf("with %v the answer is %s", args, text)
		}
	}
}

// TestAnAgentAsksForWhatIsNew compares with a revision.
func TestAnAgentAsksForWhatIsNew(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Skipf("git: %s", out)
		}
	}
	pod := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  hostPID: true\n  containers: [{name: a, image: a}]\n"
	write(t, dir, "pod.yaml", pod)
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "first")
	write(t, dir, "pod.yaml", strings.Replace(pod, "  hostPID: true\n", "  hostPID: true\n  hostNetwork: true\n", 1))
	s := newAgent(t, dir)
	var fresh lintAnswer
	if failed := call(t, s, "lint", map[string]any{"since": "HEAD"}, &fresh); failed != "" {
		t.Fatal(failed)
	}
	if len(fresh.Findings) != 1 || fresh.Findings[0].Rule != "host-network" || fresh.Findings[0].Place != "pod.yaml:7:16" {
		t.Errorf("new is %+v", fresh.Findings)
	}
	if failed := call(t, s, "lint", map[string]any{"since": "nowhere"}, &fresh); failed == "" {
		t.Error("a revision that is none is one")
	}
}

// TestAnAgentFixes asks for a fix, is refused to write it, and writes it where that is allowed.
func TestAnAgentFixes(t *testing.T) {
	for _, writes := range []bool{false, true} {
		dir := t.TempDir()
		text := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n    - name: a\n      image: registry.example.com/a:1 # the newest\n"
		path := write(t, dir, "pod.yaml", text)
		var args []string
		if writes {
			args = append(args, "--write")
		}
		s := newAgent(t, dir, args...)
		type answer struct {
			Diff            string
			Fixed           int
			Files, NotFixed []string
			Written         bool
		}
		var refused answer
		if failed := call(t, s, "fix", map[string]any{"rule": "allow-privilege-escalation"}, &refused); failed != "" || refused.Fixed != 0 || len(refused.NotFixed) != 1 ||
			!strings.HasSuffix(refused.NotFixed[0], " (a call with risky: true fixes it)") {
			t.Errorf("without risky it says %q, %+v", failed, refused)
		}
		var proposed answer
		if failed := call(t, s, "fix", map[string]any{"rule": "allow-privilege-escalation", "risky": true}, &proposed); failed != "" {
			t.Fatal(failed)
		}
		if proposed.Fixed != 1 || proposed.Written || len(proposed.Files) != 1 || proposed.Files[0] != "pod.yaml" || !strings.Contains(proposed.Diff, "+        allowPrivilegeEscalation: false") {
			t.Errorf("the proposal is %+v", proposed)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("a proposal is written: %s", now)
		}
		var applied answer
		failed := call(t, s, "fix", map[string]any{"rule": "allow-privilege-escalation", "risky": true, "apply": true}, &applied)
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !writes && (!strings.Contains(failed, "--write") || string(now) != text):
			t.Errorf("without --write it says %q, and the file holds %s", failed, now)
		case writes && (failed != "" || !applied.Written || !strings.Contains(string(now), "        allowPrivilegeEscalation: false\n") || !strings.Contains(string(now), "# the newest\n")):
			t.Errorf("with --write it says %q, and the file holds %s", failed, now)
		}
	}
}

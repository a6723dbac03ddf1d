package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence returns the first block of a language in a page of this directory.
func fence(t *testing.T, page, language string) string {
	t.Helper()
	return fenceBelow(t, page, "# ", language)
}

// fenceBelow returns the first block of a language below a heading.
func fenceBelow(t *testing.T, page, heading, language string) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, below, ok := strings.Cut(string(data), heading)
	if !ok {
		t.Fatalf("%s has no heading %s", page, heading)
	}
	_, rest, ok := strings.Cut(below, "```"+language+"\n")
	if !ok {
		t.Fatalf("%s has no block of %s", page, language)
	}
	text, _, _ := strings.Cut(rest, "```")
	return text
}

func TestVSCodeTaskReadsTheUnixFormat(t *testing.T) {
	var tasks struct {
		Tasks []struct {
			Command        string
			Args           []string
			ProblemMatcher []struct {
				Severity string
				Pattern  struct {
					Regexp                                      string
					File, Line, Column, Severity, Message, Code int
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(fence(t, "editors.md", "json")), &tasks); err != nil {
		t.Fatal(err)
	}
	task := tasks.Tasks[0]
	dir := project(t)
	if out, code := run(t, dir, nil, task.Command, task.Args...); code != 1 || !strings.Contains(out, "plain/pod.yaml:10:21: error: ") {
		t.Errorf("the task's command: exit status %d\n%s", code, out)
	}
	lines, want := unixLines(t, "never")
	var got []matched
	for _, line := range lines {
		for _, m := range task.ProblemMatcher {
			p := m.Pattern
			if g := regexp.MustCompile(p.Regexp).FindStringSubmatch(line); g != nil {
				severity := g[p.Severity]
				if p.Severity == 0 {
					severity = map[string]string{"info": "note"}[m.Severity]
				}
				got = append(got, matched{g[p.File], g[p.Line], g[p.Column], severity, g[p.Message], g[p.Code]})
			}
		}
	}
	check(t, got, want)
}

func TestVimFillsItsQuickfixList(t *testing.T) {
	need(t, "vim")
	_, all := unixLines(t, "never")
	dir := project(t)
	write(t, dir, map[string]string{
		"yaml.vim": fence(t, "editors.md", "vim"),
		"test.vim": "source yaml.vim\nsilent make --enable host-users plain\n" +
			"let out = map(getqflist(), {_, e -> [bufname(e.bufnr), string(e.lnum), string(e.col), e.type, e.text]})\n" +
			"call writefile([json_encode(out)], 'quickfix.json')\nqall!\n",
	})
	out, _ := run(t, dir, []string{"TERM=dumb"}, "vim", "-e", "-s", "-u", "NONE", "-i", "NONE", "--cmd", "set nocompatible", "-S", "test.vim")
	data, err := os.ReadFile(filepath.Join(dir, "quickfix.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var list [][]string
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	var got, want []matched
	for _, e := range list {
		got = append(got, matched{file: e[0], line: e[1], column: e[2], severity: e[3], message: e[4]})
	}
	for _, m := range all {
		if strings.HasPrefix(m.file, "plain/") {
			want = append(want, matched{file: m.file, line: m.line, column: m.column, severity: m.severity[:1], message: m.message + " [" + m.code + "]"})
		}
	}
	check(t, got, want)
}

// editing is what a client is to show of chart/templates/pod.yaml: what is found in it, and
// one thing more once a line was typed and not saved.
func checkEditing(t *testing.T, out string) {
	t.Helper()
	for _, want := range []string{"before 10:privileged\n", "after 6:host-pid\n", "after 11:privileged\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "before 6:host-pid") {
		t.Errorf("it is found before it is typed:\n%s", out)
	}
}

func TestNeovimShowsWhatIsTyped(t *testing.T) {
	need(t, "nvim")
	dir := project(t)
	must(t, dir, "git", "init", "-q")
	write(t, dir, map[string]string{
		"init.lua": fence(t, "editors.md", "lua"),
		"test.lua": `vim.cmd("edit chart/templates/pod.yaml")
local function await(rule)
  return vim.wait(60000, function()
    for _, d in ipairs(vim.diagnostic.get(0)) do if d.code == rule then return true end end
    return false
  end, 20)
end
local function show(when)
  for _, d in ipairs(vim.diagnostic.get(0)) do io.write(when, " ", d.lnum + 1, ":", d.code, "\n") end
end
await("privileged")
show("before")
vim.api.nvim_buf_set_lines(0, 5, 5, false, {"  hostPID: true"})
await("host-pid")
show("after")
vim.cmd("qall!")
`,
	})
	out, code := run(t, dir, []string{"TERM=dumb"}, "nvim", "--headless", "-u", "init.lua", "-i", "NONE", "-c", "luafile test.lua")
	if code != 0 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	checkEditing(t, out)
}

func TestEglotShowsWhatIsTyped(t *testing.T) {
	need(t, "emacs")
	if _, code := run(t, t.TempDir(), nil, "emacs", "--batch", "--no-init-file", "--eval", "(progn (package-initialize) (require 'eglot))"); code != 0 {
		t.Skip("Emacs has no eglot: this integration is not tested")
	}
	dir := project(t)
	must(t, dir, "git", "init", "-q")
	write(t, dir, map[string]string{
		"eglot.el": fenceBelow(t, "editors.md", "### Emacs", "elisp"),
		"test.el": `(package-initialize)
(define-derived-mode yaml-mode prog-mode "YAML")
(load (expand-file-name "eglot.el"))
(find-file "chart/templates/pod.yaml")
(yaml-mode)
(call-interactively #'eglot)
(defun await (text)
  (let ((end (+ (float-time) 60)))
    (while (and (< (float-time) end)
                (not (seq-some (lambda (d) (string-match-p (regexp-quote text) (flymake-diagnostic-text d))) (flymake-diagnostics))))
      (accept-process-output nil 0.05)
      (flymake-start))))
(defun show (when)
  (dolist (d (flymake-diagnostics))
    (when (string-match "\\[\\([a-z-]+\\)\\]" (flymake-diagnostic-text d))
      (message "%s %s:%s" when (line-number-at-pos (flymake-diagnostic-beg d)) (match-string 1 (flymake-diagnostic-text d))))))
(await "privileged")
(show "before")
(goto-char (point-min))
(forward-line 5)
(insert "  hostPID: true\n")
(eglot--signal-textDocument/didChange)
(await "hostPID")
(show "after")
(set-buffer-modified-p nil)
`,
	})
	out, code := run(t, dir, []string{"TERM=dumb"}, "emacs", "--batch", "--no-init-file", "-l", "test.el")
	if code != 0 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	checkEditing(t, out)
}

func TestEmacsReadsTheUnixFormat(t *testing.T) {
	need(t, "emacs")
	_, all := unixLines(t, "never")
	dir := project(t)
	flymake := fenceBelow(t, "editors.md", "### Flymake of Emacs", "elisp")
	write(t, dir, map[string]string{
		"flymake.el": flymake,
		"test.el": `(defvar yaml-mode-hook nil)
(load (expand-file-name "flymake.el"))
(require 'compile)
;; compilation-mode: where next-error goes
(with-temp-buffer
  (call-process "manilint" nil '(t nil) nil "--format" "unix" "--quiet" "plain")
  (compilation-mode)
  (compilation--ensure-parse (point-max))
  (goto-char (point-min))
  (while (not (eobp))
    (let ((m (get-text-property (point) 'compilation-message)))
      (when m
        (let ((loc (compilation--message->loc m)))
          (message "compile %s:%s:%s:%s" (caar (compilation--loc->file-struct loc)) (compilation--loc->line loc) (compilation--loc->col loc) (compilation--message->type m)))))
    (forward-line 1)))
;; flymake: what is reported for the buffer
(find-file "plain/pod.yaml")
(let ((done nil))
  (manilint-flymake (lambda (found &rest _)
                      (dolist (d found)
                        (with-current-buffer (flymake-diagnostic-buffer d)
                          (goto-char (flymake-diagnostic-beg d))
                          (message "flymake %s:%s:%s" (line-number-at-pos) (1+ (current-column)) (flymake-diagnostic-type d))))
                      (setq done t)))
  (while (not done) (accept-process-output nil 0.1)))
`,
	})
	out, code := run(t, dir, []string{"TERM=dumb"}, "emacs", "--batch", "-Q", "-l", "test.el")
	if code != 0 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	types := map[string]string{"error": "2", "warning": "1", "note": "0"}
	for _, m := range all {
		if want := "compile " + m.file + ":" + m.line + ":" + m.column + ":" + types[m.severity] + "\n"; strings.HasPrefix(m.file, "plain/") && m.code != "host-users" && !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	alone, _ := run(t, filepath.Join(dir, "plain"), nil, "manilint", "--format", "unix", "--quiet", "pod.yaml")
	places := regexp.MustCompile(`(?m)^pod\.yaml:(\d+:\d+): (\w+): `).FindAllStringSubmatch(alone, -1)
	for _, p := range places {
		if want := "flymake " + p[1] + "::" + p[2] + "\n"; !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "flymake "); n != len(places) || n == 0 {
		t.Errorf("%d findings by flymake, want %d", n, len(places))
	}
}

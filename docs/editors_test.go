package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence returns the first block of a language in a page of this folder.
func fence(t *testing.T, page, language string) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "```"+language+"\n")
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

func TestEmacsReadsTheUnixFormat(t *testing.T) {
	need(t, "emacs")
	_, all := unixLines(t, "never")
	dir := project(t)
	write(t, dir, map[string]string{
		"flymake.el": fence(t, "editors.md", "elisp"),
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

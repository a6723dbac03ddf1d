package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completionOf writes a shell's script to a file, and a directory with the program as manilint.
func completionOf(t *testing.T, shell string) (script, bin string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if status := Run(t.Context(), []string{"completion", shell}, nil, &stdout, &stderr); status != exitClean || stderr.Len() > 0 {
		t.Fatalf("%d: %s", status, stderr.String())
	}
	script = filepath.Join(t.TempDir(), "_manilint")
	if err := os.WriteFile(script, stdout.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin = t.TempDir()
	if err := os.Symlink(exe, filepath.Join(bin, "manilint")); err != nil {
		t.Skip(err)
	}
	return script, bin
}

// inShell runs a shell in an empty directory, or skips where it is absent.
func inShell(t *testing.T, bin, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: its completion is not tested", name)
	}
	c := exec.Command(name, args...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "HOME="+c.Dir, "XDG_CONFIG_HOME="+c.Dir, "LC_ALL=C.UTF-8", "MANILINT_TEST_PROGRAM=1", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

var completions = []struct{ line, want string }{
	{"manilint --col", "--color"},
	{"manilint --color ", "always auto never"},
	{"manilint --only host-i", "host-ipc"},
	{"manilint --only image-tag,host-i", "image-tag,host-ipc"},
	{"manilint explain host-path-s", "host-path-sensitive"},
	{"manilint completion ", "bash fish powershell zsh"},
	{"manilint expl", "explain"},
	{"manilint -f sari", "sarif"},
	{"manilint network -f ", "json text"},
	{"manilint --fail-on nev", "never"},
}

func TestBashCompletes(t *testing.T) {
	script, bin := completionOf(t, "bash")
	for _, c := range append(completions, struct{ line, want string }{"manilint --color = al", "always"}) {
		var quoted []string
		for _, w := range strings.Split(c.line, " ") {
			quoted = append(quoted, "'"+w+"'")
		}
		got := strings.Fields(strings.ReplaceAll(inShell(t, bin, "bash", "--norc", "-c", "source "+script+"; COMP_WORDS=("+strings.Join(quoted, " ")+"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); COMP_LINE=\"${COMP_WORDS[*]}\"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; __start_manilint 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\" | sed 's/ *(.*//'"), `\`, ""))
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
}

func TestFishCompletes(t *testing.T) {
	script, bin := completionOf(t, "fish")
	for _, c := range append(completions, struct{ line, want string }{"manilint --color=al", "--color=always"}) {
		var got []string
		for line := range strings.Lines(inShell(t, bin, "fish", "--no-config", "-c", "source "+script+"; complete -C '"+c.line+"'")) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			got = append(got, word)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
}

func TestZshLoadsTheScript(t *testing.T) {
	script, bin := completionOf(t, "zsh")
	if out := inShell(t, bin, "zsh", "-f", "-c", "autoload -Uz compinit; compinit -u -D; source "+script+"; print -r -- $_comps[manilint]"); out != "_manilint\n" {
		t.Errorf("sourced: %q", out)
	}
	if out := inShell(t, bin, "zsh", "-f", "-c", "fpath=("+filepath.Dir(script)+" $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[manilint]"); out != "_manilint\n" {
		t.Errorf("from $fpath: %q", out)
	}
}

// What the scripts ask the program: the answers are the same for every shell.
func TestTheProgramCompletes(t *testing.T) {
	for _, c := range completions {
		words := strings.Split(c.line, " ")
		var stdout, stderr bytes.Buffer
		Run(t.Context(), append([]string{"__complete"}, words[1:]...), nil, &stdout, &stderr)
		var got []string
		for line := range strings.Lines(stdout.String()) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") && strings.HasPrefix(word, words[len(words)-1]) {
				got = append(got, word)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
}

func TestUnknownShellsHaveNone(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := Run(t.Context(), []string{"completion", "csh"}, nil, &stdout, &stderr); status != exitUsage || stdout.Len() > 0 {
		t.Errorf("%d: %s", status, stdout.String())
	}
}

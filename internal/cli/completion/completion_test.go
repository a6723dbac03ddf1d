package completion

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/lint"
)

func script(t *testing.T, shell string) string {
	t.Helper()
	fs := pflag.NewFlagSet("manilint", pflag.ContinueOnError)
	fs.StringArrayP("format", "f", nil, "output `FORMAT[=FILE]`, it's \"repeatable\": text, $(touch bad) `x`")
	fs.String("color", "auto", "colour: auto, always or never")
	fs.StringSlice("only", nil, "run these `RULES` alone")
	fs.StringP("config", "c", "", "configuration `FILE`")
	fs.Bool("no-config", false, "read no configuration")
	fs.String("secret", "", "hidden")
	if err := fs.MarkHidden("secret"); err != nil {
		t.Fatal(err)
	}
	rules := []*lint.Rule{{ID: "host-path", Group: "pod", Summary: "a volume's on the host"}, {ID: "host-pid", Group: "pod"}, {ID: "image-tag", Group: "image"}}
	text := Completion(shell, fs, []string{"rules", "explain", "completion"}, rules)
	if text == "" || strings.Contains(text, "--secret") {
		t.Fatalf("%s: %q", shell, text)
	}
	path := filepath.Join(t.TempDir(), "_manilint")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// shell runs a program in an empty folder, or skips where the shell is absent.
func shell(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: its completion is not tested", name)
	}
	c := exec.Command(name, args...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "HOME="+c.Dir, "XDG_CONFIG_HOME="+c.Dir, "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	if left, _ := os.ReadDir(c.Dir); slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == "bad" }) {
		t.Errorf("%s ran a command of the flag's text", name)
	}
	return string(out)
}

var cases = []struct{ line, want string }{
	{"manilint --col", "--color"},
	{"manilint --color ", "always auto never"},
	{"manilint --only host", "host-path host-pid"},
	{"manilint --only image-tag,host-pa", "image-tag,host-path"},
	{"manilint explain host-p", "host-path host-pid"},
	{"manilint completion ", "bash fish zsh"},
	{"manilint expl", "explain"},
	{"manilint -f sar", "sarif"},
}

func TestBashCompletes(t *testing.T) {
	path := script(t, "bash")
	for _, c := range append(cases, struct{ line, want string }{"manilint --color = al", "always"}) {
		words := strings.Split(c.line, " ")
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+w+"'")
		}
		got := strings.Fields(shell(t, "bash", "--norc", "-c", "source "+path+"; COMP_WORDS=("+strings.Join(quoted, " ")+"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _manilint; echo \"${COMPREPLY[@]}\""))
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
}

func TestFishCompletes(t *testing.T) {
	path := script(t, "fish")
	for _, c := range append(cases, struct{ line, want string }{"manilint --color=al", "--color=always"}) {
		var got []string
		for line := range strings.Lines(shell(t, "fish", "--no-config", "-c", "source "+path+"; complete -C '"+c.line+"'")) {
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
	path := script(t, "zsh")
	if out := shell(t, "zsh", "-f", "-c", "autoload -Uz compinit; compinit -u -D; source "+path+"; print -r -- $_comps[manilint]"); out != "_manilint\n" {
		t.Errorf("sourced: %q", out)
	}
	if out := shell(t, "zsh", "-f", "-c", "fpath=("+filepath.Dir(path)+" $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[manilint]"); out != "_manilint\n" {
		t.Errorf("from $fpath: %q", out)
	}
}

func TestUnknownShellsHaveNone(t *testing.T) {
	if got := Completion("csh", pflag.NewFlagSet("x", pflag.ContinueOnError), nil, nil); got != "" {
		t.Error(got)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/rules"
)

var update = flag.Bool("update", false, "rewrite generated files and golden outputs")

// TestMain makes the test binary the program for scripts that run it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"manilint": func() { os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs fixtures/cli: one file a feature, readable as documentation of
// the command line. "status N manilint ..." runs a command and checks its exit status.
func TestScripts(t *testing.T) {
	example, err := filepath.Abs("fixtures/example")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "fixtures/cli",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLE", example)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: status N command [arg ...]")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				var exit *exec.ExitError
				if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
					got = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if got != want {
					ts.Fatalf("exit status %d, want %d", got, want)
				}
			},
		},
	})
}

// shown matches a command of the README with the output printed below it.
var shown = regexp.MustCompile("(?s)```console\n\\$ (manilint|go run \\.) ([^\n]*)\n(.*?)```")

func TestTheReadmeShowsRealRuns(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	matches := shown.FindAllSubmatchIndex(readme, -1)
	if len(matches) == 0 {
		t.Fatal("the README shows no run")
	}
	out := readme
	for i := len(matches) - 1; i >= 0; i-- {
		m := matches[i]
		args := strings.Fields(string(readme[m[4]:m[5]]))
		var stdout, stderr bytes.Buffer
		cli.Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		got := stdout.String() + stderr.String()
		if want := string(readme[m[6]:m[7]]); got != want && !*update {
			t.Errorf("manilint %s prints\n%s\nthe README says\n%s", strings.Join(args, " "), got, want)
		}
		out = append(out[:m[6]:m[6]], append([]byte(got), out[m[7]:]...)...)
	}
	if *update {
		if err := os.WriteFile("README.md", out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThePublishedSchemaIsTheCodes(t *testing.T) {
	const file = "docs/schema/config.schema.json"
	want := config.Schema(rules.All())
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code reads by (%v); run go test . -update", file, err)
	}
}

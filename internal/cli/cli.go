// Package cli is the command line: commands, flags, exit statuses, and what is
// printed on which stream. It finds nothing wrong with a manifest itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/cli/completion"
)

// run is the whole program but for the process: it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, files *reportFiles) int {
	c := &command{ctx: ctx, stdin: &limitedInput{stdin, maxInput}, console: newConsole(stdout, stderr), files: files}
	return c.close(c.contain(func() int { return c.dispatch(args) }))
}

func (c *command) dispatch(args []string) int {
	name, rest := subcommandOf(args)
	status, err := 0, error(nil)
	if sub, ok := subcommands[name]; ok {
		status, err = sub.run(c, rest)
	} else {
		status, err = c.lint(args)
	}
	var usage usageError
	switch {
	case c.out.Err() != nil: // close says it
		return exitFailed
	case errors.As(err, &usage):
		c.fail(err)
		fmt.Fprintln(c.err, "manilint --help shows how it is used")
		return exitUsage
	case err != nil:
		c.fail(err)
		return exitFailed
	}
	return status
}

// subcommandOf returns the first argument that is no flag, and the others.
func subcommandOf(args []string) (name string, rest []string) {
	var f flags
	fs := pflag.NewFlagSet("manilint", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.Usage = func() {}
	f.register(fs)
	if fs.Parse(args) != nil || fs.NArg() == 0 {
		return "", args
	}
	at := len(args) - fs.NArg()
	if at > 0 && args[at-1] == "--" {
		return "", args
	}
	return args[at], slices.Concat(args[:at], args[at+1:])
}

// A subcommand is named by the first argument that is no flag. A folder of the same
// name is linted as ./name.
type subcommand struct {
	args, summary string
	run           func(c *command, args []string) (int, error)
}

// commandNames is the order of the help.
var commandNames = []string{"rules", "explain", "rbac", "network", "completion", "version"}

var subcommands map[string]subcommand

func init() { // breaks the cycle between the table and the help that prints it
	subcommands = map[string]subcommand{
		"rules":      {"", "every rule: id, severity, profile, title (also --format json)", (*command).rules},
		"explain":    {"RULE", "what a rule finds, why it matters, bad and good YAML", (*command).explain},
		"rbac":       {"[PATH ...]", "who can do what of the dangerous list, through which binding (also --format json)", (*command).rbac},
		"network":    {"[PATH ...]", "each workload and direction: isolated, open to the cluster or the internet (also --format json)", (*command).network},
		"completion": {"SHELL", "the completion script of a shell: " + strings.Join(completion.Shells, ", "), (*command).completion},
		"version":    {"", "the version of manilint", (*command).version},
		"help":       {"", "this help", (*command).help},
	}
}

func (c *command) help([]string) (int, error) {
	fmt.Fprint(c.out, usage(&flags{}))
	return exitClean, nil
}

func usage(f *flags) string {
	fs := pflag.NewFlagSet("manilint", pflag.ContinueOnError)
	f.register(fs)
	var b strings.Builder
	b.WriteString(`manilint names the insecure settings of Kubernetes manifests, Helm charts and
Kustomize overlays, and the line of your file where to mend each.

  manilint                      lint the current folder
  manilint deploy chart.tgz -   lint a folder, a chart archive, standard input
  manilint --only rbac deploy   one group of rules alone
  manilint explain host-path    what a rule finds and how to mend it

Usage: manilint [flags] [PATH ...]
`)
	for _, name := range commandNames {
		s := subcommands[name]
		fmt.Fprintf(&b, "       manilint %-20s %s\n", strings.TrimSpace(name+" "+s.args), s.summary)
	}
	b.WriteString("\nFlags:\n")
	const boolean = "[=true|false]" // what pflag says of every switch
	b.WriteString(strings.ReplaceAll(fs.FlagUsagesWrapped(100), boolean, strings.Repeat(" ", len(boolean))))
	b.WriteString("\nExit status: 0 clean, 1 findings at or above --fail-on, 2 wrong usage or configuration,\n3 something could not be read, rendered or checked.\n")
	return b.String()
}

func (c *command) version([]string) (int, error) {
	fmt.Fprintf(c.out, "manilint %s\n", version())
	return exitClean, nil
}

// version is what the build recorded: the module's version where it was
// installed by one, else the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	if v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "(devel) " + s.Value[:min(12, len(s.Value))]
		}
	}
	return "(devel)"
}

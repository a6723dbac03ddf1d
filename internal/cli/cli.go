// Package cli is the command line: commands, flags, exit statuses, and what is
// printed on which stream. It finds nothing wrong with a manifest itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
)

// Exit statuses; 3 wins over 1.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2
	exitFailed   = 3
)

// A command is one run of the program.
type command struct {
	*console
	ctx   context.Context
	stdin *limitedInput
	files *reportFiles
	// exhausted ends the process where memory runs out and nothing else helps; may be nil.
	exhausted func(error)
	status    int
	tables    bool             // rbac or network: the run looks, no rule judges
	holds     bool             // what was rendered is requested once the rules have run
	checked   []*engine.Result // of all groups
	same      int              // units that --since left out
}

// run is the whole program but for the process: it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, files *reportFiles, exhausted func(error)) int {
	c := &command{ctx: ctx, stdin: &limitedInput{r: stdin}, exhausted: exhausted, console: newConsole(stdout, stderr), files: files}
	return c.close(c.contain(func() int { return c.dispatch(args) }))
}

// dispatch runs the command that args name and returns the exit status.
func (c *command) dispatch(args []string) int {
	root := c.root()
	root.SetArgs(append([]string{}, args...)) // nil would stand for those of the process
	err := root.ExecuteContext(c.ctx)
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
	return c.status
}

// root returns `manilint [PATH ...]` with its subcommands. A subcommand is named by the
// first argument that is no flag; a directory of the same name is linted as ./name.
func (c *command) root() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:  "manilint [flags] [PATH ...]",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.lint(f, cmd.Flags(), args) },

		SilenceErrors: true, SilenceUsage: true, DisableSuggestions: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	f.registerLint(root.Flags())
	root.AddCommand(c.rulesCommand(), c.explainCommand(), c.rbacCommand(), c.networkCommand(), c.initCommand(), c.testCommand(), c.lspCommand(), c.mcpCommand(), c.completionCommand(), c.versionCommand())
	root.SetHelpCommand(c.helpCommand())
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(c.out, help(cmd)) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd.Flags(), err) })
	for _, cmd := range append(root.Commands(), root) {
		cmd.DisableFlagsInUseLine = true
		cmd.Flags().SortFlags = false
		cmd.Flags().BoolP("help", "h", false, "print this help")
		completeFlags(cmd)
	}
	return root
}

// Command returns the tree of commands, for what documents it: it is not to be run.
func Command() *cobra.Command {
	return (&command{console: newConsole(io.Discard, io.Discard)}).root()
}

// flagError makes wrong usage of what pflag says, with the nearest flag that there is.
func flagError(fs *pflag.FlagSet, err error) error {
	text := err.Error()
	if word, ok := strings.CutPrefix(text, "unknown flag: "); ok {
		var known []string
		fs.VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
		text += lint.Suggest(word, known)
	}
	return usageError{errors.New(text)}
}

func help(cmd *cobra.Command) string {
	var b strings.Builder
	if cmd.HasParent() {
		fmt.Fprintf(&b, "Usage: manilint %s\n\n%s\n", cmd.Use, cmd.Short)
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\n%s\n", cmd.Example)
		}
	} else {
		b.WriteString(`manilint names the insecure settings of Kubernetes manifests, Helm charts and
Kustomize overlays, and the line of your file where to fix each.

  manilint                      lint the current directory
  manilint deploy chart.tgz -   lint a directory, a chart archive, standard input
  manilint --only rbac deploy   only one group of rules
  manilint explain host-path    what a rule finds and how to fix it

Usage: ` + cmd.Use + "\n")
		for _, name := range commandNames {
			if sub, _, err := cmd.Find([]string{name}); err == nil && name != "help" {
				fmt.Fprintf(&b, "       manilint %-20s %s\n", sub.Use, sub.Short)
			}
		}
	}
	b.WriteString("\nFlags:\n")
	const boolean = "[=true|false]" // what pflag says of every switch
	b.WriteString(strings.ReplaceAll(cmd.Flags().FlagUsagesWrapped(100), boolean, strings.Repeat(" ", len(boolean))))
	if !cmd.HasParent() {
		b.WriteString("\nExit status: 0 clean, 1 findings at or above --fail-on, 2 wrong usage or configuration,\n3 something could not be read, rendered or checked.\n")
	}
	return b.String()
}

func (c *command) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "this help, or that of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				var known []string
				for _, sub := range cmd.Root().Commands() {
					known = append(known, sub.Name())
				}
				return usagef("there is no command %q%s", args[0], lint.Suggest(args[0], known))
			}
			return about.Help()
		},
	}
}

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "the version of manilint", Args: none("version takes no argument"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(c.out, "manilint %s\n", version())
			return nil
		},
	}
}

// none refuses arguments.
func none(message string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s; %q is one", message, args[0])
		}
		return nil
	}
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

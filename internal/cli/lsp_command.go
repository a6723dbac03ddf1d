package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/manilint/manilint/internal/lsp"
	"github.com/manilint/manilint/rules"
)

func (c *command) lspCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "lsp [flags]", Short: "the language server, over standard input and output", ValidArgsFunction: cobra.NoFileCompletions,
		Args: none("lsp takes no argument: the editor says which directories it has open"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.lsp(f, cmd) },
	}
	f.registerLive(cmd.Flags())
	cmd.Flags().Bool("stdio", true, "talk over standard input and output, as it always does; some editors pass it")
	return cmd
}

// lsp is `manilint lsp`.
func (c *command) lsp(f *flags, cmd *cobra.Command) error {
	if _, err := f.inputs(cmd.Flags(), nil); err != nil {
		return err
	}
	if err := f.choices(cmd.Flags()); err != nil {
		return err
	}
	sessions, err := c.sessions(f)
	if err != nil {
		return err
	}
	o := lsp.Options{Version: version(), Session: sessions, Rules: rules.All()}
	if f.verbose {
		o.Log = func(line string) { c.say("lsp", line) }
	}
	return lsp.Serve(c.ctx, stream{c.stdin.r, c.behindOut}, o)
}

// stream is standard input and output as one.
type stream struct {
	io.Reader
	io.Writer
}

// Close does nothing: the streams are those of the process.
func (stream) Close() error { return nil }

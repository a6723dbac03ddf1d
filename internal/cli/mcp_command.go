package cli

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/fix"
	"github.com/manilint/manilint/internal/mcp"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/tree"
	"github.com/manilint/manilint/rules"
	"github.com/manilint/manilint/rules/network"
	"github.com/manilint/manilint/rules/rbac"
)

func (c *command) mcpCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "mcp [flags]", Short: "the same for coding agents (Model Context Protocol)", ValidArgsFunction: cobra.NoFileCompletions,
		Args: none("mcp takes no argument: it serves the directory that it is started in"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.mcp(f, cmd.Flags()) },
	}
	f.registerLive(cmd.Flags())
	cmd.Flags().BoolVar(&f.write, "write", false, "let the tool fix write the files that it is told to fix")
	return cmd
}

// mcp is `manilint mcp`.
func (c *command) mcp(f *flags, fs *pflag.FlagSet) error {
	sessions, err := c.live(f, fs)
	if err != nil {
		return err
	}
	f.wall = f.files().Abs(".")
	a := &agent{command: c, flags: f, session: sessions()}
	return mcp.Serve(c.ctx, io.NopCloser(c.stdin.r), stream{nil, c.behindOut}, mcp.Options{Version: version(), Dir: f.wall, Rules: rules.All(), Program: a, Write: f.write})
}

// An agent is what the tools of mcp run.
type agent struct {
	command *command
	flags   *flags
	session *session.Session
	mu      sync.Mutex // of a comparison, which takes the machine for itself
}

func (a *agent) tree() *tree.Tree {
	t := tree.New(nil)
	t.From(a.flags.wall)
	return t
}

// Lint lints paths, with a revision as --since does.
func (a *agent) Lint(ctx context.Context, paths []string, since string) (*lint.Report, error) {
	if since == "" {
		r, err := a.session.Lint(ctx, a.tree(), paths, nil)
		if err != nil {
			return nil, err
		}
		return r.Report, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f := *a.flags
	f.since, f.tree, f.checkout = since, nil, ""
	c := &command{ctx: ctx, console: newConsole(io.Discard, io.Discard), stdin: a.command.stdin, files: &reportFiles{}, exhausted: a.command.exhausted}
	ends, paths, err := f.ends(paths)
	if err != nil {
		return nil, err
	}
	stop, err := c.bound(&f)
	if err != nil {
		return nil, err
	}
	defer stop()
	groups, err := f.group(paths)
	if err != nil {
		return nil, err
	}
	_, rep, err := c.checkSince(&f, ends, groups, paths, false)
	return rep, err
}

// Render returns what is rendered from paths, and the report on it.
func (a *agent) Render(ctx context.Context, paths []string) ([]*lint.Bundle, *lint.Report, error) {
	r, err := a.session.Lint(ctx, a.tree(), paths, nil)
	if err != nil {
		return nil, nil, err
	}
	bundles, err := a.session.Render(ctx, a.tree(), paths)
	return bundles, r.Report, err
}

// Fix proves fixes and, where write says so, writes them.
func (a *agent) Fix(ctx context.Context, paths []string, want func(*lint.Finding) bool, risky, write bool) (*mcp.Fixes, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tree()
	p, err := a.command.propose(ctx, a.flags, t, paths, want, risky)
	if err != nil {
		return nil, err
	}
	var diff strings.Builder
	err = fix.Diff(&diff, p.result.Files, func(file *fix.File, line int, text string) string {
		if line == 0 {
			return p.report.Masks.Redact(text)
		}
		src, err := t.Open(file.Path)
		if err != nil {
			return p.report.Masks.Redact(text)
		}
		return p.report.Line(src, line)
	})
	if err != nil {
		return nil, err
	}
	fixes := &mcp.Fixes{Diff: diff.String(), Fixed: p.result.Fixed, Reasons: p.reasons()}
	for _, file := range p.result.Files {
		fixes.Files = append(fixes.Files, file.Shown)
	}
	if write {
		_, err = a.command.writeFixes(p.result.Files)
	}
	return fixes, err
}

// Network writes the table of `manilint network`.
func (*agent) Network(w io.Writer, bundles []*lint.Bundle) error {
	return network.Table(bundles).WriteText(w)
}

// RBAC writes the table of `manilint rbac`.
func (*agent) RBAC(w io.Writer, bundles []*lint.Bundle) error {
	return rbac.Table(bundles).WriteText(w)
}

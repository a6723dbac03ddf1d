package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/lsp"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render/tree"
	"github.com/manilint/manilint/rules"
	"github.com/manilint/manilint/rules/network"
	"github.com/manilint/manilint/rules/rbac"
)

func (c *command) lspCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "lsp [flags]", Short: "the language server, over standard input and output", ValidArgsFunction: cobra.NoFileCompletions,
		Args: none("lsp takes no argument: the editor says which directories it has open"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.lsp(f, cmd.Flags()) },
	}
	f.registerLive(cmd.Flags())
	cmd.Flags().Bool("stdio", true, "talk over standard input and output, as it always does; some editors pass it")
	return cmd
}

// lsp is `manilint lsp`.
func (c *command) lsp(f *flags, fs *pflag.FlagSet) error {
	sessions, err := c.live(f, fs)
	if err != nil {
		return err
	}
	o := lsp.Options{Version: version(), Session: sessions, Rules: rules.All(), Lenses: lenses}
	o.Fix = func(ctx context.Context, t *tree.Tree, dir string, want func(*lint.Finding) bool, risky bool) (*lsp.Fixed, error) {
		p, err := c.propose(ctx, f, t, []string{dir}, want, risky)
		if err != nil {
			return nil, err
		}
		fixed := &lsp.Fixed{Count: p.result.Fixed, Reasons: p.reasons()}
		for _, file := range p.result.Files {
			fixed.Files = append(fixed.Files, lsp.FixedFile{Path: file.Path, Before: file.Before, After: file.After})
		}
		return fixed, nil
	}
	if f.verbose {
		o.Log = func(line string) { c.say("lsp", line) }
	}
	return lsp.Serve(c.ctx, stream{c.stdin.r, c.behindOut}, o)
}

// lenses says of each workload what network policies leave open to it, and what its service
// account can do, as network and rbac have it.
func lenses(bundles []*lint.Bundle) []lsp.Lens {
	var all []lsp.Lens
	for _, b := range bundles {
		one := []*lint.Bundle{b}
		traffic := map[report.Location]report.MatrixRow{}
		for _, row := range network.Table(one).Workloads {
			traffic[row.Location] = row
		}
		can := map[string]string{}
		for _, subject := range rbac.Table(one).Subjects {
			for _, workload := range subject.Workloads {
				can[workload] = powers(subject)
			}
		}
		for _, spec := range b.PodSpecs() {
			if b.Unselected[spec.Resource] {
				continue
			}
			place := spec.Resource.Get("metadata", "name").Locate()
			at := report.LocationOf(place.Span)
			if at == nil {
				continue
			}
			text := ""
			if row, ok := traffic[*at]; ok {
				text = fmt.Sprintf("ingress %s; egress %s", row.Ingress, row.Egress)
				if row.HostNetwork {
					text = "on the host's network, outside every policy"
				}
			}
			r := spec.Resource
			if p := can[r.Kind+" "+strings.TrimPrefix(r.Namespace+"/"+r.Name, "/")]; p != "" {
				text += "; " + p
			}
			all = append(all, lsp.Lens{Span: place.Span, Text: report.Escape(strings.TrimPrefix(text, "; "))})
		}
	}
	return all
}

// powers says in a few words what a service account can do.
func powers(s report.Subject) string {
	var names []string
	for _, c := range s.Can {
		if !slices.Contains(names, c.What) {
			names = append(names, c.What)
		}
	}
	const most = 4
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", n))
	}
	return "its service account can: " + strings.Join(names, ", ")
}

// stream is standard input and output as one.
type stream struct {
	io.Reader
	io.Writer
}

// Close does nothing: the streams are those of the process.
func (stream) Close() error { return nil }

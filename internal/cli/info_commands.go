package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/rules"
	"github.com/manilint/manilint/rules/network"
	"github.com/manilint/manilint/rules/rbac"
)

// tableFormats are what the commands that print tables write.
var tableFormats = []string{"text", "json"}

func oneFormat(format string) error {
	if !slices.Contains(tableFormats, format) {
		return usagef("--format: unknown format %q%s", format, lint.Suggest(format, tableFormats))
	}
	return nil
}

func (c *command) rulesCommand() *cobra.Command {
	f := &flags{}
	var format, reference string
	cmd := &cobra.Command{
		Use: "rules", Short: "every rule: id, severity, profile, title", ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("rules takes no argument; manilint explain %s describes a rule", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			if err := oneFormat(format); err != nil {
				return err
			}
			own, err := f.own()
			if err != nil {
				return err
			}
			return c.rules(slices.Concat(rules.All(), own), format, reference)
		},
	}
	f.registerConfig(cmd.Flags())
	cmd.Flags().StringVarP(&format, "format", "f", "text", "text or json")
	cmd.Flags().StringVar(&reference, "reference", "", "only rules with a reference that begins so: CIS, \"NSA C-0057\"")
	return cmd
}

// own returns the rules that the configuration of the working directory brings.
func (f *flags) own() ([]*lint.Rule, error) {
	if f.config != "" && f.noConfig {
		return nil, usagef("--config and --no-config exclude each other")
	}
	file := f.configFor(".")
	if file.path == "" {
		return nil, nil
	}
	parsed, err := f.read(file)
	if err != nil {
		return nil, err
	}
	return parsed.OwnRules(), nil
}

func (c *command) rules(all []*lint.Rule, format, reference string) error {
	var selected []*lint.Rule
	for _, r := range all {
		if reference == "" || refersTo(r, reference) {
			selected = append(selected, r)
		}
	}
	if format == "json" {
		return writeRulesJSON(c, selected)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, r := range selected {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Severity, profiles(r), r.Summary)
	}
	return w.Flush()
}

func refersTo(r *lint.Rule, prefix string) bool {
	for _, ref := range r.References {
		if strings.HasPrefix(strings.ToLower(ref), strings.ToLower(prefix)) {
			return true
		}
	}
	return false
}

func profiles(r *lint.Rule) string {
	var names []string
	for _, p := range r.Profiles {
		names = append(names, string(p))
	}
	if len(names) == 0 {
		return "opt-in"
	}
	return strings.Join(names, ",")
}

func writeRulesJSON(c *command, selected []*lint.Rule) error {
	type rule struct {
		ID         string              `json:"id"`
		Severity   lint.Severity       `json:"severity"`
		Group      string              `json:"group"`
		Profiles   []lint.Profile      `json:"profiles"`
		Title      string              `json:"title"`
		References []string            `json:"references"`
		Aliases    map[string][]string `json:"aliases"`
	}
	list := []rule{}
	for _, r := range selected {
		x := rule{r.ID, r.Severity, r.Group, r.Profiles, r.Summary, r.References, r.Peers}
		if x.Profiles == nil {
			x.Profiles = []lint.Profile{}
		}
		if x.References == nil {
			x.References = []string{}
		}
		if x.Aliases == nil {
			x.Aliases = map[string][]string{}
		}
		list = append(list, x)
	}
	return report.Encode(c.out, map[string]any{"rules": list})
}

func (c *command) explainCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "explain RULE", Short: "what a rule finds, why it matters, bad and good YAML", ValidArgsFunction: completeRules,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("explain takes the id of one rule; manilint rules lists them")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return c.explain(f, args[0]) },
	}
	f.registerConfig(cmd.Flags())
	return cmd
}

func (c *command) explain(f *flags, id string) error {
	r := lint.FindRule(rules.All(), id)
	if r == nil { // the configuration is read for what it alone can tell
		own, err := f.own()
		if err != nil {
			return err
		}
		var known []string
		for _, o := range slices.Concat(rules.All(), own) {
			if known = append(known, o.ID); o.ID == id {
				r = o
			}
		}
		if r != nil {
			return c.describe(r)
		}
		return usagef("unknown rule %q%s", id, cmp.Or(lint.Suggest(id, known), "; manilint rules lists them"))
	}
	return c.describe(r)
}

// describe prints what is known of a rule.
func (c *command) describe(r *lint.Rule) error {
	head, body, _ := strings.Cut(r.Doc(), "\n")
	fmt.Fprintf(c.out, "%s\n\nSeverity %s, group %s, profile %s.\n%s", head, r.Severity, r.Group, profiles(r), body)
	if len(r.Params) > 0 {
		fmt.Fprintf(c.out, "\n## Parameters\n\n")
		for _, p := range r.Params {
			value, _ := json.Marshal(p.Default)
			fmt.Fprintf(c.out, "- `%s`: %s. Default `%s`.", p.Name, p.Summary, value)
			if len(p.Allowed) > 0 {
				fmt.Fprintf(c.out, " One of %s.", strings.Join(p.Allowed, ", "))
			}
			fmt.Fprintln(c.out)
		}
		fmt.Fprintf(c.out, "\nSet them in %s under rules: %s: parameters:\n", config.Name, r.ID)
	}
	return nil
}

func (c *command) rbacCommand() *cobra.Command {
	return c.tableCommand("rbac", "who can do what of the dangerous list, through which binding",
		func(bundles []*lint.Bundle) table { return rbac.Table(bundles) })
}

func (c *command) networkCommand() *cobra.Command {
	return c.tableCommand("network", "each workload and direction: isolated, open to the cluster or the internet",
		func(bundles []*lint.Bundle) table { return network.Table(bundles) })
}

// tableCommand is a command that prints what of makes of the inputs.
func (c *command) tableCommand(name, summary string, of func([]*lint.Bundle) table) *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: name + " [PATH ...]", Short: summary, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.table(f, cmd.Flags(), args, of) },
	}
	f.registerTable(cmd.Flags())
	return cmd
}

// A table is what rbac and network make of the bundles.
type table interface {
	WriteText(io.Writer) error
	WriteJSON(io.Writer) error
}

// table loads the inputs as lint does and prints what of makes of them.
func (c *command) table(f *flags, fs *pflag.FlagSet, args []string, of func([]*lint.Bundle) table) error {
	paths, err := f.inputs(fs, args)
	if err != nil {
		return err
	}
	if err := oneFormat(f.tableFormat); err != nil {
		return err
	}
	stop, err := c.bound(f)
	if err != nil {
		return err
	}
	defer stop()
	groups, err := f.group(paths)
	if err != nil {
		return err
	}
	for _, g := range groups {
		g.enabled = nil // a table needs what the inputs hold, not what rules find in it
	}
	c.tables, c.holds = true, true
	all, rep := c.check(f, groups, paths)
	t := of(all.bundles)
	write := t.WriteText
	if f.tableFormat == "json" {
		write = t.WriteJSON
	}
	if err := write(c.out); err != nil {
		return err
	}
	c.closing(f, rep)
	if len(rep.Errors) > 0 {
		c.status = exitFailed
	}
	return nil
}

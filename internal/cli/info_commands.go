package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/cli/completion"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/rules"
	"github.com/manilint/manilint/rules/network"
	"github.com/manilint/manilint/rules/rbac"
)

// rules is `manilint rules`.
func (c *command) rules(args []string) (int, error) {
	fs := pflag.NewFlagSet("rules", pflag.ContinueOnError)
	fs.Usage = func() {}
	format := fs.StringP("format", "f", "text", "text or json")
	reference := fs.String("reference", "", "only rules with a reference that begins so: CIS, \"NSA C-0057\"")
	if err := fs.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return c.about("rules", fs)
	} else if err != nil {
		return 0, usageError{err}
	}
	if fs.NArg() > 0 {
		return 0, usagef("rules takes no argument; manilint explain %s describes a rule", fs.Arg(0))
	}
	var selected []*lint.Rule
	for _, r := range rules.All() {
		if *reference == "" || refersTo(r, *reference) {
			selected = append(selected, r)
		}
	}
	switch *format {
	case "json":
		return exitClean, writeRulesJSON(c, selected)
	case "text":
	default:
		return 0, usagef("--format: unknown format %q%s", *format, lint.Suggest(*format, []string{"text", "json"}))
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, r := range selected {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Severity, profiles(r), r.Summary)
	}
	return exitClean, w.Flush()
}

func asksHelp(args []string) bool {
	return slices.Contains(args, "--help") || slices.Contains(args, "-h")
}

// about prints the help of a subcommand, and its flags where it has some.
func (c *command) about(name string, fs *pflag.FlagSet) (int, error) {
	s := subcommands[name]
	fmt.Fprintf(c.out, "Usage: manilint %s\n\n%s\n", strings.TrimSpace(name+" "+s.args), s.summary)
	if fs != nil {
		fmt.Fprintf(c.out, "\nFlags:\n%s", fs.FlagUsages())
	}
	return exitClean, nil
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

// explain is `manilint explain RULE`.
func (c *command) explain(args []string) (int, error) {
	if asksHelp(args) {
		return c.about("explain", nil)
	}
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return 0, usagef("explain takes the id of one rule; manilint rules lists them")
	}
	r := lint.FindRule(rules.All(), args[0])
	if r == nil {
		var known []string
		for _, r := range rules.All() {
			known = append(known, r.ID)
		}
		return 0, usagef("unknown rule %q%s", args[0], cmp.Or(lint.Suggest(args[0], known), "; manilint rules lists them"))
	}
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
		fmt.Fprintf(c.out, "\nSet them in %s under rules: %s: parameters:\n", lint.ConfigName, r.ID)
	}
	return exitClean, nil
}

// rbac is `manilint rbac`: who can do what of the dangerous list.
func (c *command) rbac(args []string) (int, error) {
	return c.table(args, func(bundles []*lint.Bundle) table {
		for i, b := range bundles { // who else may do what, nobody asked
			if len(b.Beside) > 0 {
				asked := slices.DeleteFunc(slices.Clone(b.Resources), func(r *lint.Resource) bool { return b.Beside[r] })
				bundles[i] = lint.NewBundle(b.Rendering, b.Namespace, asked)
			}
		}
		return rbac.Table(bundles)
	})
}

// network is `manilint network`: which workloads are isolated, and open to what.
func (c *command) network(args []string) (int, error) {
	return c.table(args, func(bundles []*lint.Bundle) table { return network.Table(bundles) })
}

// A table is what rbac and network make of the bundles.
type table interface {
	WriteText(io.Writer) error
	WriteJSON(io.Writer) error
}

// table loads the inputs as lint does and prints what of makes of them.
func (c *command) table(args []string, of func([]*lint.Bundle) table) (int, error) {
	var f flags
	paths, err := f.parse(args)
	if err != nil {
		return 0, err
	}
	if f.help {
		fmt.Fprint(c.out, usage(&f))
		return exitClean, nil
	}
	format := "text"
	if len(f.formats) > 0 {
		format = f.formats[0]
	}
	if known := []string{"text", "json"}; len(f.formats) > 1 || !slices.Contains(known, format) {
		return 0, usagef("--format: text or json belongs here%s", lint.Suggest(format, known))
	}
	groups, err := f.group(paths)
	if err != nil {
		return 0, err
	}
	for _, g := range groups {
		g.enabled = nil // a table needs what the inputs hold, not what rules find in it
	}
	loaded, rep := c.check(&f, groups, paths)
	var bundles []*lint.Bundle
	for _, res := range loaded {
		bundles = append(bundles, slices.Concat(res.Bundles, res.Focused)...)
	}
	c.tables = true
	t := of(bundles)
	write := t.WriteText
	if format == "json" {
		write = t.WriteJSON
	}
	if err := write(c.out); err != nil {
		return 0, err
	}
	c.closing(&f, rep, loaded)
	if len(rep.Errors) > 0 {
		return exitFailed, nil
	}
	return exitClean, nil
}

// completion is `manilint completion SHELL`.
func (c *command) completion(args []string) (int, error) {
	if asksHelp(args) {
		return c.about("completion", nil)
	}
	if len(args) != 1 || !slices.Contains(completion.Shells, args[0]) {
		return 0, usagef("completion takes the name of one shell: %s", strings.Join(completion.Shells, ", "))
	}
	var f flags
	fs := pflag.NewFlagSet("manilint", pflag.ContinueOnError)
	f.register(fs)
	fmt.Fprint(c.out, completion.Completion(args[0], fs, commandNames, rules.All()))
	return exitClean, nil
}

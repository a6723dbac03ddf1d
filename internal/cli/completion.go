package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/lint/compliance"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/rules"
)

// shells write the scripts by which each completes what is typed. The scripts ask the
// program itself, which reads its flags and rules and no file.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash": func(root *cobra.Command, w io.Writer) error {
		if _, err := io.WriteString(w, bashWords); err != nil {
			return err
		}
		return root.GenBashCompletionV2(w, true)
	},
	"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
}

var shellNames = []string{"bash", "zsh", "fish", "powershell"}

// bashWords stands in for the part of the package bash-completion that the script for
// bash needs, where that is not installed: the words of the line with those put together
// again that readline takes apart at = and :.
const bashWords = `if ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    _get_comp_words_by_ref() {
        local i
        words=() cword=0
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            if ((i > 0)) && [[ ${COMP_WORDS[i]} == [=:]* || ${COMP_WORDS[i-1]} == *[=:] ]] && [[ ${COMP_WORDS[i]} != -* ]]; then
                words[${#words[@]}-1]+=${COMP_WORDS[i]}
            else
                words+=("${COMP_WORDS[i]}")
            fi
            ((i == COMP_CWORD)) && cword=$((${#words[@]}-1))
        done
        cur=${words[cword]} prev=
        ((cword > 0)) && prev=${words[cword-1]}
    }
fi
`

func (c *command) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: "the completion script of a shell: " + strings.Join(shellNames, ", "),
		Example: `  source <(manilint completion bash)
  manilint completion zsh > "${fpath[1]}/_manilint"
  manilint completion fish | source
  manilint completion powershell | Out-String | Invoke-Expression`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || shells[args[0]] == nil {
				return usagef("completion takes the name of one shell: %s", strings.Join(shellNames, ", "))
			}
			return nil
		},
		ValidArgs: shellNames,
		RunE:      func(cmd *cobra.Command, args []string) error { return shells[args[0]](cmd.Root(), c.out) },
	}
}

// completeFlags says what the flags of a command take.
func completeFlags(cmd *cobra.Command) {
	severities := []string{"critical", "high", "medium", "low", "info"}
	choices := map[string][]string{
		"format": report.Names(), "color": {"auto", "always", "never"}, "profile": {"default", "baseline", "restricted", "all"},
		"severity": severities, "fail-on": slices.Concat(severities, []string{"never"}), "compliance": compliance.Names(),
		"fix": {"safe", "all"},
	}
	if cmd.HasParent() {
		choices["format"] = tableFormats
	}
	files := []string{"config", "values", "set-file"}
	lists := []string{"enable", "disable", "only"}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		var complete cobra.CompletionFunc
		switch {
		case choices[f.Name] != nil:
			complete = cobra.FixedCompletions(choices[f.Name], cobra.ShellCompDirectiveNoFileComp)
		case slices.Contains(lists, f.Name):
			complete = completeList
		case slices.Contains(files, f.Name) || f.NoOptDefVal != "":
			return // the shell completes file names
		default:
			complete = cobra.NoFileCompletions
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic(fmt.Sprintf("completion of --%s: %v", f.Name, err))
		}
	})
}

// completeList completes the last of several rules and groups with commas between.
func completeList(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	head := typed[:strings.LastIndexByte(typed, ',')+1]
	var all []string
	for _, r := range rules.All() {
		for _, name := range []string{r.ID, r.Group} {
			if word := head + name; strings.HasPrefix(word, typed) && !slices.Contains(all, word) {
				all = append(all, word)
			}
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func completeRules(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, r := range rules.All() {
		if len(args) == 0 && strings.HasPrefix(r.ID, typed) {
			all = append(all, cobra.CompletionWithDesc(r.ID, r.Summary))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// Package completion writes the scripts by which bash, zsh and fish complete
// manilint's commands, flags, rules and values. The scripts are made from the
// flags and rules of the very binary that prints them, and run nothing.
package completion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/report"
)

// Shells are the shells that [Completion] knows.
var Shells = []string{"bash", "zsh", "fish"}

// what a flag takes
type kind int

const (
	nothing kind = iota
	word         // any text
	file
	choice  // one of the values
	choices // some of the values, with commas between
)

type option struct {
	name, short, summary string
	kind                 kind
	values               []string
	repeat               bool
}

// Completion returns the script that completes `manilint` in a shell of
// [Shells], "" for any other. commands are the subcommands' names; explain takes
// a rule, completion a shell.
func Completion(shell string, fs *pflag.FlagSet, commands []string, rules []*lint.Rule) string {
	var ids, groups []string
	for _, r := range rules {
		ids = append(ids, r.ID)
		if !slices.Contains(groups, r.Group) {
			groups = append(groups, r.Group)
		}
	}
	var options []option
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			options = append(options, newOption(f, slices.Concat(ids, groups)))
		}
	})
	switch shell {
	case "bash":
		return bash(options, commands, ids)
	case "zsh":
		return zsh(options, commands, ids)
	case "fish":
		return fish(options, commands, rules)
	}
	return ""
}

func newOption(f *pflag.Flag, names []string) option {
	_, summary := pflag.UnquoteUsage(f)
	summary, _, _ = strings.Cut(summary, "\n")
	o := option{name: f.Name, short: f.Shorthand, summary: strings.TrimSpace(summary), kind: word}
	severities := []string{"critical", "high", "medium", "low", "info"}
	switch f.Name {
	case "format":
		o.kind, o.values = choice, report.Names()
	case "color":
		o.kind, o.values = choice, []string{"auto", "always", "never"}
	case "profile":
		o.kind, o.values = choice, []string{"default", "baseline", "restricted", "all"}
	case "severity":
		o.kind, o.values = choice, severities
	case "fail-on":
		o.kind, o.values = choice, slices.Concat(severities, []string{"never"})
	case "compliance":
		o.kind, o.values = choice, []string{"cis", "nsa", "pss", "mitre", "owasp"}
	case "enable", "disable", "only":
		o.kind, o.values = choices, names
	case "config", "values", "set-file", "baseline", "write-baseline":
		o.kind = file
	}
	switch f.Value.Type() {
	case "bool":
		o.kind = nothing
	case "stringArray", "stringSlice":
		o.repeat = true
	}
	return o
}

func (o option) flags() []string {
	if o.short == "" {
		return []string{"--" + o.name}
	}
	return []string{"-" + o.short, "--" + o.name}
}

// quote quotes for all three shells; none of them may see a quote or a
// backslash in it, which they escape differently.
func quote(s string) string {
	return "'" + strings.NewReplacer("'", "’", `\`, "/", "\n", " ").Replace(s) + "'"
}

func bash(options []option, commands, rules []string) string {
	var b, flags strings.Builder
	fmt.Fprint(&b, `# bash completion of manilint; load it with: source <(manilint completion bash)
_manilint() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} head=
    # readline takes --flag=value apart
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    COMPREPLY=()
    case $prev in
`)
	for _, o := range options {
		for _, f := range o.flags() {
			fmt.Fprintf(&flags, " %s", f)
		}
		switch o.kind {
		case choice:
			fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;\n", strings.Join(o.flags(), "|"), quote(strings.Join(o.values, " ")))
		case choices:
			fmt.Fprintf(&b, "    %s)\n        [[ $cur == *,* ]] && head=${cur%%,*},\n        COMPREPLY=($(compgen -P \"$head\" -W %s -- \"${cur##*,}\")); return ;;\n", strings.Join(o.flags(), "|"), quote(strings.Join(o.values, " ")))
		case word, file:
			fmt.Fprintf(&b, "    %s) return ;;\n", strings.Join(o.flags(), "|"))
		}
	}
	fmt.Fprintf(&b, `    explain) COMPREPLY=($(compgen -W %s -- "$cur")); return ;;
    completion) COMPREPLY=($(compgen -W %s -- "$cur")); return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W %s -- "$cur"))
    elif [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W %s -- "$cur") $(compgen -f -- "$cur"))
    fi
}
complete -o bashdefault -o default -F _manilint manilint
`, quote(strings.Join(rules, " ")), quote(strings.Join(Shells, " ")), quote(strings.TrimSpace(flags.String())), quote(strings.Join(commands, " ")))
	return b.String()
}

func zsh(options []option, commands, rules []string) string {
	var b strings.Builder
	fmt.Fprint(&b, "#compdef manilint\n# zsh completion of manilint; write it to a file _manilint in a folder of $fpath\n\n_manilint() {\n    local -a rules commands specs\n")
	fmt.Fprintf(&b, "    rules=(%s)\n    commands=(%s)\n    specs=(\n", strings.Join(rules, " "), strings.Join(commands, " "))
	special := strings.NewReplacer("[", "(", "]", ")", ":", " -")
	for _, o := range options {
		action := ""
		switch o.kind {
		case word:
			action = ":value: "
		case file:
			action = ":file:_files"
		case choice:
			action = ":value:(" + strings.Join(o.values, " ") + ")"
		case choices:
			action = ":rules:_sequence compadd - " + strings.Join(o.values, " ")
		}
		for _, f := range o.flags() {
			spec := f
			if o.kind != nothing && strings.HasPrefix(f, "--") {
				spec += "="
			} else if o.kind != nothing {
				spec += "+"
			}
			if o.repeat {
				spec = "*" + spec
			}
			fmt.Fprintf(&b, "        %s\n", quote(spec+"["+special.Replace(o.summary)+"]"+action))
		}
	}
	fmt.Fprint(&b, `    )
    case $words[2] in
    explain) _arguments $specs '2:rule:($rules)' ;;
    completion) _arguments $specs '2:shell:(`+strings.Join(Shells, " ")+`)' ;;
    *) _arguments $specs '1: :_manilint_first' '*:path:_files' ;;
    esac
}

_manilint_first() {
    compadd -a commands
    _files
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _manilint "$@"
else
    compdef _manilint manilint
fi
`)
	return b.String()
}

func fish(options []option, commands []string, rules []*lint.Rule) string {
	var b strings.Builder
	fmt.Fprint(&b, "# fish completion of manilint; load it with: manilint completion fish | source\n")
	for _, o := range options {
		fmt.Fprintf(&b, "complete -c manilint -l %s", o.name)
		if o.short != "" {
			fmt.Fprintf(&b, " -s %s", o.short)
		}
		switch o.kind {
		case word:
			fmt.Fprint(&b, " -x")
		case file:
			fmt.Fprint(&b, " -r -F")
		case choice:
			fmt.Fprintf(&b, " -x -a %s", quote(strings.Join(o.values, " ")))
		case choices:
			fmt.Fprintf(&b, " -x -a \"(__fish_append , %s)\"", strings.Join(o.values, " "))
		}
		fmt.Fprintf(&b, " -d %s\n", quote(o.summary))
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c manilint -n __fish_use_subcommand -a %s\n", c)
	}
	fmt.Fprintf(&b, "complete -c manilint -n '__fish_seen_subcommand_from completion' -f -a %s\n", quote(strings.Join(Shells, " ")))
	for _, r := range rules {
		fmt.Fprintf(&b, "complete -c manilint -n '__fish_seen_subcommand_from explain' -f -a %s -d %s\n", r.ID, quote(r.Summary))
	}
	return b.String()
}

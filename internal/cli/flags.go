package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render/tree"
)

// flags are the command line of `manilint [PATH ...]`.
type flags struct {
	formats                             []string
	color                               string
	config                              string
	noConfig                            bool
	profile                             string
	enable, disable, only               []string
	failOn, severity                    string
	values, set, setString, setFile     []string
	releaseName, namespace, kubeVersion string
	apiVersions                         []string
	noIgnores, ciValues, noGitignore    bool
	pssVersion                          string
	allowEmpty, verbose, quiet, stats   bool
	compliance                          string
	baseline, writeBaseline, since      string
	staged, watch                       bool
	fix                                 string // "", safe or all
	diff, formatNamed                   bool
	checkout                            string // see flags.root
	jobs                                int
	tree                                *tree.Tree // where inputs are read; see flags.files
	write                               bool       // of mcp
	wall                                string     // what nothing is read outside of; "" for none
	tableFormat                         string     // of rbac and network
	limitTime, limitMemory, limitFile   string
}

// registerLint adds the flags of `manilint [PATH ...]` to fs.
func (f *flags) registerLint(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&f.formats, "format", "f", nil, "output `FORMAT[=FILE]`, repeatable: "+strings.Join(report.Names(), ", ")+" (default text)")
	fs.StringVar(&f.color, "color", "auto", "colour: auto, always or never")
	f.registerConfig(fs)
	f.registerRules(fs)
	fs.StringVar(&f.failOn, "fail-on", "medium", "exit 1 on findings of this `SEVERITY` or above: critical, high, medium, low, info, never")
	fs.StringVar(&f.severity, "severity", "info", "hide findings below this `SEVERITY`")
	f.registerRendering(fs)
	fs.StringVar(&f.pssVersion, "pss-version", "", "`VERSION` of the Pod Security Standards (default: the newest)")
	fs.BoolVar(&f.noIgnores, "no-ignores", false, "report what comments, annotations and the configuration ignore")
	fs.StringVar(&f.baseline, "baseline", "", "report only what is not in this `FILE`")
	fs.StringVar(&f.writeBaseline, "write-baseline", "", "write what is found to this `FILE`, to report only what is new from now on")
	fs.StringVar(&f.since, "since", "", "report only what this git `REVISION` does not have; a branch means its merge base with HEAD, BRANCH.. the branch itself")
	fs.BoolVar(&f.staged, "staged", false, "lint the files as they are staged, against HEAD or --since")
	fs.BoolVar(&f.watch, "watch", false, "lint again what a change touches, until it is interrupted")
	fs.StringVar(&f.fix, "fix", "", "edit the files where a fix is proven: safe (what cannot stop a program that works), or `all`")
	fs.Lookup("fix").NoOptDefVal = "safe"
	fs.BoolVar(&f.diff, "diff", false, "print the edits of --fix=all, or of --fix=safe, as one diff; write nothing")
	f.registerInputs(fs)
	fs.StringVar(&f.compliance, "compliance", "", "print a compliance report instead: "+strings.Join(compliance.Names(), ", "))
	f.registerRun(fs)
}

// registerTable adds the flags of rbac and network, which run no rule.
func (f *flags) registerTable(fs *pflag.FlagSet) {
	fs.StringVarP(&f.tableFormat, "format", "f", "text", "text or json")
	f.registerConfig(fs)
	f.registerRendering(fs)
	f.registerInputs(fs)
	f.registerRun(fs)
}

func (f *flags) registerConfig(fs *pflag.FlagSet) {
	fs.StringVarP(&f.config, "config", "c", "", "configuration `FILE` (default: the nearest .manilint.yaml above each input)")
	fs.BoolVar(&f.noConfig, "no-config", false, "read no configuration")
}

func (f *flags) registerRules(fs *pflag.FlagSet) {
	fs.StringVar(&f.profile, "profile", "", "rules to run: default, baseline, restricted or all")
	fs.StringSliceVar(&f.enable, "enable", nil, "also run these `RULES` or groups")
	fs.StringSliceVar(&f.disable, "disable", nil, "do not run these `RULES` or groups")
	fs.StringSliceVar(&f.only, "only", nil, "run only these `RULES` or groups")
}

func (f *flags) registerRendering(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.values, "values", nil, "Helm: values `FILE`, repeatable")
	fs.StringArrayVar(&f.set, "set", nil, "Helm: set a value, `KEY=VALUE`")
	fs.StringArrayVar(&f.setString, "set-string", nil, "Helm: set a string, `KEY=VALUE`")
	fs.StringArrayVar(&f.setFile, "set-file", nil, "Helm: set a value from a file, `KEY=FILE`")
	fs.StringVar(&f.releaseName, "release-name", "", "Helm: the release's `NAME`")
	fs.StringVarP(&f.namespace, "namespace", "n", "", "the `NAMESPACE` of objects that name none")
	fs.StringVar(&f.kubeVersion, "kube-version", "", "the Kubernetes `VERSION` deployed to (default: the newest known)")
	fs.StringSliceVar(&f.apiVersions, "api-versions", nil, "Helm: API `VERSIONS` that the cluster has besides the common ones")
	fs.BoolVar(&f.ciValues, "ci-values", false, "Helm: render each chart's ci/*-values.yaml as well")
}

func (f *flags) registerInputs(fs *pflag.FlagSet) {
	fs.BoolVar(&f.noGitignore, "no-gitignore", false, "lint what git ignores")
	fs.BoolVar(&f.allowEmpty, "allow-empty", false, "accept an input without any Kubernetes object")
}

func (f *flags) registerRun(fs *pflag.FlagSet) {
	fs.IntVarP(&f.jobs, "jobs", "j", 0, "units and rules at work at once (default: the number of processors)")
	f.registerLimits(fs)
	fs.BoolVar(&f.stats, "stats", false, "print a table of units and rules on standard error")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "name each unit on standard error")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but findings and errors")
}

// commandNames are what the first argument may name besides a path.
var commandNames = []string{"rules", "explain", "rbac", "network", "init", "test", "lsp", "mcp", "completion", "version", "help"}

// usageError is a mistake on the command line or in a configuration: exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// inputs validates what rbac and network share with linting, and returns the paths.
func (f *flags) inputs(fs *pflag.FlagSet, args []string) ([]string, error) {
	switch {
	case f.config != "" && f.noConfig:
		return nil, usagef("--config and --no-config exclude each other")
	case fs.Changed("jobs") && f.jobs < 1:
		return nil, usagef("--jobs: %d is below 1", f.jobs)
	case slices.Contains(args, ""):
		return nil, usagef("a PATH is empty; the current directory is .")
	case len(args) == 0:
		return []string{"."}, nil
	}
	if name := args[0]; fs.ArgsLenAtDash() != 0 && !strings.ContainsAny(name, `./\`) {
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			if near := lint.Nearest(name, commandNames); near != "" {
				return nil, usagef("there is no file, directory or command %q; did you mean the command %q?", name, near)
			}
		}
	}
	return args, nil
}

// choices validates the values that pflag takes as plain text.
func (f *flags) choices(fs *pflag.FlagSet) error {
	oneOf := func(flag, value string, known ...string) error {
		if slices.Contains(known, value) {
			return nil
		}
		known = slices.DeleteFunc(slices.Clone(known), func(word string) bool { return word == "" })
		return usagef("--%s: unknown value %q%s", flag, value, lint.Suggest(value, known))
	}
	severities := []string{"critical", "high", "medium", "low", "info"}
	for _, err := range []error{
		oneOf("color", f.color, "auto", "always", "never"),
		oneOf("fail-on", f.failOn, append(severities, "never")...),
		oneOf("severity", f.severity, severities...),
		oneOf("fix", f.fix, "", "safe", "all"),
		oneOf("profile", f.profile, "", "default", "baseline", "restricted", "all"),
		oneOf("compliance", f.compliance, append([]string{""}, compliance.Names()...)...),
	} {
		if err != nil {
			return err
		}
	}
	if fs.Changed("only") && len(f.only) == 0 {
		return usagef("--only names no rule")
	}
	if err := kube.CheckVersion(f.kubeVersion); err != nil {
		return usagef("--kube-version: %v", err)
	}
	if pss := regexp.MustCompile(`^(v?1\.\d+|latest)?$`); !pss.MatchString(f.pssVersion) {
		return usagef("--pss-version: %q is not a version; write it as 1.34", f.pssVersion)
	}
	if f.pssVersion != "latest" {
		if err := kube.CheckVersion(f.pssVersion); err != nil {
			return usagef("--pss-version: %v", err)
		}
	}
	return nil
}

// An output is one report to write.
type output struct {
	name   string
	format report.Format
	file   string // "" for standard output
}

// outputs returns the reports that are requested: any number to files, and one to standard
// output, which the last format without a file names.
func (f *flags) outputs() ([]output, error) {
	f.formatNamed = len(f.formats) > 0
	if !f.formatNamed {
		f.formats = []string{"text"}
	}
	var outs []output
	for _, spec := range f.formats {
		name, file, toFile := strings.Cut(spec, "=")
		format, ok := report.Formats[name]
		if !ok {
			return nil, usagef("--format: unknown format %q%s", name, lint.Suggest(name, report.Names()))
		}
		if toFile && file == "" {
			return nil, usagef("--format: %s names no file; write %s=FILE, or %s alone for standard output", spec, name, name)
		}
		if toFile { // said before the work, not after it
			if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
				return nil, usagef("--format: %s: there is no directory %s; create it first", spec, filepath.Dir(file))
			}
			if info, err := os.Stat(file); err == nil && info.IsDir() {
				return nil, usagef("--format: %s: %s is a directory; name a file in it", spec, file)
			}
		} else { // as with other flags that are repeated, the last one counts
			outs = slices.DeleteFunc(outs, func(earlier output) bool { return earlier.file == "" })
		}
		outs = append(outs, output{name, format, file})
	}
	return outs, nil
}

// useColor decides by the flag, else by the environment's conventions
// (https://no-color.org, https://bixense.com/clicolors/), else by the terminal.
func useColor(flag string, out io.Writer) bool {
	set := func(name string) bool { v := os.Getenv(name); return v != "" && v != "0" }
	switch {
	case flag == "always":
		return true
	case flag == "never" || os.Getenv("NO_COLOR") != "":
		return false
	case set("FORCE_COLOR") || set("CLICOLOR_FORCE"):
		return true
	case os.Getenv("CLICOLOR") == "0" || os.Getenv("TERM") == "dumb":
		return false
	}
	return isTerminal(out)
}

// workers is the number of units and rules at work at once.
func (f *flags) workers() int {
	if f.jobs > 0 {
		return f.jobs
	}
	return runtime.GOMAXPROCS(0)
}

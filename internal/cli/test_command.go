package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/lint/report"
	"github.com/manilint/manilint/render/tree"
)

func (c *command) testCommand() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "test [PATH ...]", Short: "run the manifests beside your own rules, as the built-in rules are tested", Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return c.test(f, args) },
	}
	f.registerConfig(cmd.Flags())
	cmd.Flags().StringVar(&f.kubeVersion, "kube-version", "", "the Kubernetes `VERSION` deployed to (default: the newest known)")
	return cmd
}

// test runs each rule of one's own on the manifests in the directory of its id, next to the
// file that holds the rule. With paths it does so for the rules in or below them.
func (c *command) test(f *flags, args []string) error {
	if f.config != "" && f.noConfig {
		return usagef("--config and --no-config exclude each other")
	}
	if err := kube.CheckVersion(f.kubeVersion); err != nil {
		return usagef("--kube-version: %v", err)
	}
	t := f.files()
	paths := args
	if len(paths) == 0 {
		paths = []string{"."}
	}
	read := map[configFile]bool{}
	tested, failures := 0, 0
	for _, path := range paths {
		if _, err := t.Stat(path); err != nil {
			return fmt.Errorf("%s cannot be read: %w", path, reason(err))
		}
		file := f.configFor(path)
		if file.path == "" {
			return usagef("no configuration holds for %s: there is no %s above it", path, config.Name)
		}
		if read[file] {
			continue
		}
		read[file] = true
		parsed, err := f.read(file)
		if err != nil {
			return err
		}
		for _, o := range parsed.Own {
			dir := filepath.Join(filepath.Dir(t.Abs(filepath.FromSlash(o.Span.Path()))), o.Rule.ID)
			if len(args) > 0 && !slices.ContainsFunc(args, func(arg string) bool {
				at := t.Abs(arg)
				return tree.Within(at, dir) || tree.Within(at, t.Abs(filepath.FromSlash(o.Span.Path()))) || tree.Within(dir, at)
			}) {
				continue
			}
			if !t.IsDir(dir) {
				c.say("note", fmt.Sprintf("%s: rule %s is not tested: there is no directory %s", o.Span.Start, o.Rule.ID, t.Display(dir)))
				continue
			}
			tested++
			for _, failure := range testRule(t, o.Rule, dir) {
				failures++
				fmt.Fprintln(c.out, report.Escape(failure))
			}
		}
	}
	if tested == 0 {
		return fmt.Errorf("no rule has manifests to test; put some into a directory with the name of the rule, next to the file that holds it")
	}
	if failures > 0 {
		c.status = exitFindings
	}
	fmt.Fprintf(c.err, "manilint: %s tested, %s\n", count(tested, "rule", "rules"), count(failures, "failure", "failures"))
	return nil
}

// failures takes what a test of a rule finds.
type failures struct{ all []string }

// stopped is what Fatalf ends a test with.
type stopped struct{}

func (f *failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.all = append(f.all, fmt.Sprintf(format, args...))
}

func (f *failures) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(stopped{})
}

// testRule runs a rule on the manifests of a directory and returns what was not expected.
func testRule(t *tree.Tree, rule *lint.Rule, dir string) []string {
	f := &failures{}
	func() {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(stopped); !ok {
					panic(p)
				}
			}
		}()
		linttest.RunSources(f, rule, t.Display(dir), testSources(t, f, dir), nil)
	}()
	return f.all
}

// testSources reads the manifests of a directory: each file is a bundle, and each subdirectory.
func testSources(t *tree.Tree, f *failures, dir string) [][]*lint.Source {
	files := t.In(dir)
	list := func(dir string) (yaml, dirs []string) {
		entries, err := files.ReadDir(dir)
		if err != nil {
			f.Fatalf("%s: %v", t.Display(dir), reason(err))
		}
		for _, e := range entries {
			switch path := filepath.Join(dir, e.Name()); {
			case strings.HasSuffix(e.Name(), ".yaml") || strings.HasSuffix(e.Name(), ".yml"):
				yaml = append(yaml, path)
			case e.IsDir():
				dirs = append(dirs, path)
			}
		}
		return yaml, dirs
	}
	open := func(paths ...string) []*lint.Source {
		var sources []*lint.Source
		for _, path := range paths {
			src, err := files.Open(path)
			if err != nil {
				f.Fatalf("%s: %v", t.Display(path), reason(err))
			}
			sources = append(sources, src)
		}
		return sources
	}
	var all [][]*lint.Source
	yaml, dirs := list(dir)
	for _, path := range yaml {
		all = append(all, open(path))
	}
	for _, dir := range dirs {
		if yaml, _ := list(dir); len(yaml) > 0 {
			all = append(all, open(yaml...))
		}
	}
	return all
}

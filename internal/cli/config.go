package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/policy/load"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
	"github.com/manilint/manilint/rules"
)

// maxConfig is what is read of a configuration before it is refused.
const maxConfig = 4 << 20

// A limitedInput fails where its reader holds more than limit bytes: it may have no end.
type limitedInput struct {
	r           io.Reader
	limit, left int64
}

func (l *limitedInput) Read(p []byte) (int, error) {
	if l.r == nil {
		return 0, io.EOF
	}
	if l.left < 0 {
		return 0, fmt.Errorf("it holds more than %s; write it to files, or raise --limit-file", tree.Size(l.limit))
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 && err == io.EOF { // one byte too many
		err = nil
	}
	return n, err
}

// bound sets what is read at the most.
func (l *limitedInput) bound(limit int64) { l.limit, l.left = limit, limit }

// A configFile is where a configuration is read from.
type configFile struct {
	path string // absolute; "" for none
	root string // what it may not lie outside of, links followed; "" where a flag names it
}

// configFor returns the configuration that holds for a path: the flag's, else
// the nearest one from the path up to the root of its git checkout, or outside of
// one up to the working directory.
func (f *flags) configFor(path string) configFile {
	if f.noConfig {
		return configFile{}
	}
	t := f.files()
	if f.config != "" {
		return configFile{path: t.Abs(f.config)}
	}
	dir := t.Abs(strings.TrimSuffix(path, "..."))
	if path == "-" {
		dir = t.Abs(".")
	}
	if info, err := t.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	root := t.GitRoot(dir)
	if cwd := t.Abs("."); root == "" && cwd != t.Home() && cwd != filepath.Dir(cwd) && tree.Within(cwd, dir) {
		root = cwd
	}
	root = cmp.Or(root, dir)
	for {
		file := filepath.Join(dir, config.Name)
		if _, err := t.Lstat(file); err == nil {
			if _, err := t.In(root).Stat(dir); err != nil { // the input was reached by a link out of the checkout
				root = dir
			}
			return configFile{file, root}
		}
		if dir == root || dir == filepath.Dir(dir) {
			return configFile{}
		}
		dir = filepath.Dir(dir)
	}
}

// files returns where inputs are read: one tree for the whole run.
func (f *flags) files() *tree.Tree {
	if f.tree == nil {
		f.tree = tree.New(nil)
	}
	return f.tree
}

// data returns what the file holds. One that was found, not named, comes with the inputs:
// it must be a regular file of the tree, whatever it links to.
func (c configFile) data(t *tree.Tree) ([]byte, error) {
	if c.root == "" {
		t.Give(c.path)
		return t.ReadFile(c.path)
	}
	in := t.In(c.root)
	if _, err := in.Stat(c.path); err != nil {
		if link, e := in.Readlink(c.path); e == nil {
			return nil, fmt.Errorf("it links to %s, which is not a file of the tree", link)
		}
	}
	return in.ReadFile(c.path)
}

// read reads a configuration and makes the rules that it brings.
func (f *flags) read(c configFile) (*config.Config, error) {
	t := f.files()
	name := t.Display(c.path)
	data, err := c.data(t)
	if err != nil {
		return nil, usagef("configuration %s: %w", name, reason(err))
	}
	if len(data) > maxConfig {
		return nil, usagef("configuration %s: it holds more than %d MiB", name, maxConfig>>20)
	}
	src := lint.NewSource(name, data)
	src.File = c.path
	var unrendered []*lint.InputError // where policies were looked for
	own := func(parsed *config.Config) ([]config.Own, []*lint.InputError) {
		return load.Rules(parsed, load.Options{
			Tree: t, Dir: filepath.Dir(c.path), KubeVersion: cmp.Or(f.kubeVersion, parsed.KubeVersion), Builtin: rules.All(),
			Render: func(paths, files []string) ([]*lint.Bundle, []*lint.InputError) {
				bundles, errs := f.policies(&group{config: parsed, dir: filepath.Dir(c.path)}, paths, files)
				for _, b := range bundles {
					errs = append(errs, b.Errors...)
				}
				unrendered = append(unrendered, errs...)
				return bundles, errs
			},
		})
	}
	parsed, errs := config.ParseWith(src, rules.All(), own)
	if len(errs) == 0 {
		errs = render.CheckConfig(t, parsed, filepath.Dir(c.path))
	}
	if len(errs) > 0 {
		var all []error
		said := map[string]bool{}
		for _, e := range slices.Concat(errs, unrendered) { // a policy that is not rendered is a rule that is not known
			if !said[e.Error()] {
				said[e.Error()] = true
				all = append(all, e)
			}
		}
		return nil, usageError{errors.Join(all...)}
	}
	return parsed, nil
}

// policies renders what paths hold, of it the units that may read one of some files; all
// where there are none. It does not mention what is not there: what is linted is what counts.
func (f *flags) policies(g *group, paths, files []string) ([]*lint.Bundle, []*lint.InputError) {
	ctx := context.Background()
	o := f.renderOptions(g, nil)
	o.ReleaseName, o.ValueFiles, o.Set, o.SetString, o.SetFile = "", nil, nil, nil, nil
	if exclude := o.Exclude; exclude != nil && len(files) == 0 {
		// a directory of policies that is excluded as a whole is not linted; its policies are judged all the same
		var named []string
		for _, path := range paths {
			at := f.files().Abs(path)
			if exclude(at) || exclude(filepath.Join(at, "\x00.yaml")) { // a file of any name
				named = append(named, at)
			}
		}
		o.Exclude = func(path string) bool {
			return exclude(path) && !slices.ContainsFunc(named, func(at string) bool { return tree.Within(at, path) })
		}
	}
	plan := render.NewPlan(ctx, paths, o)
	defer plan.Close()
	var bundles []*lint.Bundle
	errs := plan.Errors
	for _, u := range plan.Units {
		if scope, ok := u.Scope(); ok && len(files) > 0 && !slices.ContainsFunc(files, func(file string) bool {
			return slices.ContainsFunc(scope, func(in string) bool { return tree.Within(in, file) })
		}) {
			continue
		}
		r := u.Render(ctx)
		bundles, errs = append(bundles, r.Bundles...), append(errs, r.Errors...)
	}
	return bundles, errs
}

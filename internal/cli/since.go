package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/internal/since"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/render/tree"
)

// ends finds what --since and --staged compare, and makes the new end what is linted; nil
// where neither is given. The paths are those of the checkout, its links resolved.
func (f *flags) ends(paths []string) (*since.Ends, []string, error) {
	if f.since == "" && !f.staged {
		return nil, paths, nil
	}
	flag := "--since"
	if f.since == "" {
		flag = "--staged"
	}
	switch {
	case f.writeBaseline != "":
		return nil, nil, usagef("%s and --write-baseline exclude each other: a baseline holds all findings", flag)
	case f.compliance != "":
		return nil, nil, usagef("%s and --compliance exclude each other: a control is judged by all findings", flag)
	case slices.Contains(paths, "-"):
		return nil, nil, usagef("%s compares files of a git checkout; standard input (-) is not one", flag)
	}
	root := ""
	files := tree.New(nil)
	files.ResolveCwd()
	for i, path := range paths {
		of := files.GitRoot(strings.TrimSuffix(path, "..."))
		if of == "" {
			return nil, nil, usagef("%s: %s is not in a git checkout", flag, path)
		}
		if root != "" && of != root {
			return nil, nil, usagef("%s: %s and %s are in different git checkouts; lint each on its own", flag, paths[0], path)
		}
		root = of
		real, err := files.EvalSymlinks(root)
		if rel, relErr := filepath.Rel(root, files.Abs(path)); err == nil && relErr == nil && real != root {
			paths[i] = filepath.Join(real, rel)
		}
	}
	ends, err := since.Find(root, f.since, f.staged)
	var unknown *since.RevisionError
	switch {
	case errors.As(err, &unknown) && !errors.Is(err, tree.ErrShallow):
		return nil, nil, usagef("%s: %w", flag, err)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", flag, err)
	}
	f.tree = ends.Now
	if f.wall != "" {
		ends.Now.Confine(f.wall)
		ends.Then.Confine(f.wall)
	}
	return ends, paths, nil
}

// checkSince lints the end that is new and suppresses what the other one has, too.
func (c *command) checkSince(f *flags, ends *since.Ends, groups []*group, paths []string, full bool) (*covered, *lint.Report, error) {
	p := newProgress(c.behindErr, !f.quiet)
	defer p.wipe()
	open := func(ctx context.Context, t *tree.Tree) (*since.End, error) { return f.at(t).plan(ctx, paths, p) }
	then, note, err := c.then(f.at(ends.Then), paths, ends.Name, p)
	if err != nil {
		return nil, nil, err
	}
	now, err := f.plan(c.ctx, paths, p)
	if err != nil {
		return nil, nil, err
	}
	r := since.Run(c.ctx, now, then, since.Options{
		Revision: ends.Name, Name: f.name, Exists: f.exists, All: full, Begin: p.begin, Open: open,
	})
	c.checked, c.same = r.Checked, r.Same
	rep := r.Report
	if note != "" {
		rep.Notes = append(rep.Notes, lint.Note{Message: rep.Masks.Redact(note)})
	}
	all := &covered{}
	for i, g := range now.Groups {
		files, skipped := g.Plan.Counts()
		rep.Stats.Files, rep.Stats.Skipped, all.hidden = rep.Stats.Files+files, rep.Stats.Skipped+skipped, all.hidden+g.Plan.Hidden
		if c.holds {
			res := render.Load(c.ctx, groups[i].paths, f.renderOptions(groups[i], nil))
			all.bundles = append(all.bundles, slices.Concat(res.Bundles, res.Focused)...)
		}
	}
	if r.Same == 0 {
		f.empty(rep, paths, all.hidden)
	}
	return all, rep, nil
}

// at returns the flags for another tree.
func (f *flags) at(t *tree.Tree) *flags {
	g := *f
	g.tree, g.checkout = t, f.root()
	t.SetLimit(f.files().Limit())
	return &g
}

// plan plans the paths in the tree of the flags.
func (f *flags) plan(ctx context.Context, paths []string, p *progress) (*since.End, error) {
	groups, err := f.group(paths)
	if err != nil {
		return nil, err
	}
	end := &since.End{Tree: f.files()}
	for _, g := range groups {
		group := session.Group{Plan: render.NewPlan(ctx, g.paths, f.renderOptions(g, nil)), Options: f.engineOptions(g, p), File: g.file}
		if g.file != "" {
			text, err := f.files().ReadFile(g.file)
			if err != nil {
				return nil, err
			}
			group.Config = string(text)
		}
		end.Groups = append(end.Groups, group)
	}
	return end, nil
}

// then plans the revision: the paths that it has, with the files that flags name as they
// were. Where its configuration is wrong, none holds for it, which is said.
func (c *command) then(f *flags, paths []string, name string, p *progress) (end *since.End, note string, err error) {
	t := f.files()
	there := func(path string) bool { _, err := t.Stat(path); return err == nil }
	var kept []string
	for _, path := range paths {
		if there(strings.TrimSuffix(path, "...")) {
			kept = append(kept, path)
		}
	}
	gone := func(path string) bool { return tree.Within(f.root(), t.Abs(path)) && !there(path) }
	f.values = slices.DeleteFunc(slices.Clone(f.values), gone)
	f.setFile = slices.DeleteFunc(slices.Clone(f.setFile), func(set string) bool {
		_, path, ok := strings.Cut(set, "=")
		return ok && gone(path)
	})
	if f.config != "" && gone(f.config) {
		f.config, f.noConfig = "", true
	}
	end, err = f.plan(c.ctx, kept, p)
	if err != nil && !f.noConfig {
		note = fmt.Sprintf("at %s: %v; that configuration is not used", name, err)
		f.config, f.noConfig = "", true
		end, err = f.plan(c.ctx, kept, p)
	}
	return end, note, err
}

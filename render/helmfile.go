package render

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/manilint/manilint/render/gitops/helmfile"
	"github.com/manilint/manilint/render/gitops/source"

	"github.com/manilint/manilint/lint"
)

var (
	helmfilesField = lint.Regexp(`(?m)^helmfiles\s*:`)
	listedPath     = lint.Regexp(`(?m)^\s*(?:-\s*)?(?:-?\s*path\s*:\s*)?["']?([^"'\s{}]+\.(?:yaml|yml)(?:\.gotmpl)?)["']?\s*$`)
)

// helmfiles plans what the helmfiles of a tree deploy; those that another one names are
// deployed by that. Of files that were named alone those count that they, or a chart of
// theirs, are named.
func (l *loader) helmfiles(p *part, files []string, charts, named []string) []*Unit {
	look := l.files.Record()
	inner := map[string]bool{}
	for _, file := range files {
		data, err := look.ReadFile(file)
		if err != nil {
			continue
		}
		if at := helmfilesField().FindIndex(data); at != nil {
			for _, m := range listedPath().FindAllSubmatch(data[at[1]:], -1) {
				inner[filepath.Join(filepath.Dir(file), filepath.FromSlash(string(m[1])))] = true
			}
		}
	}
	var units []*Unit
	for _, file := range files {
		if inner[file] {
			continue
		}
		u := l.unit(p, "helm", l.files.Display(file), Walked, l.files, func(ctx context.Context, u *Unit) *Rendered {
			bounds := l.boundary(filepath.Dir(file))
			l.mu.Lock()
			if l.addresses[bounds] == nil {
				l.addresses[bounds] = source.Addresses(bounds, l.Repositories)
			}
			c := source.NewCheckout(u.files.In(bounds), p.charts, l.addresses[bounds])
			l.mu.Unlock()
			w := helmfile.Wanted(ctx, file, c)
			if p.focused && !slices.ContainsFunc(w.Files, func(path string) bool { return slices.Contains(named, path) }) {
				w.Charts = slices.DeleteFunc(w.Charts, func(c *source.Chart) bool { return !slices.Contains(charts, c.Chart) })
				w.Notes, w.Errors = nil, nil
			}
			return &Rendered{Asks: l.asks(u, &w.Wanted), Notes: w.Notes, Errors: w.Errors}
		})
		u.Key = "helmfile\x00" + u.Key
		if p.focused {
			u.Why = Owner
			u.Key += "\x00named"
		}
		units = append(units, u)
	}
	return units
}

// isHelmfile reports whether a file of the tree is a helmfile.
func (w *walker) isHelmfile(path string) bool {
	name := filepath.Base(path)
	if !strings.HasPrefix(name, "helmfile.") && filepath.Base(filepath.Dir(path)) != "helmfile.d" {
		return false
	}
	data, err := w.tree.ReadFile(path)
	return err == nil && helmfile.Is(path, data)
}

// sorted returns paths in order, each once.
func sorted(paths []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(paths)))
}

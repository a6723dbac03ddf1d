package since

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/utils/diff"
	"github.com/sergi/go-diff/diffmatchpatch"

	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/internal/session"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render"
)

// Role is that of the related place that names a change.
const Role = "change"

// How many changed files, and changes of one file, are tried before the search is stopped:
// each costs a rendering of the units of the findings.
const (
	maxFiles = 12
	maxHunks = 8
)

// A hunk is lines of a file that were changed: [oldFrom, oldTo) became [from, to), from 1.
type hunk struct{ oldFrom, oldTo, from, to int }

// hunks compares two files a line at a time.
func hunks(old, now []byte) []hunk {
	var all []hunk
	o, n := 1, 1
	open := false
	for _, d := range diff.Do(string(old), string(now)) {
		lines := strings.Count(d.Text, "\n")
		if !strings.HasSuffix(d.Text, "\n") {
			lines++
		}
		if d.Type == diffmatchpatch.DiffEqual {
			o, n, open = o+lines, n+lines, false
			continue
		}
		if !open {
			all, open = append(all, hunk{o, o, n, n}), true
		}
		h := &all[len(all)-1]
		if d.Type == diffmatchpatch.DiffDelete {
			o += lines
			h.oldTo = o
		} else {
			n += lines
			h.to = n
		}
	}
	return all
}

// documents returns the YAML documents of a file that is gone, each as lines that were removed.
func documents(old []byte) []hunk {
	var all []hunk
	from, n := 1, 0
	for text := range bytes.Lines(old) {
		if n++; bytes.HasPrefix(text, []byte("---")) && n > from {
			all, from = append(all, hunk{from, n, 1, 1}), n
		}
	}
	return append(all, hunk{from, n + 1, 1, 1})
}

// undo returns a file with one change put back.
func (h hunk) undo(old, now []byte) []byte {
	before, after := bytes.SplitAfter(old, []byte("\n")), bytes.SplitAfter(now, []byte("\n"))
	return bytes.Join(slices.Concat(after[:h.from-1], before[h.oldFrom-1:min(h.oldTo-1, len(before))], after[min(h.to-1, len(after)):]), nil)
}

// explain relates to findings on lines that are as they were the change that made them.
func (c *comparison) explain(ctx context.Context, rep *lint.Report) {
	var open []*lint.Finding
	for _, f := range rep.Findings {
		if f.State == lint.New && c.untouched(f) {
			open = append(open, f)
		}
	}
	units := map[string]bool{}
	files := map[string]bool{}
	for _, f := range open {
		for _, r := range f.Renderings {
			for id := range c.shows[r] {
				units[id] = true
				for path := range c.inputs[id] {
					files[path] = true
				}
			}
		}
	}
	for _, g := range c.now.Groups {
		if old, ok := c.configs[g.File]; g.File != "" && (!ok || old != g.Config) && len(open) > 0 {
			files[g.File] = true
		}
	}
	var paths []string
	for path := range files {
		if c.now.Tree.IsFile(path) || c.then.Tree.IsFile(path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	if len(paths) > maxFiles {
		return
	}
	for _, path := range paths {
		if len(open) == 0 || ctx.Err() != nil {
			return
		}
		old, _ := c.then.Tree.ReadFile(path)
		now, _ := c.now.Tree.ReadFile(path)
		if !c.then.Tree.IsFile(path) {
			old = nil
		}
		left, gone := c.without(ctx, open, units, path, old)
		open = left
		if len(gone) == 0 {
			continue
		}
		changes := hunks(old, now)
		if objects := documents(old); now == nil && len(objects) > 1 && len(objects) <= maxHunks {
			for _, h := range objects { // of a file that is gone, the object that matters
				var by []*lint.Finding
				gone, by = c.without(ctx, gone, units, path, lines(old, h.oldFrom, h.oldTo))
				c.relate(by, path, h, old, now)
			}
		}
		if old != nil && now != nil && len(changes) > 1 && len(changes) <= maxHunks {
			for _, h := range changes {
				var by []*lint.Finding
				gone, by = c.without(ctx, gone, units, path, h.undo(old, now))
				c.relate(by, path, h, old, now)
			}
		}
		if len(gone) > 0 && len(changes) > 0 {
			c.relate(gone, path, changes[0], old, now)
		}
	}
}

// untouched reports whether a finding is reported on lines of a file that the revision has.
func (c *comparison) untouched(f *lint.Finding) bool {
	if !f.Span.IsValid() {
		return false
	}
	path := f.Span.Start.Source.File
	old, err := c.then.Tree.ReadFile(path)
	if err != nil {
		return false
	}
	now, err := c.now.Tree.ReadFile(path)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(hunks(old, now), func(h hunk) bool { return h.from <= f.Span.Start.Line && f.Span.Start.Line < h.to })
}

// without splits findings into those that are still there with other bytes in a file, nil for
// none, and those that are gone.
func (c *comparison) without(ctx context.Context, findings []*lint.Finding, units map[string]bool, path string, data []byte) (left, gone []*lint.Finding) {
	end, err := c.Open(ctx, c.now.Tree.Edit(map[string][]byte{path: data}))
	if err != nil {
		return findings, nil
	}
	var groups []engine.Group
	rendered := map[lint.Rendering]bool{}
	for i := range end.Groups {
		group := c.run(ctx, &end.Groups[i], func(g *session.Group, all []*render.Unit, _ bool) []engine.Unit { return c.chosen(g, all, units) })
		for _, r := range group.Results {
			if len(r.Errors) == 0 {
				rendered[r.Rendering] = true
			}
		}
		groups = append(groups, group)
	}
	there := map[string]*lint.Finding{}
	for _, f := range engine.Merge(groups...).Findings {
		there[f.Fingerprint] = f
	}
	for _, f := range findings {
		still := there[f.Fingerprint]
		lost := func(r lint.Rendering) bool {
			return rendered[r] && (still == nil || !slices.Contains(still.Renderings, r))
		}
		if !slices.ContainsFunc(f.Renderings, lost) && (still == nil || !bound(f, still)) {
			left = append(left, f)
		} else {
			gone = append(gone, f)
		}
	}
	return left, gone
}

// chosen makes units of those whose ids are given, and of what requests others.
func (c *comparison) chosen(g *session.Group, all []*render.Unit, ids map[string]bool) []engine.Unit {
	var units []engine.Unit
	for _, u := range all {
		id := idOf(g, u)
		asks := slices.ContainsFunc(c.asked[id], func(ask string) bool { return ids[ask] })
		if !ids[id] && !asks {
			continue
		}
		units = append(units, c.unit(g, u, func(r *render.Rendered) []engine.Unit { return c.chosen(g, r.Asks, ids) }))
	}
	return units
}

var kindLine = regexp.MustCompile(`(?m)^kind:\s*["']?(\w+)`)

// relate names a change of a file: what the revision had there, or what is there now.
func (c *comparison) relate(findings []*lint.Finding, path string, h hunk, old, now []byte) {
	if len(findings) == 0 {
		return
	}
	t, from, to, text := c.then.Tree, h.oldFrom, h.oldTo, old
	message := "since " + c.Revision + " this is gone"
	revision := c.Revision
	switch kinds := kindLine.FindAllSubmatch(old, -1); {
	case old == nil:
		t, from, to, text, message, revision = c.now.Tree, h.from, h.to, now, "since "+c.Revision+" this file is new", ""
	case h.oldFrom == h.oldTo:
		t, from, to, text, message, revision = c.now.Tree, h.from, h.to, now, "since "+c.Revision+" this is new", ""
	case h.from < h.to:
		message = "since " + c.Revision + " this was changed"
	default:
		removed := kindLine.FindAllSubmatch(lines(old, h.oldFrom, h.oldTo), -1)
		if len(removed) == 1 {
			message = "since " + c.Revision + " this " + noun(string(removed[0][1])) + " is gone"
		} else if now == nil && len(kinds) > 1 {
			message = "since " + c.Revision + " this file is gone"
		}
	}
	src, err := t.Open(path)
	if err != nil {
		return
	}
	line := from
	for n := from; n < to; n++ { // the first line that says something
		said := strings.TrimSpace(string(lines(text, n, n+1)))
		if said != "" && said != "---" && !strings.HasPrefix(said, "#") {
			line = n
			break
		}
	}
	for _, f := range findings {
		f.Related = append(f.Related, lint.Related{Role: Role, Message: message, Span: src.LineSpan(line), Revision: revision})
	}
}

func noun(kind string) string {
	if strings.HasSuffix(kind, "Policy") {
		return "policy"
	}
	return kind
}

// lines returns the lines [from, to) of a text, from 1.
func lines(text []byte, from, to int) []byte {
	all := bytes.SplitAfter(text, []byte("\n"))
	return bytes.Join(all[min(from-1, len(all)):min(to-1, len(all))], nil)
}

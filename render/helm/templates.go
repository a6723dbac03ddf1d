package helm

import (
	"context"
	"fmt"
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/manilint/manilint/lint"
)

// execute renders every template of the chart.
func (t *tree) execute(ctx context.Context, c *chart.Chart, values chartutil.Values, limit int) (r *rendered) {
	r = &rendered{result: &result{}, files: map[string]*file{}}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("rendering panicked: %v", p)
		}
	}()
	e := newEngine(ctx, limit)
	e.addBlocks(t.fileBlocks(c))
	templates := map[string]*unit{}
	t.units(e, c, e.context(values), "", nil, templates)
	for name, u := range templates {
		r.files[name] = fileOf(u.file)
	}
	r.result = e.render(templates)
	return r
}

// A rendered chart is what its templates gave, which the engine knows by their names.
type rendered struct {
	*result
	files map[string]*file // of the templates, by Helm's names of them
	err   error            // of the rendering as a whole
}

// fileOf returns the file that the engine was given with a text; nil where there is none.
func fileOf(known any) *file {
	f, _ := known.(*file)
	return f
}

// enabledBy returns the guard of a subchart: the values of its condition and tags. prefix
// is the path of its parent's values.
func enabledBy(parent *chart.Chart, name, prefix string, outer *guard) *guard {
	for _, d := range parent.Metadata.Dependencies {
		if d == nil || d.Name != name {
			continue
		}
		var paths []string
		for _, condition := range strings.Split(d.Condition, ",") {
			if condition = strings.TrimSpace(condition); condition != "" {
				paths = append(paths, descendant(prefix, strings.Split(condition, ".")))
			}
		}
		for _, tag := range d.Tags {
			paths = append(paths, "tags\x00"+tag)
		}
		if len(paths) > 0 { // the first that is set decides
			asked := condition{op: asksAll}
			for _, path := range paths {
				asked.args = append(asked.args, condition{op: asksSet, operand: path})
			}
			return &guard{decision: decision{asked: &asked}, paths: paths, depth: -1, next: outer}
		}
	}
	return outer
}

func descendant(prefix string, fields []string) string {
	for _, field := range fields {
		prefix = child(prefix, field)
	}
	return prefix
}

// units collects the templates of a chart and its subcharts, as Helm does. prefix is the
// path of the chart's values.
func (t *tree) units(e *engine, c *chart.Chart, values chartutil.Values, prefix string, enabled *guard, into map[string]*unit) map[string]any {
	subcharts := map[string]any{}
	meta := struct {
		chart.Metadata
		IsRoot bool
	}{*c.Metadata, c.IsRoot()}
	t.describe(e, c, &meta.Metadata)
	next := chartutil.Values{
		"Chart": meta, "Files": newFiles(c.Files), "Release": values["Release"], "Capabilities": values["Capabilities"],
		"Values": make(chartutil.Values), "Subcharts": subcharts,
	}
	if c.IsRoot() {
		next["Values"] = values["Values"]
	} else if own, err := values.Table("Values." + c.Name()); err == nil {
		next["Values"] = own
	}
	for _, sub := range c.Dependencies() {
		subcharts[sub.Name()] = t.units(e, sub, next, child(prefix, sub.Name()), enabledBy(c, sub.Name(), prefix, enabled), into)
	}
	for _, x := range c.Templates {
		if x == nil || strings.EqualFold(c.Metadata.Type, "library") && !strings.HasPrefix(path.Base(x.Name), "_") {
			continue
		}
		u := &unit{text: string(x.Data), values: next, guard: enabled, basePath: path.Join(c.ChartFullPath(), "templates")}
		if len(x.Data) > 0 {
			if f := t.byRef[&x.Data[0]]; f != nil {
				u.file = f
			}
		}
		into[path.Join(c.ChartFullPath(), x.Name)] = u
	}
	return next
}

// describe makes what templates print of Chart.yaml known.
func (t *tree) describe(e *engine, c *chart.Chart, m *chart.Metadata) {
	f := t.named[t.dirOf(c)+"Chart.yaml"]
	if f == nil {
		return
	}
	docs, _ := lint.ParseYAML(f.src)
	if len(docs) == 0 {
		return
	}
	root := lint.NewNode(docs[0])
	for key, field := range map[string]*string{"name": &m.Name, "version": &m.Version, "appVersion": &m.AppVersion} {
		if n := root.Get(key); n.IsScalar() && *field != "" {
			at := lint.NodeSpan(f.src, n.YAML()).Start.Offset - f.skip
			*field = e.text(*field, &origin{kind: fromFile, file: f, fixed: true, at: at})
		}
	}
}

// fileBlocks returns the content of the files that templates may read.
func (t *tree) fileBlocks(c *chart.Chart) []known {
	var blocks []known
	for _, f := range c.Files {
		if len(f.Data) == 0 {
			continue
		}
		if rec := t.byRef[&f.Data[0]]; rec != nil {
			s := shared(f.Data)
			blocks = append(blocks, known{s, []segment{{end: len(s), o: &origin{kind: fromFile, file: rec}, exact: true}}})
		}
	}
	for _, sub := range c.Dependencies() {
		blocks = append(blocks, t.fileBlocks(sub)...)
	}
	return blocks
}

func newFiles(from []*chart.File) files {
	f := files{}
	for _, file := range from {
		f[file.Name] = file.Data
	}
	return f
}

package helm

import (
	"context"
	"fmt"
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// execute renders every template of the chart. It ends soon after ctx: whatever a template
// does, between two looks at it stands one call of a function on a bounded argument.
func (t *tree) execute(ctx context.Context, c *chart.Chart, values chartutil.Values, limit int) (r *rendered) {
	r = &rendered{Result: &trace.Result{}, files: map[string]*file{}}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("rendering panicked: %v", p)
		}
	}()
	if ctx.Err() != nil {
		r.err = context.Cause(ctx)
		return r
	}
	e := trace.NewEngine(ctx, limit)
	e.Memory, e.Parsed = limits.Memory(ctx, trace.MaxMemory), &t.parsed
	t.addFiles(e, c)
	templates := map[string]*trace.Unit{}
	t.units(e, c, e.Context(values), "", nil, templates)
	for name, u := range templates {
		r.files[name] = fileOf(u.File)
	}
	r.Result = e.Render(templates)
	return r
}

// A rendered chart is what its templates gave, which the engine knows by their names.
type rendered struct {
	*trace.Result
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
func enabledBy(parent *chart.Chart, name, prefix string, outer *trace.Guard) *trace.Guard {
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
			asked := trace.Condition{Op: trace.AsksAll}
			for _, path := range paths {
				asked.Args = append(asked.Args, trace.Condition{Op: trace.AsksSet, Operand: path})
			}
			return &trace.Guard{Decision: trace.Decision{Asked: &asked}, Paths: paths, Depth: -1, Next: outer}
		}
	}
	return outer
}

func descendant(prefix string, fields []string) string {
	for _, field := range fields {
		prefix = trace.Child(prefix, field)
	}
	return prefix
}

// units collects the templates of a chart and its subcharts, as Helm does. prefix is the
// path of the chart's values.
func (t *tree) units(e *trace.Engine, c *chart.Chart, values chartutil.Values, prefix string, enabled *trace.Guard, into map[string]*trace.Unit) map[string]any {
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
		subcharts[sub.Name()] = t.units(e, sub, next, trace.Child(prefix, sub.Name()), enabledBy(c, sub.Name(), prefix, enabled), into)
	}
	for _, x := range c.Templates {
		if x == nil || strings.EqualFold(c.Metadata.Type, "library") && !strings.HasPrefix(path.Base(x.Name), "_") {
			continue
		}
		u := &trace.Unit{Text: trace.Shared(x.Data), Values: next, Guard: enabled, BasePath: path.Join(c.ChartFullPath(), "templates")}
		if len(x.Data) > 0 {
			if f := t.byRef[&x.Data[0]]; f != nil {
				u.File = f
			}
		}
		into[path.Join(c.ChartFullPath(), x.Name)] = u
	}
	return next
}

// describe makes what templates print of Chart.yaml known.
func (t *tree) describe(e *trace.Engine, c *chart.Chart, m *chart.Metadata) {
	f := t.named[t.dirOf(c)+"Chart.yaml"]
	if f == nil {
		return
	}
	if f.root() == nil {
		return
	}
	root := lint.NewNode(f.root())
	for key, field := range map[string]*string{"name": &m.Name, "version": &m.Version, "appVersion": &m.AppVersion} {
		if n := root.Get(key); n.IsScalar() && *field != "" {
			at := n.Span(f.src).Start.Offset - f.skip
			*field = e.Text(*field, &trace.Origin{Kind: trace.FromFile, File: f, Fixed: true, At: at})
		}
	}
}

// addFiles tells the engine of the files that templates may read.
func (t *tree) addFiles(e *trace.Engine, c *chart.Chart) {
	for _, f := range c.Files {
		if len(f.Data) > 0 {
			if rec := t.byRef[&f.Data[0]]; rec != nil {
				e.AddFile(f.Data, rec)
			}
		}
	}
	for _, sub := range c.Dependencies() {
		t.addFiles(e, sub)
	}
}

func newFiles(from []*chart.File) trace.Files {
	f := trace.Files{}
	for _, file := range from {
		f[file.Name] = file.Data
	}
	return f
}

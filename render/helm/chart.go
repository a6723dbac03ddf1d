package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/ignore"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
	filetree "github.com/manilint/manilint/render/tree"
)

// A file is one file of a chart, as its author wrote it.
type file struct {
	name string // path in the outermost chart, as charts/redis/values.yaml
	src  *lint.Source
	skip int // bytes that the loader drops in front: a byte order mark
	// vendored says that the file belongs to a chart that others publish: its
	// findings are reported where the chart being linted can change them.
	vendored bool

	parsed sync.Once
	node   *kyaml.Node

	valued sync.Once
	layer  *valueLayer
}

// root returns the first document of the file, nil where it has none. A chart of hundreds of
// missing parts asks for that of one file for each of them.
func (f *file) root() *kyaml.Node {
	f.parsed.Do(func() {
		if docs, _ := lint.ParseYAML(f.src); len(docs) > 0 {
			f.node = docs[0]
		}
	})
	return f.node
}

// values returns the layer of values that the file, a chart's values.yaml, holds.
func (f *file) values() *valueLayer {
	f.valued.Do(func() { f.layer = &valueLayer{src: f.src, root: parseValues(f.src), vendored: f.vendored} })
	return f.layer
}

// span returns the place of the bytes from (inclusive) to (exclusive) of the loaded text.
func (f *file) span(from, to int) lint.Span { return f.src.Span(f.skip+from, f.skip+to) }

// loaded returns the text that the loader sees.
func (f *file) loaded() string { return trace.Shared(f.src.Data[f.skip:]) }

// A tree is what lies in a chart's directory or archive.
type tree struct {
	root  string // the directory or archive
	shown string // root, as reports print it
	files []*loader.BufferedFile
	byRef map[*byte]*file // by the first byte of what was handed to the loader
	named map[string]*file
	homes map[string]string // by path in the chart, as charts/redis/: the directory of a file:// dependency
	size  *size             // what is read now, file:// dependencies included
	own   size              // what lies in the directory or archive itself
	skip  string            // a .helmignore that cannot be read
	errs  []*lint.InputError
	cache *filetree.Tree

	entries map[string][]dependencyEntry // by the directory of the chart
	chart   *loaded                      // what the files make; nil until it is needed
	schemas map[*byte]*schema            // by the first byte of their text
	parsed  trace.Parsed
}

// A size is how much of a chart, its dependencies included, was read.
type size struct {
	files, dirs int
	bytes       int64
	siblings    int // file:// dependencies taken in
}

// What one chart may hold, its dependencies included. The largest charts in use hold a
// tenth of it.
const (
	maxChartFiles    = 20000
	maxChartBytes    = 128 << 20
	maxDependencies  = 1000 // of one Chart.yaml: Helm compares each with each
	maxArchivesDeep  = 20
	maxSiblingsDeep  = 20
	maxSiblingsTaken = 200
)

// took counts a file, and says when it is one too many.
func (s *size) took(bytes int) error {
	s.files++
	s.bytes += int64(bytes)
	switch {
	case s.files > maxChartFiles:
		return fmt.Errorf("the chart has more than %d files", maxChartFiles)
	case s.bytes > maxChartBytes:
		return fmt.Errorf("the chart and its packed dependencies are larger than %s", filetree.Size(maxChartBytes))
	}
	return nil
}

// readTree reads the chart at path, a directory or an archive.
func readTree(root string, cache *filetree.Tree) (*tree, error) {
	t := &tree{
		root: root, shown: cache.Display(root), byRef: map[*byte]*file{}, named: map[string]*file{},
		homes: map[string]string{}, size: &size{}, cache: cache,
	}
	info, err := cache.Stat(root)
	if err != nil {
		return t, err
	}
	if !info.IsDir() {
		src, err := cache.Open(root)
		if err != nil {
			return t, err
		}
		err = t.addArchive(src.Data, t.shown, "")
		t.own = *t.size
		return t, err
	}
	err = t.addDir(root, "")
	t.own = *t.size
	return t, err
}

// unread says why the chart cannot be read, at its Chart.yaml or archive.
func (t *tree) unread(err error) *lint.InputError {
	var placed *lint.InputError
	if errors.As(err, &placed) {
		return placed
	}
	return &lint.InputError{Message: fmt.Sprintf("chart %s: %v", t.shown, reason(err)), Span: t.home()}
}

// home is the first line of Chart.yaml, or of the archive, for what no other line is to
// blame for; no place where there is neither.
func (t *tree) home() lint.Span {
	if at := t.firstLine("Chart.yaml"); at.IsValid() {
		return at
	}
	path := t.root
	if t.cache.IsDir(path) {
		path = filepath.Join(path, "Chart.yaml")
	}
	if !t.cache.IsFile(path) {
		return lint.Span{}
	}
	return t.line(path)
}

// line is the first line of a file that was not read.
func (t *tree) line(path string) lint.Span {
	return lint.NewSource(t.cache.Display(path), nil).LineSpan(1)
}

// add hands one file to the loader. name is its path in the chart; shown, where
// the archive differs from the directory that its charts are unpacked to, is the
// path that reports print.
func (t *tree) add(name string, src *lint.Source) {
	data := bytes.TrimPrefix(src.Data, []byte("\ufeff"))
	f := &file{name: name, src: src, skip: len(src.Data) - len(data)}
	t.named[name] = f
	if len(data) > 0 {
		t.byRef[&data[0]] = f
	}
	t.files = append(t.files, &loader.BufferedFile{Name: name, Data: data})
}

// addArchive adds the files of a packed chart under prefix, the charts packed in
// it unpacked too.
func (t *tree) addArchive(data []byte, shown, prefix string) error {
	at := lint.NewSource(shown, nil).LineSpan(1)
	if strings.Count(prefix, packedSuffix) > maxArchivesDeep {
		return &lint.InputError{Message: "charts are packed in one another too deeply", Span: at}
	}
	files, err := loader.LoadArchiveFiles(bytes.NewReader(data))
	if err != nil {
		return &lint.InputError{Message: fmt.Sprintf("the archive cannot be unpacked: %v", err), Span: at}
	}
	for _, f := range files {
		if err := t.size.took(len(f.Data)); err != nil {
			return &lint.InputError{Message: err.Error(), Span: at}
		}
	}
	for _, f := range files {
		at := shown + "/" + f.Name
		if isPackedChart(f.Name) {
			if err := t.addArchive(f.Data, at, prefix+f.Name+packedSuffix); err != nil {
				return err
			}
			continue
		}
		t.add(prefix+f.Name, lint.NewSource(at, f.Data))
	}
	return nil
}

// packedSuffix follows the name of an archive in charts/ in the names of its files:
// the loader takes charts/redis.tgz~/ for a directory.
const packedSuffix = "~/"

func isPackedChart(name string) bool {
	dir, base := path.Split(name)
	return path.Base(path.Clean(dir)) == "charts" && path.Ext(base) == ".tgz" && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_")
}

// addDir adds the files below a directory under prefix, but for those that
// .helmignore leaves out. It follows symbolic links as Helm does, but none that
// leaves the jail.
func (t *tree) addDir(dir, prefix string) error {
	rules := ignore.Empty()
	path := filepath.Join(dir, ignore.HelmIgnore)
	src, err := t.cache.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		t.fail(t.line(path), "unreadable: %v; the chart is read without it", reason(err))
		t.skip = path
	default:
		if rules, err = ignore.Parse(bytes.NewReader(src.Data)); err != nil {
			return &lint.InputError{Message: fmt.Sprintf("the chart cannot be loaded: %v", err), Span: badIgnore(src)}
		}
	}
	rules.AddDefaults()
	return t.walk(dir, "", prefix, rules, map[string]bool{})
}

// badIgnore returns the line of a .helmignore that Helm refuses.
func badIgnore(src *lint.Source) lint.Span {
	for n := 1; n <= src.Lines(); n++ {
		if _, err := ignore.Parse(strings.NewReader(src.Line(n))); err != nil {
			return src.LineSpan(n)
		}
	}
	return src.LineSpan(1)
}

func (t *tree) walk(dir, rel, prefix string, rules *ignore.Rules, open map[string]bool) error {
	resolved, err := t.cache.EvalSymlinks(dir)
	if err != nil || open[resolved] { // a link to a directory that we are in
		return err
	}
	open[resolved] = true
	defer delete(open, resolved)
	if t.size.dirs++; t.size.dirs > maxChartFiles {
		return fmt.Errorf("the chart has more than %d directories", maxChartFiles)
	}
	entries, err := t.cache.ReadDir(dir)
	if err != nil {
		t.fail(t.line(dir), "unreadable: %v; make it readable, or name it in .helmignore", reason(err))
		return nil
	}
	for _, e := range entries {
		name, at := path.Join(rel, e.Name()), filepath.Join(dir, e.Name())
		if at == t.skip {
			continue
		}
		info, err := t.cache.Stat(at)
		if err != nil {
			if own, ownErr := t.cache.Lstat(at); ownErr == nil && rules.Ignore(name, own) {
				continue
			}
			if errors.Is(err, filetree.ErrOutside) {
				t.fail(t.line(at), "symbolic link %s points out of the linted tree and is not followed; copy the file into the chart", e.Name())
			} else {
				t.fail(t.line(at), "unreadable: %v", reason(err))
			}
			continue
		}
		if rules.Ignore(name, info) {
			continue
		}
		if info.IsDir() {
			if err := t.walk(at, name, prefix, rules, open); err != nil {
				return err
			}
			continue
		}
		if info.Size() > loader.MaxDecompressedFileSize {
			t.fail(t.line(at), "larger than the %d bytes that Helm reads; skipped", loader.MaxDecompressedFileSize)
			continue
		}
		src, err := t.cache.Open(at)
		if err != nil {
			t.fail(t.line(at), "unreadable: %v", reason(err))
			continue
		}
		if err := t.size.took(len(src.Data)); err != nil {
			return err
		}
		if isPackedChart(prefix + name) {
			if err := t.addArchive(src.Data, src.Path, prefix+name+packedSuffix); err != nil {
				t.errs = append(t.errs, t.unread(err))
			}
			continue
		}
		t.add(prefix+name, src)
	}
	return nil
}

// failOnce is fail for what each loading of the chart finds again.
func (t *tree) failOnce(at lint.Span, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(t.errs, func(e *lint.InputError) bool { return e.Span == at && e.Message == message }) {
		t.fail(at, "%s", message)
	}
}

func (t *tree) fail(at lint.Span, format string, args ...any) {
	t.errs = append(t.errs, &lint.InputError{Message: fmt.Sprintf(format, args...), Span: at})
}

// dependencyLine returns where an entry of the dependencies of the chart in a directory
// of the tree names a chart, or renames it; the first line of Chart.yaml where none does.
func (t *tree) dependencyLine(dir, name string) lint.Span {
	for _, d := range t.dependencyEntries(dir) {
		if n := d.Get("name"); n.Value() == name && n.Exists() || d.Get("alias").Value() == name && name != "" {
			if !n.Exists() {
				n = d.Node
			}
			return n.Span(d.src)
		}
	}
	return t.firstLine(dir + "Chart.yaml")
}

// A dependencyEntry is an entry of the dependencies in Chart.yaml or requirements.yaml.
type dependencyEntry struct {
	*lint.Node
	src *lint.Source
}

// dependencyEntries returns the dependencies that the chart in a directory of the tree
// lists, in order.
func (t *tree) dependencyEntries(dir string) []dependencyEntry {
	if entries, known := t.entries[dir]; known {
		return entries
	}
	var entries []dependencyEntry
	for _, base := range []string{"Chart.yaml", "requirements.yaml"} {
		f := t.named[dir+base]
		if f == nil {
			continue
		}
		docs, _ := lint.ParseYAML(f.src)
		for _, doc := range docs {
			for _, d := range lint.NewNode(doc).Get("dependencies").Items() {
				entries = append(entries, dependencyEntry{d, f.src})
			}
		}
	}
	if t.entries == nil {
		t.entries = map[string][]dependencyEntry{}
	}
	t.entries[dir] = entries
	return entries
}

// A loaded chart is a chart with its subcharts, ready to be given values. Each rendering
// has one of its own, because processing dependencies changes it.
type loaded struct {
	*chart.Chart
	missing []missing // dependencies that are not in charts/
	errs    []*lint.InputError
	notes   []lint.Note
}

// A missing dependency has a stand-in without templates.
type missing struct {
	at  lint.Span
	dep chart.Dependency
	dir string // of the chart that requests it
}

// load returns a copy of the chart that the files make, which is read once.
func (t *tree) load() (*loaded, error) {
	if t.chart == nil {
		l, err := t.read()
		if err != nil {
			return nil, err
		}
		t.chart = l
	}
	l := *t.chart
	l.Chart = copyChart(l.Chart)
	l.errs = make([]*lint.InputError, len(t.chart.errs))
	for i, e := range t.chart.errs { // each bundle has its own
		own := *e
		l.errs[i] = &own
	}
	return &l, nil
}

// copyChart returns a copy of a chart and its subcharts. The files, which nothing changes,
// are the same.
func copyChart(c *chart.Chart) *chart.Chart {
	out := *c
	metadata := *c.Metadata
	metadata.Dependencies = nil
	for _, d := range c.Metadata.Dependencies {
		own := *d
		metadata.Dependencies = append(metadata.Dependencies, &own)
	}
	out.Metadata = &metadata
	out.Values, _ = copyValue(c.Values).(map[string]any)
	subs := make([]*chart.Chart, 0, len(c.Dependencies()))
	for _, sub := range c.Dependencies() {
		subs = append(subs, copyChart(sub))
	}
	out.SetDependencies(subs...)
	return &out
}

// copyValue returns a deep copy of a value as YAML is decoded to.
func copyValue(v any) any {
	switch x := v.(type) {
	case map[string]any:
		if x == nil {
			return x
		}
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = copyValue(e)
		}
		return m
	case []any:
		if x == nil {
			return x
		}
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = copyValue(e)
		}
		return list
	}
	return v
}

// read makes a chart of the files.
func (t *tree) read() (*loaded, error) {
	files := make([]*loader.BufferedFile, len(t.files))
	for i, f := range t.files {
		files[i] = &loader.BufferedFile{Name: f.Name, Data: f.Data}
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	l := &loaded{Chart: c}
	home, err := t.cache.EvalSymlinks(t.root)
	if err != nil {
		return nil, err
	}
	*t.size = t.own // each loading takes file:// dependencies in again
	return l, t.settle(l, c, "", false, []string{home})
}

// settle finds out what is vendored, takes in file:// dependencies that lie
// next to the chart and puts a stand-in for those that are missing. within are the
// directories of the charts that led here.
func (t *tree) settle(l *loaded, c *chart.Chart, dir string, vendored bool, within []string) error {
	for _, f := range c.Raw {
		if len(f.Data) > 0 {
			if rec := t.byRef[&f.Data[0]]; rec != nil {
				rec.vendored = vendored
			}
		}
	}
	if err := t.dropNameless(c, dir); err != nil {
		l.errs = append(l.errs, err)
	}
	if n := len(c.Metadata.Dependencies); n > maxDependencies {
		at := t.firstLine(dir + "Chart.yaml")
		return &lint.InputError{Message: fmt.Sprintf("chart %s has %d dependencies, more than the %d that are read", c.Name(), n, maxDependencies), Span: at}
	}
	present := map[string]bool{}
	for _, sub := range c.Dependencies() {
		present[sub.Name()] = true
		subdir := t.dirOf(sub)
		elsewhere := strings.Contains(strings.TrimPrefix(subdir, dir), packedSuffix)
		for _, d := range c.Metadata.Dependencies {
			if d.Name == sub.Name() && d.Repository != "" && !strings.HasPrefix(d.Repository, "file://") {
				elsewhere = true
			}
		}
		if err := t.settle(l, sub, subdir, vendored || elsewhere, within); err != nil {
			return err
		}
	}
	for _, d := range c.Metadata.Dependencies {
		if present[d.Name] {
			continue
		}
		present[d.Name] = true
		sub, home, err := t.sibling(d, dir, within)
		var placed *lint.InputError
		switch {
		case errors.As(err, &placed):
			l.errs = append(l.errs, placed)
		case err != nil:
			l.errs = append(l.errs, &lint.InputError{Message: fmt.Sprintf("dependency %q: %v", d.Name, reason(err)), Span: t.dependencyLine(dir, d.Name)})
		}
		if sub != nil {
			c.AddDependency(sub)
			if err := t.settle(l, sub, t.dirOf(sub), vendored, append(within[:len(within):len(within)], home)); err != nil {
				return err
			}
			continue
		}
		stub := &chart.Chart{Metadata: &chart.Metadata{APIVersion: chart.APIVersionV2, Name: d.Name, Version: "0.0.0"}}
		c.AddDependency(stub)
		if err == nil {
			l.missing = append(l.missing, missing{t.dependencyLine(dir, d.Name), *d, dir})
		}
		for _, other := range c.Metadata.Dependencies { // an alias may request it again
			if other.Name == d.Name {
				other.Version = "*"
			}
		}
	}
	return nil
}

// dropNameless takes dependencies without a name out of a chart, which request no chart,
// and says where the first stands.
func (t *tree) dropNameless(c *chart.Chart, dir string) *lint.InputError {
	n := len(c.Metadata.Dependencies)
	c.Metadata.Dependencies = slices.DeleteFunc(c.Metadata.Dependencies, func(d *chart.Dependency) bool { return d == nil || d.Name == "" })
	if len(c.Metadata.Dependencies) == n {
		return nil
	}
	e := &lint.InputError{Message: "a dependency has no name: write name: and the name of the chart that it requires", Span: t.firstLine(dir + "Chart.yaml")}
	for _, entry := range t.dependencyEntries(dir) {
		if entry.Get("name").Value() == "" {
			e.Span = entry.Span(entry.src)
			break
		}
	}
	return e
}

// dirOf returns the directory of a chart below the root, with a slash behind it;
// "" for the root.
func (t *tree) dirOf(c *chart.Chart) string {
	for _, f := range c.Raw {
		if f.Name == "Chart.yaml" && len(f.Data) > 0 {
			if rec := t.byRef[&f.Data[0]]; rec != nil {
				return strings.TrimSuffix(rec.name, "Chart.yaml")
			}
		}
	}
	return ""
}

// directory returns where a chart below the root lies; "" for one in an archive.
func (t *tree) directory(dir string) string {
	if strings.Contains(dir, packedSuffix) || !t.cache.IsDir(t.root) {
		return ""
	}
	for prefix := dir; ; {
		if home, ok := t.homes[prefix]; ok {
			return filepath.Join(home, filepath.FromSlash(strings.TrimPrefix(dir, prefix)))
		}
		cut := strings.LastIndexByte(strings.TrimSuffix(prefix, "/"), '/')
		if cut < 0 {
			return filepath.Join(t.root, filepath.FromSlash(dir))
		}
		prefix = prefix[:cut+1]
	}
}

// sibling loads a dependency that the Chart.yaml in dir says is next to it (repository:
// file://../common), and returns where that is; nil where there is none. The error says why
// it is not read.
func (t *tree) sibling(d *chart.Dependency, dir string, within []string) (c *chart.Chart, home string, err error) {
	rel, ok := strings.CutPrefix(d.Repository, "file://")
	from := t.directory(dir)
	if !ok || from == "" {
		return nil, "", nil
	}
	at := filepath.FromSlash(rel)
	if !filepath.IsAbs(at) {
		at = filepath.Join(from, at)
	}
	switch _, err := t.cache.Stat(filepath.Join(at, "Chart.yaml")); {
	case errors.Is(err, filetree.ErrOutside):
		return nil, "", fmt.Errorf("%s: %w", d.Repository, filetree.ErrOutside)
	case err != nil:
		return nil, "", nil
	}
	if home, err = t.cache.EvalSymlinks(at); err != nil {
		return nil, "", err
	}
	t.size.siblings++
	switch {
	case slices.Contains(within, home):
		return nil, "", fmt.Errorf("%s depends on a chart that depends on this one; remove one of the two", d.Repository)
	case len(within) > maxSiblingsDeep, t.size.siblings > maxSiblingsTaken:
		return nil, "", fmt.Errorf("%s: more than %d dependencies, or %d of one another, are not followed", d.Repository, maxSiblingsTaken, maxSiblingsDeep)
	}
	prefix := dir + "charts/" + d.Name + "/"
	own := &tree{root: at, shown: t.shown, byRef: t.byRef, named: t.named, homes: t.homes, size: t.size, cache: t.cache}
	if err := own.addDir(at, prefix); err != nil {
		return nil, "", err
	}
	for _, e := range own.errs {
		t.failOnce(e.Span, "%s", e.Message)
	}
	for _, f := range own.files {
		f.Name = strings.TrimPrefix(f.Name, prefix)
	}
	c, err = loader.LoadFiles(own.files)
	if err != nil {
		return nil, "", own.loadError(err, prefix)
	}
	if !chartutil.IsCompatibleRange(d.Version, c.Metadata.Version) {
		return nil, "", nil
	}
	t.homes[prefix] = at
	return c, home, nil
}

// reportMissing says which dependencies that the values enable are not there.
func (t *tree) reportMissing(l *loaded) []*lint.InputError {
	enabled := map[string]bool{}
	var walk func(c *chart.Chart)
	walk = func(c *chart.Chart) {
		for _, d := range c.Dependencies() {
			if len(d.Raw) == 0 {
				enabled[t.dirOf(c)+d.Name()] = true
			}
			walk(d)
		}
	}
	walk(l.Chart)
	var errs []*lint.InputError
	for _, m := range l.missing {
		name := m.dep.Name
		if !enabled[m.dir+name] && !enabled[m.dir+m.dep.Alias] {
			continue
		}
		root := t.shown
		if m.dir != "" {
			root = path.Join(root, strings.ReplaceAll(m.dir, packedSuffix, "/"))
		}
		message := fmt.Sprintf("dependency %q is not in charts/, so its templates are not linted; run: helm dependency build %s", name, root)
		lacks := []string{name, path.Join(root, "charts", name)}
		if m.dep.Alias != "" {
			lacks = append(lacks, m.dep.Alias)
		}
		if m.dep.Repository != "" {
			lacks = append(lacks, m.dep.Repository, strings.TrimSuffix(m.dep.Repository, "/")+"/"+name)
		}
		errs = append(errs, &lint.InputError{Message: message, Span: m.at, Lacks: lacks})
	}
	return errs
}

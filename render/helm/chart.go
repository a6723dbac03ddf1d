package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/ignore"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/source"
)

// A file is one file of a chart, as its author wrote it.
type file struct {
	name string // path in the outermost chart, as charts/redis/values.yaml
	src  *lint.Source
	skip int // bytes that the loader drops in front: a byte order mark
	// vendored says that the file belongs to a chart that others publish: its
	// findings stand where the chart being linted can change them.
	vendored bool
}

// span returns the place of the bytes from (inclusive) to (exclusive) of the loaded text.
func (f *file) span(from, to int) lint.Span { return f.src.Span(f.skip+from, f.skip+to) }

// loaded returns the text that the loader sees.
func (f *file) loaded() string { return shared(f.src.Data[f.skip:]) }

// A tree is what lies in a chart's directory or archive.
type tree struct {
	root  string // the directory or archive
	shown string // root, as reports print it
	files []*loader.BufferedFile
	byRef map[*byte]*file // by the first byte of what was handed to the loader
	named map[string]*file
	errs  []*lint.InputError
	cache *source.Files

	entries map[string][]dependencyEntry // by the directory of the chart
}

// maxChartFiles bounds the number of files of one chart.
const maxChartFiles = 20000

// readTree reads the chart at path, a directory or an archive.
func readTree(root string, cache *source.Files) (*tree, error) {
	t := &tree{root: root, shown: cache.Display(root), byRef: map[*byte]*file{}, named: map[string]*file{}, cache: cache}
	info, err := os.Stat(root)
	if err != nil {
		return t, err
	}
	if !info.IsDir() {
		src, err := cache.Open(root)
		if err != nil {
			return t, err
		}
		return t, t.addArchive(src.Data, t.shown, "")
	}
	return t, t.addDir(root, "")
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
	if strings.Count(prefix, "charts/") > 20 {
		return errors.New("charts are nested too deeply")
	}
	files, err := loader.LoadArchiveFiles(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("unpack %s: %w", shown, err)
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
	if len(t.files) > maxChartFiles {
		return fmt.Errorf("the chart has more than %d files", maxChartFiles)
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
// leaves the directory.
func (t *tree) addDir(dir, prefix string) error {
	home, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	home, err = filepath.Abs(home)
	if err != nil {
		return err
	}
	rules := ignore.Empty()
	if src, err := t.cache.Open(filepath.Join(dir, ignore.HelmIgnore)); err == nil {
		if rules, err = ignore.Parse(bytes.NewReader(src.Data)); err != nil {
			return fmt.Errorf("%s: %w", src.Path, err)
		}
	}
	rules.AddDefaults()
	return t.walk(home, dir, "", prefix, rules, map[string]bool{})
}

func (t *tree) walk(home, dir, rel, prefix string, rules *ignore.Rules, open map[string]bool) error {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil || open[resolved] { // a link to a directory that we are in
		return err
	}
	open[resolved] = true
	defer delete(open, resolved)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	for _, e := range entries {
		name, at := path.Join(rel, e.Name()), filepath.Join(dir, e.Name())
		if e.Type()&fs.ModeSymlink != 0 && !t.inside(home, at) {
			if info, err := os.Lstat(at); err != nil || !rules.Ignore(name, info) {
				t.fail(lint.NewSource(t.cache.Display(at), nil).LineSpan(1), "symbolic link %s leads out of the chart and is not followed; copy the file into the chart", e.Name())
			}
			continue
		}
		info, err := os.Stat(at)
		if err != nil {
			t.fail(lint.NewSource(t.cache.Display(at), nil).LineSpan(1), "unreadable: %v", errors.Unwrap(err))
			continue
		}
		if rules.Ignore(name, info) {
			continue
		}
		if info.IsDir() {
			if err := t.walk(home, at, name, prefix, rules, open); err != nil {
				return err
			}
			continue
		}
		if info.Size() > loader.MaxDecompressedFileSize {
			t.fail(lint.NewSource(t.cache.Display(at), nil).LineSpan(1), "larger than the %d bytes that Helm reads; left out", loader.MaxDecompressedFileSize)
			continue
		}
		src, err := t.cache.Open(at)
		if err != nil {
			t.fail(lint.NewSource(t.cache.Display(at), nil).LineSpan(1), "unreadable: %v", err)
			continue
		}
		if isPackedChart(prefix + name) {
			if err := t.addArchive(src.Data, src.Path, prefix+name+packedSuffix); err != nil {
				t.fail(src.LineSpan(1), "%v", err)
			}
			continue
		}
		t.add(prefix+name, src)
		if len(t.files) > maxChartFiles {
			return fmt.Errorf("the chart has more than %d files", maxChartFiles)
		}
	}
	return nil
}

// inside reports whether what a path leads to lies in home.
func (t *tree) inside(home, at string) bool {
	resolved, err := filepath.EvalSymlinks(at)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(home, resolved)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
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
			return lint.NodeSpan(d.src, n.YAML())
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

// A loaded chart is a chart with its subcharts, ready to be given values. Loading
// gives a fresh one each time, because processing dependencies changes it.
type loaded struct {
	*chart.Chart
	missing []missing // dependencies that are not in charts/
	errs    []*lint.InputError
	notes   []lint.Note
}

// A missing dependency has a stand-in without templates.
type missing struct {
	chart *chart.Chart
	at    lint.Span
	dep   chart.Dependency
	dir   string // of the chart that asks for it
}

// load makes a chart of the files.
func (t *tree) load() (*loaded, error) {
	files := make([]*loader.BufferedFile, len(t.files))
	for i, f := range t.files {
		files[i] = &loader.BufferedFile{Name: f.Name, Data: f.Data}
	}
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	l := &loaded{Chart: c}
	return l, t.settle(l, c, "", false, 0)
}

// settle finds out what is vendored, takes in file:// dependencies that lie
// beside the chart and puts a stand-in for those that are missing.
func (t *tree) settle(l *loaded, c *chart.Chart, dir string, vendored bool, depth int) error {
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
	present := map[string]bool{}
	for _, sub := range c.Dependencies() {
		present[sub.Name()] = true
		subdir := t.dirOf(sub)
		elsewhere := strings.Contains(strings.TrimPrefix(subdir, dir), packedSuffix)
		for _, d := range c.Metadata.Dependencies {
			if d != nil && d.Name == sub.Name() && d.Repository != "" && !strings.HasPrefix(d.Repository, "file://") {
				elsewhere = true
			}
		}
		if err := t.settle(l, sub, subdir, vendored || elsewhere, depth+1); err != nil {
			return err
		}
	}
	for _, d := range c.Metadata.Dependencies {
		if d == nil || present[d.Name] {
			continue
		}
		present[d.Name] = true
		if sub := t.sibling(d, dir, depth); sub != nil {
			c.AddDependency(sub)
			if err := t.settle(l, sub, t.dirOf(sub), vendored, depth+1); err != nil {
				return err
			}
			continue
		}
		stub := &chart.Chart{Metadata: &chart.Metadata{APIVersion: chart.APIVersionV2, Name: d.Name, Version: "0.0.0"}}
		c.AddDependency(stub)
		l.missing = append(l.missing, missing{stub, t.dependencyLine(dir, d.Name), *d, dir})
		for _, other := range c.Metadata.Dependencies { // an alias may ask for it again
			if other != nil && other.Name == d.Name {
				other.Version = "*"
			}
		}
	}
	return nil
}

// dropNameless takes dependencies without a name out of a chart, which ask for no chart,
// and says where the first stands.
func (t *tree) dropNameless(c *chart.Chart, dir string) *lint.InputError {
	n := len(c.Metadata.Dependencies)
	c.Metadata.Dependencies = slices.DeleteFunc(c.Metadata.Dependencies, func(d *chart.Dependency) bool { return d == nil || d.Name == "" })
	if len(c.Metadata.Dependencies) == n {
		return nil
	}
	e := &lint.InputError{Message: "a dependency has no name: write name: and the name of the chart that it asks for", Span: t.firstLine(dir + "Chart.yaml")}
	for _, entry := range t.dependencyEntries(dir) {
		if entry.Get("name").Value() == "" {
			e.Span = lint.NodeSpan(entry.src, entry.YAML())
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

// sibling loads a dependency that Chart.yaml says lies in the same tree
// (repository: file://../common), or returns nil.
func (t *tree) sibling(d *chart.Dependency, dir string, depth int) *chart.Chart {
	rel, ok := strings.CutPrefix(d.Repository, "file://")
	if !ok || filepath.IsAbs(rel) || depth > 5 {
		return nil
	}
	if info, err := os.Stat(t.root); err != nil || !info.IsDir() || strings.Contains(dir, packedSuffix) {
		return nil
	}
	at := filepath.Join(t.root, filepath.FromSlash(dir), filepath.FromSlash(rel))
	if _, err := os.Stat(filepath.Join(at, "Chart.yaml")); err != nil {
		return nil
	}
	prefix := dir + "charts/" + d.Name + "/"
	own := &tree{root: at, shown: t.shown, byRef: t.byRef, named: t.named, cache: t.cache}
	if err := own.addDir(at, prefix); err != nil {
		return nil
	}
	t.errs = append(t.errs, own.errs...)
	for _, f := range own.files {
		f.Name = strings.TrimPrefix(f.Name, prefix)
	}
	c, err := loader.LoadFiles(own.files)
	if err != nil || !chartutil.IsCompatibleRange(d.Version, c.Metadata.Version) {
		return nil
	}
	return c
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
		errs = append(errs, &lint.InputError{Message: message, Span: m.at})
	}
	return errs
}

// Package render turns paths into bundles: it walks directories, tells plain
// manifests, Helm charts and Kustomize overlays apart, and renders the last two
// in this process, so that every node knows where it was written. It never opens
// a network connection and never starts another program.
//
// A chart is what Helm renders of its directory: the other manifests there are plain
// files, but for what the templates read as data. Whatever is named and found in no
// rendering is an error or a note: nothing is passed over without a word but what a
// walk leaves to git, to the configuration, and to files that hold no object.
package render

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm"
	"github.com/manilint/manilint/render/kustomize"
	"github.com/manilint/manilint/render/tree"
)

// Options say how inputs are found and rendered. The zero Options are the
// command's defaults.
type Options struct {
	ReleaseName, Namespace, KubeVersion string
	APIVersions                         []string
	ValueFiles                          []string // as helm's --values
	Set, SetString, SetFile             []string // as helm's
	Variants                            []config.Variant
	VariantRoot                         string // what the paths of Variants are relative to
	CIValues                            bool
	NoGitignore                         bool
	PSSVersion                          string
	PodPaths                            []lint.PodPath
	// Repositories are addresses under which controllers know the repository of the inputs,
	// besides those of its remotes.
	Repositories []string
	Exclude      func(path string) bool // of an absolute path; nil excludes nothing
	Jobs         int
	Stdin        io.Reader // to be read to its end, which is to come
	// Tree is where inputs are read; the file system when nil.
	Tree *tree.Tree
	// Progress, if not nil, is called as units are done; from several goroutines.
	Progress func(done, total int)
}

func (o Options) newBundle(r lint.Rendering, resources []*lint.Resource) *lint.Bundle {
	return lint.NewBundle(r, o.Namespace, resources)
}

// A Result is what inputs hold.
type Result struct {
	// Bundles are the units of the inputs that were named as a whole.
	Bundles []*lint.Bundle
	// Focused are the units of files that were named alone: of these only the
	// findings that touch a path of Focus are wanted.
	Focused []*lint.Bundle
	Focus   Focus
	Errors  []*lint.InputError // those of no unit
	Notes   []lint.Note        // what a user should know though nothing is wrong
	Files   int                // read as manifests, charts or overlays
	Skipped int                // YAML and JSON files without a Kubernetes object
	Hidden  int                // manifests, and directories, left out because git ignores them
}

// Focus is a set of files and directories, as reports print them.
type Focus []string

// Touches reports whether a finding is reported at, or names, a place of the focus.
func (f Focus) Touches(finding *lint.Finding) bool {
	if f.Holds(finding.Span.Path()) {
		return true
	}
	return slices.ContainsFunc(finding.Related, func(r lint.Related) bool {
		// the workloads of a namespace, say, are related but are not where to fix
		return slices.Contains(sourceRoles, r.Role) && f.Holds(r.Span.Path())
	})
}

var sourceRoles = []string{"value", "template", "include", "guard", "patch", "base", "overlay", "generator"}

// Holds reports whether path is in the focus, or below a directory of it.
func (f Focus) Holds(path string) bool {
	return slices.ContainsFunc(f, func(p string) bool {
		if p == "." { // the working directory itself
			return filepath.IsLocal(filepath.FromSlash(path))
		}
		return path == p || strings.HasPrefix(path, p+"/")
	})
}

// loader is one plan in the making. Once it is made, what units share is guarded by mu; the
// rest is only read.
type loader struct {
	Options
	plan    *Plan
	stopped func() bool                // the run ends
	parse   func(*lint.Source) parsed  // while the plan is made
	files   *tree.Tree                 // in no jail: for what the user named
	asked   map[string][][]string      // the values files, named by the user, to render a chart with
	found   []string                   // charts
	jails   map[string]string          // by chart: what nothing outside of is read for it
	bounds  []string                   // of the directories that were named: their jails
	charts  map[string]string          // by directory: the chart that its files belong to
	data    map[string]map[string]bool // by chart: the files that its templates read
	beside  []string                   // files in charts that are called as values files are
	walks   map[string]*units          // by jail: the trees that hold what was named alone
	patches map[string]map[string]bool // by directory: see patchesOutside
	used    map[string]bool            // files that overlays and templates read
	named   []string                   // alone
	owner   map[string]string          // by path that was named alone: its chart, "" for none
	late    *helm.Late

	addresses map[string]func() []string // by root of a checkout
	within    map[string]string          // by directory: see boundsOf
	deployed  map[string]bool            // directories of overlays that objects deploy
	doubtful  map[string]bool            // those of which that is not known before

	mu     sync.Mutex
	values map[string]bool // values files that a rendering used
	linted map[string]bool // plain files that hold an object
	read   map[string]bool // files that units read
	facts  map[*Unit]map[string]*fact
	order  []*Unit // with facts
	// fluxCharts are the HelmCharts of units that were rendered.
	fluxCharts []fluxChart
	skipped    int
	streams    int // standard input
}

// tree returns where inputs are read, with the files that flags name let in.
func (o Options) tree() *tree.Tree {
	t := o.Tree
	if t == nil {
		t = tree.New(nil)
	}
	for _, file := range o.ValueFiles {
		t.Give(file)
	}
	return t
}

// input sorts one path into what is linted as a whole and what is named alone.
func (l *loader) input(path string, whole *units) {
	// "./deploy/..." is how Go's tools spell "and below"; directories are always walked
	clean := strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(path), "/..."), "...")
	if clean == "" {
		clean = "."
	}
	abs := l.files.Abs(filepath.FromSlash(clean))
	if _, err := l.files.Stat(abs); err != nil {
		message := path + ": no such file or directory; check the path"
		if target, linked := l.files.Readlink(abs); linked == nil {
			message = fmt.Sprintf("%s links to %s, which cannot be read; fix the link", path, target)
		} else if !errors.Is(err, fs.ErrNotExist) {
			message = fmt.Sprintf("%s cannot be read: %v", path, reason(err))
		}
		l.plan.Errors = append(l.plan.Errors, &lint.InputError{Message: message})
		return
	}
	if l.Exclude(abs) {
		l.note("%s is excluded by the configuration", l.files.Display(abs))
		return
	}
	l.files.Name(abs)
	if !l.files.IsDir(abs) {
		if strings.HasSuffix(abs, ".tgz") {
			whole.charts = append(whole.charts, place{abs, jail(l.files, filepath.Dir(abs))})
		} else {
			l.named = append(l.named, abs)
		}
		return
	}
	bounds := jail(l.files, abs)
	l.bounds = append(l.bounds, bounds)
	chart := chartOf(l.files, filepath.Join(abs, "x"), bounds)
	if owned(l.files, chart, abs) {
		l.named = append(l.named, abs)
		return
	}
	found := &units{}
	root := abs
	if bounds == l.files.GitRoot(abs) {
		root = bounds
	}
	w := l.walker(found, root, bounds, abs)
	w.start(abs)
	if chart != "" && chart != abs { // to name a directory of a chart is to name its files that the chart uses
		if l.readsBelow(chart, abs) {
			l.named = append(l.named, abs)
		}
		for _, path := range found.plain {
			if chartOf(l.files, path, w.jail) == chart && isValuesName(path) {
				l.named = append(l.named, path)
			}
		}
	}
	found.plain = slices.DeleteFunc(found.plain, func(path string) bool {
		patch := l.patchesOutside(abs, bounds)[path]
		if patch {
			l.named = append(l.named, path)
		}
		return patch
	})
	if abs != bounds && len(found.overlays)+len(found.plain) > 0 {
		l.around(bounds, abs) // what applies it may lie anywhere
	}
	if abs != bounds { // a chart elsewhere in the tree may get its values here
		for _, path := range found.plain {
			if l.deploys(path, bounds) {
				l.named = append(l.named, path)
			}
		}
	}
	whole.add(found)
}

// deploys reports whether a file looks as if it deployed a chart.
func (l *loader) deploys(path, bounds string) bool {
	src, err := l.looking(bounds).Open(path)
	return err == nil && (bytes.Contains(src.Data, []byte("HelmRelease")) || bytes.Contains(src.Data, []byte("argoproj.io")) && bytes.Contains(src.Data, []byte("Application")))
}

func (u *units) add(more *units) {
	u.charts, u.overlays, u.plain = append(u.charts, more.charts...), append(u.overlays, more.overlays...), append(u.plain, more.plain...)
	u.helmfiles = append(u.helmfiles, more.helmfiles...)
	u.errs, u.notes, u.ignored = append(u.errs, more.errs...), append(u.notes, more.notes...), u.ignored+more.ignored
}

// patchesOutside returns the files that overlays of the tree around a directory, not those
// below it, make something of that is no object on its own: their patches, above all. Such a
// file stands for the overlay, as one that is named does.
func (l *loader) patchesOutside(dir, bounds string) map[string]bool {
	if dir == bounds {
		return nil
	}
	patches, known := l.patches[dir]
	if !known {
		around := slices.DeleteFunc(slices.Clone(l.around(bounds, dir).overlays), func(o place) bool { return within(dir, o.dir) })
		patches = kustomize.Parts(dirsOf(around), l.looking(bounds))
		l.patches[dir] = patches
	}
	return patches
}

// around walks the tree that holds what was named, once for each tree.
func (l *loader) around(root string, named ...string) *units {
	if l.walks[root] == nil {
		found := &units{}
		w := l.walker(found, root, root, named...)
		if l.files.GitRoot(root) == "" {
			w.limit = outsideCheckout // the tree may be a whole disk
		}
		w.start(root)
		found.cut = w.limit > 0 && w.walked > w.limit
		l.walks[root] = found
	}
	return l.walks[root]
}

// walker returns a walker for paths that are named.
func (l *loader) walker(into *units, root, jail string, asked ...string) *walker {
	return &walker{units: into, tree: l.files.In(jail).Record(), root: root, jail: jail, asked: asked, ignore: !l.NoGitignore, excluded: l.Exclude, stopped: l.stopped}
}

// reason returns what is wrong with a file without its path.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// note adds a note of no unit.
func (l *loader) note(format string, args ...any) {
	l.plan.Notes = append(l.plan.Notes, lint.Note{Message: fmt.Sprintf(format, args...)})
}

// deployers returns the objects of files that deploy charts, or give values to them.
func (l *loader) deployers(ctx context.Context, looked *tree.Tree, files []string) []*lint.Resource {
	var deploy, give []string
	for _, path := range files {
		src, err := looked.Open(path)
		switch {
		case err != nil:
		case bytes.Contains(src.Data, []byte("HelmRelease")) || bytes.Contains(src.Data, []byte("argoproj.io")):
			deploy = append(deploy, path)
		case bytes.Contains(src.Data, []byte("ConfigMap")) || bytes.Contains(src.Data, []byte("HelmChart")) || bytes.Contains(src.Data, []byte("Secret")):
			give = append(give, path)
		}
	}
	if len(deploy) == 0 {
		return nil
	}
	var objects []*lint.Resource
	for _, p := range parsePlain(ctx, looked, append(deploy, give...), l.Jobs) {
		objects = append(objects, p.resources...)
	}
	return objects
}

// dirsOf returns where places are, sorted, each once.
func dirsOf(places []place) []string {
	var dirs []string
	for _, p := range places {
		dirs = append(dirs, p.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// looking returns a view of what lies in a jail, for files that are only examined: none
// of them counts as linted.
func (l *loader) looking(jail string) *tree.Tree { return l.files.In(jail).Record() }

// in returns the view that a chart is read through.
func (l *loader) in(chart string) *tree.Tree {
	bounds, ok := l.jails[chart]
	if !ok {
		bounds = jail(l.files, chart)
	}
	return l.files.In(bounds)
}

func (l *loader) helmOptions(chart string, files *tree.Tree) helm.Options {
	o := helm.Options{
		Files: files, ReleaseName: l.ReleaseName, Namespace: l.Namespace, KubeVersion: l.KubeVersion,
		APIVersions: l.APIVersions, ValueFiles: l.ValueFiles, Set: l.Set, SetString: l.SetString, SetFile: l.SetFile,
		CIValues: l.CIValues, Late: l.late,
		ValuesUsed: func(path string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.values[path] = true
		},
	}
	for _, v := range l.Variants {
		if v.Chart != "" && l.configured(v.Chart) != chart {
			continue
		}
		var files []string
		for _, f := range v.Values {
			files = append(files, l.configured(f))
		}
		o.Variants = append(o.Variants, files)
	}
	o.Variants = append(o.Variants, l.asked[chart]...)
	return o
}

// configured returns the absolute path of one that the configuration names.
func (l *loader) configured(path string) string {
	return filepath.Join(l.VariantRoot, filepath.FromSlash(path))
}

type jailed struct {
	jail string
	dirs []string
}

// byJail groups overlays by what may be read for them, in order.
func byJail(overlays []place) []jailed {
	slices.SortFunc(overlays, func(a, b place) int {
		return cmp.Or(strings.Compare(a.jail, b.jail), strings.Compare(a.dir, b.dir))
	})
	var groups []jailed
	for _, o := range slices.Compact(overlays) {
		if n := len(groups); n > 0 && groups[n-1].jail == o.jail {
			groups[n-1].dirs = append(groups[n-1].dirs, o.dir)
		} else {
			groups = append(groups, jailed{o.jail, []string{o.dir}})
		}
	}
	return groups
}

// commonRoot names the tree of plain files in reports.
func (l *loader) commonRoot(paths []string) string {
	root := ""
	for _, path := range paths {
		dir := filepath.ToSlash(filepath.Dir(l.files.Display(path)))
		if root == "" {
			root = dir
		}
		for root != "." && dir != root && !strings.HasPrefix(dir, root+"/") {
			root = filepath.ToSlash(filepath.Dir(root))
		}
	}
	return root
}

// outsideCheckout is how many directories are searched for the overlays that use a file
// which was named alone and is not in a git checkout.
const outsideCheckout = 2000

// maxBeside is how many files of manifests a tree may hold to be examined for one file
// of it: half a second's worth.
const maxBeside = 1000

// maxDeployers is how many files of manifests a tree may hold to be searched for the
// objects that deploy a chart of which a file was named.
const maxDeployers = 5000

// besides returns the plain files of a git checkout that may say something of those
// that were named alone: a network policy of their namespace, the Service that an
// Ingress names. Walking the checkout as a whole would judge them together, so it does
// for each the largest directory around it that holds no more than maxBeside. Outside of a
// checkout nothing tells what belongs together.
func (l *loader) besides(named []string, walks map[string]*units) []string {
	asked := map[string]bool{}
	for _, path := range named {
		asked[path] = true
	}
	var all []string
	for root, found := range walks {
		if l.files.GitRoot(root) == "" {
			continue
		}
		overlays := map[string]bool{}
		for _, o := range found.overlays {
			overlays[o.dir] = true
		}
		var plain []string
		held := map[string]int{} // by directory: files in it and below
		for _, path := range found.plain {
			if asked[path] || l.chartAt(path) != "" || isIn(overlays, root, path) {
				continue
			}
			plain = append(plain, path)
			for dir := range above(root, path) {
				held[dir]++
			}
		}
		around := map[string]bool{}
		for _, path := range named {
			widest := ""
			for dir := range above(root, path) {
				if held[dir] > maxBeside {
					break
				}
				widest = dir
			}
			around[widest] = true
		}
		for _, path := range plain {
			if isIn(around, root, path) {
				all = append(all, path)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// above yields the directories that hold a path, its own first and root last; none for a
// path outside of root.
func above(root, path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !within(root, path) {
			return
		}
		for dir := filepath.Dir(path); yield(dir) && dir != root; {
			dir = filepath.Dir(dir)
		}
	}
}

// isIn reports whether a path lies in one of the directories.
func isIn(directories map[string]bool, root, path string) bool {
	for dir := range above(root, path) {
		if directories[dir] {
			return true
		}
	}
	return false
}

// focus plans the units of files named alone.
func (l *loader) focus(ctx context.Context) {
	u := &units{}
	walks := map[string]*units{}
	for _, path := range l.named {
		l.plan.Focus = append(l.plan.Focus, l.files.Display(path))
		root := jail(l.files, filepath.Dir(path))
		chart := chartOf(l.files, path, root)
		l.owner[path] = chart
		if chart != "" {
			u.charts = append(u.charts, place{chart, root})
		}
		if l.files.IsDir(path) {
			continue
		}
		// an overlay may name the file from anywhere in the tree
		found := walks[root]
		if found == nil {
			found = l.around(root, l.named...)
			if found.cut {
				l.note("%s: overlays that use it were searched only in the first %d directories of %s; run manilint closer to it, or on a directory that holds both",
					l.files.Display(path), outsideCheckout, l.files.Display(root))
			}
			u.overlays = append(u.overlays, found.overlays...)
			walks[root] = found
		}
		for _, v := range l.Variants {
			if slices.ContainsFunc(v.Values, func(file string) bool { return l.configured(file) == path }) {
				if v.Chart != "" {
					u.charts = append(u.charts, place{l.configured(v.Chart), root})
				} else {
					u.charts = append(u.charts, found.charts...)
				}
			}
		}
		if !owned(l.files, chart, path) && (!slices.Contains(KustomizationNames, filepath.Base(path)) || !isKustomization(l.files, path)) {
			u.plain = append(u.plain, path)
			if chart != "" && !l.rendersWith(chart, path) && l.isValuesOf(chart, path) {
				l.asked[chart] = append(l.asked[chart], []string{path})
			}
		}
	}
	u.beside = l.besides(u.plain, walks)
	for root, found := range walks {
		for _, chart := range found.charts {
			if !slices.ContainsFunc(u.charts, func(c place) bool { return c.dir == chart.dir }) {
				u.deployable = append(u.deployable, chart)
			}
		}
		u.helmfiles = append(u.helmfiles, found.helmfiles...)
		if len(found.plain) > maxDeployers {
			l.note("%s holds more than %d manifests and was not searched for what Argo CD and Flux deploy of the files that were named; run manilint on the directory that holds both", l.files.Display(root), maxDeployers)
		} else {
			u.deployers = append(u.deployers, found.plain...)
		}
	}
	slices.Sort(u.deployers)
	l.units(ctx, u, l.named, true)
}

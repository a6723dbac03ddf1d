// Package render turns paths into bundles: it walks folders, tells plain
// manifests, Helm charts and Kustomize overlays apart, and renders the last two
// in this process, so that every node knows where it was written. It never opens
// a network connection and never starts another program.
//
// A chart is what Helm renders of its folder: the other manifests there are plain
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
	"time"

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
	Exclude                             func(path string) bool // of an absolute path; nil excludes nothing
	Jobs                                int
	Stdin                               io.Reader
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
	Notes   []string           // what a user should know though nothing is wrong
	Files   int                // read as manifests, charts or overlays
	Skipped int                // YAML and JSON files without a Kubernetes object
	Hidden  int                // manifests, and folders, left out because git ignores them
}

// Focus is a set of files and folders, as reports print them.
type Focus []string

// Touches reports whether a finding stands at, or names, a place of the focus.
func (f Focus) Touches(finding *lint.Finding) bool {
	if f.Holds(finding.Span.Path()) {
		return true
	}
	return slices.ContainsFunc(finding.Related, func(r lint.Related) bool {
		// the workloads of a namespace, say, are related but are not where to mend
		return slices.Contains(sourceRoles, r.Role) && f.Holds(r.Span.Path())
	})
}

var sourceRoles = []string{"value", "template", "include", "guard", "patch", "base", "overlay", "generator"}

// Holds reports whether path is in the focus, or below a folder of it.
func (f Focus) Holds(path string) bool {
	return slices.ContainsFunc(f, func(p string) bool {
		if p == "." { // the working directory itself
			return filepath.IsLocal(filepath.FromSlash(path))
		}
		return path == p || strings.HasPrefix(path, p+"/")
	})
}

// loader is one call of Load at work.
type loader struct {
	Options
	late    helm.Late  // charts that ran out of time
	files   *tree.Tree // in no jail: for what the user named
	res     *Result
	asked   map[string][][]string      // the values files, named by the user, to render a chart with
	found   []string                   // charts
	jails   map[string]string          // by chart: what nothing outside of is read for it
	charts  map[string]string          // by folder: the chart that its files belong to
	data    map[string]map[string]bool // by chart: the files that its templates read
	beside  []string                   // files in charts that are called as values files are
	values  map[string]bool            // values files that a rendering used; guarded by mu
	mu      sync.Mutex
	walks   map[string]*units          // by jail: the trees that hold what was named alone
	patches map[string]map[string]bool // by directory: see patchesOutside
	used    map[string]bool            // files that a bundle was made of: manifests, and what overlays and templates read
}

// Load reads and renders paths: folders, files, chart archives, and "-" for
// Options.Stdin. What cannot be read becomes an error in the result or in its
// bundle; the rest is loaded all the same. The result is in a fixed order.
func Load(ctx context.Context, paths []string, o Options) *Result {
	if o.Exclude == nil {
		o.Exclude = func(string) bool { return false }
	}
	o.Tree = o.tree()
	l := &loader{
		Options: o, files: o.Tree.Record(), res: &Result{}, asked: map[string][][]string{}, charts: map[string]string{},
		jails: map[string]string{}, values: map[string]bool{}, walks: map[string]*units{}, patches: map[string]map[string]bool{}, data: map[string]map[string]bool{}, used: map[string]bool{},
	}
	whole := &units{}
	var named []string
	for _, path := range paths {
		if path == "-" {
			b, err := stdin(o.Stdin, o)
			if err != nil {
				l.res.Errors = append(l.res.Errors, err)
			} else if b != nil {
				l.res.Files++
				l.res.Bundles = append(l.res.Bundles, b)
			}
			continue
		}
		l.input(path, whole, &named)
	}
	l.res.Bundles = append(l.res.Bundles, l.load(ctx, whole, nil)...)
	l.unusedValues()
	if len(named) > 0 {
		l.focus(ctx, named)
	}
	l.res.Files += max(0, l.files.Opened()-l.res.Skipped)
	for _, b := range slices.Concat(l.res.Bundles, l.res.Focused) {
		b.KubeVersion, b.PSSVersion = cmp.Or(b.KubeVersion, o.KubeVersion), o.PSSVersion
		b.AddPods(o.PodPaths...)
		for _, note := range b.Notes {
			if said := note.String(); !slices.Contains(l.res.Notes, said) {
				l.res.Notes = append(l.res.Notes, said)
			}
		}
	}
	return l.res
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
func (l *loader) input(path string, whole *units, named *[]string) {
	// "./deploy/..." is how Go's tools spell "and below"; folders are always walked
	clean := strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(path), "/..."), "...")
	if clean == "" {
		clean = "."
	}
	abs := l.files.Abs(filepath.FromSlash(clean))
	if _, err := l.files.Stat(abs); err != nil {
		message := path + ": no such file or folder; check the path"
		if target, linked := l.files.Readlink(abs); linked == nil {
			message = fmt.Sprintf("%s links to %s, which cannot be read; mend the link", path, target)
		} else if !errors.Is(err, fs.ErrNotExist) {
			message = fmt.Sprintf("%s cannot be read: %v", path, reason(err))
		}
		l.res.Errors = append(l.res.Errors, &lint.InputError{Message: message})
		return
	}
	if l.Exclude(abs) {
		l.res.Notes = append(l.res.Notes, l.files.Display(abs)+" is excluded by the configuration")
		return
	}
	l.files.Name(abs)
	if !l.files.IsDir(abs) {
		if strings.HasSuffix(abs, ".tgz") {
			whole.charts = append(whole.charts, place{abs, jail(l.files, filepath.Dir(abs))})
		} else {
			*named = append(*named, abs)
		}
		return
	}
	bounds := jail(l.files, abs)
	chart := chartOf(l.files, filepath.Join(abs, "x"), bounds)
	if owned(l.files, chart, abs) {
		*named = append(*named, abs)
		return
	}
	found := &units{}
	root := abs
	if bounds == l.files.GitRoot(abs) {
		root = bounds
	}
	w := l.walker(found, root, bounds, abs)
	w.start(abs)
	if chart != "" && chart != abs { // to name a folder of a chart is to name its files that the chart uses
		if l.readsBelow(chart, abs) {
			*named = append(*named, abs)
		}
		for _, path := range found.plain {
			if chartOf(l.files, path, w.jail) == chart && isValuesName(path) {
				*named = append(*named, path)
			}
		}
	}
	found.plain = slices.DeleteFunc(found.plain, func(path string) bool {
		patch := l.patchesOutside(abs, bounds)[path]
		if patch {
			*named = append(*named, path)
		}
		return patch
	})
	whole.add(found)
}

func (u *units) add(more *units) {
	u.charts, u.overlays, u.plain = append(u.charts, more.charts...), append(u.overlays, more.overlays...), append(u.plain, more.plain...)
	u.errs, u.notes, u.ignored = append(u.errs, more.errs...), append(u.notes, more.notes...), u.ignored+more.ignored
}

// patchesOutside returns the files that overlays of the tree around a directory, not those
// below it, make something of that is no object by itself: their patches, above all. Such a
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

// walker returns a walker that is asked for paths by name.
func (l *loader) walker(into *units, root, jail string, asked ...string) *walker {
	return &walker{units: into, tree: l.files.In(jail).Record(), root: root, jail: jail, asked: asked, ignore: !l.NoGitignore, excluded: l.Exclude}
}

// reason returns what is wrong with a file without its path.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// load renders and parses units. With only, overlays that use none of its paths
// are left out.
func (l *loader) load(ctx context.Context, u *units, only []string) []*lint.Bundle {
	l.res.Errors, l.res.Notes = append(l.res.Errors, u.errs...), append(l.res.Notes, u.notes...)
	l.res.Hidden += u.ignored
	for _, c := range u.charts {
		l.found = append(l.found, c.dir)
		l.jails[c.dir] = c.jail
	}
	for _, c := range u.deployable {
		l.jails[c.dir] = c.jail
	}
	clear(l.charts)
	slices.Sort(u.plain)
	start := time.Now()
	plain := parsePlain(l.files, l.manifestsOf(slices.Compact(u.plain)), l.Jobs)
	parsing := time.Since(start)

	var objects []*lint.Resource
	for _, p := range plain {
		objects = append(objects, p.resources...)
	}
	var overlays []*lint.Bundle
	for _, group := range byJail(u.overlays) {
		dirs := slices.Concat(group.dirs, kustomize.Targets(objects, l.looking(group.jail)))
		result := kustomize.Load(ctx, dirs, kustomize.Options{Files: l.files.In(group.jail), KubeVersion: l.KubeVersion, Jobs: l.Jobs, Only: only, Late: &l.late})
		overlays = append(overlays, result.Bundles...)
		l.res.Notes = append(l.res.Notes, result.Notes...)
		l.res.Files -= result.Passed
		for path := range result.Used {
			l.used[path] = true
		}
	}
	linked := l.linked(dirsOf(u.charts))
	around := slices.Clone(u.overlays)
	for _, found := range l.walks {
		around = append(around, found.overlays...)
	}
	plain = slices.DeleteFunc(plain, func(p parsed) bool {
		return p.source != nil && (l.used[p.source.File] || linked(p.source.File) || l.strayPatch(p, around))
	})
	for _, p := range plain {
		if p.source != nil && p.object {
			l.used[p.source.File] = true
		}
	}
	var bundles []*lint.Bundle
	var beside []*lint.Resource
	for _, p := range parsePlain(l.files.Record(), u.beside, l.Jobs) { // a file that is only looked at is none that was linted
		if p.source != nil && !l.used[p.source.File] { // its errors are for those who ask about it
			beside = append(beside, p.resources...)
		}
	}
	b, skipped := plainBundle(l.commonRoot(plain), plain, beside, l.Options)
	if b != nil {
		b.Took = parsing
		bundles = append(bundles, b)
	}
	l.res.Skipped += skipped

	charts := dirsOf(u.charts)
	rendered := make([][]*lint.Bundle, len(charts))
	l.each(len(charts), func(i int) {
		start := time.Now()
		rendered[i] = helm.Load(ctx, charts[i], l.helmOptions(charts[i]))
		for _, b := range rendered[i] { // the renderings of a chart share the loading of it
			b.Took = time.Since(start) / time.Duration(len(rendered[i]))
		}
	})
	bundles = append(bundles, overlays...)
	for _, r := range rendered {
		bundles = append(bundles, r...)
	}
	var asked []*lint.Resource
	for _, b := range bundles {
		for _, r := range b.Resources {
			if !b.Beside[r] {
				asked = append(asked, r)
			}
		}
	}
	bundles = append(bundles, helm.FromObjects(ctx, asked, slices.Concat(charts, dirsOf(u.deployable)), l.helmOptions(""))...)
	return append(bundles, helm.FromObjects(ctx, l.deployers(u.deployers), charts, l.helmOptions(""))...)
}

// deployers returns the objects of files that deploy charts, or give values to them.
func (l *loader) deployers(files []string) []*lint.Resource {
	looked := l.files.Record() // a file that is only looked at is none that was linted
	var deploy, give []string
	for _, path := range files {
		src, err := looked.Open(path)
		switch {
		case err != nil || l.used[src.File]:
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
	for _, p := range parsePlain(looked, append(deploy, give...), l.Jobs) {
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

// looking returns a view of what lies in a jail, for files that are only looked at: none
// of them counts as linted.
func (l *loader) looking(jail string) *tree.Tree { return l.files.In(jail).Record() }

// in returns the view that a chart is read through; "" stands for all charts that were found.
func (l *loader) in(chart string) *tree.Tree {
	if jail, ok := l.jails[chart]; ok {
		return l.files.In(jail)
	}
	var jails []string
	for _, jail := range l.jails {
		jails = append(jails, jail)
	}
	slices.Sort(jails)
	return l.files.In(slices.Compact(jails)...)
}

// each calls f for 0 … n-1, Jobs at a time.
func (l *loader) each(n int, f func(int)) {
	var group sync.WaitGroup
	limit := make(chan struct{}, max(1, l.Jobs))
	var mu sync.Mutex
	done := 0
	for i := range n {
		limit <- struct{}{}
		group.Go(func() {
			defer func() { <-limit }()
			f(i)
			if l.Progress != nil {
				mu.Lock()
				done++
				l.Progress(done, n)
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

func (l *loader) helmOptions(chart string) helm.Options {
	o := helm.Options{
		Files: l.in(chart), ReleaseName: l.ReleaseName, Namespace: l.Namespace, KubeVersion: l.KubeVersion,
		APIVersions: l.APIVersions, ValueFiles: l.ValueFiles, Set: l.Set, SetString: l.SetString, SetFile: l.SetFile,
		CIValues: l.CIValues, Late: &l.late,
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
func (l *loader) commonRoot(all []parsed) string {
	root := ""
	for _, p := range all {
		if p.source == nil {
			continue
		}
		dir := filepath.ToSlash(filepath.Dir(p.source.Path))
		if root == "" {
			root = dir
		}
		for root != "." && dir != root && !strings.HasPrefix(dir, root+"/") {
			root = filepath.ToSlash(filepath.Dir(root))
		}
	}
	return root
}

// outsideCheckout is how many folders are searched for the overlays that use a file
// which was named alone and lies in no git checkout.
const outsideCheckout = 2000

// maxBeside is how many files of manifests a tree may hold to be looked at for one file
// of it: half a second's worth.
const maxBeside = 1000

// maxDeployers is how many files of manifests a tree may hold to be searched for the
// objects that deploy a chart of which a file was named.
const maxDeployers = 5000

// besides returns the plain files of a git checkout that may say something of those
// that were named alone: a network policy of their namespace, the Service that an
// Ingress names. Walking the checkout as a whole would judge them together, so it does
// for each the largest folder around it that holds no more than maxBeside. Outside of a
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
		held := map[string]int{} // by folder: files in it and below
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

// above yields the folders that hold a path, its own first and root last; none for a
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

// isIn reports whether a path lies in one of the folders.
func isIn(folders map[string]bool, root, path string) bool {
	for dir := range above(root, path) {
		if folders[dir] {
			return true
		}
	}
	return false
}

// focus loads the units of files named alone.
func (l *loader) focus(ctx context.Context, named []string) {
	u := &units{}
	walks := map[string]*units{}
	charts := map[string]string{} // of what is named
	for _, path := range named {
		l.res.Focus = append(l.res.Focus, l.files.Display(path))
		root := jail(l.files, filepath.Dir(path))
		chart := chartOf(l.files, path, root)
		charts[path] = chart
		if chart != "" {
			u.charts = append(u.charts, place{chart, root})
		}
		if l.files.IsDir(path) {
			continue
		}
		// an overlay may name the file from anywhere in the tree
		found := walks[root]
		if found == nil {
			found = l.around(root, named...)
			if found.cut {
				l.res.Notes = append(l.res.Notes, fmt.Sprintf("%s: overlays that use it were looked for in the first %d folders of %s alone; run manilint closer to it, or on a folder that holds both",
					l.files.Display(path), outsideCheckout, l.files.Display(root)))
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
		if !owned(l.files, chart, path) && (!slices.Contains(kustomizationNames, filepath.Base(path)) || !isKustomization(l.files, path)) {
			u.plain = append(u.plain, path)
			if chart != "" && !l.rendersWith(chart, path) && l.isValuesOf(chart, path) {
				l.asked[chart] = append(l.asked[chart], []string{path})
			}
		}
	}
	u.beside = l.besides(u.plain, walks)
	for _, found := range walks {
		for _, chart := range found.charts {
			if !slices.ContainsFunc(u.charts, func(c place) bool { return c.dir == chart.dir }) {
				u.deployable = append(u.deployable, chart)
			}
		}
		if len(u.charts) > 0 && len(found.plain) <= maxDeployers {
			u.deployers = append(u.deployers, found.plain...)
		}
	}
	slices.Sort(u.deployers)
	l.res.Focused = l.load(ctx, u, named)
	for _, path := range named {
		if !l.files.IsDir(path) {
			l.explain(path, charts[path])
		}
	}
}

package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/kustomize"
	"github.com/manilint/manilint/render/tree"
)

// units is what a walk finds. The paths are absolute and clean.
type units struct {
	charts   []place  // directories with a Chart.yaml, and archives
	overlays []place  // directories with a kustomization file
	plain    []string // YAML and JSON files that are part of no chart, as far as their names tell
	beside   []string // others of the tree, for what they say of the plain ones
	// deployable are the charts of the tree that the files named may deploy, and deployers
	// the files that may deploy the charts of those named.
	deployable []place
	deployers  []string
	helmfiles  []string
	errs       []*lint.InputError
	notes      []lint.Note // on what is passed over
	ignored    int         // manifests, and directories, left out because git ignores them
	cut        bool        // the walk ended before the tree did
}

// A place is where a chart or an overlay lies, and the directory that nothing outside of
// is read for it.
type place struct{ dir, jail string }

// KustomizationNames are the names of files that kustomize searches for in a directory, in its order.
var KustomizationNames = kustomize.FileNames

// ownedByChart are the directories of a chart of which Helm renders or installs every
// manifest. What is next to them, as examples, is no part of a release: it is linted
// as it would be in any other directory.
var ownedByChart = []string{"templates", "charts", "crds"}

// chartFiles are the files of a chart that tell Helm about it and are no manifests.
var chartFiles = []string{"Chart.yaml", "requirements.yaml", "values.yaml", "values.schema.json"}

// A walker walks one input.
type walker struct {
	*units
	tree     *tree.Tree // in the jail
	root     string     // of git, or where the walk began
	jail     string     // of the input
	ignore   bool       // leave out what git ignores
	excluded func(path string) bool
	patterns []gitignore.Pattern
	// asked are the paths that the user named: no pattern that hides one of them holds.
	asked []string
	input string // where the walk began

	stopped func() bool // the run ends; nil: never

	limit  int // of directories; 0 for none
	walked int
}

// walk adds everything below dir. Links to directories are not followed: what they
// point at is linted where it lies, or is outside the input, which is said.
func (w *walker) walk(dir string) {
	if w.walked++; w.limit > 0 && w.walked > w.limit || w.stopped != nil && w.stopped() {
		return
	}
	if w.ignore {
		w.readIgnore(dir)
	}
	entries, err := w.tree.ReadDir(dir)
	if err != nil {
		w.errs = append(w.errs, &lint.InputError{Message: fmt.Sprintf("%s: %v; make it readable, or exclude it", w.tree.Display(dir), reason(err))})
		return
	}
	chart := isChart(w.tree, dir)
	if chart {
		w.charts = append(w.charts, place{dir, w.jail})
	}
	for _, name := range KustomizationNames {
		if path := filepath.Join(dir, name); w.tree.IsFile(path) && isKustomization(w.tree, path) {
			w.overlays = append(w.overlays, place{dir, w.jail})
			break
		}
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case w.excluded(path):
			continue
		case w.hidden(path, e.IsDir()):
			if e.IsDir() || isManifestName(path) {
				w.ignored++
			}
			continue
		case chart && (slices.Contains(ownedByChart, e.Name()) || slices.Contains(chartFiles, e.Name())):
			continue
		}
		switch {
		case e.IsDir():
			switch {
			case e.Name() == ".git":
			case w.vendored(path):
				w.note("%s holds the code of dependencies and is not walked; name it to lint it", w.tree.Display(path))
			default:
				w.walk(path)
			}
		case e.Type()&fs.ModeSymlink != 0:
			w.link(path)
		case e.Type().IsRegular():
			w.file(path)
		case e.Name() != ".gitignore": // of which it is said
			w.note("%s is %s, not a regular file, and is not read", w.tree.Display(path), tree.Kind(e.Type()))
		}
	}
}

// vendored reports whether a directory is where a package manager puts the dependencies of
// a program: npm's node_modules, and vendor with Go's list of modules
// (https://go.dev/ref/mod#vendoring).
func (w *walker) vendored(dir string) bool {
	switch filepath.Base(dir) {
	case "node_modules":
		return true
	case "vendor":
		return w.tree.IsFile(filepath.Join(dir, "modules.txt"))
	}
	return false
}

// link adds what a link leads to. What lies outside the jail is not read, by no name.
func (w *walker) link(path string) {
	info, err := w.tree.Stat(path)
	target, _ := w.tree.Readlink(path)
	manifest := isManifestName(path) && !strings.HasPrefix(filepath.Base(path), ".") // editors lock files by links to nowhere
	message := fmt.Sprintf("%s links to %s, which cannot be read", w.tree.Display(path), target)
	switch {
	case errors.Is(err, tree.ErrOutside):
		if isManifestName(path) {
			w.note("%s links to a file outside the tree and is not read; name that file to lint it", w.tree.Display(path))
		}
	case err != nil && slices.ContainsFunc(w.charts, func(chart place) bool { return within(chart.dir, path) }): // the chart says so
	case err != nil && manifest:
		w.errs = append(w.errs, &lint.InputError{Message: message + "; fix the link, or exclude it"})
	case err != nil:
		w.note("%s", message)
	case info.IsDir():
		real, err := w.tree.EvalSymlinks(path)
		if input, inputErr := w.tree.EvalSymlinks(w.input); err != nil || inputErr != nil || !within(input, real) {
			w.note("%s links to a directory and is not followed; name that directory to lint it", w.tree.Display(path))
		}
	case info.Mode().IsRegular():
		w.file(path)
	default:
		w.note("%s links to %s, not a regular file, and is not read", w.tree.Display(path), tree.Kind(info.Mode()))
	}
}

func (w *walker) file(path string) {
	switch {
	case slices.Contains(KustomizationNames, filepath.Base(path)) && isKustomization(w.tree, path):
	case w.isHelmfile(path):
		w.helmfiles = append(w.helmfiles, path)
	case isManifestName(path):
		w.plain = append(w.plain, path)
	case strings.HasSuffix(path, ".tgz"):
		switch chart, err := isChartArchive(w.tree, path); {
		case chart:
			w.charts = append(w.charts, place{path, w.jail})
		case err != nil:
			w.note("%s is not a readable chart archive (%v); it is skipped", w.tree.Display(path), reason(err))
		}
	}
}

func isManifestName(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

var (
	kustomizeKind = lint.Regexp(`(?m)^["']?kind["']?\s*:\s*["']?(\w+)`)
	kustomizeAPI  = lint.Regexp(`(?m)^["']?apiVersion["']?\s*:\s*["']?([\w./-]+)`)
)

// isKustomization tells a kustomization from an object in a file of that name,
// such as Flux' Kustomization objects: by apiVersion and kind, where it has them.
func isKustomization(t *tree.Tree, path string) bool {
	data, err := t.ReadFile(path)
	if err != nil {
		return false
	}
	m := kustomizeAPI().FindSubmatch(data)
	if m == nil || bytes.HasPrefix(m[1], []byte("kustomize.config.k8s.io/")) {
		return true // whatever its kind: what is wrong with it is to be said
	}
	kind := kustomizeKind().FindSubmatch(data)
	return !bytes.Contains(m[1], []byte(".")) && kind != nil && string(kind[1]) == "Kustomization" // of a group that is none
}

// readIgnore adds the .gitignore of dir to the patterns, but for those that hide what
// the user requested by name: as of other tools that follow them (ripgrep, ruff), what
// is named is read.
func (w *walker) readIgnore(dir string) {
	files := []string{filepath.Join(dir, ".gitignore")}
	if dir == w.root {
		files = []string{filepath.Join(dir, ".git", "info", "exclude"), files[0]}
	}
	for _, name := range files {
		data, err := w.tree.ReadFile(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				w.note("%s is not heeded: %v", w.tree.Display(name), reason(err))
			}
			continue
		}
		for _, line := range strings.Split(string(data), "\n") {
			line = strings.TrimRight(line, "\r")
			if line != "" && !strings.HasPrefix(line, "#") {
				w.patterns = append(w.patterns, gitignore.ParsePattern(line, w.parts(dir)))
			}
		}
	}
	for _, path := range w.asked {
		if directory := w.tree.IsDir(path); w.hidden(path, directory) {
			w.patterns = slices.DeleteFunc(w.patterns, func(p gitignore.Pattern) bool { return p.Match(w.parts(path), directory) == gitignore.Exclude })
		}
	}
}

// hidden reports whether git ignores a path.
func (w *walker) hidden(path string, isDir bool) bool {
	return len(w.patterns) > 0 && gitignore.NewMatcher(w.patterns).Match(w.parts(path), isDir)
}

func (w *walker) parts(path string) []string {
	rel, err := filepath.Rel(w.root, path)
	if err != nil || rel == "." {
		return nil
	}
	return strings.Split(filepath.ToSlash(rel), "/")
}

// note says what a user should know though nothing is wrong.
func (u *units) note(format string, args ...any) {
	u.notes = append(u.notes, lint.Note{Message: fmt.Sprintf(format, args...)})
}

// start walks dir, an input, with the .gitignore files of the directories above it
// up to the root of its git checkout.
func (w *walker) start(dir string) {
	w.input = dir
	if w.ignore {
		var above []string
		for d := dir; d != w.root && len(d) > len(w.root); {
			d = filepath.Dir(d)
			above = append(above, d)
		}
		slices.Reverse(above)
		for _, d := range above {
			w.readIgnore(d)
		}
	}
	w.walk(dir)
}

// jail returns the directory that nothing outside of may be read for an input: the
// root of its git checkout, else the working directory where it holds the input,
// else the input itself. Outside a checkout, an overlay that is itself the input
// widens it to the directory that holds the bases it names, as far as these are
// overlays too: to lint overlays/production is to build it. A directory of a chart widens
// it to the chart, one of an overlay's patches to the overlay. Nothing widens it to a home directory or a whole disk.
func jail(t *tree.Tree, dir string) string {
	if root := t.GitRoot(dir); root != "" {
		if leadsInto(t, root, dir) {
			return root
		}
		if real, err := t.EvalSymlinks(dir); err == nil && real != dir { // a link out of the checkout, which was named
			return jail(t, real)
		}
	}
	home, _ := t.EvalSymlinks(t.Home())
	tooWide := func(dir string) bool { return home != "" && within(dir, home) || dir == filepath.Dir(dir) }
	root := dir
	if cwd := t.Abs("."); within(cwd, dir) && !tooWide(cwd) {
		root = cwd
	}
	widen := func(dir string) bool {
		wide := root
		for !within(wide, dir) {
			wide = filepath.Dir(wide)
		}
		if wide != root && tooWide(wide) {
			return false
		}
		root = wide
		return true
	}
	inside := filepath.Join(dir, "x")
	if chart := chartOf(t, inside, filepath.VolumeName(dir)+string(filepath.Separator)); chart != "" && (owned(t, chart, inside) || chart == filepath.Dir(dir) || within(filepath.Join(chart, "charts"), dir)) {
		widen(chart)
	}
	seen := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] {
			return
		}
		seen[dir] = true
		if !widen(dir) {
			return
		}
		for _, base := range basesOf(t, root, dir) {
			visit(base)
		}
	}
	for _, base := range basesOf(t, root, dir) {
		visit(base)
	}
	for d := filepath.Dir(dir); !tooWide(d); d = filepath.Dir(d) {
		for path := range kustomize.Parts([]string{d}, t.In(d).Record()) {
			if within(dir, path) { // a directory of an overlay's patches stands for the overlay
				visit(d)
				break
			}
		}
	}
	return root
}

// leadsInto reports whether a path, its links resolved, lies in a directory.
func leadsInto(t *tree.Tree, dir, path string) bool {
	realDir, err := t.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	real, err := t.EvalSymlinks(path)
	return err != nil || within(realDir, real)
}

// basesOf returns the directories with a kustomization that the one in dir names. What links
// out of root is not read.
func basesOf(t *tree.Tree, root, dir string) []string {
	var bases []string
	for _, name := range KustomizationNames {
		data, err := t.In(root).ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		docs, _ := lint.ParseYAML(lint.NewSource(name, data))
		for _, doc := range docs {
			for _, field := range []string{"resources", "bases", "components"} {
				for _, entry := range lint.NewNode(doc).Get(field).Strings() {
					base := filepath.Join(dir, filepath.FromSlash(entry))
					if slices.ContainsFunc(KustomizationNames, func(name string) bool { return t.IsFile(filepath.Join(base, name)) }) {
						bases = append(bases, base)
					}
				}
			}
		}
	}
	return bases
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// isChart reports whether a directory is a chart, be it one whose Chart.yaml cannot be
// read: the chart is what says so.
func isChart(t *tree.Tree, dir string) bool {
	info, err := t.Lstat(filepath.Join(dir, "Chart.yaml"))
	return err == nil && !info.IsDir()
}

// chartOf returns the chart that a file belongs to, the outermost where charts
// lie in charts/ of others, or "".
func chartOf(t *tree.Tree, file, root string) string {
	found := ""
	for d := filepath.Dir(file); within(root, d); d = filepath.Dir(d) {
		if isChart(t, d) {
			if found != "" && filepath.Base(filepath.Dir(found)) != "charts" {
				break
			}
			found = d
		} else if found != "" && filepath.Base(d) != "charts" {
			break
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	return found
}

// owned reports whether a path in a chart, "" for none, lies in one of the directories
// that the chart, or a subchart of it, owns, or is one of the files about it.
func owned(t *tree.Tree, chart, path string) bool {
	rel, err := filepath.Rel(chart, path)
	if chart == "" || err != nil {
		return false
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	for len(parts) > 2 && parts[0] == "charts" && isChart(t, filepath.Join(chart, "charts", parts[1])) {
		chart, parts = filepath.Join(chart, "charts", parts[1]), parts[2:]
	}
	return slices.Contains(ownedByChart, parts[0]) || len(parts) == 1 && slices.Contains(chartFiles, parts[0])
}

// maxLook is how many bytes of an archive are unpacked to see whether it is a chart: helm
// package writes NAME/Chart.yaml first.
const maxLook = 64 << 20

// isChartArchive reports whether a .tgz found on a walk packs a chart. The error says why
// the archive cannot be read.
func isChartArchive(t *tree.Tree, path string) (bool, error) {
	f, err := t.Stream(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return false, err
	}
	look := &io.LimitedReader{R: unzipped, N: maxLook}
	archive := tar.NewReader(look)
	for range 64 {
		header, err := archive.Next()
		switch {
		case look.N <= 0:
			return false, fmt.Errorf("no Chart.yaml in its first %s", tree.Size(maxLook))
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		if dir, file := pathpkg.Split(pathpkg.Clean(header.Name)); file == "Chart.yaml" && strings.Count(dir, "/") == 1 {
			return true, nil
		}
	}
	return false, nil
}

package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	pathpkg "path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/manilint/manilint/lint"
)

// units is what a walk finds. The paths are absolute and clean.
type units struct {
	charts   []string // folders with a Chart.yaml, and archives
	overlays []overlay
	plain    []string // YAML and JSON files that are part of no chart, as far as their names tell
	beside   []string // others of the tree, for what they say of the plain ones
	errs     []*lint.InputError
	notes    []string // on what is passed over
	ignored  int      // manifests, and folders, left out because git ignores them
}

// An overlay is a folder with a kustomization file, and the folder that nothing
// outside of is read for it.
type overlay struct{ dir, jail string }

// kustomizationNames are the file names that kustomize looks for.
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// ownedByChart are the folders of a chart of which Helm renders or installs every
// manifest. What lies beside them, as examples, is no part of a release: it is linted
// as it would be in any other folder.
var ownedByChart = []string{"templates", "charts", "crds"}

// chartFiles are the files of a chart that tell Helm about it and are no manifests.
var chartFiles = []string{"Chart.yaml", "requirements.yaml", "values.yaml", "values.schema.json"}

// A walker walks one input.
type walker struct {
	*units
	root     string // of git, or where the walk began
	jail     string // of the input
	ignore   bool   // leave out what git ignores
	excluded func(path string) bool
	display  func(path string) string
	patterns []gitignore.Pattern
	// asked are the paths that the user named: no pattern that hides one of them holds.
	asked []string
	input string // where the walk began

	limit  int // of folders; 0 for none
	walked int
}

// walk adds everything below dir. Links to folders are not followed: what they
// point at is linted where it lies, or is outside the input, which is said.
func (w *walker) walk(dir string) {
	if w.walked++; w.limit > 0 && w.walked > w.limit {
		return
	}
	if w.ignore {
		w.readIgnore(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.errs = append(w.errs, &lint.InputError{Message: fmt.Sprintf("%s: %v; make it readable, or exclude it", w.display(dir), reason(err))})
		return
	}
	chart := isFile(filepath.Join(dir, "Chart.yaml"))
	if chart {
		w.charts = append(w.charts, dir)
	}
	for _, name := range kustomizationNames {
		if path := filepath.Join(dir, name); isFile(path) && isKustomization(path) {
			w.overlays = append(w.overlays, overlay{dir, w.jail})
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
			if e.Name() != ".git" && e.Name() != "node_modules" {
				w.walk(path)
			}
		case e.Type()&fs.ModeSymlink != 0:
			w.link(path)
		case e.Type().IsRegular():
			w.file(path)
		}
	}
}

// link adds what a link leads to. What lies outside the jail is not read, by no name.
func (w *walker) link(path string) {
	real, err := filepath.EvalSymlinks(path)
	switch {
	case err != nil && slices.ContainsFunc(w.charts, func(chart string) bool { return within(chart, path) }): // the chart says so
	case err != nil:
		target, _ := os.Readlink(path)
		message := fmt.Sprintf("%s links to %s, which cannot be read", w.display(path), target)
		if isManifestName(path) && !strings.HasPrefix(filepath.Base(path), ".") { // editors lock files by links to nowhere
			w.errs = append(w.errs, &lint.InputError{Message: message + "; mend the link, or exclude it"})
		} else {
			w.notes = append(w.notes, message)
		}
	case isDir(real):
		if input, err := filepath.EvalSymlinks(w.input); err != nil || !within(input, real) {
			w.notes = append(w.notes, w.display(path)+" links to a folder and is not followed; name that folder to lint it")
		}
	case !isFile(real):
	case w.inside(real):
		w.file(path)
	case isManifestName(path):
		w.notes = append(w.notes, w.display(path)+" links to a file outside the tree and is not read; name that file to lint it")
	}
}

// inside reports whether a path, its links resolved, is in the jail.
func (w *walker) inside(real string) bool {
	jail, err := filepath.EvalSymlinks(w.jail)
	return err == nil && within(jail, real)
}

func (w *walker) file(path string) {
	switch {
	case slices.Contains(kustomizationNames, filepath.Base(path)) && isKustomization(path):
	case isManifestName(path):
		w.plain = append(w.plain, path)
	case strings.HasSuffix(path, ".tgz"):
		switch chart, err := isChartArchive(path); {
		case chart:
			w.charts = append(w.charts, path)
		case err != nil:
			w.notes = append(w.notes, fmt.Sprintf("%s is no archive that can be read (%v); it is passed over", w.display(path), reason(err)))
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

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

var (
	kustomizeKind = regexp.MustCompile(`(?m)^["']?kind["']?\s*:\s*["']?(\w+)`)
	kustomizeAPI  = regexp.MustCompile(`(?m)^["']?apiVersion["']?\s*:\s*["']?([\w./-]+)`)
)

// isKustomization tells a kustomization from an object in a file of that name,
// such as Flux' Kustomization objects: by apiVersion and kind, where it has them.
func isKustomization(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	m := kustomizeAPI.FindSubmatch(data)
	if m == nil || bytes.HasPrefix(m[1], []byte("kustomize.config.k8s.io/")) {
		return true // whatever its kind: what is wrong with it is to be said
	}
	kind := kustomizeKind.FindSubmatch(data)
	return !bytes.Contains(m[1], []byte(".")) && kind != nil && string(kind[1]) == "Kustomization" // of a group that is none
}

// readIgnore adds the .gitignore of dir to the patterns, but for those that hide what
// the user asked for by name: as of other tools that heed them (ripgrep, ruff), what
// is named is read.
func (w *walker) readIgnore(dir string) {
	files := []string{filepath.Join(dir, ".gitignore")}
	if dir == w.root {
		files = []string{filepath.Join(dir, ".git", "info", "exclude"), files[0]}
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
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
		if folder := isDir(path); w.hidden(path, folder) {
			w.patterns = slices.DeleteFunc(w.patterns, func(p gitignore.Pattern) bool { return p.Match(w.parts(path), folder) == gitignore.Exclude })
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

// start walks dir, an input, with the .gitignore files of the folders above it
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

// GitRoot returns the folder of the git checkout that holds path, or "".
func GitRoot(path string) string {
	for d := path; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return ""
		}
	}
}

// jail returns the folder that nothing outside of may be read for an input: the
// root of its git checkout, else the working directory where it holds the input,
// else the input itself. Outside a checkout, an overlay that is itself the input
// widens it to the folder that holds the bases it names, as far as these are
// overlays too: to lint overlays/production is to build it.
func jail(dir string) string {
	if root := GitRoot(dir); root != "" {
		return root
	}
	root := dir
	if cwd, err := os.Getwd(); err == nil && within(cwd, dir) {
		root = cwd
	}
	seen := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] {
			return
		}
		seen[dir] = true
		for !within(root, dir) {
			root = filepath.Dir(root)
		}
		for _, base := range basesOf(dir) {
			visit(base)
		}
	}
	for _, base := range basesOf(dir) {
		visit(base)
	}
	return root
}

// basesOf returns the folders with a kustomization that the one in dir names.
func basesOf(dir string) []string {
	var bases []string
	for _, name := range kustomizationNames {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		docs, _ := lint.ParseYAML(lint.NewSource(name, data))
		for _, doc := range docs {
			for _, field := range []string{"resources", "bases", "components"} {
				for _, entry := range lint.NewNode(doc).Get(field).Strings() {
					base := filepath.Join(dir, filepath.FromSlash(entry))
					if slices.ContainsFunc(kustomizationNames, func(name string) bool { return isFile(filepath.Join(base, name)) }) {
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

// chartOf returns the chart that a file belongs to, the outermost where charts
// lie in charts/ of others, or "".
func chartOf(file, root string) string {
	found := ""
	for d := filepath.Dir(file); within(root, d); d = filepath.Dir(d) {
		if isFile(filepath.Join(d, "Chart.yaml")) {
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

// owned reports whether a path in a chart, "" for none, lies in one of the folders
// that the chart, or a subchart of it, owns, or is one of the files about it.
func owned(chart, path string) bool {
	rel, err := filepath.Rel(chart, path)
	if chart == "" || err != nil {
		return false
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	for len(parts) > 2 && parts[0] == "charts" && isFile(filepath.Join(chart, "charts", parts[1], "Chart.yaml")) {
		chart, parts = filepath.Join(chart, "charts", parts[1]), parts[2:]
	}
	return slices.Contains(ownedByChart, parts[0]) || len(parts) == 1 && slices.Contains(chartFiles, parts[0])
}

// isChartArchive reports whether a .tgz found on a walk packs a chart: helm
// package writes NAME/Chart.yaml first. The error says why the archive cannot be read.
func isChartArchive(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return false, err
	}
	archive := tar.NewReader(unzipped)
	for range 64 {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if dir, file := pathpkg.Split(pathpkg.Clean(header.Name)); file == "Chart.yaml" && strings.Count(dir, "/") == 1 {
			return true, nil
		}
	}
	return false, nil
}

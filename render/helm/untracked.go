package helm

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"

	filetree "github.com/manilint/manilint/render/tree"
)

// Untracked finds what "helm dependency build" put into charts/ of the chart in a directory
// of the work tree and git does not track: archives, and charts that were unpacked. fetched
// are those that the dependencies of the chart in end name, by the version of the lock, or by
// the range of Chart.yaml where there is no lock. copies are those of charts that lie in the
// tree itself (repository: file://../common): they are read where they lie. tracked reports
// whether git tracks a path, or something below it. The paths are absolute.
//
// See https://helm.sh/docs/helm/helm_dependency_build/.
func Untracked(dir string, work, end *filetree.Tree, tracked func(path string) bool) (fetched, copies []string) {
	charts := filepath.Join(dir, "charts")
	entries, err := work.ReadDir(charts)
	if err != nil {
		return nil, nil
	}
	var deps []*asked
	for _, e := range entries {
		at := filepath.Join(charts, e.Name())
		if !e.IsDir() && (!e.Type().IsRegular() || filepath.Ext(at) != ".tgz") || tracked(at) {
			continue
		}
		if deps == nil {
			if deps = dependenciesOf(dir, end); len(deps) == 0 {
				return nil, nil
			}
		}
		for _, d := range deps {
			if !d.is(at, e, work) {
				continue
			}
			if d.beside {
				copies = append(copies, at)
			} else {
				fetched = append(fetched, at)
			}
			break
		}
	}
	return fetched, copies
}

// An asked is a chart that another one depends on.
type asked struct {
	name, versions string // a version, or a range
	beside         bool   // in the tree
}

// dependenciesOf returns what the chart in a directory depends on.
func dependenciesOf(dir string, end *filetree.Tree) []*asked {
	var all []*asked
	locked := map[string]string{}
	for _, name := range []string{"requirements.lock", "Chart.lock"} {
		var lock chart.Lock
		if data, err := end.ReadFile(filepath.Join(dir, name)); err == nil && yaml.Unmarshal(data, &lock) == nil {
			for _, d := range lock.Dependencies {
				if d != nil {
					locked[d.Name] = d.Version
				}
			}
		}
	}
	for _, name := range []string{"Chart.yaml", "requirements.yaml"} {
		var metadata struct {
			Dependencies []*chart.Dependency `json:"dependencies"`
		}
		data, err := end.ReadFile(filepath.Join(dir, name))
		if err != nil || yaml.Unmarshal(data, &metadata) != nil {
			continue
		}
		for _, d := range metadata.Dependencies {
			if d == nil || d.Name == "" {
				continue
			}
			a := &asked{name: d.Name, versions: d.Version}
			if v := locked[d.Name]; v != "" {
				a.versions = v
			}
			if rel, ok := strings.CutPrefix(d.Repository, "file://"); ok {
				at := filepath.FromSlash(rel)
				if !filepath.IsAbs(at) {
					at = filepath.Join(dir, at)
				}
				beside, err := metadataOf(at, end)
				a.beside = err == nil && chartutil.IsCompatibleRange(d.Version, beside.Version)
			}
			all = append(all, a)
		}
	}
	return all
}

// is reports whether an archive or a directory in charts/ is the chart that is requested.
func (a *asked) is(at string, e fs.DirEntry, work *filetree.Tree) bool {
	if e.IsDir() {
		m, err := metadataOf(at, work)
		return err == nil && m.Name == a.name && chartutil.IsCompatibleRange(a.versions, m.Version)
	}
	version, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".tgz"), a.name+"-")
	return ok && chartutil.IsCompatibleRange(a.versions, version)
}

func metadataOf(dir string, files *filetree.Tree) (*chart.Metadata, error) {
	data, err := files.ReadFile(filepath.Join(dir, "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	m := &chart.Metadata{}
	return m, yaml.Unmarshal(data, m)
}

// FilesBelow returns the regular files that a path is, or that lie below it; at most as many
// as a chart may have.
func FilesBelow(path string, files *filetree.Tree) []string {
	entries, err := files.ReadDir(path)
	if err != nil {
		return []string{path}
	}
	var all []string
	for _, e := range entries {
		at := filepath.Join(path, e.Name())
		switch {
		case len(all) >= maxChartFiles:
		case e.IsDir():
			all = append(all, FilesBelow(at, files)...)
		case e.Type().IsRegular():
			all = append(all, at)
		}
	}
	return slices.Clip(all)
}

// Package kustomize builds overlays in this process and says where their fields
// were written.
package kustomize

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/source"
)

// Options say how overlays are built.
type Options struct {
	Files       *source.Files
	Jail        string // nothing outside this folder is read
	KubeVersion string
	Jobs        int
	Only        []string // build the roots that use one of these files alone
}

// A Result is what folders with a kustomization hold.
type Result struct {
	Bundles []*lint.Bundle
	Used    map[string]bool // absolute paths of files that builds read
	Notes   []string
}

// kustomization is what the search for roots reads.
type kustomization struct {
	dir, file string
	src       *lint.Source
	root      *lint.Node
	err       *lint.InputError
}

var names = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

func read(dir string, files *source.Files) *kustomization {
	k := &kustomization{dir: dir}
	for _, name := range names {
		src, err := files.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		k.file, k.src = filepath.Join(dir, name), src
		docs, errs := lint.ParseYAML(src)
		if len(errs) > 0 {
			k.err = errs[0]
		}
		if len(docs) > 0 {
			k.root = lint.NewNode(docs[0])
		}
		return k
	}
	return nil
}

// Load builds the roots among dirs: the kustomizations that no other one names.
func Load(_ context.Context, dirs []string, o Options) Result {
	res := Result{Used: map[string]bool{}}
	all := map[string]*kustomization{}
	named := map[string]bool{}
	for _, dir := range dirs {
		if k := read(dir, o.Files); k != nil {
			all[dir] = k
		}
	}
	for _, k := range all {
		if k.root == nil {
			continue
		}
		for _, field := range []string{"resources", "bases", "components"} {
			for _, entry := range k.root.Get(field).Strings() {
				named[filepath.Join(k.dir, filepath.FromSlash(entry))] = true
			}
		}
	}
	for _, dir := range dirs {
		k := all[dir]
		if k == nil || named[dir] {
			continue
		}
		if k.root != nil && k.root.Get("kind").Value() == "Component" {
			res.Notes = append(res.Notes, o.Files.Display(dir)+" is a component that no overlay uses; it is not linted")
			continue
		}
		b, used := build(k, o)
		if len(o.Only) > 0 && !slices.ContainsFunc(o.Only, func(path string) bool { return used[path] || path == k.file }) {
			continue
		}
		for path := range used {
			res.Used[path] = true
		}
		res.Bundles = append(res.Bundles, b)
	}
	return res
}

// Targets returns nothing yet known.
func Targets([]*lint.Resource, string) []string { return nil }

type recorder struct {
	filesys.FileSystem
	jail string
	mu   sync.Mutex
	read map[string]bool
}

func (r *recorder) ReadFile(path string) ([]byte, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil && real != r.jail && !strings.HasPrefix(real, r.jail+string(filepath.Separator)) {
		return nil, fmt.Errorf("%s lies outside the analysed tree", path)
	}
	r.mu.Lock()
	r.read[path] = true
	r.mu.Unlock()
	return r.FileSystem.ReadFile(path)
}

func build(k *kustomization, o Options) (*lint.Bundle, map[string]bool) {
	fs := &recorder{FileSystem: filesys.MakeFsOnDisk(), jail: o.Jail, read: map[string]bool{k.file: true}}
	rendering := lint.Rendering{Kind: "kustomize", Root: o.Files.Display(k.dir)}
	fail := func(at lint.Span, message string) (*lint.Bundle, map[string]bool) {
		b := lint.NewBundle(rendering, "", nil)
		b.Errors = []*lint.InputError{{Message: message, Span: at, Rendering: &b.Rendering}}
		return b, fs.read
	}
	if k.err != nil {
		return fail(k.err.Span, k.err.Message)
	}
	if k.root == nil {
		return fail(k.src.Span(0, 0), "the kustomization is empty")
	}
	for _, field := range []string{"resources", "bases", "components"} {
		for _, item := range k.root.Get(field).Items() {
			if v := item.Value(); strings.Contains(v, "://") || strings.Contains(v, "?ref=") || strings.HasPrefix(v, "github.com/") || strings.HasPrefix(v, "git@") {
				return fail(lint.NodeSpan(k.src, item.YAML()), fmt.Sprintf("remote base %q is not fetched: manilint works offline; vendor it into the tree", v))
			}
		}
	}
	m, err := krusty.MakeKustomizer(&krusty.Options{LoadRestrictions: types.LoadRestrictionsRootOnly, PluginConfig: types.DisabledPluginConfig()}).Run(fs, k.dir)
	if err != nil {
		return fail(k.src.Span(0, 0), strings.ReplaceAll(err.Error(), o.Jail+string(os.PathSeparator), ""))
	}
	var resources []*lint.Resource
	for _, r := range m.Resources() {
		resources = append(resources, lint.NewResources(r.YNode(), locator{k.src})...)
	}
	return lint.NewBundle(rendering, "", resources), fs.read
}

// locator knows no more than the kustomization.
type locator struct{ src *lint.Source }

func (l locator) Locate(*lint.Node) lint.Place {
	return lint.Place{Span: l.src.LineSpan(1), Precision: lint.FileLevel}
}

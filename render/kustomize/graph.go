package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// FileNames are the names of files that kustomize searches for in a directory, in its order.
var FileNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// A kustomization is one directory's kustomization file. It is immutable.
type kustomization struct {
	dir   string // absolute, links resolved
	name  string // of the file in dir; it may be a link to another one
	src   *lint.Source
	root  *yaml.Node // a mapping; nil when the file could not be read as one
	errs  []*lint.InputError
	wrong []mistake
	extra []string // further kustomization files of the directory
	refs  []ref

	authored  *yaml.Node   // the root before a Change; nil where there is none
	generated bool         // there is no file: a Change generates it
	placed    []lint.Place // of the nodes of the Change
}

func (k *kustomization) component() bool { return text(fold(k.root, "kind")) == "Component" }

// A ref is what a kustomization names: a file, a directory, or a text instead of one.
type ref struct {
	field  string // as the file spells it: resources, patches, …
	node   *yaml.Node
	value  string // of node, without the key= of generators
	path   string // absolute, links resolved; "" where nothing is to be read
	isDir  bool
	inline bool     // the entry is the text itself
	refuse string   // why it is not read; "" when it is
	lacks  []string // where it is not there: see [lint.InputError.Lacks]
}

// tree reads the kustomizations of one call of Load, each once.
type tree struct {
	files *filetree.Tree
	jail  string // of files: links resolved

	change  *Change // of the kustomization in changed; may be nil
	changed string  // links resolved

	mu    sync.Mutex // guards what follows
	cache map[string]*kustomization
	nodes map[*lint.Source]map[place]*yaml.Node // see build.index
	laid  map[*lint.Source]laid

	reached map[string]int   // by directory: the roots that lead to it; not changed once builds begin
	shared  map[string]*base // by directory; see [tree.accumulate]
}

func newTree(files *filetree.Tree) *tree {
	_, jail := files.Jail()
	return &tree{files: files, jail: jail, cache: map[string]*kustomization{}, nodes: map[*lint.Source]map[place]*yaml.Node{}, laid: map[*lint.Source]laid{}, reached: map[string]int{}, shared: map[string]*base{}}
}

// resolve returns the real path of p, or an error that says why it is not to be read.
func (t *tree) resolve(p string) (string, error) { return t.files.EvalSymlinks(p) }

// inside names the jail for messages.
func (t *tree) inside() string {
	if shown := t.files.Display(t.jail); shown != "." {
		return shown
	}
	return "the current directory"
}

// errOutside is the error for what lies outside of the jail.
var errOutside = filetree.ErrOutside

func within(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// at returns the kustomization of a directory (links resolved), or nil.
func (t *tree) at(dir string) *kustomization {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok := t.cache[dir]; ok {
		return k
	}
	k := t.opened(dir)
	if k != nil {
		is := true
		if err := contained(func() error { is = t.parse(k); return nil }); err != nil {
			k.root, k.refs = nil, nil
			k.errs = append(k.errs, &lint.InputError{Span: k.src.LineSpan(1), Message: err.Error()})
		}
		if !is {
			k = nil
		}
	}
	t.cache[dir] = k
	return k
}

// opened opens the kustomization file of a directory; nil where there is none.
func (t *tree) opened(dir string) *kustomization {
	if t.change != nil && t.change.generated.node != nil && dir == t.changed {
		return &kustomization{dir: dir, name: FileNames[0], src: t.change.placed[0].Span.Start.Source, generated: true}
	}
	var k *kustomization
	for _, name := range FileNames {
		path := filepath.Join(dir, name)
		real, err := t.resolve(path)
		if err != nil {
			continue
		}
		src, err := t.files.Open(real)
		if err != nil {
			continue
		}
		if k != nil {
			k.extra = append(k.extra, path)
			continue
		}
		k = &kustomization{dir: dir, name: name, src: src}
	}
	return k
}

// parse reads the file of k, and reports whether it is a kustomization.
func (t *tree) parse(k *kustomization) bool {
	if k.generated {
		t.change.apply(k)
		k.wrong, k.refs = mistakes(k.root), t.refsOf(k)
		return true
	}
	docs, errs := lint.ParseYAML(k.src)
	for _, e := range errs {
		k.errs = append(k.errs, &lint.InputError{Span: e.Span, Message: e.Message + "; the overlay cannot be built until it is fixed"})
	}
	switch {
	case len(errs) > 0:
	case len(docs) == 0:
		k.errs = append(k.errs, &lint.InputError{Span: k.src.LineSpan(1), Message: "the kustomization is empty; list its resources, or remove the file"})
	case len(docs) > 1:
		k.errs = append(k.errs, &lint.InputError{Span: lint.NodeSpan(k.src, docs[1]), Message: "a kustomization is one document; remove the others"})
	case docs[0].Kind != yaml.MappingNode:
		k.errs = append(k.errs, &lint.InputError{Span: lint.NodeSpan(k.src, docs[0]), Message: "a kustomization is a mapping of fields; this is not one"})
	default:
		k.root = docs[0]
	}
	for _, path := range k.extra {
		k.errs = append(k.errs, &lint.InputError{Span: k.src.LineSpan(1), Message: fmt.Sprintf("kustomize refuses a directory with two kustomization files: %s is in the same directory; remove one", filepath.Base(path))})
	}
	if api := text(fold(k.root, "apiVersion")); k.root != nil && api != "" && !strings.HasPrefix(api, "kustomize.config.k8s.io/") &&
		(strings.Contains(api, ".") || text(fold(k.root, "kind")) != "Kustomization") {
		return false // an object of that file name, as Flux' Kustomization
	}
	if n, message := ambiguous(k.root); n != nil {
		k.errs = append(k.errs, &lint.InputError{Span: k.span(n), Message: message + "; the overlay cannot be built until it is fixed"})
		k.root = nil
	}
	if t.change != nil && k.dir == t.changed {
		t.change.apply(k)
	}
	if k.root != nil {
		k.wrong = mistakes(k.root)
	}
	k.refs = t.refsOf(k)
	return true
}

// naming are the fields of a kustomization, in lower case, that name files or
// directories, or hold what does.
var naming = map[string]bool{"resources": true, "bases": true, "components": true, "crds": true, "configurations": true, "generators": true,
	"transformers": true, "validators": true, "patches": true, "patchesstrategicmerge": true, "patchesjson6902": true, "replacements": true,
	"openapi": true, "path": true, "patch": true, "configmapgenerator": true, "secretgenerator": true, "files": true, "envs": true, "env": true,
	"helmcharts": true, "helmchartinflationgenerator": true, "helmglobals": true, "valuesfile": true, "additionalvaluesfiles": true, "values": true}

// ambiguous finds a field that names files and of which kustomize may see another
// one: it reads names in any case, and takes merge keys in. What it reads has to be
// what was examined, since it fetches what is remote.
func ambiguous(root *yaml.Node) (found *yaml.Node, message string) {
	seen := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n = unalias(n); n == nil || found != nil || seen[n] {
			return
		}
		seen[n] = true
		spelt := map[string]string{}
		for i, c := range n.Content {
			if n.Kind != yaml.MappingNode || i%2 == 1 {
				walk(c)
				continue
			}
			name := strings.ToLower(c.Value)
			switch {
			case found != nil:
			case c.Value == "<<" && merges(n.Content[i+1]):
				found, message = c, "a merge key brings in fields that name files; write them out"
			case naming[name] && spelt[name] != "":
				found, message = c, fmt.Sprintf("%q is here already, as %q; remove one of them", c.Value, spelt[name])
			}
			spelt[name] = c.Value
		}
	}
	walk(root)
	return found, message
}

// merges reports whether a merge key's value holds a field that names files.
func merges(n *yaml.Node) bool {
	n = unalias(n)
	if n == nil {
		return false
	}
	for i, c := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode && merges(c):
			return true
		case n.Kind == yaml.MappingNode && i%2 == 0 && (naming[strings.ToLower(c.Value)] || c.Value == "<<"):
			return true
		}
	}
	return false
}

// remote matches what kustomize would fetch: the URLs and the short forms that
// its git and HTTP loaders accept.
var remote = lint.Regexp(`(?i)^(git::)*(https?:|ssh://|file://|[a-z][a-z0-9-]*@[^/]|(www\.)?github\.com[:/]|gh:)|^git::|://`)

// refsOf lists all that a kustomization names.
func (t *tree) refsOf(k *kustomization) []ref {
	var refs []ref
	add := func(field string, n *yaml.Node, value string, dirs bool) {
		if value == "" {
			return
		}
		r := ref{field: field, node: n, value: value}
		t.settle(k, &r, dirs)
		refs = append(refs, r)
	}
	for _, f := range []string{"resources", "bases", "components"} {
		for _, n := range items(fold(k.root, f)) {
			add(f, n, text(unalias(n)), true)
		}
	}
	for _, f := range []string{"crds", "configurations"} {
		for _, n := range items(fold(k.root, f)) {
			add(f, n, text(unalias(n)), false)
		}
	}
	for _, f := range []string{"generators", "transformers", "validators", "patchesStrategicMerge"} {
		for _, n := range items(fold(k.root, f)) {
			if v := text(unalias(n)); isInline(v) {
				refs = append(refs, ref{field: f, node: n, value: v, inline: true})
			} else {
				add(f, n, v, f != "patchesStrategicMerge")
			}
		}
	}
	for _, f := range []string{"patches", "patchesJson6902", "replacements"} {
		for _, n := range items(fold(k.root, f)) {
			if p := fold(unalias(n), "path"); text(p) != "" {
				add(f, p, text(p), false)
			} else if p := fold(unalias(n), "patch"); text(p) != "" {
				refs = append(refs, ref{field: f, node: p, value: text(p), inline: true})
			}
		}
	}
	for _, f := range []string{"configMapGenerator", "secretGenerator"} {
		for _, n := range items(fold(k.root, f)) {
			for _, sub := range []string{"files", "envs"} {
				for _, e := range items(fold(unalias(n), sub)) {
					v := text(unalias(e))
					if _, file, ok := strings.Cut(v, "="); ok && sub == "files" {
						v = file
					}
					add(f, e, v, false)
				}
			}
			if e := fold(unalias(n), "env"); text(e) != "" {
				add(f, e, text(e), false)
			}
		}
	}
	if n := fold(fold(k.root, "openapi"), "path"); text(n) != "" {
		add("openapi", n, text(n), false)
	}
	for _, f := range []string{"helmCharts", "helmChartInflationGenerator"} {
		for _, n := range items(fold(k.root, f)) {
			if v := fold(unalias(n), "valuesFile"); text(v) != "" {
				add(f, v, text(v), false)
			}
			if v := fold(unalias(n), "values"); f == "helmChartInflationGenerator" && text(v) != "" {
				add(f, v, text(v), false)
			}
			for _, v := range items(fold(unalias(n), "additionalValuesFiles")) {
				add(f, v, text(unalias(v)), false)
			}
		}
	}
	return refs
}

// isInline tells a text from a path, as kustomize does by trying to parse it.
func isInline(v string) bool {
	return strings.Contains(v, "\n") || strings.Contains(v, ": ") || strings.HasPrefix(strings.TrimSpace(v), "{")
}

// settle finds what a ref names on disk, or why it is not read.
func (t *tree) settle(k *kustomization, r *ref, dirs bool) {
	if remote().MatchString(r.value) || strings.Contains(r.value, "?ref=") {
		r.refuse = fmt.Sprintf("%s %q is remote and is not fetched, manilint works offline; vendor it into the tree", nounOf[r.field], r.value)
		r.lacks = []string{r.value}
		return
	}
	path := filepath.FromSlash(r.value)
	if !filepath.IsAbs(path) {
		path = filepath.Join(k.dir, path)
	}
	real, err := t.resolve(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.lacks = []string{t.files.Display(path), r.value}
		r.refuse = fmt.Sprintf("%s %q does not exist; correct the path, or remove the entry", nounOf[r.field], r.value)
		if strings.ContainsAny(r.value, "*?[") {
			r.refuse = fmt.Sprintf("%s %q does not exist: kustomize expands no wildcards; name each file", nounOf[r.field], r.value)
		}
		return
	case errors.Is(err, errOutside):
		r.lacks = []string{t.files.Display(path), r.value}
		r.refuse = fmt.Sprintf("%s %q is outside %s and is not read; lint from a directory that holds both, or vendor it", nounOf[r.field], r.value, t.inside())
		return
	case err != nil:
		r.refuse = fmt.Sprintf("%s %q cannot be read: %v", nounOf[r.field], r.value, reason(err))
		return
	}
	info, err := t.files.Stat(real)
	switch {
	case err != nil:
		r.refuse = fmt.Sprintf("%s %q cannot be read: %v", nounOf[r.field], r.value, reason(err))
		return
	case info.IsDir() && !dirs:
		r.refuse = fmt.Sprintf("%s %q is a directory where a file is expected", nounOf[r.field], r.value)
		return
	case !info.IsDir() && r.field == "components":
		r.refuse = fmt.Sprintf("component %q is a file where a directory with a kustomization is expected", r.value)
		return
	case !info.IsDir() && !info.Mode().IsRegular():
		r.refuse = fmt.Sprintf("%s %q is not a regular file", nounOf[r.field], r.value)
		return
	case !info.IsDir():
		if f, err := t.files.Stream(real); err != nil {
			r.refuse = fmt.Sprintf("%s %q cannot be read: %v; make it readable", nounOf[r.field], r.value, reason(err))
			return
		} else {
			f.Close()
		}
	case within(real, k.dir):
		r.refuse = fmt.Sprintf("%s %q contains this kustomization itself: a cycle; remove the entry", nounOf[r.field], r.value)
		return
	}
	if r.field == "openapi" || r.field == "crds" {
		if src, err := t.files.Open(real); err == nil {
			if why := endless(r.field, src); why != "" {
				r.refuse = fmt.Sprintf("%s %q is not read: %s", nounOf[r.field], r.value, why)
				return
			}
		}
	}
	r.path, r.isDir = real, info.IsDir()
}

func reason(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

var nounOf = map[string]string{
	"resources": "resource", "bases": "base", "components": "component", "crds": "CRD file", "configurations": "configuration",
	"generators": "generator", "transformers": "transformer", "validators": "validator", "patchesStrategicMerge": "patch",
	"patches": "patch", "patchesJson6902": "patch", "replacements": "replacement", "configMapGenerator": "generator's file",
	"secretGenerator": "generator's file", "openapi": "schema", "helmCharts": "values file", "helmChartInflationGenerator": "values file",
}

// each calls visit for k and every kustomization below it, each once.
func (t *tree) each(k *kustomization, visit func(*kustomization)) {
	t.closure(k, visit, func(*kustomization, ref) {})
}

// closure calls visit for k and every kustomization below it, each once. cycle is
// called for an entry that leads back to a kustomization on the way to it.
func (t *tree) closure(k *kustomization, visit func(*kustomization), cycle func(*kustomization, ref)) {
	done := map[string]bool{}
	holds := map[string]int{} // by directory: the kustomizations on the way that lie in it
	move := func(dir string, by int) {
		for d := dir; ; d = filepath.Dir(d) {
			holds[d] += by
			if d == filepath.Dir(d) {
				return
			}
		}
	}
	var walk func(k *kustomization)
	walk = func(k *kustomization) {
		if done[k.dir] {
			return
		}
		done[k.dir] = true
		move(k.dir, 1)
		visit(k)
		for _, r := range k.refs {
			if !r.isDir {
				continue
			}
			// kustomize also refuses a base that holds a kustomization on the way
			if holds[r.path] > 0 {
				cycle(k, r)
				continue
			}
			if base := t.at(r.path); base != nil {
				walk(base)
			}
		}
		move(k.dir, -1)
	}
	walk(k)
}

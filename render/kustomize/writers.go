package kustomize

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A writer is a builtin transformer or generator with its configuration: an entry
// of a kustomization, or a document that `transformers:` or `generators:` name.
type writer struct {
	kind   string
	k      *edited
	node   *yaml.Node // the entry, with the lines of the kustomization
	plugin *yaml.Node // the document, at its numbers in the build
	config *yaml.Node // what krusty gave it
	docs   []*yaml.Node
	copies []replacement // of a ReplacementTransformer
	b      *build

	// Of one entry of several, see split:
	one     *yaml.Node // with the lines of the kustomization
	copying *copying
}

// split returns a writer for each entry of a plugin that takes several.
func (w *writer) split() []*writer {
	list := func(field string, item *yaml.Node) *yaml.Node {
		config := &yaml.Node{Kind: yaml.MappingNode}
		config.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Value: field}, {Kind: yaml.SequenceNode, Content: []*yaml.Node{clone(item)}}}
		return config
	}
	var parts []*writer
	switch w.kind {
	case "ReplacementTransformer":
		for _, c := range w.copyings() {
			part := *w
			part.copying, part.config = &c, list("replacements", c.node)
			if w.plugin == nil && c.place(c.node) == w.place(c.node) {
				part.one = c.node
			}
			parts = append(parts, &part)
		}
	case "PatchStrategicMergeTransformer":
		entries := items(w.of("paths"))
		for i, p := range items(fold(w.config, "paths")) {
			part := *w
			part.config = list("paths", p)
			part.docs = part.patches()
			if w.plugin == nil && i < len(entries) {
				part.one = unalias(entries[i])
			}
			parts = append(parts, &part)
		}
	}
	return parts
}

// fieldOf names the fields that krusty makes one plugin an item of, in its order.
var fieldOf = map[string][]string{
	"PatchTransformer": {"patches"}, "PatchJson6902Transformer": {"patchesJson6902"}, "ImageTagTransformer": {"images", "imageTags"},
	"ReplicaCountTransformer": {"replicas"}, "LabelTransformer": {"labels"},
	"ConfigMapGenerator": {"configMapGenerator"}, "SecretGenerator": {"secretGenerator"},
	"HelmChartInflationGenerator": {"helmCharts", "helmChartInflationGenerator"},
}

// wholeField names the fields that krusty makes one plugin of.
var wholeField = map[string]string{
	"PatchStrategicMergeTransformer": "patchesStrategicMerge", "NamespaceTransformer": "namespace", "PrefixTransformer": "namePrefix",
	"SuffixTransformer": "nameSuffix", "AnnotationsTransformer": "commonAnnotations", "ReplacementTransformer": "replacements",
}

// writer finds what a plugin was configured from.
func (b *build) writer(kind, dir string, config []byte) *writer {
	w := &writer{kind: kind, k: b.edited[dir], b: b}
	var doc yaml.Node
	if decode(config, &doc) == nil && len(doc.Content) > 0 {
		w.config = doc.Content[0]
	}
	if w.k == nil {
		w.k = &edited{kustomization: b.root, root: b.root.root}
	}
	if kindOf(w.config) != "" && text(get(w.config, "apiVersion")) != "" {
		w.plugin = w.findPlugin()
		for _, p := range append(items(fold(w.config, "paths")), fold(w.config, "path")) {
			if v := text(p); strings.HasPrefix(kind, "Patch") && v != "" && !isInline(v) {
				b.assign(w.file(v), role{rolePatch, entry{}})
			}
		}
	} else {
		w.node = w.findEntry()
	}
	w.docs = w.patches()
	return w
}

// findEntry counts: krusty makes the plugins of a field in the order of its items,
// and starts again where a directory is built more than once.
func (w *writer) findEntry() *yaml.Node {
	if f, ok := wholeField[w.kind]; ok {
		return fold(w.k.root, f)
	}
	var entries []*yaml.Node
	for _, f := range fieldOf[w.kind] {
		for _, e := range items(fold(w.k.root, f)) {
			entries = append(entries, unalias(e))
		}
	}
	if w.kind == "LabelTransformer" { // krusty adds one for commonLabels, empty or not
		entries = append(entries, fold(w.k.root, "commonLabels"))
	}
	if len(entries) == 0 {
		return nil
	}
	key := w.kind + "\x00" + w.k.dir
	i := w.b.count[key]
	w.b.count[key]++
	return entries[i%len(entries)]
}

// findPlugin searches for the document of the same kind and name.
func (w *writer) findPlugin() *yaml.Node {
	var found *yaml.Node
	look := func(path string) {
		for _, d := range w.b.documents(path, rolePlugin) {
			if found == nil && kindOf(d) == kindOf(w.config) && nameOf(d) == nameOf(w.config) {
				found = d
			}
		}
	}
	var in func(k *edited)
	in = func(k *edited) {
		names := make([]string, 0, len(k.inline))
		for name := range k.inline {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			look(filepath.Join(k.dir, name))
		}
		for _, r := range k.refs {
			if r.path != "" && (r.field == "transformers" || r.field == "generators" || r.field == "validators" || k != w.k && r.field == "resources") {
				if !r.isDir {
					look(r.path)
				} else if sub := w.b.edited[r.path]; sub != nil && sub != k {
					in(sub)
				}
			}
		}
	}
	in(w.k)
	return found
}

func (w *writer) span() lint.Span {
	if w.copying != nil && w.one == nil {
		if s := w.b.locate(w.copying.place(w.copying.node)); s.span.IsValid() {
			return s.span
		}
	}
	if w.node != nil {
		return entry{w.k.kustomization, w.anchor()}.span()
	}
	for _, n := range []*yaml.Node{fold(w.plugin, "path"), w.plugin} {
		if n == nil || !at(n).known() {
			continue
		}
		if s := w.b.locate(at(n)); s.span.IsValid() {
			return s.span
		}
	}
	return w.k.src.LineSpan(1)
}

// anchor is the part of an entry at which errors are reported.
func (w *writer) anchor() *yaml.Node {
	node := w.node
	if w.one != nil {
		node = w.one
		if original := w.original(node); original != nil {
			return original
		}
	}
	for _, f := range []string{"path", "patch", "name", "target"} {
		if v := fold(node, f); v != nil && v.Kind == yaml.ScalarNode {
			if original := w.original(v); original != nil {
				return original
			}
			return v
		}
	}
	return node
}

// original returns the inline text in whose place an edited kustomization has a file.
func (w *writer) original(n *yaml.Node) *yaml.Node { return w.k.inline[n.Value] }

func (b *build) failed(w *writer, err error) {
	named := append(items(fold(w.config, "paths")), fold(w.config, "path"))
	if w.copying != nil {
		named = append(named, fold(w.copying.node, "path"))
	}
	for _, n := range named {
		if path := text(n); path != "" && !isInline(path) {
			if src, err := b.open(w.file(path)); err == nil {
				if _, errs := lint.ParseYAML(src); len(errs) > 0 {
					b.fail(errs[0].Span, "%s; the overlay is built without it", errs[0].Message)
					return
				}
			}
		}
	}
	message := b.clean(err.Error())
	for name, n := range w.k.inline {
		message = strings.ReplaceAll(message, name, fmt.Sprintf("inline, line %d", w.k.span(n).Start.Line))
	}
	b.fail(w.span(), "%s", advised(message))
}

// refused says why a plugin is not run: it would fetch something, or never end. What it would
// fetch it does not have.
func (w *writer) refused() (found string, lacks []string) {
	var walk func(key string, n *yaml.Node)
	walk = func(key string, n *yaml.Node) {
		if n == nil {
			return
		}
		switch n.Kind {
		case yaml.ScalarNode:
			switch key = strings.ToLower(key); key { // as kustomize reads it
			case "patch", "patches", "jsonop":
				if text := []byte(n.Value); aliased(text) {
					if _, errs := lint.ParseYAML(lint.NewSource("", text)); len(errs) > 0 {
						found = errs[0].Message + "; the overlay is built without this patch"
					}
				}
			case "path", "paths", "files", "envs", "env", "valuesfile", "additionalvaluesfiles":
				v := n.Value
				if _, file, ok := strings.Cut(v, "="); ok && key == "files" {
					v = file
				}
				if remote().MatchString(v) && (!isInline(v) || key != "paths") {
					lacks = []string{v}
					found = fmt.Sprintf("%q is remote and is not fetched, manilint works offline; vendor it into the tree", v)
				}
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if k := n.Content[i].Value; k != "labels" && k != "annotations" && k != "literals" {
					walk(k, n.Content[i+1])
				}
			}
		case yaml.SequenceNode:
			for _, c := range n.Content {
				walk(key, c)
			}
		}
	}
	walk("", w.config)
	return found, lacks
}

// place returns where a node of the configuration stands.
func (w *writer) place(n *yaml.Node) place {
	switch {
	case n == nil:
		return place{}
	case w.plugin != nil:
		return at(n)
	}
	return w.b.entry(entry{w.k.kustomization, n})
}

// of returns a field of the configuration: of the plugin's document under its name
// there, else the entry itself.
func (w *writer) of(path ...string) *yaml.Node {
	if w.plugin == nil {
		return w.node
	}
	n := w.plugin
	for _, p := range path {
		n = fold(n, p)
	}
	return n
}

// patches returns the documents of a patch.
func (w *writer) patches() []*yaml.Node {
	if !strings.HasPrefix(w.kind, "Patch") {
		return nil
	}
	var docs []*yaml.Node
	add := func(n *yaml.Node) {
		if v := text(n); v != "" && !isInline(v) {
			docs = append(docs, w.b.documents(w.file(v), rolePatch)...)
		}
	}
	add(fold(w.config, "path"))
	for _, p := range items(fold(w.config, "paths")) {
		add(p)
	}
	if len(docs) == 0 && w.plugin != nil {
		// the text of a patch inside a plugin's document is at the one place of its scalar
		for _, f := range []string{"patch", "jsonOp"} {
			if n := fold(w.plugin, f); n != nil {
				pieces(kyamlText([]byte(n.Value)), func([]byte) {}, func(p piece) {
					var d yaml.Node
					if decode(p.text, &d) == nil && d.Kind == yaml.DocumentNode && len(d.Content) > 0 {
						level(d.Content[0], at(n))
						docs = append(docs, d.Content[0])
					}
				})
			}
		}
	}
	return docs
}

func level(n *yaml.Node, p place) {
	set(n, p)
	for _, c := range n.Content {
		level(c, p)
	}
}

func (w *writer) file(name string) string {
	path := filepath.FromSlash(name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.k.dir, path)
	}
	if _, ok := w.b.virtual[path]; ok {
		return path
	}
	if real, err := w.b.resolve(path); err == nil {
		return real
	}
	return path
}

// resource gives an object that the transformer has changed its places.
func (w *writer) resource(b *build, r *resource.Resource, pre, post *yaml.Node) {
	h := healer{b: b, claim: w.claim(), root: post}
	if w.copies != nil {
		h.claim, h.copies = w.copied(r, post), true
	}
	if len(w.docs) > 0 {
		h.merged = true
		for _, ops := range w.docs {
			if ops.Kind == yaml.SequenceNode {
				pre, h.merged = b.patched(pre, ops), false
			}
		}
	}
	h.heal(pre, post)
}

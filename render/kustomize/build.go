package kustomize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// A build is one run of krusty over one root, and the file system that it reads:
// nothing outside the jail, documents at lines of their own (see [space]), and
// kustomizations without what is refused.
type build struct {
	filesys.FileSystem // an empty one: it answers what is not overridden
	*tree
	files *filetree.Tree // the unit's own view
	space
	ctx  context.Context // of run
	o    Options
	root *kustomization

	careful bool                // look for broken documents before serving a file
	dropped map[*yaml.Node]bool // entries left out
	edited  map[string]*edited  // by directory
	served  map[string][]byte
	virtual map[string][]byte
	roles   map[string]role    // of files
	read    []string           // files of resources, in the order of reading
	plain   map[string]bool    // files served as they lie, in a coarse build
	inlined map[string]inlined // by virtual path
	docs    map[string][]*yaml.Node
	bases   map[numberKey]int
	awaited map[string][]awaited // by identity

	trees  map[*resource.Resource]*yaml.Node // as the last hook left them
	byNode map[*yaml.Node]*yaml.Node
	made   []*yaml.Node // by generators, as they left them
	count  map[string]int

	removed map[*resource.Resource][]removal
	gone    map[*yaml.Node][]removal // the same by the objects of the result
	origin  map[string][]*yaml.Node  // documents by identity, when needed

	errs []*lint.InputError

	coarse   bool                       // built without hooks
	refusal  error                      // a limit that ends the build
	objects  int                        // read so far
	sizes    map[*resource.Resource]int // in nodes
	excesses int                        // errGrown
	written  int                        // bytes, by a controller after the build
	inserted int                        // values and keys that it read from them
	arrivals map[string]*arrival        // by directory
	due      map[string]bool            // directories whose first transformer adds them
	hoisted  map[*yaml.Node]bool        // entries that are left out since they arrive
	taking   bool                       // the build is of a base that is shared
	came     *accumulated               // what it came to
	apart    bool                       // nothing is shared

	generating bool // a generator is at work: it reads files as they lie
	patching   bool // a patch is being read
}

type role struct {
	name string
	by   entry
}

// edited is a kustomization as krusty is given it.
type edited struct {
	*kustomization
	root   *yaml.Node            // without what is refused; nodes keep their lines
	inline map[string]*yaml.Node // file of an inline text → its scalar
}

var (
	schemas sync.RWMutex // held for writing while a build changes kyaml's global schema
	parsed  bool         // whether kyaml has parsed its own schema; guarded by schemas
)

// shareSchema lets builds use kyaml's own schema until release is called. kyaml
// parses it when it is first needed and reads parts of it without a lock
// (openapi.IsNamespaceScoped), so that is done here, before builds share it.
func shareSchema(ctx context.Context) (release func(), err error) {
	for {
		if err := lock(ctx, &schemas, (*sync.RWMutex).TryRLock); err != nil {
			return nil, err
		}
		if parsed {
			return schemas.RUnlock, nil
		}
		schemas.RUnlock()
		if err := lock(ctx, &schemas, (*sync.RWMutex).TryLock); err != nil {
			return nil, err
		}
		openapi.Schema()
		parsed = true
		schemas.Unlock()
	}
}

// ownSchema gives a build with a schema of its own kyaml's global one until release
// is called.
func ownSchema(ctx context.Context) (release func(), err error) {
	if err := lock(ctx, &schemas, (*sync.RWMutex).TryLock); err != nil {
		return nil, err
	}
	openapi.ResetOpenAPI()
	parsed = false
	return func() {
		openapi.ResetOpenAPI()
		schemas.Unlock()
	}, nil
}

func newBuild(t *tree, k *kustomization, o Options) *build {
	return &build{
		FileSystem: filesys.MakeFsInMemory(), tree: t, files: o.Files, o: o, root: k,
		dropped: map[*yaml.Node]bool{}, coarse: !hooked(),
	}
}

// resolve is [tree.resolve] through the unit's own view.
func (b *build) resolve(p string) (string, error) { return b.files.EvalSymlinks(p) }

// open is [tree.open] through the unit's own view.
func (b *build) open(p string) (*lint.Source, error) {
	real, err := b.resolve(p)
	if err != nil {
		return nil, err
	}
	return b.files.Open(real)
}

func (b *build) reset() {
	b.space = space{}
	b.edited, b.served, b.virtual = map[string]*edited{}, map[string][]byte{}, map[string][]byte{}
	b.roles, b.plain, b.read, b.docs = map[string]role{}, map[string]bool{}, nil, map[string][]*yaml.Node{}
	b.inlined, b.bases, b.awaited = map[string]inlined{}, map[numberKey]int{}, map[string][]awaited{}
	b.trees, b.byNode, b.made = map[*resource.Resource]*yaml.Node{}, map[*yaml.Node]*yaml.Node{}, nil
	b.count, b.origin = map[string]int{}, nil
	b.generating, b.patching = false, false
	b.objects, b.sizes, b.excesses = 0, map[*resource.Resource]int{}, 0
	b.removed, b.gone = map[*resource.Resource][]removal{}, map[*yaml.Node][]removal{}
	b.arrivals, b.due, b.hoisted = map[string]*arrival{}, map[string]bool{}, map[*yaml.Node]bool{}
}

// release lets go of what only building needs.
func (b *build) release() {
	b.edited, b.served, b.virtual, b.roles, b.plain, b.docs = nil, nil, nil, nil, nil, nil
	b.removed, b.inlined, b.bases, b.awaited, b.read = nil, nil, nil, nil, nil
	b.trees, b.byNode, b.made, b.count, b.origin, b.sites, b.overs = nil, nil, nil, nil, nil, nil, nil
	b.sizes, b.arrivals, b.due, b.hoisted, b.came = nil, nil, nil, nil, nil
}

func (b *build) fail(span lint.Span, format string, args ...any) {
	b.lacks(nil, span, format, args...)
}

// does not have is fail for something that is not there; see [lint.InputError.Lacks].
func (b *build) lacks(names []string, span lint.Span, format string, args ...any) {
	e := &lint.InputError{Span: span, Message: redacted(fmt.Sprintf(format, args...)), Lacks: names}
	if !slices.ContainsFunc(b.errs, func(f *lint.InputError) bool { return f.Error() == e.Error() }) {
		b.errs = append(b.errs, e)
	}
}

// contained calls f and returns its error, or what it panicked with.
func contained(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize failed here and was stopped: %v; please report this with the files", p)
		}
	}()
	return f()
}

// stopped returns why the build is to end now, if it is.
func (b *build) stopped() error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	return b.refusal
}

// run builds the root. What stops krusty is recorded, taken out, and the rest
// built without it; nil when nothing can be built, or ctx is done.
func (b *build) run(ctx context.Context) resmap.ResMap {
	b.ctx = ctx
	custom := false
	b.closure(b.root, func(k *kustomization) {
		b.errs = append(b.errs, k.errs...)
		for _, m := range k.wrong {
			b.drop(ref{node: m.out})
			b.fail(k.span(m.at), "%s", m.message)
		}
		custom = custom || fold(k.root, "openapi") != nil
		for _, r := range k.refs {
			if r.refuse != "" {
				b.drop(r)
				b.lacks(r.lacks, k.span(r.node), "%s", r.refuse)
			}
			if r.isDir && (b.at(r.path) == nil || b.at(r.path).root == nil) {
				b.drop(r)
				if b.at(r.path) == nil {
					b.fail(k.span(r.node), "%s %q is a directory without a kustomization; list its files, or add a kustomization to it", nounOf[r.field], r.value)
				} else {
					b.errs = append(b.errs, b.at(r.path).errs...)
				}
			}
		}
	}, func(k *kustomization, r ref) {
		b.apart = true
		b.drop(r)
		b.fail(k.span(r.node), "%s %q refers back to this kustomization: a cycle; remove the entry", nounOf[r.field], r.value)
	})
	if b.root.root == nil {
		return nil
	}
	named := 0
	b.each(b.root, func(k *kustomization) {
		for _, r := range k.refs {
			if r.field == "resources" && r.path != "" && !r.isDir {
				named++
			}
		}
	})
	if limit := objectsIn(ctx); named > limit {
		b.fail(b.root.src.LineSpan(1), "not built: it names %d files of resources: %v", named, errTooMany(limit))
		return nil
	}
	if b.ways(b.root) > maxBuilds {
		b.fail(b.root.src.LineSpan(1), "not built: kustomize would build more than %d directories, the limit: it builds a base again on each path to it; list shared bases once", maxBuilds)
		return nil
	}
	schema := shareSchema
	if custom {
		schema, b.apart = ownSchema, true
	}
	release, err := schema(ctx)
	if err != nil {
		b.fail(b.root.src.LineSpan(1), "not built: %v", err)
		return nil
	}
	defer release()
	for range 50 {
		b.reset()
		b.share()
		known := len(b.errs)
		m, err := b.krusty()
		if err == nil {
			return m
		}
		if len(b.arrivals) > 0 && b.ctx.Err() == nil {
			b.apart, b.refusal, b.errs = true, nil, b.errs[:known]
			continue
		}
		if why := b.stopped(); why != nil {
			b.fail(b.root.src.LineSpan(1), "not built: %v", why)
			return nil
		}
		if !b.careful {
			b.careful = true
			if b.check() {
				continue
			}
		}
		if !b.blame(err) {
			return nil
		}
	}
	b.fail(b.root.src.LineSpan(1), "not built: kustomize still fails after the entries that it fails on are removed; fix the errors above")
	return nil
}

func (b *build) krusty() (m resmap.ResMap, err error) {
	o := krusty.MakeDefaultOptions()
	o.LoadRestrictions = types.LoadRestrictionsNone // the jail takes its place; see tree.resolve
	o.PluginConfig = types.DisabledPluginConfig()
	id, done := register(b)
	defer done()
	o.PluginConfig.HelmConfig.Command = id
	err = contained(func() (err error) {
		if m, err = krusty.MakeKustomizer(o).Run(b, b.root.dir); err == nil {
			b.finish(m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (b *build) drop(r ref) {
	for _, n := range []*yaml.Node{r.node, unalias(r.node)} {
		b.dropped[n] = true
	}
}

// check reads the documents of all files to come and takes out what is broken,
// and reports whether there was any.
func (b *build) check() bool {
	found := false
	b.each(b.root, func(k *kustomization) {
		for _, r := range k.refs {
			if r.path == "" || r.isDir || !parsedFields[r.field] {
				continue
			}
			src, err := b.files.Open(r.path)
			if err != nil {
				b.drop(r)
				b.fail(k.span(r.node), "%s %q cannot be read: %v", nounOf[r.field], r.value, reason(err))
				found = true
				continue
			}
			_, errs := lint.ParseYAML(src)
			for _, e := range errs {
				b.fail(e.Span, "%s; the rest of the overlay is built without this document", e.Message)
				found = true
			}
			if len(errs) > 0 && r.field != "resources" {
				b.drop(r)
			}
		}
	})
	return found
}

var parsedFields = map[string]bool{"resources": true, "patches": true, "patchesStrategicMerge": true, "patchesJson6902": true, "generators": true,
	"transformers": true, "validators": true, "replacements": true, "configurations": true, "crds": true}

// The file system.

func (b *build) IsDir(p string) bool {
	real, err := b.resolve(p)
	if err != nil {
		return false
	}
	info, err := b.files.Stat(real)
	return err == nil && info.IsDir()
}

func (b *build) Exists(p string) bool {
	if _, ok := b.virtual[p]; ok {
		return true
	}
	_, err := b.resolve(p)
	return err == nil
}

func (b *build) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	if _, ok := b.virtual[p]; ok {
		return filesys.ConfirmedDir(filepath.Dir(p)), filepath.Base(p), nil
	}
	real, err := b.resolve(p)
	if err != nil {
		return "", "", err
	}
	if b.IsDir(real) {
		return filesys.ConfirmedDir(real), "", nil
	}
	return filesys.ConfirmedDir(filepath.Dir(real)), filepath.Base(real), nil
}

func (b *build) ReadFile(p string) ([]byte, error) {
	if err := b.stopped(); err != nil {
		return nil, err
	}
	if data, ok := b.virtual[p]; ok {
		return data, nil
	}
	if b.generating {
		src, err := b.open(p)
		if err != nil {
			return nil, err
		}
		return src.Data, nil
	}
	if slices.Contains(FileNames, filepath.Base(p)) {
		if dir, err := b.resolve(filepath.Dir(p)); err == nil {
			if k := b.at(dir); k != nil && k.root != nil {
				if filepath.Base(p) != k.name || slices.Contains(k.extra, p) {
					return nil, fs.ErrNotExist
				}
				return b.edit(k)
			}
		}
	}
	real, err := b.resolve(p)
	if err != nil {
		return nil, err
	}
	if data, ok := b.served[real]; ok { // a patch
		return data, nil
	}
	src, err := b.files.Open(real)
	if err != nil {
		return nil, err
	}
	r, known := b.roles[real]
	switch {
	case b.patching, b.coarse && known && !b.plain[real]:
		if b.patching {
			r.name = rolePatch
		}
		data, fits := b.pad(src, r.name, r.by, nil, b.skip(src, nil))
		if !fits {
			return nil, errTooLong
		}
		b.served[real] = data
		return data, nil
	case known && !b.coarse:
		if r.name == roleResource {
			b.read = append(b.read, real)
		}
		return b.await(src, segment{role: r.name, by: r.by}), b.stopped()
	}
	return src.Data, nil
}

var errTooLong = errors.New("the patches of this overlay hold too many lines (the limit is about 3000 documents of ten lines); split the overlay")

// inline returns the text of a scalar of a kustomization as kustomize is given it, in
// a file of that path: a patch at numbers of its own. Of the field patches kustomize
// cuts off the white space around it (trim), first indentation included.
func (b *build) inline(path string, e entry, role string, trim bool) ([]byte, bool) {
	text, inside := e.node.Value, embed(e)
	if trim {
		start := len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
		text = strings.TrimSpace(text)
		if inside.offsets != nil {
			inside.offsets = inside.offsets[start : start+len(text)+1]
		}
	}
	src := lint.NewSource(e.k.src.Path, []byte(text))
	b.inlined[path] = inlined{src, e, inside}
	skip := b.skip(src, inside)
	if role == rolePatch {
		return b.pad(src, role, e, inside, skip)
	}
	return layOut(src.Data, skip).text, true
}

// skip returns a test for the documents of a file that are not to be served:
// those that are broken or nested too deep, or whose aliases expand without end.
func (b *build) skip(src *lint.Source, inside *embedded) func(first, last int) bool {
	deep := mayBeDeep(src.Data)
	if !b.careful && !deep && !aliased(src.Data) {
		return nil
	}
	docs, errs := lint.ParseYAML(src)
	for _, d := range docs {
		if !deep {
			break
		}
		if n := tooDeep(d, 0); n != nil {
			errs = append(errs, &lint.InputError{Span: lint.NodeSpan(src, n), Message: fmt.Sprintf("collections are nested more than %d deep here, which kustomize cannot finish", maxDepth)})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	for _, e := range errs {
		span := e.Span
		if inside != nil {
			span, _ = inside.outer(span)
		}
		b.fail(span, "%s; the rest of the overlay is built without this document", e.Message)
	}
	return func(first, last int) bool {
		return slices.ContainsFunc(errs, func(e *lint.InputError) bool { return first <= e.Span.Start.Line && e.Span.Start.Line <= last })
	}
}

// aliased reports whether a text may have aliases, whose expansion has to be examined.
func aliased(text []byte) bool {
	return bytes.IndexByte(text, '&') >= 0 && bytes.IndexByte(text, '*') >= 0
}

// edit returns a kustomization as krusty is to see it: without the entries that
// are refused, and with a file instead of each inline text.
func (b *build) edit(k *kustomization) ([]byte, error) {
	if data, ok := b.served[k.dir]; ok {
		return data, nil
	}
	e := &edited{kustomization: k, inline: map[string]*yaml.Node{}}
	b.edited[k.dir] = e
	if a := b.arrivals[k.dir]; a != nil && a.whole {
		e.root = k.root
		return []byte(empty), nil
	}
	files := b.takeIn(e)
	var changed bool
	e.root, changed = b.prune(k.root, files)
	e.inlineFirst()
	changed = b.marked(e) || changed || k.authored != nil
	if b.coarse && b.leaveCharts(e) {
		changed = true
	}
	data := bytes.TrimPrefix(k.src.Data, []byte("\ufeff"))
	if changed {
		if fold(e.root, "resources") == nil && len(e.root.Content) == 0 {
			e.root.Content = append(e.root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "resources"}, &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle})
		}
		var err error
		if data, err = yaml.Marshal(e.root); err != nil {
			return nil, err
		}
	}
	b.served[k.dir] = data
	return data, nil
}

// roleOf gives the files that a field names their roles. Those of generators are read
// as they lie, and the rest is read by kustomize alone.
var roleOf = map[string]string{
	"resources": roleResource,
	"patches":   rolePatch, "patchesStrategicMerge": rolePatch, "patchesJson6902": rolePatch,
	"generators": rolePlugin, "transformers": rolePlugin, "validators": rolePlugin, "replacements": rolePlugin,
}

// takeIn gives the files of a kustomization their roles and its inline texts files,
// which it returns by the texts' nodes.
func (b *build) takeIn(e *edited) map[*yaml.Node]string {
	files := map[*yaml.Node]string{}
	for _, r := range e.refs {
		by := entry{e.kustomization, r.node}
		switch {
		case b.dropped[r.node]:
		case r.inline:
			name := fmt.Sprintf(".manilint-%s-%d-%d.yaml", r.field, r.node.Line, r.node.Column)
			path := filepath.Join(e.dir, name)
			text, fits := b.inline(path, entry{e.kustomization, unalias(r.node)}, roleOf[r.field], r.field == "patches")
			if !fits {
				b.fail(by.span(), "%v", errTooLong)
				b.drop(r)
				continue
			}
			b.virtual[path], e.inline[name], files[r.node] = text, r.node, name
		case r.isDir || r.path == "":
		case roleOf[r.field] != "":
			b.assign(r.path, role{roleOf[r.field], by})
		case b.coarse && (r.field == "configMapGenerator" || r.field == "secretGenerator"):
			b.plain[r.path] = true // nothing tells when a generator reads
			delete(b.served, r.path)
		}
	}
	return files
}

// inlineFirst puts the plugins of a kustomization in the order in which krusty runs
// them: those written inline before those in files.
func (e *edited) inlineFirst() {
	inFile := func(n *yaml.Node) int {
		if _, ok := e.inline[n.Value]; ok {
			return 0
		}
		return 1
	}
	for _, f := range []string{"generators", "transformers", "validators"} {
		if list := fold(e.root, f); list != nil {
			slices.SortStableFunc(list.Content, func(x, y *yaml.Node) int { return inFile(x) - inFile(y) })
		}
	}
}

// leaveCharts takes out what needs the helm program, and what a coarse build has no
// renderer for, and reports whether there was any.
func (b *build) leaveCharts(e *edited) bool {
	left := false
	for i := 0; i+1 < len(e.root.Content); i += 2 {
		if name := e.root.Content[i].Value; strings.EqualFold(name, "helmCharts") || strings.EqualFold(name, "helmChartInflationGenerator") {
			b.fail(e.span(e.root.Content[i]), "the charts of %s are not rendered; lint them on their own", name)
			e.root.Content = slices.Delete(e.root.Content, i, i+2)
			i -= 2
			left = true
		}
	}
	return left
}

func (b *build) assign(path string, r role) {
	if _, ok := b.roles[path]; !ok {
		b.roles[path] = r
	}
}

// prune copies a kustomization without its dropped entries and puts the names of
// files instead of inline texts.
func (b *build) prune(root *yaml.Node, files map[*yaml.Node]string) (*yaml.Node, bool) {
	changed := false
	var prune func(n *yaml.Node) *yaml.Node
	prune = func(n *yaml.Node) *yaml.Node {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if b.dropped[n] || b.hoisted[n] {
			changed = true
			return nil
		}
		if name, ok := files[n]; ok {
			changed = true
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Line: n.Line, Column: n.Column}
		}
		c := *n
		c.Content, c.Anchor = nil, ""
		if n.Kind != yaml.MappingNode {
			for _, x := range n.Content {
				if y := prune(x); y != nil {
					c.Content = append(c.Content, y)
				}
			}
			return &c
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, v := *n.Content[i], prune(n.Content[i+1])
			if v == nil {
				if strings.EqualFold(key.Value, "path") {
					return nil // a patch or replacement without its file is none
				}
				continue
			}
			if _, ok := files[unalias(n.Content[i+1])]; ok && strings.EqualFold(key.Value, "patch") {
				key.Value = "path"
			}
			c.Content = append(c.Content, &key, v)
		}
		return &c
	}
	pruned := prune(root)
	if pruned == nil {
		pruned = &yaml.Node{Kind: yaml.MappingNode}
	}
	return pruned, changed
}

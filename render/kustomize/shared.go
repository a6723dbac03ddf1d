package kustomize

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	filetree "github.com/manilint/manilint/render/tree"
)

// What overlays share.
//
// krusty reads and parses a base anew for each overlay, and again for each path to it
// within one. It takes no objects in place of a directory. But what it hands to a
// transformer is the list of objects itself, and the first transformer of a directory sees it
// right after the resources are in it. So a base that several overlays reach is built once, up to
// its last transformer: names are not yet put into references then, hashes not yet added,
// just as for an overlay that builds it as a part of itself. In an overlay the base then
// has no resources and a transformer that adds copies of the objects.
//
// Whether a base can be shared is decided narrowly, by shareable: what it comes to must
// depend on nothing but itself, and it must hand on nothing but objects, as variables are,
// and the configuration of transformers. A base with any error is not shared, and an overlay that
// cannot be built is built again without sharing before anybody looks for the cause.

// shareMark is the name of the file that the transformer has which adds, or takes, what is shared. There
// is none of that name: the transformer is not run.
const shareMark = ".manilint-shared"

// An accumulated base is what a directory comes to within any overlay. It is not changed.
type accumulated struct {
	objects []sharedObject
	files   *filetree.Tree // that remembers what was read
	count   int            // of objects, as they were read
	space   space
	bases   map[numberKey]int
	made    []*yaml.Node
	read    []string
}

type sharedObject struct {
	document *yaml.Node // around it, without it; nil for none
	root     *yaml.Node
	size     int
	removed  []removal
	id       resid.ResId
}

// An arrival is what the first transformer of a directory adds to its objects.
type arrival struct {
	objects  []sharedObject
	count    int
	whole    bool // the directory is not read at all
	last     bool // they are behind what is there
	distinct bool // none has the identity of another one, and nothing else is there
}

// errTaken ends the build of a base that is shared.
var errTaken = errors.New("the objects are taken")

// A base is taken up once.
type base struct {
	turn chan struct{} // holds one while it is built
	done bool
	came *accumulated // nil where it cannot be shared
}

// sharing are the fields of a kustomization, in lower case, with which it can be shared.
var sharing = []string{"apiversion", "kind", "metadata", "resources", "bases", "components", "namespace", "nameprefix", "namesuffix", "commonlabels", "labels",
	"commonannotations", "images", "imagetags", "replicas", "patches", "patchesstrategicmerge", "patchesjson6902", "replacements", "configmapgenerator", "secretgenerator", "generatoroptions"}

// shareable reports whether what a directory comes to depends on nothing but itself.
func (t *tree) shareable(k *kustomization) bool {
	ok := !k.component()
	t.closure(k, func(k *kustomization) {
		if ok = ok && k.root != nil && k.authored == nil && !k.generated && len(k.errs)+len(k.wrong) == 0; !ok {
			return
		}
		for i := 0; i+1 < len(k.root.Content); i += 2 {
			ok = ok && slices.Contains(sharing, strings.ToLower(k.root.Content[i].Value))
		}
		for _, r := range k.refs {
			ok = ok && r.refuse == "" && (!r.isDir || t.at(r.path) != nil)
		}
	}, func(*kustomization, ref) { ok = false })
	return ok
}

// accumulate returns what a directory comes to that several roots reach; nil where it is
// not shared.
func (t *tree) accumulate(ctx context.Context, k *kustomization, o Options) *accumulated {
	if t.reached[k.dir] < 2 || ctx.Err() != nil {
		return nil
	}
	t.mu.Lock()
	s := t.shared[k.dir]
	if s == nil {
		s = &base{turn: make(chan struct{}, 1)}
		t.shared[k.dir] = s
	}
	t.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer func() { <-s.turn }()
	if s.done {
		return s.came
	}
	if t.shareable(k) {
		o.Files = o.Files.Record()
		b := newBuild(t, k, o)
		b.ctx, b.taking = ctx, true
		b.reset()
		b.share()
		if _, err := b.krusty(); errors.Is(err, errTaken) && len(b.errs) == 0 {
			s.came = b.came
		}
		b.release()
	}
	if ctx.Err() != nil {
		return nil // that it did not come to its end says nothing about it
	}
	s.done = true
	return s.came
}

// share decides which directories of the build are not read, since others have built them.
func (b *build) share() {
	if b.coarse || b.apart || fold(b.root.root, "buildMetadata") != nil {
		return
	}
	known := map[*kustomization]*accumulated{}
	var visit func(k *kustomization)
	visit = func(k *kustomization) {
		for _, r := range k.refs {
			sub := b.base(r)
			if sub == nil || b.dropped[r.node] {
				continue
			}
			came, seen := known[sub]
			if !seen {
				if r.field == "resources" || r.field == "bases" {
					if came = b.accumulate(b.ctx, sub, b.o); came != nil {
						came = b.join(came)
					}
				}
				known[sub] = came
			}
			switch {
			case came != nil:
				b.arrivals[sub.dir] = &arrival{objects: came.objects, count: came.count, distinct: true, whole: true}
			case !seen:
				visit(sub)
			}
		}
		b.hoist(k, known)
	}
	visit(b.root)
}

// hoist has a kustomization itself add what its bases come to, where nothing of it sees the
// objects before its transformers do: krusty would compare each with all others.
func (b *build) hoist(k *kustomization, known map[*kustomization]*accumulated) {
	if k.component() || slices.ContainsFunc([]string{"components", "configurations", "crds", "generators", "configMapGenerator", "secretGenerator", "helmCharts", "helmChartInflationGenerator"},
		func(f string) bool { return fold(k.root, f) != nil }) {
		return
	}
	var a arrival
	var entries []*yaml.Node
	others, alternations := 0, 0
	wasShared := false
	n := 0
	for _, f := range []string{"resources", "bases"} {
		for _, e := range items(fold(k.root, f)) {
			i := slices.IndexFunc(k.refs, func(r ref) bool { return r.node == e })
			if i < 0 || b.dropped[e] {
				continue
			}
			came := (*accumulated)(nil)
			if sub := b.base(k.refs[i]); sub != nil {
				came = known[sub]
			}
			if is := came != nil; n > 0 && is != wasShared {
				alternations++
			}
			n++
			if wasShared = came != nil; !wasShared {
				others++
				continue
			}
			entries = append(entries, e)
			a.objects, a.count = append(a.objects, came.objects...), a.count+came.count
		}
	}
	if len(entries) == 0 || alternations > 1 {
		return
	}
	a.last = others > 0 && wasShared
	a.distinct = others == 0 && len(entries) == 1
	b.arrivals[k.dir] = &a
	for _, e := range entries {
		b.hoisted[e], b.hoisted[unalias(e)] = true, true
	}
}

// marked has a kustomization make the transformer that adds what arrives, or in whose place the objects
// are taken, unless it makes one at the same place itself.
func (b *build) marked(e *edited) bool {
	field := ""
	switch {
	case b.arrivals[e.dir] != nil:
		field = "patchesStrategicMerge" // is the first
	case b.taking && e.kustomization == b.root:
		field = "replacements" // is the last
	default:
		return false
	}
	mark := &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: shareMark}
	if field == "replacements" {
		mark = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: "path"}, mark}}
	}
	if len(items(fold(e.root, field))) > 0 {
		return false
	}
	setField(e.root, field, &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{mark}})
	return true
}

// isMark reports whether a transformer is configured for [build.marked] alone.
func isMark(config []byte) bool { return bytes.Contains(config, []byte(shareMark)) }

// empty is a kustomization of which nothing is read but the mark.
const empty = "resources: []\npatchesStrategicMerge: [" + shareMark + "]\n"

// arrive adds what is shared to the objects of a directory, when its first transformer runs.
func (b *build) arrive(dir string, m resmap.ResMap) error {
	a := b.arrivals[dir]
	if a == nil || !b.due[dir] {
		return nil
	}
	delete(b.due, dir)
	if b.counted(a.count); b.refusal != nil {
		return b.refusal
	}
	if !a.distinct && collide(m, a.objects) {
		b.apart = true // kustomize says what is wrong
		return errApart
	}
	before := m.Size()
	nodes := make([]*yaml.RNode, len(a.objects))
	for i, o := range a.objects {
		root := clone(o.root)
		if o.document != nil {
			document := *o.document
			document.Content = []*yaml.Node{root}
			root = &document
		}
		nodes[i] = yaml.NewRNode(root)
	}
	if err := m.ApplyFilter(adding{nodes, a.last}); err != nil {
		return err
	}
	all := m.Resources()
	if len(all) != before+len(nodes) {
		b.apart = true
		return errApart
	}
	if a.last {
		all = all[before:]
	}
	for i, o := range a.objects {
		r := all[i]
		b.trees[r], b.sizes[r] = o.root, o.size
		if o.removed != nil {
			b.removed[r] = slices.Clone(o.removed)
		}
	}
	return nil
}

var errApart = errors.New("the overlay is built without what it shares with others")

// adding is a filter that adds objects in front of others or behind them.
type adding struct {
	nodes []*yaml.RNode
	last  bool
}

func (a adding) Filter(nodes []*yaml.RNode) ([]*yaml.RNode, error) {
	if a.last {
		return slices.Concat(nodes, a.nodes), nil
	}
	return slices.Concat(a.nodes, nodes), nil
}

// collide reports whether kustomize would find an object there already.
func collide(m resmap.ResMap, objects []sharedObject) bool {
	seen := map[resid.ResId]bool{}
	for _, r := range m.Resources() {
		seen[plainID(r)] = true
	}
	for _, o := range objects {
		if seen[o.id] {
			return true
		}
		seen[o.id] = true
	}
	return false
}

// plainID is the identity by which kustomize compares objects, such that equal ones are ==.
func plainID(r *resource.Resource) resid.ResId {
	id := r.CurId()
	return resid.NewResIdWithNamespace(resid.Gvk{Group: id.Group, Version: id.Version, Kind: id.Kind}, id.Name, id.EffectiveNamespace())
}

// take keeps what a base came to.
func (b *build) take(m resmap.ResMap) error {
	b.look(m)
	t := &accumulated{files: b.files, count: b.objects, space: b.space, bases: b.bases, made: b.made, read: b.read}
	ids := map[resid.ResId]bool{}
	for _, r := range m.Resources() {
		o := sharedObject{root: clone(r.YNode()), size: b.sizes[r], removed: b.removed[r], id: plainID(r)}
		if o.root == nil || r.IsNilOrEmpty() || ids[o.id] {
			return errApart
		}
		ids[o.id] = true
		if d := r.Document(); d.Kind == yaml.DocumentNode {
			document := *d
			o.document = &document
			document.Content = nil
		}
		t.objects = append(t.objects, o)
	}
	b.came = t
	return errTaken
}

// join makes what a base came to a part of the build, and returns it at the numbers that its
// lines have here.
func (b *build) join(came *accumulated) *accumulated {
	b.files.Include(came.files)
	move := b.space.join(&came.space)
	for k, n := range came.bases {
		if _, ok := b.bases[k]; !ok {
			b.bases[k] = move(place{n + 1, 0}).line - 1
		}
	}
	b.read = append(b.read, came.read...)
	if p := (place{firstNumber + 1, 1}); move(p) == p && move(place{firstLine + 1, 1}) == (place{firstLine + 1, 1}) {
		b.made = append(b.made, came.made...)
		return came
	}
	moved := func(n *yaml.Node) *yaml.Node {
		n = clone(n)
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			set(n, move(at(n)))
			for _, c := range n.Content {
				walk(c)
			}
		}
		walk(n)
		return n
	}
	for _, n := range came.made {
		b.made = append(b.made, moved(n))
	}
	here := *came
	here.objects = slices.Clone(came.objects)
	for i := range here.objects {
		o := &here.objects[i]
		o.root = moved(o.root)
		o.removed = slices.Clone(o.removed)
		for j := range o.removed {
			o.removed[j].by, o.removed[j].was = move(o.removed[j].by), moved(o.removed[j].was)
		}
	}
	return &here
}

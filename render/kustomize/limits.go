package kustomize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/lint"
)

// What one build may take. kustomize's own cost grows with the square of the objects,
// and of the depth of a document; replacements and JSON patches can double an object
// again and again; a base is built anew on each way that leads to it.
const (
	maxObjects = 2000     // read for one build in buildTime: that takes a sixth of it
	maxNodes   = 1 << 17  // of YAML in one object, and four times that in all, once something multiplies them
	maxDepth   = 500      // of collections in one another
	maxBuilds  = 2000     // of directories, for one root
	maxWritten = 16 << 20 // bytes that a controller writes into what it built
	maxCopied  = 8 << 20  // bytes that the copy operations of one JSON patch may add
)

// buildTime is how long one build may take. A variable for tests alone.
var buildTime = time.Minute

// grace is how long a build that is to end may take to notice: it does where it reads a
// file and between transformers. One that does not is left behind: kustomize cannot be
// stopped from outside.
const grace = time.Second

// objectsIn returns how many objects a build may read: more where the run gives it more time.
func objectsIn(ctx context.Context) int {
	more := float64(limits.Time(ctx, buildTime)) / float64(buildTime)
	return int(maxObjects * max(1, math.Sqrt(more)))
}

func errTooMany(limit int) error {
	return fmt.Errorf("more than %d exceed the limit of a build, since kustomize's cost grows with their square; split the overlay, or raise --limit-time", limit)
}

// inTime runs f for as long as a build may take. It returns f's result, or why f was to end
// where it did not: f then goes on and must not share what it writes.
func inTime[T any](ctx context.Context, f func(context.Context) T) (result T, unended error) {
	ctx, cancel := limits.Unit(ctx, buildTime, errTooLate)
	defer cancel()
	done := make(chan T, 1)
	go func() { done <- f(ctx) }()
	select {
	case result = <-done:
		return result, nil
	case <-ctx.Done():
	}
	select {
	case result = <-done:
		return result, nil
	case <-time.After(grace):
		return result, context.Cause(ctx)
	}
}

func errTooLate(limit time.Duration) error {
	return fmt.Errorf("it takes longer than %s, the limit of a build; split the overlay", limit)
}

// lock takes a lock that a build which was left behind may hold.
func lock(ctx context.Context, mu *sync.RWMutex, try func(*sync.RWMutex) bool) error {
	for !try(mu) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// ways counts how often kustomize would build directories for a root, up to a bit more
// than maxBuilds.
func (t *tree) ways(k *kustomization) int {
	known := map[string]int{}
	var count func(k *kustomization) int
	count = func(k *kustomization) int {
		if n, ok := known[k.dir]; ok {
			return n
		}
		known[k.dir] = 1 // of a cycle, which is cut elsewhere
		n := 1
		for _, r := range k.refs {
			if base := t.base(r); base != nil {
				n = min(n+count(base), maxBuilds+1)
			}
		}
		known[k.dir] = n
		return n
	}
	return count(k)
}

// base returns the kustomization that a ref names, nil where it names none.
func (t *tree) base(r ref) *kustomization {
	if !r.isDir {
		return nil
	}
	return t.at(r.path)
}

// size counts the nodes of a tree, up to a bit more than all that a build may hold:
// what replacements copy is shared, and so may be far more than there is in memory.
func size(n *yaml.Node) int {
	all := 0
	var count func(n *yaml.Node)
	count = func(n *yaml.Node) {
		if n == nil || all > 4*maxNodes {
			return
		}
		all++
		for _, c := range n.Content {
			count(c)
		}
	}
	count(n)
	return all
}

var (
	errGrown  = fmt.Errorf("an object grows to more than %d values and keys, the limit of a build, by what is copied here; the overlay is built without this entry", maxNodes)
	errItself = errors.New("a value is copied into itself, which kustomize cannot finish; the overlay is built without this entry")
	errAgain  = errors.New("entry after entry makes its objects grow beyond the limit of a build; correct the errors above")
)

// patience is how many entries of a build may make objects grow beyond the limit.
const patience = 1

// mayBeDeep reports whether a text may hold collections that are nested too deep, by its
// brackets and its indentation.
func mayBeDeep(text []byte) bool {
	open := 0
	for line := range bytes.Lines(text) {
		indent := 0
		for indent < len(line) && (line[indent] == ' ' || line[indent] == '-' || line[indent] == '?') {
			indent++
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			}
			if open+indent > maxDepth {
				return true
			}
		}
	}
	return false
}

// tooDeep returns the first collection of a document that is nested too deep.
func tooDeep(n *yaml.Node, depth int) *yaml.Node {
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return nil
	}
	if depth > maxDepth {
		return n
	}
	for _, c := range n.Content {
		if found := tooDeep(c, depth+1); found != nil {
			return found
		}
	}
	return nil
}

// endless says why kustomize would not come to an end with a file of schemas, openapi or
// crds, whose definitions lead to one another; "" where it would.
func endless(field string, src *lint.Source) string {
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 || len(docs) == 0 {
		return "" // kustomize says so
	}
	if field == "openapi" {
		return endlessSchema(docs[0])
	}
	return endlessTypes(docs[0])
}

// endlessSchema searches for references that lead to themselves with nothing in between:
// kustomize follows them until it finds something else.
func endlessSchema(root *yaml.Node) string {
	const onTheWay, ends = 1, 2
	state := map[*yaml.Node]int{}
	found := ""
	follow := func(n *yaml.Node) {
		var way []*yaml.Node
		for n != nil && state[n] == 0 {
			ref := text(get(n, "$ref"))
			state[n], way = onTheWay, append(way, n)
			_, pointer, local := bytes.Cut([]byte(ref), []byte("#"))
			if ref == "" || !local {
				break
			}
			next := lookup(root, tokens(string(pointer)))
			if next != nil && state[next] == onTheWay {
				found = fmt.Sprintf("the schema's reference %q refers back to itself; fix it", ref)
			}
			n = next
		}
		for _, n := range way {
			state[n] = ends
		}
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if found == "" && n.Kind == yaml.MappingNode {
			follow(n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(root)
	return found
}

// endlessTypes counts how often kustomize would visit the types of a file of crds: it
// follows their references as long as they lead anywhere.
func endlessTypes(root *yaml.Node) string {
	const busy = -1
	visits := map[string]int{}
	var errLoop = errors.New("loop")
	var count func(name string) (int, error)
	count = func(name string) (int, error) {
		_, api := field(root, name)
		switch n := visits[name]; {
		case n == busy:
			return 0, errLoop
		case n > 0 || api == nil:
			return n, nil
		}
		visits[name] = busy
		n := 1
		properties := fold(fold(api, "schema"), "properties")
		if properties != nil && properties.Kind == yaml.MappingNode {
			for i := 1; i < len(properties.Content); i += 2 {
				if ref := text(get(unalias(properties.Content[i]), "$ref")); ref != "" {
					more, err := count(ref)
					if err != nil {
						return 0, err
					}
					n = min(n+more, 1<<20)
				}
			}
		}
		visits[name] = n
		return n, nil
	}
	if root.Kind != yaml.MappingNode {
		return ""
	}
	all := 0
	for i := 0; i+1 < len(root.Content); i += 2 {
		own := fold(fold(unalias(root.Content[i+1]), "schema"), "properties")
		if get(own, "kind") == nil || get(own, "apiVersion") == nil || get(own, "metadata") == nil {
			continue // kustomize begins at what looks like an object
		}
		n, err := count(root.Content[i].Value)
		if err != nil {
			return fmt.Sprintf("the type %q refers back to itself, and kustomize would follow it without end; remove the reference from this copy", root.Content[i].Value)
		}
		if all += n; all > 100000 {
			return "its types refer to one another on too many paths; remove references from this copy"
		}
	}
	return ""
}

package lint

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// A Rendering names what a bundle was made from.
type Rendering struct {
	Kind    string `json:"kind"`    // helm, kustomize or file
	Root    string `json:"root"`    // the chart, the overlay, the directory or file
	Variant string `json:"variant"` // the set of values, "" for the defaults
}

// A Bundle is what is deployed together, the unit of analysis: one chart with
// one set of values, one overlay, or one tree of plain files. Make one with
// [NewBundle]; it is then read-only and safe for concurrent use.
type Bundle struct {
	Rendering Rendering
	Resources []*Resource
	// Namespace is where objects without metadata.namespace will live, "" where
	// only the deploy decides.
	Namespace string
	// KubeVersion is the Kubernetes version deployed to, as "1.33"; "" for the newest known.
	KubeVersion string
	// PSSVersion is the version of the Pod Security Standards, as "1.34"; "" for the newest.
	PSSVersion string
	// Took is how long reading and rendering took, for statistics; 0 where unknown.
	Took time.Duration
	// Sources are the files that the bundle was made from, where the renderer
	// says so: a comment that ignores nothing is found in them even where no
	// object and no finding leads to them.
	Sources []*Source
	// Unselected are those of Resources that were not selected: they are next to the files
	// that were named, and are there for what they say of those.
	Unselected map[*Resource]bool
	// LeftOut are objects that the source of the bundle holds and its settings leave
	// out, where the renderer knows: what a chart's conditions do not write.
	LeftOut []LeftOut
	// Configuration holds the files that say how the bundle is made and are not
	// deployed themselves: kustomizations.
	Configuration []*Resource
	// Errors are what could not be read, rendered or parsed of this unit.
	Errors []*InputError
	// Notes are what a user should know of how this unit was rendered.
	Notes []Note

	clusterCRDs map[string]bool
	byKind      map[string][]*Resource
	byKey       map[key]*Resource
	pods        []*PodSpec
	containers  []*Container
	fields      fieldIndex
	shared      sync.Map // reflect.Type → *sharedValue

	mu       sync.Mutex
	unplaced map[*Resource]string // what the locator panicked with
	refused  []*Resource          // whose aliases are too many
}

// A LeftOut is an object that a template holds and does not write.
type LeftOut struct {
	Kind string
	// Alone tells that the condition is about objects of this kind and no others.
	Alone bool
	// Wish is what would have to hold for it to be written, as "networkPolicy.enabled
	// is true"; "" where that is not certain.
	Wish string
	// Value is where the key stands, or what it would be added to; not valid where the
	// author has no such place. Template is the condition.
	Value, Template Span
}

// kustomizeGroup is the API group of kustomize's own files.
const kustomizeGroup = "kustomize.config.k8s.io"

type key struct{ group, kind, namespace, name string }

// NewBundle indexes resources, in the order given, and settles their namespaces.
// Kustomizations among them are configuration. Objects whose aliases, together, expand to
// more than can be checked are left out; a run reports them.
func NewBundle(rendering Rendering, namespace string, resources []*Resource) *Bundle {
	b := &Bundle{Rendering: rendering, Namespace: namespace,
		clusterCRDs: map[string]bool{}, byKind: map[string][]*Resource{}, byKey: map[key]*Resource{}}
	left := maxBundleNodes
	for _, r := range resources {
		if left -= r.Root.expansion(left); left < 0 {
			left, r.Bundle = 0, b
			b.refused = append(b.refused, r)
			continue
		}
		if r.Group == kustomizeGroup {
			r.Bundle = b
			b.Configuration = append(b.Configuration, r)
		} else {
			b.Resources = append(b.Resources, r)
		}
	}
	resources = b.Resources
	for _, r := range resources {
		if r.Is("apiextensions.k8s.io", "CustomResourceDefinition") && r.Get("spec", "scope").Value() == "Cluster" {
			b.clusterCRDs[r.Get("spec", "group").Value()+"/"+r.Get("spec", "names", "kind").Value()] = true
		}
	}
	for _, r := range resources {
		r.Bundle = b
		if r.IsClusterScoped() {
			r.Namespace = ""
		} else if r.Namespace == "" {
			r.Namespace = namespace
		}
		r.findPods()
		b.byKind[r.Kind] = append(b.byKind[r.Kind], r)
		k := key{r.Group, r.Kind, r.Namespace, r.Name}
		if b.byKey[k] == nil {
			b.byKey[k] = r
		}
	}
	b.gatherPods()
	return b
}

// OfKind returns the objects of the kinds (in any group; see [Resource.Is]), in
// the bundle's order for each kind; all objects where no kind is named.
func (b *Bundle) OfKind(kinds ...string) []*Resource {
	if len(kinds) == 0 {
		return b.Resources
	}
	var all []*Resource
	for _, k := range kinds {
		all = append(all, b.byKind[k]...)
	}
	return all
}

// Lookup returns the object of a group, kind, namespace ("" for cluster-scoped
// kinds) and name, or nil.
func (b *Bundle) Lookup(group, kind, namespace, name string) *Resource {
	return b.byKey[key{group, kind, namespace, name}]
}

// PodSpecs returns every pod of the bundle. The slice must not be changed.
func (b *Bundle) PodSpecs() []*PodSpec { return b.pods }

// Containers returns every container of every pod. The slice must not be changed.
func (b *Bundle) Containers() []*Container { return b.containers }

// gatherPods lists the pods of all resources, once for all rules.
func (b *Bundle) gatherPods() {
	b.pods, b.containers = nil, nil
	for _, r := range b.Resources {
		b.pods = append(b.pods, r.pods...)
		r.holders = holdersOf(r.pods)
	}
	for _, p := range b.pods {
		b.containers = append(b.containers, p.Containers()...)
	}
}

type sharedValue struct {
	once  sync.Once
	value any
}

// Shared returns what build makes of the bundle, built once however many rules
// request it: the graph of RBAC, the table of network policies. One value is
// kept for each type T; T must be treated as read-only.
func Shared[T any](b *Bundle, build func(*Bundle) T) T {
	entry, _ := b.shared.LoadOrStore(reflect.TypeFor[T](), &sharedValue{})
	v := entry.(*sharedValue)
	v.once.Do(func() { v.value = build(b) })
	value, ok := v.value.(T)
	if !ok {
		panic("lint.Shared: building " + reflect.TypeFor[T]().String() + " panicked before")
	}
	return value
}

// misplace remembers that the locator panicked on a node of r; of several panics the
// first by the alphabet, so that the order of work does not show.
func (b *Bundle) misplace(r *Resource, panicked any) {
	text := fmt.Sprint(panicked)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unplaced == nil {
		b.unplaced = map[*Resource]string{}
	}
	if old, ok := b.unplaced[r]; !ok || text < old {
		b.unplaced[r] = text
	}
}

// Misplaced returns an error for each object on which the locator panicked, and for each
// that was left out.
func (b *Bundle) Misplaced() []*InputError {
	var errs []*InputError
	for _, r := range b.refused {
		errs = append(errs, &InputError{Rendering: &b.Rendering, Span: r.Root.Locate().Span,
			Message: fmt.Sprintf("%s is not checked: the aliases of all objects of %s expand to too many nodes; write the values out", r, b.Rendering.Root)})
	}
	for _, r := range slices.Concat(b.Resources, b.Configuration) {
		if panicked, ok := b.unplaced[r]; ok {
			errs = append(errs, &InputError{Rendering: &b.Rendering, Span: r.Root.Locate().Span,
				Message: fmt.Sprintf("finding places in %s of %s failed: %s; please report this with the object", r, b.Rendering.Root, panicked)})
		}
	}
	return errs
}

package validity

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/manilint/manilint/lint"
)

// kubernetes are the kinds that Kubernetes itself serves, or has served, in the
// version that manilint is built with.
type kubernetes struct {
	kinds map[schema.GroupVersionKind]reflect.Type
	// groups holds, for each API group, the kinds by version.
	groups map[string]map[string][]string
	// newest is the minor version 1.x of the types: the last in which any was introduced.
	newest int
}

// builtin is made at the first use: a run that prints the version needs none of it.
var builtin = sync.OnceValue(func() *kubernetes {
	k := &kubernetes{kinds: maps.Clone(scheme.Scheme.AllKnownTypes()), groups: map[string]map[string][]string{}}
	for gv, object := range map[schema.GroupVersion]any{
		extensionsv1.SchemeGroupVersion:      extensionsv1.CustomResourceDefinition{},
		extensionsv1beta1.SchemeGroupVersion: extensionsv1beta1.CustomResourceDefinition{},
	} {
		k.kinds[gv.WithKind("CustomResourceDefinition")] = reflect.TypeOf(object)
	}
	for gvk, t := range k.kinds {
		// Internal versions and the options of requests are no objects that anybody writes.
		meta, ok := t.FieldByName("ObjectMeta")
		if gvk.Version == runtime.APIVersionInternal || !ok || meta.Type != objectMetaType {
			delete(k.kinds, gvk)
			continue
		}
		if k.groups[gvk.Group] == nil {
			k.groups[gvk.Group] = map[string][]string{}
		}
		k.groups[gvk.Group][gvk.Version] = append(k.groups[gvk.Group][gvk.Version], gvk.Kind)
		if l, ok := reflect.New(t).Interface().(interface {
			APILifecycleIntroduced() (major, minor int)
		}); ok {
			_, minor := l.APILifecycleIntroduced()
			k.newest = max(k.newest, minor)
		}
	}
	for _, versions := range k.groups {
		for _, kinds := range versions {
			slices.Sort(kinds)
		}
	}
	return k
})

func gvk(r *lint.Resource) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
}

// versions returns the versions of a group that have the kind, stable ones first.
func (k *kubernetes) versions(group, kind string) []string {
	var all []string
	for version, kinds := range k.groups[group] {
		if slices.Contains(kinds, kind) {
			all = append(all, version)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if c := len(a) - len(b); c != 0 { // v1 is shorter than v1beta1
			return c
		}
		return strings.Compare(b, a)
	})
	return all
}

// elsewhere returns the apiVersion of another group that has the kind, "" where
// none has. The current groups of workloads and networking come before the old ones.
func (k *kubernetes) elsewhere(kind string) string {
	groups := slices.Sorted(maps.Keys(k.groups))
	slices.SortStableFunc(groups, func(a, b string) int {
		old := func(g string) int {
			if g == "extensions" {
				return 1
			}
			return 0
		}
		return old(a) - old(b)
	})
	for _, group := range groups {
		if v := k.versions(group, kind); len(v) > 0 {
			return schema.GroupVersion{Group: group, Version: v[0]}.String()
		}
	}
	return ""
}

var (
	objectMetaType  = reflect.TypeFor[metav1.ObjectMeta]()
	quantityType    = reflect.TypeFor[resource.Quantity]()
	intOrStringType = reflect.TypeFor[intstr.IntOrString]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	bytesType       = reflect.TypeFor[[]byte]()
	contextType     = reflect.TypeFor[corev1.SecurityContext]()
	podContextType  = reflect.TypeFor[corev1.PodSecurityContext]()
	stringTypes     = map[reflect.Type]bool{
		reflect.TypeFor[metav1.Time](): true, reflect.TypeFor[metav1.MicroTime](): true,
		reflect.TypeFor[metav1.Duration](): true, reflect.TypeFor[time.Time](): true,
	}
	// opaqueTypes hold what others define. A schema inside a
	// CustomResourceDefinition is checked by the API server's own rules alone.
	opaqueTypes = map[reflect.Type]bool{
		reflect.TypeFor[runtime.RawExtension](): true, reflect.TypeFor[metav1.FieldsV1](): true,
		reflect.TypeFor[extensionsv1.CustomResourceValidation]():      true,
		reflect.TypeFor[extensionsv1beta1.CustomResourceValidation](): true,
		reflect.TypeFor[metav1.ManagedFieldsEntry]():                  true,
	}
)

// A jsonField is a field of a struct as JSON names it, with what the API server takes for it.
type jsonField struct {
	name   string
	typ    reflect.Type
	shape  *shape
	elem   *shape   // what pointers, lists and maps hold in the end
	enum   []string // the values of a string; any where it is empty
	bounds span     // of an integer
	share  bool     // a number or a percentage
	// address says that it is an address or a range of them
	address bool
	// limited says that [walker.limit] has something to say of it
	limited bool
}

// A structType is what is known of a struct.
type structType struct {
	fields   []jsonField
	byName   map[string]int
	required []string
}

var structTypes sync.Map // reflect.Type → *structType

func structOf(t reflect.Type) *structType {
	if known, ok := structTypes.Load(t); ok {
		return known.(*structType)
	}
	s := &structType{byName: map[string]int{}}
	add := func(f jsonField) {
		if _, ok := s.byName[f.name]; !ok {
			s.byName[f.name] = len(s.fields)
			s.fields = append(s.fields, f)
		}
	}
	name := typeName(t)
	s.required = slices.Concat(requirements().Required[name], alsoRequired[name])
	for i := range t.NumField() {
		f := t.Field(i)
		field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case field == "-" || !f.IsExported():
		case field == "" && (f.Anonymous || strings.Contains(options, "inline")):
			inner := structOf(indirect(f.Type))
			for _, f := range inner.fields {
				add(f)
			}
			s.required = append(s.required, inner.required...)
		case field != "":
			bounds, ok := spans[name+"."+field]
			if !ok {
				bounds = span{0, anything}
			}
			enum := requirements().Enums[typeName(elem(f.Type))]
			if judged[name+"."+field] {
				enum = nil
			}
			j := jsonField{name: field, typ: f.Type, shape: shapeOf(f.Type), elem: shapeOf(elem(f.Type)), enum: enum, bounds: bounds,
				share: shares[name+"."+field], address: addresses[name+"."+field]}
			kind := j.elem.kind
			j.limited = len(enum) > 0 || j.address || kind == aQuantity || kind == aPort || kind == anInteger
			add(j)
		}
	}
	known, _ := structTypes.LoadOrStore(t, s)
	return known.(*structType)
}

// fieldsOf returns the JSON fields of a struct, in the order declared, embedded ones included.
func fieldsOf(t reflect.Type) []jsonField { return structOf(t).fields }

// field returns the field of a name, nil where there is none.
func (s *structType) field(name string) *jsonField {
	if i, ok := s.byName[name]; ok {
		return &s.fields[i]
	}
	return nil
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isOpaque reports whether nothing is known of the fields of a type.
func isOpaque(t reflect.Type) bool {
	return opaqueTypes[t] || reflect.PointerTo(t).Implements(unmarshalerType)
}

// A shape is what the value of a type is to be in YAML: types are asked once.
type shape struct {
	kind   shapeKind
	typ    reflect.Type // without pointers
	elem   *shape       // of a mapping or a list
	fields func() *structType
}

type shapeKind int

const (
	opaque   shapeKind = iota // nothing is known of it
	anObject                  // of the fields of a struct
	aMapping                  // of fields of any name
	aList
	aQuantity
	aPort // an integer or a string
	aTime // any string
	aString
	aBoolean
	anInteger
	aNumber
)

var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{typ: indirect(t)}
	switch kind := s.typ.Kind(); {
	case s.typ == quantityType:
		s.kind = aQuantity
	case s.typ == intOrStringType:
		s.kind = aPort
	case stringTypes[s.typ] || s.typ == bytesType:
		s.kind = aTime
	case isOpaque(s.typ):
	case kind == reflect.Struct:
		s.kind, s.fields = anObject, sync.OnceValue(func() *structType { return structOf(s.typ) })
	case kind == reflect.Map:
		s.kind, s.elem = aMapping, shapeOf(s.typ.Elem())
	case kind == reflect.Slice:
		s.kind, s.elem = aList, shapeOf(s.typ.Elem())
	case kind == reflect.String:
		s.kind = aString
	case kind == reflect.Bool:
		s.kind = aBoolean
	case kind == reflect.Int32 || kind == reflect.Int64 || kind == reflect.Int:
		s.kind = anInteger
	case kind == reflect.Float32 || kind == reflect.Float64:
		s.kind = aNumber
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}

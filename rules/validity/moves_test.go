package validity

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// flatFields takes down the fields of a type by their paths, with what they hold. The status
// is not the author's.
func flatFields(t reflect.Type, path string, into map[string]string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case slices.Contains([]reflect.Type{objectMetaType, quantityType, intOrStringType, reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]()}, t):
		into[path] = t.Name()
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "" && f.Anonymous:
				flatFields(f.Type, path, into)
			case name != "" && name != "-" && (path != "" || name != "status"):
				flatFields(f.Type, strings.TrimPrefix(path+"."+name, "."), into)
			}
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		flatFields(t.Elem(), path+"[]", into)
	case t.Kind() == reflect.Map:
		flatFields(t.Elem(), path+"{}", into)
	default:
		into[path] = t.Kind().String()
	}
}

// knownFields returns the fields of a version: of the types of Kubernetes' library, else, for
// versions that it has lost or never had, as release 0.32.3 of k8s.io/api and
// k8s.io/kube-aggregator has them.
func knownFields(t *testing.T, apiVersion, kind string) map[string]string {
	t.Helper()
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		t.Fatal(err)
	}
	if object, ok := builtin().kinds[gv.WithKind(kind)]; ok {
		all := map[string]string{}
		flatFields(object, "", all)
		return all
	}
	data, err := os.ReadFile("testdata/old_types.json")
	if err != nil {
		t.Fatal(err)
	}
	var old map[string]map[string]string
	if err := json.Unmarshal(data, &old); err != nil {
		t.Fatal(err)
	}
	return old[apiVersion+" "+kind]
}

// TestMovesKeepEveryField compares the types of both versions of each move, field by field:
// what the older one has, the newer one has under the same name and of the same type, but
// for the fields that the move says are gone or have another name.
func TestMovesKeepEveryField(t *testing.T) {
	for from, m := range moves {
		apiVersion, kind, _ := strings.Cut(from, " ")
		old, now := knownFields(t, apiVersion, kind), knownFields(t, m.to, kind)
		if len(old) < 3 || len(now) < 3 {
			t.Errorf("%s: %d fields of it are known, and %d of %s", from, len(old), len(now), m.to)
			continue
		}
		var missing []string
		for _, path := range slices.Sorted(maps.Keys(old)) {
			to := path
			for field, name := range m.renamed {
				if rest, ok := strings.CutPrefix(path, field); ok && (rest == "" || strings.ContainsAny(rest[:1], ".[{")) {
					to = field[:strings.LastIndexByte(field, '.')+1] + name + rest
				}
			}
			if now[to] == old[path] {
				continue
			}
			if !slices.ContainsFunc(m.gone, func(gone string) bool { return path == gone || strings.HasPrefix(path, gone+".") }) {
				missing = append(missing, path+" "+old[path]+", "+now[to])
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s: %s has not %q", from, m.to, missing)
		}
		for _, gone := range m.gone {
			if slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(path string) bool { return path == gone || strings.HasPrefix(path, gone+".") }) {
				t.Errorf("%s: %s has %s", from, m.to, gone)
			}
		}
	}
}

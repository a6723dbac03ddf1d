package lint

import (
	"fmt"
	"slices"
	"testing"
)

func TestItemsOfATypedListTakeItsKind(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"typed":  {"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n", []string{"rbac.authorization.k8s.io/v1 Role a", "rbac.authorization.k8s.io/v1 Role b"}},
		"own":    {"apiVersion: v1\nkind: PodList\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n", []string{"v1 Service a"}},
		"half":   {"apiVersion: v1\nkind: PodList\nitems:\n- {kind: Service, metadata: {name: a}}\n", nil},
		"mixed":  {"apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n", []string{"v1 Pod b"}},
		"nested": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: PodList, items: [{metadata: {name: a}}]}\n", []string{"v1 Pod a"}},
		"words":  {"apiVersion: v1\nkind: AllowList\nitems: [a, b]\n", nil},
		"custom": {"apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}\nitems: []\n", []string{"example.com/v1 AllowList a"}},
	} {
		docs, errs := ParseYAML(NewSource("x.yaml", []byte(test.text)))
		if len(errs) > 0 {
			t.Fatal(errs[0])
		}
		var got []string
		for _, r := range NewResources(docs[0], nil) {
			got = append(got, fmt.Sprint(r.APIVersion(), " ", r.Kind, " ", r.Name))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

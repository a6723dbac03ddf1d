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
		"spec":   {"apiVersion: v1\nkind: List\nspec: {}\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n", []string{"v1 Pod a"}},
		"bare":   {"- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {kind: Pod, metadata: {name: b}}\n", []string{"v1 Pod a"}},
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

func TestWhatIsMeantAsAnObjectAndIsNoneIsAnError(t *testing.T) {
	for text, want := range map[string][]string{
		"apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n- {apiVersion: v1, kind: Pod}\n-\n- spec: {}\n": {
			"x.yaml:4:20: item 1 of the list is not a Kubernetes object without apiVersion and kind; add it",
			"x.yaml:7:3: item 4 of the list is not a Kubernetes object without apiVersion and kind; add it"},
		"apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n- {kind: Pod, metadata: {name: b}}\n- apiVersion: v1\n": {
			"x.yaml:5:32: item 2 of the list is not a Kubernetes object without apiVersion; add it",
			"x.yaml:6:3: item 3 of the list is not a Kubernetes object without kind; add it"},
		"kind: Pod\nmetadata: {name: a}\n":                         {"x.yaml:2:18: the document is not a Kubernetes object without apiVersion; add it"},
		"apiVersion: v1\nkind: [Pod]\nmetadata: {name: a}\n":       {"x.yaml:3:18: the document is not a Kubernetes object without kind; add it"},
		"// a comment\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}\n": {"x.yaml:1:1: the document is a single text, not an object: it does not begin with YAML"},
		"apiVersion: v1\nkind: Pod\n":                              nil,
		"kind: pipeline\nsteps: []\n":                              nil,
		"metadata: {name: a}\n":                                    nil,
		"- {kind: Pod, metadata: {name: a}}\n":                     nil,
		"a text of some kind\n":                                    nil,
	} {
		src := NewSource("x.yaml", []byte(text))
		docs, errs := ParseYAML(src)
		if len(errs) > 0 {
			t.Fatal(errs[0])
		}
		var got []string
		for _, e := range Nameless(src, docs[0]) {
			got = append(got, e.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

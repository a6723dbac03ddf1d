package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPodsAreFoundByTheFieldsOfTheirObjects(t *testing.T) {
	pod := func(name, spec string) string {
		return fmt.Sprintf("---\napiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c, image: i}], %s}\n", name, spec)
	}
	text := pod("a", "hostPID: true") + pod("b", "volumes: [{name: v, hostPath: {path: /}}]") + pod("c", "x: &x {hostIPC: true}, y: *x") + pod("d", "z: {<<: {hostPID: true}}") +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\ndata: {hostPID: x}\n"
	var many strings.Builder
	for i := range 2 * fieldSlots { // names share the slots of an index in the making
		fmt.Fprintf(&many, "f%d: 1, ", i)
	}
	text += pod("f", many.String()) + pod("g", "f7: 1, hostPID: false")
	var all []*Resource
	src := NewSource("a.yaml", []byte(text))
	docs, errs := ParseYAML(src)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, d := range docs {
		all = append(all, NewResources(d, FileLocator{src})...)
	}
	pass := NewPass(&Rule{ID: "x"}, NewBundle(Rendering{}, "", all), nil)
	for _, c := range []struct{ fields, want string }{
		{"hostPID", "a d g"}, {"hostIPC", "c"}, {"hostPath", "b"}, {"hostPath hostPID", "a b d g"}, {"hostPID hostPath", "a b d g"},
		{"hostUsers", ""}, {"hostUsers hostIPC", "c"}, {"f7", "f g"}, {"containers", "a b c d f g"}, {"f1000 f7", "f g"},
	} {
		var pods, containers []string
		for _, p := range pass.PodsWith(strings.Fields(c.fields)...) {
			pods = append(pods, p.Resource.Name)
		}
		for _, k := range pass.ContainersWith(strings.Fields(c.fields)...) {
			containers = append(containers, k.Pod.Resource.Name)
		}
		if want := strings.Fields(c.want); !slices.Equal(pods, want) || !slices.Equal(containers, want) {
			t.Errorf("%s: pods %q, containers of %q, want %q", c.fields, pods, containers, want)
		}
	}
}

package kustomize

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/api/resmap"

	filetree "github.com/manilint/manilint/render/tree"
)

// Whatever an overlay makes kustomize do, it ends, an error names what is at fault, and
// the overlay next to it is built as it is alone.
func TestHostileOverlays(t *testing.T) {
	repeat := func(n int, f func(i int) string) string {
		var all strings.Builder
		for i := range n {
			all.WriteString(f(i))
		}
		return all.String()
	}
	configMap := func(i int) string {
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {a: b}\n---\n", i)
	}
	diamond := func(levels int) map[string]string {
		files := map[string]string{}
		for l := range levels {
			for _, side := range []string{"a", "b"} {
				below := fmt.Sprintf("resources: [../a%d, ../b%d]\nnamePrefix: %s-\n", l+1, l+1, side)
				if l == levels-1 {
					below = "resources: [../web.yaml]\nnamePrefix: " + side + "-\n"
				}
				files[fmt.Sprintf("%s%d/kustomization.yaml", side, l)] = below
			}
		}
		files["o/kustomization.yaml"] = "resources: [../a0, ../b0]\n"
		files["web.yaml"] = web
		return files
	}
	copies := func(from, to string) string {
		return fmt.Sprintf(`{"op": "copy", "from": "%s", "path": "%s"}`, from, to)
	}
	deep := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deep}\ndata: " + strings.Repeat("{a: ", 9000) + "1" + strings.Repeat("}", 9000) + "\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"diamond of 12":  {diamond(12), "o/kustomization.yaml:1:1: not built: kustomize would build more than 2000 directories"},
		"diamond of 50":  {diamond(50), "o/kustomization.yaml:1:1: not built: kustomize would build more than 2000 directories"},
		"many documents": {map[string]string{"o/kustomization.yaml": "resources: [many.yaml]\n", "o/many.yaml": repeat(20000, configMap)}, "o/kustomization.yaml:1:1: not built: it holds too many objects: more than 2000 exceed the limit"},
		"many files": {map[string]string{"o/kustomization.yaml": "resources:\n" + repeat(6000, func(i int) string { return fmt.Sprintf("- f%d.yaml\n", i%10) }), "o/f0.yaml": configMap(0), "o/f1.yaml": configMap(1), "o/f2.yaml": configMap(2), "o/f3.yaml": configMap(3), "o/f4.yaml": configMap(4),
			"o/f5.yaml": configMap(5), "o/f6.yaml": configMap(6), "o/f7.yaml": configMap(7), "o/f8.yaml": configMap(8), "o/f9.yaml": configMap(9)}, "o/kustomization.yaml:1:1: not built: it names 6000 files of resources"},
		"copies that double": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: '[" +
			copies("/spec", "/spec/x0") + repeat(60, func(i int) string { return "," + copies("/spec", fmt.Sprintf("/spec/x%d", i+1)) }) + "]'\n"}, "o/kustomization.yaml:4:10: "},
		"patches that double": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\npatches:\n" + repeat(30, func(i int) string {
			return "- target: {kind: Deployment}\n  patch: '[" + copies("/spec", fmt.Sprintf("/spec/x%d", i)) + "]'\n"
		})}, "o/kustomization.yaml:"},
		"a replacement into itself": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\nreplacements:\n- {source: {kind: Deployment, fieldPath: spec}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.x], options: {create: true}}]}\n"}, "o/kustomization.yaml:3:3: a value is copied into itself"},
		"replacements that double": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\nreplacements:\n" + repeat(40, func(i int) string {
			return fmt.Sprintf("- {source: {kind: Deployment, fieldPath: %s}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.x%d.l, spec.x%d.r], options: {create: true}}]}\n", map[bool]string{true: "spec.template", false: fmt.Sprintf("spec.x%d", i-1)}[i == 0], i, i)
		})}, "o/kustomization.yaml:"},
		"one replacement to many": {map[string]string{"o/web.yaml": web, "o/big.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n" + repeat(2000, func(i int) string { return fmt.Sprintf("  k%d: v\n", i) }),
			"o/kustomization.yaml": "resources: [web.yaml, big.yaml]\nreplacements:\n- source: {kind: ConfigMap, fieldPath: data}\n  targets:\n  - select: {kind: Deployment}\n    options: {create: true}\n    fieldPaths:\n" + repeat(1000, func(i int) string { return fmt.Sprintf("    - spec.x%d\n", i) })}, "o/kustomization.yaml:3:3: an object grows"},
		"deep documents": {map[string]string{"o/kustomization.yaml": "resources: [deep.yaml]\npatches: [{path: deep.yaml}]\n", "o/deep.yaml": deep}, "o/deep.yaml:4:2007: collections are nested more than 500 deep"},
		"a schema that loops": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\nopenapi: {path: s.json}\npatches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {a: b}}}}'}]\n",
			"o/s.json": `{"definitions": {"D": {"type": "object", "properties": {"spec": {"$ref": "#/definitions/S"}}, "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]}, "S": {"$ref": "#/definitions/T"}, "T": {"$ref": "#/definitions/S"}}}`}, "o/kustomization.yaml:2:17: schema \"s.json\" is not read"},
		"types that loop": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\ncrds: [c.json]\n",
			"o/c.json": `{"a.C": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {}, "spec": {"$ref": "a.D"}}}}, "a.D": {"Schema": {"properties": {"spec": {"$ref": "a.D"}}}}}`}, "o/kustomization.yaml:2:8: CRD file \"c.json\" is not read"},
		"types on many ways": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\ncrds: [c.json]\n",
			"o/c.json": `{"a.0": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {}, "spec": {"$ref": "a.1"}}}}` + repeat(50, func(i int) string {
				return fmt.Sprintf(`, "a.%d": {"Schema": {"properties": {"x": {"$ref": "a.%d"}, "y": {"$ref": "a.%d"}}}}`, i+1, i+2, i+2)
			}) + "}"}, "o/kustomization.yaml:2:8: CRD file \"c.json\" is not read"},
		"an expression": {map[string]string{"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\npatches:\n- target: {name: '((a{900}){900}){900}'}\n  patch: '[{\"op\": \"remove\", \"path\": \"/spec\"}]'\n"}, "o/kustomization.yaml:4:10: "},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["good/kustomization.yaml"] = "resources: [web.yaml]\nnamePrefix: good-\n"
			c.files["good/web.yaml"] = web
			root := write(t, c.files)
			res := open(root, "good", "o")
			if b := res.Bundles[0]; b.Lookup("apps", "Deployment", "", "good-web") == nil || len(b.Errors) > 0 {
				t.Errorf("the overlay beside it: %s", errorsOf(root, b))
			}
			if got := errorsOf(root, res.Bundles[1]); !strings.HasPrefix(got, c.want) {
				t.Errorf("said: %.400s\nwant %s", got, c.want)
			}
			if strings.HasPrefix(name, "diamond") && len(res.Bundles) < 4 {
				t.Errorf("its bases are not linted by themselves: %d bundles", len(res.Bundles))
			}
		})
	}
}

// What uses recursive schemas as Kubernetes does is built.
func TestSchemasMayHoldThemselves(t *testing.T) {
	root := write(t, map[string]string{"o/web.yaml": web,
		"o/kustomization.yaml": "resources: [web.yaml]\nopenapi: {path: s.json}\ncrds: [c.json]\n",
		"o/s.json":             `{"definitions": {"D": {"type": "object", "properties": {"spec": {"$ref": "#/definitions/D"}}, "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]}}}`,
		"o/c.json":             `{"a.Loop": {"Schema": {"properties": {"x": {"$ref": "a.Loop"}}}}, "a.C": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {}}}}}`,
	})
	if b := open(root, "o").Bundles[0]; len(b.Errors) > 0 || len(b.OfKind("Deployment")) != 1 {
		t.Error(errorsOf(root, b))
	}
}

// blocking is a transformer that works until it is released, and tells when it begins.
type blocking struct{ began, released chan struct{} }

func (b *blocking) Config(*resmap.PluginHelpers, []byte) error { return nil }
func (b *blocking) Transform(resmap.ResMap) error {
	close(b.began)
	<-b.released
	return nil
}

// blockPrefixes makes the next namePrefix block until the test ends.
func blockPrefixes(t *testing.T) *blocking {
	t.Helper()
	if !hooked() {
		t.Fatal("no hooks")
	}
	block := &blocking{make(chan struct{}), make(chan struct{})}
	for key, f := range transformerFactories {
		if tr, _ := f().(*transformer); tr.kind == "PrefixTransformer" {
			transformerFactories[key] = func() resmap.TransformerPlugin { return &transformer{inner: block, kind: tr.kind} }
			t.Cleanup(func() {
				close(block.released)
				for busy := true; busy; time.Sleep(time.Millisecond) { // what was left behind reads the table
					running.Lock()
					busy = len(running.by) > 0
					running.Unlock()
				}
				transformerFactories[key] = f
			})
		}
	}
	return block
}

var slow = map[string]string{
	"slow/kustomization.yaml": "resources: [web.yaml]\nnamePrefix: a-\n", "slow/web.yaml": web,
	"good/kustomization.yaml": "resources: [web.yaml]\n", "good/web.yaml": web,
	"share/kustomization.yaml": "resources: [web.yaml]\nnameSuffix: -a\n", "share/web.yaml": web,
}

// A build that does not end in its time is left behind, and those next to it are built.
func TestBuildsEndInTheirTime(t *testing.T) {
	before := buildTime
	defer func() { buildTime = before }()
	buildTime = 2 * time.Second
	blockPrefixes(t)
	root := write(t, slow)
	res := open(root, "slow", "good", "share")
	if got := errorsOf(root, res.Bundles[0]); !strings.Contains(got, "slow/kustomization.yaml:1:1: not built: it takes longer than 2s, the limit of a build") {
		t.Errorf("said: %s", got)
	}
	for _, b := range res.Bundles[1:] {
		if len(b.OfKind("Deployment")) != 1 {
			t.Errorf("%s: %s", b.Rendering.Root, errorsOf(root, b))
		}
	}
}

// So is one that is cancelled, and says why.
func TestCancelledBuildsAreLeftBehind(t *testing.T) {
	block := blockPrefixes(t)
	root := write(t, slow)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-block.began
		cancel(errors.New("the user has had enough"))
	}()
	res := Load(ctx, []string{filepath.Join(root, "slow")}, Options{Files: filetree.New(nil).In(root)})
	if got := errorsOf(root, res.Bundles[0]); got != "slow/kustomization.yaml:1:1: not built: the user has had enough" {
		t.Errorf("said: %s", got)
	}
}

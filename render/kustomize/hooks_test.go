package kustomize

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// If this fails after an upgrade of kustomize, its tables of builtin plugins have
// moved: see hooks.go.
func TestHooksFitThisRelease(t *testing.T) {
	if why := hooks(); why != "" {
		t.Fatal(why)
	}
}

// Of a release that nobody has examined nothing is called.
func TestHooksAreForKnownReleases(t *testing.T) {
	for _, release := range []string{"v0.22.0", "v0.21.1", ""} {
		why := unfit(release, func() string { t.Errorf("%s: installed", release); return "" })
		if !strings.Contains(why, "follows v0.21.2 alone") {
			t.Errorf("%s: %q", release, why)
		}
	}
	if why := unfit("v0.21.2", func() string { return "the tables differ" }); why != "the tables differ" {
		t.Errorf("said %q", why)
	}
}

// The two variables that hooks.go reaches into are declared as it takes them to be.
func TestTheTablesAreDeclaredSo(t *testing.T) {
	file, _ := runtime.FuncForPC(reflect.ValueOf(krusty.MakeKustomizer).Pointer()).FileLine(0)
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(filepath.Dir(file), "..", "internal", "plugins", "builtinhelpers", "builtins.go"), nil, 0)
	if err != nil {
		t.Skip("the sources of kustomize's api are not at hand: ", err)
	}
	declared := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			declared[n.Name.Name] = types.ExprString(n.Type)
		case *ast.ValueSpec:
			if len(n.Values) == 1 {
				if table, ok := n.Values[0].(*ast.CompositeLit); ok {
					declared[n.Names[0].Name] = types.ExprString(table.Type)
				}
			}
		}
		return true
	})
	for name, want := range map[string]string{
		"BuiltinPluginType":    "int",
		"TransformerFactories": "map[BuiltinPluginType]func() resmap.TransformerPlugin",
		"GeneratorFactories":   "map[BuiltinPluginType]func() resmap.GeneratorPlugin",
	} {
		if declared[name] != want {
			t.Errorf("%s is declared as %q, want %q", name, declared[name], want)
		}
	}
}

// Where kustomize would end the process, by log.Fatal, the build alone ends.
func TestFatalLogsAreErrors(t *testing.T) {
	root := write(t, map[string]string{
		"o/kustomization.yaml":   "resources: [a, b, pod.yaml]\n",
		"o/a/kustomization.yaml": "resources: [c.yaml]\npatches: [{target: {kind: ConfigMap}, options: {allowNameChange: true}, patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \"value\": \"x\"}]'}]\n", "o/a/c.yaml": settings,
		"o/b/kustomization.yaml": "resources: [c.yaml]\npatches: [{target: {kind: ConfigMap}, options: {allowNameChange: true}, patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \"value\": \"y\"}]'}]\n", "o/b/c.yaml": settings,
		"o/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  x: .inf\n  volumes: [{name: v, configMap: {name: settings}}]\n",
	})
	said := ""
	for _, b := range open(root, "o").Bundles {
		said += errorsOf(root, b) + "\n"
	}
	if !strings.Contains(said, "o/kustomization.yaml:1:1: kustomize failed here and was stopped: ") {
		t.Errorf("said:\n%s", said)
	}
}

// Without hooks the objects are the same, and no place claims to be exact.
func TestWithoutHooks(t *testing.T) {
	leavesSeen, inFiles := 0, 0
	for _, dir := range overlays(t, fixtures) {
		tr := newTree(filetree.New(nil).In(jailOf(dir)))
		real, err := tr.resolve(dir)
		if err != nil {
			t.Fatal(err)
		}
		k := tr.at(real)
		if k == nil || k.component() {
			continue
		}
		b := newBuild(tr, k, Options{Files: tr.files})
		b.coarse = true
		restore := quiet()
		m := b.run(context.Background())
		restore()
		want, err := plain(dir, "", nil)
		if err != nil {
			if len(b.errs) == 0 {
				t.Errorf("%s: kustomize fails and nothing is said: %v", dir, err)
			}
			continue
		}
		if m == nil || len(b.errs) > 0 {
			t.Errorf("%s: %v", dir, b.errs)
			continue
		}
		got, _ := m.AsYaml()
		text, _ := want.AsYaml()
		// without hooks nothing tells that a generator reads, not krusty itself
		if string(got) != string(text) && filepath.Base(dir) != "generators-self" {
			t.Errorf("%s: output differs\n%s", dir, firstDifference(string(got), string(text)))
		}
		for _, l := range leaves(m, locator{b}) {
			leavesSeen++
			p := l.node.Locate()
			if p.Precision == lint.Exact {
				t.Fatalf("%s: object %s%s is exactly at %v", dir, l.object, l.path, p.Span.Start)
			}
			if !p.Span.IsValid() {
				t.Fatalf("%s: object %s%s has no place at all", dir, l.object, l.path)
			}
			if p.Precision == lint.Block {
				inFiles++
			}
		}
	}
	t.Logf("%d of %d leaves in their block", inFiles, leavesSeen)
	if leavesSeen < 500 || inFiles < leavesSeen*3/4 {
		t.Error("too few")
	}
}

// Of builds at once, some of which panic, the last gives standard error back.
func TestQuietGivesStandardErrorBack(t *testing.T) {
	stderr, logged := os.Stderr, log.Writer()
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			defer func() { _ = recover() }()
			defer quiet()()
			if i%3 == 0 {
				panic("a build panics")
			}
		})
	}
	group.Wait()
	if os.Stderr != stderr || log.Writer() != logged {
		t.Error("standard error is still silenced")
	}
	restore := quiet()
	if log.Writer() != (unprinted{}) || os.Stderr == stderr {
		t.Error("kustomize is not silenced")
	}
	restore()
}

// Loads at once do not disturb each other: each gives what it gives alone, also
// the first ones of a process, for which kyaml has yet to parse its schema.
func TestLoadsAtOnce(t *testing.T) {
	dirs := overlays(t, fixtures)
	own()()
	text := func() string {
		var all strings.Builder
		res := Load(t.Context(), dirs, Options{Files: filetree.New(nil).In(jailOf(dirs[0])), Jobs: 4})
		for _, b := range res.Bundles {
			for _, r := range b.Resources {
				p := r.Root.Get("kind").Locate()
				all.WriteString(b.Rendering.Root + " " + r.String() + " " + p.Span.Start.String() + "\n")
			}
			for _, e := range b.Errors {
				all.WriteString(e.Error() + "\n")
			}
		}
		return all.String()
	}
	got := make([]string, 4)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() { got[i] = text() })
	}
	group.Wait()
	want := text()
	for _, g := range got {
		if g != want {
			t.Error(firstDifference(g, want))
		}
	}
}

// What builds ask of kyaml's schema at once only reads it; the race detector sees
// what does not.
func TestSchemaIsSharedParsed(t *testing.T) {
	for range 3 {
		own()()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				defer share()()
				for range 2000 {
					if _, known := openapi.IsNamespaceScoped(yaml.TypeMeta{APIVersion: "example.com/v1", Kind: "Widget"}); known {
						t.Error("the scope of a kind that nothing defines is known")
					}
				}
			})
		}
		group.Go(func() {
			defer share()()
			if openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}) == nil {
				t.Error("no schema for a Deployment")
			}
		})
		group.Wait()
	}
}

// own and share are ownSchema and shareSchema where nothing is cancelled.
func own() func() {
	release, _ := ownSchema(context.Background())
	return release
}

func share() func() {
	release, _ := shareSchema(context.Background())
	return release
}

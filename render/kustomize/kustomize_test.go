package kustomize

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/api/resmap"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

// write writes files, given as path and text, below a new directory.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const web = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: web:1\n"
const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: one\n"

// open loads the directories named, which lie in root.
func open(root string, dirs ...string) Result {
	for i, d := range dirs {
		dirs[i] = filepath.Join(root, d)
	}
	return Load(context.Background(), dirs, Options{Files: filetree.New(nil).In(root), Jobs: 2})
}

// spot returns file:line:col with the file relative to root.
func spot(root string, s lint.Span) string {
	if !s.IsValid() {
		return "-"
	}
	rel, err := filepath.Rel(root, s.Start.Source.File)
	if err != nil {
		rel = s.Path()
	}
	return fmt.Sprintf("%s:%d:%d", filepath.ToSlash(rel), s.Start.Line, s.Start.Column)
}

func errorsOf(root string, b *lint.Bundle) string {
	var all []string
	for _, e := range b.Errors {
		all = append(all, spot(root, e.Span)+": "+e.Message)
	}
	return strings.Join(all, "\n")
}

func TestTheRestIsBuiltWithoutWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		overlay string
		files   map[string]string
		want    string // place and text of the error
	}{
		"remote resource":                       {"resources: [web.yaml, settings.yaml, 'https://example.com/a.yaml']\n", nil, "o/kustomization.yaml:1:38: resource \"https://example.com/a.yaml\" is remote"},
		"remote base":                           {"resources:\n- web.yaml\n- settings.yaml\n- github.com/some/repo//base?ref=v1\n", nil, "o/kustomization.yaml:4:3: resource \"github.com/some/repo//base?ref=v1\" is remote"},
		"scp-like base":                         {"resources: [web.yaml, settings.yaml, 'git@example.com:a/b.git']\n", nil, "is remote"},
		"remote patch":                          {"resources: [web.yaml, settings.yaml]\npatches:\n- path: https://example.com/p.yaml\n", nil, "o/kustomization.yaml:3:9: patch"},
		"remote crd":                            {"resources: [web.yaml, settings.yaml]\ncrds: ['https://example.com/p.yaml']\n", nil, "o/kustomization.yaml:2:8: CRD file"},
		"remote schema":                         {"resources: [web.yaml, settings.yaml]\nopenapi: {path: 'https://example.com/p.json'}\n", nil, "o/kustomization.yaml:2:17: schema"},
		"remote file":                           {"resources: [web.yaml, settings.yaml]\nconfigMapGenerator: [{name: a, files: ['x=https://example.com/p']}]\n", nil, "generator's file \"https://example.com/p\" is remote"},
		"remote replacement":                    {"resources: [web.yaml, settings.yaml]\nreplacements: [{path: 'https://example.com/p'}]\n", nil, "replacement \"https://example.com/p\" is remote"},
		"remote in a plugin":                    {"resources: [web.yaml, settings.yaml]\ntransformers: [t.yaml]\n", map[string]string{"o/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\npath: https://example.com/p\n"}, "o/t.yaml:4:7: \"https://example.com/p\" is remote"},
		"helm repository":                       {"resources: [web.yaml, settings.yaml]\nhelmCharts:\n- name: nginx\n  repo: https://example.com\n", nil, "o/kustomization.yaml:3:9: chart \"nginx\" of https://example.com is not fetched"},
		"missing file":                          {"resources: [web.yaml, settings.yaml, gone.yaml]\n", nil, "o/kustomization.yaml:1:38: resource \"gone.yaml\" does not exist"},
		"missing patch":                         {"resources: [web.yaml, settings.yaml]\npatches: [{path: gone.yaml}]\n", nil, "o/kustomization.yaml:2:18: patch \"gone.yaml\" does not exist"},
		"outside":                               {"resources: [web.yaml, settings.yaml, ../../../../etc/hostname]\n", nil, "outside"},
		"linked outside":                        {"resources: [web.yaml, settings.yaml, link.yaml]\n", nil, "o/kustomization.yaml:1:38: resource \"link.yaml\" is outside"},
		"itself":                                {"resources: [web.yaml, settings.yaml, .]\n", nil, "o/kustomization.yaml:1:38: resource \".\" contains this kustomization itself"},
		"cycle":                                 {"resources: [web.yaml, settings.yaml, ../b]\n", map[string]string{"b/kustomization.yaml": "resources: [../o]\n"}, "b/kustomization.yaml:1:13: resource \"../o\" refers back"},
		"directory":                             {"resources: [web.yaml, settings.yaml, ../empty]\n", map[string]string{"empty/readme": ""}, "is a directory without a kustomization"},
		"broken document":                       {"resources: [web.yaml, settings.yaml, broken.yaml]\n", map[string]string{"o/broken.yaml": "apiVersion: v1\nkind: [\n"}, "o/broken.yaml:"},
		"broken patch":                          {"resources: [web.yaml, settings.yaml]\npatches: [{path: broken.yaml}]\n", map[string]string{"o/broken.yaml": "apiVersion: v1\nkind: [\n"}, "o/broken.yaml:"},
		"broken base":                           {"resources: [web.yaml, settings.yaml, ../b]\n", map[string]string{"b/kustomization.yaml": "resources: [\n"}, "b/kustomization.yaml:"},
		"not an object":                         {"resources: [web.yaml, settings.yaml, values.yaml]\n", map[string]string{"o/values.yaml": "a: 1\n"}, "o/kustomization.yaml:1:38: "},
		"twice":                                 {"resources: [web.yaml, settings.yaml, again.yaml]\n", map[string]string{"o/again.yaml": settings}, "o/kustomization.yaml:1:38: ConfigMap.v1.[noGrp]/settings.[noNs] is defined twice"},
		"patch that is neither":                 {"resources: [web.yaml, settings.yaml]\npatches:\n- target: {name: web}\n  patch: '[{op: replace, path: /spec/replicas, value: 7}]'\n", nil, "o/kustomization.yaml:4:10: unable to parse SM or JSON patch"},
		"patch of nothing":                      {"resources: [web.yaml, settings.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Service\n    metadata: {name: gone}\n", nil, "o/kustomization.yaml:3:10: no resource matches strategic merge patch"},
		"exec plugin":                           {"resources: [web.yaml, settings.yaml]\ntransformers: [t.yaml]\n", map[string]string{"o/t.yaml": "apiVersion: v1\nkind: Mine\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: 'exec: {path: ./run.sh}'\n"}, "o/kustomization.yaml:2:16: "},
		"of two entries of one text the first":  {"resources: [web.yaml, settings.yaml, ../b, ../c]\n", map[string]string{"b/kustomization.yaml": "resources: [x.yaml]\n", "b/x.yaml": "a: 1\n", "c/kustomization.yaml": "resources: [x.yaml]\n", "c/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"}, "b/kustomization.yaml:1:13: "},
		"of two entries of one text the second": {"resources: [web.yaml, settings.yaml, ../b, ../c]\n", map[string]string{"c/kustomization.yaml": "resources: [x.yaml]\n", "c/x.yaml": "a: 1\n", "b/kustomization.yaml": "resources: [x.yaml]\n", "b/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"}, "c/kustomization.yaml:1:13: "},
		"unknown field":                         {"resources: [web.yaml, settings.yaml]\nnamePrefx: a\n", nil, "o/kustomization.yaml:2:1: kustomize has no field \"namePrefx\" here; did you mean \"namePrefix\"?"},
		"unknown field of an item":              {"resources: [web.yaml, settings.yaml]\npatches:\n- {pach: a, target: {kind: X}}\n", nil, "o/kustomization.yaml:3:4: kustomize has no field \"pach\" here"},
		"field of another type":                 {"resources: [web.yaml, settings.yaml]\nsecretGenerator:\n- {name: x}\n- {name: y}\n", nil, "o/kustomization.yaml:4:10: name is true or false to YAML where kustomize expects a text; quote it"},
		"generator that merges into nothing":    {"resources: [web.yaml, settings.yaml]\nconfigMapGenerator:\n- {name: gone, behavior: merge, literals: [a=b]}\n", nil, "o/kustomization.yaml:3:3: there is no ConfigMap \"gone\" to merge into"},
		"component that is none":                {"resources: [web.yaml, settings.yaml]\ncomponents: [../c]\n", map[string]string{"c/kustomization.yaml": "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nnamePrefix: a-\n"}, "o/kustomization.yaml:2:14: "},
		"JSON patch of nothing":                 {"resources: [web.yaml, settings.yaml]\npatches:\n- {path: p.yaml, target: {kind: Deployment}}\n", map[string]string{"o/p.yaml": "- {op: replace, path: /spec/replicas, value: 3}\n- {op: remove, path: /spec/gone}\n"}, "o/kustomization.yaml:3:10: "},
		"name with an apostrophe":               {"resources: [web.yaml, settings.yaml, \"it's.yaml\"]\n", map[string]string{"o/it's.yaml": "a: 1\n"}, "o/kustomization.yaml:1:38: "},
		"component that fails":                  {"resources: [web.yaml, settings.yaml]\ncomponents: [../c]\n", map[string]string{"c/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [x.yaml]\n", "c/x.yaml": "a: 1\n"}, "c/kustomization.yaml:3:13: "},
		"alias of itself in an inline patch":    {"resources: [web.yaml, settings.yaml]\npatches: [{patch: \"a: &a {b: *a}\"}]\n", nil, "o/kustomization.yaml:2:20: broken YAML: aliases expand"},
		"alias of itself in a plugin":           {"resources: [web.yaml, settings.yaml]\ntransformers: [t.yaml]\n", map[string]string{"o/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\ntarget: {name: web}\npatch: 'a: &a {b: *a}'\n"}, "o/t.yaml:1:1: broken YAML: aliases expand"},
		"alias bomb": {"resources: [web.yaml, settings.yaml, bomb.yaml]\n", map[string]string{"o/bomb.yaml": "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
			"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"}, "o/bomb.yaml:1:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"o/web.yaml": web, "o/settings.yaml": settings, "o/kustomization.yaml": c.overlay}
			for path, text := range c.files {
				files[path] = text
			}
			root := write(t, files)
			if name == "linked outside" {
				if err := os.Symlink("/etc/hostname", filepath.Join(root, "o", "link.yaml")); err != nil {
					t.Skip(err)
				}
			}
			res := open(root, "o")
			if len(res.Bundles) != 1 {
				t.Fatalf("%d bundles", len(res.Bundles))
			}
			b := res.Bundles[0]
			if got := errorsOf(root, b); !strings.Contains(got, c.want) || strings.Count(got, "\n") > 1 {
				t.Errorf("errors:\n%s\nwant %s", got, c.want)
			}
			if b.Lookup("apps", "Deployment", "", "web") == nil || b.Lookup("", "ConfigMap", "", "settings") == nil {
				t.Errorf("the rest was not built: %d objects", len(b.Resources))
			}
			if strings.HasPrefix(name, "of two entries") && b.Lookup("", "ConfigMap", "", "c") == nil {
				t.Error("the wrong entry was taken out")
			}
		})
	}
}

func TestRootsAreWhatNothingNames(t *testing.T) {
	root := write(t, map[string]string{
		"base/kustomization.yaml":    "resources: [web.yaml]\n",
		"base/web.yaml":              web,
		"prod/kustomization.yaml":    "resources: [../base]\ncomponents: [../used]\npatches: [{path: p.yaml}]\n",
		"prod/p.yaml":                web,
		"used/kustomization.yaml":    "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nconfigMapGenerator: [{name: a, files: [f.txt]}]\n",
		"used/f.txt":                 "x",
		"unused/kustomization.yaml":  "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [c.yaml, ../lonely]\n",
		"unused/c.yaml":              settings,
		"lonely/kustomization.yaml":  "resources: [../base/web.yaml]\n",
		"one/kustomization.yaml":     "resources: [../two, s.yaml]\n",
		"one/s.yaml":                 settings,
		"two/kustomization.yaml":     "resources: [../one]\n",
		"flux/kustomization.yaml":    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n",
		"deprecated/Kustomization":   "bases: [../base]\n",
		"deprecated/unrelated.yaml":  settings,
		"broken/kustomization.yaml":  "resources: [\n",
		"nothing/kustomization.yaml": "\n",
	})
	res := open(root, "base", "prod", "used", "unused", "lonely", "one", "two", "flux", "deprecated", "broken", "nothing")
	var got []string
	for _, b := range res.Bundles {
		got = append(got, filepath.Base(b.Rendering.Root))
	}
	if strings.Join(got, " ") != "prod lonely one deprecated broken nothing" {
		t.Errorf("roots: %s", got)
	}
	notes := ""
	for _, n := range res.Notes {
		notes += n.String() + "\n"
	}
	for _, want := range []string{"lonely: no overlay uses this base", "unused: no overlay uses this component", "kustomization.yaml:1:13: kustomize build refuses \"../base/web.yaml\""} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note %q in\n%s", want, notes)
		}
	}
	for path, want := range map[string]bool{"base/web.yaml": true, "prod/p.yaml": true, "used/f.txt": true, "unused/c.yaml": true, "deprecated/unrelated.yaml": false} {
		if res.Used[filepath.Join(root, path)] != want {
			t.Errorf("used[%s] = %v", path, !want)
		}
	}
}

func TestPlacesOfValuesAndOfWhatIsMissing(t *testing.T) {
	root := write(t, map[string]string{
		"base/kustomization.yaml": "resources: [web.yaml]\n",
		"base/web.yaml":           web + "          securityContext:\n            privileged: false\n",
		"prod/kustomization.yaml": "resources: [../base]\npatches:\n- path: p.yaml\nimages:\n- {name: web, newTag: \"2\"}\nsecretGenerator:\n- name: login\n  literals: [password=hunter2hunter2]\n  envs: [s.env]\n",
		"prod/p.yaml":             "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        securityContext:\n          privileged: true\n",
		"prod/s.env":              "user=alice\ntoken=abcdefgh\n",
	})
	b := open(root, "prod").Bundles[0]
	if len(b.Errors) > 0 {
		t.Fatal(errorsOf(root, b))
	}
	d := b.Lookup("apps", "Deployment", "", "web")
	c := d.PodSpecs()[0].Containers()[0]
	var secret *lint.Resource
	for _, r := range b.OfKind("Secret") {
		secret = r
	}
	for _, test := range []struct {
		name string
		node *lint.Node
		want string
	}{
		{"patched", c.Node.Get("securityContext", "privileged"), "prod/p.yaml:10:23 exact overlay=prod/kustomization.yaml:3:9 base=base/web.yaml:12:25"},
		{"image", c.Node.Get("image"), "prod/kustomization.yaml:5:23 exact base=base/web.yaml:10:18"},
		{"untouched", c.Node.Get("name"), "base/web.yaml:9:17 exact"},
		{"missing", c.Node.Get("resources", "limits"), "base/web.yaml:9:17 block"},
		{"missing in a mapping", c.Node.Get("securityContext", "runAsNonRoot"), "base/web.yaml:11:11 block"},
		{"literal", secret.Get("data", "password"), "prod/kustomization.yaml:8:23 exact"},
		{"env", secret.Get("data", "token"), "prod/s.env:2:7 exact overlay=prod/kustomization.yaml:9:10"},
	} {
		p := test.node.Locate()
		got := spot(root, p.Span) + " " + string(p.Precision)
		for _, r := range p.Related {
			got += " " + r.Role + "=" + spot(root, r.Span)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if text := secret.Get("data", "password").Locate().Span.Text(); text != "hunter2hunter2" {
		t.Errorf("the literal is %q", text)
	}
}

// No spelling of a kustomization or of a plugin's document reaches the network.
func TestNothingIsFetched(t *testing.T) {
	fetched := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fetched <- r.URL.Path }))
	defer server.Close()
	url := server.URL + "/x.yaml"
	for name, files := range map[string]map[string]string{
		"case of a field":       {"o/kustomization.yaml": "RESOURCES: [web.yaml]\nResources: ['" + url + "']\n"},
		"case of a schema":      {"o/kustomization.yaml": "resources: [web.yaml]\nOPENAPI: {path: s.json}\nOpenapi: {path: '" + url + "'}\n", "o/s.json": "{}"},
		"merge key":             {"o/kustomization.yaml": "<<: {resources: [web.yaml, '" + url + "']}\n"},
		"merge key inside":      {"o/kustomization.yaml": "resources: [web.yaml]\nopenapi: {<<: {path: '" + url + "'}}\n"},
		"merge key by alias":    {"o/kustomization.yaml": "resources: [web.yaml]\ngeneratorOptions: {labels: &a {path: '" + url + "'}}\nopenapi: {<<: *a}\n"},
		"files of a generator":  {"o/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: a, FILES: [web.yaml], Files: ['x=" + url + ": y']}]\n"},
		"files of a plugin":     {"o/kustomization.yaml": "resources: [web.yaml]\ngenerators: [g.yaml]\n", "o/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nFiles: ['x=" + url + "']\n"},
		"odd files of a plugin": {"o/kustomization.yaml": "resources: [web.yaml]\ngenerators: [g.yaml]\n", "o/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nfiles: ['x=" + url + ": y']\n"},
		"path of a plugin":      {"o/kustomization.yaml": "resources: [web.yaml]\ntransformers: [t.yaml]\n", "o/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\nPath: " + url + "\ntarget: {name: web}\n"},
	} {
		files["o/web.yaml"] = web
		root := write(t, files)
		said := 0
		for _, b := range open(root, "o").Bundles {
			said += len(b.Errors)
		}
		if said == 0 {
			t.Errorf("%s: nothing is said", name)
		}
	}
	if len(fetched) > 0 {
		t.Errorf("%d requests, the first for %s", len(fetched), <-fetched)
	}
}

// The bases of an overlay that cannot be built are linted on their own.
func TestBasesOfWhatFailsAreLinted(t *testing.T) {
	root := write(t, map[string]string{
		"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": web,
		"prod/kustomization.yaml": "resources: [../base]\nvars: 3\n",
		"more/kustomization.yaml": "resources: [../prod]\n",
	})
	res := open(root, "base", "prod", "more")
	found := false
	for _, b := range res.Bundles {
		found = found || b.Lookup("apps", "Deployment", "", "web") != nil
	}
	var all []string
	for _, b := range res.Bundles {
		all = append(all, filepath.Base(b.Rendering.Root)+": "+errorsOf(root, b))
	}
	if !found || !strings.Contains(strings.Join(all, "\n"), "prod/kustomization.yaml") {
		t.Errorf("found %v:\n%s", found, strings.Join(all, "\n"))
	}
}

// A value that a replacement copies is where it was written; the replacement
// is related, and so is what it replaced. A name is in the base whatever an
// overlay puts around it.
func TestPlacesOfCopiesAndOfLengthenedNames(t *testing.T) {
	root := write(t, map[string]string{
		"base/kustomization.yaml": "resources: [web.yaml]\n",
		"base/web.yaml":           web + "          securityContext:\n            privileged: false\n        - name: side\n          image: side:1\n",
		"prod/kustomization.yaml": "resources: [../base, from.yaml]\nnamePrefix: my-\nnameSuffix: -v1\nreplacements:\n" +
			"- source: {kind: ConfigMap, name: from, fieldPath: data.yes}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths:\n    - spec.template.spec.containers.[name=web].securityContext.privileged\n" +
			"- sourceValue: \"9\"\n  targets:\n  - select: {name: web}\n    fieldPaths: ['spec.template.spec.containers.[name=web].image']\n    options: {delimiter: ':', index: 1}\n" +
			"- path: more.yaml\n",
		"prod/from.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from}\ndata:\n  yes: \"true\"\n  tag: latest\n",
		"prod/more.yaml": "source: {kind: ConfigMap, name: from, fieldPath: data.tag}\ntargets:\n- select: {kind: Deployment}\n  fieldPaths: ['spec.template.spec.containers.[name=side].image']\n  options: {delimiter: ':', index: 1}\n",
	})
	b := open(root, "prod").Bundles[0]
	if len(b.Errors) > 0 {
		t.Fatal(errorsOf(root, b))
	}
	d := b.Lookup("apps", "Deployment", "", "my-web-v1")
	if d == nil {
		t.Fatal("no Deployment")
	}
	containers := d.PodSpecs()[0].Containers()
	for _, test := range []struct {
		name, value string
		node        *lint.Node
		want        string
	}{
		{"copied", "true", containers[0].Node.Get("securityContext", "privileged"), "prod/from.yaml:5:8 exact overlay=prod/kustomization.yaml:9:7 base=base/web.yaml:12:25"},
		{"copied into one of two", "side:latest", containers[1].Node.Get("image"), "prod/from.yaml:6:8 exact overlay=prod/more.yaml:4:16 base=base/web.yaml:14:18"},
		{"value of the entry", "web:9", containers[0].Node.Get("image"), "prod/kustomization.yaml:10:16 exact overlay=prod/kustomization.yaml:13:18 base=base/web.yaml:10:18"},
		{"name", "my-web-v1", d.Get("metadata", "name"), "base/web.yaml:4:9 exact overlay=prod/kustomization.yaml:2:13 overlay=prod/kustomization.yaml:3:13"},
	} {
		p := test.node.Locate()
		got := spot(root, p.Span) + " " + string(p.Precision)
		for _, r := range p.Related {
			got += " " + r.Role + "=" + spot(root, r.Span)
		}
		if got != test.want || test.node.Value() != test.value {
			t.Errorf("%s: %s = %q, want %s = %q", test.name, got, test.node.Value(), test.want, test.value)
		}
	}
}

// What a patch takes out is fixed in the patch: the base has it.
func TestPlacesOfWhatAPatchTakesOut(t *testing.T) {
	safe := web + "          securityContext:\n            privileged: false\n            readOnlyRootFilesystem: true\n        - name: side\n          image: side:1\n          securityContext:\n            readOnlyRootFilesystem: true\n"
	for name, c := range map[string]struct{ overlay, patch, web, side string }{
		"JSON patch, the object that holds it": {"patches: [{path: p.yaml, target: {kind: Deployment}}]\n", "- {op: remove, path: /spec/template/spec/containers/0/securityContext}\n",
			"prod/p.yaml:1:22 block overlay=prod/kustomization.yaml:2:18 base=base/web.yaml:13:37", "base/web.yaml:17:37 exact"},
		"JSON patch, of two items the second": {"patches: [{path: p.yaml, target: {kind: Deployment}}]\n", "- {op: test, path: /spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem, value: true}\n- {op: remove, path: /spec/template/spec/containers/1/securityContext/readOnlyRootFilesystem}\n- {op: remove, path: /spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem}\n",
			"prod/p.yaml:3:22 block overlay=prod/kustomization.yaml:2:18 base=base/web.yaml:13:37", "prod/p.yaml:2:22 block overlay=prod/kustomization.yaml:2:18 base=base/web.yaml:17:37"},
		"JSON patch that replaces what holds it": {"patches: [{path: p.yaml, target: {kind: Deployment}}]\n", "- {op: replace, path: /spec/template/spec/containers/0/securityContext, value: {privileged: false}}\n",
			"prod/p.yaml:1:23 block overlay=prod/kustomization.yaml:2:18 base=base/web.yaml:13:37", "base/web.yaml:17:37 exact"},
		"merge with a null": {"patches: [{path: p.yaml}]\n", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: side\n        securityContext:\n          readOnlyRootFilesystem: null\n",
			"base/web.yaml:13:37 exact", "prod/p.yaml:10:35 block overlay=prod/kustomization.yaml:2:18 base=base/web.yaml:17:37"},
		"merge with a directive": {"patches: [{path: p.yaml}]\n", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        securityContext:\n          $patch: replace\n          privileged: false\n",
			"prod/p.yaml:10:19 block overlay=prod/kustomization.yaml:2:18 base=base/web.yaml:13:37", "base/web.yaml:17:37 exact"},
		"what the base never had": {"patches: [{path: p.yaml, target: {kind: Deployment}}]\n", "- {op: remove, path: /spec/template/spec/containers/0/image}\n", "base/web.yaml:13:37 exact", "base/web.yaml:17:37 exact"},
	} {
		t.Run(name, func(t *testing.T) {
			root := write(t, map[string]string{
				"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": safe,
				"prod/kustomization.yaml": "resources: [../base]\n" + c.overlay, "prod/p.yaml": c.patch,
			})
			b := open(root, "prod").Bundles[0]
			if len(b.Errors) > 0 {
				t.Fatal(errorsOf(root, b))
			}
			for _, container := range b.Lookup("apps", "Deployment", "", "web").PodSpecs()[0].Containers() {
				p := container.Node.Get("securityContext", "readOnlyRootFilesystem").Locate()
				got := spot(root, p.Span) + " " + string(p.Precision)
				for _, r := range p.Related {
					got += " " + r.Role + "=" + spot(root, r.Span)
				}
				if want := map[string]string{"web": c.web, "side": c.side}[container.Node.Get("name").Value()]; got != want {
					t.Errorf("%s: %s, want %s", container.Node.Get("name").Value(), got, want)
				}
			}
		})
	}
}

func TestSchemasDoNotLeak(t *testing.T) {
	root, err := filepath.Abs(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	res := open(root, "openapi", "plain-schema", "setters", "openapi", "merge-file", "json-then-merge", "generators-merge", "replacements")
	for _, b := range res.Bundles {
		if len(b.Errors) > 0 {
			t.Errorf("%s: %s", b.Rendering.Root, errorsOf(root, b))
		}
		if m := b.OfKind("Machine"); len(m) == 1 {
			want := 2 // merged by the schema
			if filepath.Base(b.Rendering.Root) == "plain-schema" {
				want = 1 // replaced, as a list of a kind without schema is
			}
			if got := len(m[0].Get("spec", "parts").Items()); got != want {
				t.Errorf("%s: %d parts, want %d", b.Rendering.Root, got, want)
			}
		}
	}
}

func TestChartsInTheTreeAreRendered(t *testing.T) {
	root := write(t, map[string]string{
		"o/kustomization.yaml":                 "namespace: shop\nhelmCharts:\n- name: app\n  releaseName: rel\n  valuesInline:\n    tag: \"7\"\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: rel-app}\n    data: {b: patched}\n",
		"o/charts/app/Chart.yaml":              "apiVersion: v2\nname: app\nversion: 1.0.0\n",
		"o/charts/app/values.yaml":             "tag: \"1\"\n",
		"o/charts/app/templates/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-app\ndata:\n  tag: {{ .Values.tag | quote }}\n  a: text\n  b: text\n",
	})
	b := open(root, "o").Bundles[0]
	if len(b.Errors) > 0 {
		t.Fatal(errorsOf(root, b))
	}
	m := b.Lookup("", "ConfigMap", "shop", "rel-app")
	if m == nil {
		t.Fatalf("%d objects", len(b.Resources))
	}
	if v := m.Get("data", "tag").Value(); v != "7" {
		t.Errorf("tag is %q", v)
	}
	for field, want := range map[string]string{"a": "app/templates/settings.yaml", "b": "o/kustomization.yaml"} {
		if got := m.Get("data", field).Locate().Span.Path(); !strings.HasSuffix(got, want) {
			t.Errorf("%s stands in %s", field, got)
		}
	}
}

func TestTargetsOfFlux(t *testing.T) {
	root := write(t, map[string]string{
		"apps/kustomization.yaml": "resources: []\n", "plain/a.yaml": settings,
	})
	docs, _ := lint.ParseYAML(lint.NewSource("x", []byte("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: ./apps}\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: b}\nspec: {path: plain}\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: c}\nspec: {path: ../..}\n")))
	var resources []*lint.Resource
	for _, d := range docs {
		resources = append(resources, lint.NewResources(d, nil)...)
	}
	got := Targets(resources, filetree.New(nil).In(root))
	if len(got) != 1 || got[0] != filepath.Join(root, "apps") {
		t.Errorf("targets: %s", got)
	}
}

// BenchmarkAgainstPlain reports the ratio of a located build to one by krusty
// alone, the median and the worst over all overlays.
func BenchmarkAgainstPlain(b *testing.B) {
	dirs := append(overlays(b, fixtures), corpus(b)...)
	fastest := func(f func()) time.Duration {
		best := time.Hour
		for range 3 {
			start := time.Now()
			f()
			best = min(best, time.Since(start))
		}
		return best
	}
	for range b.N {
		var ratios []float64
		for _, dir := range dirs {
			located, m := fresh(b, dir, newTree(filetree.New(nil).In(jailOf(dir))))
			if m == nil || len(located.errs) > 0 {
				continue
			}
			base := fastest(func() { _, _ = plain(dir, "", nil) })
			full := fastest(func() { fresh(b, dir, newTree(filetree.New(nil).In(jailOf(dir)))) })
			ratios = append(ratios, float64(full)/float64(base))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
		b.ReportMetric(ratios[len(ratios)-1], "worst-ratio")
	}
}

// What is wrong with one entry of a field does not take the others out.
func TestTheOtherEntriesOfAFieldAreBuilt(t *testing.T) {
	const copy = "{source: {kind: ConfigMap, name: settings, fieldPath: data.a}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.copied], options: {create: true}}]}"
	for name, c := range map[string]struct {
		fields string
		files  map[string]string
		want   string
	}{
		"a replacement of nothing":           {"replacements:\n- {source: {kind: Gone, name: z}, targets: [{select: {kind: Deployment}, fieldPaths: [a]}]}\n- " + copy + "\n", nil, "o/kustomization.yaml:3:3: nothing selected by"},
		"a field that is not there":          {"replacements:\n- " + copy + "\n- {source: {kind: Deployment, name: web}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.a.b]}]}\n", nil, "o/kustomization.yaml:4:3: unable to find field"},
		"an expression that is none":         {"replacements:\n- {source: {kind: Deployment, name: web}, targets: [{select: {kind: '('}, fieldPaths: [a]}]}\n- " + copy + "\n", nil, "o/kustomization.yaml:3:3: error creating target selector"},
		"null":                               {"replacements: [null, " + copy + "]\n", nil, "o/kustomization.yaml:2:16: replacements must specify"},
		"a text":                             {"replacements: [x.yaml, " + copy + "]\n", nil, "o/kustomization.yaml:2:16: an entry of replacements is a text where kustomize expects a mapping of path, source, sourceValue, targets"},
		"a number in quotes":                 {"replacements: [{source: {kind: Deployment, name: web}, targets: [{select: {kind: X}, options: {index: '1'}}]}, " + copy + "]\n", nil, "o/kustomization.yaml:2:103: index is a text where kustomize expects a whole number"},
		"one of a file's":                    {"replacements: [{path: r.yaml}]\n", map[string]string{"o/r.yaml": "- targets: []\n- " + copy + "\n"}, "o/r.yaml:1:3: replacements must specify"},
		"a broken file":                      {"replacements: [{path: r.yaml}, " + copy + "]\n", map[string]string{"o/r.yaml": "source: [a\n"}, "o/r.yaml:1:9: broken YAML"},
		"a patch of nothing":                 {"patchesStrategicMerge:\n- '{apiVersion: v1, kind: Gone, metadata: {name: g}}'\n- '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {copied: one}}'\n", nil, "o/kustomization.yaml:3:3: no matches for Id Gone"},
		"a broken patch":                     {"patchesStrategicMerge:\n- p.yaml\n- '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {copied: one}}'\n", map[string]string{"o/p.yaml": "a: [\n"}, "o/p.yaml:"},
		"a label that is a number":           {"commonLabels: {a: 1}\nreplacements: [" + copy + "]\n", nil, "o/kustomization.yaml:2:19: a is a number where kustomize expects a text; quote it"},
		"a list that is a mapping":           {"images: {name: web}\nreplacements: [" + copy + "]\n", nil, "o/kustomization.yaml:2:9: images is a mapping where kustomize expects a list"},
		"a count in quotes":                  {"replicas: [{name: web, count: '2'}]\nreplacements: [" + copy + "]\n", nil, "o/kustomization.yaml:2:31: count is a text where kustomize expects a whole number"},
		"a patch that is written out":        {"patches: [{patch: {a: b}}]\nreplacements: [" + copy + "]\n", nil, "o/kustomization.yaml:2:19: patch is a mapping where kustomize expects a text"},
		"a version that kustomize never had": {"apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\nreplacements: [" + copy + "]\n", nil, "o/kustomization.yaml:2:13: apiVersion is"},
		"a field that is gone":               {"inventory: {type: ConfigMap}\nreplacements: [" + copy + "]\n", nil, "o/kustomization.yaml:2:1: kustomize has no field \"inventory\" here; kustomize has removed it"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"o/web.yaml": web, "o/settings.yaml": settings, "o/kustomization.yaml": "resources: [web.yaml, settings.yaml]\n" + c.fields}
			for path, text := range c.files {
				files[path] = text
			}
			root := write(t, files)
			b := open(root, "o").Bundles[0]
			if got := errorsOf(root, b); !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") || strings.Contains(got, "types.") {
				t.Errorf("errors:\n%s\nwant %s", got, c.want)
			}
			d := b.Lookup("apps", "Deployment", "", "web")
			if d == nil || d.Get("spec", "copied").Value() != "one" {
				t.Error("the other entry was not applied")
			}
		})
	}
}

// No error quotes the credentials of an address.
func TestCredentialsInAddressesAreHidden(t *testing.T) {
	root := write(t, map[string]string{
		"o/web.yaml": web,
		"o/t.yaml":   "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\npath: https://bob:hunter2@example.com/p\n",
		"o/kustomization.yaml": "resources:\n- web.yaml\n- https://bob:hunter2@example.com/a.yaml\n- git::https://hunter2@github.com/a/b?ref=v1\n- bob:hunter2@example.com/a/b\n- ssh://bob:hunter2@example.com/a.git?sshkey=hunter2&ref=v1\n- git@example.com:a/b.git\n" +
			"patches: [{path: 'https://example.com/p.yaml?token=hunter2'}]\ntransformers: [t.yaml]\nhelmCharts:\n- {name: x, repo: 'https://bob:hunter2@example.com'}\n- {name: z, repo: 'oci://hunter2@example.com/charts'}\n",
	})
	got := errorsOf(root, open(root, "o").Bundles[0])
	if strings.Contains(got, "hunter2") || strings.Contains(got, "bob") {
		t.Errorf("credentials in\n%s", got)
	}
	if strings.Count(got, "\n") != 8 || strings.Count(got, "ref=v1") != 2 || !strings.Contains(got, "git@example.com:a/b.git") {
		t.Errorf("said:\n%s", got)
	}
}

// A panic while a transformer or a generator works is an error at its entry, one
// elsewhere an error of the overlay; what else there is is built.
func TestPanicsAreContained(t *testing.T) {
	if !hooked() {
		t.Fatal("no hooks")
	}
	root := write(t, map[string]string{
		"o/web.yaml": web, "o/kustomization.yaml": "resources: [web.yaml]\nnamePrefix: a-\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n",
		"p/web.yaml": web, "p/kustomization.yaml": "resources: [web.yaml]\n",
	})
	transformers, generators := maps.Clone(transformerFactories), maps.Clone(generatorFactories)
	defer func() { transformerFactories, generatorFactories = transformers, generators }()
	for name, c := range map[string]struct {
		inner *panicking
		want  string
		built bool
	}{
		"configuring":  {&panicking{config: true}, "kustomization.yaml:2:13: kustomize failed here and was stopped: out of range", true},
		"transforming": {&panicking{}, "kustomization.yaml:2:13: kustomize failed here and was stopped: out of range", true},
		"elsewhere":    {nil, "kustomization.yaml:1:1: kustomize failed here and was stopped: ", false},
	} {
		transformerFactories, generatorFactories = maps.Clone(transformers), maps.Clone(generators)
		for key, f := range transformers {
			if tr, _ := f().(*transformer); tr.kind == "PrefixTransformer" {
				transformerFactories[key] = func() resmap.TransformerPlugin {
					if c.inner == nil {
						panic("in krusty itself")
					}
					return &transformer{inner: c.inner, kind: tr.kind}
				}
			}
		}
		for key, f := range generators {
			if g, _ := f().(*generator); g.kind == "ConfigMapGenerator" && c.inner != nil {
				generatorFactories[key] = func() resmap.GeneratorPlugin { return &generator{inner: c.inner, kind: g.kind} }
			}
		}
		res := open(root, "o", "p")
		if got := errorsOf(root, res.Bundles[0]); !strings.Contains(got, c.want) || c.built && !strings.Contains(got, "kustomization.yaml:3:29: kustomize failed here") {
			t.Errorf("%s: said:\n%s", name, got)
		}
		if built := len(res.Bundles[0].OfKind("Deployment")) == 1; built != c.built || len(res.Bundles[1].OfKind("Deployment")) != 1 {
			t.Errorf("%s: built %v, the other %d", name, built, len(res.Bundles[1].OfKind("Deployment")))
		}
	}
}

// panicking is a plugin that panics, when it is configured or when it works.
type panicking struct{ config bool }

func (p *panicking) Config(*resmap.PluginHelpers, []byte) error {
	if p.config {
		panic("out of range")
	}
	return nil
}
func (p *panicking) Transform(resmap.ResMap) error    { panic("out of range") }
func (p *panicking) Generate() (resmap.ResMap, error) { panic("out of range") }

// A build ends where it notices that it is cancelled: a chart is given its context, and
// the build goes no further.
func TestCancelledBuilds(t *testing.T) {
	root := write(t, map[string]string{
		"o/kustomization.yaml":          "resources: [web.yaml]\nhelmCharts: [{name: app, releaseName: app}]\n",
		"o/web.yaml":                    web,
		"o/charts/app/Chart.yaml":       "apiVersion: v2\nname: app\nversion: 1.0.0\n",
		"o/charts/app/templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n",
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the user has had enough"))
	res := Load(ctx, []string{filepath.Join(root, "o")}, Options{Files: filetree.New(nil).In(root)})
	if got := errorsOf(root, res.Bundles[0]); got != "o/kustomization.yaml:1:1: not built: the user has had enough" || len(res.Bundles[0].OfKind("Pod")) > 0 {
		t.Errorf("said:\n%s", got)
	}
}

// Rules request places in the objects of inflated charts at once.
func TestPlacesInChartsAtOnce(t *testing.T) {
	files := map[string]string{"o/kustomization.yaml": "helmCharts:\n"}
	for _, chart := range []string{"one", "two", "three"} {
		files["o/kustomization.yaml"] += "- {name: " + chart + ", releaseName: " + chart + "}\n"
		files["o/charts/"+chart+"/Chart.yaml"] = "apiVersion: v2\nname: " + chart + "\nversion: 1.0.0\n"
		files["o/charts/"+chart+"/templates/pod.yaml"] = "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}}\nspec:\n  hostPID: true\n  containers: [{name: a, image: a}]\n"
	}
	root := write(t, files)
	b := open(root, "o").Bundles[0]
	if len(b.Errors) > 0 || len(b.OfKind("Pod")) != 3 {
		t.Fatal(errorsOf(root, b))
	}
	var group sync.WaitGroup
	for range 8 {
		for _, pod := range b.OfKind("Pod") {
			group.Go(func() {
				if got := spot(root, pod.Get("spec", "hostPID").Locate().Span); got != "o/charts/"+pod.Name+"/templates/pod.yaml:5:12" {
					t.Errorf("%s: %s", pod.Name, got)
				}
			})
		}
	}
	group.Wait()
}

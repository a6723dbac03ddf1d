package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// The table of environments says what k8s.io/apiserver's does, for each version.
func TestEnvironmentsAreThoseOfTheAPIServer(t *testing.T) {
	for minor := 25; minor <= kube.Newest; minor++ {
		ours, err := base(minor)
		if err != nil {
			t.Fatal(err)
		}
		theirs := environment.MustBaseEnvSet(version.MajorMinor(1, uint(minor))).NewExpressionsEnv()
		if a, b := described(ours), described(theirs); !slices.Equal(a, b) {
			t.Errorf("1.%d: ours has\n%s\nthe API server's\n%s", minor, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
		for _, text := range []string{
			"1 == 1.0", "1 < 2.0", "[1, 'a']", "optional.of(1)", "'a'.matches('[')", "duration('x')", "timestamp('x')", "has({'a': 1}.a)",
			"[1, 2].sum()", "[1, 2].sort()", "semver('1.2.3')", "[1].all(i, v, i == v)", "quantity('1')", "ip('1.2.3.4')", "format.named('dns1123Label')",
			"timestamp('2024-01-01T00:00:00Z').getHours() == 0", "sets.contains([1], [1])", "'a'.find('a')", "url('a')", "[[1]].flatten()",
		} {
			_, a := ours.Compile(text)
			_, b := theirs.Compile(text)
			if (a.Err() == nil) != (b.Err() == nil) {
				t.Errorf("1.%d: %s: ours %v, the API server's %v", minor, text, a.Err(), b.Err())
			}
		}
	}
	if _, err := base(0); err != nil {
		t.Error(err)
	}
}

// described lists the functions with their types, macros, libraries and validators of an environment.
func described(env *cel.Env) []string {
	var all []string
	for name, f := range env.Functions() {
		for _, o := range f.OverloadDecls() {
			all = append(all, fmt.Sprint("function ", name, " ", o.ID(), o.ArgTypes(), o.ResultType()))
		}
	}
	for _, m := range env.Macros() {
		all = append(all, "macro "+m.MacroKey())
	}
	for _, l := range env.Libraries() {
		all = append(all, "library "+l)
	}
	for _, v := range env.Validators() {
		all = append(all, "validator "+v.Name())
	}
	slices.Sort(all)
	return all
}

// An expression costs and is ended as the API server counts.
func TestCostsAreThoseOfTheAPIServer(t *testing.T) {
	theirs, err := environment.MustBaseEnvSet(version.MajorMinor(1, kube.Newest-1)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: []cel.EnvOption{cel.Variable("object", cel.DynType)}})
	if err != nil {
		t.Fatal(err)
	}
	env, err := New("", []Variable{{Name: "object"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	object := Of(parse(t, workload))
	for _, text := range []string{
		"has(object.metadata.labels)", "object.metadata.name == 'web'", "object.spec.containers.all(c, c.image.startsWith('a'))",
		"object.metadata.name.matches('^w.*b$')", "quantity('1Gi').isGreaterThan(quantity('1Mi'))", "object.spec.containers.map(c, c.name).join(',') == ''",
		runaway,
	} {
		x, issues := env.Compile(text)
		if issues != nil {
			t.Fatal(text, issues)
		}
		a := &Activation{}
		a.Set("object", object)
		ours := x.Eval(a)
		checked, found := theirs.NewExpressionsEnv().Compile(text)
		if found.Err() != nil {
			t.Fatal(found.Err())
		}
		program, err := theirs.NewExpressionsEnv().Program(checked)
		if err != nil {
			t.Fatal(err)
		}
		_, details, err := program.Eval(map[string]any{"object": object.Data})
		if (err == nil) != (ours.Err == nil) || err != nil && err.Error() != ours.Err.Error() {
			t.Errorf("%s: ours %v, the API server's %v", text, ours.Err, err)
		}
		if err == nil && *details.ActualCost() != a.Cost() && (x.bound.parts == 0 || *details.ActualCost() > a.Cost()) {
			t.Errorf("%s: ours costs %d, the API server's %d", text, a.Cost(), *details.ActualCost())
		}
	}
}

const runaway = "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, " +
	"[1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, a + b + c + d + e + f > 0))))))"

func TestARunawayExpressionEndsByItsCost(t *testing.T) {
	env, err := New("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	x, issues := env.Compile(runaway, cel.BoolType)
	if issues != nil {
		t.Fatal(issues)
	}
	if r := x.Eval(&Activation{}); r.Err == nil || !IsCost(r.Err) {
		t.Errorf("%+v", r)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]int{"": kube.Newest - 1, "1.33": 32, "v1.33.2": 32, "1.31+": 30, "1.30.5-gke.1": 29} {
		if got := compatible(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	for ver, good := range map[string]bool{"1.33": false, "1.34": true, "": true} {
		env, err := New(ver, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, issues := env.Compile("semver('1.2.3').major() == 1"); (issues == nil) != good {
			t.Errorf("%q: %v", ver, issues)
		}
	}
}

const workload = `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels:
    app: web
spec:
  hostNetwork: true
  replicas: 3
  containers:
  - name: a
    image: good.example/a:1
    securityContext:
      privileged: false
  - name: b
    image: bad.example/b:1
    ports:
    - containerPort: 80
    - containerPort: 81
    securityContext:
      privileged: true
  initContainers:
  - name: i
    image: worse.example/i:1
`

func parse(t *testing.T, text string) *lint.Node {
	t.Helper()
	src := lint.NewSource("a.yaml", []byte(text))
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 || len(docs) != 1 {
		t.Fatal(errs)
	}
	return lint.NewResources(docs[0], lint.FileLocator{Source: src})[0].Root
}

// The fields that decide: each construct with the path that a finding stands at.
func TestExplain(t *testing.T) {
	root := parse(t, workload)
	container := root.Get("spec", "containers").Items()[1]
	for _, c := range []struct{ text, want string }{
		{"container.securityContext.privileged == false", "spec.containers[name=b].securityContext.privileged"},
		{"!container.securityContext.privileged", "spec.containers[name=b].securityContext.privileged"},
		{"has(object.metadata.labels.team)", "metadata.labels.team?"},
		{"has(object.metadata.annotations.team)", "metadata.annotations?"},
		{"'team' in object.metadata.labels", "metadata.labels"},
		{"object.metadata.labels['team'] == 'x'", "metadata.labels.team?"},
		{"object.metadata.?labels.?team.hasValue()", "metadata.labels.team?"},
		{"object.metadata.?labels[?'team'].orValue('') != ''", "metadata.labels.team?"},
		{"object.spec.?replicas.orValue(1) < 3", "spec.replicas"},
		{"object.spec.containers.all(c, c.image.startsWith('good.example/'))", "spec.containers[name=b].image"},
		{"object.spec.containers.all(c, has(c.resources))", "spec.containers[name=a].resources?"},
		{"object.spec.containers.all(c, c.securityContext.privileged == false)", "spec.containers[name=b].securityContext.privileged"},
		{"object.spec.containers.all(c, !has(c.ports) || c.ports.all(p, p.containerPort != 81))", "spec.containers[name=b].ports[1].containerPort"},
		{"!object.spec.containers.exists(c, c.name == 'b')", "spec.containers[name=b].name"},
		{"object.spec.containers.exists(c, c.name == 'x')", "spec.containers"},
		{"object.spec.containers.exists_one(c, has(c.image))", "spec.containers"},
		{"object.spec.containers.filter(c, c.name == 'b').all(c, c.image == '')", "spec.containers[name=b].image"},
		{"object.spec.containers.filter(c, !c.image.startsWith('good')).size() == 0", "spec.containers[name=b].image"},
		{"object.spec.containers.map(c, c.image).all(i, i.startsWith('good'))", "spec.containers[name=b].image"},
		{"object.spec.containers.map(c, c.image.lowerAscii()).all(i, i.startsWith('good'))", "spec.containers[name=b].image"},
		{"(object.spec.initContainers + object.spec.containers).all(c, c.image != 'worse.example/i:1')", "spec.initContainers[name=i].image"},
		{"(object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])).all(c, !c.image.startsWith('worse'))", "spec.initContainers[name=i].image"},
		{"(object.spec.containers + object.spec.?ephemeralContainers.orValue([]) + object.spec.?initContainers.orValue([])).all(c, !c.image.startsWith('worse'))", "spec.initContainers[name=i].image"},
		{"['good.example/', 'ok.example/'].exists(r, container.image.startsWith(r))", "spec.containers[name=b].image"},
		{"object.spec.containers.all(c, ['good.example/'].exists(r, c.image.startsWith(r)))", "spec.containers[name=b].image"},
		{"object.spec.replicas > 1 && object.spec.hostNetwork == false", "spec.hostNetwork"},
		{"!has(object.spec.hostNetwork) || object.spec.hostNetwork == false", "spec.hostNetwork"},
		{"object.spec.hostNetwork == false || object.metadata.name == 'agent'", "spec.hostNetwork"},
		{"object.metadata.name in ['agent'] || object.spec.replicas > 5", "spec.replicas"},
		{"has(object.spec.runtimeClassName) || has(object.spec.nodeName)", "spec.runtimeClassName?"},
		{"object.spec.hostNetwork ? object.spec.replicas < 2 : true", "spec.replicas"},
		{"object.spec.hostNetwork ? false : true", "spec.hostNetwork"},
		{"has(object.spec.hostNetwork) == false", "spec.hostNetwork"},
		{"size(object.spec.containers) <= 1", "spec.containers"},
		{"object.spec.containers[1].image == ''", "spec.containers[name=b].image"},
		{"object.spec.containers[5].image == ''", "spec.containers.5?"},
		{"object.metadata.labels.all(k, k != 'app')", "metadata.labels.app"},
		{"object.metadata.labels.all(k, v, v != 'web')", "metadata.labels.app"},
		{"variables.images.all(i, i.startsWith('good'))", "spec.containers[name=b].image"},
		{"variables.replicas < 2", "spec.replicas"},
		{"variables.worse.size() == 0", "spec.containers[name=b].securityContext.privileged"},
		{"variables.ok", "spec.hostNetwork"},
		{"variables.none == 1", "spec.none?"},
		{"object.spec.hostNetwork.foo", "spec.hostNetwork.foo?"},
		{"1 == 2", ""},
		{"object == null", ""},
	} {
		env, err := New("", []Variable{{Name: "object"}, {Name: "container"}}, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range [][2]string{
			{"images", "object.spec.containers.map(c, c.image)"}, {"replicas", "object.spec.replicas"}, {"ok", "object.spec.hostNetwork == false"}, {"none", "object.spec.none"},
			{"worse", "object.spec.containers.filter(c, c.?securityContext.?privileged.orValue(false))"},
		} {
			if issues := env.Define(v[0], v[1]); issues != nil {
				t.Fatal(issues)
			}
		}
		x, issues := env.Compile(c.text)
		if issues != nil {
			t.Errorf("%s: %v", c.text, issues)
			continue
		}
		a := &Activation{}
		a.Set("object", Of(root))
		a.Set("container", Of(container))
		if r := x.Eval(a); r.IsTrue() {
			t.Errorf("%s is true", c.text)
		}
		got := ""
		if reads := x.Explain(a); len(reads) > 0 && reads[0].Node != root {
			if got = reads[0].Node.Path(); !reads[0].Node.Exists() {
				got += "?"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWhatIsNotKnownHasNoResult(t *testing.T) {
	env, err := New("", []Variable{{Name: "object"}, {Name: "oldObject"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if issues := env.Define("old", "oldObject.spec"); issues != nil {
		t.Fatal(issues)
	}
	root := parse(t, workload)
	for text, want := range map[string]string{
		"oldObject.spec == object.spec":                                      "unknown",
		"oldObject == null":                                                  "unknown",
		"variables.old == object.spec":                                       "unknown",
		"object.spec.replicas == 3":                                          "true",
		"object.spec.replicas == 3 || oldObject.spec.x == 1":                 "true",
		"oldObject.spec.x == 1 && object.spec.replicas == 4":                 "false",
		"object.metadata.namespace == 'x'":                                   "unknown",
		"object.metadata.name == 'web'":                                      "true",
		"has(object.metadata.namespace) && object.metadata.namespace == 'x'": "unknown",
	} {
		x, issues := env.Compile(text)
		if issues != nil {
			t.Fatal(text, issues)
		}
		a := &Activation{Unknown: []string{"oldObject", "object.metadata.namespace"}}
		a.Set("object", Of(root))
		r := x.Eval(a)
		got := fmt.Sprint(r.Value)
		if r.Unknown {
			got = "unknown"
		}
		if got != want || r.Err != nil {
			t.Errorf("%s: %s %v, want %s", text, got, r.Err, want)
		}
	}
}

func TestIssuesSayWhere(t *testing.T) {
	env, err := New("", []Variable{{Name: "object"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"object.spec.":                "1:13",
		"object.spec ==\n  foo":       "2:3",
		"object.spec.replicas + 'a' ": "",
		"1 + 'a' == 2":                "1:3",
		"'a'":                         "1:1",
		"variables.missing":           "1:10",
	} {
		_, issues := env.Compile(text, cel.BoolType)
		got := ""
		if len(issues) > 0 {
			got = fmt.Sprintf("%d:%d", issues[0].Line, issues[0].Column)
		}
		if text == "object.spec.replicas + 'a' " {
			want = "1:1" // gives no bool
		}
		if got != want {
			t.Errorf("%q: %v, want %s", text, issues, want)
		}
	}
}

func TestReads(t *testing.T) {
	env, err := New("", []Variable{{Name: "object"}, {Name: "container"}, {Name: "params"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	env.Define("p", "params.x")
	for text, want := range map[string][]string{
		"object.spec.containers.all(container, has(container.image))": {"object", "object.spec"},
		"container.image == variables.p":                              {"container", "container.image", "params", "params.x", "variables", "variables.p"},
	} {
		x, issues := env.Compile(text)
		if issues != nil {
			t.Fatal(issues)
		}
		if x.ReadsAlone("object", "spec") != true || x.ReadsAlone("container", "name") == strings.Contains(text, "container.image ==") {
			t.Errorf("%s: reads %q", text, slices.Sorted(maps.Keys(x.reads)))
		}
		if got := slices.Sorted(maps.Keys(x.reads)); !slices.Equal(got, want) {
			t.Errorf("%s: %q", text, got)
		}
	}
}

package vap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/cel-go/cel"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	servercel "k8s.io/apiserver/pkg/admission/plugin/cel"
	apicel "k8s.io/apiserver/pkg/apis/cel"
	decl "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/linttest"
)

// The types of request and namespaceObject are those of the API server.
func TestTypesAreThoseOfTheAPIServer(t *testing.T) {
	for _, pair := range [][2]*decl.DeclType{{requestType(), servercel.BuildRequestType()}, {namespaceType(), servercel.BuildNamespaceType()}} {
		if ours, theirs := described("", pair[0]), described("", pair[1]); !slices.Equal(ours, theirs) {
			t.Errorf("ours\n%q\nthe API server's\n%q", ours, theirs)
		}
	}
}

func described(path string, d *decl.DeclType) []string {
	all := []string{path + " " + d.TypeName() + " " + d.CelType().String()}
	for _, name := range slices.Sorted(maps.Keys(d.Fields)) {
		f := d.Fields[name]
		all = append(all, described(fmt.Sprintf("%s.%s(%v)", path, name, f.Required), f.Type)...)
	}
	if d.ElemType != nil {
		all = append(all, described(path+"[]", d.ElemType)...)
	}
	return all
}

// A named expression is what the API server compiles.
type named struct{ name, text string }

func (n named) GetName() string          { return n.name }
func (n named) GetExpression() string    { return n.text }
func (n named) ReturnTypes() []*cel.Type { return []*cel.Type{cel.AnyType} }

// Expressions compile, and give values and errors, as in the API server's own compiler and
// evaluator of admission policies.
func TestVerdictsAreThoseOfTheAPIServer(t *testing.T) {
	const text = `apiVersion: example.com/v1
kind: Thing
metadata:
  name: web
  namespace: shop
  labels: {app: web, empty: ""}
  annotations:
spec:
  replicas: 3
  ratio: 0.5
  memory: 1Gi
  big: 1e+06
  quoted: "3"
  on: on
  nothing:
  list: [1, 2, 3]
  items:
  - {name: a, image: "registry.example/a:1"}
  - {name: b, image: "b", args: ["--x"]}
`
	b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte(text)))
	r := b.Resources[0]
	data := expression.Data(r.Root).(map[string]any)
	object := &unstructured.Unstructured{Object: data}
	gvk, gvr := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"}, schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "things"}
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(object, nil, gvk, "shop", "web", gvr, "", admission.Create, nil, false, nil), VersionedKind: gvk,
	}
	attributes.VersionedObject = admission.NewLazyObject(object)
	request := servercel.CreateAdmissionRequest(attributes.Attributes, metav1.GroupVersionResource(gvr), metav1.GroupVersionKind(gvk))
	variables := []named{{"items", "object.spec.items"}, {"names", "variables.items.map(i, i.name)"}, {"count", "size(variables.names)"}, {"broken", "object.spec.missing"}}
	for _, minor := range []uint{28, 30, 32, 34, kube.Newest - 1} {
		env, err := expression.New(fmt.Sprintf("1.%d", minor+1), (&compiler{}).variables(), true)
		if err != nil {
			t.Fatal(err)
		}
		compositor, err := servercel.NewCompositedCompiler(environment.MustBaseEnvSet(version.MajorMinor(1, minor)))
		if err != nil {
			t.Fatal(err)
		}
		options := servercel.OptionalVariableDeclarations{HasAuthorizer: true}
		for _, v := range variables {
			env.Define(v.name, v.text)
			compositor.CompileAndStoreVariable(v, options, environment.NewExpressions)
		}
		for _, text := range []string{
			"object.spec.replicas == 3", "object.spec.replicas > 2.5", "object.spec.ratio < 1", "object.spec.big == 1000000", "object.spec.quoted == '3'", "object.spec.on",
			"has(object.spec.nothing)", "has(object.metadata.annotations)", "has(object.metadata.labels.empty)", "object.metadata.annotations.x == ''",
			"object.spec.items.all(i, i.image.startsWith('registry.example/'))", "object.spec.items.exists_one(i, has(i.args))",
			"variables.names == ['a', 'b']", "variables.count > 1", "variables.count > 'a'", "variables.broken == 1", "variables.nosuch", "variables.names.join(',')",
			"quantity(object.spec.memory).isGreaterThan(quantity('512Mi'))", "object.spec.list.sum() == 6", "object.spec.list[3] == 1", "object.spec.replicas == 'a'",
			"request.operation == 'CREATE'", "request.kind.kind", "request.namespace + '/' + request.name", "request.nosuch", "request.dryRun", "request.subResource == ''",
			"namespaceObject.metadata.labels['tier'] == 'gold'", "namespaceObject.metadata.nosuch", "oldObject == null",
			"object.metadata.?labels.?team.orValue('none')", "object.spec.items.map(i, i.name).sort()", "semver('1.2.3').major() == 1", "ip('10.0.0.1').family() == 4",
			"format.named('dns1123Label').hasValue()", "object.spec.list.transformList(i, v, v + i)", "object.spec.items[0].image.find('[0-9]+$')", "object.metadata.name.matches('(')",
			"1 / (object.spec.replicas - 3)", "[1, 'a'] == []", "authorizer.group('').resource('pods').check('get').allowed() || true", "params", "timestamp('2024-01-01T00:00:00Z').getFullYear()",
			"object.spec.items.filter(i, i.image == object.spec.items[1].image)[0].name", "url('https://a/b').getHost()", "[[1], [2]].flatten()", "sets.contains(object.spec.list, [1])",
		} {
			ours, issues := env.Compile(text)
			theirs := compositor.CompileCELExpression(named{"x", text}, options, environment.NewExpressions)
			if (issues == nil) != (theirs.Error == nil) {
				t.Errorf("1.%d: %s: ours %v, the API server's %v", minor, text, issues, theirs.Error)
				continue
			}
			if issues != nil {
				continue
			}
			if ours.Output.String() != theirs.OutputType.String() {
				t.Errorf("1.%d: %s: ours gives %s, the API server's %s", minor, text, ours.Output, theirs.OutputType)
			}
			m := match{bundle: b, object: r, operation: "CREATE"}
			a := m.activation(nil)
			a.Unknown = nil
			a.Set("oldObject", expression.Value{})
			namespace := &corev1.Namespace{}
			namespace.Name, namespace.Labels = "shop", map[string]string{"tier": "gold"}
			a.Set("namespaceObject", expression.Value{Data: map[string]any{"metadata": map[string]any{"name": "shop", "labels": map[string]any{"tier": "gold"}}}})
			got := ours.Eval(a)
			results, _, err := compositor.CompileCondition([]servercel.ExpressionAccessor{named{"x", text}}, options, environment.NewExpressions).
				ForInput(context.Background(), attributes, request, servercel.OptionalVariableBindings{}, namespace, apicel.RuntimeCELCostBudget)
			if err != nil {
				t.Fatal(err)
			}
			want := results[0]
			if (got.Err == nil) != (want.Error == nil) || got.Err == nil && fmt.Sprint(got.Value.Value()) != fmt.Sprint(want.EvalResult.Value()) {
				t.Errorf("1.%d: %s: ours %v %v, the API server's %v %v", minor, text, got.Value, got.Err, want.EvalResult, want.Error)
			}
		}
	}
}

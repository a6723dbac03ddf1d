package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func podBundle(t testing.TB, text string) *Bundle {
	t.Helper()
	src := NewSource("pods.yaml", []byte(text))
	docs, errs := ParseYAML(src)
	for _, e := range errs {
		t.Fatal(e)
	}
	var resources []*Resource
	for _, doc := range docs {
		resources = append(resources, NewResources(doc, FileLocator{Source: src})...)
	}
	return NewBundle(Rendering{}, "", resources)
}

// describe prints each pod as its path and its containers, a partial one with a tilde.
func describe(b *Bundle) string {
	var out []string
	for _, p := range b.PodSpecs() {
		line := p.Node.Path() + ":"
		for _, c := range p.Containers() {
			tilde := ""
			if c.Partial {
				tilde = "~"
			}
			line += fmt.Sprintf(" %s%s", tilde, c)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestPodsOfCustomKindsAreFound(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"rollout": {`
apiVersion: argoproj.io/v1alpha1
kind: Rollout
spec: {template: {spec: {initContainers: [{name: i, restartPolicy: Always}], containers: [{name: a, image: i}]}}}`,
			`spec.template.spec: sidecar container "i" container "a"`},
		"workflow": {`
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  templates:
    - {name: main, steps: [[{name: s, template: build}]]}
    - {name: build, container: {image: i}, sidecars: [{name: db, image: i}]}
    - {name: say, script: {image: i, source: echo}}
    - {name: set, containerSet: {containers: [{name: x, image: i}]}}`,
			"spec.templates[name=build]: container \"build\" sidecar container \"db\"\n" +
				"spec.templates[name=say]: container \"say\"\nspec.templates[name=set]: container \"x\""},
		"cron workflow": {`
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
spec: {workflowSpec: {templates: [{name: t, container: {image: i}}]}}`,
			`spec.workflowSpec.templates[name=t]: container "t"`},
		"tekton task": {`
apiVersion: tekton.dev/v1
kind: Task
spec: {stepTemplate: {securityContext: {runAsNonRoot: true}}, steps: [{image: a}, {name: b, ref: {name: c}}]}`,
			`spec: step 1 ~step "b"`},
		"knative": {`
apiVersion: serving.knative.dev/v1
kind: Service
spec: {template: {spec: {containers: [{image: i}]}}}`, `spec.template.spec: container 1`},
		"prometheus": {`
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
spec: {replicas: 2, containers: [{name: prometheus}, {name: proxy, image: i}]}`,
			`spec: ~container "prometheus" container "proxy"`},
		"strimzi": {`
apiVersion: kafka.strimzi.io/v1beta2
kind: Kafka
spec: {kafka: {template: {kafkaContainer: {securityContext: {privileged: true}}}}, zookeeper: {replicas: 1}}`,
			`spec.kafka.template.pod: ~container "kafkaContainer"`},
		"spark": {`
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
spec: {driver: {cores: 1}, executor: {sidecars: [{name: s, image: i}]}}`,
			"spec.driver: ~container \"driver\"\nspec.executor: ~container \"executor\" sidecar container \"s\""},
		"kubeflow": {`
apiVersion: kubeflow.org/v1
kind: PyTorchJob
spec: {pytorchReplicaSpecs: {Master: {template: {spec: {containers: [{name: pytorch, image: i}]}}}}}`,
			`spec.pytorchReplicaSpecs.Master.template.spec: container "pytorch"`},
		"unknown kind by its shape": {`
apiVersion: example.com/v1
kind: Thing
spec: {workers: [{podTemplate: {metadata: {labels: {a: b}}, spec: {containers: [{name: w, image: i}]}}}]}`,
			`spec.workers[0].podTemplate.spec: container "w"`},
		"unknown kind that an operator completes": {`
apiVersion: example.com/v1
kind: Thing
spec: {podTemplate: {spec: {containers: [{name: w, securityContext: {privileged: true}}, {name: x, image: i}]}}}`,
			`spec.podTemplate.spec: ~container "w" container "x"`},
		"kserve": {`
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
spec: {predictor: {model: {modelFormat: {name: onnx}}}, transformer: {containers: [{image: i}]}}`,
			"spec.predictor: ~container \"kserve-container\"\nspec.transformer: container 1"},
		"object inside another": {`
apiVersion: work.open-cluster-management.io/v1
kind: ManifestWork
spec: {workload: {manifests: [{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: w}, spec: {templates: [{name: t, container: {image: i}}]}}]}}`,
			`spec.workload.manifests[0].spec.templates[name=t]: container "t"`},
		"a list that only looks like it": {`
apiVersion: example.com/v1
kind: Thing
spec: {scan: {containers: [{name: a, image: i}]}, template: {containers: [{name: a}]}}`, ``},
		"patch": {`
apiVersion: example.com/v1
kind: Thing
spec: {patches: [{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: [{name: a, image: i}]}}}}]}`, ``},
		"values of a release": {`
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
spec: {values: {podTemplate: {spec: {containers: [{name: a, image: i}]}}}}`, ``},
		"status": {`
apiVersion: example.com/v1
kind: Thing
status: {template: {spec: {containers: [{name: a, image: i}]}}}`, ``},
		"schema": {`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec: {versions: [{schema: {openAPIV3Schema: {example: {spec: {template: {spec: {containers: [{name: a, image: i}]}}}}}}}]}`, ``},
		"policy pattern": {`
apiVersion: kyverno.io/v1
kind: ClusterPolicy
spec: {rules: [{validate: {pattern: {spec: {containers: [{name: "*", image: "*:*"}]}}}}]}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			if got := describe(podBundle(t, c.text)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestEveryFormFindsItsPod builds, for each entry of the table, an object with
// one container where the entry says.
func TestEveryFormFindsItsPod(t *testing.T) {
	var put func(tree map[string]any, path string, value any)
	put = func(tree map[string]any, path string, value any) {
		head, rest, more := strings.Cut(path, ".")
		field, list := strings.CutSuffix(head, "[]")
		child := map[string]any{}
		if kept, ok := tree[field].(map[string]any); ok {
			child = kept
		}
		var whole any = child
		if list {
			whole = []any{child}
		}
		switch {
		case more:
			put(child, rest, value)
		case value != nil:
			for k, v := range value.(map[string]any) {
				child[k] = v
			}
		}
		tree[field] = whole
	}
	for kind, forms := range podForms {
		group, name, _ := strings.Cut(kind, "/")
		for _, form := range forms {
			lists := form.containers
			if lists == nil {
				lists = usualLists
			}
			for _, list := range lists {
				at, inner := form.at, list.path
				if above, ok := strings.CutPrefix(inner, "^"); ok {
					inner = above
				} else if form.spec != "." {
					spec := form.spec
					if spec == "" {
						spec = "spec"
					}
					at += "." + spec
				}
				path := strings.Trim(strings.ReplaceAll(at+"."+inner, "*", "worker"), ".")
				tree := map[string]any{}
				put(tree, path, map[string]any{"image": "i"})
				text, err := json.Marshal(tree)
				if err != nil {
					t.Fatal(err)
				}
				head := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"n"},`, strings.TrimPrefix(group+"/v1", "/"), name)
				b := podBundle(t, head+string(text[1:]))
				found := 0
				for _, p := range b.PodSpecs() {
					for _, c := range p.Containers() {
						if c.Node.Get("image").IsScalar() && c.Kind == list.kind {
							found++
						}
					}
				}
				if found != 1 {
					t.Errorf("%s: %d containers at %s", kind, found, path)
				}
			}
		}
	}
}

func TestDefaultsHoldWhereAPodLacksAField(t *testing.T) {
	b := podBundle(t, `
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  securityContext: {runAsNonRoot: true}
  templates:
    - {name: a, container: {image: i}}
    - {name: b, securityContext: {runAsNonRoot: false}, container: {image: i}}
---
apiVersion: tekton.dev/v1
kind: TaskRun
spec:
  podTemplate: {hostNetwork: true}
  taskSpec: {stepTemplate: {securityContext: {privileged: true}}, steps: [{image: i}]}
`)
	pods := b.PodSpecs()
	if len(pods) != 3 {
		t.Fatalf("%d pods", len(pods))
	}
	if got := pods[0].Get("securityContext", "runAsNonRoot"); !got.IsTrue() || got.Path() != "spec.securityContext.runAsNonRoot" {
		t.Errorf("inherited: %s", got.Path())
	}
	if !pods[1].Get("securityContext", "runAsNonRoot").IsFalse() {
		t.Error("the template's own value does not win")
	}
	if !pods[2].Get("hostNetwork").IsTrue() || !pods[2].Containers()[0].Get("securityContext", "privileged").IsTrue() {
		t.Error("podTemplate or stepTemplate does not count")
	}
	if got := ContainerOf(pods[2].Containers()[0].Node.Get("image")); got != "spec.taskSpec.steps[0]" {
		t.Errorf("ContainerOf is %q", got)
	}
}

func TestAddPodsFindsConfiguredPaths(t *testing.T) {
	b := podBundle(t, `
apiVersion: example.com/v1
kind: Thing
spec: {server: {pods: {containers: [{name: a}]}}, agents: [{spec: {containers: [{name: b}]}}]}`)
	path := PodPath{Kind: "example.com/Thing", Path: "spec.server.pods"}
	b.AddPods(path, path, PodPath{Kind: "Thing", Path: "spec.agents[]"}, PodPath{Kind: "other.io/Thing", Path: "spec"})
	if got, want := describe(b), "spec.server.pods: container \"a\"\nspec.agents[0].spec: container \"b\""; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Many containers are found by an index, as few are without one.
func TestHoldersOfManyContainers(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes: [{name: v}]\n  containers:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  - {name: c%d, image: i, env: [{name: a, value: b}]}\n", i)
	}
	docs, _ := ParseYAML(NewSource("x.yaml", []byte(text.String())))
	all := NewResources(docs[0], nil)
	b := NewBundle(Rendering{}, "", all)
	r := b.Resources[0]
	if r.holders == nil {
		t.Fatal("no index")
	}
	check := func() (said []string) {
		r.Root.Walk(func(n *Node) bool {
			for _, n := range []*Node{n, n.Get("missing", "field")} {
				said = append(said, n.Path()+" "+ContainerOf(n)+" "+ContainerNameOf(n))
			}
			return true
		})
		return said
	}
	indexed := check()
	r.holders = nil
	if plain := check(); !slices.Equal(indexed, plain) || len(plain) < 500 || !slices.Contains(plain, "spec.containers[name=c7].env[name=a] spec.containers[name=c7] c7") {
		t.Errorf("with an index\n%s\nwithout\n%s", strings.Join(indexed, "\n"), strings.Join(plain, "\n"))
	}
}

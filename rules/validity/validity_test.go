package validity

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/linttest"
)

func find(t *testing.T, rule *lint.Rule, kubeVersion, text string) []string {
	t.Helper()
	b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte(text)))
	b.KubeVersion = kubeVersion
	report := linttest.Check([]*lint.Bundle{b}, rule)
	var all []string
	for _, f := range report.Findings {
		all = append(all, f.Severity.String()+": "+f.Message)
	}
	return all
}

func TestTheNewestVersionIsThatOfTheTypes(t *testing.T) {
	gomod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`k8s\.io/api v0\.(\d+)\.`).FindSubmatch(gomod)
	if m == nil {
		t.Fatal("go.mod requires no k8s.io/api")
	}
	if want, _ := strconv.Atoi(string(m[1])); builtin().newest != want || kube.Newest != want {
		t.Errorf("newest is 1.%d, and 1.%d in package kube; the types are of 1.%d", builtin().newest, kube.Newest, want)
	}
}

func TestDeprecationFollowsTheTargetVersion(t *testing.T) {
	const text = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"
	for version, want := range map[string]string{
		"1.20": "", "1.21": "low: ", "v1.24.3": "low: ", "1.25": "medium: ", "1.30+": "medium: ", "": "medium: ", "nonsense": "medium: ",
	} {
		got := strings.Join(find(t, DeprecatedAPI, version, text), "\n")
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("for %q: %q, want %q", version, got, want)
		}
	}
}

func TestVersionsThatTheTypesLackAreNotJudgedForOldClusters(t *testing.T) {
	const text = "apiVersion: batch/v3\nkind: CronJob\nmetadata: {name: a}\n"
	if got := find(t, DeprecatedAPI, "1.18", text); len(got) > 0 {
		t.Errorf("for 1.18: %q", got)
	}
}

func TestVersionsWhoseTypesAreLostFollowTheTargetVersionToo(t *testing.T) {
	for text, versions := range map[string]map[string]string{
		"apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n":    {"1.22": "", "1.23": "low: ", "1.26": "medium: ", "": "medium: "},
		"apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: a}\n":               {"1.20": "", "1.24": "low: ", "v1.25.3": "medium: ", "": "medium: "},
		"apiVersion: apiregistration.k8s.io/v1beta1\nkind: APIService\nmetadata: {name: v1.a.b}\n": {"1.18": "", "1.21": "low: ", "1.22": "medium: "},
		"apiVersion: settings.k8s.io/v1alpha1\nkind: PodPreset\nmetadata: {name: a}\n":             {"1.19": "", "1.20": "medium: "},
		"apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.a.b}\n":      {"1.32": ""},
	} {
		for version, want := range versions {
			got := strings.Join(find(t, DeprecatedAPI, version, text), "\n")
			if want == "" && got != "" || !strings.HasPrefix(got, want) {
				t.Errorf("%s for %q: %q, want %q", text, version, got, want)
			}
		}
	}
}

func TestTheValueOfASecretIsNotNamed(t *testing.T) {
	got := find(t, Schema, "", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {pin: 8675309}\n")
	if len(got) != 1 || strings.Contains(got[0], "8675309") {
		t.Errorf("%q", got)
	}
}

func TestRequiredMetadataOfTheConfiguration(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {owner: web}}\n"))
	params := map[string]any{"labels": []string{"owner", "team"}, "annotations": []string{"contact"}, "kinds": []string{"*"}}
	report := linttest.Lint(t, RequiredMetadata, params, src)
	if len(report.Findings) != 2 {
		t.Fatalf("%d findings, want those of team and contact", len(report.Findings))
	}
}

func FuzzSchemaAndDeprecationsTakeAnything(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: Pod\nspec: {containers: [1, {a: b}], volumes: x}",
		"apiVersion: apps/v1\nkind: Deployment\nspec: [a]\nmetadata: 1",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {group: g, names: {kind: K}, versions: [{name: v, schema: {openAPIV3Schema: {type: object, properties: {x: 1}, required: {a: b}}}}]}\n---\napiVersion: g/v\nkind: K\nx: {y: z}",
		"apiVersion: /\nkind: Pod", "apiVersion: batch/v1beta1\nkind: [a]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := lint.NewSource("a.yaml", []byte(text))
		docs, _ := lint.ParseYAML(src)
		var all []*lint.Resource
		for _, d := range docs {
			all = append(all, lint.NewResources(d, lint.FileLocator{Source: src})...)
		}
		b := lint.NewBundle(lint.Rendering{}, "", all)
		for _, e := range linttest.Check([]*lint.Bundle{b}, Rules...).Errors {
			t.Error(e.Message)
		}
	})
}

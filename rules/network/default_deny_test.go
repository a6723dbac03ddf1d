package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// onePod is a namespace with a pod that policies are written for.
const onePod = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: blue}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec:
  serviceAccountName: web
  containers: [{name: web, image: registry.example/web:1}]
---
`

// Anyone who writes the policies that help holds into a file has closed the gap.
func TestTheReadyPolicyClosesTheGap(t *testing.T) {
	two := onePod + strings.ReplaceAll(strings.ReplaceAll(onePod[strings.Index(onePod, "---")+4:], "web", "worker"), "app: worker", "app: job")
	for name, text := range map[string]string{
		"nothing":                two,
		"ingress of both":        two + np(`{podSelector: {}}`),
		"egress of one":          two + np(`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}`),
		"no namespace":           strings.ReplaceAll(two, ", namespace: shop", ""),
		"both, of one each":      two + np(`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}`) + np(`{podSelector: {matchLabels: {app: job}}}`),
		"one is on the host net": strings.Replace(two, "serviceAccountName: web", "hostNetwork: true", 1),
		"names that are taken":   two + strings.ReplaceAll(np(`{podSelector: {}}`), "name: p,", "name: default-deny-egress,") + strings.ReplaceAll(np(`{podSelector: {}}`), "name: p,", "name: allow-dns,"),
	} {
		if len(findingsOf(t, text)) == 0 {
			t.Errorf("%s: no gap to close", name)
		}
		for range 2 { // one finding a direction at the most
			findings := findingsOf(t, text)
			if len(findings) == 0 {
				break
			}
			_, policy, _ := strings.Cut(findings[0].Help, "\n")
			text = applied(t, text, policy)
		}
		if left := findingsOf(t, text); len(left) > 0 {
			t.Errorf("%s: %s\n%s", name, left[0].Message, text)
		}
	}
}

// applied adds objects to those of a cluster, as kubectl does: instead of one of
// the same name.
func applied(t *testing.T, cluster, objects string) string {
	t.Helper()
	name := func(text string) string {
		var o struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
		}
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		return o.Kind + " " + o.Metadata.Namespace + "/" + o.Metadata.Name
	}
	all := strings.Split(strings.TrimSuffix(strings.TrimPrefix(cluster, "\n"), "---\n"), "---\n")
	for _, o := range strings.Split(objects+"\n", "---\n") {
		all = append(slices.DeleteFunc(all, func(old string) bool { return name(old) == name(o) }), o)
	}
	return strings.Join(all, "---\n") + "---\n"
}

func findingsOf(t *testing.T, text string) []*lint.Finding {
	t.Helper()
	b := linttest.Bundle(t, lint.NewSource("test.yaml", []byte(text)))
	return linttest.Check([]*lint.Bundle{b}, NamespaceDefaultDeny, PodWithoutNetworkPolicy).Findings
}

// Where a default-deny policy leaves one direction alone, a word in it is enough; pods
// on the host's network are said to be outside.
func TestHelpKnowsThePolicyThatIsThere(t *testing.T) {
	text := onePod + np(`{podSelector: {}}`) + strings.NewReplacer("serviceAccountName: web", "hostNetwork: true", "name: web", "name: agent").Replace(onePod[strings.Index(onePod, "---")+4:])
	f := findingsOf(t, text)[0]
	if !strings.HasPrefix(f.Help, `add Egress to the policyTypes of NetworkPolicy "p", or add a default-deny policy`) || !strings.Contains(f.Help, "name: default-deny-egress\n") {
		t.Errorf("help: %s", f.Help)
	}
	var related []string
	for _, r := range f.Related {
		related = append(related, r.Role+": "+r.Message)
	}
	want := []string{`policy: NetworkPolicy "p" denies the other direction`, `workload: Pod "agent" is on the host's network, outside every policy`}
	if !slices.Equal(related, want) {
		t.Errorf("related: %q", related)
	}
}

// The policies of BenchmarkRules, by kind, the i-th of 500 each.
var manyPolicies = map[string]func(i int) string{
	"NetworkPolicy": func(i int) string {
		if i%5 == 4 { // allows all, to all pods of the namespace
			return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p%d, namespace: n%d}\nspec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]\n  ingress: [{}]\n  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]\n---\n", i, i/5%10)
		}
		return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p%d, namespace: n%d}\nspec:\n  podSelector: {matchLabels: {app: a%d}, matchExpressions: [{key: tier, operator: Exists}]}\n  ingress: [{from: [{podSelector: {matchLabels: {app: a%d}}}], ports: [{port: 80}]}]\n---\n", i, i%10, i%200, i%150)
	},
	"Calico": func(i int) string {
		return object("projectcalico.org/v3", "GlobalNetworkPolicy", fmt.Sprintf("{name: p%d}", i),
			fmt.Sprintf(`{order: %d, selector: "app == 'a%d' && tier in {'t1', 't2'}", ingress: [{action: Allow, protocol: TCP, source: {selector: "app == 'b'"}, destination: {ports: [80]}}]}`, i, i%200))
	},
	"Cilium": func(i int) string { // each selects every pod
		return object("cilium.io/v2", "CiliumClusterwideNetworkPolicy", fmt.Sprintf("{name: p%d}", i),
			fmt.Sprintf(`{endpointSelector: {}, egress: [{toEntities: [world], toPorts: [{ports: [{port: "%d", protocol: TCP}]}]}]}`, 2*i+1))
	},
	"Admin": func(i int) string { // each selects every pod
		return object("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", fmt.Sprintf("{name: p%d}", i),
			fmt.Sprintf(`{priority: %d, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}], ports: [{portNumber: {protocol: TCP, port: %d}}]}]}`, i, 2*i+1))
	},
}

// BenchmarkRules measures all rules of the package over 2,000 pods in ten namespaces
// and 500 policies, and gives the cost as a ratio to that of parsing them.
func BenchmarkRules(b *testing.B) {
	var pods strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&pods, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p%d\n  namespace: n%d\n  labels: {app: a%d, tier: t%d}\nspec:\n  containers:\n    - name: c\n      image: registry.example/c:1\n      ports: [{containerPort: 8080}]\n---\n", i, i%10, i/10, i%7)
	}
	for _, kind := range slices.Sorted(maps.Keys(manyPolicies)) {
		b.Run(kind, func(b *testing.B) {
			text := pods.String()
			for i := range 500 {
				text += manyPolicies[kind](i)
			}
			src := lint.NewSource("many.yaml", []byte(text))
			var parsing, running time.Duration
			for b.Loop() {
				start := time.Now()
				bundle := linttest.Bundle(b, src)
				parsing += time.Since(start)
				start = time.Now()
				for _, rule := range Rules {
					rule.Run(&lint.Pass{Rule: rule, Bundle: bundle})
				}
				running += time.Since(start)
			}
			b.ReportMetric(running.Seconds()/parsing.Seconds(), "rules/parsing")
			b.ReportMetric(float64(running.Milliseconds())/float64(b.N), "ms-rules/op")
		})
	}
}

func object(apiVersion, kind, meta, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: %s\nspec: %s\n---\n", apiVersion, kind, meta, spec)
}

func np(spec string) string {
	return object("networking.k8s.io/v1", "NetworkPolicy", "{name: p, namespace: shop}", spec)
}

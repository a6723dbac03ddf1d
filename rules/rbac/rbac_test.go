package rbac

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/linttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func parse(t testing.TB, text string) *lint.Bundle {
	t.Helper()
	return linttest.Bundle(t, lint.NewSource("rbac.yaml", []byte(text)))
}

// run lints with every rule of the package, opt-in ones too.
func run(t testing.TB, b *lint.Bundle) *lint.Report {
	t.Helper()
	return linttest.Check([]*lint.Bundle{b}, Rules...)
}

func lines(report *lint.Report) []string {
	var all []string
	for _, f := range report.Findings {
		if f.Rule == ServiceAccountAutomount {
			continue // of every account here, and about nothing that is granted
		}
		all = append(all, fmt.Sprintf("%d %s %s", f.Span.Start.Line, f.Severity, f.Rule.ID))
	}
	return all
}

const wildcardRole = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ops}
rules:
  - apiGroups: ["*"]
    resources: ["*"]
    verbs: ["*"]
  - nonResourceURLs: ["*"]
    verbs: ["*"]
---
`

func TestOneRootCauseIsOneFinding(t *testing.T) {
	const workload = `apiVersion: v1
kind: Pod
metadata: {name: ops, namespace: shop}
spec:
  serviceAccountName: ops
  containers: [{name: ops, image: registry.example/ops:1}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: ops, namespace: shop}
---
`
	binding := func(role string) string {
		return `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + role + `}
subjects: [{kind: ServiceAccount, name: ops, namespace: shop}]
---
`
	}
	role := func(rule string) string {
		return "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: ops}\nrules:\n  - " + rule + "\n---\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"an unbound wildcard":                       {wildcardRole, "6 critical rbac-wildcard-all"},
		"a wildcard that a pod holds":               {wildcardRole + binding("ops") + workload, "6 critical rbac-effective"},
		"cluster-admin":                             {binding("cluster-admin") + "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ops, namespace: shop}\n", "4 critical rbac-cluster-admin-binding"},
		"cluster-admin that a pod holds":            {binding("cluster-admin") + workload, "4 critical rbac-effective"},
		"every verb on Secrets":                     {role(`{apiGroups: [""], resources: [secrets], verbs: ["*"]}`), "5 high rbac-wildcard-verb"},
		"every verb on all core resources":          {role(`{apiGroups: [""], resources: ["*"], verbs: ["*"]}`), "5 critical rbac-wildcard-all"},
		"both wildcards on own kinds":               {role(`{apiGroups: [shop.example], resources: ["*"], verbs: ["*"]}`), "5 low rbac-wildcard-resource"},
		"reading everything":                        {role(`{apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}`), "5 high rbac-wildcard-resource"},
		"Secrets that a pod reads":                  {role(`{apiGroups: [""], resources: [secrets], verbs: [get]}`) + binding("ops") + workload, "5 critical rbac-effective"},
		"a second item of the rule":                 {role(`{apiGroups: [""], resources: [secrets, persistentvolumes], verbs: [get, create]}`) + binding("ops") + workload, "5 critical rbac-effective\n5 medium rbac-pv-create"},
		"bindings with bind":                        {role(`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles, rolebindings], verbs: [create, update, bind]}`), "5 critical rbac-bind"},
		"a named ConfigMap":                         {role(`{apiGroups: [""], resources: [configmaps], resourceNames: [coredns], verbs: [update]}`), "5 high rbac-coredns"},
		"cluster-admin for everyone who logs in":    {strings.Replace(binding("cluster-admin"), "{kind: ServiceAccount, name: ops, namespace: shop}", `{kind: Group, name: "system:authenticated"}`, 1), "5 critical rbac-authenticated"},
		"a pod of the default account, and a token": {strings.Replace(workload, "  serviceAccountName: ops\n", "", 1), "4 medium automount-token"},
	} {
		report := run(t, parse(t, c.text))
		if got := strings.Join(lines(report), "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestAWildcardExplainsWhatFollows(t *testing.T) {
	report := run(t, parse(t, wildcardRole))
	for _, p := range access.Powers {
		if p != access.Everything && p != access.MapIdentities && p != access.CreateTokenSecrets && !strings.Contains(report.Findings[0].Help, "\n- "+p.Can) {
			t.Errorf("the help does not say that it can %s", p.Can)
		}
	}
}

func TestEachHopIsARelatedPlace(t *testing.T) {
	data, err := os.ReadFile("testdata/audit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range run(t, parse(t, string(data))).Findings {
		if f.Rule != Effective {
			continue
		}
		got = append(got, fmt.Sprint("finding ", f.Span.Start.Line))
		for _, r := range f.Related {
			got = append(got, fmt.Sprint(r.Role, " ", r.Span.Start.Line))
		}
	}
	if want := []string{"finding 16", "workload 7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// helperLocator places every value that begins with "made-" in a file of helpers.
type helperLocator struct {
	lint.FileLocator
	helpers *lint.Source
}

func (l helperLocator) Locate(n *lint.Node) lint.Place {
	if strings.HasPrefix(n.YAML().Value, "made-") {
		return lint.Place{Span: l.helpers.LineSpan(1)}
	}
	return l.FileLocator.Locate(n)
}

func TestNamesThatHelpersMakeStandAtTheirKeys(t *testing.T) {
	src := lint.NewSource("pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata:\n  name: made-web\nspec:\n  serviceAccountName: made-up\n  volumes:\n  - made-it\n  dnsPolicy: Default\n"))
	docs, errs := lint.ParseYAML(src)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	pod := lint.NewResources(docs[0], helperLocator{lint.FileLocator{Source: src}, lint.NewSource("helpers", []byte("made"))})[0]
	for _, c := range []struct {
		node *lint.Node
		line int
	}{
		{pod.Get("metadata", "name"), 4},
		{pod.Get("spec", "serviceAccountName"), 6},
		{pod.Get("spec", "volumes").Items()[0], 7},
		{pod.Get("spec", "dnsPolicy"), 9},
	} {
		if at := stand(c.node).Locate().Span.Start; at.Line != c.line || at.Source != src {
			t.Errorf("%s stands at %s, want line %d", c.node.Path(), at, c.line)
		}
	}
}

func TestTable(t *testing.T) {
	data, err := os.ReadFile("testdata/audit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// the same tree twice: one subject of two renderings is one
	src := lint.NewSource("deploy/rbac.yaml", data)
	a := Table([]*lint.Bundle{linttest.Bundle(t, src), linttest.Bundle(t, src)})
	for name, write := range map[string]func(*strings.Builder) error{
		"testdata/audit.txt":  func(w *strings.Builder) error { return a.WriteText(w) },
		"testdata/audit.json": func(w *strings.Builder) error { return a.WriteJSON(w) },
	} {
		var out strings.Builder
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s: got\n%s", name, out.String())
		}
	}
}

func TestTableOfNothing(t *testing.T) {
	var text, object strings.Builder
	a := Table(nil)
	if err := a.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := a.WriteJSON(&object); err != nil {
		t.Fatal(err)
	}
	if want := "0 subjects with a dangerous permission, 0 without\n"; text.String() != want {
		t.Errorf("text: %q", text.String())
	}
	if want := "{\n  \"subjects\": [],\n  \"unbound\": []\n}\n"; object.String() != want {
		t.Errorf("json: %q", object.String())
	}
}

func TestNamesReachNoTerminalUnescaped(t *testing.T) {
	var out strings.Builder
	b := parse(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: \"a\\eb\"}\nroleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects: [{kind: User, name: \"c\\u0007\\nd\"}]\n")
	if err := Table([]*lint.Bundle{b}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07") || !strings.Contains(out.String(), `c\a\nd`) {
		t.Errorf("%q", out.String())
	}
}

var malformed = []string{
	"rules: null",
	"rules: everything",
	"rules: [null, 1, [], {}, {verbs: null, resources: {}, apiGroups: 3}]",
	"rules: [{verbs: [[]], resources: [null, {a: b}], apiGroups: [true]}]",
	"rules: {verbs: ['*']}",
	"aggregationRule: x",
	"aggregationRule: {clusterRoleSelectors: {}}",
	"aggregationRule: {clusterRoleSelectors: [null, {}, {matchLabels: 1}, {matchExpressions: [null, {operator: In}, {key: a, operator: NotIn, values: b}]}]}",
	"roleRef: null",
	"roleRef: []",
	"roleRef: {kind: [], name: {}}",
	"roleRef: {kind: ClusterRole, name: r}\nsubjects: null",
	"roleRef: {kind: ClusterRole, name: r}\nsubjects: [null, x, {}, {kind: ServiceAccount}, {kind: User, name: 'system:serviceaccount:'}, {kind: Group, name: []}]",
	"subjects: {kind: User}",
	"metadata: {labels: [rbac.authorization.k8s.io/aggregate-to-view]}",
}

func TestMalformedObjectsNeverPanic(t *testing.T) {
	for _, kind := range []string{"ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "ServiceAccount"} {
		for _, body := range malformed {
			text := "apiVersion: rbac.authorization.k8s.io/v1\nkind: " + kind + "\n"
			if !strings.HasPrefix(body, "metadata") {
				text += "metadata: {name: r}\n"
			}
			b := parse(t, text+body+"\n---\n"+wildcardRole)
			for _, e := range run(t, b).Errors {
				t.Errorf("%s with %s: %v", kind, body, e)
			}
			if err := Table([]*lint.Bundle{b}).WriteJSON(&strings.Builder{}); err != nil {
				t.Errorf("%s with %s: %v", kind, body, err)
			}
		}
	}
}

func FuzzRules(f *testing.F) {
	for _, body := range malformed {
		f.Add("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n" + body + "\n---\n" + wildcardRole)
	}
	data, err := os.ReadFile("testdata/audit.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Fuzz(func(t *testing.T, text string) {
		src := lint.NewSource("rbac.yaml", []byte(text))
		docs, _ := lint.ParseYAML(src)
		var resources []*lint.Resource
		for _, doc := range docs {
			resources = append(resources, lint.NewResources(doc, lint.FileLocator{Source: src})...)
		}
		b := lint.NewBundle(lint.Rendering{Kind: "file"}, "", resources)
		for _, e := range run(t, b).Errors {
			t.Error(e)
		}
		if err := Table([]*lint.Bundle{b}).WriteText(&strings.Builder{}); err != nil {
			t.Error(err)
		}
	})
}

// tree is n roles, n bindings, n accounts and n/10 workloads.
func tree(n int) []byte {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: role-%[1]d
  labels: {part-of: group-%[2]d}
rules:
  - apiGroups: [""]
    resources: [pods, configmaps, secrets]
    verbs: [get, list, watch]
  - apiGroups: [apps]
    resources: [deployments]
    verbs: [get, list, watch, create, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: binding-%[1]d}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: role-%[1]d
subjects:
  - {kind: ServiceAccount, name: account-%[1]d, namespace: shop}
  - {kind: Group, name: team-%[2]d, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: account-%[1]d, namespace: shop}
---
`, i, i%50)
		if i%10 == 0 {
			fmt.Fprintf(&text, `apiVersion: v1
kind: Pod
metadata: {name: pod-%[1]d, namespace: shop}
spec:
  serviceAccountName: account-%[1]d
  containers: [{name: main, image: registry.example/main:1}]
---
`, i)
		}
	}
	return []byte(text.String())
}

// shapes are trees that meet where what is many is many of one thing: in each, the
// cost for an object must not grow with their number.
var shapes = map[string]func(n int) string{
	"tree": func(n int) string { return string(tree(n)) },
	"bindings of one role": func(n int) string {
		return aRole("one", `{apiGroups: [""], resources: [secrets, nodes, pods/exec], verbs: [get, patch, create]}`) + repeat(n, `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: binding-%[1]d, namespace: ns-%[1]d}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: one}
subjects: [{kind: ServiceAccount, name: account-%[1]d}, {kind: Group, name: "system:serviceaccounts"}]
---
`)
	},
	"bindings of one account": func(n int) string {
		return repeat(n, aRole("role-%[1]d", `{apiGroups: [""], resources: [secrets], verbs: [list]}`)+`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: binding-%[1]d}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: role-%[1]d}
subjects: [{kind: ServiceAccount, name: one, namespace: shop}]
---
`) + "apiVersion: v1\nkind: Pod\nmetadata: {name: one, namespace: shop}\nspec: {serviceAccountName: one, containers: [{name: c, image: 'registry.example/c:1'}]}\n"
	},
	"rules of one role": func(n int) string {
		return "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: one}\nrules:\n" +
			repeat(n, "  - {apiGroups: [''], resources: [secrets, deployments, users], resourceNames: [name-%[1]d], verbs: [get, create, impersonate]}\n  - {apiGroups: [''], resources: [secrets], verbs: [create]}\n")
	},
	"aggregated roles": func(n int) string {
		return repeat(n, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: part-%[1]d, labels: {part-of: sum, rbac.authorization.k8s.io/aggregate-to-view: 'true'}}\nrules: [{apiGroups: [''], resources: [secrets], verbs: [list]}]\n---\n") +
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: sum}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {part-of: sum}}]}\n"
	},
	"holders of one token": func(n int) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: shop, annotations: {kubernetes.io/service-account.name: ci}}\ntype: kubernetes.io/service-account-token\n---\n" +
			repeat(n, "apiVersion: v1\nkind: Pod\nmetadata: {name: pod-%[1]d, namespace: shop}\nspec:\n  serviceAccountName: ci\n  containers: [{name: c, image: 'registry.example/c:1'}]\n  volumes: [{name: t, secret: {secretName: token}}]\n---\n")
	},
}

func aRole(name, rule string) string {
	return "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " + name + "}\nrules: [" + rule + "]\n---\n"
}

func repeat(n int, format string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, format, i)
	}
	return text.String()
}

// BenchmarkRules lints thousands of roles and bindings with every rule of the package and
// reports the time as a multiple of the time to parse them. Flat in n is linear.
func BenchmarkRules(b *testing.B) {
	for _, shape := range slices.Sorted(maps.Keys(shapes)) {
		for _, n := range []int{1000, 4000} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(shape, " ", "-"), n), func(b *testing.B) {
				data := []byte(shapes[shape](n))
				var parsing, linting time.Duration
				for b.Loop() {
					start := time.Now()
					bundle := linttest.Bundle(b, lint.NewSource("rbac.yaml", data))
					parsed := time.Now()
					report := run(b, bundle)
					parsing += parsed.Sub(start)
					linting += time.Since(parsed)
					if len(report.Findings) == 0 {
						b.Fatal("no findings")
					}
				}
				b.ReportMetric(float64(linting)/float64(parsing), "lint/parse")
			})
		}
	}
}

func TestHelpFitsWhatIsWritten(t *testing.T) {
	for _, c := range []struct{ kind, rule, only, help string }{
		{"ClusterRole", `{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}`, "rbac-token-create", "name the ServiceAccounts in resourceNames of a Role"},
		{"ClusterRole", `{apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [cni], verbs: [create]}`, "rbac-token-create", "grant it in a Role of the ServiceAccount's namespace"},
		{"Role", `{apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [cni], verbs: [create]}`, "rbac-token-create", "drop the verb create, unless those named hold no more than the role's holders"},
		{"ClusterRole", `{apiGroups: [rbac.authorization.k8s.io], resources: [clusterrolebindings, clusterroles], verbs: ["*"]}`, "rbac-escalate", `name the verbs that are used in place of "*"`},
		{"ClusterRole", `{apiGroups: [rbac.authorization.k8s.io], resources: ["*"], verbs: ["*"]}`, "rbac-escalate", `name the verbs and resources that are used in place of "*"`},
		{"Role", `{apiGroups: [""], resources: [secrets], verbs: [get]}`, "rbac-secrets-namespace", "name the Secrets in resourceNames with the verb get"},
		{"Role", `{apiGroups: [""], resources: [secrets], verbs: [update]}`, "rbac-secrets-namespace", "name the Secrets in resourceNames"},
		{"ClusterRole", `{apiGroups: [""], resources: [secrets], verbs: [get]}`, "rbac-secrets-read", "name the Secrets in resourceNames with the verb get, or grant it in a Role of the one namespace that needs it"},
		{"ClusterRole", `{apiGroups: [""], resources: [namespaces], verbs: [patch]}`, "rbac-patch-namespaces", "drop patch on namespaces"},
		{"ClusterRole", `{apiGroups: [shop.example], resources: [carts], verbs: ["*"]}`, "rbac-wildcard-verb", `name the verbs that are used in place of "*"`},
		{"ClusterRole", `{apiGroups: [shop.example], resources: ["*"], verbs: [get]}`, "rbac-wildcard-resource", `name the resources that are used in place of "*"`},
		{"ClusterRole", `{apiGroups: [""], resources: [secrets], verbs: ["*"]}`, "rbac-secrets-read", `name the verbs that are used in place of "*"; name the Secrets in resourceNames with the verb get, or grant it in a Role of the one namespace that needs it`},
		{"ClusterRole", `{apiGroups: [""], resources: ["*/exec"], verbs: [create]}`, "rbac-pod-exec", `name the resources that are used in place of "*/exec"`},
		{"ClusterRole", `{apiGroups: [""], resources: [configmaps], resourceNames: [coredns], verbs: [update]}`, "rbac-coredns", "drop the ConfigMap of the DNS from resourceNames"},
	} {
		b := parse(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: "+c.kind+"\nmetadata: {name: r, namespace: shop}\nrules:\n  - "+c.rule+"\n")
		rule := Rules[slices.IndexFunc(Rules, func(r *lint.Rule) bool { return r.ID == c.only })]
		found := linttest.Check([]*lint.Bundle{b}, rule).Findings
		if len(found) != 1 || found[0].Help != c.help {
			t.Errorf("%s %s: %d findings, help %q, want %q", c.kind, c.rule, len(found), found[0].Help, c.help)
		}
	}
}

func TestHelpOfABuiltInRoleIsAboutTheBinding(t *testing.T) {
	b := parse(t, `{apiVersion: v1, kind: Pod, metadata: {name: ci, namespace: shop}, spec: {serviceAccountName: ci, containers: [{name: c}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ci}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: ci, namespace: shop}]
`)
	found := linttest.Check([]*lint.Bundle{b}, Effective).Findings
	if len(found) != 1 || !strings.HasPrefix(found[0].Help, "bind a role that grants") {
		t.Errorf("%d findings, help %q", len(found), found[0].Help)
	}
}

func TestHoldersAreCountedOnce(t *testing.T) {
	const role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]}\n"
	binding := func(name, subjects string) string {
		return "---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: " + name + "}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}, subjects: [" + subjects + "]}\n"
	}
	const jane, joe = "{kind: User, name: jane}", "{kind: User, name: joe}"
	for _, c := range []struct{ text, want string }{
		{binding("a", jane), ` through ClusterRoleBinding "a"`},
		{binding("a", jane) + binding("a", jane), ` through ClusterRoleBinding "a"`},
		{binding("a", jane+","+jane), ` through ClusterRoleBinding "a"`},
		{binding("a", jane) + binding("b", jane), ` through ClusterRoleBinding "a"`},
		{binding("a", jane+","+joe) + binding("b", joe+","+jane), ` through ClusterRoleBinding "a" and by 1 more`},
		{binding("a", jane) + binding("b", joe), ` through ClusterRoleBinding "a" and by 1 more`},
	} {
		found := run(t, parse(t, role+c.text)).Findings
		if len(found) != 1 || !strings.HasSuffix(found[0].Message, `held by User "jane"`+c.want) {
			t.Errorf("%s: %q, want %q at its end", c.text, found[0].Message, c.want)
		}
	}
	admin := strings.ReplaceAll(binding("a", jane+","+jane+","+joe), "name: r}", "name: cluster-admin}")
	if found := run(t, parse(t, admin)).Findings; len(found) != 1 || !strings.Contains(found[0].Message, `to User "jane" and 1 more`) {
		t.Errorf("%v", found[0].Message)
	}
}

// docs/kubernetes.md says in the row of a release which rules its changes concern.
func TestTheReleasesOfPowersAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	versioned := 0
	for _, row := range grantTable {
		for _, p := range row.power {
			for _, minor := range []int{p.Since(), p.Until()} {
				if minor == 0 {
					continue
				}
				versioned++
				if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| 1\.%d .*\[%s\]`, minor, row.id)).Match(text) {
					t.Errorf("the power %s of %s changes with 1.%d, and no row of that release names the rule", p.What, row.id, minor)
				}
			}
		}
	}
	if versioned == 0 {
		t.Error("no power depends on a release")
	}
}

package access_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/linttest"
)

func parse(t testing.TB, text string) *lint.Bundle {
	t.Helper()
	return linttest.Bundle(t, lint.NewSource("rbac.yaml", []byte(text)))
}

func TestGrantsAreReadAsTheAuthorizerReadsThem(t *testing.T) {
	for _, c := range []struct{ rule, cluster, namespace string }{
		{`{apiGroups: [""], resources: [pods], verbs: ["*"]}`, "create-workloads", "create-workloads"},
		{`{apiGroups: [""], resources: ["pods/*"], verbs: ["*"]}`, "", ""},
		{`{apiGroups: [""], resources: ["*/exec"], verbs: [create]}`, "exec", "exec"},
		{`{apiGroups: [""], resources: ["*/scale"], verbs: ["*"]}`, "", ""},
		{`{apiGroups: ["*"], resources: ["*"], verbs: [get]}`, "read-secrets proxy-nodes", "read-secrets"},
		{`{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`, "everything", "everything"},
		{`{apiGroups: [shop.example], resources: ["*"], verbs: ["*"]}`, "", ""},
		{`{apiGroups: [apps], resources: [pods], verbs: [create]}`, "", ""},
		{`{apiGroups: [""], resources: [secrets], resourceNames: [web], verbs: [get, update]}`, "", ""},
		{`{apiGroups: [""], resources: [pods], resourceNames: [web], verbs: [create]}`, "", ""},
		{`{apiGroups: [""], resources: [Secrets], verbs: [get]}`, "", ""},
		{`{apiGroups: [""], resources: [secrets], verbs: [GET]}`, "", ""},
		{`{apiGroups: [""], resources: secrets, verbs: get}`, "read-secrets", "read-secrets"},
		{`{nonResourceURLs: ["*"], verbs: ["*"]}`, "", ""},
		{`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind, escalate]}`, "escalate bind", "bind"},
		{`{apiGroups: [""], resources: [users], verbs: [impersonate]}`, "impersonate", ""},
		{`{apiGroups: [""], resources: [persistentvolumes, namespaces], verbs: [create, patch]}`, "create-volumes patch-namespaces change-volumes", "patch-namespaces"},
	} {
		b := parse(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules:\n  - "+c.rule+"\n")
		r := access.Of(b).Roles[0]
		for cluster, want := range map[bool]string{true: c.cluster, false: c.namespace} {
			var got []string
			for _, p := range r.Powers(cluster) {
				got = append(got, p.What)
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s, cluster-wide %v: can %q, want %q", c.rule, cluster, text, want)
			}
		}
	}
}

func TestBuiltinRolesAreKnownByWhatTheyGrant(t *testing.T) {
	g := access.Of(parse(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: shop}\n"))
	for name, want := range map[string]string{
		"cluster-admin": "everything",
		"view":          "",
		"edit":          "impersonate read-secrets create-tokens exec attach create-workloads write-secrets port-forward write-network delete-logs write-configmaps",
		"admin":         "impersonate write-rbac read-secrets create-tokens exec attach create-workloads write-secrets edit-bindings port-forward write-network delete-logs write-configmaps",
	} {
		var got []string
		for _, p := range g.Builtins[name].Powers(false) {
			got = append(got, p.What)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s can %q, want %q", name, text, want)
		}
	}
}

func TestBuiltinRolesThatTakeOverTheCluster(t *testing.T) {
	g := access.Of(parse(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: shop}\n"))
	for name, want := range map[string]*access.Power{
		"cluster-admin": access.Everything, "admin": access.Impersonate, "edit": access.Impersonate, "view": nil, "system:kubelet-api-admin": access.ProxyNodes,
		"system:controller:clusterrole-aggregation-controller": access.Escalate, "system:kube-controller-manager": access.ReadSecrets,
		"system:persistent-volume-provisioner": nil,
	} {
		var got *access.Power
		if w := g.Builtins[name].Takeover(true); w != nil {
			got = w.Power
		}
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestAggregationInACircleEnds(t *testing.T) {
	text := ""
	for _, pair := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "a"}} {
		text += fmt.Sprintf("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: %s, labels: {is: %s}}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {is: %s}}]}\n---\n", pair[0], pair[0], pair[1])
	}
	text += "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: part, labels: {is: a}}\nrules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n"
	g := access.Of(parse(t, text))
	for _, r := range g.Roles[:3] {
		if got := r.Powers(true); len(got) != 1 || got[0] != access.ReadSecrets {
			t.Errorf("%s can %v", r, got)
		}
	}
}

// Every kind of the API has its resource in the list, in its group.
func TestEveryKindOfTheAPIIsServed(t *testing.T) {
	for kind := range scheme.Scheme.AllKnownTypes() {
		name, isList := strings.CutSuffix(kind.Kind, "List")
		kind.Kind = name
		if kind.Version == runtime.APIVersionInternal || !isList || name == "APIGroup" || !scheme.Scheme.Recognizes(kind) {
			continue
		}
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		if kind.Kind == "Endpoints" {
			plural.Resource = "endpoints"
		}
		if len(access.ServedResources().In([]access.Entry{{Text: kind.Group}}, plural.Resource)) == 0 {
			t.Errorf("%s of API group %q is missing", plural.Resource, kind.Group)
		}
	}
}

// Built-in roles are made of what all graphs share; what one bundle makes of them is its own.
func TestBuiltinRolesOfTwoBundlesAreTheirOwn(t *testing.T) {
	const binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {kind: ClusterRole, name: edit}\nsubjects: [{kind: Group, name: g}]\n"
	bound, unbound := access.Of(parse(t, binding)), access.Of(parse(t, strings.ReplaceAll(binding, "name: edit", "name: view")))
	if len(bound.Builtins["edit"].Bindings) != 1 || len(unbound.Builtins["edit"].Bindings) != 0 {
		t.Error("the bindings of one bundle are those of another")
	}
	for _, g := range []*access.Graph{bound, unbound} {
		for name, r := range g.Builtins {
			for _, p := range r.Own {
				if p.Role != r {
					t.Errorf("a rule of %s belongs to another role", name)
				}
				for _, grant := range p.Grants {
					if grant.Rule != p {
						t.Errorf("a grant of %s belongs to another rule", name)
					}
				}
			}
		}
	}
}

package validity

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// WebhookFailOpen reports admission control over pods, access rights and the
// like that lets everything through while it cannot be asked.
var WebhookFailOpen = &lint.Rule{
	ID:         "webhook-fail-open",
	Summary:    "admission control lets objects through while its webhook is down",
	Severity:   lint.Medium,
	Group:      "validity",
	Profiles:   core,
	References: []string{"CIS 5.2.1", "MITRE C-0036", "OWASP K04"},
	Docs:       docs, Remedy: failClosed,
	Run: func(pass *lint.Pass) {
		const help = "set failurePolicy: Fail, and exclude the webhook's own namespace with namespaceSelector"
		for _, r := range pass.Resources("ValidatingWebhookConfiguration") {
			for _, hook := range r.Get("webhooks").Items() {
				policy := hook.Get("failurePolicy")
				open := policy.Value() == "Ignore" || !policy.Exists() && r.Version == "v1beta1"
				if guarded := guards(hook.Get("rules")); open && guarded != "" {
					pass.Reportf(policy, "webhook %q lets %s through unchecked when it does not answer", hook.Get("name").Value(), guarded).Help = help
				}
			}
		}
		for _, r := range pass.Resources("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy") {
			if policy := r.Get("spec", "failurePolicy"); policy.Value() == "Ignore" {
				if guarded := guards(r.Get("spec", "matchConstraints", "resourceRules")); guarded != "" {
					pass.Reportf(policy, "%s lets %s through when its expressions fail", r, guarded).Help = "set failurePolicy: Fail"
				}
			}
		}
		for _, r := range pass.Resources("ClusterPolicy", "Policy") {
			if policy := r.Get("spec", "failurePolicy"); r.Group == "kyverno.io" && policy.Value() == "Ignore" {
				pass.Reportf(policy, "%s is not enforced when Kyverno does not answer", r).Help = help
			}
		}
	},
}

// guarded are the resources whose admission is a matter of security.
var guarded = []string{
	"*", "pods", "pods/ephemeralcontainers", "pods/exec", "deployments", "daemonsets", "statefulsets", "replicasets", "jobs", "cronjobs",
	"roles", "rolebindings", "clusterroles", "clusterrolebindings", "secrets", "serviceaccounts", "namespaces",
	"networkpolicies", "nodes", "persistentvolumes",
}

var guardedGroups = []string{"", "*", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io"}

// guards returns the first resource of the rules that is a matter of security, "" for none.
func guards(rules *lint.Node) string {
	for _, rule := range rules.Items() {
		groups := rule.Get("apiGroups")
		ours := slices.ContainsFunc(groups.Items(), func(g *lint.Node) bool { return slices.Contains(guardedGroups, g.Value()) })
		if !ours {
			continue
		}
		for _, resource := range rule.Get("resources").Strings() {
			if name := strings.TrimSuffix(resource, "/*"); slices.Contains(guarded, name) {
				if name == "*" {
					return "everything"
				}
				return name
			}
		}
	}
	return ""
}

// GatekeeperRepoPrefix reports allowed repositories of Gatekeeper's
// K8sAllowedRepos that others can extend: it compares the start of the image,
// so registry.example/team also allows registry.example/team-evil.
var GatekeeperRepoPrefix = &lint.Rule{
	ID:         "gatekeeper-repo-prefix",
	Summary:    "allowed repository of Gatekeeper without a slash at its end",
	Severity:   lint.High,
	Group:      "validity",
	Profiles:   core,
	References: []string{"OWASP K04"},
	Peers:      map[string][]string{"trivy": {"KSV-0124"}},
	Docs:       docs, Remedy: endWithSlash,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources() {
			if r.Group != "constraints.gatekeeper.sh" || !strings.Contains(r.Kind, "AllowedRepos") {
				continue
			}
			for _, repo := range r.Get("spec", "parameters", "repos").Items() {
				v := repo.Value()
				if v == "" || strings.HasSuffix(v, "/") || strings.Contains(v, "@") || strings.Contains(v[strings.LastIndex(v, "/")+1:], ":") && strings.Contains(v, "/") {
					continue
				}
				pass.Reportf(repo, "%s allows every image that begins with %q, for example %q", r, v, v+"-evil/image").Help = "write " + v + "/"
			}
		}
	},
}

package validity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// AdmissionUnenforced reports admission policies that nothing binds, or that are bound to
// look on: a policy without a binding does nothing, and one whose bindings lack the action
// Deny refuses nothing
// (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/).
var AdmissionUnenforced = &lint.Rule{
	ID:         "admission-policy-unenforced",
	Summary:    "admission policy has no binding, or its binding denies nothing",
	Severity:   lint.Low,
	Group:      "validity",
	Profiles:   core,
	References: []string{"CIS 5.2.1", "OWASP K04"},
	Docs:       docs, Remedy: deny,
	Run: func(pass *lint.Pass) {
		for _, kind := range []string{"ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"} {
			bindings := map[string][]*lint.Resource{}
			var order []string
			for _, b := range pass.Resources(kind + "Binding") {
				if b.Group == admissionGroup {
					name := b.Get("spec", "policyName").Value()
					if bindings[name] == nil {
						order = append(order, name)
					}
					bindings[name] = append(bindings[name], b)
				}
			}
			for _, policy := range pass.Resources(kind) {
				if policy.Group == admissionGroup && bindings[policy.Name] == nil {
					pass.Reportf(policy.Get("metadata", "name"), "%s has no effect: no %sBinding in this bundle names it", policy, kind).Help = "add a " + kind + "Binding with policyName: " + policy.Name
				}
			}
			if kind == "MutatingAdmissionPolicy" {
				continue // its bindings have no actions
			}
			for _, name := range order {
				if !slices.ContainsFunc(bindings[name], denies) {
					looksOn(pass, bindings[name][0])
				}
			}
		}
	},
}

const admissionGroup = "admissionregistration.k8s.io"

// denies reports whether a binding refuses what its policy finds; actions that a tool fills in may.
func denies(binding *lint.Resource) bool {
	actions := binding.Get("spec", "validationActions")
	return !actions.IsSequence() || slices.ContainsFunc(actions.Items(), func(a *lint.Node) bool { return a.Value() != "Audit" && a.Value() != "Warn" })
}

func looksOn(pass *lint.Pass, binding *lint.Resource) {
	actions := binding.Get("spec", "validationActions")
	if len(actions.Items()) == 0 {
		return // the API server refuses it
	}
	f := pass.Reportf(actions, "%s binds %q without Deny, so nothing is refused: validationActions are %s", binding, binding.Get("spec", "policyName").Value(), strings.Join(actions.Strings(), ", "))
	f.Help = "set validationActions: [Deny], or [Deny, Audit], once no object violates it any more"
}

// AdmissionGap reports admission control over pods, access rights and the like that
// whoever it should stop walks around: by a label that they set themselves, by a change where
// it sees what is new alone, or by another version of the API.
var AdmissionGap = &lint.Rule{
	ID:         "admission-gap",
	Summary:    "admission control does not check everything that it should",
	Severity:   lint.Low,
	Group:      "validity",
	Profiles:   core,
	References: []string{"CIS 5.2.1", "OWASP K04"},
	Docs:       docs, Remedy: closeGap,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("ValidatingWebhookConfiguration") {
			if r.Group != admissionGroup {
				continue
			}
			for _, hook := range r.Get("webhooks").Items() {
				gaps(pass, fmt.Sprintf("webhook %q", hook.Get("name").Value()), hook, hook.Get("rules"), r.Get("webhooks").Items())
			}
		}
		for _, r := range pass.Resources("ValidatingAdmissionPolicy") {
			if match := r.Get("spec", "matchConstraints"); r.Group == admissionGroup {
				gaps(pass, r.String(), match, match.Get("resourceRules"), nil)
			}
		}
	},
}

// gaps reports what a webhook or a policy leaves out; next to are the webhooks of its configuration.
func gaps(pass *lint.Pass, who string, match, rules *lint.Node, beside []*lint.Node) {
	guarded := guards(rules)
	if guarded == "" {
		return
	}
	if n := match.Get("matchPolicy"); n.Value() == "Exact" {
		pass.Reportf(n, "%s is called for %s only in the API versions that it names: requests in another version are not checked", who, guarded).Help = "set matchPolicy: Equivalent, the default"
	}
	for _, field := range []string{"namespaceSelector", "objectSelector"} {
		for _, e := range match.Get(field, "matchExpressions").Items() {
			key := e.Get("key").Value()
			if op := e.Get("operator").Value(); op != "NotIn" && op != "DoesNotExist" || key == "kubernetes.io/metadata.name" {
				continue
			}
			whoSets := "whoever writes the object"
			if field == "namespaceSelector" {
				whoSets = "whoever may label a namespace"
				if slices.ContainsFunc(beside, guardsNamespaces) {
					continue // one next to it sees who sets the label
				}
			}
			pass.Reportf(e.Get("key"), "%s excludes objects by the label %s, and %s can set that label", who, key, whoSets).Help =
				"exclude namespaces by name (kubernetes.io/metadata.name), or restrict who may set the label with an admission policy"
		}
	}
	for _, rule := range rules.Items() {
		operations := rule.Get("operations")
		if changed := changeable(rule); changed != "" && operations.IsSequence() && !slices.ContainsFunc(operations.Items(), func(o *lint.Node) bool { return o.Value() == "UPDATE" || o.Value() == "*" }) {
			pass.Reportf(operations, "%s is called only for %s of %s: updates are not checked", who, strings.Join(operations.Strings(), ", "), changed).Help = "add UPDATE to the operations"
		}
	}
}

// guardsNamespaces reports whether a webhook sees every namespace as it is written.
func guardsNamespaces(hook *lint.Node) bool {
	return !hook.Get("namespaceSelector", "matchExpressions").Exists() && slices.ContainsFunc(hook.Get("rules").Items(), func(rule *lint.Node) bool {
		return slices.ContainsFunc(rule.Get("resources").Strings(), func(r string) bool { return r == "namespaces" || r == "*" || r == "*/*" })
	})
}

// changeable returns the first resource of a rule that is a matter of security and whose
// relevant fields can be changed: those of a pod cannot, but for its images. "" for none.
func changeable(rule *lint.Node) string {
	if !slices.ContainsFunc(rule.Get("apiGroups").Strings(), func(g string) bool { return slices.Contains(guardedGroups, g) }) {
		return ""
	}
	operations := rule.Get("operations").Strings()
	if !slices.Contains(operations, "CREATE") {
		return "" // it is about something else, as deleting
	}
	for _, r := range rule.Get("resources").Strings() {
		switch r {
		case "deployments", "daemonsets", "statefulsets", "replicasets", "cronjobs", "roles", "clusterroles", "rolebindings", "clusterrolebindings", "networkpolicies", "namespaces":
			return r
		}
	}
	return ""
}

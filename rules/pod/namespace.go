package pod

import (
	"fmt"
	"slices"

	"github.com/manilint/manilint/lint"
)

// systemNamespaces are those that Kubernetes itself makes.
var systemNamespaces = []string{"default", "kube-system", "kube-public", "kube-node-lease"}

const enforce = "pod-security.kubernetes.io/enforce"

// PSALabel reports namespaces that hold their pods to no Pod Security Standard (CIS 5.2.1).
var PSALabel = &lint.Rule{
	ID:         "namespace-psa-label",
	Summary:    "namespace enforces no Pod Security Standard",
	Severity:   lint.Medium,
	Group:      "namespace",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"CIS 5.2.1", "NSA C-0068", "OWASP K04"},
	Peers:      map[string][]string{"kubescape": {"C-0192"}, "kyverno": {"add-psa-labels"}},
	Docs:       docs,
	Remedy:     strictestLevel,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Namespace") {
			if r.Group != "" || slices.Contains(systemNamespaces, r.Name) {
				continue
			}
			level := r.Get("metadata", "labels", enforce)
			switch v := level.Value(); v {
			case "baseline", "restricted":
			case "privileged":
				pass.Reportf(level, "namespace %q does not restrict its pods: it enforces the level privileged", r.Name).Help = "set the label " + enforce + " to restricted, or to baseline"
			case "":
				pass.Reportf(level, "namespace %q enforces no Pod Security Standard", r.Name).Help = "add the label " + enforce + ": restricted, or baseline"
			default:
				pass.Reportf(level, "namespace %q enforces %q, which is not a Pod Security level", r.Name, v).Help = "write privileged, baseline or restricted"
			}
		}
	},
}

// strictestLevel enforces the strictest level that the pods of the bundle pass.
func strictestLevel(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	namespace := n.Resource().Name
	for _, level := range []lint.Profile{lint.ProfileRestricted, lint.ProfileBaseline} {
		if !passes(pass.Bundle, namespace, level) {
			continue
		}
		edits := []lint.Edit{lint.Set(n, string(level))}
		// A version that was asked for is the one that the pods pass: a later one may forbid more.
		if v := parseVersion(pass.Bundle.PSSVersion); v != latest && n.Parent().Get(enforce+"-version").IsNull() {
			edits = append(edits, lint.Set(n.Parent().Get(enforce+"-version"), fmt.Sprintf("v1.%d", v)))
		}
		return lint.Risky("pods of the namespace that others deploy, and that the level forbids, are refused when they next start", edits...)
	}
	return nil
}

// passes reports whether all pods of a namespace pass a level.
func passes(b *lint.Bundle, namespace string, level lint.Profile) bool {
	for _, rule := range ofPods {
		if !slices.Contains(rule.Profiles, level) {
			continue
		}
		pass := lint.NewPass(rule, b, nil)
		rule.Run(pass)
		for _, found := range pass.Reported() {
			if r := found.Node.Resource(); r != nil && r.Namespace == namespace {
				return false
			}
		}
	}
	return true
}

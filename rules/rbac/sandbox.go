package rbac

import (
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
)

// SandboxToken reports agent sandboxes that get a token for the API server. The
// controller declines it for pods of a SandboxTemplate that says nothing, and not for those
// of a Sandbox (https://agent-sandbox.sigs.k8s.io/docs/api/).
var SandboxToken = &lint.Rule{
	ID:         "sandbox-token",
	Summary:    "agent sandbox gets a token for the API server",
	Severity:   lint.Medium,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.6"},
	Peers:      map[string][]string{"kubescape": {"C-0309"}},
	Docs:       docs, Remedy: noToken,
	Run: func(pass *lint.Pass) {
		for _, a := range access.Of(pass.Bundle).Accounts {
			for _, pod := range a.Pods {
				if r := pod.Resource; !r.Is("agents.x-k8s.io", "Sandbox") && !r.Is("extensions.agents.x-k8s.io", "SandboxTemplate") || !a.Automounts(pod) {
					continue
				}
				f := pass.Reportf(pod.Node.Get("automountServiceAccountToken"), "code in %s reads the token of ServiceAccount %q", pod.Resource, a.Name)
				f.Help = "set automountServiceAccountToken: false"
			}
		}
	},
}

package network

import (
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/netpol"
)

// SandboxNetwork reports agent sandboxes whose controller is told to write no network
// policy, where no other one restricts what they may reach
// (https://agent-sandbox.sigs.k8s.io/docs/api/, NetworkPolicyManagement). The policy that a
// template requests is judged by the rules about policies.
var SandboxNetwork = &lint.Rule{
	ID:         "sandbox-network",
	Summary:    "agent sandbox goes without the network policy that its controller would write",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"CIS 5.3.2"},
	Peers:      map[string][]string{"kubescape": {"C-0314", "C-0301"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		m := netpol.ModelOf(pass.Bundle)
		for _, r := range pass.Resources("SandboxTemplate") {
			n := r.Get("spec", "networkPolicyManagement")
			if r.Group != "extensions.agents.x-k8s.io" || n.Value() != "Unmanaged" {
				continue
			}
			for _, pod := range r.PodSpecs() {
				if w := m.Workloads[pod]; w == nil || w.Exposure(netpol.Egress).Closed() {
					continue
				}
				f := pass.Reportf(n, "%s has its controller write no network policy, and no other one restricts its egress", r)
				f.Help = "remove networkPolicyManagement, or add a policy that selects these pods"
				if own := r.Get("spec", "networkPolicy"); !own.IsNull() {
					f.Message += ": its networkPolicy is not heeded"
				}
			}
		}
	},
}

package network

import (
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// GatewayOpenListener reports listeners to which every namespace may attach routes for
// hosts of its choice.
var GatewayOpenListener = &lint.Rule{
	ID:         "gateway-open-listener",
	Summary:    "Gateway listener lets every namespace serve hosts of its choice",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Docs:       docs, Remedy: sameNamespace,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources(kube.ListenerKinds...) {
			if !kube.HasListeners(r) {
				continue
			}
			for _, l := range r.Get("spec", "listeners").Items() {
				from, host := l.Get("allowedRoutes", "namespaces", "from"), l.Get("hostname").Value()
				if from.Value() != "All" || host != "" && !strings.HasPrefix(host, "*") {
					continue
				}
				hosts := "every host"
				if host != "" {
					hosts = "every host of " + host
				}
				pass.Reportf(from, "listener %q of %s accepts routes from every namespace for %s: whoever may create a route in any of them can take over the host", l.Get("name").Value(), r, hosts).Help =
					"write from: Same, or from: Selector with labels that only the cluster's administrators set, or give the listener one hostname"
			}
			if from := r.Get("spec", "allowedListeners", "namespaces", "from"); from.Value() == "All" {
				pass.Reportf(from, "%s accepts listeners from every namespace: whoever may create a ListenerSet in any of them can take over hosts", r).Help =
					"write from: Selector with labels that only the cluster's administrators set"
			}
		}
	},
}

// ReferenceGrantSecrets reports grants by which objects of other namespaces use every
// Secret of one.
var ReferenceGrantSecrets = &lint.Rule{
	ID:         "reference-grant-secrets",
	Summary:    "ReferenceGrant lets another namespace use every Secret of its own",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K08"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("ReferenceGrant", "ReferencePolicy") {
			var from []string
			for _, f := range r.Get("spec", "from").Items() {
				if ns := f.Get("namespace").Value(); ns != "" && ns != r.Namespace {
					from = append(from, f.Get("kind").Value()+" in namespace "+lint.Quote(ns))
				}
			}
			for _, to := range r.Get("spec", "to").Items() {
				if r.Group == "gateway.networking.k8s.io" && len(from) > 0 && to.Get("group").Value() == "" && to.Get("kind").Value() == "Secret" && to.Get("name").Value() == "" {
					pass.Reportf(to.Get("kind"), "%s lets every %s use every Secret of its namespace", r, strings.Join(from, " and every ")).Help =
						"name the Secret of the certificate: name: …"
				}
			}
		}
	},
}

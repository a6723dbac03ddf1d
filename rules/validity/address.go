package validity

import (
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// InvalidAddress reports addresses and networks that the API server refuses: from
// Kubernetes 1.36 on also those that other programs read as another address, with leading
// zeros (CVE-2021-29923), as IPv6 that stands for IPv4, or with bits behind the prefix
// (https://www.kubernetes.dev/resources/keps/4858/).
var InvalidAddress = &lint.Rule{
	ID:       "invalid-address",
	Summary:  "address or network in a form that the API server refuses",
	Severity: lint.Low,
	Group:    "validity",
	Profiles: core,
	Docs:     docs, Remedy: wholeNetwork,
	YieldsTo: []string{"schema"}, // where programs read an address in two ways
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Service") {
			if spec := r.Get("spec"); r.Group == "" {
				checkAddresses(pass, r, spec.Get("externalIPs").Items()...)
				checkAddresses(pass, r, append(spec.Get("clusterIPs").Items(), spec.Get("clusterIP"))...)
				checkNetworks(pass, r, spec.Get("loadBalancerSourceRanges").Items()...)
			}
		}
		for _, r := range pass.Resources("Endpoints") {
			for _, subset := range r.Get("subsets").Items() {
				for _, a := range append(subset.Get("addresses").Items(), subset.Get("notReadyAddresses").Items()...) {
					if r.Group == "" {
						checkAddresses(pass, r, a.Get("ip"))
					}
				}
			}
		}
		for _, r := range pass.Resources("EndpointSlice") {
			if r.Group != "discovery.k8s.io" || r.Get("addressType").Value() == "FQDN" {
				continue
			}
			for _, e := range r.Get("endpoints").Items() {
				checkAddresses(pass, r, e.Get("addresses").Items()...)
			}
		}
		for _, r := range pass.Resources("NetworkPolicy") {
			if r.Group != "networking.k8s.io" && r.Group != "extensions" {
				continue
			}
			for _, list := range append(r.Get("spec", "ingress").Items(), r.Get("spec", "egress").Items()...) {
				for _, peer := range append(list.Get("from").Items(), list.Get("to").Items()...) {
					for _, n := range append(peer.Get("ipBlock", "except").Items(), peer.Get("ipBlock", "cidr")) {
						if _, err := netip.ParsePrefix(n.Value()); err == nil { // the rule networkpolicy-selector reports the others
							checkNetworks(pass, r, n)
						}
					}
				}
			}
		}
		for _, pod := range pass.PodsWith("hostAliases", "dnsConfig") {
			for _, alias := range pod.Get("hostAliases").Items() {
				checkAddresses(pass, pod.Resource, alias.Get("ip"))
			}
			checkAddresses(pass, pod.Resource, pod.Get("dnsConfig", "nameservers").Items()...)
		}
		for _, c := range pass.ContainersWith("hostIP") {
			for _, port := range c.Get("ports").Items() {
				checkAddresses(pass, c.Pod.Resource, port.Get("hostIP"))
			}
		}
	},
}

func checkAddresses(pass *lint.Pass, r *lint.Resource, addresses ...*lint.Node) {
	strict := !kube.Before(pass.Bundle, 36)
	for _, n := range addresses {
		text := n.Value()
		if text == "" || text == "None" || kube.IsTemplated(text) {
			continue
		}
		if problems := validation.IsValidIPForLegacyField(field.NewPath(""), text, strict, nil); len(problems) > 0 {
			f := pass.Reportf(n, "%s has the address %q, which the API server refuses: it %s", r, text, problems[0].Detail)
			f.Help, f.Subject = "write each number without leading zeros, and IPv4 as IPv4", n.Path()
			if addr, err := netip.ParseAddr(text); err == nil {
				f.Help = "write " + addr.Unmap().String()
			}
		}
	}
}

func checkNetworks(pass *lint.Pass, r *lint.Resource, networks ...*lint.Node) {
	strict := !kube.Before(pass.Bundle, 36)
	for _, n := range networks {
		text := strings.TrimSpace(n.Value())
		if text == "" || kube.IsTemplated(text) {
			continue
		}
		if problems := validation.IsValidCIDRForLegacyField(field.NewPath(""), text, strict, nil); len(problems) > 0 {
			f := pass.Reportf(n, "%s has the network %q, which the API server refuses: it %s", r, text, problems[0].Detail)
			f.Help, f.Subject = "write the first address of the network, each number without leading zeros, and the length of its prefix", n.Path()
			if network, err := netip.ParsePrefix(text); err == nil && !network.Addr().Is4In6() {
				f.Help = "write " + network.Masked().String()
			}
		}
	}
}

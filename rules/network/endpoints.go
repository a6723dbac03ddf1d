package network

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// EndpointAddress reports endpoints, written by hand, that send a Service's clients to
// the cloud's metadata service or to what each node keeps to itself.
var EndpointAddress = &lint.Rule{
	ID:         "endpoint-address",
	Summary:    "endpoint points to a metadata service, a loopback address or a link-local address",
	Severity:   lint.High,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("EndpointSlice") {
			for _, e := range r.Get("endpoints").Items() {
				for _, n := range e.Get("addresses").Items() {
					if r.Group == "discovery.k8s.io" {
						reportAddress(pass, r, n)
					}
				}
			}
		}
		for _, r := range pass.Resources("Endpoints") {
			for _, subset := range r.Get("subsets").Items() {
				for _, list := range []string{"addresses", "notReadyAddresses"} {
					for _, a := range subset.Get(list).Items() {
						if r.Group == "" {
							reportAddress(pass, r, a.Get("ip"))
						}
					}
				}
			}
		}
		for _, r := range pass.Resources("Service") {
			if r.Group == "" && r.Get("spec", "type").Value() == "ExternalName" {
				reportAddress(pass, r, r.Get("spec", "externalName"))
			}
		}
	},
}

// metadataAddresses are where clouds answer a node that asks who it is: most of them; AWS
// over IPv6, for tasks and for pods; Alibaba, Oracle's old one and Azure's host.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html,
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html,
// https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata,
// https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
var metadataAddresses = []string{"169.254.169.254", "fd00:ec2::254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23", "100.100.100.200", "192.0.0.192", "168.63.129.16"}

// metadataHosts are the names of such services in the DNS of their clouds.
var metadataHosts = []string{"metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com", "metadata.platformequinix.com"}

func reportAddress(pass *lint.Pass, r *lint.Resource, n *lint.Node) {
	const help = "remove the endpoint: a pod that needs an identity in the cloud gets one of its own, by a projected token"
	text := strings.ToLower(strings.TrimSuffix(n.Value(), "."))
	addr, err := netip.ParseAddr(text)
	if err != nil {
		if slices.Contains(metadataHosts, text) {
			pass.Reportf(n, "%s points to the cloud's metadata service, which clients of the Service then reach past network policies that deny its address", r).Help = help
		}
		if text == "localhost" || strings.HasSuffix(text, ".localhost") {
			f := pass.Reportf(n, "%s points to %s: an Ingress controller that follows it sends requests to its own ports", r, text)
			f.Severity, f.Help = lint.Medium, "use the address at which the program is reached"
		}
		return
	}
	addr = addr.Unmap()
	refused := ""
	if addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		refused = "; the API server refuses such an endpoint"
	}
	if r.Kind == "Service" {
		refused = ""
	}
	switch {
	case slices.Contains(metadataAddresses, addr.String()):
		pass.Reportf(n, "%s points to the cloud's metadata service at %s, which clients of the Service then reach past network policies that deny its address%s", r, addr, refused).Help = help
	case addr.IsLoopback():
		f := pass.Reportf(n, "%s points to %s, the loopback address of each node or pod%s", r, addr, refused)
		f.Severity, f.Help = lint.Medium, "use the address at which the program is reached"
	case addr.IsLinkLocalUnicast():
		f := pass.Reportf(n, "%s points to %s, a link-local address, which is local to each node%s", r, addr, refused)
		f.Severity, f.Help = lint.Medium, "use the address at which the program is reached"
	}
}

// Package network holds the rules about network policies and about what is
// exposed: Services, Ingresses, Gateways. It decides from manifests alone; it
// knows no cluster, no network plugin and no address of a node.
package network

import (
	"embed"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

var core = []lint.Profile{lint.ProfileDefault}

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	NamespaceDefaultDeny,
	PodWithoutNetworkPolicy,
	AllowAll,
	OpenCIDR,
	Selector,
	EgressWithoutDNS,
	DanglingNetworkPolicy,
	DanglingPeer,
	ServiceNodePort,
	ServiceLoadBalancerOpen,
	ServiceExternalIPs,
	IngressNoTLS,
	IngressNginxAnnotations,
	IngressNginxRetired,
	GatewayNoTLS,
	GatewayOpenListener,
	ReferenceGrantSecrets,
	EndpointAddress,
	SandboxNetwork,
	SSHPort,
	PrivilegedPorts,
}

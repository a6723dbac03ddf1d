package network

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// redirect sends plain requests to HTTPS, where what serves them has a certificate.
func redirect(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "a client that speaks plain HTTP and follows no redirect, or sends data with it, fails"
	switch name := n.Name(); {
	case name == "insecureEdgeTerminationPolicy":
		return lint.Risky(why, lint.Set(n, "Redirect"))
	case name == "permitInsecure":
		return lint.Risky(why, lint.Remove(n))
	case strings.HasSuffix(name, "ssl-redirect") && n.Value() == "false":
		return lint.Risky(why, lint.Set(n, "true"))
	}
	return nil
}

// noNodePort makes a Service one of the cluster, without the fields that the API server
// refuses in such.
func noNodePort(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	spec := n.Parent()
	edits := []lint.Edit{lint.Set(n, "ClusterIP")}
	fields := []*lint.Node{spec.Get("externalTrafficPolicy"), spec.Get("healthCheckNodePort")}
	for _, port := range spec.Get("ports").Items() {
		fields = append(fields, port.Get("nodePort"))
	}
	for _, field := range fields {
		if field.Exists() {
			edits = append(edits, lint.Remove(field))
		}
	}
	return lint.Risky("whoever reaches the Service by a port of a node does not any more", edits...)
}

func noExternalIPs(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("whoever reaches the Service by one of the addresses does not any more", lint.Remove(n))
}

// sameNamespace leaves a listener to routes of the Gateway's namespace.
func sameNamespace(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("routes, or listeners, of other namespaces are detached", lint.Set(n, "Same"))
}

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

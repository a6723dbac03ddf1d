package network

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// GatewayNoTLS reports listeners that serve routes in plain text.
var GatewayNoTLS = &lint.Rule{
	ID:         "gateway-no-tls",
	Summary:    "Gateway listener serves plain HTTP and does not redirect",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		attached := attachments(pass.Bundle)
		secure := secureParents(pass.Bundle)
		for _, r := range pass.Resources(kube.ListenerKinds...) {
			if !kube.HasListeners(r) || slices.Contains(tunnels, r.Get("spec", "gatewayClassName").Value()) {
				continue
			}
			for _, l := range r.Get("spec", "listeners").Items() {
				if l.Get("protocol").Value() == "HTTP" {
					reportPlainListener(pass, r, l, attached[r], secure[gatewayBehind(pass.Bundle, r)])
				}
			}
		}
		redirected := redirectedGateways(pass.Bundle)
		for _, r := range pass.Resources("Gateway") {
			if r.Group == "networking.istio.io" && !redirected[r] {
				reportPlainServers(pass, r)
			}
		}
	},
}

// An attachment is a route with a reference to one of its parents.
type attachment struct {
	route *lint.Resource
	ref   *lint.Node
}

// attachments returns the HTTP routes of the bundle by the parent that they name.
func attachments(b *lint.Bundle) map[*lint.Resource][]attachment {
	attached := map[*lint.Resource][]attachment{}
	for _, route := range b.OfKind("HTTPRoute", "GRPCRoute") {
		if route.Group != "gateway.networking.k8s.io" {
			continue
		}
		for _, ref := range route.Get("spec", "parentRefs").Items() {
			if parent := kube.ParentOf(b, route, ref); parent != nil {
				attached[parent] = append(attached[parent], attachment{route, ref})
			}
		}
	}
	return attached
}

// gatewayBehind returns the Gateway that the listeners of r are part of; nil if it
// is not in the bundle.
func gatewayBehind(b *lint.Bundle, r *lint.Resource) *lint.Resource {
	if r.Kind == "Gateway" {
		return r
	}
	return kube.ParentOf(b, r, r.Get("spec", "parentRef"))
}

// secureParents returns the Gateways that serve, or may serve, over TLS, by a
// listener of theirs or of a ListenerSet, here or elsewhere. A Gateway that is not
// in the bundle, as nil, may.
func secureParents(b *lint.Bundle) map[*lint.Resource]bool {
	secure := map[*lint.Resource]bool{nil: true}
	for _, r := range b.OfKind(kube.ListenerKinds...) {
		if !kube.HasListeners(r) {
			continue
		}
		from := r.Get("spec", "allowedListeners", "namespaces", "from").Value() // None unless set
		if from != "" && from != "None" || slices.ContainsFunc(r.Get("spec", "listeners").Items(), isSecureListener) {
			secure[gatewayBehind(b, r)] = true
		}
	}
	return secure
}

func isSecureListener(l *lint.Node) bool {
	return l.Get("protocol").Value() == "HTTPS" || l.Get("protocol").Value() == "TLS"
}

// reportPlainListener judges an HTTP listener of the Gateway API. One next to an
// HTTPS listener is usually there to redirect, and is reported only if a route of
// the bundle serves something on it.
func reportPlainListener(pass *lint.Pass, r *lint.Resource, l *lint.Node, attached []attachment, secure bool) {
	serving, redirecting := routesOn(r, l, attached, secure)
	if serving == nil && (secure || redirecting) {
		return
	}
	f := pass.Reportf(l.Get("protocol"), "%s has listener %q for plain HTTP", r, l.Get("name").Value())
	f.Help = "use protocol: HTTPS with tls.certificateRefs; keep an HTTP listener for routes that redirect (filter RequestRedirect, scheme: https)"
	if serving != nil {
		f.Message += fmt.Sprintf(", and %s serves on it", serving)
		f.Relate("route", serving.Get("metadata", "name"), serving.String()+" sends to a backend")
	}
}

// routesOn returns the first route that sends what comes in at a listener to a
// backend, and whether some route redirects it to HTTPS. A route that names the
// Gateway and not the listener is on all of them: where one of them is for HTTPS,
// a redirect next to it wins, else only a redirect of the same requests does, since
// which of the two is older, and so counts, is not known.
func routesOn(r *lint.Resource, l *lint.Node, attached []attachment, secure bool) (serving *lint.Resource, redirecting bool) {
	type claim struct {
		route    *lint.Resource
		requests []string
	}
	var unnamed []claim
	redirected := map[string]bool{}
	for _, a := range attached {
		may, sure := attaches(r, l, a)
		if !may {
			continue
		}
		named := a.ref.Get("sectionName").IsScalar() || a.ref.Get("port").IsScalar()
		for _, rule := range a.route.Get("spec", "rules").Items() {
			switch {
			case slices.ContainsFunc(rule.Get("filters").Items(), redirectsToHTTPS):
				if slices.ContainsFunc(rule.Get("matches").Items(), asksProxy) {
					return nil, true
				}
				redirecting = true
				for _, request := range requests(l, a.route, rule) {
					redirected[request] = true
				}
			case !sure || len(rule.Get("backendRefs").Items()) == 0 || isChallengeRule(rule):
			case named && serving == nil:
				serving = a.route
			case !named:
				unnamed = append(unnamed, claim{a.route, requests(l, a.route, rule)})
			}
		}
	}
	if serving != nil || secure && redirecting {
		return serving, redirecting
	}
	for _, c := range unnamed {
		if slices.ContainsFunc(c.requests, func(request string) bool { return !redirected[request] }) {
			return c.route, redirecting
		}
	}
	return nil, redirecting
}

// requests returns the hosts and paths of a rule as the listener takes them. Of two
// rules the one with the longer host, then the longer path, comes first
// (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule), so unequal ones
// do not hide each other.
func requests(l *lint.Node, route *lint.Resource, rule *lint.Node) []string {
	listener := strings.ToLower(l.Get("hostname").Value())
	var hosts []string
	for _, h := range route.Get("spec", "hostnames").Strings() {
		switch h = strings.ToLower(h); {
		case listener == "" || len(h) > len(listener) && hostsMeet(h, listener):
			hosts = append(hosts, h)
		case hostsMeet(h, listener):
			hosts = append(hosts, listener)
		}
	}
	if len(route.Get("spec", "hostnames").Items()) == 0 {
		hosts = []string{listener}
	}
	paths := []string{"PathPrefix "}
	if matches := rule.Get("matches").Items(); len(matches) > 0 {
		paths = nil
		for _, m := range matches {
			kind := cmp.Or(m.Get("path", "type").Value(), "PathPrefix")
			paths = append(paths, kind+" "+strings.TrimRight(m.Get("path", "value").Value(), "/"))
		}
	}
	var all []string
	for _, h := range hosts {
		for _, p := range paths {
			all = append(all, h+" "+p)
		}
	}
	return all
}

// asksProxy reports whether a match goes by what a proxy in front, which ends TLS,
// says of the client.
func asksProxy(match *lint.Node) bool {
	return slices.ContainsFunc(match.Get("headers").Items(), func(h *lint.Node) bool {
		return strings.EqualFold(h.Get("name").Value(), "X-Forwarded-Proto")
	})
}

// redirectsToHTTPS reports whether a filter redirects; one of a controller's own
// kind goes by its name.
func redirectsToHTTPS(filter *lint.Node) bool {
	name := strings.ToLower(filter.Get("extensionRef", "name").Value())
	return filter.Get("requestRedirect", "scheme").Value() == "https" || strings.Contains(name, "redirect") || strings.Contains(name, "https")
}

// isChallengeRule is [answersChallenges] for a rule of a route.
func isChallengeRule(rule *lint.Node) bool {
	matches := rule.Get("matches").Items()
	return len(matches) > 0 && !slices.ContainsFunc(matches, func(m *lint.Node) bool {
		return !strings.HasPrefix(m.Get("path", "value").Value(), challengePath)
	})
}

// attaches reports whether a route that names r may be on the listener, and
// whether it is for sure (https://gateway-api.sigs.k8s.io/reference/spec/#parentreference,
// https://gateway-api.sigs.k8s.io/reference/spec/#allowedroutes).
func attaches(r *lint.Resource, l *lint.Node, a attachment) (may, sure bool) {
	section, port := a.ref.Get("sectionName"), a.ref.Get("port")
	if section.IsScalar() && section.Value() != l.Get("name").Value() || port.IsScalar() && port.Value() != l.Get("port").Value() {
		return false, false
	}
	allowed := l.Get("allowedRoutes")
	kinds := allowed.Get("kinds").Items()
	if len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k *lint.Node) bool { return k.Get("kind").Value() == a.route.Kind }) {
		return false, false
	}
	host, hosts := l.Get("hostname").Value(), a.route.Get("spec", "hostnames").Strings()
	if host != "" && len(hosts) > 0 && !slices.ContainsFunc(hosts, func(h string) bool { return hostsMeet(host, h) }) {
		return false, false
	}
	switch allowed.Get("namespaces", "from").Value() {
	case "", "Same":
		same := kube.Home(a.route) == kube.Home(r)
		return same, same
	case "All":
		return true, true
	case "Selector": // by labels of the namespace
		return true, false
	}
	return false, false
}

// hostsMeet reports whether two host names have a host in common; a wildcard
// stands for one label or more.
func hostsMeet(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	inside := func(host, pattern string) bool {
		domain, wildcard := strings.CutPrefix(pattern, "*")
		return wildcard && strings.HasSuffix(host, domain)
	}
	return a == b || inside(a, b) || inside(b, a)
}

// plainProtocols are what a server of Istio's Gateway serves without TLS
// (https://istio.io/latest/docs/reference/config/networking/gateway/#Port).
var plainProtocols = []string{"HTTP", "HTTP2", "GRPC", "GRPC-WEB"}

// reportPlainServers judges Istio's Gateway. One for the egress gateway takes
// what the mesh sends out, and serves nobody.
func reportPlainServers(pass *lint.Pass, r *lint.Resource) {
	for _, label := range r.Get("spec", "selector").StringMap() {
		if strings.Contains(label, "egress") {
			return
		}
	}
	for _, s := range r.Get("spec", "servers").Items() {
		protocol := s.Get("port", "protocol")
		name := strings.ToUpper(protocol.Value())
		if slices.Contains(plainProtocols, name) && !s.Get("tls", "httpsRedirect").IsTrue() {
			pass.Reportf(protocol, "%s has a server for plain %s on port %s that does not redirect", r, name, s.Get("port", "number").Value()).Help =
				"set tls.httpsRedirect: true, and serve on a port of protocol HTTPS"
		}
	}
}

// redirectedGateways returns Istio's Gateways for which a VirtualService
// redirects to HTTPS.
func redirectedGateways(b *lint.Bundle) map[*lint.Resource]bool {
	redirected := map[*lint.Resource]bool{}
	for _, vs := range b.OfKind("VirtualService") {
		if vs.Group != "networking.istio.io" || !slices.ContainsFunc(vs.Get("spec", "http").Items(), func(route *lint.Node) bool {
			return route.Get("redirect", "scheme").Value() == "https"
		}) {
			continue
		}
		for _, name := range vs.Get("spec", "gateways").Strings() {
			namespace := vs.Namespace
			if other, short, qualified := strings.Cut(name, "/"); qualified {
				namespace, name = other, short
			}
			if r := b.Lookup("networking.istio.io", "Gateway", namespace, name); r != nil {
				redirected[r] = true
			}
		}
	}
	return redirected
}

package network

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// ServiceNodePort reports Services that open a port on every node. Load
// balancers are [ServiceLoadBalancerOpen]'s.
var ServiceNodePort = &lint.Rule{
	ID:         "service-node-port",
	Summary:    "Service of type NodePort opens a port on every node",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"kube-linter": {"exposed-services"}, "kube-score": {"service-type"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Service") {
			if n := r.Get("spec", "type"); r.Group == "" && n.Value() == "NodePort" {
				pass.Reportf(n, "%s is of type NodePort: it opens a port on every address of every node", r).Help =
					"use type: ClusterIP, and an Ingress or a Gateway for what must be reached from outside"
			}
		}
	},
}

// internalLoadBalancer maps the annotations that keep a load balancer inside
// the provider's private network to the values that do so; none for any value
// but "false".
// https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer,
// https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters,
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/,
// https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/,
// https://github.com/kubernetes/cloud-provider-openstack/blob/master/docs/openstack-cloud-controller-manager/expose-applications-using-loadbalancer-type-service.md,
// https://github.com/oracle/oci-cloud-controller-manager/blob/master/docs/load-balancer-annotations.md,
// https://github.com/hetznercloud/hcloud-cloud-controller-manager/blob/main/docs/reference/load_balancer_annotations.md,
// https://github.com/scaleway/scaleway-cloud-controller-manager/blob/master/docs/loadbalancer-annotations.md,
// https://docs.digitalocean.com/products/kubernetes/how-to/configure-load-balancers/,
// https://cloud.ibm.com/docs/containers?topic=containers-loadbalancer
var internalLoadBalancer = map[string][]string{
	"networking.gke.io/load-balancer-type":                               {"Internal", "internal"},
	"cloud.google.com/load-balancer-type":                                {"Internal", "internal"},
	"service.beta.kubernetes.io/aws-load-balancer-internal":              nil,
	"service.beta.kubernetes.io/aws-load-balancer-scheme":                {"internal"},
	"service.beta.kubernetes.io/azure-load-balancer-internal":            nil,
	"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type":     {"private"},
	"service.beta.kubernetes.io/openstack-internal-load-balancer":        nil,
	"service.beta.kubernetes.io/cce-load-balancer-internal-vpc":          nil,
	"service.kubernetes.io/qcloud-loadbalancer-internal-subnetid":        nil,
	"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": {"intranet"},
	"service.beta.kubernetes.io/oci-load-balancer-internal":              nil,
	"oci-network-load-balancer.oraclecloud.com/internal":                 nil,
	"load-balancer.hetzner.cloud/disable-public-network":                 nil,
	"service.beta.kubernetes.io/scw-loadbalancer-private":                nil,
	"service.beta.kubernetes.io/do-loadbalancer-network":                 {"INTERNAL"},
}

// sourceRangeAnnotations limit who may connect where spec.loadBalancerSourceRanges
// does not: with the values given, or with any that is not every address.
var sourceRangeAnnotations = map[string][]string{
	"service.beta.kubernetes.io/load-balancer-source-ranges":                     nil,
	"service.beta.kubernetes.io/azure-allowed-ip-ranges":                         nil,
	"service.beta.kubernetes.io/azure-allowed-service-tags":                      nil,
	"service.beta.kubernetes.io/aws-load-balancer-security-groups":               nil,
	"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-id":               nil,
	"service.beta.kubernetes.io/do-loadbalancer-allow-rules":                     nil,
	"oci.oraclecloud.com/oci-network-security-groups":                            nil,
	"oci.oraclecloud.com/security-rule-management-mode":                          {"None"}, // the owner's rules alone
	"service.beta.kubernetes.io/oci-load-balancer-security-list-management-mode": {"None"},
}

// internalClasses are load balancer classes that are no public ones.
var internalClasses = []string{"tailscale", "io.cilium/node", "cloudflare"}

// ServiceLoadBalancerOpen reports load balancers that take connections from everywhere.
var ServiceLoadBalancerOpen = &lint.Rule{
	ID:         "service-lb-open",
	Summary:    "Service of type LoadBalancer is public and open to every address",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"kube-linter": {"exposed-services"}, "kube-score": {"service-type"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Service") {
			n := r.Get("spec", "type")
			if r.Group != "" || n.Value() != "LoadBalancer" || isInternal(r) {
				continue
			}
			ranges := r.Get("spec", "loadBalancerSourceRanges")
			if wide := everyAddress(ranges); wide != nil {
				pass.Reportf(wide, "%s is a load balancer whose source ranges hold every address (%s)", r, wide.Value()).Help = "name the networks that clients come from"
				continue
			}
			if len(ranges.Items()) > 0 {
				continue
			}
			pass.Reportf(n, "%s is a load balancer without source ranges: every address may connect", r).Help =
				"set spec.loadBalancerSourceRanges, or the provider's annotation for an internal load balancer"
		}
	},
}

func isInternal(r *lint.Resource) bool {
	if slices.Contains(internalClasses, r.Get("spec", "loadBalancerClass").Value()) {
		return true
	}
	annotations := r.Annotations()
	for key, values := range internalLoadBalancer {
		value, ok := annotations[key]
		if ok && (slices.Contains(values, value) || values == nil && value != "false" && value != "") {
			return true
		}
	}
	for key, values := range sourceRangeAnnotations {
		v := annotations[key]
		if slices.Contains(values, v) || values == nil && v != "" && !strings.Contains(v, "0.0.0.0/0") && !strings.Contains(v, "::/0") {
			return true
		}
	}
	return false
}

func everyAddress(list *lint.Node) *lint.Node {
	for _, item := range list.Items() {
		if p, err := netip.ParsePrefix(strings.TrimSpace(item.Value())); err == nil && p.Bits() == 0 {
			return item
		}
	}
	return nil
}

// ServiceExternalIPs reports Services that claim addresses (CVE-2020-8554).
var ServiceExternalIPs = &lint.Rule{
	ID:         "service-external-ips",
	Summary:    "Service claims external addresses and so takes over traffic to them",
	Severity:   lint.High,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"trivy": {"KSV-0108"}, "checkov": {"CKV2_K8S_4"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Service") {
			if n := r.Get("spec", "externalIPs"); r.Group == "" && len(n.Items()) > 0 {
				pass.Reportf(n, "%s claims %s: every node sends traffic for that address to it", r, strings.Join(n.Strings(), ", ")).Help =
					"remove externalIPs; use a load balancer, or a Gateway"
			}
		}
	},
}

// tlsAnnotations are annotations by which controllers serve an Ingress over TLS
// although spec.tls is missing.
var tlsAnnotations = []string{
	"alb.ingress.kubernetes.io/certificate-arn", "networking.gke.io/managed-certificates",
	"ingress.gcp.kubernetes.io/pre-shared-cert", "appgw.ingress.kubernetes.io/appgw-ssl-certificate", "appgw.ingress.kubernetes.io/ssl-redirect",
	"route.openshift.io/termination", "traefik.ingress.kubernetes.io/router.tls", "traefik.ingress.kubernetes.io/router.tls.certresolver",
	"nginx.ingress.kubernetes.io/ssl-passthrough", "nginx.ingress.kubernetes.io/force-ssl-redirect", "haproxy.org/ssl-certificate",
	"haproxy-ingress.github.io/ssl-passthrough",
}

// IngressNoTLS reports Ingresses whose hosts are served in plain text.
var IngressNoTLS = &lint.Rule{
	ID:         "ingress-no-tls",
	Summary:    "Ingress serves a host without TLS",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"polaris": {"tlsSettingsMissing"}, "kubescape": {"C-0263"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Ingress") {
			if r.Group == "networking.k8s.io" || r.Group == "extensions" {
				reportPlainIngress(pass, r)
			}
		}
	},
}

func reportPlainIngress(pass *lint.Pass, r *lint.Resource) {
	annotations := r.Annotations()
	for _, key := range tlsAnnotations {
		if v := annotations[key]; v != "" && v != "false" {
			return
		}
	}
	class := r.Get("spec", "ingressClassName").Value() + annotations["kubernetes.io/ingress.class"]
	if strings.Contains(annotations["alb.ingress.kubernetes.io/listen-ports"], "HTTPS") || annotations["kubernetes.io/ingress.allow-http"] == "false" || class == "tailscale" {
		return
	}
	tls := r.Get("spec", "tls")
	if len(tls.Items()) == 0 {
		pass.Reportf(tls, "%s has no TLS: %s in plain text", r, ingressHosts(r)).Help = "add spec.tls with the hosts and the Secret of their certificate"
		return
	}
	var covered []string
	for _, item := range tls.Items() {
		hosts := item.Get("hosts").Strings()
		if len(hosts) == 0 {
			return // the controller's own choice of certificate, for every host
		}
		covered = append(covered, hosts...)
	}
	for _, rule := range r.Get("spec", "rules").Items() {
		host := rule.Get("host")
		if host.IsScalar() && !slices.ContainsFunc(covered, func(c string) bool { return coversHost(c, host.Value()) }) {
			f := pass.Reportf(host, "%s serves host %q without TLS: spec.tls names %s", r, host.Value(), strings.Join(covered, ", "))
			f.Help = "add the host to spec.tls"
		}
	}
}

func ingressHosts(r *lint.Resource) string {
	var hosts []string
	for _, rule := range r.Get("spec", "rules").Items() {
		if h := rule.Get("host"); h.IsScalar() && !slices.Contains(hosts, h.Value()) {
			hosts = append(hosts, h.Value())
		}
	}
	switch len(hosts) {
	case 0:
		return "every host is served"
	case 1:
		return fmt.Sprintf("host %q is served", hosts[0])
	}
	return fmt.Sprintf("hosts %s are served", strings.Join(hosts, ", "))
}

// coversHost reports whether a TLS host is a rule's host; a wildcard stands for one label.
func coversHost(pattern, host string) bool {
	if strings.EqualFold(pattern, host) {
		return true
	}
	domain, wildcard := strings.CutPrefix(pattern, "*.")
	_, rest, _ := strings.Cut(host, ".")
	return wildcard && strings.EqualFold(domain, rest)
}

// snippetAnnotations put text into the configuration of nginx as it is.
var snippetAnnotations = []string{"configuration-snippet", "server-snippet", "stream-snippet", "auth-snippet", "modsecurity-snippet", "location-snippets", "server-snippets"}

// injection is what ends a directive of nginx: CVE-2021-25745, CVE-2021-25746,
// CVE-2023-5043, CVE-2025-1097, CVE-2025-1098 and CVE-2025-24514 are values of annotations with such characters.
var injection = regexp.MustCompile(`[{};\n\r]`)

// injectable are the annotations whose values ingress-nginx writes, or wrote,
// into its configuration and in which none of those characters has a use.
var injectable = []string{"auth-url", "auth-signin", "auth-tls-match-cn", "mirror-target", "mirror-host", "permanent-redirect", "temporal-redirect",
	"rewrite-target", "proxy-redirect-from", "proxy-redirect-to", "upstream-vhost", "auth-method", "proxy-body-size", "custom-headers", "connection-proxy-header"}

// IngressNginxAnnotations reports annotations by which the author of an Ingress
// writes nginx's configuration (CVE-2021-25742).
var IngressNginxAnnotations = &lint.Rule{
	ID:         "ingress-nginx-annotations",
	Summary:    "Ingress writes nginx configuration through annotations",
	Severity:   lint.High,
	Group:      "network",
	Profiles:   core,
	References: []string{"NSA C-0059", "OWASP K06"},
	Peers:      map[string][]string{"trivy": {"KCV-0093"}, "checkov": {"CKV_K8S_152", "CKV_K8S_153", "CKV_K8S_154"}, "kubescape": {"C-0059"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Ingress") {
			if r.Group != "networking.k8s.io" && r.Group != "extensions" {
				continue
			}
			for _, n := range r.Get("metadata", "annotations").Fields() {
				domain, name, _ := strings.Cut(n.Name(), "/")
				if strings.TrimSpace(n.Value()) == "" || domain != "nginx.ingress.kubernetes.io" && domain != "nginx.org" && domain != "nginx.com" {
					continue
				}
				switch {
				case slices.Contains(snippetAnnotations, name):
					pass.Reportf(n, "%s writes nginx configuration through %s: whoever may edit the Ingress reads the controller's credentials", r, n.Name()).Help =
						"use the annotation made for the purpose, and set allow-snippet-annotations: \"false\" on the controller"
				case domain == "nginx.ingress.kubernetes.io" && slices.Contains(injectable, name) && injection.MatchString(strings.TrimSpace(n.Value())) && !strings.Contains(n.Value(), "{{"):
					pass.Reportf(n, "%s has a value with characters that end a directive of nginx in %s", r, n.Name()).Help = "remove the characters ; { } and line breaks"
				}
			}
		}
		for _, r := range pass.Resources("ConfigMap") {
			if n := r.Get("data", "allow-snippet-annotations"); r.Group == "" && n.Value() == "true" {
				pass.Reportf(n, "%s lets every author of an Ingress write nginx configuration: allow-snippet-annotations is true", r).Help = "set it to \"false\""
			}
		}
	},
}

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
		for _, r := range pass.Resources("Gateway") {
			switch r.Group {
			case "gateway.networking.k8s.io":
				reportPlainGateway(pass, r)
			case "networking.istio.io":
				reportPlainServers(pass, r)
			}
		}
	},
}

// reportPlainGateway judges the HTTP listeners of the Gateway API. One beside an
// HTTPS listener is usually there to redirect, and is reported only if a route of
// the bundle serves something on it.
func reportPlainGateway(pass *lint.Pass, r *lint.Resource) {
	listeners := r.Get("spec", "listeners").Items()
	secure := slices.ContainsFunc(listeners, func(l *lint.Node) bool {
		return l.Get("protocol").Value() == "HTTPS" || l.Get("protocol").Value() == "TLS"
	})
	for _, l := range listeners {
		if l.Get("protocol").Value() != "HTTP" {
			continue
		}
		serving, redirecting := routesOn(pass.Bundle, r, l.Get("name").Value())
		if serving == nil && (secure || redirecting) {
			continue
		}
		f := pass.Reportf(l.Get("protocol"), "%s has listener %q for plain HTTP", r, l.Get("name").Value())
		f.Help = "use protocol: HTTPS with tls.certificateRefs; keep an HTTP listener for routes that redirect (filter RequestRedirect, scheme: https)"
		if serving != nil {
			f.Message += fmt.Sprintf(", and %s serves on it", serving)
			f.Relate("route", serving.Get("metadata", "name"), serving.String()+" sends to a backend")
		}
	}
}

// routesOn returns the first HTTPRoute that names a listener and sends what
// comes in there to a backend, and whether some route redirects it.
func routesOn(b *lint.Bundle, gateway *lint.Resource, listener string) (serving *lint.Resource, redirecting bool) {
	for _, route := range b.OfKind("HTTPRoute", "GRPCRoute") {
		for _, ref := range route.Get("spec", "parentRefs").Items() {
			if gatewayOf(b, route, ref) != gateway || ref.Get("sectionName").Value() != listener {
				continue
			}
			for _, rule := range route.Get("spec", "rules").Items() {
				redirects := slices.ContainsFunc(rule.Get("filters").Items(), func(f *lint.Node) bool {
					return f.Get("requestRedirect", "scheme").Value() == "https"
				})
				redirecting = redirecting || redirects
				if !redirects && serving == nil && len(rule.Get("backendRefs").Items()) > 0 {
					serving = route
				}
			}
		}
	}
	return serving, redirecting
}

// reportPlainServers judges Istio's Gateway.
func reportPlainServers(pass *lint.Pass, r *lint.Resource) {
	for _, s := range r.Get("spec", "servers").Items() {
		protocol := s.Get("port", "protocol")
		if strings.EqualFold(protocol.Value(), "HTTP") && !s.Get("tls", "httpsRedirect").IsTrue() {
			pass.Reportf(protocol, "%s has a server for plain HTTP on port %s that does not redirect", r, s.Get("port", "number").Value()).Help =
				"set tls.httpsRedirect: true, and serve on a port of protocol HTTPS"
		}
	}
}

// SSHPort reports containers that offer port 22.
var SSHPort = &lint.Rule{
	ID:         "ssh-port",
	Summary:    "container exposes port 22",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"MITRE C-0042"},
	Peers:      map[string][]string{"kube-linter": {"ssh-port"}, "kubescape": {"C-0042"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		eachPort(pass, func(c *lint.Container, n *lint.Node, number int64) {
			if number == 22 && (n.Parent().Get("protocol").Value() == "TCP" || n.Parent().Get("protocol").IsNull()) {
				f := pass.Reportf(n, "%s exposes port 22, the port of SSH", c)
				f.Help = "use kubectl exec, whose access RBAC and the audit log cover"
				f.Subject = n.Path()
			}
		})
	},
}

// PrivilegedPorts reports containers that bind ports below 1024.
var PrivilegedPorts = &lint.Rule{
	ID:       "privileged-ports",
	Summary:  "container binds a port below 1024",
	Severity: lint.Low,
	Group:    "network",
	Peers:    map[string][]string{"kube-linter": {"privileged-ports"}, "trivy": {"KSV-0117"}},
	Docs:     docs,
	YieldsTo: []string{"ssh-port"},
	Run: func(pass *lint.Pass) {
		eachPort(pass, func(c *lint.Container, n *lint.Node, number int64) {
			if number > 0 && number < 1024 {
				f := pass.Reportf(n, "%s binds port %d, for which the process needs root or NET_BIND_SERVICE", c, number)
				f.Help = "bind a port of 1024 or above; the Service may keep the low one"
				f.Subject = n.Path()
			}
		})
	},
}

// eachPort calls report for every containerPort. What the rules about ports have
// in common is the port, not the container.
func eachPort(pass *lint.Pass, report func(c *lint.Container, n *lint.Node, number int64)) {
	for _, c := range pass.Containers() {
		for _, p := range c.Node.Get("ports").Items() {
			n := p.Get("containerPort")
			if number, ok := n.Int(); ok {
				report(c, n, number)
			}
		}
	}
}

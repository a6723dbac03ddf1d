package network

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// IngressNoTLS reports Ingresses, and Routes of OpenShift and HTTPProxies of
// Contour in their place, whose hosts are served in plain text.
var IngressNoTLS = &lint.Rule{
	ID:         "ingress-no-tls",
	Summary:    "Ingress, Route or HTTPProxy serves a host without TLS",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"OWASP K06"},
	Peers:      map[string][]string{"polaris": {"tlsSettingsMissing"}, "kubescape": {"C-0263"}},
	Docs:       docs,
	Remedy:     redirect,
	Run: func(pass *lint.Pass) {
		var all []*lint.Resource
		for _, r := range pass.Resources("Ingress") {
			if r.Group == "networking.k8s.io" || r.Group == "extensions" {
				all = append(all, r)
			}
		}
		secured, redirected, forced := securedHosts(all), redirectedGroups(all), forcesRedirect(pass.Bundle)
		for _, r := range all {
			if servedOverTLS(r) || redirected[r.Annotations()[albGroup]] || answersChallenges(r) {
				continue
			}
			reportPlainIngress(pass, r, secured)
			if r.Annotations()[nginxDomain+"force-ssl-redirect"] != "" || !forced {
				reportNoRedirect(pass, r, secured)
			}
		}
		for _, r := range pass.Resources("Route", "HTTPProxy") {
			switch r.Group {
			case "route.openshift.io":
				reportPlainRoute(pass, r)
			case "projectcontour.io":
				reportPlainProxy(pass, r)
			}
		}
	},
}

// reportPlainRoute judges a Route of OpenShift
// (https://docs.redhat.com/en/documentation/openshift_container_platform/latest/html/network_apis/route-route-openshift-io-v1).
func reportPlainRoute(pass *lint.Pass, r *lint.Resource) {
	spec := r.Get("spec")
	tls := spec.Get("tls")
	switch insecure := tls.Get("insecureEdgeTerminationPolicy"); {
	case !spec.IsMapping() || strings.HasPrefix(spec.Get("path").Value(), challengePath):
	case tls.IsNull():
		what := "it is served"
		if host := spec.Get("host"); host.IsScalar() {
			what = areServed([]*lint.Node{host})
		}
		pass.Reportf(tls, "%s has no TLS: %s in plain text", r, what).Help =
			"add spec.tls with termination: edge, reencrypt or passthrough, and insecureEdgeTerminationPolicy: Redirect"
	case insecure.Value() == "Allow":
		pass.Reportf(insecure, "%s is served in plain text as well as over TLS: insecureEdgeTerminationPolicy is Allow", r).Help = "write Redirect"
	}
}

// reportPlainProxy judges an HTTPProxy of Contour. One without a virtual host is
// included by another (https://projectcontour.io/docs/main/config/tls-termination/).
func reportPlainProxy(pass *lint.Pass, r *lint.Resource) {
	host := r.Get("spec", "virtualhost")
	tls := host.Get("tls")
	switch {
	case !host.IsMapping():
		return
	case tls.IsNull():
		pass.Reportf(tls, "%s has no TLS: %s in plain text", r, areServed([]*lint.Node{host.Get("fqdn")})).Help = "add spec.virtualhost.tls with the Secret of its certificate"
		return
	}
	for _, route := range r.Get("spec", "routes").Items() {
		if n := route.Get("permitInsecure"); n.IsTrue() {
			pass.Reportf(n, "%s serves a route in plain text as well as over TLS: permitInsecure is true", r).Help = "remove it: Contour then redirects to HTTPS"
		}
	}
}

// tlsAnnotations are annotations by which controllers serve an Ingress over TLS,
// or send its clients there, although spec.tls is missing. Each is read by its own
// controller alone: see [readsAnnotation].
var tlsAnnotations = []string{
	"alb.ingress.kubernetes.io/certificate-arn", "networking.gke.io/managed-certificates",
	"ingress.gcp.kubernetes.io/pre-shared-cert", "appgw.ingress.kubernetes.io/appgw-ssl-certificate", "appgw.ingress.kubernetes.io/ssl-redirect",
	"route.openshift.io/termination", "traefik.ingress.kubernetes.io/router.tls",
	"nginx.ingress.kubernetes.io/ssl-passthrough", "nginx.ingress.kubernetes.io/force-ssl-redirect", "haproxy.org/ssl-certificate",
	"haproxy.org/ssl-passthrough", "haproxy-ingress.github.io/ssl-passthrough", "ingress.kubernetes.io/ssl-passthrough",
	"ingress.cilium.io/tls-passthrough",        // https://docs.cilium.io/en/stable/network/servicemesh/ingress/
	"ingress.kubernetes.io/force-ssl-redirect", // https://projectcontour.io/docs/main/config/annotations/
	"nginx.org/redirect-to-https",              // https://docs.nginx.com/nginx-ingress-controller/configuration/ingress-resources/advanced-configuration-with-annotations/
}

// tunnels are the classes whose controllers open a tunnel to a network that ends
// TLS with certificates of its own.
// https://tailscale.com/kb/1439/kubernetes-operator-cluster-ingress,
// https://github.com/STRRL/cloudflare-tunnel-ingress-controller, https://ngrok.com/docs/k8s/
var tunnels = []string{"tailscale", "cloudflare-tunnel", "ngrok"}

// servedOverTLS reports whether the controller serves an Ingress over TLS
// whatever spec.tls says, or takes that from another Ingress.
func servedOverTLS(r *lint.Resource) bool {
	annotations, controller := r.Annotations(), controllerOf(r)
	value := func(key string) string {
		if !readsAnnotation(controller, key) {
			return ""
		}
		return annotations[key]
	}
	for _, key := range tlsAnnotations {
		if v := value(key); v != "" && !strings.EqualFold(v, "false") && v != "disabled" {
			return true
		}
	}
	for key := range annotations { // any option of TLS switches it on: https://doc.traefik.io/traefik/routing/providers/kubernetes-ingress/
		if strings.HasPrefix(key, "traefik.ingress.kubernetes.io/router.tls.") && readsAnnotation(controller, key) {
			return true
		}
	}
	switch {
	case strings.Contains(value("alb.ingress.kubernetes.io/listen-ports"), "HTTPS"), value("kubernetes.io/ingress.allow-http") == "false":
		return true
	case value("nginx.org/mergeable-ingress-type") == "minion":
		return true // TLS is its master's: https://github.com/nginx/kubernetes-ingress/tree/main/examples/ingress-resources/mergeable-ingress-types
	case everyEntry(value("konghq.com/protocols"), isSecureProtocol): // https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/
		return true
	case everyEntry(value("traefik.ingress.kubernetes.io/router.entrypoints"), isSecureEntryPoint):
		return true
	}
	class := ingressClass(r)
	return slices.Contains(tunnels, class) || classHasCertificate(r.Bundle, class)
}

// controllers tells the controllers of Ingresses apart by a word of the class' name, or
// of the controller that an IngressClass names.
var controllers = map[string]string{
	"nginx": "nginx", "alb": "aws", "gce": "gce", "gke": "gce", "traefik": "traefik", "haproxy": "haproxy", "kong": "kong",
	"konghq": "kong", "cilium": "cilium", "contour": "contour", "projectcontour": "contour", "openshift": "openshift",
	"istio": "istio", "apisix": "apisix", "envoy": "envoy", "ambassador": "ambassador", "voyager": "voyager",
}

// ofController are the domains of annotations that one controller reads, and no other.
var ofController = []struct{ prefix, controller string }{
	{"alb.ingress.kubernetes.io/", "aws"}, {"networking.gke.io/", "gce"}, {"ingress.gcp.kubernetes.io/", "gce"},
	{"kubernetes.io/ingress.allow-http", "gce"}, // https://cloud.google.com/kubernetes-engine/docs/how-to/load-balance-ingress#disabling_http
	{"appgw.ingress.kubernetes.io/", "azure"}, {"route.openshift.io/", "openshift"}, {"traefik.ingress.kubernetes.io/", "traefik"},
	{"nginx.ingress.kubernetes.io/", "nginx"}, {"nginx.org/", "nginx"}, {"haproxy.org/", "haproxy"},
	{"haproxy-ingress.github.io/", "haproxy"}, {"ingress.cilium.io/", "cilium"}, {"konghq.com/", "kong"},
}

// controllerOf returns which controller serves an Ingress, as [controllers] calls it: by
// its class, else by the default class where the bundle has one; "" where neither says.
func controllerOf(r *lint.Resource) string {
	name := ingressClass(r)
	class := r.Bundle.Lookup("networking.k8s.io", "IngressClass", "", name)
	if name == "" {
		class = lint.Shared(r.Bundle, findDefaultClass).class
	}
	if class != nil {
		name = class.Get("spec", "controller").Value()
	}
	if strings.Contains(name, "application-gateway") { // other classes of Azure are nginx
		return "azure"
	}
	found := ""
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return !unicode.IsLetter(c) }) {
		if c := controllers[word]; c != "" && found != "" && c != found {
			return ""
		} else if c != "" {
			found = c
		}
	}
	return found
}

// A defaultClass is the IngressClass that serves the Ingresses that name none; nil where
// the bundle has no such class.
type defaultClass struct{ class *lint.Resource }

func findDefaultClass(b *lint.Bundle) defaultClass {
	var found defaultClass
	for _, c := range b.OfKind("IngressClass") {
		if isTrue(c.Annotations()["ingressclass.kubernetes.io/is-default-class"]) {
			found.class = c
		}
	}
	return found
}

// readsAnnotation reports whether a controller reads an annotation, or may.
func readsAnnotation(controller, key string) bool {
	return controller == "" || !slices.ContainsFunc(ofController, func(o struct{ prefix, controller string }) bool {
		return strings.HasPrefix(key, o.prefix) && o.controller != controller
	})
}

// albGroup names the load balancer that Ingresses share.
const albGroup = "alb.ingress.kubernetes.io/group.name"

// redirectedGroups returns the groups of Ingresses whose load balancer redirects
// all plain HTTP, which one of them says for all
// (https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#ssl-redirect).
func redirectedGroups(ingresses []*lint.Resource) map[string]bool {
	redirected := map[string]bool{}
	for _, r := range ingresses {
		if a := r.Annotations(); a[albGroup] != "" && a["alb.ingress.kubernetes.io/ssl-redirect"] != "" {
			redirected[a[albGroup]] = true
		}
	}
	return redirected
}

// classHasCertificate reports whether the parameters of a class, in the bundle, bring
// the certificate or the redirect of its Ingresses
// (https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/ingress_class/,
// https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html).
func classHasCertificate(b *lint.Bundle, name string) bool {
	class := b.Lookup("networking.k8s.io", "IngressClass", "", name)
	if class == nil {
		return false
	}
	for _, params := range b.OfKind("IngressClassParams") {
		spec := params.Get("spec")
		if params.Name == class.Get("spec", "parameters", "name").Value() && params.Group == class.Get("spec", "parameters", "apiGroup").Value() &&
			(len(spec.Get("certificateArn").Items()) > 0 || len(spec.Get("certificateARNs").Items()) > 0 || spec.Get("sslRedirectPort").IsScalar()) {
			return true
		}
	}
	return false
}

func isSecureProtocol(name string) bool {
	return slices.Contains([]string{"https", "grpcs", "wss", "tls", "tls_passthrough"}, name)
}

// isSecureEntryPoint goes by the name: the entry points are the controller's, and
// websecure is the one for which Traefik's chart switches TLS on
// (https://github.com/traefik/traefik-helm-chart/blob/master/traefik/values.yaml).
func isSecureEntryPoint(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "secure") && !strings.Contains(name, "insecure") || strings.Contains(name, "https")
}

// everyEntry reports whether a list with commas has entries and all of them fit.
func everyEntry(list string, fits func(string) bool) bool {
	return isSet(list) && !slices.ContainsFunc(strings.Split(list, ","), func(e string) bool { return !fits(strings.TrimSpace(e)) })
}

func ingressClass(r *lint.Resource) string {
	if class := r.Get("spec", "ingressClassName"); class.IsScalar() {
		return class.Value()
	}
	return r.Annotations()["kubernetes.io/ingress.class"]
}

// answersChallenges reports whether all that an Ingress serves is the answer to
// an authority that asks over plain HTTP (RFC 8555, 8.3).
func answersChallenges(r *lint.Resource) bool {
	paths := 0
	for _, rule := range r.Get("spec", "rules").Items() {
		for _, p := range rule.Get("http", "paths").Items() {
			if !strings.HasPrefix(p.Get("path").Value(), challengePath) {
				return false
			}
			paths++
		}
	}
	return paths > 0 && r.Get("spec", "defaultBackend").IsNull() && r.Get("spec", "backend").IsNull()
}

const challengePath = "/.well-known/acme-challenge"

// A served host is a host as the controllers of a class serve it.
type served struct{ class, host string }

// securedHosts returns the hosts that an Ingress of the bundle serves over TLS.
// Controllers make one server of all Ingresses of a host: a canary, or a path of
// its own, takes the certificate of the others.
func securedHosts(ingresses []*lint.Resource) map[served]bool {
	secured := map[served]bool{}
	for _, r := range ingresses {
		class, hosts := ingressClass(r), []string(nil)
		all := servedOverTLS(r)
		for _, item := range r.Get("spec", "tls").Items() {
			named := item.Get("hosts").Strings()
			hosts, all = append(hosts, named...), all || len(named) == 0
		}
		if all {
			for _, rule := range r.Get("spec", "rules").Items() {
				hosts = append(hosts, rule.Get("host").Value())
			}
		}
		for _, h := range hosts {
			secured[served{class, strings.ToLower(h)}] = true
		}
	}
	return secured
}

// reportPlainIngress leaves a rule without a host alone where spec.tls names hosts:
// the controllers take a certificate of their own for it (ingress-nginx, which also
// redirects it, and Traefik) or the first of the load balancer's (GCE, ALB).
// https://kubernetes.github.io/ingress-nginx/user-guide/tls/#default-ssl-certificate,
// https://doc.traefik.io/traefik/https/tls/#default-certificate,
// https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-multi-ssl,
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/cert_discovery/
func reportPlainIngress(pass *lint.Pass, r *lint.Resource, secured map[served]bool) {
	tls := r.Get("spec", "tls")
	var certified []string
	for _, item := range tls.Items() {
		hosts := item.Get("hosts").Strings()
		if len(hosts) == 0 {
			return // the controller's own choice of certificate, for every host
		}
		certified = append(certified, hosts...)
	}
	class := ingressClass(r)
	var plain []*lint.Node
	hostless := len(r.Get("spec", "rules").Items()) == 0
	for _, rule := range r.Get("spec", "rules").Items() {
		host := rule.Get("host")
		switch {
		case host.Value() == "":
			hostless = true
		case secured[served{class, strings.ToLower(host.Value())}], slices.ContainsFunc(certified, func(c string) bool { return kube.IsTemplated(c) || coversHost(c, host.Value()) }):
		default:
			plain = append(plain, host)
		}
	}
	if len(certified) > 0 {
		for _, host := range plain {
			f := pass.Reportf(host, "%s serves host %q without TLS: spec.tls names %s", r, host.Value(), strings.Join(certified, ", "))
			f.Help = "add the host to spec.tls"
		}
		return
	}
	if len(plain) > 0 || hostless {
		pass.Reportf(tls, "%s has no TLS: %s in plain text", r, areServed(plain)).Help = "add spec.tls with the hosts and the Secret of their certificate"
	}
}

const nginxDomain = "nginx.ingress.kubernetes.io/"

// redirecting are the annotations by which an Ingress of ingress-nginx redirects by
// itself: to an address, or as its snippets say.
var redirecting = []string{"permanent-redirect", "temporal-redirect", "configuration-snippet", "server-snippet"}

var httpsRedirect = regexp.MustCompile(`^https://|\breturn\s+30[1278]\s+["']?https://|\brewrite\s[^;]*\shttps://`)

// reportNoRedirect reports the annotation by which ingress-nginx serves over plain
// HTTP what it serves over TLS. Of a canary it takes the annotation of the other
// Ingress (https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#server-side-https-enforcement-through-redirect).
func reportNoRedirect(pass *lint.Pass, r *lint.Resource, secured map[served]bool) {
	n, annotations := r.Get("metadata", "annotations", nginxDomain+"ssl-redirect"), r.Annotations()
	if on, err := strconv.ParseBool(n.Value()); err != nil || on || isTrue(annotations[nginxDomain+"canary"]) || !isOfIngressNginx(r) {
		return
	}
	if slices.ContainsFunc(redirecting, func(key string) bool { return httpsRedirect.MatchString(annotations[nginxDomain+key]) }) {
		return
	}
	class := ingressClass(r)
	if len(r.Get("spec", "tls").Items()) > 0 || slices.ContainsFunc(r.Get("spec", "rules").Items(), func(rule *lint.Node) bool {
		host := strings.ToLower(rule.Get("host").Value())
		return host != "" && secured[served{class, host}]
	}) {
		pass.Reportf(n, "%s is served in plain text as well as over TLS: %s is %s", r, n.Name(), n.Value()).Help = "remove it: ingress-nginx then redirects to HTTPS"
	}
}

// isOfIngressNginx goes by the controller of the class, where the bundle has it,
// else by the name; without a class, anyone who annotates for ingress-nginx means it.
func isOfIngressNginx(r *lint.Resource) bool {
	name := ingressClass(r)
	if class := r.Bundle.Lookup("networking.k8s.io", "IngressClass", "", name); class != nil {
		return strings.HasPrefix(class.Get("spec", "controller").Value(), "k8s.io/ingress-nginx")
	}
	return name == "" || strings.Contains(name, "nginx")
}

// forcesRedirect reports whether the configuration of ingress-nginx, in the bundle,
// redirects what does not mention force-ssl-redirect itself
// (https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap/#force-ssl-redirect).
func forcesRedirect(b *lint.Bundle) bool {
	return slices.ContainsFunc(b.OfKind("ConfigMap"), func(r *lint.Resource) bool {
		return r.Group == "" && isTrue(r.Get("data", "force-ssl-redirect").Value())
	})
}

// areServed says which hosts are served; every one where none is named.
func areServed(hosts []*lint.Node) string {
	var names []string
	for _, h := range hosts {
		if !slices.Contains(names, h.Value()) {
			names = append(names, h.Value())
		}
	}
	switch n := len(names); {
	case n == 0:
		return "every host is served"
	case n == 1:
		return fmt.Sprintf("host %q is served", names[0])
	case n > 4:
		names = append(names[:3], fmt.Sprintf("%d more", n-3))
	}
	return fmt.Sprintf("hosts %s are served", strings.Join(names, ", "))
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

// snippetAnnotations put text into the configuration of nginx as it is: those of
// ingress-nginx, and those of F5's controller.
var snippetAnnotations = map[string][]string{
	"nginx.ingress.kubernetes.io": {"configuration-snippet", "server-snippet", "stream-snippet", "auth-snippet", "modsecurity-snippet"},
	"nginx.org":                   {"location-snippets", "server-snippets"},
}

// injection is what ends a directive of nginx: CVE-2021-25746, CVE-2023-5043,
// CVE-2025-1097, CVE-2025-1098 and CVE-2025-24514 are values of annotations with such characters.
var injection = regexp.MustCompile(`[{};\n\r]`)

// variable is what a tool fills in before the object is applied, as Flux does.
var variable = regexp.MustCompile(`\$\{[^{};\n\r]*\}`)

// injectionBesideRegexp is [injection] where the value is a regular expression,
// whose braces count repetitions: the name of a certificate, or a path
// (CVE-2021-25745, CVE-2021-25748, CVE-2026-24512).
var injectionBesideRegexp = regexp.MustCompile(`[;\n\r]`)

// injectable are the annotations whose values ingress-nginx writes, or wrote,
// into its configuration and in which none of those characters has a use.
var injectable = map[string]*regexp.Regexp{
	"auth-tls-match-cn": injectionBesideRegexp,
	"auth-url":          injection, "auth-signin": injection, "mirror-target": injection, "mirror-host": injection, "permanent-redirect": injection,
	"temporal-redirect": injection, "rewrite-target": injection, "proxy-redirect-from": injection, "proxy-redirect-to": injection,
	"upstream-vhost": injection, "auth-method": injection, "proxy-body-size": injection, "custom-headers": injection, "connection-proxy-header": injection, "auth-proxy-set-headers": injection,
}

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
			if r.Group == "networking.k8s.io" || r.Group == "extensions" {
				reportNginxAnnotations(pass, r)
				reportNginxPaths(pass, r)
			}
		}
		for _, r := range pass.Resources("ConfigMap") {
			if n := r.Get("data", "allow-snippet-annotations"); r.Group == "" && n.Value() == "true" {
				pass.Reportf(n, "%s lets every author of an Ingress write nginx configuration: allow-snippet-annotations is true", r).Help = "set it to \"false\""
			}
		}
	},
}

func reportNginxAnnotations(pass *lint.Pass, r *lint.Resource) {
	for _, n := range r.Get("metadata", "annotations").Fields() {
		domain, name, _ := strings.Cut(n.Name(), "/")
		value := strings.TrimSpace(n.Value())
		switch {
		case value == "":
		case slices.Contains(snippetAnnotations[domain], name):
			pass.Reportf(n, "%s writes nginx configuration through %s: whoever may edit the Ingress can read the controller's credentials", r, n.Name()).Help =
				"use the annotation made for the purpose, and set allow-snippet-annotations: \"false\" on the controller"
		case domain == "nginx.ingress.kubernetes.io" && injectable[name] != nil && injectable[name].MatchString(variable.ReplaceAllString(value, "")) && !strings.Contains(value, "{{"):
			pass.Reportf(n, "%s has a value with characters that end a directive of nginx in %s", r, n.Name()).Help = "remove the characters ; { } and line breaks"
		}
	}
}

func reportNginxPaths(pass *lint.Pass, r *lint.Resource) {
	for _, rule := range r.Get("spec", "rules").Items() {
		for _, p := range rule.Get("http", "paths").Items() {
			if n := p.Get("path"); injectionBesideRegexp.MatchString(strings.TrimSpace(n.Value())) {
				pass.Reportf(n, "%s has a path with characters that end a directive of nginx: %q", r, n.Value()).Help = "remove the characters ; and line breaks"
			}
		}
	}
}

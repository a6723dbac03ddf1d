package network

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

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
			if n := r.Get("spec", "type"); r.Group == "" && n.Value() == "LoadBalancer" && !isInternal(r) {
				reportOpenLoadBalancer(pass, r, n)
			}
		}
	},
}

// reportOpenLoadBalancer judges the source ranges of a public load balancer: those
// of the spec, else those of annotations.
func reportOpenLoadBalancer(pass *lint.Pass, r *lint.Resource, kind *lint.Node) {
	ranges, restricted := r.Get("spec", "loadBalancerSourceRanges").Items(), false
	if len(ranges) == 0 {
		for _, key := range rangeAnnotations {
			if n := r.Get("metadata", "annotations", key); n.Value() != "" {
				ranges = append(ranges, n)
			}
		}
		restricted = isRestricted(r.Annotations())
	}
	for _, n := range ranges {
		if wide, most := wideRange(n.Value()); wide != "" {
			what := "every address"
			if most {
				what = "most addresses"
			}
			pass.Reportf(n, "%s is a load balancer whose source ranges include %s (%s)", r, what, wide).Help = "name the networks that clients come from"
			return
		}
	}
	if len(ranges) == 0 && !restricted {
		pass.Reportf(kind, "%s is a load balancer without source ranges: every address may connect", r).Help =
			"set spec.loadBalancerSourceRanges, or the provider's annotation for an internal load balancer"
	}
}

// wideRange returns the first network of a list that is all addresses of its
// family or, as most tells, one of the parts by which some write them: 0.0.0.0/1, 2000::/3.
func wideRange(list string) (wide string, most bool) {
	for _, text := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' }) {
		p, err := netip.ParsePrefix(strings.TrimPrefix(text, "cidr:")) // as DigitalOcean writes it
		if err != nil {
			continue
		}
		if p.Addr().Is4() && p.Bits() <= 1 || p.Addr().Is6() && p.Bits() <= 3 {
			return text, p.Bits() > 0
		}
	}
	return "", false
}

// rangeAnnotations list networks that may connect.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/#lb-source-ranges,
// https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/,
// https://docs.digitalocean.com/products/kubernetes/how-to/configure-load-balancers/
var rangeAnnotations = []string{
	"service.beta.kubernetes.io/load-balancer-source-ranges",
	"service.beta.kubernetes.io/azure-allowed-ip-ranges",
	"service.beta.kubernetes.io/do-loadbalancer-allow-rules",
}

// restricting are the annotations that name a firewall of the provider's, with
// the values that do so.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/,
// https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/,
// https://github.com/oracle/oci-cloud-controller-manager/blob/master/docs/load-balancer-annotations.md,
// https://github.com/linode/linode-cloud-controller-manager/blob/main/docs/configuration/annotations.md,
// https://github.com/vultr/vultr-cloud-controller-manager/blob/master/docs/load-balancers.md,
// https://www.civo.com/docs/kubernetes/load-balancers
var restricting = map[string]func(string) bool{
	"service.beta.kubernetes.io/aws-load-balancer-security-groups":             isSet,
	"service.beta.kubernetes.io/aws-load-balancer-security-group-prefix-lists": isSet,
	// Internet is the tag of every public address.
	"service.beta.kubernetes.io/azure-allowed-service-tags":                      func(v string) bool { return isSet(v) && !hasEntry(v, "Internet") },
	"oci.oraclecloud.com/oci-network-security-groups":                            isSet,
	"oci.oraclecloud.com/security-rule-management-mode":                          is("None"), // the owner's rules alone
	"service.beta.kubernetes.io/oci-load-balancer-security-list-management-mode": is("None"),
	"service.beta.kubernetes.io/linode-loadbalancer-firewall-id":                 isSet,
	"service.beta.kubernetes.io/linode-loadbalancer-firewall-acl":                func(v string) bool { return strings.Contains(v, "allowList") && !holdsEveryAddress(v) },
	"service.beta.kubernetes.io/vultr-loadbalancer-firewall-rules":               func(v string) bool { return isSet(v) && !holdsEveryAddress(v) },
	"kubernetes.civo.com/firewall-id":                                            isSet,
}

func isRestricted(annotations map[string]string) bool {
	for key, restricts := range restricting {
		if restricts(annotations[key]) {
			return true
		}
	}
	// An access list counts once it is switched on, and as one of those let in
	// (https://github.com/kubernetes/cloud-provider-alibaba-cloud/blob/master/docs/usage.md).
	const acl = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-"
	return annotations[acl+"id"] != "" && annotations[acl+"status"] == "on" && annotations[acl+"type"] != "black"
}

func isSet(value string) bool { return strings.TrimSpace(value) != "" }

// isTrue reads a boolean annotation as strconv does, and so most providers.
func isTrue(value string) bool {
	v, err := strconv.ParseBool(value)
	return err == nil && v
}

func is(values ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

// hasEntry reports whether a list with commas has an entry.
func hasEntry(list, entry string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(e string) bool { return strings.TrimSpace(e) == entry })
}

// holdsEveryAddress searches for the network of all addresses in a text of any form.
func holdsEveryAddress(text string) bool {
	words := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\n,;\"'[]{}", c) })
	return slices.Contains(words, "0.0.0.0/0") || slices.Contains(words, "::/0")
}

// internalLoadBalancer are the annotations that keep a load balancer inside the
// provider's private network, with the values that do so; those of AWS are [internalOnAWS].
// https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer,
// https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters,
// https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/,
// https://github.com/kubernetes/cloud-provider-openstack/blob/master/docs/openstack-cloud-controller-manager/expose-applications-using-loadbalancer-type-service.md,
// https://github.com/oracle/oci-cloud-controller-manager/blob/master/docs/load-balancer-annotations.md,
// https://github.com/hetznercloud/hcloud-cloud-controller-manager/blob/main/docs/reference/load_balancer_annotations.md,
// https://github.com/scaleway/scaleway-cloud-controller-manager/blob/master/docs/loadbalancer-annotations.md,
// https://docs.digitalocean.com/products/kubernetes/how-to/configure-load-balancers/,
// https://cloud.ibm.com/docs/containers?topic=containers-loadbalancer,
// https://github.com/stackitcloud/cloud-provider-stackit/blob/main/docs/load-balancer.md,
// https://yandex.cloud/docs/managed-kubernetes/operations/create-load-balancer,
// https://support.huaweicloud.com/intl/en-us/drawer-cce/Ingresselbv2_type.html
var internalLoadBalancer = map[string]func(string) bool{
	"networking.gke.io/load-balancer-type":                               is("Internal", "internal"),
	"cloud.google.com/load-balancer-type":                                is("Internal", "internal"),
	"service.beta.kubernetes.io/azure-load-balancer-internal":            is("true"), // and no other spelling
	"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type":     is("private"),
	"service.beta.kubernetes.io/openstack-internal-load-balancer":        isTrue,
	"service.beta.kubernetes.io/cce-load-balancer-internal-vpc":          isTrue,
	"service.kubernetes.io/qcloud-loadbalancer-internal-subnetid":        isSet,
	"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": is("intranet"),
	"service.beta.kubernetes.io/oci-load-balancer-internal":              isTrue,
	"oci-network-load-balancer.oraclecloud.com/internal":                 isTrue,
	"load-balancer.hetzner.cloud/disable-public-network":                 isTrue,
	"service.beta.kubernetes.io/scw-loadbalancer-private":                isTrue,
	"service.beta.kubernetes.io/do-loadbalancer-network":                 is("INTERNAL"),
	"lb.stackit.cloud/internal-lb":                                       isTrue,
	"yawol.stackit.cloud/internalLB":                                     isTrue,
	"yandex.cloud/load-balancer-type":                                    is("internal"),
	"service.beta.kubernetes.io/volcengine-loadbalancer-address-type":    is("PRIVATE"),
	"kubernetes.io/elb.autocreate": func(v string) bool {
		var elb struct {
			Type string `json:"type"`
		}
		return json.Unmarshal([]byte(v), &elb) == nil && elb.Type != "public"
	},
}

// internalClasses are load balancer classes that are no public ones.
var internalClasses = []string{"tailscale", "networking.gke.io/l4-regional-internal"}

// requestedAddress are the annotations that request an address, as
// spec.loadBalancerIP does. https://metallb.io/usage/,
// https://docs.cilium.io/en/stable/network/lb-ipam/#requesting-ips, https://kube-vip.io/docs/usage/kubernetes-services/
var requestedAddress = []string{
	"metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs", "lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips", "kube-vip.io/loadbalancerIPs",
	"service.beta.kubernetes.io/azure-load-balancer-ipv4", "service.beta.kubernetes.io/azure-load-balancer-ipv6",
}

// isInternal reports whether a load balancer has no public address.
func isInternal(r *lint.Resource) bool {
	class, annotations := r.Get("spec", "loadBalancerClass").Value(), r.Annotations()
	if slices.Contains(internalClasses, class) || internalOnAWS(class, annotations) {
		return true
	}
	for key, internal := range internalLoadBalancer {
		if value, ok := annotations[key]; ok && internal(value) {
			return true
		}
	}
	asked := r.Get("spec", "loadBalancerIP").Value()
	for _, key := range requestedAddress {
		asked += "," + annotations[key]
	}
	return arePrivate(asked)
}

// internalOnAWS follows the AWS Load Balancer Controller, whose load balancers are
// internal unless the Service says otherwise, and the provider built into
// Kubernetes, whose are public unless it does.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/nlb/,
// https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-nlb.html
func internalOnAWS(class string, annotations map[string]string) bool {
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	scheme, internal, kind := annotations[prefix+"scheme"], annotations[prefix+"internal"], annotations[prefix+"type"]
	switch {
	case scheme != "":
		return scheme == "internal"
	case internal != "":
		return internal != "false"
	}
	return class == "service.k8s.aws/nlb" || class == "eks.amazonaws.com/nlb" || kind == "external" || kind == "nlb-ip"
}

// arePrivate reports whether a list names addresses and all of them are private
// (RFC 1918, RFC 4193), of the link, or to be filled in.
func arePrivate(list string) bool {
	addresses := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
	return len(addresses) > 0 && !slices.ContainsFunc(addresses, func(text string) bool {
		a, err := netip.ParseAddr(text)
		return !kube.IsTemplated(text) && (err != nil || !a.IsPrivate() && !a.IsLinkLocalUnicast() && !a.IsLoopback())
	})
}

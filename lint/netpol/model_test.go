package netpol

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/linttest"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// pods is what the policies of TestExposure are held against. Each row there
// says what it leaves the pod web of namespace shop open to.
const pods = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: blue}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec:
  serviceAccountName: web
  containers: [{name: web, image: registry.example/web:1}]
---
`

func TestExposure(t *testing.T) {
	const (
		open     = "open: cluster internet"
		isolated = "isolated:"
	)
	tests := []struct {
		clause          string
		policies        string
		ingress, egress string
	}{
		// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
		{"no policy selects the pod", ``, open, open},
		{"podSelector {} selects all pods of the namespace", np(`{podSelector: {}}`), isolated, open},
		{"podSelector may be left out and is empty then", np(`{policyTypes: [Ingress]}`), isolated, open},
		{"podSelector null is empty", np(`{podSelector: null}`), isolated, open},
		{"a policy of another namespace selects nothing here", strings.Replace(np(`{podSelector: {}}`), "shop", "other", 1), open, open},
		{"a policy without namespace is of another group", strings.Replace(np(`{podSelector: {}}`), ", namespace: shop", "", 1), open, open},
		{"matchLabels: all must be there", np(`{podSelector: {matchLabels: {app: web, tier: front}}}`), isolated, open},
		{"matchLabels: one differs", np(`{podSelector: {matchLabels: {app: web, tier: back}}}`), open, open},
		{"In", np(`{podSelector: {matchExpressions: [{key: app, operator: In, values: [api, web]}]}}`), isolated, open},
		{"In, other values", np(`{podSelector: {matchExpressions: [{key: app, operator: In, values: [api]}]}}`), open, open},
		{"In, label missing", np(`{podSelector: {matchExpressions: [{key: zone, operator: In, values: [a]}]}}`), open, open},
		{"NotIn", np(`{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [api]}]}}`), isolated, open},
		{"NotIn, the value", np(`{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}`), open, open},
		{"NotIn matches without the label", np(`{podSelector: {matchExpressions: [{key: zone, operator: NotIn, values: [a]}]}}`), isolated, open},
		{"Exists", np(`{podSelector: {matchExpressions: [{key: app, operator: Exists}]}}`), isolated, open},
		{"Exists, label missing", np(`{podSelector: {matchExpressions: [{key: zone, operator: Exists}]}}`), open, open},
		{"DoesNotExist", np(`{podSelector: {matchExpressions: [{key: zone, operator: DoesNotExist}]}}`), isolated, open},
		{"DoesNotExist, label there", np(`{podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}`), open, open},
		{"an unknown operator selects nothing", np(`{podSelector: {matchExpressions: [{key: app, operator: Like, values: [web]}]}}`), open, open},
		{"labels and expressions must both hold", np(`{podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: NotIn, values: [front]}]}}`), open, open},

		{"policyTypes Ingress", np(`{podSelector: {}, policyTypes: [Ingress]}`), isolated, open},
		{"policyTypes Egress", np(`{podSelector: {}, policyTypes: [Egress]}`), open, isolated},
		{"policyTypes both", np(`{podSelector: {}, policyTypes: [Ingress, Egress]}`), isolated, isolated},
		{"policyTypes Egress: ingress rules are not asked", np(`{podSelector: {}, policyTypes: [Egress], ingress: []}`), open, isolated},
		{"policyTypes Ingress: egress rules are not asked", np(`{podSelector: {}, policyTypes: [Ingress], egress: [{}]}`), isolated, open},
		{"no policyTypes: egress rules imply Egress, besides Ingress", np(`{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}`), isolated, isolated},
		{"no policyTypes: an empty egress list implies nothing", np(`{podSelector: {}, egress: []}`), isolated, open},
		{"empty policyTypes are none", np(`{podSelector: {}, policyTypes: [], egress: [{to: [{podSelector: {}}]}]}`), isolated, isolated},

		{"ingress missing allows nothing", np(`{podSelector: {}, policyTypes: [Ingress]}`), isolated, open},
		{"ingress [] allows nothing", np(`{podSelector: {}, ingress: []}`), isolated, open},
		{"ingress [{}] allows all", np(`{podSelector: {}, ingress: [{}]}`), "isolated: cluster internet", open},
		{"egress [{}] allows all", np(`{podSelector: {}, egress: [{}]}`), isolated, "isolated: cluster internet"},
		{"from [] is all sources", np(`{podSelector: {}, ingress: [{from: []}]}`), "isolated: cluster internet", open},
		{"to null is all destinations", np(`{podSelector: {}, egress: [{to: null}]}`), isolated, "isolated: cluster internet"},
		{"from and ports must both match", np(`{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}`), "isolated: cluster[8080/TCP] internet[8080/TCP]", open},
		{"ports [] is all ports", np(`{podSelector: {}, ingress: [{from: [], ports: []}]}`), "isolated: cluster internet", open},
		{"port without number is every port of the protocol", np(`{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}`), "isolated: cluster[UDP] internet[UDP]", open},
		{"named port and endPort", np(`{podSelector: {}, ingress: [{ports: [{port: http}, {port: 8000, endPort: 8999}]}]}`),
			"isolated: cluster[8000-8999/TCP http/TCP] internet[8000-8999/TCP http/TCP]", open},

		{"podSelector peer: pods of this namespace", np(`{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`), isolated, open},
		{"namespaceSelector {}: all namespaces", np(`{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`), "isolated: cluster", open},
		{"namespaceSelector with labels: some namespaces", np(`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: red}}}]}]}`), isolated, open},
		{"namespaceSelector for the label that every namespace has", np(`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}}]}]}`), "isolated: cluster", open},
		{"both selectors in one peer: both must hold", np(`{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: a}}}]}]}`), isolated, open},
		{"both selectors empty", np(`{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {}}]}]}`), "isolated: cluster", open},
		{"two peers: either may match", np(`{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}, {namespaceSelector: {}}]}]}`), "isolated: cluster", open},
		{"ipBlock of everything", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`), isolated, "isolated: internet"},
		{"ipBlock of everything, IPv6", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: "::/0"}}]}]}`), isolated, "isolated: internet"},
		{"ipBlock with except is still the internet", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]}`), isolated, "isolated: internet"},
		{"ipBlock of a network", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`), isolated, isolated},
		{"a broken ipBlock allows nothing", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: everything}}]}]}`), isolated, isolated},
		{"policies add up: one allows all", np(`{podSelector: {}}`) + np(`{podSelector: {matchLabels: {app: web}}, ingress: [{}]}`), "isolated: cluster internet", open},
		{"policies add up: one for each direction", np(`{podSelector: {}}`) + np(`{podSelector: {}, policyTypes: [Egress]}`), isolated, isolated},
		{"ports of two rules", np(`{podSelector: {}, ingress: [{ports: [{port: 80}]}, {from: [{namespaceSelector: {}}], ports: [{port: 9090}]}]}`),
			"isolated: cluster[80/TCP 9090/TCP] internet[80/TCP]", open},

		// https://docs.cilium.io/en/stable/security/policy/
		{"cilium: a section with an empty rule denies", cnp(`{endpointSelector: {}, ingress: [{}]}`), isolated, open},
		{"cilium: an empty section says nothing", cnp(`{endpointSelector: {}, ingress: []}`), open, open},
		{"cilium: enableDefaultDeny without rules", cnp(`{endpointSelector: {}, enableDefaultDeny: {ingress: true, egress: true}, egress: [{}], ingress: []}`), open, isolated},
		{"cilium: a policy selects in its own namespace, whatever it says", cnp(`{endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": other}}, ingress: [{}]}`), isolated, open},
		{"cilium: enableDefaultDeny false", cnp(`{endpointSelector: {}, enableDefaultDeny: {egress: false}, egress: [{toEntities: [cluster]}]}`), open, open},
		{"cilium: all entities", cnp(`{endpointSelector: {}, egress: [{toEntities: [all]}]}`), open, "isolated: cluster internet"},
		{"cilium: world", cnp(`{endpointSelector: {}, egress: [{toEntities: [world]}]}`), open, "isolated: internet"},
		{"cilium: other entities", cnp(`{endpointSelector: {}, egress: [{toEntities: [host, kube-apiserver]}]}`), open, isolated},
		{"cilium: fromEndpoints {} is this namespace", cnp(`{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}`), isolated, open},
		{"cilium: ports alone are for every peer", cnp(`{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]}`), "isolated: cluster[80/TCP] internet[80/TCP]", open},
		{"cilium: a denial isolates", cnp(`{endpointSelector: {}, egressDeny: [{toEntities: [world]}]}`), open, isolated},
		{"cilium: a denial beats an allowance", cnp(`{endpointSelector: {}, egress: [{toEntities: [all]}], egressDeny: [{toEntities: [world]}]}`), open, "isolated: cluster"},
		{"cilium: a CIDR is no pod", cnp(`{endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 0.0.0.0/0}]}]}`), open, "isolated: internet"},
		{"cilium: labels with a source", cnp(`{endpointSelector: {matchLabels: {"k8s:app": api}}, ingress: [{}]}`), open, open},
		{"cilium: a nodeSelector selects no pod", cnp(`{nodeSelector: {}, ingress: [{}]}`), open, open},
		{"cilium: any name", cnp(`{endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "*"}]}]}`), open, "isolated: internet"},
		{"cilium: port 0 is every port", cnp(`{endpointSelector: {}, ingress: [{fromEntities: [all], toPorts: [{ports: [{port: "0", protocol: TCP}]}]}]}`), "isolated: cluster[TCP] internet[TCP]", open},
		{"cilium: any protocol", cnp(`{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "53"}, {port: "0", protocol: ANY}, {port: "8000", endPort: 8010, protocol: UDP}]}]}]}`), "isolated: cluster-[ICMP other protocols] internet-[ICMP other protocols]", open},
		{"cilium: a port of any protocol", cnp(`{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "53", protocol: ANY}]}]}]}`), "isolated: cluster[53] internet[53]", open},
		{"cilium: HTTP rules are on their port", cnp(`{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]}]}`), "isolated: cluster[80/TCP] internet[80/TCP]", open},
		{"cilium: icmps", cnp(`{endpointSelector: {}, ingress: [{icmps: [{fields: [{type: 8}]}]}]}`), "isolated: cluster[ICMP] internet[ICMP]", open},
		{"cilium: a denial of one type of ICMP is a part", cnp(`{endpointSelector: {}, ingress: [{fromEntities: [all]}], ingressDeny: [{icmps: [{fields: [{type: 8}]}]}]}`), "isolated: cluster internet", open},
		{"cilium: no pod has a reserved label", cnp(`{endpointSelector: {matchExpressions: [{key: "reserved:host", operator: DoesNotExist}]}, ingress: [{}]}`), isolated, open},
		{"cilium: reserved:host is no pod", cnp(`{endpointSelector: {matchLabels: {"reserved:host": ""}}, ingress: [{}]}`), open, open},
		{"cilium: the world by family", cnp(`{endpointSelector: {}, egress: [{toEntities: [world-ipv6]}]}`), open, "isolated: internet"},
		{"cilium: a denial of the world by one family", cnp(`{endpointSelector: {}, egress: [{toEntities: [all]}], egressDeny: [{toEntities: [world-ipv6]}]}`), open, "isolated: cluster internet"},
		{"cilium: specs", "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspecs: [{endpointSelector: {}, ingress: [{}]}, {endpointSelector: {}, egress: [{}]}]\n---\n", isolated, isolated},
		{"cilium: a denial without default deny", cnp(`{endpointSelector: {}, enableDefaultDeny: {egress: false}, egressDeny: [{toEntities: [world]}]}`), open, "open: cluster"},
		{"cilium: a denial of the cluster without default deny", cnp(`{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingressDeny: [{fromEntities: [all]}]}`), isolated, open},
		{"cilium: its service account", cnp(`{endpointSelector: {matchLabels: {io.cilium.k8s.policy.serviceaccount: web}}, ingress: [{}]}`), isolated, open},
		{"cilium: another service account", cnp(`{endpointSelector: {matchLabels: {"k8s:io.cilium.k8s.policy.serviceaccount": api}}, ingress: [{}]}`), open, open},
		{"cilium: peers of one service account", ccnp(`{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: api}}]}]}`), isolated, open},
		{"cilium: peers of this cluster", ccnp(`{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.cluster: default}}]}]}`), "isolated: cluster", open},
		{"cilium: cluster-wide", ccnp(`{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}`), "isolated: cluster", open},
		{"cilium: cluster-wide, this namespace", ccnp(`{endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": shop}}, ingress: [{}]}`), isolated, open},
		{"cilium: cluster-wide, but not here", ccnp(`{endpointSelector: {matchExpressions: [{key: io.kubernetes.pod.namespace, operator: NotIn, values: [shop]}]}, ingress: [{}]}`), open, open},
		{"cilium: cluster-wide, by a label of the namespace", ccnp(`{endpointSelector: {matchLabels: {"io.cilium.k8s.namespace.labels.team": blue}}, ingress: [{}]}`), isolated, open},

		// https://docs.tigera.io/calico/latest/reference/resources/networkpolicy
		{"calico: no rules, no types: ingress", calico(`{selector: all()}`), isolated, open},
		{"calico: egress rules alone: egress", calico(`{selector: all(), egress: [{action: Deny}]}`), open, isolated},
		{"calico: both rules: both", calico(`{egress: [{action: Deny}], ingress: [{action: Allow}]}`), "isolated: cluster internet", isolated},
		{"calico: types", calico(`{types: [Ingress, Egress]}`), isolated, isolated},
		{"calico: selector", calico(`{selector: "app == 'web' && tier in {'front', 'back'}"}`), isolated, open},
		{"calico: selector, other", calico(`{selector: "app != 'web' || !has(tier)"}`), open, open},
		{"calico: starts with, not in", calico(`{selector: "app starts with 'we' && zone not in {\"a\"} && (app ends with 'b')"}`), isolated, open},
		{"calico: selector, without a blank", calico(`{selector: "app startswith 'a' || app endswith 'a'"}`), open, open},
		{"calico: selector, negated", calico(`{selector: "!(app == 'api')"}`), isolated, open},
		{"calico: selector, negated match", calico(`{selector: "!(app == 'web')"}`), open, open},
		{"calico: selector, either", calico(`{selector: "app == 'api' || (tier == 'front' && has(app))"}`), isolated, open},
		{"calico: selector, in parentheses", calico(`{selector: "(app == 'web') && !(tier == 'back')"}`), isolated, open},
		{"calico: selector by namespace and label", gnp(`{selector: "projectcalico.org/namespace == 'shop' && app in {'api', 'web'}", types: [Ingress]}`), isolated, open},
		{"calico: selector by another namespace", gnp(`{selector: "app == 'web' && projectcalico.org/namespace == 'other'", types: [Ingress]}`), open, open},
		{"calico: service account", calico(`{serviceAccountSelector: "projectcalico.org/name == 'api'"}`), open, open},
		{"calico: the first match decides", calico(`{ingress: [{action: Deny, source: {nets: [0.0.0.0/0]}}, {action: Allow}]}`), isolated, open},
		{"calico: lower order first", calico(`{order: 20, ingress: [{action: Allow}]}`) + calico(`{order: 10, ingress: [{action: Deny}]}`), isolated, open},
		{"calico: without order last", calico(`{ingress: [{action: Deny}]}`) + calico(`{order: 10, ingress: [{action: Allow}]}`), "isolated: cluster internet", open},
		{"calico: Log decides nothing", calico(`{ingress: [{action: Log}, {action: Deny}]}`), isolated, open},
		{"calico: Pass leaves the last tier", calico(`{ingress: [{action: Pass}]}`), "isolated: cluster internet", open},
		{"calico: a protocol is a part", calico(`{ingress: [{action: Deny, protocol: UDP}, {action: Allow, protocol: TCP, destination: {ports: [443, "8000:8010"]}}]}`),
			"isolated: cluster[443/TCP 8000-8010/TCP] internet[443/TCP 8000-8010/TCP]", open},
		{"calico: denied before Kubernetes' policies at order 1000", np(`{podSelector: {}, ingress: [{}]}`) + calico(`{order: 999, ingress: [{action: Deny}]}`), isolated, open},
		{"calico: an earlier tier", np(`{podSelector: {}, ingress: [{}]}`) + "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: platform}\nspec: {order: 10}\n---\n" +
			calico(`{tier: platform, ingress: [{action: Deny, source: {selector: all(), namespaceSelector: all()}}, {action: Pass}]}`), "isolated: internet", open},
		{"calico: the tier's defaultAction", calicoTier("platform", "{order: 10, defaultAction: Pass}") + calico(`{tier: platform, types: [Ingress, Egress]}`), open, open},
		{"calico: the tier's defaultAction, then the default tier", calicoTier("platform", "{order: 10, defaultAction: Pass}") + calico(`{tier: platform, ingress: [{action: Deny, source: {nets: [0.0.0.0/0]}}]}`) + calico(`{ingress: [{action: Allow}]}`), isolated, open},
		{"calico: the predefined tiers pass on", calico(`{tier: adminnetworkpolicy, types: [Ingress]}`) + calico(`{tier: kube-baseline, types: [Ingress]}`), open, open},
		{"calico: a tier without order is the last", calicoTier("late", "{}") + calico(`{tier: late, ingress: [{action: Deny}]}`) + calico(`{ingress: [{action: Allow}]}`), "isolated: cluster internet", open},
		{"calico: a tier that is not here counts as the last", calico(`{tier: elsewhere, ingress: [{action: Deny}]}`) + calico(`{ingress: [{action: Allow}]}`), "isolated: cluster internet", open},
		{"calico: orders are fractions", calico(`{order: 10.5, ingress: [{action: Allow}]}`) + calico(`{order: 10.25, ingress: [{action: Deny}]}`), isolated, open},
		{"calico: orders of tiers are fractions", calicoTier("a", "{order: 1.5}") + calicoTier("b", "{order: 1.25}") + calico(`{tier: a, ingress: [{action: Allow}]}`) + calico(`{tier: b, ingress: [{action: Deny}]}`), isolated, open},
		{"calico: policies of one order by name", strings.Replace(calico(`{ingress: [{action: Allow}]}`), "name: p,", "name: zz,", 1) + strings.Replace(calico(`{ingress: [{action: Deny}]}`), "name: p,", "name: aa,", 1), isolated, open},
		{"calico: tiers of one order are two", calicoTier("a", "{order: 10}") + calicoTier("b", "{order: 10}") + calico(`{tier: a, ingress: [{action: Pass}]}`) + calico(`{tier: b, ingress: [{action: Deny}]}`), isolated, open},
		{"calico: Pass of a port", calicoTier("platform", "{order: 10}") + calico(`{tier: platform, ingress: [{action: Pass, protocol: TCP, destination: {ports: [80]}}]}`) + calico(`{ingress: [{action: Allow}]}`),
			"isolated: cluster[80/TCP] internet[80/TCP]", open},
		{"calico: Pass of ports of which the next tier allows some", calicoTier("platform", "{order: 10}") + calico(`{tier: platform, ingress: [{action: Pass, protocol: TCP, destination: {ports: ["80:90", 443]}}]}`) +
			calico(`{ingress: [{action: Allow, protocol: TCP, destination: {ports: ["85:100"]}}, {action: Allow, protocol: UDP}]}`), "isolated: cluster[85-90/TCP] internet[85-90/TCP]", open},
		{"calico: Pass of a port that the next tier denies", calicoTier("platform", "{order: 10}") + calico(`{tier: platform, ingress: [{action: Pass, protocol: TCP, destination: {ports: [80]}}]}`) + calico(`{ingress: [{action: Deny}]}`), isolated, open},
		{"calico: Pass of a port, and nobody behind", calicoTier("platform", "{order: 10}") + calico(`{tier: platform, ingress: [{action: Pass, protocol: TCP, destination: {ports: [80]}}, {action: Deny}]}`), "isolated: cluster[80/TCP] internet[80/TCP]", open},
		{"calico: a port denied before it is allowed", calico(`{ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}, {action: Allow, protocol: TCP, destination: {ports: [80, 443]}}]}`), "isolated: cluster[443/TCP] internet[443/TCP]", open},
		{"calico: source ports are a part", calico(`{ingress: [{action: Allow, protocol: TCP, source: {ports: [1024]}}]}`), isolated, open},
		{"calico: the pods' own side is a part", calico(`{ingress: [{action: Allow, destination: {selector: "app == 'api'"}}]}`), isolated, open},
		{"calico: the pods' own side, all of it", calico(`{ingress: [{action: Allow, destination: {selector: all()}}]}`), "isolated: cluster internet", open},
		{"calico: the pods' own addresses are a part", calico(`{egress: [{action: Allow, source: {nets: [10.0.0.0/24]}}]}`), open, isolated},
		{"calico: a denial of IPv6 is a part", calico(`{ingress: [{action: Deny, ipVersion: 6}, {action: Allow}]}`), "isolated: cluster internet", open},
		{"calico: what is no ICMP is a part", calico(`{ingress: [{action: Deny, protocol: ICMP, notICMP: {type: 8}}, {action: Allow}]}`), "isolated: cluster internet", open},
		{"calico: all ports but some", calico(`{ingress: [{action: Deny, protocol: TCP, destination: {notPorts: [22]}}, {action: Allow}]}`),
			"isolated: cluster-[1-21/TCP 23-65535/TCP] internet-[1-21/TCP 23-65535/TCP]", open},
		{"calico: global", gnp(`{selector: "projectcalico.org/namespace == 'shop'", types: [Ingress, Egress]}`), isolated, isolated},
		{"calico: global, namespaceSelector", gnp(`{namespaceSelector: "team == 'red'", types: [Ingress, Egress]}`), open, open},
		{"calico: global, for host endpoints", gnp(`{preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]}`), open, open},

		// https://network-policy-api.sigs.k8s.io/reference/spec/
		{"admin: a denial of all namespaces", admin("Admin", `{priority: 10, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`), "isolated: internet", open},
		{"admin: networks match pods, too", admin("Admin", `{priority: 10, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]}`), open, isolated},
		{"admin: subject elsewhere", admin("Admin", `{priority: 10, subject: {namespaces: {matchLabels: {team: red}}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]}`), open, open},
		{"admin: subject pods", admin("Admin", `{priority: 10, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: api}}}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]}`), open, open},
		{"admin: an allowance is final", np(`{podSelector: {}}`) + admin("Admin", `{priority: 10, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}`), "isolated: cluster", open},
		{"admin: pass leaves it to NetworkPolicy", np(`{podSelector: {}}`) + admin("Admin", `{priority: 10, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}, {action: Allow, from: [{namespaces: {}}]}]}`), isolated, open},
		{"admin: lower priority first", admin("Admin", `{priority: 20, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`) +
			admin("Admin", `{priority: 10, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}`), open, open},
		{"baseline: denies what no NetworkPolicy selects", admin("BaselineAdmin", `{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}], egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]}`), "isolated: internet", isolated},
		{"baseline: NetworkPolicy comes before", np(`{podSelector: {}, ingress: [{}]}`) + admin("BaselineAdmin", `{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`), "isolated: cluster internet", open},
		{"cluster policy: tier Admin, action Accept", np(`{podSelector: {}, policyTypes: [Egress]}`) + admin("Cluster", `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{networks: [0.0.0.0/0]}], protocols: [{tcp: {destinationPort: {number: 443}}}]}]}`), open, "isolated: cluster[443/TCP] internet[443/TCP]"},
		{"admin: an unknown action is none", np(`{podSelector: {}}`) + admin("Admin", `{priority: 10, subject: {namespaces: {}}, ingress: [{action: Permit, from: [{namespaces: {}}]}]}`), isolated, open},
		{"admin: ports allowed before all is denied", admin("Admin", `{priority: 10, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{portNumber: {protocol: TCP, port: 80}}]}, {action: Deny, from: [{namespaces: {}}]}]}`), "isolated: cluster[80/TCP] internet", open},
		{"cluster policy: tier Baseline", admin("Cluster", `{tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]}`), open, isolated},

		{"egress firewall: denies what leaves the cluster", firewall(`[{type: Deny, to: {cidrSelector: 0.0.0.0/0}}]`), open, "open: cluster"},
		{"egress firewall: in order", firewall(`[{type: Allow, to: {cidrSelector: 0.0.0.0/0}}, {type: Deny, to: {cidrSelector: 0.0.0.0/0}}]`), open, open},
		{"egress firewall: an unknown type is none", firewall(`[{type: Permit, to: {cidrSelector: 0.0.0.0/0}}, {type: Deny, to: {cidrSelector: 0.0.0.0/0}}]`), open, "open: cluster"},
		{"egress firewall: a port is denied, a name is a part", firewall(`[{type: Deny, to: {cidrSelector: 0.0.0.0/0}, ports: [{protocol: TCP, port: 80}]}, {type: Deny, to: {dnsName: a.example}}]`), open, "open: cluster internet-[80/TCP]"},
		{"egress firewall: a port is allowed, then all is denied", firewall(`[{type: Allow, to: {cidrSelector: 0.0.0.0/0}, ports: [{protocol: TCP, port: 443}]}, {type: Deny, to: {cidrSelector: 0.0.0.0/0}}]`), open, "open: cluster internet[443/TCP]"},
		{"egress firewall: what it allows, the policies must, too", firewall(`[{type: Allow, to: {cidrSelector: 0.0.0.0/0}}]`) + np(`{podSelector: {}, egress: [{ports: [{port: 443}]}]}`), isolated, "isolated: cluster[443/TCP] internet[443/TCP]"},
		{"egress firewall: what policies allow, it denies", firewall(`[{type: Deny, to: {cidrSelector: 0.0.0.0/0}}]`) + np(`{podSelector: {}, egress: [{}]}`), isolated, "isolated: cluster"},
		{"egress firewall: a network is a part", firewall(`[{type: Deny, to: {cidrSelector: 192.0.2.0/24}}]`), open, open},

		// Denials meet the allowances of other policies and kinds, port by port.
		{"cilium: a port is denied that another policy allows", cnp(`{endpointSelector: {}, egressDeny: [{toEntities: [all], toPorts: [{ports: [{port: "25", protocol: TCP}]}]}]}`) + cnp(`{endpointSelector: {}, egress: [{toEntities: [all]}]}`),
			open, "isolated: cluster-[25/TCP] internet-[25/TCP]"},
		{"cilium: a port is denied that a NetworkPolicy allows", np(`{podSelector: {}, ingress: [{ports: [{port: 22}, {port: 80}]}]}`) + cnp(`{endpointSelector: {}, ingressDeny: [{fromEntities: [all], toPorts: [{ports: [{port: "22", protocol: TCP}]}]}]}`),
			"isolated: cluster[80/TCP] internet[80/TCP]", open},
		{"admin: a port is denied that a NetworkPolicy allows", np(`{podSelector: {}, ingress: [{ports: [{port: 20, endPort: 30}]}]}`) + admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {protocol: TCP, port: 22}}]}]}`),
			"isolated: cluster[20-21/TCP 23-30/TCP] internet[20-30/TCP]", open},
		{"admin: a port is denied where no NetworkPolicy selects", admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {port: 22}}]}]}`), "open: cluster-[22/TCP] internet", open},
		{"admin: a port is passed on before all is denied", np(`{podSelector: {}, ingress: [{}]}`) + admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}], ports: [{portRange: {protocol: TCP, start: 80, end: 90}}]}, {action: Deny, from: [{namespaces: {}}]}]}`),
			"isolated: cluster[80-90/TCP] internet", open},
		{"admin: a port is passed on to nobody", admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}], ports: [{portNumber: {port: 80}}]}, {action: Deny, from: [{namespaces: {}}]}]}`), "isolated: cluster[80/TCP] internet", open},
		{"admin: named ports are of every protocol", np(`{podSelector: {}}`) + admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{namedPort: web}]}]}`), "isolated: cluster[web]", open},
		{"admin: namespaces one level deeper, as in the first releases", admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {namespaceSelector: {matchLabels: {team: red}}}}]}]}`), open, open},
		{"admin: all namespaces one level deeper", admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {namespaceSelector: {}}}]}]}`), "isolated: internet", open},
		{"admin: namespaces with the same labels are some", admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {sameLabels: [team]}}]}]}`), open, open},
		{"admin: pods of namespaces one level deeper", admin("Admin", `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{pods: {namespaces: {namespaceSelector: {}}, podSelector: {}}}]}]}`), "isolated: internet", open},
		{"cluster policy: pods without a selector of namespaces are of all", admin("Cluster", `{tier: Admin, priority: 1, subject: {pods: {podSelector: {}}}, ingress: [{action: Deny, from: [{pods: {podSelector: {}}}]}]}`), "isolated: internet", open},
		{"cluster policy: a protocol without ports", admin("Cluster", `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{udp: {}}]}]}`), "open: cluster-[UDP] internet", open},
		{"cluster policy: a range", admin("Cluster", `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 1023}}}}]}]}`), "open: cluster-[1-1023/TCP] internet", open},
		{"baseline: what Calico's default tier passes on", calico(`{ingress: [{action: Pass}]}`) + admin("BaselineAdmin", `{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`), "isolated: internet", open},

		{"calico: a port is denied, the others passed on", calicoTier("platform", "{order: 10}") + calico(`{tier: platform, ingress: [{action: Deny, protocol: TCP, destination: {ports: [22]}}, {action: Pass}]}`) + calico(`{ingress: [{action: Allow}]}`),
			"isolated: cluster-[22/TCP] internet-[22/TCP]", open},
		{"calico: a port is denied, the others allowed", calico(`{ingress: [{action: Deny, protocol: TCP, destination: {ports: ["20:22", ssh]}}, {action: Allow}]}`), "isolated: cluster-[20-22/TCP ssh/TCP] internet-[20-22/TCP ssh/TCP]", open},
		{"calico: every protocol but one", calico(`{ingress: [{action: Deny, notProtocol: TCP}, {action: Allow}]}`), "isolated: cluster[TCP] internet[TCP]", open},
		{"calico: a protocol by its number", calico(`{ingress: [{action: Allow, protocol: 6}, {action: Allow, protocol: 47}]}`), "isolated: cluster[TCP protocol 47] internet[TCP protocol 47]", open},
		{"calico: HTTP is TCP", calico(`{ingress: [{action: Allow, http: {methods: [GET]}}]}`), "isolated: cluster[TCP] internet[TCP]", open},
		{"calico: notNets alone are all the others", calico(`{egress: [{action: Allow, destination: {notNets: [10.0.0.0/8]}}]}`), open, "isolated: internet"},
		{"calico: a denial of all but private networks", calico(`{egress: [{action: Deny, destination: {notNets: [10.0.0.0/8]}}, {action: Allow}]}`), open, "isolated: cluster"},
		{"calico: nets of a network and all networks but that", calico(`{egress: [{action: Allow, destination: {nets: [0.0.0.0/0], notNets: [0.0.0.0/0]}}]}`), open, isolated},
		{"calico: empty fields of a peer are none", calico(`{egress: [{action: Allow, destination: {nets: [], selector: ""}}]}`), open, "isolated: cluster internet"},
		{"calico: selector and nets must both match", calico(`{egress: [{action: Allow, destination: {selector: "app == 'api'", nets: [0.0.0.0/0]}}]}`), open, isolated},
		{"calico: all pods with an address of any network", gnp(`{egress: [{action: Allow, destination: {selector: all(), nets: [0.0.0.0/0]}}]}`), open, "isolated: cluster"},

		// Addresses of either family, in part and in pieces.
		{"a denial of ::/0 leaves IPv4", calico(`{egress: [{action: Deny, destination: {nets: ["::/0"]}}, {action: Allow}]}`), open, "isolated: cluster internet"},
		{"a denial of 0.0.0.0/0 is one of every address", calico(`{egress: [{action: Deny, destination: {nets: [0.0.0.0/0]}}, {action: Allow}]}`), open, isolated},
		{"where IPv6 is allowed by name, a denial of 0.0.0.0/0 leaves it", calico(`{egress: [{action: Deny, destination: {nets: [0.0.0.0/0]}}, {action: Allow, destination: {nets: ["2000::/3"]}}]}`), open, "isolated: internet"},
		{"a denial of both families", calico(`{egress: [{action: Deny, destination: {nets: [0.0.0.0/0, "::/0"]}}, {action: Allow}]}`), open, isolated},
		{"a denial of half of IPv4 is a part", calico(`{egress: [{action: Deny, destination: {nets: [0.0.0.0/1]}}, {action: Allow}]}`), open, "isolated: cluster internet"},
		{"a denial of both halves of IPv4 is none", calico(`{egress: [{action: Deny, destination: {nets: [0.0.0.0/1, 128.0.0.0/1]}}, {action: Allow}]}`), open, isolated},
		{"an allowance of half of IPv4 is most of it", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 128.0.0.0/1}}, {ipBlock: {cidr: 64.0.0.0/2}}]}]}`), isolated, "isolated: internet"},
		{"an allowance of a quarter of IPv4 is a part", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 64.0.0.0/2}}]}]}`), isolated, isolated},
		{"the public networks in pieces", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 1.0.0.0/8}}, {ipBlock: {cidr: 2.0.0.0/7}}, {ipBlock: {cidr: 4.0.0.0/6}}, {ipBlock: {cidr: 8.0.0.0/5}}, {ipBlock: {cidr: 16.0.0.0/4}}, {ipBlock: {cidr: 32.0.0.0/3}}, {ipBlock: {cidr: 64.0.0.0/2}}, {ipBlock: {cidr: 128.0.0.0/3}}]}]}`), isolated, "isolated: internet"},
		{"private networks are not the internet", np(`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 172.16.0.0/12}}, {ipBlock: {cidr: 192.168.0.0/16}}]}]}`), isolated, isolated},
		{"calico: ipVersion 4", calico(`{ipVersion: 4, ingress: [{action: Deny, ipVersion: 4}, {action: Allow}]}`), isolated, open},
		{"calico: ipVersion of each family", calico(`{ingress: [{action: Deny, ipVersion: 4}, {action: Allow, ipVersion: 6}]}`), "isolated: cluster internet", open},
	}
	for _, test := range tests {
		t.Run(test.clause, func(t *testing.T) {
			b := linttest.Bundle(t, lint.NewSource("test.yaml", []byte(pods+test.policies)))
			m := ModelOf(b)
			w := m.Namespaces[0].Workloads[0]
			if got := describe(w.Exposure(Ingress), m.Names); got != test.ingress {
				t.Errorf("ingress: %s, want %s", got, test.ingress)
			}
			if got := describe(w.Exposure(Egress), m.Names); got != test.egress {
				t.Errorf("egress: %s, want %s", got, test.egress)
			}
		})
	}
}

func object(apiVersion, kind, meta, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: %s\nspec: %s\n---\n", apiVersion, kind, meta, spec)
}

func np(spec string) string {
	return object("networking.k8s.io/v1", "NetworkPolicy", "{name: p, namespace: shop}", spec)
}

func cnp(spec string) string {
	return object("cilium.io/v2", "CiliumNetworkPolicy", "{name: p, namespace: shop}", spec)
}

func ccnp(spec string) string {
	return object("cilium.io/v2", "CiliumClusterwideNetworkPolicy", "{name: p}", spec)
}

func calico(spec string) string {
	return object("projectcalico.org/v3", "NetworkPolicy", "{name: p, namespace: shop}", spec)
}

func calicoTier(name, spec string) string {
	return object("projectcalico.org/v3", "Tier", "{name: "+name+"}", spec)
}

func gnp(spec string) string {
	return object("projectcalico.org/v3", "GlobalNetworkPolicy", "{name: p}", spec)
}

func admin(kind, spec string) string {
	return object("policy.networking.k8s.io/v1alpha1", kind+"NetworkPolicy", "{name: p}", spec)
}

func firewall(rules string) string {
	return object("k8s.ovn.org/v1", "EgressFirewall", "{name: default, namespace: shop}", "{egress: "+rules+"}")
}

func describe(e *Exposure, names *PortNames) string {
	text := "open:"
	if e.Isolated {
		text = "isolated:"
	}
	for _, s := range Scopes {
		switch open := e.Open[s]; {
		case open.Full():
			text += " " + s.String()
		case names.But(open) != nil:
			text += fmt.Sprintf(" %s-%v", s, names.But(open))
		case !open.Empty():
			text += fmt.Sprintf(" %s%v", s, names.List(open))
		}
	}
	return text
}

func TestHostNetworkIsOutsideEveryPolicy(t *testing.T) {
	b := linttest.Bundle(t, lint.NewSource("test.yaml", []byte(strings.Replace(pods, "serviceAccountName: web", "hostNetwork: true", 1)+np(`{podSelector: {}, policyTypes: [Ingress, Egress]}`))))
	m := ModelOf(b)
	w := m.Namespaces[0].Workloads[0]
	for _, d := range Directions {
		if got := describe(w.Exposure(d), m.Names); got != "open: cluster internet" {
			t.Errorf("%s: %s", d, got)
		}
	}
}

// On the way in a named port is the number that the pod gives it; on the way out
// each destination has its own.
func TestNamedPortsAreThoseOfThePod(t *testing.T) {
	tests := []struct{ policies, ingress, egress string }{
		{np(`{podSelector: {}, ingress: [{ports: [{port: http}, {port: http, protocol: UDP}]}], egress: [{ports: [{port: http}]}]}`), "isolated: cluster[8080/TCP http/UDP] internet[8080/TCP http/UDP]", "isolated: cluster[http/TCP] internet[http/TCP]"},
		{np(`{podSelector: {}, ingress: [{ports: [{port: http}]}]}`) + cnp(`{endpointSelector: {}, ingressDeny: [{fromEntities: [all], toPorts: [{ports: [{port: "8080", protocol: TCP}]}]}]}`), "isolated:", "open: cluster internet"},
		{calico(`{ingress: [{action: Deny, protocol: TCP, destination: {ports: [http]}}, {action: Allow, protocol: TCP, destination: {ports: ["8000:8100"]}}]}`), "isolated: cluster[8000-8079/TCP 8081-8100/TCP] internet[8000-8079/TCP 8081-8100/TCP]", "open: cluster internet"},
		{calico(`{ingress: [{action: Deny, protocol: TCP, destination: {notPorts: [http]}}, {action: Allow, protocol: TCP}]}`), "isolated: cluster[8080/TCP http/TCP] internet[8080/TCP http/TCP]", "open: cluster internet"},
	}
	for _, test := range tests {
		b := linttest.Bundle(t, lint.NewSource("test.yaml", []byte(strings.Replace(pods, "image: registry.example/web:1", "image: registry.example/web:1, ports: [{name: http, containerPort: 8080}]", 1)+test.policies)))
		m := ModelOf(b)
		w := m.Namespaces[0].Workloads[0]
		if got := describe(w.Exposure(Ingress), m.Names); got != test.ingress {
			t.Errorf("%s\ningress: %s, want %s", test.policies, got, test.ingress)
		}
		if got := describe(w.Exposure(Egress), m.Names); got != test.egress {
			t.Errorf("%s\negress: %s, want %s", test.policies, got, test.egress)
		}
	}
}

func TestBrokenCalicoSelectorsMatchAndEnd(t *testing.T) {
	for _, text := range []string{"", "(", "app ==", "app == 'web", "!!!!", "has(", "in {", "a in {'b'", "a in {,", "all(", strings.Repeat("(", 100000), "a && ", "'", "&", "a | b", "x not", "== ''"} {
		n := lint.NewNode(yamlScalar(text))
		if !calicoSelector(n).matches(kube.LabelSet{}) {
			t.Errorf("%.20q matches nothing", text)
		}
	}
}

func yamlScalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

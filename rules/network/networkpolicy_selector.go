package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/netpol"
)

// Selector reports what the API server refuses in NetworkPolicies, and selectors
// that select something else than they look like
// (k8s.io/kubernetes/pkg/apis/networking/validation, ValidateNetworkPolicySpec).
var Selector = &lint.Rule{
	ID:         "networkpolicy-selector",
	Summary:    "network policy has no podSelector, a selector, peer or port that the API server refuses, or rules that have no effect",
	Severity:   lint.Low,
	Group:      "network",
	Profiles:   core,
	References: []string{"NSA 2.0"},
	Peers:      map[string][]string{"trivy": {"KSV-0038"}},
	Docs:       docs,
	YieldsTo:   []string{"schema"}, // only of a field that no selector has: see refused
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("NetworkPolicy") {
			if r.Group != "networking.k8s.io" && r.Group != "extensions" {
				continue
			}
			spec := r.Get("spec")
			if pods := spec.Get("podSelector"); !pods.Exists() {
				f := refused(pass, pods, "%s has no podSelector and so selects every pod of its namespace; clusters older than the optional field refuse it", r)
				f.Help = "write podSelector: {} if that is meant, else the labels of the pods"
			} else {
				checkSelector(pass, r, pods)
			}
			checkPolicyTypes(pass, r, spec.Get("policyTypes"))
			checkUnasked(pass, r, spec)
			for _, d := range netpol.Directions {
				for _, item := range spec.Get(d.String()).Items() {
					for _, p := range item.Get("ports").Items() {
						checkPort(pass, r, p)
					}
					for _, peer := range item.Get(d.PeersField()).Items() {
						checkPeer(pass, r, d, peer)
					}
				}
			}
		}
	},
}

// refused reports what a value has wrong, unless a tool is to fill it in. Its
// subject keeps it apart from unknown fields, which the rule schema reports too.
func refused(pass *lint.Pass, n *lint.Node, format string, args ...any) *lint.Finding {
	if kube.IsTemplated(n.Value()) {
		return &lint.Finding{} // of no pass
	}
	f := pass.Reportf(n, format, args...)
	f.Subject = "networkpolicy"
	return f
}

func checkPolicyTypes(pass *lint.Pass, r *lint.Resource, types *lint.Node) {
	if n := len(types.Items()); n > 2 {
		refused(pass, types, "%s lists %d policyTypes, which the API server refuses: there are two", r, n).Help = "write Ingress and Egress once each"
		return
	}
	for _, t := range types.Items() {
		if t.IsScalar() && t.Value() != "Ingress" && t.Value() != "Egress" {
			refused(pass, t, "%s has the policy type %q, which the API server refuses", r, t.Value()).Help = "write Ingress or Egress, with a capital"
		}
	}
}

// checkUnasked reports rules of a direction that policyTypes leaves out. An empty
// list is what no list is, and is often written next to the other.
func checkUnasked(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
	types := spec.Get("policyTypes").Strings()
	if len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return t != "Ingress" && t != "Egress" }) {
		return // the default, a tool's choice or a refused policy
	}
	for _, d := range netpol.Directions {
		if list := spec.Get(d.String()); len(list.Items()) > 0 && !slices.Contains(types, d.PolicyType()) {
			f := pass.Reportf(list.KeyNode(), "%s has rules for %s that have no effect: policyTypes does not list it", r, d)
			f.Help = fmt.Sprintf("add %s to policyTypes", d.PolicyType())
		}
	}
}

func checkPort(pass *lint.Pass, r *lint.Resource, p *lint.Node) {
	if protocol := p.Get("protocol"); protocol.IsScalar() && !slices.Contains([]string{"TCP", "UDP", "SCTP"}, protocol.Value()) {
		refused(pass, protocol, "%s has a port of protocol %q, which the API server refuses", r, protocol.Value()).Help = "use TCP, UDP or SCTP, in capitals"
	}
	first, end := p.Get("port"), p.Get("endPort")
	number, numeric := first.Int()
	switch {
	case numeric && (number < 1 || number > 65535):
		refused(pass, first, "%s has port %d, which is not between 1 and 65535", r, number)
		return
	case first.IsString():
		if problems := validation.IsValidPortName(first.Value()); len(problems) > 0 {
			f := refused(pass, first, "%s names port %q: a port's name %s", r, first.Value(), problems[0])
			if _, err := strconv.Atoi(first.Value()); err == nil {
				f.Help = "remove the quotes: a number in quotes is read as a name"
			}
		}
	}
	last, ranged := end.Int()
	switch {
	case !ranged || kube.IsTemplated(first.Value()):
	case first.IsNull():
		refused(pass, end, "%s has endPort %d without a port, which the API server refuses", r, last).Help = "set port to the first of the range"
	case first.IsString():
		refused(pass, end, "%s has endPort %d with the named port %q, which the API server refuses", r, last, first.Value()).Help = "set port to the number of the first of the range"
	case numeric && last < number:
		refused(pass, end, "%s has endPort %d below its port %d, which the API server refuses", r, last, number)
	case last > 65535:
		refused(pass, end, "%s has endPort %d, which is not between 1 and 65535", r, last)
	}
}

func checkPeer(pass *lint.Pass, r *lint.Resource, d netpol.Direction, peer *lint.Node) {
	pods, spaces, block := peer.Get("podSelector"), peer.Get("namespaceSelector"), peer.Get("ipBlock")
	switch {
	case pods.IsNull() && spaces.IsNull() && block.IsNull():
		f := refused(pass, peer, "%s has an empty peer in %s, which the API server refuses", r, d.PeersField())
		f.Help = "write podSelector: {} for the pods of this namespace, namespaceSelector: {} for all pods, or leave out the list for all peers"
	case !block.IsNull() && !(pods.IsNull() && spaces.IsNull()):
		f := refused(pass, block, "%s has a peer with ipBlock and a selector, which the API server refuses", r)
		f.Help = "split it into two peers"
	case block.IsMapping():
		checkBlock(pass, r, block)
	}
	checkSelector(pass, r, pods)
	checkSelector(pass, r, spaces)
}

func checkBlock(pass *lint.Pass, r *lint.Resource, block *lint.Node) {
	const help = "write address/bits, for example 192.0.2.0/24"
	cidr := block.Get("cidr")
	switch {
	case cidr.IsNull() || cidr.IsScalar() && cidr.Value() == "":
		refused(pass, cidr, "%s has an ipBlock without cidr, which the API server refuses", r).Help = help
		return
	case !cidr.IsScalar():
		return
	}
	network, err := netip.ParsePrefix(cidr.Value())
	if err != nil {
		refused(pass, cidr, "%s has an ipBlock %q that is not a network in CIDR notation", r, cidr.Value()).Help = help
		return
	}
	for _, item := range block.Get("except").Items() {
		if !item.IsScalar() {
			continue
		}
		except, err := netip.ParsePrefix(item.Value())
		switch {
		case err != nil:
			refused(pass, item, "%s excepts %q, which is not a network in CIDR notation", r, item.Value()).Help = help
		case except.Masked() == network.Masked():
			refused(pass, item, "%s excepts all of its ipBlock %s, which the API server refuses", r, cidr.Value()).Help = "remove the peer, or except a part of it"
		case except.Bits() <= network.Bits() || !network.Contains(except.Addr()):
			refused(pass, item, "%s excepts %s, which is not inside its ipBlock %s", r, item.Value(), cidr.Value())
		}
	}
}

func checkSelector(pass *lint.Pass, r *lint.Resource, s *lint.Node) {
	for _, f := range s.Fields() {
		if f.Name() != "matchLabels" && f.Name() != "matchExpressions" {
			pass.Reportf(f, "%s has %q in its %s, which is not a field of a selector: without it the selector matches more", r, f.Name(), s.Name()).Help = "put labels under matchLabels"
		}
	}
	for _, l := range s.Get("matchLabels").Fields() {
		checkLabelKey(pass, r, l.KeyNode(), l.Name())
		checkLabelValue(pass, r, l)
	}
	for _, e := range s.Get("matchExpressions").Items() {
		if key := e.Get("key"); key.IsNull() {
			refused(pass, key, "%s has an expression without a key, which the API server refuses", r)
		} else if key.IsScalar() {
			checkLabelKey(pass, r, key, key.Value())
		}
		for _, v := range e.Get("values").Items() {
			checkLabelValue(pass, r, v)
		}
		op, values := e.Get("operator"), e.Get("values").Strings()
		switch op.Value() {
		case "In", "NotIn":
			if len(values) == 0 {
				refused(pass, e.Get("values"), "%s has an expression with %s and no values, which the API server refuses", r, op.Value())
			}
		case "Exists", "DoesNotExist":
			if len(values) > 0 {
				refused(pass, e.Get("values"), "%s has an expression with %s and values, which the API server refuses", r, op.Value())
			}
		default:
			refused(pass, op, "%s has an expression with the operator %q, which the API server refuses", r, op.Value()).Help = "use In, NotIn, Exists or DoesNotExist"
		}
	}
}

func checkLabelKey(pass *lint.Pass, r *lint.Resource, n *lint.Node, key string) {
	if problems := content.IsLabelKey(key); len(problems) > 0 {
		refused(pass, n, "%s selects by the label %q, which no object can have: %s", r, key, withoutExamples(problems[0]))
	}
}

func checkLabelValue(pass *lint.Pass, r *lint.Resource, n *lint.Node) {
	if problems := content.IsLabelValue(n.Value()); n.IsScalar() && len(problems) > 0 {
		refused(pass, n, "%s selects by the label value %q, which no object can have: %s", r, n.Value(), withoutExamples(problems[0]))
	}
}

// withoutExamples cuts the examples and the regular expression off a sentence of
// Kubernetes' validation.
func withoutExamples(problem string) string {
	text, _, _ := strings.Cut(problem, " (e.g.")
	return text
}

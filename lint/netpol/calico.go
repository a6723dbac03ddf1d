package netpol

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A Tier is a group of policies; what those of it that select a pod do not decide
// is denied, or passed on to the next tier.
type Tier struct {
	name   string // "" for the default
	order  float64
	passes bool
}

// Every kind of policy has its place in Calico's order of tiers
// (https://docs.tigera.io/calico/latest/network-policy/policy-tiers/tiered-policy):
// Kubernetes' own policies are evaluated in the tier "default", at order 1000.
var (
	FirewallTier = Tier{"egressfirewall", math.Inf(-1), true}
	adminTier    = Tier{"kube-admin", 1e3, true}
	defaultTier  = Tier{"", 1e6, false}
	BaselineTier = Tier{"kube-baseline", 1e7, true}
)

// tiers are Calico's tiers by name.
type tiers map[string]Tier

// calicoTiers returns the tiers of a bundle, next to those that every cluster has.
func calicoTiers(b *lint.Bundle) tiers {
	t := tiers{"": defaultTier, "default": defaultTier, "kube-admin": adminTier, "adminnetworkpolicy": adminTier,
		"kube-baseline": BaselineTier, "baselineadminnetworkpolicy": BaselineTier}
	for _, r := range b.OfKind("Tier") {
		if _, builtin := t[r.Name]; !builtin && strings.HasSuffix(r.Group, "projectcalico.org") {
			t[r.Name] = Tier{r.Name, orderOf(r.Get("spec", "order")), r.Get("spec", "defaultAction").Value() == "Pass"}
		}
	}
	return t
}

// named returns the tier that a policy is in; one that the bundle does not hold
// counts as the last.
func (t tiers) named(name string) Tier {
	if found, ok := t[name]; ok {
		return found
	}
	return Tier{name: name, order: lastOrder}
}

// orderOf reads an order, a fraction it may be; lastOrder where there is none.
func orderOf(n *lint.Node) float64 {
	if order, err := strconv.ParseFloat(n.Value(), 64); err == nil && !math.IsNaN(order) {
		return order
	}
	return lastOrder
}

// calico reads Calico's NetworkPolicy and GlobalNetworkPolicy
// (https://docs.tigera.io/calico/latest/reference/resources/globalnetworkpolicy). A policy that
// selects a pod in a direction denies it what no rule allows; rules are evaluated by
// the policies' order, those without one last.
func (rd *reader) calico(r *lint.Resource) []*Policy {
	spec := r.Get("spec")
	if spec.Get("doNotTrack").IsTrue() || spec.Get("preDNAT").IsTrue() { // for host endpoints alone
		return nil
	}
	p := &Policy{Resource: r, Namespace: kube.Home(r), Wide: r.Kind == "GlobalNetworkPolicy", Tier: rd.tiers.named(spec.Get("tier").Value()),
		order: orderOf(spec.Get("order")), name: r.Name}
	pods, spaces, accounts := calicoSelector(spec.Get("selector")), calicoSelector(spec.Get("namespaceSelector")), calicoSelector(spec.Get("serviceAccountSelector"))
	p.Pods = slices.DeleteFunc(slices.Clone(pods.needs), func(r kube.Requirement) bool { return strings.HasPrefix(r.Key, "projectcalico.org/") })
	p.also = func(w *Workload) bool {
		return spaces.matches(w.Namespace.calicoLabels()) && pods.matches(w.calicoLabels()) &&
			accounts.matches(kube.LabelSet{Labels: map[string]string{"projectcalico.org/name": w.serviceAccount}, Open: true})
	}
	types := spec.Get("types").Strings()
	for _, d := range Directions {
		items := spec.Get(d.String()).Items()
		applies := slices.Contains(types, d.PolicyType())
		if len(types) == 0 {
			applies = len(items) > 0 || d == Ingress && len(spec.Get("egress").Items()) == 0
		}
		p.Sides[d] = Side{Applies: applies, Isolates: applies && !p.Tier.passes}
		for _, n := range items {
			if rl := rd.calicoRule(n, d, p.Wide); rl != nil {
				p.Sides[d].Rules = append(p.Sides[d].Rules, rl)
			}
		}
	}
	return []*Policy{p}
}

// calicoLabels returns the labels that Calico sees on a pod. They are made once, while
// the model is built.
func (w *Workload) calicoLabels() kube.LabelSet {
	if w.calico.Labels != nil {
		return w.calico
	}
	labels := map[string]string{"projectcalico.org/orchestrator": "k8s", "projectcalico.org/serviceaccount": w.serviceAccount}
	for k, v := range w.labels.Labels {
		labels[k] = v
	}
	unknown := map[string]bool{}
	for k := range w.labels.Unknown {
		unknown[k] = true
	}
	if w.Namespace.Name != "" {
		labels["projectcalico.org/namespace"] = w.Namespace.Name
	} else {
		unknown["projectcalico.org/namespace"] = true
	}
	w.calico = kube.LabelSet{Labels: labels, Unknown: unknown, Open: w.labels.Open}
	return w.calico
}

// calicoLabels returns the labels that Calico sees on a namespace; see those of a pod.
func (ns *Namespace) calicoLabels() kube.LabelSet {
	if ns.calico.Labels != nil {
		return ns.calico
	}
	labels := map[string]string{}
	for k, v := range ns.Labels.Labels {
		labels[k] = v
	}
	if ns.Name != "" {
		labels["projectcalico.org/name"] = ns.Name
	}
	ns.calico = kube.LabelSet{Labels: labels, Open: ns.Labels.Open}
	return ns.calico
}

// calicoRule reads one rule; nil where it decides nothing for all traffic of any
// peer: a Log, or a denial of a part of what its peers send.
func (rd *reader) calicoRule(n *lint.Node, d Direction, wide bool) *Rule {
	rl := &Rule{Node: n}
	switch strings.ToLower(n.Get("action").Value()) {
	case "allow":
	case "deny":
		rl.Action = Deny
	case "pass":
		rl.Action = Pass
	default:
		return nil
	}
	rl.Ports = rd.calicoPorts(n)
	// A rule for some of the clients' ports, or for some of the pods that the policy
	// selects, is about a part of the traffic only.
	part := set(n.Get("source", "ports")) || set(n.Get("source", "notPorts"))
	self := n.Get([...]string{"destination", "source"}[d])
	for _, field := range slices.Concat(calicoSelectors, []string{"nets", "notNets"}) {
		part = part || set(self.Get(field)) && !calicoAll(self.Get(field).Value())
	}
	narrow := set(n.Get("icmp", "type")) || set(n.Get("notICMP")) || set(n.Get("http"))
	if (part || narrow) && rl.Action != Allow {
		return nil
	}

	peer := n.Get([...]string{"source", "destination"}[d])
	kinds := Everyone
	selects := slices.ContainsFunc(calicoSelectors, func(field string) bool { return set(peer.Get(field)) })
	every := selects && calicoEveryPod(peer, wide)
	if every {
		kinds = EveryPod
	} else if selects {
		kinds = 0
	}
	switch n.Get("ipVersion").Value() {
	case "4":
		kinds &= onlyV4
	case "6":
		kinds &= onlyV6
		rl.v6 = true
	}
	if part {
		kinds = 0
	}
	switch nets, except := peer.Get("nets").Items(), peer.Get("notNets"); {
	case selects && !every: // some pods, whatever their addresses
	case len(nets) > 0:
		for _, cidr := range nets {
			rl.addBlock(cidr, except)
		}
	case set(except): // every address but some
		for _, family := range wholeFamilies {
			rl.Blocks = append(rl.Blocks, Block{Node: except, Prefix: family, Except: parsePrefixes(except)})
		}
	default:
		rl.Reach = kinds
	}
	rl.settle(kinds)
	return rl
}

// calicoPorts reads the protocol of a rule and the ports of its destination.
func (rd *reader) calicoPorts(n *lint.Node) Ports {
	protocol, not := n.Get("protocol"), n.Get("notProtocol")
	all := allPorts
	switch {
	case set(protocol):
		all.Traffic = protocolTraffic(protocol.Value())
	case set(n.Get("icmp")) || set(n.Get("notICMP")):
		all.Traffic = protocolTraffic("ICMP")
	case set(n.Get("http")):
		all.Traffic = protocolTraffic("TCP")
	}
	if set(not) {
		all.Traffic = all.without(protocolTraffic(not.Value()))
	}
	given, excluded := n.Get("destination", "ports"), n.Get("destination", "notPorts")
	if set(given) {
		all = all.and(rd.calicoPortList(given))
	}
	if set(excluded) {
		excepted := rd.calicoPortList(excluded)
		all.Traffic, all.Named = all.without(excepted.Traffic), all.Named || excepted.Named
	}
	return all
}

// calicoPortList reads a list of ports, which are those of every protocol with ports.
func (rd *reader) calicoPortList(list *lint.Node) Ports {
	var all Ports
	for _, item := range list.Items() {
		for p := TCP; p <= sctp; p++ {
			all.add(rd.port(protocolNames[p], item, absent))
		}
	}
	return all
}

// calicoSelectors are the fields by which one side of a rule selects endpoints.
var calicoSelectors = []string{"selector", "notSelector", "namespaceSelector", "serviceAccounts", "services", "domains"}

// calicoEveryPod reports whether selectors of a rule's peer match every pod of
// every namespace. In a namespaced policy a selector alone is about its namespace.
func calicoEveryPod(peer *lint.Node, wide bool) bool {
	pods, spaces := peer.Get("selector").Value(), peer.Get("namespaceSelector").Value()
	for _, field := range []string{"notSelector", "serviceAccounts", "services", "domains"} {
		if set(peer.Get(field)) {
			return false
		}
	}
	return (pods == "" || calicoAll(pods)) && (calicoAll(spaces) || spaces == "" && wide)
}

// set reports whether a field says something: an empty text or list is as none.
func set(n *lint.Node) bool {
	return n.Value() != "" || len(n.Items())+len(n.Fields()) > 0
}

// calicoAll reports whether a selector is all().
func calicoAll(text string) bool { return strings.ReplaceAll(text, " ", "") == "all()" }

// A calicoMatch is a selector, or a part of one. Needs are requirements that whatever
// it matches fulfils; there may be more to it.
type calicoMatch struct {
	test  func(kube.LabelSet) verdict
	needs kube.Selector
}

func (m calicoMatch) matches(l kube.LabelSet) bool { return m.test(l) != no }

// calicoSelector compiles a selector. One that cannot be read matches
// everything: the policy may select the pod.
func calicoSelector(n *lint.Node) calicoMatch {
	everything := calicoMatch{test: func(kube.LabelSet) verdict { return yes }}
	text := strings.TrimSpace(n.Value())
	if text == "" {
		return everything
	}
	p := &calicoParser{tokens: calicoTokens(text)}
	match := p.or()
	if p.err != nil || len(p.tokens) > 0 {
		return everything
	}
	return match
}

// A verdict has three values, for labels that only the cluster knows.
type verdict int

const (
	no verdict = iota
	maybe
	yes
)

func truth(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// A calicoParser reads the selector language: ||, &&, !, parentheses, all(),
// global(), has(k), k == 'v', k != 'v', k in {…}, k not in {…}, and
// k contains, starts with, ends with 'v'.
type calicoParser struct {
	tokens []string
	depth  int
	err    error
}

func (p *calicoParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *calicoParser) take() string {
	t := p.next()
	if t != "" {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *calicoParser) expect(want string) {
	if got := p.take(); got != want && p.err == nil {
		p.err = fmt.Errorf("selector has %q where %q belongs", got, want)
	}
}

func (p *calicoParser) or() calicoMatch {
	if p.depth++; p.depth > 100 && p.err == nil {
		p.err = fmt.Errorf("selector is nested too deep")
	}
	defer func() { p.depth-- }()
	all := []calicoMatch{p.and()}
	for p.next() == "||" && p.err == nil {
		p.take()
		all = append(all, p.and())
	}
	if len(all) == 1 {
		return all[0]
	}
	return calicoMatch{test: func(l kube.LabelSet) verdict {
		best := no
		for _, m := range all {
			best = max(best, m.test(l))
		}
		return best
	}}
}

func (p *calicoParser) and() calicoMatch {
	all := []calicoMatch{p.term()}
	for p.next() == "&&" && p.err == nil {
		p.take()
		all = append(all, p.term())
	}
	if len(all) == 1 {
		return all[0]
	}
	var needs kube.Selector
	for _, m := range all {
		needs = append(needs, m.needs...)
	}
	return calicoMatch{needs: needs, test: func(l kube.LabelSet) verdict {
		worst := yes
		for _, m := range all {
			worst = min(worst, m.test(l))
		}
		return worst
	}}
}

func (p *calicoParser) term() calicoMatch {
	if p.err != nil {
		return calicoMatch{}
	}
	negated := false
	for p.next() == "!" {
		p.take()
		negated = !negated
	}
	m := p.atom()
	if !negated {
		return m
	}
	return calicoMatch{test: func(l kube.LabelSet) verdict { return yes - m.test(l) }}
}

func (p *calicoParser) atom() calicoMatch {
	switch key := p.take(); key {
	case "(":
		m := p.or()
		p.expect(")")
		return m
	case "all", "global":
		p.expect("(")
		p.expect(")")
		return calicoMatch{test: func(kube.LabelSet) verdict { return truth(key == "all") }}
	case "has":
		p.expect("(")
		label := p.take()
		p.expect(")")
		return calicoMatch{test: func(l kube.LabelSet) verdict {
			_, ok, known := l.Lookup(label)
			if !known {
				return maybe
			}
			return truth(ok)
		}}
	default:
		return p.comparison(key)
	}
}

func (p *calicoParser) comparison(key string) calicoMatch {
	op := p.take()
	if op == "not" || op == "starts" || op == "ends" {
		op += " " + p.take()
	}
	var values []string
	if op == "in" || op == "not in" {
		p.expect("{")
		for p.err == nil && p.next() != "}" {
			values = append(values, p.literal())
			if p.next() == "," {
				p.take()
			}
		}
		p.expect("}")
	} else {
		values = []string{p.literal()}
	}
	var test func(string) bool
	switch op {
	case "==", "!=", "in", "not in":
		test = func(v string) bool { return slices.Contains(values, v) }
	case "contains":
		test = func(v string) bool { return strings.Contains(v, values[0]) }
	case "starts with", "startswith":
		test = func(v string) bool { return strings.HasPrefix(v, values[0]) }
	case "ends with", "endswith":
		test = func(v string) bool { return strings.HasSuffix(v, values[0]) }
	default:
		if p.err == nil {
			p.err = fmt.Errorf("selector has no operator %q", op)
		}
	}
	negated := op == "!=" || op == "not in" // these match without the label, too
	var needs kube.Selector
	if op == "==" || op == "in" {
		needs = kube.Selector{{Key: key, Op: "In", Values: values}}
	}
	return calicoMatch{needs: needs, test: func(l kube.LabelSet) verdict {
		v, ok, known := l.Lookup(key)
		if !known {
			return maybe
		}
		return truth((ok && test(v)) != negated)
	}}
}

func (p *calicoParser) literal() string {
	t := p.take()
	if len(t) < 2 || t[0] != '\'' && t[0] != '"' || t[len(t)-1] != t[0] {
		if p.err == nil {
			p.err = fmt.Errorf("selector has %q where a quoted value belongs", t)
		}
		return ""
	}
	return t[1 : len(t)-1]
}

func calicoTokens(text string) []string {
	var tokens []string
	for text = strings.TrimLeft(text, " \t\r\n"); text != ""; text = strings.TrimLeft(text, " \t\r\n") {
		n := 1
		switch c := text[0]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(text[1:], c)
			if end < 0 {
				return append(tokens, text)
			}
			n = end + 2
		case len(text) > 1 && slices.Contains([]string{"==", "!=", "&&", "||"}, text[:2]):
			n = 2
		case strings.IndexByte("(){},!", c) >= 0:
		default:
			if n = strings.IndexAny(text, " \t\r\n(){},!='\"&|"); n < 0 {
				n = len(text)
			}
			n = max(n, 1)
		}
		tokens, text = append(tokens, text[:n]), text[n:]
	}
	return tokens
}

package network

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// calicoDefaultTier is the order of Calico's tier "default", in which
// Kubernetes' own policies are asked too, at order 1000
// (https://docs.tigera.io/calico/latest/reference/resources/tier).
const calicoDefaultTier = 1e6

// A tier is a group of policies; what those of it that select a pod do not decide
// is denied, or passed on to the next tier.
type tier struct {
	name   string // "" for the default
	order  float64
	passes bool
}

// tiers are Calico's tiers by name.
type tiers map[string]tier

// calicoTiers returns the tiers of a bundle, beside those that every cluster has.
func calicoTiers(b *lint.Bundle) tiers {
	t := tiers{"": {order: calicoDefaultTier}, "default": {order: calicoDefaultTier}}
	for _, name := range []string{"kube-admin", "adminnetworkpolicy"} {
		t[name] = tier{name, 1e3, true}
	}
	for _, name := range []string{"kube-baseline", "baselineadminnetworkpolicy"} {
		t[name] = tier{name, 1e7, true}
	}
	for _, r := range b.OfKind("Tier") {
		if _, builtin := t[r.Name]; !builtin && strings.HasSuffix(r.Group, "projectcalico.org") {
			t[r.Name] = tier{r.Name, orderOf(r.Get("spec", "order")), r.Get("spec", "defaultAction").Value() == "Pass"}
		}
	}
	return t
}

// named returns the tier that a policy is in; one that the bundle does not hold
// counts as the last.
func (t tiers) named(name string) tier {
	if found, ok := t[name]; ok {
		return found
	}
	return tier{name: name, order: last}
}

// orderOf reads an order, a fraction it may be; last where there is none.
func orderOf(n *lint.Node) float64 {
	if order, err := strconv.ParseFloat(n.Value(), 64); err == nil && !math.IsNaN(order) {
		return order
	}
	return last
}

// parseCalico reads Calico's NetworkPolicy and GlobalNetworkPolicy
// (https://docs.tigera.io/calico/latest/reference/resources/globalnetworkpolicy). A policy that
// selects a pod in a direction denies it what no rule allows; rules are asked by
// the policies' order, those without one last.
func parseCalico(r *lint.Resource, t tiers) []*policy {
	spec := r.Get("spec")
	if spec.Get("doNotTrack").IsTrue() || spec.Get("preDNAT").IsTrue() { // for host endpoints alone
		return nil
	}
	in := t.named(spec.Get("tier").Value())
	p := &policy{res: r, namespace: home(r), wide: r.Kind == "GlobalNetworkPolicy", layer: policyLayer, tier: in.order, tierName: in.name,
		order: orderOf(spec.Get("order")), name: r.Name}
	pods, spaces, accounts := calicoSelector(spec.Get("selector")), calicoSelector(spec.Get("namespaceSelector")), calicoSelector(spec.Get("serviceAccountSelector"))
	p.also = func(w *workload) bool {
		return pods(calicoPodLabels(w)) && spaces(calicoNamespaceLabels(w.namespace)) &&
			accounts(labelSet{labels: map[string]string{"projectcalico.org/name": w.serviceAccount}, open: true})
	}
	types := spec.Get("types").Strings()
	for _, d := range directions {
		items := spec.Get(d.String()).Items()
		applies := slices.Contains(types, d.policyType())
		if len(types) == 0 {
			applies = len(items) > 0 || d == ingress && len(spec.Get("egress").Items()) == 0
		}
		p.sides[d] = side{applies: applies, isolates: applies && !in.passes}
		for _, n := range items {
			if rl, ok := calicoRule(n, d, p.wide); ok {
				p.sides[d].rules = append(p.sides[d].rules, rl)
			}
		}
	}
	return []*policy{p}
}

func calicoPodLabels(w *workload) labelSet {
	labels := map[string]string{"projectcalico.org/orchestrator": "k8s", "projectcalico.org/serviceaccount": w.serviceAccount}
	for k, v := range w.labels.labels {
		labels[k] = v
	}
	unknown := map[string]bool{}
	for k := range w.labels.unknown {
		unknown[k] = true
	}
	if w.namespace.name != "" {
		labels["projectcalico.org/namespace"] = w.namespace.name
	} else {
		unknown["projectcalico.org/namespace"] = true
	}
	return labelSet{labels: labels, unknown: unknown, open: w.labels.open}
}

func calicoNamespaceLabels(ns *namespace) labelSet {
	labels := map[string]string{}
	for k, v := range ns.labels.labels {
		labels[k] = v
	}
	if ns.name != "" {
		labels["projectcalico.org/name"] = ns.name
	}
	return labelSet{labels: labels, open: ns.labels.open}
}

// calicoPeerFields say which pods and addresses one side of a rule is about.
var calicoPeerFields = []string{"selector", "notSelector", "namespaceSelector", "serviceAccounts", "services", "nets", "notNets", "domains"}

func calicoRule(n *lint.Node, d direction, wide bool) (rl rule, ok bool) {
	rl = rule{node: n}
	switch strings.ToLower(n.Get("action").Value()) {
	case "allow":
	case "deny":
		rl.action = deny
	case "pass":
		rl.action = pass
	default: // Log decides nothing
		return rl, false
	}
	peer := n.Get([...]string{"source", "destination"}[d])
	protocol := n.Get("protocol").Value()
	for _, item := range n.Get("destination", "ports").Items() {
		rl.ports = append(rl.ports, newPort(protocol, item, item.Get("none")))
	}
	if len(rl.ports) == 0 && (protocol != "" || n.Get("notProtocol").Exists() || n.Get("icmp").Exists() || n.Get("notICMP").Exists() || n.Get("http").Exists()) {
		rl.ports = []port{{protocol: strings.ToUpper(protocol)}}
	}
	// A rule for some clients' ports, for all ports but some, or for some of the pods
	// that the policy selects is about a part of the traffic only; so is a denial of
	// one family of addresses.
	self := n.Get([...]string{"destination", "source"}[d])
	part := !n.Get("source", "ports").IsNull() || !n.Get("source", "notPorts").IsNull() || !n.Get("destination", "notPorts").IsNull() ||
		rl.action != allow && !n.Get("ipVersion").IsNull()
	for _, field := range calicoPeerFields {
		part = part || !self.Get(field).IsNull() && !calicoAll(self.Get(field).Value())
	}
	narrowed := false
	for _, field := range calicoPeerFields {
		narrowed = narrowed || !peer.Get(field).IsNull()
	}
	if !narrowed {
		rl.reach = [2]bool{!part, !part}
		return rl, true
	}
	for _, cidr := range peer.Get("nets").Items() {
		if b, ok := parseBlock(cidr, peer.Get("notNets")); ok {
			rl.blocks = append(rl.blocks, b)
			rl.reach[internet] = rl.reach[internet] || b.everywhere()
			rl.reach[cluster] = rl.reach[cluster] || b.everywhere() && len(b.except) == 0 // addresses of pods match as any do
		}
	}
	bare := peer.Get("notSelector").IsNull() && peer.Get("serviceAccounts").IsNull() && peer.Get("services").IsNull() &&
		peer.Get("nets").IsNull() && peer.Get("notNets").IsNull() && peer.Get("domains").IsNull()
	pods, spaces := peer.Get("selector").Value(), peer.Get("namespaceSelector").Value()
	if bare && (pods == "" || calicoAll(pods)) && (calicoAll(spaces) || spaces == "" && wide) {
		rl.reach[cluster] = true
	}
	if part {
		rl.reach = [2]bool{}
	}
	return rl, true
}

// calicoAll reports whether a selector is all().
func calicoAll(text string) bool { return strings.ReplaceAll(text, " ", "") == "all()" }

// calicoSelector compiles a selector. One that cannot be read matches
// everything: the policy may select the pod.
func calicoSelector(n *lint.Node) func(labelSet) bool {
	text := strings.TrimSpace(n.Value())
	if text == "" {
		return func(labelSet) bool { return true }
	}
	p := &calicoParser{tokens: calicoTokens(text)}
	match := p.or()
	if p.err != nil || len(p.tokens) > 0 {
		return func(labelSet) bool { return true }
	}
	return func(l labelSet) bool { return match(l) != no }
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

type calicoMatch func(labelSet) verdict

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
	return func(l labelSet) verdict {
		best := no
		for _, m := range all {
			best = max(best, m(l))
		}
		return best
	}
}

func (p *calicoParser) and() calicoMatch {
	all := []calicoMatch{p.term()}
	for p.next() == "&&" && p.err == nil {
		p.take()
		all = append(all, p.term())
	}
	return func(l labelSet) verdict {
		worst := yes
		for _, m := range all {
			worst = min(worst, m(l))
		}
		return worst
	}
}

func (p *calicoParser) term() calicoMatch {
	if p.err != nil {
		return nil
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
	return func(l labelSet) verdict { return yes - m(l) }
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
		return func(labelSet) verdict { return truth(key == "all") }
	case "has":
		p.expect("(")
		label := p.take()
		p.expect(")")
		return func(l labelSet) verdict {
			_, ok, known := l.lookup(label)
			if !known {
				return maybe
			}
			return truth(ok)
		}
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
	case "starts with":
		test = func(v string) bool { return strings.HasPrefix(v, values[0]) }
	case "ends with":
		test = func(v string) bool { return strings.HasSuffix(v, values[0]) }
	default:
		if p.err == nil {
			p.err = fmt.Errorf("selector has no operator %q", op)
		}
	}
	negated := op == "!=" || op == "not in" // these match without the label, too
	return func(l labelSet) verdict {
		v, ok, known := l.lookup(key)
		if !known {
			return maybe
		}
		return truth((ok && test(v)) != negated)
	}
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

package network

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strconv"
)

// An exposure is what policies leave a workload open to in one direction.
type exposure struct {
	isolated bool // some policy denies what none allows
	open     [2]traffic
	policies []*policy
	// restricts is the first policy that isolates and allows nothing, else the first that
	// does not allow everything; nil where there is none.
	restricts *policy
}

// closed reports whether policies keep the workload from anything but what they name.
func (e *exposure) closed() bool {
	return e.isolated || e.open[cluster].restricted() || e.open[internet].restricted()
}

func (w *workload) exposure(d direction) *exposure { return w.exposures[d] }

// decide finds what the workload is open to. Of addresses IPv6 counts only where a
// policy of the workload names some: nothing else in manifests says that there are
// any, and those who write 0.0.0.0/0 alone mean every address.
func (w *workload) decide(d direction, names *portNames) *exposure {
	if w.hostNetwork { // outside every policy: https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-and-hostnetwork-pods
		return &exposure{open: [2]traffic{everything, everything}}
	}
	e := &exposure{}
	v6 := false
	for _, p := range w.policies {
		side := p.sides[d]
		if !side.applies {
			continue
		}
		e.policies = append(e.policies, p)
		v6 = v6 || slices.ContainsFunc(side.rules, func(rl *rule) bool { return rl.v6 })
		if side.isolates {
			e.isolated = true
			// what denies everything is undone first by what allows everything
			if !p.allowsAll(d) && (e.restricts == nil || len(side.rules) == 0 && len(e.restricts.sides[d].rules) > 0) {
				e.restricts = p
			}
		}
	}
	for s, kind := range []reach{cluster: podsV4, internet: worldV4} {
		e.open[s] = w.ask(d, e.policies, peer{kind: kind}, names, nil)
		if v6 {
			e.open[s] = e.open[s].union(w.ask(d, e.policies, peer{kind: kind << 1}, names, nil))
		}
	}
	e.isolated = e.isolated || e.open[cluster].restricted()
	return e
}

// ask sends all traffic with a peer through policies in the order in which they are
// sorted and returns what of it is allowed. What a rule allows, denies or passes on
// for some of those peers only (some pods, some addresses) is left to the rules
// behind it: the question is what the whole of them may do. See is called, if it is
// not nil, with each rule that allows some of what reaches it; that another rule
// allows the same, too, does not matter.
func (w *workload) ask(d direction, policies []*policy, from peer, names *portNames, see func(*rule, traffic)) traffic {
	f := flow{open: everything}
	for len(policies) > 0 {
		n := 1
		for n < len(policies) && policies[n].tier == policies[0].tier {
			n++
		}
		tier := policies[:n]
		policies = policies[n:]

		for _, p := range tier { // Cilium's denials come before every allowance
			for _, rl := range p.sides[d].rules {
				if p.denyFirst && rl.action == deny && rl.meets(from) {
					f.add(deny, w.resolve(d, rl.ports, names))
				}
			}
		}
		isolated := false
		for _, p := range tier {
			isolated = isolated || p.sides[d].isolates
			for _, rl := range p.sides[d].rules {
				if !rl.meets(from) || p.denyFirst && rl.action == deny {
					continue
				}
				ports := w.resolve(d, rl.ports, names)
				f.add(rl.action, ports)
				if see != nil && rl.action == allow {
					if through := f.open.intersection(ports); !through.empty() {
						see(rl, through)
					}
				}
			}
		}
		f.endTier(isolated)
	}
	return f.allowed.union(f.open)
}

// A flow is traffic on its way through policies. Rules of one action one after the
// other are taken together: their order says nothing, and sets of many ports are joined once.
type flow struct {
	open    traffic // what no rule has denied or passed on
	allowed traffic
	passed  traffic // on to the next tier

	action action
	ports  []traffic // of the rules of that action, not yet applied
}

func (f *flow) add(a action, ports traffic) {
	if a != f.action {
		f.apply()
		f.action = a
	}
	f.ports = append(f.ports, ports)
}

func (f *flow) apply() {
	ports := unionOf(f.ports)
	f.ports = f.ports[:0]
	switch f.action {
	case allow:
		f.allowed = f.allowed.union(f.open.intersection(ports))
	case pass:
		f.passed = f.passed.union(f.open.intersection(ports))
		f.open = f.open.without(ports)
	case deny:
		f.open = f.open.without(ports)
	}
}

// endTier goes on to the next tier with what was passed on and, where no policy of
// the tier isolates, with the rest; else the end of the tier denies it.
func (f *flow) endTier(isolated bool) {
	f.apply()
	if isolated {
		f.open = f.passed
	} else {
		f.open = f.open.union(f.passed)
	}
	f.passed = traffic{}
}

// resolve returns what ports are on the workload: on the way in, a named one has the
// number that its containers give it.
func (w *workload) resolve(d direction, p ports, names *portNames) traffic {
	t := p.traffic
	if d != ingress || !p.named {
		return t
	}
	for named, number := range w.namedPorts(names) {
		s, numbered := t[named.protocol], spans{{number, number}}
		switch rest := s.contains(unnamed); {
		case s.contains(named.place) && !rest:
			t[named.protocol] = s.intersection(spans{{named.place, named.place}}.complement()).union(numbered)
		case !s.contains(named.place) && rest: // all but that one
			t[named.protocol] = s.intersection(numbered.complement())
		}
	}
	return t
}

// A namedPort is a port that policies name.
type namedPort struct {
	protocol int
	place    int32
}

// namedPorts yields the ports of the workload that policies name, with their numbers.
func (w *workload) namedPorts(names *portNames) iter.Seq2[namedPort, int32] {
	return func(yield func(namedPort, int32) bool) {
		for _, c := range w.spec.Containers() {
			for _, item := range c.Node.Get("ports").Items() {
				place, known := names.places[item.Get("name").Value()]
				number, ok := item.Get("containerPort").Int()
				protocol, _, named := protocolOf(tcpUnless(item.Get("protocol")))
				if !known || !ok || !named || protocol > sctp || number < 1 || number > lastPort {
					continue
				}
				if !yield(namedPort{protocol, place}, int32(number)) {
					return
				}
			}
		}
	}
}

// decidedBy tells apart the workloads that differ in what decides their exposures:
// the host's network, their policies, and the numbers of named ports of those.
func (w *workload) decidedBy(names *portNames) string {
	key := strconv.AppendBool(nil, w.hostNetwork)
	for _, p := range w.policies {
		key = binary.AppendUvarint(key, uint64(p.index))
	}
	if len(names.names) > 0 {
		for place, number := range w.namedPorts(names) {
			key = fmt.Appendf(key, " %v=%d", place, number)
		}
	}
	return string(key)
}

package netpol

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strconv"
)

// An Exposure is what policies leave a workload open to in one direction.
type Exposure struct {
	Isolated bool // some policy denies what none allows
	Open     [2]Traffic
	Policies []*Policy
	// restricts is the first policy that isolates and allows nothing, else the first that
	// does not allow everything; nil where there is none.
	Restricts *Policy
}

// Closed reports whether policies keep the workload from anything but what they name.
func (e *Exposure) Closed() bool {
	return e.Isolated || e.Open[Cluster].Restricted() || e.Open[Internet].Restricted()
}

// Exposure returns what the workload is open to in a direction.
func (w *Workload) Exposure(d Direction) *Exposure { return w.exposures[d] }

// decide finds what the workload is open to. Of addresses IPv6 counts only where a
// policy of the workload names some: nothing else in manifests says that there are
// any, and those who write 0.0.0.0/0 alone mean every address.
func (w *Workload) decide(d Direction, names *PortNames) *Exposure {
	if w.HostNetwork { // outside every policy: https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-and-hostnetwork-pods
		return &Exposure{Open: [2]Traffic{everything, everything}}
	}
	e := &Exposure{}
	v6 := false
	for _, p := range w.Policies {
		side := p.Sides[d]
		if !side.Applies {
			continue
		}
		e.Policies = append(e.Policies, p)
		v6 = v6 || slices.ContainsFunc(side.Rules, func(rl *Rule) bool { return rl.v6 })
		if side.Isolates {
			e.Isolated = true
			// what denies everything is undone first by what allows everything
			if !p.allowsAll(d) && (e.Restricts == nil || len(side.Rules) == 0 && len(e.Restricts.Sides[d].Rules) > 0) {
				e.Restricts = p
			}
		}
	}
	for s, kind := range []Reach{Cluster: PodsV4, Internet: WorldV4} {
		e.Open[s] = w.Ask(d, e.Policies, Peer{Kind: kind}, names, nil)
		if v6 {
			e.Open[s] = e.Open[s].union(w.Ask(d, e.Policies, Peer{Kind: kind << 1}, names, nil))
		}
	}
	e.Isolated = e.Isolated || e.Open[Cluster].Restricted()
	return e
}

// Ask sends all traffic with a peer through policies in the order in which they are
// sorted and returns what of it is allowed. What a rule allows, denies or passes on
// for some of those peers only (some pods, some addresses) is left to the rules
// behind it: the question is what the whole of them may do. See is called, if it is
// not nil, with each rule that allows some of what reaches it; that another rule
// allows the same, too, does not matter.
func (w *Workload) Ask(d Direction, policies []*Policy, from Peer, names *PortNames, see func(*Rule, Traffic)) Traffic {
	f := flow{open: everything}
	for len(policies) > 0 {
		n := 1
		for n < len(policies) && policies[n].Tier == policies[0].Tier {
			n++
		}
		tier := policies[:n]
		policies = policies[n:]

		for _, p := range tier { // Cilium's denials come before every allowance
			for _, rl := range p.Sides[d].Rules {
				if p.DenyFirst && rl.Action == Deny && rl.Meets(from) {
					f.add(Deny, w.resolve(d, rl.Ports, names))
				}
			}
		}
		isolated := false
		for _, p := range tier {
			isolated = isolated || p.Sides[d].Isolates
			for _, rl := range p.Sides[d].Rules {
				if !rl.Meets(from) || p.DenyFirst && rl.Action == Deny {
					continue
				}
				ports := w.resolve(d, rl.Ports, names)
				f.add(rl.Action, ports)
				if see != nil && rl.Action == Allow {
					if through := f.open.intersection(ports); !through.Empty() {
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
	open    Traffic // what no rule has denied or passed on
	allowed Traffic
	passed  Traffic // on to the next tier

	action Action
	ports  []Traffic // of the rules of that action, not yet applied
}

func (f *flow) add(a Action, ports Traffic) {
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
	case Allow:
		f.allowed = f.allowed.union(f.open.intersection(ports))
	case Pass:
		f.passed = f.passed.union(f.open.intersection(ports))
		f.open = f.open.without(ports)
	case Deny:
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
	f.passed = Traffic{}
}

// resolve returns what ports are on the workload: on the way in, a named one has the
// number that its containers give it.
func (w *Workload) resolve(d Direction, p Ports, names *PortNames) Traffic {
	t := p.Traffic
	if d != Ingress || !p.Named {
		return t
	}
	for named, number := range w.namedPorts(names) {
		s, numbered := t[named.protocol], Spans{{number, number}}
		switch rest := s.Contains(unnamed); {
		case s.Contains(named.place) && !rest:
			t[named.protocol] = s.intersection(Spans{{named.place, named.place}}.complement()).union(numbered)
		case !s.Contains(named.place) && rest: // all but that one
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
func (w *Workload) namedPorts(names *PortNames) iter.Seq2[namedPort, int32] {
	return func(yield func(namedPort, int32) bool) {
		for _, c := range w.Pod.Containers() {
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
func (w *Workload) decidedBy(names *PortNames) string {
	key := strconv.AppendBool(nil, w.HostNetwork)
	for _, p := range w.Policies {
		key = binary.AppendUvarint(key, uint64(p.index))
	}
	if len(names.names) > 0 {
		for place, number := range w.namedPorts(names) {
			key = fmt.Appendf(key, " %v=%d", place, number)
		}
	}
	return string(key)
}

package netpol

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// The protocols that policies tell apart, as indexes of [Traffic].
const (
	TCP = iota
	UDP
	sctp
	icmp // of both families
	otherProtocols
	protocols
)

var protocolNames = [protocols]string{"TCP", "UDP", "SCTP", "ICMP", "other protocols"}

// Traffic is a set of ports of each protocol. Values are never changed, so that
// sets may share their spans.
type Traffic [protocols]Spans

// Spans are ranges of ports in order, apart from each other. Behind the 65,536
// numbers lie the named ports, one place each (see [PortNames]), and behind those
// what no policy names. ICMP is one place, as it has no ports; of the other
// protocols the number of the protocol is the place.
type Spans []span

type span struct{ first, last int32 }

const (
	lastPort = math.MaxUint16
	// unnamed is a place that stands for every port that no policy names.
	unnamed = math.MaxInt32
)

var everyPort = Spans{{0, unnamed}}

var everything = Traffic{everyPort, everyPort, everyPort, everyPort, everyPort}

func (s Spans) full() bool { return len(s) == 1 && s[0] == everyPort[0] }

// Contains reports whether a port, or the place of a named one, is in the set.
func (s Spans) Contains(place int32) bool {
	return slices.ContainsFunc(s, func(r span) bool { return r.first <= place && place <= r.last })
}

func (s Spans) union(t Spans) Spans {
	switch {
	case len(t) == 0 || s.full():
		return s
	case len(s) == 0 || t.full():
		return t
	}
	return joined(slices.Concat(s, t))
}

// joined puts spans in order and joins those that meet.
func joined(all Spans) Spans {
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b span) int { return int(a.first) - int(b.first) })
	out := all[:1]
	for _, r := range all[1:] {
		if end := &out[len(out)-1]; int64(r.first) <= int64(end.last)+1 {
			end.last = max(end.last, r.last)
			continue
		}
		out = append(out, r)
	}
	return out
}

func (s Spans) intersection(t Spans) Spans {
	switch {
	case s.full():
		return t
	case t.full():
		return s
	}
	var both Spans
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if first, last := max(s[i].first, t[j].first), min(s[i].last, t[j].last); first <= last {
			both = append(both, span{first, last})
		}
		if s[i].last < t[j].last {
			i++
		} else {
			j++
		}
	}
	return both
}

// complement returns the places that are not in s.
func (s Spans) complement() Spans {
	var rest Spans
	next := int64(0)
	for _, r := range s {
		if int64(r.first) > next {
			rest = append(rest, span{int32(next), r.first - 1})
		}
		next = int64(r.last) + 1
	}
	if next <= unnamed {
		rest = append(rest, span{int32(next), unnamed})
	}
	return rest
}

func (t Traffic) union(u Traffic) Traffic {
	for p := range t {
		t[p] = t[p].union(u[p])
	}
	return t
}

// unionOf returns what is in any of the sets.
func unionOf(sets []Traffic) Traffic {
	if len(sets) == 1 {
		return sets[0]
	}
	var all Traffic
	for p := range all {
		var parts Spans
		for _, t := range sets {
			if t[p].full() {
				parts = everyPort
				break
			}
			parts = append(parts, t[p]...)
		}
		if all[p] = parts; !parts.full() {
			all[p] = joined(parts)
		}
	}
	return all
}

func (t Traffic) intersection(u Traffic) Traffic {
	for p := range t {
		t[p] = t[p].intersection(u[p])
	}
	return t
}

func (t Traffic) without(u Traffic) Traffic {
	for p := range t {
		if len(t[p]) > 0 && len(u[p]) > 0 {
			t[p] = t[p].intersection(u[p].complement())
		}
	}
	return t
}

// Empty reports whether there is none.
func (t Traffic) Empty() bool {
	return !slices.ContainsFunc(t[:], func(s Spans) bool { return len(s) > 0 })
}

// Full reports whether it is all: every port of every protocol.
func (t Traffic) Full() bool {
	return !slices.ContainsFunc(t[:], func(s Spans) bool { return !s.full() })
}

// Restricted reports whether what no policy names is closed, for TCP at the least.
func (t Traffic) Restricted() bool { return !t[TCP].Contains(unnamed) }

// Ports is the traffic that a rule is about.
type Ports struct {
	Traffic
	Named bool // by names, too
}

var allPorts = Ports{Traffic: everything}

func (p *Ports) add(q Ports) {
	p.Traffic, p.Named = p.union(q.Traffic), p.Named || q.Named
}

func (p Ports) and(q Ports) Ports {
	return Ports{p.intersection(q.Traffic), p.Named || q.Named}
}

// PortNames are the named ports of a bundle's policies, each with its place.
type PortNames struct {
	places map[string]int32
	names  []string
}

func (n *PortNames) place(name string) int32 {
	if p, ok := n.places[name]; ok {
		return p
	}
	p := int32(lastPort + 1 + len(n.names))
	n.places[name], n.names = p, append(n.names, name)
	return p
}

// at returns the name at a place, "" where there is none.
func (n *PortNames) at(place int32) string {
	if i := int(place) - lastPort - 1; 0 <= i && i < len(n.names) {
		return n.names[i]
	}
	return ""
}

// one returns the place of a port, or of a range of them, as policies write it: a
// number, a number in quotes, Calico's "first:last", a name. The second result tells
// a name.
func (n *PortNames) one(port, end *lint.Node) (Spans, bool) {
	number, ok := port.Int()
	if !ok {
		parsed, err := strconv.ParseInt(port.Value(), 10, 32)
		number, ok = parsed, err == nil
	}
	last := number
	if e, set := end.Int(); set {
		last = max(number, e)
	}
	if low, high, isRange := strings.Cut(port.Value(), ":"); !ok && isRange {
		first, err1 := strconv.ParseInt(low, 10, 32)
		second, err2 := strconv.ParseInt(high, 10, 32)
		if err1 != nil || err2 != nil || second < first {
			return nil, false
		}
		number, last, ok = first, second, true
	}
	switch {
	case !ok && port.Value() == "":
		return nil, false
	case !ok:
		place := n.place(port.Value())
		return Spans{{place, place}}, true
	case number < 0 || number > lastPort || last == 0:
		return nil, false
	case number <= 1 && last >= lastPort: // with the named ones, whatever their numbers are
		return everyPort, false
	}
	return Spans{{int32(number), int32(min(last, lastPort))}}, false
}

// List returns the ports as text prints them, in order: 8080/TCP, 8000-8999/TCP,
// http/TCP, 53 where it is of every protocol with ports, TCP where it is all of it.
func (n *PortNames) List(t Traffic) []string {
	var list []string
	for p, s := range t {
		if s.full() {
			list = append(list, protocolNames[p])
			continue
		}
		for _, r := range s {
			shared := p <= sctp && slices.Contains(t[TCP], r) && slices.Contains(t[UDP], r) && slices.Contains(t[sctp], r)
			if shared && p != TCP {
				continue
			}
			if p == otherProtocols {
				r.last = min(r.last, math.MaxUint8)
			}
			for _, text := range n.texts(r) {
				switch {
				case p == otherProtocols:
					text = "protocol " + text
				case !shared:
					text += "/" + protocolNames[p]
				}
				list = append(list, text)
			}
		}
	}
	return list
}

// But returns the ports that t does not have, if they are fewer to name than those that it has.
func (n *PortNames) But(t Traffic) []string {
	if lacks := n.List(everything.without(t)); len(lacks) < len(n.List(t)) {
		return lacks
	}
	return nil
}

// texts returns a span's numbers, then its names.
func (n *PortNames) texts(r span) []string {
	var list []string
	if first, last := max(r.first, 1), min(r.last, lastPort); first == last {
		list = append(list, strconv.Itoa(int(first)))
	} else if first < last {
		list = append(list, fmt.Sprintf("%d-%d", first, last))
	}
	if r.last == unnamed { // all the others, with them
		return list
	}
	for place := max(r.first, lastPort+1); place <= r.last; place++ {
		list = append(list, n.at(place))
	}
	return list
}

// protocolOf returns the index of a protocol and, where it is one of the others, its
// number; protocols are written in capitals or as numbers
// (https://www.iana.org/assignments/protocol-numbers). ok is false for an unknown one.
func protocolOf(text string) (protocol int, number int32, ok bool) {
	switch text = strings.ToUpper(text); text {
	case "TCP", "6":
		return TCP, 0, true
	case "UDP", "17":
		return UDP, 0, true
	case "SCTP", "132":
		return sctp, 0, true
	case "ICMP", "1", "ICMPV6", "58":
		return icmp, 0, true
	case "UDPLITE":
		return otherProtocols, 136, true
	case "IGMP":
		return otherProtocols, 2, true
	case "VRRP":
		return otherProtocols, 112, true
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return otherProtocols, int32(n), true
	}
	return 0, 0, false
}

// protocolTraffic is all traffic of a protocol; nothing where it is unknown.
func protocolTraffic(text string) Traffic {
	var t Traffic
	switch p, number, ok := protocolOf(text); {
	case ok && p == otherProtocols:
		t[p] = Spans{{number, number}}
	case ok:
		t[p] = everyPort
	}
	return t
}

// onPorts is traffic of a protocol on some of its ports; a protocol without ports is
// all of it.
func onPorts(protocol string, ports Spans) Traffic {
	t := protocolTraffic(protocol)
	for p := TCP; p <= sctp; p++ {
		if len(t[p]) > 0 {
			t[p] = ports
		}
	}
	return t
}

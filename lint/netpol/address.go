package netpol

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"go4.org/netipx"
)

// A Reach is what a rule's peers are as a whole: a set of the four kinds of peer
// that a workload is judged by.
type Reach uint8

// The kinds of peers, and sets of them.
const (
	PodsV4 Reach = 1 << iota // every pod of every namespace, by its address of either family
	PodsV6
	WorldV4 // every address outside the cluster
	WorldV6

	EveryPod = PodsV4 | PodsV6
	World    = WorldV4 | WorldV6
	Everyone = EveryPod | World
	onlyV4   = PodsV4 | WorldV4
	onlyV6   = PodsV6 | WorldV6
)

// A Block is a range of addresses that a rule names.
type Block struct {
	Node   *lint.Node
	Prefix netip.Prefix
	Except []netip.Prefix
}

func parseBlock(cidr, except *lint.Node) (Block, bool) {
	prefix, ok := parsePrefix(cidr.Value())
	if !ok {
		return Block{}, false
	}
	return Block{cidr, prefix, parsePrefixes(except)}, true
}

func parsePrefixes(list *lint.Node) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list.Strings() {
		if p, ok := parsePrefix(text); ok {
			all = append(all, p)
		}
	}
	return all
}

// parsePrefix reads a network, or an address as a network of one.
func parsePrefix(text string) (netip.Prefix, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), true
	}
	addr, err := netip.ParseAddr(text)
	return netip.PrefixFrom(addr, addr.BitLen()), err == nil
}

// String returns the block as its author wrote it.
func (b Block) String() string {
	if b.Node.IsScalar() {
		return b.Node.Value()
	}
	return "every address but " + strings.Join(b.Node.Strings(), ", ")
}

// Everywhere reports whether the block is all addresses of its family, or one
// of the two halves by which some write them: 0.0.0.0/1, or 2000::/3, which is
// every public address of IPv6.
func (b Block) Everywhere() bool {
	if b.Prefix.Addr().Is4() {
		return b.Prefix.Bits() <= 1
	}
	return b.Prefix.Bits() <= 3
}

// Contains reports whether an address is inside and not excepted.
func (b Block) Contains(addr netip.Addr) bool {
	excepted := slices.ContainsFunc(b.Except, func(e netip.Prefix) bool { return e.Contains(addr) })
	return b.Prefix.Contains(addr) && !excepted
}

var wholeFamilies = [2]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// addressesOf returns the addresses of blocks.
func addressesOf(blocks []Block) *netipx.IPSet {
	var all netipx.IPSetBuilder
	for _, b := range blocks {
		var one netipx.IPSetBuilder
		one.AddPrefix(b.Prefix)
		for _, e := range b.Except {
			one.RemovePrefix(e)
		}
		set, err := one.IPSet()
		if err == nil { // prefixes that were parsed are no errors
			all.AddSet(set)
		}
	}
	set, err := all.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return set
}

// The addresses that pods, and peers outside of the cluster, may have, of either
// family: by https://www.iana.org/assignments/iana-ipv4-special-registry and
// https://www.iana.org/assignments/iana-ipv6-special-registry.
var (
	podAddresses = [2]*netipx.IPSet{
		networks([]string{"0.0.0.0/0"}, "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
		networks([]string{"2000::/3", "fc00::/7"}),
	}
	publicAddresses = [2]*netipx.IPSet{
		networks([]string{"0.0.0.0/0"}, "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
			"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
		networks([]string{"2000::/3"}, "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
	}
	publicInternet = both(publicAddresses)
)

func both(families [2]*netipx.IPSet) *netipx.IPSet {
	var all netipx.IPSetBuilder
	for _, set := range families {
		all.AddSet(set)
	}
	set, err := all.IPSet()
	if err != nil { // the sets are valid
		return &netipx.IPSet{}
	}
	return set
}

func networks(prefixes []string, except ...string) *netipx.IPSet {
	var blocks []Block
	for _, p := range prefixes {
		b := Block{Prefix: netip.MustParsePrefix(p)}
		for _, e := range except {
			b.Except = append(b.Except, netip.MustParsePrefix(e))
		}
		blocks = append(blocks, b)
	}
	return addressesOf(blocks)
}

// reachOf returns what addresses are as a whole. An allowance is one of the world
// where it lets most of it through; anything else must hold all of it.
func reachOf(addresses *netipx.IPSet, a Action) Reach {
	var r Reach
	for family := range 2 {
		if covers(addresses, podAddresses[family]) {
			r |= PodsV4 << family
		}
		if covers(addresses, publicAddresses[family]) || a == Allow && share(addresses, publicAddresses[family]) >= 0.5 {
			r |= WorldV4 << family
		}
	}
	return r
}

func covers(addresses, all *netipx.IPSet) bool {
	return !slices.ContainsFunc(all.Ranges(), func(r netipx.IPRange) bool { return !addresses.ContainsRange(r) })
}

// share returns which part of all lies in addresses, from 0 to 1.
func share(addresses, all *netipx.IPSet) float64 {
	var b netipx.IPSetBuilder
	b.AddSet(addresses)
	b.Intersect(all)
	both, err := b.IPSet()
	if err != nil {
		return 0
	}
	return size(both) / size(all)
}

// size counts addresses, in the unit of a network that float64 holds.
func size(s *netipx.IPSet) float64 {
	total := 0.0
	for _, p := range s.Prefixes() {
		part := 1.0
		for range p.Bits() {
			part /= 2
		}
		total += part
	}
	return total
}

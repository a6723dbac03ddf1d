package netpol

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// The operations on spans are held against sets of single places.
func TestSpansAreSets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const places = 40
	set := func() Spans {
		var s Spans
		for next := int32(random.IntN(4)); next < places; {
			last := next + int32(random.IntN(6))
			s = append(s, span{next, last})
			next = last + 2 + int32(random.IntN(6))
		}
		switch random.IntN(6) {
		case 0:
			return everyPort
		case 1:
			return nil
		case 2:
			return s.complement()
		}
		return s
	}
	for range 5000 {
		a, b := set(), set()
		results := map[string]Spans{"union": a.union(b), "intersection": a.intersection(b), "complement": a.complement(), "without": Traffic{a}.without(Traffic{b})[TCP]}
		for _, place := range append(slices.Collect(func(yield func(int32) bool) {
			for p := int32(0); p < places+10 && yield(p); p++ {
			}
		}), unnamed-1, unnamed) {
			inA, inB := a.Contains(place), b.Contains(place)
			want := map[string]bool{"union": inA || inB, "intersection": inA && inB, "complement": !inA, "without": inA && !inB}
			for name, got := range results {
				if got.Contains(place) != want[name] {
					t.Fatalf("%v %s %v = %v: place %d is wrong", a, name, b, got, place)
				}
			}
		}
		for name, got := range results {
			for i, r := range got {
				if r.first > r.last || i > 0 && int64(r.first) <= int64(got[i-1].last)+1 {
					t.Fatalf("%v %s %v = %v is not in order or not joined", a, name, b, got)
				}
			}
		}
	}
}

func TestPortsAsPoliciesWriteThem(t *testing.T) {
	tests := []struct{ port, end, want string }{
		{"80", "", "80/TCP"},
		{`"80"`, "", "80/TCP"},
		{"8000", "8010", "8000-8010/TCP"},
		{"8000", "7000", "8000/TCP"}, // the API server refuses it
		{`"8000:8010"`, "", "8000-8010/TCP"},
		{`"8010:8000"`, "", ""},
		{`"a:b"`, "", ""},
		{"http", "", "http/TCP"},
		{"1", "65535", "TCP"},
		{`"0:65535"`, "", "TCP"},
		{"0", "", ""},
		{"70000", "", ""},
		{"-1", "", ""},
		{"60000", "70000", "60000-65535/TCP"},
	}
	for _, test := range tests {
		names := &PortNames{places: map[string]int32{}}
		places, _ := names.one(node(t, test.port), node(t, test.end))
		if got := strings.Join(names.List(onPorts("TCP", places)), ", "); got != test.want {
			t.Errorf("%s to %s: %q, want %q", test.port, test.end, got, test.want)
		}
	}
}

func TestUnknownProtocolsAreNoTraffic(t *testing.T) {
	if !protocolTraffic("TPC").Empty() || !protocolTraffic("256").Empty() {
		t.Error("an unknown protocol is some traffic")
	}
}

func node(t *testing.T, text string) *lint.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Content) == 0 {
		return lint.NewNode(nil)
	}
	return lint.NewNode(doc.Content[0])
}

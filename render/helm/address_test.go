package helm

import (
	"strings"
	"testing"
)

// TestAddresses fails where a Go release lays out interfaces or strings in another way
// than address.go supposes.
func TestAddresses(t *testing.T) {
	for _, v := range []any{true, false, 0, 1, 255, int64(7), 0.0, 2.5, int32(-1), uint64(9)} {
		a, b := boxed(v), boxed(v)
		if a != v || b != v {
			t.Errorf("boxed(%v) gives %v and %v", v, a, b)
		}
		if boxAddress(a) == boxAddress(b) || boxAddress(a) == boxAddress(v) {
			t.Errorf("two boxes of %v share an address", v)
		}
		m := map[string]any{"k": a}
		handed := func(x any) any { return x }(m["k"])
		if boxAddress(handed) != boxAddress(a) {
			t.Errorf("the box of %v loses its address in a map and a call", v)
		}
	}
	s := strings.Clone("a string of some length")
	if textAddress(s[2:])-textAddress(s) != 2 || textAddress(strings.Clone(s)) == textAddress(s) {
		t.Error("strings are not known by their address")
	}
	b := []byte("bytes")
	if shared(b) != "bytes" || textAddress(shared(b)) != bytesAddress(b) {
		t.Error("shared does not lie in its bytes")
	}
}

package trace

import "testing"

// It fails where a Go release lays out interfaces or strings in another way than
// address.go supposes: nothing would be traced.
func TestAddressesHold(t *testing.T) {
	if !addressesHold() {
		t.Error("values are not known by their addresses")
	}
}

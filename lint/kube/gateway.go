package kube

import (
	"slices"

	"github.com/manilint/manilint/lint"
)

// ListenerKinds are the kinds of the Gateway API that have listeners. A
// ListenerSet adds its own to those of a Gateway; its experimental form is
// called XListenerSet (https://gateway-api.sigs.k8s.io/geps/gep-1713/).
var ListenerKinds = []string{"Gateway", "ListenerSet", "XListenerSet"}

// ParentOf returns the Gateway or ListenerSet that a reference names, or nil.
func ParentOf(b *lint.Bundle, from *lint.Resource, ref *lint.Node) *lint.Resource {
	group, kind, namespace := "gateway.networking.k8s.io", "Gateway", from.Namespace
	if n := ref.Get("group"); n.Exists() && !n.IsNull() {
		group = n.Value()
	}
	if n := ref.Get("kind"); n.IsScalar() {
		kind = n.Value()
	}
	if n := ref.Get("namespace"); n.IsScalar() {
		namespace = n.Value()
	}
	if r := b.Lookup(group, kind, namespace, ref.Get("name").Value()); r != nil && HasListeners(r) {
		return r
	}
	return nil
}

// HasListeners reports whether an object is of one of [ListenerKinds].
func HasListeners(r *lint.Resource) bool {
	return r.Group == "gateway.networking.k8s.io" && slices.Contains(ListenerKinds, r.Kind) || r.Is("gateway.networking.x-k8s.io", "XListenerSet")
}

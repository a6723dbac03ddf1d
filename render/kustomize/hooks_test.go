package kustomize

import "testing"

// If this fails after an upgrade of kustomize, its tables of builtin plugins have
// moved: see hooks.go.
func TestHooksFitThisRelease(t *testing.T) {
	if !hooked() {
		t.Fatal("the hooks do not fit this release of sigs.k8s.io/kustomize/api")
	}
}

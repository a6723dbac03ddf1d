// Package pod holds the rules about the security context of pods and
// containers: the Pod Security Standards
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/) and what
// they leave out.
package pod

import (
	"embed"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	Privileged,
}

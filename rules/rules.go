// Package rules lists every rule of manilint. The rules live in a package for each
// subject, which imports package lint and what is next to it; the rule about ignores is
// the engine's own. A rule does no I/O, and no package here renders, runs rules or knows
// where a bundle came from.
package rules

import (
	"slices"

	"github.com/manilint/manilint/internal/engine"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/rules/image"
	"github.com/manilint/manilint/rules/namespace"
	"github.com/manilint/manilint/rules/network"
	"github.com/manilint/manilint/rules/pod"
	"github.com/manilint/manilint/rules/rbac"
	"github.com/manilint/manilint/rules/reliability"
	"github.com/manilint/manilint/rules/resources"
	"github.com/manilint/manilint/rules/secret"
	"github.com/manilint/manilint/rules/validity"
)

// All returns every rule, in the order of docs/rules.md.
func All() []*lint.Rule {
	return slices.Concat(
		pod.Rules,
		rbac.Rules,
		resources.Rules,
		network.Rules,
		secret.Rules,
		image.Rules,
		namespace.Rules,
		reliability.Rules,
		validity.Rules,
		[]*lint.Rule{engine.SuppressionHygiene},
	)
}

// Masking returns the rules that must run, if only for what they mask: the values of
// credentials show in no report, whatever rules are enabled.
func Masking() []*lint.Rule { return secret.Masking }

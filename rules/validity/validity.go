// Package validity holds the rules about objects that do not mean what they seem
// to: unknown fields and kinds, fields of the wrong type, keys written twice,
// selectors that contradict their template, references to what is not there, and
// admission control that lets through what it cannot check. The Kubernetes types are the authority for
// built-in kinds, the CustomResourceDefinitions of the bundle for its custom
// resources. It does not judge what a valid field says; other packages do.
package validity

import (
	"embed"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	Schema,
	DuplicateKey,
	DeprecatedAPI,
	DeprecatedKustomizeField,
	SelectorMismatch,
	DuplicateEnv,
	WebhookFailOpen,
	AdmissionUnenforced,
	AdmissionGap,
	APIServiceInsecureTLS,
	GatekeeperRepoPrefix,
	StatefulSetService,
	InvalidPorts,
	InvalidAddress,
	LabelValues,
	RequiredMetadata,
	NakedPod,
	DanglingService,
	DanglingIngress,
	DanglingGateway,
	DanglingHPA,
	DanglingPDB,
	DanglingServiceMonitor,
}

var core = []lint.Profile{lint.ProfileDefault}

// Package secret holds the rules about credentials that manifests carry in
// plain text: in Secrets, environment variables, arguments, annotations,
// ConfigMaps and custom resources, and about references to Secrets.
//
// What a value is decides, its name only helps: a name alone makes no finding,
// and no message, fix or path shows a value. The package keeps no list of
// providers' token formats of its own: it reads those of gitleaks.
package secret

import (
	"embed"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	PlaintextSecret,
	EnvLiteralSecret,
	SecretInArgs,
	ConfigMapSecret,
	CustomResourceSecret,
	ConfigMapSensitive,
	EnvSecretRef,
	DanglingSecretRef,
}

// Masking are the rules that find literal credentials, and mask them.
var Masking = []*lint.Rule{PlaintextSecret, EnvLiteralSecret, SecretInArgs, ConfigMapSecret, CustomResourceSecret}

// fix is the help of every rule about a literal credential.
const fix = "keep the value out of the repository (External Secrets, Sealed Secrets, SOPS, a CSI secret store) and change the one that was in it"

// report makes a finding of each line of a value that leaks, and masks what leaks.
// format takes what it is and where in the value it stands.
func report(pass *lint.Pass, n *lint.Node, leaks []leak, format string) {
	seen, masked := map[int]bool{}, map[string]bool{}
	mask := func(text string) {
		if !masked[text] {
			pass.MaskPart(n, text)
		}
		masked[text] = true
	}
	if len(leaks) >= maxParts {
		mask(n.Value())
	}
	for _, l := range leaks {
		mask(l.text)
		literal := l.text
		if l.literal != "" {
			mask(l.literal)
			literal = l.literal
		}
		if seen[l.line] || len(seen) == maxLeaks {
			continue
		}
		seen[l.line] = true
		f := pass.Reportf(n, format, l.what, l.where())
		f.Help, f.Line, f.Literal = fix, l.line, literal
		if l.line == 0 && n.Style()&yaml.LiteralStyle != 0 && !strings.Contains(strings.TrimSpace(n.Value()), "\n") {
			f.Line = 1 // the one line of a block
		}
		if l.hash {
			f.Severity = lint.High
		}
	}
}

package secret

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// CustomResourceSecret reports plain credentials in the fields of custom resources,
// the values of a HelmRelease or of an Argo CD Application among them, and in those of
// Kubernetes' own kinds that no other rule of this package looks at.
var CustomResourceSecret = &lint.Rule{
	ID:         "custom-resource-secret",
	Summary:    "field of a custom resource, or of another object, holds a credential in plain text",
	Severity:   lint.High,
	Group:      "secret",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"OWASP K03", "NSA C-0012"},
	Peers:      map[string][]string{"kubescape": {"C-0012"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		names := namesOf(pass.Bundle)
		for _, s := range suspectsOf(pass.Bundle).in(inBody) {
			pass.GoOn()
			r := s.resource
			if encryptedKinds[r.Kind] || r.Group == "" && (r.Kind == "Secret" || r.Kind == "ConfigMap") || r.Kind == "CustomResourceDefinition" {
				continue
			}
			covered := coveredOf(r)
			for _, f := range s.fields {
				n := f.node
				if names[n.Value()] || isBelow(n, covered) {
					continue
				}
				found := search(n, f.name, n.Value())
				if len(found) == 0 && strings.Contains(n.Value(), "@") && strings.HasSuffix(strings.ToLower(f.name), "image") {
					if m := imageUser().FindStringSubmatch(n.Value()); m != nil && isPlain(m[1]) {
						found = []leak{{what: "a password", text: m[1]}}
					}
				}
				if len(found) == 0 || !n.IsString() && nameHint(f.name) != password || namesASecret(n.Value()) && !isWeak(n.Value()) {
					continue
				}
				report(pass, n, found, fmt.Sprintf("%s holds %%s in plain text in %s%%s", r, n.GenericPath()))
			}
		}
	},
}

// isBelow reports whether n, or what holds it, is among nodes, which another rule looks at.
func isBelow(n *lint.Node, nodes map[any]bool) bool {
	for ; len(nodes) > 0 && n != nil; n = n.Parent() {
		if nodes[n.Identity()] {
			return true
		}
	}
	return false
}

// imageUser matches user:password@registry/image. No runtime takes it, but it is written.
var imageUser = lint.Regexp(`^[^/@:\s]+:([^@\s]+)@[^/@\s]+/`)

// coveredOf returns the parts of an object's pods that EnvLiteralSecret and SecretInArgs look at.
func coveredOf(r *lint.Resource) map[any]bool {
	covered := map[any]bool{}
	cover := func(n *lint.Node) {
		if n.Exists() {
			covered[n.Identity()] = true
		}
	}
	for _, p := range r.PodSpecs() {
		cover(p.Metadata.Get("annotations"))
		for _, c := range p.Containers() {
			cover(c.Node.Get("env"))
			for _, path := range commands {
				cover(c.Node.Get(path...))
			}
			for _, hook := range probes {
				cover(c.Node.Get(hook, "httpGet", "httpHeaders"))
			}
		}
	}
	return covered
}

// encryptedKinds hold references or what only the cluster can decrypt.
var encryptedKinds = set(`SealedSecret SopsSecret SopsSecretGenerator ExternalSecret ClusterExternalSecret SecretStore ClusterSecretStore PushSecret
	ClusterPushSecret SecretProviderClass VaultStaticSecret VaultDynamicSecret VaultPKISecret VaultSecret EncryptedSecret OnePasswordItem`)

// fieldName is the key of a value; of the item of a list the list's; of
// {name: x, value: y} and {name: x, default: y} it is x.
func fieldName(n *lint.Node) string {
	for n.Index() >= 0 && n.Parent() != nil {
		n = n.Parent()
	}
	if (n.Name() == "value" || n.Name() == "default") && n.Parent() != nil {
		for _, sibling := range []string{"name", "key"} {
			if name := n.Parent().Get(sibling); name.IsScalar() {
				return name.Value()
			}
		}
	}
	return n.Name()
}

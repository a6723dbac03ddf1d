package secret

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// CustomResourceSecret reports plain credentials in the fields of custom resources,
// the values of a HelmRelease or of an Argo CD Application among them.
var CustomResourceSecret = &lint.Rule{
	ID:         "custom-resource-secret",
	Summary:    "custom resource holds a credential in plain text",
	Severity:   lint.High,
	Group:      "secret",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"OWASP K03", "NSA C-0012"},
	Peers:      map[string][]string{"kubescape": {"C-0012"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		names := namesOf(pass.Bundle)
		for _, r := range pass.Bundle.Resources {
			if isBuiltIn(r) || encryptedKinds[r.Kind] {
				continue
			}
			pods := map[string]bool{}
			for _, p := range r.PodSpecs() {
				pods[p.Node.Path()] = true
			}
			for _, top := range r.Root.Fields() {
				switch top.Name() {
				case "apiVersion", "kind", "metadata", "status":
					continue
				}
				top.Walk(func(n *lint.Node) bool {
					if pods[n.Path()] {
						return false // the rules about containers look there
					}
					if !n.IsScalar() || n.Value() == "" || !isPlain(n.Value()) || names[n.Value()] || isGenerated(n) {
						return true
					}
					name := fieldName(n)
					if !n.IsString() && nameHint(name) != password || namesASecret(n.Value()) && !isWeak(n.Value()) {
						return true
					}
					report(pass, n, inText(name, n.Value()), fmt.Sprintf("%s holds %%s in plain text in %s%%s", r, n.GenericPath()))
					return true
				})
			}
		}
	},
}

// encryptedKinds hold references or what only the cluster can decrypt.
var encryptedKinds = set(`SealedSecret SopsSecret SopsSecretGenerator ExternalSecret ClusterExternalSecret SecretStore ClusterSecretStore PushSecret
	ClusterPushSecret SecretProviderClass VaultStaticSecret VaultDynamicSecret VaultPKISecret VaultSecret EncryptedSecret OnePasswordItem`)

// isBuiltIn reports whether an object's kind is Kubernetes' own, or is none that
// holds settings: a definition's defaults and examples are documentation.
func isBuiltIn(r *lint.Resource) bool {
	group := r.Group
	if group == "" || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") && !strings.Contains(group, ".x-k8s.io") {
		return true
	}
	return false
}

// fieldName is the key of a value; of the item of a list the list's; of
// {name: x, value: y} it is x.
func fieldName(n *lint.Node) string {
	for n.Index() >= 0 && n.Parent() != nil {
		n = n.Parent()
	}
	if n.Name() == "value" && n.Parent() != nil {
		for _, sibling := range []string{"name", "key"} {
			if name := n.Parent().Get(sibling); name.IsScalar() {
				return name.Value()
			}
		}
	}
	return n.Name()
}

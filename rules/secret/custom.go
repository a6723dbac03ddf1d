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
		for _, r := range pass.Bundle.Resources {
			if encryptedKinds[r.Kind] || r.Group == "" && (r.Kind == "Secret" || r.Kind == "ConfigMap") || r.Kind == "CustomResourceDefinition" || !holdsWorth(r.Root, "", 0) {
				continue
			}
			covered := coveredOf(r)
			for _, top := range r.Root.Fields() {
				switch top.Name() {
				case "apiVersion", "kind", "metadata", "status":
					continue
				}
				top.Walk(func(n *lint.Node) bool {
					if covered[n.Identity()] {
						return false // another rule looks there
					}
					if !n.IsScalar() || n.Value() == "" || names[n.Value()] {
						return true
					}
					name := fieldName(n)
					found := search(n, name, n.Value())
					if len(found) == 0 && strings.Contains(n.Value(), "@") && strings.HasSuffix(strings.ToLower(name), "image") {
						if m := imageUser().FindStringSubmatch(n.Value()); m != nil && isPlain(m[1]) {
							found = []leak{{what: "a password", text: m[1]}}
						}
					}
					if len(found) == 0 || !n.IsString() && nameHint(name) != password || namesASecret(n.Value()) && !isWeak(n.Value()) {
						return true
					}
					report(pass, n, found, fmt.Sprintf("%s holds %%s in plain text in %s%%s", r, n.GenericPath()))
					return true
				})
			}
		}
	},
}

// holdsWorth tells cheaply whether a value below n is worth a search.
func holdsWorth(n *lint.Node, name string, depth int) bool {
	for _, f := range n.Fields() {
		key := f.Name()
		if depth == 0 && (key == "apiVersion" || key == "kind" || key == "metadata" || key == "status") {
			continue
		}
		if key == "value" || key == "default" {
			for _, called := range []string{"name", "key"} {
				if name := n.Get(called); name.IsScalar() && isWorth(name.Value(), f.Value()) {
					return true
				}
			}
		}
		if holdsWorth(f, key, depth+1) {
			return true
		}
	}
	for _, item := range n.Items() {
		if holdsWorth(item, name, depth+1) {
			return true
		}
	}
	return n.IsScalar() && (isWorth(name, n.Value()) || strings.Contains(n.Value(), "@"))
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

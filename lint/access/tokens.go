package access

import (
	"github.com/manilint/manilint/lint"
)

// TokenType is the type of Secrets that the token controller fills with a token of a
// service account, one that does not expire
// (https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets).
const TokenType = "kubernetes.io/service-account-token"

// A Holder is a pod that gets the token of an account by a Secret: one of its own
// account, or of another's.
type Holder struct {
	Pod    *lint.PodSpec
	Node   *lint.Node // where the pod names the Secret
	Secret *lint.Resource
}

// TokenAccount returns the name of the service account whose token a Secret holds; "" where it holds none.
func TokenAccount(secret *lint.Resource) string {
	if !secret.Is("", "Secret") || secret.Get("type").Value() != TokenType {
		return ""
	}
	return secret.Get("metadata", "annotations", "kubernetes.io/service-account.name").Value()
}

// addHolders finds the pods that get a token by a Secret of the bundle.
func (g *Graph) addHolders(b *lint.Bundle) {
	secrets := map[[2]string]*lint.Resource{}
	for _, secret := range b.OfKind("Secret") {
		if TokenAccount(secret) != "" {
			secrets[[2]string{secret.Namespace, secret.Name}] = secret
		}
	}
	if len(secrets) == 0 {
		return
	}
	for _, pod := range b.PodSpecs() {
		met := map[*lint.Resource]bool{}
		for _, name := range secretNames(pod) {
			secret := secrets[[2]string{pod.Resource.Namespace, name.Value()}]
			if secret == nil || met[secret] {
				continue
			}
			met[secret] = true
			a := g.accountAt(secret.Namespace, TokenAccount(secret))
			a.Holders = append(a.Holders, Holder{pod, name, secret})
		}
	}
}

// secretNames returns the nodes by which a pod names the Secrets that its containers read.
func secretNames(pod *lint.PodSpec) []*lint.Node {
	var all []*lint.Node
	for _, volume := range pod.Get("volumes").Items() {
		all = append(all, volume.Get("secret", "secretName"))
		for _, source := range volume.Get("projected", "sources").Items() {
			all = append(all, source.Get("secret", "name"))
		}
	}
	for _, c := range pod.Containers() {
		for _, env := range c.Get("env").Items() {
			all = append(all, env.Get("valueFrom", "secretKeyRef", "name"))
		}
		for _, from := range c.Get("envFrom").Items() {
			all = append(all, from.Get("secretRef", "name"))
		}
	}
	return all
}

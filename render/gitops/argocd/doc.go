// Package argocd reads what objects of Argo CD ask to have rendered from their repository.
// It follows https://argo-cd.readthedocs.io/en/stable/ and renders nothing itself.
package argocd

package rbac

import (
	"strconv"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/kube"
)

// TokenSecret reports Secrets that hold a token of a service account: it does not
// expire, and anyone who reads the Secret has it.
var TokenSecret = &lint.Rule{
	ID:         "token-secret",
	Summary:    "Secret holds a token of a ServiceAccount, one that does not expire",
	Severity:   lint.Medium,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.6", "OWASP K09"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, secret := range pass.Resources("Secret") {
			if name := access.TokenAccount(secret); name != "" {
				pass.Reportf(secret.Get("type"), "%s holds a token of ServiceAccount %q that does not expire", secret, name).Help =
					"request a token from the TokenRequest API (kubectl create token), or project one into the pod with expirationSeconds"
			}
		}
	},
}

// ForeignToken reports pods that get the token of another service account than
// theirs. What follows from it, [Effective] says.
var ForeignToken = &lint.Rule{
	ID:         "foreign-token",
	Summary:    "pod uses the token of another ServiceAccount",
	Severity:   lint.Medium,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.6", "OWASP K09"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, a := range access.Of(pass.Bundle).Accounts {
			for _, h := range a.Holders {
				own := kube.Account(h.Pod)
				if own == a.Name {
					continue
				}
				f := pass.Reportf(h.Node, "%s runs as ServiceAccount %q and reads the token of %q from Secret %q", h.Pod.Resource, own, a.Name, h.Secret.Name)
				f.Help = "let the pod run as the account whose rights it needs"
				f.Relate("role", stand(h.Secret.Get("metadata", "name")), "the Secret stands here")
			}
		}
	},
}

// day is the number of seconds after which a token is long-lived.
const day = 24 * 60 * 60

// TokenLifetime reports projected tokens that live longer than a day; the kubelet
// renews a token when four fifths of its life are over, whatever that is.
var TokenLifetime = &lint.Rule{
	ID:         "token-lifetime",
	Summary:    "projected service account token lives longer than a day",
	Severity:   lint.Low,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.6", "OWASP K09"},
	Docs:       docs,
	Remedy:     hourlyToken,
	Run: func(pass *lint.Pass) {
		for _, pod := range pass.PodsWith("expirationSeconds") {
			for _, volume := range pod.Get("volumes").Items() {
				for _, source := range volume.Get("projected", "sources").Items() {
					n := source.Get("serviceAccountToken", "expirationSeconds")
					seconds, err := strconv.ParseInt(n.Value(), 10, 64)
					if err != nil || seconds <= day {
						continue
					}
					f := pass.Reportf(n, "%s gets a token that is valid for %d hours: whoever steals it can use it that long", pod.Resource, seconds/3600)
					f.Help = "set expirationSeconds to an hour (3600, the default) or less than a day; the kubelet renews the token in time"
				}
			}
		}
	},
}

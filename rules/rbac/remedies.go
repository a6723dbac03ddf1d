package rbac

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

func noToken(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that shows its token to something outside of these files, or whose rights are granted elsewhere, fails", lint.Set(n, false))
}

func noTokens(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("every pod of the account that calls the API server, and does not ask for the token itself, fails", lint.Set(n, false))
}

// newAccountField renames serviceAccount, or drops it where serviceAccountName is there and counts.
func newAccountField(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.Parent().Get("serviceAccountName").Exists() {
		return lint.Safe("serviceAccountName is set, and is the one that counts", lint.Remove(n))
	}
	return lint.Safe("the API server copies the old field to the new one", lint.Rename(n, "serviceAccountName"))
}

func hourlyToken(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that reads its token once, and not again, fails after the hour", lint.Set(n, 3600))
}

// nameVerbs writes the verbs of the API in place of "*", for resources that are named.
func nameVerbs(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	verbs := n.Parent()
	if n.Index() < 0 || verbs == nil || verbs.Name() != "verbs" || n.Value() != "*" {
		return nil
	}
	for _, resource := range verbs.Parent().Get("resources").Strings() {
		if strings.Contains(resource, "*") {
			return nil
		}
	}
	var edits []lint.Edit
	// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#request-verb-resource
	for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
		edits = append(edits, lint.Add(verbs, verb))
	}
	return lint.Risky("a program that uses a verb of its own kind (use, bind, escalate, impersonate, approve) is refused", append(edits, lint.Remove(n))...)
}

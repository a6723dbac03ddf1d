package rbac

import "github.com/manilint/manilint/lint"

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

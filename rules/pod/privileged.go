package pod

import "github.com/manilint/manilint/lint"

// Privileged reports containers with securityContext.privileged: true (CIS 5.2.2).
var Privileged = &lint.Rule{
	ID:         "privileged",
	Summary:    "container runs privileged",
	Severity:   lint.Critical,
	Group:      "pod",
	Profiles:   []lint.Profile{lint.ProfileDefault, lint.ProfileBaseline, lint.ProfileRestricted},
	References: []string{"CIS 5.2.2", "PSS baseline", "NSA C-0057", "OWASP K01"},
	Peers: map[string][]string{
		"kube-linter": {"privileged-container"}, "kube-score": {"container-security-context-privileged"},
		"polaris": {"runAsPrivileged"}, "trivy": {"KSV-0017"}, "checkov": {"CKV_K8S_16"},
		"kubescape": {"C-0057"}, "kubesec": {"Privileged"},
	},
	Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			if n := c.Node.Get("securityContext", "privileged"); n.IsTrue() {
				f := pass.Reportf(n, "%s runs privileged: it has every capability and every device of its node", c)
				f.Help = "remove privileged: true, and add the single capability or device that the container needs"
			}
		}
	},
}

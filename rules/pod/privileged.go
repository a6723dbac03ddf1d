package pod

import "github.com/manilint/manilint/lint"

// Privileged reports containers with securityContext.privileged: true (CIS 5.2.2).
var Privileged = &lint.Rule{
	ID:         "privileged",
	Summary:    "container runs privileged",
	Severity:   lint.Critical,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.2", "PSS baseline", "NSA C-0057", "OWASP K01"},
	Peers: map[string][]string{
		"kube-linter": {"privileged-container"}, "kube-score": {"container-security-context-privileged"},
		"polaris": {"runAsPrivileged"}, "trivy": {"KSV-0017"}, "checkov": {"CKV_K8S_16"},
		"kubescape": {"C-0057"}, "kubesec": {"Privileged"},
	},
	Docs:   docs,
	Remedy: unprivileged,
	Run: standard(func(p *lint.PodSpec, _ version) []breach {
		var all []breach
		for _, c := range p.Containers() {
			if n := c.Get("securityContext", "privileged"); n.IsTrue() {
				all = append(all, breach{node: n, level: lint.ProfileBaseline,
					message: c.String() + " runs privileged: it has every capability and every device of its node",
					help:    "remove privileged: true, and add the single capability or device that the container needs"})
			}
		}
		return all
	}, "privileged"),
}

package validity

import "github.com/manilint/manilint/lint"

// APIServiceInsecureTLS reports APIServices whose server the API server does not
// request a certificate that it can verify.
var APIServiceInsecureTLS = &lint.Rule{
	ID:         "apiservice-insecure-tls",
	Summary:    "API server does not verify the certificate of an extension API server",
	Severity:   lint.Medium,
	Group:      "validity",
	Profiles:   core,
	References: []string{"OWASP K07"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("APIService") {
			if n := r.Get("spec", "insecureSkipTLSVerify"); r.Group == "apiregistration.k8s.io" && n.IsTrue() {
				f := pass.Reportf(n, "%s forwards requests to its Service without verifying the certificate: insecureSkipTLSVerify is true", r)
				f.Help = "set spec.caBundle, or let cert-manager inject it, and remove insecureSkipTLSVerify"
			}
		}
	},
}

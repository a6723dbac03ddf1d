package secret

import (
	"encoding/base64"
	"fmt"

	"github.com/manilint/manilint/lint"
)

// ConfigMapSecret reports ConfigMaps that hold credentials, also inside the files
// that they hold.
var ConfigMapSecret = &lint.Rule{
	ID:         "configmap-secret",
	Summary:    "ConfigMap holds a credential",
	Severity:   lint.High,
	Group:      "secret",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"OWASP K03", "NSA C-0012"},
	Peers:      map[string][]string{"polaris": {"sensitiveConfigmapContent"}, "trivy": {"KSV-0109"}, "kubescape": {"C-0012"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		names := namesOf(pass.Bundle)
		for _, s := range suspectsOf(pass.Bundle).in(inBody) {
			pass.GoOn()
			r := s.resource
			if !r.Is("", "ConfigMap") {
				continue
			}
			for _, field := range []string{"data", "binaryData"} {
				for _, n := range r.Get(field).Fields() {
					text := n.Value()
					if field == "binaryData" {
						decoded, err := base64.StdEncoding.DecodeString(text)
						if err != nil || !isText(decoded) {
							continue
						}
						text = string(decoded)
					}
					if names[text] && !isWeak(text) {
						continue
					}
					if found := search(n, n.Name(), text); len(found) > 0 {
						report(pass, n, found, fmt.Sprintf("%s holds %%s in plain text under %q%%s", r, n.Name()))
					}
				}
			}
		}
	},
}

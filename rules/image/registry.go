package image

import (
	"net"
	"path"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Registry reports images from registries that are not allowed. Without a list
// of those that are, it reports what nobody should run from: registries that
// anybody can write to, and addresses that no certificate vouches for.
var Registry = &lint.Rule{
	ID:         "image-registry",
	Summary:    "image from a registry that is not allowed",
	Severity:   lint.Medium,
	Group:      "image",
	Profiles:   core,
	References: []string{"OWASP K02:2022"},
	Peers: map[string][]string{
		"trivy": {"KSV-0125", "KSV-0032", "KSV-0033", "KSV-0034", "KSV-0035"}, "kubescape": {"C-0001", "C-0078", "C-0313"},
	},
	Docs: docs,
	Params: []lint.Param{
		{Name: "allowed", Summary: "registries, or repositories in them, that images may come from: registry.example, registry.example/team, *.example.com; all where the list is empty", Default: []string{}},
		{Name: "denied", Summary: "registries, or repositories in them, that images may not come from", Default: []string{"ttl.sh"}},
	},
	Run: func(pass *lint.Pass) {
		allowed, denied := pass.Strings("allowed"), pass.Strings("denied")
		for _, i := range images(pass) {
			host, _, err := net.SplitHostPort(i.host())
			if err != nil {
				host = i.host()
			}
			switch {
			case matches(i.name(), denied):
				pass.Reportf(i.node, "%s %q, from a registry on the deny list", i, i.node.Value()).Help = "copy the image to a registry that you control"
			case len(allowed) > 0 && !matches(i.name(), allowed):
				f := pass.Reportf(i.node, "%s %q, and %s is not among the allowed registries", i, i.node.Value(), i.name())
				f.Help = "use one of: " + strings.Join(allowed, ", ")
			case len(allowed) == 0 && net.ParseIP(strings.Trim(host, "[]")) != nil:
				pass.Reportf(i.node, "%s %q, from a registry that is named by an IP address", i, i.node.Value()).Help = "give the registry a name and a certificate"
			}
		}
	},
}

// matches reports whether an image's name lies in one of the registries or
// repositories. An entry ends at a slash: a/team does not hold a/team-evil.
func matches(name string, entries []string) bool {
	host, _, _ := strings.Cut(name, "/")
	for _, e := range entries {
		e = strings.TrimSuffix(e, "/")
		pattern, rest, _ := strings.Cut(e, "/")
		if strings.Contains(pattern, "*") {
			if ok, err := path.Match(pattern, host); err == nil && ok {
				e = host
				if rest != "" {
					e += "/" + rest
				}
			}
		}
		if name == e || strings.HasPrefix(name, e+"/") {
			return true
		}
	}
	return false
}

// DeprecatedRegistry reports images from registries that are closed or frozen.
var DeprecatedRegistry = &lint.Rule{
	ID:         "image-deprecated-registry",
	Summary:    "image from a registry that is closed or gets no updates",
	Severity:   lint.Low,
	Group:      "image",
	Profiles:   core,
	References: []string{"OWASP K02:2022"},
	Peers:      map[string][]string{"kubescape": {"C-0253"}},
	Docs:       docs, Remedy: movedRegistry,
	Params: []lint.Param{
		{Name: "registries", Summary: "further registries, or repositories in them, that are closed", Default: []string{}},
	},
	Run: func(pass *lint.Pass) {
		for _, i := range images(pass) {
			for _, d := range dead {
				if matches(i.name(), []string{d.entry}) {
					f := pass.Reportf(i.node, "%s %q: %s", i, i.node.Value(), d.what)
					f.Help = d.help
					break
				}
			}
			if matches(i.name(), pass.Strings("registries")) {
				pass.Reportf(i.node, "%s %q, from a registry that the configuration lists as closed", i, i.node.Value())
			}
		}
	},
}

// dead are the registries that their owners have closed or frozen.
var dead = []struct{ entry, what, help string }{
	// https://kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement/
	{"k8s.gcr.io", "k8s.gcr.io has been frozen since April 2023", "use registry.k8s.io"},
	{"gcr.io/google_containers", "gcr.io/google_containers is the old name of the frozen k8s.gcr.io", "use registry.k8s.io"},
	{"gcr.io/google-containers", "gcr.io/google-containers is the old name of the frozen k8s.gcr.io", "use registry.k8s.io"},
	// https://github.blog/changelog/2021-06-21-packages-container-registry-now-generally-available/
	{"docker.pkg.github.com", "docker.pkg.github.com has been replaced", "use ghcr.io"},
	// https://jfrog.com/blog/into-the-sunset-bintray-jcenter-gocenter-and-chartcenter/
	{"*.bintray.io", "bintray.io was closed in May 2021", "use the registry that the project publishes to now"},
	// https://github.com/bitnami/containers/issues/83267
	{"docker.io/bitnamilegacy", "docker.io/bitnamilegacy gets no security updates", "use an image that is maintained"},
}

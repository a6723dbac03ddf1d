package image

import (
	"net"
	"path"
	"slices"
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
		const isFine, isDenied, isNotAllowed, isAddress = 0, 1, 2, 3
		verdict := once(func(i image) int {
			host, _, err := net.SplitHostPort(i.host)
			if err != nil {
				host = i.host
			}
			switch {
			case matches(i.name, denied):
				return isDenied
			case len(allowed) > 0 && !matches(i.name, allowed):
				return isNotAllowed
			case len(allowed) == 0 && net.ParseIP(strings.Trim(host, "[]")) != nil:
				return isAddress
			}
			return isFine
		})
		for _, i := range images(pass) {
			switch verdict(i) {
			case isDenied:
				pass.Reportf(i.node, "%s %q, from a registry on the deny list", i, i.node.Value()).Help = "copy the image to a registry that you control"
			case isNotAllowed:
				f := pass.Reportf(i.node, "%s %q, and %s is not among the allowed registries", i, i.node.Value(), i.name)
				f.Help = "use one of: " + strings.Join(allowed, ", ")
			case isAddress:
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
		closed := once(func(i image) int {
			return slices.IndexFunc(dead, func(d registry) bool { return matches(i.name, []string{d.entry}) })
		})
		listed := once(func(i image) bool { return matches(i.name, pass.Strings("registries")) })
		for _, i := range images(pass) {
			if at := closed(i); at >= 0 {
				f := pass.Reportf(i.node, "%s %q: %s", i, i.node.Value(), dead[at].what)
				f.Help = dead[at].help
			}
			if listed(i) {
				pass.Reportf(i.node, "%s %q, from a registry that the configuration lists as closed", i, i.node.Value())
			}
		}
	},
}

// A registry is one, or a repository in one, with what became of it.
type registry struct{ entry, what, help string }

// dead are the registries that their owners have closed or frozen.
var dead = []registry{
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

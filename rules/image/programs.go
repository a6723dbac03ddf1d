package image

import (
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Tiller reports the server of Helm 2 (KSV-0102): anyone who reaches its port
// installs what he likes with its rights.
var Tiller = &lint.Rule{
	ID:         "tiller",
	Summary:    "Tiller, the server of Helm 2, is deployed",
	Severity:   lint.Critical,
	Group:      "image",
	Profiles:   core,
	References: []string{"OWASP K07"},
	Peers:      map[string][]string{"trivy": {"KSV-0102"}, "checkov": {"CKV_K8S_34", "CKV_K8S_44", "CKV_K8S_45"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, i := range images(pass) {
			if i.base == "tiller" {
				pass.Reportf(i.node, "%s Tiller, which installs whatever any client in the cluster sends it", i).Help = "remove it; Helm 3 needs no server"
			}
		}
		for _, r := range pass.Resources("Service") {
			if l := r.Labels(); r.Group == "" && l["app"] == "helm" && l["name"] == "tiller" {
				f := pass.Reportf(r.Get("metadata", "name"), "%s exposes Tiller, which installs whatever any client in the cluster sends it", r)
				f.Whole, f.Help = true, "remove it; Helm 3 needs no server"
			}
		}
	},
}

// Dashboard reports the Kubernetes Dashboard (CKV_K8S_33).
var Dashboard = &lint.Rule{
	ID:         "dashboard",
	Summary:    "the Kubernetes Dashboard is deployed",
	Severity:   lint.Medium,
	Group:      "image",
	References: []string{"MITRE C-0014", "OWASP K06"},
	Peers:      map[string][]string{"checkov": {"CKV_K8S_33"}, "kubescape": {"C-0014"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, i := range images(pass) {
			path := i.name[len(i.host)+1:]
			if strings.HasPrefix(path, "kubernetesui/dashboard") || strings.HasPrefix(i.base, "kubernetes-dashboard") {
				pass.Reportf(i.node, "%s the Kubernetes Dashboard, which gives whoever reaches it a way into the cluster", i).Help = "remove it, or allow access only through kubectl proxy, with a service account of few rights"
			}
		}
	},
}

// GitSync reports git-sync containers that run a program of a configuration's
// choice (CKV_K8S_159): who can set the argument runs code in the container.
var GitSync = &lint.Rule{
	ID:       "git-sync",
	Summary:  "git-sync is configured to run another program",
	Severity: lint.Medium,
	Group:    "image",
	Peers:    map[string][]string{"checkov": {"CKV_K8S_159"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, i := range images(pass) {
			if i.container == nil || !strings.HasPrefix(i.base, "git-sync") {
				continue
			}
			for _, field := range []string{"command", "args"} {
				for _, arg := range i.container.Get(field).Items() {
					name, _, _ := strings.Cut(strings.TrimLeft(arg.Value(), "-"), "=")
					if strings.HasPrefix(arg.Value(), "-") && slices.Contains([]string{"git", "exechook-command", "sync-hook-command"}, name) {
						pass.Reportf(arg, "%s lets an argument choose what git-sync runs: %s", i.container, name).Help = "remove the argument"
					}
				}
			}
			for _, e := range i.container.Get("env").Items() {
				switch name := e.Get("name"); name.Value() {
				case "GITSYNC_GIT", "GIT_SYNC_GIT", "GITSYNC_EXECHOOK_COMMAND", "GIT_SYNC_EXECHOOK_COMMAND", "GIT_SSH_COMMAND", "GIT_SYNC_HOOK_COMMAND":
					pass.Reportf(name, "%s lets a variable choose what git-sync runs: %s", i.container, name.Value()).Help = "remove the variable"
				}
			}
		}
	},
}

// KubeletInsecureTLS reports programs, metrics-server above all, that talk to
// kubelets without checking who answers.
var KubeletInsecureTLS = &lint.Rule{
	ID:         "kubelet-insecure-tls",
	Summary:    "program does not verify the certificates of kubelets",
	Severity:   lint.Medium,
	Group:      "image",
	Profiles:   core,
	References: []string{"OWASP K07"},
	Docs:       docs, Remedy: verifyKubelets,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("command", "args") {
			for _, field := range []string{"command", "args"} {
				for _, arg := range c.Get(field).Items() {
					for _, word := range strings.Fields(arg.Value()) {
						if flag, value, set := strings.Cut(word, "="); flag == "--kubelet-insecure-tls" && (!set || isTrue(value)) {
							f := pass.Reportf(arg, "%s does not verify the certificates of kubelets, so an impostor can take its token: --kubelet-insecure-tls is set", c)
							f.Help = "remove it, and let kubelets have serving certificates of the cluster's CA (serverTLSBootstrap: true) or set --kubelet-certificate-authority"
							break
						}
					}
				}
			}
		}
	},
}

// isTrue reads the value of a flag as Go's flags do.
func isTrue(value string) bool {
	on, err := strconv.ParseBool(value)
	return err == nil && on
}

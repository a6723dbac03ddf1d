package pod

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// ReadOnlyRootFS reports containers whose root file system is writable.
var ReadOnlyRootFS = &lint.Rule{
	ID:         "read-only-root-fs",
	Summary:    "container may write to its root file system",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inDefault,
	References: []string{"NSA C-0017", "CIS 5.7.3", "OWASP K01"},
	Peers: map[string][]string{
		"kube-linter": {"no-read-only-root-fs"}, "kube-score": {"container-security-context-readonlyrootfilesystem"},
		"polaris": {"notReadOnlyRootFilesystem"}, "trivy": {"KSV-0014"}, "checkov": {"CKV_K8S_22"},
		"kubescape": {"C-0017"}, "kubesec": {"ReadOnlyRootFilesystem"},
	},
	Docs:   docs,
	Remedy: readOnlyRoot,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			n := c.Get("securityContext", "readOnlyRootFilesystem")
			if n.IsTrue() || n.IsNull() && c.Partial || onWindows(c.Pod) {
				continue
			}
			f := pass.Reportf(n, "%s may write to its root file system: readOnlyRootFilesystem is %s", c, text(n))
			f.Help = "set securityContext.readOnlyRootFilesystem: true, with an emptyDir where the program writes"
		}
	},
}

// SecurityContextMissing reports containers that have no security context, nor
// their pod. The rules that name a missing field are stronger.
var SecurityContextMissing = &lint.Rule{
	ID:         "security-context-missing",
	Summary:    "neither container nor pod has a security context",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inDefault,
	References: []string{"CIS 5.7.3"},
	Peers:      map[string][]string{"trivy": {"KSV-0118"}, "checkov": {"CKV_K8S_29", "CKV_K8S_30"}, "kubescape": {"C-0211"}},
	Docs:       docs,
	YieldsTo: []string{"allow-privilege-escalation", "run-as-non-root", "read-only-root-fs", "drop-all-capabilities",
		"pss-restricted-capabilities", "seccomp", "linux-hardening"},
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			n := c.Get("securityContext")
			if isEmpty(n) && isEmpty(c.Pod.SecurityContext()) && !c.Partial {
				f := pass.Reportf(n, "neither %s nor its pod has a security context", c)
				f.Help = "add a securityContext: runAsNonRoot, allowPrivilegeEscalation: false, capabilities.drop: [ALL], seccompProfile"
			}
		}
	},
}

func isEmpty(n *lint.Node) bool { return n.IsNull() || n.IsMapping() && len(n.Fields()) == 0 }

// ProcMount reports unmasked /proc (PSS baseline), which a pod in a user
// namespace may have since v1.35.
var ProcMount = &lint.Rule{
	ID:         "proc-mount",
	Summary:    "container sees /proc unmasked",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   []lint.Profile{lint.ProfileDefault, lint.ProfileBaseline},
	References: []string{"PSS baseline"},
	Peers: map[string][]string{"kube-linter": {"unsafe-proc-mount"}, "polaris": {"procMount"}, "trivy": {"KSV-0027"},
		"kyverno": {"disallow-proc-mount"}},
	Docs:   docs,
	Remedy: maskedProc,
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v < 35 || !inUserNamespace(p) {
			return unmasked(p, lint.ProfileBaseline)
		}
		all := unmasked(p, lint.ProfileRestricted)
		for i := range all {
			all[i].enforced = true
		}
		return all
	}, "procMount"),
}

// RestrictedProcMount reports unmasked /proc in any pod (PSS restricted).
var RestrictedProcMount = &lint.Rule{
	ID:         "pss-restricted-proc-mount",
	Summary:    "container sees /proc unmasked, in a user namespace or not",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   []lint.Profile{lint.ProfileRestricted},
	References: []string{"PSS restricted"},
	Peers:      map[string][]string{"kyverno": {"disallow-proc-mount"}},
	Docs:       docs,
	Remedy:     maskedProc,
	YieldsTo:   []string{"proc-mount"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v < 35 || !inUserNamespace(p) {
			return unmasked(p, lint.ProfileBaseline)
		}
		return unmasked(p, lint.ProfileRestricted)
	}, "procMount"),
}

func unmasked(p *lint.PodSpec, level lint.Profile) []breach {
	var all []breach
	for _, c := range p.Containers() {
		n := c.Get("securityContext", "procMount")
		if n.IsNull() || n.Value() == "Default" {
			continue
		}
		all = append(all, breach{node: n, level: level, help: "remove procMount",
			message: fmt.Sprintf("%s sees the node's /proc unmasked: procMount is %s", c, text(n))})
	}
	return all
}

// SELinuxOptions reports SELinux users, roles and types that are not those of
// containers (PSS baseline).
var SELinuxOptions = &lint.Rule{
	ID:         "selinux-options",
	Summary:    "pod or container chooses its own SELinux user, role or type",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"PSS baseline", "NSA 1.8"},
	Peers:      map[string][]string{"trivy": {"KSV-0025"}, "kyverno": {"disallow-selinux"}},
	Docs:       docs, Remedy: noSELinuxOptions,
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		var all []breach
		for _, s := range setters(p) {
			var bad []*lint.Node
			options := s.context.Get("seLinuxOptions")
			switch n := options.Get("type"); n.Value() {
			case "", "container_t", "container_init_t", "container_kvm_t":
			case "container_engine_t":
				if v < 31 {
					bad = append(bad, n)
				}
			default:
				bad = append(bad, n)
			}
			for _, field := range []string{"user", "role"} {
				if n := options.Get(field); n.Value() != "" {
					bad = append(bad, n)
				}
			}
			if len(bad) > 0 {
				b := breach{node: bad[0], related: bad[1:], level: lint.ProfileBaseline,
					help:    "remove it, or use a type of containers such as container_t",
					message: fmt.Sprintf("%s chooses its own SELinux %s %q", s.name(), bad[0].Name(), bad[0].Value())}
				if s.isPod {
					b = b.unlessOverridden(p, "seLinuxOptions")
				}
				all = append(all, b)
			}
		}
		return all
	}, "seLinuxOptions"),
}

// safeSysctls are the sysctls that the baseline allows, by the version that
// first does (https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/).
var safeSysctls = map[string]version{
	"kernel.shm_rmid_forced":              0,
	"net.ipv4.ip_local_port_range":        0,
	"net.ipv4.tcp_syncookies":             0,
	"net.ipv4.ping_group_range":           0,
	"net.ipv4.ip_unprivileged_port_start": 0,
	"net.ipv4.ip_local_reserved_ports":    27,
	"net.ipv4.tcp_keepalive_time":         29,
	"net.ipv4.tcp_fin_timeout":            29,
	"net.ipv4.tcp_keepalive_intvl":        29,
	"net.ipv4.tcp_keepalive_probes":       29,
	"net.ipv4.tcp_rmem":                   32,
	"net.ipv4.tcp_wmem":                   32,
	"net.ipv4.tcp_slow_start_after_idle":  37,
	"net.ipv4.tcp_notsent_lowat":          37,
}

// UnsafeSysctls reports sysctls outside the safe set (PSS baseline).
var UnsafeSysctls = &lint.Rule{
	ID:         "unsafe-sysctls",
	Summary:    "pod sets kernel parameters outside the safe set",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"PSS baseline"},
	Peers:      map[string][]string{"kube-linter": {"unsafe-sysctls"}, "trivy": {"KSV-0026"}, "kyverno": {"restrict-sysctls"}},
	Docs:       docs, Remedy: noSysctls,
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		var bad []*lint.Node
		var all []breach
		for _, item := range p.SecurityContext().Get("sysctls").Items() {
			n := item.Get("name")
			if since, ok := safeSysctls[n.Value()]; !ok || v < since {
				bad = append(bad, n)
			}
			// https://nvd.nist.gov/vuln/detail/CVE-2022-0811
			if value := item.Get("value"); strings.ContainsAny(value.Value(), "+=") {
				all = append(all, breach{node: value, severity: severity(lint.High), help: "write the value alone",
					message: fmt.Sprintf("pod sets sysctl %q to a value with another sysctl in it: CRI-O before 1.23.2 sets that one on the node (CVE-2022-0811)", n.Value())})
			}
		}
		if len(bad) == 0 {
			return all
		}
		return append(all, breach{node: bad[0], related: bad[1:], level: lint.ProfileBaseline,
			help:    "remove it, or set it on the node",
			message: fmt.Sprintf("pod sets sysctl %q, which is not in the safe set", bad[0].Value())})
	}, "sysctls"),
}

// HostAliases reports pods that edit /etc/hosts.
var HostAliases = &lint.Rule{
	ID:         "host-aliases",
	Summary:    "pod adds entries to its /etc/hosts",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"OWASP K01"},
	Peers:      map[string][]string{"trivy": {"KSV-0007"}, "kubesec": {"HostAliases"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, p := range pass.PodsWith("hostAliases") {
			if n := p.Get("hostAliases"); len(n.Items()) > 0 {
				addresses := "1 address"
				if count := len(n.Items()); count != 1 {
					addresses = fmt.Sprintf("%d addresses", count)
				}
				f := pass.Reportf(n, "pod overrides DNS for %s through hostAliases", addresses)
				f.Help = "let DNS or a Service of type ExternalName resolve the names"
			}
		}
	},
}

// SCCPrivileged reports SecurityContextConstraints, and the PodSecurityPolicies
// that came before, which let pods run privileged.
var SCCPrivileged = &lint.Rule{
	ID:         "scc-privileged",
	Summary:    "SecurityContextConstraints or PodSecurityPolicy allow privileged pods",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inDefault,
	References: []string{"CIS 5.2.2"},
	Peers:      map[string][]string{"kube-linter": {"scc-deny-privileged-container"}},
	Docs:       docs, Remedy: noPrivilegedPods,
	YieldsTo: []string{"deprecated-api"}, // of a PodSecurityPolicy that no server reads
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("SecurityContextConstraints") {
			if n := r.Get("allowPrivilegedContainer"); r.Is("security.openshift.io", r.Kind) && n.IsTrue() || r.Group == "" && n.IsTrue() {
				f := pass.Reportf(n, "%s lets its users run privileged containers", r)
				f.Help = "set allowPrivilegedContainer: false, and allow the single capability or volume type that is needed"
			}
		}
		for _, r := range pass.Resources("PodSecurityPolicy") {
			if n := r.Get("spec", "privileged"); (r.Group == "policy" || r.Group == "extensions") && n.IsTrue() {
				f := pass.Reportf(n, "%s lets its users run privileged containers", r)
				f.Help = "Kubernetes 1.25 removed PodSecurityPolicy: delete it, and enforce a Pod Security Standard on the namespace"
			}
		}
	},
}

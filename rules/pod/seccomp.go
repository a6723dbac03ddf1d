package pod

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// The annotations that held profiles before there were fields.
const (
	seccompPodAnnotation       = "seccomp.security.alpha.kubernetes.io/pod"
	seccompContainerAnnotation = "container.seccomp.security.alpha.kubernetes.io/"
	appArmorAnnotation         = "container.apparmor.security.beta.kubernetes.io/"
)

// SeccompUnconfined reports seccomp profiles that confine nothing (PSS baseline).
var SeccompUnconfined = &lint.Rule{
	ID:         "seccomp-unconfined",
	Summary:    "pod or container turns seccomp off",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   []lint.Profile{lint.ProfileDefault, lint.ProfileBaseline},
	References: []string{"CIS 5.7.2", "PSS baseline", "NSA 1.10"},
	Peers:      map[string][]string{"trivy": {"KSV-0104"}, "kubesec": {"SeccompUnconfined"}},
	Docs:       docs,
	Run:        standard(unconfined),
}

// unconfined is the baseline's check of seccomp.
func unconfined(p *lint.PodSpec, v version) []breach {
	var all []breach
	if v < 19 {
		annotations := p.Metadata.Get("annotations")
		nodes := []*lint.Node{annotations.Get(seccompPodAnnotation)}
		for _, c := range p.Containers() {
			nodes = append(nodes, annotations.Get(seccompContainerAnnotation+c.Name()))
		}
		for _, n := range nodes {
			switch value := n.Value(); {
			case !n.Exists(), value == "runtime/default", value == "docker/default", strings.HasPrefix(value, "localhost/"):
			default:
				all = append(all, breach{node: n, level: lint.ProfileBaseline, help: "use runtime/default",
					message: fmt.Sprintf("annotation %s turns seccomp off: it is %s", n.Name(), text(n))})
			}
		}
		return all
	}
	for _, s := range setters(p) {
		profile := s.context.Get("seccompProfile")
		n := profile.Get("type")
		if profile.IsNull() || n.Value() == "RuntimeDefault" || n.Value() == "Localhost" {
			continue
		}
		message := fmt.Sprintf("%s turns seccomp off: seccompProfile.type is %s", s.name, text(n))
		if n.Value() != "Unconfined" {
			message = fmt.Sprintf("%s has no valid seccomp profile: seccompProfile.type is %s", s.name, text(n))
		}
		all = append(all, breach{node: n, level: lint.ProfileBaseline, message: message, help: "set seccompProfile.type: RuntimeDefault"})
	}
	return all
}

// Seccomp reports containers without a seccomp profile (PSS restricted since v1.19).
var Seccomp = &lint.Rule{
	ID:         "seccomp",
	Summary:    "container runs without a seccomp profile",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inRestricted,
	References: []string{"CIS 5.7.2", "PSS restricted", "NSA C-0055"},
	Peers: map[string][]string{"kube-score": {"container-seccomp-profile"}, "trivy": {"KSV-0030"}, "checkov": {"CKV_K8S_31"},
		"kubesec": {"SeccompAny"}},
	Docs:     docs,
	YieldsTo: []string{"seccomp-unconfined", "privileged"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v >= 25 && p.IsWindows() {
			return nil
		}
		all := unconfined(p, v)
		for i := range all {
			all[i].severity = severity(lint.High) // as of seccomp-unconfined
		}
		if v < 19 || !p.SecurityContext().Get("seccompProfile").IsNull() {
			return all
		}
		for _, c := range p.Containers() {
			profile := c.Get("securityContext", "seccompProfile")
			if !profile.IsNull() || c.Partial {
				continue
			}
			b := breach{node: profile, level: lint.ProfileRestricted, help: set(p, "seccompProfile.type: RuntimeDefault"),
				message: fmt.Sprintf("%s runs without a seccomp profile: neither it nor its pod sets seccompProfile", c)}
			annotations := p.Metadata.Get("annotations")
			if annotations.Get(seccompPodAnnotation).Exists() || annotations.Get(seccompContainerAnnotation+c.Name()).Exists() {
				b.message = fmt.Sprintf("%s runs without a seccomp profile: Kubernetes 1.27 and later ignore the annotation", c)
			}
			all = append(all, b.asWindows(p))
		}
		return all
	}),
}

// AppArmorUnconfined reports AppArmor profiles that confine nothing (PSS
// baseline), as fields or as annotations.
var AppArmorUnconfined = &lint.Rule{
	ID:         "apparmor-unconfined",
	Summary:    "pod or container turns AppArmor off",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"PSS baseline", "NSA 1.9"},
	Peers:      map[string][]string{"kubesec": {"ApparmorUnconfined"}, "kyverno": {"restrict-apparmor-profiles"}},
	Docs:       docs,
	Run:        standard(noAppArmor),
}

func noAppArmor(p *lint.PodSpec, _ version) []breach {
	var all []breach
	for _, s := range setters(p) {
		profile := s.context.Get("appArmorProfile")
		n := profile.Get("type")
		if profile.IsNull() || n.Value() == "RuntimeDefault" || n.Value() == "Localhost" {
			continue
		}
		message := fmt.Sprintf("%s turns AppArmor off: appArmorProfile.type is %s", s.name, text(n))
		if n.Value() != "Unconfined" {
			message = fmt.Sprintf("%s has no valid AppArmor profile: appArmorProfile.type is %s", s.name, text(n))
		}
		all = append(all, breach{node: n, level: lint.ProfileBaseline, message: message, help: "set appArmorProfile.type: RuntimeDefault"})
	}
	for _, n := range p.Metadata.Get("annotations").Fields() {
		name, ok := strings.CutPrefix(n.Name(), appArmorAnnotation)
		if !ok || n.Value() == "" || n.Value() == "runtime/default" || strings.HasPrefix(n.Value(), "localhost/") {
			continue
		}
		b := breach{node: n, level: lint.ProfileBaseline, help: "set securityContext.appArmorProfile.type: RuntimeDefault in place of the annotation",
			message: fmt.Sprintf("container %q turns AppArmor off: its annotation is %s", name, text(n))}
		for _, c := range p.Containers() {
			if c.Name() == name {
				b.subject = c.Node.Path()
			}
		}
		all = append(all, b)
	}
	return all
}

// AppArmor reports containers for which no AppArmor profile is chosen.
var AppArmor = &lint.Rule{
	ID:         "apparmor",
	Summary:    "container has no AppArmor profile of its own choice",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"NSA 1.9"},
	Peers:      map[string][]string{"trivy": {"KSV-0002"}, "kubesec": {"ApparmorAny", "ApparmorUnconfined"}},
	Docs:       docs,
	YieldsTo:   []string{"apparmor-unconfined", "privileged"},
	Run: func(pass *lint.Pass) {
		for _, p := range pass.PodSpecs() {
			if onWindows(p) {
				continue
			}
			for _, b := range noAppArmor(p, latest) {
				b.report(pass)
			}
			for _, c := range p.Containers() {
				if hasAppArmor(c) || c.Partial {
					continue
				}
				f := pass.Reportf(c.Get("securityContext", "appArmorProfile"), "%s has no AppArmor profile: neither it nor its pod sets appArmorProfile", c)
				f.Help = set(p, "appArmorProfile.type: RuntimeDefault")
			}
		}
	},
}

func hasAppArmor(c *lint.Container) bool {
	return !c.Get("securityContext", "appArmorProfile").IsNull() || !c.Pod.SecurityContext().Get("appArmorProfile").IsNull() ||
		c.Pod.Metadata.Get("annotations", appArmorAnnotation+c.Name()).Exists()
}

// LinuxHardening reports containers that none of the kernel's confinements is
// asked for: seccomp, AppArmor, SELinux, dropped capabilities.
var LinuxHardening = &lint.Rule{
	ID:         "linux-hardening",
	Summary:    "container asks for none of seccomp, AppArmor, SELinux and dropped capabilities",
	Severity:   lint.Medium,
	Group:      "pod",
	References: []string{"NSA C-0055"},
	Peers:      map[string][]string{"polaris": {"linuxHardening"}, "kubescape": {"C-0055"}},
	Docs:       docs,
	YieldsTo:   []string{"privileged", "seccomp", "drop-all-capabilities"},
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			own, pod := c.Get("securityContext"), c.Pod.SecurityContext()
			hardened := hasAppArmor(c) || len(own.Get("capabilities", "drop").Items()) > 0
			for _, field := range []string{"seccompProfile", "seLinuxOptions"} {
				hardened = hardened || !isEmpty(own.Get(field)) || !isEmpty(pod.Get(field))
			}
			if hardened || c.Partial || onWindows(c.Pod) {
				continue
			}
			f := pass.Reportf(own.Get("seccompProfile"), "%s asks for no confinement by the kernel: no seccomp, AppArmor or SELinux, no capability dropped", c)
			f.Help = "set securityContext.seccompProfile.type: RuntimeDefault and capabilities.drop: [ALL]"
		}
	},
}

package pod

import (
	"fmt"
	"slices"
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
	Remedy:     defaultProfile,
	Run:        standard(unconfined, "seccompProfile", "annotations"),
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
		message := fmt.Sprintf("%s turns seccomp off: seccompProfile.type is %s", s.name(), text(n))
		if n.Value() != "Unconfined" {
			message = fmt.Sprintf("%s has no valid seccomp profile: seccompProfile.type is %s", s.name(), text(n))
		}
		b := breach{node: n, level: lint.ProfileBaseline, message: message, help: "set seccompProfile.type: RuntimeDefault"}
		if s.isPod {
			b = b.unlessOverridden(p, "seccompProfile")
		}
		all = append(all, b)
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
	Remedy:   defaultSeccomp,
	YieldsTo: []string{"seccomp-unconfined", "privileged"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v >= 25 && p.IsWindows() {
			return nil
		}
		all := unconfined(p, v)
		for i := range all {
			if all[i].severity == nil {
				all[i].severity = severity(lint.High) // as of seccomp-unconfined
			}
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
	Remedy:     defaultProfile,
	Run:        standard(noAppArmor, "appArmorProfile", "annotations"),
}

func noAppArmor(p *lint.PodSpec, _ version) []breach {
	var all []breach
	for _, s := range setters(p) {
		profile := s.context.Get("appArmorProfile")
		n := profile.Get("type")
		if profile.IsNull() || n.Value() == "RuntimeDefault" || n.Value() == "Localhost" {
			continue
		}
		message := fmt.Sprintf("%s turns AppArmor off: appArmorProfile.type is %s", s.name(), text(n))
		if n.Value() != "Unconfined" {
			message = fmt.Sprintf("%s has no valid AppArmor profile: appArmorProfile.type is %s", s.name(), text(n))
		}
		b := breach{node: n, level: lint.ProfileBaseline, message: message, help: "set appArmorProfile.type: RuntimeDefault"}
		if s.isPod {
			b = b.unlessOverridden(p, "appArmorProfile")
		}
		all = append(all, b)
	}
	for _, n := range p.Metadata.Get("annotations").Fields() {
		name, ok := strings.CutPrefix(n.Name(), appArmorAnnotation)
		if !ok || n.Value() == "" || n.Value() == "runtime/default" || strings.HasPrefix(n.Value(), "localhost/") {
			continue
		}
		b := breach{node: n, level: lint.ProfileBaseline, help: "set securityContext.appArmorProfile.type: RuntimeDefault in place of the annotation",
			message: fmt.Sprintf("container %q names no valid AppArmor profile: its annotation is %s", name, text(n))}
		if n.Value() == "unconfined" {
			b.message = fmt.Sprintf("container %q turns AppArmor off: its annotation is %s", name, text(n))
		}
		there := false
		for _, c := range p.Containers() {
			if c.Name() == name {
				b.subject, there = c.Node.Path(), true
			}
		}
		if !there && !p.Partial {
			// The API server refuses it: ValidateAppArmorPodAnnotations of k8s.io/kubernetes.
			b.severity, b.help = severity(lint.Medium), "name a container of the pod in the annotation, or remove it"
			b.message = fmt.Sprintf("the annotation of an AppArmor profile is for container %q, which the pod does not have", name)
		}
		all = append(all, b)
	}
	return all
}

// AppArmor reports containers for which no AppArmor profile is chosen.
var AppArmor = &lint.Rule{
	ID:         "apparmor",
	Summary:    "container sets no AppArmor profile",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"NSA 1.9"},
	Peers:      map[string][]string{"trivy": {"KSV-0002"}, "kubesec": {"ApparmorAny", "ApparmorUnconfined"}},
	Docs:       docs,
	Remedy:     defaultAppArmor,
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
// requested: seccomp, AppArmor, SELinux, dropped capabilities.
var LinuxHardening = &lint.Rule{
	ID:         "linux-hardening",
	Summary:    "container sets none of seccomp, AppArmor, SELinux and dropped capabilities",
	Severity:   lint.Medium,
	Group:      "pod",
	References: []string{"NSA C-0055"},
	Peers:      map[string][]string{"polaris": {"linuxHardening"}, "kubescape": {"C-0055"}},
	Docs:       docs,
	Remedy:     defaultSeccomp,
	YieldsTo:   []string{"privileged", "seccomp", "drop-all-capabilities"},
	Run: func(pass *lint.Pass) {
		for _, c := range pass.Containers() {
			own := c.Get("securityContext")
			if isHardened(c) || c.Partial || onWindows(c.Pod) {
				continue
			}
			f := pass.Reportf(own.Get("seccompProfile"), "%s sets no confinement by the kernel: no seccomp, AppArmor or SELinux, and no dropped capability", c)
			f.Help = "set securityContext.seccompProfile.type: RuntimeDefault and capabilities.drop: [ALL]"
		}
	},
}

// isHardened reports whether one of the kernel's confinements is in force: the container's
// own profile, else its pod's, where it confines; a capability dropped that is not added again.
func isHardened(c *lint.Container) bool {
	inForce := func(field string) *lint.Node {
		if own := c.Get("securityContext", field); !own.IsNull() {
			return own
		}
		return c.Pod.SecurityContext().Get(field)
	}
	for _, field := range []string{"seccompProfile", "appArmorProfile"} {
		if kind := inForce(field).Get("type").Value(); kind == "RuntimeDefault" || kind == "Localhost" {
			return true
		}
	}
	if profile := c.Pod.Metadata.Get("annotations", appArmorAnnotation+c.Name()).Value(); inForce("appArmorProfile").IsNull() &&
		(profile == "runtime/default" || strings.HasPrefix(profile, "localhost/")) {
		return true
	}
	// spc_t is the type of containers that SELinux does not confine.
	if options := inForce("seLinuxOptions"); !isEmpty(options) && !strings.HasPrefix(options.Get("type").Value(), "spc_t") && options.Get("type").Value() != "unconfined_t" {
		return true
	}
	return slices.ContainsFunc(c.Get("securityContext", "capabilities", "drop").Items(), func(dropped *lint.Node) bool {
		name := runtimeName(dropped)
		return !strings.HasPrefix(name, "CAP_") && !slices.ContainsFunc(c.Get("securityContext", "capabilities", "add").Items(), func(added *lint.Node) bool {
			back := runtimeName(added)
			return back == "ALL" || back == name
		})
	})
}

package pod

import (
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// AllowPrivilegeEscalation reports containers that do not set
// allowPrivilegeEscalation: false (PSS restricted, CIS 5.2.6).
var AllowPrivilegeEscalation = &lint.Rule{
	ID:         "allow-privilege-escalation",
	Summary:    "container may gain more privileges than its parent process",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inRestricted,
	References: []string{"CIS 5.2.6", "PSS restricted", "NSA C-0016", "OWASP K01"},
	Peers: map[string][]string{
		"kube-linter": {"privilege-escalation-container"}, "polaris": {"privilegeEscalationAllowed"}, "trivy": {"KSV-0001"},
		"checkov": {"CKV_K8S_20"}, "kubescape": {"C-0016"}, "kubesec": {"AllowPrivilegeEscalation"},
	},
	Docs:     docs,
	YieldsTo: []string{"privileged"},
	Remedy:   noEscalation,
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v < 8 || v >= 25 && p.IsWindows() {
			return nil
		}
		var all []breach
		for _, c := range p.Containers() {
			n := c.Get("securityContext", "allowPrivilegeEscalation")
			if n.IsFalse() || n.IsNull() && c.Partial {
				continue
			}
			b := breach{node: n, level: lint.ProfileRestricted, help: "set securityContext.allowPrivilegeEscalation: false on the container",
				message: fmt.Sprintf("%s may gain more privileges than its parent: allowPrivilegeEscalation is %s", c, text(n))}
			all = append(all, b.asWindows(p))
		}
		return all
	}),
}

// RunAsNonRoot reports pods and containers that may run as root (PSS
// restricted, CIS 5.2.7): the container's own value counts, else the pod's.
var RunAsNonRoot = &lint.Rule{
	ID:         "run-as-non-root",
	Summary:    "container may run as root",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inRestricted,
	References: []string{"CIS 5.2.7", "PSS restricted", "NSA C-0013", "OWASP K01"},
	Peers: map[string][]string{
		"kube-linter": {"run-as-non-root"}, "polaris": {"runAsRootAllowed"}, "trivy": {"KSV-0012"},
		"checkov": {"CKV_K8S_23"}, "kubescape": {"C-0013"}, "kubesec": {"RunAsNonRoot"},
	},
	Docs:     docs,
	Remedy:   nonRoot,
	YieldsTo: []string{"run-as-root-uid"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v >= 35 && inUserNamespace(p) {
			return nil
		}
		var all []breach
		pod := p.SecurityContext().Get("runAsNonRoot")
		uid := p.SecurityContext().Get("runAsUser")
		// What is no boolean is refused by the API server; nothing is known to be set then.
		if !pod.IsNull() && !pod.IsTrue() {
			b := breach{node: pod, level: lint.ProfileRestricted, help: "set runAsNonRoot: true",
				message: fmt.Sprintf("pod lets its containers run as root: runAsNonRoot is %s", notBoolean(pod))}
			all = append(all, b.unlessOverridden(p, "runAsNonRoot"))
		}
		for _, c := range p.Containers() {
			own := c.Get("securityContext", "runAsNonRoot")
			if own.IsTrue() || own.IsNull() && (!pod.IsNull() || c.Partial) {
				continue
			}
			b := breach{node: own, level: lint.ProfileRestricted, help: set(p, "runAsNonRoot: true"),
				message: fmt.Sprintf("%s may run as root: runAsNonRoot is %s", c, notBoolean(own))}
			if !own.IsNull() {
				b.help = "set runAsNonRoot: true"
			}
			user := c.Get("securityContext", "runAsUser")
			if user.IsNull() {
				user = uid
			}
			switch n, ok := user.Int(); {
			case ok && n == 0 && user == uid:
				b.subject = lint.ContainerOf(uid) // run-as-root-uid reports the pod for it
			case ok && n > 0:
				// it is no root today; what is missing is the guard
				b.severity = severity(lint.Medium)
				b.message = fmt.Sprintf("nothing keeps %s from running as root but runAsUser: %d: runAsNonRoot is %s", c, n, notBoolean(own))
			}
			all = append(all, b)
		}
		return all
	}),
}

// notBoolean prints the value of a boolean field, and says so where it is none.
func notBoolean(n *lint.Node) string {
	if _, ok := n.Bool(); ok || n.IsNull() {
		return text(n)
	}
	return text(n) + ", which is not a boolean"
}

// RunAsRootUID reports runAsUser: 0 (PSS restricted since v1.23).
var RunAsRootUID = &lint.Rule{
	ID:         "run-as-root-uid",
	Summary:    "container runs as user 0",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inRestricted,
	References: []string{"CIS 5.2.7", "PSS restricted", "NSA C-0013", "OWASP K01"},
	Peers:      map[string][]string{"trivy": {"KSV-0105"}},
	Docs:       docs,
	Remedy:     otherUser,
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v < 23 || v >= 35 && inUserNamespace(p) {
			return nil
		}
		var all []breach
		for _, s := range setters(p) {
			n := s.context.Get("runAsUser")
			if uid, ok := n.Int(); !ok || uid != 0 {
				continue
			}
			b := breach{node: n, level: lint.ProfileRestricted, message: s.name() + " runs as root: runAsUser is 0",
				help: "set runAsUser to the image's own user, and runAsNonRoot: true"}
			if s.isPod {
				b = b.unlessOverridden(p, "runAsUser")
			}
			all = append(all, b)
		}
		return all
	}, "runAsUser"),
}

// LowUID reports containers whose user id is not known to be above 10000.
var LowUID = &lint.Rule{
	ID:         "low-uid",
	Summary:    "container runs with a low user ID, which an account of the node may have",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"NSA C-0013"},
	Peers: map[string][]string{"kube-score": {"container-security-context-user-group-id"}, "trivy": {"KSV-0020"},
		"checkov": {"CKV_K8S_40"}, "kubesec": {"RunAsUser"}},
	Docs:     docs,
	YieldsTo: []string{"run-as-root-uid"},
	Run:      lowID("runAsUser", "user"),
}

// LowGID reports containers whose group id is not known to be above 10000.
var LowGID = &lint.Rule{
	ID:         "low-gid",
	Summary:    "container runs with a low group ID, which a group of the node may have",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"NSA 1.6"},
	Peers: map[string][]string{"kube-score": {"container-security-context-user-group-id"}, "trivy": {"KSV-0021"},
		"kubesec": {"RunAsGroup"}},
	Docs: docs, Remedy: higherGroup,
	YieldsTo: []string{"root-group"},
	Run:      lowID("runAsGroup", "group"),
}

// highID is the least id that no account of a node has.
const highID = 10001

func lowID(field, what string) func(*lint.Pass) {
	return func(pass *lint.Pass) {
		for _, p := range pass.PodSpecs() {
			if onWindows(p) || inUserNamespace(p) {
				continue
			}
			pod := p.SecurityContext().Get(field)
			if id, ok := pod.Int(); ok && id < highID && !overridden(p, field) {
				f := pass.Reportf(pod, "pod runs as %s %d, which an account of the node may have", what, id)
				f.Help = fmt.Sprintf("set %s to %d or above", field, highID)
			}
			for _, c := range p.Containers() {
				own := c.Get("securityContext", field)
				id, ok := own.Int()
				switch {
				case ok && id < highID:
					f := pass.Reportf(own, "%s runs as %s %d, which an account of the node may have", c, what, id)
					f.Help = fmt.Sprintf("set %s to %d or above", field, highID)
				case own.IsNull() && pod.IsNull() && !c.Partial:
					f := pass.Reportf(own, "%s runs as whatever %s its image names: %s is not set", c, what, field)
					f.Help = set(p, fmt.Sprintf("%s to %d or above", field, highID))
				}
			}
		}
	}
}

// RootGroup reports group 0 as primary, supplementary or file system group.
var RootGroup = &lint.Rule{
	ID:         "root-group",
	Summary:    "container is a member of the root group",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"NSA 1.6"},
	Peers:      map[string][]string{"trivy": {"KSV-0116"}},
	Docs:       docs, Remedy: otherGroup,
	Run: func(pass *lint.Pass) {
		for _, p := range pass.PodsWith("fsGroup", "runAsGroup", "supplementalGroups") {
			if inUserNamespace(p) {
				continue
			}
			for _, s := range setters(p) {
				nodes := []*lint.Node{s.context.Get("fsGroup")}
				if !s.isPod || !overridden(p, "runAsGroup") {
					nodes = append([]*lint.Node{s.context.Get("runAsGroup")}, nodes...)
				}
				for _, n := range append(nodes, s.context.Get("supplementalGroups").Items()...) {
					if id, ok := n.Int(); ok && id == 0 {
						field := n.Name()
						if field == "" {
							field = "supplementalGroups"
						}
						f := pass.Reportf(n, "%s is a member of the root group: %s is 0", s.name(), field)
						f.Help = "use a group that the files of the image belong to"
						break
					}
				}
			}
		}
	},
}

// HostUsers reports pods that share the node's users.
var HostUsers = &lint.Rule{
	ID:       "host-users",
	Summary:  "pod has no user namespace of its own",
	Severity: lint.Info,
	Group:    "pod",
	Peers:    map[string][]string{"kubesec": {"HostUsers"}},
	Docs:     docs,
	Remedy:   ownUsers,
	Run: func(pass *lint.Pass) {
		for _, p := range pass.PodSpecs() {
			n := p.Get("hostUsers")
			// a pod in a namespace of the host cannot have users of its own
			if n.IsFalse() || n.IsNull() && p.Partial || onWindows(p) ||
				p.Get("hostNetwork").IsTrue() || p.Get("hostPID").IsTrue() || p.Get("hostIPC").IsTrue() {
				continue
			}
			f := pass.Reportf(n, "pod has no user namespace of its own: hostUsers is %s", text(n))
			f.Help = "set hostUsers: false on the pod (Kubernetes 1.33 and later)"
		}
	},
}

// SudoEntrypoint reports containers that start with sudo.
var SudoEntrypoint = &lint.Rule{
	ID:       "sudo-entrypoint",
	Summary:  "container starts its process with sudo",
	Severity: lint.Low,
	Group:    "pod",
	Peers:    map[string][]string{"kubescape": {"C-0062"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("command", "args") {
			if n := firstSudo(c); n != nil {
				f := pass.Reportf(n, "%s calls sudo: it needs a process that may become root", c)
				f.Help = "start the process as the user that it needs (runAsUser), without sudo"
			}
		}
	},
}

// firstSudo returns the word of command or args that is sudo, or a shell line that calls it.
func firstSudo(c *lint.Container) *lint.Node {
	for _, field := range []string{"command", "args"} {
		for i, item := range c.Get(field).Items() {
			words := strings.FieldsFunc(item.Value(), func(r rune) bool { return strings.ContainsRune(" \t\n;&|(){}`", r) })
			if len(words) == 0 {
				continue
			}
			alone := len(words) == 1 && field == "command" && i == 0
			for _, w := range words {
				// one word that is no program is an argument of another
				if (w == "sudo" || strings.HasSuffix(w, "/sudo")) && (alone || len(words) > 1) {
					return item
				}
			}
		}
	}
	return nil
}

// SupplementalGroups reports containers with a user of their own choice whose groups the
// image may add to (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#supplementalgroupspolicy).
var SupplementalGroups = &lint.Rule{
	ID:       "supplemental-groups",
	Summary:  "image may add groups to the user of its container",
	Severity: lint.Low,
	Group:    "pod",
	Docs:     docs,
	Remedy:   strictGroups,
	Run: func(pass *lint.Pass) {
		if kube.Before(pass.Bundle, 33) {
			return
		}
		for _, p := range pass.PodsWith("runAsUser") {
			policy := p.SecurityContext().Get("supplementalGroupsPolicy")
			if onWindows(p) || p.Partial || !policy.IsNull() && policy.Value() != "Merge" {
				continue
			}
			for _, c := range p.Containers() {
				user := c.Get("securityContext", "runAsUser")
				if user.IsNull() {
					user = p.SecurityContext().Get("runAsUser")
				}
				id, ok := user.Int()
				if !ok || id <= 0 {
					continue
				}
				f := pass.Reportf(policy, "the groups that images give to user %d in their /etc/group are added to those of the pod: supplementalGroupsPolicy is %s", id, text(policy))
				f.Help = "set supplementalGroupsPolicy: Strict in the pod's securityContext, and the groups that it needs"
				break
			}
		}
	},
}

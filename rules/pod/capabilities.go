package pod

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// dangerous are the capabilities that reach beyond the container, with what
// they give (capabilities(7)).
var dangerous = map[string]string{
	"ALL":                "every privileged operation",
	"SYS_ADMIN":          "mounting, namespaces and most of what root may do",
	"SYS_MODULE":         "loading code into the node's kernel",
	"NET_ADMIN":          "changing routes, firewalls and interfaces",
	"SYS_PTRACE":         "reading and changing the memory of other processes",
	"SYS_RAWIO":          "raw access to ports and devices",
	"DAC_READ_SEARCH":    "opening files of the node by handle",
	"BPF":                "loading programs into the node's kernel",
	"PERFMON":            "watching the kernel and other processes",
	"SYS_BOOT":           "restarting the node and loading another kernel",
	"SYS_TIME":           "setting the node's clock",
	"SYSLOG":             "reading the kernel's log and addresses",
	"MAC_ADMIN":          "changing mandatory access control",
	"MAC_OVERRIDE":       "overriding mandatory access control",
	"AUDIT_CONTROL":      "turning the kernel's audit off",
	"CHECKPOINT_RESTORE": "taking over the state of other processes",
}

// baselineCapabilities may be added under PSS baseline: what container runtimes
// give by default, without NET_RAW.
var baselineCapabilities = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// capability returns a capability's name as runtimes read it: in capitals, CAP_ left out.
func capability(n *lint.Node) string { return strings.TrimPrefix(strings.ToUpper(n.Value()), "CAP_") }

// runtimeName returns a capability's name as containerd reads it, in capitals: it puts CAP_
// before each name, so one that has it already is a capability that does not exist
// (https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-capabilities-for-a-container).
func runtimeName(n *lint.Node) string { return strings.ToUpper(n.Value()) }

// added returns the capabilities that a container adds for which bad is true.
func added(c *lint.Container, bad func(name string) bool) []*lint.Node {
	var nodes []*lint.Node
	for _, n := range c.Get("securityContext", "capabilities", "add").Items() {
		if bad(capability(n)) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func isSys(name string) bool       { return name == "SYS_ADMIN" || name == "SYS_MODULE" }
func isDangerous(name string) bool { return dangerous[name] != "" }
func isClaimed(name string) bool   { return isDangerous(name) || name == "NET_RAW" }

// addSubject says for which stronger rules findings about added capabilities
// make way: where all the capabilities are those of stronger rules, one subject
// that these use too; where one is not, a subject of its own.
func addSubject(c *lint.Container, nodes []*lint.Node) string {
	all := func(in func(string) bool) bool {
		return !slices.ContainsFunc(nodes, func(n *lint.Node) bool { return !in(capability(n)) })
	}
	subject := c.Node.Path() + " adds"
	switch {
	case all(isSys):
		return subject + " sys"
	case all(isClaimed):
		return subject
	}
	return subject + " others"
}

func addBreach(c *lint.Container, nodes []*lint.Node, level lint.Profile, why string) breach {
	var names []string
	at := nodes[0]
	for _, n := range nodes {
		names = append(names, n.Value())
	}
	if i := slices.IndexFunc(nodes, func(n *lint.Node) bool { return !isClaimed(capability(n)) }); i > 0 {
		at = nodes[i] // the others have rules of their own
	}
	help := "remove it from capabilities.add"
	if len(nodes) > 1 {
		help = "remove them from capabilities.add"
	}
	b := breach{node: at, level: level, subject: addSubject(c, nodes), help: help,
		message: fmt.Sprintf("%s adds %s, which %s", c, strings.Join(names, ", "), why)}
	for _, n := range nodes {
		if n != at {
			b.related = append(b.related, n)
		}
	}
	return b
}

// allows is the verb of one capability or of several.
func allows(nodes []*lint.Node) string {
	if len(nodes) > 1 {
		return "allow"
	}
	return "allows"
}

// adds makes the check of capabilities that no container should add. Windows
// has none; the API server refuses the field there.
func adds(bad func(string) bool) check {
	return func(p *lint.PodSpec, _ version) []breach {
		var all []breach
		if p.IsWindows() {
			return nil
		}
		for _, c := range p.Containers() {
			nodes := added(c, bad)
			for _, part := range [][]*lint.Node{
				slices.DeleteFunc(slices.Clone(nodes), func(n *lint.Node) bool { return !isSys(capability(n)) }),
				slices.DeleteFunc(slices.Clone(nodes), func(n *lint.Node) bool { return isSys(capability(n)) }),
			} {
				if len(part) > 0 {
					var gives []string
					for _, n := range part {
						if what := dangerous[capability(n)]; !slices.Contains(gives, what) {
							gives = append(gives, what)
						}
					}
					all = append(all, addBreach(c, part, lint.ProfileBaseline, allows(part)+" "+strings.Join(gives, "; ")))
				}
			}
		}
		return all
	}
}

// SysAdmin reports SYS_ADMIN.
var SysAdmin = &lint.Rule{
	ID:         "sys-admin",
	Summary:    "container adds the SYS_ADMIN capability",
	Severity:   lint.Critical,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.9", "PSS baseline", "NSA C-0046"},
	Peers: map[string][]string{"polaris": {"dangerousCapabilities"}, "trivy": {"KSV-0005"}, "checkov": {"CKV_K8S_39"},
		"kubesec": {"CapSysAdmin"}},
	Docs:   docs,
	Remedy: takeCapabilities,
	Run:    standard(adds(func(name string) bool { return name == "SYS_ADMIN" }), "add"),
}

// SysModule reports SYS_MODULE.
var SysModule = &lint.Rule{
	ID:         "sys-module",
	Summary:    "container adds the SYS_MODULE capability",
	Severity:   lint.Critical,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.9", "PSS baseline", "NSA C-0046"},
	Peers:      map[string][]string{"trivy": {"KSV-0120"}},
	Docs:       docs,
	Remedy:     takeCapabilities,
	Run:        standard(adds(func(name string) bool { return name == "SYS_MODULE" }), "add"),
}

// DangerousCapabilities reports capabilities that reach beyond the container.
var DangerousCapabilities = &lint.Rule{
	ID:         "dangerous-capabilities",
	Summary:    "container adds capabilities that affect its node",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inBaseline,
	References: []string{"CIS 5.2.9", "PSS baseline", "NSA C-0046"},
	Peers: map[string][]string{"polaris": {"dangerousCapabilities"}, "trivy": {"KSV-0022"}, "checkov": {"CKV_K8S_25"},
		"kubescape": {"C-0046"}},
	Docs:     docs,
	Remedy:   takeCapabilities,
	YieldsTo: []string{"sys-admin", "sys-module"},
	Run:      standard(adds(isDangerous), "add"),
}

// BaselineCapabilities reports capabilities outside the default set (PSS baseline).
var BaselineCapabilities = &lint.Rule{
	ID:         "pss-baseline-capabilities",
	Summary:    "container adds capabilities outside the default set",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   []lint.Profile{lint.ProfileBaseline},
	References: []string{"CIS 5.2.9", "PSS baseline"},
	Peers:      map[string][]string{"trivy": {"KSV-0022"}, "kyverno": {"disallow-capabilities"}},
	Docs:       docs,
	Remedy:     takeCapabilities,
	YieldsTo:   []string{"sys-admin", "sys-module", "dangerous-capabilities", "pss-restricted-capabilities"},
	Run:        standard(func(p *lint.PodSpec, _ version) []breach { return outsideDefault(p) }, "add"),
}

// outsideDefault is the baseline's check: names count as they are written.
func outsideDefault(p *lint.PodSpec) []breach {
	var all []breach
	for _, c := range p.Containers() {
		var nodes []*lint.Node
		for _, n := range c.Get("securityContext", "capabilities", "add").Items() {
			if !slices.Contains(baselineCapabilities, n.Value()) {
				nodes = append(nodes, n)
			}
		}
		if len(nodes) > 0 {
			all = append(all, addBreach(c, nodes, lint.ProfileBaseline, "the baseline standard does not allow"))
		}
	}
	return all
}

// RestrictedCapabilities reports capabilities other than NET_BIND_SERVICE, kept
// or added (PSS restricted since v1.22).
var RestrictedCapabilities = &lint.Rule{
	ID:         "pss-restricted-capabilities",
	Summary:    "container keeps or adds capabilities other than NET_BIND_SERVICE",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inRestricted,
	References: []string{"CIS 5.2.9", "CIS 5.2.10", "PSS restricted"},
	Peers:      map[string][]string{"trivy": {"KSV-0106"}, "kyverno": {"disallow-capabilities-strict"}},
	Docs:       docs,
	Remedy:     dropAll,
	YieldsTo:   []string{"privileged", "drop-all-capabilities", "sys-admin", "sys-module", "dangerous-capabilities", "net-raw"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if v < 22 {
			return outsideDefault(p) // the restricted level had no check of its own
		}
		if v >= 25 && p.IsWindows() {
			return nil
		}
		all := undropped(p, v)
		for _, c := range p.Containers() {
			var nodes []*lint.Node
			level := lint.ProfileRestricted
			for _, n := range c.Get("securityContext", "capabilities", "add").Items() {
				if n.Value() == "NET_BIND_SERVICE" {
					continue
				}
				nodes = append(nodes, n)
				if !slices.Contains(baselineCapabilities, n.Value()) {
					level = lint.ProfileBaseline
				}
			}
			if len(nodes) > 0 {
				all = append(all, addBreach(c, nodes, level, "the restricted standard does not allow"))
			}
		}
		return all
	}),
}

// DropAllCapabilities reports containers that keep the default capabilities.
var DropAllCapabilities = &lint.Rule{
	ID:         "drop-all-capabilities",
	Summary:    "container keeps the default capabilities",
	Severity:   lint.Medium,
	Group:      "pod",
	Profiles:   inDefault,
	References: []string{"CIS 5.2.10", "PSS restricted", "NSA C-0055"},
	Peers: map[string][]string{"trivy": {"KSV-0003", "KSV-0004"}, "checkov": {"CKV_K8S_37"},
		"kubesec": {"CapDropAll", "CapDropAny"}},
	Docs:     docs,
	Remedy:   dropAll,
	YieldsTo: []string{"privileged"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if onWindows(p) {
			return nil
		}
		return undropped(p, v)
	}),
}

// undropped finds containers whose capabilities.drop does not have ALL.
func undropped(p *lint.PodSpec, v version) []breach {
	var all []breach
	if p.IsWindows() && v >= 25 {
		return nil
	}
	level := lint.ProfileRestricted
	if v < 22 {
		level = ""
	}
	for _, c := range p.Containers() {
		drop := c.Get("securityContext", "capabilities", "drop")
		if c.Partial && drop.IsNull() || drops(drop, "ALL") {
			continue
		}
		b := breach{node: drop, level: level, help: "set securityContext.capabilities.drop: [ALL], and add back what the program needs",
			message: fmt.Sprintf("%s keeps the default capabilities: capabilities.drop is not set", c)}
		if drop.Exists() {
			b.message = fmt.Sprintf("%s keeps default capabilities: capabilities.drop lacks ALL", c)
		}
		for _, n := range drop.Items() {
			if capability(n) == "ALL" {
				b.node, b.help = n, "write ALL"
				b.message = fmt.Sprintf("%s drops %q, which Pod Security admission does not accept as ALL", c, n.Value())
			}
		}
		all = append(all, b.asWindows(p))
	}
	return all
}

// drops reports whether a list has a capability by the name as it is written.
func drops(list *lint.Node, name string) bool {
	for _, n := range list.Items() {
		if n.Value() == name {
			return true
		}
	}
	return false
}

// NetRaw reports NET_RAW, added or not dropped.
var NetRaw = &lint.Rule{
	ID:         "net-raw",
	Summary:    "container may forge network packets (NET_RAW)",
	Severity:   lint.High,
	Group:      "pod",
	Profiles:   inDefault,
	References: []string{"CIS 5.2.8", "PSS baseline", "NSA C-0046"},
	Peers: map[string][]string{"kube-linter": {"drop-net-raw-capability"}, "trivy": {"KSV-0119"}, "checkov": {"CKV_K8S_28"},
		"kubescape": {"C-0199"}},
	Docs:     docs,
	Remedy:   dropAll,
	YieldsTo: []string{"privileged", "drop-all-capabilities"},
	Run: standard(func(p *lint.PodSpec, v version) []breach {
		if onWindows(p) {
			return nil
		}
		var all []breach
		for _, c := range p.Containers() {
			if nodes := added(c, func(name string) bool { return name == "NET_RAW" }); len(nodes) > 0 {
				all = append(all, addBreach(c, nodes[:1], lint.ProfileBaseline, "lets it forge packets of other pods"))
				continue
			}
			drop := c.Get("securityContext", "capabilities", "drop")
			dropped := c.Partial && drop.IsNull()
			for _, n := range drop.Items() {
				dropped = dropped || runtimeName(n) == "ALL" || runtimeName(n) == "NET_RAW"
			}
			if dropped {
				continue
			}
			b := breach{node: drop, help: "set securityContext.capabilities.drop: [ALL]",
				message: fmt.Sprintf("%s may forge packets of other pods: capabilities.drop has neither ALL nor NET_RAW", c)}
			for _, n := range drop.Items() {
				if name := capability(n); name != runtimeName(n) && (name == "ALL" || name == "NET_RAW") {
					b.node, b.help = n, "write "+name
					b.message = fmt.Sprintf("%s may forge packets of other pods: it drops %q, a name that containerd does not know", c, n.Value())
				}
			}
			all = append(all, b)
		}
		return all
	}),
}

// InsecureCapabilities reports capabilities of the default set that are added back.
var InsecureCapabilities = &lint.Rule{
	ID:         "insecure-capabilities",
	Summary:    "container adds capabilities that few programs need",
	Severity:   lint.Low,
	Group:      "pod",
	References: []string{"NSA C-0046"},
	Peers:      map[string][]string{"polaris": {"insecureCapabilities"}, "kubescape": {"C-0046"}},
	Docs:       docs,
	Remedy:     takeCapabilities,
	YieldsTo:   []string{"pss-restricted-capabilities"},
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("add") {
			nodes := added(c, func(name string) bool {
				return name != "NET_BIND_SERVICE" && slices.Contains(baselineCapabilities, name)
			})
			if len(nodes) > 0 {
				b := addBreach(c, nodes, "", "few programs need")
				b.report(pass)
			}
		}
	},
}

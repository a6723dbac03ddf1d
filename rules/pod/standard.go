package pod

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A version of the Pod Security Standards, as the minor version of Kubernetes.
type version int

const latest version = math.MaxInt

// parseVersion reads "1.34", "v1.34" and "latest"; anything else is the latest,
// as for the admission controller.
func parseVersion(text string) version {
	minor, ok := strings.CutPrefix(strings.TrimPrefix(text, "v"), "1.")
	n, err := strconv.Atoi(minor)
	if !ok || err != nil || n < 0 {
		return latest
	}
	return version(n)
}

// A breach is one place where a pod breaks a check.
type breach struct {
	node    *lint.Node
	message string
	help    string
	// level is the lowest level of the standards, in the version requested, that
	// refuses the pod for it; "" where none does.
	level    lint.Profile
	enforced bool           // counts only where a namespace enforces the level
	subject  string         // instead of the container's or pod's; see lint.Finding.Subject
	severity *lint.Severity // instead of the rule's
	related  []*lint.Node   // further values of the same breach
}

// A check judges one pod by one version of the standards.
type check func(*lint.PodSpec, version) []breach

// standard makes a rule of a check. Where a Namespace of the bundle enforces a
// level (https://kubernetes.io/docs/concepts/security/pod-security-admission/),
// its pods are judged by the namespace's version too, and what the API server
// would refuse is of high severity at the least. Where fields are named, pods that have none of
// them pass.
func standard(judge check, fields ...string) func(*lint.Pass) {
	return func(pass *lint.Pass) {
		v := parseVersion(pass.Bundle.PSSVersion)
		namespaces := lint.Shared(pass.Bundle, enforcements)
		pods := pass.PodSpecs
		if len(fields) > 0 {
			pods = func() []*lint.PodSpec { return pass.PodsWith(fields...) }
		}
		for _, p := range pods() {
			e := namespaces[p.Resource.Namespace]
			all := judge(p, v)
			if e == nil && len(all) == 0 {
				continue
			}
			refused := map[place]bool{}
			var older []breach
			if e != nil {
				for _, b := range judge(p, e.version) {
					if b.level == lint.ProfileBaseline || b.level == lint.ProfileRestricted && e.level == lint.ProfileRestricted {
						refused[placeOf(b.node)] = true
						older = append(older, b)
					}
				}
			}
			seen := map[place]bool{}
			for _, b := range append(all, older...) {
				at := placeOf(b.node)
				if seen[at] || b.enforced && !refused[at] {
					continue
				}
				seen[at] = true
				f := b.report(pass)
				if refused[at] {
					e.raise(f)
				}
			}
		}
	}
}

// A place tells nodes apart: the path alone would take two containers of one
// name for one.
type place struct {
	path    string
	nearest any
}

func placeOf(n *lint.Node) place { return place{n.Path(), n.Nearest().Identity()} }

func (b breach) report(pass *lint.Pass) *lint.Finding {
	f := pass.Report(b.node, b.message)
	f.Help = b.help
	if b.subject != "" {
		f.Subject = b.subject
	}
	if b.severity != nil {
		f.Severity = *b.severity
	}
	for _, n := range b.related {
		f.Relate("value", n, strconv.Quote(n.Value())+" too")
	}
	return f
}

// An enforcement is what a Namespace demands of its pods.
type enforcement struct {
	namespace string
	level     lint.Profile
	version   version
	label     *lint.Node
}

// byNamespace is what [lint.Shared] keeps.
type byNamespace map[string]*enforcement

func enforcements(b *lint.Bundle) byNamespace {
	all := byNamespace{}
	for _, r := range b.OfKind("Namespace") {
		labels := r.Get("metadata", "labels")
		label := labels.Get("pod-security.kubernetes.io/enforce")
		level := lint.Profile(label.Value())
		if r.Group != "" || level != lint.ProfileBaseline && level != lint.ProfileRestricted {
			continue
		}
		v := parseVersion(labels.Get("pod-security.kubernetes.io/enforce-version").Value())
		all[r.Name] = &enforcement{r.Name, level, v, label}
	}
	return all
}

func (e *enforcement) raise(f *lint.Finding) {
	f.Severity = max(f.Severity, lint.High)
	standard := string(e.level)
	if e.version != latest {
		standard += fmt.Sprintf(" v1.%d", e.version)
	}
	f.Message += fmt.Sprintf("; namespace %q enforces %s, so the API server refuses the pod", e.namespace, standard)
	f.Relate("namespace", e.label, "enforced here")
}

// inUserNamespace reports whether the pod's users are not the node's, which the
// standards reward since v1.35
// (https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/).
func inUserNamespace(p *lint.PodSpec) bool { return p.Get("hostUsers").IsFalse() }

// onWindows reports whether the pod runs on Windows, by spec.os or by the nodes that it
// selects. The standards go by spec.os alone: [lint.PodSpec.IsWindows].
func onWindows(p *lint.PodSpec) bool {
	if p.OS() == "linux" {
		return false // no kubelet of Windows runs it
	}
	return p.IsWindows() || selectsWindows(p.Get("nodeSelector")) || requiresWindows(p) || selectsWindows(runtimeClass(p).Get("scheduling", "nodeSelector"))
}

// osLabels are the labels by which nodes say what they run on; the second is the old name.
var osLabels = []string{"kubernetes.io/os", "beta.kubernetes.io/os"}

func selectsWindows(nodeSelector *lint.Node) bool {
	return nodeSelector.IsMapping() && slices.ContainsFunc(osLabels, func(label string) bool { return nodeSelector.Get(label).Value() == "windows" })
}

// requiresWindows reports whether every term of the required node affinity, of which one
// must hold, leaves Windows nodes alone. The expressions of a term must all hold
// (https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity).
func requiresWindows(p *lint.PodSpec) bool {
	if !p.Get("affinity").Exists() {
		return false
	}
	terms := p.Get("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms").Items()
	for _, term := range terms {
		if !slices.ContainsFunc(term.Get("matchExpressions").Items(), leavesWindows) {
			return false
		}
	}
	return len(terms) > 0
}

func leavesWindows(expression *lint.Node) bool {
	if !slices.Contains(osLabels, expression.Get("key").Value()) {
		return false
	}
	values := expression.Get("values").Strings()
	switch expression.Get("operator").Value() {
	case "In":
		return len(values) == 1 && values[0] == "windows"
	case "NotIn":
		return slices.Contains(values, "linux")
	}
	return false
}

// runtimeClass returns the bundle's RuntimeClass that the pod names: its node selector is
// added to that of the pod.
func runtimeClass(p *lint.PodSpec) *lint.Node {
	if b, name := p.Resource.Bundle, p.Get("runtimeClassName").Value(); b != nil && name != "" {
		if class := b.Lookup("node.k8s.io", "RuntimeClass", "", name); class != nil {
			return class.Root
		}
	}
	return lint.NewNode(nil)
}

// asWindows softens a breach of a check that is about Linux, for a pod that runs on
// Windows: the standards go by os.name, and before v1.25 knew no Windows.
func (b breach) asWindows(p *lint.PodSpec) breach {
	switch {
	case p.IsWindows():
		b.severity = severity(lint.Low)
		b.message += "; Pod Security admission exempts Windows pods since v1.25 of the standards"
		b.help = "enforce v1.25 of the standards, or a later version"
	case onWindows(p):
		b.severity = severity(lint.Low)
		b.message += "; Pod Security admission exempts Windows pods by os.name alone"
		b.help = "set os.name: windows on the pod"
	}
	return b
}

// overridden reports whether every container of the pod sets a field of its own security
// context: then the pod's value is in force nowhere. Pod Security admission refuses it all the same.
func overridden(p *lint.PodSpec, path ...string) bool {
	containers := p.Containers()
	for _, c := range containers {
		if c.Partial || c.Get(append([]string{"securityContext"}, path...)...).IsNull() {
			return false
		}
	}
	return len(containers) > 0 && !p.Partial
}

// unlessOverridden softens a breach at the pod's value of a field that every container overrides.
func (b breach) unlessOverridden(p *lint.PodSpec, path ...string) breach {
	if overridden(p, path...) {
		b.severity = severity(lint.Low)
		b.message += "; every container overrides it, but Pod Security admission refuses the pod for it"
	}
	return b
}

// set says what to add to a container that does not have a field, and which place holds
// it for all containers of the pod.
func set(p *lint.PodSpec, field string) string {
	help := "set securityContext." + field
	path := p.ContextPath()
	if path == "" {
		return help
	}
	if n := len(p.Containers()); n > 1 {
		return fmt.Sprintf("%s on the container, or once for all %d containers in %s", help, n, path)
	}
	return fmt.Sprintf("%s on the container, or in %s", help, path)
}

// text prints a value as messages quote it: what a person wrote, or its absence.
func text(n *lint.Node) string {
	switch {
	case !n.Exists():
		return "not set"
	case n.IsNull():
		return "null"
	case n.IsScalar() && !n.IsString():
		return n.Value()
	case n.IsScalar():
		return strconv.Quote(n.Value())
	}
	return "not a plain value"
}

// A setter is a pod or container with a security context of its own.
type setter struct {
	container *lint.Container // nil for the pod
	context   *lint.Node
	isPod     bool
}

func (s setter) name() string {
	if s.isPod {
		return "pod"
	}
	return s.container.String()
}

// setters returns the pod and its containers, for fields that both may hold.
func setters(p *lint.PodSpec) []setter {
	all := make([]setter, 1, 1+len(p.Containers()))
	all[0] = setter{nil, p.SecurityContext(), true}
	for _, c := range p.Containers() {
		all = append(all, setter{c, c.Get("securityContext"), false})
	}
	return all
}

func severity(s lint.Severity) *lint.Severity { return &s }

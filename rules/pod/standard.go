package pod

import (
	"fmt"
	"math"
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
	// level is the lowest level of the standards, in the version asked for, that
	// refuses the pod for it; "" where none does.
	level    lint.Profile
	enforced bool           // counts only where a namespace enforces the level
	subject  string         // in place of the container's or pod's; see lint.Finding.Subject
	severity *lint.Severity // in place of the rule's
	related  []*lint.Node   // further values of the same breach
}

// A check judges one pod by one version of the standards.
type check func(*lint.PodSpec, version) []breach

// standard makes a rule of a check. Where a Namespace of the bundle enforces a
// level (https://kubernetes.io/docs/concepts/security/pod-security-admission/),
// its pods are judged by the namespace's version too, and what the API server
// would refuse is of high severity at the least.
func standard(judge check) func(*lint.Pass) {
	return func(pass *lint.Pass) {
		v := parseVersion(pass.Bundle.PSSVersion)
		namespaces := lint.Shared(pass.Bundle, enforcements)
		for _, p := range pass.PodSpecs() {
			e := namespaces[p.Resource.Namespace]
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
			for _, b := range append(judge(p, v), older...) {
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

func placeOf(n *lint.Node) place { return place{n.Path(), n.Nearest().YAML()} }

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

// onWindows reports whether the pod runs on Windows, by spec.os or by the node
// that it selects. The standards go by spec.os alone: [lint.PodSpec.IsWindows].
func onWindows(p *lint.PodSpec) bool {
	return p.IsWindows() || p.Get("nodeSelector", "kubernetes.io/os").Value() == "windows"
}

// asWindows softens a breach of a check that is about Linux, for a pod that
// selects Windows nodes: only os.name is missing.
func (b breach) asWindows(p *lint.PodSpec) breach {
	if onWindows(p) {
		b.severity = severity(lint.Low)
		b.message += "; Pod Security admission exempts Windows pods by os.name alone"
		b.help = "set os.name: windows on the pod"
	}
	return b
}

// set says what to add to a container that lacks a field, and which place holds
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
	return "no plain value"
}

// A setter is a pod or container with a security context of its own.
type setter struct {
	name    string
	context *lint.Node
}

// setters returns the pod and its containers, for fields that both may hold.
func setters(p *lint.PodSpec) []setter {
	all := []setter{{"pod", p.SecurityContext()}}
	for _, c := range p.Containers() {
		all = append(all, setter{c.String(), c.Get("securityContext")})
	}
	return all
}

func severity(s lint.Severity) *lint.Severity { return &s }

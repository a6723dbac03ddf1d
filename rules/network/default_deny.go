package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// NamespaceDefaultDeny reports namespaces with pods in which no policy isolates
// anything in a direction (CIS 5.3.2). Where policies isolate some of the pods,
// [PodWithoutNetworkPolicy] reports the others: of the two, one namespace and
// direction has one.
var NamespaceDefaultDeny = &lint.Rule{
	ID:         "namespace-default-deny",
	Summary:    "namespace holds workloads and no network policy restricts a direction of their traffic",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"CIS 5.3.2", "NSA C-0030", "NSA C-0054", "OWASP K05"},
	Peers:      map[string][]string{"kubescape": {"C-0206", "C-0054"}, "kube-score": {"pod-networkpolicy"}, "polaris": {"missingNetworkPolicy"}, "checkov": {"CKV2_K8S_6"}},
	Docs:       docs,
	Run:        func(pass *lint.Pass) { reportGaps(pass, false) },
}

// PodWithoutNetworkPolicy reports the pods that no policy isolates in a
// direction in which policies isolate others of their namespace.
var PodWithoutNetworkPolicy = &lint.Rule{
	ID:         "pod-without-networkpolicy",
	Summary:    "pod is selected by no network policy, though others of its namespace are",
	Severity:   lint.Medium,
	Group:      "network",
	Profiles:   core,
	References: []string{"CIS 5.3.2", "NSA C-0030", "OWASP K05"},
	Peers: map[string][]string{"kube-linter": {"non-isolated-pod"}, "kube-score": {"pod-networkpolicy"}, "polaris": {"missingNetworkPolicy"},
		"checkov": {"CKV2_K8S_6"}, "kubescape": {"C-0030", "C-0260"}},
	Docs: docs,
	Run:  func(pass *lint.Pass) { reportGaps(pass, true) },
}

// A gap is the workloads that are open in some directions.
type gap struct {
	directions []direction
	open       []*workload
	partial    bool // others of the namespace are isolated
}

// gaps returns what policies leave open in a namespace: one gap for both
// directions where they leave the same workloads open. Pods on the host's
// network are outside every policy, pods of helm test are gone once the test is,
// and a workload scaled to zero has none; they are not counted.
func (ns *namespace) gaps() []gap {
	var all []gap
	for _, d := range directions {
		g := gap{directions: []direction{d}}
		for _, w := range ns.workloads {
			switch {
			case w.hostNetwork || w.transient || w.idle:
			case w.exposure(d).closed():
				g.partial = true
			default:
				g.open = append(g.open, w)
			}
		}
		if len(g.open) == 0 {
			continue
		}
		if len(all) > 0 && all[0].partial == g.partial && slices.Equal(all[0].open, g.open) {
			all[0].directions = directions
			continue
		}
		all = append(all, g)
	}
	return all
}

func reportGaps(pass *lint.Pass, partial bool) {
	for _, ns := range modelOf(pass.Bundle).namespaces {
		for _, g := range ns.gaps() {
			if g.partial != partial {
				continue
			}
			first := g.open[0].resource()
			others := otherResources(g.open)
			var names []string
			for _, d := range g.directions {
				names = append(names, d.String())
			}
			var message string
			if partial {
				message = fmt.Sprintf("%s is selected by no network policy for %s, though others of %s are", listed(first, others), strings.Join(names, " or "), ns.shown)
				if len(others) > 0 {
					message = fmt.Sprintf("%s are selected by no network policy for %s, though others of %s are", listed(first, others), strings.Join(names, " or "), ns.shown)
				}
			} else {
				message = fmt.Sprintf("no network policy in %s restricts %s: %s open to every peer", ns.shown, strings.Join(names, " or "), counted(first, others))
			}
			f := pass.Report(first.Get("metadata", "name"), message)
			f.Whole = true
			// each namespace wants a policy of its own, also where overlays put one base into several
			f.Key = strings.TrimSpace(ns.name + " " + strings.Join(names, "+"))
			f.Subject = ns.name + " " + strings.Join(names, "+")
			f.Help = remedy(ns, g)
			if settings := relateLeftOut(pass.Bundle, f); len(settings) > 0 {
				f.Help = "set " + strings.Join(settings, " or ") + " to render the chart's own network policies, or " + f.Help
			}
			for _, r := range others {
				f.Relate("workload", r.Get("metadata", "name"), r.String()+" is open, too")
			}
		}
	}
}

// relateLeftOut adds the settings of a chart, three at the most, that leave out network
// policies which it holds, and returns them.
func relateLeftOut(b *lint.Bundle, f *lint.Finding) []string {
	var settings []string
	for _, left := range b.LeftOut {
		if readers[left.Kind] == nil || !left.Alone || !left.Value.IsValid() || slices.Contains(settings, left.Setting) || len(settings) == 3 {
			continue
		}
		settings = append(settings, left.Setting)
		message := left.Setting + " leaves out the chart's " + left.Kind
		f.Related = append(f.Related, lint.Related{Role: "value", Message: message, Span: left.Value}, lint.Related{Role: "template", Message: "written here if it is set", Span: left.Template})
	}
	return settings
}

// otherResources returns the objects of workloads behind the first, each once.
func otherResources(workloads []*workload) []*lint.Resource {
	seen := map[*lint.Resource]bool{workloads[0].resource(): true}
	var others []*lint.Resource
	for _, w := range workloads[1:] {
		if r := w.resource(); !seen[r] {
			seen[r] = true
			others = append(others, r)
		}
	}
	return others
}

func counted(first *lint.Resource, others []*lint.Resource) string {
	switch len(others) {
	case 0:
		return first.String() + " is"
	case 1:
		return first.String() + " and 1 more workload are"
	}
	return fmt.Sprintf("%s and %d more workloads are", first, len(others))
}

// listed names objects, at most five of them.
func listed(first *lint.Resource, others []*lint.Resource) string {
	names := []string{first.String()}
	for _, r := range others {
		names = append(names, r.String())
	}
	if len(names) > 5 {
		names = append(names[:4], fmt.Sprintf("%d more", len(names)-4))
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// remedy is a ready default-deny policy for what a gap leaves open.
func remedy(ns *namespace, g gap) string {
	first := g.open[0].resource()
	var b strings.Builder
	b.WriteString("add a default-deny policy, then one that allows what each workload needs:\n")
	header := func(name string) {
		b.WriteString("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: " + name + "\n")
		if ns.name != "" && first.Get("metadata", "namespace").Exists() {
			b.WriteString("  namespace: " + ns.name + "\n")
		}
		b.WriteString("spec:\n  podSelector: {}\n")
	}
	header("default-deny")
	b.WriteString("  policyTypes:\n")
	for _, d := range g.directions {
		b.WriteString("    - " + d.policyType() + "\n")
	}
	if slices.Contains(g.directions, egress) {
		b.WriteString("---\n")
		header("allow-dns")
		b.WriteString(`  policyTypes:
    - Egress
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
      ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
`)
	}
	var hosts []string
	for _, w := range ns.workloads {
		if name := w.resource().String(); w.hostNetwork && !slices.Contains(hosts, name) {
			hosts = append(hosts, name)
		}
	}
	if len(hosts) > 0 {
		fmt.Fprintf(&b, "# on the host's network, outside every policy: %s\n", strings.Join(hosts, ", "))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

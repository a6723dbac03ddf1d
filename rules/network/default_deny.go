package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/netpol"
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
	Remedy:     startingPoint,
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
	Docs:   docs,
	Run:    func(pass *lint.Pass) { reportGaps(pass, true) },
	Remedy: startingPoint,
}

// A gap is the workloads that are open in some directions.
type gap struct {
	directions []netpol.Direction
	open       []*netpol.Workload
	partial    bool // others of the namespace are isolated
}

// gapsOf returns what policies leave open in a namespace: one gap for both
// directions where they leave the same workloads open. Pods on the host's
// network are outside every policy, pods of helm test are gone once the test is,
// and a workload scaled to zero has none; they are not counted.
func gapsOf(ns *netpol.Namespace) []gap {
	var all []gap
	for _, d := range netpol.Directions {
		g := gap{directions: []netpol.Direction{d}}
		for _, w := range ns.Workloads {
			switch {
			case w.HostNetwork || w.Transient || w.Idle:
			case w.Exposure(d).Closed():
				g.partial = true
			default:
				g.open = append(g.open, w)
			}
		}
		if len(g.open) == 0 {
			continue
		}
		if len(all) > 0 && all[0].partial == g.partial && slices.Equal(all[0].open, g.open) {
			all[0].directions = netpol.Directions
			continue
		}
		all = append(all, g)
	}
	return all
}

// key tells the findings of one workload apart.
func (g gap) key(ns *netpol.Namespace) string {
	var names []string
	for _, d := range g.directions {
		names = append(names, d.String())
	}
	return strings.TrimSpace(ns.Name + " " + strings.Join(names, "+"))
}

func reportGaps(pass *lint.Pass, partial bool) {
	m := netpol.ModelOf(pass.Bundle)
	for _, ns := range m.Namespaces {
		for _, g := range gapsOf(ns) {
			if g.partial != partial {
				continue
			}
			first := g.open[0].Object()
			others := otherResources(g.open)
			var names []string
			for _, d := range g.directions {
				names = append(names, d.String())
			}
			var message string
			if partial {
				message = fmt.Sprintf("%s is selected by no network policy for %s, though others of %s are", listed(first, others), strings.Join(names, " or "), ns.Shown)
				if len(others) > 0 {
					message = fmt.Sprintf("%s are selected by no network policy for %s, though others of %s are", listed(first, others), strings.Join(names, " or "), ns.Shown)
				}
			} else {
				message = fmt.Sprintf("no network policy in %s restricts %s: %s open to every peer", ns.Shown, strings.Join(names, " or "), counted(first, others))
			}
			f := pass.Report(first.Get("metadata", "name"), message)
			f.Whole = true
			// each namespace wants a policy of its own, also where overlays put one base into several
			f.Key = g.key(ns)
			if !partial && ns.Name != "" { // whichever workload is the first
				f.Scope = ns.Name
			}
			f.Subject = ns.Name + " " + strings.Join(names, "+")
			f.Help = remedy(m, ns, g)
			if p := halfDeny(m, ns, g); p != nil {
				f.Help = fmt.Sprintf("add %s to the policyTypes of %s, or %s", g.directions[0].PolicyType(), p.Resource, f.Help)
				f.Relate("policy", p.Resource.Get("metadata", "name"), p.Resource.String()+" denies the other direction")
			}
			if wish := relateLeftOut(pass.Bundle, m, f); wish != "" {
				f.Help = "set the values so that " + wish + ", which renders the chart's own network policies, or " + f.Help
			}
			for _, r := range onHostNetwork(ns) {
				f.Relate("workload", r.Get("metadata", "name"), r.String()+" is on the host's network, outside every policy")
			}
			for _, r := range others {
				f.Relate("workload", r.Get("metadata", "name"), r.String()+" is open, too")
			}
		}
	}
}

// relateLeftOut adds what in a chart that has no network policy leaves out those that
// it holds, and returns what would have to hold for them to be rendered.
func relateLeftOut(b *lint.Bundle, m *netpol.Model, f *lint.Finding) string {
	var wishes []string
	for _, left := range b.LeftOut {
		if len(m.Policies) > 0 || !netpol.IsKind(left.Kind) || !left.Alone || left.Wish == "" || !left.Value.IsValid() || slices.Contains(wishes, left.Wish) || len(wishes) == 3 {
			continue
		}
		wishes = append(wishes, left.Wish)
		f.Related = append(f.Related, lint.Related{Role: "value", Message: "the chart has a " + left.Kind + " for when " + left.Wish, Span: left.Value},
			lint.Related{Role: "template", Message: "written here", Span: left.Template})
	}
	return strings.Join(wishes, " or ")
}

// halfDeny returns the default-deny policy of a namespace that leaves the one
// direction of a gap alone, or nil.
func halfDeny(m *netpol.Model, ns *netpol.Namespace, g gap) *netpol.Policy {
	if len(g.directions) > 1 {
		return nil
	}
	for _, p := range m.InNamespace[ns.Name] {
		other := p.Sides[1-g.directions[0]]
		if p.Resource.Is("networking.k8s.io", "NetworkPolicy") && len(p.Pods) == 0 && other.Isolates && len(other.Rules) == 0 && !p.Sides[g.directions[0]].Applies {
			return p
		}
	}
	return nil
}

// onHostNetwork returns the objects whose pods no policy is about.
func onHostNetwork(ns *netpol.Namespace) []*lint.Resource {
	var all []*lint.Resource
	for _, w := range ns.Workloads {
		if r := w.Object(); w.HostNetwork && (len(all) == 0 || all[len(all)-1] != r) {
			all = append(all, r)
		}
	}
	return all
}

// otherResources returns the objects of workloads behind the first, each once.
func otherResources(workloads []*netpol.Workload) []*lint.Resource {
	seen := map[*lint.Resource]bool{workloads[0].Object(): true}
	var others []*lint.Resource
	for _, w := range workloads[1:] {
		if r := w.Object(); !seen[r] {
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

// remedy is a ready default-deny policy for what a gap leaves open, under a name that
// no policy of the namespace has: to apply it replaces nothing.
func remedy(m *netpol.Model, ns *netpol.Namespace, g gap) string {
	first := g.open[0].Object()
	var b strings.Builder
	b.WriteString("add a default-deny policy, then one that allows what each workload needs:\n")
	taken := map[string]bool{}
	for _, p := range m.InNamespace[ns.Name] {
		taken[p.Resource.Name] = true
	}
	header := func(name string) {
		for base, n := name, 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		b.WriteString("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: " + name + "\n")
		if ns.Name != "" && first.Get("metadata", "namespace").Exists() {
			b.WriteString("  namespace: " + ns.Name + "\n")
		}
		b.WriteString("spec:\n  podSelector: {}\n")
	}
	name := "default-deny"
	if len(g.directions) == 1 {
		name += "-" + g.directions[0].String()
	}
	header(name)
	b.WriteString("  policyTypes:\n")
	for _, d := range g.directions {
		b.WriteString("    - " + d.PolicyType() + "\n")
	}
	if slices.Contains(g.directions, netpol.Egress) {
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
	return strings.TrimSuffix(b.String(), "\n")
}

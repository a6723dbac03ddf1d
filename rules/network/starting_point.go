package network

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/netpol"
)

// A starting point is network policies that deny what nothing in a bundle asks for, as CIS
// 5.3.2 and the Kubernetes Hardening Guide of NSA and CISA ask for it: a denial, DNS
// (https://kubernetes.io/docs/concepts/services-networking/network-policies/), and what Services,
// and what sends to them, imply. What the manifests do not show is for its reader to add.

// starting is one in the making.
type starting struct {
	m  *netpol.Model
	ns *netpol.Namespace
	g  gap
	b  *lint.Bundle

	services []*lint.Resource // of the namespace that select workloads of the gap
	taken    map[string]bool  // names of policies
	// plainDNS selects the pods of the cluster's DNS by a label; else by an expression, to
	// which kustomize adds no label.
	plainDNS bool
}

// systemNamespaces are those of the cluster's own programs: what these need is in no manifest.
var systemNamespaces = []string{"kube-system", "kube-public", "kube-node-lease"}

// startingPoint is the remedy of what no policy isolates.
func startingPoint(pass *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	m := netpol.ModelOf(pass.Bundle)
	for _, ns := range m.Namespaces {
		for _, g := range gapsOf(ns) {
			if g.open[0].Object() != n.Resource() || g.key(ns) != f.Key || slices.Contains(systemNamespaces, ns.Name) {
				continue
			}
			if slices.ContainsFunc(pass.Bundle.LeftOut, func(l lint.LeftOut) bool { return netpol.IsKind(l.Kind) }) {
				return nil // the chart has policies of its own: its values are to render them
			}
			s := &starting{m: m, ns: ns, g: g, b: pass.Bundle, plainDNS: true}
			return s.remedy()
		}
	}
	return nil
}

func (s *starting) remedy() *lint.Remedy {
	why := "what the manifests do not show is denied"
	if s.denies(netpol.Egress) {
		why += ", such as connections to the API server, to other namespaces and to addresses outside of the cluster"
	}
	s.find()
	// What selects all pods of a namespace is for who owns the namespace. A chart shares it.
	whole := !s.g.partial && s.b.Rendering.Kind != "helm"
	draft := s.draft(whole)
	if draft == nil {
		return nil
	}
	r := lint.Drafted(why, draft)
	if s.b.Rendering.Kind == "kustomize" && s.denies(netpol.Egress) {
		s.plainDNS = false
		r.Or = lint.Drafted(why, s.draft(whole))
	}
	return r
}

func (s *starting) denies(d netpol.Direction) bool { return slices.Contains(s.g.directions, d) }

// find takes down the Services that are about the gap.
func (s *starting) find() {
	if of := netpol.DirectoryOf(s.b).Services[s.ns.Name]; of != nil {
		for _, r := range s.b.OfKind("Service") {
			if r.Is("", "Service") && kube.Home(r) == s.ns.Name && len(s.selected(r)) > 0 {
				s.services = append(s.services, r)
			}
		}
	}
	s.taken = map[string]bool{}
	for _, p := range s.m.InNamespace[s.ns.Name] {
		s.taken[p.Resource.Name] = true
	}
}

// selected returns the workloads of the gap that a Service selects.
func (s *starting) selected(service *lint.Resource) []*netpol.Workload {
	selector := kube.Equalities(service.Get("spec", "selector"))
	if len(selector) == 0 || service.Get("spec", "type").Value() == "ExternalName" {
		return nil
	}
	var all []*netpol.Workload
	for w := range s.ns.Pods.Selected(selector) {
		if slices.Contains(s.g.open, w) {
			all = append(all, w)
		}
	}
	return all
}

func (s *starting) draft(whole bool) *lint.Draft {
	first := s.g.open[0].Object()
	d := &lint.Draft{File: "networkpolicy-" + s.named("default-deny"), Namespace: first.Get("metadata", "namespace"), Several: len(s.m.Namespaces) > 1, Head: s.head(whole)}
	for _, w := range s.g.open {
		d.About = append(d.About, w.Object())
	}
	if whole {
		d.Objects = s.wholeNamespace()
		return d
	}
	for _, c := range s.components() {
		if c.selector == nil {
			return nil // nothing selects these pods and no others
		}
		d.Objects = append(d.Objects, s.component(c))
	}
	return d
}

func (s *starting) named(name string) string {
	if len(s.g.directions) == 1 {
		name += "-" + s.g.directions[0].String()
	}
	return name
}

func (s *starting) head(whole bool) []string {
	head := []string{"A starting point, to be reviewed. Derived from the workloads next to it, their Services, and what sends to these.",
		"What no rule here, or of another policy, allows is denied."}
	if whole {
		head[1] += " " + s.named("default-deny") + " is about every pod of the namespace."
	}
	if s.denies(netpol.Egress) {
		head = append(head, "Add what no manifest shows: who connects to the API server, to other namespaces, to addresses outside of",
			"the cluster, or to a DNS cache on its node.")
	}
	return head
}

// unused returns a name that no policy of the namespace has.
func (s *starting) unused(name string) string {
	for base, n := name, 2; s.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// policy is a NetworkPolicy. What its rules are about decides whether it is there.
func (s *starting) policy(name, selector any, directions []netpol.Direction, ingress, egress []lint.Item) lint.Fields {
	var types []lint.Item
	for _, d := range directions {
		types = append(types, lint.Item{Value: d.PolicyType()})
	}
	spec := lint.Fields{{Name: "podSelector", Value: selector}, {Name: "policyTypes", Value: types}}
	if len(ingress) > 0 {
		spec = append(spec, lint.Field{Name: "ingress", Value: ingress})
	}
	if len(egress) > 0 {
		spec = append(spec, lint.Field{Name: "egress", Value: egress})
	}
	return lint.Fields{
		{Name: "apiVersion", Value: "networking.k8s.io/v1"}, {Name: "kind", Value: "NetworkPolicy"},
		{Name: "metadata", Value: lint.Fields{{Name: "name", Value: name}}}, {Name: "spec", Value: spec},
	}
}

func labelled(labels any) lint.Fields {
	return lint.Fields{{Name: "matchLabels", Value: labels}}
}

// wholeNamespace returns policies for a namespace: one that denies, one for what its pods
// connect to, and one for what each Service lets in.
func (s *starting) wholeNamespace() []lint.Item {
	all := []lint.Item{{Value: s.policy(s.unused(s.named("default-deny")), lint.Fields{}, s.g.directions, nil, nil)}}
	if s.denies(netpol.Egress) {
		rules := []lint.Item{s.dns()}
		for _, group := range s.bySelector() {
			known := map[string]bool{}
			for _, r := range group {
				to := lint.Fields{{Name: "podSelector", Value: labelled(r.Get("spec", "selector"))}}
				if ports := portItems(portsOf(r), known); len(ports) > 0 {
					rules = append(rules, lint.Item{Of: r, Comment: "to its pods", Value: rule("to", to, ports)})
				}
				for _, p := range portsOf(r) {
					known[p.key()] = true
				}
			}
		}
		all = append(all, lint.Item{Value: s.policy(s.unused("allow-egress"), lint.Fields{}, []netpol.Direction{netpol.Egress}, nil, rules)})
	}
	if s.denies(netpol.Ingress) {
		bySelector := map[string]*component{}
		for _, c := range s.components() {
			bySelector[selectorKey(c.selector)] = c
		}
		named := map[string]bool{}
		add := func(r *lint.Resource, selector *lint.Node, rules []lint.Item) {
			if len(rules) == 0 {
				return
			}
			name := lint.Affixed{Before: "allow-ingress-to-", Node: r.Get("metadata", "name")}
			for n := 2; named[name.Before+r.Name+name.After] || s.taken[name.Before+r.Name+name.After]; n++ {
				name.After = fmt.Sprintf("-%d", n)
			}
			named[name.Before+r.Name+name.After] = true
			all = append(all, lint.Item{Of: r, Value: s.policy(name, labelled(selector), []netpol.Direction{netpol.Ingress}, rules, nil)})
		}
		for _, group := range s.bySelector() {
			selector := group[0].Get("spec", "selector")
			rules := s.intoServices(group)
			if c := bySelector[selectorKey(selector)]; c != nil {
				rules = append(rules, s.intoPods(c)...)
				delete(bySelector, selectorKey(selector))
			}
			add(group[0], selector, rules)
		}
		for _, c := range s.components() {
			if bySelector[selectorKey(c.selector)] != nil && c.selector != nil {
				add(c.workloads[0].Object(), c.selector, s.intoPods(c))
			}
		}
	}
	return all
}

// A component is workloads that one selector selects.
type component struct {
	selector  *lint.Node // nil where there is none that selects them and no others
	workloads []*netpol.Workload
}

// components sorts the workloads of a gap by what selects their pods.
func (s *starting) components() []*component {
	var all []*component
	byLabels := map[string]*component{}
	for _, w := range s.g.open {
		n := w.Object().Get("spec", "selector", "matchLabels")
		if len(n.Fields()) == 0 || w.Object().Get("spec", "selector", "matchExpressions").Exists() {
			n = w.Pod.Metadata.Get("labels")
		}
		key := selectorKey(n)
		if selector := kube.Equalities(n); len(selector) == 0 || !s.only(selector) {
			n = nil
		}
		c := byLabels[key]
		if c == nil || n == nil {
			c = &component{selector: n}
			byLabels[key] = c
			all = append(all, c)
		}
		c.workloads = append(c.workloads, w)
	}
	return all
}

// only reports whether labels select pods of the gap, and no others that the bundle shows.
func (s *starting) only(selector kube.Selector) bool {
	found := false
	for w := range s.ns.Pods.Selected(selector) {
		found = true
		if !slices.Contains(s.g.open, w) && !w.Transient && !w.Idle && !w.HostNetwork {
			return false
		}
	}
	return found
}

// component returns the one policy of the pods of a component.
func (s *starting) component(c *component) lint.Item {
	first := c.workloads[0].Object()
	var ingress, egress []lint.Item
	if s.denies(netpol.Ingress) {
		var services []*lint.Resource
		for _, r := range s.services {
			if slices.ContainsFunc(s.selected(r), func(w *netpol.Workload) bool { return slices.Contains(c.workloads, w) }) {
				services = append(services, r)
			}
		}
		ingress = append(s.intoServices(services), s.intoPods(c)...)
	}
	if s.denies(netpol.Egress) {
		egress = append(egress, s.dns(), lint.Item{Comment: "pods of this namespace: what they accept is theirs to say",
			Value: lint.Fields{{Name: "to", Value: []lint.Item{{Value: lint.Fields{{Name: "podSelector", Value: lint.Fields{}}}}}}}})
	}
	name := lint.Affixed{Node: first.Get("metadata", "name")}
	if len(s.g.directions) == 1 {
		name.After = "-" + s.g.directions[0].String()
	}
	for base, n := name.After, 2; s.taken[first.Name+name.After]; n++ {
		name.After = fmt.Sprintf("%s-%d", base, n)
	}
	return lint.Item{Of: first, Value: s.policy(name, labelled(c.selector), s.g.directions, ingress, egress)}
}

// dns is the rule for the cluster's DNS, by the labels that every distribution's has
// (https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/).
func (s *starting) dns() lint.Item {
	pods := labelled(lint.Fields{{Name: "k8s-app", Value: "kube-dns"}})
	if !s.plainDNS {
		pods = lint.Fields{{Name: "matchExpressions", Value: []lint.Item{{Value: lint.Fields{
			{Name: "key", Value: "k8s-app"}, {Name: "operator", Value: "In"}, {Name: "values", Value: []lint.Item{{Value: "kube-dns"}}},
		}}}}}
	}
	to := lint.Fields{{Name: "namespaceSelector", Value: labelled(lint.Fields{{Name: kube.MetadataName, Value: "kube-system"}})}, {Name: "podSelector", Value: pods}}
	port := func(protocol string) lint.Item {
		return lint.Item{Value: lint.Fields{{Name: "protocol", Value: protocol}, {Name: "port", Value: 53}}}
	}
	return lint.Item{Comment: "DNS", Value: rule("to", to, []lint.Item{port("UDP"), port("TCP")})}
}

// rule is a rule for a peer, nil for every peer, and ports.
func rule(field string, peer lint.Fields, ports []lint.Item) lint.Fields {
	var fields lint.Fields
	if peer != nil {
		fields = append(fields, lint.Field{Name: field, Value: lint.Some{{Value: peer}}})
	}
	return append(fields, lint.Field{Name: "ports", Value: lint.Some(ports)})
}

var (
	ownNamespace = lint.Fields{{Name: "podSelector", Value: lint.Fields{}}}
	anyNamespace = lint.Fields{{Name: "namespaceSelector", Value: lint.Fields{}}}
)

// A servicePort is a port of a Service and where it leads to.
type servicePort struct {
	name     string
	number   int64
	protocol string
	target   *lint.Node // on the pods: a number or a name
}

func portsOf(service *lint.Resource) []servicePort {
	var all []servicePort
	for _, item := range service.Get("spec", "ports").Items() {
		p := servicePort{name: item.Get("name").Value(), protocol: protocolOf(item.Get("protocol")), target: item.Get("targetPort")}
		p.number, _ = item.Get("port").Int()
		if n, ok := p.target.Int(); p.target.Value() == "" || p.target.IsNull() || ok && n == 0 {
			p.target = item.Get("port")
		}
		if isPort(p.target) {
			all = append(all, p)
		}
	}
	return all
}

func protocolOf(n *lint.Node) string {
	return cmp.Or(n.Value(), "TCP")
}

// isPort reports whether a node is a port that a policy may name.
func isPort(n *lint.Node) bool {
	number, ok := n.Int()
	return n.IsScalar() && n.Value() != "" && !kube.IsTemplated(n.Value()) && (!ok || number > 0 && number <= 65535)
}

// portItems are ports as a policy lists them, each once; known is what is listed elsewhere.
func portItems(ports []servicePort, known map[string]bool) []lint.Item {
	var all []lint.Item
	seen := map[string]bool{}
	for _, p := range ports {
		if key := p.key(); !seen[key] && !known[key] {
			seen[key] = true
			all = append(all, lint.Item{Value: lint.Fields{{Name: "protocol", Value: p.protocol}, {Name: "port", Value: lint.Affixed{Node: p.target, Literal: true}}}})
		}
	}
	return all
}

func (p servicePort) key() string { return p.protocol + " " + p.target.Value() }

// intoServices returns rules for what reaches pods through Services that select the same.
func (s *starting) intoServices(services []*lint.Resource) []lint.Item {
	var own, others []lint.Item
	// What is there under a condition of its own leaves the other rules as they are.
	fixed := s.b.Rendering.Kind != "helm"
	anywhere, anyPod := map[string]bool{}, map[string]bool{}
	open := func(of *lint.Resource, comment string, outside bool, ports []servicePort) {
		known, peer := anyPod, anyNamespace
		if outside {
			known, peer = anywhere, nil
		}
		if !fixed {
			known = nil
		}
		if items := portItems(ports, known); len(items) > 0 {
			others = append(others, lint.Item{Of: of, Comment: comment, Value: rule("from", peer, items)})
		}
		for _, p := range ports {
			anyPod[p.key()] = true
			anywhere[p.key()] = anywhere[p.key()] || outside
		}
	}
	for _, outside := range []bool{true, false} {
		for _, r := range services {
			ports := portsOf(r)
			kind := r.Get("spec", "type").Value()
			if outside && (kind == "LoadBalancer" || kind == "NodePort" || len(r.Get("spec", "externalIPs").Items()) > 0) {
				open(r, "from every address", true, ports)
			}
			for _, way := range waysTo(s.b)[[2]string{kube.Home(r), r.Name}] {
				if way.outside == outside {
					open(way.of, way.comment, outside, way.among(ports))
				}
			}
		}
	}
	known := anyPod
	if !fixed {
		known = map[string]bool{}
	}
	for _, r := range services {
		ports := portsOf(r)
		if fixed || !opened(others, r) {
			if items := portItems(ports, known); len(items) > 0 {
				own = append(own, lint.Item{Of: r, Comment: "from the pods of this namespace", Value: rule("from", ownNamespace, items)})
			}
		}
		for _, p := range ports {
			known[p.key()] = known[p.key()] || fixed
		}
	}
	return append(own, others...)
}

// opened reports whether a rule lets everything in through a Service because of itself.
func opened(rules []lint.Item, r *lint.Resource) bool {
	return slices.ContainsFunc(rules, func(i lint.Item) bool { return i.Of == r })
}

// selectorKey is the same for labels that select the same; nil has none.
func selectorKey(labels *lint.Node) string {
	if labels == nil {
		return ""
	}
	return fmt.Sprint(labels.StringMap()) // whose keys are sorted
}

// bySelector returns the Services with what selects the same together.
func (s *starting) bySelector() [][]*lint.Resource {
	var all [][]*lint.Resource
	at := map[string]int{}
	for _, r := range s.services {
		key := selectorKey(r.Get("spec", "selector"))
		i, known := at[key]
		if !known {
			i = len(all)
			at[key], all = i, append(all, nil)
		}
		all[i] = append(all[i], r)
	}
	return all
}

// intoPods returns rules for what reaches pods by themselves: ports of the node, and
// what is scraped.
func (s *starting) intoPods(c *component) []lint.Item {
	var rules []lint.Item
	seen := map[string]bool{}
	for _, w := range c.workloads {
		var open []servicePort
		named := map[string]servicePort{}
		numbered := map[string]servicePort{}
		for _, container := range w.Pod.Containers() {
			for _, item := range container.Get("ports").Items() {
				p := servicePort{protocol: protocolOf(item.Get("protocol")), target: item.Get("containerPort")}
				if !isPort(p.target) {
					continue
				}
				if item.Get("hostPort").Exists() && item.Get("hostPort").Value() != "0" {
					open = append(open, p)
				}
				if name := item.Get("name"); isPort(name) {
					named[name.Value()] = servicePort{protocol: p.protocol, target: name}
				}
				if p.protocol == "TCP" {
					numbered[p.target.Value()] = p
				}
			}
		}
		add := func(of *lint.Resource, comment string, peer lint.Fields, ports []servicePort) {
			items := portItems(ports, nil)
			key := of.String() + comment
			for _, p := range ports {
				key += " " + p.key()
			}
			if len(items) > 0 && !seen[key] {
				seen[key] = true
				rules = append(rules, lint.Item{Of: of, Comment: comment, Value: rule("from", peer, items)})
			}
		}
		add(w.Object(), "from every address, to its ports of the node", nil, open)
		if notes := w.Pod.Metadata.Get("annotations"); notes.Get("prometheus.io/scrape").Value() == "true" {
			if p, ok := numbered[notes.Get("prometheus.io/port").Value()]; ok {
				add(w.Object(), "scraped by Prometheus", anyNamespace, []servicePort{p})
			}
		}
		for _, r := range s.b.OfKind("PodMonitor") {
			if r.Group != "monitoring.coreos.com" || kube.Home(r) != s.ns.Name || !s.monitors(r, w.Pod.Labels()) {
				continue
			}
			for _, endpoint := range r.Get("spec", "podMetricsEndpoints").Items() {
				if p, ok := named[endpoint.Get("port").Value()]; ok {
					add(r, "scraped by Prometheus", anyNamespace, []servicePort{p})
				}
			}
		}
	}
	return rules
}

func (s *starting) monitors(r *lint.Resource, labels map[string]string) bool {
	return kube.ParseSelector(r.Get("spec", "selector")).Matches(kube.LabelSet{Labels: labels})
}

// A way leads to a Service from elsewhere.
type way struct {
	of      *lint.Resource
	port    string // a name or a number of a port of the Service; "" for any
	target  bool   // the port is one of the pods
	comment string
	outside bool // from who is no pod
}

// among returns the ports of a Service that a way leads to: all where it names none.
func (w way) among(ports []servicePort) []servicePort {
	if w.port == "" {
		return ports
	}
	var some []servicePort
	for _, p := range ports {
		if w.target && p.target.Value() == w.port || !w.target && (p.name == w.port || strconv.FormatInt(p.number, 10) == w.port) {
			some = append(some, p)
		}
	}
	return some
}

type ways map[[2]string][]way

// waysTo returns the ways to each Service of a bundle, by its namespace and name.
func waysTo(b *lint.Bundle) ways { return lint.Shared(b, buildWays) }

func buildWays(b *lint.Bundle) ways {
	all := ways{}
	add := func(r *lint.Resource, namespace, name, port *lint.Node, comment string, outside bool) {
		if name.Value() == "" {
			return
		}
		home := kube.Home(r)
		switch n := namespace.Value(); {
		case n == "" || n == r.Namespace:
		case b.Lookup("", "Service", n, name.Value()) != nil:
			home = kube.Home(b.Lookup("", "Service", n, name.Value()))
		case b.Lookup("", "Service", "", name.Value()) == nil: // that of a deploy yet to come
			home = n
		}
		key := [2]string{home, name.Value()}
		all[key] = append(all[key], way{of: r, port: port.Value(), comment: comment, outside: outside})
		if last := &all[key][len(all[key])-1]; outside && last.port == "" { // of the API: what is called is there unless it says otherwise
			last.port = "443"
		}
	}
	const routed, called = "from where its controller runs", "from the API server"
	for _, r := range b.Resources {
		spec := r.Get("spec")
		none := spec.Get("none") // of a field that no kind has
		switch {
		case r.Kind == "Ingress" && (r.Group == "networking.k8s.io" || r.Group == "extensions"):
			for _, backend := range backendsOf(spec) {
				port := backend.Get("service", "port", "number")
				if !port.Exists() {
					port = backend.Get("service", "port", "name")
				}
				add(r, none, backend.Get("service", "name"), port, routed, false)
				add(r, none, backend.Get("serviceName"), backend.Get("servicePort"), routed, false)
			}
		case r.Group == "gateway.networking.k8s.io" && strings.HasSuffix(r.Kind, "Route"):
			for _, item := range spec.Get("rules").Items() {
				for _, backend := range item.Get("backendRefs").Items() {
					if kind := backend.Get("kind").Value(); kind == "" || kind == "Service" {
						add(r, backend.Get("namespace"), backend.Get("name"), backend.Get("port"), routed, false)
					}
				}
			}
		case r.Is("route.openshift.io", "Route"):
			for _, to := range append(spec.Get("alternateBackends").Items(), spec.Get("to")) {
				add(r, none, to.Get("name"), none, routed, false)
			}
		case strings.HasPrefix(r.Kind, "IngressRoute"), r.Is("projectcontour.io", "HTTPProxy"):
			for _, route := range append(spec.Get("routes").Items(), spec.Get("tcpproxy")) {
				for _, to := range route.Get("services").Items() {
					add(r, to.Get("namespace"), to.Get("name"), to.Get("port"), routed, false)
				}
			}
		case r.Kind == "ValidatingWebhookConfiguration" || r.Kind == "MutatingWebhookConfiguration":
			for _, hook := range r.Get("webhooks").Items() {
				to := hook.Get("clientConfig", "service")
				add(r, to.Get("namespace"), to.Get("name"), to.Get("port"), called, true)
			}
		case r.Kind == "CustomResourceDefinition":
			to := spec.Get("conversion", "webhook", "clientConfig", "service")
			add(r, to.Get("namespace"), to.Get("name"), to.Get("port"), called, true)
		case r.Kind == "APIService":
			to := spec.Get("service")
			add(r, to.Get("namespace"), to.Get("name"), to.Get("port"), called, true)
		case r.Is("monitoring.coreos.com", "ServiceMonitor"):
			addMonitor(b, all, r)
		}
	}
	return all
}

// backendsOf returns the backends of an Ingress.
func backendsOf(spec *lint.Node) []*lint.Node {
	backends := []*lint.Node{spec.Get("defaultBackend"), spec.Get("backend")}
	for _, item := range spec.Get("rules").Items() {
		for _, path := range item.Get("http", "paths").Items() {
			backends = append(backends, path.Get("backend"))
		}
	}
	return backends
}

// addMonitor adds the ways of Prometheus to the Services that a ServiceMonitor selects.
func addMonitor(b *lint.Bundle, all ways, r *lint.Resource) {
	of := netpol.DirectoryOf(b).Services[kube.Home(r)]
	selector := kube.ParseSelector(r.Get("spec", "selector"))
	if of == nil {
		return
	}
	for service := range of.Selected(selector) {
		for _, endpoint := range r.Get("spec", "endpoints").Items() {
			w := way{of: r, port: endpoint.Get("port").Value(), comment: "scraped by Prometheus"}
			if w.port == "" {
				w.port, w.target = endpoint.Get("targetPort").Value(), true
			}
			key := [2]string{kube.Home(service), service.Name}
			all[key] = append(all[key], w)
		}
	}
}

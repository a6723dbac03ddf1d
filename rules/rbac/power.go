package rbac

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A power is a permission from which its holder gets further than it says: the
// list of https://kubernetes.io/docs/concepts/security/rbac-good-practices/ and
// what auditors add to it.
type power struct {
	what     string // its name in the table of manilint rbac
	can      string // completes "can …"; of a namespace, " in namespace …" follows
	severity lint.Severity
	verbs    []string // any of them is enough
	older    *older   // what else was enough in older versions of Kubernetes; nil where nothing
	targets  []target
	names    weight // of a grant limited by resourceNames
	// only narrows where the power exists: to configmaps of kube-system, say.
	only func(g *grant, cluster bool, namespace string) bool
	// takeover orders the powers from which the whole cluster follows in one
	// step, the worst highest; 0: not one of them.
	takeover int
	help     string // {items} is what grants it
	here     string // help where the role reaches namespaces alone already; help where it is empty
	limited  *limit // of a power whose names are not silent
}

// A limit says what is left of a power where resourceNames limit it.
type limit struct {
	can  string // completes "can …"; %s are the objects that are named
	help string
	// wide is help where the grant reaches the name in every namespace.
	wide string
}

// An older is verbs that gave a power below a version of Kubernetes.
type older struct {
	verbs []string
	below int // the minor version from which they give it no more
}

// at returns the verbs that give the power in a minor version of Kubernetes.
func (p *power) at(minor int) []string {
	if p.older != nil && minor < p.older.below {
		return slices.Concat(p.verbs, p.older.verbs)
	}
	return p.verbs
}

// A target is a resource that a power is about. Of a cluster-scoped resource
// nothing is granted by a binding in a namespace.
type target struct {
	group, resource string
	clusterScoped   bool
}

// A weight says what a limit to resourceNames makes of a grant.
type weight int

const (
	silent weight = iota // named objects alone are what least privilege looks like
	lower                // one step less: the named object is enough to get far
	same
)

// A grant is a power that one policy rule gives.
type grant struct {
	power *power
	rule  *policyRule
	verbs []entry
	hits  []hit
}

// A hit is a resource that a rule names, with the verbs that it gives on it.
type hit struct {
	entry  entry
	target target
	verbs  []entry
}

func newGrant(p *power, rule *policyRule, hits []hit) *grant {
	g := &grant{power: p, rule: rule, hits: hits}
	for _, h := range hits {
		for _, v := range h.verbs {
			if !slices.Contains(g.verbs, v) {
				g.verbs = append(g.verbs, v)
			}
		}
	}
	return g
}

// within returns what is left of a grant where it is bound cluster-wide or in a
// namespace, which no cluster-scoped resource is of; nil where that is nothing.
func (g *grant) within(cluster bool) *grant {
	if cluster || !slices.ContainsFunc(g.hits, func(h hit) bool { return h.target.clusterScoped }) {
		return g
	}
	hits := slices.DeleteFunc(slices.Clone(g.hits), func(h hit) bool { return h.target.clusterScoped })
	if len(hits) == 0 {
		return nil
	}
	return newGrant(g.power, g.rule, hits)
}

func coreGroup(resources ...string) []target               { return targets("", false, resources) }
func in(group string, resources ...string) []target        { return targets(group, false, resources) }
func atCluster(group string, resources ...string) []target { return targets(group, true, resources) }

func targets(group string, clusterScoped bool, resources []string) []target {
	var all []target
	for _, r := range resources {
		all = append(all, target{group, r, clusterScoped})
	}
	return all
}

var (
	write    = []string{"create", "update", "patch"}
	change   = []string{"update", "patch"}
	control  = []string{"create", "update", "patch", "delete", "deletecollection"}
	workload = slices.Concat(coreGroup("pods", "replicationcontrollers"),
		in("apps", "deployments", "daemonsets", "statefulsets", "replicasets"), in("batch", "jobs", "cronjobs"))
	bindings = slices.Concat(in(group, "rolebindings"), atCluster(group, "clusterrolebindings"))
)

const (
	kubeletHelp = "grant nodes/metrics, nodes/stats, nodes/log or, since Kubernetes 1.33, nodes/pods, nodes/healthz and nodes/configz in its place"
	mapHelp     = "drop aws-auth from resourceNames, and map identities by EKS access entries"
)

// byGet is how pods/exec, pods/attach and pods/portforward could be opened by a
// WebSocket, which begins with a GET: from 1.35 on that needs the verb create too
// (https://github.com/kubernetes/kubernetes/pull/134577).
var byGet = &older{verbs: []string{"get"}, below: 35}

// everything is "*" on "*": all other powers are in it.
var everything = &power{what: "everything", can: "do everything", severity: lint.Critical, takeover: 9}

var (
	escalate = &power{what: "escalate", can: "write roles that grant more than it holds", severity: lint.Critical, takeover: 8,
		verbs: []string{"escalate"}, targets: slices.Concat(in(group, "roles"), in(group, "clusterroles")), names: lower,
		help:    "drop the verb escalate; a controller that writes roles can be given what those roles grant",
		limited: &limit{can: "rewrite %s to grant more than it holds", help: "drop the verb escalate; who rewrites a role can be given what that role grants"}}
	bind = &power{what: "bind", can: "bind any role", severity: lint.Critical, takeover: 7,
		verbs: []string{"bind"}, targets: slices.Concat(in(group, "roles"), in(group, "clusterroles")),
		help:    "name the roles that may be bound in resourceNames",
		limited: &limit{can: "bind %s", help: "name only roles in resourceNames that grant little, or drop the verb bind"}}
	impersonate = &power{what: "impersonate", can: "impersonate every user, group or ServiceAccount", severity: lint.Critical, takeover: 6,
		verbs: []string{"impersonate"}, targets: slices.Concat(atCluster("", "users", "groups"), coreGroup("serviceaccounts")), names: lower,
		help: "name who may be impersonated in resourceNames, or drop the verb impersonate",
		limited: &limit{can: "impersonate %s", help: "drop the verb impersonate, unless those named hold no more than the role's holders",
			wide: "grant it in a Role of the ServiceAccount's namespace, or drop the verb impersonate"}}
	readSecrets = &power{what: "read-secrets", can: "read every Secret", severity: lint.High, takeover: 5,
		verbs: []string{"get", "list", "watch", "patch", "deletecollection"}, targets: coreGroup("secrets"),
		help: "name the Secrets in resourceNames with the verb get, or grant it in a Role of the one namespace that needs it",
		here: "name the Secrets in resourceNames with the verb get"}
	proxyNodes = &power{what: "proxy-nodes", can: "run commands in every pod through the kubelets (nodes/proxy)", severity: lint.High, takeover: 4,
		verbs: []string{"create", "get"}, targets: atCluster("", "nodes/proxy"), names: lower,
		help:    kubeletHelp,
		limited: &limit{can: "run commands in every pod of %s through its kubelet (nodes/proxy)", help: kubeletHelp}}
	createTokens = &power{what: "create-tokens", can: "issue tokens of every ServiceAccount", severity: lint.High, takeover: 3,
		verbs: []string{"create"}, targets: coreGroup("serviceaccounts/token"), names: lower,
		help: "name the ServiceAccounts in resourceNames of a Role", here: "name the ServiceAccounts in resourceNames",
		limited: &limit{can: "issue tokens of %s", help: "drop the verb create, unless those named hold no more than the role's holders",
			wide: "grant it in a Role of the ServiceAccount's namespace"}}
	exec = &power{what: "exec", can: "run commands in every pod", severity: lint.High, takeover: 2,
		verbs: []string{"create"}, older: byGet, targets: coreGroup("pods/exec"),
		help: "drop pods/exec, or grant it in a Role of the one namespace that needs it", here: "drop pods/exec"}
	createWorkloads = &power{what: "create-workloads", can: "create or change workloads, and so run as every ServiceAccount", severity: lint.Medium, takeover: 1,
		verbs: write, targets: workload,
		help: "grant it in a Role of a namespace that holds no stronger ServiceAccount, and enforce a Pod Security level there",
		here: "let the namespace hold no stronger ServiceAccount, and enforce a Pod Security level there"}

	writeSecrets = &power{what: "write-secrets", can: "overwrite every Secret", severity: lint.Medium,
		verbs: change, targets: coreGroup("secrets"),
		help: "name the Secrets in resourceNames, or grant it in a Role of the one namespace that needs it",
		here: "name the Secrets in resourceNames"}
	attach = &power{what: "attach", can: "attach to the processes of every pod", severity: lint.High,
		verbs: []string{"create"}, older: byGet, targets: coreGroup("pods/attach"),
		help: "drop pods/attach, or grant it in a Role of the one namespace that needs it", here: "drop pods/attach"}
	portForward = &power{what: "port-forward", can: "reach every port of every pod, past network policies", severity: lint.Medium,
		verbs: []string{"create"}, older: byGet, targets: coreGroup("pods/portforward"), help: "drop pods/portforward"}
	debug = &power{what: "ephemeral-containers", can: "put a container of its choice into every running pod", severity: lint.High,
		verbs: change, targets: coreGroup("pods/ephemeralcontainers"),
		help: "drop pods/ephemeralcontainers, or grant it in a Role of the one namespace that needs it", here: "drop pods/ephemeralcontainers"}
	writeRBAC = &power{what: "write-rbac", can: "create or change roles or bindings, and so pass on what it holds", severity: lint.Critical,
		verbs: write, targets: slices.Concat(bindings, in(group, "roles"), atCluster(group, "clusterroles")),
		help: "leave roles and bindings to whoever installs the application, or grant it in a Role",
		here: "leave roles and bindings to whoever installs the application"}
	editBindings = &power{what: "edit-bindings", can: "add subjects to bindings of the roles it holds", severity: lint.Medium,
		verbs: change, targets: bindings, names: same,
		help:    "drop {items}",
		limited: &limit{can: "add subjects to %s", help: "drop {items}"}}
	writeWebhooks = &power{what: "write-webhooks", can: "change or remove admission control", severity: lint.Critical,
		verbs: control, targets: atCluster("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "validatingwebhookconfigurations",
			"mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "validatingadmissionpolicies", "validatingadmissionpolicybindings"), names: lower,
		help:    "name the configurations in resourceNames with the verbs get, update and patch",
		limited: &limit{can: "change or remove %s", help: "leave it to the installer, and its CA bundle to what injects certificates"}}
	approveCertificates = &power{what: "approve-certificates", can: "approve certificates, and so become any user", severity: lint.High,
		verbs: change, targets: atCluster("certificates.k8s.io", "certificatesigningrequests/approval"), names: same,
		help:    "limit the verb approve to the one signer in resourceNames, or leave approval to people",
		limited: &limit{can: "approve %s, and so become any user", help: "leave approval to people"}}
	useSCC = &power{what: "use-privileged-scc", can: "run privileged pods (SecurityContextConstraints privileged of OpenShift)", severity: lint.High,
		verbs: []string{"use"}, targets: in("security.openshift.io", "securitycontextconstraints"), names: same,
		only: func(g *grant, _ bool, _ string) bool { return !g.rule.named() || g.rule.hasName("privileged") },
		help: "name constraints in resourceNames that allow the single thing that is needed: nonroot-v2, hostnetwork-v2, or one of your own"}
	createVolumes = &power{what: "create-volumes", can: "create PersistentVolumes of the type hostPath, and so read and write every node's disk", severity: lint.Medium,
		verbs: []string{"create"}, targets: atCluster("", "persistentvolumes"),
		help: "let a storage class provision volumes"}
	patchNamespaces = &power{what: "patch-namespaces", can: "relabel namespaces, and so take them out of Pod Security and network policies", severity: lint.Medium,
		verbs: change, targets: coreGroup("namespaces"), help: "drop {items}"}
	writeNetwork = &power{what: "write-network", can: "redirect or open traffic (Services, endpoints, Ingresses, NetworkPolicies)", severity: lint.Medium,
		verbs: control, targets: slices.Concat(coreGroup("services", "endpoints"), in("discovery.k8s.io", "endpointslices"),
			in("networking.k8s.io", "ingresses", "networkpolicies"), in("extensions", "ingresses", "networkpolicies")),
		help: "grant it in a Role of the namespaces concerned, for the one kind that is needed", here: "grant the one kind that is needed"}
	mapIdentities = &power{what: "write-aws-auth", can: "map any AWS identity to system:masters (ConfigMap aws-auth)", severity: lint.Critical,
		verbs: change, targets: coreGroup("configmaps"), names: same,
		only: func(g *grant, cluster bool, ns string) bool {
			return (cluster || ns == "kube-system") && g.rule.hasName("aws-auth")
		},
		help:    mapHelp,
		limited: &limit{can: "map any AWS identity to system:masters (ConfigMap aws-auth)", help: mapHelp}}
	writeDNS = &power{what: "write-dns", can: "rewrite the cluster's DNS (ConfigMap coredns)", severity: lint.High,
		verbs: change, targets: coreGroup("configmaps"), names: same,
		only: func(g *grant, cluster bool, ns string) bool {
			return (cluster || ns == "kube-system") && (!g.rule.named() || g.rule.hasName("coredns", "coredns-custom", "kube-dns", "node-local-dns"))
		},
		help:    "name the ConfigMaps in resourceNames, or grant it in a Role of the application's own namespace",
		limited: &limit{can: "rewrite the cluster's DNS (%s)", help: "drop the ConfigMap of the DNS from resourceNames"}}
	writeConfigMaps = &power{what: "write-configmaps", can: "create, change or delete any ConfigMap", severity: lint.Low,
		verbs: control, targets: coreGroup("configmaps"), help: "name the ConfigMaps in resourceNames"}
	deleteLogs = &power{what: "delete-logs", can: "delete logs or events, the traces of an intrusion", severity: lint.Medium,
		verbs: []string{"delete", "deletecollection"}, targets: slices.Concat(coreGroup("pods/log", "events"), in("events.k8s.io", "events")),
		help: "drop {items}"}
)

// powers is the list of dangerous powers, the worst first.
var powers = []*power{
	everything, escalate, bind, impersonate, writeWebhooks, mapIdentities, writeRBAC, readSecrets, proxyNodes, createTokens, exec,
	attach, debug, approveCertificates, useSCC, writeDNS, createWorkloads, createVolumes, patchNamespaces, writeSecrets, editBindings,
	portForward, writeNetwork, deleteLogs, writeConfigMaps,
}

// byResource finds the powers about a resource without trying them all.
var byResource = func() map[string][]*power {
	index := map[string][]*power{}
	for _, p := range powers {
		for _, t := range p.targets {
			if !slices.Contains(index[t.resource], p) {
				index[t.resource] = append(index[t.resource], p)
			}
		}
	}
	return index
}()

// isEverything reports whether a rule grants every verb on every resource.
func (r *policyRule) isEverything() bool {
	_, verb := star(r.verbs)
	_, resource := star(r.resources)
	_, group := star(r.groups)
	return verb && resource && group && !r.named()
}

// grantsOf returns the powers that a rule gives, in the order of the list. A
// rule that grants everything gives that alone: it is one root cause.
func grantsOf(r *policyRule) []*grant {
	if r.isEverything() {
		e, _ := star(r.resources)
		return []*grant{newGrant(everything, r, []hit{{e, target{"*", "*", false}, r.verbs}})}
	}
	return partsOf(r)
}

// partsOf is grantsOf without the short cut for everything.
func partsOf(r *policyRule) []*grant {
	candidates := powers
	if !slices.ContainsFunc(r.resources, func(e entry) bool { return strings.HasPrefix(e.text, "*") }) {
		candidates = nil
		for _, e := range r.resources {
			candidates = append(candidates, byResource[e.text]...)
		}
	}
	var all []*grant
	for i, p := range candidates {
		if slices.Contains(candidates[:i], p) {
			continue
		}
		var hits []hit
		for _, t := range p.targets {
			if !r.allowsGroup(t.group) {
				continue
			}
			e, ok := r.resource(t.resource)
			if !ok {
				continue
			}
			if verbs := r.allowed(p.at(r.minor), t.resource); len(verbs) > 0 {
				hits = append(hits, hit{e, t, verbs})
			}
		}
		if len(hits) > 0 {
			all = append(all, newGrant(p, r, hits))
		}
	}
	slices.SortStableFunc(all, func(a, b *grant) int { return slices.Index(powers, a.power) - slices.Index(powers, b.power) })
	return all
}

// at reports whether the grant exists where the role is bound: cluster-wide, or
// in a namespace, where cluster-scoped resources are out of reach.
func (g *grant) at(cluster bool, namespace string) bool {
	if g.power.only != nil && !g.power.only(g, cluster, namespace) {
		return false
	}
	return g.within(cluster) != nil
}

// node returns the narrowest place of the grant: the verb where the verb is the
// power, else the first resource.
func (g *grant) node() *lint.Node {
	switch g.power {
	case escalate, bind, impersonate:
		return g.verbs[0].node
	}
	return g.hits[0].entry.node
}

// subject is the [lint.Finding.Subject] of findings about the grant. A policy
// rule with a "*" is one root cause, as is one about roles and bindings; else
// each item is one of its own.
func (g *grant) subject() string {
	switch g.power {
	case everything, escalate, bind, writeRBAC, editBindings:
		return g.rule.node.Path()
	}
	if g.rule.hasStar() {
		return g.rule.node.Path()
	}
	return g.node().Path()
}

// kinds are what resourceNames name.
var kinds = map[string]string{
	"roles": "Role", "clusterroles": "ClusterRole", "rolebindings": "RoleBinding", "clusterrolebindings": "ClusterRoleBinding",
	"users": "user", "groups": "group", "serviceaccounts": "ServiceAccount", "serviceaccounts/token": "ServiceAccount",
	"nodes/proxy": "node", "configmaps": "ConfigMap", "certificatesigningrequests/approval": "CertificateSigningRequest",
	"mutatingwebhookconfigurations": "MutatingWebhookConfiguration", "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
	"mutatingadmissionpolicies": "MutatingAdmissionPolicy", "mutatingadmissionpolicybindings": "MutatingAdmissionPolicyBinding",
	"validatingadmissionpolicies": "ValidatingAdmissionPolicy", "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
}

// either joins alternatives: a, b or c.
func either(all []string) string {
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// kinds lists the kinds that the grant is about.
func (g *grant) kinds() []string {
	var all []string
	for _, h := range g.hits {
		if kind := kinds[h.target.resource]; !slices.Contains(all, kind) {
			all = append(all, kind)
		}
	}
	return all
}

// maxNames bounds the names that a text lists.
const maxNames = 5

// named says which objects a grant is limited to: ServiceAccount "cni".
func (g *grant) named() string {
	var names []string
	all := g.kinds()
	for _, e := range g.rule.names {
		if name := strconv.Quote(e.text); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	kind := either(all)
	if len(all) > 3 {
		kind = "whatever is called"
	}
	if len(names) > maxNames {
		return fmt.Sprintf("%s %s or %d others", kind, strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return kind + " " + strings.Join(names, ", ")
}

// wide reports whether a cluster-wide grant reaches what it names in every namespace.
func (g *grant) wide(cluster bool) bool {
	return cluster && !slices.ContainsFunc(g.hits, func(h hit) bool {
		return h.target.resource != "serviceaccounts/token" && h.target.resource != "serviceaccounts" && h.target.resource != "roles"
	})
}

// can completes "can …": what the grant gives, with the names that limit it.
func (g *grant) can(cluster bool) string {
	switch {
	case g.power == approveCertificates && g.rule.role.signers().serving():
		return "approve serving certificates of kubelets, and so pose as a kubelet to the API server"
	case g.power == impersonate && !g.rule.named():
		return "impersonate every " + either(g.kinds())
	case !g.rule.named() || g.power.limited == nil:
		return g.power.can
	}
	text := strings.ReplaceAll(g.power.limited.can, "%s", g.named())
	if g.wide(cluster) {
		text += " in every namespace"
	}
	return text
}

// help says how to grant less: of a "*" what to write in its place.
func (g *grant) help(cluster bool) string {
	text := g.power.help
	if !cluster && g.power.here != "" {
		text = g.power.here
	}
	pattern := g.stars()
	switch {
	case g.rule.node == nil:
		return "bind a role that grants the verbs and resources that are used, by a RoleBinding where one namespace is enough"
	case pattern != "" && (text == "" || g.rule.named() || strings.Contains(text, "drop ")): // what is not written cannot be dropped
		return pattern
	case pattern != "":
		return pattern + "; " + text
	case g.power == approveCertificates && g.rule.role.signers().limited:
		return "leave approval to people, or to a controller that checks each request against the node that made it"
	case !g.rule.named() || g.power.limited == nil:
	case g.wide(cluster) && g.power.limited.wide != "":
		text = g.power.limited.wide
	default:
		text = g.power.limited.help
	}
	return strings.ReplaceAll(text, "{items}", g.items())
}

// stars says what to write in place of each "*" that gives the power, "" where none does.
func (g *grant) stars() string {
	var entries []entry
	for _, h := range g.hits {
		entries = append(entries, h.entry)
	}
	return inPlaceOf(g.verbs, entries)
}

// inPlaceOf says what to write in place of a "*" among verbs and of a pattern
// among resources.
func inPlaceOf(verbs, resources []entry) string {
	_, verb := star(verbs)
	i := slices.IndexFunc(resources, func(e entry) bool { return strings.HasPrefix(e.text, "*") })
	switch {
	case verb && i >= 0:
		return `name the verbs and resources that are used in place of "*"`
	case verb:
		return `name the verbs that are used in place of "*"`
	case i >= 0:
		return fmt.Sprintf("name the resources that are used in place of %q", resources[i].text)
	}
	return ""
}

// limits says what resourceNames limit the grant to, behind its items.
func (g *grant) limits() string {
	if !g.rule.named() {
		return ""
	}
	return ", limited to " + texts(g.rule.names)
}

// items says what in the rule grants the power: get, list on secrets.
func (g *grant) items() string {
	var resources []entry
	for _, h := range g.hits {
		resources = append(resources, h.entry)
	}
	text := texts(g.verbs) + " on " + texts(resources)
	if g.rule.nameless {
		text += ", which the resource name \"\" does not limit"
	}
	return text
}

// weight is what a grant weighs where it is bound; ok is false where its names
// leave nothing to say.
func (g *grant) weight(cluster bool) (severity lint.Severity, ok bool) {
	severity = g.power.severity
	if !cluster {
		severity = severity.Lower()
	}
	switch {
	case !g.rule.named():
	case g.power.names == silent:
		return 0, false
	case g.power.names == lower && !(cluster && g.power == impersonate && g.rule.hasName("system:masters", "kubeadm:cluster-admins")):
		severity = severity.Lower()
	}
	return severity, true
}

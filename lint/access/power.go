package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A Power is a permission from which its holder gets further than it says: the
// list of https://kubernetes.io/docs/concepts/security/rbac-good-practices/ and
// what auditors add to it.
type Power struct {
	What     string // its name in the table of manilint rbac
	Can      string // completes "can …"; of a namespace, " in namespace …" follows
	Severity lint.Severity
	verbs    []string // any of them is enough
	since    int      // the minor version of Kubernetes that has the resource or the verb first; 0: each
	images   []string // parts of the names of an operator's images
	mode     string   // of constrained impersonation
	older    *Older   // what else was enough in older versions of Kubernetes; nil where nothing
	targets  []Target
	Names    Weight // of a grant limited by resourceNames
	// only narrows where the power exists: to configmaps of kube-system, say.
	Only func(g *Grant, cluster bool, namespace string) bool
	// takeover orders the powers from which the whole cluster follows in one
	// step, the worst highest; 0: not one of them.
	Takeover int
	help     string // {items} is what grants it
	here     string // help where the role reaches namespaces alone already; help where it is empty
	limited  *Limit // of a power whose names are not silent
}

// A Limit says what is left of a power where resourceNames limit it.
type Limit struct {
	can  string // completes "can …"; %s are the objects that are named
	help string
	// wide is help where the grant reaches the name in every namespace.
	wide string
}

// An Older is verbs that gave a power below a version of Kubernetes.
type Older struct {
	verbs []string
	Below int // the minor version from which they give it no more
}

// Since returns the minor version of Kubernetes that has what the power is about first; 0 where each has it.
func (p *Power) Since() int { return p.since }

// Until returns the minor version of Kubernetes from which fewer verbs give the power; 0 where there is none.
func (p *Power) Until() int {
	if p.older == nil {
		return 0
	}
	return p.older.Below
}

// at returns the verbs that give the power in a minor version of Kubernetes.
func (p *Power) at(minor int) []string {
	if minor < p.since {
		return nil
	}
	if p.older != nil && minor < p.older.Below {
		return slices.Concat(p.verbs, p.older.verbs)
	}
	return p.verbs
}

// A Target is a resource that a power is about. Of a cluster-scoped resource
// nothing is granted by a binding in a namespace.
type Target struct {
	Group, Resource string
	ClusterScoped   bool
}

// A Weight says what a limit to resourceNames makes of a grant.
type Weight int

// What a limit to resourceNames makes of a grant.
const (
	Silent Weight = iota // named objects alone are what least privilege looks like
	Lower                // one step less: the named object is enough to get far
	same                 // nothing less
)

// A Grant is a power that one policy rule gives.
type Grant struct {
	Power *Power
	Rule  *PolicyRule
	Verbs []Entry
	Hits  []Hit
}

// A Hit is a resource that a rule names, with the verbs that it gives on it.
type Hit struct {
	entry  Entry
	Target Target
	verbs  []Entry
}

func newGrant(p *Power, rule *PolicyRule, hits []Hit) *Grant {
	g := &Grant{Power: p, Rule: rule, Hits: hits}
	for _, h := range hits {
		for _, v := range h.verbs {
			if !slices.Contains(g.Verbs, v) {
				g.Verbs = append(g.Verbs, v)
			}
		}
	}
	return g
}

// Within returns what is left of a grant where it is bound cluster-wide or in a
// namespace, which no cluster-scoped resource is of; nil where that is nothing.
func (g *Grant) Within(cluster bool) *Grant {
	if cluster || !slices.ContainsFunc(g.Hits, func(h Hit) bool { return h.Target.ClusterScoped }) {
		return g
	}
	hits := slices.DeleteFunc(slices.Clone(g.Hits), func(h Hit) bool { return h.Target.ClusterScoped })
	if len(hits) == 0 {
		return nil
	}
	return newGrant(g.Power, g.Rule, hits)
}

func coreGroup(resources ...string) []Target               { return targets("", false, resources) }
func in(group string, resources ...string) []Target        { return targets(group, false, resources) }
func atCluster(group string, resources ...string) []Target { return targets(group, true, resources) }

func targets(group string, clusterScoped bool, resources []string) []Target {
	var all []Target
	for _, r := range resources {
		all = append(all, Target{group, r, clusterScoped})
	}
	return all
}

var (
	write    = []string{"create", "update", "patch"}
	change   = []string{"update", "patch"}
	control  = []string{"create", "update", "patch", "delete", "deletecollection"}
	workload = slices.Concat(coreGroup("pods", "replicationcontrollers"),
		in("apps", "deployments", "daemonsets", "statefulsets", "replicasets"), in("batch", "jobs", "cronjobs"))
	bindings = slices.Concat(in(Group, "rolebindings"), atCluster(Group, "clusterrolebindings"))
)

const (
	kubeletHelp = "grant nodes/metrics, nodes/stats, nodes/log or, since Kubernetes 1.33, nodes/pods, nodes/healthz and nodes/configz in its place"
	mapHelp     = "drop aws-auth from resourceNames, and map identities by EKS access entries"
)

// ByGet is how pods/exec, pods/attach and pods/portforward could be opened by a
// WebSocket, which begins with a GET: from 1.35 on that needs the verb create too
// (https://github.com/kubernetes/kubernetes/pull/134577).
var ByGet = &Older{verbs: []string{"get"}, Below: 35}

// Everything is "*" on "*": all other powers are in it.
var Everything = &Power{What: "everything", Can: "do everything", Severity: lint.Critical, Takeover: 9}

// The powers of the list.
var (
	Escalate = &Power{What: "escalate", Can: "write roles that grant more than it holds", Severity: lint.Critical, Takeover: 8,
		verbs: []string{"escalate"}, targets: slices.Concat(in(Group, "roles"), atCluster(Group, "clusterroles")), Names: Lower,
		help:    "drop the verb escalate; a controller that writes roles can be given what those roles grant",
		limited: &Limit{can: "rewrite %s to grant more than it holds", help: "drop the verb escalate; a subject that rewrites a role can be granted what that role grants"}}
	Bind = &Power{What: "bind", Can: "bind any role", Severity: lint.Critical, Takeover: 7,
		verbs: []string{"bind"}, targets: slices.Concat(in(Group, "roles"), in(Group, "clusterroles")),
		help:    "name the roles that may be bound in resourceNames",
		limited: &Limit{can: "bind %s", help: "name only roles in resourceNames that grant little, or drop the verb bind"}}
	Impersonate = &Power{What: "impersonate", Can: "impersonate every user, group or ServiceAccount", Severity: lint.Critical, Takeover: 6,
		verbs: []string{"impersonate"}, targets: slices.Concat(atCluster("", "users", "groups"), coreGroup("serviceaccounts")), Names: Lower,
		help: "name who may be impersonated in resourceNames, or drop the verb impersonate",
		limited: &Limit{can: "impersonate %s", help: "drop the verb impersonate, unless those named hold no more than the role's holders",
			wide: "grant it in a Role of the ServiceAccount's namespace, or drop the verb impersonate"}}
	ReadSecrets = &Power{What: "read-secrets", Can: "read every Secret", Severity: lint.High, Takeover: 5,
		verbs: []string{"get", "list", "watch", "patch", "deletecollection"}, targets: coreGroup("secrets"),
		help: "name the Secrets in resourceNames with the verb get, or grant it in a Role of the one namespace that needs it",
		here: "name the Secrets in resourceNames with the verb get"}
	ProxyNodes = &Power{What: "proxy-nodes", Can: "run commands in every pod through the kubelets (nodes/proxy)", Severity: lint.High, Takeover: 4,
		verbs: []string{"create", "get"}, targets: atCluster("", "nodes/proxy"), Names: Lower,
		help:    kubeletHelp,
		limited: &Limit{can: "run commands in every pod of %s through its kubelet (nodes/proxy)", help: kubeletHelp}}
	CreateTokens = &Power{What: "create-tokens", Can: "issue tokens of every ServiceAccount", Severity: lint.High, Takeover: 3,
		verbs: []string{"create"}, targets: coreGroup("serviceaccounts/token"), Names: Lower,
		help: "name the ServiceAccounts in resourceNames of a Role", here: "name the ServiceAccounts in resourceNames",
		limited: &Limit{can: "issue tokens of %s", help: "drop the verb create, unless those named hold no more than the role's holders",
			wide: "grant it in a Role of the ServiceAccount's namespace"}}
	Exec = &Power{What: "exec", Can: "run commands in every pod", Severity: lint.High, Takeover: 2,
		verbs: []string{"create"}, older: ByGet, targets: coreGroup("pods/exec"),
		help: "drop pods/exec, or grant it in a Role of the one namespace that needs it", here: "drop pods/exec"}
	CreateWorkloads = &Power{What: "create-workloads", Can: "create or change workloads, and so run as every ServiceAccount", Severity: lint.Medium, Takeover: 1,
		verbs: write, targets: workload,
		help: "grant it in a Role of a namespace that holds no stronger ServiceAccount, and enforce a Pod Security level there",
		here: "let the namespace hold no stronger ServiceAccount, and enforce a Pod Security level there"}

	WriteSecrets = &Power{What: "write-secrets", Can: "overwrite every Secret", Severity: lint.Medium,
		verbs: change, targets: coreGroup("secrets"),
		help: "name the Secrets in resourceNames, or grant it in a Role of the one namespace that needs it",
		here: "name the Secrets in resourceNames"}
	Attach = &Power{What: "attach", Can: "attach to the processes of every pod", Severity: lint.High,
		verbs: []string{"create"}, older: ByGet, targets: coreGroup("pods/attach"),
		help: "drop pods/attach, or grant it in a Role of the one namespace that needs it", here: "drop pods/attach"}
	PortForward = &Power{What: "port-forward", Can: "reach every port of every pod, past network policies", Severity: lint.Medium,
		verbs: []string{"create"}, older: ByGet, targets: coreGroup("pods/portforward"), help: "drop pods/portforward"}
	DebugPods = &Power{What: "ephemeral-containers", Can: "add a container of its choice to every running pod", Severity: lint.High,
		verbs: change, targets: coreGroup("pods/ephemeralcontainers"),
		help: "drop pods/ephemeralcontainers, or grant it in a Role of the one namespace that needs it", here: "drop pods/ephemeralcontainers"}
	WriteRBAC = &Power{What: "write-rbac", Can: "create or change roles or bindings, and so pass on what it holds", Severity: lint.Critical,
		verbs: write, targets: slices.Concat(bindings, in(Group, "roles"), atCluster(Group, "clusterroles")),
		help: "let whoever installs the application manage roles and bindings, or grant it in a Role",
		here: "let whoever installs the application manage roles and bindings"}
	EditBindings = &Power{What: "edit-bindings", Can: "add subjects to bindings of the roles it holds", Severity: lint.Medium,
		verbs: change, targets: bindings, Names: same,
		help:    "drop {items}",
		limited: &Limit{can: "add subjects to %s", help: "drop {items}"}}
	WriteWebhooks = &Power{What: "write-webhooks", Can: "change or remove admission control", Severity: lint.Critical,
		verbs: control, targets: atCluster("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "validatingwebhookconfigurations",
			"mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "validatingadmissionpolicies", "validatingadmissionpolicybindings"), Names: Lower,
		help:    "name the configurations in resourceNames with the verbs get, update and patch",
		limited: &Limit{can: "change or remove %s", help: "let the installer manage it, and a certificate injector its CA bundle"}}
	ApproveCertificates = &Power{What: "approve-certificates", Can: "approve certificates, and so become any user", Severity: lint.High,
		verbs: change, targets: atCluster("certificates.k8s.io", "certificatesigningrequests/approval"), Names: same,
		help:    "limit the verb approve to the one signer in resourceNames, or leave approval to administrators",
		limited: &Limit{can: "approve %s, and so become any user", help: "leave approval to administrators"}}
	UseSCC = &Power{What: "use-privileged-scc", Can: "run privileged pods (SecurityContextConstraints privileged of OpenShift)", Severity: lint.High,
		verbs: []string{"use"}, targets: in("security.openshift.io", "securitycontextconstraints"), Names: same,
		Only: func(g *Grant, _ bool, _ string) bool { return !g.Rule.Named() || g.Rule.HasName("privileged") },
		help: "name constraints in resourceNames that allow the single thing that is needed: nonroot-v2, hostnetwork-v2, or one of your own"}
	CreateVolumes = &Power{What: "create-volumes", Can: "create PersistentVolumes of the type hostPath, and so read and write every node's disk", Severity: lint.Medium,
		verbs: []string{"create"}, targets: atCluster("", "persistentvolumes"),
		help: "let a StorageClass provision volumes"}
	PatchNamespaces = &Power{What: "patch-namespaces", Can: "relabel namespaces, and so take them out of Pod Security and network policies", Severity: lint.Medium,
		verbs: change, targets: coreGroup("namespaces"), help: "drop {items}"}
	WriteNetwork = &Power{What: "write-network", Can: "redirect or open traffic (Services, endpoints, Ingresses, NetworkPolicies)", Severity: lint.Medium,
		verbs: control, targets: slices.Concat(coreGroup("services", "services/status", "endpoints"), in("discovery.k8s.io", "endpointslices"),
			in("networking.k8s.io", "ingresses", "networkpolicies"), in("extensions", "ingresses", "networkpolicies")),
		help: "grant it in a Role of the namespaces concerned, for the one kind that is needed", here: "grant the one kind that is needed"}
	MapIdentities = &Power{What: "write-aws-auth", Can: "map any AWS identity to group system:masters (ConfigMap aws-auth)", Severity: lint.Critical,
		verbs: change, targets: coreGroup("configmaps"), Names: same,
		Only: func(g *Grant, cluster bool, ns string) bool {
			return (cluster || ns == "kube-system") && g.Rule.HasName("aws-auth")
		},
		help:    mapHelp,
		limited: &Limit{can: "map any AWS identity to group system:masters (ConfigMap aws-auth)", help: mapHelp}}
	WriteDNS = &Power{What: "write-dns", Can: "rewrite the cluster's DNS (ConfigMap coredns)", Severity: lint.High,
		verbs: change, targets: coreGroup("configmaps"), Names: same,
		Only: func(g *Grant, cluster bool, ns string) bool {
			return (cluster || ns == "kube-system") && (!g.Rule.Named() || g.Rule.HasName("coredns", "coredns-custom", "kube-dns", "node-local-dns"))
		},
		help:    "name the ConfigMaps in resourceNames, or grant it in a Role of the application's own namespace",
		limited: &Limit{can: "rewrite the cluster's DNS (%s)", help: "drop the ConfigMap of the DNS from resourceNames"}}
	WriteConfigMaps = &Power{What: "write-configmaps", Can: "create, change or delete any ConfigMap", Severity: lint.Low,
		verbs: control, targets: coreGroup("configmaps"), help: "name the ConfigMaps in resourceNames"}
	DeleteLogs = &Power{What: "delete-logs", Can: "delete logs or events, the traces of an intrusion", Severity: lint.Medium,
		verbs: []string{"delete", "deletecollection"}, targets: slices.Concat(coreGroup("pods/log", "events"), in("events.k8s.io", "events")),
		help: "drop {items}"}
)

// Powers is the list of dangerous powers, the worst first.
var Powers = []*Power{
	Everything, Escalate, Bind, Impersonate, WriteWebhooks, MapIdentities, WriteRBAC, ReadSecrets, ProxyNodes, CreateTokens, Exec,
	ImpersonateUsers, ImpersonateAccounts, ImpersonateNodes, CreateTokenSecrets, WriteAPIServices,
	Attach, DebugPods, ApproveCertificates, UseSCC, WriteDNS, DeployByArgoCD, DeployByFlux, ProvisionByCrossplane,
	CreateWorkloads, RunArgoWorkflows, RunTekton, RunSandboxes, CreateVolumes, PatchNamespaces, WriteSecrets, EditBindings, ReadExternalSecrets,
	PortForward, WriteCRDs, WriteTrust, SignCertificates, WriteNetwork, DeleteLogs,
	WriteNodes, WritePodStatus, WriteStorage, ChangeVolumes, WriteRuntimeClasses, WriteFlowControl, IssueCertificates, WriteConfigMaps,
}

// byResource finds the powers about a resource without trying them all.
var byResource = func() map[string][]*Power {
	index := map[string][]*Power{}
	for _, p := range Powers {
		for _, t := range p.targets {
			if !slices.Contains(index[t.Resource], p) {
				index[t.Resource] = append(index[t.Resource], p)
			}
		}
	}
	return index
}()

// IsEverything reports whether a rule grants every verb on every resource.
func (r *PolicyRule) IsEverything() bool {
	_, verb := Star(r.Verbs)
	_, resource := Star(r.Resources)
	_, group := Star(r.Groups)
	return verb && resource && group && !r.Named()
}

// GrantsOf returns the powers that a rule gives, in the order of the list. A
// rule that grants everything gives that alone: it is one root cause.
func GrantsOf(r *PolicyRule) []*Grant {
	if r.IsEverything() {
		e, _ := Star(r.Resources)
		return []*Grant{newGrant(Everything, r, []Hit{{e, Target{"*", "*", false}, r.Verbs}})}
	}
	return PartsOf(r)
}

// PartsOf is grantsOf without the short cut for everything.
func PartsOf(r *PolicyRule) []*Grant {
	candidates := Powers
	if !slices.ContainsFunc(r.Resources, func(e Entry) bool { return strings.HasPrefix(e.Text, "*") }) {
		candidates = nil
		for _, e := range r.Resources {
			candidates = append(candidates, byResource[e.Text]...)
		}
	}
	var all []*Grant
	for i, p := range candidates {
		if slices.Contains(candidates[:i], p) {
			continue
		}
		var hits []Hit
		for _, t := range p.targets {
			if !r.AllowsGroup(t.Group) {
				continue
			}
			e, ok := r.Resource(t.Resource)
			if !ok {
				continue
			}
			if verbs := r.Allowed(p.at(r.Minor), t.Resource); len(verbs) > 0 {
				hits = append(hits, Hit{e, t, verbs})
			}
		}
		if len(hits) > 0 {
			all = append(all, newGrant(p, r, hits))
		}
	}
	slices.SortStableFunc(all, func(a, b *Grant) int { return slices.Index(Powers, a.Power) - slices.Index(Powers, b.Power) })
	return all
}

// At reports whether the grant exists where the role is bound: cluster-wide, or
// in a namespace, where cluster-scoped resources are out of reach.
func (g *Grant) At(cluster bool, namespace string) bool {
	if g.Power.Only != nil && !g.Power.Only(g, cluster, namespace) {
		return false
	}
	return g.Within(cluster) != nil
}

// Node returns the narrowest place of the grant: the verb where the verb is the
// power, else the first resource.
func (g *Grant) Node() *lint.Node {
	switch g.Power {
	case Escalate, Bind, Impersonate, ImpersonateUsers, ImpersonateAccounts, ImpersonateNodes, SignCertificates:
		return g.Verbs[0].Node
	}
	return g.Hits[0].entry.Node
}

// Subject is the [lint.Finding.Subject] of findings about the grant. A policy
// rule with a "*" is one root cause, as is one about roles and bindings; else
// each item is one of its own.
func (g *Grant) Subject() string {
	switch g.Power {
	case Everything, Escalate, Bind, WriteRBAC, EditBindings:
		return g.Rule.Node.Path()
	}
	if g.Rule.HasStar() {
		return g.Rule.Node.Path()
	}
	return g.Node().Path()
}

// kinds are what resourceNames name.
var kinds = map[string]string{
	"roles": "Role", "clusterroles": "ClusterRole", "rolebindings": "RoleBinding", "clusterrolebindings": "ClusterRoleBinding",
	"users": "user", "groups": "group", "serviceaccounts": "ServiceAccount", "serviceaccounts/token": "ServiceAccount",
	"nodes/proxy": "node", "configmaps": "ConfigMap", "certificatesigningrequests/approval": "CertificateSigningRequest",
	"mutatingwebhookconfigurations": "MutatingWebhookConfiguration", "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
	"mutatingadmissionpolicies": "MutatingAdmissionPolicy", "mutatingadmissionpolicybindings": "MutatingAdmissionPolicyBinding",
	"nodes": "node", "signers": "signer", "apiservices": "APIService",
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
func (g *Grant) kinds() []string {
	var all []string
	for _, h := range g.Hits {
		if kind := kinds[h.Target.Resource]; !slices.Contains(all, kind) {
			all = append(all, kind)
		}
	}
	return all
}

// maxNames bounds the names that a text lists.
const maxNames = 5

// named says which objects a grant is limited to: ServiceAccount "cni".
func (g *Grant) named() string {
	var names []string
	all := g.kinds()
	for _, e := range g.Rule.Names {
		if name := strconv.Quote(e.Text); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	kind := either(all)
	if len(all) > 3 {
		kind = "whatever is called"
	}
	if len(names) > maxNames+1 {
		return fmt.Sprintf("%s %s or %d others", kind, strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return kind + " " + strings.Join(names, ", ")
}

// wide reports whether a cluster-wide grant reaches what it names in every namespace.
func (g *Grant) wide(cluster bool) bool {
	return cluster && !slices.ContainsFunc(g.Hits, func(h Hit) bool {
		return h.Target.Resource != "serviceaccounts/token" && h.Target.Resource != "serviceaccounts" && h.Target.Resource != "roles"
	})
}

// Can completes "can …": what the grant gives, with the names that limit it.
func (g *Grant) Can(cluster bool) string {
	switch {
	case g.Power == ApproveCertificates && g.Rule.Role.Signers().Serving():
		return "approve serving certificates of kubelets, and so pose as a kubelet to the API server"
	case g.Power == Impersonate && !g.Rule.Named():
		return "impersonate every " + either(g.kinds())
	case !g.Rule.Named() || g.Power.limited == nil:
		return g.Power.Can
	}
	text := strings.ReplaceAll(g.Power.limited.can, "%s", g.named())
	if g.wide(cluster) {
		text += " in every namespace"
	}
	return text
}

// Help says how to grant less: of a "*" what to write in its place.
func (g *Grant) Help(cluster bool) string {
	text := g.Power.help
	if !cluster && g.Power.here != "" {
		text = g.Power.here
	}
	pattern := g.stars()
	switch {
	case g.Rule.Node == nil:
		return "bind a role that grants the verbs and resources that are used, by a RoleBinding where one namespace is enough"
	case pattern != "" && (text == "" || g.Rule.Named() || strings.Contains(text, "drop ")): // what is not written cannot be dropped
		return pattern
	case pattern != "":
		return pattern + "; " + text
	case g.Power == ApproveCertificates && g.Rule.Role.Signers().limited:
		return "leave approval to administrators, or to a controller that checks each request against the node that made it"
	case !g.Rule.Named() || g.Power.limited == nil:
	case g.wide(cluster) && g.Power.limited.wide != "":
		text = g.Power.limited.wide
	default:
		text = g.Power.limited.help
	}
	return strings.ReplaceAll(text, "{items}", g.Items())
}

// stars says what to write instead of each "*" that gives the power, "" where none does.
func (g *Grant) stars() string {
	var entries []Entry
	for _, h := range g.Hits {
		entries = append(entries, h.entry)
	}
	return InPlaceOf(g.Verbs, entries)
}

// InPlaceOf says what to write instead of a "*" among verbs and of a pattern
// among resources.
func InPlaceOf(verbs, resources []Entry) string {
	_, verb := Star(verbs)
	i := slices.IndexFunc(resources, func(e Entry) bool { return strings.HasPrefix(e.Text, "*") })
	switch {
	case verb && i >= 0:
		return `name the verbs and resources that are used in place of "*"`
	case verb:
		return `name the verbs that are used in place of "*"`
	case i >= 0:
		return fmt.Sprintf("name the resources that are used in place of %q", resources[i].Text)
	}
	return ""
}

// Limits says what resourceNames limit the grant to, behind its items.
func (g *Grant) Limits() string {
	if !g.Rule.Named() {
		return ""
	}
	return ", limited to " + Join(g.Rule.Names)
}

// Items says what in the rule grants the power: get, list on secrets.
func (g *Grant) Items() string {
	var resources []Entry
	for _, h := range g.Hits {
		resources = append(resources, h.entry)
	}
	text := Join(g.Verbs) + " on " + Join(resources)
	if g.Rule.nameless {
		text += ", which the resource name \"\" does not limit"
	}
	return text
}

// Weight is what a grant weighs where it is bound; ok is false where its names
// leave nothing to say.
func (g *Grant) Weight(cluster bool) (severity lint.Severity, ok bool) {
	severity = g.Power.Severity
	if !cluster {
		severity = severity.Lower()
	}
	switch {
	case !g.Rule.Named():
	case g.Power.Names == Silent:
		return 0, false
	case g.Power.Names == Lower && !(cluster && g.Power == Impersonate && g.Rule.HasName("system:masters", "kubeadm:cluster-admins")):
		severity = severity.Lower()
	}
	return severity, true
}

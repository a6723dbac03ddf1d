package rbac

import (
	"fmt"
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
)

// A grantRule reports the roles that give a power.
type grantRule struct {
	id, summary string
	severity    lint.Severity
	optIn       bool
	power       []*access.Power // the first that a policy rule gives is reported
	references  []string
	peers       map[string][]string
	yieldsTo    []string
	// weigh overrides weigh: the severity of the finding and a note for its
	// message; ok is false where there is nothing to report.
	weigh func(g *access.Graph, r *access.Role, gr *access.Grant) (severity lint.Severity, note string, ok bool)
	also  func(*lint.Pass) // reports what is no grant of a role of the bundle
}

// wildcards are the rules that report a policy rule as a whole: its single
// powers are their explanation.
var wildcards = []string{"rbac-wildcard-all", "rbac-wildcard-namespace", "rbac-wildcard-resource", "rbac-wildcard-verb", "rbac-effective"}

// grantTable has one line for each rule that reports a power.
var grantTable = []grantRule{
	{id: "rbac-escalate", summary: "role grants the verb escalate", severity: lint.Critical, power: []*access.Power{access.Escalate},
		references: []string{"CIS 5.1.8", "OWASP K02"},
		peers:      map[string][]string{"trivy": {"KSV-0050"}, "checkov": {"CKV_K8S_158"}, "kubescape": {"C-0191"}}},
	{id: "rbac-bind", summary: "role grants the verb bind on every role", severity: lint.Critical, power: []*access.Power{access.Bind},
		references: []string{"CIS 5.1.8", "OWASP K02"},
		peers:      map[string][]string{"trivy": {"KSV-0050", "KSV-0051", "KSV-0052"}, "checkov": {"CKV_K8S_157"}, "kubescape": {"C-0191"}}},
	{id: "rbac-bind-clusterrole", summary: "role can bind a named privileged role by ClusterRoleBindings", severity: lint.High, power: []*access.Power{access.Bind},
		references: []string{"CIS 5.1.8", "OWASP K02"}, weigh: weighNamedBind("clusterrolebindings"),
		peers: map[string][]string{"trivy": {"KSV-0052"}, "checkov": {"CKV_K8S_157"}}},
	{id: "rbac-bind-role", summary: "role can bind a named privileged role by RoleBindings", severity: lint.High, power: []*access.Power{access.Bind},
		references: []string{"CIS 5.1.8", "OWASP K02"}, weigh: weighNamedBind("rolebindings"), yieldsTo: []string{"rbac-bind-clusterrole"},
		peers: map[string][]string{"trivy": {"KSV-0051"}, "checkov": {"CKV_K8S_157"}}},
	{id: "rbac-impersonate", summary: "role grants the verb impersonate", severity: lint.Critical, power: []*access.Power{access.Impersonate, access.ImpersonateUsers, access.ImpersonateAccounts, access.ImpersonateNodes}, weigh: weighImpersonation,
		references: []string{"CIS 5.1.8", "OWASP K02"},
		peers:      map[string][]string{"trivy": {"KSV-0043"}, "checkov": {"CKV2_K8S_3"}, "kubescape": {"C-0065", "C-0191"}}},
	{id: "rbac-manage-rbac", summary: "role can write roles or bindings", severity: lint.Critical, power: []*access.Power{access.WriteRBAC},
		references: []string{"CIS 5.1.8", "OWASP K02"}, weigh: weighWriteRBAC, yieldsTo: []string{"rbac-escalate", "rbac-bind"},
		peers: map[string][]string{"trivy": {"KSV-0050"}, "checkov": {"CKV_K8S_157", "CKV_K8S_158"}, "kubescape": {"C-0191"}}},
	{id: "rbac-edit-own-bindings", summary: "role lets its subjects add others to their own bindings", severity: lint.Medium, power: []*access.Power{access.EditBindings},
		references: []string{"CIS 5.1.8", "OWASP K02"}, weigh: weighOwnBindings, yieldsTo: []string{"rbac-manage-rbac", "rbac-escalate", "rbac-bind"},
		peers: map[string][]string{"trivy": {"KSV-0055"}, "checkov": {"CKV2_K8S_1"}}},
	{id: "rbac-secrets-read", summary: "role reads every Secret of the cluster", severity: lint.High, power: []*access.Power{access.ReadSecrets, access.WriteSecrets},
		references: []string{"CIS 5.1.2", "MITRE C-0015", "OWASP K02"}, weigh: weighSecrets(true),
		peers: map[string][]string{"kube-linter": {"access-to-secrets"}, "trivy": {"KSV-0041"}, "checkov": {"CKV2_K8S_5"}, "kubescape": {"C-0015", "C-0186"}}},
	{id: "rbac-secrets-namespace", summary: "role reads or writes every Secret of a namespace", severity: lint.Medium, power: []*access.Power{access.ReadSecrets, access.WriteSecrets},
		references: []string{"CIS 5.1.2", "MITRE C-0015", "OWASP K02"}, weigh: weighSecrets(false),
		peers: map[string][]string{"kube-linter": {"access-to-secrets"}, "trivy": {"KSV-0113"}, "kubescape": {"C-0186"}}},
	{id: "rbac-secret-token", summary: "role obtains tokens of ServiceAccounts through a Secret", severity: lint.High, power: []*access.Power{access.CreateTokenSecrets},
		references: []string{"CIS 5.1.2", "CIS 5.1.13", "OWASP K02"}, weigh: weighTokenSecrets, yieldsTo: []string{"rbac-secrets-read", "rbac-secrets-namespace"}},
	{id: "rbac-node-proxy", summary: "role grants nodes/proxy", severity: lint.High, power: []*access.Power{access.ProxyNodes},
		references: []string{"CIS 5.1.10", "OWASP K02"},
		peers:      map[string][]string{"trivy": {"KSV-0047"}, "checkov": {"CKV2_K8S_2"}, "kubescape": {"C-0279"}}},
	{id: "rbac-token-create", summary: "role issues service account tokens", severity: lint.High, power: []*access.Power{access.CreateTokens},
		references: []string{"CIS 5.1.13", "OWASP K02"}, peers: map[string][]string{"kubescape": {"C-0282"}}},
	{id: "rbac-webhooks", summary: "role changes admission webhooks or policies", severity: lint.Critical, power: []*access.Power{access.WriteWebhooks},
		references: []string{"CIS 5.1.12", "OWASP K02"},
		peers:      map[string][]string{"trivy": {"KSV-0114"}, "checkov": {"CKV_K8S_155"}, "kubescape": {"C-0281"}}},
	{id: "rbac-csr-approve", summary: "role approves certificate signing requests", severity: lint.High, power: []*access.Power{access.ApproveCertificates},
		references: []string{"CIS 5.1.11", "OWASP K02"}, weigh: weighApproval,
		peers: map[string][]string{"checkov": {"CKV_K8S_156"}, "kubescape": {"C-0280"}}},
	{id: "rbac-sign-certificates", summary: "role signs certificates as one of Kubernetes' signers, or as any signer", severity: lint.Medium, power: []*access.Power{access.SignCertificates},
		references: []string{"CIS 5.1.11", "OWASP K02"}, weigh: weighSigning},
	{id: "rbac-trust-bundles", summary: "role changes which certificates pods trust", severity: lint.Medium, power: []*access.Power{access.WriteTrust},
		references: []string{"OWASP K02"}},
	{id: "rbac-apiservices", summary: "role replaces the servers of API groups", severity: lint.High, power: []*access.Power{access.WriteAPIServices},
		references: []string{"OWASP K02"}},
	{id: "rbac-crds", summary: "role changes or deletes CustomResourceDefinitions", severity: lint.Medium, power: []*access.Power{access.WriteCRDs},
		references: []string{"OWASP K02"}},
	{id: "rbac-operator-objects", summary: "role writes objects that an operator acts on with its own rights", severity: lint.High, power: access.Operators,
		references: []string{"OWASP K02"}},
	{id: "rbac-scc-privileged", summary: "role or binding lets pods use OpenShift's privileged SecurityContextConstraints", severity: lint.High, power: []*access.Power{access.UseSCC},
		references: []string{"CIS 5.2.2", "OWASP K02"}, also: bindsPrivilegedSCC},
	{id: "rbac-pod-exec", summary: "role runs commands in pods", severity: lint.High, power: []*access.Power{access.Exec},
		references: []string{"NSA C-0002", "OWASP K02"},
		peers: map[string][]string{"polaris": {"clusterrolePodExecAttach", "rolePodExecAttach", "clusterrolebindingPodExecAttach", "rolebindingClusterRolePodExecAttach", "rolebindingRolePodExecAttach"},
			"trivy": {"KSV-0053"}, "checkov": {"CKV2_K8S_2"}, "kubescape": {"C-0002"}}},
	{id: "rbac-pod-attach", summary: "role attaches to the processes of pods", severity: lint.High, power: []*access.Power{access.Attach},
		references: []string{"NSA C-0002", "OWASP K02"},
		peers:      map[string][]string{"polaris": {"clusterrolePodExecAttach", "rolePodExecAttach"}, "trivy": {"KSV-0054"}}},
	{id: "rbac-ephemeral-containers", summary: "role adds containers to running pods", severity: lint.High, power: []*access.Power{access.DebugPods},
		references: []string{"OWASP K02"}},
	{id: "rbac-port-forward", summary: "role forwards ports to pods", severity: lint.Medium, optIn: true, power: []*access.Power{access.PortForward},
		references: []string{"OWASP K02"}, peers: map[string][]string{"kubescape": {"C-0063"}}},
	{id: "rbac-create-workloads", summary: "role creates or changes pods or workloads", severity: lint.Medium, power: []*access.Power{access.CreateWorkloads},
		references: []string{"CIS 5.1.4", "OWASP K02"},
		peers:      map[string][]string{"kube-linter": {"access-to-create-pods"}, "trivy": {"KSV-0048"}, "kubescape": {"C-0188"}}},
	{id: "rbac-pv-create", summary: "role creates PersistentVolumes", severity: lint.Medium, power: []*access.Power{access.CreateVolumes},
		references: []string{"CIS 5.1.9", "OWASP K02"}, peers: map[string][]string{"kubescape": {"C-0278"}}},
	{id: "rbac-write-nodes", summary: "role changes nodes or their status", severity: lint.Low, power: []*access.Power{access.WriteNodes},
		references: []string{"OWASP K02"}},
	{id: "rbac-pod-status", summary: "role changes the status of pods", severity: lint.Low, power: []*access.Power{access.WritePodStatus},
		references: []string{"OWASP K02"}},
	{id: "rbac-storage", summary: "role changes StorageClasses, CSIDrivers or PersistentVolumes", severity: lint.Low, power: []*access.Power{access.WriteStorage, access.ChangeVolumes},
		references: []string{"OWASP K02"}, yieldsTo: []string{"rbac-pv-create"}},
	{id: "rbac-runtime-classes", summary: "role changes RuntimeClasses", severity: lint.Low, power: []*access.Power{access.WriteRuntimeClasses},
		references: []string{"OWASP K02"}},
	{id: "rbac-flow-control", summary: "role changes which requests the API server serves first", severity: lint.Low, power: []*access.Power{access.WriteFlowControl},
		references: []string{"OWASP K02"}},
	{id: "rbac-patch-namespaces", summary: "role relabels namespaces", severity: lint.Medium, power: []*access.Power{access.PatchNamespaces},
		references: []string{"OWASP K02"}},
	{id: "rbac-networking", summary: "role changes Services, endpoints, Ingresses or NetworkPolicies", severity: lint.Medium, power: []*access.Power{access.WriteNetwork},
		references: []string{"OWASP K02"}, peers: map[string][]string{"trivy": {"KSV-0056"}}},
	{id: "rbac-aws-auth", summary: "role changes the ConfigMap aws-auth", severity: lint.Critical, power: []*access.Power{access.MapIdentities},
		references: []string{"OWASP K08"}, weigh: weighKubeSystem, peers: map[string][]string{"trivy": {"KSV-0115"}}},
	{id: "rbac-coredns", summary: "role changes the ConfigMap of the cluster's DNS", severity: lint.High, power: []*access.Power{access.WriteDNS},
		references: []string{"MITRE C-0037", "OWASP K02"}, weigh: weighKubeSystem, peers: map[string][]string{"kubescape": {"C-0037"}}},
	{id: "rbac-configmaps", summary: "role changes ConfigMaps", severity: lint.Low, optIn: true, power: []*access.Power{access.WriteConfigMaps},
		references: []string{"OWASP K02"}, yieldsTo: []string{"rbac-coredns", "rbac-aws-auth"}, peers: map[string][]string{"trivy": {"KSV-0049"}}},
	{id: "rbac-delete-logs", summary: "role deletes logs or events", severity: lint.Medium, optIn: true, power: []*access.Power{access.DeleteLogs},
		references: []string{"MITRE C-0031", "OWASP K10"}, peers: map[string][]string{"trivy": {"KSV-0042"}, "kubescape": {"C-0007", "C-0031"}}},
}

// grantRules makes the rules of the table.
func grantRules() []*lint.Rule {
	var all []*lint.Rule
	for _, row := range grantTable {
		rule := &lint.Rule{
			ID: row.id, Summary: row.summary, Severity: row.severity, Group: "rbac", Profiles: core,
			References: row.references, Peers: row.peers, Docs: docs, YieldsTo: append(slices.Clone(wildcards), row.yieldsTo...),
			Run: row.run,
		}
		if row.optIn {
			rule.Profiles = nil
		}
		all = append(all, rule)
	}
	return all
}

// run reports each role once, at the first of the policy rules that give the
// power with the most weight; the others are related places. A policy rule with
// a "*" is a finding of its own: a wildcard rule reports it, and this one yields there.
func (row grantRule) run(pass *lint.Pass) {
	g := access.Of(pass.Bundle)
	if row.also != nil {
		row.also(pass)
	}
	for _, r := range g.Roles {
		if r.OnlyAggregated() {
			continue
		}
		var given []judged
		for _, p := range r.Own {
			grants := p.Grants
			if p.IsEverything() {
				grants = access.PartsOf(p)
			}
			i := slices.IndexFunc(grants, func(gr *access.Grant) bool { return slices.Contains(row.power, gr.Power) && r.Gives(gr) })
			if i < 0 {
				continue
			}
			part := grants[i].Within(r.Cluster())
			severity, note, ok := row.judge(g, r, part)
			switch {
			case !ok:
			case p.HasStar():
				row.report(pass, r, judged{part, severity, note})
			default:
				given = append(given, judged{part, severity, note})
			}
		}
		if len(given) == 0 {
			continue
		}
		worst := 0
		for i := range given {
			if given[i].severity > given[worst].severity {
				worst = i
			}
		}
		f := row.report(pass, r, given[worst])
		for i, j := range given {
			if i != worst && len(f.Related) < maxRelated {
				f.Relate("role", j.Node(), "so does "+j.Items()+j.Limits()+j.note)
			}
		}
	}
}

// A judged is a grant with what its rule makes of it.
type judged struct {
	*access.Grant
	severity lint.Severity
	note     string
}

func (row grantRule) judge(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	if row.weigh != nil {
		return row.weigh(g, r, gr)
	}
	return weigh(g, r, gr)
}

func (row grantRule) report(pass *lint.Pass, r *access.Role, j judged) *lint.Finding {
	f := pass.Reportf(j.Node(), "%s can %s%s: %s%s; %s", r, j.Can(r.Cluster()), r.Where(), j.Items(), j.note, r.HeldBy())
	f.Severity, f.Help, f.Subject = j.severity, j.Help(r.Cluster()), j.Subject()
	relateHolders(f, r)
	return f
}

// weigh takes one step off where a role reaches namespaces alone, and what the
// power's weight says where resourceNames limit it.
func weigh(_ *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	severity, ok := gr.Weight(r.Cluster())
	return severity, "", ok
}

// weighImpersonation asks of constrained impersonation what the role may do with it: a
// request needs impersonate-on for what it does, too, be it by another role.
func weighImpersonation(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	severity, note, ok := weigh(g, r, gr)
	if gr.Power == access.Impersonate || !ok {
		return severity, note, ok
	}
	worst, uses := gr.Power.On(r)
	switch {
	case !uses:
		return severity.Lower(), ", once another role adds impersonate-on", true
	case worst != nil && worst.Severity >= lint.High:
		return min(severity+1, lint.Critical), ", and so " + worst.Can, true
	}
	return severity, note, true
}

// weighTokenSecrets takes two steps off in a namespace: whatever keeps its certificate in
// a Secret makes it so, and what it reaches are the accounts next to it.
func weighTokenSecrets(_ *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	const note = ", and it reads one by name"
	if r.Cluster() {
		return gr.Power.Severity, note, true
	}
	return gr.Power.Severity.Lower().Lower(), note, true
}

// weighSigning knows that the certificate is written to the status of a request
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization).
func weighSigning(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	const group = "certificates.k8s.io"
	severity, note, ok := weigh(g, r, gr)
	if !r.Allows(group, "certificatesigningrequests/status", "update", "patch") && !r.Allows(group, "podcertificaterequests/status", "update", "patch") {
		return severity.Lower(), ", once another role adds update on the status of requests", ok
	}
	return severity, note, ok
}

// weighSecrets splits reading of all Secrets by reach.
func weighSecrets(clusterWide bool) func(*access.Graph, *access.Role, *access.Grant) (lint.Severity, string, bool) {
	return func(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
		if r.Cluster() != clusterWide || gr.Rule.Named() {
			return 0, "", false
		}
		severity, note, ok := weigh(g, r, gr)
		if gr.Power == access.ReadSecrets && !slices.ContainsFunc(gr.Verbs, func(v access.Entry) bool { return v.Text != "patch" && v.Text != "deletecollection" }) {
			note += ", which returns the Secrets concerned"
		}
		return severity, note, ok
	}
}

// weighWriteRBAC knows that the API server lets nobody grant more than they
// hold, but for holders of bind or escalate
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
func weighWriteRBAC(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	onlyEdits := !slices.ContainsFunc(gr.Verbs, func(v access.Entry) bool { return v.Text == "create" || v.Text == "*" }) &&
		!slices.ContainsFunc(gr.Hits, func(h access.Hit) bool { return h.Target.Resource == "roles" || h.Target.Resource == "clusterroles" })
	if gr.Rule.Named() || onlyEdits {
		return 0, "", false
	}
	severity, note, _ := weigh(g, r, gr)
	for _, holder := range append([]*access.Role{r}, r.Into...) {
		for _, b := range holder.Bindings {
			for _, s := range b.Subjects {
				if s.Deputy {
					return severity, fmt.Sprintf("%s, and %s also holds bind or escalate", note, s), true
				}
			}
		}
	}
	return severity.Lower(), note, true
}

// weighOwnBindings reports changes to bindings without the right to make new
// ones: of those limited by name, to the bindings of this very role.
func weighOwnBindings(_ *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	if !gr.Rule.Named() {
		return gr.Power.Severity, "", true
	}
	for _, b := range r.Bindings {
		if gr.Rule.HasName(b.Resource.Name) {
			return gr.Power.Severity, fmt.Sprintf(", and %s %q binds this role", b.Resource.Kind, b.Resource.Name), true
		}
	}
	return 0, "", false
}

// weighNamedBind reports bind limited to roles of which one is dangerous, in a
// role that can also write the bindings.
func weighNamedBind(kind string) func(*access.Graph, *access.Role, *access.Grant) (lint.Severity, string, bool) {
	return func(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
		if !gr.Rule.Named() {
			return 0, "", false
		}
		writes := false
		r.Rules(func(p *access.PolicyRule) {
			for _, other := range p.Grants {
				writes = writes || (other.Power == access.WriteRBAC || other.Power == access.EditBindings) && !p.Named() &&
					slices.ContainsFunc(other.Hits, func(h access.Hit) bool { return h.Target.Resource == kind && (!h.Target.ClusterScoped || r.Cluster()) })
			}
		})
		if !writes {
			return 0, "", false
		}
		for _, name := range gr.Rule.Names {
			for _, bound := range slices.Concat(g.Lookup("ClusterRole", "", name.Text), g.Lookup("Role", r.Namespace, name.Text)) {
				worst := bound.WorstOf(kind == "clusterrolebindings")
				if worst == nil || worst.Severity < lint.High {
					continue
				}
				severity := lint.High
				if !r.Cluster() {
					severity = severity.Lower()
				}
				return severity, fmt.Sprintf(", and %s can %s", bound, worst.Can), true
			}
		}
		return 0, "", false
	}
}

// weighApproval asks which signers the role approves for: without the verb
// approve on a signer the API server refuses the approval, and only those of
// kubernetes.io make credentials of the cluster
// (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization).
func weighApproval(g *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	severity, note, _ := weigh(g, r, gr)
	switch s := r.Signers(); {
	case s.Count == 0:
		return severity.Lower(), ", once another role adds approve on a signer", true
	case s.Serving():
		return severity.Lower(), note, true
	case s.Users:
		return severity, note, true
	}
	return 0, "", false
}

// weighKubeSystem keeps the full weight in kube-system, where the ConfigMaps
// live, and takes a step off a grant that names none of them.
func weighKubeSystem(_ *access.Graph, r *access.Role, gr *access.Grant) (lint.Severity, string, bool) {
	if gr.Rule.Named() {
		return gr.Power.Severity, "", true
	}
	if r.Cluster() {
		return gr.Power.Severity.Lower(), "", true
	}
	return gr.Power.Severity, "", true
}

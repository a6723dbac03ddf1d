package access

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Powers over what the whole cluster runs on.
var (
	WriteAPIServices = &Power{What: "write-apiservices", Can: "replace the server of an API group, and so read and answer every request to it", Severity: lint.High,
		verbs: control, targets: atCluster("apiregistration.k8s.io", "apiservices"), Names: Lower,
		help:    "let whoever installs the application manage APIServices",
		limited: &Limit{can: "replace the server of %s", help: "let the installer manage it"}}
	WriteCRDs = &Power{What: "write-crds", Can: "change or delete CustomResourceDefinitions, and with them all their objects", Severity: lint.Medium,
		verbs: control, targets: atCluster("apiextensions.k8s.io", "customresourcedefinitions"),
		help: "name the definitions in resourceNames with the verbs get, update and patch, or let the installer manage them"}
	WriteTrust = &Power{What: "write-trust-bundles", Can: "change which certificates pods trust (ClusterTrustBundles)", Severity: lint.Medium,
		verbs: control, since: 33, targets: atCluster("certificates.k8s.io", "clustertrustbundles"),
		help: "name the bundles in resourceNames with the verbs update and patch, and the signer for the verb attest"}
	SignCertificates = &Power{What: "sign-certificates", Can: "sign certificates as every signer", Severity: lint.Medium,
		verbs: []string{"sign"}, targets: atCluster("certificates.k8s.io", "signers"), Names: same,
		Only:    func(g *Grant, _ bool, _ string) bool { return !g.Rule.Named() || g.Rule.namesKubernetesSigner() },
		help:    "name the one signer in resourceNames",
		limited: &Limit{can: "sign certificates as %s", help: "name a signer of your own: those of kubernetes.io are the controller manager's"}}
	WriteNodes = &Power{What: "write-nodes", Can: "change the labels, taints and status of nodes, and so attract pods to them", Severity: lint.Low,
		verbs: control, targets: atCluster("", "nodes", "nodes/status"), help: "name the nodes in resourceNames, or drop {items}"}
	WritePodStatus = &Power{What: "write-pod-status", Can: "change the status of every pod, and so the address that Services send its traffic to", Severity: lint.Low,
		verbs: change, targets: coreGroup("pods/status"), help: "drop {items}"}
	WriteStorage = &Power{What: "write-storage", Can: "change how volumes are provisioned, attached or bound (StorageClasses, CSIDrivers, PersistentVolumes), and so reach other applications' data", Severity: lint.Low,
		verbs: control, targets: atCluster("storage.k8s.io", "storageclasses", "csidrivers"), help: "let whoever installs the storage driver manage them"}
	ChangeVolumes = &Power{What: "change-volumes", Can: "bind PersistentVolumes to claims of its choice, and so read other applications' data", Severity: lint.Low,
		verbs: change, targets: atCluster("", "persistentvolumes"), help: "let the storage driver manage volumes"}
	WriteRuntimeClasses = &Power{What: "write-runtime-classes", Can: "change which container runtime pods use (RuntimeClasses), and so disable their sandbox", Severity: lint.Low,
		verbs: control, targets: atCluster("node.k8s.io", "runtimeclasses"), help: "let whoever installs the runtime manage them"}
	WriteFlowControl = &Power{What: "write-flow-control", Can: "change which requests the API server serves first (FlowSchemas, PriorityLevelConfigurations), and so block other clients", Severity: lint.Low,
		verbs: control, targets: atCluster("flowcontrol.apiserver.k8s.io", "flowschemas", "prioritylevelconfigurations"), help: "let the cluster's administrators manage them"}
	// CreateTokenSecrets is of a role that creates any Secret and reads one by name: the
	// token controller fills a Secret of the type kubernetes.io/service-account-token with a
	// token of the account that its annotation names, and a request to create carries no name
	// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller).
	CreateTokenSecrets = &Power{What: "create-token-secrets", Can: "obtain a token of every ServiceAccount by creating a token Secret and reading it", Severity: lint.High,
		verbs: []string{"create"}, targets: coreGroup("secrets"),
		Only: func(g *Grant, _ bool, _ string) bool { return g.Rule.Role.readsNamedSecret },
		help: "let the installer create the Secret, and grant only get and update on it by name"}
)

// Constrained impersonation: as whom, and, by impersonate-on, for what
// (https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/#constrained-impersonation).
var (
	ImpersonateUsers    = constrained("user-info", "users or groups", atCluster(authentication, "users", "groups"))
	ImpersonateAccounts = constrained("serviceaccount", "ServiceAccounts", in(authentication, "serviceaccounts"))
	ImpersonateNodes    = constrained("arbitrary-node", "nodes", atCluster(authentication, "nodes"))
)

const authentication = "authentication.k8s.io"

func constrained(mode, whom string, targets []Target) *Power {
	return &Power{What: "impersonate-" + mode, Can: "impersonate any of the " + whom + " with the verbs that impersonate-on:" + mode + " allows", Severity: lint.High,
		verbs: []string{"impersonate:" + mode}, since: 36, targets: targets, Names: Lower, mode: mode,
		help:    "name who may be impersonated in resourceNames",
		limited: &Limit{can: "impersonate %s with the verbs that impersonate-on:" + mode + " allows", help: "drop the verb, unless those named hold no more than the role's holders"}}
}

// On returns the worst power that a role may use while it impersonates somebody by the
// power's mode, and whether it may use any verb so; nil where it has none of the list.
func (p *Power) On(r *Role) (worst *Power, any bool) {
	prefix := "impersonate-on:" + p.mode + ":"
	r.Rules(func(rule *PolicyRule) {
		meant := *rule
		meant.Verbs = nil
		for _, v := range rule.Verbs {
			if verb, ok := strings.CutPrefix(v.Text, prefix); ok {
				meant.Verbs = append(meant.Verbs, Entry{verb, v.Node})
			}
		}
		if len(meant.Verbs) == 0 {
			return
		}
		any = true
		for _, g := range GrantsOf(&meant) {
			if !meant.Named() && (worst == nil || g.Power.Severity > worst.Severity) {
				worst = g.Power
			}
		}
	})
	return worst, any
}

// namesKubernetesSigner reports whether a signer of Kubernetes itself is among the resourceNames.
func (r *PolicyRule) namesKubernetesSigner() bool {
	return slices.ContainsFunc(r.Names, func(e Entry) bool { return strings.HasPrefix(e.Text, "kubernetes.io/") })
}

// readNames finds out whether the role, with those that it takes in, reads Secrets
// by name and not all of them.
func (r *Role) readNames() {
	all := false
	reads := []string{"get", "list", "watch", "patch"}
	r.Rules(func(p *PolicyRule) {
		if _, ok := p.Resource("secrets"); ok && p.AllowsGroup("") && len(p.Allowed(reads, "secrets")) > 0 {
			all = all || !p.Named()
			r.readsNamedSecret = r.readsNamedSecret || p.Named()
		}
	})
	r.readsNamedSecret = r.readsNamedSecret && !all
}

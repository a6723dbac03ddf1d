package access

import (
	"strings"
	"sync"
)

// builtin holds what the roles that every cluster has grant, as far as it is on
// the list of dangerous powers, as compact policy rules: verbs, API groups and
// resources, separated by blanks ("core" is the core group). Sources: the tables
// of https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
// and the policy that the API server reconciles at its start. A role without
// lines is known and grants nothing on the list.
var builtin = map[string][][3]string{
	"cluster-admin": {{"*", "*", "*"}},
	"admin":         nil, // admin, edit and view take in the system:aggregate-to-* roles
	"edit":          nil,
	"view":          nil,

	"system:aggregate-to-admin": {{"create delete deletecollection get list patch update watch", Group, "roles rolebindings"}},
	"system:aggregate-to-edit": {
		{"get list watch", "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"},
		{"impersonate", "core", "serviceaccounts"},
		{"create delete deletecollection patch update", "core", "pods pods/attach pods/exec pods/portforward pods/proxy"},
		{"create delete deletecollection patch update", "core", "configmaps events persistentvolumeclaims replicationcontrollers secrets serviceaccounts services services/proxy"},
		{"create", "core", "serviceaccounts/token"},
		{"create delete deletecollection patch update", "apps", "daemonsets deployments replicasets statefulsets"},
		{"create delete deletecollection patch update", "batch", "cronjobs jobs"},
		{"create delete deletecollection patch update", "networking.k8s.io", "ingresses networkpolicies"},
	},
	"system:aggregate-to-view": nil,

	"system:kube-controller-manager": {
		{"list watch", "*", "*"},
		{"create delete get update", "core", "secrets"},
		{"create", "core", "serviceaccounts/token"},
	},
	"system:node": {
		{"get list watch", "core", "secrets"},
		{"create delete", "core", "pods"},
		{"create", "core", "serviceaccounts/token"},
	},
	"system:kubelet-api-admin":             {{"*", "core", "nodes/proxy"}},
	"system:persistent-volume-provisioner": {{"create", "core", "persistentvolumes"}},

	// each cluster of OpenShift has a role of this form for each of its constraints
	PrivilegedSCC: {{"use", "security.openshift.io", "securitycontextconstraints"}},

	"system:controller:clusterrole-aggregation-controller": {{"escalate update patch", Group, "clusterroles"}},
	"system:controller:generic-garbage-collector":          {{"get list watch patch update delete", "*", "*"}},
	"system:controller:namespace-controller":               {{"get list delete deletecollection", "*", "*"}},
	"system:controller:resourcequota-controller":           {{"list watch", "*", "*"}},
	"system:controller:cronjob-controller":                 {{"create update patch", "batch", "jobs"}, {"update", "batch", "cronjobs"}},
	"system:controller:daemon-set-controller":              {{"create patch", "core", "pods"}},
	"system:controller:deployment-controller":              {{"create update patch", "apps", "replicasets"}, {"update", "apps", "deployments"}},
	"system:controller:job-controller":                     {{"create patch", "core", "pods"}},
	"system:controller:replicaset-controller":              {{"create patch", "core", "pods"}},
	"system:controller:replication-controller":             {{"create patch", "core", "pods"}},
	"system:controller:statefulset-controller":             {{"create update patch", "core", "pods"}},
	"system:controller:endpoint-controller":                {{"create update delete", "core", "endpoints"}},
	"system:controller:endpointslice-controller":           {{"create update delete", "discovery.k8s.io", "endpointslices"}},
	"system:controller:persistent-volume-binder":           {{"create update delete", "core", "persistentvolumes"}, {"create delete get", "core", "pods"}},
	"system:controller:root-ca-cert-publisher":             {{"create update", "core", "configmaps"}},
	"system:controller:certificate-controller":             {{"update", "certificates.k8s.io", "certificatesigningrequests/approval"}, {"approve", "certificates.k8s.io", "signers"}},
}

// PrivilegedSCC is the role that oc adm policy add-scc-to-user privileged binds.
const PrivilegedSCC = "system:openshift:scc:privileged"

// publicRoles are the built-in roles that the API server itself binds to
// everyone, and the one that the documentation of token issuers says to.
var publicRoles = map[string]bool{
	"system:basic-user": true, "system:discovery": true, "system:public-info-viewer": true, "system:service-account-issuer-discovery": true,
}

// AggregateLabel labels the roles that a built-in role takes in.
const AggregateLabel = "rbac.authorization.k8s.io/aggregate-to-"

// isBuiltin reports whether every cluster has the cluster role, or a component
// of Kubernetes makes it.
func isBuiltin(name string) bool {
	_, ok := builtin[name]
	return ok || strings.HasPrefix(name, "system:") || strings.HasPrefix(name, "kubeadm:")
}

func builtinRole(name string, minor int) *Role {
	r := &Role{Kind: "ClusterRole", Name: name}
	for _, known := range builtinRules(name, minor) {
		p := *known
		p.Role, p.Grants = r, make([]*Grant, len(known.Grants))
		for i, g := range known.Grants {
			own := *g
			own.Rule = &p
			p.Grants[i] = &own
		}
		r.Own = append(r.Own, &p)
	}
	return r
}

// builtinKnown holds the rules of built-in roles that were read once, by [builtinKey]: every
// bundle has a graph of its own, and those roles in it.
var builtinKnown sync.Map

type builtinKey struct {
	name  string
	minor int
}

// builtinRules returns the rules of a built-in role, which are shared and of no role.
func builtinRules(name string, minor int) []*PolicyRule {
	key := builtinKey{name, minor}
	if known, ok := builtinKnown.Load(key); ok {
		return known.([]*PolicyRule)
	}
	var rules []*PolicyRule
	for _, line := range builtin[name] {
		p := &PolicyRule{Minor: minor}
		for _, verb := range strings.Fields(line[0]) {
			p.Verbs = append(p.Verbs, Entry{Text: verb})
		}
		for _, g := range strings.Fields(line[1]) {
			if g == "core" {
				g = ""
			}
			p.Groups = append(p.Groups, Entry{Text: g})
		}
		for _, resource := range strings.Fields(line[2]) {
			p.Resources = append(p.Resources, Entry{Text: resource})
		}
		p.Grants = GrantsOf(p)
		rules = append(rules, p)
	}
	builtinKnown.Store(key, rules)
	return rules
}

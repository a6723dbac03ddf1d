package access

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// served holds the resources of the Kubernetes API with the verbs that requests
// about them carry: a line each, of the scope (N: in a namespace, C: of the cluster), the plural and
// the short names, the verbs where they are not the usual eight, and the subresources
// with theirs, where they are not get, patch and update. Sources:
// what the API server itself lists (api/discovery/aggregated_v2.json of
// github.com/kubernetes/kubernetes), the kubelet's own (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/),
// and what is requested on nothing that can be read: users to impersonate, signers.
// Resources of older versions are next to them: a role may be meant for those, too.
var served = map[string]string{
	"": `
N bindings = create get list watch
C componentstatuses,cs = get list
N configmaps,cm
N endpoints,ep
N events,ev
N limitranges,limits
C namespaces,ns = create delete get list patch update watch / status finalize=update
C nodes,no / status proxy=create,delete,get,patch,update metrics=* stats=* log=* spec=* configz=* healthz=* pods=* checkpoint=*
N persistentvolumeclaims,pvc / status
C persistentvolumes,pv / status
N pods,po / attach=create,get binding=create ephemeralcontainers eviction=create exec=create,get log=get portforward=create,get proxy=create,delete,get,patch,update resize status
N podtemplates
N replicationcontrollers,rc / scale status
N resourcequotas,quota / status
N secrets
N serviceaccounts,sa / token=create
N services,svc / status proxy=create,delete,get,patch,update
C users = impersonate
C groups = impersonate`,
	"admissionregistration.k8s.io": `
C mutatingadmissionpolicies
C mutatingadmissionpolicybindings
C mutatingwebhookconfigurations
C validatingadmissionpolicies / status
C validatingadmissionpolicybindings
C validatingwebhookconfigurations`,
	"apiextensions.k8s.io": `
C customresourcedefinitions,crd,crds / status`,
	"apiregistration.k8s.io": `
C apiservices / status`,
	"apps": `
N controllerrevisions
N daemonsets,ds / status
N deployments,deploy / rollback=create scale status
N replicasets,rs / scale status
N statefulsets,sts / scale status`,
	"authentication.k8s.io": `
C selfsubjectreviews = create
C tokenreviews = create
C users = impersonate:user-info
C groups = impersonate:user-info
C uids = impersonate
C userextras = impersonate / *
C nodes = impersonate:arbitrary-node impersonate:associated-node
N serviceaccounts = impersonate:serviceaccount`,
	"authorization.k8s.io": `
N localsubjectaccessreviews = create
C selfsubjectaccessreviews = create
C selfsubjectrulesreviews = create
C subjectaccessreviews = create`,
	"autoscaling": `
N horizontalpodautoscalers,hpa / status`,
	"batch": `
N cronjobs,cj / status
N jobs / status`,
	"certificates.k8s.io": `
C certificatesigningrequests,csr / approval status nodeclient=create selfnodeclient=create selfnodeserver=create
C clustertrustbundles
N podcertificaterequests / status
C signers = approve attest sign`,
	"coordination.k8s.io": `
N leasecandidates
N leases`,
	"discovery.k8s.io": `
N endpointslices`,
	"events.k8s.io": `
N events,ev`,
	"extensions": `
N daemonsets / *
N deployments / *
N horizontalpodautoscalers / *
N ingresses / *
N jobs / *
N networkpolicies / *
C podsecuritypolicies / *
N replicasets / *
N replicationcontrollers / *`,
	"flowcontrol.apiserver.k8s.io": `
C flowschemas / status
C prioritylevelconfigurations / status`,
	"internal.apiserver.k8s.io": `
C storageversions / status`,
	"lifecycle.k8s.io": `
N evictionrequests / status
N evictions / status`,
	"networking.k8s.io": `
C ingressclasses
N ingresses,ing / status
C ipaddresses,ip
N networkpolicies,netpol / status
C servicecidrs / status`,
	"node.k8s.io": `
C runtimeclasses`,
	"policy": `
N poddisruptionbudgets,pdb / status
C podsecuritypolicies,psp`,
	"rbac.authorization.k8s.io": `
C clusterrolebindings
C clusterroles
N rolebindings
N roles`,
	"resource.k8s.io": `
C deviceclasses
C devicetaintrules / status
N podschedulingcontexts / status
N resourceclaims / status binding=* driver=*
N resourceclaimparameters
N resourceclaimtemplates
C resourceclasses
N resourceclassparameters
C resourcepoolstatusrequests / status
C resourceslices`,
	"scheduling.k8s.io": `
N compositepodgroups / status
N podgroups / status
C priorityclasses,pc
N workloads / status`,
	"storage.k8s.io": `
C csidrivers
C csinodes / status
N csistoragecapacities
C storageclasses,sc
C volumeattachments / status
C volumeattributesclasses,vac`,
	"storagemigration.k8s.io": `
C storageversionmigrations / status`,
}

// A ServedResource is a resource of the Kubernetes API, with its subresources.
type ServedResource struct {
	Group, Plural string
	ClusterScoped bool
	Verbs         []string            // any where empty
	Subs          map[string][]string // with their verbs, any where empty
	anySub        bool
}

var (
	// UsualVerbs are the verbs of requests about most resources.
	UsualVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	subVerbs   = []string{"get", "patch", "update"}
)

// ServedIndex finds resources by their names, right and wrong.
type ServedIndex struct {
	ByPlural map[string][]*ServedResource // in the order of the groups
	Spelling map[string]string            // the singular and the short names, to the plural
}

// ServedResources returns the index of all resources of the Kubernetes API.
var ServedResources = sync.OnceValue(func() *ServedIndex {
	x := &ServedIndex{ByPlural: map[string][]*ServedResource{}, Spelling: map[string]string{}}
	for _, group := range slices.Sorted(maps.Keys(served)) {
		for line := range strings.Lines(strings.TrimSpace(served[group])) {
			head, subs, _ := strings.Cut(strings.TrimSpace(line), " / ")
			head, verbs, _ := strings.Cut(head, " = ")
			scope, names, _ := strings.Cut(head, " ")
			plural, short, _ := strings.Cut(names, ",")
			r := &ServedResource{Group: group, Plural: plural, ClusterScoped: scope == "C", Verbs: strings.Fields(verbs), Subs: map[string][]string{}}
			if verbs == "" {
				r.Verbs = UsualVerbs
			}
			for _, sub := range strings.Fields(subs) {
				name, verbs, given := strings.Cut(sub, "=")
				switch {
				case name == "*":
					r.anySub = true
				case !given:
					r.Subs[name] = subVerbs
				case verbs == "*":
					r.Subs[name] = nil
				default:
					r.Subs[name] = strings.Split(verbs, ",")
				}
			}
			x.ByPlural[plural] = append(x.ByPlural[plural], r)
			for _, name := range append(strings.Split(short, ","), singular(plural)) {
				if name != "" && name != plural {
					x.Spelling[name] = plural
				}
			}
		}
	}
	return x
})

// singular returns the name of one object of a resource.
func singular(plural string) string {
	switch {
	case strings.HasSuffix(plural, "sses"), strings.HasSuffix(plural, "uses"):
		return strings.TrimSuffix(plural, "es")
	case strings.HasSuffix(plural, "ies"):
		return strings.TrimSuffix(plural, "ies") + "y"
	}
	return strings.TrimSuffix(plural, "s")
}

// In returns the resource in one of the groups, the first of them; nil where none has it.
func (x *ServedIndex) In(groups []Entry, plural string) []*ServedResource {
	var all []*ServedResource
	for _, r := range x.ByPlural[plural] {
		if slices.ContainsFunc(groups, func(e Entry) bool { return e.Text == r.Group }) {
			all = append(all, r)
		}
	}
	return all
}

// Home returns the resource in the group that it is of today; nil where none has it.
func (x *ServedIndex) Home(plural string) *ServedResource {
	var found *ServedResource
	for _, r := range x.ByPlural[plural] {
		switch {
		case r.Group == "extensions", r.Group == "lifecycle.k8s.io": // gone since 1.22, and of clusters that try out what is new
		case found == nil, len(r.Verbs) > len(found.Verbs): // "nodes" are more than what is impersonated
			found = r
		}
	}
	return found
}

// Takes reports whether requests about a resource, or its subresource, carry a verb;
// known is whether there is such a subresource. In every namespace, and of every
// resource, the plugin that guards owner references requests update on
// finalizers (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement).
func (r *ServedResource) Takes(sub, verb string) (ok, known bool) {
	verbs, known := r.Verbs, true
	if sub != "" {
		verbs, known = r.Subs[sub]
		switch {
		case known:
		case sub == "finalizers", sub == "restricted", r.anySub:
			return true, true
		default:
			return false, false
		}
	}
	switch {
	case len(verbs) == 0 || slices.Contains(verbs, verb):
		return true, known
	case IsSpecial(verb):
		return slices.ContainsFunc(Special[verb], func(t Target) bool { return t.Group == r.Group && t.Resource == r.Plural }), known
	}
	return !slices.Contains(UsualVerbs, verb), known
}

// Special are the verbs that the API server requests on some resources alone
// (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#authorization-verbs).
var Special = map[string][]Target{
	"impersonate":                 slices.Concat(coreGroup("users", "groups", "serviceaccounts"), in("authentication.k8s.io", "uids", "userextras")),
	"impersonate:user-info":       in("authentication.k8s.io", "users", "groups", "uids", "userextras"),
	"impersonate:serviceaccount":  in("authentication.k8s.io", "serviceaccounts"),
	"impersonate:arbitrary-node":  in("authentication.k8s.io", "nodes"),
	"impersonate:associated-node": in("authentication.k8s.io", "nodes"),
	"escalate":                    in(Group, "roles", "clusterroles"),
	"bind":                        in(Group, "roles", "clusterroles"),
	"approve":                     in("certificates.k8s.io", "signers"),
	"sign":                        in("certificates.k8s.io", "signers"),
	"attest":                      in("certificates.k8s.io", "signers"),
}

// SpecialNouns names, for messages, the resources on which a special verb is requested.
var SpecialNouns = map[string]string{
	"impersonate":           "users, groups and serviceaccounts of the core API group and uids and userextras of authentication.k8s.io",
	"impersonate:user-info": "users, groups, uids and userextras of authentication.k8s.io", "impersonate:serviceaccount": "serviceaccounts of authentication.k8s.io",
	"impersonate:arbitrary-node": "nodes of authentication.k8s.io", "impersonate:associated-node": "nodes of authentication.k8s.io", "escalate": "roles and clusterroles", "bind": "roles and clusterroles",
	"approve": "signers", "sign": "signers", "attest": "signers",
}

// IsSpecial reports whether a verb is requested on some resources alone.
func IsSpecial(verb string) bool { return Special[verb] != nil }

// IsServed reports whether an API group is one of Kubernetes' own.
func IsServed(group string) bool { _, ok := served[group]; return ok }

package rbac

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
// and what is asked for on nothing that can be read: users to impersonate, signers.
// Resources of older versions stand beside them: a role may be meant for those, too.
var served = map[string]string{
	"": `
N bindings = create
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
C users = impersonate
C groups = impersonate
C uids = impersonate
C userextras = impersonate / *
C nodes = impersonate
N serviceaccounts = impersonate`,
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
C certificatesigningrequests,csr / approval status
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

// A served resource, or a subresource of one.
type servedResource struct {
	group, plural string
	clusterScoped bool
	verbs         []string            // any where empty
	subs          map[string][]string // with their verbs, any where empty
	anySub        bool
}

var (
	usualVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	subVerbs   = []string{"get", "patch", "update"}
)

// servedIndex finds resources by their names, right and wrong.
type servedIndex struct {
	byPlural map[string][]*servedResource // in the order of the groups
	spelling map[string]string            // the singular and the short names, to the plural
}

var servedResources = sync.OnceValue(func() *servedIndex {
	x := &servedIndex{byPlural: map[string][]*servedResource{}, spelling: map[string]string{}}
	for _, group := range slices.Sorted(maps.Keys(served)) {
		for line := range strings.Lines(strings.TrimSpace(served[group])) {
			head, subs, _ := strings.Cut(strings.TrimSpace(line), " / ")
			head, verbs, _ := strings.Cut(head, " = ")
			scope, names, _ := strings.Cut(head, " ")
			plural, short, _ := strings.Cut(names, ",")
			r := &servedResource{group: group, plural: plural, clusterScoped: scope == "C", verbs: strings.Fields(verbs), subs: map[string][]string{}}
			if verbs == "" {
				r.verbs = usualVerbs
			}
			for _, sub := range strings.Fields(subs) {
				name, verbs, given := strings.Cut(sub, "=")
				switch {
				case name == "*":
					r.anySub = true
				case !given:
					r.subs[name] = subVerbs
				case verbs == "*":
					r.subs[name] = nil
				default:
					r.subs[name] = strings.Split(verbs, ",")
				}
			}
			x.byPlural[plural] = append(x.byPlural[plural], r)
			for _, name := range append(strings.Split(short, ","), singular(plural)) {
				if name != "" && name != plural {
					x.spelling[name] = plural
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

// in returns the resource in one of the groups, the first of them; nil where none has it.
func (x *servedIndex) in(groups []entry, plural string) []*servedResource {
	var all []*servedResource
	for _, r := range x.byPlural[plural] {
		if slices.ContainsFunc(groups, func(e entry) bool { return e.text == r.group }) {
			all = append(all, r)
		}
	}
	return all
}

// home returns the resource in the group that it is of today; nil where none has it.
func (x *servedIndex) home(plural string) *servedResource {
	var found *servedResource
	for _, r := range x.byPlural[plural] {
		switch {
		case r.group == "extensions", r.group == "lifecycle.k8s.io": // gone since 1.22, and of clusters that try out what is new
		case found == nil, len(r.verbs) > len(found.verbs): // "nodes" are more than what is impersonated
			found = r
		}
	}
	return found
}

// takes reports whether requests about a resource, or its subresource, carry a verb;
// known is whether there is such a subresource. In every namespace, and of every
// resource, the plugin that guards owner references asks for update on
// finalizers (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement).
func (r *servedResource) takes(sub, verb string) (ok, known bool) {
	verbs, known := r.verbs, true
	if sub != "" {
		verbs, known = r.subs[sub]
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
	case isSpecial(verb):
		return slices.ContainsFunc(special[verb], func(t target) bool { return t.group == r.group && t.resource == r.plural }), known
	}
	return !slices.Contains(usualVerbs, verb), known
}

// special are the verbs that the API server asks for on some resources alone
// (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#authorization-verbs).
var special = map[string][]target{
	"impersonate": slices.Concat(coreGroup("users", "groups", "serviceaccounts"), in("authentication.k8s.io", "users", "groups", "uids", "userextras", "nodes", "serviceaccounts")),
	"escalate":    in(group, "roles", "clusterroles"),
	"bind":        in(group, "roles", "clusterroles"),
	"approve":     in("certificates.k8s.io", "signers"),
	"sign":        in("certificates.k8s.io", "signers"),
	"attest":      in("certificates.k8s.io", "signers"),
}

var specialNouns = map[string]string{
	"impersonate": "users, groups, uids, userextras and serviceaccounts", "escalate": "roles and clusterroles", "bind": "roles and clusterroles",
	"approve": "signers", "sign": "signers", "attest": "signers",
}

func isSpecial(verb string) bool { return special[verb] != nil }

// isServed reports whether an API group is one of Kubernetes' own.
func isServed(group string) bool { _, ok := served[group]; return ok }

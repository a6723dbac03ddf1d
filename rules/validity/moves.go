package validity

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A move leads to a version of an API that says all that an older one says.
type move struct {
	to string
	// gone are the fields that the new version does not have, as "endpoints[].topology": what
	// sets one is not moved.
	gone []string
	// renamed are fields that have another name in the new version.
	renamed map[string]string
	// edit returns what changes beside the version, and why that may not come to the same, ""
	// where it does; ok is false where what would have to change is not known. nil changes nothing.
	edit func(*lint.Resource) (edits []lint.Edit, why string, ok bool)
}

// moves are the versions with a move, by "group/version Kind". What changes from one version to the
// next is that of the migration guide (https://kubernetes.io/docs/reference/using-api/deprecation-guide/),
// what is the same in both is held to the types by a test. The guide is silent on versions that
// were never on by default (v1alpha1), and on what became v1 as it was.
var moves = map[string]move{
	"admissionregistration.k8s.io/v1beta1 MutatingWebhookConfiguration":     {to: "admissionregistration.k8s.io/v1", edit: webhookDefaults},
	"admissionregistration.k8s.io/v1beta1 ValidatingWebhookConfiguration":   {to: "admissionregistration.k8s.io/v1", edit: webhookDefaults},
	"admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy":        {to: "admissionregistration.k8s.io/v1"},
	"admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicyBinding": {to: "admissionregistration.k8s.io/v1"},
	"apiregistration.k8s.io/v1beta1 APIService":                             {to: "apiregistration.k8s.io/v1"},
	"apps/v1beta1 Deployment":                                               {to: "apps/v1", gone: []string{"spec.rollbackTo"}, edit: workload("revisionHistoryLimit", "progressDeadlineSeconds")},
	"apps/v1beta1 StatefulSet":                                              {to: "apps/v1", edit: workload("updateStrategy.type")},
	"apps/v1beta2 DaemonSet":                                                {to: "apps/v1", edit: workload()},
	"apps/v1beta2 Deployment":                                               {to: "apps/v1", edit: workload()},
	"apps/v1beta2 ReplicaSet":                                               {to: "apps/v1", edit: workload()},
	"apps/v1beta2 StatefulSet":                                              {to: "apps/v1", edit: workload()},
	"autoscaling/v2beta2 HorizontalPodAutoscaler":                           {to: "autoscaling/v2"},
	"batch/v1beta1 CronJob":                                                 {to: "batch/v1"},
	"coordination.k8s.io/v1beta1 Lease":                                     {to: "coordination.k8s.io/v1"},
	"discovery.k8s.io/v1beta1 EndpointSlice":                                {to: "discovery.k8s.io/v1", gone: []string{"endpoints[].topology{}"}},
	"extensions/v1beta1 DaemonSet":                                          {to: "apps/v1", gone: []string{"spec.templateGeneration"}, edit: workload("updateStrategy.type")},
	"extensions/v1beta1 Deployment": {to: "apps/v1", gone: []string{"spec.rollbackTo"},
		edit: workload("revisionHistoryLimit", "progressDeadlineSeconds", "strategy.rollingUpdate.maxSurge", "strategy.rollingUpdate.maxUnavailable")},
	"extensions/v1beta1 Ingress":                                      {to: "networking.k8s.io/v1", gone: ingressGone, edit: ingressPaths},
	"extensions/v1beta1 NetworkPolicy":                                {to: "networking.k8s.io/v1"},
	"extensions/v1beta1 ReplicaSet":                                   {to: "apps/v1", edit: workload()},
	"flowcontrol.apiserver.k8s.io/v1beta1 FlowSchema":                 {to: "flowcontrol.apiserver.k8s.io/v1"},
	"flowcontrol.apiserver.k8s.io/v1beta2 FlowSchema":                 {to: "flowcontrol.apiserver.k8s.io/v1"},
	"flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema":                 {to: "flowcontrol.apiserver.k8s.io/v1"},
	"flowcontrol.apiserver.k8s.io/v1beta1 PriorityLevelConfiguration": {to: "flowcontrol.apiserver.k8s.io/v1", renamed: renamedShares, edit: someShares},
	"flowcontrol.apiserver.k8s.io/v1beta2 PriorityLevelConfiguration": {to: "flowcontrol.apiserver.k8s.io/v1", renamed: renamedShares, edit: someShares},
	"flowcontrol.apiserver.k8s.io/v1beta3 PriorityLevelConfiguration": {to: "flowcontrol.apiserver.k8s.io/v1", edit: someShares},
	"networking.k8s.io/v1beta1 IPAddress":                             {to: "networking.k8s.io/v1"},
	"networking.k8s.io/v1beta1 Ingress":                               {to: "networking.k8s.io/v1", gone: ingressGone, edit: ingressPaths},
	"networking.k8s.io/v1beta1 IngressClass":                          {to: "networking.k8s.io/v1"},
	"networking.k8s.io/v1beta1 ServiceCIDR":                           {to: "networking.k8s.io/v1"},
	"node.k8s.io/v1beta1 RuntimeClass":                                {to: "node.k8s.io/v1"},
	"policy/v1beta1 PodDisruptionBudget":                              {to: "policy/v1", edit: namedPods},
	"rbac.authorization.k8s.io/v1alpha1 ClusterRole":                  {to: "rbac.authorization.k8s.io/v1"},
	"rbac.authorization.k8s.io/v1alpha1 Role":                         {to: "rbac.authorization.k8s.io/v1"},
	"rbac.authorization.k8s.io/v1beta1 ClusterRole":                   {to: "rbac.authorization.k8s.io/v1"},
	"rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding":            {to: "rbac.authorization.k8s.io/v1"},
	"rbac.authorization.k8s.io/v1beta1 Role":                          {to: "rbac.authorization.k8s.io/v1"},
	"rbac.authorization.k8s.io/v1beta1 RoleBinding":                   {to: "rbac.authorization.k8s.io/v1"},
	"resource.k8s.io/v1beta2 DeviceClass":                             {to: "resource.k8s.io/v1"},
	"resource.k8s.io/v1beta2 ResourceClaim":                           {to: "resource.k8s.io/v1"},
	"resource.k8s.io/v1beta2 ResourceClaimTemplate":                   {to: "resource.k8s.io/v1"},
	"scheduling.k8s.io/v1alpha1 PriorityClass":                        {to: "scheduling.k8s.io/v1"},
	"scheduling.k8s.io/v1beta1 PriorityClass":                         {to: "scheduling.k8s.io/v1"},
	"storage.k8s.io/v1beta1 CSIDriver":                                {to: "storage.k8s.io/v1"},
	"storage.k8s.io/v1beta1 CSINode":                                  {to: "storage.k8s.io/v1"},
	"storage.k8s.io/v1beta1 CSIStorageCapacity":                       {to: "storage.k8s.io/v1"},
	"storage.k8s.io/v1beta1 StorageClass":                             {to: "storage.k8s.io/v1"},
	"storage.k8s.io/v1beta1 VolumeAttachment":                         {to: "storage.k8s.io/v1"},
	"storage.k8s.io/v1beta1 VolumeAttributesClass":                    {to: "storage.k8s.io/v1"},
}

// ingressGone are the fields of backends that are written anew, and the one that is not.
var ingressGone = []string{"spec.backend", "spec.rules[].http.paths[].backend.serviceName", "spec.rules[].http.paths[].backend.servicePort"}

var renamedShares = map[string]string{"spec.limited.assuredConcurrencyShares": "nominalConcurrencyShares"}

// moveAPI writes the version that takes the place of one, where all that the object says
// means the same there.
func moveAPI(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	r := n.Resource()
	m, ok := moves[r.APIVersion()+" "+r.Kind]
	if !ok || kube.Before(pass.Bundle, introduced(m.to, r.Kind)) {
		return nil
	}
	for _, path := range m.gone {
		if !slices.Contains(ingressGone[1:], path) && holds(r.Root, strings.Split(path, ".")) {
			return nil
		}
	}
	edits := []lint.Edit{lint.Set(n, m.to)}
	for path, name := range m.renamed {
		if old := r.Get(strings.Split(path, ".")...); old.Exists() {
			edits = append(edits, lint.Rename(old, name))
		}
	}
	if m.edit != nil {
		more, why, ok := m.edit(r)
		switch edits = append(edits, more...); {
		case !ok:
			return nil
		case why != "":
			return lint.Risky(why, edits...)
		case len(more) > 0:
			return lint.Safe("the new version says the same with it, and the API server serves it", edits...)
		}
	}
	return lint.Safe("both versions have the same fields, and the API server serves the new one", edits...)
}

// introduced returns the minor version of Kubernetes that first served a kind, 0 where the
// types do not say.
func introduced(apiVersion, kind string) int {
	gv, _ := schema.ParseGroupVersion(apiVersion)
	t, ok := builtin().kinds[gv.WithKind(kind)]
	if !ok {
		return 0
	}
	l, ok := reflect.New(t).Interface().(interface {
		APILifecycleIntroduced() (major, minor int)
	})
	if !ok {
		return 0
	}
	_, minor := l.APILifecycleIntroduced()
	return minor
}

// holds reports whether a node has a field of a path whose lists end in [] and whose
// mappings of names in {}.
func holds(n *lint.Node, path []string) bool {
	if len(path) == 0 {
		return !n.IsNull()
	}
	field, list := strings.CutSuffix(strings.TrimSuffix(path[0], "{}"), "[]")
	below := n.Get(field)
	if !list {
		return holds(below, path[1:])
	}
	return slices.ContainsFunc(below.Items(), func(item *lint.Node) bool { return holds(item, path[1:]) })
}

// namedPods moves budgets whose selector is not empty: an empty one selects all pods in
// policy/v1 and none in v1beta1. One that is not there selects none in both.
func namedPods(r *lint.Resource) ([]lint.Edit, string, bool) {
	selector := r.Get("spec", "selector")
	return nil, "", selector.IsNull() || len(selector.Get("matchLabels").Fields())+len(selector.Get("matchExpressions").Items()) > 0
}

// someShares moves priority levels that do not say 0, which is 30 before v1 and none there.
func someShares(r *lint.Resource) ([]lint.Edit, string, bool) {
	for _, field := range []string{"assuredConcurrencyShares", "nominalConcurrencyShares"} {
		n := r.Get("spec", "limited", field)
		if count, ok := n.Int(); !n.IsNull() && (!ok || count == 0) {
			return nil, "", false
		}
	}
	return nil, "", true
}

// webhookDefaults writes what v1beta1 sets for fields that are missing, where v1 sets
// something else or asks for them. Side effects that v1 does not allow are the webhook's.
func webhookDefaults(r *lint.Resource) ([]lint.Edit, string, bool) {
	var edits []lint.Edit
	names := map[string]bool{}
	for _, w := range r.Get("webhooks").Items() {
		effects, name := w.Get("sideEffects").Value(), w.Get("name").Value()
		if effects != "None" && effects != "NoneOnDryRun" || names[name] {
			return nil, "", false
		}
		names[name] = true
		for _, d := range []struct {
			field string
			value any
		}{{"failurePolicy", "Ignore"}, {"matchPolicy", "Exact"}, {"timeoutSeconds", 30}, {"admissionReviewVersions", []any{"v1beta1"}}} {
			if n := w.Get(d.field); n.IsNull() {
				edits = append(edits, lint.Set(n, d.value))
			}
		}
	}
	return edits, "", true
}

// workload writes the selector that older versions make of the template's labels. The
// fields are those of spec whose default is another one in apps/v1. What a chart computes is
// not written into its templates.
func workload(fields ...string) func(*lint.Resource) ([]lint.Edit, string, bool) {
	return func(r *lint.Resource) (edits []lint.Edit, why string, ok bool) {
		spec := r.Get("spec")
		if selector := spec.Get("selector"); selector.IsNull() {
			labels := spec.Get("template", "metadata", "labels").StringMap()
			if len(labels) == 0 || r.Bundle.Rendering.Kind == "helm" {
				return nil, "", false
			}
			match := map[string]any{}
			for key, value := range labels {
				match[key] = value
			}
			edits = append(edits, lint.Set(selector, map[string]any{"matchLabels": match}))
		} else if len(selector.Get("matchLabels").Fields())+len(selector.Get("matchExpressions").Items()) == 0 {
			return nil, "", false
		}
		var other []string
		for _, field := range fields {
			if strings.HasPrefix(field, "strategy.rollingUpdate") && spec.Get("strategy", "type").Value() == "Recreate" {
				continue
			}
			if spec.Get(strings.Split(field, ".")...).IsNull() {
				other = append(other, field)
			}
		}
		if len(other) > 0 {
			why = fmt.Sprintf("what is not set has another default in apps/v1: %s", strings.Join(other, ", "))
		}
		return edits, why, true
	}
}

// ingressPaths writes the backends of paths, and their type, as the API server does that
// serves both versions (https://kubernetes.io/docs/reference/using-api/deprecation-guide/#ingress-v122).
// What a chart computes is not written into its templates.
func ingressPaths(r *lint.Resource) (edits []lint.Edit, why string, ok bool) {
	if r.Bundle.Rendering.Kind == "helm" {
		return nil, "", false
	}
	for _, rule := range r.Get("spec", "rules").Items() {
		for _, path := range rule.Get("http", "paths").Items() {
			if n := path.Get("pathType"); n.IsNull() {
				edits = append(edits, lint.Set(n, "ImplementationSpecific"))
			}
			backend := path.Get("backend")
			name, port := backend.Get("serviceName"), backend.Get("servicePort")
			if !backend.Get("resource").IsNull() && name.IsNull() && port.IsNull() {
				continue
			}
			number, counts := port.Int()
			to := map[string]any{"number": number}
			switch {
			case name.Value() == "" || port.Value() == "":
				return nil, "", false
			case !counts && !port.IsString() || counts && port.IsString():
				return nil, "", false // a name has a letter
			case !counts:
				to = map[string]any{"name": port.Value()}
			}
			edits = append(edits, lint.Set(backend.Get("service"), map[string]any{"name": name.Value(), "port": to}), lint.Remove(name), lint.Remove(port))
		}
	}
	return edits, "", true
}

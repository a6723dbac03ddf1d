package validity

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// moves are versions of APIs that need no other change to move on, as the migration guide
// says (https://kubernetes.io/docs/reference/using-api/deprecation-guide/). The guide is silent
// on the v1alpha1 versions of rbac and scheduling.
var moves = map[string]string{
	"autoscaling/v2beta2 HorizontalPodAutoscaler":          "autoscaling/v2",
	"apiregistration.k8s.io/v1beta1 APIService":            "apiregistration.k8s.io/v1",
	"batch/v1beta1 CronJob":                                "batch/v1",
	"coordination.k8s.io/v1beta1 Lease":                    "coordination.k8s.io/v1",
	"extensions/v1beta1 NetworkPolicy":                     "networking.k8s.io/v1",
	"networking.k8s.io/v1beta1 IngressClass":               "networking.k8s.io/v1",
	"node.k8s.io/v1beta1 RuntimeClass":                     "node.k8s.io/v1",
	"policy/v1beta1 PodDisruptionBudget":                   "policy/v1",
	"rbac.authorization.k8s.io/v1beta1 ClusterRole":        "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1 Role":               "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1 RoleBinding":        "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1 ClusterRole":       "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1 Role":              "rbac.authorization.k8s.io/v1",
	"scheduling.k8s.io/v1beta1 PriorityClass":              "scheduling.k8s.io/v1",
	"scheduling.k8s.io/v1alpha1 PriorityClass":             "scheduling.k8s.io/v1",
	"storage.k8s.io/v1beta1 CSIDriver":                     "storage.k8s.io/v1",
	"storage.k8s.io/v1beta1 CSINode":                       "storage.k8s.io/v1",
	"storage.k8s.io/v1beta1 CSIStorageCapacity":            "storage.k8s.io/v1",
	"storage.k8s.io/v1beta1 StorageClass":                  "storage.k8s.io/v1",
	"storage.k8s.io/v1beta1 VolumeAttachment":              "storage.k8s.io/v1",
}

// moveAPI writes the version that takes the place of one, where nothing else changes.
func moveAPI(_ *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	r := n.Resource()
	to := moves[r.APIVersion()+" "+r.Kind]
	if to == "" || !strings.Contains(f.Help, to) {
		return nil
	}
	if r.Kind == "PodDisruptionBudget" { // an empty selector selects all pods in v1, and none before
		if selector := r.Get("spec", "selector"); selector.IsNull() || len(selector.Get("matchLabels").Fields())+len(selector.Get("matchExpressions").Items()) == 0 {
			return nil
		}
	}
	return lint.Safe("both versions have the same fields, and the API server serves the new one", lint.Set(n, to))
}

// replaceField writes what a field of a kustomization became.
func replaceField(_ *lint.Pass, _ *lint.Finding, key *lint.Node) *lint.Remedy {
	const why = "the overlay is built again, and comes to the same objects"
	root := key.Parent()
	n := root.Get(key.Name())
	switch key.Name() {
	case "bases":
		if !root.Get("resources").Exists() {
			return lint.Safe(why, lint.Rename(n, "resources"))
		}
		var edits []lint.Edit
		for _, base := range n.Items() {
			edits = append(edits, lint.Add(root.Get("resources"), base.Value()))
		}
		return lint.Safe(why, append(edits, lint.Remove(n))...)
	case "imageTags":
		if root.Get("images").Exists() {
			return nil
		}
		return lint.Safe(why, lint.Rename(n, "images"))
	case "patchesJson6902":
		if root.Get("patches").Exists() {
			return nil
		}
		return lint.Safe(why, lint.Rename(n, "patches"))
	case "patchesStrategicMerge":
		var edits []lint.Edit
		for _, patch := range n.Items() {
			by := "path"
			if strings.Contains(patch.Value(), "\n") {
				by = "patch"
			}
			edits = append(edits, lint.Add(root.Get("patches"), map[string]any{by: strings.TrimSuffix(patch.Value(), "\n")}))
		}
		return lint.Safe(why, append(edits, lint.Remove(n))...)
	case "commonLabels":
		if root.Get("labels").Exists() || len(n.Fields()) == 0 {
			return nil
		}
		pairs := map[string]any{}
		for _, f := range n.Fields() {
			pairs[f.Name()] = f.YAML()
		}
		return lint.Safe(why, lint.Set(root.Get("labels"), []any{map[string]any{"includeSelectors": true, "pairs": pairs}}), lint.Remove(n))
	}
	return nil
}

// removeFirst takes out the variable that the later one of its name overrides.
func removeFirst(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	list := n.Parent().Parent()
	var edits []lint.Edit
	for _, item := range list.Items() {
		if item.Index() < n.Parent().Index() && item.Get("name").Value() == n.Value() {
			edits = append(edits, lint.Remove(item))
		}
	}
	for _, item := range list.Items() { // one between them may be made of the first value
		if strings.Contains(item.Get("value").Value(), "$("+n.Value()+")") {
			return nil
		}
	}
	return lint.Safe("only the last of a name counts, and no other variable is made of it", edits...)
}

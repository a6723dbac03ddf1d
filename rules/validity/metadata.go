package validity

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/manilint/manilint/lint"
)

// LabelValues reports labels that Kubernetes refuses.
var LabelValues = &lint.Rule{
	ID:       "label-values",
	Summary:  "label that Kubernetes refuses",
	Severity: lint.Low,
	Group:    "validity",
	Peers:    map[string][]string{"kube-score": {"label-values"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources() {
			checkLabels(pass, r.Get("metadata", "labels"))
			checkLabels(pass, r.Get("spec", "selector", "matchLabels"))
			for _, pod := range r.PodSpecs() {
				if labels := pod.Metadata.Get("labels"); !labels.Same(r.Get("metadata", "labels")) {
					checkLabels(pass, labels)
				}
			}
		}
	},
}

func checkLabels(pass *lint.Pass, labels *lint.Node) {
	for _, l := range labels.Fields() {
		if problems := content.IsLabelKey(l.Name()); len(problems) > 0 {
			pass.Reportf(l.KeyNode(), "label key %q: %s", l.Name(), problems[0])
		}
		if problems := content.IsLabelValue(l.Value()); l.IsScalar() && len(problems) > 0 {
			pass.Reportf(l, "label %s has the value %q: %s", l.Name(), l.Value(), problems[0])
		}
	}
}

// RequiredMetadata reports objects without the labels and annotations that the
// configuration requests.
var RequiredMetadata = &lint.Rule{
	ID:       "required-metadata",
	Summary:  "object lacks a required label or annotation",
	Severity: lint.Info,
	Group:    "validity",
	Peers: map[string][]string{
		"kube-linter": {"required-label-owner", "required-annotation-email"}, "kubescape": {"C-0076", "C-0077"},
	},
	Docs: docs,
	Params: []lint.Param{
		{Name: "labels", Summary: "labels that each object must have", Default: []string{"app.kubernetes.io/name"}},
		{Name: "annotations", Summary: "annotations that each object must have", Default: []string{}},
		{Name: "kinds", Summary: "kinds that are checked; * for every kind", Default: []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"}},
	},
	Run: func(pass *lint.Pass) {
		kinds := pass.Strings("kinds")
		for _, r := range pass.Resources() {
			if !slices.Contains(kinds, r.Kind) && !slices.Contains(kinds, "*") {
				continue
			}
			for _, field := range []string{"labels", "annotations"} {
				for _, name := range pass.Strings(field) {
					if n := r.Get("metadata", field, name); strings.TrimSpace(n.Value()) == "" && !n.IsMapping() {
						f := pass.Reportf(n, "%s has no %s %s", r, strings.TrimSuffix(field, "s"), name)
						f.Help = "add metadata." + field + ": " + name
						f.Key = name
					}
				}
			}
		}
	},
}

// NakedPod reports pods that nothing makes anew when their node fails.
var NakedPod = &lint.Rule{
	ID:       "naked-pod",
	Summary:  "Pod without a controller",
	Severity: lint.Info,
	Group:    "validity",
	Peers:    map[string][]string{"kubescape": {"C-0073"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Pod") {
			if r.Group != "" || len(r.Get("metadata", "ownerReferences").Items()) > 0 || isOneShot(r) {
				continue
			}
			pass.Reportf(r.Get("kind"), "%s has no controller: nothing starts it again when its node is lost", r).Help = "use a Deployment, a StatefulSet or a Job"
		}
	},
}

// isOneShot reports whether a pod is made by a tool at a known moment (a hook or a test of a
// release), or by the kubelet of one node from a file.
func isOneShot(r *lint.Resource) bool {
	a := r.Annotations()
	for _, key := range []string{"helm.sh/hook", "argocd.argoproj.io/hook", "kubernetes.io/config.source", "kubernetes.io/config.mirror"} {
		if a[key] != "" {
			return true
		}
	}
	return r.Get("metadata", "labels", "tier").Value() == "control-plane" && r.Namespace == "kube-system"
}

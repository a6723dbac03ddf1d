package reliability

import (
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// Replicas reports services of which one lost node may take every pod.
var Replicas = &lint.Rule{
	ID: "replicas", Summary: "Deployment with too few replicas", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{
		"kube-linter": {"minimum-three-replicas"}, "kube-score": {"deployment-replicas"}, "polaris": {"deploymentMissingReplicas"},
	},
	Docs: docs, Remedy: enoughReplicas,
	Params: []lint.Param{{Name: "minimum", Summary: "the minimum number of replicas", Default: 2}},
	Run: func(pass *lint.Pass) {
		for _, s := range services(pass, "Deployment", "Rollout", "DeploymentConfig") {
			n, known := s.replicas()
			if s.Get("spec", "strategy", "type").Value() == "Recreate" || !known || n == 0 || n >= int64(pass.Int("minimum")) {
				continue // Recreate is chosen where two pods must not meet
			}
			pass.Reportf(s.Get("spec", "replicas"), "%s runs %s; at least %d are required", s.Resource, plural(n, "pod"), pass.Int("minimum")).Help = "raise spec.replicas"
		}
	},
}

// HPAMinReplicas reports autoscalers that go down to too few pods, or cannot scale.
var HPAMinReplicas = &lint.Rule{
	ID: "hpa-min-replicas", Summary: "autoscaler that keeps too few replicas, or cannot scale", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{
		"kube-linter": {"hpa-minimum-three-replicas"}, "kube-score": {"horizontalpodautoscaler-replicas"}, "polaris": {"hpaMinAvailability", "hpaMaxAvailability"},
	},
	Docs: docs, Remedy: enoughAtLeast,
	Params: []lint.Param{{Name: "minimum", Summary: "the minimum number of replicas", Default: 2}},
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("HorizontalPodAutoscaler") {
			low, high := r.Get("spec", "minReplicas"), r.Get("spec", "maxReplicas")
			least, ok := low.Int()
			if low.IsNull() {
				least, ok = 1, true // https://kubernetes.io/docs/reference/kubernetes-api/autoscaling/horizontal-pod-autoscaler-v2/
			}
			if most, known := high.Int(); ok && known && least >= most {
				pass.Reportf(high, "%s scales from %d to %s: it cannot scale", r, least, plural(most, "replica")).Help = "raise maxReplicas above minReplicas"
			}
			if ok && least == 0 {
				reportZero(pass, r, low)
			} else if ok && least < int64(pass.Int("minimum")) {
				pass.Reportf(low, "%s may scale down to %s; at least %d are required", r, plural(least, "replica"), pass.Int("minimum")).Help = "raise spec.minReplicas"
			}
		}
	},
}

// reportZero judges an autoscaler that goes down to no pod at all: what Kubernetes allows
// from 1.37 on, where some metric does not come from the pods themselves
// (https://kubernetes.io/blog/2026/09/02/kubernetes-v1-37-hpa-scale-to-zero-beta/).
func reportZero(pass *lint.Pass, r *lint.Resource, low *lint.Node) {
	outside := slices.ContainsFunc(r.Get("spec", "metrics").Items(), func(m *lint.Node) bool {
		return m.Get("type").Value() == "Object" || m.Get("type").Value() == "External"
	})
	switch {
	case kube.Before(pass.Bundle, 37):
		pass.Reportf(low, "%s may scale down to 0 replicas, which clusters before Kubernetes 1.37 refuse unless the feature gate HPAScaleToZero is on", r).Help = "raise spec.minReplicas"
	case !outside && r.Version != "v1":
		pass.Reportf(low, "%s may scale down to 0 replicas without a metric of type Object or External, which the API server refuses: nothing would scale it up again", r).Help = "add such a metric, or raise spec.minReplicas"
	}
}

// HPAStaticReplicas reports numbers of replicas that each deploy sets back.
var HPAStaticReplicas = &lint.Rule{
	ID: "hpa-static-replicas", Summary: "replicas are set although an autoscaler manages them", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"deployment-targeted-by-hpa-does-not-have-replicas-configured"}}, Docs: docs, Remedy: autoscaled,
	Run: func(pass *lint.Pass) {
		for _, s := range services(pass) {
			n := s.Get("spec", "replicas")
			if a := kube.AutoscalerOf(s.Resource); a != nil && !n.IsNull() {
				f := pass.Reportf(n, "%s sets replicas, which %s manages: each deployment resets it to %s", s.Resource, a, n.Value())
				f.Help = "remove spec.replicas"
				f.Relate("policy", a.Get("spec", "scaleTargetRef"), "the autoscaler")
			}
		}
	},
}

// RollingUpdate reports Deployments that stop before their successor runs.
var RollingUpdate = &lint.Rule{
	ID: "rolling-update", Summary: "update strategy is not RollingUpdate", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{
		"kube-linter": {"no-rolling-update-strategy"}, "kube-score": {"deployment-strategy"}, "kubescape": {"C-0305"},
	},
	Docs: docs, Remedy: rolling,
	Run: func(pass *lint.Pass) {
		for _, s := range services(pass, "Deployment", "DaemonSet", "StatefulSet") {
			field := "updateStrategy"
			if s.Kind == "Deployment" {
				field = "strategy"
			}
			// Where it is missing the default is RollingUpdate.
			if n := s.Get("spec", field, "type"); n.IsScalar() && n.Value() != "RollingUpdate" {
				so := "old pods stop before new ones are ready"
				if n.Value() == "OnDelete" {
					so = "pods stay as they are until someone deletes them"
				}
				pass.Reportf(n, "%s is updated by %s: %s", s.Resource, n.Value(), so).Help = "set type: RollingUpdate"
			}
		}
	},
}

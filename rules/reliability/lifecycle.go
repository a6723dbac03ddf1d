package reliability

import (
	"slices"

	"github.com/manilint/manilint/lint"
)

// PriorityClass reports pods without a priority, or with one that is not there.
var PriorityClass = &lint.Rule{
	ID: "priority-class", Summary: "pod without a priority class", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-linter": {"priority-class-name"}, "polaris": {"priorityClassNotSet"}}, Docs: docs,
	Params: []lint.Param{{Name: "allowed", Summary: "priority classes that pods may have; all where the list is empty", Default: []string{}}},
	Run: func(pass *lint.Pass) {
		allowed := pass.Strings("allowed")
		for _, pod := range pass.PodSpecs() {
			n := pod.Get("priorityClassName")
			switch {
			case n.Value() == "" && !pod.Partial && len(pod.Containers()) > 0:
				pass.Reportf(n, "the pods of %s have no priority class", pod.Resource).Help = "set priorityClassName"
			case n.Value() != "" && len(allowed) > 0 && !slices.Contains(allowed, n.Value()):
				pass.Reportf(n, "the pods of %s have priority class %q, which is not among the allowed ones", pod.Resource, n.Value())
			}
		}
	},
}

// RestartPolicy reports restart policies that a kind does not allow.
var RestartPolicy = &lint.Rule{
	ID: "restart-policy", Summary: "restart policy that the kind does not allow", Severity: lint.Low, Group: "reliability",
	YieldsTo: []string{"schema"}, // of the kinds whose types Kubernetes has
	Peers:    map[string][]string{"kube-linter": {"restart-policy"}, "kube-score": {"cronjob-restartpolicy"}}, Docs: docs, Remedy: allowedRestart,
	Run: func(pass *lint.Pass) {
		for _, s := range services(pass) {
			if n := s.pod.Get("restartPolicy"); n.IsScalar() && n.Value() != "Always" {
				pass.Reportf(n, "%s has restart policy %s; pods of a %s are always restarted", s.Resource, n.Value(), s.Kind).Help = "remove restartPolicy, or use a Job"
			}
		}
		for _, s := range services(pass, "Job", "CronJob") {
			if n := s.pod.Get("restartPolicy"); s.Group == "batch" && n.Value() != "OnFailure" && n.Value() != "Never" {
				pass.Reportf(n, "%s has restart policy Always, which a Job may not have", s.Resource).Help = "set restartPolicy: OnFailure, or Never"
			}
		}
	},
}

// CronJobDeadline reports CronJobs that stop for good after a hundred missed starts.
var CronJobDeadline = &lint.Rule{
	ID: "cronjob-deadline", Summary: "CronJob without startingDeadlineSeconds", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-score": {"cronjob-has-deadline"}}, Docs: docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("CronJob") {
			n := r.Get("spec", "startingDeadlineSeconds")
			seconds, ok := n.Int()
			switch {
			case r.Group != "batch":
			case n.IsNull():
				pass.Reportf(n, "%s has no startingDeadlineSeconds: a late run starts whenever it can, and after 100 missed runs no further one starts", r).Help = "set spec.startingDeadlineSeconds"
			case ok && seconds < 10:
				// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline
				pass.Reportf(n, "%s must start within %s, and the controller checks only every 10 seconds", r, plural(seconds, "second")).Help = "set it to more than 10 seconds"
			}
		}
	},
}

// JobTTL reports Jobs that stay for good when they are done.
var JobTTL = &lint.Rule{
	ID: "job-ttl", Summary: "Job that is never removed, or a CronJob whose history is", Severity: lint.Info, Group: "reliability",
	Peers: map[string][]string{"kube-linter": {"job-ttl-seconds-after-finished"}}, Docs: docs, Remedy: keepHistory,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Job") {
			if n := r.Get("spec", "ttlSecondsAfterFinished"); r.Group == "batch" && n.IsNull() && r.Annotations()["helm.sh/hook"] == "" && len(r.Get("metadata", "ownerReferences").Items()) == 0 {
				pass.Reportf(n, "%s and its pods are kept after it finishes: ttlSecondsAfterFinished is not set", r).Help = "set spec.ttlSecondsAfterFinished"
			}
		}
		for _, r := range pass.Resources("CronJob") {
			if n := r.Get("spec", "jobTemplate", "spec", "ttlSecondsAfterFinished"); r.Group == "batch" && !n.IsNull() {
				pass.Reportf(n, "%s sets ttlSecondsAfterFinished, which removes Jobs that its history limits should keep", r).Help = "remove ttlSecondsAfterFinished; set successfulJobsHistoryLimit and failedJobsHistoryLimit"
			}
		}
	},
}

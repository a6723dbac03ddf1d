package validity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// SelectorMismatch reports workloads whose selector does not select the pods of
// their own template: the API server refuses them, and an old version of the API makes pods without end.
var SelectorMismatch = &lint.Rule{
	ID:       "selector-mismatch",
	Summary:  "selector does not match the labels of the pod template",
	Severity: lint.Medium,
	Group:    "validity",
	Profiles: core,
	Peers: map[string][]string{
		"kube-linter": {"mismatching-selector"},
		"kube-score":  {"deployment-pod-selector-labels-match-template-metadata-labels", "statefulset-pod-selector-labels-match-template-metadata-labels"},
		"kubescape":   {"C-0296"},
	},
	Docs: docs, Remedy: fitSelector,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "DeploymentConfig", "Rollout", "CloneSet") {
			if !selecting[r.Group] || len(r.PodSpecs()) == 0 {
				continue
			}
			selector, labels := r.Get("spec", "selector"), r.PodSpecs()[0].Labels()
			switch r.Kind {
			case "ReplicationController", "DeploymentConfig":
				mismatches(pass, r, selector.Fields(), labels)
				continue
			case "CronJob":
				selector = r.Get("spec", "jobTemplate", "spec", "selector")
			}
			terms := slices.Concat(selector.Get("matchLabels").Fields(), selector.Get("matchExpressions").Items())
			if r.Group == "batch" {
				terms = slices.DeleteFunc(terms, isOfJobController)
			}
			if len(terms) == 0 && r.Group == "apps" && r.Version == "v1" {
				pass.Reportf(selector, "%s has no selector, which apps/v1 requires", r).Help = "add spec.selector.matchLabels with labels of the pod template"
				continue
			}
			mismatches(pass, r, terms, labels)
		}
	},
}

// selecting are the groups whose workloads have a selector of their pods. The API server
// refuses one that does not fit the template, of Jobs, too; the controllers of
// OpenShift, Argo and OpenKruise refuse to run it.
var selecting = map[string]bool{"apps": true, "extensions": true, "": true, "batch": true, "apps.openshift.io": true, "argoproj.io": true, "apps.kruise.io": true}

// isOfJobController reports whether a term is about a label that the API server puts on
// the pods of a Job, in an old and a new spelling.
func isOfJobController(term *lint.Node) bool {
	key := term.Name()
	if term.Index() >= 0 {
		key = term.Get("key").Value()
	}
	switch strings.TrimPrefix(key, "batch.kubernetes.io/") {
	case "controller-uid", "job-name":
		return true
	}
	return false
}

// mismatches reports the terms of a selector, entries of matchLabels or items of
// matchExpressions, that labels do not fulfil.
func mismatches(pass *lint.Pass, r *lint.Resource, terms []*lint.Node, labels map[string]string) {
	for _, term := range terms {
		key, asks, fits := term.Name(), fmt.Sprintf("%s=%s", term.Name(), term.Value()), false
		value, has := labels[key]
		if term.Index() >= 0 {
			key = term.Get("key").Value()
			value, has = labels[key]
			values := term.Get("values").Strings()
			operator := term.Get("operator").Value()
			asks = fmt.Sprintf("%s %s %v", key, operator, values)
			switch operator {
			case "In":
				fits = has && slices.Contains(values, value)
			case "NotIn":
				fits = !slices.Contains(values, value)
			case "Exists":
				asks, fits = key, has
			case "DoesNotExist":
				asks, fits = "no "+key, !has
			}
		} else {
			fits = has && (value == term.Value() || !term.IsScalar())
		}
		if fits {
			continue
		}
		found := "lacks that label"
		if has {
			found = fmt.Sprintf("has %s=%s", key, value)
		}
		f := pass.Reportf(term, "%s selects pods with %s, but its pod template %s", r, asks, found)
		f.Help = "make the selector and the labels of the template agree"
		f.Relate("workload", r.PodSpecs()[0].Metadata.Get("labels"), "the labels of the pod template")
	}
}

package kube

import "github.com/manilint/manilint/lint"

// clusterLabels are the labels that controllers put on pods
// (https://kubernetes.io/docs/reference/labels-annotations-taints/).
var clusterLabels = map[string]map[string]bool{
	"Deployment":  {"pod-template-hash": true},
	"ReplicaSet":  {},
	"StatefulSet": {"statefulset.kubernetes.io/pod-name": true, "apps.kubernetes.io/pod-index": true, "controller-revision-hash": true},
	"DaemonSet":   {"controller-revision-hash": true, "pod-template-generation": true},
	"Job":         jobLabels,
	"CronJob":     jobLabels,
}

var jobLabels = map[string]bool{"job-name": true, "batch.kubernetes.io/job-name": true, "controller-uid": true,
	"batch.kubernetes.io/controller-uid": true, "batch.kubernetes.io/job-completion-index": true}

// PodLabels returns the labels that the pods of a template carry, and which of them only
// the cluster knows. The controller of a custom kind labels its pods as it likes.
func PodLabels(pod *lint.PodSpec) LabelSet {
	r := pod.Resource
	l := LabelSet{Labels: pod.Labels()}
	unknown, builtin := clusterLabels[r.Kind]
	if builtin && (r.Group == "apps" || r.Group == "batch" || r.Group == "extensions") {
		l.Unknown, l.Open = unknown, RolloutOf(r) != nil
	} else {
		l.Open = r.Group != ""
	}
	return l
}

// NamespaceLabels returns the labels of a namespace as far as the bundle shows it; the
// name is "" where only the deploy decides.
func NamespaceLabels(b *lint.Bundle, name string) LabelSet {
	if name == "" {
		return LabelSet{Open: true}
	}
	object := b.Lookup("", "Namespace", "", name)
	if object == nil {
		return LabelSet{Labels: map[string]string{MetadataName: name}, Open: true}
	}
	labels := object.Labels()
	labels[MetadataName] = name
	return LabelSet{Labels: labels}
}

// Home is the namespace of an object as policies and selectors see it. Templates
// that print .Release.Namespace without a namespace to deploy to print "default";
// those objects live with the ones that name none.
func Home(r *lint.Resource) string {
	if b := r.Bundle; r.Namespace == "default" && b != nil && b.Rendering.Kind == "helm" && b.Namespace == "" {
		return ""
	}
	return r.Namespace
}

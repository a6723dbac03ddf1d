package kube

import (
	"cmp"
	"strings"

	"github.com/manilint/manilint/lint"
)

// IsBuiltin reports whether an API group is one of Kubernetes itself: the core group,
// those without a domain, and those below k8s.io but for x-k8s.io, in which projects
// next to Kubernetes define custom resources.
func IsBuiltin(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".x-k8s.io")
}

// IsTemplated reports whether a tool fills in a value, or a part of it, before the
// object is applied. No name, label, port or address has such characters.
func IsTemplated(text string) bool { return strings.ContainsAny(text, "${}<>%") }

// Account returns the name of the service account that the pods run as: "default"
// where the pod names none. The old field counts where the new one is not set
// (https://kubernetes.io/docs/reference/kubernetes-api/core/pod-v1/#PodSpec).
func Account(pod *lint.PodSpec) string {
	return cmp.Or(pod.Node.Get("serviceAccountName").Value(), pod.Node.Get("serviceAccount").Value(), "default")
}

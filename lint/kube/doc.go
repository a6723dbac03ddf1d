// Package kube holds what several rules must know of Kubernetes in the same way:
// label selectors and their index, which API groups are Kubernetes' own, what a tool
// fills in before an object is applied, the service account of a pod, and who runs how
// many pods of a template. It reads objects of package lint and reports nothing.
package kube

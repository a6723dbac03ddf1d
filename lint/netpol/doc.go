// Package netpol says what network policies let workloads reach: those of Kubernetes,
// Calico, Cilium, OVN and OpenShift in one [Model], and next to it a [Directory] of what
// else an object may point to. It decides from manifests alone and reports nothing.
package netpol

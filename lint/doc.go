// Package lint is the vocabulary that rules are written in: sources and positions, YAML
// nodes that know where they were written, Kubernetes objects and their pods, bundles of
// what is deployed together, rules, and the findings, errors, notes and reports that come
// of them.
//
// It is what the author of a rule imports, with lint/linttest for its tests and lint/kube,
// which knows what Kubernetes makes of objects; lint/report writes a [Report] in each
// format. Their exported names are the API that is kept once a version is tagged. Running
// rules, ignores, the configuration and the hiding of secrets are the program's own, under
// internal: internal/engine makes a report of bundles.
//
// It knows YAML and the standard library. It does not read files, render charts or
// overlays, run rules, or print.
package lint

// Package lint is the vocabulary and the engine of manilint: sources and
// positions, YAML nodes that know where they were written, Kubernetes objects,
// bundles of what is deployed together, rules, findings, and [Run], which
// applies rules to bundles.
//
// It knows YAML and the standard library. It does not read files, render
// charts or overlays, or print: package render builds bundles, the packages
// under rules hold the rules, and lint/report writes what Run returns.
package lint

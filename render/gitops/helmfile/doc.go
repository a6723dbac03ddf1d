// Package helmfile reads what a helmfile deploys of the charts of the tree, as
// https://helmfile.readthedocs.io has it. It runs no program, reads no environment and nothing
// outside the checkout: what needs that is said, and not judged.
package helmfile

// Package flux reads what objects of Flux ask to have rendered from their repository. It
// follows https://fluxcd.io/flux/components/ and renders nothing itself.
package flux

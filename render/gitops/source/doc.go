// Package source says what an object of a GitOps controller wants to have rendered, and finds
// it in the checkout. It knows no controller, and renders nothing.
package source

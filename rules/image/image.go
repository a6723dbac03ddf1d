// Package image holds the rules about what containers run: whether a reference
// names one image for good, where it comes from, and programs that should not run
// at all. References are read by the distribution project's own grammar. No
// registry is asked, so nothing here knows whether an image exists or what is in it.
package image

import (
	"embed"
	"strings"

	"github.com/distribution/reference"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	Tag,
	InvalidReference,
	Registry,
	DeprecatedRegistry,
	Tiller,
	KubeletInsecureTLS,
	Digest,
	PullPolicy,
	Dashboard,
	GitSync,
}

var core = []lint.Profile{lint.ProfileDefault}

// An image is the parsed image of a container.
type image struct {
	container *lint.Container
	node      *lint.Node // the value of image
	named     reference.Named
}

// images returns the images of the bundle that can be parsed. An image that
// another program fills in before the pod runs is left out.
func images(pass *lint.Pass) []image {
	var all []image
	for _, c := range pass.Containers() {
		node := c.Get("image")
		if isPlaceholder(node.Value()) {
			continue
		}
		if named, err := reference.ParseNormalizedNamed(node.Value()); err == nil {
			all = append(all, image{c, node, named})
		}
	}
	return all
}

// isPlaceholder reports whether the text is no image yet: empty, with a variable
// of a template or of the shell in it, or the word by which injectors are told to
// choose (https://istio.io/latest/docs/setup/additional-setup/gateway/).
func isPlaceholder(text string) bool {
	return text == "" || text == "auto" || strings.ContainsAny(text, "${}<>%() ")
}

// tag returns the tag, "" where there is none.
func (i image) tag() string {
	if tagged, ok := i.named.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return ""
}

func (i image) hasDigest() bool {
	_, ok := i.named.(reference.Digested)
	return ok
}

// host returns the registry, docker.io where the reference names none.
func (i image) host() string { return reference.Domain(i.named) }

// name returns the registry and the path: docker.io/library/nginx.
func (i image) name() string { return i.named.Name() }

// base returns the last part of the path.
func (i image) base() string { return i.name()[strings.LastIndex(i.name(), "/")+1:] }

package image

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

var mutable = lint.Param{
	Name: "mutable", Summary: "words that mark a tag as moving, unless the tag also has a version or a commit",
	Default: []string{
		"latest", "stable", "unstable", "edge", "nightly", "daily", "weekly", "canary", "rolling", "snapshot", "head", "tip", "trunk",
		"main", "mainline", "master", "develop", "development", "dev", "lts", "alpine", "slim",
	},
}

var digests = lint.Param{
	Name: "digests", Summary: "images with their digests, as registry.example/web:1.4@sha256:…, for a fix to write", Default: []string{},
}

// pin writes the digest that the configuration has for an image. An image without a tag is
// the one that is tagged latest; one that has a tag keeps it.
func pin(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "what the tag names by now may be another image than the one that the configuration has"
	var alike string
	for _, pinned := range pass.Strings("digests") {
		name, digest, ok := strings.Cut(pinned, "@")
		if !ok || !strings.HasPrefix(digest, "sha256:") && !strings.HasPrefix(digest, "sha512:") {
			continue
		}
		if name == n.Value() {
			alike = pinned
			break
		}
		if alike == "" {
			if tag, same := sameImage(n.Value(), name); same {
				alike = n.Value() + tag + "@" + digest
			}
		}
	}
	if alike == "" {
		return nil
	}
	remedy := lint.Risky(why, lint.Set(n, alike))
	name, digest, _ := strings.Cut(alike, "@")
	if untagged, _ := lint.CutTag(name); untagged != name { // a chart may write the one or the other
		remedy.Or = lint.Risky(why, lint.Set(n, untagged+"@"+digest))
	}
	return remedy
}

// sameImage reports whether two references name one image, and the tag that the second has
// and the first does not.
func sameImage(first, second string) (tag string, same bool) {
	base := first[strings.LastIndexByte(first, '/')+1:]
	if name, _, _ := strings.Cut(base, ":"); !strings.Contains(second, name) {
		return "", false
	}
	a, err := lint.ParseImageReference(first)
	if err != nil {
		return "", false
	}
	b, err := lint.ParseImageReference(second)
	if err != nil || a.Tagged() != b.Tagged() {
		return "", false
	}
	if b.Tag != "" && a.Tag == "" && a.Digest == "" {
		tag = ":" + b.Tag
	}
	return tag, true
}

// moves reports whether a tag is known to move by its name: it is one of the words, or
// is made of one and others that pin nothing (master-head, latest_release, stable-alpine).
func moves(tag string, words []string) bool {
	tag = strings.ToLower(tag)
	parts := strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	found := slices.Contains(words, tag)
	for _, part := range parts {
		if !found && (strings.ContainsAny(part, "0123456789") && !platform().MatchString(part) || commit().MatchString(part)) {
			return false
		}
	}
	return found || slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(words, part) })
}

var (
	platform = lint.Regexp(`^(?:jdk|jre|java|py|python|php|node|go|alpine|debian|ubuntu|ubi|cuda|amd|arm|arm64v|x86|win|ltsc)\d+$`)
	commit   = lint.Regexp(`^[0-9a-f]{7,}$`)
)

// Tag reports images without a tag, or with one that moves (CKV_K8S_14, KSV-0013).
var Tag = &lint.Rule{
	ID:         "image-tag",
	Summary:    "image without a tag, or with a tag that moves",
	Severity:   lint.Medium,
	Group:      "image",
	Profiles:   core,
	References: []string{"OWASP K02:2022"},
	Peers: map[string][]string{
		"kube-linter": {"latest-tag"}, "kube-score": {"container-image-tag"}, "polaris": {"tagNotSpecified"},
		"trivy": {"KSV-0013"}, "checkov": {"CKV_K8S_14"}, "kubescape": {"C-0075"},
	},
	Docs:   docs,
	Params: []lint.Param{mutable, digests},
	Remedy: pin,
	Run: func(pass *lint.Pass) {
		moving := once(func(i image) bool { return moves(i.tag(), pass.Strings("mutable")) })
		for _, i := range images(pass) {
			const help = "use a version tag, and a digest where the image must never change"
			if i.hasDigest() {
				continue
			}
			if tag := i.tag(); tag == "" {
				f := pass.Reportf(i.node, "%s %q, which has no tag, so the node pulls whatever is latest at that time", i, i.node.Value())
				f.Help, f.Subject = help, i.subject()
			} else if moving(i) {
				f := pass.Reportf(i.node, "%s %q, whose tag %q can move to another image", i, i.node.Value(), tag)
				f.Help, f.Subject = help, i.subject()
			}
		}
	},
}

// Digest reports images that are not pinned by a digest (CKV_K8S_43).
var Digest = &lint.Rule{
	ID:         "image-digest",
	Summary:    "image not pinned by a digest",
	Severity:   lint.Low,
	Group:      "image",
	References: []string{"OWASP K02:2022"},
	Peers:      map[string][]string{"checkov": {"CKV_K8S_43"}, "kubescape": {"C-0306", "C-0312"}},
	Docs:       docs,
	Params:     []lint.Param{digests},
	Remedy:     pin,
	YieldsTo:   []string{"image-tag"},
	Run: func(pass *lint.Pass) {
		for _, i := range images(pass) {
			if !i.hasDigest() {
				f := pass.Reportf(i.node, "%s %q without a digest, so the registry can serve another image at any time", i, i.node.Value())
				f.Help, f.Subject = "add the digest: "+i.node.Value()+"@sha256:...", i.subject()
			}
		}
	},
}

// InvalidReference reports images that no registry can have.
var InvalidReference = &lint.Rule{
	ID:       "invalid-image",
	Summary:  "image that is not a valid reference",
	Severity: lint.Medium,
	Group:    "image",
	Profiles: core,
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, r := range written(pass) {
			if err := r.says.err; err != nil {
				pass.Reportf(r.node, "%s %s, which is not a valid image reference: %s", r, lint.Quote(r.node.Value()), strings.TrimPrefix(err.Error(), "invalid reference format: ")).Help = "write registry/path:tag in lower case"
			}
		}
	},
}

// PullPolicy reports containers whose node does not ask the registry for the
// image each time: it then runs what it has, no matter who pulled it, under a tag that may have moved.
var PullPolicy = &lint.Rule{
	ID:         "image-pull-policy",
	Summary:    "image that the node may run without pulling it",
	Severity:   lint.Low,
	Group:      "image",
	References: []string{"OWASP K02:2022"},
	Peers: map[string][]string{
		"kube-score": {"container-image-pull-policy"}, "polaris": {"pullPolicyNotAlways"}, "checkov": {"CKV_K8S_15"},
	},
	Docs: docs, Remedy: alwaysPull,
	Params: []lint.Param{mutable},
	Run: func(pass *lint.Pass) {
		moving := once(func(i image) bool { return moves(i.tag(), pass.Strings("mutable")) })
		for _, i := range images(pass) {
			policy := i.policy
			// https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
			latest := !i.hasDigest() && (i.tag() == "" || i.tag() == "latest")
			switch {
			case policy.Value() == "Always", !policy.Exists() && (latest || i.container == nil || i.container.Partial):
			case i.hasDigest() && policy.Value() != "Never":
				// The digest decides what runs.
			case !i.hasDigest() && i.tag() == "" || moving(i):
				pass.Reportf(policy, "%s a tag that moves, but its pull policy is %s: each node keeps the image that it pulled first", i, orDefault(policy)).Help = "set " + policy.Name() + ": Always"
			default:
				pass.Reportf(policy, "%s has pull policy %s: a node that has the image runs it without checking that the pod may pull it", i.owner, orDefault(policy)).Help = "set " + policy.Name() + ": Always"
			}
		}
	},
}

func orDefault(policy *lint.Node) string {
	if policy.Value() == "" {
		return "IfNotPresent, the default"
	}
	return strings.TrimSpace(policy.Value())
}

package argocd

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/source"
	"github.com/manilint/manilint/render/kustomize"
)

// overlay adds a kustomization with what the Application sets in it:
// https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/
func (a *application) overlay(s *lint.Node, dir string) {
	with := s.Get("kustomize")
	if !a.has(dir, kustomize.FileNames...) {
		a.note(s.Get("path"), s.Get("repoURL").Value(), quoted(s.Get("path").Value())+" holds no kustomization, so Argo CD does not render it")
		return
	}
	c := &kustomize.Change{By: a.by, Namespace: a.namespace()}
	for _, field := range []string{"namePrefix", "nameSuffix", "namespace"} {
		if n := with.Get(field); n.Value() != "" {
			c.Set(field, c.Copy(n))
		}
	}
	for _, n := range with.Get("images").Items() {
		a.image(c, n)
	}
	for _, n := range with.Get("replicas").Items() {
		count := n.Get("count")
		if _, err := strconv.Atoi(count.Value()); err != nil {
			a.note(n, "", "replicas: "+quoted(count.Value())+" is not a number, and Argo CD refuses it")
			continue
		}
		c.Replace("replicas", c.Map(n, kustomize.Pair{Key: "name", Value: c.Copy(n.Get("name"))}, kustomize.Pair{Key: "count", Value: c.Scalar(count.Value(), count)}))
	}
	a.labels(c, s, with)
	for _, n := range with.Get("patches").Items() {
		c.Append("patches", c.Copy(n))
	}
	for _, n := range with.Get("components").Items() {
		at := filepath.Join(dir, filepath.FromSlash(n.Value()))
		if with.Get("ignoreMissingComponents").IsTrue() && !a.checkout.Files.IsDir(at) {
			continue
		}
		c.Append("components", c.Copy(n))
	}
	file := ""
	if at := a.Root.Locate().Span.Start.Source; at != nil {
		file = at.File
	}
	a.out.Overlays = append(a.out.Overlays, &source.Overlay{Dir: dir, File: file, Change: c, From: a.from, Limits: a.limits})
}

// labels adds commonLabels and commonAnnotations.
func (a *application) labels(c *kustomize.Change, s, with *lint.Node) {
	pairs := func(field string, expand bool) (*lint.Node, kustomize.Value, bool) {
		n := with.Get(field)
		var all []kustomize.Pair
		for _, f := range n.Fields() {
			text := f.Value()
			if expand {
				text = a.expand(s, text)
			}
			all = append(all, kustomize.Pair{Key: f.Name(), Value: c.Text(text, f)})
		}
		return n, c.Map(n, all...), len(all) > 0
	}
	if n, labels, any := pairs("commonLabels", true); any {
		if !with.Get("labelWithoutSelector").IsTrue() {
			c.Add("commonLabels", labels)
		} else {
			entry := []kustomize.Pair{{Key: "pairs", Value: labels}}
			if with.Get("labelIncludeTemplates").IsTrue() {
				entry = append(entry, kustomize.Pair{Key: "includeTemplates", Value: c.Scalar("true", with.Get("labelIncludeTemplates"))})
			}
			c.Append("labels", c.Map(n, entry...))
		}
	}
	if _, annotations, any := pairs("commonAnnotations", with.Get("commonAnnotationsEnvsubst").IsTrue()); any {
		c.Add("commonAnnotations", annotations)
	}
}

// tagged splits a tag off an image, which none of a registry's port is.
var tagged = lint.Regexp(`^(.*):([a-zA-Z0-9._-]*|\*)$`)

// image adds an entry of images, as kustomize edit set image reads it: name=new:tag,
// name@digest.
func (a *application) image(c *kustomize.Change, n *lint.Node) {
	name, text, renamed := strings.Cut(n.Value(), "=")
	if !renamed {
		text = name
	}
	image, digest, _ := strings.Cut(text, "@")
	tag := ""
	if m := tagged().FindStringSubmatch(image); m != nil {
		image, tag = m[1], m[2]
	}
	if !renamed {
		name, image = image, ""
	}
	if name == "" || image == "" && tag == "" && digest == "" {
		a.note(n, "", "images: "+quoted(n.Value())+" sets nothing; write NAME=NEWNAME:TAG, NAME:TAG or NAME@DIGEST")
		return
	}
	entry := []kustomize.Pair{{Key: "name", Value: c.Text(name, n)}}
	for _, p := range []struct{ key, value string }{{"newName", image}, {"newTag", tag}, {"digest", digest}} {
		if p.value != "" && p.value != "*" {
			entry = append(entry, kustomize.Pair{Key: p.key, Value: c.Text(p.value, n)})
		}
	}
	c.Replace("images", c.Map(n, entry...))
}

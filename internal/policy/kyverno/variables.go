package kyverno

import (
	"maps"
	"sync"

	"github.com/manilint/manilint/internal/policy/jmespath"
	"github.com/manilint/manilint/lint"
)

// objectVariables are the variables of objects, made once for all policies.
type objectVariables struct{ all sync.Map } // *lint.Resource → func() map[string]jmespath.Value

// variablesOf returns the variables of an object, to which others may be added.
func variablesOf(s *subject) map[string]jmespath.Value {
	of := lint.Shared(s.object.Bundle, func(*lint.Bundle) *objectVariables { return &objectVariables{} })
	once, ok := of.all.Load(s.object)
	if !ok {
		once, _ = of.all.LoadOrStore(s.object, sync.OnceValue(func() map[string]jmespath.Value { return newVariables(s) }))
	}
	return maps.Clone(once.(func() map[string]jmespath.Value)())
}

// objectOf returns what expressions and patterns read of an object.
func objectOf(s *subject) jmespath.Value {
	v := jmespath.Of(s.object.Root)
	if fields, ok := v.Data.(map[string]jmespath.Value); ok && !s.object.IsClusterScoped() {
		if metadata, ok := fields["metadata"].Data.(map[string]jmespath.Value); ok {
			metadata["namespace"] = s.namespace(fields["metadata"].Node)
		}
	}
	return v
}

// namespace returns the value of metadata.namespace.
func (s *subject) namespace(metadata *lint.Node) jmespath.Value {
	if s.home == "" {
		return jmespath.Unknown("the namespace that it is deployed to")
	}
	return jmespath.Value{Data: s.home, Node: metadata.Get("namespace")}
}

// newVariables returns the variables that Kyverno has for an object that is created
// (https://kyverno.io/docs/policy-types/cluster-policy/variables/).
func newVariables(s *subject) map[string]jmespath.Value {
	r := s.object
	object := objectOf(s)
	text := func(t string) jmespath.Value { return jmespath.Value{Data: t} }
	kind := jmespath.Value{Data: map[string]jmespath.Value{"group": text(r.Group), "version": text(r.Version), "kind": text(r.Kind)}}
	request := map[string]jmespath.Value{
		"object": object, "oldObject": {}, "operation": text("CREATE"), "kind": kind, "requestKind": kind, "dryRun": {Data: false},
		"name": {Data: r.Name, Node: r.Get("metadata", "name")}, "namespace": text(""),
		"userInfo": jmespath.Unknown("who asks"), "roles": jmespath.Unknown("who asks"), "clusterRoles": jmespath.Unknown("who asks"),
		"uid": jmespath.Unknown("the request"), "resource": jmespath.Unknown("the request"), "options": jmespath.Unknown("the request"),
	}
	if !r.IsClusterScoped() {
		request["namespace"] = s.namespace(r.Get("metadata"))
	}
	return map[string]jmespath.Value{
		"request": {Data: request}, "images": images(r),
		"serviceAccountName": jmespath.Unknown("who asks"), "serviceAccountNamespace": jmespath.Unknown("who asks"),
	}
}

// images are the images of an object's containers, taken apart.
func images(r *lint.Resource) jmespath.Value {
	kinds := map[string]jmespath.Value{}
	for _, pod := range r.PodSpecs() {
		for _, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
			all := map[string]jmespath.Value{}
			for _, c := range pod.Get(field).Items() {
				image := c.Get("image")
				if parts, ok := imageParts(image); ok {
					all[c.Get("name").Value()] = jmespath.Value{Data: parts, Node: image}
				}
			}
			if len(all) > 0 {
				kinds[field] = jmespath.Value{Data: all, Node: pod.Get(field)}
			}
		}
	}
	return jmespath.Value{Data: kinds}
}

func imageParts(image *lint.Node) (map[string]jmespath.Value, bool) {
	named, err := lint.ParseImageReference(image.Value())
	if err != nil {
		return nil, false
	}
	if named = named.Tagged(); named.Digest != "" {
		named.Tag = "" // the digest decides
	}
	text := func(t string) jmespath.Value { return jmespath.Value{Data: t, Node: image} }
	path := named.Path
	name := path
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			name = path[i+1:]
			break
		}
	}
	parts := map[string]jmespath.Value{
		"registry": text(named.Registry), "path": text(path), "name": text(name), "reference": text(named.String()),
	}
	if named.Tag != "" {
		parts["tag"], parts["referenceWithTag"] = text(named.Tag), text(named.Registry+"/"+path+":"+named.Tag)
	}
	if named.Digest != "" {
		parts["digest"] = text(named.Digest)
	}
	return parts, true
}

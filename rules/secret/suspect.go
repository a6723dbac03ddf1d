package secret

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// The rules about literal credentials read every value of a bundle, each under a name of its
// own. That is done once for all of them: they go on with what is worth a search.

// A suspect is a value that is worth a search, with the name of [fieldName].
type suspect struct {
	node *lint.Node
	name string
}

// suspects are those of an object.
type suspects struct {
	resource *lint.Resource
	places   place
	fields   []suspect // those in the body
}

// A place tells which rule looks at a value.
type place uint8

const (
	inEnvironment place = 1 << iota // below a field called env
	inNotes                         // below a field called annotations
	inBody                          // outside the metadata of the object
)

// suspected are the objects with suspects, in the bundle's order.
type suspected []*suspects

// in returns the objects with suspects in a place.
func (all suspected) in(p place) []*suspects {
	var some []*suspects
	for _, s := range all {
		if s.places&p != 0 {
			some = append(some, s)
		}
	}
	return some
}

// containers returns the containers of the objects with suspects in a place.
func (all suspected) containers(p place) []*lint.Container {
	var some []*lint.Container
	for _, s := range all.in(p) {
		for _, pod := range s.resource.PodSpecs() {
			some = append(some, pod.Containers()...)
		}
	}
	return some
}

// suspectsOf searches all objects. Of Secrets, whose data has a rule of its own, of what
// only the cluster can decrypt and of schemas it reads no more than what pods are made of.
func suspectsOf(b *lint.Bundle) suspected {
	return lint.Shared(b, func(b *lint.Bundle) suspected {
		var all suspected
		for _, r := range b.Resources {
			s := &suspects{resource: r}
			s.look(r.Get("metadata", "annotations"), "", inNotes)
			s.fields = nil
			if len(r.PodSpecs()) > 0 || !encryptedKinds[r.Kind] && r.Kind != "CustomResourceDefinition" && !r.Is("", "Secret") {
				for _, top := range r.Root.Fields() {
					switch top.Name() {
					case "apiVersion", "kind", "metadata", "status":
					case "binaryData":
						s.places |= inBody // the values are encoded
						s.look(top, top.Name(), inBody)
					default:
						s.look(top, top.Name(), placeOf(top.Name(), inBody))
					}
				}
			}
			if s.places != 0 {
				all = append(all, s)
			}
		}
		return all
	})
}

func placeOf(field string, above place) place {
	switch field {
	case "env":
		return above | inEnvironment
	case "annotations":
		return above | inNotes
	}
	return above
}

// look searches n and what is below it; name is that of the nearest field.
func (s *suspects) look(n *lint.Node, name string, at place) {
	for _, f := range n.Fields() {
		key := f.Name()
		called := key
		if key == "value" || key == "default" {
			called = fieldName(f)
		}
		s.look(f, called, placeOf(key, at))
	}
	for _, item := range n.Items() {
		s.look(item, name, at)
	}
	value := n.Value()
	if value == "" || !isWorth(name, value) && strings.IndexByte(value, '@') < 0 && !(at&inNotes != 0 && isWorth(annotationName(name), value)) {
		return
	}
	s.places |= at
	s.fields = append(s.fields, suspect{n, name})
}

// annotationName is the name of an annotation without its domain; but checksum/secret as it
// is: the name of a digest.
func annotationName(key string) string {
	if domain, name, ok := strings.Cut(key, "/"); ok && strings.Contains(domain, ".") {
		return name
	}
	return key
}

package lint

import (
	"slices"
	"sync"
)

// A fieldIndex knows, by the name of a field, the pods whose objects hold one of that name
// anywhere: most rules are about fields that few objects have.
type fieldIndex struct {
	once sync.Once
	pods map[string]*holding
}

// A holding is the places in [Bundle.PodSpecs] of the pods whose object holds a field.
type holding struct{ pods []int32 }

// fieldSlots is how many names are remembered while an index is made: objects have the same
// few dozen, and comparing one is quicker than a look-up in a map.
const fieldSlots = 512

type fieldSlot struct {
	name string
	held *holding
}

func (x *fieldIndex) build(pods []*PodSpec) {
	x.pods = map[string]*holding{}
	var slots [fieldSlots]fieldSlot
	for first := 0; first < len(pods); {
		r, end := pods[first].Resource, first+1
		for end < len(pods) && pods[end].Resource == r {
			end++
		}
		x.add(r.Root, int32(first), int32(end), &slots)
		first = end
	}
}

// add notes the fields of n and below it for the pods from first to before end.
func (x *fieldIndex) add(n *Node, first, end int32, slots *[fieldSlots]fieldSlot) {
	for _, item := range n.Items() {
		x.add(item, first, end, slots)
	}
	for _, f := range n.Fields() {
		name := f.Name()
		slot := &slots[slotOf(name)]
		if slot.held == nil || slot.name != name {
			if slot.name, slot.held = name, x.pods[name]; slot.held == nil {
				slot.held = &holding{}
				x.pods[name] = slot.held
			}
		}
		if have := slot.held.pods; len(have) == 0 || have[len(have)-1] < first {
			for at := first; at < end; at++ {
				slot.held.pods = append(slot.held.pods, at)
			}
		}
		x.add(f, first, end, slots)
	}
}

func slotOf(name string) uint {
	h := uint(len(name))
	if name != "" {
		h = h*31 + uint(name[0])
		h = h*31 + uint(name[len(name)/2])
		h = h*31 + uint(name[len(name)-1])
	}
	return (h ^ h>>9) % fieldSlots
}

// places returns the places of the pods whose objects hold one of the fields, in order.
func (x *fieldIndex) places(fields []string) []int32 {
	var all []int32
	for i, field := range fields {
		switch h := x.pods[field]; {
		case h == nil:
		case i == 0 || all == nil:
			all = h.pods
		default:
			all = slices.Concat(all, h.pods)
			slices.Sort(all)
			all = slices.Compact(all)
		}
	}
	return all
}

// PodsWith returns the bundle's pods whose objects hold a field of one of the names, at any
// place: the pods of others cannot have what they say.
func (p *Pass) PodsWith(fields ...string) []*PodSpec {
	p.GoOn()
	b := p.Bundle
	b.fields.once.Do(func() { b.fields.build(b.pods) })
	places := b.fields.places(fields)
	if len(places) == len(b.pods) {
		return b.pods
	}
	pods := make([]*PodSpec, len(places))
	for i, at := range places {
		pods[i] = b.pods[at]
	}
	return pods
}

// ContainersWith returns the containers of [Pass.PodsWith].
func (p *Pass) ContainersWith(fields ...string) []*Container {
	pods := p.PodsWith(fields...)
	if len(pods) == len(p.Bundle.pods) {
		return p.Bundle.containers
	}
	var all []*Container
	for _, pod := range pods {
		all = append(all, pod.Containers()...)
	}
	return all
}

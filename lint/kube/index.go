package kube

import (
	"iter"
	"math"
	"slices"
)

// An Index finds things by label selectors at the cost of what it finds: of the labels
// that a selector requires, the rarest is looked up. The zero value is empty.
type Index[T any] struct {
	items   []T
	labels  []LabelSet
	byLabel map[[2]string][]int // indexes of items
	values  map[string][]string // of a label's key, as the items have them, in their order
	filled  map[string]bool     // keys of which some value is templated
	open    []int               // of those whose labels are not all known
	unknown map[string]bool     // keys that the cluster sets on some item
}

// Add adds an item under its labels.
func (x *Index[T]) Add(item T, l LabelSet) {
	if x.byLabel == nil {
		x.byLabel, x.values, x.unknown, x.filled = map[[2]string][]int{}, map[string][]string{}, map[string]bool{}, map[string]bool{}
	}
	at := len(x.items)
	for k, v := range l.Labels {
		pair := [2]string{k, v}
		if len(x.byLabel[pair]) == 0 {
			x.values[k] = append(x.values[k], v)
			x.filled[k] = x.filled[k] || IsTemplated(v)
		}
		x.byLabel[pair] = append(x.byLabel[pair], at)
	}
	for k := range l.Unknown {
		x.unknown[k] = true
	}
	if l.Open {
		x.open = append(x.open, at)
	}
	x.items, x.labels = append(x.items, item), append(x.labels, l)
}

// Items returns all items in the order in which they were added. The slice must not be changed.
func (x *Index[T]) Items() []T { return x.items }

// Values returns the values that items have of a label, in the order of the items. The
// slice must not be changed.
func (x *Index[T]) Values(key string) []string { return x.values[key] }

// HasTemplated reports whether a tool fills in the value that some item has of a label.
func (x *Index[T]) HasTemplated(key string) bool { return x.filled[key] }

// Selected yields the items that a selector matches, or may, in the order in which they
// were added.
func (x *Index[T]) Selected(s Selector) iter.Seq[T] {
	var candidates []int
	rarest := math.MaxInt
	for _, r := range s {
		if r.Op != "In" || x.unknown[r.Key] {
			continue
		}
		n := 0
		for _, v := range r.Values {
			n += len(x.byLabel[[2]string{r.Key, v}])
		}
		if n < rarest {
			rarest, candidates = n, slices.Clone(x.open)
			for _, v := range r.Values {
				candidates = append(candidates, x.byLabel[[2]string{r.Key, v}]...)
			}
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	return func(yield func(T) bool) {
		if rarest == math.MaxInt {
			for i, item := range x.items {
				if s.Matches(x.labels[i]) && !yield(item) {
					return
				}
			}
			return
		}
		for _, i := range candidates {
			if s.Matches(x.labels[i]) && !yield(x.items[i]) {
				return
			}
		}
	}
}

// Any reports whether a selector matches some item, or may.
func (x *Index[T]) Any(s Selector) bool {
	for range x.Selected(s) {
		return true
	}
	return false
}

// Fulfils reports whether some item fulfils one requirement, or may. Where the index
// answers, no item is examined.
func (x *Index[T]) Fulfils(r Requirement) bool {
	if r.Op == "In" && slices.ContainsFunc(r.Values, func(v string) bool { return len(x.byLabel[[2]string{r.Key, v}]) > 0 }) ||
		r.Op == "Exists" && len(x.values[r.Key]) > 0 {
		return true
	}
	return x.Any(Selector{r})
}

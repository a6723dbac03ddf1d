package kube

import (
	"slices"
	"testing"

	"github.com/manilint/manilint/lint"
)

// FuzzSelector: an index finds exactly the labels that a selector matches, whatever both are.
func FuzzSelector(f *testing.F) {
	f.Add("matchLabels: {a: b}\n", "a", "b")
	f.Add("matchExpressions: [{key: a, operator: NotIn, values: [b, c]}]\n", "a", "c")
	f.Add("matchExpressions: [{key: a, operator: Exists}, {key: b, operator: DoesNotExist}, {}]\n", "b", "")
	f.Add("{}\n", "", "")
	f.Add("matchLabels: [a]\nmatchExpressions: {a: b}\n", "a", "b")
	f.Add("matchLabels: {a: '{{ x }}'}\n", "a", "x")
	f.Add("&a {matchLabels: *a}\n", "a", "x")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		labels := []LabelSet{{}, {Labels: map[string]string{key: value}}, {Open: true}, {Unknown: map[string]bool{key: true}}, {Labels: map[string]string{"a": "b", value: key}}}
		var index Index[int]
		for i, l := range labels {
			index.Add(i, l)
		}
		docs, _ := lint.ParseYAML(lint.NewSource("a.yaml", []byte(text)))
		for _, doc := range docs {
			for _, s := range []Selector{ParseSelector(lint.NewNode(doc)), Equalities(lint.NewNode(doc))} {
				var want []int
				for i, l := range labels {
					if s.Matches(l) {
						want = append(want, i)
					}
				}
				if got := slices.Sorted(index.Selected(s)); !slices.Equal(got, want) || index.Any(s) != (len(want) > 0) {
					t.Errorf("%q selects %v of %v, want %v", text, got, labels, want)
				}
			}
		}
	})
}

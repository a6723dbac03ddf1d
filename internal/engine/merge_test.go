package engine

import (
	"reflect"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

// What one result does to the merge takes nothing from what is said of the others.
func TestResultsThatCannotBeMergedAreNamed(t *testing.T) {
	run := func() *Result {
		found := &lint.Finding{Rule: everyImage, Message: "as ever", Renderings: []lint.Rendering{{Kind: "helm", Root: "good"}}}
		return &Result{Rendering: lint.Rendering{Kind: "helm", Root: "good"}, Objects: 1, Findings: []*lint.Finding{found}}
	}
	want := Merge(Group{Results: []*Result{run()}})
	for name, spoil := range map[string]func(*Result){
		"findings": func(r *Result) {
			r.Findings = []*lint.Finding{{Renderings: []lint.Rendering{r.Rendering}}, {Renderings: []lint.Rendering{r.Rendering}}}
		},
		"yielded": func(r *Result) { r.Yielded = []*lint.Finding{nil} },
		"errors":  func(r *Result) { r.Errors = []*lint.InputError{nil} },
		"ignores": func(r *Result) { r.ignores = []*ignore{nil} },
	} {
		t.Run(name, func(t *testing.T) {
			broken := &Result{Rendering: lint.Rendering{Kind: "helm", Root: "broken"}}
			spoil(broken)
			got := Merge(Group{Results: []*Result{broken, run()}})
			if len(got.Errors) != 1 || !strings.HasPrefix(got.Errors[0].Message, "reporting what was found in broken failed: ") {
				t.Errorf("errors %v", got.Errors)
			}
			if !reflect.DeepEqual(got.Findings, want.Findings) {
				t.Errorf("%+v, want %+v", got.Findings[0], want.Findings[0])
			}
		})
	}
}

// Package gitops gathers what the objects of GitOps controllers want to have rendered, of the
// packages that know one controller each. It renders nothing itself.
package gitops

import (
	"context"
	"fmt"
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/gitops/argocd"
	"github.com/manilint/manilint/render/gitops/flux"
	"github.com/manilint/manilint/render/gitops/source"
)

// Wanted returns what some objects want to have rendered. all are the objects of the unit of
// these, and what is known of others, that may hold values for them, or limits. checkout
// returns that of an object, nil where it has none.
func Wanted(ctx context.Context, objects, all []*lint.Resource, checkout func(*lint.Resource) *source.Checkout) *source.Wanted {
	w := &source.Wanted{}
	for _, r := range objects {
		if r.Group == "argoproj.io" || r.Group == "helm.toolkit.fluxcd.io" {
			if c := checkout(r); c != nil {
				w.Add(of(ctx, r, all, c))
			}
		}
	}
	return w
}

// of returns what one object wants. A fault of this program in it is an error of the object.
func of(ctx context.Context, r *lint.Resource, all []*lint.Resource, c *source.Checkout) (w *source.Wanted) {
	w = &source.Wanted{}
	defer func() {
		if p := recover(); p != nil {
			e := &lint.InputError{Message: fmt.Sprintf("reading %s failed and was stopped there: %v; please report this with the file", named(r), p), Span: r.Root.Locate().Span}
			w = &source.Wanted{Errors: []*lint.InputError{e}}
		}
	}()
	w.Add(argocd.Wanted(named(r), r, all, c))
	w.Add(generated(ctx, r, all, c))
	w.Add(flux.Wanted(named(r), r, all, c))
	return w
}

// generated returns what the Applications of an ApplicationSet want. What several of them lack
// is said once.
func generated(ctx context.Context, r *lint.Resource, all []*lint.Resource, c *source.Checkout) *source.Wanted {
	applications, w := argocd.Generated(ctx, named(r), r, c)
	type lack struct {
		at   lint.Span
		what string
	}
	said := map[lack]bool{}
	for _, a := range applications {
		own := a.Wanted(named(a.Resource), all, c)
		own.Notes = slices.DeleteFunc(own.Notes, func(n lint.Note) bool {
			l := lack{n.Span, n.Lacks}
			again := said[l]
			said[l] = true
			return again
		})
		w.Add(own)
	}
	return w
}

// named returns an object as reports name it.
func named(r *lint.Resource) string {
	if r.Namespace != "" {
		return r.Kind + " " + r.Namespace + "/" + r.Name
	}
	return r.Kind + " " + r.Name
}

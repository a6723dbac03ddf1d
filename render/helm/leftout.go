package helm

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/render/helm/trace"
)

// kindLine is the kind of an object in the text of a template.
var kindLine = lint.Regexp(`(?m)^kind:[ \t]*["']?([A-Z][A-Za-z]*)["']?[ \t]*\r?$`)

// leftOut returns the objects that templates hold and a block around them, with the
// values given, does not write.
func (o *output) leftOut() []lint.LeftOut {
	var all []lint.LeftOut
	for _, x := range o.texts {
		l := &locator{out: o, x: x}
		for _, g := range x.Segs {
			if g.O.Kind != trace.FromGap || g.O.Gap == nil {
				continue
			}
			s, ok := l.site(g)
			if !ok {
				continue
			}
			kinds := kindLine().FindAllStringSubmatch(g.O.Gap.Body, -1)
			for _, match := range kinds {
				left := lint.LeftOut{Kind: match[1], Template: s.span}
				left.Alone = !slices.ContainsFunc(kinds, func(other []string) bool { return other[1] != match[1] })
				if unmet, certain := o.values.unmet(g.O.Gap.Decision, g.O.Paths); certain {
					var wishes []string
					for _, n := range unmet {
						wishes = append(wishes, o.values.wish(n))
						if p, _, ok := o.values.nearest(trace.Split(n.path)); ok && !left.Value.IsValid() {
							left.Value = p.key()
						}
					}
					left.Wish = strings.Join(wishes, " and ")
				}
				if !slices.Contains(all, left) {
					all = append(all, left)
				}
			}
		}
	}
	return all
}

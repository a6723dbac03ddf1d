package helm

import (
	"regexp"
	"slices"

	"github.com/manilint/manilint/lint"
)

// kindLine is the kind of an object in the text of a template.
var kindLine = regexp.MustCompile(`(?m)^kind:[ \t]*["']?([A-Z][A-Za-z]*)["']?[ \t]*\r?$`)

// leftOut returns the objects that templates hold and a block around them, with the
// values given, does not write.
func (o *output) leftOut() []lint.LeftOut {
	var all []lint.LeftOut
	for _, x := range o.texts {
		l := &locator{out: o, x: x}
		for _, g := range x.segs {
			if g.o.kind != fromGap || g.o.gap == nil {
				continue
			}
			s, ok := l.site(g)
			if !ok {
				continue
			}
			kinds := kindLine.FindAllStringSubmatch(g.o.gap.body, -1)
			for _, match := range kinds {
				left := lint.LeftOut{Kind: match[1], Template: s.span}
				left.Alone = !slices.ContainsFunc(kinds, func(other []string) bool { return other[1] != match[1] })
				if path := l.decisive(g.o.paths); path != "" {
					left.Setting = dotted(path)
					if p, _, ok := o.values.nearest(split(path)); ok {
						left.Value = p.key()
					}
				}
				if !slices.Contains(all, left) {
					all = append(all, left)
				}
			}
		}
	}
	return all
}

// decisive returns the first of the values that a condition read that is not true; ""
// where there is none, as of a condition on the cluster's version.
func (l *locator) decisive(paths []string) string {
	i := slices.IndexFunc(paths, func(path string) bool {
		p, found := l.valuePlace(path)
		value, isBool := p.bool()
		return !found || !isBool || !value
	})
	if i < 0 {
		return ""
	}
	return paths[i]
}

package engine

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/manilint/manilint/internal/config"
	"github.com/manilint/manilint/internal/glob"
	"github.com/manilint/manilint/lint"
)

// IgnoreAnnotation is the annotation that ignores rules for a whole object, on the metadata
// of a pod template for its pods:
// "rule, rule: reason".
const IgnoreAnnotation = "manilint.dev/ignore"

// An ignore is a comment, an annotation or an entry of the configuration that
// suppresses findings. It is met by each check anew; [Merge] joins those of one place.
type ignore struct {
	by            string // comment, annotation or config
	rules         []string
	unknown       []string // names that no rule has
	until, reason string
	problem       string // why it cannot be applied
	span          lint.Span

	first, last int           // of a comment: the lines covered
	objects     []lint.Object // of an annotation
	entry       *entry        // of the configuration

	used       map[string]bool // rules of which it suppressed a finding
	renderings []lint.Rendering
	uncertain  bool // met in a rendering that has errors: it may be needed there
	rendered   bool // of a comment that suppressed nothing: a node was written in its lines
	hidden     []*lint.Finding
	seen       *placed // the finding that it was last tried on
}

// An entry is an ignore of the configuration with its globs ready.
type entry struct {
	*config.Ignore
	number     int // of those of its configuration
	ignore     ignore
	path, name func() *glob.Glob // compiled when first requested; nil where the entry has none
}

// compiled returns what compiles a glob once, nil for none. One that is none, which a
// configuration that was read does not have, stands for itself alone.
func compiled(pattern string) func() *glob.Glob {
	if pattern == "" {
		return nil
	}
	return sync.OnceValue(func() *glob.Glob {
		g, err := config.CompileGlob(pattern)
		if err != nil {
			return nil
		}
		return g
	})
}

// globs reports whether a glob stands for a text or a directory above it.
func globs(pattern string, compiled func() *glob.Glob, text string) bool {
	if pattern == text {
		return true
	}
	g := compiled()
	return g != nil && g.MatchTree(text)
}

// names are what a run's ignores are read by, the same for all of its checks.
type names struct {
	options   *Options
	hygiene   *config.Enabled
	ran       map[string]bool
	canonical map[string]string // rule IDs by their names
	entries   []*entry
	byRule    map[string][]*entry // those that hold
}

func newNames(o *Options) *names {
	n := &names{options: o, ran: map[string]bool{}, canonical: map[string]string{}, byRule: map[string][]*entry{}}
	rules := slices.Clone(o.AllRules)
	for i, e := range o.Rules {
		n.ran[e.Rule.ID] = true
		rules = append(rules, e.Rule)
		if e.Rule.ID == SuppressionHygiene.ID {
			n.hygiene = &o.Rules[i]
		}
	}
	for _, r := range rules {
		for _, name := range append([]string{r.ID}, r.Aliases...) {
			n.canonical[name] = r.ID
		}
	}
	for i := range o.Ignores {
		c := &o.Ignores[i]
		e := &entry{Ignore: c, number: i, path: compiled(c.Path), name: compiled(c.Name)}
		e.ignore = ignore{by: "config", entry: e, until: c.Until, reason: c.Reason, span: c.Span}
		n.settle(&e.ignore, c.Rules)
		n.entries = append(n.entries, e)
		if n.holds(&e.ignore) {
			for _, id := range e.ignore.rules {
				n.byRule[id] = append(n.byRule[id], e)
			}
		}
	}
	return n
}

// settle sets the rules and the date of an ignore.
func (n *names) settle(g *ignore, names []string) {
	for _, name := range names {
		if id := n.canonical[name]; id != "" {
			g.rules = append(g.rules, id)
		} else {
			g.unknown = append(g.unknown, name)
		}
	}
	if g.problem == "" && len(names) == 0 {
		g.problem = "ignore names no rule"
	}
	if g.until != "" && !config.IsDate(g.until) {
		g.problem = fmt.Sprintf("until=%q is not a date, so the ignore does not hold", g.until)
	}
}

// expired reports whether the last day of an ignore is over.
func (n *names) expired(g *ignore) bool {
	return g.until != "" && !n.options.Now.IsZero() && n.options.Now.Format(time.DateOnly) > g.until
}

// holds reports whether an ignore suppresses what it covers.
func (n *names) holds(g *ignore) bool { return g.problem == "" && !n.expired(g) }

// A suppressor applies ignores to the findings of one bundle.
type suppressor struct {
	*names
	bundle *lint.Bundle
	// failed says that not all of the bundle was rendered and checked.
	failed      bool
	all         []*ignore                          // in the order met
	comments    map[*lint.Source]map[string]*cover // by rule, those that hold
	commented   bool                               // some source has one
	annotations map[*lint.Resource][]annotated
	config      map[*entry]*ignore
}

// annotated is an ignore by annotation, and the path of what it covers: of the metadata of
// a pod template the pods alone, "" for the whole object.
type annotated struct {
	*ignore
	below string
}

func (a annotated) covers(f *placed) bool {
	rest, ok := strings.CutPrefix(f.Path, a.below)
	return ok && (a.below == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

func newSuppressor(b *lint.Bundle, n *names, failed bool) *suppressor {
	return &suppressor{
		names: n, bundle: b, failed: failed,
		comments: map[*lint.Source]map[string]*cover{}, annotations: map[*lint.Resource][]annotated{}, config: map[*entry]*ignore{},
	}
}

// suppress takes out of found what an ignore covers.
func (s *suppressor) suppress(found []*placed) []*placed {
	if s.options.NoIgnores {
		return found
	}
	s.meet(found)
	left := slices.DeleteFunc(found, func(f *placed) bool {
		by := s.hiding(f)
		if by == nil {
			return false
		}
		by.hidden = append(by.hidden, f.Finding)
		f.ignored = true
		return true
	})
	s.findRendered()
	return left
}

// meet reads the ignores of the bundle's files and objects.
func (s *suppressor) meet(found []*placed) {
	visit := func(src *lint.Source) {
		if src == nil || s.comments[src] != nil {
			return
		}
		byRule := map[string]*cover{}
		for _, c := range findComments(src) {
			s.add(c.ignore, c.names)
			if s.holds(c.ignore) {
				for _, id := range c.rules {
					if byRule[id] == nil {
						byRule[id] = &cover{}
					}
					byRule[id].ignores = append(byRule[id].ignores, c.ignore)
				}
			}
		}
		for _, c := range byRule {
			c.index()
		}
		s.comments[src] = byRule
		s.commented = s.commented || len(byRule) > 0
	}
	for _, src := range s.bundle.Sources {
		visit(src)
	}
	for _, f := range found {
		visit(f.Span.Start.Source)
		for _, r := range f.Related {
			if slices.Contains(fixRoles, r.Role) {
				visit(r.Span.Start.Source)
			}
		}
	}
	written := map[string]*ignore{} // annotations: a template may write one for many objects
	for _, r := range slices.Concat(s.bundle.Resources, s.bundle.Configuration) {
		src := r.Source()
		if src == nil { // else it needs no search
			src = r.Root.Locate().Span.Start.Source
		}
		visit(src)
		read := func(n *lint.Node, below string) {
			if !n.IsScalar() {
				return
			}
			span := n.Locate().Span
			key := span.Start.String() + n.Value()
			g := written[key]
			if g == nil {
				names, tail, _ := strings.Cut(n.Value(), ":")
				g = &ignore{by: "annotation", span: span}
				g.until, g.reason = cutReason(tail)
				s.add(g, splitNames(names))
				written[key] = g
			}
			g.objects = append(g.objects, r.Object())
			s.annotations[r] = append(s.annotations[r], annotated{g, below})
		}
		own := r.Get("metadata", "annotations", IgnoreAnnotation)
		read(own, "")
		for _, p := range r.PodSpecs() {
			if n := p.Metadata.Get("annotations", IgnoreAnnotation); !n.Same(own) && p.Metadata.Parent() != nil {
				read(n, p.Metadata.Parent().Path())
			}
		}
	}
}

// add settles an ignore that was met.
func (s *suppressor) add(g *ignore, names []string) {
	s.settle(g, names)
	g.used = map[string]bool{}
	g.renderings, g.uncertain = []lint.Rendering{s.bundle.Rendering}, s.failed
	s.all = append(s.all, g)
}

// hiding returns the first ignore that covers a finding, nil for none, and marks all that
// do as used.
func (s *suppressor) hiding(f *placed) (by *ignore) {
	use := func(g *ignore) {
		if g.seen == f {
			return
		}
		g.seen, g.used[f.Rule.ID] = f, true
		if by == nil {
			by = g
		}
	}
	var places []lint.Span // where they are requested
	if s.commented || len(s.byRule[f.Rule.ID]) > 0 {
		places = fixPlaces(f.Span, f.Related)
	}
	for _, span := range places {
		if c := s.comments[span.Start.Source][f.Rule.ID]; c != nil {
			c.each(span.Start.Line, use)
		}
	}
	for _, g := range s.annotations[f.resource] {
		if g.covers(f) && s.holds(g.ignore) && slices.Contains(g.rules, f.Rule.ID) {
			use(g.ignore)
		}
	}
	for _, e := range s.byRule[f.Rule.ID] {
		if !e.matches(f, places) {
			continue
		}
		g := s.config[e]
		if g == nil {
			copied := e.ignore
			g = &copied
			g.used = map[string]bool{}
			s.config[e] = g
			s.all = append(s.all, g)
		}
		use(g)
	}
	return by
}

// A cover finds the comments of one rule in one source that cover a line, however many
// there are.
type cover struct {
	ignores []*ignore // by their first line
	// last is a tree: at 1 the greatest last line of all, at 2n and 2n+1 those of the two
	// halves of what is at n.
	last []int
}

func (c *cover) index() {
	slices.SortStableFunc(c.ignores, func(a, b *ignore) int { return a.first - b.first })
	size := 1
	for size < len(c.ignores) {
		size *= 2
	}
	c.last = make([]int, 2*size)
	for i, g := range c.ignores {
		c.last[size+i] = g.last
	}
	for i := size - 1; i > 0; i-- {
		c.last[i] = max(c.last[2*i], c.last[2*i+1])
	}
}

// each calls use for those that cover a line, in order.
func (c *cover) each(line int, use func(*ignore)) {
	size := len(c.last) / 2
	var visit func(at, from, n int)
	visit = func(at, from, n int) {
		switch {
		case c.last[at] < line || from >= len(c.ignores) || c.ignores[from].first > line:
		case n == 1:
			use(c.ignores[from])
		default:
			visit(2*at, from, n/2)
			visit(2*at+1, from+n/2, n/2)
		}
	}
	visit(1, 0, size)
}

// fixRoles are the roles of related places where the finding's value is written.
var fixRoles = []string{"value", "template", "patch", "base"}

// fixPlaces returns those of the places of a finding, or of a node, where it can be
// fixed, and so ignored.
func fixPlaces(span lint.Span, related []lint.Related) []lint.Span {
	var all []lint.Span
	if span.IsValid() {
		all = append(all, span)
	}
	for _, r := range related {
		if r.Span.IsValid() && slices.Contains(fixRoles, r.Role) {
			all = append(all, r.Span)
		}
	}
	return all
}

// matches reports whether every field that an entry has is the finding's.
func (e *entry) matches(f *placed, places []lint.Span) bool {
	if e.Kind != "" && e.Kind != f.Object.Kind || e.Namespace != "" && e.Namespace != f.Object.Namespace || e.Container != "" && e.Container != f.Container ||
		e.name != nil && !globs(e.Name, e.name, f.Object.Name) {
		return false
	}
	if e.path == nil {
		return true
	}
	dir := filepath.FromSlash(path.Dir(e.Span.Path()))
	return slices.ContainsFunc(places, func(span lint.Span) bool {
		relative := span.Path()
		if dir != "." {
			rel, err := filepath.Rel(dir, filepath.FromSlash(relative))
			if err != nil {
				return false
			}
			relative = filepath.ToSlash(rel)
		}
		return globs(e.Path, e.path, relative)
	})
}

// findRendered sets, of the comments that may be needless, whether a node of some object
// was written in the lines that they cover: a template's branch may be taken with other
// values alone.
func (s *suppressor) findRendered() {
	doubtful := map[*lint.Source][]*ignore{}
	for _, g := range s.all {
		if g.by == "comment" && slices.ContainsFunc(g.rules, func(id string) bool { return s.ran[id] && !g.used[id] }) {
			doubtful[g.span.Start.Source] = append(doubtful[g.span.Start.Source], g)
		}
	}
	if len(doubtful) == 0 || s.hygiene == nil {
		return
	}
	lines := map[*lint.Source][]int{}
	for _, r := range slices.Concat(s.bundle.Resources, s.bundle.Configuration) {
		if src := r.Source(); src != nil && doubtful[src] == nil {
			continue
		}
		r.Root.Walk(func(n *lint.Node) bool {
			place := n.Locate()
			for _, span := range fixPlaces(place.Span, place.Related) {
				if src := span.Start.Source; doubtful[src] != nil {
					lines[src] = append(lines[src], span.Start.Line)
				}
			}
			return true
		})
	}
	for src, ignores := range doubtful {
		written := lines[src]
		slices.Sort(written)
		for _, g := range ignores {
			at, _ := slices.BinarySearch(written, g.first)
			g.rendered = at < len(written) && written[at] <= g.last
		}
	}
}

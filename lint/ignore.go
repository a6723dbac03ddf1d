package lint

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/manilint/manilint/internal/glob"
	"github.com/manilint/manilint/internal/yamltext"
)

//go:embed suppression_hygiene.md
var ignoreDocs embed.FS

// SuppressionHygiene reports ignores that do no good: they suppress nothing,
// have run out, name no rule, or do not say why. [Run] makes its findings itself,
// since they follow from what every other rule found; each stands at the ignore.
var SuppressionHygiene = &Rule{
	ID:       "suppression-hygiene",
	Summary:  "ignore that suppresses nothing, has run out, names no rule or gives no reason",
	Severity: Low,
	Group:    "validity",
	Profiles: []Profile{ProfileDefault},
	Docs:     ignoreDocs,
	Run:      func(*Pass) {},
}

// IgnoreAnnotation is the annotation that ignores rules for a whole object:
// "rule, rule: reason".
const IgnoreAnnotation = "manilint.dev/ignore"

// An ignore is a comment, an annotation or an entry of the configuration that
// suppresses findings.
type ignore struct {
	by            string // comment, annotation or config
	rules         []string
	unknown       []string // names that no rule has
	until, reason string
	problem       string // why it cannot be applied
	span          Span

	first, last int                // of a comment: the lines covered
	resources   map[*Resource]bool // of an annotation
	entry       *ConfigIgnore

	used       map[string]bool // rules of which it suppressed a finding
	renderings []Rendering     // those it was met in
	uncertain  bool            // met in a rendering that has errors: it may be needed there
	hidden     []*Finding
}

// suppressor applies ignores to the findings of one run.
type suppressor struct {
	options     Options
	hygiene     *Enabled
	bundles     []*Bundle
	ran         map[string]bool
	canonical   map[string]string // rule IDs by their names
	comments    map[*Source][]*ignore
	annotations map[*Resource]*ignore
	bySpan      map[string]*ignore // annotations
	config      []*ignore
	all         []*ignore // in the order met
	met         map[*Source][]*Bundle
	lines       map[*Bundle]map[*Source]map[int]bool // see linesOf
	globs       map[string]*glob.Glob
}

func newSuppressor(bundles []*Bundle, o Options) *suppressor {
	s := &suppressor{
		options: o, bundles: bundles, ran: map[string]bool{}, canonical: map[string]string{}, comments: map[*Source][]*ignore{},
		annotations: map[*Resource]*ignore{}, bySpan: map[string]*ignore{}, met: map[*Source][]*Bundle{}, lines: map[*Bundle]map[*Source]map[int]bool{}, globs: map[string]*glob.Glob{},
	}
	rules := o.AllRules
	for i, e := range o.Rules {
		s.ran[e.Rule.ID] = true
		rules = append(rules[:len(rules):len(rules)], e.Rule)
		if e.Rule.ID == SuppressionHygiene.ID {
			s.hygiene = &o.Rules[i]
		}
	}
	for _, r := range rules {
		for _, name := range append([]string{r.ID}, r.Aliases...) {
			s.canonical[name] = r.ID
		}
	}
	for i := range o.Ignores {
		e := &o.Ignores[i]
		s.add(&ignore{by: "config", entry: e, until: e.Until, reason: e.Reason, span: e.Span}, e.Rules)
		s.config = append(s.config, s.all[len(s.all)-1])
	}
	return s
}

// add settles the names and the date of an ignore.
func (s *suppressor) add(g *ignore, names []string) {
	g.used = map[string]bool{}
	for _, name := range names {
		if id := s.canonical[name]; id != "" {
			g.rules = append(g.rules, id)
		} else {
			g.unknown = append(g.unknown, name)
		}
	}
	if g.problem == "" && len(names) == 0 {
		g.problem = "ignore names no rule"
	}
	if g.until != "" && !isDate(g.until) {
		g.problem = fmt.Sprintf("until=%q is no date, so the ignore does not hold", g.until)
	}
	s.all = append(s.all, g)
}

// expired reports whether the last day of an ignore is over.
func (s *suppressor) expired(g *ignore) bool {
	return g.until != "" && !s.options.Now.IsZero() && s.options.Now.Format(time.DateOnly) > g.until
}

// meet reads the ignores of a bundle's files and objects. failed says that not
// all of the bundle was rendered and checked.
func (s *suppressor) meet(b *Bundle, found []*Finding, failed bool) {
	failed = failed || len(b.Errors) > 0
	seen := map[*Source]bool{}
	visit := func(span Span) {
		src := span.Start.Source
		if src == nil || seen[src] {
			return
		}
		seen[src] = true
		s.met[src] = append(s.met[src], b)
		ignores, ok := s.comments[src]
		if !ok {
			from := len(s.all)
			for _, c := range findComments(src) {
				s.add(c.ignore, c.names)
			}
			ignores = s.all[from:len(s.all):len(s.all)]
			s.comments[src] = ignores
		}
		for _, g := range ignores {
			g.renderings = append(g.renderings, b.Rendering)
			g.uncertain = g.uncertain || failed
		}
	}
	for _, src := range b.Sources {
		visit(src.Span(0, 0))
	}
	for _, f := range found {
		for _, span := range f.mendingPlaces() {
			visit(span)
		}
	}
	for _, r := range slices.Concat(b.Resources, b.Configuration) {
		if file, ok := r.locator.(FileLocator); ok { // its source needs no search
			visit(file.Source.Span(0, 0))
		} else {
			visit(r.Root.Locate().Span)
		}
		n := r.Get("metadata", "annotations", IgnoreAnnotation)
		if !n.IsScalar() {
			continue
		}
		span := n.Locate().Span
		key := span.Start.String() + n.Value()
		g := s.bySpan[key]
		if g == nil {
			names, tail, _ := strings.Cut(n.Value(), ":")
			g = &ignore{by: "annotation", span: span, resources: map[*Resource]bool{}}
			g.until, g.reason = cutReason(tail)
			s.add(g, splitNames(names))
			s.bySpan[key] = g
		}
		g.resources[r] = true
		g.renderings = append(g.renderings, b.Rendering)
		g.uncertain = g.uncertain || failed
		s.annotations[r] = g
	}
}

// suppress takes out of found what an ignore covers.
func (s *suppressor) suppress(b *Bundle, found []*Finding, failed bool) []*Finding {
	if s.options.NoIgnores {
		return found
	}
	s.meet(b, found, failed)
	return slices.DeleteFunc(found, func(f *Finding) bool {
		var by *ignore
		for _, g := range s.covering(f) {
			if g.problem != "" || s.expired(g) || !slices.Contains(g.rules, f.Rule.ID) {
				continue
			}
			g.used[f.Rule.ID] = true
			if by == nil {
				by = g
			}
		}
		if by == nil {
			return false
		}
		by.hidden = append(by.hidden, f)
		return true
	})
}

// covering returns the ignores that stand over a finding, whatever rules they name.
func (s *suppressor) covering(f *Finding) []*ignore {
	var all []*ignore
	for _, span := range f.mendingPlaces() {
		for _, g := range s.comments[span.Start.Source] {
			if g.first <= span.Start.Line && span.Start.Line <= g.last && !slices.Contains(all, g) {
				all = append(all, g)
			}
		}
	}
	if g := s.annotations[f.Node.Resource()]; g != nil {
		all = append(all, g)
	}
	for _, g := range s.config {
		if s.matches(g.entry, f) {
			all = append(all, g)
		}
	}
	return all
}

// mendingRoles are the roles of related places where the finding's value is written.
var mendingRoles = []string{"value", "template", "patch", "base"}

// mendingPlaces returns the places where a finding can be mended, and so ignored.
func (f *Finding) mendingPlaces() []Span {
	return mendingSpans(f.Span, f.Related)
}

func mendingSpans(span Span, related []Related) []Span {
	var all []Span
	if span.IsValid() {
		all = append(all, span)
	}
	for _, r := range related {
		if r.Span.IsValid() && slices.Contains(mendingRoles, r.Role) {
			all = append(all, r.Span)
		}
	}
	return all
}

// matches reports whether every field that an entry has is the finding's.
func (s *suppressor) matches(e *ConfigIgnore, f *Finding) bool {
	glob := func(pattern, text string) bool {
		if pattern == text {
			return true
		}
		g, known := s.globs[pattern]
		if !known {
			if compiled, err := CompileGlob(pattern); err == nil { // ParseConfig reports the others
				g = compiled
			}
			s.globs[pattern] = g
		}
		return g != nil && g.MatchTree(text)
	}
	if e.Kind != "" && e.Kind != f.Object.Kind || e.Namespace != "" && e.Namespace != f.Object.Namespace ||
		e.Name != "" && !glob(e.Name, f.Object.Name) || e.Container != "" && e.Container != containerName(f.Node) {
		return false
	}
	if e.Path == "" {
		return true
	}
	folder := path.Dir(e.Span.Path())
	return slices.ContainsFunc(f.mendingPlaces(), func(span Span) bool {
		relative, err := filepath.Rel(filepath.FromSlash(folder), filepath.FromSlash(span.Path()))
		return err == nil && glob(e.Path, filepath.ToSlash(relative))
	})
}

// containerName returns the name of the container that holds n, or "".
func containerName(n *Node) string {
	if n.res == nil {
		return ""
	}
	for ; n != nil; n = n.Parent() {
		for _, p := range n.res.PodSpecs() {
			for _, c := range p.Containers() {
				if n.yaml != nil && n.yaml == c.Node.yaml && n.yaml != p.Node.yaml {
					return c.Name()
				}
			}
		}
	}
	return ""
}

// suppressed returns what was suppressed: one defect in one place once, sorted.
func (s *suppressor) suppressed() []*Suppressed {
	all := []*Suppressed{}
	for _, g := range s.all {
		for _, f := range merge(g.hidden) {
			all = append(all, &Suppressed{Finding: f, Reason: g.reason, By: g.by, Span: g.span})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Finding.compare(all[j].Finding) < 0 })
	return all
}

// findings returns those of [SuppressionHygiene].
func (s *suppressor) findings(complete bool) []*Finding {
	if s.hygiene == nil || s.options.NoIgnores {
		return nil
	}
	var found []*Finding
	for _, g := range s.all {
		if g.renderings = sortedRenderings(g.renderings); len(g.renderings) == 0 {
			g.renderings = []Rendering{{Kind: "file", Root: g.span.Path()}}
		}
		report := func(key, help, format string, args ...any) {
			f := &Finding{
				Rule: SuppressionHygiene, Severity: SuppressionHygiene.Severity, Message: fmt.Sprintf(format, args...), Help: help,
				Node: &Node{index: -1}, Key: key + " " + strings.Join(g.rules, ","), Span: g.span, Precision: Exact, Renderings: slices.Clone(g.renderings),
			}
			if s.hygiene.Severity != nil {
				f.Severity = *s.hygiene.Severity
			}
			for r := range g.resources {
				if o := r.Object(); f.Object.Name == "" || fmt.Sprint(o) < fmt.Sprint(f.Object) {
					f.Object = o
				}
			}
			found = append(found, f)
		}
		if g.problem != "" {
			report("form", "write manilint:ignore[rule] until=2027-03-31 and the reason; until= may be left out", "%s", g.problem)
			continue
		}
		if s.options.AllRules != nil {
			for _, name := range g.unknown {
				report("unknown "+name, "name a rule that manilint rules lists", "ignore names %q, which is no rule%s", name, Suggest(name, ruleIDs(s.options.AllRules)))
			}
		}
		if s.expired(g) {
			report("expired", "mend what it covers, or set a later until= if the reason still holds", "ignore of %s ran out on %s", quoteAll(g.rules), g.until)
			continue
		}
		if g.reason == "" {
			report("reason", "say after the rules why they are ignored", "ignore of %s does not say why", quoteAll(append(g.rules[:len(g.rules):len(g.rules)], g.unknown...)))
		}
		if unused := s.unused(g); complete && len(unused) > 0 {
			report("unused", "remove it, or the rules that find nothing here", "ignore of %s suppresses nothing", quoteAll(unused))
		}
	}
	return found
}

// unused returns the rules of an ignore that ran and had nothing to suppress.
// Where a rendering failed or did not show the lines covered, that is not known.
func (s *suppressor) unused(g *ignore) []string {
	var names []string
	for _, id := range g.rules {
		if s.ran[id] && !g.used[id] {
			names = append(names, id)
		}
	}
	if len(names) == 0 || g.uncertain || g.by == "config" && !s.options.Complete || g.by == "comment" && !s.rendered(g) {
		return nil
	}
	return names
}

// rendered reports whether a node of some object was written in the lines that a
// comment covers: a template's branch may be taken with other values alone.
func (s *suppressor) rendered(g *ignore) bool {
	src := g.span.Start.Source
	for _, b := range s.met[src] {
		lines := s.linesOf(b)[src]
		for n := g.first; n <= g.last; n++ {
			if lines[n] {
				return true
			}
		}
	}
	return false
}

// linesOf returns the lines in which the nodes of a bundle were written.
func (s *suppressor) linesOf(b *Bundle) map[*Source]map[int]bool {
	lines, ok := s.lines[b]
	if ok {
		return lines
	}
	lines = map[*Source]map[int]bool{}
	for _, r := range slices.Concat(b.Resources, b.Configuration) {
		r.Root.Walk(func(n *Node) bool {
			place := n.Locate()
			for _, span := range mendingSpans(place.Span, place.Related) {
				src := span.Start.Source
				if lines[src] == nil {
					lines[src] = map[int]bool{}
				}
				lines[src][span.Start.Line] = true
			}
			return true
		})
	}
	s.lines[b] = lines
	return lines
}

func sortedRenderings(all []Rendering) []Rendering {
	slices.SortFunc(all, func(a, b Rendering) int { return strings.Compare(a.Root+"\x00"+a.Variant, b.Root+"\x00"+b.Variant) })
	return slices.Compact(all)
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return strings.Join(quoted, ", ")
}

func splitNames(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// cutReason splits what follows the rules into until= and the reason, which ends
// where another comment begins.
func cutReason(tail string) (until, reason string) {
	tail = strings.TrimLeft(strings.TrimSpace(tail), ":- \t")
	if rest, ok := strings.CutPrefix(tail, "until="); ok {
		until, tail, _ = strings.Cut(rest, " ")
		if until == "" {
			until = "?"
		}
	}
	reason, _, _ = strings.Cut(" "+tail, " # ")
	return until, strings.TrimLeft(strings.TrimSpace(reason), ":- \t")
}

// A comment is an ignore as it was found in a file.
type comment struct {
	*ignore
	names []string
}

var (
	ignoreComment   = regexp.MustCompile(`^[#\s]*manilint:ignore(?:\[([^\]\n]*)\]|\b)(.*)`)
	templateComment = regexp.MustCompile(`\{\{-?\s*/\*([\s\S]*?)\*/\s*-?\}\}`)
	action          = regexp.MustCompile(`\{\{-?\s*(.*?)\}\}`)
	flowAction      = regexp.MustCompile(`^(?:if|with|range|else|end|define|block|break|continue)\b|^\$\w*\s*:?=|^/\*`)
	nindent         = regexp.MustCompile(`\bnindent\s+(\d+)`)
	blockScalar     = regexp.MustCompile(`^(?:.*[:\-?]\s+|)(?:[&!]\S+\s+)*[|>][-+0-9]*\s*(?:#.*)?$`)
	objectKey       = regexp.MustCompile(`^(?:apiVersion|kind)\s*:`)
)

// findComments reads the ignores of a file from its text, so that it works in
// templates and in values files as in manifests.
func findComments(src *Source) []comment {
	if !bytes.Contains(src.Data, []byte("manilint:ignore")) {
		return nil
	}
	text := &commented{src: src, kind: make([]lineKind, src.Lines()+1)}
	var all []comment
	for _, m := range templateComment.FindAllSubmatchIndex(src.Data, -1) {
		start, end := src.Position(m[0]), src.Position(m[1])
		alone := strings.TrimSpace(src.Line(start.Line)[:m[0]-src.lineTable()[start.Line-1]]) == "" &&
			strings.TrimSpace(src.Line(end.Line)[m[1]-src.lineTable()[end.Line-1]:]) == ""
		if alone {
			for n := start.Line; n <= end.Line; n++ {
				text.kind[n] = lineComment
			}
		}
		for line := range strings.Lines(string(src.Data[m[2]:m[3]])) {
			if c, ok := parseComment(line, src.Span(m[0], m[1])); ok {
				c.first, c.last = start.Line, end.Line
				if alone {
					c.last = -end.Line // settled below, when every line is known
				}
				all = append(all, c)
			}
		}
	}
	all = append(all, text.hashComments()...)
	outline := text.outline()
	for _, c := range all {
		if c.last < 0 {
			c.first, c.last = outline.below(-c.last)
		}
	}
	slices.SortStableFunc(all, func(a, b comment) int { return a.span.Compare(b.span) })
	return all
}

func parseComment(text string, span Span) (comment, bool) {
	m := ignoreComment.FindStringSubmatch(strings.TrimRight(text, "\r\n"))
	if m == nil {
		return comment{}, false
	}
	c := comment{&ignore{by: "comment", span: span}, splitNames(m[1])}
	c.until, c.reason = cutReason(m[2])
	return c, true
}

type lineKind int

const (
	lineText lineKind = iota
	lineComment
	lineScalar // inside a block scalar, where # begins no comment
)

// commented is a file with what its lines are.
type commented struct {
	src  *Source
	kind []lineKind
}

// hashComments finds the YAML comments. Inside block scalars # is text, but for
// the patches that a kustomization file holds in line.
func (t *commented) hashComments() []comment {
	kustomization := strings.HasPrefix(strings.ToLower(path.Base(t.src.Path)), "kustomization")
	var all []comment
	scalar := -1 // the indentation that a block scalar's text exceeds
	for n := 1; n <= t.src.Lines(); n++ {
		line := t.src.Line(n)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || t.kind[n] == lineComment {
			continue
		}
		if scalar >= 0 && yamltext.Indent([]byte(line)) > scalar {
			t.kind[n] = lineScalar
			continue
		}
		scalar = -1
		if strings.HasPrefix(trimmed, "#") {
			t.kind[n] = lineComment
		} else if blockScalar.MatchString(trimmed) && !kustomization {
			scalar = keyColumn(line)
		}
		at := commentStart(line)
		if at < 0 {
			continue
		}
		start := t.src.lineTable()[n-1]
		if n == 1 && bytes.HasPrefix(t.src.Data, []byte("\ufeff")) && at < 3 {
			at = 3
		}
		c, ok := parseComment(line[at:], t.src.Span(start+at, start+len(strings.TrimRight(line, " \t"))))
		if !ok {
			continue
		}
		c.first, c.last = n, n
		if t.kind[n] == lineComment {
			c.last = -n
		}
		all = append(all, c)
	}
	return all
}

// commentStart returns the byte offset of the # of an ignore, or -1. A # inside
// double quotes or behind anything but a blank is text.
func commentStart(line string) int {
	word := strings.Index(line, "manilint:ignore")
	if word < 0 {
		return -1
	}
	at := word
	for at > 0 && strings.ContainsRune("# \t", rune(line[at-1])) {
		at--
	}
	at += strings.IndexByte(line[at:word]+"#", '#')
	if at >= word || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' && line[:at] != "\ufeff" || strings.Count(line[:at], `"`)%2 == 1 {
		return -1
	}
	return at
}

// keyColumn returns the column (from 0) of the last key or dash that opens a line:
// "- - key: |" is 4.
func keyColumn(line string) int {
	column := yamltext.Indent([]byte(line))
	for column+1 < len(line) && line[column] == '-' && line[column+1] == ' ' {
		next := column + 1 + yamltext.Indent([]byte(line[column+1:]))
		if next >= len(line) || line[next] == '|' || line[next] == '>' {
			break
		}
		column = next
	}
	return column
}

// transparent reports whether a line says nothing of the tree: it is blank, a
// comment, or an action that only steers the template.
func (t *commented) transparent(n int) bool {
	line := t.src.Line(n)
	if t.kind[n] == lineComment || strings.TrimSpace(line) == "" {
		return true
	}
	if !strings.Contains(line, "{{") {
		return false
	}
	for _, m := range action.FindAllStringSubmatch(line, -1) {
		if !flowAction.MatchString(m[1]) {
			return false
		}
	}
	return strings.TrimSpace(action.ReplaceAllString(line, "")) == ""
}

// indentOfWritten returns the indentation of what a line writes.
func indentOfWritten(line string) int {
	if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "{{") {
		if m := nindent.FindStringSubmatch(trimmed); m != nil {
			if to, err := strconv.Atoi(m[1]); err == nil {
				return to
			}
		}
	}
	return yamltext.Indent([]byte(line))
}

// An outline is what the lines of a file say of its tree, read once for all comments:
// many comments in one file cost no more than its lines.
type outline struct {
	lines  int
	indent []int // by line; of a document's marker -1
	item   []bool
	// next is, by line, the first at or below it that is not transparent; behind the
	// last line where there is none.
	next []int
	// last is, by line, the last at or above it that says something of the tree.
	last []int
	// out is, by line, the first below it that is indented no deeper.
	out     []int
	markers []int // lines
	objects []int // by line: how many lines up to it are a key of an object's head
}

func (t *commented) outline() *outline {
	n := t.src.Lines()
	o := &outline{
		lines: n, indent: make([]int, n+2), item: make([]bool, n+2), next: make([]int, n+2), last: make([]int, n+2), out: make([]int, n+2), objects: make([]int, n+2),
	}
	speaks := make([]bool, n+2) // a line of a block scalar does, whatever it looks like
	for i := 1; i <= n; i++ {
		line := t.src.Line(i)
		o.indent[i], o.item[i] = indentOfWritten(line), isItem(line)
		if yamltext.IsMarker([]byte(line), "---") {
			o.indent[i] = -1
			o.markers = append(o.markers, i)
		}
		o.objects[i] = o.objects[i-1]
		if objectKey.MatchString(line) {
			o.objects[i]++
		}
		o.next[i] = i
		if t.transparent(i) {
			o.next[i] = 0
		}
		speaks[i] = o.next[i] == i || t.kind[i] == lineScalar || o.indent[i] < 0
		o.last[i] = o.last[i-1]
		if speaks[i] {
			o.last[i] = i
		}
	}
	o.next[n+1] = n + 1
	below := n + 1 // the nearest line below that speaks
	for i := n; i >= 1; i-- {
		if o.next[i] == 0 {
			o.next[i] = o.next[i+1]
		}
		if !speaks[i] {
			continue
		}
		out := below
		for out <= n && o.indent[out] > o.indent[i] {
			out = o.out[out]
		}
		o.out[i] = out
		below = i
	}
	return o
}

// below returns the lines that a comment ending at line n covers: the line below
// and, where it opens a mapping or a list item, all that is in it. Above the
// first line of a Kubernetes object it covers the object.
func (o *outline) below(n int) (first, last int) {
	target := o.next[n+1]
	if target > o.lines {
		return n, n
	}
	from, to := o.document(n)
	opens := o.next[from] > n // nothing is written above it
	if o.indent[target] < 0 {
		if !opens || target == o.lines {
			return n, n
		}
		_, last = o.document(target + 1) // the head of a file, in front of its first marker
		return n, last
	}
	if opens && o.objects[to] > o.objects[from-1] {
		return n, to
	}
	out := o.out[target]
	for out <= o.lines && !o.item[target] && o.item[out] && o.indent[out] == o.indent[target] { // a list may stand as deep as its key
		out = o.out[out]
	}
	return n, max(target, o.last[out-1])
}

func isItem(line string) bool {
	trimmed := strings.TrimSpace(line)
	return strings.HasPrefix(trimmed, "- ") || trimmed == "-"
}

// document returns the lines of the document that holds line n, without its marker.
func (o *outline) document(n int) (first, last int) {
	at := sort.SearchInts(o.markers, n)
	first, last = 1, o.lines
	if at > 0 {
		first = o.markers[at-1] + 1
	}
	if at < len(o.markers) && o.markers[at] == n {
		at++
	}
	if at < len(o.markers) {
		last = o.markers[at] - 1
	}
	return first, last
}

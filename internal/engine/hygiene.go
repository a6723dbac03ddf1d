package engine

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

//go:embed suppression_hygiene.md
var ignoreDocs embed.FS

// SuppressionHygiene reports ignores that do no good: they suppress nothing,
// have run out, name no rule, or do not say why. [Merge] makes its findings itself,
// since they follow from what every other rule found in every bundle; each is reported at
// the ignore.
var SuppressionHygiene = &lint.Rule{
	ID:       "suppression-hygiene",
	Summary:  "ignore that suppresses nothing, has expired, names no rule or gives no reason",
	Severity: lint.Low,
	Group:    "validity",
	Profiles: []lint.Profile{lint.ProfileDefault},
	Docs:     ignoreDocs,
	Run:      func(*lint.Pass) {},
}

// An accepted ignore is what the checks of one configuration say of one ignore together.
type accepted struct {
	ignore
	wanted []func(*lint.Finding) bool // of the results that met it; see [Result.Keep]
}

// A ledger joins the ignores of the results that were checked with one configuration.
type ledger struct {
	*names
	all []*accepted // in the order met, those of the configuration first
	at  map[string]*accepted
}

func newLedger(o *Options) *ledger {
	l := &ledger{names: newNames(o), at: map[string]*accepted{}}
	for _, e := range l.entries {
		a := &accepted{ignore: e.ignore, wanted: []func(*lint.Finding) bool{nil}}
		a.used = map[string]bool{}
		l.all = append(l.all, a)
		l.at[e.key()] = a
	}
	return l
}

// key tells the entries of one configuration apart. It is the same where the configuration is
// read again: results that were checked with it before are merged with later ones.
func (e *entry) key() string { return fmt.Sprintf("config %d", e.number) }

// add takes in what a check says of its ignores.
func (l *ledger) add(r *Result) {
	for _, g := range r.ignores {
		key := g.by + " " + g.span.Start.String() + " " + g.reason + " " + strings.Join(g.rules, ",")
		if g.entry != nil {
			key = g.entry.key()
		}
		a := l.at[key]
		if a == nil {
			a = &accepted{ignore: *g}
			a.used, a.hidden, a.renderings, a.objects, a.rendered, a.uncertain = map[string]bool{}, nil, nil, nil, false, false
			l.at[key] = a
			l.all = append(l.all, a)
		}
		a.wanted = append(a.wanted, r.keep)
		a.renderings, a.objects, a.hidden = append(a.renderings, g.renderings...), append(a.objects, g.objects...), append(a.hidden, g.hidden...)
		a.uncertain, a.rendered = a.uncertain || g.uncertain, a.rendered || g.rendered
		for id := range g.used {
			a.used[id] = true
		}
	}
}

// suppressed returns what was suppressed: one defect in one place once.
func (l *ledger) suppressed() []*lint.Suppressed {
	var all []*lint.Suppressed
	for _, a := range l.all {
		for _, f := range merge(a.hidden) {
			all = append(all, &lint.Suppressed{Finding: f, Reason: a.reason, By: a.by, Span: a.span})
		}
	}
	return all
}

// findings returns those of [SuppressionHygiene]. complete says that no check was stopped.
func (l *ledger) findings(complete bool) []*lint.Finding {
	if l.hygiene == nil || l.options.NoIgnores {
		return nil
	}
	var found []*lint.Finding
	suggested := map[string]string{}
	suggest := func(name string) string {
		s, known := suggested[name]
		if !known {
			var ids []string
			for _, r := range l.options.AllRules {
				ids = append(ids, r.ID)
			}
			s = lint.Suggest(name, ids)
			suggested[name] = s
		}
		return s
	}
	for _, a := range l.all {
		for _, f := range l.judge(a, complete, suggest) {
			if slices.ContainsFunc(a.wanted, func(keep func(*lint.Finding) bool) bool { return keep == nil || keep(f) }) {
				found = append(found, f)
			}
		}
	}
	return found
}

// judge returns what is wrong with one ignore.
func (l *ledger) judge(a *accepted, complete bool, suggest func(string) string) []*lint.Finding {
	var found []*lint.Finding
	renderings := sortedRenderings(a.renderings)
	if len(renderings) == 0 {
		renderings = []lint.Rendering{{Kind: "file", Root: a.span.Path()}}
	}
	var object lint.Object // of several the first by the alphabet
	if len(a.objects) > 0 {
		object = slices.MinFunc(a.objects, func(x, y lint.Object) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
	}
	report := func(key, help, format string, args ...any) {
		f := &lint.Finding{
			Rule: SuppressionHygiene, Severity: SuppressionHygiene.Severity, Message: fmt.Sprintf(format, args...), Help: help,
			Key: key + " " + strings.Join(a.rules, ","), Object: object, Span: a.span, Precision: lint.Exact, Renderings: slices.Clone(renderings),
		}
		if l.hygiene.Severity != nil {
			f.Severity = *l.hygiene.Severity
		}
		found = append(found, f)
	}
	if a.problem != "" {
		report("form", "write manilint:ignore[rule] until=2027-03-31 and the reason; until= may be left out", "%s", a.problem)
		return found
	}
	if l.options.AllRules != nil {
		for _, name := range a.unknown {
			report("unknown "+name, "name a rule that manilint rules lists", "ignore names %q, which is not a rule%s", name, suggest(name))
		}
	}
	if l.expired(&a.ignore) {
		report("expired", "fix what it covers, or set a later until= if the reason still holds", "ignore of %s expired on %s", quoteAll(a.rules), a.until)
		return found
	}
	if a.reason == "" {
		report("reason", "write the reason after the rules", "ignore of %s gives no reason", quoteAll(slices.Concat(a.rules, a.unknown)))
	}
	if unused := l.unused(a); complete && len(unused) > 0 {
		report("unused", "remove it, or the rules that report nothing here", "ignore of %s suppresses nothing", quoteAll(unused))
	}
	return found
}

// Unused returns the rules of which a finding of [SuppressionHygiene] says that their ignore
// suppresses nothing, or what an unavailable entry names that matches nothing; none for a
// finding that says something else.
func Unused(f *lint.Finding) []string {
	if f.Rule != SuppressionHygiene || !strings.HasPrefix(f.Key, "unused ") && !strings.HasPrefix(f.Key, "unavailable unused ") {
		return nil
	}
	var names []string
	for i, part := range strings.Split(f.Message, `"`) {
		if i%2 == 1 {
			names = append(names, part)
		}
	}
	return names
}

// unused returns the rules of an ignore that ran and had nothing to suppress.
// Where a rendering failed or did not show the lines covered, that is not known.
func (l *ledger) unused(a *accepted) []string {
	var names []string
	for _, id := range a.rules {
		if l.ran[id] && !a.used[id] {
			names = append(names, id)
		}
	}
	if a.uncertain || a.by == "config" && !l.options.Complete || a.by == "comment" && !a.rendered {
		return nil
	}
	return names
}

func sortedRenderings(all []lint.Rendering) []lint.Rendering {
	slices.SortFunc(all, func(a, b lint.Rendering) int {
		return strings.Compare(a.Root+"\x00"+a.Variant, b.Root+"\x00"+b.Variant)
	})
	return slices.Compact(all)
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return strings.Join(quoted, ", ")
}

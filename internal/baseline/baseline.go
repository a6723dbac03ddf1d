// Package baseline compares the findings of a run with what was known before: with a file
// of the repository, or with the findings of another revision. It is pure: what it must
// know of the tree is given to it, and it reads and writes no file.
//
// An entry accepts one finding, by its fingerprint, or by the second print where the file
// or the object of the entry is gone. It accepts nothing that is more severe than it says.
package baseline

import (
	"cmp"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// An Entry is one finding as a baseline keeps it: nothing of it changes with the wording of
// a message, the line, or the machine.
type Entry struct {
	Fingerprint string        `json:"fingerprint"`
	Second      string        `json:"second"`
	Rule        string        `json:"rule"`
	Severity    lint.Severity `json:"severity"`
	File        string        `json:"file"`
	Object      string        `json:"object"` // kind and name without generated parts: Deployment/web
	Path        string        `json:"path"`
	// Also are the prints of the other objects and fields that the place shows the defect in,
	// any of which may speak for it when the first is gone.
	Also []string `json:"also,omitempty"`
	// Span is the entry's place in the baseline's file; not valid where it has none.
	Span lint.Span `json:"-"`
}

// A Known is what was known before: the entries of a baseline's file, or the findings of a
// revision.
type Known struct {
	Entries []Entry // sorted by file, then rule
}

// Of returns what a report knows: its findings, and of those that are suppressed the ones
// that by names ("baseline", "comment").
func Of(r *lint.Report, by ...string) *Known {
	k := &Known{}
	for _, f := range r.Findings {
		k.Entries = append(k.Entries, entryOf(f))
	}
	for _, s := range r.Suppressed {
		if slices.Contains(by, s.By) {
			k.Entries = append(k.Entries, entryOf(s.Finding))
		}
	}
	k.sort()
	return k
}

func entryOf(f *lint.Finding) Entry {
	return Entry{Fingerprint: f.Fingerprint, Second: f.Second, Rule: f.Rule.ID, Severity: f.Severity, File: f.File, Object: objectOf(f), Path: f.Path, Also: f.Prints}
}

func objectOf(f *lint.Finding) string {
	if f.Object.Kind == "" && f.Object.Name == "" {
		return ""
	}
	return f.Object.Kind + "/" + lint.BareName(f.Object.Name)
}

func (k *Known) sort() {
	slices.SortStableFunc(k.Entries, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Object, b.Object),
			strings.Compare(a.Path, b.Path), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// A Tree is what matching must know of what there is now.
type Tree struct {
	// File reports whether there is a file, named as in [lint.Finding.File].
	File func(file string) bool
	// Objects are the files that each object is in, named as in [Entry.Object] and
	// [lint.Finding.File].
	Objects map[string][]string
	// Covers reports whether what an entry stands for would have been found: a run may look
	// at a part of the tree, or with some rules alone. nil is for all.
	Covers func(Entry) bool
	// Hidden reports whether an error keeps the object of an entry from being seen, so that it
	// may be there all the same. nil is for none.
	Hidden func(Entry) bool
}

func (t Tree) covers(e Entry) bool { return t.Covers == nil || t.Covers(e) }

// TreeOf returns the tree of a report; file reports whether there is a file, and name
// gives a path that a report prints the form of [lint.Finding.File].
func TreeOf(r *lint.Report, file func(string) bool, name func(string) string) Tree {
	t := Tree{File: file, Objects: map[string][]string{}}
	for _, s := range r.ObjectFiles {
		object, at := s.Kind+"/"+s.Name, name(s.File)
		if !slices.Contains(t.Objects[object], at) {
			t.Objects[object] = append(t.Objects[object], at)
		}
	}
	return t
}

// A Pair is a finding and the entry that knows it.
type Pair struct {
	Finding *lint.Finding
	Entry   Entry
}

// A Match is what a comparison came to. Findings are in the order that they were given in.
type Match struct {
	New   []*lint.Finding // that no entry knows
	Known []Pair
	Worse []Pair // known with a lesser severity
	Gone  []Entry
}

// Match compares findings with what was known: each finding with one entry at most, and
// each entry with one finding.
func (k *Known) Match(findings []*lint.Finding, now Tree) Match {
	m := newMatcher(k.Entries, findings)
	m.round(func(_ int, e *Entry) string { return e.Fingerprint }, func(f *lint.Finding) string { return f.Fingerprint }, atMost)
	// of several with one print, which is the first depends on what is before it
	m.round(func(_ int, e *Entry) string { return base(e.Fingerprint) }, func(f *lint.Finding) string { return base(f.Fingerprint) }, atMost)
	m.joined(atMost)
	m.round(func(_ int, e *Entry) string { return base(e.Fingerprint) }, func(f *lint.Finding) string { return base(f.Fingerprint) }, nil)
	m.joined(nil)
	m.moved(now)
	return m.result()
}

// base returns a fingerprint without what tells the second of several from the first.
func base(fingerprint string) string {
	b, _, _ := strings.Cut(fingerprint, ":")
	return b
}

func atMost(e *Entry, f *lint.Finding) bool { return f.Severity <= e.Severity }

// A matcher is one comparison at work.
type matcher struct {
	entries  []Entry
	findings []*lint.Finding
	of       []int  // by finding: its entry, -1 for none
	used     []bool // by entry
}

func newMatcher(entries []Entry, findings []*lint.Finding) *matcher {
	m := &matcher{entries: entries, findings: findings, of: make([]int, len(findings)), used: make([]bool, len(entries))}
	for i := range m.of {
		m.of[i] = -1
	}
	return m
}

// round pairs what is left and has one key, where fits allows it; nil allows all. The worst
// findings come first and take the least severe entry that fits.
func (m *matcher) round(keyOf func(int, *Entry) string, key func(*lint.Finding) string, fits func(*Entry, *lint.Finding) bool) {
	free := map[string][]int{}
	for i := range m.entries {
		if e := &m.entries[i]; !m.used[i] {
			k := keyOf(i, e)
			if k != "" {
				free[k] = append(free[k], i)
			}
		}
	}
	if len(free) == 0 {
		return
	}
	for _, same := range free {
		slices.SortStableFunc(same, func(a, b int) int { return int(m.entries[a].Severity - m.entries[b].Severity) })
	}
	var left []int
	for i := range m.findings {
		if m.of[i] < 0 {
			left = append(left, i)
		}
	}
	slices.SortStableFunc(left, func(a, b int) int { return int(m.findings[b].Severity - m.findings[a].Severity) })
	for _, i := range left {
		k := key(m.findings[i])
		for at, e := range free[k] {
			if fits == nil || fits(&m.entries[e], m.findings[i]) {
				m.of[i], m.used[e] = e, true
				free[k] = slices.Delete(free[k], at, at+1)
				break
			}
		}
	}
}

// joined pairs what is left and has any print in common, where fits allows it: of a defect
// that one place shows in many objects and fields, which one speaks for it depends on what
// else there is.
func (m *matcher) joined(fits func(*Entry, *lint.Finding) bool) {
	free := map[string][]int{}
	for i := range m.entries {
		e := &m.entries[i]
		if m.used[i] {
			continue
		}
		free[base(e.Fingerprint)] = append(free[base(e.Fingerprint)], i)
		for _, print := range e.Also {
			free[print] = append(free[print], i)
		}
	}
	for i, f := range m.findings {
		if m.of[i] >= 0 {
			continue
		}
	prints:
		for _, print := range append([]string{base(f.Fingerprint)}, f.Prints...) {
			for _, e := range free[print] {
				if !m.used[e] && m.entries[e].Rule == f.Rule.ID && (fits == nil || fits(&m.entries[e], f)) {
					m.of[i], m.used[e] = e, true
					break prints
				}
			}
		}
	}
}

// moved pairs, by the second print, the findings that nothing knows with the entries whose
// file or object is gone. A finding in an object that the entries know where it stands has
// not moved there: it is new.
func (m *matcher) moved(now Tree) {
	type place struct{ file, object string }
	settled := map[place]bool{} // objects that were there before and still are
	gone, away := make([]bool, len(m.entries)), make([]bool, len(m.entries))
	for i := range m.entries {
		e := &m.entries[i]
		stands, lives := now.Objects[e.Object]
		covered := now.covers(*e) && (now.Hidden == nil || !now.Hidden(*e))
		gone[i] = !now.File(e.File) || covered && !lives && e.Object != ""
		// a file that is none of those that the object is in gives it values, or gave it
		// up to another file
		away[i] = gone[i] || covered && lives && !slices.Contains(stands, e.File)
		if !away[i] {
			settled[place{e.File, e.Object}] = true
		}
	}
	movable := func(f *lint.Finding) bool { return !settled[place{f.File, objectOf(f)}] }
	second := func(allowed []bool, with func(*Entry) string) func(int, *Entry) string {
		return func(i int, e *Entry) string {
			if e.Second == "" || !allowed[i] {
				return ""
			}
			return e.Second + "\x00" + with(e)
		}
	}
	own := func(with func(*lint.Finding) string) func(*lint.Finding) string {
		return func(f *lint.Finding) string {
			if !movable(f) {
				return "-"
			}
			return f.Second + "\x00" + with(f)
		}
	}
	// the nearest first: the same object elsewhere, another one in the same file, any
	m.round(second(away, func(e *Entry) string { return e.Object }), func(f *lint.Finding) string { return f.Second + "\x00" + objectOf(f) }, atMost)
	m.round(second(gone, func(e *Entry) string { return e.File }), own(func(f *lint.Finding) string { return f.File }), atMost)
	m.round(second(gone, func(*Entry) string { return "" }), own(func(*lint.Finding) string { return "" }), atMost)
}

func (m *matcher) result() Match {
	var r Match
	for i, f := range m.findings {
		switch e := m.of[i]; {
		case e < 0:
			r.New = append(r.New, f)
		case atMost(&m.entries[e], f):
			r.Known = append(r.Known, Pair{f, m.entries[e]})
		default:
			r.Worse = append(r.Worse, Pair{f, m.entries[e]})
		}
	}
	for i, e := range m.entries {
		if !m.used[i] {
			r.Gone = append(r.Gone, e)
		}
	}
	return r
}

package lint

import (
	"cmp"
	"slices"
	"strings"
)

// A Finding is one defect in one source place. A rule makes it with
// [Pass.Report] and may set Severity, Help, Subject, Line, Literal, Whole, Scope, Key and
// Related; the engine fills in the rest. It stands on its own: it holds no part of the
// tree that it was found in, which is gone when the report is written.
type Finding struct {
	Rule     *Rule
	Severity Severity
	Message  string // one line: the thing in quotes, the problem, the fact that proves it
	Help     string // how to fix it, a verb phrase; may have several lines (a ready policy)
	// Subject is what stronger and weaker rules have in common; see
	// [Rule.YieldsTo]. Report sets the path of the container or pod.
	Subject string
	// Line narrows the place to one line, from 1, of the text of a scalar of
	// several lines; 0 for all of it. The engine follows it where it can tell the line.
	Line int
	// Literal is the text that the finding is about, where it matters who wrote it: the
	// finding then is where that text is written, in a values file or a generator
	// rather than in the template or the overlay that passes it on. Reports never show it.
	Literal string
	// Whole tells that the node stands for its object: what decided the text of the node,
	// a name say, is then no related place, though what guards the object is.
	Whole bool
	// Scope names what the finding is about where that is not the object that it stands at,
	// but all of a namespace, say: it is the same finding wherever it stands.
	Scope string
	// Key tells findings of one rule in one place apart that are not one defect
	// (the directions of a network policy, say).
	Key string

	Object Object
	// Path is the field, from the root of the object; Field the same from its container
	// or pod, where it has one; Missing what of it is not written, "" where it all is.
	Path, Field, Missing string
	// Container is the name of the container that the field is in, "" for none.
	Container  string
	Span       Span
	Precision  Precision
	Related    []Related
	Renderings []Rendering
	// Objects are the objects of further renderings, or of a template rendered
	// more than once, that show the same defect.
	Objects []Object
	// File is the file of Span as fingerprints have it: from the root of the checkout.
	File string
	// Fingerprint tells the finding from all others of a report, and is the same in the
	// next report: it is made of the rule, File, Path, the object's kind and bare name, and
	// Key. Second leaves out the file and the name; several findings may share it.
	Fingerprint, Second string
	// Joined are where else the one place shows the defect: other fields, and other objects.
	// Prints, sorted, are the fingerprints that the finding would have of each of them.
	Joined []Joint
	Prints []string
	// State compares the finding with a baseline or a revision; "" where it is with none.
	State State
	// Fix is what became of the rule's remedy; nil where fixes were not asked for, or the
	// rule knows none.
	Fix *Fix
}

// A Joint is a field of an object, as [Finding.Path] and [Finding.Object] have them.
type Joint struct {
	Path   string
	Object Object
}

// A State is what a finding is against what was known before.
type State string

// The states. One that is Worse was known with a lesser severity.
const (
	New       State = "new"
	Unchanged State = "unchanged"
	Worse     State = "worse"
)

// generated matches the hash suffixes of kustomize's generators and of pods.
var generated = Regexp(`-[bcdfghjklmnpqrstvwxz2456789]{8,10}$`)

// BareName returns the name of an object without the suffix of a generator.
func BareName(name string) string { return generated().ReplaceAllString(name, "") }

// An ObjectFile says in which file an object is: its kind, bare name, and the path as
// reports print it.
type ObjectFile struct{ Kind, Name, File string }

// A Gone is something that a baseline, or a revision, knows and that is found no more.
type Gone struct {
	Rule                            *Rule
	Severity                        Severity
	File, Object, Path, Fingerprint string
}

// Relate adds a place that the finding is also about.
func (f *Finding) Relate(role string, n *Node, message string) {
	place := n.Locate()
	f.Related = append(f.Related, Related{Role: role, Message: message, Span: place.Span})
}

// Mask is what reports print instead of a secret value.
const Mask = "********"

// An InputError is something that could not be read, rendered or checked. It
// is apart from findings: exit status 3.
type InputError struct {
	Message   string
	Span      Span // not valid where no place is known
	Rendering *Rendering
	// Lacks are the names of something that is not there and is not fetched, a path as
	// reports print it, an address, the name of a chart: what the configuration may accept
	// as unavailable. It is empty for every other error.
	Lacks []string
}

// Error returns file:line:column: message.
func (e *InputError) Error() string {
	if !e.Span.IsValid() {
		return e.Message
	}
	return e.Span.Start.String() + ": " + e.Message
}

// A Note is something a user should know though nothing is wrong: what was left out of
// a rendering, say. It has no part in the exit status.
type Note struct {
	Message string
	Span    Span   // not valid where no place is known
	Lacks   string // what is not there, as of an InputError; "" where nothing does not have
}

// String returns file:line:column: message.
func (n Note) String() string {
	if !n.Span.IsValid() {
		return n.Message
	}
	return n.Span.Start.String() + ": " + n.Message
}

// A Suppressed is a finding that an ignore hid.
type Suppressed struct {
	Finding *Finding
	Reason  string
	By      string // comment, annotation, config, baseline or since
	Span    Span   // of the ignore, where it has one
}

// A Report is what a run found. Findings are sorted by file, line, column and rule.
type Report struct {
	Findings   []*Finding
	Errors     []*InputError
	Suppressed []*Suppressed
	// Yielded are findings that a stronger rule's stand for; see [Rule.YieldsTo].
	// No format lists them, but a control that they break is not passed.
	Yielded []*Finding
	Rules   []*Rule // those that ran
	// Notes are what a user should know though nothing is wrong.
	Notes []Note
	// ObjectFiles are the objects that were rendered, in no order; one may be there twice.
	ObjectFiles []ObjectFile
	// Baseline is the file, and Since the revision, that the findings were compared with, as
	// they are named to people; "" where they were with none.
	Baseline, Since string
	// Gone is what was known before and is found no more.
	Gone  []Gone
	Stats Stats
	Masks Masks
}

// Line returns a line of a source, from 1, as the report may show it.
func (r *Report) Line(src *Source, n int) string {
	if r.Masks == nil {
		return src.Line(n)
	}
	return r.Masks.Line(src, n)
}

// Masks say what no report may show.
type Masks interface {
	// Line returns a line of a source, from 1, as a report may show it.
	Line(src *Source, n int) string
	// Redact returns a text without what it holds of secrets.
	Redact(text string) string
}

// Stats says what a run covered.
type Stats struct {
	Units   int // charts × values, overlays, trees of plain files
	Files   int // read as manifests, charts or overlays
	Objects int
	Skipped int // YAML and JSON files without a Kubernetes object
	// Unavailable are the errors that the configuration makes notes of.
	Unavailable int
}

// Count returns the number of findings of each severity.
func (r *Report) Count() map[Severity]int {
	count := map[Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
	}
	return count
}

// CountSuppressed returns how many findings are ignored, and how many were known before.
func (r *Report) CountSuppressed() (ignored, known int) {
	for _, s := range r.Suppressed {
		if s.Known() {
			known++
		}
	}
	return len(r.Suppressed) - known, known
}

// Known reports whether the finding is one that a baseline or a revision knows, not one
// that somebody ignores.
func (s *Suppressed) Known() bool { return s.By == "baseline" || s.By == "since" }

// SortErrors orders errors by place, then by message, then by rendering.
func SortErrors(errs []*InputError) {
	rendering := func(e *InputError) (r Rendering) {
		if e.Rendering != nil {
			r = *e.Rendering
		}
		return r
	}
	slices.SortStableFunc(errs, func(a, b *InputError) int {
		r, s := rendering(a), rendering(b)
		return cmp.Or(a.Span.Compare(b.Span), strings.Compare(a.Message, b.Message),
			strings.Compare(r.Kind, s.Kind), strings.Compare(r.Root, s.Root), strings.Compare(r.Variant, s.Variant))
	})
}

package lint

// A Remedy is what would make a finding go away: edits of its object, as the API server
// sees it. Where an author writes them, in a manifest, a values file, a template or a patch,
// is not the rule's business; see [Rule.Remedy].
type Remedy struct {
	Edits []Edit
	// Safe says that the edits cannot stop a program that works. Why says why they cannot,
	// or what may need what they take away: a sentence without a full stop.
	Safe bool
	Why  string
	// Or is another remedy, for where this one cannot be had; nil for none.
	Or *Remedy
}

// An Edit changes one node of an object.
type Edit struct {
	Op   EditOp
	Node *Node // may be missing: what of its path is missing is added
	// Value is a bool, a number, a string, a []any or a map[string]any, of which only
	// the fields named are set. For [AddItem] it is the item.
	Value any
}

// An EditOp says what an edit does.
type EditOp int

// The edits.
const (
	SetValue EditOp = iota // the node has the value
	AddItem                // the list has the item
	Removed                // the node is not there
	Renamed                // the node has the key that Value says
)

// Set is the edit that gives a node a value.
func Set(n *Node, value any) Edit { return Edit{SetValue, n, value} }

// Add is the edit that adds an item to a list.
func Add(list *Node, item any) Edit { return Edit{AddItem, list, item} }

// Remove is the edit that takes a node out.
func Remove(n *Node) Edit { return Edit{Op: Removed, Node: n} }

// Rename is the edit that gives a node another key.
func Rename(n *Node, key string) Edit { return Edit{Renamed, n, key} }

// Safe is a remedy that cannot stop a program that works; why says so.
func Safe(why string, edits ...Edit) *Remedy { return &Remedy{Edits: edits, Safe: true, Why: why} }

// Risky is a remedy that may stop a program that works; why says which.
func Risky(why string, edits ...Edit) *Remedy { return &Remedy{Edits: edits, Why: why} }

// A Fix is what became of the remedy of a finding: edits of the author's files, and
// whether they were proven. A fix that was not is not to be applied.
type Fix struct {
	Safe bool
	Why  string
	// Edits make the finding go away by themselves; none where the fix is not proven.
	Edits []TextEdit
	// Proven says that rendered again with the edits nothing shows the finding, nothing is
	// wrong that was not, and the objects differ in what the remedy names alone.
	Proven bool
	Reason string // why it is not proven
}

// A TextEdit replaces a span of a file by a text. For a file that is to be made, Span is of
// an empty source.
type TextEdit struct {
	Span Span
	New  string
}

// A Setting is a value of a chart that decides, or may decide, what a node is. Span is where
// it is set, or its nearest ancestor is, of which Missing are the fields below; of nothing
// behind a key it is the Key.
type Setting struct {
	Span    Span
	Key     bool
	Missing []string
}

// A Setter is a [Locator] that knows the values that nodes are made of, the likeliest first.
type Setter interface{ Settings(n *Node) []Setting }

// Settings returns the values that decide about a node of a chart; none for others.
func (n *Node) Settings() (settings []Setting) {
	r := n.Resource()
	if r == nil {
		return nil
	}
	s, ok := r.locator.(Setter)
	if !ok {
		return nil
	}
	if b := r.Bundle; b != nil {
		defer func() {
			if p := recover(); p != nil {
				b.misplace(r, p)
				settings = nil
			}
		}()
	}
	return s.Settings(n)
}

package lint

// A Remedy is what would make a finding go away: edits of its object, as the API server
// sees it. Where an author writes them, in a manifest, a values file, a template or a patch,
// is not the rule's business; see [Rule.Remedy].
type Remedy struct {
	Edits []Edit
	// Draft is what the remedy adds instead; nil for none.
	Draft *Draft
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

// A Draft is objects that a remedy adds, as one new file: a starting point, to be reviewed.
// Where the file goes is not the rule's business, nor in what language its values are written
// there: of what is a [*Node] the file says what that node's author wrote.
type Draft struct {
	File string // its name without the ending, as networkpolicy-default-deny
	// Namespace is the field by which the objects around it name theirs; it is written
	// where it is there. Several says that the bundle wants one such file for each namespace.
	Namespace *Node
	Several   bool
	Head      []string // the lines of the comment at its head
	Objects   []Item   // whose values are Fields
	// About are further objects that it is about: it goes where all of them come from.
	About []*Resource
}

// Fields are the fields of a mapping in the order in which they are written. Their values are a
// string, an int, a [*Node], [Affixed], Fields, a []Item or [Some].
type Fields []Field

// Some are items of a list that means something else where it is empty: what holds it is not
// there without one of them.
type Some []Item

// A Field is one of [Fields].
type Field struct {
	Name  string
	Value any
}

// Affixed is what a node says, with text in front of it and behind.
type Affixed struct {
	Before string
	Node   *Node
	After  string
	// Literal says that the value will do where what the author wrote cannot be taken over.
	Literal bool
}

// An Item is one of a list, or one object of a [Draft].
type Item struct {
	Value any
	// Of is the object because of which it is there: it is there where that one is. nil where
	// it always is.
	Of *Resource
	// Comment is the line above it, behind the name of Of; "" for none.
	Comment string
}

// Drafted is a remedy that adds objects. It is risky: why says what it may stop.
func Drafted(why string, d *Draft) *Remedy { return &Remedy{Draft: d, Why: why} }

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
	Span    Span
	New     string
	NewFile bool
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

package trace

import "slices"

// A kind says what a piece of rendered text was made from.
type kind uint8

// What rendered text can be made from.
const (
	FromText      kind = iota // the text of a template
	FromValue                 // a value, as it is or reformatted
	FromFile                  // a file of the chart: .Files, or a field of Chart.yaml
	FromLiteral               // a constant inside an action
	FromReads                 // a constant that was chosen by values
	FromDerived               // computed from values
	FromGenerated             // made by a function that gives something else each time
	FromRelease               // .Release
	FromGap                   // nothing: an action, if, with or range that wrote nothing
)

// An Origin is where text or a value came from. It is immutable.
type Origin struct {
	Kind kind
	File any // of fromText and fromFile: what the caller knows it by
	// paths are the values that it was made from; each is keys and indices from the
	// root chart's values, joined by NUL.
	Paths []string
	// also are values that decided which value was taken, without being part of it.
	Also []string
	// via are the actions that it came through, the innermost first.
	Via *Frame
	// key says that it is the key of the value, not the value.
	Key bool
	// fixed says that the place is offset at, whatever the offset in the text.
	Fixed bool
	At    int
	// namespace says that it is .Release.Namespace.
	Namespace bool
	Random    bool // something generated is part of it
	constant  bool // a constant of a template, which via names: no value had a part in it
	Gap       *gap // of fromGap, where an if, with or range wrote nothing
}

// A gap is what an if, with or range did not write.
type gap struct {
	Decision
	Body string // its text; where an action would have written more stands [written]
}

// A Frame is an action that text came through, which is at an offset of an origin:
// of a template file, or of a value that tpl rendered.
type Frame struct {
	In   *Origin
	Off  int
	Next *Frame
}

// A Segment is a piece of a string with one origin.
type Segment struct {
	Start, End int
	O          *Origin
	Off        int // where the segment begins in the text of its origin
	// exact says that the segment is that text, byte for byte.
	Exact bool
	// indent is how far functions have moved it to the right of where its template has it.
	Indent int
	Guard  *Guard
}

// A Guard is an if, with or range that was decided so that text under it was written.
type Guard struct {
	Decision
	Other bool // its else branch
	Paths []string
	Depth int
	Next  *Guard // the enclosing one
}

// Clip returns the segments of a substring. They are in the order of the text.
func Clip(segs []Segment, from, to int) []Segment {
	var out []Segment
	first, _ := slices.BinarySearchFunc(segs, from, func(g Segment, from int) int { return g.End - from })
	for _, g := range segs[first:] {
		if g.Start > to {
			break
		}
		if g.Start == g.End {
			if g.Start >= from && g.Start <= to {
				g.Start -= from
				g.End = g.Start
				out = append(out, g)
			}
			continue
		}
		if g.End <= from || g.Start >= to {
			continue
		}
		if g.Start < from {
			g.Off += from - g.Start
			g.Start = from
		}
		g.End = min(g.End, to)
		g.Start -= from
		g.End -= from
		out = append(out, g)
	}
	return out
}

// shift returns the segments moved by d.
func shift(segs []Segment, d int) []Segment {
	out := make([]Segment, len(segs))
	for i, g := range segs {
		g.Start += d
		g.End += d
		out[i] = g
	}
	return out
}

// fill returns segs with the holes up to n taken by o.
func fill(segs []Segment, n int, o *Origin) []Segment {
	pos, whole := 0, true
	for _, g := range segs {
		whole = whole && g.Start <= pos
		pos = max(pos, g.End)
	}
	if whole && pos == n {
		return segs
	}
	var out []Segment
	pos = 0
	for _, g := range segs {
		if g.Start > pos {
			out = append(out, Segment{Start: pos, End: g.Start, O: o})
		}
		out = append(out, g)
		pos = max(pos, g.End)
	}
	if pos < n {
		out = append(out, Segment{Start: pos, End: n, O: o})
	}
	return out
}

// cut returns the segments of a text from which the ranges were taken out. A segment
// of which nothing is left stays, empty: something was to be there.
func cut(segs []Segment, ranges [][2]int) []Segment {
	moved := func(pos int) int {
		d := 0
		for _, r := range ranges {
			if pos >= r[1] {
				d += r[1] - r[0]
			} else if pos > r[0] {
				d += pos - r[0]
			}
		}
		return pos - d
	}
	out := make([]Segment, 0, len(segs))
	for _, g := range segs {
		g.Start, g.End = moved(g.Start), moved(g.End)
		out = append(out, g)
	}
	return out
}

// union appends to a what it does not have of b.
func union(a, b []string) []string {
next:
	for _, x := range b {
		for _, y := range a {
			if x == y {
				continue next
			}
		}
		a = append(a, x)
	}
	return a
}

// maxPaths bounds how many values one origin names.
const maxPaths = 64

func bounded(paths []string) []string {
	if len(paths) > maxPaths {
		return paths[:maxPaths]
	}
	return paths
}

package helm

// A kind says what a piece of rendered text was made from.
type kind uint8

const (
	fromText      kind = iota // the text of a template
	fromValue                 // a value, as it is or reformatted
	fromFile                  // a file of the chart: .Files, or a field of Chart.yaml
	fromLiteral               // a constant inside an action
	fromReads                 // a constant that was chosen by values
	fromDerived               // computed from values
	fromGenerated             // made by a function that gives something else each time
	fromRelease               // .Release
	fromGap                   // nothing: an action, if, with or range that wrote nothing
)

// An origin is where text or a value came from. It is immutable.
type origin struct {
	kind kind
	file any // of fromText and fromFile: what the caller knows it by
	// paths are the values that it was made from; each is keys and indices from the
	// root chart's values, joined by NUL.
	paths []string
	// also are values that decided which value was taken, without being part of it.
	also []string
	// via are the actions that it came through, the innermost first.
	via *frame
	// key says that it is the key of the value, not the value.
	key bool
	// fixed says that the place is offset at, whatever the offset in the text.
	fixed bool
	at    int
	// namespace says that it is .Release.Namespace.
	namespace bool
	random    bool // something generated is part of it
	constant  bool // a constant of a template, which via names: no value had a part in it
	gap       *gap // of fromGap, where an if, with or range wrote nothing
}

// A gap is what an if, with or range did not write.
type gap struct {
	decision
	body string // its text; where an action would have written more stands [written]
}

// A frame is an action that text came through, which stands at an offset of an origin:
// of a template file, or of a value that tpl rendered.
type frame struct {
	in   *origin
	off  int
	next *frame
}

// A segment is a piece of a string with one origin.
type segment struct {
	start, end int
	o          *origin
	off        int // where the segment begins in the text of its origin
	// exact says that the segment is that text, byte for byte.
	exact bool
	// indent is how far functions have moved it to the right of where its template has it.
	indent int
	guard  *guard
}

// A guard is an if, with or range that was decided so that text under it was written.
type guard struct {
	decision
	other bool // its else branch
	paths []string
	depth int
	next  *guard // the enclosing one
}

// clip returns the segments of a substring.
func clip(segs []segment, from, to int) []segment {
	var out []segment
	for _, g := range segs {
		if g.start == g.end {
			if g.start >= from && g.start <= to {
				g.start -= from
				g.end = g.start
				out = append(out, g)
			}
			continue
		}
		if g.end <= from || g.start >= to {
			continue
		}
		if g.start < from {
			g.off += from - g.start
			g.start = from
		}
		g.end = min(g.end, to)
		g.start -= from
		g.end -= from
		out = append(out, g)
	}
	return out
}

// shift returns the segments moved by d.
func shift(segs []segment, d int) []segment {
	out := make([]segment, len(segs))
	for i, g := range segs {
		g.start += d
		g.end += d
		out[i] = g
	}
	return out
}

// fill returns segs with the holes up to n taken by o.
func fill(segs []segment, n int, o *origin) []segment {
	pos, whole := 0, true
	for _, g := range segs {
		whole = whole && g.start <= pos
		pos = max(pos, g.end)
	}
	if whole && pos == n {
		return segs
	}
	var out []segment
	pos = 0
	for _, g := range segs {
		if g.start > pos {
			out = append(out, segment{start: pos, end: g.start, o: o})
		}
		out = append(out, g)
		pos = max(pos, g.end)
	}
	if pos < n {
		out = append(out, segment{start: pos, end: n, o: o})
	}
	return out
}

// cut returns the segments of a text from which the ranges were taken out. A segment
// of which nothing is left stays, empty: something was to be there.
func cut(segs []segment, ranges [][2]int) []segment {
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
	out := make([]segment, 0, len(segs))
	for _, g := range segs {
		g.start, g.end = moved(g.start), moved(g.end)
		out = append(out, g)
	}
	return out
}

// union appends to a what it lacks of b.
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

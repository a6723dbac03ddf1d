package fix

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A hunk says that lines of one text are replaced by lines of another.
type hunk struct{ from, to, newFrom, newTo int }

// hunks compares two texts by their lines.
func hunks(a, b []string) []hunk {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	var all []hunk
	for _, h := range shortest(x, y) {
		all = append(all, hunk{h.from + head, h.to + head, h.newFrom + head, h.newTo + head})
	}
	return all
}

// maxEdits bounds the comparison: what differs in more lines is one hunk.
const maxEdits = 1500

// shortest finds a shortest script of edits (Myers, "An O(ND) Difference Algorithm").
func shortest(a, b []string) []hunk {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	whole := []hunk{{0, len(a), 0, len(b)}}
	if len(a) == 0 || len(b) == 0 {
		return whole
	}
	var trace []map[int]int
	for d := 0; d <= min(len(a)+len(b), maxEdits); d++ {
		row := make(map[int]int, d+1)
		for k := -d; k <= d; k += 2 {
			x := 0
			if d > 0 {
				x = furthest(trace[d-1], d, k)
				if !cameDown(trace[d-1], d, k) {
					x++
				}
			}
			y := x - k
			for x < len(a) && y < len(b) && a[x] == b[y] {
				x, y = x+1, y+1
			}
			row[k] = x
			if x >= len(a) && y >= len(b) {
				return script(append(trace, row), len(a), len(b))
			}
		}
		trace = append(trace, row)
	}
	return whole
}

// cameDown reports whether the furthest path of d edits on diagonal k ends with a line that
// is added, not one that is removed.
func cameDown(row map[int]int, d, k int) bool {
	return k == -d || k != d && row[k-1] < row[k+1]
}

// furthest returns where that path is before its last edit.
func furthest(row map[int]int, d, k int) int {
	if cameDown(row, d, k) {
		return row[k+1]
	}
	return row[k-1]
}

// script reads the hunks back from the furthest points of each number of edits.
func script(trace []map[int]int, x, y int) []hunk {
	var all []hunk
	for d := len(trace) - 1; d > 0; d-- {
		k := x - y
		from := k - 1
		if cameDown(trace[d-1], d, k) {
			from = k + 1
		}
		px := trace[d-1][from]
		py := px - from
		if from == k+1 {
			all = append(all, hunk{px, px, py, py + 1})
		} else {
			all = append(all, hunk{px, px + 1, py, py})
		}
		x, y = px, py
	}
	slices.Reverse(all)
	var joined []hunk
	for _, h := range all {
		if n := len(joined); n > 0 && joined[n-1].to == h.from && joined[n-1].newTo == h.newFrom {
			joined[n-1].to, joined[n-1].newTo = h.to, h.newTo
			continue
		}
		joined = append(joined, h)
	}
	return joined
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
}

// split returns the lines of a text with their line ends.
func split(text string) []string {
	all := lines(text)
	if n := len(all); n > 0 && strings.HasSuffix(text, "\n") {
		all[n-1] += "\n"
	}
	return all
}

// replacements returns how a source becomes another text.
func replacements(src *lint.Source, after []byte) []lint.TextEdit {
	a, b := split(string(src.Data)), split(string(after))
	offset := make([]int, len(a)+1)
	for i, line := range a {
		offset[i+1] = offset[i] + len(line)
	}
	var all []lint.TextEdit
	for _, h := range hunks(a, b) {
		old, text := strings.Join(a[h.from:h.to], ""), strings.Join(b[h.newFrom:h.newTo], "")
		from, to := offset[h.from], offset[h.to]
		if old != "" && text != "" { // the change inside the lines
			n := 0
			for n < len(old) && n < len(text) && old[n] == text[n] {
				n++
			}
			for n > 0 && !boundary(old, n) {
				n--
			}
			old, text, from = old[n:], text[n:], from+n
			m := 0
			for m < len(old) && m < len(text) && old[len(old)-1-m] == text[len(text)-1-m] {
				m++
			}
			for m > 0 && !boundary(old, len(old)-m) {
				m--
			}
			text, to = text[:len(text)-m], to-m
		}
		all = append(all, lint.TextEdit{Span: src.Span(from, to), New: text})
	}
	return all
}

// boundary reports whether an offset is between two code points.
func boundary(s string, at int) bool { return at >= len(s) || s[at]&0xC0 != 0x80 }

// Diff writes files as one unified diff, which `git apply` and `patch -p1` take. Where a
// line of the context is one that hide changes, it is left out of the context; a changed line
// is written as hide has it. The number of a line that is added is 0.
func Diff(w io.Writer, files []*File, hide func(f *File, line int, text string) string) error {
	for _, f := range files {
		if err := diff(w, f, hide); err != nil {
			return err
		}
	}
	return nil
}

const context3 = 3

func diff(w io.Writer, f *File, hide func(f *File, line int, text string) string) error {
	name := f.Shown
	var b strings.Builder
	for _, a := range f.Fixes {
		fmt.Fprintf(&b, "# %s: %s\n", f.Shown, a)
	}
	// A line "diff --git" would make the paths those from the root of the checkout to git,
	// wherever it is called.
	if f.Before == nil {
		fmt.Fprintf(&b, "--- /dev/null\n+++ b/%s\n", name)
	} else {
		fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", name, name)
	}
	old, now := split(string(f.Before)), split(string(f.After))
	all := hunks(old, now)
	shown := func(n int) string { // of the old text, from 0
		if hide == nil {
			return old[n]
		}
		text := strings.TrimRight(old[n], "\r\n")
		return hide(f, n+1, text) + old[n][len(text):]
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].from-all[n-1].to <= 2*context3 {
			n++
		}
		group := all[:n]
		all = all[n:]
		from, to := group[0].from, group[n-1].to
		for range context3 {
			if from > 0 && shown(from-1) == old[from-1] {
				from--
			}
		}
		for range context3 {
			if to < len(old) && shown(to) == old[to] {
				to++
			}
		}
		newFrom := group[0].newFrom - (group[0].from - from)
		newTo := group[n-1].newTo + (to - group[n-1].to)
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", lineRange(from, to), lineRange(newFrom, newTo))
		write := func(mark, line string) {
			b.WriteString(mark + line)
			if !strings.HasSuffix(line, "\n") {
				b.WriteString("\n\\ No newline at end of file\n")
			}
		}
		at := from
		for _, h := range group {
			for ; at < h.from; at++ {
				write(" ", shown(at))
			}
			for ; at < h.to; at++ {
				write("-", shown(at))
			}
			for _, line := range now[h.newFrom:h.newTo] {
				if hide != nil {
					text := strings.TrimRight(line, "\r\n")
					line = hide(f, 0, text) + line[len(text):]
				}
				write("+", line)
			}
		}
		for ; at < to; at++ {
			write(" ", shown(at))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lineRange writes a range of lines as a hunk does.
func lineRange(from, to int) string {
	switch n := to - from; n {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	default:
		return fmt.Sprintf("%d,%d", from+1, n)
	}
}

// String says what a fix does and whether it is safe.
func (a Applied) String() string {
	level := "risky"
	if a.Safe {
		level = "safe"
	}
	times := ""
	if a.Count > 1 {
		times = fmt.Sprintf(" (%d findings)", a.Count)
	}
	if a.Partly {
		level += ", in some of its renderings"
	}
	return fmt.Sprintf("%s%s, %s: %s", a.Rule, times, level, a.Why)
}

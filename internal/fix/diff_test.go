package fix

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

// edited returns a text and another one that differs in some lines.
func edited(r *rand.Rand) (a, b string) {
	words := []string{"a", "b", "c", "", "ä: 1", "key: value", "x\r"}
	var old, now []string
	for range r.Intn(30) {
		line := words[r.Intn(len(words))]
		switch r.Intn(8) {
		case 0:
			old = append(old, line)
		case 1:
			now = append(now, line)
		case 2:
			old, now = append(old, line), append(now, line+"!")
		default:
			old, now = append(old, line), append(now, line)
		}
	}
	end := func(lines []string) string {
		text := strings.Join(lines, "\n")
		if r.Intn(4) > 0 && text != "" {
			text += "\n"
		}
		return text
	}
	return end(old), end(now)
}

// patched applies a unified diff.
func patched(t *testing.T, text, diff string) string {
	t.Helper()
	old := split(text)
	var out []string
	at := 0
	lines := strings.SplitAfter(diff, "\n")
	for n := 0; n < len(lines); n++ {
		line := lines[n]
		if n+1 < len(lines) && strings.HasPrefix(lines[n+1], `\ No newline`) {
			line = strings.TrimSuffix(line, "\n")
		}
		switch {
		case strings.HasPrefix(line, "@@ "):
			from, count := 0, 1
			if _, err := fmt.Sscanf(line, "@@ -%d,%d", &from, &count); err != nil {
				_, _ = fmt.Sscanf(line, "@@ -%d", &from)
			}
			if count > 0 {
				from--
			}
			out = append(out, old[at:from]...)
			at = from
		case strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, `\`) || line == "":
		case line[0] == ' ' || line[0] == '-':
			if at >= len(old) || old[at] != line[1:] {
				t.Fatalf("line %d of the diff is not line %d of the text\n%s", n, at, diff)
			}
			if line[0] == ' ' {
				out = append(out, old[at])
			}
			at++
		case line[0] == '+':
			out = append(out, line[1:])
		}
	}
	return strings.Join(append(out, old[at:]...), "")
}

func TestDiffsOfRandomText(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 3000 {
		a, b := edited(r)
		if a == b {
			continue
		}
		var diff bytes.Buffer
		if err := Diff(&diff, []*File{{Shown: "f", Before: []byte(a), After: []byte(b)}}, nil); err != nil {
			t.Fatal(err)
		}
		if got := patched(t, a, diff.String()); got != b {
			t.Fatalf("%q became %q, not %q, by\n%s", a, got, b, diff.String())
		}
		src := lint.NewSource("f", []byte(a))
		text := a
		for _, e := range slices.Backward(replacements(src, []byte(b))) {
			text = text[:e.Span.Start.Offset] + e.New + text[e.Span.End.Offset:]
		}
		if text != b {
			t.Fatalf("%q became %q, not %q", a, text, b)
		}
	}
}

// A line that is hidden is no context; one that is edited is shown as it is to be shown.
func TestDiffsHideSecrets(t *testing.T) {
	f := &File{Shown: "f", Before: []byte("a: 1\npassword: secret\nb: 1\nc: 1\n"), After: []byte("a: 1\npassword: secret\nb: 2\nc: 1\n")}
	hide := func(_ *File, _ int, text string) string { return strings.ReplaceAll(text, "secret", lint.Mask) }
	var diff bytes.Buffer
	if err := Diff(&diff, []*File{f}, hide); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(diff.String(), "secret") || strings.Contains(diff.String(), "password") {
		t.Error(diff.String())
	}
	if got := patched(t, string(f.Before), diff.String()); got != string(f.After) {
		t.Errorf("got %q", got)
	}
	diff.Reset()
	f.After = []byte("a: 1\npassword: secret # edited\nb: 1\nc: 1\n")
	if err := Diff(&diff, []*File{f}, hide); err != nil || strings.Contains(diff.String(), "secret") || !strings.Contains(diff.String(), "+password: "+lint.Mask+" # edited") {
		t.Error(err, diff.String())
	}
}

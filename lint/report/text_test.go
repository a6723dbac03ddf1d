package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
)

// frameOf returns the source line and the mark line of the first frame.
func frameOf(t *testing.T, src *lint.Source, s lint.Span, masks *mask.Masks, width int) (line, mark string) {
	t.Helper()
	r := &lint.Report{Masks: masks, Findings: []*lint.Finding{{Rule: tag, Message: "m", Span: s, Precision: lint.Exact}}}
	lines := strings.Split(write(t, "text", r, Options{Width: width}), "\n")
	return strings.TrimPrefix(lines[1], " 1 | "), strings.TrimPrefix(lines[2], "   | ")
}

func TestTheMarkStandsUnderTheSpan(t *testing.T) {
	for name, text := range map[string]string{
		"ascii":     "image: nginx # c",
		"tabs":      "\timage:\tnginx # c",
		"wide":      "日本語: nginx # c",
		"combining": "e\u0301te\u0301: nginx # c",
		"escaped":   "a\x1bb: nginx # c",
	} {
		src := lint.NewSource("f.yaml", []byte(text))
		line, mark := frameOf(t, src, find(t, src, "nginx"), nil, 0)
		if at := strings.Index(line, "nginx"); cells.StringWidth(line[:at]) != strings.Index(mark, "^") || strings.Count(mark, "^") != 5 {
			t.Errorf("%s:\n%s\n%s", name, line, mark)
		}
	}
}

func TestMaskedValuesMoveTheMark(t *testing.T) {
	src := lint.NewSource("f.yaml", []byte("{password: correct-horse-battery-staple, other: here, pin: 12}"))
	masks := &mask.Masks{}
	masks.AddSpan(find(t, src, "correct-horse-battery-staple"))
	masks.AddSpan(find(t, src, "12"))
	for _, text := range []string{"here", "password", "other"} {
		line, mark := frameOf(t, src, find(t, src, text), masks, 0)
		if at := strings.Index(line, text); at != strings.Index(mark, "^") || strings.Contains(line, "horse") {
			t.Errorf("%s:\n%s\n%s", text, line, mark)
		}
	}
	line, mark := frameOf(t, src, find(t, src, "correct-horse-battery-staple"), masks, 0)
	if strings.Contains(line, "horse") || !strings.Contains(mark, "^") || len(mark) > len(line) {
		t.Errorf("\n%s\n%s", line, mark)
	}
}

func TestLongLinesAreClippedAroundTheSpan(t *testing.T) {
	long := strings.Repeat("lorem ipsum ", 40)
	for name, text := range map[string]string{"middle": long + "NEEDLE " + long, "start": "NEEDLE " + long, "end": long + "NEEDLE", "wide": strings.Repeat("日本", 60) + "NEEDLE" + strings.Repeat("日本", 60)} {
		src := lint.NewSource("f.yaml", []byte(text))
		for _, width := range []int{40, 60, 100} {
			line, mark := frameOf(t, src, find(t, src, "NEEDLE"), nil, width)
			at := strings.Index(line, "NEEDLE")
			if at < 0 || cells.StringWidth(line) > width-5 || cells.StringWidth(line[:at]) != strings.Index(mark, "^") {
				t.Errorf("%s at %d:\n%s\n%s", name, width, line, mark)
			}
		}
	}
	src := lint.NewSource("f.yaml", []byte(long))
	if line, mark := frameOf(t, src, src.LineSpan(1), nil, 60); cells.StringWidth(line) > 55 || len(mark) > 55 || !strings.Contains(line, "…") {
		t.Errorf("a span wider than the terminal:\n%s\n%s", line, mark)
	}
}

func TestFindingsInOnePlaceShareAFrame(t *testing.T) {
	src := lint.NewSource("f.yaml", []byte("name: web\n"))
	var all []*lint.Finding
	for _, rule := range []*lint.Rule{tag, privileged, probes} {
		all = append(all, &lint.Finding{Rule: rule, Severity: rule.Severity, Message: rule.Summary, Span: src.Span(6, 9)})
	}
	got := write(t, "text", &lint.Report{Findings: all}, Options{})
	if strings.Count(got, "^^^") != 1 || strings.Count(got, "f.yaml") != 1 {
		t.Errorf("the frame is repeated:\n%s", got)
	}
	for _, rule := range []*lint.Rule{tag, privileged, probes} {
		if !strings.Contains(got, rule.Summary+" ["+rule.ID+"]") {
			t.Errorf("%s is missing:\n%s", rule.ID, got)
		}
	}
	if !strings.Contains(got, "3 findings: 1 critical, 1 medium, 1 info\nmanilint explain privileged") {
		t.Errorf("the summary is missing or wrong:\n%s", got)
	}
}

func TestAFindingWithoutAPlaceInventsNone(t *testing.T) {
	r := &lint.Report{Findings: []*lint.Finding{{Rule: tag, Message: "m", Renderings: []lint.Rendering{{Kind: "helm", Root: "chart"}}}}}
	got := write(t, "text", r, Options{})
	if !strings.HasPrefix(got, "chart ") || strings.Contains(got, "|") {
		t.Error(got)
	}
}

// A manifest to copy is written once; the findings behind that need the same, in
// another namespace it may be, say that there is one.
func TestHelpOfSeveralLinesIsWholeOnce(t *testing.T) {
	src := lint.NewSource("f.yaml", []byte("a: 1\nb: 2\nc: 3\n"))
	finding := func(rule *lint.Rule, text, help string) *lint.Finding {
		return &lint.Finding{Rule: rule, Message: "m", Help: help, Span: find(t, src, text), Precision: lint.Exact}
	}
	other := &lint.Rule{ID: "other"}
	r := &lint.Report{Findings: []*lint.Finding{
		finding(tag, "1", "add this:\nkind: NetworkPolicy\n  namespace: a\n  name: one\x1b\n"), finding(tag, "2", "add this:\nkind: NetworkPolicy\n  namespace: b\n  name: one\x1b\n"), finding(tag, "2", "add this:\nkind: NetworkPolicy\n  name: two\n"), finding(other, "3", "add that:\nkind: Role\n")}}
	var got []string
	for line := range strings.Lines(write(t, "text", r, Options{})) {
		if strings.Contains(line, "help:") || strings.Contains(line, "kind:") || strings.Contains(line, " name:") {
			got = append(got, strings.TrimRight(line, "\n"))
		}
	}
	indent := strings.Repeat(" ", 13)
	want := []string{"           help: add this:", indent + "kind: NetworkPolicy", indent + `  name: one\x1b`, "           help: add this: …", "           help: add this:", indent + "kind: NetworkPolicy", indent + "  name: two", "           help: add that:", indent + "kind: Role"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

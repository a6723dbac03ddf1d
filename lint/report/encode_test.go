package report

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/manilint/manilint/internal/mask"
	"github.com/manilint/manilint/lint"
)

func TestEncodeIndentsAsEncodingJSON(t *testing.T) {
	for _, v := range []any{
		nil, 1, "a", []int{}, map[string]int{}, []any{[]int{}, map[string]any{}, []any{nil, true, -1.5e-7, "{[,:]}"}}, map[string]any{"a": map[string]any{"b": []string{"\"", "\\", "\\\"", "é, ::x ##x"}}},
		jsonFinding{Message: "a \"b\": {c}, [d]", References: []string{"x"}},
	} {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got := encoded(t, v); got != want.String() {
			t.Errorf("got\n%s\nwant\n%s", got, want.String())
		}
	}
	streamed := object{{"a", mapped([]int{1, 2}, func(n int) any { return object{{"n", n}} })}, {"b", mapped([]int(nil), func(int) any { return nil })}, {"c", map[string]int{"d": 1}}}
	want := encoded(t, struct {
		A []struct {
			N int `json:"n"`
		} `json:"a"`
		B []int          `json:"b"`
		C map[string]int `json:"c"`
	}{[]struct {
		N int `json:"n"`
	}{{1}, {2}}, []int{}, map[string]int{"d": 1}})
	if got := encoded(t, streamed); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	var out strings.Builder
	if err := Encode(&out, v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// FuzzEncode: whatever text an input holds, it is valid JSON that says the same, and
// nothing in it commands a terminal or a build runner.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "a", "##vso[a]b", "##[", "###x[", "\x1b[31m", "\u202e", "\U000e0041", "\u009b", "\xff", "\"\\", "::error::x", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "\ufffd")
		text := encoded(t, map[string][]string{s: {s}})
		var back map[string][]string
		if err := json.Unmarshal([]byte(text), &back); err != nil || !reflect.DeepEqual(back, map[string][]string{s: {s}}) {
			t.Fatalf("%q: %v, %q", text, err, back)
		}
		var screened strings.Builder
		screen := NewScreen(&screened)
		if _, err := io.WriteString(screen, text); err != nil {
			t.Fatal(err)
		}
		if err := screen.Flush(); err != nil || screened.String() != text {
			t.Errorf("a screen changes %q to %q", text, screened.String())
		}
	})
}

// many returns a report of n findings in files of a hundred lines.
func many(n int) *lint.Report {
	r := &lint.Report{Rules: []*lint.Rule{tag, privileged}, Masks: &mask.Masks{}}
	var src *lint.Source
	for i := range n {
		if i%100 == 0 {
			src = lint.NewSource("deploy/"+strconv.Itoa(i)+".yaml", []byte(strings.Repeat("          image: registry.example/web:1.2.3 # the image\n", 100)))
		}
		at := src.LineSpan(i%100 + 1)
		r.Findings = append(r.Findings, &lint.Finding{
			Rule: privileged, Severity: lint.High, Message: `container "web" may gain more privileges than its parent: allowPrivilegeEscalation is not set`,
			Help: "set securityContext.allowPrivilegeEscalation: false", Object: lint.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web-" + strconv.Itoa(i)},
			Path: "spec.template.spec.containers[name=web].securityContext", Span: at, Precision: lint.Exact, Fingerprint: "0123456789abcdef",
			Renderings: []lint.Rendering{{Kind: "file", Root: "deploy"}},
		})
	}
	return r
}

// BenchmarkFormats reports how long each format takes over 20,000 findings, as a ratio to
// encoding them once with encoding/json, measured in the same run.
func BenchmarkFormats(b *testing.B) {
	r := many(20_000)
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			var took, floor time.Duration
			for b.Loop() {
				start := time.Now()
				if err := Formats[name](io.Discard, r, Options{}); err != nil {
					b.Fatal(err)
				}
				took += time.Since(start)
				start = time.Now()
				e := json.NewEncoder(io.Discard)
				for _, f := range r.Findings {
					if err := e.Encode(newJSONFinding(f, Options{})); err != nil {
						b.Fatal(err)
					}
				}
				floor += time.Since(start)
			}
			b.ReportMetric(took.Seconds()/floor.Seconds(), "format/encode")
		})
	}
}

// BenchmarkOneLine reports how much longer each finding takes where ten times as many are
// in one line: 1 is linear.
func BenchmarkOneLine(b *testing.B) {
	report := func(n int) *lint.Report {
		text := strings.Repeat("{kind: Pod, password: hunter2hunter2}, ", n)
		src := lint.NewSource("a.yaml", []byte("["+text+"]"))
		r := &lint.Report{Masks: &mask.Masks{}}
		for i := range n {
			from := 1 + i*len(text)/n
			r.Findings = append(r.Findings, &lint.Finding{Rule: tag, Message: "m" + strconv.Itoa(i), Span: src.Span(from+7, from+10)})
		}
		return r
	}
	few, lots := report(1_000), report(10_000)
	var short, long time.Duration
	for b.Loop() {
		for _, one := range []struct {
			r    *lint.Report
			took *time.Duration
		}{{few, &short}, {lots, &long}} {
			start := time.Now()
			for _, format := range Names() {
				if err := Formats[format](io.Discard, one.r, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			*one.took += time.Since(start)
		}
	}
	b.ReportMetric(long.Seconds()/short.Seconds()/10, "ten-times/one")
}

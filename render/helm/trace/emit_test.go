package trace

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// pieces are what the strings and keys of the tests are made of.
var pieces = []string{"a", "b", "Z", "image", "true", "yes", "No", "on", "null", "~", "0", "1", "10", "08", "0x1f", "1e3", "1.5", "64Mi", "100m", "2.14.0", "12:30", "2001-01-01", "1_000", ".inf", ".5", "-", "_", ".", "/", ":", " ", "  ", ", ", ": ", " #", "#", "'", "\"", "\n", "\t", "{", "}", "[", "]", "*", "&", "!", "|", ">", "%", "@", "`", "=", "?", "$", "(", ")", "+", ";", "é", "\u2028", "registry.example/web:1.2.3", "kubernetes.io/os", "a long text of many words that a line does not hold, so that it may be folded", "\xff"}

// plainPieces are those that mostly make plain text.
var plainPieces = []string{"", "a", "Ab", "image", "y", "On", "/", "-", "_x", "1", "20", "64", "Mi", "m", "s", "h", "d", "%", "--flag=x", "-c", ".5.6", ":8080", " b", "kubernetes.io/os", "registry.example/web:1.2.3", "a-text-that-is-long-enough-to-be-folded with words, or not"}

func anyText(r *rand.Rand) string {
	if r.IntN(20) > 0 {
		return plainPieces[r.IntN(len(plainPieces))] + plainPieces[r.IntN(len(plainPieces))]
	}
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func anyValue(r *rand.Rand, depth int) any {
	kinds := 10
	if depth > 4 {
		kinds = 7
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return []any{0.0, 1.0, -7.0, 2.5, 1e6, 1e14, 1e15, 1e16, 1e21, 1e300, math.Copysign(0, -1), 1e-7, 8080.0}[r.IntN(13)]
	case 3:
		return []any{0, -1, 1 << 40, int64(9), int64(-1) << 62, int32(3), uint64(4), "9", "-1"}[r.IntN(9)]
	case 7:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, anyValue(r, depth+1))
		}
		return list
	case 8, 9:
		m := map[string]any{}
		for range r.IntN(5) {
			m[anyText(r)] = anyValue(r, depth+1)
		}
		return m
	}
	return anyText(r)
}

// sameEmission holds what the emitter writes to toYaml, and its segments to those that are
// found by reading what toYaml wrote. It reports whether the emitter wrote it.
func sameEmission(t *testing.T, seed uint64) bool {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	e := NewEngine(context.Background(), 1<<20)
	values := e.Context(chartutil.Values{"Values": chartutil.Values{"v": anyValue(r, 0)}})["Values"].(chartutil.Values)
	v := values["v"]
	switch r.IntN(4) {
	case 0: // a part of it is of no value
		v = map[string]any{"own": v, "new": anyValue(r, 3)}
	case 1:
		v = []any{v, anyValue(r, 3)}
	}
	text, segs, ok := e.emit(v)
	if !ok {
		return false
	}
	want := toYAML(v)
	if text != want {
		t.Fatalf("seed %d: %#v\nemitted:\n%s\ntoYaml:\n%s", seed, v, text, want)
	}
	if found := e.emitted(reflect.ValueOf(v), want); !slices.EqualFunc(segs, found, sameSegment) {
		t.Fatalf("seed %d:\n%s\nsegments\n%v\nare found to be\n%v", seed, text, said(segs), said(found))
	}
	return true
}

func sameSegment(a, b Segment) bool {
	return a.Start == b.Start && a.End == b.End && a.Off == b.Off && a.Exact == b.Exact && reflect.DeepEqual(a.O, b.O)
}

func said(segs []Segment) string {
	var b strings.Builder
	for _, g := range segs {
		fmt.Fprintf(&b, "%d-%d %+v\n", g.Start, g.End, *g.O)
	}
	return b.String()
}

func TestEmitsAsToYAML(t *testing.T) {
	wrote := 0
	for seed := range uint64(10000) {
		if sameEmission(t, seed) {
			wrote++
		}
	}
	if wrote < 1000 {
		t.Errorf("the emitter wrote %d values", wrote)
	}
	t.Log(wrote)
}

func FuzzEmitsAsToYAML(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { sameEmission(t, seed) })
}

// Each string and key is plain in toYaml where the emitter takes it for plain.
func FuzzPlainText(f *testing.F) {
	for _, piece := range pieces {
		f.Add(piece)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isPlain(s) || len(s) > 40 {
			t.Skip()
		}
		if got := toYAML(map[string]any{s: s}); got != s+": "+s {
			t.Errorf("%q is %q", s, got)
		}
	})
}

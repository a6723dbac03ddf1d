package flux

import (
	"strings"
	"testing"
)

// The forms are those of https://github.com/fluxcd/pkg/tree/main/envsubst. What is not known
// stays as it is written where something else may set it, and is empty where nothing does.
func TestVariablesAreWrittenAsFluxDoes(t *testing.T) {
	known := map[string]variable{"a": {text: "Value"}, "empty": {}, "path": {text: "one/two/one"}}
	for _, c := range []struct{ text, closed, open string }{
		{"${a}", "Value", "Value"},
		{"x-${a}-${a}", "x-Value-Value", "x-Value-Value"},
		{"$a", "$a", "$a"},
		{"$${a} ${a}", "${a} Value", "${a} Value"},
		{"${gone}", "", "${gone}"},
		{"${gone:=fallback}", "fallback", "${gone:=fallback}"},
		{"${gone:-fall back}", "fall back", "${gone:-fall back}"},
		{"${gone=x}${gone-y}", "xy", "${gone=x}${gone-y}"},
		{"${empty:=fallback}", "fallback", "fallback"},
		{"${a:=fallback}", "Value", "Value"},
		{"${gone:=${a}}", "Value", "${gone:=${a}}"},
		{"${empty:=${gone:=deep}}", "deep", "${gone:=deep}"},
		{"${a^^} ${a,,} ${a,}", "VALUE value value", "VALUE value value"},
		{"${#a}", "5", "5"},
		{"${a:1} ${a:1:2}", "alue al", "alue al"},
		{"${path#one/} ${path%/one}", "two/one one/two", "two/one one/two"},
		{"${path/one/1} ${path//one/1}", "1/two/one 1/two/1", "1/two/one 1/two/1"},
		{"${path#*/}", "${path#*/}", "${path#*/}"}, // wildcards are not expanded
		{"${1} ${@} ${!a} ${", "${1} ${@} ${!a} ${", "${1} ${@} ${!a} ${"},
		{"${a", "${a", "${a"},
		{"{{ ${a} }}", "{{ Value }}", "{{ Value }}"},
	} {
		for _, open := range []bool{false, true} {
			e := expansion{variables: &variables{known: known, open: open}, room: 1 << 10}
			want := c.closed
			if open {
				want = c.open
			}
			if got := e.expand(c.text, 0); got != want {
				t.Errorf("%s, open %v: %q, want %q", c.text, open, got, want)
			}
		}
	}
}

// What a text may come to is bounded, and so is what an operator makes.
func TestExpansionEnds(t *testing.T) {
	known := map[string]variable{"a": {text: strings.Repeat("x", 1<<16)}}
	for _, text := range []string{strings.Repeat("${a}", 1<<12), "${a//x/" + strings.Repeat("y", 1<<16) + "}", strings.Repeat("${none:-"+strings.Repeat("${a}", 20)+"}", 20)} {
		e := expansion{variables: &variables{known: known}, room: 1 << 20}
		if got := e.expand(text, 0); len(got) > 1<<20 || e.room > 0 {
			t.Errorf("%d bytes, and room for %d", len(got), e.room)
		}
	}
	deep := expansion{variables: &variables{known: map[string]variable{"a": {}}}, room: 1 << 20}
	deep.expand(strings.Repeat("${a:=", 1000)+strings.Repeat("}", 1000), 0)
}

func TestTextsThatKustomizePrintsPlain(t *testing.T) {
	for text, want := range map[string]bool{"${a}": true, "http://${a}:80": true, "${a}: b": false, "a\n${b}\n": false, "true": false, "- ${a}": false} {
		if isPlain(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

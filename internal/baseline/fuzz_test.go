package baseline

import (
	"bytes"
	"testing"

	"github.com/manilint/manilint/lint"
)

// FuzzRead: a file is a baseline, or what is wrong is said at a place in it; what was read
// is written so that it is read again.
func FuzzRead(f *testing.F) {
	var text bytes.Buffer
	if err := of(found("a.yaml", "Pod/a", "spec.x", lint.Low)).Write(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add(text.Bytes()[:text.Len()/2])
	for _, seed := range []string{"", "{}", "[]", "{\"schema\": \"manilint-baseline/v1\"}\n", "{\"schema\": \"manilint-baseline/v1\"}\n{}\n{\"rule\":1}\n", "\xff", "<<<<<<< HEAD\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		Is(text)
		src := lint.NewSource("b", text)
		known, errs := Read(src)
		for _, e := range errs {
			if e.Message == "" || e.Span.Path() != "b" || e.Span.Start.Line < 1 || e.Span.Start.Line > src.Lines()+1 {
				t.Errorf("%q: %v", text, e)
			}
		}
		if len(errs) > 0 {
			return
		}
		var once, twice bytes.Buffer
		if err := known.Write(&once); err != nil {
			t.Fatal(err)
		}
		again, errs := Read(lint.NewSource("b", once.Bytes()))
		if len(errs) > 0 {
			t.Fatalf("%q is written as %q: %v", text, once.Bytes(), errs)
		}
		if err := again.Write(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("%q is written as %q, and that as %q", text, once.Bytes(), twice.Bytes())
		}
	})
}

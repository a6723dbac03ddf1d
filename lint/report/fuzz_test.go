package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
)

// FuzzFormats: whatever an author writes, each format is what it says: JSON, XML, UTF-8.
func FuzzFormats(f *testing.F) {
	for _, seed := range []string{"", "a", "##vso[a]b", "]]>", "<script>", "\x00\x1b[31m", "\u202e", "\xff\xfe", "\ufffe", "\"\\", "::error::x", "\u2028", "```", "|", "%0A", "&amp;", "a\r\nb"} {
		f.Add(seed, seed+".yaml", "image: "+seed+"\n")
	}
	f.Fuzz(func(t *testing.T, s, file, text string) {
		r := many(1)
		src := lint.NewSource(file, []byte(text))
		x := r.Findings[0]
		x.Message, x.Help, x.Path, x.Span = s, s, s, src.LineSpan(1)
		x.Object = lint.Object{APIVersion: s, Kind: s, Namespace: s, Name: s}
		x.Related = []lint.Related{{Span: src.LineSpan(1), Message: s, Role: "value"}}
		r.Errors = []*lint.InputError{{Message: s, Span: src.LineSpan(1)}, {Message: s}}
		for _, name := range Names() {
			var out bytes.Buffer
			if err := Formats[name](&out, r, Options{Inputs: []string{file}, Version: s}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !utf8.Valid(out.Bytes()) {
				t.Errorf("%s is no UTF-8: %q", name, out.Bytes())
			}
			switch {
			case slices.Contains([]string{"json", "sarif", "gitlab", "gitlab-sast", "rdjson", "sonarqube"}, name):
				if !json.Valid(out.Bytes()) {
					t.Errorf("%s is no JSON: %q", name, out.Bytes())
				}
			case name == "junit" || name == "checkstyle":
				for dec := xml.NewDecoder(&out); ; {
					if _, err := dec.Token(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatalf("%s is no XML: %v", name, err)
					}
				}
			}
		}
	})
}

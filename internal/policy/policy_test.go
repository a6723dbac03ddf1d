package policy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Messages are those of whoever writes the policy: a long one would be held for each finding.
func TestLongMessagesAreCut(t *testing.T) {
	if got := cut("short"); got != "short" {
		t.Errorf("%q", got)
	}
	if got := cut("a" + strings.Repeat("é", 1<<20)); len(got) > maxMessage+len("…") || !strings.HasSuffix(got, "é…") || !utf8.ValidString(got) {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-8:])
	}
}

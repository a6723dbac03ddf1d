package cli

import (
	"strings"
	"testing"
)

// TestInitNamesTheRelease writes a file of a build service with the release that wrote it.
func TestInitNamesTheRelease(t *testing.T) {
	for _, h := range hosts {
		if got := pinned(h.lines, "v1.4.2"); strings.Contains(got, "@latest") || strings.Contains(got, "@v0") || !strings.Contains(got, "manilint@v1.4.2") {
			t.Errorf("%s does not name the release:\n%s", h.file, got)
		}
	}
}

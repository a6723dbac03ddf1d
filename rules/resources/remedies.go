package resources

import (
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// mebibytes writes the unit that is most likely meant. A container whose limit is a few
// bytes does not start.
func mebibytes(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	digits := strings.TrimSuffix(n.Value(), "m")
	if _, err := strconv.ParseUint(digits, 10, 32); err != nil {
		return nil
	}
	edit := lint.Set(n, digits+"Mi")
	if n.Name() == "memory" && n.Parent().Name() == "limits" {
		return lint.Safe("no program starts in a few bytes", edit)
	}
	return lint.Risky("what asks for more may not be scheduled, or exceed a quota", edit)
}

func noAdminAccess(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that watches devices which other pods use does not get them", lint.Remove(n))
}

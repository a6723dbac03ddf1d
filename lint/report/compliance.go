package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/manilint/manilint/lint/compliance"
)

// ComplianceJSON writes a framework's result as one object.
func ComplianceJSON(w io.Writer, r *compliance.Result) error { return Encode(w, r) }

// ComplianceText writes a line for each control, and the counts.
func ComplianceText(w io.Writer, r *compliance.Result) error {
	var rows [][]string
	for _, a := range r.Controls {
		verdict, note := string(a.Verdict), ""
		if a.Verdict == compliance.Failed {
			verdict = fmt.Sprintf("failed (%d)", a.Findings)
			note = strings.Join(a.Rules, ", ")
		} else if a.Judged == compliance.Partly && a.Verdict == compliance.Passed {
			note = "only partly judgeable from manifests"
		}
		if len(a.NotRun) > 0 && a.Verdict == compliance.Passed {
			note = strings.TrimPrefix(note+"; not judged by "+strings.Join(a.NotRun, ", ")+", which did not run", "; ")
		}
		if a.Suppressed > 0 {
			note = strings.TrimPrefix(note+fmt.Sprintf("; %d suppressed", a.Suppressed), "; ")
		}
		rows = append(rows, []string{a.ID, verdict, a.Title, note})
	}
	text := fmt.Sprintf("%s\n%s\n\n%s\n%d passed, %d failed, %d not judgeable from manifests", r.Title, r.Source, columns(rows), r.Passed, r.Failed, r.Unjudged)
	if r.NotChecked > 0 {
		text += fmt.Sprintf(", %d not checked by the rules that ran", r.NotChecked)
	}
	if r.Errors > 0 {
		text += fmt.Sprintf("\n%d errors: not everything was checked, so no control is proven to pass", r.Errors)
	}
	_, err := io.WriteString(w, text+"\n")
	return err
}

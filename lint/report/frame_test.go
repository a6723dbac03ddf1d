package report

import (
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

func TestCommentsBesideAFindingAreNotShown(t *testing.T) {
	for line, want := range map[string]string{
		`  privileged: true # the login is hunter2`:  `  privileged: true # …`,
		`  privileged: true   	# hunter2`:            `  privileged: true # …`,
		`  image: "a#b" # hunter2`:                   `  image: "a#b" # …`,
		`  image: 'it''s # no comment' # hunter2`:    `  image: 'it''s # no comment' # …`,
		`  image: "a \" # b" # hunter2`:              `  image: "a \" # b" # …`,
		`  args: [it's, # hunter2`:                   `  args: [it's, # …`,
		`  image: a#b`:                               `  image: a#b`,
		`  x: {{ .Values.a }} {{/* hunter2 */}}`:     `  x: {{ .Values.a }} # …`,
		`  x: {{ .Values.a }} {{- /* hunter2 */ -}}`: `  x: {{ .Values.a }} # …`,
		`# hunter2`: `# hunter2`, // what the finding is about
		`  name: "` + strings.Repeat("é", 60) + `" # hunter2`: `  name: "` + strings.Repeat("é", 60) + `" # …`,
	} {
		src := lint.NewSource("a.yaml", []byte(line+"\nsecond\n"))
		start := strings.IndexFunc(line, func(r rune) bool { return r != ' ' })
		for name, span := range map[string]lint.Span{"one column": src.Span(start, start+1), "the line": src.Span(start, len(line)), "two lines": src.Span(start, len(line)+7)} {
			text := write(t, "text", &lint.Report{Findings: []*lint.Finding{{Rule: tag, Span: span}}}, Options{Width: 120})
			if !strings.Contains(text, " 1 | "+want+"\n") {
				t.Errorf("%s of %s shows\n%s", name, line, text)
			}
		}
	}
}

package docs_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/rules"
)

// A message is a form that the messages of a rule take, with one that has it.
type message struct{ form, example, help string }

var (
	quotedWord = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	number     = regexp.MustCompile(`[0-9]+`)
	kindWord   = regexp.MustCompile(`\b(?:[A-Z][A-Za-z]+|(?:init|sidecar|ephemeral) container|container|step) "`)
	version    = regexp.MustCompile(`\S*\bv[0-9]\w* [A-Z]\w+`)
)

// form leaves of a message what does not change with the manifest.
func form(text string) string {
	text = version.ReplaceAllString(text, "v0 Kind")
	text = kindWord.ReplaceAllString(text, `Kind "`)
	text = quotedWord.ReplaceAllString(text, `""`)
	return number.ReplaceAllString(text, "0")
}

// messagesOf returns a message of each form that the fixtures of a rule show, sorted.
func messagesOf(t *testing.T, rule *lint.Rule) []message {
	t.Helper()
	byForm := map[string]message{}
	for _, b := range linttest.Bundles(t, filepath.Join("../fixtures/rules", rule.ID)) {
		for _, f := range linttest.Check([]*lint.Bundle{b}, rule).Findings {
			m := message{form(f.Message), f.Message, f.Help}
			if have, ok := byForm[m.form]; !ok || m.example < have.example {
				byForm[m.form] = m
			}
		}
	}
	var all []message
	for _, m := range byForm {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b message) int { return cmp.Compare(a.form, b.form) })
	return all
}

func messagesPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# Messages

What findings say: one line for each form of a message, with an example from the fixtures, and what it advises.
Made by ` + "`go test ./docs -update`" + `.
`)
	for _, rule := range rules.All() {
		all := messagesOf(t, rule)
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", rule.ID)
		for _, m := range all {
			fmt.Fprintf(&b, "- %s", m.example)
			if first, _, _ := strings.Cut(m.help, "\n"); first != "" {
				fmt.Fprintf(&b, " — *%s*", first)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestTheListOfMessagesIsCurrent(t *testing.T) {
	want := messagesPage(t)
	if *update {
		if err := os.WriteFile("messages.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("messages.md"); err != nil || string(got) != want {
		t.Errorf("messages.md is not what the rules say (%v); run go test ./docs -update", err)
	}
}

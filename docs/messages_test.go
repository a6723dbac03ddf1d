package docs_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	b.WriteString("\n## Errors and notes\n\nWhat is said of inputs that cannot be read, rendered or checked, of configurations and of the command line, by the package that\nsays it; … is filled in, and some are joined.\n")
	for _, dir := range speaking {
		fmt.Fprintf(&b, "\n### %s\n\n", dir)
		for _, text := range errorsOf(t, dir) {
			fmt.Fprintf(&b, "- %s\n", text)
		}
	}
	return b.String()
}

// speaking are the packages whose errors and notes the page lists.
var speaking = []string{"render", "render/helm", "render/kustomize", "render/gitops", "render/gitops/argocd", "render/gitops/flux", "render/tree",
	"internal/config", "internal/baseline", "internal/engine", "internal/limits", "internal/cli", "internal/since", "lint"}

var (
	says = regexp.MustCompile(`(?i)err|fail|note|usage|refuse|InputError`)
	verb = regexp.MustCompile(`%[-+#0-9.]*[a-z]`)
)

// errorsOf returns the texts of the errors and notes of a package, sorted: the literals that
// calls which make one are given, with … for what is filled in.
func errorsOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	var all []string
	add := func(e ast.Expr) {
		ast.Inspect(e, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && strings.Count(strings.TrimSpace(text), " ") > 1 && !strings.Contains(text, "\n") {
					all = append(all, strings.TrimSpace(verb.ReplaceAllString(text, "…")))
				}
			}
			_, function := n.(*ast.FuncLit)
			return !function
		})
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				callee := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					callee = f.Name
				case *ast.SelectorExpr:
					callee = f.Sel.Name
					if x, ok := f.X.(*ast.Ident); ok {
						callee = x.Name + "." + callee
					}
				}
				if says.MatchString(callee) {
					for _, a := range n.Args {
						add(a)
					}
				}
			case *ast.KeyValueExpr: // lint.InputError{Message: …}, lint.Note{Message: …}
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Message" {
					add(n.Value)
				}
			}
			return true
		})
	}
	slices.Sort(all)
	return slices.Compact(all)
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

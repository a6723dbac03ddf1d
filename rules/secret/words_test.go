package secret

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

func TestTheMatcherFindsEveryWord(t *testing.T) {
	words := []string{"he", "she", "his", "hers", "-u"}
	m := newMatcher(words)
	for _, text := range []string{"ushers", "HERS and his", "sshe", "", "x -U", "h", "hishers"} {
		var got, want []string
		m.scan(text, func(w, end int) bool {
			got = append(got, words[w]+"@"+string(rune('0'+end)))
			return true
		})
		for end := 1; end <= len(text); end++ {
			for _, w := range words {
				if strings.HasSuffix(strings.ToLower(text[:end]), w) {
					want = append(want, w+"@"+string(rune('0'+end)))
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestWhatIsFoundIsWorthASearch holds the cheap question to the dear one, on every value of
// the fixtures under every name of its object.
func TestWhatIsFoundIsWorthASearch(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/rules/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures")
	}
	found := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		docs, _ := lint.ParseYAML(lint.NewSource(f, text))
		for _, doc := range docs {
			lint.NewNode(doc).Walk(func(n *lint.Node) bool {
				if n.Value() == "" {
					return true
				}
				for _, name := range []string{fieldName(n), "", "DB_PASSWORD", "config.yaml"} {
					if len(inText(name, n.Value())) > 0 {
						found++
						if !isWorth(name, n.Value()) {
							t.Errorf("%s: %s: %q is not worth a search", f, name, n.Value())
						}
					}
				}
				return true
			})
		}
	}
	if found < 100 {
		t.Errorf("only %d values were found", found)
	}
}

func TestWhatManifestsAreFullOfIsNotWorthASearch(t *testing.T) {
	for _, c := range [][2]string{
		{"image", "registry.example/shop/web:1.2.3"}, {"name", "web"}, {"kind", "Deployment"}, {"path", "/healthz"}, {"apiVersion", "apps/v1"},
		{"mountPath", "/var/lib/postgres"}, {"app", "checkout-service"}, {"cpu", "100m"}, {"value", "production"}, {"url", "https://shop.example/checkout"},
	} {
		if isWorth(c[0], c[1]) {
			t.Errorf("%s: %s is worth a search", c[0], c[1])
		}
	}
}

func TestEveryExpressionCompiles(t *testing.T) {
	for _, p := range patterns().patterns {
		p.compiled()
		for _, a := range p.Allowlists {
			a.compiled()
		}
	}
	patterns().allowed()
	for _, f := range []func() *regexp.Regexp{addKey, assign, cardNumber, connectionField, connectionHint, connectionWord, credentials,
		digestLike, directive, driverAddress, element, expanded, filePath, header, hostName, iban, identifier, identifierPath, imageUser, injected, kebabName,
		label, mailAddress, message, notAlnum, number, partlyInjected, passwordHash, phoneName, phoneNumber, placeholder, plainURL, publicKeys, quantity,
		queryField, scalarWord, setting, shellFlag, special, sqlPassword, translation, userInfo, userOption, uuid} {
		f()
	}
}

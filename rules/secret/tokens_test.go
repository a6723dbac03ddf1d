package secret

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/zricethezav/gitleaks/v8/config"
)

var update = flag.Bool("update", false, "rewrite tokens.json")

// leftOut are the patterns that do not say whose token it is, or that are about
// another kind of file. The names and the shape of values are judged here instead.
var leftOut = set(`generic-api-key kubernetes-secret-yaml hashicorp-tf-password nuget-config-password freemius-secret-key pkcs12-file
	sidekiq-secret curl-auth-user curl-auth-header private-key`)

// publicIDs are patterns of identifiers that are no secret on their own.
var publicIDs = set(`adobe-client-id asana-client-id bitbucket-client-id discord-client-id linkedin-client-id looker-client-id
	messagebird-client-id plaid-client-id sendbird-access-id sumologic-access-id mailgun-pub-key lob-pub-api-key flutterwave-public-key
	new-relic-user-api-id alibaba-access-key-id`)

// TestTokensAreThoseOfGitleaks writes tokens.json from the configuration in gitleaks' module.
func TestTokensAreThoseOfGitleaks(t *testing.T) {
	var conf struct {
		Allowlist allowlist
		Rules     []struct {
			ID, Regex, Path string
			SecretGroup     int
			Entropy         float64
			Keywords        []string
			Allowlists      []allowlist
		}
	}
	if _, err := toml.Decode(config.DefaultConfig, &conf); err != nil {
		t.Fatal(err)
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/zricethezav/gitleaks/v8").Output()
	if err != nil {
		t.Skipf("the source of gitleaks is not here: %v", err)
	}
	license, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	file := tokenFile{
		Source:  "https://github.com/gitleaks/gitleaks, config/gitleaks.toml: the rules about tokens of providers",
		License: strings.Split(strings.TrimSpace(string(license)), "\n"),
		Allowed: conf.Allowlist.Regexes,
	}
	for _, p := range conf.Rules {
		if leftOut[p.ID] || publicIDs[p.ID] || p.Regex == "" || p.Path != "" || len(p.Keywords) == 0 {
			continue
		}
		for i, k := range p.Keywords {
			p.Keywords[i] = strings.ToLower(k)
		}
		file.Patterns = append(file.Patterns, &pattern{ID: p.ID, Regex: p.Regex, SecretGroup: p.SecretGroup, Entropy: p.Entropy, Keywords: p.Keywords, Run: runOf(t, p.Regex), Allowlists: p.Allowlists})
	}
	if len(file.Patterns) < 150 {
		t.Fatalf("only %d patterns", len(file.Patterns))
	}
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(file); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("tokens.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(tokensJSON, want.Bytes()) {
		t.Error("tokens.json is not what gitleaks' configuration says; run go test ./rules/secret -update")
	}
}

// runOf returns the length of a stretch of tokenBytes that each match of an expression holds.
func runOf(t *testing.T, expr string) int {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := run(re)
	return n
}

// run returns the length of the stretch, and whether the whole match is one.
func run(re *syntax.Regexp) (n int, whole bool) {
	isToken := func(lo, hi rune) bool {
		for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
			if !tokenBytes[r] {
				return false
			}
		}
		return true
	}
	times := func(least int) (int, bool) {
		n, whole := run(re.Sub[0])
		if whole {
			return least * n, true
		}
		return min(least, 1) * n, false
	}
	switch re.Op {
	case syntax.OpLiteral:
		stretch := 0
		for _, r := range re.Rune {
			if stretch++; !isToken(r, r) {
				stretch = 0
			}
			n = max(n, stretch)
		}
		return n, n == len(re.Rune)
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if !isToken(re.Rune[i], re.Rune[i+1]) {
				return 0, false
			}
		}
		return 1, true
	case syntax.OpCapture:
		return run(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		return times(0)
	case syntax.OpPlus:
		return times(1)
	case syntax.OpRepeat:
		return times(re.Min)
	case syntax.OpConcat:
		stretch, whole := 0, true
		for _, sub := range re.Sub {
			part, all := run(sub)
			if stretch += part; !all {
				n, stretch, whole = max(n, stretch-part, part), 0, false
			}
			n = max(n, stretch)
		}
		return n, whole
	case syntax.OpAlternate:
		n, whole = run(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			part, all := run(sub)
			n, whole = min(n, part), whole && all
		}
		return n, whole
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, true
	}
	return 0, false
}

// Every text that an expression matches must hold the run that is said of it.
func TestEveryTokenHoldsItsRun(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, p := range patterns().patterns {
		re, err := syntax.Parse(p.Regex, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		matched := 0
		for range 200 {
			var b strings.Builder
			sample(re, rng, &b)
			if m := p.compiled().FindString(b.String()); m != "" {
				if matched++; !hasRun(m, p.Run) {
					t.Fatalf("%s: %q has no run of %d", p.ID, m, p.Run)
				}
			}
		}
		if matched == 0 {
			t.Errorf("%s: no text was matched", p.ID)
		}
	}
}

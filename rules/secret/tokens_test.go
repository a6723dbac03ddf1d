package secret

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/zricethezav/gitleaks/v8/config"
)

var update = flag.Bool("update", false, "rewrite tokens.json")

// leftOut are the patterns that do not say whose token it is, or that are about
// another kind of file. The names and the shape of values are judged here instead.
var leftOut = set(`generic-api-key kubernetes-secret-yaml hashicorp-tf-password nuget-config-password freemius-secret-key pkcs12-file
	sidekiq-secret curl-auth-user curl-auth-header private-key`)

// publicIDs are patterns of identifiers that are no secret by themselves.
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
		file.Patterns = append(file.Patterns, &pattern{ID: p.ID, Regex: p.Regex, SecretGroup: p.SecretGroup, Entropy: p.Entropy, Keywords: p.Keywords, Allowlists: p.Allowlists})
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

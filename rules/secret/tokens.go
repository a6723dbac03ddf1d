package secret

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
	"github.com/BurntSushi/toml"
	"github.com/zricethezav/gitleaks/v8/config"
)

// The formats of providers' tokens are gitleaks' own, read from the configuration
// that its module embeds: as data, since its detector keeps global state, logs and reads files.
// What it takes to use them is small: keywords say which expressions are worth
// trying, an entropy that the token must reach, and lists of known examples.
//
// Measured on two cores: reading the table takes 6 ms, once and only when a value
// is looked at; all 222 expressions would take 28 ms to compile, so each is
// compiled when its keyword first turns up.

type pattern struct {
	ID          string
	Description string
	Regex       string
	Path        string
	SecretGroup int
	Entropy     float64
	Keywords    []string
	Allowlists  []allowlist

	compiled func() *regexp.Regexp
}

type allowlist struct {
	Condition   string
	RegexTarget string
	Regexes     []string
	StopWords   []string
	Paths       []string

	compiled func() []*regexp.Regexp
}

type patternTable struct {
	patterns  []*pattern
	byKeyword map[string][]int
	trie      *ahocorasick.Trie
	global    []*regexp.Regexp
}

// leftOut are the patterns that do not say whose token it is, or that are about
// another kind of file. The names and the shape of values are judged here instead.
var leftOut = set(`generic-api-key kubernetes-secret-yaml hashicorp-tf-password nuget-config-password freemius-secret-key pkcs12-file
	sidekiq-secret curl-auth-user curl-auth-header private-key`)

// publicIDs are patterns of identifiers that are no secret by themselves.
var publicIDs = set(`adobe-client-id asana-client-id bitbucket-client-id discord-client-id linkedin-client-id looker-client-id
	messagebird-client-id plaid-client-id sendbird-access-id sumologic-access-id mailgun-pub-key lob-pub-api-key flutterwave-public-key
	new-relic-user-api-id alibaba-access-key-id`)

var patterns = sync.OnceValue(func() *patternTable {
	var conf struct {
		Allowlist allowlist
		Rules     []*pattern
	}
	if _, err := toml.Decode(config.DefaultConfig, &conf); err != nil {
		panic("gitleaks' default configuration: " + err.Error()) // a test reads it
	}
	table := &patternTable{byKeyword: map[string][]int{}}
	for _, expr := range conf.Allowlist.Regexes {
		table.global = append(table.global, regexp.MustCompile(expr))
	}
	var keywords []string
	for _, p := range conf.Rules {
		if leftOut[p.ID] || publicIDs[p.ID] || p.Regex == "" || p.Path != "" || len(p.Keywords) == 0 {
			continue
		}
		p.compiled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(p.Regex) })
		for i := range p.Allowlists {
			a := &p.Allowlists[i]
			a.compiled = sync.OnceValue(func() []*regexp.Regexp {
				var all []*regexp.Regexp
				for _, expr := range a.Regexes {
					all = append(all, regexp.MustCompile(expr))
				}
				return all
			})
		}
		for _, k := range p.Keywords {
			k = strings.ToLower(k)
			if table.byKeyword[k] == nil {
				keywords = append(keywords, k)
			}
			table.byKeyword[k] = append(table.byKeyword[k], len(table.patterns))
		}
		table.patterns = append(table.patterns, p)
	}
	slices.Sort(keywords)
	table.trie = ahocorasick.NewTrieBuilder().AddStrings(keywords).Build()
	return table
})

// A token is a provider's token found in a text.
type token struct {
	id    string // gitleaks' name of the pattern
	text  string // the token itself
	start int    // where it begins in the text
}

// findTokens returns the providers' tokens in text, which may be a whole file.
func findTokens(text string) []token {
	if len(text) < 8 {
		return nil
	}
	table := patterns()
	// Each pattern looks at the surroundings of its keywords only: on all of a large
	// file the expressions are slow.
	type window struct{ from, to int }
	windows := map[int][]window{}
	for _, m := range table.trie.MatchString(asciiLower(text)) {
		pos := int(m.Pos())
		at := window{max(0, pos-before), min(len(text), pos+after)}
		at.from += strings.LastIndexByte(text[at.from:pos], '\n') + 1
		if eol := strings.IndexByte(text[pos:at.to], '\n'); eol >= 0 {
			at.to = min(at.to, pos+eol+nextLine)
		}
		for _, i := range table.byKeyword[m.MatchString()] {
			if w := windows[i]; len(w) > 0 && at.from <= w[len(w)-1].to {
				w[len(w)-1].to = max(w[len(w)-1].to, at.to)
			} else {
				windows[i] = append(w, at)
			}
		}
	}
	var found []token
	for _, i := range slices.Sorted(maps.Keys(windows)) {
		p := table.patterns[i]
		for _, w := range windows[i] {
			part := text[w.from:w.to]
			if len(found) >= maxParts {
				return found
			}
			for _, at := range p.compiled().FindAllStringSubmatchIndex(part, maxLeaks) {
				start, end := group(p.SecretGroup, at)
				secret := part[start:end]
				if p.Entropy > 0 && entropy(secret) <= p.Entropy || table.isAllowed(secret) || p.isAllowed(part, part[at[0]:at[1]], secret) || !isPlain(secret) {
					continue
				}
				found = append(found, token{p.ID, secret, w.from + start})
			}
		}
	}
	return found
}

// asciiLower keeps every byte in its place, which Unicode's lower case does not.
func asciiLower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// before and after are how far from its keyword a token may reach: a name of fifty characters
// in front, a JWT behind; and how far into the next line, where the value may begin.
const before, after, nextLine = 200, 2000, 100

// group picks the secret out of a match as gitleaks does: the group named, else
// the first that took part, else all of it.
func group(want int, at []int) (start, end int) {
	if want > 0 && 2*want+1 < len(at) && at[2*want] >= 0 {
		return at[2*want], at[2*want+1]
	}
	for i := 2; i+1 < len(at); i += 2 {
		if at[i] >= 0 && at[i+1] > at[i] {
			return at[i], at[i+1]
		}
	}
	return at[0], at[1]
}

func (t *patternTable) isAllowed(secret string) bool {
	return slices.ContainsFunc(t.global, func(r *regexp.Regexp) bool { return r.MatchString(secret) })
}

func (p *pattern) isAllowed(text, match, secret string) bool {
	for i := range p.Allowlists {
		a := &p.Allowlists[i]
		if len(a.Paths) > 0 && len(a.Regexes) == 0 && len(a.StopWords) == 0 {
			continue // about where a file lies
		}
		target := secret
		switch a.RegexTarget {
		case "match":
			target = match
		case "line":
			at := max(0, strings.Index(text, match))
			target = text[strings.LastIndexByte(text[:at], '\n')+1:]
			target, _, _ = strings.Cut(target, "\n")
		}
		matches := slices.ContainsFunc(a.compiled(), func(r *regexp.Regexp) bool { return r.MatchString(target) })
		stops := slices.ContainsFunc(a.StopWords, func(w string) bool { return strings.Contains(strings.ToLower(secret), strings.ToLower(w)) })
		switch {
		case strings.EqualFold(a.Condition, "and") || a.Condition == "&&":
			if (matches || len(a.Regexes) == 0) && (stops || len(a.StopWords) == 0) {
				return true
			}
		case matches || stops:
			return true
		}
	}
	return false
}

package secret

import (
	_ "embed"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
)

// The formats of providers' tokens are gitleaks' own. tokens.json holds those of its rules
// that are of use here, generated from the configuration that its module embeds: the module
// itself would bring some forty packages for one text. What it takes to use them is
// small: keywords say which expressions are worth trying, an entropy that the token must
// reach, and lists of known examples.
//
// All 200 expressions would take 28 ms to compile, so each is compiled when its keyword
// first turns up.

type pattern struct {
	ID          string      `json:"id"`
	Regex       string      `json:"regex"`
	SecretGroup int         `json:"secretGroup,omitempty"`
	Entropy     float64     `json:"entropy,omitempty"`
	Keywords    []string    `json:"keywords"`
	Run         int         `json:"run,omitempty"` // each match holds a run of so many bytes of tokens, or more; see hasRun
	Allowlists  []allowlist `json:"allowlists,omitempty"`

	compiled func() *regexp.Regexp
}

type allowlist struct {
	Condition   string   `json:"condition,omitempty"`
	RegexTarget string   `json:"regexTarget,omitempty"`
	Regexes     []string `json:"regexes,omitempty"`
	StopWords   []string `json:"stopWords,omitempty"`
	Paths       []string `json:"paths,omitempty"`

	compiled func() []*regexp.Regexp
}

// A tokenFile is tokens.json.
type tokenFile struct {
	Source   string     `json:"source"`
	License  []string   `json:"license"`
	Allowed  []string   `json:"allowed"` // expressions of what is no token of any kind
	Patterns []*pattern `json:"patterns"`
}

//go:embed tokens.json
var tokensJSON []byte

type patternTable struct {
	patterns  []*pattern
	keywords  []string
	byKeyword [][]int
	runs      []int // by keyword: the least Run of its patterns
	matcher   func() *matcher
	allowed   func() []*regexp.Regexp
}

var patterns = sync.OnceValue(func() *patternTable {
	var file tokenFile
	if err := json.Unmarshal(tokensJSON, &file); err != nil {
		panic("tokens.json: " + err.Error()) // a test reads it
	}
	table := &patternTable{patterns: file.Patterns, allowed: compileAll(file.Allowed)}
	places := map[string]int{}
	for i, p := range table.patterns {
		p.compiled = lint.Regexp(p.Regex)
		for i := range p.Allowlists {
			p.Allowlists[i].compiled = compileAll(p.Allowlists[i].Regexes)
		}
		for _, k := range p.Keywords {
			at, ok := places[k]
			if !ok {
				at = len(table.keywords)
				places[k] = at
				table.keywords = append(table.keywords, k)
				table.byKeyword = append(table.byKeyword, nil)
				table.runs = append(table.runs, p.Run)
			}
			table.byKeyword[at] = append(table.byKeyword[at], i)
			table.runs[at] = min(table.runs[at], p.Run)
		}
	}
	table.matcher = sync.OnceValue(func() *matcher { return newMatcher(table.keywords) })
	return table
})

func compileAll(exprs []string) func() []*regexp.Regexp {
	return sync.OnceValue(func() []*regexp.Regexp {
		var all []*regexp.Regexp
		for _, expr := range exprs {
			all = append(all, regexp.MustCompile(expr))
		}
		return all
	})
}

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
	var windows map[int][]window
	var runs runsOf
	table.matcher().scan(text, func(word, end int) bool {
		if !runs.reach(text, table.runs[word]) {
			return true
		}
		pos := end - len(table.keywords[word])
		at := window{max(0, pos-before), min(len(text), pos+after)}
		at.from += strings.LastIndexByte(text[at.from:pos], '\n') + 1
		if eol := strings.IndexByte(text[pos:at.to], '\n'); eol >= 0 {
			at.to = min(at.to, pos+eol+nextLine)
		}
		for _, i := range table.byKeyword[word] {
			if !runs.reach(text, table.patterns[i].Run) {
				continue
			}
			if w := windows[i]; len(w) > 0 && at.from <= w[len(w)-1].to {
				w[len(w)-1].to = max(w[len(w)-1].to, at.to)
			} else {
				if windows == nil {
					windows = map[int][]window{}
				}
				windows[i] = append(w, at)
			}
		}
		return true
	})
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

// runsOf remembers what is known of the stretches of tokenBytes in one text.
type runsOf struct{ has, lacks int } // lacks is 0 where nothing is known

// reach reports whether text has a stretch of a length.
func (r *runsOf) reach(text string, length int) bool {
	switch {
	case length <= r.has:
		return true
	case r.lacks > 0 && length >= r.lacks:
		return false
	case hasRun(text, length):
		r.has = length
		return true
	}
	r.lacks = length
	return false
}

// tokenBytes are what nearly all tokens are made of. What is not ASCII is among them, since
// an expression without case takes two such letters for k and s.
var tokenBytes = func() [256]bool {
	set := bytesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+=~-")
	for c := utf8.RuneSelf; c < len(set); c++ {
		set[c] = true
	}
	return set
}()

func bytesOf(text string) (set [256]bool) {
	for i := range len(text) {
		set[text[i]] = true
	}
	return set
}

// hasRun reports whether text has a stretch of tokenBytes of a length. Words and paths of
// manifests are short, so that it tells cheaply what no token can be in: of each stretch that
// is too short it looks at the last byte or two.
func hasRun(text string, length int) bool {
	if length <= 0 {
		return true
	}
	from := 0
next:
	for from+length <= len(text) {
		for i := from + length - 1; i >= from; i-- {
			if !tokenBytes[text[i]] {
				from = i + 1
				continue next
			}
		}
		return true
	}
	return false
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
	return slices.ContainsFunc(t.allowed(), func(r *regexp.Regexp) bool { return r.MatchString(secret) })
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

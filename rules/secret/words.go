package secret

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/lint"
)

// Most values of a manifest hold no credential, and the expressions that find one are
// slow. All of them need one of some hundred words: the ends of names, the marks of keys and
// headers, the keywords of providers' tokens. One pass over a value, of about a
// nanosecond a byte, says whether it is worth a search.

// A matcher finds words in a text, in any case of ASCII letters. The words are in groups of
// few, next to each other in the alphabet. What bytes a word of a group begins with is
// a bit of the group, so that three look-ups a byte, which need not wait for each other,
// leave few places at which the words of a group are compared.
type matcher struct {
	heads  [headBytes][endOfText + 1]uint64 // the groups by each of the first bytes of a word
	groups [64][]int
	words  []string
}

// headBytes is how many bytes of a word are looked up; a word that is shorter may end the text.
const (
	headBytes = 3
	endOfText = 256
)

func newMatcher(words []string) *matcher {
	m := &matcher{words: words}
	order := make([]int, len(words))
	for i := range order {
		order[i] = i
	}
	short := func(w string) int { return min(len(w), headBytes) } // which let through what is behind them
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(short(words[i])-short(words[j]), strings.Compare(words[i], words[j]))
	})
	size := (len(words) + len(m.groups) - 1) / len(m.groups)
	for at, i := range order {
		group := at / size
		m.groups[group] = append(m.groups[group], i)
		for place := range m.heads {
			may := &m.heads[place]
			if place >= len(words[i]) {
				for c := range may {
					may[c] |= 1 << group
				}
				continue
			}
			c := words[i][place]
			may[c] |= 1 << group
			if isLetter(c) {
				may[c&^0x20] |= 1 << group
			}
		}
	}
	return m
}

// scan calls visit for each word in text with its place among the words and where it ends,
// in the order of where they begin, until visit returns false.
func (m *matcher) scan(text string, visit func(word, end int) bool) {
	first, second, third := &m.heads[0], &m.heads[1], &m.heads[2]
	for i := range len(text) {
		groups := first[text[i]]
		if i+2 < len(text) {
			groups &= second[text[i+1]] & third[text[i+2]]
		} else {
			next := endOfText
			if i+1 < len(text) {
				next = int(text[i+1])
			}
			groups &= second[next] & third[endOfText]
		}
		for ; groups != 0; groups &= groups - 1 {
			for _, w := range m.groups[bits.TrailingZeros64(groups)] {
				if hasFoldedPrefix(text[i:], m.words[w]) && !visit(w, i+len(m.words[w])) {
					return
				}
			}
		}
	}
}

// hasFoldedPrefix reports whether text begins with a word of lower case, in any case of
// ASCII letters.
func hasFoldedPrefix(text, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		if c := text[i]; c != word[i] && (c|0x20 != word[i] || !isLetter(c)) {
			return false
		}
	}
	return true
}

// markers are what a credential shows itself by, wherever it is.
var markers = []string{
	"-----begin", "putty-user-key", `"auth`, "basic", "bearer", "splunk", "identified", "@tcp", "@unix(",
	// -----BEGIN in base64, by how many bytes are before it in its group of three
	"ls0tls1crudjt", "0tls0tqkvhsu4", "tls0tlujfr0lo",
}

// triggers are the words of a search: nameWords end a name that says what its value is,
// markers and keywords may be anywhere.
type triggers struct {
	*matcher
	names, marks int   // words below names end names, below marks are markers, the others keywords
	runs         []int // see patternTable, by keyword
}

var theTriggers = sync.OnceValue(func() *triggers {
	words := nameWords()
	t := &triggers{names: len(words)}
	words = append(words, markers...)
	t.marks = len(words)
	t.matcher, t.runs = newMatcher(append(words, patterns().keywords...)), patterns().runs
	return t
})

// nameWords are the ends of the names for which nameHint says something, without those
// that end in another one.
func nameWords() []string {
	all := map[string]bool{}
	for _, set := range []map[string]bool{passwordWords, mayWords} {
		for w := range set {
			all[w] = true
		}
	}
	for _, p := range keyPhrases {
		all[p[len(p)-1]] = true
	}
	for _, w := range glued {
		all[w] = true
	}
	all["passwd."] = true // argumentsRealm.passwd.USER
	var words []string
	for w := range all {
		shorter := false
		for o := range all {
			shorter = shorter || o != w && strings.HasSuffix(w, o)
		}
		if !shorter {
			words = append(words, w)
		}
	}
	return words
}

// in reports what of the triggers is in text: the end of a name or a marker; a keyword of
// a token that text may hold, where more bytes of tokens may be next to it.
func (t *triggers) in(text string, more int) (word, keyword bool) {
	var runs runsOf
	t.scan(text, func(w, end int) bool {
		switch {
		case w >= t.marks:
			keyword = keyword || runs.reach(text, t.runs[w-t.marks]-more)
		case w >= t.names || end == len(text) || text[end] < 'a' || text[end] > 'z' || t.words[w] == "passwd.":
			word = true // "path" does not end in "pat"
		}
		return !word || !keyword
	})
	return word, keyword
}

// least is the length of the shortest value in which a credential can be, whatever its name
// says: p=x of an option or a setting.
const least = 4

// isWorth reports whether inText may find something in a value of a name.
func isWorth(name, value string) bool {
	t := theTriggers()
	word, keyword := t.in(name, len("=")+len(value)) // findTokens sees name=value
	if keyword {
		return true
	}
	if word {
		if h := nameHint(name); h > mayHold || h == mayHold && len(value) >= 16 {
			return true
		}
	}
	return isWorthAlone(t, value)
}

func isWorthAlone(t *triggers, value string) bool {
	if len(value) < least {
		return false
	}
	if word, keyword := t.in(value, 0); word || keyword || hasOption(value) {
		return true
	}
	if strings.Contains(value, "://") && strings.ContainsAny(value, "@?") {
		return true
	}
	decoded, ok := decodeText(value)
	return ok && isWorthAlone(t, decoded)
}

// hasOption reports whether a command has an option that clients take credentials by.
func hasOption(text string) bool {
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '-')
		if i < 0 {
			return false
		}
		at += i + 1
		if at < len(text) && (at == 1 || strings.IndexByte(" \t\n", text[at-2]) >= 0) && strings.IndexByte("uUap-", text[at]) >= 0 {
			return true
		}
	}
}

// search finds the credentials of a value as inText does, and none in one that says nothing
// itself or is made anew by each rendering. The cheap question comes first.
func search(n *lint.Node, name, value string) []leak {
	if !isWorth(name, value) {
		return nil
	}
	found := inText(name, value)
	if len(found) == 0 || !isGiven(value) || isGenerated(n) {
		return nil
	}
	return found
}

package secret

import (
	"strings"
	"sync"

	"github.com/manilint/manilint/lint"
)

// Most values of a manifest hold no credential, and the expressions that find one are
// slow. All of them need one of some hundred words: the ends of names, the marks of keys and
// headers, the keywords of providers' tokens. One pass over a value, of about a
// nanosecond a byte, says whether it is worth a search.

// A matcher finds words in a text, in any case of ASCII letters: the automaton of Aho and
// Corasick with every step worked out.
type matcher struct {
	class [256]uint8 // of bytes that the words are made of, from 1
	width int
	next  []uint16   // state*width + class → state
	ends  [][]uint16 // the words that end in a state
	words []string
}

func newMatcher(words []string) *matcher {
	m := &matcher{width: 1, words: words}
	for _, w := range words {
		for _, c := range []byte(w) {
			if m.class[c] == 0 {
				m.class[c] = uint8(m.width)
				m.width++
			}
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		m.class[c-'a'+'A'] = m.class[c]
	}
	state := func() uint16 {
		m.next = append(m.next, make([]uint16, m.width)...)
		m.ends = append(m.ends, nil)
		return uint16(len(m.ends) - 1)
	}
	root := state()
	for i, w := range words {
		s := root
		for _, c := range []byte(w) {
			at := int(s)*m.width + int(m.class[c])
			if m.next[at] == 0 {
				n := state()
				m.next[at] = n
			}
			s = m.next[at]
		}
		m.ends[s] = append(m.ends[s], uint16(i))
	}
	// By breadth: where a state has no step, that of the longest tail of it that is a state.
	fail := make([]uint16, len(m.ends))
	var queue []uint16
	for _, s := range m.next[:m.width] {
		if s != 0 {
			queue = append(queue, s)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		m.ends[s] = append(m.ends[s], m.ends[fail[s]]...)
		for c := range m.width {
			at, other := int(s)*m.width+c, m.next[int(fail[s])*m.width+c]
			if n := m.next[at]; n != 0 {
				fail[n] = other
				queue = append(queue, n)
			} else {
				m.next[at] = other
			}
		}
	}
	return m
}

// scan calls visit for each word in text with its place among the words and where it ends,
// until visit returns false.
func (m *matcher) scan(text string, visit func(word, end int) bool) {
	s := 0
	for i := range len(text) {
		s = int(m.next[s*m.width+int(m.class[text[i]])])
		for _, w := range m.ends[s] {
			if !visit(int(w), i+1) {
				return
			}
		}
	}
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
	longest := -1
	t.scan(text, func(w, end int) bool {
		switch {
		case w >= t.marks:
			if longest < 0 {
				longest = longestRun(text) + more
			}
			keyword = keyword || longest >= t.runs[w-t.marks]
		case w >= t.names || end == len(text) || text[end] < 'a' || text[end] > 'z' || t.words[w] == "passwd.":
			word = true // "path" does not end in "pat"
		}
		return !word || !keyword
	})
	return word, keyword
}

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

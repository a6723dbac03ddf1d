// Package mask hides secrets in what is printed: values that rules and Secrets name,
// wherever and however they turn up, credentials by their form, and the values of
// sensitive names in the lines that a report shows. It reports nothing, and hides rather
// too much than too little; whether a value is a credential worth a finding is for the
// rules to say.
package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/manilint/manilint/internal/yamltext"
	"github.com/manilint/manilint/lint"
)

// minRedacted is the length in bytes from which a secret value is also hidden
// where it turns up in other text. Shorter ones ("admin") are words that
// messages need; they are masked where they stand.
const minRedacted = 8

// Masks knows the places and values that no report may show. The zero Masks
// hides nothing. It is safe for concurrent use until it is read.
type Masks struct {
	mu       sync.Mutex
	spans    map[*lint.Source][]lint.Span
	values   map[string]bool
	public   map[string]bool       // names of objects and containers: no report could do without them
	broken   map[*lint.Source]bool // those that AddBroken has read
	replacer *strings.Replacer

	sorted    map[*lint.Source][]cut         // spans, joined
	sensitive map[*lint.Source]map[int][]cut // see sensitiveSpans
}

// AddSpan hides a place of a source.
func (m *Masks) AddSpan(s lint.Span) {
	if !s.IsValid() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spans == nil {
		m.spans = map[*lint.Source][]lint.Span{}
	}
	m.spans[s.Start.Source] = append(m.spans[s.Start.Source], s)
	delete(m.sorted, s.Start.Source)
}

// AddValue hides a value wherever it turns up: as it is, in base64 (alone or
// inside a longer text), and as URLs, JSON, YAML and Go write it. What is itself
// base64 is hidden decoded too. Of a value of several lines each line that is no
// common setting is hidden.
func (m *Masks) AddValue(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]bool{}
	}
	m.replacer = nil
	m.addText(value, 0)
}

func (m *Masks) addText(value string, depth int) {
	value = strings.TrimSpace(value)
	m.addWord(value)
	if strings.ContainsAny(value, "\r\n") {
		inKey := false // its last line, too short to be told, may look like a path or a word
		for line := range strings.Lines(value) {
			line = strings.TrimSpace(line)
			encoded := line != "" && strings.Trim(line, base64Alphabet) == ""
			if inKey && encoded {
				m.addWord(line)
			}
			inKey = inKey && encoded || isKeyLine(line) || strings.HasPrefix(line, "-----BEGIN ")
			for _, w := range wordsOf(line) {
				m.addWord(w)
			}
		}
	}
	if depth < 3 {
		if decoded, ok := decodeBase64(value); ok && len(decoded) >= minRedacted {
			m.addText(decoded, depth+1)
		}
	}
}

// decodeBase64 decodes text in any of base64's alphabets that holds text.
func decodeBase64(value string) (string, bool) {
	v := strings.Join(strings.Fields(value), "")
	v = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(v), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(v)
	if err != nil || !utf8.Valid(decoded) {
		return "", false
	}
	return string(decoded), true
}

// commonSetting matches values that configuration files are full of: words,
// numbers, host names. Hiding them wherever they turn up would make reports unreadable.
var commonSetting = lint.Regexp(`^(?:[a-z][a-z.-]*|[A-Z][A-Z_]*|[\d.:]+|-----(?:BEGIN|END) [A-Z0-9 ]+-----|[\w.-]+/[\w./-]*|[a-z]+://[\w.:/-]*)$`)

const (
	lowerCase      = "abcdefghijklmnopqrstuvwxyz"
	upperCase      = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits         = "0123456789"
	base64Alphabet = upperCase + lowerCase + digits + "+/="
)

// isKeyLine reports whether a line is a full one of an encoded key or certificate. By
// its slashes alone it would pass as a path.
func isKeyLine(line string) bool {
	return len(line) >= 40 && strings.Trim(line, base64Alphabet) == "" &&
		strings.ContainsAny(line, lowerCase) && strings.ContainsAny(line, upperCase) && strings.ContainsAny(line, digits)
}

// wordsOf returns what a line of a secret file may give away: the line of a key,
// the value of a setting.
func wordsOf(line string) []string {
	if isKeyLine(line) {
		return []string{line}
	}
	if line == "" || commonSetting().MatchString(line) {
		return nil
	}
	if !strings.ContainsAny(line, " \t:=") {
		return []string{line}
	}
	if strings.Trim(line, base64Alphabet) == "" {
		return []string{line} // the last line of a key
	}
	if match := settingLine().FindStringSubmatch(line); match != nil {
		line = match[2]
	}
	var words []string
	for _, w := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'<>{}[]()|,;", r) }) {
		if _, value, cut := strings.Cut(w, "="); cut && value != "" {
			w = value
		}
		if len(w) < minRedacted || commonSetting().MatchString(w) || strings.Trim(w, "=-#*") == "" || strings.HasSuffix(w, ":") {
			continue
		}
		words = append(words, w)
		if _, rest, ok := strings.Cut(w, "://"); ok { // user:password@host
			if info, _, ok := strings.Cut(rest, "@"); ok {
				_, pass, _ := strings.Cut(info, ":")
				words = append(words, pass)
			}
		}
	}
	return words
}

// vocabulary are passwords that are also words of the reports themselves.
var vocabulary = map[string]bool{
	"password": true, "passwords": true, "username": true, "database": true, "postgres": true, "postgresql": true, "container": true,
	"namespace": true, "localhost": true, "privileged": true, "kubernetes": true, "production": true, "deployment": true, "plaintext": true,
	"anonymous": true, "credential": true, "security": true, "registry": true, "repository": true, "administrator": true, "manilint": true,
}

func (m *Masks) addWord(v string) {
	if len(v) < minRedacted || vocabulary[v] {
		return
	}
	add := func(w string) {
		if len(w) >= minRedacted {
			m.values[w] = true
		}
	}
	add(v)
	add(url.QueryEscape(v))
	add(url.PathEscape(v))
	add(url.UserPassword("", v).String()[1:])
	quoted, _ := json.Marshal(v)
	add(strings.Trim(string(quoted), `"`))
	add(strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), `"`, `\"`))
	add(strings.ReplaceAll(v, "'", "''"))
	if strings.ContainsAny(v, "&<>\"'") {
		add(htmlEscaper.Replace(v))
	}
	// Base64 works on three bytes at a time: inside a longer text a value shows in
	// one of three forms, whole but for the characters at its ends.
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(encoding.EncodeToString([]byte(v)))
		for shift := range 3 {
			text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + v))
			from := (shift*8 + 5) / 6
			to := (shift + len(v)) * 8 / 6
			if to-from >= minRedacted {
				add(text[from:to])
			}
		}
	}
}

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// AddPublic takes words that are no secret, since a report names them anyway, out of
// what is hidden outside its own place.
func (m *Masks) AddPublic(words ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.public == nil {
		m.public = map[string]bool{}
	}
	for _, w := range words {
		m.public[w] = true
	}
	m.replacer = nil
}

// Redact returns text with every hidden value replaced by [lint.Mask], and what is a
// credential by its form alone: the password of an address, a provider's token.
func (m *Masks) Redact(text string) string {
	if m != nil {
		text = m.replace(text)
	}
	return redactShapes(text)
}

func (m *Masks) replace(text string) string {
	m.mu.Lock()
	if m.replacer == nil {
		// longest first, so that no value leaves the tail of a longer one behind
		var values []string
		for v := range m.values {
			if !m.public[v] {
				values = append(values, v)
			}
		}
		slices.SortFunc(values, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
		var pairs []string
		for _, v := range values {
			pairs = append(pairs, v, lint.Mask)
		}
		m.replacer = strings.NewReplacer(pairs...)
	}
	r := m.replacer
	m.mu.Unlock()
	return r.Replace(text)
}

// Line returns line n of a source as a report may show it: without what is hidden and
// without the values of sensitive names, in comments too.
func (m *Masks) Line(src *lint.Source, n int) string {
	text := src.Line(n)
	if m == nil {
		return text
	}
	start := src.LineStart(n)
	var cuts []cut
	spans, sensitive := m.on(src)
	first := sort.Search(len(spans), func(i int) bool { return spans[i].to > start })
	for _, s := range spans[first:] {
		if s.from >= start+len(text) {
			break
		}
		cuts = append(cuts, cut{max(s.from-start, 0), min(s.to-start, len(text))})
	}
	cuts = append(cuts, sensitive[n]...)
	return m.Redact(cutOut(text, joined(cuts)))
}

// on returns what is hidden in a source, in order, and what is sensitive there by line.
func (m *Masks) on(src *lint.Source) ([]cut, map[int][]cut) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sensitive[src] == nil {
		if m.sensitive == nil {
			m.sensitive = map[*lint.Source]map[int][]cut{}
		}
		m.sensitive[src] = sensitiveSpans(src)
	}
	if _, ok := m.sorted[src]; !ok {
		if m.sorted == nil {
			m.sorted = map[*lint.Source][]cut{}
		}
		var cuts []cut
		for _, s := range m.spans[src] {
			cuts = append(cuts, cut{s.Start.Offset, s.End.Offset})
		}
		m.sorted[src] = joined(cuts)
	}
	return m.sorted[src], m.sensitive[src]
}

// joined sorts parts of a text and makes one of those that overlap or touch.
func joined(cuts []cut) []cut {
	slices.SortFunc(cuts, func(a, b cut) int { return a.from - b.from })
	var all []cut
	for _, c := range cuts {
		if n := len(all); n > 0 && c.from <= all[n-1].to {
			all[n-1].to = max(all[n-1].to, c.to)
		} else {
			all = append(all, c)
		}
	}
	return slices.DeleteFunc(all, func(c cut) bool { return c.from >= c.to })
}

// Merge takes over what other hides.
func (m *Masks) Merge(other *Masks) {
	if other == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spans == nil {
		m.spans = map[*lint.Source][]lint.Span{}
	}
	if m.values == nil {
		m.values = map[string]bool{}
	}
	if m.public == nil {
		m.public = map[string]bool{}
	}
	m.replacer = nil
	if m.broken == nil {
		m.broken = map[*lint.Source]bool{}
	}
	for src := range other.broken {
		m.broken[src] = true
	}
	for src, spans := range other.spans {
		m.spans[src] = append(m.spans[src], spans...)
		delete(m.sorted, src)
	}
	for v := range other.values {
		m.values[v] = true
	}
	for v := range other.public {
		m.public[v] = true
	}
}

// AddBundle masks the data of every Secret, also of those that other objects hold.
func (m *Masks) AddBundle(b *lint.Bundle) {
	// a user name such as "prometheus" is also the name of a chart or of an app
	m.AddPublic(strings.Split(b.Rendering.Root, "/")...)
	s := &search{m, map[string]bool{}}
	for _, r := range b.Resources {
		m.AddPublic(r.Name, r.Namespace)
		for _, label := range r.Get("metadata", "labels").Fields() {
			if label.IsScalar() {
				m.AddPublic(label.Value())
			}
		}
		for _, p := range r.PodSpecs() {
			for _, c := range p.Containers() {
				m.AddPublic(c.Name())
			}
		}
		if s.in(r.Root) {
			r.Root.Walk(func(n *lint.Node) bool {
				if n.Get("kind").Value() == "Secret" {
					m.addSecret(n)
				}
				return true
			})
		}
	}
}

// addSecret masks the data of a Secret.
func (m *Masks) addSecret(secret *lint.Node) {
	for _, field := range []string{"data", "stringData"} {
		secret.Get(field).Walk(func(n *lint.Node) bool {
			m.AddPublic(n.Name())
			m.AddNode(n, n.Value())
			return true
		})
	}
}

// quoting are the errors that repeat what YAML's parser or a generator of Secrets could
// not read, and what they become.
var quoting = []struct {
	expr func() *regexp.Regexp
	to   string
}{
	{lint.Regexp(`(?s)literal sources \[.*\]: `), "literal sources: "},
	{lint.Regexp(`(?s)invalid literal source .*, expected key=value`), "a literal is not key=value"},
	{lint.Regexp(`unknown anchor '([^']*)' referenced`), "unknown anchor referenced"},
	{lint.Regexp(`(?s)(?:\[[0-9 ]*\] )?has invalid utf8 bytes.*`), "has bytes that are not UTF-8"},
}

// RedactError hides values in an error's message, and what it quotes of secrets unread.
func (m *Masks) RedactError(message string) string {
	for _, q := range quoting {
		message = q.expr().ReplaceAllLiteralString(message, q.to)
	}
	return m.Redact(message)
}

// NamesSecret reports whether one of the names of fields that lead to a value suggests
// that it is a secret.
func NamesSecret(fields ...string) bool { return slices.ContainsFunc(fields, secretName().MatchString) }

// AddSettings hides the strings below the keys of a tree of maps and lists whose names
// suggest a secret, and the passwords of addresses below any: what a chart's error may
// quote of its values.
func (m *Masks) AddSettings(tree any) {
	var walk func(v any, secret bool)
	walk = func(v any, secret bool) {
		switch v := v.(type) {
		case map[string]any:
			for name, child := range v {
				walk(child, secret || NamesSecret(name))
			}
		case []any:
			for _, child := range v {
				walk(child, secret)
			}
		case string:
			switch {
			case secret:
				m.AddValue(v)
			case strings.Contains(v, "://") && strings.Contains(v, "@"):
				if u, err := url.Parse(v); err == nil && u.User != nil {
					if password, ok := u.User.Password(); ok {
						m.AddValue(password)
					}
				}
			}
		}
	}
	walk(tree, false)
}

// AddNode hides the value of a node, or a part of it, wherever it turns up and where it was
// written: in the source, or in the values and generators that it came from.
func (m *Masks) AddNode(n *lint.Node, part string) {
	if !n.IsScalar() || part == "" {
		return
	}
	m.AddValue(part)
	place := n.Locate()
	// The action of a template that passes a value on is not the value.
	passed := strings.Contains(place.Span.Text(), "{{") && (place.Origin == lint.FromValue || place.Origin == lint.FromFile || place.Origin == lint.FromGenerated)
	if place.Precision == lint.Exact && !passed {
		m.addWithin(place.Span, n, part)
	}
	for _, r := range place.Related {
		if r.Role == "value" || r.Role == "generator" {
			m.addWithin(r.Span, n, part)
		}
	}
}

// addWithin hides part inside a span, all of the span where it is written otherwise there.
func (m *Masks) addWithin(span lint.Span, n *lint.Node, part string) {
	text := span.Text()
	if part == n.Value() || !strings.Contains(text, part) {
		m.AddSpan(span)
		return
	}
	for at := 0; ; {
		i := strings.Index(text[at:], part)
		if i < 0 {
			return
		}
		from := span.Start.Offset + at + i
		m.AddSpan(span.Start.Source.Span(from, from+len(part)))
		at += i + len(part)
	}
}

var (
	secretKind   = lint.Regexp(`(?m)^[ \t-]*["']?kind["']?\s*:\s*["']?Secret\b`)
	settingLine  = lint.Regexp(`^[ \t]*(?:- )?["']?([\w.\-/]+)["']?[ \t]*[:=][ \t]*(.*)$`)
	secretName   = lint.Regexp(`(?i)passw|passphrase|pass(?:$|[_.\-/\d])|\wpwd|[_.\-]pw$|secret|token|bearer|jwt|(?:api|private|access|signing|encryption|master)[_-]?key|credential|auth|dsn|connection|literals`)
	namedSecret  = lint.Regexp(`^[ \t-]*["']?name["']?[ \t]*:[ \t]*["']?([\w.\-/]+)`)
	structureKey = lint.Regexp(`^(?:apiVersion|kind|metadata|name|namespace|type|data|stringData|labels|annotations|items|immutable)$`)
)

// stems are parts of all that secretName matches.
var stems = []string{"pass", "pw", "secret", "token", "bearer", "jwt", "credential", "auth", "dsn", "connection", "literals"}

// maySaySecret reports cheaply whether secretName may match in a line.
func maySaySecret(line string) bool {
	for i := range len(line) {
		c := line[i] | 0x20
		switch {
		case line[i] >= utf8.RuneSelf: // folds to a letter, perhaps
			return true
		case c == 'k' && i > 1 && hasFolded(line[i:], "key") && (line[i-1] == '_' || line[i-1] == '-' || isLetter(line[i-1])):
			return true
		case strings.IndexByte("psctbjadlw", c) >= 0 && slices.ContainsFunc(stems, func(stem string) bool { return stem[0] == c && hasFolded(line[i:], stem) }):
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func hasFolded(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// AddBroken hides what looks like a secret in a source that was not understood as a
// whole. It goes by the line and rather hides too much.
func (m *Masks) AddBroken(src *lint.Source) {
	m.mu.Lock()
	done := m.broken[src]
	if m.broken == nil {
		m.broken = map[*lint.Source]bool{}
	}
	m.broken[src] = true
	m.mu.Unlock()
	if done {
		return
	}
	for _, chunk := range yamltext.Documents(src.Data) {
		text := src.Data[chunk.Start:chunk.End]
		isSecret := bytes.Contains(text, []byte("Secret")) && secretKind().Match(text)
		block := -1    // the indentation of the key whose block scalar this is
		named := false // the entry of a list, as of env, is named as a secret
		first, last := src.Position(chunk.Start).Line, src.Position(max(chunk.Start, chunk.End-1)).Line
		for n := first; n <= last; n++ {
			line := src.Line(n)
			if strings.TrimSpace(line) == "" {
				continue
			}
			indent := yamltext.Indent([]byte(line))
			if block >= 0 && indent > block {
				m.hideLine(src, n, strings.TrimSpace(line))
				continue
			}
			block = -1
			if !isSecret && !named && !maySaySecret(line) {
				continue
			}
			match := settingLine().FindStringSubmatch(line)
			if entry := namedSecret().FindStringSubmatch(line); entry != nil {
				named = secretName().MatchString(entry[1])
			}
			secret := isSecret || match != nil && (secretName().MatchString(match[1]) || named && match[1] == "value")
			switch {
			case match == nil && (isSecret || secretName().MatchString(line)) && !yamltext.IsMarker([]byte(line), "---") && !strings.HasPrefix(strings.TrimSpace(line), "#"),
				match != nil && strings.IndexAny(match[2], "{[") == 0 && (isSecret || secretName().MatchString(line)):
				m.hideLine(src, n, strings.TrimSpace(line))
			case match == nil || structureKey().MatchString(match[1]) || !secret:
			case match[2] != "" && strings.ContainsRune("|>", rune(match[2][0])):
				block = indent
			default:
				m.hideLine(src, n, match[2])
			}
		}
	}
}

// AddByLine hides what looks like a secret in the files that a bundle was made from, for
// when going by its objects has failed.
func (m *Masks) AddByLine(b *lint.Bundle) {
	for _, src := range b.Sources {
		m.AddBroken(src)
	}
	for _, r := range b.Resources {
		r.Root.Walk(func(n *lint.Node) bool {
			place := n.Locate()
			for _, at := range slices.Concat(place.Related, []lint.Related{{Span: place.Span}}) {
				if at.Span.IsValid() {
					m.AddBroken(at.Span.Start.Source)
				}
			}
			return true
		})
	}
}

// hideLine hides a text of a line, with and without its quotes.
func (m *Masks) hideLine(src *lint.Source, n int, text string) {
	text = strings.TrimSpace(text)
	bare := strings.Trim(text, `"'`)
	if bare == "" || strings.HasPrefix(text, "{{") && strings.HasSuffix(text, "}}") {
		return
	}
	m.AddValue(strings.TrimLeft(bare, "*&!@`%")) // what YAML's error says of an alias or a tag
	m.AddValue(bare)
	for _, w := range wordsOf(bare) {
		m.AddValue(strings.TrimLeft(w, "*&!@`%"))
	}
	line := src.LineSpan(n)
	if at := strings.LastIndex(line.Text(), text); at >= 0 {
		from := line.Start.Offset + at
		m.AddSpan(src.Span(from, from+len(text)))
	}
}

package mask

import (
	"strings"

	"github.com/manilint/manilint/internal/yamltext"
	"github.com/manilint/manilint/lint"
)

// What is a credential by its form or by the name in front of it, whoever wrote it and
// whether or not a rule looked there: what a template's error quotes, what a comment
// holds, the second password of a command.

// redactShapes hides the userinfo of addresses, tokens of a known form, and what is
// assigned to a sensitive name (DB_PASSWORD=…, --password …).
func redactShapes(text string) string {
	if strings.Contains(text, "@") {
		text = redactUserinfo(text)
	}
	for _, prefix := range tokenPrefixes {
		if strings.Contains(text, prefix) {
			text = tokenShape().ReplaceAllLiteralString(text, lint.Mask)
			break
		}
	}
	if strings.Contains(text, "uthorization") {
		text = authorization().ReplaceAllString(text, "${1}"+lint.Mask)
	}
	if strings.Contains(text, "=") || strings.Contains(text, "--") {
		text = cutOut(text, assigned(text))
	}
	return text
}

var (
	// The password may hold an unescaped "@": the last one in front of the path counts.
	addressUserinfo = lint.Regexp(`([a-zA-Z][\w+.-]*)://([^\s/?#"'<>\\|]*)@`)
	// An image's or a DSN's, without a scheme; a digest's algorithm is no host.
	bareUserinfo = lint.Regexp(`(^|[\s"'=(\[,])([\w.+-]+):([^\s/@"':]+)@((?:[\w-]+(?:\.[\w-]+)+|localhost)[:/]|tcp\()`)
	// What a header proves itself by, as in curl -H "Authorization: Bearer …".
	authorization = lint.Regexp(`(?i)(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+)[A-Za-z0-9+/._~=-]{6,}`)
	variable      = lint.Regexp(`^(?:\$\(\w+\)|\$\{?\w+\}?|\{\{.*\}\}|%\w|\*+|\.\.\.|…)$`)
)

// longUser is the length from which the user of an address is taken for a token.
const longUser = 20

func redactUserinfo(text string) string {
	if strings.Contains(text, "://") {
		text = addressUserinfo().ReplaceAllStringFunc(text, func(found string) string {
			m := addressUserinfo().FindStringSubmatch(found)
			return m[1] + "://" + hideUserinfo(m[2], strings.HasPrefix(strings.ToLower(m[1]), "http")) + "@"
		})
	}
	return bareUserinfo().ReplaceAllStringFunc(text, func(found string) string {
		m := bareUserinfo().FindStringSubmatch(found)
		return m[1] + hideUserinfo(m[2]+":"+m[3], false) + "@" + m[4]
	})
}

// hideUserinfo keeps a user's name that has a password behind it. web tells that a user
// alone is a token: that is how forges take them.
func hideUserinfo(info string, web bool) string {
	user, password, both := strings.Cut(info, ":")
	switch {
	case info == "" || info == "git" || variable().MatchString(info):
		return info
	case !both && web:
		return lint.Mask
	case !both || variable().MatchString(password) && len(user) < longUser:
		return info
	case len(user) >= longUser || password == "" || password == "x-oauth-basic":
		return lint.Mask
	}
	return user + ":" + lint.Mask
}

// tokenPrefixes tell cheaply that tokenShape may match.
var tokenPrefixes = []string{
	"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glsa_", "xox", "AKIA", "ASIA", "AIza", "k_live_", "eyJ", "npm_", "SG.",
	"hvs.", "dop_v1_", "dckr_pat_", "pypi-AgE", "sk-", "ya29.", "PRIVATE KEY-----",
}

// tokenShape matches tokens that carry their provider's prefix, as the providers
// document them, JSON Web Tokens and private keys.
var tokenShape = lint.Regexp(`\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}|\bglsa_\w{20,}|\bxox[abeoprs]-[\w-]{10,}|` +
	`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|\bAIza[\w-]{35}|\b[sr]k_live_\w{16,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?|\bnpm_\w{36}|\bSG\.[\w-]{16,}\.[\w-]{16,}|` +
	`\bhvs\.[\w-]{24,}|\bdop_v1_[a-f0-9]{64}|\bdckr_pat_[\w-]{20,}|\bpypi-AgE[\w-]{50,}|\bsk-(?:ant-|proj-)?[\w-]{32,}|\bya29\.[\w-]{30,}|` +
	`-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s|\\[nr])*[A-Za-z0-9+/=]{16}[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`)

var (
	sensitiveName = lint.Regexp(`(?i)passw(?:or)?d|passphrase|(?:^|[_.-]|[a-z])pass$|(?:^|[_.-])pass[_.-]|pwd$|secret|token|bearer|jwt|(?:api|private|access|signing|encryption|master|account)[_.-]?key|credential`)
	// What such a name speaks of is not the secret: its name, place, age or kind.
	aboutSecret  = lint.Regexp(`(?i)(?:names?|refs?|files?|paths?|dirs?|urls?|uri|endpoints?|hosts?|port|seconds|ttl|expiry|expiration|types?|modes?|polic(?:y|ies)|enabled?|required|providers?|class|stores?|versions?|namespaces?|length|size|rotation|duration|lifetime|issuer|audiences?|algorithm|reviews?|requests?|keyref|selector|kind|mount|volume|id|prefix|header|format|interval|sync|encoding|resources?|pullsecrets?|user|username)$|^existing|^automount`)
	passwordName = lint.Regexp(`(?i)passw(?:or)?d|passphrase|pass$|pwd$`)
	objectName   = lint.Regexp(`^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$`)
)

// isSensitive reports whether a name says that its value is a secret.
func isSensitive(name string) bool {
	return len(name) < 256 && sensitiveName().MatchString(name) && !aboutSecret().MatchString(name)
}

// isOpen reports whether the value of a sensitive name gives nothing away: a switch, a
// variable, a template's action, a file, the name of a Secret.
func isOpen(name, value string) bool {
	value = strings.Trim(value, `"',;)]}`)
	switch {
	case value == "" || strings.ContainsRune("$/%<*&!{[|>~@`", rune(value[0])) || strings.HasPrefix(value, "./"):
		return true
	case passwordName().MatchString(name):
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false") || value == "null"
	}
	switch strings.ToLower(value) {
	case "true", "false", "null", "yes", "no", "on", "off", "none":
		return true
	}
	lower := strings.ToLower(name)
	return strings.Trim(value, "0123456789") == "" || (strings.HasSuffix(lower, "secret") || strings.HasSuffix(lower, "secrets")) && objectName().MatchString(value)
}

// A cut is a part of a text that is not shown.
type cut struct{ from, to int }

// cutOut replaces parts of text with Mask, which are in order.
func cutOut(text string, cuts []cut) string {
	if len(cuts) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, c := range cuts {
		if c.from < at {
			continue
		}
		b.WriteString(text[at:c.from])
		b.WriteString(lint.Mask)
		at = c.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// assigned returns what a text assigns to sensitive names as shells and flags do:
// NAME=value, --name=value, --name value.
func assigned(text string) []cut {
	var cuts []cut
	add := func(name string, from int) int {
		to := wordEnd(text, from)
		if from < to && text[from] == '"' || from < to && text[from] == '\'' {
			from++
		}
		if isSensitive(name) && !isOpen(name, text[from:to]) && (len(cuts) == 0 || cuts[len(cuts)-1].to <= from) {
			cuts = append(cuts, cut{from, max(from, to)})
		}
		return to
	}
	for at := 0; at < len(text); at++ {
		switch {
		case text[at] == '=' && at+1 < len(text) && text[at+1] != '=' && text[at+1] != '~':
			start := at
			for start > 0 && isNameByte(text[start-1]) {
				start--
			}
			if start < at && text[start:at] != "" {
				if end := add(strings.TrimLeft(text[start:at], "-"), at+1); end > at {
					at = end - 1
				}
			}
		case text[at] == '-' && strings.HasPrefix(text[at:], "--") && (at == 0 || strings.IndexByte(" \t\"'[,", text[at-1]) >= 0):
			end := at + 2
			for end < len(text) && isNameByte(text[end]) {
				end++
			}
			// behind the flag: a blank, or in a list of arguments the next item
			value := end
			for value < len(text) && strings.IndexByte(" \t\"',", text[value]) >= 0 {
				value++
			}
			if end > at+2 && value > end && value < len(text) && text[value] != '-' {
				add(text[at+2:end], value)
			}
			at = end - 1
		}
	}
	return cuts
}

func isNameByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// wordEnd returns where the word, or the quoted text, that begins at an offset ends.
func wordEnd(text string, from int) int {
	if from < len(text) && (text[from] == '"' || text[from] == '\'') {
		if n := strings.IndexByte(text[from+1:], text[from]); n >= 0 {
			return from + 1 + n
		}
	}
	for at := from; at < len(text); at++ {
		if strings.IndexByte(" \t\r\n\"'&;|,)]}<>`\\", text[at]) >= 0 {
			return at
		}
	}
	return len(text)
}

// A search hides the values of sensitive keys, and of the sensitive names of
// name-and-value pairs, in all that is told of trees. Where they stand they are hidden
// by [Masks.Line].
type search struct {
	masks *Masks
	known map[string]bool // isSensitive of the few keys that a run meets again and again
}

// in searches n and what is below it. It reports whether a Secret may be there: something
// has the text of its kind.
func (s *search) in(n *lint.Node) (secret bool) {
	var name, value *lint.Node
	for _, e := range n.Entries() { // of a key that is written twice both
		key := e.Name()
		switch key {
		case "name":
			name = e
		case "value":
			value = e
		case "":
			secret = s.in(e.KeyNode()) || secret // a mapping or a list, which YAML allows
		}
		if !e.IsScalar() {
			secret = s.in(e) || secret
			continue
		}
		text := e.Value()
		secret = secret || text == "Secret"
		s.hide(key, text)
	}
	if name != nil && value != nil && name.IsScalar() {
		s.hide(name.Value(), value.Value())
	}
	for _, item := range n.Items() {
		secret = s.in(item) || secret
	}
	return secret || n.Value() == "Secret"
}

// hide hides the text of a name, if that is sensitive.
func (s *search) hide(name, text string) {
	if len(text) < minRedacted || !s.isSensitive(name) || isOpen(name, text) || commonSetting().MatchString(text) {
		return
	}
	if passwordName().MatchString(name) || !objectName().MatchString(text) && !strings.ContainsAny(text, " \n") {
		s.masks.AddValue(text)
	}
}

func (s *search) isSensitive(name string) bool {
	sensitive, ok := s.known[name]
	if !ok {
		sensitive = isSensitive(name)
		s.known[name] = sensitive
	}
	return sensitive
}

// yamlKey matches a key with what follows it, in a block, in a list item, in a flow
// collection and in a comment.
var yamlKey = lint.Regexp(`(?:^|[\s{,"'#-])([\w.\-/]+)["']?[ \t]*:(?:[ \t]+|$)`)

// sensitiveSpans returns, by line, what a source assigns to sensitive names. It goes by
// the line, so that it sees comments and what no parser understood.
func sensitiveSpans(src *lint.Source) map[int][]cut {
	found := map[int][]cut{}
	block, listed := -1, -1 // the indentation of a sensitive key above its text, above its list
	named := ""             // the name of the entry of a list, as of env
	for n := 1; n <= src.Lines(); n++ {
		line := src.Line(n)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		indent := yamltext.Indent([]byte(line))
		if block >= 0 && indent > block {
			found[n] = append(found[n], cut{indent, len(line)})
			continue
		}
		block = -1
		if listed >= 0 && (indent < listed || !strings.HasPrefix(trimmed, "-")) {
			listed = -1
		}
		keys := yamlKey().FindAllStringSubmatchIndex(line, -1)
		if listed >= 0 && len(keys) == 0 {
			if at := indent + len(trimmed) - len(strings.TrimLeft(trimmed, "- \t")); !isOpen("token", line[at:]) {
				found[n] = append(found[n], cut{at, len(line)})
			}
			continue
		}
		if strings.HasPrefix(trimmed, "- ") {
			named = ""
		}
		for _, k := range keys {
			name, from := line[k[2]:k[3]], k[1]
			to := valueEnd(line, from)
			value := line[from:to]
			if name == "name" || name == "key" {
				named = strings.Trim(value, `"'`)
			}
			secret := isSensitive(name)
			if name == "value" && isSensitive(named) {
				secret, name = true, named
			}
			switch {
			case !secret:
			case value == "" && passwordName().MatchString(name):
				listed = indent
			case value != "" && strings.ContainsRune("|>", rune(value[0])):
				block = indent
			case !isOpen(name, value):
				found[n] = append(found[n], cut{from, to})
			}
		}
	}
	return found
}

// valueEnd returns where the plain or quoted value that begins at an offset of a line ends.
func valueEnd(line string, from int) int {
	if from >= len(line) {
		return len(line)
	}
	if q := line[from]; q == '"' || q == '\'' {
		return yamltext.QuotedEnd([]byte(line), from)
	}
	end, closed := len(line), false
	if strings.ContainsAny(line[:from], "{[") {
		if n := strings.IndexAny(line[from:], ",}]"); n >= 0 {
			end, closed = from+n, true
		}
	}
	if n := strings.Index(line[from:end], " #"); n >= 0 {
		end, closed = from+n, false
	}
	if closed {
		return end
	}
	return max(from, len(strings.TrimRight(line[:end], " \t")))
}

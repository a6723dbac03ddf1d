package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// A leak is a credential found in a value.
type leak struct {
	what    string // "a password", "a private key": never the value
	field   string // the name inside an embedded file, "" for the value as a whole
	text    string // the credential, to be masked
	line    int    // the line of an embedded file, from 1; 0 where there is none
	literal string // what text was made from, where it is known: the password of a Basic header
	hash    bool   // a hash of a password, not the password
}

// maxLeaks bounds what is reported of one value. Of a value with more than maxParts
// credentials no more are searched for: it is masked as a whole.
const (
	maxLeaks = 20
	maxParts = 100
)

// leaks gathers what is found in one value. Of two that say the same the first is kept;
// several of one line are all kept, since each is masked.
type leaks struct {
	all    []leak
	byLine map[int][]string
}

func (ls *leaks) add(found ...leak) {
	for _, l := range found {
		if len(ls.all) >= maxParts || ls.holds(l) {
			continue
		}
		if ls.byLine == nil {
			ls.byLine = map[int][]string{}
		}
		ls.all = append(ls.all, l)
		ls.byLine[l.line] = append(ls.byLine[l.line], l.text)
	}
}

// holds reports whether l is part of what was found in its line, or in the value as a whole.
func (ls *leaks) holds(l leak) bool {
	part := func(text string) bool { return strings.Contains(text, l.text) }
	return slices.ContainsFunc(ls.byLine[l.line], part) || slices.ContainsFunc(ls.byLine[0], part)
}

// A text is a value with a table of its lines.
type text struct {
	string
	ends []int // of its lines; nil until requested
	one  bool  // it has one line alone
}

func newText(s string) *text { return &text{string: s} }

// line returns the line of an offset, from 1; 0 where the text has but one.
func (t *text) line(offset int) int {
	if t.ends == nil {
		t.one = !strings.Contains(strings.TrimSpace(t.string), "\n")
		t.ends = []int{}
		for at := 0; !t.one && at < len(t.string); {
			end := strings.IndexByte(t.string[at:], '\n')
			if end < 0 {
				break
			}
			at += end + 1
			t.ends = append(t.ends, at)
		}
	}
	if t.one {
		return 0
	}
	n, exact := slices.BinarySearch(t.ends, offset)
	if exact {
		n++
	}
	return 1 + n
}

// where says in which field of an embedded file the leak is: ` ("smtp_password" in line 12)`.
func (l *leak) where() string {
	switch {
	case l.field != "" && l.line > 0:
		return fmt.Sprintf(" (%q on its line %d)", l.field, l.line)
	case l.field != "":
		return fmt.Sprintf(" (%q)", l.field)
	case l.line > 1:
		return fmt.Sprintf(" (on its line %d)", l.line)
	}
	return ""
}

const (
	weakPassword = "a weak password, among the first that attackers try,"
	weakKey      = "a weak key or token, among the first that attackers try,"
)

// maxDepth bounds how deep files inside files are followed.
const maxDepth = 4

// inContent finds credentials that show themselves, whatever their name: private
// keys, providers' tokens, URLs and connection strings with a password, headers of
// HTTP authentication, registry credentials. name is put before the value for
// patterns that want a context.
func inContent(name, value string) []leak {
	var found leaks
	whole := newText(value)
	found.add(inPEM(whole)...)
	found.add(inRegistryAuths(value)...)
	found.add(inAddress(whole)...)
	found.add(inHeader(whole)...)
	if l := inCredentials(value); l != nil {
		found.add(*l)
	}
	named, shift := value, 0
	if name != "" && whole.line(0) == 0 {
		named, shift = name+"="+value, len(name)+1
	}
	for _, t := range findTokens(named) {
		if t.start < shift {
			continue
		}
		found.add(leak{what: t.label(), text: t.text, line: whole.line(t.start - shift)})
	}
	if decoded, ok := decodeText(value); ok && len(found.all) == 0 { // encoded twice
		for _, l := range slices.Concat(inPEM(newText(decoded)), inAddress(newText(decoded))) {
			found.add(leak{what: l.what, text: value})
		}
		for _, t := range findTokens(decoded) {
			found.add(leak{what: t.label(), text: value})
		}
	}
	return found.all
}

// inPEM finds private keys. Certificates, requests, revocation lists, parameters
// and public keys are not secret.
func inPEM(value *text) []leak {
	if !strings.Contains(value.string, pemBegin) {
		if strings.HasPrefix(strings.TrimSpace(value.string), "PuTTY-User-Key-File-") {
			return []leak{{what: "a private key", text: value.string}}
		}
		return nil
	}
	var all []leak
	rest, escaped := value.string, !strings.Contains(value.string, "\n")
	if escaped {
		rest = strings.ReplaceAll(strings.ReplaceAll(rest, `\r`, ""), `\n`, "\n")
	}
	offset := strings.Index(rest, pemBegin)
	for rest = rest[offset:]; rest != "" && len(all) < maxParts; {
		// A block reaches to its end, or to where the next one begins.
		block, _, _ := strings.Cut(rest[len(pemBegin):], pemBegin)
		at := offset
		offset += len(pemBegin) + len(block)
		rest = rest[len(pemBegin)+len(block):]
		label, _, _ := strings.Cut(block, "-----")
		label, _, _ = strings.Cut(label, "\n")
		if !strings.Contains(label, "PRIVATE KEY") || !isKeyBody(block) {
			continue
		}
		key, _, _ := strings.Cut(pemBegin+block, "-----END")
		l := leak{what: "a private key", text: key}
		if !escaped {
			if l.line = value.line(at); l.line == 1 {
				l.line = 0 // the value as a whole
			}
		}
		all = append(all, l)
	}
	return all
}

const pemBegin = "-----BEGIN "

// isKeyBody tells a key from "-----BEGIN PRIVATE KEY-----\n<your key>\n": it has
// at least a line of base64.
func isKeyBody(block string) bool {
	_, body, ok := strings.Cut(block, "-----")
	if !ok {
		return false
	}
	body, _, _ = strings.Cut(body, "-----END")
	n := 0
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, ": ") { // RFC 1421 headers
			continue
		}
		if strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= ") != "" {
			return false
		}
		if len(line) < 16 && n == 0 || strings.Trim(line, line[:1]) == "" || !isPlain(line) {
			return false
		}
		n += len(line)
	}
	return n >= 32
}

// inRegistryAuths finds the credentials of a Docker configuration: auths with a
// password or with auth, base64 of user:password.
func inRegistryAuths(value string) []leak {
	if !strings.Contains(value, `"auth`) && !strings.Contains(value, `"password"`) && !strings.Contains(value, `"identitytoken"`) {
		return nil
	}
	type entry struct{ Auth, Password, Identitytoken, Registrytoken string }
	var conf struct{ Auths map[string]entry }
	if err := json.Unmarshal([]byte(value), &conf); err != nil {
		return nil
	}
	if conf.Auths == nil { // the old form, .dockercfg, is the table alone
		var old map[string]entry
		if json.Unmarshal([]byte(value), &old) != nil {
			return nil
		}
		for host, e := range old {
			if e.Auth == "" || !strings.ContainsAny(host, ".:/") {
				delete(old, host)
			}
		}
		conf.Auths = old
	}
	var all []leak
	for _, host := range slices.Sorted(maps.Keys(conf.Auths)) {
		e := conf.Auths[host]
		pass := e.Password
		if e.Auth != "" && isPlain(e.Auth) {
			if decoded, err := base64.StdEncoding.DecodeString(e.Auth); err != nil {
				pass = e.Auth
			} else if _, p, ok := strings.Cut(string(decoded), ":"); ok && pass == "" {
				pass = p
			}
		}
		for _, p := range []string{pass, e.Identitytoken, e.Registrytoken} {
			if isPlain(p) && !partlyInjected().MatchString(p) {
				all = append(all, leak{what: "the credentials of a container registry", text: p})
			}
		}
		if len(all) > 0 && e.Auth != "" {
			all = append(all, leak{what: "the credentials of a container registry", text: e.Auth})
		}
	}
	return all
}

// userInfo matches scheme://user:password@host; the password may hold anything
// but blanks, quotes and the delimiters of a host.
var userInfo = lint.Regexp(`\b([a-zA-Z][a-zA-Z0-9+.-]*)://([^\s:/?#@"'<>]*):([^\s/?#@"'<>]+|\$\{[^}]*\}|<[^>]*>)@([\w.\[\]:,$({}<>)-]+)`)

// connectionField matches the password of key=value connection strings (ADO.NET, libpq, Azure, AMQP).
var connectionField = lint.Regexp(`(?i)(?:^|[;&?\s"'])(password|pwd|passwd|AccountKey|SharedAccessKey|SharedAccessSignature|secret ?key)\s*=\s*("[^"]*"|'[^']*'|[^;&\s"']+)`)

// connectionWord is what every connectionField holds.
var connectionWord = lint.Regexp(`(?:[pP][aA]?[sS]?[sS]?[wW][oO]?[rR]?[dD]|[kK]ey|[sS]ignature|KEY) ?=`)

// hasConnectionWord reports whether [connectionWord] matches. Few of the signs of equality
// in a text are behind one.
func hasConnectionWord(line string) bool {
	for at := 0; ; at++ {
		i := strings.IndexByte(line[at:], '=')
		if i < 0 {
			return false
		}
		at += i
		word := strings.TrimSuffix(line[:at], " ")
		if word == "" {
			continue
		}
		switch word[len(word)-1] {
		case 'd', 'D':
			if connectionWord().MatchString(line) {
				return true
			}
		case 'y', 'Y', 'e':
			for _, w := range []string{"key", "Key", "KEY", "signature", "Signature"} {
				if strings.HasSuffix(word, w) {
					return true
				}
			}
		}
	}
}

// mayHoldConnectionWord is a cheap look at what hasConnectionWord says of the lines of a text.
func mayHoldConnectionWord(text string) bool {
	for at := 0; ; at++ {
		i := strings.IndexByte(text[at:], '=')
		if i < 0 {
			return false
		}
		end := at + i
		at = end
		if end > 0 && text[end-1] == ' ' {
			end--
		}
		if end > 0 && strings.IndexByte("dDyYe", text[end-1]) >= 0 {
			return true
		}
	}
}

// matches returns the first matches of expr where a cheaper look says they are worth a search.
func matches(expr func() *regexp.Regexp, text string, worth bool) [][]int {
	if !worth {
		return nil
	}
	return expr().FindAllStringSubmatchIndex(text, 50)
}

// connectionHint are the other fields that make a text a connection string.
var connectionHint = lint.Regexp(`(?i)\b(?:server|host|data source|user id|uid|user|dbname|database|initial catalog|accountname|endpoint|username|port)\s*=|^(?:jdbc|odbc|sqlserver):`)

// inAddress finds the password of a URL (postgres://user:password@host) or of a
// connection string (Server=db;User Id=sa;Password=…).
func inAddress(whole *text) (all []leak) {
	value := whole.string
	// The expressions are slow on large files and rarely called for.
	at, scheme := strings.Contains(value, "@"), strings.Contains(value, "://")
	for _, m := range matches(userInfo, value, at && scheme) {
		pass := value[m[6]:m[7]]
		if unescaped, err := url.PathUnescape(pass); err == nil {
			pass = unescaped
		}
		if !isPlain(pass) || partlyInjected().MatchString(pass) || isStandIn(pass, value[m[4]:m[5]]) || isExampleHost(value[m[8]:m[9]]) {
			continue
		}
		all = append(all, leak{what: "a URL with a password", text: value[m[6]:m[7]], line: whole.line(m[0])})
	}
	for _, m := range matches(driverAddress, value, strings.Contains(value, "@tcp") || strings.Contains(value, "@unix(")) {
		if pass := value[m[2]:m[3]]; isPlain(pass) && !partlyInjected().MatchString(pass) {
			all = append(all, leak{what: "a connection string with a password", text: pass, line: whole.line(m[0])})
		}
	}
	for _, m := range matches(queryField, value, scheme && strings.Contains(value, "?")) {
		if v := value[m[4]:m[5]]; looksRandom(v) && isPlain(v) {
			all = append(all, leak{what: "a URL with a token", text: v, line: whole.line(m[0])})
		}
	}
	if len(value) > 1<<18 || !mayHoldConnectionWord(value) {
		return all
	}
	offset := 0
	for line := range strings.Lines(value) {
		if hasConnectionWord(line) && connectionHint().MatchString(line) {
			for _, m := range connectionField().FindAllStringSubmatch(line, 5) {
				pass := strings.Trim(m[2], `"'`)
				if isPlain(pass) && !partlyInjected().MatchString(pass) && !isStandIn(pass, "") && !isInert(pass) {
					all = append(all, leak{what: "a connection string with a password", text: pass, line: whole.line(offset)})
				}
			}
		}
		offset += len(line)
	}
	return all
}

// driverAddress matches user:password@tcp(host:port)/db of Go's MySQL driver.
var driverAddress = lint.Regexp(`\b[\w.-]+:([^\s:@/'"]+)@(?:tcp6?|unix)\(`)

// queryField matches tokens in the query of a URL, shared access signatures among them.
var queryField = lint.Regexp(`(?i)://[^\s"'<>]*[?&](sig|token|access_token|auth_token|api_?key|apikey|key|secret|client_secret|password)=([^&\s"'<>#]{12,})`)

// isExampleHost reports whether a host is one of documentation: RFC 2606 sets
// example.com and its like apart; nobody's password opens them.
func isExampleHost(host string) bool {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	return host == "example.com" || host == "example.org" || host == "example.net"
}

// header matches HTTP authentication as headers, curl's options and proxies' snippets write it.
var header = lint.Regexp(`(?i)\bauthorization\\?["']?\s*[:=,]?\s*\\?["']?(basic|bearer|token|apikey)\s+([A-Za-z0-9+/=._~-]{8,})`)

// inHeader finds literal Authorization headers.
func inHeader(whole *text) (all []leak) {
	value := whole.string
	if len(value) > 1<<20 || !strings.Contains(value, "uthorization") && !strings.Contains(value, "UTHORIZATION") {
		return nil
	}
	for _, m := range header().FindAllStringSubmatchIndex(value, 50) {
		if l := inScheme(value[m[2]:m[3]], value[m[4]:m[5]]); l != nil {
			l.what, l.line = "an Authorization header", whole.line(m[0])
			all = append(all, *l)
		}
	}
	return all
}

// credentials matches the value of an Authorization header alone, whatever it is the value of.
var credentials = lint.Regexp(`^(?i)(basic|bearer|token|apikey|api-key|key|splunk|bot)\s+["']?([A-Za-z0-9+/=._~-]{8,})["']?$`)

// inCredentials finds what is behind Basic, Bearer and the like
// (https://www.iana.org/assignments/http-authschemes) in a value that is nothing else.
func inCredentials(value string) *leak {
	v := strings.TrimSpace(value)
	scheme := strings.IndexAny(v, " \t\n\f\r")
	if len(value) > 1<<14 || scheme < 0 {
		return nil
	}
	switch strings.ToLower(v[:scheme]) {
	case "basic", "bearer", "token", "apikey", "api-key", "key", "splunk", "bot":
	default:
		return nil
	}
	if m := credentials().FindStringSubmatch(v); m != nil {
		return inScheme(m[1], m[2])
	}
	return nil
}

// inScheme judges the credentials of a scheme of HTTP authentication: of Basic the
// password, of the others a token.
func inScheme(scheme, text string) *leak {
	if !strings.EqualFold(scheme, "basic") {
		if !looksRandom(text) || !isPlain(text) {
			return nil
		}
		return &leak{what: "a token", text: text}
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	user, pass, ok := strings.Cut(string(decoded), ":")
	if !ok || !isPlain(pass) || isStandIn(pass, user) || !isText(decoded) {
		return nil
	}
	return &leak{what: "a password", text: text, literal: pass}
}

// isStandIn reports whether the password of an address in prose or documentation
// is the word for one: user:password@host, user:pass@.
func isStandIn(pass, user string) bool {
	switch strings.ToLower(pass) {
	case "password", "pass", "passwd", "pwd", "secret", "token", "port":
		switch strings.ToLower(user) {
		case "user", "username", "usr", "login", "host", "hostname", "":
			return true
		}
	}
	return strings.Trim(pass, "0123456789") == "" && len(pass) <= 5 // host:port@ of a malformed address
}

var base64Bytes = bytesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")

// decodeText returns the text that value is base64 of; ok is false where it is
// not base64 or not of printable text.
func decodeText(value string) (text string, ok bool) {
	var head [4]byte
	n, others := 0, false
	for i := range len(value) {
		switch c := value[i]; {
		case base64Bytes[c]:
			if n < len(head) {
				head[n] = c
			}
			n++
		case c > ' ' && c < utf8.RuneSelf:
			return "", false // most values, which need no copy
		default:
			others = true
		}
	}
	if n < 12 || n%4 != 0 && !others || !mayBeginText(head) {
		return "", false
	}
	v := value
	if others { // blanks, as a rule
		v = strings.Join(strings.Fields(value), "")
	}
	if len(v) < 12 || len(v)%4 != 0 || len(v) > 1<<20 {
		return "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(v)
	if err != nil || !isText(decoded) {
		return "", false
	}
	return string(decoded), true
}

// mayBeginText reports whether base64 begins with what a text does: that of most words does not.
func mayBeginText(head [4]byte) bool {
	var decoded [3]byte
	n, err := base64.StdEncoding.Decode(decoded[:], head[:])
	return err == nil && n > 0 && utf8.RuneStart(decoded[0]) && (decoded[0] >= ' ' || isText(decoded[:1]))
}

// isText reports whether bytes are UTF-8 without control characters but blanks.
func isText(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexFunc(data, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	}) < 0
}

// passwordHash matches what password files hold: crypt, bcrypt, Argon2, LDAP, SCRAM, Django.
var passwordHash = lint.Regexp(`(?:^|[:\s"'=])(?:\$(?:2[abxy]|apr1|1|5|6|y|7|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d+)?)\$[^\s"']{12,}|\{(?:S?SHA(?:256|512)?|S?MD5|CRYPT|PBKDF2[^}]*)\}[A-Za-z0-9+/=$.]{16,}|SCRAM-SHA-256\$\d+:[^\s"']{16,}|pbkdf2_sha256\$\d+\$[^\s"']{16,})`)

// A fieldValue is one name and value of an embedded file.
type fieldValue struct {
	name, value string
	line        int
}

// A file is what is read of a file kept in a value.
type file struct {
	fields []fieldValue
	// others says that there may be lines that are no field, as the commands of a script.
	others bool
}

// embedded reads a file kept in a value: JSON, YAML, TOML, .ini, .properties, .env. ok is
// false where the value is no such file.
func embedded(filename, value string) (f file, ok bool) {
	trimmed := strings.TrimSpace(value)
	if trimmed == "" || len(value) > 1<<20 {
		return f, false
	}
	object := strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")
	if !object && !strings.Contains(trimmed, "\n") && !hasConfigSuffix(filename) {
		return f, false
	}
	switch name := strings.ToLower(filename); {
	case strings.HasSuffix(name, ".md"), strings.HasSuffix(name, ".txt"), strings.HasSuffix(name, ".rst"), strings.HasSuffix(name, ".html"):
		return f, false // "password: see the wiki" sets nothing
	}
	if fields, ok := yamlFields(value); ok {
		return file{fields: fields}, true
	}
	if object && json.Valid([]byte(trimmed)) {
		return file{others: true}, true
	}
	return assignments(value)
}

func hasConfigSuffix(name string) bool {
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return false
	}
	switch strings.ToLower(name[at+1:]) {
	case "yaml", "yml", "json", "toml", "ini", "properties", "env", "conf", "cfg", "cnf", "config", "xml", "hcl", "tf", "rc":
		return true
	}
	return false
}

// mayBeYAML reports whether a text has what a mapping or a list of YAML needs: a bracket, or
// a colon, a dash or a question mark before a blank.
func mayBeYAML(value string) bool {
	if strings.IndexByte(value, '{') >= 0 || strings.IndexByte(value, '[') >= 0 {
		return true
	}
	for _, sign := range []byte(":-?") {
		for at := 0; ; {
			i := strings.IndexByte(value[at:], sign)
			if i < 0 {
				break
			}
			at += i + 1
			if at == len(value) || value[at] <= ' ' || value[at] >= utf8.RuneSelf { // YAML has line breaks beyond ASCII
				return true
			}
		}
	}
	return false
}

// yamlFields reads every document of YAML or JSON.
func yamlFields(value string) (fields []fieldValue, ok bool) {
	if !mayBeYAML(value) {
		return nil, false
	}
	defer func() {
		if recover() != nil { // yaml.v3 panics on some hostile input
			fields, ok = nil, false
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(value))
	for range 64 {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, false
		}
		if len(doc.Content) == 0 {
			continue
		}
		root := doc.Content[0]
		if root.Kind != yaml.MappingNode && root.Kind != yaml.SequenceNode {
			return nil, false
		}
		ok = true
		flatten("", root, 0, &fields)
	}
	return fields, ok
}

func flatten(name string, n *yaml.Node, depth int, fields *[]fieldValue) {
	if depth > 32 || len(*fields) > 20000 {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		entry := ""
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if value.Kind == yaml.ScalarNode && (key.Value == "name" || key.Value == "key" || key.Value == "Name") {
				entry = value.Value // {name: PASSWORD, value: …}
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Value == "value" && entry != "" {
				flatten(entry, value, depth+1, fields)
				continue
			}
			flatten(key.Value, value, depth+1, fields)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			flatten(name, c, depth+1, fields)
		}
	case yaml.ScalarNode:
		if n.ShortTag() != "!!null" {
			*fields = append(*fields, fieldValue{name, n.Value, n.Line})
		}
	}
}

// trailingComment returns where a blank is before the sign of a comment; -1 where none does.
func trailingComment(value string) int {
	for i := 1; i < len(value); i++ {
		if (value[i] == ';' || value[i] == '#') && strings.IndexByte(blanks, value[i-1]) >= 0 {
			return i - 1
		}
	}
	return -1
}

// quotedValue matches a value in quotes before a comment.
var quotedValue = lint.Regexp(`^("[^"]*"|'[^']*')\s+(?:#|;|//)`)

const blanks = " \t\n\f\r"

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

// trimBlanks is strings.Trim(s, blanks), of which a search makes millions.
func trimBlanks(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// assigned splits a line without blanks around it: [export] "name" = value, with a colon
// or blanks instead of the sign of equality and perhaps a comma or semicolon at its end.
// sign says that it is no blank, see assigns.
func assigned(line string) (name, value string, sign, ok bool) {
	if line != "" && (line[0] == 'e' || line[0] == 's') {
		for _, prefix := range []string{"export", "set"} {
			if rest, found := strings.CutPrefix(line, prefix); found && rest != "" && isBlank(rest[0]) {
				if name, value, sign, ok := assignedBare(trimBlanks(rest)); ok {
					return name, value, sign, true
				}
			}
		}
	}
	return assignedBare(line)
}

// nameBytes are what names are made of, 2 of those that do not begin one.
var nameBytes = func() (kinds [256]uint8) {
	for c := range kinds {
		switch {
		case isLetter(byte(c)) || c == '_':
			kinds[c] = 1
		case '0' <= c && c <= '9' || c == '.' || c == '-':
			kinds[c] = 2
		}
	}
	return kinds
}()

func assignedBare(line string) (name, value string, sign, ok bool) {
	if line != "" && (line[0] == '"' || line[0] == '\'') {
		line = line[1:]
	}
	if line == "" || nameBytes[line[0]] != 1 {
		return "", "", false, false
	}
	n := 1
	for n < len(line) && nameBytes[line[n]] != 0 {
		n++
	}
	name, rest := line[:n], line[n:]
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		rest = rest[1:]
	}
	value = trimBlanks(rest)
	switch {
	case value != "" && (value[0] == '=' || value[0] == ':'):
		value, sign = trimBlanks(value[1:]), assigns(line[n:])
	case rest == "" || !isBlank(rest[0]):
		return "", "", false, false
	}
	if value != "" && (value[len(value)-1] == ',' || value[len(value)-1] == ';') {
		value = trimBlanks(value[:len(value)-1])
	}
	return name, value, sign, true
}

// assignments reads .ini, .properties, .env, TOML and their like by line. It is a
// configuration where most lines that are neither blank nor comments assign. The fields are
// those in which a credential may be.
func assignments(value string) (f file, ok bool) {
	lines, strict, n := 0, 0, 0
	for rest := value; rest != ""; {
		line := rest
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		n++
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || text[0] == ';' || strings.HasPrefix(text, "//") {
			continue
		}
		if text[0] == '[' {
			f.others = f.others || strings.ContainsAny(text, " \t=:<'") // else it assigns nothing and runs nothing
			continue
		}
		lines++
		name, value, sign, ok := assigned(text)
		f.others = f.others || !ok || !sign
		if !ok {
			continue
		}
		if sign {
			strict++
		}
		switch {
		case isIdle(name, value):
			continue
		case value == "":
		case value[0] == '"' || value[0] == '\'':
			if m := quotedValue().FindStringSubmatch(value); m != nil {
				value = m[1]
			}
		default:
			if at := trailingComment(value); at >= 0 {
				value = strings.TrimSpace(value[:at])
			}
			if isCode(value) {
				continue
			}
		}
		f.fields = append(f.fields, fieldValue{name, unquote(value), n})
	}
	if lines == 0 || strict*2 < lines {
		return file{}, false
	}
	return f, true
}

// isIdle is a cheap look at a field of a file in which [file.search] finds nothing, as in most:
// its name says nothing that its value could be, and its value nothing by itself.
func isIdle(name, value string) bool {
	if value == "" {
		return true
	}
	words := false
	for i := range len(value) {
		switch c := value[i]; c {
		case '"', '\'', '#', ';':
			return false // what the value is turns out without quotes and comments
		case ' ', '\t':
			words = true
		}
	}
	switch first := value[0]; {
	case first == '-' || first == '{' || first >= utf8.RuneSelf:
		return false
	case words && strings.IndexByte("bBtTaAkKsS", first) >= 0 && inCredentials(value) != nil:
		return false
	}
	if !words { // whatever its name, what has blanks is no password
		if h := nameHint(name); h > mayHold || h == mayHold && looksRandom(value) {
			return false
		}
	}
	_, encoded := decodeText(value)
	return !encoded
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// inFile finds the credentials in the fields of an embedded file. Files inside
// files are followed; their leaks are at the line of the outer file.
func inFile(filename, value string, depth int) (all []leak, isFile bool) {
	if depth > maxDepth {
		return nil, false
	}
	f, ok := embedded(filename, value)
	if !ok {
		return nil, false
	}
	return f.search(filename, value, depth), true
}

// search finds the credentials in the fields of a file of a name and a text.
func (f *file) search(filename, value string, depth int) (all []leak) {
	if len(f.fields) == 0 {
		return nil
	}
	lines := strings.Contains(strings.TrimSpace(value), "\n")
	translated := sync.OnceValue(func() bool { return isTranslation(filename) })
	for _, f := range f.fields {
		var found []leak
		if l := inCredentials(f.value); l != nil {
			found = append(found, *l)
		} else if l := inNamed(f.name, f.value); l != nil {
			if isLabel(l.text) || isWording(l.text) && translated() {
				continue
			}
			found = append(found, *l)
		} else if strings.Contains(f.value, "\n") || strings.HasPrefix(strings.TrimSpace(f.value), "{") {
			found, _ = inFile(f.name, f.value, depth+1)
		} else if strings.HasPrefix(strings.TrimSpace(f.value), "-") { // JAVA_OPTS=-Ddb.password=…
			found = inScript(f.value)
		} else if text, ok := decodeText(f.value); ok { // client-key-data of a kubeconfig
			for _, l := range inPEM(newText(text)) {
				found = append(found, leak{what: l.what, text: f.value})
			}
		}
		for _, l := range found {
			if len(all) == maxParts {
				return all
			}
			l.field, l.line = f.name, 0
			if lines {
				l.line = f.line
			}
			all = append(all, l)
		}
	}
	return all
}

// inText finds the credentials of a value that may be a whole file: what shows
// itself, then what its fields or its assignments say.
func inText(name, value string) []leak {
	var all leaks
	all.add(inContent(name, value)...)
	f, isFile := embedded(name, value)
	found := f.search(name, value, 0)
	if !isFile && hasWords(value) {
		found = said(name, inScript(value))
	} else if f.others && strings.Contains(value, "\n") {
		found = append(found, said(name, inScript(commandLines(value)))...)
	} else if !isFile && len(all.all) == 0 {
		if l := inNamed(name, value); l != nil {
			found = []leak{*l}
		} else if strings.HasPrefix(value, "-") || setting().MatchString(value) {
			found = inScript(value) // an option alone, -Ddb.password=…, or a file of one line, DB_PASSWORD=…
		}
	}
	all.add(found...)
	slices.SortStableFunc(all.all, func(a, b leak) int { return a.line - b.line })
	return all.all
}

// said leaves out what a file of translations calls its fields.
func said(filename string, found []leak) []leak {
	if len(found) == 0 || !isTranslation(filename) {
		return found
	}
	return slices.DeleteFunc(found, func(l leak) bool { return isWording(l.text) })
}

// commandLines returns a file without the lines that assign, which were read: of a script that
// mostly assigns what it runs.
func commandLines(value string) string {
	var rest strings.Builder
	for line := range strings.Lines(value) {
		text := strings.TrimSpace(line)
		if _, _, sign, ok := assigned(text); ok && sign || strings.HasPrefix(text, ";") {
			line = "\n" // read, or a comment of .ini files
		}
		rest.WriteString(line)
	}
	return rest.String()
}

// assigns reports whether what is behind a name assigns with a sign, not by a blank.
func assigns(behind string) bool {
	for behind != "" && (behind[0] == '"' || behind[0] == '\'') {
		behind = behind[1:]
	}
	if behind != "" && behind[0] == ':' {
		return true
	}
	for behind != "" && (behind[0] == '"' || behind[0] == '\'' || behind[0] == ' ') {
		behind = behind[1:]
	}
	return behind != "" && behind[0] == '='
}

// setting matches NAME=value, and a list of these: a=b,password=c.
var setting = lint.Regexp(`^["']?[A-Za-z_][\w.-]*=[^=]`)

// inNamed judges a value by its name and by what it is. It is strict: outside a
// Secret a name alone makes no finding.
func inNamed(name, value string) *leak {
	h := nameHint(name)
	if h == noHint || len(value) > 1<<16 || h == mayHold && !looksRandom(value) || !isPlain(value) {
		return nil
	}
	v := strings.TrimSpace(value)
	if hasWords(v) || isInert(v) || partlyInjected().MatchString(v) || strings.HasPrefix(v, "[") || strings.HasPrefix(v, "{") {
		return nil
	}
	switch {
	case h == password && passwordHash().MatchString(v):
		return nil // a hash outside a Secret is judged by nobody: it may be meant to be read
	case h == password && isWeak(v):
		return &leak{what: weakPassword, text: v}
	case h == password && !identifierOf(name, v):
		return &leak{what: "a password", text: v}
	case h == apiKey && isWeakKey(v):
		return &leak{what: weakKey, text: v}
	case h == apiKey && !namesASecret(v) && (looksRandom(v) || len(v) >= 8 && !kebabName().MatchString(v) && !identifier().MatchString(v) && !quantity().MatchString(v)):
		return &leak{what: "a key or token", text: v}
	case h == mayHold && looksRandom(v):
		return &leak{what: "a key or token", text: v}
	}
	return nil
}

// identifierOf reports whether a "password" is its own name or a variable's, as in
// password: DB_PASSWORD or passwordField: pass_word.
func identifierOf(name, value string) bool {
	if strings.EqualFold(name, value) {
		return true
	}
	return identifier().MatchString(value) && strings.ToUpper(value) == value && strings.Contains(value, "_") && nameHint(value) != noHint
}

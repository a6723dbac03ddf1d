package secret

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A hint says how much a name tells about its value.
type hint int

const (
	noHint   hint = iota
	mayHold       // token, secret, credentials, signing key: a value that looks random is one
	password      // password, passphrase: any literal value is one
	apiKey        // api key, client secret, access token: a value that is no word or name is one
)

// splitName cuts a name into lower-case words at punctuation and humps:
// "DB_PASSWORD", "dbPassword" and "db.password" are the same two words.
func splitName(name string) []string { return appendWords(nil, name) }

// appendWords is splitName into a slice that may have room for the words.
func appendWords(words []string, name string) []string {
	upper := false
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return appendRunes(words, name)
		}
		upper = upper || letterCase[name[i]] == isUpper
	}
	text := name
	if upper {
		text = strings.ToLower(name) // once for all words
	}
	start, before := -1, isOther
	for i := range len(name) {
		kind := letterCase[name[i]]
		switch {
		case kind == isOther:
			if start >= 0 {
				words = append(words, text[start:i])
			}
			start = -1
		case start < 0:
			start = i
		case kind == isUpper && (before != isUpper || startsLower(name[i+1:]) && !isPlural(name[i:])):
			words = append(words, text[start:i])
			start = i
		}
		before = kind
	}
	if start >= 0 {
		words = append(words, text[start:])
	}
	return words
}

// letterCase says of a byte of ASCII what splitName cuts by.
var letterCase = func() (kinds [utf8.RuneSelf]uint8) {
	for c := range kinds {
		switch r := rune(c); {
		case unicode.IsUpper(r):
			kinds[c] = isUpper
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			kinds[c] = isLower
		}
	}
	return kinds
}()

const (
	isOther uint8 = iota
	isLower       // or a digit
	isUpper
)

// appendRunes is appendWords for names with letters beyond ASCII.
func appendRunes(words []string, name string) []string {
	start := -1 // of the word at hand
	flush := func(end int) {
		if start >= 0 {
			words = append(words, strings.ToLower(name[start:end]))
		}
		start = -1
	}
	before := rune(0)
	for i, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush(i)
		case unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(before) || startsLower(name[i+utf8.RuneLen(r):]) && !isPlural(name[i:])):
			flush(i)
			start = i
		case start < 0:
			start = i
		}
		before = r
	}
	flush(len(name))
	return words
}

func startsLower(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsLower(r)
}

// isPlural reports whether text is the tail of an abbreviation's plural ("KEYs", "IDs").
func isPlural(text string) bool {
	_, n := utf8.DecodeRuneInString(text)
	return strings.HasPrefix(text[n:], "s") && !startsLower(text[n+1:])
}

// negating are words that make a name one of something else when they are before
// the secret word: a switch, a count, a digest, a public key. (Words behind it, as in
// PASSWORD_FILE, need no list: such a name does not end in a secret word.)
var negating = set(`existing enabled enable disabled disable required require requires allow allowed deny optional
	use uses using skip show hide has is no without auto generate generated random reset forgot change validate validation verify verification
	max min num count total hash hashed hasher checksum digest sha sha1 sha256 sha512 md5 fingerprint thumbprint encrypted
	public pub publishable site prompt placeholder`)

// negatingKeys do the same for a name that ends in token, key or secret without more.
var negatingKeys = set(`cache label annotation column field sort partition routing name group version header tls eos bos pad unk sep cls mask
	sync file path url type metric topic map row primary foreign index idempotency translation message feature`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// passwordWords end a name whose value is a password.
var passwordWords = set(`password passwords passwd passwort passphrase passcode pass pwd pw rootpw requirepass masterauth userpass dbpass`)

// keyPhrases end a name whose value is a key or a token; matched on the last words.
var keyPhrases = phrases(`api key|apikey|api secret|apisecret|api token|apitoken|client secret|clientsecret|secret key|secretkey|
	secret access key|secretaccesskey|access secret|access token|accesstoken|auth token|authtoken|bearer token|bearertoken|refresh token|
	bot token|app secret|app token|application secret|application key|app key|private key|privatekey|encryption key|encryptionkey|encrypt key|signing key|signature key|
	signing secret|webhook secret|jwt secret|jwt key|token secret|hmac secret|hmac key|shared secret|shared key|session secret|session key|cookie secret|cookie key|
	secret key base|account key|accountkey|storage key|master key|masterkey|license key|root token|admin token|deploy token|deploy key|
	access key secret|service key|oauth secret|oauth token|consumer secret|fernet key|aes key|crypt key|cipher key|unseal key|recovery key|auth user info|
	integration key|routing key secret|internal token|registration token|runner token|personal access token|secret token|csrf secret|hash key|hash salt|erlang cookie|sas token|sas key|personal token|user token|join token|agent token|vault token|github token|gitlab token|gh token|npm token|slack token|host key`)

// mayWords end a name whose value may be a secret if it looks like one.
var mayWords = set(`token tokens secret secrets key keys credential credentials creds auth authorization bearer cookie salt pepper
	seed mnemonic dsn sas pat nonce otp totp pin hmac jwt jwk accesskey cred signature license`)

// phrasesByEnd are keyPhrases by their last word.
var phrasesByEnd = func() map[string][][]string {
	ends := map[string][][]string{}
	for _, p := range keyPhrases {
		ends[p[len(p)-1]] = append(ends[p[len(p)-1]], p)
	}
	return ends
}()

func phrases(list string) [][]string {
	var all [][]string
	for p := range strings.SplitSeq(list, "|") {
		all = append(all, strings.Fields(p))
	}
	return all
}

// glued are the endings of names without any cut, as POSTGRESPASSWORD and k8svaultapikey.
var glued = []string{"password", "passwd", "passphrase", "apikey", "secretkey", "accesskey", "privatekey", "clientsecret", "accesstoken", "authtoken", "apitoken"}

// nameHint says what a name tells of its value. Names of things about a
// secret (PASSWORD_FILE, secretName, TOKEN_TTL) tell nothing.
func nameHint(name string) hint {
	if user, ok := strings.CutPrefix(name, "argumentsRealm.passwd."); ok && user != "" {
		return password // of a user of Jenkins' servlet container
	}
	var room [12]string
	words := appendWords(room[:0], name)
	for len(words) > 1 && strings.Trim(words[len(words)-1], "0123456789") == "" {
		words = words[:len(words)-1] // PASSWORD_2
	}
	if len(words) == 0 {
		return noHint
	}
	last := strings.TrimRight(words[len(words)-1], "0123456789")
	if last != "" {
		words[len(words)-1] = last
	}
	h := ending(words)
	if h == noHint {
		return noHint
	}
	for _, w := range words {
		if negating[w] || h == mayHold && negatingKeys[w] {
			return noHint
		}
	}
	return h
}

func ending(words []string) hint {
	last := words[len(words)-1]
	if passwordWords[last] {
		return password
	}
	for _, p := range phrasesByEnd[last] {
		if len(p) <= len(words) && slices.Equal(words[len(words)-len(p):], p) {
			return apiKey
		}
	}
	for _, g := range glued {
		if strings.HasSuffix(last, g) {
			if strings.HasPrefix(g, "pass") {
				return password
			}
			if g == "accesskey" {
				return mayHold
			}
			return apiKey
		}
	}
	if mayWords[last] || len(last) > 6 && (strings.HasSuffix(last, "token") || strings.HasSuffix(last, "secret")) {
		return mayHold
	}
	return noHint
}

// benignNames are keys of Secrets whose values are not secret on their own.
var benignNames = set(`username user users login email mail host hostname hosts port ports database databases dbname db url uri urls endpoint endpoints
	server servers address region zone bucket project account tenant subscription namespace name type issuer audience realm domain ca cacert crt cert certificate chain
	public version insecure sslmode from to region id ids clientid appid tenantid client app environment env cloud provider scheme protocol path file group role
	schema driver dialect engine mode enabled tls ssl csr pub known_hosts knownhosts org organization team index topic channel queue vhost cluster owner repo repository
	branch ref registry image tag commit sha digest hash revision build checksum locale timezone format level log debug title description comment note notes labels annotations node nodes size replicas`)

func isBenign(name string) bool {
	words := splitName(name)
	if len(words) == 0 {
		return false
	}
	return benignNames[words[len(words)-1]]
}

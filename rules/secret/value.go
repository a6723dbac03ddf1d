package secret

import (
	"math"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
)

// injected matches a value that a tool puts in at or before the deploy: what
// is in the file is a reference. One form each:
var injected = lint.Regexp(`(?i)^(?:` + strings.Join([]string{
	`<path:[^>]+>`,                                  // argocd-vault-plugin
	`<[^<>]{1,120}>`,                                // <your-password>, <secret>
	`ref\+[a-z0-9]+://.+`, `secretref\+[a-z]+://.+`, // vals
	`(?:vault|bao):.+`, // bank-vaults: vault:secret/data/db#PASSWORD
	`>>vault:.+`,       // bank-vaults, at each start
	`(?:op|bws|doppler|infisical|conjur|secret|secrets|vault|ssm|awssm|awsssm|aws-?secrets?|gcpsm|gsm|gcp-?secrets?|sm|akv|azurekeyvault|keyvault|keyring|sops|berglas|env|file|config|k8s|kubernetes|chamber|passwordstore|pass|keepass|lastpass|dashlane|1password)://.+`,
	`arn:aws[a-z-]*:(?:secretsmanager|ssm|kms|iam|sts):.+`,
	`projects/[^/]+/secrets/.+`,
	`@microsoft\.keyvault\(.+\)`,
	`\{\{resolve:.+\}\}`, // CloudFormation
	`enc\[.+\]`,          // SOPS, eyaml
	`enc\(.+\)`,          // jasypt
	`\{cipher\}.+`,       // Spring Cloud Config
	`\$ansible_vault;.*`,
	`\$__(?:file|env|vault)\{.+\}`, // Grafana
	`\$\(.+\)`, `\$\{.+\}`, `\$\{\{.+\}\}`, `\{\{.+\}\}`, `\[\[.+\]\]`, `\(\(.+\)\)`, `#\{.+\}#?`, `%\{.+\}`, `<%.+%>`, `\{[a-z0-9_.:-]+\}`,
	`\$[a-z_][a-z0-9_]*`, `%[a-z_][a-z0-9_]*%`, `%%[a-z0-9_.-]+%%`, `@@?[a-z_][a-z0-9_.-]*@@?`, `__[a-z0-9_.-]+__`, `\$\$[a-z_][a-z0-9_]*\$?\$?`,
	`os\.environ/.+`, `env\..+`, `env:[a-z_].*`, `file:.+`, `getenv\(.+\)`, `!(?:vault|var|secret|ref|env|sub|getatt)\b.*`,
	`\$(?:env|secret|secrets|vault):.+`, `secrets?\.[a-z0-9_.-]+`,
	`\$[a-z0-9-]+:[a-z0-9._-]+`, // Argo CD: $secret-name:key
}, "|") + `)$`)

// partlyInjected matches a reference inside a longer value.
var partlyInjected = lint.Regexp(`\$\([^)]+\)|\$\{[^}]+\}|\{\{.+?\}\}|<path:[^>]+>|\$[A-Z_][A-Z0-9_]{2,}\b|ENC\[[A-Z0-9_]+,|\$__(?:file|env|vault)\{|%\([a-zA-Z_]+\)s`)

// placeholder matches, without case, what is where somebody is to put a value.
var placeholder = lint.Regexp(`(?i)^[\[({"'*]*(?:` + strings.Join([]string{
	`x{3,}(?:[-_ ]?x+)*`, `\*{2,}`, `\.{2,}`, `…`, `-{2,}`, `_{2,}`, `\?+`, `#{2,}`, `0{8,}`,
	`your[-_ .]?.*`, `.*[-_ ]your[-_ ].*`,
	`(?:please[-_ ]?)?(?:replace|insert|enter|provide|specify|supply|fill|put|paste|set|override|overwrite|add|define|configure)[-_ ]?(?:me|this|it|with|by|your|here|in|a|an|the|value|secret|password|token|key|before|at|via|from|real|actual|own)?(?:[-_ ].*)?`,
	`(?:replaced|overridden|overwritten|provided|generated|injected|supplied|populated|managed|filled|set|created|rotated|defined)[-_ ](?:by|at|in|from|via|on|with|during|when|externally|later)\b.*`,
	`(?:to|will|must|should)[-_ ]?be[-_ ].*`, `(?:auto|externally|dynamically)[-_ ]?(?:generated|managed|created)`,
	`(?:todo|fixme|tbd|tba|placeholder|redacted|masked|hidden|omitted|removed|stripped|sanitized|dummy|fake|mock|stub|unused|not[-_ ]?used|not[-_ ]?set|not[-_ ]?needed|not[-_ ]?required|not[-_ ]?a[-_ ]?(?:real[-_ ]?)?(?:secret|password|token|key)|unset|undefined|none|null|nil|empty|n/?a|void|blank|ignored|ignore|irrelevant|doesnt?[-_ ]?matter|does[-_ ]?not[-_ ]?matter)(?:[-_ :].*)?`,
	`.*placeholder.*`, `.*redacted.*`, `.*[-_ ]goes[-_ ]?here`, `.*[-_ ]here`, `.*(?:example|sample|dummy|fake)[-_]?(?:key|token|secret|password|value|only)?`,
	`(?:value|string|text|something|content|literal)\d*`, `(?:base64|b64)[-_ ]?(?:encoded|of|encode)?[-_ ].*`, `.*[-_ ]base64([-_ ].*)?`, `(?:example|sample|dummy|fake)[-_ ].*`,
}, "|") + `)[\])}"'*]*$`)

// weakWords are the passwords that everybody tries first: what a password is
// called in examples, the defaults of products, the heads of the public lists.
var weakWords = set(`changeme changeit changethis changemenow changemeplease pleasechange pleasechangeme password passw0rd passwd pass pwd p@ssw0rd p@ssword pa55word pa55w0rd
	admin administrator adminadmin adminpassword adminpass root rootroot rootpassword rootpass toor secret secrets s3cr3t s3cret supersecret supersecretpassword
	topsecret mysecret mysecretpassword mypassword mypass mytoken mykey mysupersecret verysecret notsecret somesecret default defaultpassword test testing tester testpassword
	testpass test123 guest user username userpassword userpass demo demopassword example examplepassword letmein welcome qwerty qwertyuiop monkey dragon iloveyou
	trustno1 abc abc123 abcd1234 foo bar foobar baz hunter2 login access master superuser system manager
	mysql mysqlpassword postgres postgresql postgrespassword pgpassword redis redispassword mongo mongodb mongopassword rabbitmq rabbit minio minioadmin minio123 miniostorage elastic elasticpassword
	grafana prometheus promoperator kibana keycloak jenkins sonar sonarqube nexus harbor harbor12345 wordpress bitnami drupal joomla magento oracle tomcat
	kafka zookeeper cassandra couchdb influxdb neo4j neo4jneo4j airflow argocd vault nextcloud gitea gitlab insecure insecurepassword unsafe
	securepassword strongpassword dbpassword dbpass databasepassword apppassword token apikey apitoken key secretkey secrettoken private public dev devpassword development local localhost
	staging prod production temp temporary temppassword initial initialpassword bootstrap pssword asdf asdfasdf asdfgh zxcvbn qazwsx 1q2w3e4r 1qaz2wsx`)

var notAlnum = lint.Regexp(`[^a-z0-9@]+`)

// isWeak reports whether a password is among those that are tried first.
func isWeak(value string) bool {
	v := notAlnum().ReplaceAllString(strings.ToLower(value), "")
	if weakWords[v] || len(v) <= 10 && v != "" && strings.Trim(v, "0123456789") == "" {
		return true
	}
	return weakWords[strings.TrimRight(v, "0123456789")]
}

// isWeakKey reports whether a key or token is a stand-in that a product installs
// with. Words such as "token" or "password" are rather the name of a key there.
func isWeakKey(value string) bool {
	v := notAlnum().ReplaceAllString(strings.ToLower(value), "")
	return isWeak(value) && len(v) >= 6 && (strings.HasPrefix(v, "change") || strings.ContainsAny(v, "0123456789") || strings.Contains(v, "super") || strings.HasPrefix(v, "my") || strings.HasPrefix(v, "insecure"))
}

// isPlain reports whether a value says something itself: it is neither empty,
// nor a placeholder, nor a reference that a tool resolves, nor encrypted.
func isPlain(value string) bool {
	v := strings.TrimSpace(value)
	if v == "" || isInjected(v) {
		return false
	}
	return len(v) > 200 || !mayBePlaceholder(v) || isWeakChange(v) || !placeholder().MatchString(v)
}

// isGiven reports whether a value that may be a whole file or a command says something
// itself. Of what has several words each is judged on its own: "curl -u a:b registry.example".
func isGiven(value string) bool {
	v := strings.TrimSpace(value)
	return v != "" && !isInjected(v) && (hasWords(v) || isPlain(v))
}

// isInjected reports whether a tool puts the value in. What begins with a letter or a
// digit is only searched where it has a mark that every such form has.
func isInjected(v string) bool {
	if c := v[0]; (isLetter(c) || '0' <= c && c <= '9') && !strings.ContainsAny(v, ":/[(.") {
		return false
	}
	return injected().MatchString(v)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// placeholderHeads are what placeholders begin with, placeholderWords what the others
// hold: each form of [placeholder] needs one of them.
var (
	placeholderHeads = headsOf(`xxx ** .. -- __ ? ## 00000000 your please replace insert enter provide specif supp fill put paste set over add define configure
		generated injected populated managed created rotated to will must should auto external dynamic
		todo fixme tbd tba redacted masked hidden omitted removed stripped sanitized mock stub unused not un none null nil empty
		n/a na void blank ignore irrelevant does value string text something content literal base64 b64`)
	placeholderWords = sync.OnceValue(func() *matcher {
		return newMatcher(strings.Fields(`your placeholder redacted here example sample dummy fake base64`))
	})
)

// headsOf orders words by their first byte.
func headsOf(words string) (heads [256][]string) {
	for _, w := range strings.Fields(words) {
		heads[w[0]] = append(heads[w[0]], w)
	}
	return heads
}

// mayBePlaceholder is a cheap look at what [placeholder] may match; most values of a
// manifest it cannot.
func mayBePlaceholder(v string) bool {
	text := strings.TrimLeft(v, `[({"'*`)
	if text == "" || strings.Contains(v[:len(v)-len(text)], "*") { // which may be one
		return true
	}
	c := text[0]
	if isLetter(c) {
		c |= 0x20
	}
	for _, head := range placeholderHeads[c] {
		if len(text) >= len(head) && strings.EqualFold(text[:len(head)], head) {
			return true
		}
	}
	may := false
	placeholderWords().scan(text, func(int, int) bool { may = true; return false })
	return may || strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 // letters that fold to those of ASCII
}

// isWeakChange keeps "changeme" and its like from being read as a placeholder:
// charts install with it.
func isWeakChange(v string) bool {
	return strings.HasPrefix(notAlnum().ReplaceAllString(strings.ToLower(v), ""), "change")
}

var (
	scalarWord = lint.Regexp(`(?i)^(?:true|false|yes|no|on|off|enabled?|disabled?|none|null|nil|auto|always|never|default|required|optional|basic|bearer|oauth2?|oidc|ldap|jwt|saml|plain|scram|md5|sha-?\d+|scram-sha-\d+|hs\d+|rs\d+|es\d+|aes\d*|rsa|ed25519|ecdsa|argon2|bcrypt|scrypt|plaintext|internal|external)$`)
	quantity   = lint.Regexp(`^[+-]?\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d|w|y|k|K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|B|KB|MB|GB|%)?$|^(?:\d+(?:\.\d+)?(?:h|m|s|ms))+$`)
	number     = lint.Regexp(`^[+-]?\d+(?:\.\d+)?$`)
	filePath   = lint.Regexp(`^(?:\.{0,2}/[\w.@%+ -]*(?:/[\w.@%+ -]*)*|~/.*|[A-Za-z]:\\.*|(?:[\w.@-]+/)+[\w@-]+\.[a-z]{1,10})$|^[\w.-]+\.(?:txt|json|ya?ml|pem|key|crt|cert|cer|p12|pfx|jks|conf|cfg|ini|properties|env|toml|xml|sh|py|js|password|passwd|secret|token|jwt|pub|gpg|asc|keytab|keystore|truststore|kubeconfig|secrets?)$`)
	plainURL   = lint.Regexp(`^(?i)[a-z][a-z0-9+.-]*://[^\s@]*$`)
	hostName   = lint.Regexp(`^(?i)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z-]+(?::\d+)?$`)
	kebabName  = lint.Regexp(`^[a-z][a-z0-9]*(?:[-.][a-z0-9]+)+$`)
	uuid       = lint.Regexp(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	digestLike = lint.Regexp(`^(?i)(?:sha(?:1|224|256|384|512)|md5)[-:]`)
	identifier = lint.Regexp(`^[A-Za-z_]+$`)
	// publicKeys are what its owner gives to browsers: the DSN of Sentry, which holds no
	// more than a public key (https://docs.sentry.io/concepts/key-terms/dsn-explainer/),
	// Stripe's publishable keys and PostHog's project keys.
	publicKeys = lint.Regexp(`^https?://[0-9a-f]{32}@[\w.-]+(?::\d+)?(?:/[\w-]+)*/\d+$|^pk_(?:live|test)_\w+$|^phc_\w+$`)
)

// isInert reports whether a value is, whatever its name, a switch, a quantity, a
// path, an address, a digest: no credential.
func isInert(value string) bool {
	v := strings.TrimSpace(value)
	return scalarWord().MatchString(v) || quantity().MatchString(v) && !number().MatchString(v) || filePath().MatchString(v) ||
		plainURL().MatchString(v) || hostName().MatchString(v) || digestLike().MatchString(v) || publicKeys().MatchString(v)
}

// namesASecret matches values such as my-db-credentials: the name of an object
// that holds the secret, not the secret.
func namesASecret(value string) bool {
	v := strings.TrimSpace(value)
	if !kebabName().MatchString(v) {
		return false
	}
	for _, w := range splitName(v) {
		switch w {
		case "secret", "secrets", "credential", "credentials", "creds", "password", "passwords", "token", "tokens", "key", "keys", "tls", "cert", "certs", "auth", "config":
			return !looksRandom(v)
		}
	}
	return false
}

// entropy returns Shannon's entropy of the characters of s, in bits a character.
func entropy(s string) float64 {
	count := map[rune]int{}
	for _, r := range s {
		count[r]++
	}
	n, bits := float64(utf8.RuneCountInString(s)), 0.0
	for _, c := range count {
		p := float64(c) / n
		bits -= p * math.Log2(p)
	}
	return bits
}

// isRandomChars reports whether a text is made of what generators of passwords and keys use.
func isRandomChars(v string) bool {
	for i := range len(v) {
		if c := v[i]; !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte("+/=_.:~!@#$%^&*?,;-", c) < 0 {
			return false
		}
	}
	return v != ""
}

// looksRandom reports whether a value is of the kind that generators make: long,
// without words, with digits and letters mixed. Names made of words, versions,
// digests and image references are not.
func looksRandom(value string) bool {
	v := strings.TrimSpace(value)
	if len(v) < 16 || len(v) > 512 || !isRandomChars(v) || digestLike().MatchString(v) || filePath().MatchString(v) || plainURL().MatchString(v) || hostName().MatchString(v) {
		return false
	}
	if uuid().MatchString(v) {
		return true
	}
	// The longest piece between separators decides: app-name-7f9c is a name.
	longest := ""
	for _, piece := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune("-_.:/=,;", r) }) {
		if len(piece) > len(longest) {
			longest = piece
		}
	}
	if len(longest) < 12 {
		return false
	}
	return mixed(longest) && entropy(longest) >= 3
}

// mixed reports whether s changes between digits, upper and lower case more
// often than words with a number do.
func mixed(s string) bool {
	changes, digits := 0, 0
	class := func(r rune) int {
		switch {
		case unicode.IsDigit(r):
			return 1
		case unicode.IsUpper(r):
			return 2
		case unicode.IsLower(r):
			return 3
		}
		return 4
	}
	last := 0
	for i, r := range s {
		c := class(r)
		if c == 1 {
			digits++
		}
		if i > 0 && c != last {
			changes++
		}
		last = c
	}
	return digits >= 2 && changes*5 >= len(s) || changes*3 >= len(s)
}

// hasWords reports whether a value is prose or a phrase: no token has blanks.
func hasWords(value string) bool {
	return strings.ContainsAny(strings.TrimSpace(value), " \t\n")
}

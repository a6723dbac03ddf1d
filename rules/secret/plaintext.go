package secret

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
)

// PlaintextSecret reports Secrets whose data is written out in the repository.
// What is in it decides: certificates, public keys, user names, addresses,
// placeholders, references that a tool resolves at the deploy and encrypted values are passed over.
var PlaintextSecret = &lint.Rule{
	ID:         "plaintext-secret",
	Summary:    "Secret holds a credential in plain text",
	Severity:   lint.Critical,
	Group:      "secret",
	Profiles:   []lint.Profile{lint.ProfileDefault},
	References: []string{"CIS 5.4.2", "OWASP K03", "NSA C-0012"},
	Peers:      map[string][]string{"kubescape": {"C-0012"}, "checkov": {"CKV_SECRET_6"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("Secret") {
			if r.Group != "" || isSOPS(r) {
				continue
			}
			for _, field := range []string{"stringData", "data"} {
				for _, n := range r.Get(field).Fields() {
					if !n.IsScalar() || field == "data" && r.Get("stringData", n.Name()).Exists() || isGenerated(n) {
						continue
					}
					text := n.Value()
					if field == "data" {
						text = decodeData(text)
					}
					if found := inSecret(r.Get("type").Value(), r.Name, n.Name(), text); len(found) > 0 {
						report(pass, n, found, fmt.Sprintf("%s holds %%s in plain text under %q%%s", r, n.Name()))
					}
				}
			}
		}
	},
}

// isSOPS reports whether SOPS encrypted the object. Where it encrypted only some
// values, each value speaks for itself.
func isSOPS(r *lint.Resource) bool {
	if !r.Get("sops").IsMapping() {
		return false
	}
	encrypted := false
	r.Root.Walk(func(n *lint.Node) bool {
		encrypted = encrypted || n.IsScalar() && strings.HasPrefix(n.Value(), "ENC[")
		return !encrypted && n.Name() != "sops"
	})
	return !encrypted
}

// decodeData decodes a value under data. What is not base64 was put there as it is.
func decodeData(value string) string {
	v := strings.TrimSpace(value)
	if !isPlain(v) {
		return v // a reference that is replaced by base64
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v), ""))
	if err != nil {
		return v
	}
	return string(decoded)
}

// keystore are the endings of files that hold private keys in a binary form.
var keystore = set(`jks p12 pfx keystore keytab bks jceks ppk kdbx der-key`)

// inSecret judges one value of a Secret of a type and a name. That somebody made it a
// Secret counts: an unknown name with a random value is a finding, a known harmless name is not.
func inSecret(kind, object, key, value string) []leak {
	if !isPlain(value) {
		return nil
	}
	v := strings.TrimSpace(value)
	one := func(what string) []leak { return []leak{{what: what, text: v}} }
	if !isText([]byte(value)) {
		words := strings.Split(strings.ToLower(key), ".")
		if keystore[words[len(words)-1]] {
			return one("a store of private keys")
		}
		if n := len(value); n >= 8 && n <= 128 && !isBenign(key) {
			return one("a binary key")
		}
		return nil
	}
	if all := inContent(key, value); len(all) > 0 {
		return all
	}
	if strings.Contains(v, "-----BEGIN ") || isPublicKey(v) {
		return nil // certificates and public keys: a private one would have been found
	}
	if passwordHash().MatchString(v) {
		return []leak{{what: "the hash of a password, which can be guessed offline,", text: v, hash: true}}
	}
	if all, isFile := inFile(key, value, 0); isFile {
		return all
	}
	typed := map[string]string{
		"kubernetes.io/basic-auth": "password", "kubernetes.io/ssh-auth": "ssh-privatekey",
		"kubernetes.io/service-account-token": "token", "bootstrap.kubernetes.io/token": "token-secret",
	}
	h := nameHint(strings.TrimSuffix(key, ".txt"))
	if typed[kind] == key {
		h = max(h, mayHold)
	}
	if h == noHint && isNeutral(key) {
		h = nameHint(strings.TrimRight(object, "*"))
	}
	switch {
	case h == noHint:
		if looksRandom(v) && !isBenign(key) && !uuid().MatchString(v) {
			return one("a value that looks like a key")
		}
		return nil
	case h == password && scalarWord().MatchString(v) && !isWeak(v), h != password && isInert(v), partlyInjected().MatchString(v):
		return nil
	case filePath().MatchString(v) && strings.HasPrefix(v, "/"), namesASecret(v) && h != password:
		return nil
	case isWeak(v) && h == password:
		return one(weakPassword)
	case isWeak(v):
		return one(weakKey)
	case h == password:
		return one("a password")
	case hasWords(v):
		return inScript(v)
	}
	return one("a key or token")
}

// isNeutral reports whether a key of a Secret says nothing: the Secret's name then counts.
func isNeutral(key string) bool {
	switch strings.ToLower(key) {
	case "value", "data", "content", "contents", "string", "text", "default", "current", "literal", "raw":
		return true
	}
	return false
}

// isPublicKey reports whether a text is made of OpenSSH public keys, known hosts
// or an age recipient.
func isPublicKey(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !strings.Contains(line, "ssh-rsa AAAA") && !strings.Contains(line, "ssh-ed25519 AAAA") && !strings.Contains(line, "ecdsa-sha2-") &&
			!strings.Contains(line, "ssh-dss AAAA") && !strings.HasPrefix(line, "age1") && !strings.Contains(line, "sk-ssh-") {
			return false
		}
	}
	return true
}

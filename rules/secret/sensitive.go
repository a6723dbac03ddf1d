package secret

import (
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// ConfigMapSensitive reports personal data in ConfigMaps: mail addresses, telephone
// numbers, account and card numbers that pass their checksums.
var ConfigMapSensitive = &lint.Rule{
	ID:       "configmap-sensitive",
	Summary:  "ConfigMap holds personal data",
	Severity: lint.Low,
	Group:    "secret",
	Peers:    map[string][]string{"polaris": {"sensitiveConfigmapContent"}, "trivy": {"KSV-01010"}},
	Docs:     docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources("ConfigMap") {
			for _, n := range r.Get("data").Fields() {
				if what, part := personal(n.Name(), n.Value()); what != "" {
					pass.MaskPart(n, part)
					f := pass.Reportf(n, "%s holds %s under %q", r, what, n.Name())
					f.Line = newText(n.Value()).line(strings.Index(n.Value(), part))
					f.Help = "move it to a Secret: more people may read ConfigMaps than may read personal data"
				}
			}
		}
	},
}

var (
	mailAddress = lint.Regexp(`\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}\b`)
	iban        = lint.Regexp(`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b`)
	cardNumber  = lint.Regexp(`\b(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|3[47]\d{2}|6(?:011|5\d{2}))(?:[ -]?\d{4}){2}[ -]?\d{3,4}\b`)
	phoneNumber = lint.Regexp(`\+\d{1,3}[ ()./-]?(?:\d[ ()./-]?){7,12}\d`)
	phoneName   = lint.Regexp(`(?i)phone|mobile|telefon|fax|sms`)
)

// personal finds the first personal datum of a value.
func personal(name, value string) (what, part string) {
	if len(value) > 1<<20 {
		return "", ""
	}
	var mails [][]int
	if strings.IndexByte(value, '@') >= 0 {
		mails = mailAddress().FindAllStringIndex(value, 200)
	}
	for _, at := range mails {
		m := value[at[0]:at[1]]
		if at[0] > 0 && strings.ContainsRune("/:@", rune(value[at[0]-1])) {
			continue // a URL's user, an image
		}
		if !isRoleAddress(strings.ToLower(m)) && !isFollowedByPath(value[at[1]:]) {
			return "an email address", m
		}
	}
	letters, digits := mayHoldNumbers(value)
	for _, at := range matches(iban, value, letters) {
		m := value[at[0]:at[1]]
		if isIBAN(strings.ReplaceAll(m, " ", "")) {
			return "a bank account number", m
		}
	}
	for _, at := range matches(cardNumber, value, digits) {
		m := value[at[0]:at[1]]
		if isLuhn(strings.NewReplacer(" ", "", "-", "").Replace(m)) {
			return "a card number", m
		}
	}
	if phoneName().MatchString(name) {
		if m := phoneNumber().FindString(value); m != "" {
			return "a telephone number", m
		}
	}
	return "", ""
}

// mayHoldNumbers is a cheap look at what the expressions of numbers begin with: two capitals
// and two digits, or four digits.
func mayHoldNumbers(value string) (account, card bool) {
	capitals, digits := 0, 0
	for i := range len(value) {
		switch c := value[i]; {
		case '0' <= c && c <= '9':
			digits++
			account = account || digits == 2 && capitals >= 2
			card = card || digits == 4
		case 'A' <= c && c <= 'Z':
			if digits > 0 {
				capitals = 0
			}
			capitals, digits = capitals+1, 0
		default:
			capitals, digits = 0, 0
		}
	}
	return account, card
}

// isFollowedByPath reports whether what looks like a mail address is git@host:path.
func isFollowedByPath(rest string) bool {
	return strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "/")
}

// isRoleAddress reports whether an address belongs to nobody: an example, a machine, a unit of systemd.
func isRoleAddress(m string) bool {
	user, host, _ := strings.Cut(m, "@")
	switch strings.FieldsFunc(user, func(r rune) bool { return strings.ContainsRune("+-_.", r) })[0] {
	case "noreply", "no", "git", "root", "postmaster", "hostmaster", "webmaster", "abuse", "info", "support", "admin", "alerts", "alert", "alertmanager", "prometheus", "grafana", "user", "username", "you", "your", "me", "someone", "foo", "bar", "test", "example", "security", "contact", "team", "ops", "devops", "sre", "maintainers":
		return true
	}
	for _, suffix := range []string{"example.com", "example.org", "example.net", ".example", ".local", ".svc", ".internal", ".test", ".invalid", ".service", ".iam.gserviceaccount.com", ".png", ".svg", "domain.com", "yourdomain.com", "mycompany.com", "company.com", "localhost"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// isIBAN checks the check digits of ISO 13616.
func isIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 {
		return false
	}
	rest := 0
	for _, r := range s[4:] + s[:4] {
		n := strconv.Itoa(int(r - '0'))
		if r >= 'A' {
			n = strconv.Itoa(int(r-'A') + 10)
		}
		for _, d := range n {
			rest = (rest*10 + int(d-'0')) % 97
		}
	}
	return rest == 1
}

// isLuhn checks the check digit of ISO/IEC 7812.
func isLuhn(s string) bool {
	sum, same := 0, true
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		same = same && s[i] == s[0]
	}
	return sum%10 == 0 && !same
}

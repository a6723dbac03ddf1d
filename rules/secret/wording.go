package secret

import (
	"strings"
	"unicode"

	"github.com/manilint/manilint/lint"
)

// Files of translations hold the words for passwords and tokens under names that end
// in them: login.password=Passwort.

// translation matches the names of such files: messages_en.properties, i18n-de.json,
// locales/fr.yaml, strings.xml.
var translation = lint.Regexp(`(?i)(?:^|[^a-z])(?:messages?|i18n|l10n|locales?|lang|languages?|translations?|strings|texts?|labels|nls|wording|glossary|dictionary)(?:[^a-z]|$)` +
	`|(?:^|[_.-])(?:ar|bg|bn|cs|da|de|el|en|es|et|eu|fa|fi|fr|ga|he|hi|hr|hu|it|ja|ko|lt|lv|nb|nl|nn|pl|pt|ro|ru|sk|sl|sr|sv|ta|th|tr|uk|ur|vi|zh)(?:[_-][a-z]{2,4})?\.(?:json|ya?ml|properties|toml|ini|po|xml|txt|ftl|arb|[mc]?[jt]sx?)$`)

func isTranslation(filename string) bool { return translation().MatchString(filename) }

// isWording reports whether a value can be a text for people: of letters, without
// figures or any sign that passwords are made of.
func isWording(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsSpace(r) && !strings.ContainsRune(".,:;!?'’-…*()", r)
	}) < 0
}

// labelWords are the words for a password, a secret and a token in the languages that
// applications are most often translated to, as the label of a field says them.
var labelWords = set(`password passwort kennwort passphrase secret token pin code contraseña clave senha wachtwoord adgangskode lösenord passord salasana
	parola parole şifre heslo hasło jelszó lozinka geslo пароль парола лозинка κωδικός סיסמה 密码 密碼 パスワード 비밀번호 암호 geheimnis jeton segreto chiave secreto
	parolă slaptažodis parool contrasenya pasahitza matkhau katalaluan sandi`)

// isLabel reports whether a value of a file is the word for what its field holds, with
// the capital of a label: "Password". In lower case it is a weak password.
func isLabel(value string) bool {
	v := strings.TrimRight(value, " :*…")
	first := []rune(v)
	return len(first) > 1 && labelWords[strings.ToLower(v)] && !(unicode.IsLower(first[0]) && strings.ToLower(v) == v && first[0] < unicode.MaxASCII)
}

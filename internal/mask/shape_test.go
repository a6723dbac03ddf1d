package mask

import (
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

func TestCredentialsAreHiddenByTheirForm(t *testing.T) {
	token := "ghp_" + strings.Repeat("a1B2", 9)
	for text, want := range map[string]string{
		"get https://shop:Kx7tq2Lm9@git.example/a":             "get https://shop:********@git.example/a",
		"get https://Kx7tq2Lm9@git.example/a":                  "get https://********@git.example/a",
		"get https://" + token + ":x-oauth-basic@git.example/": "get https://********@git.example/",
		"amqp://shop:a@b@mq:5672/":                             "amqp://shop:********@mq:5672/",
		"image shop:Kx7tq2Lm9@registry.example/shop:1":         "image shop:********@registry.example/shop:1",
		"dsn shop:Kx7tq2Lm9@tcp(db:3306)/shop":                 "dsn shop:********@tcp(db:3306)/shop",
		"said " + token + "!":                                  "said ********!",
		"PGPASSWORD=a1 psql; DB_TOKEN='b2 c' x":                "PGPASSWORD=******** psql; DB_TOKEN='********' x",
		"mysql --password Kx7tq2Lm9 --user=shop":               "mysql --password ******** --user=shop",
		`["--api-token", "Kx7tq2Lm9"]`:                         `["--api-token", "********"]`,
		`curl -H "Authorization: Bearer Kx7tq2Lm9" a`:          `curl -H "Authorization: Bearer ********" a`,
		// what gives nothing away
		`curl -H "Authorization: Bearer $TOKEN" a`:  "",
		"ssh://git@git.example/a":                   "",
		"https://git.example/a@v1":                  "",
		"nginx:1.27@sha256:0123456789abcdef":        "",
		"amqp://$(USER):$(PASSWORD)@mq":             "",
		"--token-file=/run/token --password-file x": "",
		"PGPASSWORD=$(PASSWORD) psql":               "",
		"set automountServiceAccountToken=false":    "",
		"write to shop@example.com":                 "",
		"kubectl create --secret my-tls":            "",
	} {
		if want == "" {
			want = text
		}
		if got := (*Masks)(nil).Redact(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestLinesShowNoValueOfASensitiveName(t *testing.T) {
	for text, want := range map[string]string{
		"password: Kx7tq2Lm9":                            "password: ********",
		`# password: "Kx7 tq2" # old`:                    "# password: ******** # old",
		"a: {dbPassword: Kx7, b: c}":                     "a: {dbPassword: ********, b: c}",
		"- {name: DB_PASSWORD, value: Kx7tq2Lm9}":        "- {name: DB_PASSWORD, value: ********}",
		"- name: API_TOKEN\n  value: Kx7tq2Lm9":          "- name: API_TOKEN\n  value: ********",
		"passwords:\n  - Kx7tq2Lm9\n  - b\nc: d":         "passwords:\n  - ********\n  - ********\nc: d",
		"api_key: |\n  Kx7tq2Lm9\n  b\nc: d":             "api_key: |\n  ********\n  ********\nc: d",
		"secretName: shop\nautomountServiceAccountToken": "",
		"automountServiceAccountToken: false":            "",
		"imagePullSecrets: [{name: regcred}]":            "",
		"secretKeyRef:\n  name: db\n  key: password":     "",
		"password: {{ .Values.password | quote }}":       "",
		"clientSecret: shop-tls":                         "",
		"- name: PASSWORD_FILE\n  value: /run/secrets/a": "",
		"tokenExpirationSeconds: 3600":                   "",
	} {
		if want == "" {
			want = text
		}
		src := lint.NewSource("a.yaml", []byte(text))
		var got []string
		for n := range src.Lines() {
			got = append(got, (&Masks{}).Line(src, n+1))
		}
		if got := strings.Join(got, "\n"); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

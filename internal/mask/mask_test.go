package mask

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
)

func TestRedactHidesAValueHoweverItIsWritten(t *testing.T) {
	const secret = `kV9"x<7&q'Zt/ 2w\mQ4`
	var m Masks
	m.AddValue(secret)
	quoted, _ := json.Marshal(secret)
	for name, text := range map[string]string{
		"plain":        "pw " + secret + " end",
		"json":         string(quoted),
		"go":           fmt.Sprintf("%q", secret),
		"query":        url.QueryEscape(secret),
		"path":         url.PathEscape(secret),
		"user info":    url.UserPassword("u", secret).String(),
		"html":         "pw kV9&#34;x&lt;7&amp;q&#39;Zt/ 2w\\mQ4",
		"single quote": strings.ReplaceAll(secret, "'", "''"),
		"base64":       base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64url":    base64.URLEncoding.EncodeToString([]byte(secret)),
		"after one":    base64.StdEncoding.EncodeToString([]byte("a" + secret + "b")),
		"after two":    base64.StdEncoding.EncodeToString([]byte("ab" + secret + "cd")),
		"auth":         base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
	} {
		got := m.Redact(text)
		if !strings.Contains(got, lint.Mask) || strings.Contains(got, "kV9") || strings.Contains(got, "mQ4") {
			t.Errorf("%s: %q shows the value", name, got)
		}
	}
	if got := m.Redact("kV9 is short"); got != "kV9 is short" {
		t.Errorf("%q", got)
	}
}

func TestRedactHidesWhatBase64Holds(t *testing.T) {
	var m Masks
	m.AddValue(base64.StdEncoding.EncodeToString([]byte("postgres://shop:Kx7-tq2Lm9@db/shop")))
	for _, text := range []string{"postgres://shop:Kx7-tq2Lm9@db/shop", "at postgres://shop:Kx7-tq2Lm9@db/shop:"} {
		if got := m.Redact(text); strings.Contains(got, "Kx7") {
			t.Errorf("%q", got)
		}
	}
}

func TestRedactHidesTheLinesOfAKeyAndTheValuesOfAFile(t *testing.T) {
	var m Masks
	m.AddValue("-----BEGIN PRIVATE KEY-----\nMHcCAQEEIAnExampleOfAKeyThatNobody\nUsesAndThat==\n-----END PRIVATE KEY-----\n")
	m.AddValue("receiver: default-receiver\nsmtp_auth_password: \"Kx7-tq2Lm9\"\nurl: amqp://u:Pq8-zz1Tr5@mq\nnamespace: monitoring\n")
	got := m.Redact("MHcCAQEEIAnExampleOfAKeyThatNobody UsesAndThat== Kx7-tq2Lm9 Pq8-zz1Tr5 monitoring default-receiver -----BEGIN PRIVATE KEY-----")
	if want := strings.Repeat(lint.Mask+" ", 4) + "monitoring default-receiver -----BEGIN PRIVATE KEY-----"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRedactHidesTheLinesOfAKeyThatLookLikePaths(t *testing.T) {
	const full = "MHcCAQEEIJx2y/kVh8Qm3dT0bLz9uW5sRpYc7nEa4fGiKoX1vMtPqHwS6jUeZlDr"
	for name, text := range map[string]string{
		"a key":            "-----BEGIN EC PRIVATE KEY-----\n" + full + "\nqWe/rTyUi\n-----END EC PRIVATE KEY-----\n",
		"a short key":      "-----BEGIN PRIVATE KEY-----\nqWe/rTyUi\n-----END PRIVATE KEY-----\n",
		"base64":           full + "\r\n" + full + "\r\nqWe/rTyUi",
		"base64 in a file": "key: |\n  " + full + "\n  qWe/rTyUi\nfile: etc/passwords\n",
	} {
		var m Masks
		m.AddValue(text)
		if got := m.Redact("at qWe/rTyUi in etc/passwords"); got != "at "+lint.Mask+" in etc/passwords" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNamesOfObjectsStayReadable(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: postgresql-ha}\nstringData:\n  user: postgresql-ha\n  password: password\n  token: Kx7-tq2Lm9\n"))
	docs, _ := lint.ParseYAML(src)
	b := lint.NewBundle(lint.Rendering{}, "", lint.NewResources(docs[0], lint.FileLocator{Source: src}))
	var m Masks
	m.AddBundle(b)
	if got := m.Redact(`Secret "postgresql-ha" has a password, not Kx7-tq2Lm9`); got != `Secret "postgresql-ha" has a password, not ********` {
		t.Errorf("%q", got)
	}
	for n, want := range map[int]string{5: "  user: ********", 6: "  password: ********", 7: "  token: ********"} {
		if got := m.Line(src, n); got != want {
			t.Errorf("line %d: %q", n, got)
		}
	}
}

func TestLinesOfAKeyAreNoPaths(t *testing.T) {
	line := "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC/" + "KcwggSjAgEAAoIBAQC7VJTUvQ9x2Lm4"
	var m Masks
	m.AddValue("-----BEGIN PRIVATE KEY-----\n" + line + "\n-----END PRIVATE KEY-----\nconf/ssl/certs/app\n")
	if got := m.Redact("read " + line); strings.Contains(got, "KcwggSj") {
		t.Errorf("a line of the key is shown: %s", got)
	}
	if got := m.Redact("open conf/ssl/certs/app"); got != "open conf/ssl/certs/app" {
		t.Errorf("a path is hidden: %s", got)
	}
}

package lint

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
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
		if !strings.Contains(got, Mask) || strings.Contains(got, "kV9") || strings.Contains(got, "mQ4") {
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
	if want := strings.Repeat(Mask+" ", 4) + "monitoring default-receiver -----BEGIN PRIVATE KEY-----"; got != want {
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
		if got := m.Redact("at qWe/rTyUi in etc/passwords"); got != "at "+Mask+" in etc/passwords" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNamesOfObjectsStayReadable(t *testing.T) {
	src := NewSource("a.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: postgresql-ha}\nstringData:\n  user: postgresql-ha\n  password: password\n  token: Kx7-tq2Lm9\n"))
	docs, _ := ParseYAML(src)
	b := NewBundle(Rendering{}, "", NewResources(docs[0], FileLocator{src}))
	var m Masks
	m.addBundle(b)
	if got := m.Redact(`Secret "postgresql-ha" has a password, not Kx7-tq2Lm9`); got != `Secret "postgresql-ha" has a password, not ********` {
		t.Errorf("%q", got)
	}
	for n, want := range map[int]string{5: "  user: ********", 6: "  password: ********", 7: "  token: ********"} {
		if got := m.Line(src, n); got != want {
			t.Errorf("line %d: %q", n, got)
		}
	}
}

func TestWhatCouldNotBeParsedIsHiddenToo(t *testing.T) {
	for _, text := range []string{
		"kind: Secret\nstringData:\n  password: Kx7-tq2Lm9\n  broken: [\n",
		"kind: Secret\nstringData:\n  password: *Kx7-tq2Lm9\n",
		"kind: Secret\nstringData:\n  password: !Kx7-tq2Lm9 [\n",
		"kind: Secret\nstringData:\n  conf: |\n    Kx7-tq2Lm9\n  broken: [\n",
		"kind: Secret\nstringData:\n  conf: \"\n    Kx7-tq2Lm9\n",
		"kind: Secret\ndata:\n  odd: " + base64.StdEncoding.EncodeToString([]byte("Kx7-tq2Lm9")) + "\n  broken: [\n",
		"kind: Secret\nstringData:\n  Kx7-tq2Lm9\n  broken: [\n",
		"kind: ConfigMap\ndata:\n  DB_PASSWORD: Kx7-tq2Lm9\n  broken: [\n",
		"env:\n  - {name: a, value: [}\n  - dbPassword: '@Kx7-tq2Lm9'\n",
		"kind: Secret\nstringData:\n  password: &Kx7-tq2Lm9 *Kx7-tq2Lm9x\n",
		"kind: Secret\nstringData: {password: Kx7-tq2Lm9, x: [}\n",
		"kind: ConfigMap\ndata:\n  DB_PASS: Kx7-tq2Lm9\n  broken: [\n",
		"kind: ConfigMap\ndata:\n  PGPASS: Kx7-tq2Lm9\n  DB_PW: 'Kx7-tq2Lm9'\n  dbPwd: Kx7-tq2Lm9\n  broken: [\n",
		"env:\n  - name: DB_PASS\n    value: Kx7-tq2Lm9\n  - broken: [\n",
	} {
		src := NewSource("a.yaml", []byte(text))
		_, errs := ParseYAML(src)
		if len(errs) == 0 {
			t.Errorf("%q: no error", text)
		}
		b := NewBundle(Rendering{}, "", nil)
		b.Errors = errs
		report := Run(t.Context(), []*Bundle{b}, Options{})
		for _, e := range report.Errors {
			if strings.Contains(e.Message, "tq2") {
				t.Errorf("%q: error %q", text, e.Message)
			}
		}
		for n := 1; n <= src.Lines(); n++ {
			if got := report.Masks.Line(src, n); strings.Contains(got, "tq2") || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte("Kx7-tq2Lm9"))) {
				t.Errorf("%q: line %q", text, got)
			}
		}
		if got := report.Masks.Redact("said Kx7-tq2Lm9"); strings.Contains(got, "tq2") {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestAPartIsHiddenWhereItStands(t *testing.T) {
	src := NewSource("a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  url: amqp://shop:abc@mq\n  file: |\n    user=shop\n    password=abc\n"))
	docs, _ := ParseYAML(src)
	b := NewBundle(Rendering{}, "", NewResources(docs[0], FileLocator{src}))
	rule := &Rule{ID: "r", Run: func(p *Pass) {
		data := p.Resources("ConfigMap")[0].Get("data")
		p.MaskPart(data.Get("url"), "abc")
		p.MaskPart(data.Get("file"), "abc")
		p.Report(data.Get("file"), "second line").Line = 2
	}}
	report := Run(t.Context(), []*Bundle{b}, Options{Rules: []Enabled{{Rule: rule}}})
	for n, want := range map[int]string{5: "  url: amqp://shop:********@mq", 7: "    user=shop", 8: "    password=********"} {
		if got := report.Masks.Line(src, n); got != want {
			t.Errorf("line %d: %q", n, got)
		}
	}
	if at := report.Findings[0].Span; at.Start.Line != 8 || at.Start.Column != 5 || at.Text() != "password=abc" {
		t.Errorf("%v %q", at.Start, at.Text())
	}
}

type placed struct{ place Place }

func (p placed) Locate(*Node) Place { return p.place }

func TestAFindingAboutALiteralStandsWhereItIsWritten(t *testing.T) {
	template := NewSource("t.yaml", []byte("password: {{ .Values.a }}\n"))
	values := NewSource("values.yaml", []byte("a: |\n  user=x\n  password=Kx7-tq2Lm9\nb: none\n"))
	src := NewSource("out.yaml", []byte("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    user=x\n    password=Kx7-tq2Lm9\n"))
	place := Place{Span: template.LineSpan(1), Precision: Block, Origin: FromValue, Related: []Related{
		{Role: "value", Message: "wrong", Span: values.LineSpan(4)}, {Role: "value", Message: "right", Span: values.Span(3, 41)}, {Role: "guard", Span: values.LineSpan(3)},
	}}
	docs, _ := ParseYAML(src)
	b := NewBundle(Rendering{}, "", NewResources(docs[0], placed{place}))
	rule := &Rule{ID: "r", Run: func(p *Pass) {
		n := p.Resources("ConfigMap")[0].Get("data", "a")
		p.MaskPart(n, "Kx7-tq2Lm9")
		f := p.Report(n, "leak")
		f.Literal, f.Line = "Kx7-tq2Lm9", 2
	}}
	report := Run(t.Context(), []*Bundle{b}, Options{Rules: []Enabled{{Rule: rule}}})
	f := report.Findings[0]
	if f.Span.Path() != "values.yaml" || f.Span.Start.Line != 3 || f.Precision != Exact || f.Related[0].Role != "template" || len(f.Related) != 3 {
		t.Errorf("%v %q %v", f.Span.Start, f.Precision, f.Related)
	}
	if got := report.Masks.Line(values, 3); got != "  password=********" {
		t.Errorf("%q", got)
	}
	if got := report.Masks.Line(template, 1); got != "password: {{ .Values.a }}" {
		t.Errorf("%q", got)
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

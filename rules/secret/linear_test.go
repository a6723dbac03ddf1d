package secret

import (
	"fmt"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// BenchmarkText shows that the work grows with the text: MB/s is the same for both sizes.
// Each of these took from many seconds to a minute for 2 MB once.
func BenchmarkText(b *testing.B) {
	const key = "-----BEGIN RSA PRIVATE KEY-----\n"
	for name, part := range map[string]string{
		"blocks without an end": "-----BEGIN X-----\n",
		"keys without an end":   key,
		"ends of other blocks":  key + "MIIEowIBAAKCAQEA75Yq3kF9rT2xZbWc81PdLmVhNsAeKuJg\n-----END X-----\n",
		"empty lines":           "\n",
		"a password in each":    "Server=db;User Id=sa;Password=w7Qk-trellis-9\n",
		"a token in each":       "key=AKIAQ7WERTYUIOPASDFG\n",
		"a line of credentials": "--password=w7Qk-trellis-9 ",
	} {
		for _, size := range []int{100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				text := "a b" + strings.Repeat(part, size/len(part))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					inText("k", text)
				}
			})
		}
	}
}

func TestAValueFullOfCredentialsIsMaskedAsAWhole(t *testing.T) {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  app.env: |\n"
	for i := range 300 {
		text += fmt.Sprintf("    DB_%d_PASSWORD=t4ks-ind_ill-%d\n", i, i)
	}
	report := linttest.Lint(t, ConfigMapSecret, nil, lint.NewSource("a.yaml", []byte(text)))
	if len(report.Findings) != maxLeaks {
		t.Errorf("%d findings, want %d", len(report.Findings), maxLeaks)
	}
	if shown := report.Masks.Line(report.Findings[0].Span.Start.Source, 300); strings.Contains(shown, "t4ks") {
		t.Errorf("line 300 is shown as %q", shown)
	}
}

func TestEveryCredentialOfALineIsFound(t *testing.T) {
	found := inText("args", "run --password t4ks-ind_ill --api-token Zk8sQ2vTqLw91xRbNfYd && PGPASSWORD=other-t4ks psql")
	var texts []string
	for _, l := range found {
		texts = append(texts, l.text)
	}
	for _, want := range []string{"t4ks-ind_ill", "Zk8sQ2vTqLw91xRbNfYd", "other-t4ks"} {
		if !strings.Contains(strings.Join(texts, " "), want) {
			t.Errorf("%q is not among %q", want, texts)
		}
	}
}

func TestAKeyBehindABrokenBlockIsFound(t *testing.T) {
	key := pemBlock("RSA PRIVATE KEY")
	if found := inPEM(newText("-----BEGIN CERTIFICATE-----\nnot base64 !\n" + key)); len(found) != 1 || found[0].line != 3 {
		t.Errorf("%v", found)
	}
}

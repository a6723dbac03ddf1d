package mask

import (
	"math/rand/v2"
	"testing"
)

// What the cheap look passes over, the pattern does not match.
func TestStemsAreInAllThatSaysSecret(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{
		"Passw", "passphrase", "PASS", "_pass-", "xpwd", ".pw", "Secret", "TOKEN", "bearer", "jwt", "api", "private", "access", "signing", "encryption", "master", "_", "-", "Key",
		"credential", "Auth", "dsn", "connection", "literals", "a", " ", ":", "1", "\u017f", "ecret", "to", "\u212aen", "user", "name", "value",
	}
	matched := 0
	for range 200000 {
		line := ""
		for range 1 + random.IntN(4) {
			line += parts[random.IntN(len(parts))]
		}
		if secretName().MatchString(line) {
			if matched++; !maySaySecret(line) {
				t.Fatalf("%q is passed over", line)
			}
		}
	}
	if matched < 1000 {
		t.Errorf("%d lines match", matched)
	}
	for _, line := range []string{"  key-1: some value", "image: nginx", "replicas: 2", "kind: ConfigMap"} {
		if maySaySecret(line) {
			t.Errorf("%q is looked at twice", line)
		}
	}
}

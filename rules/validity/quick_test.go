package validity

import (
	"math/rand/v2"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// What is taken for valid at a glance is valid to Kubernetes.
func TestTheQuickLooksTakeNothingThatIsWrong(t *testing.T) {
	parts := []string{"0", "1", "64", "000000000000", "m", "k", "Ki", "Mi", "G", "i", "-", "a", "z9", "A", ".", " ", "é"}
	rng := rand.New(rand.NewPCG(1, 2))
	quantities, labels := 0, 0
	for range 50000 {
		var b strings.Builder
		for range rng.IntN(6) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		text := b.String()
		if isPlainQuantity(text) {
			quantities++
			if q, err := resource.ParseQuantity(text); err != nil || q.Sign() < 0 {
				t.Fatalf("%q is no quantity that is not negative: %v", text, err)
			}
		}
		if isLabel(text) {
			labels++
			if problems := validation.IsDNS1123Label(text); len(problems) > 0 {
				t.Fatalf("%q is no label: %q", text, problems)
			}
		}
	}
	if isLabel(strings.Repeat("a", 64)) {
		t.Error("a label of 64 letters is taken")
	}
	if quantities < 1000 || labels < 1000 {
		t.Errorf("%d quantities and %d labels were taken: the test says little", quantities, labels)
	}
}

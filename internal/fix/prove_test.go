package fix

import "testing"

// What fails in all objects is most often the remedy of one rule: it is not spread over both
// halves.
func TestHalvesKeepRulesTogether(t *testing.T) {
	var batch []*task
	for range 3 {
		for _, id := range []string{"replicas", "seccomp", "low-gid", "apparmor"} {
			batch = append(batch, &task{proposals: []*proposal{{rule: id}}})
		}
	}
	first, second := halves(batch, rule)
	if len(first)+len(second) != len(batch) || len(first) != 6 {
		t.Fatalf("halves of %d and %d tasks, want 6 and 6", len(first), len(second))
	}
	for _, a := range first {
		for _, b := range second {
			if rule(a) == rule(b) {
				t.Errorf("%s is in both halves", rule(a))
			}
		}
	}
}

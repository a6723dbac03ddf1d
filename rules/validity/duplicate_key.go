package validity

import "github.com/manilint/manilint/lint"

// DuplicateKey reports keys that a mapping holds twice: the last one counts, and
// who reads the first believes otherwise.
var DuplicateKey = &lint.Rule{
	ID:         "duplicate-key",
	Summary:    "key written twice in one mapping; only the last counts",
	Severity:   lint.Medium,
	Group:      "validity",
	Profiles:   core,
	References: []string{"OWASP K01"},
	Docs:       docs, Remedy: dropRepeated,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources() {
			if !r.Root.RepeatsKeys() {
				continue
			}
			r.Root.Walk(func(n *lint.Node) bool {
				first := map[string]*lint.Node{}
				for _, e := range n.Entries() {
					before := first[e.Name()]
					if before == nil || e.Name() == "<<" {
						first[e.Name()] = e
						continue
					}
					f := pass.Reportf(e.KeyNode(), "key %q is written twice; the first one is ignored", e.Name())
					f.Help = "remove one of the two"
					if before.IsScalar() && e.IsScalar() && before.Value() == e.Value() {
						f.Message, f.Severity = "key \""+e.Name()+"\" is written twice with the same value", lint.Low
					}
					f.Relate("duplicate", before.KeyNode(), "first written here")
				}
				return true
			})
		}
	},
}

package validity

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// DuplicateKey reports keys that a mapping holds twice: the last one counts, and
// who reads the first believes otherwise.
var DuplicateKey = &lint.Rule{
	ID:         "duplicate-key",
	Summary:    "key written twice in one mapping; only the last counts",
	Severity:   lint.Medium,
	Group:      "validity",
	Profiles:   core,
	References: []string{"OWASP K01"},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		for _, r := range pass.Resources() {
			if !mayRepeat(r.Root.YAML()) {
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

// mayRepeat reports whether a mapping below n may hold a key twice. What has aliases is
// not examined.
func mayRepeat(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	if n.Kind == yaml.MappingNode && repeats(n.Content) {
		return true
	}
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode && mayRepeat(c) {
			return true
		}
	}
	return false
}

// repeats reports whether two keys of a mapping have one text.
func repeats(content []*yaml.Node) bool {
	if len(content) > 32 {
		seen := make(map[string]bool, len(content)/2)
		for i := 0; i < len(content); i += 2 {
			if seen[content[i].Value] {
				return true
			}
			seen[content[i].Value] = true
		}
		return false
	}
	for i := 2; i < len(content); i += 2 {
		for j := 0; j < i; j += 2 {
			if content[i].Value == content[j].Value {
				return true
			}
		}
	}
	return false
}

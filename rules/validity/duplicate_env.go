package validity

import "github.com/manilint/manilint/lint"

// DuplicateEnv reports environment variables that a container sets twice.
var DuplicateEnv = &lint.Rule{
	ID:       "duplicate-env",
	Summary:  "environment variable set twice; only the last counts",
	Severity: lint.Low,
	Group:    "validity",
	Profiles: core,
	Peers: map[string][]string{
		"kube-linter": {"duplicate-env-var"}, "kube-score": {"environment-variable-key-duplication"}, "kubescape": {"C-0295"},
	},
	Docs:   docs,
	Remedy: removeFirst,
	Run: func(pass *lint.Pass) {
		first := map[string]*lint.Node{}
		for _, c := range pass.ContainersWith("env") {
			clear(first)
			for _, e := range c.Node.Get("env").Items() {
				name := e.Get("name")
				if !name.IsScalar() {
					continue
				}
				if before := first[name.Value()]; before != nil {
					f := pass.Reportf(name, "%s sets environment variable %q twice; the first value is lost", c, name.Value())
					f.Help = "remove one of the two"
					f.Relate("duplicate", before, "first set here")
					continue
				}
				first[name.Value()] = name
			}
		}
	},
}

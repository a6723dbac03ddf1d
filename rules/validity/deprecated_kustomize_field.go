package validity

import "github.com/manilint/manilint/lint"

// DeprecatedKustomizeField reports the fields of kustomizations of which kustomize
// itself warns that a release to come will not read them.
var DeprecatedKustomizeField = &lint.Rule{
	ID:       "deprecated-kustomize-field",
	Summary:  "kustomization uses a deprecated field",
	Severity: lint.Low,
	Group:    "validity",
	Profiles: core,
	Docs:     docs,
	Remedy:   replaceField,
	Run: func(pass *lint.Pass) {
		for _, k := range pass.Bundle.Configuration {
			for _, f := range replacedFields {
				if n := k.Get(f.name); n.Exists() {
					pass.Reportf(n.KeyNode(), "the field %s is deprecated; use %s instead", f.name, f.by).Help = f.help
				}
			}
		}
	},
}

// replacedFields are those that kustomize's own build warns of
// (types.Kustomization.CheckDeprecatedFields of sigs.k8s.io/kustomize/api).
var replacedFields = []struct{ name, by, help string }{
	{"bases", "resources", "list the directories under resources, or run kustomize edit fix"},
	{"imageTags", "images", "rename the field to images, or run kustomize edit fix"},
	{"commonLabels", "labels", "write labels with includeSelectors: true, or run kustomize edit fix"},
	{"patchesStrategicMerge", "patches", "list each under patches with path or patch, or run kustomize edit fix"},
	{"patchesJson6902", "patches", "rename the field to patches, or run kustomize edit fix"},
	{"vars", "replacements", "write each as a replacement, or run kustomize edit fix --vars"},
}

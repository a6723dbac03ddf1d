package kustomize

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// claims say, for each kind of transformer, which values of an object it wrote and from
// which place of its configuration.
var claims = map[string]func(*writer) claim{
	"ImageTagTransformer":            (*writer).imageClaim,
	"ReplicaCountTransformer":        (*writer).replicaClaim,
	"NamespaceTransformer":           (*writer).namespaceClaim,
	"PrefixTransformer":              (*writer).affixClaim,
	"SuffixTransformer":              (*writer).affixClaim,
	"LabelTransformer":               (*writer).pairsClaim,
	"AnnotationsTransformer":         (*writer).pairsClaim,
	"PatchTransformer":               (*writer).patchClaim,
	"PatchStrategicMergeTransformer": (*writer).patchClaim,
	"PatchJson6902Transformer":       (*writer).patchClaim,
}

// claim returns what the transformer says it wrote into an object.
func (w *writer) claim() claim {
	if f := claims[w.kind]; f != nil {
		return f(w)
	}
	return w.pluginClaim
}

func last(path []string) string { return path[len(path)-1] }

// parent returns the name of what holds the value at path.
func parent(path []string) string {
	if len(path) < 2 {
		return ""
	}
	return path[len(path)-2]
}

func rewritten(post, pre *yaml.Node) bool { return pre == nil || pre.Value != post.Value }

// imageClaim claims texts that hold what the entry sets of an image.
func (w *writer) imageClaim() claim {
	image := w.of("imageTag")
	return func(path []string, post, pre *yaml.Node) place {
		if len(path) == 0 || path[0] == "metadata" && !rewritten(post, pre) || parent(path) == "annotations" && !rewritten(post, pre) {
			return place{}
		}
		if !rewritten(post, pre) && !strings.HasPrefix(post.Value, text(fold(image, "name"))) && !strings.HasPrefix(post.Value, text(fold(image, "newName"))) {
			return place{}
		}
		for _, f := range []string{"digest", "newTag", "tagSuffix", "newName"} {
			if v := fold(image, f); text(v) != "" && strings.Contains(post.Value, v.Value) {
				return w.place(v)
			}
		}
		return place{}
	}
}

func (w *writer) replicaClaim() claim {
	replica := w.of("replica")
	return func(path []string, _, _ *yaml.Node) place {
		if path[0] == "metadata" {
			return place{}
		}
		return w.place(fold(replica, "count"))
	}
}

func (w *writer) namespaceClaim() claim {
	ns := w.of("metadata", "namespace")
	return func(path []string, post, _ *yaml.Node) place {
		if post.Value != text(ns) || parent(path) == "annotations" || parent(path) == "labels" {
			return place{}
		}
		return w.place(ns)
	}
}

// affixClaim claims names that a prefix or a suffix lengthens.
func (w *writer) affixClaim() claim {
	affix := w.of(strings.ToLower(strings.TrimSuffix(w.kind, "Transformer"))) // prefix or suffix
	return func(path []string, post, pre *yaml.Node) place {
		if !rewritten(post, pre) || parent(path) == "annotations" {
			return place{}
		}
		if pre != nil && at(pre).known() {
			return w.b.through(at(pre), w.place(affix), lengthened) // the author's line still decides the name
		}
		return w.place(affix)
	}
}

// pairsClaim claims labels or annotations.
func (w *writer) pairsClaim() claim {
	pairs := w.node // commonLabels, commonAnnotations
	switch p := fold(w.node, "pairs"); {
	case w.plugin != nil && w.kind == "LabelTransformer":
		pairs = fold(w.plugin, "labels")
	case w.plugin != nil:
		pairs = fold(w.plugin, "annotations")
	case p != nil && p.Kind == yaml.MappingNode:
		pairs = p
	}
	return func(path []string, post, _ *yaml.Node) place {
		if len(path) == 0 || (parent(path) == "annotations") != (w.kind == "AnnotationsTransformer") {
			return place{}
		}
		if v := get(pairs, last(path)); v != nil && v.Value == post.Value {
			return w.place(v)
		}
		return place{}
	}
}

// patchClaim claims what kustomize moved itself: a merge keeps lines.
func (w *writer) patchClaim() claim {
	return func(path []string, post, pre *yaml.Node) place {
		if !rewritten(post, pre) {
			return place{}
		}
		for i := len(w.docs) - 1; i >= 0; i-- {
			if v := lookup(w.docs[i], path); v != nil && v.Value == post.Value {
				return at(v)
			}
		}
		return place{}
	}
}

// pluginClaim claims whatever has changed, for the document of another builtin.
func (w *writer) pluginClaim(_ []string, post, pre *yaml.Node) place {
	if !rewritten(post, pre) || w.plugin == nil {
		return place{}
	}
	if v := get(w.plugin, "value"); v != nil { // ValueAddTransformer
		return at(v)
	}
	return at(w.plugin)
}

package validity

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// replaceField writes what a field of a kustomization became.
func replaceField(_ *lint.Pass, _ *lint.Finding, key *lint.Node) *lint.Remedy {
	const why = "the overlay is built again, and comes to the same objects"
	root := key.Parent()
	n := root.Get(key.Name())
	switch key.Name() {
	case "bases":
		if !root.Get("resources").Exists() {
			return lint.Safe(why, lint.Rename(n, "resources"))
		}
		var edits []lint.Edit
		for _, base := range n.Items() {
			edits = append(edits, lint.Add(root.Get("resources"), base.Value()))
		}
		return lint.Safe(why, append(edits, lint.Remove(n))...)
	case "imageTags":
		if root.Get("images").Exists() {
			return nil
		}
		return lint.Safe(why, lint.Rename(n, "images"))
	case "patchesJson6902":
		if root.Get("patches").Exists() {
			return nil
		}
		return lint.Safe(why, lint.Rename(n, "patches"))
	case "patchesStrategicMerge":
		var edits []lint.Edit
		for _, patch := range n.Items() {
			by := "path"
			if strings.Contains(patch.Value(), "\n") {
				by = "patch"
			}
			edits = append(edits, lint.Add(root.Get("patches"), map[string]any{by: strings.TrimSuffix(patch.Value(), "\n")}))
		}
		return lint.Safe(why, append(edits, lint.Remove(n))...)
	case "commonLabels":
		if root.Get("labels").Exists() || len(n.Fields()) == 0 {
			return nil
		}
		pairs := map[string]any{}
		for _, f := range n.Fields() {
			pairs[f.Name()] = f.YAML()
		}
		return lint.Safe(why, lint.Set(root.Get("labels"), []any{map[string]any{"includeSelectors": true, "pairs": pairs}}), lint.Remove(n))
	}
	return nil
}

// removeFirst takes out the variable that the later one of its name overrides.
func removeFirst(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	list := n.Parent().Parent()
	var edits []lint.Edit
	for _, item := range list.Items() {
		if item.Index() < n.Parent().Index() && item.Get("name").Value() == n.Value() {
			edits = append(edits, lint.Remove(item))
		}
	}
	for _, item := range list.Items() { // one between them may be made of the first value
		if strings.Contains(item.Get("value").Value(), "$("+n.Value()+")") {
			return nil
		}
	}
	return lint.Safe("only the last of a name counts, and no other variable is made of it", edits...)
}

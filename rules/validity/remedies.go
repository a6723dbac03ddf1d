package validity

import (
	"net/netip"
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

// dropRepeated takes out the entries of a key that do not count: all but the last.
func dropRepeated(_ *lint.Pass, _ *lint.Finding, key *lint.Node) *lint.Remedy {
	var same []*lint.Node
	for _, e := range key.Parent().Entries() {
		if e.Name() == key.Name() {
			same = append(same, e)
		}
	}
	if len(same) < 2 {
		return nil
	}
	var edits []lint.Edit
	for _, e := range same[:len(same)-1] {
		edits = append(edits, lint.Remove(e))
	}
	return lint.Safe("decoders take the last entry of a key: the object stays as it is", edits...)
}

// failClosed lets nothing through while a webhook, or an expression, does not answer.
func failClosed(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("while the webhook is down, or an expression fails, what it guards is refused, its own pods included unless it excludes them", lint.Set(n, "Fail"))
}

func endWithSlash(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("images that the entry allows by the beginning of their name, and not by their repository, are refused", lint.Set(n, n.Value()+"/"))
}

// deny lets a binding refuse what its policy finds. Deny and Warn exclude each other
// (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-actions).
func deny(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if !n.IsSequence() {
		return nil
	}
	edits := []lint.Edit{lint.Add(n, "Deny")}
	for _, action := range n.Items() {
		if action.Value() == "Warn" {
			edits = append(edits, lint.Remove(action))
		}
	}
	return lint.Risky("objects that violate the policy, which were let through so far, are refused", edits...)
}

// closeGap has admission control asked about all versions, or about updates.
func closeGap(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "requests that went unchecked so far may be refused"
	switch n.Name() {
	case "matchPolicy":
		return lint.Risky(why, lint.Set(n, "Equivalent"))
	case "operations":
		return lint.Risky(why, lint.Add(n, "UPDATE"))
	}
	return nil // who may set the label is not said here
}

// fitSelector gives the pod template the labels that the selector asks for, or a selector
// that is missing the labels of the template. The API server refuses the object as it is. What a
// chart computes is not written into its templates.
func fitSelector(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "the API server refuses the workload as it is, so nothing runs of it"
	r := n.Resource()
	if pass.Bundle.Rendering.Kind == "helm" || r.Group != "apps" || r.Version != "v1" || len(r.PodSpecs()) == 0 {
		return nil
	}
	labels := r.PodSpecs()[0].Metadata.Get("labels")
	if n.Name() == "selector" {
		match := map[string]any{}
		for key, value := range labels.StringMap() {
			match[key] = value
		}
		if len(match) == 0 {
			return nil
		}
		return lint.Safe(why, lint.Set(n, map[string]any{"matchLabels": match}))
	}
	if n.Parent().Name() != "matchLabels" || n.Value() == "" || labels.Get(n.Name()).Exists() {
		return nil // which of two values is meant is not said
	}
	return lint.Safe(why, lint.Set(labels.Get(n.Name()), n.Value()))
}

// wholeNetwork writes the first address of a network, which is what older API servers
// made of it. An address that can be read in two ways is the author's.
func wholeNetwork(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	network, err := netip.ParsePrefix(strings.TrimSpace(n.Value()))
	if err != nil || network.Addr().Is4In6() || network.Masked().String() == n.Value() {
		return nil
	}
	return lint.Safe("it is the same network, in the form that every API server takes", lint.Set(n, network.Masked().String()))
}

// fitSchema puts a value in quotes where a string belongs, and gives a misspelt field the
// name that it is nearest to.
func fitSchema(_ *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	if f.Help == putInQuotes {
		if n.YAML().ShortTag() == "!!str" {
			return nil // a word, as yes, that the API server's decoder alone reads as another type
		}
		return lint.Safe("the API server refuses the object as it is", lint.Set(n, n.Value()))
	}
	name, ok := strings.CutPrefix(f.Help, renameTo)
	if !ok || n.Parent() == nil || n.Parent().Get(name).Exists() {
		return nil
	}
	return lint.Risky("the field counts from then on: nobody has seen the program with it", lint.Rename(n.Parent().Get(n.Name()), name))
}

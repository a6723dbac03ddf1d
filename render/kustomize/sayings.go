package kustomize

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
)

// What kustomize says is a text alone: its errors carry no entry and no file. So the
// texts that name what is at fault are known here, each with a real one and the release
// of kustomize's api that said it. Of a text that is not known the overlay is at fault.
type saying struct {
	name    string
	pattern func() *regexp.Regexp
	release string
	example string // of that release
	// blame returns what the words that pattern found are about, with a message in place
	// of kustomize's, which may be empty; nil where an entry on the way to the error is.
	blame func(b *build, found []string) *blamed
	// advice follows the error of a patch.
	advice string
}

// A blamed node is taken out of the overlay.
type blamed struct {
	k       *kustomization
	node    *yaml.Node
	message string
}

var sayings = []saying{
	{
		name: "an entry on the way", release: "v0.21.2",
		pattern: lint.Regexp(`(?:accumulating|merging) resources from '(.+?)': |(?:recursed accumulation of|recursed merging from|couldn't make target for) path '(.+?)'(?:: |$)|expected kind (?:!= )?'\w+' for path '(.+?)'`),
		example: "accumulating resources: accumulation err='accumulating resources from 'values.yaml': missing metadata.name in object {{a } {{ } map[] map[]}}': must build at directory: '/o/values.yaml': file is not directory",
	},
	{
		name: "twice", release: "v0.21.2",
		pattern: lint.Regexp(`already registered id: ([^\s']+)`),
		example: "accumulating resources: accumulation err='merging resources from 'again.yaml': may not add resource with an already registered id: ConfigMap.v1.[noGrp]/settings.[noNs]': must build at directory: '/o/again.yaml': file is not directory",
		blame: func(_ *build, found []string) *blamed {
			return &blamed{message: fmt.Sprintf("%s is defined twice in this overlay; remove one, or make one a patch", found[1])}
		},
	},
	{
		name: "a program", release: "v0.21.2",
		pattern: lint.Regexp(`unable to load (?:external plugin|builtin) '?([^\s']+)`),
		example: "loading generator plugins: failed to load generator: unable to load builtin Mine.builtin.[noGrp]",
		blame: func(b *build, found []string) *blamed {
			kind, _, _ := strings.Cut(found[1], ".") // of an id, or alone
			e := b.entryWith(kind)
			e.message = fmt.Sprintf("%s is not a builtin of kustomize: programs and containers are not run; lint what it generates, or remove the entry", found[1])
			return &e
		},
	},
	{
		name: "a generator of nothing", release: "v0.21.2",
		pattern: lint.Regexp(`merging from generator .*Kind:"(\w+)".*Name:"([^"]+)".* does not exist; cannot merge or replace`),
		example: `merging from generator &{0x1 { } {map[] {  gone merge {[a=b] [] [] } <nil>}}}: id resid.ResId{Gvk:resid.Gvk{Group:"", Version:"v1", Kind:"ConfigMap", isClusterScoped:false}, Name:"gone", Namespace:""} does not exist; cannot merge or replace`,
		blame: func(b *build, found []string) *blamed {
			e := b.generatorOf(found[1], found[2])
			return &blamed{e.k, e.node, fmt.Sprintf("there is no %s %q to merge into or to replace; correct the name, or remove the behavior", found[1], found[2])}
		},
	},
	{
		name: "a variable of nothing", release: "v0.21.2",
		pattern: lint.Regexp(`var '\{(\S+) .* cannot be mapped to a field in the set of known resources`),
		example: "var '{A [noKind].[noVer].[noGrp] {metadata.name}}' cannot be mapped to a field in the set of known resources",
		blame: func(b *build, found []string) *blamed {
			e := b.itemOf("vars", "name", found[1])
			return &blamed{e.k, e.node, fmt.Sprintf("the variable %q names a field that no object has; correct objref and fieldref, or use replacements instead", found[1])}
		},
	},
	{
		name: "a variable twice", release: "v0.21.2",
		pattern: lint.Regexp(`var '(\S+)' already encountered`),
		example: "merging vars [{A {Pod [noVer].[noGrp] p } {metadata.name}}]: var 'A' already encountered",
		blame: func(b *build, found []string) *blamed {
			e := b.itemOf("vars", "name", found[1])
			return &blamed{e.k, e.node, fmt.Sprintf("the variable %q is defined twice in this overlay; remove one", found[1])}
		},
	},
	{
		name: "an order", release: "v0.21.2",
		pattern: lint.Regexp(`sortOptions\.order' must be one of \[(.+)\]`),
		example: "the field 'sortOptions.order' must be one of [fifo, legacy]",
		blame: func(b *build, found []string) *blamed {
			return &blamed{b.root, fold(b.root.root, "sortOptions"), fmt.Sprintf("kustomize does not support this order; write one of %s", found[1])}
		},
	},
	{
		name: "a patch of nothing", release: "v0.21.2",
		pattern: lint.Regexp(`no matches for Id|no resource matches`),
		example: `no resource matches strategic merge patch "Service.v1.[noGrp]/gone.[noNs]": no matches for Id Service.v1.[noGrp]/gone.[noNs]; failed to find unique target for patch Service.v1.[noGrp]/gone.[noNs]`,
		advice:  "name an object that the resources hold, or remove the patch",
	},
	{
		name: "a patch that is neither", release: "v0.21.2",
		pattern: lint.Regexp(`unable to parse SM or JSON patch`),
		example: `unable to parse SM or JSON patch from [patch: "[{op: replace, path: /spec/replicas, value: 7}]"]`,
		advice:  "write an object with apiVersion, kind and name, or a list of operations (what begins with [ must be JSON)",
	},
	{
		// kustomize names the first of the objects whose references fail, in the order of a map: another one in each run.
		name: "a name of several", release: "v0.21.2",
		pattern: lint.Regexp(`updating name reference in '.* found multiple possible referrals`),
		example: "updating name reference in 'subjects' field of 'ClusterRoleBinding.v1.rbac.authorization.k8s.io/b.[noNs]': considering field 'subjects' of object ClusterRoleBinding.v1.rbac.authorization.k8s.io/b.[noNs]: found multiple possible referrals: ServiceAccount.v1.[noGrp]/d-api.ns2, ServiceAccount.v1.[noGrp]/api.[noNs]",
		blame: func(*build, []string) *blamed {
			return &blamed{message: "an object refers to another by a name that several objects of the overlay had before prefixes, suffixes and namespaces, so kustomize cannot tell which is meant; give them different names"}
		},
	},
}

// wayTo finds the entries and the directories on the way to what failed, from the root on.
var wayTo = sayings[0].pattern

// pointer is how Go prints what kustomize's errors hold: another one in each run.
var pointer = lint.Regexp(`&\{0x[0-9a-f]+ [^}]*\} ?`)

// blame finds the entry that krusty failed on, records it and takes it out. It
// reports false when there is none: the error is then recorded at the root.
func (b *build) blame(err error) bool {
	text := err.Error()
	out := blamed{message: b.clean(text)}
	if r, of := b.culprit(text); r != nil {
		out.k, out.node = of, r.node
	}
	for _, s := range sayings {
		if found := s.pattern().FindStringSubmatch(text); found != nil && s.blame != nil {
			if about := s.blame(b, found); about.node != nil || about.k == nil {
				out.message = about.message
				if about.node != nil {
					out.k, out.node = about.k, about.node
				}
			}
		}
	}
	if out.node == nil {
		b.fail(b.root.src.LineSpan(1), "%s", out.message)
		return false
	}
	b.drop(ref{node: out.node})
	b.fail(out.k.span(out.node), "%s", out.message)
	return true
}

// advised returns a message about a patch with what to do about it, where that is known.
func advised(message string) string {
	for _, s := range sayings {
		if s.advice != "" && s.pattern().MatchString(message) {
			return message + "; " + s.advice
		}
	}
	return message
}

// culprit follows the way that an error of kustomize names to its innermost entry.
// Two bases may have entries of one text.
func (b *build) culprit(text string) (found *ref, of *kustomization) {
	k := b.root
	for _, m := range wayTo().FindAllStringSubmatch(text, -1) {
		value, dir := m[1], m[2]+m[3]
		seen := false
		b.each(k, func(in *kustomization) {
			for i, r := range in.refs {
				if !seen && !b.dropped[r.node] && r.path != "" && (value != "" && r.value == value || dir != "" && r.isDir && r.path == dir) {
					found, of, seen = &in.refs[i], in, true
				}
			}
		})
		if dir != "" {
			if base := b.at(dir); base != nil {
				k = base
			}
		}
	}
	return found, of
}

// entryWith finds the entry of a plugin whose document holds a text.
func (b *build) entryWith(text string) blamed {
	var found blamed
	b.each(b.root, func(k *kustomization) {
		for _, r := range k.refs {
			if (r.field == "generators" || r.field == "transformers" || r.field == "validators") && !r.isDir && !b.dropped[r.node] && strings.Contains(b.textOf(r), text) {
				found = blamed{k: k, node: r.node}
			}
		}
	})
	return found
}

// textOf returns the text that a ref names or is.
func (b *build) textOf(r ref) string {
	if r.inline {
		return r.value
	}
	if src, err := b.files.Open(r.path); err == nil {
		return string(src.Data)
	}
	return ""
}

// generatorOf finds the entry of a generator that merges into an object, or replaces it.
func (b *build) generatorOf(kind, name string) entry {
	var found entry
	b.eachItem(strings.ToLower(kind[:1])+kind[1:]+"Generator", func(e entry) {
		if behavior := text(fold(e.node, "behavior")); text(fold(e.node, "name")) == name && (behavior == "merge" || behavior == "replace") {
			found = e
		}
	})
	return found
}

// itemOf finds the last item of a list of the kustomizations that has a value.
func (b *build) itemOf(list, field, value string) entry {
	var found entry
	b.eachItem(list, func(e entry) {
		if text(fold(e.node, field)) == value {
			found = e
		}
	})
	return found
}

// eachItem calls f for the items of a list of all kustomizations that are not left out.
func (b *build) eachItem(list string, f func(entry)) {
	b.each(b.root, func(k *kustomization) {
		for _, e := range items(fold(k.root, list)) {
			if e = unalias(e); !b.dropped[e] {
				f(entry{k, e})
			}
		}
	})
}

// clean shortens kustomize's messages, which name a path at each level.
func (b *build) clean(message string) string {
	message = redacted(message) // before it is cut off inside an address
	message = strings.ReplaceAll(message, b.jail+string(filepath.Separator), "")
	if i := strings.LastIndex(message, "accumulation err='"); i >= 0 {
		message = message[i+len("accumulation err='"):]
	}
	message = pointer().ReplaceAllString(message, "")
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > 400 {
		message = strings.ToValidUTF8(message[:400], "") + " …"
	}
	return message
}

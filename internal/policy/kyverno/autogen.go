package kyverno

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// controllers are the kinds that Kyverno makes rules for from those about Pods, sorted.
var controllers = []string{"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}

// A form is a rule as it is written, or as Kyverno makes it of one about Pods.
// (https://kyverno.io/docs/policy-types/cluster-policy/autogen/)
type form struct {
	prefix string   // of the rule's name
	path   []string // of the template of the pod
	filterKind
}

var written = form{}

// forms returns the forms of the rules of a policy.
func forms(p *lint.Resource) []form {
	if !autogen(p) {
		return []form{written}
	}
	kinds := controllers
	if wanted, ok := p.Annotations()["pod-policies.kyverno.io/autogen-controllers"]; ok {
		kinds = nil
		for _, kind := range strings.Split(wanted, ",") {
			switch {
			case kind == "all":
				kinds = controllers
			case slices.Contains(controllers, kind) && !slices.Contains(kinds, kind):
				kinds = append(kinds, kind)
			}
		}
	}
	all := []form{written}
	pods := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "CronJob" })
	if len(pods) > 0 {
		all = append(all, form{"autogen-", []string{"spec", "template"}, filterKind{kinds: pods}})
	}
	if len(pods) < len(kinds) {
		all = append(all, form{"autogen-cronjob-", []string{"spec", "jobTemplate", "spec", "template"}, filterKind{kinds: []string{"CronJob"}, all: true}})
	}
	return all
}

// autogen reports whether Kyverno makes rules for the controllers of pods of those of a policy.
func autogen(p *lint.Resource) bool {
	needed := false
	for _, rule := range p.Get("spec", "rules").Items() {
		if rule.Get("generate").Exists() || rule.Get("mutate", "patchesJson6902").Exists() {
			return false
		}
		for _, in := range []*lint.Node{rule.Get("match"), rule.Get("exclude")} {
			for _, filter := range slices.Concat([]*lint.Node{in}, in.Get("any").Items(), in.Get("all").Items()) {
				resources := filter.Get("resources")
				kinds := resources.Get("kinds").Strings()
				if resources.Get("name").Value() != "" || len(resources.Get("names").Items()) > 0 || resources.Get("selector").Exists() ||
					resources.Get("annotations").Exists() || len(kinds) > 1 && slices.ContainsFunc(kinds, isPod) {
					return false
				}
				needed = needed || slices.ContainsFunc(kinds, func(k string) bool { return k == "Pod" || slices.Contains(controllers, k) })
			}
		}
	}
	return needed
}

// applies reports whether a rule has a form.
func (f form) applies(rule *lint.Node) bool {
	if f.kinds == nil {
		return true
	}
	matched, excluded := kindsOf(rule.Get("match")), kindsOf(rule.Get("exclude"))
	return !strings.HasPrefix(rule.Get("name").Value(), "autogen-") && slices.ContainsFunc(matched, isPod) &&
		(len(excluded) == 0 || slices.ContainsFunc(excluded, isPod))
}

func kindsOf(n *lint.Node) []string {
	var all []string
	for _, filter := range slices.Concat([]*lint.Node{n}, n.Get("any").Items(), n.Get("all").Items()) {
		all = append(all, filter.Get("resources", "kinds").Strings()...)
	}
	return all
}

// name returns what Kyverno calls the rule.
func (f form) name(rule *lint.Node) string {
	name := f.prefix + rule.Get("name").Value()
	if f.prefix != "" && len(name) > 63 {
		name = name[:63]
	}
	return name
}

// rewrite makes the text of a rule that reads a Pod read the template of one.
func (f form) rewrite(text string) string {
	if f.kinds == nil || !strings.Contains(text, "request.") {
		return text
	}
	to := strings.Join(f.path, ".")
	for _, object := range []string{"request.object", "request.oldObject"} {
		// In one pass, since what is put in holds spec, too.
		text = strings.NewReplacer(object+".spec", object+"."+to+".spec", object+".metadata", object+"."+to+".metadata").Replace(text)
	}
	return text
}

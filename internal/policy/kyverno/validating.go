package kyverno

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/internal/policy/vap"
	"github.com/manilint/manilint/lint"
)

// celGroup is the group of the policies that are written in CEL.
const celGroup = "policies.kyverno.io"

// A validatingPolicy is a ValidatingPolicy or a NamespacedValidatingPolicy in all its forms.
type validatingPolicy []policy.Policy

// On returns what judges the objects of a bundle.
func (v validatingPolicy) On(pass *lint.Pass) policy.Judge {
	var judges []policy.Judge
	for _, p := range v {
		judges = append(judges, p.On(pass))
	}
	return func(r *lint.Resource) (all []policy.Verdict) {
		if isPolicy(r) {
			return nil
		}
		for _, judge := range judges {
			all = append(all, judge(r)...)
		}
		return all
	}
}

// isPolicy reports whether an object is one of Kyverno's, which its policies are not about.
func isPolicy(r *lint.Resource) bool {
	return r.Group == apiGroup || strings.HasSuffix(r.Group, "."+apiGroup)
}

// others are the kinds of celGroup that manifests cannot be judged by.
var others = []string{"ImageValidatingPolicy", "NamespacedImageValidatingPolicy", "MutatingPolicy", "NamespacedMutatingPolicy", "GeneratingPolicy", "NamespacedGeneratingPolicy", "DeletingPolicy", "NamespacedDeletingPolicy"}

// resources are the kinds of the resources that a ValidatingPolicy is made for from one about Pods.
var resources = map[string]string{
	"daemonsets": "DaemonSet", "deployments": "Deployment", "jobs": "Job", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet", "cronjobs": "CronJob",
}

// validating compiles a ValidatingPolicy. p is nil where it is not judged.
func validating(r *lint.Resource, objects []*lint.Resource, version string) (p policy.Policy, errs []*lint.InputError, notes []lint.Note) {
	spec := r.Get("spec")
	refuse := func(n *lint.Node, format string, args ...any) (policy.Policy, []*lint.InputError, []lint.Note) {
		return nil, nil, []lint.Note{{Span: n.Locate().Span, Message: fmt.Sprintf("%s is not judged: ", r) + fmt.Sprintf(format, args...)}}
	}
	if mode := spec.Get("evaluation", "mode"); mode.IsScalar() && mode.Value() != "Kubernetes" {
		return refuse(mode, "it is about %s and not about objects of Kubernetes", mode.Value())
	}
	f := vap.Form{Object: r, Spec: spec, Field: "validations", Conditions: spec.Get("matchConditions"), Severity: lint.High}
	if r.Kind == "NamespacedValidatingPolicy" {
		f.Namespace = r.Namespace
	}
	if actions := spec.Get("validationActions").Strings(); len(actions) > 0 && !slices.Contains(actions, "Deny") {
		f.Severity = lint.Low
		if slices.Contains(actions, "Warn") {
			f.Severity = lint.Medium
		}
	}
	for _, e := range objects {
		if !e.Is(celGroup, "PolicyException") || !slices.ContainsFunc(e.Get("spec", "policyRefs").Items(), func(n *lint.Node) bool {
			return n.Get("name").Value() == r.Name && n.Get("kind").Value() == r.Kind
		}) {
			continue
		}
		if partial := append(e.Get("spec", "images").Items(), e.Get("spec", "allowedValues").Items()...); len(partial) > 0 {
			notes = append(notes, lint.Note{Span: partial[0].Parent().Locate().Span, Message: fmt.Sprintf("%s exempts a part of an object only, which is not supported: it exempts nothing", e)})
			continue
		}
		f.Exempt = append(f.Exempt, e.Get("spec", "matchConditions"))
	}
	written, errs, more := vap.New(f, objects, version)
	notes = append(notes, more...)
	if name := library(errs); name != "" {
		p, _, more := refuse(r.Get("metadata", "name"), "it uses %s, which only Kyverno has", name)
		return p, nil, append(notes, more...)
	}
	all := validatingPolicy{written}
	if len(errs) == 0 {
		for _, generated := range formsOf(spec, f) {
			one, wrong, _ := vap.New(generated, objects, version)
			errs = append(errs, wrong...)
			all = append(all, one)
		}
	}
	return all, errs, notes
}

// libraries are the variables and functions that Kyverno adds to CEL.
var libraries = []string{"resource", "http", "globalContext", "images", "image", "imageData", "imagedata", "parseImageReference", "isImage", "generator", "user", "parseServiceAccount",
	"json", "yaml", "hash", "md5", "sha1", "sha256", "math", "random", "time", "transform", "listObjToMap", "gzip", "x509", "exceptions", "attestors", "ref"}

var undeclared = lint.Regexp(`undeclared reference to '([A-Za-z0-9]+)'`)

// library returns the part of Kyverno's libraries that keeps expressions from being
// compiled; "" where something else does.
func library(errs []*lint.InputError) string {
	for _, e := range errs {
		if m := undeclared().FindStringSubmatch(e.Message); m != nil && slices.Contains(libraries, m[1]) {
			return m[1]
		}
	}
	return ""
}

// formsOf returns the forms that Kyverno makes for controllers of a policy about Pods alone.
func formsOf(spec *lint.Node, f vap.Form) []vap.Form {
	match := spec.Get("matchConstraints")
	rules := match.Get("resourceRules").Items()
	if len(rules) != 1 || len(match.Get("excludeResourceRules").Items()) > 0 || len(match.Get("objectSelector", "matchLabels").Fields()) > 0 ||
		len(match.Get("objectSelector", "matchExpressions").Items()) > 0 || len(rules[0].Get("resourceNames").Items()) > 0 ||
		!slices.Equal(rules[0].Get("apiGroups").Strings(), []string{""}) || !slices.Equal(rules[0].Get("apiVersions").Strings(), []string{"v1"}) ||
		!slices.Equal(rules[0].Get("resources").Strings(), []string{"pods"}) {
		return nil
	}
	if operations := rules[0].Get("operations").Strings(); !slices.ContainsFunc(operations, func(o string) bool { return o == "*" || o == "CREATE" || o == "UPDATE" }) {
		return nil
	}
	wanted := slices.Sorted(maps.Keys(resources))
	if list := spec.Get("autogen", "podControllers", "controllers"); list.IsSequence() {
		wanted = list.Strings()
	}
	var pods []string
	var all []vap.Form
	for _, name := range wanted {
		switch kind := resources[name]; kind {
		case "":
		case "CronJob":
			cron := f
			cron.Kinds, cron.Rewrite = []string{kind}, celRewriter("spec.jobTemplate.spec.template")
			all = append(all, cron)
		default:
			pods = append(pods, kind)
		}
	}
	if len(pods) > 0 {
		f.Kinds, f.Rewrite = pods, celRewriter("spec.template")
		all = append(all, f)
	}
	return all
}

// objectField is a field of the object that a policy about Pods reads.
var objectField = lint.Regexp(`\b(object|oldObject)\.(spec|metadata)(\.namespace\b)?`)

// celRewriter makes an expression that reads a Pod read the template at a path. The
// namespace is that of the controller itself.
func celRewriter(path string) func(string) string {
	return func(text string) string {
		return objectField().ReplaceAllStringFunc(text, func(s string) string {
			m := objectField().FindStringSubmatch(s)
			if m[3] != "" && m[2] == "metadata" {
				return s
			}
			return m[1] + "." + path + "." + m[2] + m[3]
		})
	}
}

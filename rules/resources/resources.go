// Package resources holds the rules about what containers request and may use
// of a node: a container without a bound can starve its neighbours. They do not
// judge how much is right.
package resources

import (
	"embed"
	"fmt"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = []*lint.Rule{
	CPURequest,
	CPULimit,
	MemoryRequest,
	MemoryLimit,
	EphemeralStorage,
	MemoryUnit,
	LimitRangeConflict,
	AdminAccess,
}

// The rules of this package: one field of a container's resources each.
var (
	CPURequest = unset(lint.Rule{
		ID: "cpu-request", Summary: "container requests no CPU", Severity: lint.Low, Profiles: inDefault,
		Peers: map[string][]string{"kube-linter": {"unset-cpu-requirements"}, "kube-score": {"container-resources"},
			"polaris": {"cpuRequestsMissing"}, "trivy": {"KSV-0015"}, "checkov": {"CKV_K8S_10"}, "kubescape": {"C-0268"}, "kubesec": {"RequestsCPU"}},
	}, "the scheduler reserves no CPU for it, so under load it may get too little or take it from others", "100m", field{"requests", "cpu"})
	CPULimit = unset(lint.Rule{
		ID: "cpu-limit", Summary: "container has no CPU limit", Severity: lint.Low,
		References: []string{"NSA C-0270"},
		Peers: map[string][]string{"kube-linter": {"unset-cpu-requirements"}, "kube-score": {"container-resources"},
			"polaris": {"cpuLimitsMissing"}, "trivy": {"KSV-0011"}, "checkov": {"CKV_K8S_11"}, "kubescape": {"C-0270", "C-0311"}, "kubesec": {"LimitsCPU"}},
	}, "it may use all idle CPU time of its node", "500m", field{"limits", "cpu"})
	MemoryRequest = unset(lint.Rule{
		ID: "memory-request", Summary: "container requests no memory", Severity: lint.Low, Profiles: inDefault,
		Peers: map[string][]string{"kube-linter": {"unset-memory-requirements"}, "kube-score": {"container-resources"},
			"polaris": {"memoryRequestsMissing"}, "trivy": {"KSV-0016"}, "checkov": {"CKV_K8S_12"}, "kubescape": {"C-0269"}, "kubesec": {"RequestsMemory"}},
	}, "the scheduler reserves no memory for it, and under pressure the node evicts it first", "128Mi", field{"requests", "memory"})
	MemoryLimit = unset(lint.Rule{
		ID: "memory-limit", Summary: "container has no memory limit", Severity: lint.Medium, Profiles: inDefault,
		References: []string{"NSA C-0271"},
		Peers: map[string][]string{"kube-linter": {"unset-memory-requirements"}, "kube-score": {"container-resources"},
			"polaris": {"memoryLimitsMissing"}, "trivy": {"KSV-0018"}, "checkov": {"CKV_K8S_13"}, "kubescape": {"C-0271", "C-0311"}, "kubesec": {"LimitsMemory"}},
	}, "it may use all memory of its node", "256Mi", field{"limits", "memory"})
	EphemeralStorage = unset(lint.Rule{
		ID: "ephemeral-storage", Summary: "container has no request or limit for ephemeral storage", Severity: lint.Low,
		Peers: map[string][]string{"kube-score": {"container-ephemeral-storage-request-and-limit"}},
	}, "what it writes may fill the disk of its node", "1Gi", field{"limits", "ephemeral-storage"}, field{"requests", "ephemeral-storage"})
)

var inDefault = []lint.Profile{lint.ProfileDefault}

// A field is a place in a container's resources: requests or limits, and the resource.
type field struct{ list, resource string }

// zero matches a quantity of nothing, which the API takes for not set.
var zero = lint.Regexp(`^[+-]?0*\.?0*([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$`)

// isSet tells most quantities by their first digit.
func isSet(n *lint.Node) bool {
	if !n.IsScalar() {
		return false
	}
	v := n.Value()
	return v != "" && '1' <= v[0] && v[0] <= '9' || !zero().MatchString(v)
}

// unset makes the rule that reports containers without a value for any of the
// fields. A request that is missing is the limit, where there is one; both may
// be those of the pod, or the namespace's defaults.
func unset(rule lint.Rule, why, example string, fields ...field) *lint.Rule {
	rule.Group, rule.Docs = "resources", docs
	rule.References = append(rule.References, "OWASP K01")
	rule.Params = append(rule.Params, lint.Param{Name: "default", Summary: "the quantity that a fix sets where there is none; no fix while it is empty", Default: ""})
	rule.Remedy = setDefault
	rule.Run = func(pass *lint.Pass) {
		namespaces := lint.Shared(pass.Bundle, limitRanges)
		for _, c := range pass.Containers() {
			if c.Kind == lint.EphemeralContainer { // they cannot have resources
				continue
			}
			for _, f := range fields {
				if has(c, f) || namespaces[c.Pod.Resource.Namespace][f] {
					continue
				}
				n := c.Get("resources", f.list, f.resource)
				if c.Partial && n.IsNull() {
					continue
				}
				found := pass.Reportf(n, "%s has no %s %s: %s", c, f.resource, singular[f.list], why)
				if n.IsScalar() {
					found.Message = fmt.Sprintf("%s has %s %s %s of %s: %s", c, article(f.resource), f.resource, singular[f.list], n.Value(), why)
				}
				found.Help = fmt.Sprintf("set resources.%s.%s, for example %s", f.list, f.resource, example)
				break // one finding a container
			}
		}
	}
	return &rule
}

// setDefault sets the quantity that the configuration names.
func setDefault(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	quantity := pass.String("default")
	if quantity == "" {
		return nil
	}
	return lint.Risky("a container that uses more than its limit is throttled or killed, and a pod that no node has room for does not start", lint.Set(n, quantity))
}

var singular = map[string]string{"requests": "request", "limits": "limit"}

// has reports whether a container has a value for a field, by the API's own
// rules (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/,
// https://kubernetes.io/blog/2025/09/22/kubernetes-v1-34-pod-level-resources/).
func has(c *lint.Container, f field) bool {
	if f.isIn(c.Get("resources")) {
		return true
	}
	// the API server drops those of the pod before that version
	return !kube.Before(c.Pod.Resource.Bundle, 34) && f.isIn(c.Pod.Get("resources"))
}

func (f field) isIn(resources *lint.Node) bool {
	return isSet(resources.Get(f.list, f.resource)) || f.list == "requests" && isSet(resources.Get("limits", f.resource))
}

// defaults are the fields that a namespace's LimitRange sets where a container does not.
type defaults map[string]map[field]bool

func limitRanges(b *lint.Bundle) defaults {
	all := defaults{}
	for _, r := range b.OfKind("LimitRange") {
		for _, limit := range r.Get("spec", "limits").Items() {
			if r.Group != "" || limit.Get("type").Value() != "Container" {
				continue
			}
			if all[r.Namespace] == nil {
				all[r.Namespace] = map[field]bool{}
			}
			// the API server fills what is left out: default from max, and
			// defaultRequest from default or min
			for name, lists := range map[string][]string{
				"default": {"limits", "requests"}, "max": {"limits", "requests"}, "defaultRequest": {"requests"}, "min": {"requests"},
			} {
				for _, n := range limit.Get(name).Fields() {
					for _, list := range lists {
						if isSet(n) {
							all[r.Namespace][field{list, n.Name()}] = true
						}
					}
				}
			}
		}
	}
	return all
}

// article returns the article of a resource's name.
func article(resource string) string {
	if strings.HasPrefix(resource, "e") {
		return "an"
	}
	return "a"
}

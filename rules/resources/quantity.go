package resources

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// MemoryUnit reports amounts of memory in thousandths of a byte: an m that stands for
// mega, which is M, or Mi.
var MemoryUnit = &lint.Rule{
	ID: "memory-unit", Summary: "memory or storage is given in thousandths of a byte", Severity: lint.Medium, Group: "resources",
	Profiles: inDefault, References: []string{"OWASP K01"}, Docs: docs, Remedy: mebibytes,
	Run: func(pass *lint.Pass) {
		for _, c := range pass.ContainersWith("resources") {
			reportUnits(pass, c, c.Get("resources"))
		}
		for _, pod := range pass.PodsWith("resources") {
			reportUnits(pass, podsOf{pod.Resource}, pod.Get("resources"))
		}
		for _, r := range pass.Resources("LimitRange") {
			for _, limit := range r.Get("spec", "limits").Items() {
				for _, list := range limit.Fields() {
					reportMilli(pass, r, list)
				}
			}
		}
		for _, r := range pass.Resources("ResourceQuota") {
			reportMilli(pass, r, r.Get("spec", "hard"))
		}
		for _, r := range pass.Resources("PersistentVolumeClaim") {
			reportUnits(pass, r, r.Get("spec", "resources"))
		}
		for _, r := range pass.Resources("StatefulSet") {
			for _, claim := range r.Get("spec", "volumeClaimTemplates").Items() {
				reportUnits(pass, part{"claim", claim.Get("metadata", "name"), r}, claim.Get("spec", "resources"))
			}
		}
		for _, pod := range pass.PodsWith("sizeLimit") {
			for _, v := range pod.Get("volumes").Items() {
				n := v.Get("emptyDir", "sizeLimit")
				reportAmount(pass, part{"volume", v.Get("name"), pod.Resource}, n, "sizeLimit")
			}
		}
	},
}

// podsOf and part are owners of amounts, as messages name them.
type podsOf struct{ *lint.Resource }

func (o podsOf) String() string { return "the pods of " + o.Resource.String() }

type part struct {
	what string
	name *lint.Node
	of   *lint.Resource
}

func (o part) String() string { return fmt.Sprintf("%s %q of %s", o.what, o.name.Value(), o.of) }

func reportUnits(pass *lint.Pass, owner fmt.Stringer, resources *lint.Node) {
	for _, list := range []string{"requests", "limits"} {
		reportMilli(pass, owner, resources.Get(list))
	}
}

// reportMilli reports the amounts of memory and storage of a list of resources.
func reportMilli(pass *lint.Pass, owner fmt.Stringer, list *lint.Node) {
	for _, n := range list.Fields() {
		if what := strings.TrimPrefix(strings.TrimPrefix(n.Name(), "requests."), "limits."); countsBytes(what) {
			reportAmount(pass, owner, n, what)
		}
	}
}

// countsBytes reports whether the unit of a resource is the byte.
func countsBytes(name string) bool {
	return name == "memory" || name == "storage" || name == "ephemeral-storage" || strings.HasPrefix(name, "hugepages-")
}

// reportAmount reports an amount with an m behind it. What is no small number of bytes
// was computed: 1.2Gi reads back as 1288490188800m.
func reportAmount(pass *lint.Pass, owner fmt.Stringer, n *lint.Node, what string) {
	digits, milli := strings.CutSuffix(n.Value(), "m")
	if !milli {
		return
	}
	q, err := resource.ParseQuantity(n.Value())
	if err != nil || q.Value() >= 1<<20 || q.IsZero() {
		return
	}
	bytes := strconv.FormatFloat(q.AsApproximateFloat64(), 'f', -1, 64) + " bytes"
	if bytes == "1 bytes" {
		bytes = "1 byte"
	}
	pass.Reportf(n, "%s sets %s to %s, which is %s: the unit m is a thousandth", owner, what, n.Value(), bytes).Help = "write " + digits + "Mi"
}

// LimitRangeConflict reports containers that the LimitRange of their namespace makes the
// API server refuse (https://kubernetes.io/docs/concepts/policy/limit-range/).
var LimitRangeConflict = &lint.Rule{
	ID: "limit-range-conflict", Summary: "container that the LimitRange of its namespace does not admit", Severity: lint.Medium, Group: "resources",
	Profiles: inDefault, Docs: docs,
	Run: func(pass *lint.Pass) {
		bounds := lint.Shared(pass.Bundle, findBounds)
		for _, c := range pass.Containers() {
			if c.Kind == lint.EphemeralContainer || c.Partial {
				continue
			}
			for _, b := range bounds[c.Pod.Resource.Namespace] {
				b.judge(pass, c)
			}
		}
	},
}

// bound is what a LimitRange says of a resource of containers; nodes that are missing say nothing.
type bound struct {
	resource                            string
	owner                               *lint.Resource
	min, max, standard, standardRequest *lint.Node
}

func findBounds(b *lint.Bundle) map[string][]*bound {
	all := map[string][]*bound{}
	for _, r := range b.OfKind("LimitRange") {
		for _, limit := range r.Get("spec", "limits").Items() {
			if r.Group != "" || limit.Get("type").Value() != "Container" {
				continue
			}
			named := map[string]bool{}
			for _, list := range []string{"default", "max", "defaultRequest", "min"} {
				for _, n := range limit.Get(list).Fields() {
					if name := n.Name(); !named[name] {
						named[name] = true
						all[r.Namespace] = append(all[r.Namespace], &bound{name, r, limit.Get("min", name), limit.Get("max", name), limit.Get("default", name), limit.Get("defaultRequest", name)})
					}
				}
			}
		}
	}
	return all
}

// judge reports what of a container the bound does not admit, once.
func (b *bound) judge(pass *lint.Pass, c *lint.Container) {
	request, limit := c.Get("resources", "requests", b.resource), c.Get("resources", "limits", b.resource)
	standard := b.standard
	if !isSet(standard) {
		standard = b.max // the API server takes it for the default
	}
	report := func(n, rule *lint.Node, format string, args ...any) {
		f := pass.Reportf(n, format+": the API server refuses the pod", args...)
		f.Relate("policy", rule, "the "+rule.Name()+" of "+b.owner.String())
	}
	switch {
	case isSet(request) && !isSet(limit) && above(request, standard):
		report(request, standard, "%s requests %s of %s, and %s gives it a default limit of %s", c, request.Value(), b.resource, b.owner, standard.Value())
	case above(limit, b.max):
		report(limit, b.max, "%s has a %s limit of %s, and %s allows at most %s", c, b.resource, limit.Value(), b.owner, b.max.Value())
	case above(b.min, request):
		report(request, b.min, "%s requests %s of %s, and %s requires at least %s", c, request.Value(), b.resource, b.owner, b.min.Value())
	case !isSet(request) && above(b.min, limit):
		report(limit, b.min, "%s has a %s limit of %s, and %s requires at least %s", c, b.resource, limit.Value(), b.owner, b.min.Value())
	}
}

// above reports whether one amount is more than another, both being set.
func above(a, b *lint.Node) bool {
	if !isSet(a) || !isSet(b) {
		return false
	}
	more, err := resource.ParseQuantity(a.Value())
	less, err2 := resource.ParseQuantity(b.Value())
	return err == nil && err2 == nil && more.Cmp(less) > 0
}

// AdminAccess reports claims of devices that reach past what others have claimed of them.
var AdminAccess = &lint.Rule{
	ID: "dra-admin-access", Summary: "device claim with administrative access", Severity: lint.High, Group: "resources",
	Profiles: inDefault, References: []string{"OWASP K01"}, Docs: docs, Remedy: noAdminAccess,
	Run: func(pass *lint.Pass) {
		if kube.Before(pass.Bundle, 32) {
			return // the field is not there
		}
		for _, r := range pass.Resources("ResourceClaim", "ResourceClaimTemplate") {
			spec := r.Get("spec")
			if r.Kind == "ResourceClaimTemplate" {
				spec = spec.Get("spec")
			}
			for _, request := range spec.Get("devices", "requests").Items() {
				for _, n := range []*lint.Node{request.Get("exactly", "adminAccess"), request.Get("adminAccess")} {
					if r.Group == "resource.k8s.io" && n.IsTrue() {
						pass.Reportf(n, "%s claims devices with administrative access: its pods can observe and control devices that other pods use", r).Help =
							"remove adminAccess, unless the pods monitor the devices of the node; let only their namespace have the label resource.kubernetes.io/admin-access"
					}
				}
			}
		}
	},
}

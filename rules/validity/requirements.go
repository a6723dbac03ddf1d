package validity

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A requirementTable says, by the name of a Kubernetes type ("core/v1.PodSpec"), which
// fields it must have and which values a type of strings may have. It is generated from the
// source of the types.
type requirementTable struct {
	Required map[string][]string `json:"required"`
	Enums    map[string][]string `json:"enums"`
}

//go:embed requirements.json
var requirementsJSON []byte

var requirements = sync.OnceValue(func() *requirementTable {
	table := &requirementTable{}
	if err := json.Unmarshal(requirementsJSON, table); err != nil {
		panic("requirements.json: " + err.Error()) // a test reads it
	}
	return table
})

// typeName returns the name of a Kubernetes type as the table has it.
func typeName(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	if len(parts) < 2 {
		return t.Name()
	}
	return strings.Join(parts[len(parts)-2:], "/") + "." + t.Name()
}

// A span is the least and the greatest value that the API server takes.
type span struct{ min, max int64 }

const anything = math.MaxInt64

// spans are the bounds of integers by type and field; elsewhere none may be negative
// (k8s.io/kubernetes, pkg/apis/*/validation).
var spans = map[string]span{
	"core/v1.TopologySpreadConstraint.maxSkew":                  {1, anything},
	"core/v1.TopologySpreadConstraint.minDomains":               {1, anything},
	"core/v1.WeightedPodAffinityTerm.weight":                    {1, 100},
	"core/v1.PreferredSchedulingTerm.weight":                    {1, 100},
	"core/v1.PodSpec.activeDeadlineSeconds":                     {1, math.MaxInt32},
	"core/v1.Probe.terminationGracePeriodSeconds":               {1, anything},
	"core/v1.SecurityContext.runAsUser":                         {0, math.MaxInt32},
	"core/v1.SecurityContext.runAsGroup":                        {0, math.MaxInt32},
	"core/v1.PodSecurityContext.runAsUser":                      {0, math.MaxInt32},
	"core/v1.PodSecurityContext.runAsGroup":                     {0, math.MaxInt32},
	"core/v1.PodSecurityContext.fsGroup":                        {0, math.MaxInt32},
	"core/v1.PodSecurityContext.supplementalGroups":             {0, math.MaxInt32},
	"core/v1.KeyToPath.mode":                                    {0, 0o777},
	"core/v1.DownwardAPIVolumeFile.mode":                        {0, 0o777},
	"core/v1.ConfigMapVolumeSource.defaultMode":                 {0, 0o777},
	"core/v1.SecretVolumeSource.defaultMode":                    {0, 0o777},
	"core/v1.DownwardAPIVolumeSource.defaultMode":               {0, 0o777},
	"core/v1.ProjectedVolumeSource.defaultMode":                 {0, 0o777},
	"core/v1.ServiceAccountTokenProjection.expirationSeconds":   {600, 1 << 32},
	"core/v1.ClientIPConfig.timeoutSeconds":                     {1, 86400},
	"core/v1.GRPCAction.port":                                   {1, 65535},
	"autoscaling/v1.HorizontalPodAutoscalerSpec.maxReplicas":    {1, anything},
	"autoscaling/v2.HorizontalPodAutoscalerSpec.maxReplicas":    {1, anything},
	"autoscaling/v2.HPAScalingPolicy.value":                     {1, anything},
	"autoscaling/v2.HPAScalingPolicy.periodSeconds":             {1, 1800},
	"autoscaling/v2.HPAScalingRules.stabilizationWindowSeconds": {0, 3600},
	"admissionregistration/v1.ValidatingWebhook.timeoutSeconds": {1, 30},
	"admissionregistration/v1.MutatingWebhook.timeoutSeconds":   {1, 30},
	"flowcontrol/v1.FlowSchemaSpec.matchingPrecedence":          {1, 10000},
	// of any sign, or what other rules judge
	"scheduling/v1.PriorityClass.value":   {math.MinInt64, anything},
	"core/v1.PodSpec.priority":            {math.MinInt64, anything},
	"core/v1.ContainerPort.containerPort": {math.MinInt64, anything},
	"core/v1.ContainerPort.hostPort":      {math.MinInt64, anything},
	"core/v1.ServicePort.port":            {math.MinInt64, anything},
	"core/v1.ServicePort.nodePort":        {math.MinInt64, anything},
}

// shares are the numbers that may also be written as a percentage of the pods.
var shares = map[string]bool{
	"policy/v1.PodDisruptionBudgetSpec.minAvailable": true, "policy/v1.PodDisruptionBudgetSpec.maxUnavailable": true,
	"apps/v1.RollingUpdateDeployment.maxUnavailable": true, "apps/v1.RollingUpdateDeployment.maxSurge": true,
	"apps/v1.RollingUpdateDaemonSet.maxUnavailable": true, "apps/v1.RollingUpdateDaemonSet.maxSurge": true,
	"apps/v1.RollingUpdateStatefulSetStrategy.maxUnavailable": true,
}

// alsoRequired are fields that the types call optional and the API server requests.
var alsoRequired = map[string][]string{
	"core/v1.PersistentVolumeClaimSpec": {"accessModes", "resources"},
	"core/v1.PersistentVolumeSpec":      {"accessModes", "capacity"},
}

// addresses are the fields of addresses and of ranges of them.
var addresses = map[string]bool{
	"core/v1.ServiceSpec.clusterIP": true, "core/v1.ServiceSpec.clusterIPs": true, "core/v1.ServiceSpec.externalIPs": true,
	"core/v1.ServiceSpec.loadBalancerIP": true, "core/v1.ServiceSpec.loadBalancerSourceRanges": true,
	"core/v1.EndpointAddress.ip": true, "discovery/v1.Endpoint.addresses": true, "networking/v1.IPBlock.cidr": true, "networking/v1.IPBlock.except": true,
	"core/v1.HostAlias.ip": true, "core/v1.PodDNSConfig.nameservers": true, "core/v1.ContainerPort.hostIP": true, "core/v1.NodeSpec.podCIDR": true,
	"networking/v1.ServiceCIDRSpec.cidrs": true,
}

// ambiguous matches IPv4 addresses with leading zeros, which some programs read in octal,
// and IPv4 addresses in the form of IPv6 (CVE-2021-29923).
var ambiguous = lint.Regexp(`^(?:\d+\.)*0\d+(?:\.\d+)*(?:/\d+)?$|^(?i:::ffff:\d+\.)`)

// judged are enumerations that another rule of the default profile speaks of, with what follows.
var judged = map[string]bool{
	"networking/v1.NetworkPolicySpec.policyTypes": true, "networking/v1.NetworkPolicyPort.protocol": true,
}

var percentage = lint.Regexp(`^[0-9]+%$`)

// isFilledIn reports whether a value is a variable that another program fills in before
// Kubernetes sees the object.
func isFilledIn(value string) bool {
	return strings.Contains(value, "${") || strings.Contains(value, "$(") || strings.Contains(value, "{{")
}

// require reports the fields that n does not have and t must have.
func (w *walker) require(n *lint.Node, t reflect.Type, fields []string) {
	for _, name := range fields {
		child := n.Get(name)
		if !child.IsNull() && !(child.IsScalar() && child.IsString() && child.Value() == "") && !(child.IsSequence() && len(child.Items()) == 0) {
			continue
		}
		f := w.pass.Reportf(child, "%s lacks the field %q: the API server refuses it", nounOf(t), name)
		f.Help, f.Key = "add "+name, name
	}
}

// limit checks the value of a field of a struct type against its enumeration or bounds.
func (w *walker) limit(n *lint.Node, owner reflect.Type, field *jsonField) {
	if n.IsSequence() {
		for _, item := range n.Items() {
			w.limit(item, owner, field)
		}
		return
	}
	if n.IsMapping() && field.elem.kind == aQuantity {
		for _, f := range n.Fields() {
			w.limit(f, owner, field)
		}
		return
	}
	if !n.IsScalar() || isFilledIn(n.Value()) {
		return
	}
	if len(field.enum) > 0 {
		if v := n.Value(); v != "" && !slices.Contains(field.enum, v) {
			w.pass.Reportf(n, "%s is %q, which %s does not allow%s", fieldNoun(n), v, nounOf(owner), lint.Suggest(v, field.enum))
		}
		return
	}
	switch {
	case field.address:
		// https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/ StrictIPCIDRValidation
		if ambiguous().MatchString(n.Value()) && !kube.Before(w.pass.Bundle, 36) {
			f := w.pass.Reportf(n, "%s is %q, which programs interpret as different addresses: Kubernetes 1.36 and later refuse it", fieldNoun(n), n.Value())
			f.Help, f.Subject = "write IPv4 addresses without leading zeros and without ::ffff:", n.Path()
		}
	case field.elem.kind == aQuantity && isPlainQuantity(n.Value()):
	case field.elem.kind == aQuantity:
		if q, err := resource.ParseQuantity(n.Value()); err == nil && q.Sign() < 0 {
			w.pass.Reportf(n, "%s is %s: the API server accepts no negative quantity", fieldNoun(n), n.Value())
		}
	case field.elem.kind == aPort:
		v, number := n.Int()
		switch {
		case number && v < 0:
			w.pass.Reportf(n, "%s is %d: the API server accepts no negative number", fieldNoun(n), v)
		case !number && field.share && !percentage().MatchString(n.Value()):
			w.pass.Reportf(n, "%s is %q: the API server accepts a number or a percentage such as 25%%", fieldNoun(n), n.Value())
		}
	case field.elem.kind == anInteger:
		v, ok := n.Int()
		switch {
		case !ok || v >= field.bounds.min && v <= field.bounds.max:
		case field.bounds.max == anything && field.bounds.min == 0:
			w.pass.Reportf(n, "%s is %d: the API server accepts no negative number", fieldNoun(n), v)
		case field.bounds.max == anything:
			w.pass.Reportf(n, "%s is %d: the API server accepts %d or more", fieldNoun(n), v, field.bounds.min)
		case field.bounds.max == 0o777:
			w.pass.Reportf(n, "%s is %d: the API server accepts 0 to 0777 (511)", fieldNoun(n), v).Help = "write the mode in octal, as 0644"
		default:
			w.pass.Reportf(n, "%s is %d: the API server accepts %d to %d", fieldNoun(n), v, field.bounds.min, field.bounds.max)
		}
	}
}

// fieldNoun names a field, an item of a list by the list's.
func fieldNoun(n *lint.Node) string {
	if n.Index() >= 0 {
		return fmt.Sprintf("%s[%d]", n.Parent().Name(), n.Index())
	}
	return n.Name()
}

// elem returns what a pointer, a list or a map of a type holds.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// checkResources reports requests above their limits, which the API server refuses, and
// media of memory that no kubelet knows.
func checkResources(pass *lint.Pass, r *lint.Resource) {
	compare := func(owner fmt.Stringer, resources *lint.Node) {
		for _, limit := range resources.Get("limits").Fields() {
			request := resources.Get("requests", limit.Name())
			most, err := resource.ParseQuantity(limit.Value())
			asked, err2 := resource.ParseQuantity(request.Value())
			if err != nil || err2 != nil || !request.IsScalar() {
				continue
			}
			if asked.Cmp(most) > 0 {
				called := "pod"
				if owner != nil {
					called = owner.String()
				}
				f := pass.Reportf(request, "%s requests %s of %s, more than its limit of %s: the API server refuses it", called, request.Value(), limit.Name(), limit.Value())
				f.Relate("value", limit, "the limit")
			}
		}
	}
	for _, pod := range r.PodSpecs() {
		compare(nil, pod.Node.Get("resources"))
		for _, c := range pod.Containers() {
			compare(c, c.Node.Get("resources"))
		}
		for _, v := range pod.Node.Get("volumes").Items() {
			if medium := v.Get("emptyDir", "medium"); medium.Value() != "" && !isFilledIn(medium.Value()) && medium.Value() != "Memory" && medium.Value() != "HugePages" && !strings.HasPrefix(medium.Value(), "HugePages-") {
				pass.Reportf(medium, "medium is %q, which the kubelet does not know%s", medium.Value(), lint.Suggest(medium.Value(), []string{"Memory", "HugePages"}))
			}
		}
	}
}

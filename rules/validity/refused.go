package validity

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/manilint/manilint/lint"
)

// This file checks what the API server refuses though each field on its own is right:
// k8s.io/kubernetes, pkg/apis/*/validation.

// checkObject reports what the API server refuses of an object of Kubernetes' own kinds.
func checkObject(pass *lint.Pass, r *lint.Resource) {
	for _, pod := range r.PodSpecs() {
		if !pod.Partial {
			checkPod(pass, r, pod)
		}
	}
	if check := objectChecks[r.Group+"/"+r.Kind]; check != nil {
		check(pass, r, r.Get("spec"))
	}
}

// refuse reports a field that the API server refuses for a reason.
func refuse(pass *lint.Pass, n *lint.Node, help, format string, args ...any) {
	if !isFilledIn(n.Value()) {
		pass.Reportf(n, format+": the API server refuses it", args...).Help = help
	}
}

var objectChecks = map[string]func(pass *lint.Pass, r *lint.Resource, spec *lint.Node){
	"/Service": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		switch ports := spec.Get("ports"); {
		case !spec.IsMapping():
		case spec.Get("type").Value() == "ExternalName":
			if name := spec.Get("externalName"); name.Value() == "" {
				refuse(pass, name, "add externalName", "%s of type ExternalName has no externalName", r)
			}
		case len(ports.Items()) == 0 && spec.Get("clusterIP").Value() != "None":
			refuse(pass, ports, "add ports, or clusterIP: None", "%s has no ports", r)
		}
	},
	"/PersistentVolumeClaim": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		if n := spec.Get("resources", "requests", "storage"); spec.Get("resources").IsMapping() && n.IsNull() {
			refuse(pass, n, "add resources.requests.storage", "%s requests no storage", r)
		}
	},
	"/LimitRange": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		for _, limit := range spec.Get("limits").Items() {
			kinds := []string{"Container", "Pod", "PersistentVolumeClaim"}
			if t := limit.Get("type"); t.IsScalar() && !strings.Contains(t.Value(), "/") && !slices.Contains(kinds, t.Value()) {
				refuse(pass, t, "write Container, Pod or PersistentVolumeClaim", "%s has a limit of type %q%s", r, t.Value(), lint.Suggest(t.Value(), kinds))
			}
		}
	},
	"networking.k8s.io/Ingress": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		if r.Version != "v1" {
			return
		}
		if spec.IsMapping() && spec.Get("defaultBackend").IsNull() && len(spec.Get("rules").Items()) == 0 {
			refuse(pass, spec.Get("rules"), "add rules, or a defaultBackend", "%s has neither rules nor a defaultBackend", r)
		}
		for _, rule := range spec.Get("rules").Items() {
			for _, path := range rule.Get("http", "paths").Items() {
				p, t := path.Get("path"), path.Get("pathType").Value()
				if (t == "Prefix" || t == "Exact") && !strings.HasPrefix(p.Value(), "/") {
					refuse(pass, p, "write a path that begins with a slash", "path %q of type %s does not begin with a slash", p.Value(), t)
				}
			}
		}
	},
	"autoscaling/HorizontalPodAutoscaler": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		least, ok := spec.Get("minReplicas").Int()
		most, ok2 := spec.Get("maxReplicas").Int()
		if ok && ok2 && most > 0 && least > most {
			refuse(pass, spec.Get("minReplicas"), "set minReplicas to at most maxReplicas", "%s has minReplicas %d, which is more than maxReplicas %d", r, least, most)
		}
		for _, metric := range spec.Get("metrics").Items() {
			for _, source := range []string{"resource", "containerResource"} {
				n := metric.Get(source, "target", "averageUtilization")
				if v, ok := n.Int(); ok && v < 1 {
					refuse(pass, n, "write a percentage of what the pods request", "%s has a target utilization of %d%%", r, v)
				}
			}
		}
	},
	"policy/PodDisruptionBudget": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		if most, least := spec.Get("maxUnavailable"), spec.Get("minAvailable"); !most.IsNull() && !least.IsNull() {
			refuse(pass, least, "keep only maxUnavailable", "%s has both maxUnavailable and minAvailable", r)
		}
	},
	"apps/Deployment": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		rolling := spec.Get("strategy", "rollingUpdate")
		most, surge := rolling.Get("maxUnavailable"), rolling.Get("maxSurge")
		isNone := func(n *lint.Node) bool { return n.Value() == "0" || n.Value() == "0%" }
		switch {
		case !rolling.IsMapping():
		case spec.Get("strategy", "type").Value() == "Recreate" && len(rolling.Fields()) > 0:
			refuse(pass, rolling, "remove rollingUpdate", "%s has both rollingUpdate and the strategy Recreate", r)
		case isNone(most) && isNone(surge):
			refuse(pass, most, "set one of them above 0", "%s can neither add nor remove a pod during an update: maxSurge and maxUnavailable are both 0", r)
		}
	},
	"batch/CronJob": func(pass *lint.Pass, r *lint.Resource, spec *lint.Node) {
		n := spec.Get("schedule")
		fields := strings.Fields(n.Value())
		if len(fields) > 0 && (strings.HasPrefix(fields[0], "TZ=") || strings.HasPrefix(fields[0], "CRON_TZ=")) {
			fields = fields[1:]
		}
		if len(fields) > 0 && !strings.HasPrefix(fields[0], "@") && len(fields) != 5 {
			refuse(pass, n, "write minute, hour, day of the month, month and day of the week", "schedule %q of %s has %d fields instead of five", n.Value(), r, len(fields))
		}
	},
}

// checkPod reports what the API server refuses of a pod or of the template of pods.
func checkPod(pass *lint.Pass, r *lint.Resource, pod *lint.PodSpec) {
	checkRestart(pass, r, pod)
	if n := pod.Get("dnsPolicy"); n.Value() == "None" && len(pod.Get("dnsConfig", "nameservers").Items()) == 0 {
		refuse(pass, n, "add dnsConfig.nameservers", "dnsPolicy of the pod is None and dnsConfig has no nameservers")
	}
	volumes := map[string]*lint.Node{}
	for _, v := range r.Get("spec", "volumeClaimTemplates").Items() {
		volumes[v.Get("metadata", "name").Value()] = v
	}
	unique(pass, pod.Get("volumes").Items(), "volumes", volumes)
	for _, v := range pod.Get("volumes").Items() {
		var sources []string
		for _, f := range v.Fields() {
			if f.Name() != "name" && !f.IsNull() && !isDirective(f.Name()) {
				sources = append(sources, f.Name())
			}
		}
		if len(sources) > 1 {
			refuse(pass, v, "keep one of them", "volume %q is of several types, %s", v.Get("name").Value(), strings.Join(sources, ", "))
		}
	}
	named := map[string]*lint.Node{}
	for _, list := range []string{"initContainers", "containers"} {
		unique(pass, pod.Get(list).Items(), "containers", named)
	}
	for _, c := range pod.Containers() {
		if !c.Partial {
			checkContainer(pass, c, volumes)
		}
	}
}

// checkRestart reports restart policies that the kind does not take.
func checkRestart(pass *lint.Pass, r *lint.Resource, pod *lint.PodSpec) {
	n := pod.Get("restartPolicy")
	switch {
	case r.Group == "batch" && (n.IsNull() || n.Value() == "Always"):
		refuse(pass, n, "write restartPolicy: OnFailure, or Never", "%s has restart policy Always, which a Job may not have", r)
	case (r.Group == "apps" || r.Kind == "ReplicationController") && (n.Value() == "Never" || n.Value() == "OnFailure"):
		refuse(pass, n, "remove restartPolicy, or use a Job", "%s has restart policy %s; pods of a %s are always restarted", r, n.Value(), r.Kind)
	}
}

// unique reports names that are written twice, or are no DNS labels, and adds them to those seen.
func unique(pass *lint.Pass, items []*lint.Node, what string, seen map[string]*lint.Node) {
	for _, item := range items {
		n := item.Get("name")
		if !n.IsString() || n.Value() == "" || isFilledIn(n.Value()) {
			continue
		}
		if before := seen[n.Value()]; before != nil {
			f := pass.Reportf(n, "two %s of the pod are called %q: the API server refuses it", what, n.Value())
			f.Relate("duplicate", before, "the other one")
			continue
		}
		seen[n.Value()] = item
		if !isLabel(n.Value()) && len(validation.IsDNS1123Label(n.Value())) > 0 {
			refuse(pass, n, "use at most 63 lower-case letters, digits and hyphens", "name %q is not a DNS label", n.Value())
		}
	}
}

// isLabel tells what nearly all names are, a DNS label, without an expression.
func isLabel(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	return name != "" && len(name) <= validation.DNS1123LabelMaxLength
}

// handlers are the ways in which a probe asks.
var handlers = []string{"exec", "httpGet", "tcpSocket", "grpc"}

func checkContainer(pass *lint.Pass, c *lint.Container, volumes map[string]*lint.Node) {
	if image := c.Get("image"); image.IsNull() && c.Kind != lint.EphemeralContainer {
		refuse(pass, image, "add image", "%s has no image", c)
	}
	paths := map[string]*lint.Node{}
	for _, m := range c.Get("volumeMounts").Items() {
		name, at := m.Get("name"), m.Get("mountPath")
		if name.Value() != "" && volumes[name.Value()] == nil {
			refuse(pass, name, "add the volume to the pod", "%s mounts volume %q, which the pod does not have", c, name.Value())
		}
		if before := paths[at.Value()]; before != nil {
			f := pass.Reportf(at, "%s mounts two volumes at %q: the API server refuses it", c, at.Value())
			f.Relate("duplicate", before, "the other one")
		} else if at.IsScalar() && at.Value() != "" && !isFilledIn(at.Value()) {
			paths[at.Value()] = at
		}
	}
	for _, v := range c.Get("env").Items() {
		if from := v.Get("valueFrom"); from.IsMapping() && v.Get("value").Value() != "" {
			refuse(pass, from, "keep one of them", "variable %q has both value and valueFrom", v.Get("name").Value())
		}
	}
	for _, name := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		probe := c.Get(name)
		if !probe.IsMapping() {
			continue
		}
		var found []string
		for _, h := range handlers {
			if !probe.Get(h).IsNull() {
				found = append(found, h)
			}
		}
		switch {
		case len(found) == 0:
			refuse(pass, probe, "add one of "+strings.Join(handlers, ", "), "%s of %s has no handler", name, c)
		case len(found) > 1:
			refuse(pass, probe.Get(found[1]), "keep one of them", "%s of %s has several handlers, %s", name, c, strings.Join(found, ", "))
		}
		if n := probe.Get("successThreshold"); name != "readinessProbe" && n.IsScalar() {
			if v, ok := n.Int(); ok && v > 1 {
				refuse(pass, n, "remove successThreshold", "successThreshold of a %s is %s, and must be 1", name, fmt.Sprint(v))
			}
		}
	}
}

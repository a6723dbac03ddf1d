package vap

import (
	"sync"

	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A defaulted is a field that the API server fills in before it asks policies
// (pkg/apis/*/v1/defaults.go of k8s.io/kubernetes).
type defaulted struct {
	field string
	value any
}

// podDefaults are those of a pod's spec, containerDefaults of each of its containers.
var (
	podDefaults = []defaulted{
		{"restartPolicy", "Always"}, {"dnsPolicy", "ClusterFirst"}, {"terminationGracePeriodSeconds", int64(30)},
		{"schedulerName", "default-scheduler"}, {"enableServiceLinks", true},
	}
	containerDefaults = []defaulted{
		{"terminationMessagePath", "/dev/termination-log"}, {"terminationMessagePolicy", "File"},
	}
	// workloadDefaults are those of a kind's spec.
	workloadDefaults = map[string][]defaulted{
		"apps/Deployment":                     {{"replicas", int64(1)}, {"revisionHistoryLimit", int64(10)}, {"progressDeadlineSeconds", int64(600)}},
		"apps/StatefulSet":                    {{"replicas", int64(1)}, {"revisionHistoryLimit", int64(10)}, {"podManagementPolicy", "OrderedReady"}},
		"apps/DaemonSet":                      {{"revisionHistoryLimit", int64(10)}},
		"apps/ReplicaSet":                     {{"replicas", int64(1)}},
		"/ReplicationController":              {{"replicas", int64(1)}},
		"batch/Job":                           {{"parallelism", int64(1)}, {"backoffLimit", int64(6)}, {"suspend", false}, {"completionMode", "NonIndexed"}},
		"batch/CronJob":                       {{"concurrencyPolicy", "Allow"}, {"suspend", false}, {"successfulJobsHistoryLimit", int64(3)}, {"failedJobsHistoryLimit", int64(1)}},
		"/Service":                            {{"type", "ClusterIP"}, {"sessionAffinity", "None"}, {"internalTrafficPolicy", "Cluster"}},
		"/PersistentVolumeClaim":              {{"volumeMode", "Filesystem"}},
		"/PersistentVolume":                   {{"volumeMode", "Filesystem"}, {"persistentVolumeReclaimPolicy", "Retain"}},
		"autoscaling/HorizontalPodAutoscaler": {{"minReplicas", int64(1)}},
	}
	strategies = map[string]string{"apps/Deployment": "strategy", "apps/StatefulSet": "updateStrategy", "apps/DaemonSet": "updateStrategy"}
)

// admittedValues are the values of [admitted], made once for all policies.
type admittedValues struct{ all sync.Map } // *lint.Resource → func() expression.Value

// admitted returns an object as policies see it: with its namespace and with the defaults that
// the API server fills in. Its nodes are those that the author wrote.
func admitted(r *lint.Resource) expression.Value {
	of := lint.Shared(r.Bundle, func(*lint.Bundle) *admittedValues { return &admittedValues{} })
	value, ok := of.all.Load(r)
	if !ok {
		value, _ = of.all.LoadOrStore(r, sync.OnceValue(func() expression.Value { return admit(r, kube.Home(r)) }))
	}
	return value.(func() expression.Value)()
}

func admit(r *lint.Resource, namespace string) expression.Value {
	data, ok := expression.Data(r.Root).(map[string]any)
	if !ok {
		return expression.Of(r.Root)
	}
	if metadata, ok := data["metadata"].(map[string]any); ok && namespace != "" && !r.IsClusterScoped() {
		fill(metadata, defaulted{"namespace", namespace})
	}
	kind := r.Group + "/" + r.Kind
	if all, ok := workloadDefaults[kind]; ok {
		spec := mapping(data, "spec")
		if kind == "batch/Job" && spec["parallelism"] == nil { // one that runs side by side has no number of completions
			fill(spec, defaulted{"completions", int64(1)})
		}
		fill(spec, all...)
		if field, ok := strategies[kind]; ok {
			strategy := mapping(spec, field)
			fill(strategy, defaulted{"type", "RollingUpdate"})
			if kind == "apps/Deployment" && strategy["type"] == "RollingUpdate" {
				fill(mapping(strategy, "rollingUpdate"), defaulted{"maxUnavailable", "25%"}, defaulted{"maxSurge", "25%"})
			}
		}
		for _, port := range list(spec["ports"]) {
			fill(port, defaulted{"protocol", "TCP"})
			if n, ok := port["port"].(int64); ok {
				fill(port, defaulted{"targetPort", n})
			}
		}
	}
	for _, path := range templates[kind] {
		at := data
		for _, field := range path {
			next, ok := at[field].(map[string]any)
			if !ok {
				at = nil
				break
			}
			at = next
		}
		if at != nil {
			pod(at, kind)
		}
	}
	return expression.Value{Data: data, Node: r.Root, Size: expression.Size(data)}
}

// templates are where kinds of Kubernetes hold the spec of a pod.
var templates = map[string][][]string{
	"/Pod": {{"spec"}}, "/ReplicationController": {{"spec", "template", "spec"}}, "/PodTemplate": {{"template", "spec"}},
	"apps/Deployment": {{"spec", "template", "spec"}}, "apps/StatefulSet": {{"spec", "template", "spec"}},
	"apps/DaemonSet": {{"spec", "template", "spec"}}, "apps/ReplicaSet": {{"spec", "template", "spec"}},
	"batch/Job": {{"spec", "template", "spec"}}, "batch/CronJob": {{"spec", "jobTemplate", "spec", "template", "spec"}},
}

// pod fills in the spec of a pod.
func pod(spec map[string]any, kind string) {
	fill(spec, podDefaults...)
	fill(spec, defaulted{"securityContext", map[string]any{}})
	if kind == "/Pod" { // the ServiceAccount admission controller does
		fill(spec, defaulted{"serviceAccountName", "default"})
	} else if name, ok := spec["serviceAccountName"]; ok {
		fill(spec, defaulted{"serviceAccount", name})
	}
	for _, volume := range list(spec["volumes"]) {
		for _, source := range []string{"secret", "configMap", "projected", "downwardAPI"} {
			if of, ok := volume[source].(map[string]any); ok {
				fill(of, defaulted{"defaultMode", int64(0o644)})
			}
		}
		if of, ok := volume["hostPath"].(map[string]any); ok {
			fill(of, defaulted{"type", ""})
		}
	}
	for _, key := range []string{"containers", "initContainers", "ephemeralContainers"} {
		for _, c := range list(spec[key]) {
			fill(c, containerDefaults...)
			fill(c, defaulted{"resources", map[string]any{}})
			if image, ok := c["image"].(string); ok {
				fill(c, defaulted{"imagePullPolicy", pullPolicy(image)})
			}
			for _, port := range list(c["ports"]) {
				fill(port, defaulted{"protocol", "TCP"})
			}
			limits, _ := mapping(c, "resources")["limits"].(map[string]any)
			for name, quantity := range limits { // what is not requested is requested as limited
				requests := mapping(mapping(c, "resources"), "requests")
				fill(requests, defaulted{name, quantity})
			}
			for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
				if p, ok := c[probe].(map[string]any); ok {
					fill(p, defaulted{"timeoutSeconds", int64(1)}, defaulted{"periodSeconds", int64(10)}, defaulted{"successThreshold", int64(1)}, defaulted{"failureThreshold", int64(3)})
					if get, ok := p["httpGet"].(map[string]any); ok {
						fill(get, defaulted{"path", "/"}, defaulted{"scheme", "HTTP"})
					}
				}
			}
		}
	}
}

// pullPolicy is what an image without a policy is pulled by.
func pullPolicy(image string) string {
	name := image[lastSlash(image):]
	for i := range name {
		switch name[i] {
		case '@':
			return "IfNotPresent"
		case ':':
			if name[i+1:] == "latest" {
				return "Always"
			}
			return "IfNotPresent"
		}
	}
	return "Always"
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i + 1
		}
	}
	return 0
}

// fill sets fields that are not there.
func fill(m map[string]any, all ...defaulted) {
	for _, d := range all {
		if _, ok := m[d.field]; ok {
			continue
		}
		if empty, ok := d.value.(map[string]any); ok && len(empty) == 0 {
			m[d.field] = map[string]any{}
		} else {
			m[d.field] = d.value
		}
	}
}

// mapping returns the mapping of a field, which is made where there is none.
func mapping(m map[string]any, field string) map[string]any {
	if of, ok := m[field].(map[string]any); ok {
		return of
	}
	of := map[string]any{}
	if m[field] == nil {
		m[field] = of
	}
	return of
}

// list returns the mappings of a list.
func list(v any) []map[string]any {
	items, _ := v.([]any)
	var all []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

package validity

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/manilint/manilint/lint"
)

// DeprecatedAPI reports versions of Kubernetes' APIs that the version deployed
// to no longer serves, and those that it will stop to serve. What is known comes
// from the lifecycle that the Kubernetes types themselves declare.
var DeprecatedAPI = &lint.Rule{
	ID:         "deprecated-api",
	Summary:    "API version that Kubernetes no longer serves, or will stop serving",
	Severity:   lint.Medium,
	Group:      "validity",
	Profiles:   core,
	References: []string{"OWASP K10:2022"},
	Peers:      map[string][]string{"kube-linter": {"no-extensions-v1beta"}, "kube-score": {"stable-version"}, "trivy": {"KSV-0107"}},
	Docs:       docs,
	Remedy:     moveAPI,
	Run: func(pass *lint.Pass) {
		k := builtin()
		target, known := minor(pass.Bundle.KubeVersion)
		if !known {
			target = k.newest
		}
		for _, r := range pass.Resources() {
			if gone, ok := goneVersions[r.Group+"/"+r.Version+" "+r.Kind]; ok {
				reportLifecycle(pass, r, gone.deprecated, gone.removed, target, gone.instead)
				continue
			}
			if _, ours := k.groups[r.Group]; !ours {
				continue
			}
			if t, ok := k.kinds[gvk(r)]; ok {
				checkLifecycle(pass, r, reflect.New(t).Interface(), target)
			} else if target >= k.newest {
				checkVersion(pass, r, k)
			}
		}
	},
}

func checkLifecycle(pass *lint.Pass, r *lint.Resource, object any, target int) {
	deprecated, removed := 0, 0
	if l, ok := object.(interface {
		APILifecycleDeprecated() (major, minor int)
	}); ok {
		_, deprecated = l.APILifecycleDeprecated()
	}
	if l, ok := object.(interface {
		APILifecycleRemoved() (major, minor int)
	}); ok {
		_, removed = l.APILifecycleRemoved()
	}
	instead := ""
	if replaced, ok := object.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); ok {
		gvk := replaced.APILifecycleReplacement()
		instead = gvk.GroupVersion().String() + " " + strings.TrimSuffix(gvk.Kind, "List") // the types say IngressClassList of IngressClass
	} else if v := builtin().versions(r.Group, r.Kind); len(v) > 0 && v[0] != r.Version {
		instead = schema.GroupVersion{Group: r.Group, Version: v[0]}.String() + " " + r.Kind
	}
	if m, ok := moves[r.APIVersion()+" "+r.Kind]; ok && target >= introduced(m.to, r.Kind) {
		instead = m.to + " " + r.Kind // the types name the next version, which may be gone as well
	}
	if instead != "" {
		instead = "use " + instead
	}
	reportLifecycle(pass, r, deprecated, removed, target, instead)
}

// reportLifecycle reports a version that is removed, or deprecated, by the target version.
func reportLifecycle(pass *lint.Pass, r *lint.Resource, deprecated, removed, target int, help string) {
	var f *lint.Finding
	switch {
	case removed > 0 && target >= removed:
		f = pass.Reportf(r.Get("apiVersion"), "%s %s is no longer served since Kubernetes 1.%d", r.APIVersion(), r.Kind, removed)
	case deprecated > 0 && target >= deprecated:
		until := ""
		if removed > 0 {
			until = fmt.Sprintf(" and is no longer served from 1.%d on", removed)
		}
		f = pass.Reportf(r.Get("apiVersion"), "%s %s is deprecated since Kubernetes 1.%d%s", r.APIVersion(), r.Kind, deprecated, until)
		f.Severity = lint.Low
	default:
		return
	}
	f.Help = help
}

// checkVersion reports a version of a Kubernetes group that the types do not
// have, where they have the kind in another version.
func checkVersion(pass *lint.Pass, r *lint.Resource, k *kubernetes) {
	if versions := k.versions(r.Group, r.Kind); len(versions) > 0 {
		instead := schema.GroupVersion{Group: r.Group, Version: versions[0]}.String()
		f := pass.Reportf(r.Get("apiVersion"), "%s %s is not known to Kubernetes 1.%d", r.APIVersion(), r.Kind, k.newest)
		f.Help = "use " + instead + " " + r.Kind
	}
}

// goneVersions are the versions whose types Kubernetes' library has lost, or of whose life
// they say nothing, by "group/version Kind", with the minor versions in which they were deprecated and removed
// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/).
var goneVersions = map[string]struct {
	deprecated, removed int
	instead             string
}{
	"autoscaling/v2beta1 HorizontalPodAutoscaler": {22, 25, "use autoscaling/v2 HorizontalPodAutoscaler"},
	"autoscaling/v2beta2 HorizontalPodAutoscaler": {23, 26, "use autoscaling/v2 HorizontalPodAutoscaler"},
	"apiregistration.k8s.io/v1beta1 APIService":   {19, 22, "use apiregistration.k8s.io/v1 APIService"},
	"batch/v2alpha1 CronJob":                      {0, 21, "use batch/v1 CronJob"},
	"extensions/v1beta1 PodSecurityPolicy":        {11, 16, noPodSecurityPolicy},
	"policy/v1beta1 PodSecurityPolicy":            {21, 25, noPodSecurityPolicy},
	// https://kubernetes.io/blog/2025/04/24/endpoints-deprecation/
	"/v1 Endpoints":                      {33, 0, "use discovery.k8s.io/v1 EndpointSlice"},
	"settings.k8s.io/v1alpha1 PodPreset": {0, 20, "use an admission policy or webhook that sets the fields"},
	// Kubernetes' CHANGELOG-1.23, API Change
	"rbac.authorization.k8s.io/v1alpha1 ClusterRole":        {17, 23, "use rbac.authorization.k8s.io/v1 ClusterRole"},
	"rbac.authorization.k8s.io/v1alpha1 ClusterRoleBinding": {17, 23, "use rbac.authorization.k8s.io/v1 ClusterRoleBinding"},
	"rbac.authorization.k8s.io/v1alpha1 Role":               {17, 23, "use rbac.authorization.k8s.io/v1 Role"},
	"rbac.authorization.k8s.io/v1alpha1 RoleBinding":        {17, 23, "use rbac.authorization.k8s.io/v1 RoleBinding"},
	"scheduling.k8s.io/v1alpha1 PriorityClass":              {14, 23, "use scheduling.k8s.io/v1 PriorityClass"},
	// CHANGELOG-1.31: v1alpha3 took the place of v1alpha2
	"resource.k8s.io/v1alpha2 ResourceClaim":         {0, 31, "use resource.k8s.io/v1 ResourceClaim"},
	"resource.k8s.io/v1alpha2 ResourceClaimTemplate": {0, 31, "use resource.k8s.io/v1 ResourceClaimTemplate"},
	"resource.k8s.io/v1alpha2 ResourceClass":         {0, 31, "use resource.k8s.io/v1 DeviceClass"},
}

const noPodSecurityPolicy = "use the labels of Pod Security Admission on the namespace, or an admission policy"

// minor reads the minor version of "1.33", "v1.33.2" or "1.33+".
func minor(version string) (int, bool) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	return n, err == nil
}

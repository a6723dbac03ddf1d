package kube_test

import (
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/lint/linttest"
)

const autoscaled = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 0, template: {spec: {containers: [{name: c, image: c}]}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {minReplicas: 0, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
`

func TestScaleToZeroIsOfKubernetes137(t *testing.T) {
	for version, idle := range map[string]bool{"": false, "1.37": false, "v1.38.1": false, "1.36": true} {
		b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte(autoscaled)))
		b.KubeVersion = version
		if got := kube.Idle(b.Lookup("apps", "Deployment", "shop", "web")); got != idle {
			t.Errorf("for %q idle is %v", version, got)
		}
	}
}

func TestOldGroupsOfWorkloads(t *testing.T) {
	const text = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: c, image: c}]}}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: web}}
`
	for version, scaled := range map[string]bool{"1.15": true, "1.16": false, "": false} {
		b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte(text)))
		b.KubeVersion = version
		if got := kube.AutoscalerOf(b.Lookup("apps", "Deployment", "shop", "web")) != nil; got != scaled {
			t.Errorf("for %q an autoscaler is found: %v", version, got)
		}
	}
}

// A Rollout that names another, or itself, runs no template, and no question about it goes on for ever.
func TestRolloutsOfRolloutsRunNothing(t *testing.T) {
	const text = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a, namespace: shop}
spec: {replicas: 0, workloadRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: b}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: b, namespace: shop}
spec: {replicas: 0, workloadRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: a}}
`
	b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte(text)))
	for _, r := range b.Resources {
		if kube.TemplateOf(r) != nil || kube.RolloutOf(r) != nil || !kube.Idle(r) {
			t.Errorf("%s runs something", r)
		}
	}
}

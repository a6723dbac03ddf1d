package secret

import (
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

func TestMissingObjectsAreReportedWhereTheParameterAsksForIt(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte(`apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  imagePullSecrets: [{name: registry}]
  containers:
    - name: shop
      image: shop
      env:
        - {name: A, valueFrom: {secretKeyRef: {name: absent, key: a}}}
        - {name: B, valueFrom: {secretKeyRef: {name: sealed, key: a}}}
        - {name: C, valueFrom: {configMapKeyRef: {name: absent, key: a, optional: true}}}
      envFrom:
        - configMapRef: {name: absent}
  volumes:
    - {name: ca, configMap: {name: kube-root-ca.crt}}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed}
spec: {encryptedData: {a: AgBy3i4OJSWK}}
`))
	if n := len(linttest.Lint(t, DanglingSecretRef, nil, src).Findings); n != 0 {
		t.Errorf("%d findings without the parameter", n)
	}
	var got []string
	for _, f := range linttest.Lint(t, DanglingSecretRef, map[string]any{"missing-objects": true}, src).Findings {
		got = append(got, f.Message)
	}
	want := `imagePullSecrets refers to Secret "registry", which is not among the manifests
container "shop" refers to Secret "absent", which is not among the manifests
container "shop" refers to ConfigMap "absent", which is not among the manifests`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

package pod_test

import (
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/rules/pod"
)

func TestFieldsAreNotAskedForBelowTheirVersion(t *testing.T) {
	const text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext: {runAsUser: 10001}\n  volumes: [{name: v, hostPath: {path: /mnt}}]\n" +
		"  containers: [{name: a, image: i, volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}]\n"
	for rule, since := range map[*lint.Rule][2]string{pod.SupplementalGroups: {"1.32", "1.33"}, pod.RecursiveReadOnly: {"1.30", "1.31"}} {
		for i, version := range since {
			b := linttest.Bundle(t, lint.NewSource("p.yaml", []byte(text)))
			b.KubeVersion = version
			if found := linttest.Check([]*lint.Bundle{b}, rule).Findings; len(found) != i {
				t.Errorf("%s for %s: %d findings", rule.ID, version, len(found))
			}
		}
	}
}

package helm

import (
	"context"
	"testing"

	filetree "github.com/manilint/manilint/render/tree"
)

// TestChartsSeeWhatEveryClusterServes: a chart that chooses an apiVersion by what the
// cluster serves renders the one that a cluster would get.
func TestChartsSeeWhatEveryClusterServes(t *testing.T) {
	for _, c := range []struct {
		has, version string
		want         string
	}{
		{"apiregistration.k8s.io/v1", "", "new"},
		{"networking.k8s.io/v1/Ingress", "", "new"},
		{"v1/Pod", "1.30", "new"},
		{"networking.k8s.io/v1/Ingress", "1.18", "old"},
		{"networking.k8s.io/v1beta1/Ingress", "", "old"},
		{"monitoring.coreos.com/v1", "", "old"},
		{"apps/v1/Nothing", "", "old"},
	} {
		dir := chartOf(t, "templates/ok.yaml",
			"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ if .Capabilities.APIVersions.Has \""+c.has+"\" }}new{{ else }}old{{ end }}\n")
		b := Load(context.Background(), dir, Options{Files: filetree.New(nil), KubeVersion: c.version})[0]
		if len(b.Errors) > 0 || len(b.Resources) != 1 || b.Resources[0].Name != c.want {
			t.Errorf("%s at version %q: %v %v, want %s", c.has, c.version, b.Resources, b.Errors, c.want)
		}
	}
}

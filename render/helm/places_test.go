package helm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	filetree "github.com/manilint/manilint/render/tree"
)

const odd = "../../fixtures/render/helm/odd"

// shown writes a place as the tests below expect it, without the chart's directory.
func shown(p lint.Place) string {
	s := fmt.Sprintf("%s %s %s", p.Span.Start, p.Precision, p.Origin)
	for _, r := range p.Related {
		s += fmt.Sprintf("; %s %s:%d", r.Role, r.Span.Path(), r.Span.Start.Line)
	}
	return strings.ReplaceAll(s, odd+"/", "")
}

func find(t *testing.T, b *lint.Bundle, kind, name string) *lint.Resource {
	t.Helper()
	for _, r := range b.OfKind(kind) {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no %s %q; errors: %v", kind, name, b.Errors)
	return nil
}

func loadOne(t *testing.T, path string, o Options) *lint.Bundle {
	t.Helper()
	o.Files = filetree.New(nil)
	return Load(context.Background(), path, o)[0]
}

func TestPlaces(t *testing.T) {
	b := loadOne(t, odd, Options{})
	for _, e := range b.Errors {
		t.Error(e)
	}
	web, worker, batch := find(t, b, "Deployment", "release-name-web"), find(t, b, "Deployment", "worker"), find(t, b, "Deployment", "batch")
	config, kit := find(t, b, "ConfigMap", "config"), find(t, b, "ServiceAccount", "kit")
	pod := web.Get("spec", "template", "spec")
	container := pod.Get("containers").Items()[0]
	for _, c := range []struct {
		what string
		node *lint.Node
		want string
	}{
		{"text of a template", container.Get("name"), "templates/web.yaml:24:17 exact text"},
		{"a value", web.Get("spec", "replicas"), "templates/web.yaml:14:13 block value; value values.yaml:4"},
		{"a block of values", pod.Get("securityContext", "fsGroup"), "values.yaml:9:12 exact value; template templates/web.yaml:21"},
		{"a merged block", web.Get("spec", "template", "metadata", "labels", "tier"), "values.yaml:14:9 exact value; template templates/web.yaml:17"},
		{"a value that tpl renders", pod.Get("dnsPolicy"), "values.yaml:21:14 exact value; template templates/web.yaml:19"},
		{"a value inside a value", pod.Get("hostNetwork"), "values.yaml:23:16 exact value; template values.yaml:20"},
		{"an include", web.Get("metadata", "labels", "app"), "templates/_helpers.tpl:2:6 block file; value Chart.yaml:2; include templates/web.yaml:8"},
		{"several values", container.Get("image"), "templates/_helpers.tpl:9:34 exact value; value values.yaml:6; value values.yaml:2; value Chart.yaml:4; include templates/web.yaml:25"},
		{"a constant that a value chose", web.Get("metadata", "annotations", "level"), "templates/web.yaml:10:12 block literal; value values.yaml:11"},
		{"something generated", web.Get("metadata", "annotations", "password"), "templates/web.yaml:12:15 block generated"},
		{"a file", config.Get("data", "one"), "templates/config.yaml:7:8 block file; value files/app.conf:1"},
		{"an imported value", config.Get("data", "imported"), "templates/config.yaml:13:13 block value; value charts/worker/values.yaml:4"},
		{"a computed value", config.Get("data", "sum"), "templates/config.yaml:15:8 block derived; value values.yaml:4"},
		{"windows line ends", find(t, b, "Secret", "release-name").Get("stringData", "password"), "templates/crlf.yaml:6:13 block value; value values.yaml:39"},
		{"a byte order mark", find(t, b, "ConfigMap", "bom").Get("data", "é"), `templates/bom.yaml:6:6 exact value; value values.yaml:11`},
		{"a document that trimming glued to its marker", find(t, b, "Service", "web").Get("metadata", "name"), "templates/web.yaml:48:9 exact text"},
		{"a list of values", find(t, b, "Service", "web").Get("spec", "ports").Items()[1].Get("port"), "values.yaml:33:11 exact value; template templates/web.yaml:51"},
		{"a library", kit.Get("automountServiceAccountToken"), "templates/kit.yaml:1:1 block text; template charts/kit/templates/_account.tpl:7"},
		{"a vendored chart", worker.Get("spec", "template", "spec", "containers").Items()[0].Get("securityContext", "privileged"), "values.yaml:36:11 block literal; template charts/worker/templates/worker.yaml:13; guard values.yaml:35"},
		{"a name that a helper of a vendored chart writes", find(t, b, "ConfigMap", "worker-queue").Get("metadata", "name"), "charts/worker/templates/queue.yaml:4:9 block file; value charts/worker/Chart.yaml:2; guard values.yaml:35; include charts/worker/templates/_name.tpl:2"},
		{"a vendored chart's own value", batch.Get("spec", "template", "spec", "containers").Items()[0].Get("securityContext", "privileged"), "values.yaml:37:1 object literal; template charts/worker/templates/worker.yaml:13; value charts/worker/values.yaml:2"},
		{"a vendored chart under an alias", batch.Get("spec", "replicas"), "values.yaml:38:9 exact value; template charts/worker/templates/worker.yaml:6"},
		{"a definition", find(t, b, "CustomResourceDefinition", "things.example.org").Get("spec", "scope"), "crds/things.yaml:7:10 exact "},
		{"a field that an empty value would add", container.Get("securityContext", "privileged"), "values.yaml:7:1 block value; template templates/web.yaml:26"},
		{"a field below an empty block", container.Get("resources", "limits", "cpu"), "values.yaml:10:1 block value; template templates/web.yaml:29"},
		{"a field of a block of values", pod.Get("securityContext", "runAsNonRoot"), "values.yaml:8:1 block value; template templates/web.yaml:21"},
		{"a field that nothing would add", container.Get("livenessProbe"), "templates/web.yaml:24:17 block text"},
		{"the name of an object", kit.Get("metadata", "name"), "templates/kit.yaml:1:1 block literal; template charts/kit/templates/_account.tpl:5"},
		{"a name that a helper writes", find(t, b, "ConfigMap", "shop-named").Get("metadata", "name"), "templates/named.yaml:4:9 block literal; include templates/_helpers.tpl:12"},
		{"a field of an object whose name a helper writes", find(t, b, "ConfigMap", "shop-named").Get("immutable"), "templates/named.yaml:4:9 block text; include templates/_helpers.tpl:12"},
		{"a field of the pod", pod.Get("automountServiceAccountToken"), "templates/web.yaml:18:5 block text"},
	} {
		if got := shown(c.node.Locate()); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.what, got, c.want)
		}
	}
	if web.Namespace != "" || find(t, b, "Service", "web").Namespace != "fixed" {
		t.Errorf("namespaces: %q from the release, %q written", web.Namespace, find(t, b, "Service", "web").Namespace)
	}
	if got := loadOne(t, odd, Options{Namespace: "shop"}); find(t, got, "Deployment", "release-name-web").Namespace != "shop" || find(t, got, "ConfigMap", "config").Namespace != "shop" {
		t.Error("the namespace that was asked for is not the objects'")
	}
}

func TestValuesRankAsInHelm(t *testing.T) {
	dir := t.TempDir()
	low, high := filepath.Join(dir, "low.yaml"), filepath.Join(dir, "high.yaml")
	write(t, low, "replicas: 5\nmode: low\nlabels: {team: low}\n")
	write(t, high, "replicas: 6\nflags: {metrics: true}\n")
	text := filepath.Join(dir, "mode.txt")
	write(t, text, "lenient")
	b := loadOne(t, odd, Options{ValueFiles: []string{low, high}, Set: []string{"image.tag=9", "ports[0].port=81"}, SetString: []string{"labels.team=77"}, SetFile: []string{"mode=" + text}, ReleaseName: "shop"})
	for _, e := range b.Errors {
		t.Error(e)
	}
	web := find(t, b, "Deployment", "shop-web")
	container := web.Get("spec", "template", "spec", "containers").Items()[0]
	for _, c := range []struct {
		node        *lint.Node
		value, from string
	}{
		{web.Get("spec", "replicas"), "6", "high.yaml:1"},
		{container.Get("args").Items()[0], "--metrics", ""},
		{container.Get("image"), "mirror.example.org/registry.example.org/web:9", "image.tag is set by --set image.tag"},
		{container.Get("ports").Items()[0].Get("containerPort"), "81", "ports.0.port is set by --set ports[0].port"},
		{web.Get("metadata", "labels", "team"), "77", "labels.team is set by --set-string labels.team"},
		{find(t, b, "ConfigMap", "bom").Get("data", "é"), "ülenient", "mode.txt:1"},
	} {
		place := c.node.Locate()
		from := ""
		for _, r := range place.Related {
			if r.Role == "value" {
				if !r.Span.IsValid() {
					from += " " + r.Message
					continue
				}
				from += fmt.Sprintf(" %s:%d", filepath.Base(r.Span.Path()), r.Span.Start.Line)
			}
		}
		if c.node.Value() != c.value || !strings.Contains(from, c.from) {
			t.Errorf("%s is %q from%s, want %q from %s", c.node.Path(), c.node.Value(), from, c.value, c.from)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestVariants(t *testing.T) {
	var names []string
	o := Options{Files: filetree.New(nil), CIValues: true, Variants: [][]string{{odd + "/ci/plain-values.yaml"}}}
	for _, b := range Load(context.Background(), odd, o) {
		names = append(names, fmt.Sprintf("%s %d", b.Rendering.Variant, len(b.Errors)))
	}
	if got := strings.Join(names, ", "); got != " 0, ci/plain-values.yaml 0, ci/plain-values.yaml 0" {
		t.Errorf("variants: %s", got)
	}
}

package network

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

const shop = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web:1}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: agent, image: registry.example/agent:1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: "odd\u001b[31m\n", namespace: shop}
spec: {containers: [{name: odd, image: registry.example/odd:1}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
    - from: [{namespaceSelector: {}}]
      ports: [{port: 8080}]
  egress:
    - to: [{podSelector: {}}]
`

func TestTableText(t *testing.T) {
	b := linttest.Bundle(t, lint.NewSource("shop.yaml", []byte(shop)))
	var out strings.Builder
	if err := Table([]*lint.Bundle{b, b}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := `NAMESPACE  WORKLOAD           INGRESS                                   EGRESS                     PLACE
shop       Deployment/web     isolated, but open to cluster (8080/TCP)  isolated                   shop.yaml:3
-          DaemonSet/agent    on the host's network                     on the host's network      shop.yaml:11
shop       Pod/odd\x1b[31m\n  open to cluster, internet                 open to cluster, internet  shop.yaml:19
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTableJSON(t *testing.T) {
	b := linttest.Bundle(t, lint.NewSource("shop.yaml", []byte(shop)))
	var out strings.Builder
	if err := Table([]*lint.Bundle{b}).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "null") {
		t.Errorf("a control character or a null: %s", out.String())
	}
	var back map[string][]map[string]any
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(back["workloads"][0])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"egress":{"except":{},"isolated":true,"openTo":[],"policies":["NetworkPolicy/web"],"ports":{}},"hostNetwork":false,` +
		`"ingress":{"except":{},"isolated":true,"openTo":["cluster"],"policies":["NetworkPolicy/web"],"ports":{"cluster":["8080/TCP"]}},` +
		`"kind":"Deployment","location":{"column":18,"endColumn":21,"endLine":3,"file":"shop.yaml","line":3},"name":"web","namespace":"shop","renderings":[{"kind":"file","root":".","variant":""}]}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(back["workloads"]) != 3 {
		t.Errorf("%d workloads, want 3", len(back["workloads"]))
	}
}

// One workload in one state is one row however many overlays show it; another
// state is another row.
func TestTableNamesRenderings(t *testing.T) {
	src := lint.NewSource("base/web.yaml", []byte(shop))
	open := lint.NewSource("base/web.yaml", []byte(shop[:strings.LastIndex(shop, "---")]))
	var bundles []*lint.Bundle
	for i, s := range []*lint.Source{src, src, open} {
		b := linttest.Bundle(t, s)
		b.Rendering = lint.Rendering{Kind: "kustomize", Root: []string{"dev", "prod", "bare"}[i]}
		bundles = append(bundles, b)
	}
	m := Table(bundles)
	var places []string
	for _, r := range m.Workloads {
		if r.Name == "web" {
			places = append(places, r.Ingress.String()+" at "+r.Place())
		}
	}
	want := "isolated, but open to cluster (8080/TCP) at base/web.yaml:3 in dev, prod; open to cluster, internet at base/web.yaml:3 in bare"
	if got := strings.Join(places, "; "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestTableOfNothingIsEmpty(t *testing.T) {
	var out strings.Builder
	if err := Table(nil).WriteJSON(&out); err != nil || out.String() != "{\n  \"workloads\": []\n}\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

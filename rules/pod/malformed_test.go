package pod_test

import (
	"fmt"
	"slices"
	"testing"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/rules/pod"
	"github.com/manilint/manilint/rules/resources"
)

// everything sets every field that a rule of pods reads.
const everything = `
apiVersion: v1
kind: Pod
metadata: {name: p, annotations: {container.apparmor.security.beta.kubernetes.io/a: unconfined, seccomp.security.alpha.kubernetes.io/pod: unconfined}}
spec:
  hostNetwork: true
  hostUsers: false
  os: {name: linux}
  nodeSelector: {kubernetes.io/os: linux}
  hostAliases: [{ip: 10.0.0.1}]
  resources: {limits: {cpu: 1}}
  securityContext: {runAsUser: 0, fsGroup: 0, supplementalGroups: [0], sysctls: [{name: a}], seLinuxOptions: {type: t}, seccompProfile: {type: Unconfined}, windowsOptions: {hostProcess: true}}
  volumes: [{name: v, hostPath: {path: /etc}}, {name: n, nfs: {}}]
  initContainers: [{name: i, image: i, restartPolicy: Always}]
  containers:
    - name: a
      image: i
      command: [sudo, a]
      ports: [{containerPort: 80, hostPort: 80}]
      volumeMounts: [{name: v, mountPath: /v, readOnly: false}]
      livenessProbe: {httpGet: {host: h}}
      lifecycle: {preStop: {tcpSocket: {host: h}}}
      resources: {requests: {cpu: 0}, limits: {memory: 1}}
      securityContext: {privileged: true, procMount: Unmasked, capabilities: {add: [SYS_ADMIN, CHOWN], drop: [all]}, appArmorProfile: {type: a}}
`

// TestMalformedPodsStopNoRule puts a value of each wrong kind instead of
// every node.
func TestMalformedPodsStopNoRule(t *testing.T) {
	enabled := slices.Concat(pod.Rules, resources.Rules)
	var bundles []*lint.Bundle
	for _, wrong := range []string{"null", "text", "7", "[null, a, {b: c}]", "{a: [b]}"} {
		for i := 0; ; i++ {
			root := kyaml.MustParse(everything).YNode()
			nodes := values(root)
			if i == len(nodes) {
				break
			}
			*nodes[i] = *kyaml.MustParse(wrong).YNode()
			src := lint.NewSource(fmt.Sprintf("%s-%d.yaml", wrong, i), []byte(everything))
			bundles = append(bundles, lint.NewBundle(lint.Rendering{Kind: "file", Root: src.Path}, "", lint.NewResources(root, lint.FileLocator{Source: src})))
		}
	}
	for _, e := range linttest.Check(bundles, enabled...).Errors {
		t.Error(e)
	}
	if len(bundles) < 300 {
		t.Errorf("only %d bundles", len(bundles))
	}
}

// values returns every node below n that is no key, in order.
func values(n *kyaml.Node) []*kyaml.Node {
	var all []*kyaml.Node
	for i, c := range n.Content {
		if n.Kind == kyaml.MappingNode && i%2 == 0 {
			continue
		}
		all = append(append(all, c), values(c)...)
	}
	return all
}

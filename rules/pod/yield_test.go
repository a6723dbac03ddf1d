package pod_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/rules/pod"
)

// good is a container that no rule reports, but for what a test adds.
const good = "allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}"

func TestOneCauseIsOneFinding(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		context, spec string // of the container and of the pod
		want          string
	}{
		{"nothing wrong", "default", good + ", capabilities: {drop: [ALL]}", "", ""},
		{"nothing set", "default", "", "", "allow-privilege-escalation drop-all-capabilities read-only-root-fs run-as-non-root seccomp"},
		{"nothing set", "baseline", "", "", ""},
		{"nothing set", "restricted", "", "", "allow-privilege-escalation pss-restricted-capabilities run-as-non-root seccomp"},
		{"privileged", "default", "privileged: true, readOnlyRootFilesystem: true, runAsNonRoot: true", "", "privileged"},
		{"privileged", "restricted", "privileged: true", "", "privileged run-as-non-root"},
		{"root", "default", strings.ReplaceAll(good, "runAsNonRoot: true", "runAsUser: 0") + ", capabilities: {drop: [ALL]}", "", "run-as-root-uid"},
		{"root by the pod", "default", strings.ReplaceAll(good, "runAsNonRoot: true, ", "") + ", capabilities: {drop: [ALL]}", "securityContext: {runAsUser: 0}", "run-as-root-uid"},
		{"some dropped", "default", good + ", capabilities: {drop: [NET_RAW]}", "", "drop-all-capabilities"},
		{"raw added", "default", good + ", capabilities: {drop: [ALL], add: [NET_RAW]}", "", "net-raw"},
		{"raw added", "baseline", good + ", capabilities: {drop: [ALL], add: [NET_RAW]}", "", "pss-baseline-capabilities"},
		{"raw added to the rest", "default", good + ", capabilities: {add: [NET_RAW]}", "", "drop-all-capabilities net-raw"},
		{"sys", "default", good + ", capabilities: {drop: [ALL], add: [SYS_ADMIN]}", "", "sys-admin"},
		{"sys and dangerous", "default", good + ", capabilities: {drop: [ALL], add: [SYS_ADMIN, NET_ADMIN]}", "", "dangerous-capabilities sys-admin"},
		{"sys and more", "default", good + ", capabilities: {drop: [ALL], add: [SYS_MODULE, CHOWN]}", "", "pss-restricted-capabilities sys-module"},
		{"sys and more", "baseline", good + ", capabilities: {add: [SYS_MODULE, CHOWN]}", "", "sys-module"},
		{"dangerous", "baseline", good + ", capabilities: {add: [NET_ADMIN]}", "", "dangerous-capabilities"},
		{"dangerous", "restricted", good + ", capabilities: {drop: [ALL], add: [NET_ADMIN]}", "", "dangerous-capabilities"},
		{"harmless added", "all", good + ", runAsUser: 20000, runAsGroup: 20000, appArmorProfile: {type: RuntimeDefault}, capabilities: {drop: [ALL], add: [CHOWN]}", "hostUsers: false\n  securityContext: {supplementalGroupsPolicy: Strict}", "pss-restricted-capabilities"},
		{"seccomp off", "default", strings.ReplaceAll(good, "RuntimeDefault", "Unconfined") + ", capabilities: {drop: [ALL]}", "", "seccomp-unconfined"},
		{"seccomp off", "restricted", strings.ReplaceAll(good, "RuntimeDefault", "Unconfined") + ", capabilities: {drop: [ALL]}", "", "seccomp"},
		{"node's network", "default", good + ", capabilities: {drop: [ALL]}", "hostNetwork: true", "host-network"},
		{"socket", "default", good + ", capabilities: {drop: [ALL]}", "volumes: [{name: v, hostPath: {path: /run/docker.sock}}]", "runtime-socket"},
		{"sensitive and writable", "default", good + ", capabilities: {drop: [ALL]}", "volumes: [{name: v, hostPath: {path: /etc}}]", "host-path-sensitive host-path-writable"},
		{"host path", "restricted", good + ", capabilities: {drop: [ALL]}", "volumes: [{name: w, hostPath: {path: /srv}}]", "host-path"},
	} {
		t.Run(c.profile+"/"+c.name, func(t *testing.T) {
			text := "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: a\n      image: i\n" +
				"      ports: [{containerPort: 80}]\n      volumeMounts: [{name: v, mountPath: /v}]\n      securityContext: {" + c.context + "}\n"
			if c.spec != "" {
				text += "  " + c.spec + "\n"
			}
			var enabled []*lint.Rule
			for _, r := range pod.Rules {
				if r.In(lint.Profile(c.profile)) {
					enabled = append(enabled, r)
				}
			}
			b := linttest.Bundle(t, lint.NewSource("pod.yaml", []byte(text)))
			var got []string
			for _, f := range linttest.Check([]*lint.Bundle{b}, enabled...).Findings {
				got = append(got, f.Rule.ID)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %s\nwant %s\n%s", strings.Join(got, " "), c.want, text)
			}
		})
	}
}

func TestAnIgnoreBringsUpNoTwinOfWhatItIgnores(t *testing.T) {
	for _, c := range []struct{ ignored, capabilities, want string }{
		{"drop-all-capabilities", "{add: [NET_RAW]}", "net-raw"},
		{"drop-all-capabilities", "{drop: [KILL]}", "net-raw"}, // it is worse
		{"drop-all-capabilities", "{drop: [NET_RAW]}", ""},
		{"drop-all-capabilities, net-raw", "{add: [NET_RAW]}", ""},
		{"drop-all-capabilities", "{add: [CHOWN]}", "net-raw pss-restricted-capabilities"},
		{"net-raw", "{drop: [ALL], add: [NET_RAW]}", ""},
		{"sys-admin", "{drop: [ALL], add: [SYS_ADMIN, NET_ADMIN]}", "dangerous-capabilities"},
	} {
		text := "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    # manilint:ignore[" + c.ignored + "] fine\n    - name: a\n      image: i\n" +
			"      securityContext: {" + good + ", capabilities: " + c.capabilities + "}\n"
		var enabled []*lint.Rule
		for _, r := range pod.Rules {
			if r.In(lint.ProfileDefault) {
				enabled = append(enabled, r)
			}
		}
		var got []string
		for _, f := range linttest.Check([]*lint.Bundle{linttest.Bundle(t, lint.NewSource("pod.yaml", []byte(text)))}, enabled...).Findings {
			got = append(got, f.Rule.ID)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s ignored over %s: got %q, want %q", c.ignored, c.capabilities, strings.Join(got, " "), c.want)
		}
	}
}

func TestHelpSaysWhichPlaceMendsAllContainers(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a, image: i}, {name: b, image: i}]}}}\n": "all 2 containers in spec.template.spec.securityContext",
		"apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {steps: [{name: a, image: i}, {name: b, image: i}]}\n":                          "all 2 containers in spec.stepTemplate.securityContext",
		"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec: {templates: [{name: a, container: {image: i}}]}\n":                   "in spec.securityContext",
	} {
		b := linttest.Bundle(t, lint.NewSource("pod.yaml", []byte(text)))
		for _, rule := range []*lint.Rule{pod.RunAsNonRoot, pod.Seccomp} {
			report := linttest.Check([]*lint.Bundle{b}, rule)
			if len(report.Findings) == 0 || !strings.Contains(report.Findings[0].Help, want) {
				t.Errorf("%s: %v, want %q", rule.ID, report.Findings, want)
			}
		}
	}
}

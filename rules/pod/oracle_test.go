package pod_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
	"github.com/manilint/manilint/render"
	"github.com/manilint/manilint/rules/pod"
)

// checkRules names the rules that are, together and each run alone, a check of
// the Pod Security Standards.
var checkRules = map[policy.CheckID][]string{
	"hostNamespaces":             {"host-network", "host-pid", "host-ipc"},
	"privileged":                 {"privileged"},
	"capabilities_baseline":      {"pss-baseline-capabilities"},
	"hostPathVolumes":            {"host-path"},
	"hostPorts":                  {"host-port"},
	"hostProbesAndHostLifecycle": {"host-probe"},
	"appArmorProfile":            {"apparmor-unconfined"},
	"seLinuxOptions":             {"selinux-options"},
	"procMount":                  {"proc-mount"},
	"seccompProfile_baseline":    {"seccomp-unconfined"},
	"sysctls":                    {"unsafe-sysctls"},
	"windowsHostProcess":         {"host-process"},
	"restrictedVolumes":          {"non-core-volume-types"},
	"allowPrivilegeEscalation":   {"allow-privilege-escalation"},
	"runAsNonRoot":               {"run-as-non-root"},
	"runAsUser":                  {"run-as-root-uid"},
	"seccompProfile_restricted":  {"seccomp"},
	"capabilities_restricted":    {"pss-restricted-capabilities"},
	"procMount_restricted":       {"pss-restricted-proc-mount"},
}

// ruleFor returns the rules that judge a check at a level. The restricted level
// has checks that stand in for ones of the baseline: there the restricted rule
// is also what the older versions had, and the baseline's is not in the profile.
func ruleFor(id policy.CheckID, level lint.Profile) []string {
	if level == lint.ProfileRestricted {
		switch id {
		case "capabilities_baseline":
			return []string{"pss-restricted-capabilities"}
		case "seccompProfile_baseline":
			return []string{"seccomp"}
		case "procMount":
			return []string{"pss-restricted-proc-mount"}
		}
	}
	return checkRules[id]
}

// failing returns the ids of the official checks that refuse a pod.
func failing(level lint.Profile, v api.Version, meta *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	pick := func(c policy.Check) *policy.VersionedCheck {
		var chosen *policy.VersionedCheck
		for i, vc := range c.Versions {
			if !v.Older(vc.MinimumVersion) {
				chosen = &c.Versions[i]
			}
		}
		return chosen
	}
	overridden := map[policy.CheckID]bool{}
	for _, c := range policy.DefaultChecks() {
		if vc := pick(c); vc != nil && level == lint.ProfileRestricted {
			for _, id := range vc.OverrideCheckIDs {
				overridden[id] = true
			}
		}
	}
	var ids []string
	for _, c := range policy.DefaultChecks() {
		vc := pick(c)
		if vc == nil || overridden[c.ID] || level == lint.ProfileBaseline && c.Level != api.LevelBaseline {
			continue
		}
		if !vc.CheckPod(meta, spec).Allowed {
			ids = append(ids, string(c.ID))
		}
	}
	return ids
}

// withDefaults sets what the API server sets before admission, where a check reads it.
func withDefaults(spec *corev1.PodSpec) {
	for i, v := range spec.Volumes {
		if v.VolumeSource == (corev1.VolumeSource{}) {
			spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			for j, p := range list[i].Ports {
				if spec.HostNetwork && p.HostPort == 0 {
					list[i].Ports[j].HostPort = p.ContainerPort
				}
			}
		}
	}
}

// compare judges every pod of a bundle by the rules and by the official checks,
// and returns the number of verdicts (pods × levels).
func compare(t *testing.T, b *lint.Bundle, minor int) int {
	t.Helper()
	v := api.MajorMinorVersion(1, minor)
	b.PSSVersion = v.String()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[*lint.PodSpec]bool{} // rule → pod
	for _, r := range pod.Rules {
		if r.In(lint.ProfileBaseline) || r.In(lint.ProfileRestricted) {
			found[r.ID] = findings(t, b, []*lint.Rule{r})
		}
	}
	verdicts := 0
	for _, level := range []lint.Profile{lint.ProfileBaseline, lint.ProfileRestricted} {
		var enabled []*lint.Rule
		for _, r := range pod.Rules {
			if r.In(level) {
				enabled = append(enabled, r)
			}
		}
		profile := findings(t, b, enabled)
		for _, p := range b.PodSpecs() {
			if p.Partial || len(p.Defaults) > 0 || !p.Node.Get("containers").Exists() {
				continue // no pod as the API server sees one
			}
			spec, meta, err := decode(p)
			if err != nil {
				t.Logf("%s: not a pod to the API: %v", p.Resource, err)
				continue
			}
			withDefaults(spec)
			verdicts++
			allowed := policy.AggregateCheckResults(evaluator.EvaluatePod(api.LevelVersion{Level: api.Level(level), Version: v}, meta, spec)).Allowed
			want := failing(level, v, meta, spec)
			if allowed != (len(want) == 0) {
				t.Fatalf("the test and the official evaluator disagree about %s", p.Resource)
			}
			if got := !profile[p]; got != allowed {
				t.Errorf("v1.%d %s: %s %s: allowed by the profile's rules %v, officially %v (%v)", minor, level, p.Resource, p.Node.Path(), got, allowed, want)
			}
			for _, c := range policy.DefaultChecks() {
				rules := ruleFor(c.ID, level)
				if level == lint.ProfileRestricted && !slices.Equal(rules, checkRules[c.ID]) ||
					level == lint.ProfileBaseline && c.Level != api.LevelBaseline {
					continue // judged by the check that overrides it
				}
				got := slices.ContainsFunc(rules, func(id string) bool { return found[id][p] })
				expect := slices.ContainsFunc(want, func(id string) bool { return slices.Equal(ruleFor(policy.CheckID(id), level), rules) })
				if level == lint.ProfileRestricted && c.ID == "hostPathVolumes" {
					continue // restrictedVolumes overrides it; host-path is the stronger part of it
				}
				if got != expect {
					t.Errorf("v1.%d %s: %s %s: %v found %v, check %s says %v", minor, level, p.Resource, p.Node.Path(), rules, got, c.ID, expect)
				}
			}
		}
	}
	return verdicts
}

// findings returns the pods of which a run of the rules finds anything.
func findings(t *testing.T, b *lint.Bundle, rules []*lint.Rule) map[*lint.PodSpec]bool {
	t.Helper()
	report := linttest.Check([]*lint.Bundle{b}, rules...)
	for _, e := range report.Errors {
		t.Error(e)
	}
	found := map[*lint.PodSpec]bool{}
	for _, f := range report.Findings {
		for _, p := range b.PodSpecs() {
			whole := p.Resource.Root.Locate().Span
			if f.Span.Start.Source != whole.Start.Source || f.Span.Start.Offset < whole.Start.Offset || f.Span.Start.Offset > whole.End.Offset {
				continue
			}
			path, holder := f.Path, strings.TrimSuffix(strings.TrimSuffix(p.Node.Path(), "spec"), ".")
			if holder == "" || strings.HasPrefix(path, holder+".") {
				found[p] = true
			}
		}
	}
	return found
}

func decode(p *lint.PodSpec) (*corev1.PodSpec, *metav1.ObjectMeta, error) {
	spec, meta := &corev1.PodSpec{}, &metav1.ObjectMeta{}
	for _, part := range []struct {
		node *lint.Node
		into any
	}{{p.Node, spec}, {p.Metadata, meta}} {
		if !part.node.Exists() {
			continue
		}
		text, err := kyaml.Marshal(part.node.YAML())
		if err != nil {
			return nil, nil, err
		}
		if err := yaml.Unmarshal(text, part.into); err != nil {
			return nil, nil, err
		}
	}
	return spec, meta, nil
}

func TestVerdictsAgreeWithTheOfficialFixtures(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	root := filepath.Join(strings.TrimSpace(string(dir)), "test", "testdata")
	if _, stat := os.Stat(root); err != nil || stat != nil {
		t.Skip("the sources of k8s.io/pod-security-admission are not there")
	}
	byVersion := map[int][]*lint.Source{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		var minor int
		if _, err := fmt.Sscanf(strings.Split(filepath.ToSlash(rel), "/")[1], "v1.%d", &minor); err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		byVersion[minor] = append(byVersion[minor], lint.NewSource(rel, data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := 0
	for minor, sources := range byVersion {
		verdicts += compare(t, linttest.Bundle(t, sources...), minor)
	}
	if verdicts < 9000 {
		t.Errorf("only %d verdicts compared", verdicts)
	}
	t.Logf("%d verdicts", verdicts)
}

// randomPods writes pods that mix right and wrong values of every field that a
// check reads.
func randomPods(seed int64, n int) []string {
	rnd := rand.New(rand.NewSource(seed))
	one := func(choices ...string) string { return choices[rnd.Intn(len(choices))] }
	maybe := func(choices ...string) string {
		if rnd.Intn(4) > 0 {
			return ""
		}
		return one(choices...)
	}
	often := func(text string) string {
		if rnd.Intn(5) == 0 {
			return ""
		}
		return text
	}
	context := func(pod bool) string {
		fields := []string{
			often("runAsNonRoot: true"), maybe("runAsNonRoot: false", "runAsNonRoot: null"), maybe("runAsUser: 0", "runAsUser: 1000", "runAsUser: null"),
			often("seccompProfile: {type: RuntimeDefault}"), maybe("seccompProfile: {type: Unconfined}", "seccompProfile: {}", "seccompProfile: {type: Localhost, localhostProfile: a}", "seccompProfile: null"),
			maybe("seLinuxOptions: {type: container_t}", "seLinuxOptions: {type: container_engine_t}", "seLinuxOptions: {type: spc_t}", "seLinuxOptions: {user: u}", "seLinuxOptions: {role: ''}"),
			maybe("appArmorProfile: {type: Unconfined}", "appArmorProfile: {type: RuntimeDefault}", "appArmorProfile: {}"),
			maybe("windowsOptions: {hostProcess: true}", "windowsOptions: {hostProcess: false}"),
		}
		if pod {
			fields = append(fields, maybe("sysctls: [{name: net.ipv4.tcp_rmem, value: '1'}]", "sysctls: [{name: kernel.msgmax, value: '1'}]", "sysctls: []"))
		} else {
			fields = append(fields, often("allowPrivilegeEscalation: false"), maybe("allowPrivilegeEscalation: true"),
				often("capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}"), maybe("capabilities: {drop: [all]}", "capabilities: {add: [CHOWN], drop: [ALL]}", "capabilities: {add: [SYS_ADMIN, CHOWN]}", "capabilities: {add: [NET_RAW], drop: [ALL]}", "capabilities: {drop: [NET_RAW], add: [cap_chown]}"),
				maybe("privileged: true", "privileged: false"), maybe("procMount: Unmasked", "procMount: Default"))
		}
		// of a repeated field the last stands
		last := map[string]string{}
		var order []string
		for _, f := range fields {
			if f == "" {
				continue
			}
			name, _, _ := strings.Cut(f, ":")
			if _, ok := last[name]; !ok {
				order = append(order, name)
			}
			last[name] = f
		}
		var text []string
		for _, name := range order {
			text = append(text, last[name])
		}
		return "{" + strings.Join(text, ", ") + "}"
	}
	container := func(name string) string {
		fields := []string{"name: " + name, "image: i", often("securityContext: " + context(false)),
			maybe("ports: [{containerPort: 80}]", "ports: [{containerPort: 80, hostPort: 8080}]", "ports: [{containerPort: 80, hostPort: 0}]"),
			maybe("livenessProbe: {httpGet: {port: 1, host: 127.0.0.1}}", "readinessProbe: {tcpSocket: {port: 1, host: ''}}", "lifecycle: {preStop: {tcpSocket: {port: 1, host: h}}}"),
		}
		return "{" + strings.Join(slices.DeleteFunc(fields, func(s string) bool { return s == "" }), ", ") + "}"
	}
	var pods []string
	for i := range n {
		lines := []string{"apiVersion: v1", "kind: Pod", "metadata:", fmt.Sprintf("  name: p%d", i), "  annotations: {a: b" +
			maybe(", container.apparmor.security.beta.kubernetes.io/a: unconfined", ", container.apparmor.security.beta.kubernetes.io/x: localhost/p", ", container.apparmor.security.beta.kubernetes.io/a: ''") +
			maybe(", seccomp.security.alpha.kubernetes.io/pod: unconfined", ", container.seccomp.security.alpha.kubernetes.io/a: docker/default", ", container.seccomp.security.alpha.kubernetes.io/a: ''") + "}",
			"spec:", "  containers: [" + container("a") + "]"}
		for _, f := range []string{
			maybe("initContainers: ["+container("b")+"]", "ephemeralContainers: ["+container("c")+"]"),
			often("securityContext: " + context(true)), maybe("hostNetwork: true", "hostPID: true", "hostIPC: true", "hostPID: false"),
			maybe("os: {name: windows}", "os: {name: linux}"), maybe("hostUsers: false", "hostUsers: true"),
			maybe("volumes: [{name: v, hostPath: {path: /etc}}]", "volumes: [{name: v, nfs: {server: s, path: /}}]", "volumes: [{name: v}]", "volumes: [{name: v, emptyDir: {}}, {name: w, hostPath: null}]", "volumes: [{name: v, image: {reference: i}}]"),
		} {
			if f != "" {
				lines = append(lines, "  "+f)
			}
		}
		pods = append(pods, strings.Join(lines, "\n")+"\n")
	}
	return pods
}

// versions are those in which some check changed.
var versions = []int{0, 7, 8, 18, 19, 21, 22, 23, 24, 25, 27, 29, 31, 32, 33, 34, 35, 36, 37}

func TestVerdictsAgreeOnRandomPods(t *testing.T) {
	byVersion := map[int][]*lint.Source{}
	for i, text := range randomPods(1, 3000) {
		minor := versions[i%len(versions)]
		byVersion[minor] = append(byVersion[minor], lint.NewSource(fmt.Sprintf("random%d.yaml", i), []byte(text)))
	}
	for minor, sources := range byVersion {
		compare(t, linttest.Bundle(t, sources...), minor)
	}
}

// TestEnforcedLevelsAreTheOfficialVerdict runs the default profile, with its
// stronger and weaker rules: what a Namespace refuses is said, and nothing else.
func TestEnforcedLevelsAreTheOfficialVerdict(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var enabled []*lint.Rule
	for _, r := range pod.Rules {
		if r.In(lint.ProfileDefault) {
			enabled = append(enabled, r)
		}
	}
	pods := slices.DeleteFunc(randomPods(2, 1500), func(text string) bool {
		// the API refuses Linux' fields there, and baseline and restricted differ in which of them they read
		return strings.Contains(text, "windows}")
	})
	for i, text := range pods {
		level, minor := []api.Level{api.LevelBaseline, api.LevelRestricted}[i%2], []int{25, 29, 31, 32, 34, 35, 37}[i%7]
		namespace := fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: %s, pod-security.kubernetes.io/enforce-version: v1.%d}}\n---\n", level, minor)
		b := linttest.Bundle(t, lint.NewSource("pod.yaml", []byte(namespace+strings.Replace(text, "metadata:", "metadata:\n  namespace: shop", 1))))
		spec, meta, err := decode(b.PodSpecs()[0])
		if err != nil {
			t.Fatal(err)
		}
		withDefaults(spec)
		v := api.LevelVersion{Level: level, Version: api.MajorMinorVersion(1, minor)}
		refused := !policy.AggregateCheckResults(evaluator.EvaluatePod(v, meta, spec)).Allowed
		said := false
		for _, f := range linttest.Check([]*lint.Bundle{b}, enabled...).Findings {
			if strings.Contains(f.Message, "the API server refuses the pod") {
				said = true
				if f.Severity < lint.High {
					t.Errorf("%s is %s", f.Rule.ID, f.Severity)
				}
			}
		}
		if said != refused {
			t.Errorf("%s v1.%d: refused %v, said %v:\n%s", level, minor, refused, said, text)
		}
	}
}

// TestVerdictsAgreeOnTheCorpus renders charts and overlays, and reads each
// object's text anew: findings of one place in a template would be one.
func TestVerdictsAgreeOnTheCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("renders the whole corpus")
	}
	root := "../../../shared/corpus"
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpus is not there")
	}
	result := render.Load(context.Background(), []string{root}, render.Options{})
	verdicts := 0
	for _, rendered := range result.Bundles {
		var sources []*lint.Source
		for i, r := range rendered.Resources {
			if len(r.PodSpecs()) == 0 {
				continue
			}
			text, err := kyaml.Marshal(r.Root.YAML())
			if err != nil {
				t.Errorf("%s: %v", r, err)
				continue
			}
			sources = append(sources, lint.NewSource(fmt.Sprintf("%s/%d.yaml", rendered.Rendering.Root, i), text))
		}
		verdicts += compare(t, linttest.Bundle(t, sources...), 37)
	}
	if verdicts == 0 {
		t.Error("no pod in the corpus")
	}
	t.Logf("%d verdicts of %d bundles", verdicts, len(result.Bundles))
}

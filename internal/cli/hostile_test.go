package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/manilint/manilint/lint/report"
)

// nasty are texts that a terminal or a build runner would obey, or that would show a
// person something else than what is there.
var nasty = []string{
	"::stop-commands::x", "::error file=a,line=1::x", "\u00a0::warning::x", "##vso[task.setvariable variable=a]b", "##[error]x", "##teamcity[x]",
	"a\n::error::x", "a\r\n##[group]x", "\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\u009b31m", "\x7f\x08\x08", "\u202eevil", "\u2066a\u2069", "\u2028::error::x", "\U000e0041", "\ufeff::debug::x",
}

// mixed are the same for whole trees, which take longer.
var mixed = []string{"::stop-commands::x", "\u00a0::warning::x##vso[a]b", "a\n::error::x##[error]\r\n##[group]", "\x1b[31m\x1b]0;t\x07\u009b\x7f\x08\u202e\u2066\u2028\U000e0041\ufeff"}

var forged = regexp.MustCompile(`^[\s\pZ]*::\pL|##[A-Za-z]*\[`)

// obeyed returns the first thing in an output that something obeys, "" for none.
func obeyed(text string, annotations bool) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !utf8.ValidString(line) {
			return fmt.Sprintf("not UTF-8: %q", line)
		}
		for _, r := range line {
			if r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
				return fmt.Sprintf("%q in %q", r, line)
			}
		}
		own := regexp.MustCompile(`^::(error|warning|notice) (file=[^:]*,)?title=[^:]*::`)
		if annotations {
			line = own.ReplaceAllString(line, "")
		}
		if forged.MatchString(line) {
			return fmt.Sprintf("a command in %q", line)
		}
	}
	return ""
}

// yamlText quotes a text for YAML, whatever it holds.
func yamlText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError {
			r = 0x9b
		}
		if r > 0xffff {
			fmt.Fprintf(&b, `\U%08x`, r)
		} else if r < ' ' || r > '~' || r == '"' || r == '\\' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// hostileTree is a tree in which one text is wherever an author has a say.
func hostileTree(text string) map[string]string {
	fill := func(s string) string { return strings.ReplaceAll(s, "@", yamlText(text)) }
	return map[string]string{
		"plain/all.yaml": fill(`apiVersion: apps/v1
kind: Deployment
metadata: {name: @, namespace: @, labels: {a: @}}
spec:
  selector: {matchLabels: {app: @}}
  template:
    metadata: {labels: {app: @}}
    spec:
      serviceAccountName: @
      hostNetwork: true
      volumes: [{name: @, hostPath: {path: @}}]
      containers:
        - {name: @, image: @, securityContext: {privileged: true, @: 1}, env: [{name: @, value: @}], ports: [{name: @, hostPort: 1, containerPort: 1}]}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: @, namespace: @}}
---
{apiVersion: v1, kind: @, metadata: {name: @}}
---
{apiVersion: v1, kind: Service, metadata: {name: @, namespace: @}, spec: {selector: {app: nobody}, ports: [{port: 1, name: @}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: @, namespace: @}, spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: @}]}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: @}, rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}, {apiGroups: [""], resources: [secrets], verbs: [get], resourceNames: [@]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: @, namespace: @}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: @}, subjects: [{kind: ServiceAccount, name: @, namespace: @}, {kind: User, name: @}, {kind: @, name: @}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: unbound}, rules: [{apiGroups: [""], resources: [secrets], verbs: [get], resourceNames: [@]}]}
---
kind: [ @
`),
		"chart/Chart.yaml":         fill("apiVersion: v2\nname: @\nversion: 1.0.0\ndescription: @\ndependencies: [{name: @, version: 1.0.0, repository: @}]\n"),
		"chart/templates/a.yaml":   fill("apiVersion: v1\nkind: Pod\nmetadata:\n  name: @\nspec:\n  containers: [{name: @, image: @}]\n"),
		"failing/Chart.yaml":       "apiVersion: v2\nname: a\nversion: 1.0.0\n",
		"failing/values.yaml":      fill("a: @\n"),
		"failing/templates/a.yaml": "{{ fail .Values.a }}\n",
		"overlay/kustomization.yaml": fill(`resources: [@, a.yaml]
namespace: @
configMapGenerator: [{name: @, literals: [@]}]
`),
		"overlay/a.yaml":   pod,
		"config/keys.yaml": fill("@: 1\nprofile: @\nrules: {@: {severity: @}}\nexclude: [@]\nignore: [{rules: [@], @: a}]\n"),
		"config/pods.yaml": fill("podPaths: {@: [@]}\nhelm: {variants: [{chart: @, values: [@]}]}\nkubeVersion: @\n"),
		"config/pod.yaml":  pod,
	}
}

// TestNothingPrintedIsObeyed runs every command in every format over such trees, and
// with such arguments.
func TestNothingPrintedIsObeyed(t *testing.T) {
	var commands [][]string
	for _, format := range report.Names() {
		commands = append(commands, []string{"-f", format, "--profile", "all", "-v", "--stats", "plain", "chart", "failing", "overlay"}, []string{"-f", format, "--profile", "all", "files"})
	}
	for _, format := range []string{"text", "json"} {
		for _, command := range []string{"rbac", "network"} {
			commands = append(commands, []string{command, "-f", format, "plain", "chart"}, []string{command, "-f", format, "files"})
		}
		commands = append(commands, []string{"--compliance", "cis", "-f", format, "plain"})
	}
	commands = append(commands, []string{"-c", "config/keys.yaml", "config/pod.yaml"}, []string{"-c", "config/pods.yaml", "config/pod.yaml"}, []string{"rbac", "-c", "config/keys.yaml", "config"}, []string{"network", "-c", "config/pods.yaml", "config"})
	for _, text := range slices.Concat(mixed, nasty) {
		t.Run(fmt.Sprintf("%+q", text), func(t *testing.T) {
			dir := writeTree(t, hostileTree(text))
			t.Chdir(dir)
			var all [][]string
			if slices.Contains(mixed, text) {
				all = commands
			}
			if runtime.GOOS != "windows" && !strings.Contains(text, "/") { // what other systems take for a name
				below := filepath.Join("files", text)
				for name, content := range map[string]string{text + ".yaml": pod, "broken" + text + ".yaml": "kind: [\n", ".manilint.yaml": "a: 1\n"} {
					if err := os.MkdirAll(below, 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(below, name), []byte(content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				all = append(all, []string{below}, []string{"-c", below}, []string{"-f", "json=" + below, "config"})
			}
			all = append(all, []string{text}, []string{"--" + text}, []string{"--only", text}, []string{"--fail-on", text}, []string{"-f", text}, []string{"-f", "json=" + text + "/x"},
				[]string{"-c", text}, []string{"--compliance", text}, []string{"--set", text, "chart"}, []string{"--values", text, "chart"}, []string{"--kube-version", text, "chart"},
				[]string{"--namespace", text, "chart"}, []string{"--release-name", text, "chart"}, []string{"--pss-version", text}, []string{"-j", text},
				[]string{"explain", text}, []string{"rules", text}, []string{"rules", "--" + text}, []string{"rules", "-f", text}, []string{"completion", text}, []string{"network", "--" + text}, []string{"rbac", text})
			for _, args := range all {
				var stdout, stderr bytes.Buffer
				Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
				if stdout.Len()+stderr.Len() == 0 {
					t.Errorf("%q prints nothing", args)
				}
				github := len(args) > 1 && args[1] == "github"
				if bad := obeyed(stdout.String(), github); bad != "" {
					t.Errorf("%q prints %s", args, bad)
				}
				if isJSON := slices.ContainsFunc([]string{"json", "sarif", "gitlab"}, func(f string) bool { return slices.Contains(args, f) }); isJSON && stdout.Len() > 0 && !json.Valid(stdout.Bytes()) {
					t.Errorf("%q prints no JSON", args)
				}
				if bad := obeyed(stderr.String(), false); bad != "" {
					t.Errorf("%q says %s", args, bad)
				}
			}
		})
	}
}

// What prints without escaping anything is escaped all the same.
func TestScreensEscapeWhateverIsPrinted(t *testing.T) {
	for _, text := range nasty {
		var stdout, stderr bytes.Buffer
		c := &command{console: newConsole(&stdout, &stderr)}
		fmt.Fprintf(c.out, "%s\nb %s", text, text)
		c.say(text, text)
		c.close(0)
		if bad := obeyed(stdout.String(), false) + obeyed(stderr.String(), false); bad != "" || stdout.Len() == 0 || stderr.Len() == 0 {
			t.Errorf("%q: %s", text, bad)
		}
	}
}

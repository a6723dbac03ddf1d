package validity

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// samples returns the objects that the Kubernetes types are themselves tested
// with: one of each kind, with every field set.
func samples(t *testing.T) map[string]string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/api").Output()
	if err != nil {
		t.Skipf("the source of the Kubernetes types is not here: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "HEAD", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Skip("the Kubernetes types come without their test data")
	}
	all := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(text)
	}
	return all
}

func TestEveryFieldOfKubernetesIsKnown(t *testing.T) {
	for name, text := range samples(t) {
		for _, f := range linttest.Lint(t, Schema, nil, lint.NewSource(name, []byte(text))).Findings {
			if !isAboutValue(f) {
				t.Errorf("%s: %s", f.Span.Start, f.Message)
			}
		}
	}
}

// isAboutValue reports whether a finding is about a value that the API server refuses, or a
// field that it misses: the samples have made up ones.
func isAboutValue(f *lint.Finding) bool {
	return strings.Contains(f.Message, "does not allow") || strings.Contains(f.Message, "the API server") || strings.Contains(f.Message, "the kubelet does not know")
}

// Fields whose keys are free, or whose content Kubernetes does not define.
var free = []string{"annotations", "userAnnotations", "labels", "matchLabels", "nodeSelector", "limits", "requests", "overhead", "volumeAttributes", "options", "fieldsV1", "managedFields", "allocatedResources", "capacity"}

func TestEveryMisspeltFieldOfAPodIsReported(t *testing.T) {
	key := regexp.MustCompile(`^( *(?:- )?)([a-zA-Z]+):(.*)$`)
	text, ok := samples(t)["core.v1.Pod.yaml"]
	if !ok {
		t.Skip("no sample of a Pod")
	}
	lines := strings.Split(text, "\n")
	parents := []string{}
	tried := 0
	for i, line := range lines {
		m := key.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		depth := len(m[1]) / 2
		for len(parents) <= depth {
			parents = append(parents, "")
		}
		parents = append(parents[:depth], m[2])
		// A null, and the fields of what Kubernetes does not define, are passed over.
		if m[2] == "apiVersion" && depth == 0 || m[2] == "kind" && depth == 0 || strings.TrimSpace(m[3]) == "null" ||
			slices.ContainsFunc(parents[:depth], func(p string) bool { return slices.Contains(free, p) }) {
			continue
		}
		if tried++; tried%8 != 0 { // every eighth is enough to hold; all take many seconds
			continue
		}
		broken := slices.Clone(lines)
		broken[i] = m[1] + m[2] + "Zz:" + m[3]
		found := linttest.Lint(t, Schema, nil, lint.NewSource("pod.yaml", []byte(strings.Join(broken, "\n")))).Findings
		found = slices.DeleteFunc(found, isAboutValue)
		if len(found) != 1 || found[0].Span.Start.Line != i+1 || !strings.Contains(found[0].Message, m[2]+"Zz") {
			t.Errorf("line %d, %s: %d findings", i+1, strings.TrimSpace(line), len(found))
		}
	}
	if tried < 300 {
		t.Errorf("only %d fields were tried", tried)
	}
}

package docs_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
	"github.com/manilint/manilint/rules"
)

var (
	releaseRow = regexp.MustCompile(`(?m)^\| 1\.(\d+) \| (.+) \| (.+) \|$`)
	ruleLink   = regexp.MustCompile(`\[([a-z0-9-]+)\]\(rules\.md#([a-z0-9-]+)\)`)
)

// releases reads docs/kubernetes.md: for each minor version what is judged, and by which rules.
func releases(t *testing.T) map[int]string {
	t.Helper()
	text, err := os.ReadFile("kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]string{}
	for _, row := range releaseRow.FindAllStringSubmatch(string(text), -1) {
		minor, _ := strconv.Atoi(row[1])
		all[minor] += row[3] + "\n"
		links := ruleLink.FindAllStringSubmatch(row[3], -1)
		if len(links) == 0 && !strings.HasPrefix(row[3], "none: ") {
			t.Errorf("1.%d, %s: names no rule and no reason why there is none", minor, row[2])
		}
		for _, link := range links {
			if link[1] != link[2] || lint.FindRule(rules.All(), link[1]) == nil {
				t.Errorf("1.%d, %s: %s is no rule", minor, row[2], link[0])
			}
		}
	}
	return all
}

func TestEveryReleaseIsJudged(t *testing.T) {
	all := releases(t)
	for minor := 30; minor <= kube.Newest; minor++ {
		if all[minor] == "" {
			t.Errorf("nothing is said of 1.%d", minor)
		}
	}
	for minor := range all {
		if minor > kube.Newest {
			t.Errorf("1.%d is newer than what the rules know, 1.%d", minor, kube.Newest)
		}
	}
}

// A new release comes with the module that holds its types.
func TestTheNewestReleaseIsTheModules(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`k8s\.io/api v0\.(\d+)\.`).FindSubmatch(mod)
	if m == nil || string(m[1]) != strconv.Itoa(kube.Newest) {
		t.Errorf("go.mod has k8s.io/api for 1.%s, and the rules know 1.%d", m[1], kube.Newest)
	}
}

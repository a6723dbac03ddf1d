package report

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/compliance"
)

// tables are what rbac and network would say of the example.
var tables = Options{
	Network: &Matrix{Workloads: []MatrixRow{{Kind: "Deployment", Namespace: "shop", Name: "<b>web", Location: Location{File: "a.yaml", Line: 3}, Ingress: Reach{OpenTo: []string{"cluster"}}}}},
	Access: &Audit{Subjects: []Subject{{Kind: "User", Name: "<i>ci", Can: []Can{{What: "everything", Scope: "cluster", Severity: lint.Critical,
		Through: []Through{{Kind: "ClusterRoleBinding", Name: "ci", Role: RoleName{Kind: "ClusterRole", Name: "cluster-admin"}}}}}}}},
}

func TestHTMLHoldsNoMarkupOfTheInput(t *testing.T) {
	for name, r := range everyReport(t) {
		text := write(t, "html", r, tables)
		if n := strings.Count(text, "<article"); n != len(r.Findings) {
			t.Errorf("%s: %d articles, want %d", name, n, len(r.Findings))
		}
		_, body, _ := strings.Cut(text, "<body>")
		known := regexp.MustCompile(`^</?(body|header|h[123]|p|code|button|nav|a|ul|li|b|section|article|span|pre|mark|details|summary|div|table|thead|tbody|tr|th|td|form|input|fieldset|label|select|option|html)[ >]`)
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(body, -1) {
			if !known.MatchString(tag) || regexp.MustCompile(`(?i)\son\w+=|javascript:`).MatchString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(tag, `""`)) {
				t.Errorf("%s: %s", name, tag)
			}
		}
		for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			isSource := slices.ContainsFunc(compliance.Frameworks(), func(f compliance.Framework) bool { return f.Source == link[1] })
			if !strings.HasPrefix(link[1], DocsURL) && !strings.HasPrefix(link[1], "#") && !isSource {
				t.Errorf("%s: a link to %s", name, link[1])
			}
		}
		if strings.Contains(text, "@import") || strings.Contains(text, "url(") {
			t.Errorf("%s: the style loads something", name)
		}
	}
}

func TestHTMLHasTheTablesAndEveryPlace(t *testing.T) {
	text := write(t, "html", example(t), tables)
	for _, want := range []string{
		"Deployment/&lt;b&gt;web", "User &lt;i&gt;ci", "ClusterRoleBinding ci → ClusterRole cluster-admin", "CIS Kubernetes Benchmark", "the node agent needs it", "stopped before all rules had run",
		`<mark>cluster-admin</mark>`, "deploy/chart/values.yaml:2:13 the value is set here", `data-severity="critical" data-rule="privileged" data-units="`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(write(t, "html", example(t), Options{}), `id="network"`) {
		t.Error("a page without the tables names them")
	}
}

// browse returns the page as Chromium has it when its scripts have run, or skips.
func browse(t *testing.T, page string) string {
	t.Helper()
	exe, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not tried in a browser")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(exe, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+dir, "--virtual-time-budget=3000", "--dump-dom", "file://"+file).Output()
	if err != nil {
		t.Skipf("chromium does not run here: %v", err)
	}
	return string(out)
}

func TestHTMLFiltersInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	text := write(t, "html", example(t), tables)
	if got := browse(t, text); !strings.Contains(got, ">all 4 shown</span>") {
		t.Errorf("the page's policy stops its own script, or it fails")
	}
	free := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(text, "")
	for name, test := range map[string]struct{ script, want string }{
		"severity":  {`f.querySelector("[value=critical]").checked = false`, "3 of 4 shown"},
		"rule":      {`f.elements.rule.value = "privileged"`, "1 of 4 shown"},
		"unit":      {`f.elements.unit.selectedIndex = [...f.elements.unit.options].findIndex(o => o.text == "deploy")`, "1 of 4 shown"},
		"framework": {`f.elements.framework.value = "pss"`, "1 of 4 shown"},
		"search":    {`f.elements.q.value = "CLUSTER-admin binds"`, "1 of 4 shown"},
		"nothing":   {`f.elements.q.value = "nowhere"`, "0 of 4 shown"},
	} {
		page := strings.Replace(free, "</body>", `<script type="module">const f = document.querySelector("form"); `+test.script+`; f.dispatchEvent(new Event("input"));</script></body>`, 1)
		if got := browse(t, page); !strings.Contains(got, ">"+test.want+"</span>") {
			count := regexp.MustCompile(`id="count"[^>]*>[^<]*`).FindString(got)
			t.Errorf("%s: %s, want %s", name, count, test.want)
		}
	}
}

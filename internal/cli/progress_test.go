package cli

import (
	"os"
	"strings"
	"testing"
)

func TestProgressSaysWhatIsBeingRendered(t *testing.T) {
	var out strings.Builder
	p := &progress{w: &out, width: 40}
	p.begin("chart \x1b[31mdeploy/" + strings.Repeat("a", 100))
	p.step(1, 20)
	p.begin("overlay prod")
	p.wipe()
	lines := strings.Split(out.String(), "\r\x1b[K")
	want := []string{"", `rendering, chart \x1b[31mdeploy/aaaaaa…`, `rendered 1 of 20, chart \x1b[31mdeploy…`, "rendered 1 of 20, overlay prod", ""}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%q\nwant\n%q", lines, want)
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := newProgress(file, true)
	p.begin("x")
	p.step(1, 2)
	p.wipe()
	if data, err := os.ReadFile(file.Name()); err != nil || len(data) > 0 {
		t.Errorf("%v: %q", err, data)
	}
}

//go:build unix

package kustomize

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlaysFor names the environment variable by which a benchmark tells its own program
// what to build.
const overlaysFor = "MANILINT_TEST_OVERLAYS"

// TestKrustyAlone builds the overlays of a benchmark one by one, in a process of its own.
func TestKrustyAlone(t *testing.T) {
	root := os.Getenv(overlaysFor)
	if root == "" {
		t.Skip("it is run by BenchmarkFleetProcess")
	}
	dirs, err := filepath.Glob(filepath.Join(root, "overlays", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal(err, len(dirs))
	}
	for _, dir := range dirs {
		o := krusty.MakeDefaultOptions()
		o.LoadRestrictions = types.LoadRestrictionsNone
		if _, err := krusty.MakeKustomizer(o).Run(filesys.MakeFsOnDisk(), dir); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkFleetProcess runs the program over 50 and 500 overlays of one base: the most
// memory that it holds, over that of a process in which krusty alone builds them one by
// one, and at 500 over that at 50. MANILINT_CORPUS names a directory of charts and
// overlays to be measured, too.
func BenchmarkFleetProcess(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "manilint")
	if out, err := exec.Command("go", "build", "-o", exe, "github.com/manilint/manilint").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	lint := func(b *testing.B, jobs int, dir string) float64 {
		c := exec.Command(exe, "--no-config", "--fail-on", "never", "-f", "unix", "-q", "--jobs", strconv.Itoa(jobs), dir)
		return held(b, c)
	}
	fifty := map[int]float64{}
	for _, n := range []int{50, 500} {
		root, _ := fleet(b, n, 8)
		for _, jobs := range []int{1, 2, 8} {
			b.Run(strconv.Itoa(n)+" overlays, jobs "+strconv.Itoa(jobs), func(b *testing.B) {
				var ours, plain float64
				for b.Loop() {
					krusty := exec.Command(os.Args[0], "-test.run", "^TestKrustyAlone$")
					krusty.Env = append(os.Environ(), overlaysFor+"="+root)
					ours, plain = max(ours, lint(b, jobs, root)), max(plain, held(b, krusty))
				}
				b.ReportMetric(ours, "MiB")
				b.ReportMetric(plain, "krusty-MiB")
				b.ReportMetric(ours/plain, "to-krusty")
				if n == 50 {
					fifty[jobs] = ours
				} else if fifty[jobs] > 0 {
					b.ReportMetric(ours/fifty[jobs], "to-50")
				}
			})
		}
	}
	corpus := os.Getenv("MANILINT_CORPUS")
	for _, jobs := range []int{1, 2, 8} {
		b.Run("corpus, jobs "+strconv.Itoa(jobs), func(b *testing.B) {
			if corpus == "" {
				b.Skip("MANILINT_CORPUS names no directory")
			}
			var most float64
			for b.Loop() {
				most = max(most, lint(b, jobs, corpus))
			}
			b.ReportMetric(most, "MiB")
		})
	}
}

// held runs a command and returns the most memory that it held, in MiB. The program's
// status 3 tells of inputs that are broken.
func held(b *testing.B, c *exec.Cmd) float64 {
	b.Helper()
	if err := c.Run(); err != nil && c.ProcessState.ExitCode() != 3 {
		b.Fatal(err)
	}
	rss := float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS == "darwin" {
		rss /= 1 << 10
	}
	return rss / (1 << 10)
}

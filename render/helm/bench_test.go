//go:build unix

package helm

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	helmengine "helm.sh/helm/v3/pkg/engine"

	filetree "github.com/manilint/manilint/render/tree"
)

// processorTime returns the processor time that this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTracedOverPlain prints, for each chart, what tracing costs over a plain
// rendering by Helm's engine, and the median of all.
func BenchmarkTracedOverPlain(b *testing.B) {
	var ratios []float64
	for _, s := range samples(b) {
		if strings.Contains(s.name, "/") {
			continue
		}
		cache := filetree.New(nil)
		tr, err := readTree(s.dir, cache)
		if err != nil {
			b.Fatal(err)
		}
		l, _, values, _ := tr.prepare(context.Background(), s.v, Options{Files: cache})
		if l == nil {
			continue
		}
		if _, err := helmengine.Render(l.Chart, values); err != nil {
			continue
		}
		// Processor time, which other work on the machine leaves alone; each pays for its garbage.
		const times = 10
		measure := func(render func()) time.Duration {
			runtime.GC()
			start := processorTime()
			for range times {
				render()
			}
			runtime.GC()
			return (processorTime() - start) / times
		}
		traced := measure(func() { tr.execute(context.Background(), l.Chart, values, defaultMaxOutput) })
		plain := measure(func() { _, _ = helmengine.Render(l.Chart, values) })
		ratios = append(ratios, float64(traced)/float64(plain))
		fmt.Printf("%-45s %8v traced, %8v plain: %.2f\n", s.name, traced.Round(10*time.Microsecond), plain.Round(10*time.Microsecond), ratios[len(ratios)-1])
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "traced/plain")
	b.ReportMetric(0, "ns/op")
}

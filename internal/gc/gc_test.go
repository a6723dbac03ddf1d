package gc

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: Most, 1 << 20: Most, 14 << 20: Most, 28 << 20: 200, 56 << 20: 100, 112 << 20: Least, 4 << 30: Least} {
		if got := percent(live); got != want {
			t.Errorf("%d MiB alive: %d, want %d", live>>20, got, want)
		}
	}
}

// The more stays alive, the sooner memory is collected again, and the other way round.
func TestSettingFollowsWhatIsAlive(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set")
	}
	reaches := func(want int) {
		t.Helper()
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			runtime.GC()
			if metrics.Read(now); now[0].Value.Uint64() == uint64(want) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("GOGC is %d, want %d", now[0].Value.Uint64(), want)
			}
		}
	}
	reaches(Most)
	large := make([]byte, 128<<20)
	reaches(Least)
	runtime.KeepAlive(large)
	reaches(Most)
}

package limits

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func late(d time.Duration) error { return errors.New("late after " + d.String()) }

func TestUnitsEndWithTheirTimeAndThatOfTheRun(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{Limits{}, "late after 20ms"},
		{Limits{Time: 30 * time.Millisecond, Run: time.Hour}, "late after 30ms"},
		{Limits{Time: time.Hour, Run: 30 * time.Millisecond}, "the run takes longer than 30ms"},
	} {
		run, stop := Start(t.Context(), c.limits, nil)
		ctx, end := Unit(run, 20*time.Millisecond, late)
		<-ctx.Done()
		if err := context.Cause(ctx); !Reached(ctx) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.limits, err)
		}
		end()
		stop()
	}
	ctx, end := Unit(t.Context(), time.Hour, late)
	end()
	if ctx.Err() == nil || Reached(ctx) {
		t.Errorf("a unit that is done ends by a limit: %v", context.Cause(ctx))
	}
}

func TestSlowUnitsLeaveTimeForOthers(t *testing.T) {
	run, stop := Start(t.Context(), Limits{Time: 80 * time.Millisecond, Run: time.Hour}, nil)
	defer stop()
	for _, want := range []string{"late after 80ms", "late after 40ms", "late after 20ms", "late after 10ms", "late after 10ms"} {
		quick, end := Unit(run, time.Hour, late) // takes nothing from the others
		end()
		slow, end := Unit(run, time.Hour, late)
		<-slow.Done()
		if err := context.Cause(slow); err.Error() != want || errors.Is(quick.Err(), context.DeadlineExceeded) {
			t.Errorf("%v, want %s", err, want)
		}
		end()
	}
}

func TestMemoryCancelsTheOldestUnitFirst(t *testing.T) {
	r := &run{bound: 1000}
	var run context.Context
	run, r.end = context.WithCancelCause(context.WithValue(t.Context(), key{}, r))
	check, endCheck := Rules(run)
	defer endCheck()
	old, endOld := Unit(run, time.Hour, late)
	defer endOld()
	young, endYoung := Unit(run, time.Hour, late)
	defer endYoung()
	done, gaveUp := make(chan struct{}), make(chan error, 1)
	defer close(done)
	go r.watch(done, func() int64 { return 999 }, func(err error) { gaveUp <- err })
	<-old.Done()
	if young.Err() != nil {
		t.Error("both are cancelled at once")
	}
	<-young.Done()
	if check.Err() != nil {
		t.Error("the rules are cancelled before what is rendered")
	}
	<-check.Done()
	if run.Err() != nil {
		t.Error("the run is ended before the rules")
	}
	<-run.Done()
	if err := <-gaveUp; !Reached(old) || !Reached(check) || !strings.Contains(err.Error(), "memory limit") {
		t.Errorf("%v, %v", context.Cause(old), err)
	}
}

func TestMemoryToSpareCancelsNothing(t *testing.T) {
	run, stop := Start(t.Context(), Limits{Memory: 1 << 50}, func(err error) { t.Error(err) })
	defer stop()
	ctx, end := Unit(run, time.Hour, late)
	defer end()
	time.Sleep(5 * every)
	if ctx.Err() != nil {
		t.Error(context.Cause(ctx))
	}
	if got := Memory(ctx, 5); got != 1<<47 {
		t.Errorf("one rendering may take %d", got)
	}
	if got := Memory(t.Context(), 5); got != 5 {
		t.Errorf("one rendering may take %d without a limit", got)
	}
}

func TestControlGroups(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  int64
	}{
		{map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "5000\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, 5000},
		{map[string]string{"proc/self/cgroup": "0::/../x\n", "sys/fs/cgroup/memory.max": "7000\n"}, 7000},
		{map[string]string{"proc/self/cgroup": "4:memory:/docker/x\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9000\n"}, 9000},
		{map[string]string{"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		{map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		{map[string]string{}, 0},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := controlGroups(root); got != c.want {
			t.Errorf("%v: %d, want %d", c.files, got, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1KiB": 1 << 10, "512MiB": 512 << 20, "2GiB": 2 << 30} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0MiB", "5", "5MB", "-1GiB", "1.5GiB", "99999999999999999999GiB", "9999999999GiB", "GiB", "1GiB "} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

package cli

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/limits"
	"github.com/manilint/manilint/render/tree"
)

// runTimes is how many times the limit of one chart or overlay all of them may take.
const (
	runTimes       = 10
	defaultRunTime = runTimes * time.Minute
)

func (f *flags) registerLimits(fs *pflag.FlagSet) {
	fs.StringVar(&f.limitTime, "limit-time", "", "`TIME` of one chart or overlay (default: 30s or 60s)")
	fs.StringVar(&f.limitMemory, "limit-memory", "", "`SIZE` of the run in memory (default: what the system allows)")
	fs.StringVar(&f.limitFile, "limit-file", "", "`SIZE` of a file that is read (default: "+strings.ReplaceAll(tree.Size(tree.DefaultLimit), " ", "")+")")
}

// limits reads the flags. A limit of nothing is an error of usage.
func (f *flags) limits() (limits.Limits, error) {
	l := limits.Limits{Run: defaultRunTime}
	if f.limitTime != "" {
		d, err := time.ParseDuration(f.limitTime)
		if err != nil || d < time.Second || d > 1000*time.Hour {
			return l, usagef("--limit-time: %q is not a duration from 1s to 1000h; write it as 90s or 5m", f.limitTime)
		}
		l.Time, l.Run = d, runTimes*d
	}
	for _, size := range []struct {
		flag, text string
		set        func(int64)
	}{
		{"--limit-memory", f.limitMemory, func(n int64) { l.Memory = n }},
		{"--limit-file", f.limitFile, func(n int64) { f.files().SetLimit(n) }},
	} {
		if size.text == "" {
			continue
		}
		n, err := limits.ParseSize(size.text)
		if err != nil {
			return l, usagef("%s: %v", size.flag, err)
		}
		size.set(n)
	}
	return l, nil
}

// bound makes the limits of the flags hold for what is read and rendered, until stop is
// called.
func (c *command) bound(f *flags) (stop func(), err error) {
	l, err := f.limits()
	if err != nil {
		return nil, err
	}
	c.stdin.bound(f.files().Limit())
	c.ctx, stop = limits.Start(c.ctx, l, c.exhausted)
	return stop, nil
}

// Package gc sets how often memory is collected. A run is short: while little memory is
// used, it is collected seldom. Where much stays alive, each collection leaves less room for
// garbage, so that the most that a run holds stays close to what it needs. The setting is
// made when the package is initialized, ahead of the packages that build their tables then
// (Kubernetes' scheme, the metaschemas of JSON Schema), for which the runtime would
// otherwise collect twice before the program begins. What is set in the environment stands;
// the package does nothing else.
package gc

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// What garbage may take before the next collection, in percent of what the last one left
// alive: as much as fits into room, and no less than Least and no more than Most.
const (
	Most  = 400
	Least = 80
	room  = 56 << 20
)

func init() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(Most)
	watch()
}

// percent returns the setting for a number of bytes that are alive.
func percent(live uint64) int {
	if live == 0 {
		return Most
	}
	return int(min(Most, max(Least, room*100/live)))
}

// A sentinel is never used: that its finalizer runs says that memory was collected.
type sentinel struct{ _ *byte }

// watch adapts the setting after each collection.
func watch() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := Most
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(live)
		if wanted := percent(live[0].Value.Uint64()); wanted != now {
			debug.SetGCPercent(wanted) // which stops all goroutines for a moment
			now = wanted
		}
		runtime.SetFinalizer(&sentinel{}, again)
	}
	runtime.SetFinalizer(&sentinel{}, again)
}

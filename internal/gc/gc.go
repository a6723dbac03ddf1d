// Package gc sets how often memory is collected: seldom, since a run is short and its
// trees stay alive to its end. It does so when it is initialized, ahead of the packages
// that build their tables then (Kubernetes' scheme, the metaschemas of JSON Schema), for
// which the runtime would otherwise collect twice before the program begins. What is set
// in the environment stands; the package does nothing else.
package gc

import (
	"os"
	"runtime/debug"
)

// Percent is what [debug.SetGCPercent] was called with, unless GOGC says otherwise.
const Percent = 400

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(Percent)
	}
}

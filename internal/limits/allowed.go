package limits

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// allowed returns the memory that the environment lets the process have: GOMEMLIMIT, else
// the least of its control groups' limits and of half its address space, of
// which the runtime reserves far more than it uses. 0 stands for no limit.
func allowed() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit
	}
	least := int64(math.MaxInt64)
	if limit := addressSpace(); limit > 0 {
		least = limit / 2
	}
	if limit := controlGroups("/"); limit > 0 {
		least = min(least, limit)
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// controlGroups returns the least memory limit of the control groups that the process is
// in; 0 for none. root is what the paths are below.
//
// https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max),
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html (memory.limit_in_bytes)
func controlGroups(root string) int64 {
	list, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(list)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) < 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		if part[1] == "memory" {
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if part[1] != "" {
			continue
		}
		// a container sees its own group at the top, whatever the path says
		for group := path.Clean("/" + part[2]); ; group = path.Dir(group) {
			if text, err := os.ReadFile(filepath.Join(root, mount, group, file)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
					least = min(least, n)
				}
			}
			if group == "/" {
				break
			}
		}
	}
	if least >= 1<<60 { // how the first version writes that there is none
		return 0
	}
	return least
}

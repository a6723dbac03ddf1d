package limits

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
)

var (
	units = []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
	sizes = regexp.MustCompile(`^([0-9]+)(KiB|MiB|GiB)$`)
)

// ParseSize returns the bytes that a size such as 512MiB stands for. Zero is no size.
func ParseSize(text string) (int64, error) {
	m := sizes.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size; write it as 512MiB or 2GiB", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	for _, u := range units {
		if u.name == m[2] {
			if err != nil || n > math.MaxInt64/u.bytes {
				return 0, fmt.Errorf("%q is too large", text)
			}
			n *= u.bytes
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("%q would allow nothing", text)
	}
	return n, nil
}

package kube

import (
	"fmt"
	"regexp"
	"strconv"
)

// version matches what clusters call themselves: 1.33, v1.33.2, 1.33+, 1.33.5-gke.1080000, v1.31.2+k3s1.
var version = regexp.MustCompile(`^v?1\.(\d{1,3})\+?(?:\.\d+)?(?:[-+][0-9A-Za-z][0-9A-Za-z.+-]*)?$`)

// CheckVersion returns why a text is no version of Kubernetes, nil where it is one that
// rules know or where it is empty.
func CheckVersion(text string) error {
	if text == "" {
		return nil
	}
	m := version.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is not a version; write it as 1.33", text)
	}
	if minor, err := strconv.Atoi(m[1]); err != nil || minor > Newest {
		return fmt.Errorf("%q is newer than the known versions; the newest is 1.%d", text, Newest)
	}
	return nil
}

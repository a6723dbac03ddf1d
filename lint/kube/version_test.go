package kube

import "testing"

func TestVersionsOfKubernetes(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "1.33": true, "v1.33.2": true, "1.33+": true, "1.33.5-gke.1080000": true, "v1.31.2+k3s1": true, "1.37": true, "1.9": true,
		"1.99": false, "1.30.x": false, "1.x": false, "33": false, "2.0": false, "1.": false, "1.33.": false, "latest": false, "1.33" + " ": false, "1.38.0": false,
	} {
		if err := CheckVersion(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

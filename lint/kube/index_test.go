package kube

import (
	"slices"
	"testing"
)

func shop(app string) LabelSet {
	return LabelSet{Labels: map[string]string{"part": "shop", "app": app}}
}

func both(app string) Selector {
	return Selector{{Key: "part", Op: "In", Values: []string{"shop"}}, {Key: "app", Op: "In", Values: []string{app}}}
}

// What is taken out of an index, and is still there, is not found: nothing goes
// through all items that share a label to find the one that has another.
func TestSelectorsLookUpTheRarestLabel(t *testing.T) {
	var x Index[string]
	for _, app := range []string{"a", "b", "c"} {
		x.Add(app, shop(app))
	}
	if got := slices.Collect(x.Selected(both("b"))); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("selected %q, want b", got)
	}
	delete(x.byLabel, [2]string{"app", "b"})
	if x.Any(both("b")) || x.Fulfils(both("b")[1]) {
		t.Error("items are looked at one by one")
	}
}

func TestWhatTheClusterSetsFits(t *testing.T) {
	var x Index[string]
	x.Add("job", LabelSet{Labels: map[string]string{"app": "a"}, Unknown: map[string]bool{"job-name": true}})
	x.Add("custom", LabelSet{Labels: map[string]string{"app": "b"}, Open: true})
	x.Add("pod", LabelSet{Labels: map[string]string{"app": "c"}})
	for want, s := range map[string]Selector{
		"job,custom,": {{Key: "job-name", Op: "In", Values: []string{"x"}}},
		"custom,":     {{Key: "zone", Op: "Exists"}},
		"custom,pod,": {{Key: "app", Op: "NotIn", Values: []string{"a"}}},
		"":            {{Key: "app", Op: "Like", Values: []string{"a"}}},
	} {
		got := ""
		for item := range x.Selected(s) {
			got += item + ","
		}
		if got != want {
			t.Errorf("%v selects %q, want %q", s, got, want)
		}
	}
}

func TestBuiltinGroups(t *testing.T) {
	for group, want := range map[string]bool{
		"": true, "apps": true, "networking.k8s.io": true, "gateway.networking.k8s.io": true,
		"gateway.networking.x-k8s.io": false, "argoproj.io": false, "example.com": false,
	} {
		if IsBuiltin(group) != want {
			t.Errorf("IsBuiltin(%q) is %v", group, !want)
		}
	}
}

func TestAnIndexKnowsWhoseValuesAreFilledIn(t *testing.T) {
	var x Index[string]
	x.Add("a", LabelSet{Labels: map[string]string{"app": "a", "part": "shop"}})
	x.Add("b", LabelSet{Labels: map[string]string{"app": "${APP}", "part": "shop"}})
	if !x.HasTemplated("app") || x.HasTemplated("part") || x.HasTemplated("zone") {
		t.Errorf("app %v, part %v, zone %v", x.HasTemplated("app"), x.HasTemplated("part"), x.HasTemplated("zone"))
	}
}

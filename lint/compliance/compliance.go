// Package compliance reads a report as an auditor does: control by control of a
// published framework. It judges nothing itself: a control fails where a rule that
// answers it has a finding. What no manifest can show is said to be not judgeable,
// never passed.
package compliance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Judged says how much of a control can be seen in manifests.
type Judged string

// The degrees to which a control can be judged from manifests.
const (
	Yes    Judged = "yes"
	Partly Judged = "partly"
	No     Judged = "no"
)

// A Verdict is what a report says of a control.
type Verdict string

// The verdicts. NotChecked is a control that rules answer, of which none ran.
const (
	Passed       Verdict = "passed"
	Failed       Verdict = "failed"
	NotJudgeable Verdict = "not judgeable"
	NotChecked   Verdict = "not checked"
)

// A Framework is a published list of controls.
type Framework struct {
	Name     string // as --compliance takes it: cis
	Title    string
	Source   string // the address of the publication
	Prefix   string // of the references that rules have: "CIS "
	Controls []Control

	// kubescape says that ids such as C-0057 are Kubescape's own, which rules
	// also name as those of a peer.
	kubescape bool
}

// A Control is one item of a framework. A rule answers it that refers to it, that
// Rules names, or that refers to one of Same, the same control elsewhere.
type Control struct {
	ID     string
	Title  string
	Judged Judged
	Rules  []string
	Same   []string
}

// Names returns the names of the frameworks.
func Names() []string {
	var names []string
	for _, f := range frameworks {
		names = append(names, f.Name)
	}
	return names
}

// Frameworks returns every framework, in the order of [Names]. It must not be changed.
func Frameworks() []Framework { return frameworks }

// Known reports whether a rule's reference names a control of a framework; a
// level of the Pod Security Standards counts as one.
func Known(reference string) bool {
	if reference == "PSS baseline" || reference == "PSS restricted" {
		return true
	}
	for _, f := range frameworks {
		id, ok := strings.CutPrefix(reference, f.Prefix)
		if ok && slices.ContainsFunc(f.Controls, func(c Control) bool { return c.ID == id }) {
			return true
		}
	}
	return false
}

// Answers reports whether a rule answers a control of the framework.
func (f Framework) Answers(r *lint.Rule, c Control) bool {
	if slices.Contains(c.Rules, r.ID) || slices.Contains(r.References, f.Prefix+c.ID) {
		return true
	}
	if f.kubescape && slices.Contains(r.Peers["kubescape"], c.ID) {
		return true
	}
	return slices.ContainsFunc(c.Same, func(ref string) bool { return slices.Contains(r.References, ref) })
}

// A Result is a framework with what a report says of each control.
type Result struct {
	Framework  string       `json:"framework"`
	Title      string       `json:"title"`
	Source     string       `json:"source"`
	Controls   []Assessment `json:"controls"`
	Passed     int          `json:"passed"`
	Failed     int          `json:"failed"`
	Unjudged   int          `json:"notJudgeable"`
	NotChecked int          `json:"notChecked"`
	Errors     int          `json:"errors"` // inputs that could not be checked: passed is then not proven
}

// An Assessment is a control with its verdict. Rules are those that answer it and
// ran; Findings and Suppressed count theirs.
type Assessment struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Judged     Judged   `json:"judged"`
	Verdict    Verdict  `json:"verdict"`
	Findings   int      `json:"findings"`
	Suppressed int      `json:"suppressed"`
	Rules      []string `json:"rules"`
	// NotRun are the rules that the framework names for the control and that did not run: what
	// they would find is not judged.
	NotRun []string `json:"notRun"`
}

// Assess reads a report by the framework of a name; an unknown name is an error.
func Assess(report *lint.Report, name string) (*Result, error) {
	for _, f := range frameworks {
		if f.Name == name {
			return f.assess(report), nil
		}
	}
	return nil, fmt.Errorf("unknown framework %q%s", name, lint.Suggest(name, Names()))
}

func (f Framework) assess(report *lint.Report) *Result {
	found, suppressed := map[string]int{}, map[string]int{}
	for _, finding := range slices.Concat(report.Findings, report.Yielded) {
		found[finding.Rule.ID]++
	}
	for _, s := range report.Suppressed {
		if s.Known() { // nobody has accepted it
			found[s.Finding.Rule.ID]++
			continue
		}
		suppressed[s.Finding.Rule.ID]++
	}
	result := &Result{Framework: f.Name, Title: f.Title, Source: f.Source, Controls: []Assessment{}, Errors: len(report.Errors)}
	for _, c := range f.Controls {
		a := Assessment{ID: c.ID, Title: c.Title, Judged: c.Judged, Rules: []string{}, NotRun: []string{}}
		for _, r := range report.Rules {
			if f.Answers(r, c) {
				a.Rules = append(a.Rules, r.ID)
				a.Findings += found[r.ID]
				a.Suppressed += suppressed[r.ID]
			}
		}
		for _, id := range c.Rules {
			if !slices.ContainsFunc(report.Rules, func(r *lint.Rule) bool { return r.ID == id }) {
				a.NotRun = append(a.NotRun, id)
			}
		}
		switch {
		case a.Findings > 0:
			a.Verdict = Failed
			result.Failed++
		case c.Judged == No:
			a.Verdict = NotJudgeable
			result.Unjudged++
		case len(a.Rules) == 0:
			a.Verdict = NotChecked
			result.NotChecked++
		default:
			a.Verdict = Passed
			result.Passed++
		}
		result.Controls = append(result.Controls, a)
	}
	return result
}

// Rules returns the IDs of the rules that answer a control of the framework of a
// name: a report by it runs them, whatever the profile. None for "".
func Rules(name string, rules []*lint.Rule) []string {
	var ids []string
	for _, f := range frameworks {
		for _, r := range rules {
			if f.Name == name && slices.ContainsFunc(f.Controls, func(c Control) bool { return f.Answers(r, c) }) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}

// Summaries reads a report by every framework, for formats that show the counts alone.
func Summaries(report *lint.Report) []*Result {
	var all []*Result
	for _, f := range frameworks {
		all = append(all, f.assess(report))
	}
	return all
}

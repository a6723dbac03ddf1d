package network

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/manilint/manilint/lint"
)

// A Matrix says for each workload what network policies leave it open to: what
// manilint network prints. Its JSON is the contract of that command.
type Matrix struct {
	Workloads []MatrixRow `json:"workloads"`
}

// A MatrixRow is one pod template.
type MatrixRow struct {
	Kind      string         `json:"kind"`
	Namespace string         `json:"namespace"` // "" where only the deploy decides
	Name      string         `json:"name"`
	Location  MatrixLocation `json:"location"`
	// Renderings are what shows the workload there in this state: charts, overlays,
	// plain files.
	Renderings  []lint.Rendering `json:"renderings"`
	Ingress     Reach            `json:"ingress"`
	Egress      Reach            `json:"egress"`
	HostNetwork bool             `json:"hostNetwork"` // outside every policy
}

// A MatrixLocation is where the workload is named. Lines and columns count from
// 1, columns in code points, and the end is exclusive; all are 0 where only the
// file is known.
type MatrixLocation struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
}

// A Reach is one direction of a workload's traffic.
type Reach struct {
	// Isolated tells that some policy selects the workload in this direction.
	Isolated bool `json:"isolated"`
	// OpenTo lists what policies, or their absence, then allow as a whole:
	// "cluster" is every pod of every namespace, "internet" every address outside.
	OpenTo []string `json:"openTo"`
	// Ports maps an entry of OpenTo to the ports it is limited to; without one
	// it is open on every port.
	Ports map[string][]string `json:"ports"`
	// Except maps an entry of OpenTo that is open on all ports but a few to those few.
	Except map[string][]string `json:"except"`
	// Policies are the policies that decide, as kind/name.
	Policies []string `json:"policies"`
}

// Table returns the matrix of the workloads of bundles, in their order.
// Renderings that show a workload at one place in the same state make one row.
func Table(bundles []*lint.Bundle) *Matrix {
	m := &Matrix{Workloads: []MatrixRow{}}
	seen := map[MatrixLocation][]int{}
	for _, b := range bundles {
		model := modelOf(b)
		reaches := map[*exposure]Reach{} // which workloads share
		for _, spec := range b.PodSpecs() {
			if b.Beside[spec.Resource] {
				continue
			}
			row := model.workloads[spec].row(model.names, reaches)
			known := slices.IndexFunc(seen[row.Location], func(i int) bool { return m.Workloads[i].same(row) })
			if known < 0 {
				row.Renderings = []lint.Rendering{b.Rendering}
				seen[row.Location] = append(seen[row.Location], len(m.Workloads))
				m.Workloads = append(m.Workloads, row)
				continue
			}
			if r := &m.Workloads[seen[row.Location][known]]; !slices.Contains(r.Renderings, b.Rendering) {
				r.Renderings = append(r.Renderings, b.Rendering)
			}
		}
	}
	return m
}

// same reports whether two rows differ in nothing but their renderings.
func (r MatrixRow) same(other MatrixRow) bool {
	r.Renderings, other.Renderings = nil, nil
	return reflect.DeepEqual(r, other)
}

// place names the file and line, and the charts and overlays that show the
// workload in this state.
func (r MatrixRow) place() string {
	text := r.Location.File
	if r.Location.Line > 0 {
		text += ":" + strconv.Itoa(r.Location.Line)
	}
	var roots []string
	for _, in := range r.Renderings {
		if in.Kind == "file" {
			continue
		}
		root := in.Root
		if in.Variant != "" {
			root += " with " + in.Variant
		}
		if !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	if len(roots) > 3 {
		roots = append(roots[:2], fmt.Sprintf("%d more", len(roots)-2))
	}
	if len(roots) == 0 {
		return text
	}
	return text + " in " + strings.Join(roots, ", ")
}

func (w *workload) row(names *portNames, known map[*exposure]Reach) MatrixRow {
	r := w.resource()
	reach := func(d direction) Reach {
		e := w.exposure(d)
		if _, ok := known[e]; !ok {
			known[e] = e.reach(names)
		}
		return known[e]
	}
	row := MatrixRow{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, HostNetwork: w.hostNetwork,
		Ingress: reach(ingress), Egress: reach(egress)}
	if span := r.Get("metadata", "name").Locate().Span; span.IsValid() {
		row.Location = MatrixLocation{span.Path(), span.Start.Line, span.Start.Column, span.End.Line, span.End.Column}
	}
	return row
}

func (e *exposure) reach(names *portNames) Reach {
	r := Reach{Isolated: e.isolated, OpenTo: []string{}, Ports: map[string][]string{}, Except: map[string][]string{}, Policies: []string{}}
	for _, s := range scopes {
		open := e.open[s]
		if open.empty() {
			continue
		}
		r.OpenTo = append(r.OpenTo, s.String())
		if open.full() {
			continue
		}
		r.Ports[s.String()] = names.list(open)
		if but := names.but(open); but != nil {
			r.Except[s.String()] = but
		}
	}
	for _, p := range e.policies {
		if name := p.res.Kind + "/" + p.res.Name; !slices.Contains(r.Policies, name) { // one of Cilium's may be several
			r.Policies = append(r.Policies, name)
		}
	}
	return r
}

// String describes the direction in one line: isolated; open to cluster,
// internet; isolated, but open to internet (443/TCP).
func (r Reach) String() string {
	var to []string
	for _, s := range r.OpenTo {
		if except := r.Except[s]; len(except) > 0 {
			s += " (all but " + some(except) + ")"
		} else if ports := r.Ports[s]; len(ports) > 0 {
			s += " (" + some(ports) + ")"
		}
		to = append(to, s)
	}
	switch {
	case len(to) == 0 && r.Isolated:
		return "isolated"
	case len(to) == 0:
		return "closed"
	case r.Isolated:
		return "isolated, but open to " + strings.Join(to, ", ")
	}
	return "open to " + strings.Join(to, ", ")
}

// some lists ports, the first of them where they are more than a line has room for.
func some(ports []string) string {
	const most = 12
	if len(ports) <= most {
		return strings.Join(ports, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ports[:most-1], ", "), len(ports)-most+1)
}

// WriteJSON writes the matrix as one JSON object.
func (m *Matrix) WriteJSON(w io.Writer) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return fmt.Errorf("encode the network matrix: %w", err)
	}
	_, err := io.WriteString(w, printable(buf.String()))
	return err
}

// WriteText writes the matrix as a table for people.
func (m *Matrix) WriteText(w io.Writer) error {
	rows := [][]string{{"NAMESPACE", "WORKLOAD", "INGRESS", "EGRESS", "PLACE"}}
	for _, r := range m.Workloads {
		namespace, ingress := r.Namespace, r.Ingress.String()
		if namespace == "" {
			namespace = "-"
		}
		egress := r.Egress.String()
		if r.HostNetwork {
			ingress, egress = "on the host's network", "on the host's network"
		}
		rows = append(rows, []string{oneLine(namespace), oneLine(r.Kind + "/" + r.Name), oneLine(ingress), oneLine(egress), oneLine(r.place())})
	}
	var widths [5]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable writes what a terminal must not see as \u escapes. JSON reads them
// as the same characters; its own line breaks stand between tokens alone.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func oneLine(text string) string {
	return strings.ReplaceAll(printable(text), "\n", `\n`)
}

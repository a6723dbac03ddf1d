package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A Matrix says for each workload what network policies leave it open to: what
// manilint network prints. Its JSON is the contract of that command.
type Matrix struct {
	Workloads []MatrixRow `json:"workloads"`
}

// A MatrixRow is one pod template.
type MatrixRow struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"` // "" where only the deploy decides
	Name      string `json:"name"`
	// Location is where the workload is named; all zero where that is not known.
	Location Location `json:"location"`
	// Renderings are what shows the workload there in this state: charts, overlays,
	// plain files.
	Renderings  []lint.Rendering `json:"renderings"`
	Ingress     Reach            `json:"ingress"`
	Egress      Reach            `json:"egress"`
	HostNetwork bool             `json:"hostNetwork"` // outside every policy
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

// Place names the file and line, and the charts and overlays that show the
// workload in this state.
func (r MatrixRow) Place() string {
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

// WriteJSON writes the matrix as one object.
func (m *Matrix) WriteJSON(w io.Writer) error { return Encode(w, m) }

// WriteText writes the matrix as a table for people.
func (m *Matrix) WriteText(w io.Writer) error {
	rows := append([][]string{{"NAMESPACE", "WORKLOAD", "INGRESS", "EGRESS", "PLACE"}}, m.rows()...)
	_, err := io.WriteString(w, columns(rows))
	return err
}

// rows returns the cells of the table, escaped.
func (m *Matrix) rows() [][]string {
	var rows [][]string
	for _, r := range m.Workloads {
		namespace, ingress, egress := cmp.Or(r.Namespace, "-"), r.Ingress.String(), r.Egress.String()
		if r.HostNetwork {
			ingress, egress = "on the host's network", "on the host's network"
		}
		rows = append(rows, []string{Escape(namespace), Escape(r.Kind + "/" + r.Name), Escape(ingress), Escape(egress), Escape(r.Place())})
	}
	return rows
}

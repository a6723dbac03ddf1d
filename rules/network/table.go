package network

import (
	"reflect"
	"slices"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/netpol"
	"github.com/manilint/manilint/lint/report"
)

// Table returns the matrix of the workloads of bundles, in their order.
// Renderings that show a workload at one place in the same state make one row.
func Table(bundles []*lint.Bundle) *report.Matrix {
	m := &report.Matrix{Workloads: []report.MatrixRow{}}
	seen := map[report.Location][]int{}
	for _, b := range bundles {
		model := netpol.ModelOf(b)
		reaches := map[*netpol.Exposure]report.Reach{} // which workloads share
		for _, spec := range b.PodSpecs() {
			if b.Unselected[spec.Resource] {
				continue
			}
			row := rowOf(model.Workloads[spec], model.Names, reaches)
			known := slices.IndexFunc(seen[row.Location], func(i int) bool { return same(m.Workloads[i], row) })
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
func same(r, other report.MatrixRow) bool {
	r.Renderings, other.Renderings = nil, nil
	return reflect.DeepEqual(r, other)
}

func rowOf(w *netpol.Workload, names *netpol.PortNames, known map[*netpol.Exposure]report.Reach) report.MatrixRow {
	r := w.Object()
	reach := func(d netpol.Direction) report.Reach {
		e := w.Exposure(d)
		if _, ok := known[e]; !ok {
			known[e] = openings(e, names)
		}
		return known[e]
	}
	row := report.MatrixRow{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, HostNetwork: w.HostNetwork,
		Ingress: reach(netpol.Ingress), Egress: reach(netpol.Egress)}
	if location := report.LocationOf(r.Get("metadata", "name").Locate().Span); location != nil {
		row.Location = *location
	}
	return row
}

func openings(e *netpol.Exposure, names *netpol.PortNames) report.Reach {
	r := report.Reach{Isolated: e.Isolated, OpenTo: []string{}, Ports: map[string][]string{}, Except: map[string][]string{}, Policies: []string{}}
	for _, s := range netpol.Scopes {
		open := e.Open[s]
		if open.Empty() {
			continue
		}
		r.OpenTo = append(r.OpenTo, s.String())
		if open.Full() {
			continue
		}
		r.Ports[s.String()] = names.List(open)
		if but := names.But(open); but != nil {
			r.Except[s.String()] = but
		}
	}
	for _, p := range e.Policies {
		if name := p.Resource.Kind + "/" + p.Resource.Name; !slices.Contains(r.Policies, name) { // one of Cilium's may be several
			r.Policies = append(r.Policies, name)
		}
	}
	return r
}

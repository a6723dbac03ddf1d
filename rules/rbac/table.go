package rbac

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/report"
)

func locate(n *lint.Node) *report.Location {
	if n == nil {
		return nil
	}
	return report.LocationOf(stand(n).Locate().Span)
}

// Table returns who can do what in the bundles. One subject of several bundles,
// or renderings, is one.
func Table(bundles []*lint.Bundle) *report.Audit {
	t := &tabulator{at: map[access.SubjectKey]*report.Subject{}, can: map[canKey]*report.Can{}, cans: map[*report.Subject][]*report.Can{}, met: map[string]bool{}, grants: map[roleScope][]namedGrant{}}
	for _, b := range bundles {
		t.add(access.Of(b), b.Unselected)
	}
	return t.audit()
}

type canKey struct {
	subject     access.SubjectKey
	what, scope string
	named       bool
}

type roleScope struct {
	role                *access.Role
	cluster, kubeSystem bool
}

type tabulator struct {
	at     map[access.SubjectKey]*report.Subject
	order  []*report.Subject
	can    map[canKey]*report.Can
	cans   map[*report.Subject][]*report.Can
	roles  []report.UnboundRole
	met    map[string]bool
	grants map[roleScope][]namedGrant
}

// add takes over who can do what in a bundle. Of what is next to the files that were
// named it takes what it says of their subjects, and leaves out the others.
func (t *tabulator) add(g *access.Graph, beside map[*lint.Resource]bool) {
	for _, s := range g.Order {
		if !isAsked(s, beside) {
			continue
		}
		key := access.SubjectKey{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}
		row := t.at[key]
		if row == nil {
			row = &report.Subject{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name, Workloads: []string{}, Can: []report.Can{}}
			t.at[key] = row
			t.order = append(t.order, row)
		}
		if s.Account != nil {
			for _, pod := range s.Account.Pods {
				t.addWorkload(row, pod.Resource)
			}
		}
		for _, b := range s.Bindings {
			for _, r := range b.Roles {
				for _, gr := range t.grantsOf(r, b) {
					t.addCan(row, key, b, r, gr)
				}
			}
		}
	}
	for _, r := range g.Roles {
		if r.FirstBinding() != nil || len(r.Labels) > 0 || beside[r.Resource] {
			continue
		}
		var what []string
		for _, p := range r.Powers(r.Cluster()) {
			what = append(what, p.What)
		}
		if len(what) > 0 {
			t.addUnbound(report.UnboundRole{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Location: locate(r.Resource.Get("metadata", "name")), What: what})
		}
	}
}

// isAsked reports whether anything of a subject is not next to: a binding that names it,
// the service account, a workload that runs as it.
func isAsked(s *access.Subject, beside map[*lint.Resource]bool) bool {
	asked := slices.ContainsFunc(s.Bindings, func(b *access.Binding) bool { return !beside[b.Resource] })
	if a := s.Account; a != nil {
		asked = asked || a.Resource != nil && !beside[a.Resource] || slices.ContainsFunc(a.Pods, func(p *lint.PodSpec) bool { return !beside[p.Resource] })
	}
	return asked
}

// grantsOf returns what a role gives where a binding binds it, each power once
// without a limit to names and once with.
func (t *tabulator) grantsOf(r *access.Role, b *access.Binding) []namedGrant {
	key := roleScope{r, b.Cluster(), !b.Cluster() && b.Resource.Namespace == "kube-system"}
	if all, ok := t.grants[key]; ok {
		return all
	}
	namespace := ""
	if key.kubeSystem {
		namespace = "kube-system"
	}
	var all []namedGrant
	at := map[grantKind]int{}
	approves := r.Approves()
	r.Rules(func(p *access.PolicyRule) {
		for _, g := range p.Grants {
			if !g.At(key.cluster, namespace) || p.Named() && g.Power.Names == access.Silent || g.Power == access.ApproveCertificates && !approves {
				continue
			}
			kind := grantKind{g.Power, p.Named()}
			i, ok := at[kind]
			if !ok {
				i = len(all)
				at[kind] = i
				all = append(all, namedGrant{g.Within(key.cluster), []string{}})
			}
			for _, e := range p.Names {
				all[i].names = append(all[i].names, e.Text)
			}
		}
	})
	for i := range all {
		slices.Sort(all[i].names)
		all[i].names = slices.Compact(all[i].names)
	}
	t.grants[key] = all
	return all
}

// A namedGrant is a grant with the names that limit it, those of all rules of
// its role that grant the same.
type namedGrant struct {
	*access.Grant
	names []string
}

type grantKind struct {
	power *access.Power
	named bool
}

func (t *tabulator) addWorkload(row *report.Subject, res *lint.Resource) {
	name := res.Kind + " " + qualified(res.Namespace, res.Name)
	if t.isNew("runs as", row.Namespace, row.Name, name) {
		row.Workloads = append(row.Workloads, name)
	}
}

func (t *tabulator) addCan(row *report.Subject, subject access.SubjectKey, b *access.Binding, r *access.Role, gr namedGrant) {
	scope := "cluster"
	if !b.Cluster() {
		scope = "namespace:" + b.Resource.Namespace
	}
	key := canKey{subject, gr.Power.What, scope, len(gr.names) > 0}
	severity, _ := gr.Weight(b.Cluster())
	c := t.can[key]
	if c == nil {
		c = &report.Can{What: gr.Power.What, Scope: scope, Severity: severity, Names: []string{}, Through: []report.Through{}}
		t.can[key] = c
		t.cans[row] = append(t.cans[row], c)
	}
	c.Severity = max(c.Severity, severity)
	if len(c.Through) == 0 {
		c.Names = gr.names
	} else if !slices.Equal(c.Names, gr.names) {
		c.Names = slices.Concat(c.Names, gr.names)
		slices.Sort(c.Names)
		c.Names = slices.Compact(c.Names)
	}
	through := report.Through{Kind: b.Resource.Kind, Name: b.Resource.Name, Location: locate(b.Ref), Role: report.RoleName{Kind: r.Kind, Name: r.Name, Location: locate(gr.Node())}}
	if t.isNew(subject.Kind, subject.Namespace, subject.Name, key.what, scope, strconv.FormatBool(key.named), b.Resource.Kind, b.Resource.Name, through.Location.String(), r.Name) {
		c.Through = append(c.Through, through)
	}
}

// isNew reports whether a line was not met before.
func (t *tabulator) isNew(parts ...string) bool {
	key := strings.Join(parts, "\x00")
	if t.met[key] {
		return false
	}
	t.met[key] = true
	return true
}

func (t *tabulator) addUnbound(r report.UnboundRole) {
	if t.isNew(r.Kind, r.Namespace, r.Name, r.Location.String()) {
		t.roles = append(t.roles, r)
	}
}

func (t *tabulator) audit() *report.Audit {
	a := &report.Audit{Subjects: []report.Subject{}, Unbound: []report.UnboundRole{}}
	rank := map[string]int{}
	for i, p := range access.Powers {
		rank[p.What] = i
		a.Legend = append(a.Legend, report.Power{What: p.What, Severity: p.Severity, Can: p.Can})
	}
	for _, row := range t.order {
		slices.Sort(row.Workloads)
		for _, c := range t.cans[row] {
			slices.SortFunc(c.Through, func(a, b report.Through) int {
				return cmp.Or(strings.Compare(a.Location.String(), b.Location.String()), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Role.Name, b.Role.Name))
			})
			row.Can = append(row.Can, *c)
		}
		slices.SortFunc(row.Can, func(a, b report.Can) int {
			return cmp.Or(int(b.Severity-a.Severity), rank[a.What]-rank[b.What], strings.Compare(a.Scope, b.Scope), slices.Compare(a.Names, b.Names))
		})
		a.Subjects = append(a.Subjects, *row)
	}
	slices.SortFunc(a.Subjects, func(a, b report.Subject) int {
		return cmp.Or(worst(b)-worst(a), len(b.Can)-len(a.Can), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	a.Unbound = append(a.Unbound, t.roles...)
	slices.SortFunc(a.Unbound, func(a, b report.UnboundRole) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Location.String(), b.Location.String()))
	})
	return a
}

// worst is the severity of the worst that a subject can do, -1 where that is nothing;
// its powers are sorted.
func worst(s report.Subject) int {
	if len(s.Can) == 0 {
		return -1
	}
	return int(s.Can[0].Severity)
}

func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

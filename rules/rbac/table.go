package rbac

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/manilint/manilint/lint"
)

// An Audit is who can do what of the list of dangerous powers, through which
// binding: what manilint rbac prints.
type Audit struct {
	// Subjects are all that a binding names, those with the worst powers first.
	Subjects []Subject `json:"subjects"`
	// Unbound are the roles with a power on the list that nothing binds.
	Unbound []UnboundRole `json:"unbound"`
}

// A Subject is a user, a group or a service account.
type Subject struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Workloads run as the service account, as Kind namespace/name.
	Workloads []string `json:"workloads"`
	Can       []Can    `json:"can"`
}

// A Can is one power in one scope.
type Can struct {
	What string `json:"what"`
	// Scope is cluster or namespace:NAME; the name is empty where only the
	// deploy decides it.
	Scope    string        `json:"scope"`
	Severity lint.Severity `json:"severity"`
	// Names are the resourceNames that limit it; empty: it is not limited.
	Names   []string  `json:"names"`
	Through []Through `json:"through"`
}

// A Through is a binding that gives a power, with the role that it binds.
type Through struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Location *Location `json:"location"`
	Role     RoleName  `json:"role"`
}

// A RoleName names a role; Location is where it grants the power, null in the
// roles that Kubernetes itself has.
type RoleName struct {
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Location *Location `json:"location"`
}

// An UnboundRole grants powers to nobody that the input shows.
type UnboundRole struct {
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Location  *Location `json:"location"`
	What      []string  `json:"what"`
}

// A Location is a place in a file, as findings have it.
type Location struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
}

func locate(n *lint.Node) *Location {
	if n == nil {
		return nil
	}
	span := stand(n).Locate().Span
	if !span.IsValid() {
		return nil
	}
	return &Location{span.Path(), span.Start.Line, span.Start.Column, span.End.Line, span.End.Column}
}

func (l *Location) String() string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", l.File, l.Line)
}

// Table returns who can do what in the bundles. One subject of several bundles,
// or renderings, is one.
func Table(bundles []*lint.Bundle) *Audit {
	t := &tabulator{at: map[subjectKey]*Subject{}, can: map[canKey]*Can{}, cans: map[*Subject][]*Can{}, met: map[string]bool{}, grants: map[roleScope][]namedGrant{}}
	for _, b := range bundles {
		t.add(of(b))
	}
	return t.audit()
}

type canKey struct {
	subject     subjectKey
	what, scope string
	named       bool
}

type roleScope struct {
	role                *role
	cluster, kubeSystem bool
}

type tabulator struct {
	at     map[subjectKey]*Subject
	order  []*Subject
	can    map[canKey]*Can
	cans   map[*Subject][]*Can
	roles  []UnboundRole
	met    map[string]bool
	grants map[roleScope][]namedGrant
}

func (t *tabulator) add(g *graph) {
	for _, s := range g.order {
		key := subjectKey{s.kind, s.namespace, s.name}
		row := t.at[key]
		if row == nil {
			row = &Subject{Kind: s.kind, Namespace: s.namespace, Name: s.name, Workloads: []string{}, Can: []Can{}}
			t.at[key] = row
			t.order = append(t.order, row)
		}
		if s.account != nil {
			for _, pod := range s.account.pods {
				t.addWorkload(row, pod.Resource)
			}
		}
		for _, b := range s.bindings {
			for _, r := range b.roles {
				for _, gr := range t.grantsOf(r, b) {
					t.addCan(row, key, b, r, gr)
				}
			}
		}
	}
	for _, r := range g.roles {
		if r.firstBinding() != nil || len(r.labels) > 0 {
			continue
		}
		var what []string
		for _, p := range r.powers(r.cluster()) {
			what = append(what, p.what)
		}
		if len(what) > 0 {
			t.addUnbound(UnboundRole{r.kind, r.namespace, r.name, locate(r.res.Get("metadata", "name")), what})
		}
	}
}

// grantsOf returns what a role gives where a binding binds it, each power once
// without a limit to names and once with.
func (t *tabulator) grantsOf(r *role, b *binding) []namedGrant {
	key := roleScope{r, b.cluster(), !b.cluster() && b.res.Namespace == "kube-system"}
	if all, ok := t.grants[key]; ok {
		return all
	}
	namespace := ""
	if key.kubeSystem {
		namespace = "kube-system"
	}
	var all []namedGrant
	at := map[grantKind]int{}
	approves := r.approves()
	r.rules(func(p *policyRule) {
		for _, g := range p.grants {
			if !g.at(key.cluster, namespace) || p.named() && g.power.names == silent || g.power == approveCertificates && !approves {
				continue
			}
			kind := grantKind{g.power, p.named()}
			i, ok := at[kind]
			if !ok {
				i = len(all)
				at[kind] = i
				all = append(all, namedGrant{g, []string{}})
			}
			for _, e := range p.names {
				all[i].names = append(all[i].names, e.text)
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
	*grant
	names []string
}

type grantKind struct {
	power *power
	named bool
}

func (t *tabulator) addWorkload(row *Subject, res *lint.Resource) {
	name := res.Kind + " " + qualified(res.Namespace, res.Name)
	if t.isNew("runs as", row.Namespace, row.Name, name) {
		row.Workloads = append(row.Workloads, name)
	}
}

func (t *tabulator) addCan(row *Subject, subject subjectKey, b *binding, r *role, gr namedGrant) {
	scope := "cluster"
	if !b.cluster() {
		scope = "namespace:" + b.res.Namespace
	}
	key := canKey{subject, gr.power.what, scope, len(gr.names) > 0}
	severity, _ := gr.weight(b.cluster())
	c := t.can[key]
	if c == nil {
		c = &Can{What: gr.power.what, Scope: scope, Severity: severity, Names: []string{}, Through: []Through{}}
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
	through := Through{b.res.Kind, b.res.Name, locate(b.ref), RoleName{r.kind, r.name, locate(gr.node())}}
	if t.isNew(subject.kind, subject.namespace, subject.name, key.what, scope, strconv.FormatBool(key.named), b.res.Kind, b.res.Name, through.Location.String(), r.name) {
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

func (t *tabulator) addUnbound(r UnboundRole) {
	if t.isNew(r.Kind, r.Namespace, r.Name, r.Location.String()) {
		t.roles = append(t.roles, r)
	}
}

func (t *tabulator) audit() *Audit {
	a := &Audit{Subjects: []Subject{}, Unbound: []UnboundRole{}}
	rank := map[string]int{}
	for i, p := range powers {
		rank[p.what] = i
	}
	for _, row := range t.order {
		slices.Sort(row.Workloads)
		for _, c := range t.cans[row] {
			slices.SortFunc(c.Through, func(a, b Through) int {
				return cmp.Or(strings.Compare(a.Location.String(), b.Location.String()), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Role.Name, b.Role.Name))
			})
			row.Can = append(row.Can, *c)
		}
		slices.SortFunc(row.Can, func(a, b Can) int {
			return cmp.Or(int(b.Severity-a.Severity), rank[a.What]-rank[b.What], strings.Compare(a.Scope, b.Scope), slices.Compare(a.Names, b.Names))
		})
		a.Subjects = append(a.Subjects, *row)
	}
	slices.SortFunc(a.Subjects, func(a, b Subject) int {
		return cmp.Or(b.worst()-a.worst(), len(b.Can)-len(a.Can), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	a.Unbound = append(a.Unbound, t.roles...)
	slices.SortFunc(a.Unbound, func(a, b UnboundRole) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Location.String(), b.Location.String()))
	})
	return a
}

func (s *Subject) worst() int {
	if len(s.Can) == 0 {
		return -1
	}
	return int(s.Can[0].Severity)
}

// WriteJSON writes the audit as one object.
func (a *Audit) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(a)
}

// WriteText writes the audit as a table, followed by what its words mean.
func (a *Audit) WriteText(w io.Writer) error {
	var out strings.Builder
	used := map[string]bool{}
	limited := false
	harmless := 0
	tw := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	if slices.ContainsFunc(a.Subjects, func(s Subject) bool { return len(s.Can) > 0 }) {
		fmt.Fprintln(tw, "SUBJECT\tCAN\tSCOPE\tTHROUGH")
	}
	for _, s := range a.Subjects {
		if len(s.Can) == 0 {
			harmless++
			continue
		}
		if len(used) > 0 {
			fmt.Fprintln(tw, "\t\t\t") // a blank line that keeps the columns
		}
		left := []string{s.Kind + " " + printable(qualified(s.Namespace, s.Name))}
		for _, workload := range s.Workloads {
			left = append(left, "  "+printable(workload))
		}
		var lines [][3]string
		for _, group := range s.groups() {
			first := len(lines)
			for _, c := range group {
				used[c.What] = true
				what := c.What
				if len(c.Names) > 0 {
					limited = true
					what += " (" + printable(strings.Join(c.Names[:min(len(c.Names), maxRelated)], ", ")) + more(len(c.Names)-maxRelated) + ")"
				}
				lines = append(lines, [3]string{what})
			}
			for i, t := range group[0].Through {
				if first+i == len(lines) {
					lines = append(lines, [3]string{})
				}
				lines[first+i][2] = t.text()
			}
			lines[first][1] = printable(group[0].Scope)
			if group[0].Scope == "namespace:" {
				lines[first][1] = "its namespace"
			}
		}
		for i := range max(len(left), len(lines)) {
			var subject string
			var line [3]string
			if i < len(left) {
				subject = left[i]
			}
			if i < len(lines) {
				line = lines[i]
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", subject, line[0], line[1], line[2])
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(a.Unbound) > 0 {
		separate(&out)
		fmt.Fprintln(tw, "BOUND TO NOBODY HERE\tGRANTS\tAT")
		for _, r := range a.Unbound {
			for _, what := range r.What {
				used[what] = true
			}
			fmt.Fprintf(tw, "%s %s\t%s\t%s\n", r.Kind, printable(qualified(r.Namespace, r.Name)), strings.Join(r.What, ", "), printable(r.Location.String()))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if len(used) > 0 {
		separate(&out)
		for _, p := range powers {
			if used[p.what] {
				fmt.Fprintf(tw, "%s\t%s\t%s\n", p.what, p.severity, p.can)
			}
		}
		if limited {
			fmt.Fprintln(tw, "(name)\tless\tno more than the object of that name")
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	separate(&out)
	dangerous := len(a.Subjects) - harmless
	fmt.Fprintf(&out, "%s with a dangerous permission, %d without\n", count(dangerous, "subject"), harmless)
	_, err := io.WriteString(w, trimLines(out.String()))
	return err
}

// groups puts powers of one scope that come through the same bindings together:
// the table names those once.
func (s *Subject) groups() [][]Can {
	var all [][]Can
	at := map[string]int{}
	for _, c := range s.Can {
		key := c.Scope
		for _, t := range c.Through {
			key += "\x00" + t.text()
		}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], c)
	}
	return all
}

func separate(out *strings.Builder) {
	if out.Len() > 0 {
		out.WriteString("\n")
	}
}

// trimLines removes the blanks that the table leaves at the ends of lines.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (t Through) text() string {
	text := fmt.Sprintf("%s %s → %s %s", t.Kind, printable(t.Name), t.Role.Kind, printable(t.Role.Name))
	if t.Location != nil {
		text += " (" + printable(t.Location.String()) + ")"
	}
	return text
}

func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// printable replaces what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)
}

package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/manilint/manilint/lint"
)

// maxNames is how many names of objects a line of the audit holds.
const maxNames = 5

// An Audit is who can do what of the list of dangerous powers, through which
// binding: what manilint rbac prints.
type Audit struct {
	// Subjects are all that a binding names, those with the worst powers first.
	Subjects []Subject `json:"subjects"`
	// Unbound are the roles with a power on the list that nothing binds.
	Unbound []UnboundRole `json:"unbound"`
	// Legend says what the words of Can and UnboundRole mean, in the order that the
	// text lists them.
	Legend []Power `json:"-"`
}

// A Power is one word of an audit.
type Power struct {
	What     string
	Severity lint.Severity
	Can      string // completes "can …"
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

// WriteJSON writes the audit as one object.
func (a *Audit) WriteJSON(w io.Writer) error { return Encode(w, a) }

// WriteText writes the audit as a table, followed by what its words mean.
func (a *Audit) WriteText(w io.Writer) error {
	used := map[string]bool{}
	limited := false
	harmless := 0
	var parts []string
	rows := [][]string{{"SUBJECT", "CAN", "SCOPE", "THROUGH"}}
	for _, s := range a.Subjects {
		if len(s.Can) == 0 {
			harmless++
			continue
		}
		if len(rows) > 1 {
			rows = append(rows, nil) // a blank line that keeps the columns
		}
		left := []string{Escape(s.Kind + " " + qualified(s.Namespace, s.Name))}
		for _, workload := range s.Workloads {
			left = append(left, "  "+Escape(workload))
		}
		var lines [][3]string
		for _, group := range s.groups() {
			first := len(lines)
			for _, c := range group {
				used[c.What] = true
				what := c.What
				if len(c.Names) > 0 {
					limited = true
					what += " (" + Escape(someNames(c.Names)) + ")"
				}
				lines = append(lines, [3]string{what})
			}
			for i, t := range group[0].Through {
				if first+i == len(lines) {
					lines = append(lines, [3]string{})
				}
				lines[first+i][2] = t.text()
			}
			lines[first][1] = Escape(group[0].Scope)
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
			rows = append(rows, []string{subject, line[0], line[1], line[2]})
		}
	}
	if len(rows) > 1 {
		parts = append(parts, columns(rows))
	}
	if len(a.Unbound) > 0 {
		rows := [][]string{{"NOT BOUND IN THIS BUNDLE", "GRANTS", "AT"}}
		for _, r := range a.Unbound {
			for _, what := range r.What {
				used[what] = true
			}
			rows = append(rows, []string{Escape(r.Kind + " " + qualified(r.Namespace, r.Name)), strings.Join(r.What, ", "), Escape(r.Location.String())})
		}
		parts = append(parts, columns(rows))
	}
	if len(used) > 0 {
		var rows [][]string
		for _, p := range a.Legend {
			if used[p.What] {
				rows = append(rows, []string{p.What, p.Severity.String(), p.Can})
			}
		}
		if limited {
			rows = append(rows, []string{"(name)", "less", "only the object of that name"})
		}
		parts = append(parts, columns(rows))
	}
	dangerous := len(a.Subjects) - harmless
	parts = append(parts, fmt.Sprintf("%s with a dangerous permission, %d without\n", plural(dangerous, "subject"), harmless))
	_, err := io.WriteString(w, strings.Join(parts, "\n"))
	return err
}

// someNames lists the first few names and counts the others.
func someNames(names []string) string {
	text := strings.Join(names[:min(len(names), maxNames)], ", ")
	if n := len(names) - maxNames; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text
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

func (t Through) text() string {
	text := fmt.Sprintf("%s %s → %s %s", t.Kind, t.Name, t.Role.Kind, t.Role.Name)
	if t.Location != nil {
		text += " (" + t.Location.String() + ")"
	}
	return Escape(text)
}

func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

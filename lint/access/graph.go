package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A Graph is who may do what in a bundle: workloads → service accounts →
// bindings → roles → powers. It is built once a bundle, in time linear in
// objects and edges.
type Graph struct {
	minor    int     // the minor version of Kubernetes that is deployed to
	Roles    []*Role // those of the bundle
	Bindings []*Binding
	Accounts []*Account // those that exist, run a pod or are bound

	byName map[string][]*Role // kind/name
	// Builtins are the built-in roles by name; none in a bundle that has no role and no binding.
	Builtins map[string]*Role
	account  map[string]*nameAccounts
	subjects map[SubjectKey]*Subject
	Order    []*Subject      // in the order met
	installs map[*Power]bool // operators that the bundle installs
	// accountGroups are the groups of a namespace's service accounts that are bound.
	accountGroups []string
}

// A Role is a Role, a ClusterRole or a built-in role.
type Role struct {
	Resource              *lint.Resource // nil: built in
	Kind, Namespace, Name string
	Own                   []*PolicyRule
	sources               []*Role // what an aggregated role takes in, nested ones too
	Into                  []*Role // the aggregated roles that take it in
	Labels                []string
	aggregated            bool
	Bindings              []*Binding
	first                 *Binding // of bindings, the first cluster-wide one where there is one

	// Where it is bound, through aggregated roles too.
	held                     int // the number of subjects
	readsNamedSecret         bool
	clusterBound, kubeSystem bool
	namespaces               []string    // of the RoleBindings, no more than maxNamespaces
	worst                    [2]*Grant   // the worst takeover power in kube-system, cluster-wide
	can                      [2][]*Grant // one for each power, the worst first
}

// String returns the kind and quoted name.
func (r *Role) String() string { return r.Kind + ` "` + r.Name + `"` }

// A Binding is a RoleBinding or a ClusterRoleBinding.
type Binding struct {
	Resource *lint.Resource
	Ref      *lint.Node // roleRef.name
	Kind     string     // of the role
	Name     string
	Roles    []*Role // usually one; none where the bundle does not have it
	Subjects []*SubjectRef
	distinct int // how many subjects, each counted once
	Narrow   int // how many of them are no broad group: see IsBroad
}

// Cluster reports whether the binding binds cluster-wide.
func (b *Binding) Cluster() bool { return b.Resource.Kind == "ClusterRoleBinding" }

// A Subject is a user, a group or a service account that is bound.
type Subject struct {
	Kind, Namespace, Name string
	Account               *Account // of a ServiceAccount
	Bindings              []*Binding
	Deputy                bool // holds bind or escalate through any role
}

// A SubjectRef is a subject where a binding names it.
type SubjectRef struct {
	*Subject
	Node *lint.Node
}

// A SubjectKey tells subjects apart.
type SubjectKey struct{ Kind, Namespace, Name string }

// String returns the kind and quoted name.
func (s *Subject) String() string { return s.Kind + ` "` + s.Name + `"` }

// An Account is a service account with the pods that run as it.
type Account struct {
	Namespace, Name string
	Resource        *lint.Resource  // nil where the bundle does not have it
	Pods            []*lint.PodSpec // that run as it
	Holders         []Holder        // that get its token by a Secret
	Bindings        []*Binding
}

type nameAccounts struct {
	all  []*Account
	byNS map[string]*Account
}

// Of returns the graph of a bundle, built when it is first requested.
func Of(b *lint.Bundle) *Graph { return lint.Shared(b, build) }

func build(b *lint.Bundle) *Graph {
	g := &Graph{minor: kube.Minor(b), byName: map[string][]*Role{}, Builtins: map[string]*Role{}, account: map[string]*nameAccounts{}, subjects: map[SubjectKey]*Subject{}, installs: map[*Power]bool{}}
	g.findOperators(b)
	for _, res := range b.OfKind("ClusterRole", "Role") {
		if res.Group == Group {
			g.addRole(res)
		}
	}
	g.aggregate()
	for _, r := range g.Roles {
		r.readNames()
	}
	bindings := b.OfKind("ClusterRoleBinding", "RoleBinding")
	if len(g.Roles) > 0 || len(bindings) > 0 { // else nothing leads to them
		for _, name := range slices.Sorted(maps.Keys(builtin)) {
			g.addBuiltin(name)
		}
	}
	for _, res := range b.OfKind("ServiceAccount") {
		if res.Group == "" {
			if a := g.accountAt(res.Namespace, res.Name); a.Resource == nil {
				a.Resource = res
			}
		}
	}
	for _, pod := range b.PodSpecs() {
		a := g.accountAt(pod.Resource.Namespace, kube.Account(pod))
		a.Pods = append(a.Pods, pod)
	}
	g.addHolders(b)
	for _, res := range bindings {
		if res.Group == Group {
			g.addBinding(res)
		}
	}
	g.judge()
	return g
}

// judge settles what rules ask of roles and subjects again and again: rules run
// at the same time, so the graph does not change once it is built.
func (g *Graph) judge() {
	roles := slices.Clone(g.Roles)
	for _, name := range slices.Sorted(maps.Keys(g.Builtins)) {
		roles = append(roles, g.Builtins[name])
	}
	type reach struct {
		cluster, kubeSystem bool
		namespaces          []string
	}
	own := map[*Role]reach{} // before parts take over from the roles they are in
	for _, r := range roles {
		own[r] = reach{r.clusterBound, r.kubeSystem, slices.Clone(r.namespaces)}
	}
	for _, r := range roles {
		for _, a := range r.Into {
			from := own[a]
			r.clusterBound, r.kubeSystem = r.clusterBound || from.cluster, r.kubeSystem || from.kubeSystem
			r.bind(false, from.namespaces...)
		}
		r.judge()
	}
	for _, s := range g.Order {
		for _, b := range s.Bindings {
			for _, r := range b.Roles {
				if w := r.Takeover(b.Cluster()); w != nil && w.Power.Takeover >= Bind.Takeover {
					s.Deputy = true
				}
			}
		}
	}
}

func (g *Graph) addRole(res *lint.Resource) {
	r := &Role{Resource: res, Kind: res.Kind, Namespace: res.Namespace, Name: res.Name}
	r.aggregated = r.Kind == "ClusterRole" && res.Get("aggregationRule").IsMapping()
	if !r.aggregated { // the controller overwrites the rules of an aggregated role
		for _, n := range res.Get("rules").Items() {
			if n.IsMapping() {
				for _, p := range NewPolicyRule(r, n, g.minor).Parts() {
					p.Grants = g.installed(GrantsOf(p))
					r.Own = append(r.Own, p)
				}
			}
		}
	}
	if r.Kind == "ClusterRole" {
		labels := res.Get("metadata", "labels")
		for _, name := range []string{"view", "edit", "admin"} {
			if labels.Get(AggregateLabel+name).Value() == "true" {
				r.Labels = append(r.Labels, name)
			}
		}
	}
	g.Roles = append(g.Roles, r)
	key := r.Kind + "/" + r.Name
	g.byName[key] = append(g.byName[key], r)
}

// maxAggregated bounds how many roles all aggregated ones take in: a cluster has a few
// dozen, and thousands that take each other in would not come to an end.
const maxAggregated = 1 << 20

// aggregate resolves aggregationRule, nested too.
func (g *Graph) aggregate() {
	index := sync.OnceValue(func() *kube.Index[*Role] {
		var x kube.Index[*Role]
		for _, r := range g.Roles {
			if r.Kind == "ClusterRole" {
				x.Add(r, kube.LabelSet{Labels: r.Resource.Labels()})
			}
		}
		return &x
	})
	selected := map[string][]*Role{} // by selector
	direct := map[*Role][]string{}   // the selectors of a role
	for _, r := range g.Roles {
		if !r.aggregated {
			continue
		}
		for _, selector := range r.Resource.Get("aggregationRule", "clusterRoleSelectors").Items() {
			if !selector.IsMapping() {
				continue
			}
			parsed := kube.ParseSelector(selector)
			text := fmt.Sprintf("%q", parsed)
			if _, known := selected[text]; !known {
				selected[text] = slices.Collect(index().Selected(parsed))
			}
			direct[r] = append(direct[r], text)
		}
	}
	pairs := 0
	for _, r := range g.Roles {
		if !r.aggregated {
			continue
		}
		seen, followed := map[*Role]bool{r: true}, map[string]bool{}
		for queue := slices.Clone(direct[r]); len(queue) > 0 && pairs < maxAggregated; queue = queue[1:] {
			if followed[queue[0]] {
				continue
			}
			followed[queue[0]] = true
			for _, s := range selected[queue[0]] {
				if seen[s] {
					continue
				}
				seen[s] = true
				pairs++
				r.sources = append(r.sources, s)
				s.Into = append(s.Into, r)
				queue = append(queue, direct[s]...)
			}
		}
	}
}

// addBuiltin makes a built-in role, with the roles of the bundle that are
// aggregated into it.
func (g *Graph) addBuiltin(name string) *Role {
	if r := g.Builtins[name]; r != nil {
		return r
	}
	r := builtinRole(name, g.minor)
	g.Builtins[name] = r
	var levels []string
	switch name {
	case "admin":
		levels = []string{"admin", "edit", "view"}
	case "edit":
		levels = []string{"edit", "view"}
	case "view":
		levels = []string{"view"}
	}
	for _, level := range levels {
		r.sources = append(r.sources, builtinRole("system:aggregate-to-"+level, g.minor))
	}
	var parts []*Role
	for _, s := range g.byName["ClusterRole/"+name] {
		if s.reconciled() {
			parts = append(parts, s)
		}
	}
	if levels != nil {
		for _, s := range g.Roles {
			if slices.ContainsFunc(s.Labels, func(l string) bool { return slices.Contains(levels, l) }) {
				parts = append(parts, s)
			}
		}
	}
	for _, s := range parts {
		for _, part := range append([]*Role{s}, s.sources...) {
			if !slices.Contains(r.sources, part) {
				r.sources = append(r.sources, part)
				part.Into = append(part.Into, r)
			}
		}
	}
	return r
}

// reconciled reports whether a role of the bundle is one of those that the API
// server makes itself: at each start it adds what such a role does not have, and takes nothing
// away, but for one that opts out
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation).
func (r *Role) reconciled() bool {
	_, ok := builtin[r.Name]
	return ok && r.Kind == "ClusterRole" && r.Resource != nil &&
		r.Resource.Get("metadata", "annotations", "rbac.authorization.kubernetes.io/autoupdate").Value() != "false"
}

// Rules calls visit for every policy rule that a role has, aggregated ones too.
func (r *Role) Rules(visit func(*PolicyRule)) {
	for _, p := range r.Own {
		visit(p)
	}
	for _, s := range r.sources {
		for _, p := range s.Own {
			visit(p)
		}
	}
}

func (g *Graph) addBinding(res *lint.Resource) {
	ref := res.Get("roleRef")
	b := &Binding{Resource: res, Ref: ref.Get("name"), Kind: ref.Get("kind").Value(), Name: ref.Get("name").Value()}
	g.Bindings = append(g.Bindings, b)
	for _, n := range res.Get("subjects").Items() {
		if s := g.subjectOf(n, res.Namespace); s != nil {
			b.Subjects = append(b.Subjects, &SubjectRef{s, n})
			if len(s.Bindings) == 0 || s.Bindings[len(s.Bindings)-1] != b {
				b.distinct++
				if !s.IsBroad() {
					b.Narrow++
				}
				s.Bindings = append(s.Bindings, b)
				if s.Account != nil {
					s.Account.Bindings = append(s.Account.Bindings, b)
				}
			}
		}
	}
	if b.Kind == "ClusterRole" || b.Kind == "Role" && !b.Cluster() {
		b.Roles = g.Lookup(b.Kind, res.Namespace, b.Name)
		if len(b.Roles) == 0 && b.Kind == "ClusterRole" && isBuiltin(b.Name) {
			b.Roles = []*Role{g.addBuiltin(b.Name)}
		}
	}
	if len(b.Subjects) == 0 {
		return // it grants nobody anything
	}
	for _, r := range b.Roles {
		r.Bindings = append(r.Bindings, b)
		if r.first == nil || b.Cluster() && !r.first.Cluster() {
			r.first = b
		}
		r.bind(b.Cluster(), res.Namespace)
	}
}

// maxNamespaces bounds the namespaces that a role remembers: messages count them.
const maxNamespaces = 100

func (r *Role) bind(cluster bool, namespaces ...string) {
	r.clusterBound = r.clusterBound || cluster
	if cluster {
		return
	}
	for _, ns := range namespaces {
		r.kubeSystem = r.kubeSystem || ns == "kube-system"
		if len(r.namespaces) < maxNamespaces && !slices.Contains(r.namespaces, ns) {
			r.namespaces = append(r.namespaces, ns)
		}
	}
}

// Lookup returns the roles that a roleRef means. Where only the deploy decides
// the namespace of one side, the name decides.
func (g *Graph) Lookup(kind, namespace, name string) []*Role {
	var found, maybe []*Role
	for _, r := range g.byName[kind+"/"+name] {
		switch {
		case r.reconciled():
			return []*Role{g.Builtins[name]}
		case kind == "ClusterRole" || r.Namespace == namespace:
			found = append(found, r)
		case r.Namespace == "" || namespace == "":
			maybe = append(maybe, r)
		}
	}
	if len(found) > 0 {
		return found
	}
	if len(maybe) == 1 {
		return maybe
	}
	if r := g.Builtins[name]; kind == "ClusterRole" && r != nil {
		return []*Role{r}
	}
	return nil
}

// subjectOf reads a subject. A service account without namespace is one of the
// RoleBinding's namespace, as the authorizer reads it; users called
// system:serviceaccount:NAMESPACE:NAME are service accounts.
func (g *Graph) subjectOf(n *lint.Node, namespace string) *Subject {
	kind, name, ns := n.Get("kind").Value(), n.Get("name").Value(), ""
	if name == "" {
		return nil
	}
	switch kind {
	case "ServiceAccount":
		if ns = n.Get("namespace").Value(); ns == "" {
			ns = namespace
		}
	case "User":
		if rest, ok := strings.CutPrefix(name, "system:serviceaccount:"); ok {
			if a, b, ok := strings.Cut(rest, ":"); ok && a != "" && b != "" {
				kind, ns, name = "ServiceAccount", a, b
			}
		}
	case "Group":
	default:
		return nil
	}
	var a *Account
	if kind == "ServiceAccount" {
		a = g.accountAt(ns, name)
		ns = a.Namespace
	}
	key := SubjectKey{kind, ns, name}
	s := g.subjects[key]
	if s == nil {
		s = &Subject{Kind: kind, Namespace: ns, Name: name, Account: a}
		g.subjects[key] = s
		g.Order = append(g.Order, s)
		if kind == "Group" && strings.HasPrefix(name, "system:serviceaccounts:") {
			g.accountGroups = append(g.accountGroups, name)
		}
	}
	return s
}

// accountAt returns the account of a name, made where it is new. Of objects
// without a namespace only the deploy decides where they live: they match by
// name, but for "default", which every namespace has.
func (g *Graph) accountAt(namespace, name string) *Account {
	known := g.account[name]
	if known == nil {
		known = &nameAccounts{byNS: map[string]*Account{}}
		g.account[name] = known
	}
	if a := known.byNS[namespace]; a != nil {
		return a
	}
	if a := known.byNS[""]; a != nil && (name != "default" || namespace == "default") {
		return a
	}
	if namespace == "" && len(known.all) == 1 && (name != "default" || known.all[0].Namespace == "default") {
		return known.all[0]
	}
	a := &Account{Namespace: namespace, Name: name}
	known.all = append(known.all, a)
	known.byNS[namespace] = a
	g.Accounts = append(g.Accounts, a)
	return a
}

// GrantedToGroup reports whether a binding to a group that the account is in by
// being an account gives it something: all service accounts, those of its namespace,
// everyone who logs in. Roles that the API server itself binds to everyone give
// nothing. An account whose namespace only the deploy decides may be in any.
func (g *Graph) GrantedToGroup(a *Account) bool {
	gives := func(name string) bool {
		s := g.subjects[SubjectKey{"Group", "", name}]
		return s != nil && slices.ContainsFunc(s.Bindings, func(b *Binding) bool { return b.Kind != "ClusterRole" || !publicRoles[b.Name] })
	}
	if gives("system:serviceaccounts") || gives("system:authenticated") || gives("system:serviceaccounts:"+a.Namespace) {
		return true
	}
	return a.Namespace == "" && slices.ContainsFunc(g.accountGroups, gives)
}

// Mounts reports whether the pods get the token of their account: mounted by
// default, unless the pod or its account says no, or projected by a volume.
func (a *Account) Mounts(pod *lint.PodSpec) bool {
	if a.Automounts(pod) {
		return true
	}
	for _, volume := range pod.Node.Get("volumes").Items() {
		for _, source := range volume.Get("projected", "sources").Items() {
			if source.Get("serviceAccountToken").IsMapping() {
				return true
			}
		}
	}
	return false
}

// Automounts is mounts without projected volumes. The pod's field beats the account's.
func (a *Account) Automounts(pod *lint.PodSpec) bool {
	if n := pod.Node.Get("automountServiceAccountToken"); !n.IsNull() {
		return !n.IsFalse()
	}
	if pod.Resource.Is("extensions.agents.x-k8s.io", "SandboxTemplate") {
		return false // its controller says false: https://agent-sandbox.sigs.k8s.io/docs/api/
	}
	return a.Resource == nil || !a.Resource.Get("automountServiceAccountToken").IsFalse()
}

// Cluster reports whether the role counts as cluster-wide: bound so, or bound by
// nothing that the bundle holds.
func (r *Role) Cluster() bool {
	return r.Kind == "ClusterRole" && (r.clusterBound || len(r.namespaces) == 0)
}

// Where completes a sentence about what the role's holders can do.
func (r *Role) Where() string {
	if r.Cluster() {
		return ""
	}
	namespaces := r.namespaces
	if r.Kind == "Role" {
		namespaces = []string{r.Namespace}
	}
	return InNamespaces(namespaces)
}

// InNamespaces completes a sentence with the namespaces in which it holds.
func InNamespaces(namespaces []string) string {
	switch {
	case len(namespaces) == maxNamespaces:
		return fmt.Sprintf(" in %d namespaces or more", maxNamespaces)
	case len(namespaces) > 1:
		return fmt.Sprintf(" in %d namespaces", len(namespaces))
	case len(namespaces) == 0 || namespaces[0] == "":
		return " in its namespace"
	}
	return fmt.Sprintf(" in namespace %q", namespaces[0])
}

// Gives reports whether a grant of the role exists where the role is bound.
func (r *Role) Gives(g *Grant) bool {
	if r.Cluster() {
		return g.At(true, "")
	}
	if r.Kind == "Role" {
		return g.At(false, r.Namespace)
	}
	return r.kubeSystem && g.At(false, "kube-system") || g.At(false, "")
}

// HeldBy says who has the role, for the end of a message.
func (r *Role) HeldBy() string {
	b := r.FirstBinding()
	if b == nil {
		return "nothing in this bundle binds it"
	}
	text := fmt.Sprintf("held by %s through %s %q", b.Subjects[0], b.Resource.Kind, b.Resource.Name)
	if more := r.held - 1; more > 0 {
		text += fmt.Sprintf(" and by %d more", more)
	}
	return text
}

// Allows reports whether a rule of the role, or of one that it takes in, gives one of the
// verbs on a resource: for some object, where resourceNames limit it.
func (r *Role) Allows(group, resource string, verbs ...string) bool {
	found := false
	r.Rules(func(p *PolicyRule) {
		if found || !p.AllowsGroup(group) {
			return
		}
		_, ok := p.Resource(resource)
		found = ok && len(p.Allowed(verbs, resource)) > 0
	})
	return found
}

// FirstBinding returns the first binding that gives the role to somebody, or
// nil; cluster-wide ones come first.
func (r *Role) FirstBinding() *Binding {
	var first *Binding
	for _, holder := range append([]*Role{r}, r.Into...) {
		if b := holder.first; b != nil && (first == nil || b.Cluster() && !first.Cluster()) {
			first = b
		}
	}
	return first
}

// OnlyAggregated reports whether the role reaches people only through admin,
// edit or view: the rule about such labels judges it.
func (r *Role) OnlyAggregated() bool {
	if len(r.Labels) == 0 || len(r.Bindings) > 0 {
		return false
	}
	return !slices.ContainsFunc(r.Into, func(a *Role) bool { return a.Resource != nil && len(a.Bindings) > 0 })
}

// Takeover returns the worst power of the role from which the whole cluster
// follows, or nil; in a namespace it is asked of kube-system.
func (r *Role) Takeover(cluster bool) *Grant { return r.worst[index(cluster)] }

// Powers returns what the role lets its holders do of the list, the worst
// first, with what is limited by name left out. In a namespace it is asked of
// the role's own.
func (r *Role) Powers(cluster bool) []*Power {
	var all []*Power
	for _, g := range r.can[index(cluster)] {
		all = append(all, g.Power)
	}
	return all
}

// Sentences says the same in words, each of which completes "can …".
func (r *Role) Sentences(cluster bool) []string {
	var all []string
	for _, g := range r.can[index(cluster)] {
		all = append(all, g.Can(cluster))
	}
	return all
}

func index(cluster bool) int {
	if cluster {
		return 1
	}
	return 0
}

// judge fills in held, takeover and powers.
func (r *Role) judge() {
	holders := map[*Subject]bool{}
	for _, holder := range append([]*Role{r}, r.Into...) {
		for _, b := range holder.Bindings {
			for _, s := range b.Subjects {
				holders[s.Subject] = true
			}
		}
	}
	r.held = len(holders)
	for _, cluster := range []bool{false, true} {
		i := index(cluster)
		has := map[*Power]*Grant{} // that of most resources
		r.Rules(func(p *PolicyRule) {
			if p.Named() {
				return
			}
			for _, g := range p.Grants {
				part := g.Within(cluster)
				if g.At(cluster, r.Namespace) && (has[g.Power] == nil || len(part.Hits) > len(has[g.Power].Hits)) {
					has[g.Power] = part
				}
				if g.Power.Takeover > 0 && g.At(cluster, "kube-system") && (r.worst[i] == nil || g.Power.Takeover > r.worst[i].Power.Takeover) {
					r.worst[i] = part
				}
			}
		})
		for _, p := range Powers {
			if g := has[p]; g != nil {
				r.can[i] = append(r.can[i], g)
			}
		}
	}
}

// IsBroad reports whether the subject is anyone who reaches the API server, logs in or
// runs a pod: see the rules about such bindings.
func (s *Subject) IsBroad() bool {
	switch s.Kind {
	case "User":
		return s.Name == "system:anonymous"
	case "Group":
		return s.Name == "system:masters" || s.Name == "system:unauthenticated" || s.Name == "system:authenticated" ||
			s.Name == "system:serviceaccounts" || strings.HasPrefix(s.Name, "system:serviceaccounts:")
	}
	return false
}

// Whom names the subjects that the other rules about bindings do not report.
func (b *Binding) Whom() string {
	first, count := b.Subjects[0], b.distinct
	if b.Narrow > 0 {
		first = b.Subjects[slices.IndexFunc(b.Subjects, func(s *SubjectRef) bool { return !s.IsBroad() })]
		count = b.Narrow
	}
	if count == 1 {
		return first.String()
	}
	return fmt.Sprintf("%s and %d more", first, count-1)
}

// WorstOf returns the first power of the list that the role gives.
func (r *Role) WorstOf(cluster bool) *Power {
	var worst *Power
	r.Rules(func(p *PolicyRule) {
		for _, g := range p.Grants {
			if !p.Named() && g.At(cluster, r.Namespace) && (worst == nil || g.Power.Severity > worst.Severity) {
				worst = g.Power
			}
		}
	})
	return worst
}

// Levels returns the parts of admin, edit or view that Kubernetes itself has.
func (g *Graph) Levels(name string) []*Role {
	all := []string{"admin", "edit", "view"}
	var parts []*Role
	for _, level := range all[slices.Index(all, name):] {
		parts = append(parts, g.Builtins["system:aggregate-to-"+level])
	}
	return parts
}

package rbac

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/manilint/manilint/lint"
)

// A graph is who may do what in a bundle: workloads → service accounts →
// bindings → roles → powers. It is built once a bundle, in time linear in
// objects and edges.
type graph struct {
	minor    int     // the minor version of Kubernetes that is deployed to
	roles    []*role // those of the bundle
	bindings []*binding
	accounts []*account // those that exist, run a pod or are bound

	byName   map[string][]*role // kind/name
	builtins map[string]*role
	account  map[string]*nameAccounts
	subjects map[subjectKey]*subject
	order    []*subject // in the order met
	// accountGroups are the groups of a namespace's service accounts that are bound.
	accountGroups []string
}

// A role is a Role, a ClusterRole or a built-in role.
type role struct {
	res                   *lint.Resource // nil: built in
	kind, namespace, name string
	own                   []*policyRule
	sources               []*role // what an aggregated role takes in, nested ones too
	into                  []*role // the aggregated roles that take it in
	labels                []string
	aggregated            bool
	bindings              []*binding
	first                 *binding // of bindings, the first cluster-wide one where there is one

	// Where it is bound, through aggregated roles too.
	held                     int // the number of subjects
	clusterBound, kubeSystem bool
	namespaces               []string    // of the RoleBindings, no more than maxNamespaces
	worst                    [2]*grant   // the worst takeover power in kube-system, cluster-wide
	can                      [2][]*grant // one for each power, the worst first
}

// String returns the kind and quoted name.
func (r *role) String() string { return r.kind + ` "` + r.name + `"` }

// A binding is a RoleBinding or a ClusterRoleBinding.
type binding struct {
	res      *lint.Resource
	ref      *lint.Node // roleRef.name
	kind     string     // of the role
	name     string
	roles    []*role // usually one; none where the bundle lacks it
	subjects []*subjectRef
	distinct int // how many subjects, each counted once
	narrow   int // how many of them are no broad group: see isBroad
}

func (b *binding) cluster() bool { return b.res.Kind == "ClusterRoleBinding" }

// A subject is a user, a group or a service account that is bound.
type subject struct {
	kind, namespace, name string
	account               *account // of a ServiceAccount
	bindings              []*binding
	deputy                bool // holds bind or escalate through any role
}

// A subjectRef is a subject where a binding names it.
type subjectRef struct {
	*subject
	node *lint.Node
}

type subjectKey struct{ kind, namespace, name string }

// String returns the kind and quoted name.
func (s *subject) String() string { return s.kind + ` "` + s.name + `"` }

// An account is a service account with the pods that run as it.
type account struct {
	namespace, name string
	res             *lint.Resource // nil where the bundle lacks it
	pods            []*lint.PodSpec
	bindings        []*binding
}

type nameAccounts struct {
	all  []*account
	byNS map[string]*account
}

// newest is the newest minor version of Kubernetes that the powers know.
const newest = 37

// minorOf returns the minor version of Kubernetes that a bundle is deployed to, the
// newest where the bundle does not say.
func minorOf(b *lint.Bundle) int {
	_, rest, _ := strings.Cut(strings.TrimPrefix(b.KubeVersion, "v"), ".")
	text, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.Atoi(strings.TrimSuffix(text, "+"))
	if err != nil {
		return newest
	}
	return minor
}

func of(b *lint.Bundle) *graph { return lint.Shared(b, build) }

func build(b *lint.Bundle) *graph {
	g := &graph{minor: minorOf(b), byName: map[string][]*role{}, builtins: map[string]*role{}, account: map[string]*nameAccounts{}, subjects: map[subjectKey]*subject{}}
	for _, res := range b.OfKind("ClusterRole", "Role") {
		if res.Group == group {
			g.addRole(res)
		}
	}
	g.aggregate()
	for _, name := range slices.Sorted(maps.Keys(builtin)) {
		g.addBuiltin(name)
	}
	for _, res := range b.OfKind("ServiceAccount") {
		if res.Group == "" {
			if a := g.accountAt(res.Namespace, res.Name); a.res == nil {
				a.res = res
			}
		}
	}
	for _, pod := range b.PodSpecs() {
		a := g.accountAt(pod.Resource.Namespace, accountName(pod))
		a.pods = append(a.pods, pod)
	}
	for _, res := range b.OfKind("ClusterRoleBinding", "RoleBinding") {
		if res.Group == group {
			g.addBinding(res)
		}
	}
	g.judge()
	return g
}

// judge settles what rules ask of roles and subjects again and again: rules run
// at the same time, so the graph does not change once it is built.
func (g *graph) judge() {
	roles := slices.Clone(g.roles)
	for _, name := range slices.Sorted(maps.Keys(g.builtins)) {
		roles = append(roles, g.builtins[name])
	}
	type reach struct {
		cluster, kubeSystem bool
		namespaces          []string
	}
	own := map[*role]reach{} // before parts take over from the roles they are in
	for _, r := range roles {
		own[r] = reach{r.clusterBound, r.kubeSystem, slices.Clone(r.namespaces)}
	}
	for _, r := range roles {
		for _, a := range r.into {
			from := own[a]
			r.clusterBound, r.kubeSystem = r.clusterBound || from.cluster, r.kubeSystem || from.kubeSystem
			r.bind(false, from.namespaces...)
		}
		r.judge()
	}
	for _, s := range g.order {
		for _, b := range s.bindings {
			for _, r := range b.roles {
				if w := r.takeover(b.cluster()); w != nil && w.power.takeover >= bind.takeover {
					s.deputy = true
				}
			}
		}
	}
}

func (g *graph) addRole(res *lint.Resource) {
	r := &role{res: res, kind: res.Kind, namespace: res.Namespace, name: res.Name}
	r.aggregated = r.kind == "ClusterRole" && res.Get("aggregationRule").IsMapping()
	if !r.aggregated { // the controller overwrites the rules of an aggregated role
		for _, n := range res.Get("rules").Items() {
			if n.IsMapping() {
				for _, p := range newPolicyRule(r, n, g.minor).parts() {
					p.grants = grantsOf(p)
					r.own = append(r.own, p)
				}
			}
		}
	}
	if r.kind == "ClusterRole" {
		labels := res.Get("metadata", "labels")
		for _, name := range []string{"view", "edit", "admin"} {
			if labels.Get(aggregateLabel+name).Value() == "true" {
				r.labels = append(r.labels, name)
			}
		}
	}
	g.roles = append(g.roles, r)
	key := r.kind + "/" + r.name
	g.byName[key] = append(g.byName[key], r)
}

// aggregate resolves aggregationRule, nested too.
func (g *graph) aggregate() {
	var index *labelIndex
	direct := map[*role][]*role{}
	for _, r := range g.roles {
		if !r.aggregated {
			continue
		}
		if index == nil {
			index = indexLabels(g.roles)
		}
		for _, selector := range r.res.Get("aggregationRule", "clusterRoleSelectors").Items() {
			for _, s := range index.matching(selector) {
				if s != r {
					direct[r] = append(direct[r], s)
				}
			}
		}
	}
	for _, r := range g.roles {
		if !r.aggregated {
			continue
		}
		seen := map[*role]bool{r: true}
		queue := slices.Clone(direct[r])
		for len(queue) > 0 {
			s := queue[0]
			queue = queue[1:]
			if seen[s] {
				continue
			}
			seen[s] = true
			r.sources = append(r.sources, s)
			s.into = append(s.into, r)
			queue = append(queue, direct[s]...)
		}
	}
}

// addBuiltin makes a built-in role, with the roles of the bundle that are
// aggregated into it.
func (g *graph) addBuiltin(name string) *role {
	if r := g.builtins[name]; r != nil {
		return r
	}
	r := builtinRole(name, g.minor)
	g.builtins[name] = r
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
	var parts []*role
	for _, s := range g.byName["ClusterRole/"+name] {
		if s.reconciled() {
			parts = append(parts, s)
		}
	}
	if levels != nil {
		for _, s := range g.roles {
			if slices.ContainsFunc(s.labels, func(l string) bool { return slices.Contains(levels, l) }) {
				parts = append(parts, s)
			}
		}
	}
	for _, s := range parts {
		for _, part := range append([]*role{s}, s.sources...) {
			if !slices.Contains(r.sources, part) {
				r.sources = append(r.sources, part)
				part.into = append(part.into, r)
			}
		}
	}
	return r
}

// reconciled reports whether a role of the bundle is one of those that the API
// server makes itself: at each start it adds what such a role lacks, and takes nothing
// away, but for one that opts out
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation).
func (r *role) reconciled() bool {
	_, ok := builtin[r.name]
	return ok && r.kind == "ClusterRole" && r.res != nil &&
		r.res.Get("metadata", "annotations", "rbac.authorization.kubernetes.io/autoupdate").Value() != "false"
}

// rules calls visit for every policy rule that a role has, aggregated ones too.
func (r *role) rules(visit func(*policyRule)) {
	for _, p := range r.own {
		visit(p)
	}
	for _, s := range r.sources {
		for _, p := range s.own {
			visit(p)
		}
	}
}

func (g *graph) addBinding(res *lint.Resource) {
	ref := res.Get("roleRef")
	b := &binding{res: res, ref: ref.Get("name"), kind: ref.Get("kind").Value(), name: ref.Get("name").Value()}
	g.bindings = append(g.bindings, b)
	for _, n := range res.Get("subjects").Items() {
		if s := g.subjectOf(n, res.Namespace); s != nil {
			b.subjects = append(b.subjects, &subjectRef{s, n})
			if len(s.bindings) == 0 || s.bindings[len(s.bindings)-1] != b {
				b.distinct++
				if !s.isBroad() {
					b.narrow++
				}
				s.bindings = append(s.bindings, b)
				if s.account != nil {
					s.account.bindings = append(s.account.bindings, b)
				}
			}
		}
	}
	if b.kind == "ClusterRole" || b.kind == "Role" && !b.cluster() {
		b.roles = g.lookup(b.kind, res.Namespace, b.name)
		if len(b.roles) == 0 && b.kind == "ClusterRole" && isBuiltin(b.name) {
			b.roles = []*role{g.addBuiltin(b.name)}
		}
	}
	if len(b.subjects) == 0 {
		return // it grants nobody anything
	}
	for _, r := range b.roles {
		r.bindings = append(r.bindings, b)
		if r.first == nil || b.cluster() && !r.first.cluster() {
			r.first = b
		}
		r.bind(b.cluster(), res.Namespace)
	}
}

// maxNamespaces bounds the namespaces that a role remembers: messages count them.
const maxNamespaces = 100

func (r *role) bind(cluster bool, namespaces ...string) {
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

// lookup returns the roles that a roleRef means. Where only the deploy decides
// the namespace of one side, the name decides.
func (g *graph) lookup(kind, namespace, name string) []*role {
	var found, maybe []*role
	for _, r := range g.byName[kind+"/"+name] {
		switch {
		case r.reconciled():
			return []*role{g.builtins[name]}
		case kind == "ClusterRole" || r.namespace == namespace:
			found = append(found, r)
		case r.namespace == "" || namespace == "":
			maybe = append(maybe, r)
		}
	}
	if len(found) > 0 {
		return found
	}
	if len(maybe) == 1 {
		return maybe
	}
	if r := g.builtins[name]; kind == "ClusterRole" && r != nil {
		return []*role{r}
	}
	return nil
}

// subjectOf reads a subject. A service account without namespace is one of the
// RoleBinding's namespace, as the authorizer reads it; users called
// system:serviceaccount:NAMESPACE:NAME are service accounts.
func (g *graph) subjectOf(n *lint.Node, namespace string) *subject {
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
	var a *account
	if kind == "ServiceAccount" {
		a = g.accountAt(ns, name)
		ns = a.namespace
	}
	key := subjectKey{kind, ns, name}
	s := g.subjects[key]
	if s == nil {
		s = &subject{kind: kind, namespace: ns, name: name, account: a}
		g.subjects[key] = s
		g.order = append(g.order, s)
		if kind == "Group" && strings.HasPrefix(name, "system:serviceaccounts:") {
			g.accountGroups = append(g.accountGroups, name)
		}
	}
	return s
}

// accountAt returns the account of a name, made where it is new. Of objects
// without a namespace only the deploy decides where they live: they match by
// name, but for "default", which every namespace has.
func (g *graph) accountAt(namespace, name string) *account {
	known := g.account[name]
	if known == nil {
		known = &nameAccounts{byNS: map[string]*account{}}
		g.account[name] = known
	}
	if a := known.byNS[namespace]; a != nil {
		return a
	}
	if a := known.byNS[""]; a != nil && (name != "default" || namespace == "default") {
		return a
	}
	if namespace == "" && len(known.all) == 1 && (name != "default" || known.all[0].namespace == "default") {
		return known.all[0]
	}
	a := &account{namespace: namespace, name: name}
	known.all = append(known.all, a)
	known.byNS[namespace] = a
	g.accounts = append(g.accounts, a)
	return a
}

// grantedToGroup reports whether a binding to a group that the account is in by
// being an account gives it something: all service accounts, those of its namespace,
// everyone who logs in. Roles that the API server itself binds to everyone give
// nothing. An account whose namespace only the deploy decides may be in any.
func (g *graph) grantedToGroup(a *account) bool {
	gives := func(name string) bool {
		s := g.subjects[subjectKey{"Group", "", name}]
		return s != nil && slices.ContainsFunc(s.bindings, func(b *binding) bool { return b.kind != "ClusterRole" || !publicRoles[b.name] })
	}
	if gives("system:serviceaccounts") || gives("system:authenticated") || gives("system:serviceaccounts:"+a.namespace) {
		return true
	}
	return a.namespace == "" && slices.ContainsFunc(g.accountGroups, gives)
}

// accountName returns the service account that a pod runs as; serviceAccount is
// the deprecated name of the field, and counts where the new one is empty.
func accountName(pod *lint.PodSpec) string {
	for _, field := range []string{"serviceAccountName", "serviceAccount"} {
		if name := pod.Node.Get(field).Value(); name != "" {
			return name
		}
	}
	return "default"
}

// mounts reports whether the pods get the token of their account: mounted by
// default, unless the pod or its account says no, or projected by a volume.
func (a *account) mounts(pod *lint.PodSpec) bool {
	if a.automounts(pod) {
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

// automounts is mounts without projected volumes. The pod's field beats the account's.
func (a *account) automounts(pod *lint.PodSpec) bool {
	if n := pod.Node.Get("automountServiceAccountToken"); !n.IsNull() {
		return !n.IsFalse()
	}
	return a.res == nil || !a.res.Get("automountServiceAccountToken").IsFalse()
}

// cluster reports whether the role counts as cluster-wide: bound so, or bound by
// nothing that the bundle holds.
func (r *role) cluster() bool {
	return r.kind == "ClusterRole" && (r.clusterBound || len(r.namespaces) == 0)
}

// where completes a sentence about what the role's holders can do.
func (r *role) where() string {
	if r.cluster() {
		return ""
	}
	namespaces := r.namespaces
	if r.kind == "Role" {
		namespaces = []string{r.namespace}
	}
	return inNamespaces(namespaces)
}

func inNamespaces(namespaces []string) string {
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

// gives reports whether a grant of the role exists where the role is bound.
func (r *role) gives(g *grant) bool {
	if r.cluster() {
		return g.at(true, "")
	}
	if r.kind == "Role" {
		return g.at(false, r.namespace)
	}
	return r.kubeSystem && g.at(false, "kube-system") || g.at(false, "")
}

// holders says who has the role, for the end of a message.
func (r *role) holders() string {
	b := r.firstBinding()
	if b == nil {
		return "nothing in this bundle binds it"
	}
	text := fmt.Sprintf("held by %s through %s %q", b.subjects[0], b.res.Kind, b.res.Name)
	if more := r.held - 1; more > 0 {
		text += fmt.Sprintf(" and by %d more", more)
	}
	return text
}

// firstBinding returns the first binding that gives the role to somebody, or
// nil; cluster-wide ones come first.
func (r *role) firstBinding() *binding {
	var first *binding
	for _, holder := range append([]*role{r}, r.into...) {
		if b := holder.first; b != nil && (first == nil || b.cluster() && !first.cluster()) {
			first = b
		}
	}
	return first
}

// onlyAggregated reports whether the role reaches people only through admin,
// edit or view, which [AggregateTo] judges.
func (r *role) onlyAggregated() bool {
	if len(r.labels) == 0 || len(r.bindings) > 0 {
		return false
	}
	return !slices.ContainsFunc(r.into, func(a *role) bool { return a.res != nil && len(a.bindings) > 0 })
}

// takeover returns the worst power of the role from which the whole cluster
// follows, or nil; in a namespace it is asked of kube-system.
func (r *role) takeover(cluster bool) *grant { return r.worst[index(cluster)] }

// powers returns what the role lets its holders do of the list, the worst
// first, with what is limited by name left out. In a namespace it is asked of
// the role's own.
func (r *role) powers(cluster bool) []*power {
	var all []*power
	for _, g := range r.can[index(cluster)] {
		all = append(all, g.power)
	}
	return all
}

// sentences says the same in words, each of which completes "can …".
func (r *role) sentences(cluster bool) []string {
	var all []string
	for _, g := range r.can[index(cluster)] {
		all = append(all, g.can(cluster))
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
func (r *role) judge() {
	holders := map[*subject]bool{}
	for _, holder := range append([]*role{r}, r.into...) {
		for _, b := range holder.bindings {
			for _, s := range b.subjects {
				holders[s.subject] = true
			}
		}
	}
	r.held = len(holders)
	for _, cluster := range []bool{false, true} {
		i := index(cluster)
		has := map[*power]*grant{} // that of most resources
		r.rules(func(p *policyRule) {
			if p.named() {
				return
			}
			for _, g := range p.grants {
				part := g.within(cluster)
				if g.at(cluster, r.namespace) && (has[g.power] == nil || len(part.hits) > len(has[g.power].hits)) {
					has[g.power] = part
				}
				if g.power.takeover > 0 && g.at(cluster, "kube-system") && (r.worst[i] == nil || g.power.takeover > r.worst[i].power.takeover) {
					r.worst[i] = part
				}
			}
		})
		for _, p := range powers {
			if g := has[p]; g != nil {
				r.can[i] = append(r.can[i], g)
			}
		}
	}
}

func (s *subject) isBroad() bool {
	switch s.kind {
	case "User":
		return s.name == "system:anonymous"
	case "Group":
		return s.name == "system:masters" || s.name == "system:unauthenticated" || s.name == "system:authenticated" ||
			s.name == "system:serviceaccounts" || strings.HasPrefix(s.name, "system:serviceaccounts:")
	}
	return false
}

// whom names the subjects that the other rules about bindings do not report.
func (b *binding) whom() string {
	first, count := b.subjects[0], b.distinct
	if b.narrow > 0 {
		first = b.subjects[slices.IndexFunc(b.subjects, func(s *subjectRef) bool { return !s.isBroad() })]
		count = b.narrow
	}
	if count == 1 {
		return first.String()
	}
	return fmt.Sprintf("%s and %d more", first, count-1)
}

// worstOf returns the first power of the list that the role gives.
func (r *role) worstOf(cluster bool) *power {
	var worst *power
	r.rules(func(p *policyRule) {
		for _, g := range p.grants {
			if !p.named() && g.at(cluster, r.namespace) && (worst == nil || g.power.severity > worst.severity) {
				worst = g.power
			}
		}
	})
	return worst
}

// levels returns the parts of admin, edit or view that Kubernetes itself has.
func (g *graph) levels(name string) []*role {
	all := []string{"admin", "edit", "view"}
	var parts []*role
	for _, level := range all[slices.Index(all, name):] {
		parts = append(parts, g.builtins["system:aggregate-to-"+level])
	}
	return parts
}

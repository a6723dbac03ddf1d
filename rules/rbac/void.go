package rbac

import (
	"fmt"
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
	"github.com/manilint/manilint/lint/kube"
)

// methods are HTTP methods that are no verbs of requests about resources, with those
// that they become (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb).
var methods = map[string]string{"post": "create", "put": "update", "head": "get"}

// A checked is a rule of a role with what is known around it.
type checked struct {
	*access.PolicyRule
	all   *ruleSet
	crds  crdNames
	known bool // all its API groups are Kubernetes' own
}

// check reports what of a rule about resources no request ever requests. Of API groups
// that Kubernetes itself does not have nothing is known, but for the kinds whose
// definition is in the bundle; nor of verbs that it does not have: admission policies
// may request any.
func (p *checked) check(pass *lint.Pass, role *lint.Resource) {
	if len(p.Groups) == 0 || len(p.Resources) == 0 || len(p.Verbs) == 0 || len(p.Paths) > 0 {
		return
	}
	void := func(n *lint.Node, help, format string, args ...any) {
		f := semantic(pass, n, format, args...)
		f.Severity, f.Help = lint.Low, help
	}
	p.known = !slices.ContainsFunc(p.Groups, func(e access.Entry) bool { return !access.IsServed(e.Text) })
	var verbs []access.Entry
	for _, v := range p.Verbs {
		lower := strings.ToLower(v.Text)
		switch {
		case methods[lower] != "":
			void(v.Node, "write "+methods[lower], "verb %q of %s matches no request about resources: it is an HTTP method, and the verb is %s", v.Text, role, methods[lower])
		case lower != v.Text && (slices.Contains(access.UsualVerbs, lower) || access.IsSpecial(lower)):
			void(v.Node, "write "+lower+p.then(p.with(lower)), "verb %q of %s matches nothing: verbs are written in lower case", v.Text, role)
		case access.IsSpecial(v.Text) && p.known && !p.takesSpecial(v.Text):
			void(v.Node, "drop it", "verb %s of %s matches nothing: it is checked only on %s", v.Text, role, access.SpecialNouns[v.Text])
		default:
			verbs = append(verbs, v)
		}
	}
	if len(verbs) == 0 {
		return
	}
	for _, e := range p.Resources {
		if strings.HasPrefix(e.Text, "*") && e.Text != "*/*" {
			continue
		}
		if why := unmatched(e.Text); why != "" {
			void(e.Node, p.spelled(e.Text), "resource %q of %s matches nothing: %s", e.Text, role, why)
			continue
		}
		if why, help := p.void(e.Text, role.Kind == "Role", verbs); why != "" {
			void(e.Node, help, "resource %q of %s %s", e.Text, role, why)
		}
	}
}

// checkNames reports resourceNames that are no object's: "", and patterns, which the
// authorizer takes for names
// (k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go, ResourceNameMatches).
func (p *checked) checkNames(pass *lint.Pass, role *lint.Resource) {
	for _, e := range p.Names {
		why, help := "", "drop the name, or write those that are meant"
		switch {
		case e.Text == "" && p.limitsNothing():
			why = "limits nothing: requests to list, watch, create and delete a collection carry it"
		case e.Text == "":
			why = "matches nothing: requests to " + access.Join(p.Verbs) + " carry the name of an object, and no object has that name"
		case strings.Contains(e.Text, "*") && !p.mayHaveStar():
			why, help = "matches nothing: names are not patterns", "write the names that are meant, or drop resourceNames"
		default:
			continue
		}
		f := semantic(pass, e.Node, "the resource name %q of %s %s", e.Text, role, why)
		f.Severity, f.Help = lint.Low, help
	}
}

// limitsNothing reports whether the name "" lets through requests that carry no name.
func (p *checked) limitsNothing() bool {
	return slices.ContainsFunc(p.Parts(), func(part *access.PolicyRule) bool {
		return len(part.Verbs) > 0 && !part.Named() && slices.ContainsFunc(p.Resources, func(e access.Entry) bool {
			_, ok := part.Resource(e.Text)
			return ok
		})
	})
}

// mayHaveStar reports whether a resource of the rule may have names with a "*": signers are named
// by patterns, users and groups are called as one likes, roles and custom resources nearly so.
func (p *checked) mayHaveStar() bool {
	return slices.ContainsFunc(p.Groups, func(e access.Entry) bool {
		return e.Text != "" && e.Text != "apps" && e.Text != "batch"
	}) || slices.ContainsFunc(p.Resources, func(e access.Entry) bool {
		return slices.Contains([]string{"users", "groups", "uids", "*"}, e.Text)
	})
}

// takesSpecial reports whether the rule names a resource on which a special verb is requested.
func (r *checked) takesSpecial(verb string) bool {
	return slices.ContainsFunc(access.Special[verb], func(t access.Target) bool {
		return r.AllowsGroup(t.Group) && slices.ContainsFunc(r.Resources, func(e access.Entry) bool {
			base, _, _ := strings.Cut(e.Text, "/")
			return base == t.Resource || e.Text == "*"
		})
	})
}

// void says why no request matches a resource of the rule, and what to write; "" where
// one may. Of several groups one is enough.
func (r *checked) void(resource string, namespaced bool, verbs []access.Entry) (why, help string) {
	x := access.ServedResources()
	base, sub, _ := strings.Cut(resource, "/")
	if plural, group := r.crds.plural(r.Groups, base); plural != "" {
		return "matches nothing: resources are written in the plural", fmt.Sprintf("write %s of API group %s", under(plural, sub), group)
	}
	if !r.known {
		return "", ""
	}
	found := x.In(r.Groups, base)
	if len(found) == 0 {
		return r.misnamed(base, sub)
	}
	if !slices.ContainsFunc(found, func(s *access.ServedResource) bool { _, known := s.Takes(sub, ""); return known }) {
		return fmt.Sprintf("matches nothing: %s have no such subresource", base), "name one of " + strings.Join(subresources(found), ", ")
	}
	if !slices.ContainsFunc(found, func(s *access.ServedResource) bool {
		return !namespaced || !s.ClusterScoped || base == "namespaces" && s.Group == ""
	}) && !slices.ContainsFunc(verbs, func(v access.Entry) bool { return inNamespace(v.Text, base) }) {
		if r.all.heldClusterWide(found[0].Group, resource, verbs) {
			return "", "" // a ClusterRole of the same holder does: nobody believes what is not so
		}
		return "grants nothing: " + base + " are cluster-scoped, and a Role grants only what is in its namespace", "grant it in a ClusterRole, bound by a ClusterRoleBinding" + r.then(r.PolicyRule)
	}
	if upgrades[resource] && r.Minor >= access.ByGet.Below && opensByGet(verbs) && !r.all.grants("", resource, access.Entry{Text: "create"}) {
		return fmt.Sprintf("grants nothing with get: since Kubernetes 1.%d create is required as well", access.ByGet.Below), "name the verb create" + r.then(r.with("create"))
	}
	return r.unasked(found, sub, namespaced, verbs)
}

// unasked says why no request carries one of the verbs; "" where one may.
func (r *checked) unasked(found []*access.ServedResource, sub string, namespaced bool, verbs []access.Entry) (why, help string) {
	var taken []string
	for _, s := range found {
		accepted := s.Verbs
		switch {
		case sub != "":
			accepted = s.Subs[sub]
		case namespaced && s.Plural == "namespaces":
			// A request about one namespace counts as one in it, one for a list of
			// them does not: k8s.io/apiserver/pkg/endpoints/request.
			accepted = []string{"delete", "get", "patch", "update"}
		}
		for _, v := range verbs {
			usual := slices.Contains(access.UsualVerbs, v.Text) && len(accepted) > 0
			ok, _ := s.Takes(sub, v.Text)
			if v.Text == "*" || ok && (!usual || slices.Contains(accepted, v.Text)) {
				if sub != "" || !r.Named() || r.HasName("") || v.Text != "create" && v.Text != "deletecollection" {
					return "", ""
				}
			}
		}
		taken = append(taken, accepted...)
	}
	if sub == "" && r.Named() && !slices.ContainsFunc(verbs, func(v access.Entry) bool { return v.Text != "create" && v.Text != "deletecollection" }) {
		return fmt.Sprintf("grants nothing: a request to %s carries no name, so no request matches resourceNames", access.Join(verbs)), "remove resourceNames, or limit what is created with an admission policy"
	}
	slices.Sort(taken)
	return fmt.Sprintf("grants nothing with %s: it only supports %s", access.Join(verbs), strings.Join(slices.Compact(taken), ", ")), "name the verbs that are used"
}

// spelled says how a resource in upper case is written; "" where that is not known.
func (r *checked) spelled(resource string) string {
	x := access.ServedResources()
	base, sub, _ := strings.Cut(strings.ToLower(resource), "/")
	if plural := x.Spelling[base]; plural != "" && x.ByPlural[base] == nil {
		base = plural
	}
	if !r.known || sub == "*" || strings.HasPrefix(resource, "*") || x.ByPlural[base] == nil {
		return ""
	}
	if all := x.In(r.Groups, base); len(all) > 0 {
		return "write " + under(base, sub) + r.then(r.fixed(all[0].Group, under(base, sub)))
	}
	if home := x.Home(base); home != nil {
		return r.move(home, base, sub)
	}
	return ""
}

// inNamespace reports whether a verb is requested in a namespace on a resource of the cluster: bind
// where the RoleBinding is, use where the pod is, and what admission policies request
// (k8s.io/kubernetes/pkg/registry/rbac/escalation_check.go).
func inNamespace(verb, resource string) bool {
	switch verb {
	case "*":
		return resource == "clusterroles" || resource == "podsecuritypolicies"
	case "bind":
		return resource == "clusterroles"
	}
	return !slices.Contains(access.UsualVerbs, verb) && !access.IsSpecial(verb)
}

// opensByGet reports whether get is all by which verbs open a WebSocket.
func opensByGet(verbs []access.Entry) bool {
	get := false
	for _, v := range verbs {
		if v.Text == "create" || v.Text == "*" {
			return false
		}
		get = get || v.Text == "get"
	}
	return get
}

// upgrades are the subresources that a WebSocket opens.
var upgrades = map[string]bool{"pods/exec": true, "pods/attach": true, "pods/portforward": true}

// A ruleSet is the rules of a role of the bundle, as what is wrong in one may be
// right in another.
type ruleSet struct {
	role  access.Role
	bound *access.Role // the same in the graph; nil where it is not there
	rules []*access.PolicyRule
	known map[string]bool // what grants was asked: roles have few resources and many rules
}

func newRuleSet(res *lint.Resource, bound *access.Role) *ruleSet {
	return &ruleSet{bound: bound, role: access.Role{Resource: res, Kind: res.Kind, Namespace: res.Namespace, Name: res.Name}, known: map[string]bool{}}
}

// maxHeld bounds the bindings of a holder that are examined.
const maxHeld = 50

// heldClusterWide reports whether the first holder of the role has all the verbs on a
// resource by a ClusterRoleBinding. Charts write one list of rules for a Role and a
// ClusterRole.
func (s *ruleSet) heldClusterWide(group, resource string, verbs []access.Entry) bool {
	if s.bound == nil || len(s.bound.Bindings) == 0 {
		return false
	}
	for i, b := range s.bound.Bindings[0].Subjects[0].Bindings {
		if i == maxHeld {
			return false
		}
		for _, r := range b.Roles {
			if b.Cluster() && !slices.ContainsFunc(verbs, func(v access.Entry) bool { return !r.Allows(group, resource, v.Text) }) {
				return true
			}
		}
	}
	return false
}

// grants reports whether one rule gives all the verbs on a resource.
func (s *ruleSet) grants(group, resource string, verbs ...access.Entry) bool {
	key := group + " " + resource + " " + access.Join(verbs)
	found, ok := s.known[key]
	if !ok {
		if s.rules == nil {
			for _, n := range s.role.Resource.Get("rules").Items() {
				s.rules = append(s.rules, access.NewPolicyRule(&s.role, n, kube.Newest))
			}
		}
		found = slices.ContainsFunc(s.rules, func(p *access.PolicyRule) bool {
			_, ok := p.Resource(resource)
			return ok && p.AllowsGroup(group) && !slices.ContainsFunc(verbs, func(v access.Entry) bool { return len(p.Allowed([]string{v.Text}, resource)) == 0 })
		})
		s.known[key] = found
	}
	return found
}

// misnamed says what is wrong with a resource that none of the groups has.
func (r *checked) misnamed(base, sub string) (why, help string) {
	x := access.ServedResources()
	plural := base
	if p := x.Spelling[base]; p != "" && x.ByPlural[base] == nil {
		plural = p
	}
	if found := x.In(r.Groups, plural); len(found) > 0 {
		fixed := r.fixed(found[0].Group, under(plural, sub))
		return "matches nothing: resources are written in the plural", "write " + under(plural, sub) + r.then(fixed)
	}
	groups := "API group " + access.Join(r.Groups) + " has"
	if len(r.Groups) > 1 {
		groups = "none of the API groups " + access.Join(r.Groups) + " has"
	}
	switch other := x.Home(plural); {
	case other != nil && r.all.grants(other.Group, under(plural, sub), r.Verbs...):
		return "", "" // the role does so elsewhere: nobody believes what is not so
	case other != nil && len(r.Groups) > 1:
		return fmt.Sprintf("matches nothing: %s %s, which are of %s", groups, plural, groupName(other.Group)), r.move(other, plural, sub)
	case other != nil:
		return fmt.Sprintf("matches nothing: %s are of %s", plural, groupName(other.Group)), r.move(other, plural, sub)
	case len(r.Groups) == 1 && r.Groups[0].Text == "" && !ofOpenShift[base]:
		return "matches nothing: the core API group has no " + base, "name the API group whose resource it is"
	}
	return "", ""
}

// ofOpenShift are resources that OpenShift had in the core API group before it had
// groups of its own; old roles of it name them there.
var ofOpenShift = map[string]bool{
	"builds": true, "buildconfigs": true, "deploymentconfigs": true, "identities": true, "imagestreams": true, "imagestreamtags": true, "imagestreamimages": true,
	"images": true, "oauthclients": true, "projects": true, "projectrequests": true, "routes": true, "securitycontextconstraints": true, "templates": true,
}

func (r *checked) move(to *access.ServedResource, plural, sub string) string {
	return fmt.Sprintf("write %s in a rule of apiGroups: [%s]", under(plural, sub), quotedGroup(to.Group)) + r.then(r.fixed(to.Group, under(plural, sub)))
}

func quotedGroup(group string) string {
	if group == "" {
		return `""`
	}
	return group
}

func groupName(group string) string {
	if group == "" {
		return "the core API group"
	}
	return "API group " + group
}

func under(base, sub string) string {
	if sub == "" {
		return base
	}
	return base + "/" + sub
}

func subresources(all []*access.ServedResource) []string {
	var names []string
	for _, r := range all {
		for name := range r.Subs {
			names = append(names, under(r.Plural, name))
		}
	}
	if len(names) == 0 {
		return []string{all[0].Plural}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fixed returns the rule as it is meant: of one group and one resource.
func (r *checked) fixed(group, resource string) *access.PolicyRule {
	p := *r.PolicyRule
	p.Groups, p.Resources = []access.Entry{{Text: group}}, []access.Entry{{Text: resource}}
	return &p
}

// with returns the rule with one verb.
func (r *checked) with(verb string) *access.PolicyRule {
	p := *r.PolicyRule
	p.Verbs = []access.Entry{{Text: verb}}
	return &p
}

// then says what a rule would let its holders do; "" where that is nothing on the list.
func (r *checked) then(fixed *access.PolicyRule) string {
	for _, p := range fixed.Parts() {
		if all := access.GrantsOf(p); len(all) > 0 && !(p.Named() && all[0].Power.Names == access.Silent) {
			return "; it would then allow its subjects to " + all[0].Can(true)
		}
	}
	return ""
}

// crdNames are the names by which definitions in the bundle call their resources.
type crdNames map[[2]string]string // group and wrong name, to the plural

func crdNamesOf(b *lint.Bundle) crdNames {
	names := crdNames{}
	plurals := map[[2]string]bool{}
	for _, crd := range b.OfKind("CustomResourceDefinition") {
		if crd.Group != "apiextensions.k8s.io" {
			continue
		}
		group, n := crd.Get("spec", "group").Value(), crd.Get("spec", "names")
		plural := n.Get("plural").Value()
		plurals[[2]string{group, plural}] = true
		for _, wrong := range append(n.Get("shortNames").Strings(), n.Get("singular").Value(), strings.ToLower(n.Get("kind").Value())) {
			if wrong != "" && wrong != plural && plural != "" {
				names[[2]string{group, wrong}] = plural
			}
		}
	}
	for name := range plurals {
		delete(names, name)
	}
	return names
}

func (c crdNames) plural(groups []access.Entry, name string) (plural, group string) {
	for _, g := range groups {
		if p := c[[2]string{g.Text, name}]; p != "" && len(groups) == 1 {
			return p, g.Text
		}
	}
	return "", ""
}

// checkPaths reports what of a rule about URLs no request matches: the authorizer
// takes a "*" at the end of a path for a pattern, and no other.
func checkPaths(pass *lint.Pass, role *lint.Resource, p *access.PolicyRule) {
	void := func(n *lint.Node, help, format string, args ...any) {
		f := semantic(pass, n, format, args...)
		f.Severity, f.Help = lint.Low, help
	}
	for _, e := range p.Paths {
		switch {
		case e.Text != "*" && !strings.HasPrefix(e.Text, "/"):
			void(e.Node, "write /"+e.Text, "path %q of %s matches nothing: paths begin with a slash", e.Text, role)
		case strings.Contains(strings.TrimSuffix(e.Text, "*"), "*"):
			void(e.Node, "end the path at the first *", "path %q of %s matches nothing: only a * at the end is a wildcard", e.Text, role)
		}
	}
	for _, v := range p.Verbs {
		lower := strings.ToLower(v.Text)
		switch {
		case len(p.Paths) == 0:
		case lower != v.Text:
			void(v.Node, "write "+lower, "verb %q of %s matches nothing: verbs are written in lower case", v.Text, role)
		case slices.Contains([]string{"create", "update", "list", "watch", "deletecollection"}, v.Text):
			void(v.Node, "write get, post, put, patch, delete or head", "verb %s of %s matches no request about a path: its verb is the HTTP method", v.Text, role)
		}
	}
}

// checkIdentity reports a subject that is nobody: a user by the name of a group of Kubernetes'
// own, a group by the name of a user, or a pattern.
func checkIdentity(pass *lint.Pass, res *lint.Resource, s *lint.Node) {
	kind, n := s.Get("kind").Value(), s.Get("name")
	name := n.Value()
	void := func(help, format string, args ...any) {
		f := semantic(pass, n, format, args...)
		f.Severity, f.Help = lint.Low, help
	}
	isGroup := slices.Contains([]string{"system:masters", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:nodes", "system:bootstrappers"}, name) ||
		strings.HasPrefix(name, "system:serviceaccounts:") || strings.HasPrefix(name, "system:bootstrappers:")
	isUser := slices.Contains([]string{"system:anonymous", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver"}, name) ||
		strings.HasPrefix(name, "system:serviceaccount:") || strings.HasPrefix(name, "system:node:")
	account := strings.HasPrefix(name, "system:serviceaccount:") && strings.Count(name, ":") == 3
	switch {
	case name == "*":
		void("name the users, groups or service accounts; everyone who logs in is Group system:authenticated", "subject %d of %s is called \"*\", which matches nobody: names are not patterns", s.Index()+1, res)
	case kind == "User" && isGroup:
		void("write kind: Group", "subject %d of %s is User %q, which is the name of a group: no user has it", s.Index()+1, res, name)
	case kind == "Group" && isUser:
		void("write kind: User", "subject %d of %s is Group %q, which is the name of a user: no group has it", s.Index()+1, res, name)
	case kind == "User" && strings.HasPrefix(name, "system:serviceaccount:") && !account:
		void("write kind: ServiceAccount with its name and namespace", "subject %d of %s is User %q: a service account's user is system:serviceaccount:NAMESPACE:NAME", s.Index()+1, res, name)
	case kind == "ServiceAccount" && account:
		parts := strings.Split(name, ":")
		void(fmt.Sprintf("write name: %s and namespace: %s", parts[3], parts[2]), "subject %d of %s is ServiceAccount %q: that is the name of its user, and no account has it", s.Index()+1, res, name)
	case kind == "ServiceAccount" && (isGroup || isUser):
		right := "User"
		if isGroup {
			right = "Group"
		}
		void("write kind: "+right, "subject %d of %s is ServiceAccount %q, which is the name of a %s: no account has it", s.Index()+1, res, name, strings.ToLower(right))
	}
}

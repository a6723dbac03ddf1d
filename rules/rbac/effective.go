package rbac

import (
	"fmt"

	"github.com/manilint/manilint/lint"
)

// Effective follows workload → service account → binding → role and reports the
// workloads from which the whole cluster follows: everything, escalate, bind,
// impersonate, all Secrets, nodes/proxy, all tokens, exec into all pods, or
// workloads in all namespaces; cluster-wide, or in kube-system with one step
// less. It weighs one step more than the grant alone, and the rules about that
// grant or binding yield to it: one root cause is one finding, at the grant where
// the bundle holds the role, else at the binding's roleRef. Lesser powers stay
// with the rules about grants. Groups are judged by [Authenticated].
var Effective = &lint.Rule{
	ID:         "rbac-effective",
	Summary:    "workload can take over the cluster through its service account",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.1", "CIS 5.1.2", "OWASP K02"},
	Peers:      map[string][]string{"kubescape": {"C-0267", "C-0272"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		g := of(pass.Bundle)
		chains := map[*lint.Node][]*chain{}
		var order []*lint.Node
		for _, a := range g.accounts {
			if c := worstChain(a); c != nil {
				n := c.node()
				if chains[n] == nil {
					order = append(order, n)
				}
				chains[n] = append(chains[n], c)
			}
		}
		for _, n := range order {
			all := chains[n]
			f := pass.Report(n, all[0].sentence(all))
			f.Severity, f.Subject, f.Help = all[0].severity(), all[0].subject(), all[0].grant.help(all[0].binding.cluster())
			for i, c := range all {
				if i == maxRelated {
					break
				}
				c.relate(f)
			}
		}
	},
}

// A chain is one way from a workload to a power.
type chain struct {
	account *account
	pods    []*lint.PodSpec // that get the account's token
	binding *binding
	role    *role
	grant   *grant
}

// worstChain returns the chain of an account to the worst of its powers, or nil.
func worstChain(a *account) *chain {
	var pods []*lint.PodSpec
	for _, pod := range a.pods {
		if a.mounts(pod) {
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 {
		return nil
	}
	var worst *chain
	for _, b := range a.bindings {
		if !b.cluster() && b.res.Namespace != "kube-system" {
			continue
		}
		for _, r := range b.roles {
			c := &chain{a, pods, b, r, r.takeover(b.cluster())}
			if c.grant == nil {
				continue
			}
			if worst == nil || c.severity() > worst.severity() || c.severity() == worst.severity() && c.grant.power.takeover > worst.grant.power.takeover {
				worst = c
			}
		}
	}
	return worst
}

func (c *chain) severity() lint.Severity {
	severity := min(lint.Critical, c.grant.power.severity+1)
	if !c.binding.cluster() {
		severity = severity.Lower()
	}
	return severity
}

// node is what to mend: the grant, or the choice of a built-in role.
func (c *chain) node() *lint.Node {
	if n := c.grant.node(); n != nil {
		return n
	}
	return c.binding.ref
}

func (c *chain) subject() string {
	if c.grant.rule.node != nil {
		return c.grant.subject()
	}
	return bindingSubject(c.binding)
}

func (c *chain) can() string {
	switch {
	case c.binding.cluster() && c.grant.power == everything:
		return "do everything in the cluster, and so read every Secret"
	case c.binding.cluster():
		return c.grant.can(true)
	}
	return c.grant.can(false) + inNamespaces([]string{c.binding.res.Namespace})
}

func (c *chain) sentence(all []*chain) string {
	workloads := map[any]bool{}
	for _, other := range all {
		for _, pod := range other.pods {
			if pod.Resource.Name == "" {
				workloads[pod.Resource] = true // a generated name
			} else {
				workloads[pod.Resource.Object()] = true
			}
		}
	}
	more := len(workloads) - 1
	text := fmt.Sprintf("%s can %s: it runs as ServiceAccount %q, bound by %s %q to %s",
		c.pods[0].Resource, c.can(), c.account.name, c.binding.res.Kind, c.binding.res.Name, c.role)
	if owner := c.grant.rule.role; owner != c.role && owner.res != nil {
		text += fmt.Sprintf(", which takes in %s", owner)
	}
	switch {
	case more == 1:
		text += "; so can 1 more workload"
	case more > 1:
		text += fmt.Sprintf("; so can %d more workloads", more)
	}
	return text
}

func (c *chain) relate(f *lint.Finding) {
	f.Relate("workload", stand(accountNode(c.pods[0])), fmt.Sprintf("%s runs as ServiceAccount %q", c.pods[0].Resource, c.account.name))
	if c.node() != c.binding.ref {
		f.Relate("binding", stand(c.binding.ref), fmt.Sprintf("%s %q binds it to %s", c.binding.res.Kind, c.binding.res.Name, c.role))
	}
	if c.role.res != nil {
		f.Relate("role", stand(c.role.res.Get("metadata", "name")), fmt.Sprintf("%s grants %s", c.role, c.grant.items()))
	}
}

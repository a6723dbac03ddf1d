package rbac

import (
	"fmt"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/access"
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
	Summary:    "workload can take over the cluster or a namespace through its service account",
	Severity:   lint.Critical,
	Group:      "rbac",
	Profiles:   core,
	References: []string{"CIS 5.1.1", "CIS 5.1.2", "OWASP K02"},
	Peers:      map[string][]string{"kubescape": {"C-0267", "C-0272"}},
	Docs:       docs,
	Run: func(pass *lint.Pass) {
		g := access.Of(pass.Bundle)
		chains := map[*lint.Node][]*chain{}
		var order []*lint.Node
		for _, a := range g.Accounts {
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
			f.Severity, f.Subject, f.Help = all[0].severity(), all[0].subject(), all[0].grant.Help(all[0].binding.Cluster())
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
	account *access.Account
	pods    []*lint.PodSpec // that get the account's token
	held    *access.Holder  // by which the first of them does; nil where it runs as the account
	binding *access.Binding
	role    *access.Role
	grant   *access.Grant
}

// worstChain returns the chain of an account to the worst of its powers, or nil.
func worstChain(a *access.Account) *chain {
	var pods []*lint.PodSpec
	has := map[*lint.PodSpec]bool{}
	for _, pod := range a.Pods {
		if a.Mounts(pod) {
			pods, has[pod] = append(pods, pod), true
		}
	}
	var held *access.Holder // by which the first of the pods has the token, nil where it is mounted on its own
	for i, h := range a.Holders {
		if has[h.Pod] {
			continue
		}
		if len(pods) == 0 {
			held = &a.Holders[i]
		}
		pods, has[h.Pod] = append(pods, h.Pod), true
	}
	if len(pods) == 0 {
		return nil
	}
	var worst *chain
	for _, b := range a.Bindings {
		if !b.Cluster() && b.Resource.Namespace != "kube-system" {
			continue
		}
		for _, r := range b.Roles {
			c := &chain{a, pods, held, b, r, r.Takeover(b.Cluster())}
			if c.grant == nil {
				continue
			}
			if worst == nil || c.severity() > worst.severity() || c.severity() == worst.severity() && c.grant.Power.Takeover > worst.grant.Power.Takeover {
				worst = c
			}
		}
	}
	return worst
}

func (c *chain) severity() lint.Severity {
	severity := min(lint.Critical, c.grant.Power.Severity+1)
	if !c.binding.Cluster() {
		severity = severity.Lower()
	}
	return severity
}

// node is what to fix: the grant, or the choice of a built-in role.
func (c *chain) node() *lint.Node {
	if n := c.grant.Node(); n != nil {
		return n
	}
	return c.binding.Ref
}

func (c *chain) subject() string {
	if c.grant.Rule.Node != nil {
		return c.grant.Subject()
	}
	return bindingSubject(c.binding)
}

func (c *chain) can() string {
	switch {
	case c.binding.Cluster() && c.grant.Power == access.Everything:
		return "do everything in the cluster, and so read every Secret"
	case c.binding.Cluster():
		return c.grant.Can(true)
	}
	return c.grant.Can(false) + access.InNamespaces([]string{c.binding.Resource.Namespace})
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
	text := fmt.Sprintf("%s can %s: it %s, bound by %s %q to %s",
		c.pods[0].Resource, c.can(), c.how(), c.binding.Resource.Kind, c.binding.Resource.Name, c.role)
	if owner := c.grant.Rule.Role; owner != c.role && owner.Resource != nil {
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

// how says by what the first of the pods has the token of the account.
func (c *chain) how() string {
	if c.held != nil {
		return fmt.Sprintf("has the token of ServiceAccount %q by Secret %q", c.account.Name, c.held.Secret.Name)
	}
	return fmt.Sprintf("runs as ServiceAccount %q", c.account.Name)
}

func (c *chain) relate(f *lint.Finding) {
	at := accountNode(c.pods[0])
	if c.held != nil {
		at = c.held.Node
	}
	f.Relate("workload", stand(at), fmt.Sprintf("%s %s", c.pods[0].Resource, c.how()))
	if c.node() != c.binding.Ref {
		f.Relate("binding", stand(c.binding.Ref), fmt.Sprintf("%s %q binds it to %s", c.binding.Resource.Kind, c.binding.Resource.Name, c.role))
	}
	if c.role.Resource != nil {
		f.Relate("role", stand(c.role.Resource.Get("metadata", "name")), fmt.Sprintf("%s grants %s", c.role, c.grant.Items()))
	}
}

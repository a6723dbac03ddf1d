package reliability

import (
	"strings"

	"github.com/manilint/manilint/lint"
)

// limitDrains lets a budget that says nothing give up one pod at a time.
func limitDrains(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("draining a node waits for the pods, and fails where no controller counts them", lint.Set(n, 1))
}

// oneUnavailable lets a budget that blocks give up one pod at a time.
func oneUnavailable(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	edits := []lint.Edit{lint.Set(n.Parent().Get("maxUnavailable"), 1)}
	if least := n.Parent().Get("minAvailable"); least.Exists() {
		edits = append(edits, lint.Remove(least))
	}
	return lint.Risky("draining a node stops a pod that the budget keeps; one that runs alone is down until it runs elsewhere", edits...)
}

func evictBroken(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("draining a node stops pods that are not ready, and may be about to be", lint.Set(n, "AlwaysAllow"))
}

func enoughReplicas(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("a program that cannot share its work, its volume or a lock runs more than once", lint.Set(n, pass.Int("minimum")))
}

// enoughAtLeast raises minReplicas, where maxReplicas leaves room.
func enoughAtLeast(pass *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if most, ok := n.Parent().Get("maxReplicas").Int(); n.Name() != "minReplicas" || !ok || most <= int64(pass.Int("minimum")) {
		return nil
	}
	return enoughReplicas(pass, nil, n)
}

func autoscaled(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("kubectl apply scales to one pod once, since it takes the field out; the autoscaler then scales up again", lint.Remove(n))
}

func rolling(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	return lint.Risky("an old and a new pod run side by side, which a volume or a lock for one of them does not allow", lint.Set(n, "RollingUpdate"))
}

// allowedRestart writes a policy that the kind allows: the one that pods of a service have,
// or, of a Job, the one that starts its program again.
func allowedRestart(_ *lint.Pass, f *lint.Finding, n *lint.Node) *lint.Remedy {
	const why = "no pod is made of the template as it is"
	if strings.Contains(f.Message, "always restarted") {
		return lint.Safe(why, lint.Set(n, "Always"))
	}
	return lint.Safe(why, lint.Set(n, "OnFailure"))
}

// keepHistory leaves the Jobs of a CronJob to its history limits. How long a Job by itself is kept is the author's.
func keepHistory(_ *lint.Pass, _ *lint.Finding, n *lint.Node) *lint.Remedy {
	if n.IsNull() {
		return nil
	}
	return lint.Safe("Jobs that are done stay until the history limits remove them; nothing that runs is touched", lint.Remove(n))
}

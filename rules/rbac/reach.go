package rbac

// How far a binding's role reaches. What the bundle lacks counts as dangerous.
type reach int

const (
	reachPublic    reach = iota // what the API server shows to everyone anyway
	reachPaths                  // URLs outside the API alone
	reachHarmless               // nothing of the list
	reachDangerous              // powers of the list, or not known
	reachTakeover
)

func (b *binding) reach() reach {
	if b.kind == "ClusterRole" && publicRoles[b.name] {
		return reachPublic
	}
	if len(b.roles) == 0 {
		return reachDangerous
	}
	worst := reachPaths
	for _, r := range b.roles {
		if r.res == nil {
			worst = max(worst, reachHarmless)
		}
		r.rules(func(p *policyRule) {
			if len(p.resources) > 0 {
				worst = max(worst, reachHarmless)
			}
		})
		if len(r.powers(b.cluster())) > 0 {
			worst = max(worst, reachDangerous)
		}
		if b.cluster() && r.takeover(true) != nil {
			worst = reachTakeover
		}
	}
	return worst
}

package access

// A Reach is how far a binding's role reaches. What the bundle does not have counts as dangerous.
type Reach int

// How far roles reach, from the least.
const (
	ReachPublic    Reach = iota // what the API server shows to everyone anyway
	ReachPaths                  // URLs outside the API alone
	ReachHarmless               // nothing of the list
	ReachDangerous              // powers of the list, or not known
	ReachTakeover               // the whole cluster follows
)

// Reach returns how far the roles reach that the binding binds, where it binds them.
func (b *Binding) Reach() Reach {
	if b.Kind == "ClusterRole" && publicRoles[b.Name] {
		return ReachPublic
	}
	if len(b.Roles) == 0 {
		return ReachDangerous
	}
	worst := ReachPaths
	for _, r := range b.Roles {
		if r.Resource == nil {
			worst = max(worst, ReachHarmless)
		}
		r.Rules(func(p *PolicyRule) {
			if len(p.Resources) > 0 {
				worst = max(worst, ReachHarmless)
			}
		})
		if len(r.Powers(b.Cluster())) > 0 {
			worst = max(worst, ReachDangerous)
		}
		if b.Cluster() && r.Takeover(true) != nil {
			worst = ReachTakeover
		}
	}
	return worst
}

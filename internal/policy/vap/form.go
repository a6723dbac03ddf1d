package vap

import (
	"slices"

	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/kube"
)

// A Form is a policy, or a rule, of another controller whose expressions are judged as
// those of a ValidatingAdmissionPolicy are.
type Form struct {
	Object *lint.Resource
	// Spec holds variables, parameters and, in Field, the validations.
	Spec  *lint.Node
	Field string
	// Conditions are the match conditions.
	Conditions *lint.Node
	Severity   lint.Severity
	// Ignore says that an expression that cannot be evaluated refuses nothing.
	Ignore bool
	// Rewrite is what the expressions are read as; nil for as they are written.
	Rewrite func(string) string
	// Kinds are those that the form is about, in namespaces that matchConstraints selects;
	// where there are none, matchConstraints says. All says that whoever asks has chosen.
	Kinds []string
	All   bool
	// Namespace is the only one that it is about; "" for any.
	Namespace string
	// Exempt are lists of conditions: an object that meets all of one is exempt.
	Exempt []*lint.Node
}

// New compiles a form for a version of Kubernetes, with the parameters and namespaces that
// are among objects. Notes say what of it is not judged.
func New(f Form, objects []*lint.Resource, version string) (p policy.Policy, errs []*lint.InputError, notes []lint.Note) {
	v := &validating{object: f.Object, form: &f, set: objects, version: version}
	v.bindings = []*binding{{f.Object, f.Severity}}
	c, errs := v.compile(version)
	if len(errs) == 0 {
		notes = v.notes(c)
	}
	return v, errs, notes
}

// about reports whether the form is about an object.
func (f *Form) about(m *match) answer {
	home := kube.Home(m.object)
	open := f.Namespace != "" && home == "" && !m.object.IsClusterScoped()
	if f.Namespace != "" && home != f.Namespace && !open {
		return no
	}
	in := f.selects(m)
	if open && in == yes {
		return unknown
	}
	return in
}

// selects reports whether the form is about an object, in whatever namespace.
func (f *Form) selects(m *match) answer {
	switch {
	case f.All:
		m.operation = "CREATE"
		return yes
	case len(f.Kinds) > 0:
		m.operation = "CREATE"
		if !slices.Contains(f.Kinds, m.object.Kind) || m.object.Group != "apps" && m.object.Group != "batch" {
			return no
		}
		return m.namespace(kube.ParseSelector(f.Spec.Get("matchConstraints", "namespaceSelector")))
	}
	return m.about(f.Spec.Get("matchConstraints"))
}

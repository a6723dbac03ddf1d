// Package expression compiles and evaluates expressions of CEL as the API server of a
// Kubernetes version does, and says which fields of an object decided a result. It knows
// no policy: what the variables are is said by whoever compiles.
//
// The libraries are k8s.io/apiserver's own. Its package environment, which puts them
// together for a version, brings in the server's metrics and feature gates, so the table
// is repeated here; a test compares it with that package for each version.
package expression

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
	apicel "k8s.io/apiserver/pkg/apis/cel"
	servercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"

	"github.com/manilint/manilint/lint/kube"
)

// An entry is what the environments of some versions have: from since to before until,
// as minor versions; 0 for always.
type entry struct {
	since, until int
	options      func() []cel.EnvOption
}

// The environment of a version, after baseOpts of k8s.io/apiserver/pkg/cel/environment.
// Options are made when they are first asked for: a run without policies pays nothing.
var entries = []entry{
	{options: func() []cel.EnvOption {
		return []cel.EnvOption{
			cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
			library.URLs(), library.Regex(), cel.CostEstimatorOptions(checker.PresenceTestHasCost(false)),
		}
	}},
	{until: 37, options: func() []cel.EnvOption { return []cel.EnvOption{library.Lists(library.ListsVersion(0))} }},
	{since: 27, options: func() []cel.EnvOption { return []cel.EnvOption{library.Authz()} }},
	{since: 28, options: func() []cel.EnvOption {
		return []cel.EnvOption{cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), library.Quantity()}
	}},
	{since: 29, options: func() []cel.EnvOption {
		return []cel.EnvOption{cel.ASTValidators(
			cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals())}
	}},
	{until: 29, options: func() []cel.EnvOption { return []cel.EnvOption{ext.Strings(ext.StringsVersion(0))} }},
	{since: 29, options: func() []cel.EnvOption { return []cel.EnvOption{ext.Strings(ext.StringsVersion(2)), ext.Sets()} }},
	{since: 30, options: func() []cel.EnvOption { return []cel.EnvOption{library.IP(), library.CIDR()} }},
	{since: 31, options: func() []cel.EnvOption { return []cel.EnvOption{library.Format(), library.AuthzSelectors()} }},
	{since: 32, options: func() []cel.EnvOption { return []cel.EnvOption{ext.TwoVarComprehensions()} }},
	{since: 33, options: func() []cel.EnvOption { return []cel.EnvOption{library.SemverLib(library.SemverVersion(1))} }},
	{since: 34, options: func() []cel.EnvOption { return []cel.EnvOption{ext.Lists(ext.ListsVersion(3))} }},
	{since: 37, options: func() []cel.EnvOption { return []cel.EnvOption{library.Lists(library.ListsVersion(1))} }},
}

// programOptions are the limits of the API server: the cost of one expression, counted as it
// counts. What is cheap cannot reach them, and is not counted.
func programOptions(cheap bool) []cel.ProgramOption {
	if cheap {
		return []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	}
	return []cel.ProgramOption{
		cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost), cel.CostLimit(apicel.PerCallLimit),
		cel.CostTrackerOptions(interpreter.PresenceTestHasCost(false)), cel.CostTracking(&library.CostEstimator{}),
		cel.InterruptCheckFrequency(apicel.CheckFrequency),
	}
}

var bases sync.Map // minor version → func() (*cel.Env, error), called once

// base returns the environment of a minor version without variables.
func base(minor int) (*cel.Env, error) {
	once, _ := bases.LoadOrStore(minor, sync.OnceValues(func() (*cel.Env, error) {
		var options []cel.EnvOption
		for _, e := range entries {
			if minor >= e.since && (e.until == 0 || minor < e.until) {
				options = append(options, e.options()...)
			}
		}
		return cel.NewEnv(options...)
	}))
	return once.(func() (*cel.Env, error))()
}

// compatible returns the minor version whose environment an API server of a version
// accepts new expressions in: the one before, so that it can be rolled back
// (DefaultCompatibilityVersion of k8s.io/apiserver). "" stands for the newest version known.
func compatible(version string) int {
	minor := kube.Newest
	if _, rest, ok := strings.Cut(version, "."); ok {
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(rest)
		}
		if n, err := strconv.Atoi(rest[:end]); err == nil {
			minor = n
		}
	}
	return minor - 1
}

// A Variable is one that expressions may read.
type Variable struct {
	Name string
	// Type is nil for a variable of any type.
	Type *servercel.DeclType
	// CEL is the type of a variable that no object holds, as the authorizer's.
	CEL *cel.Type
}

// An Environment is what expressions are compiled in. It may be used concurrently once all
// of [Environment.Define] are done.
type Environment struct {
	env       *cel.Env
	variables *servercel.DeclType    // the type of the variable of that name; nil without
	defined   map[string]*Expression // of Define
	declared  map[string]bool        // the names of all variables
}

// variablesName is the variable that holds what is defined.
const variablesName = "variables"

// Object is the type of what an apply configuration of a MutatingAdmissionPolicy gives, and
// JSONPatch that of the items of its JSON patch.
var (
	Object    = cel.ObjectType(mutation.ObjectTypeName)
	JSONPatch = cel.ObjectType(mutation.JSONPatchTypeName)
)

// NewMutating is New with what the expressions of a MutatingAdmissionPolicy make, and with defined variables.
func NewMutating(version string, variables []Variable) (*Environment, error) {
	return newEnvironment(version, variables, true, common.ResolverEnvOption(&mutation.DynamicTypeResolver{}), library.JSONPatch())
}

// New returns the environment of a Kubernetes version, as 1.33, with variables. With
// composed there is a variable named variables, which holds what [Environment.Define] defines.
func New(version string, variables []Variable, composed bool) (*Environment, error) {
	return newEnvironment(version, variables, composed)
}

func newEnvironment(version string, variables []Variable, composed bool, last ...cel.EnvOption) (*Environment, error) {
	minor := compatible(version)
	env, err := base(minor)
	if err != nil {
		return nil, fmt.Errorf("the CEL environment of Kubernetes %s: %w", version, err)
	}
	e := &Environment{defined: map[string]*Expression{}, declared: map[string]bool{}}
	if composed {
		e.variables = servercel.NewObjectType("kubernetes.variables", map[string]*servercel.DeclField{})
		variables = append(variables[:len(variables):len(variables)], Variable{Name: variablesName, Type: e.variables})
	}
	var options []cel.EnvOption
	var types []*servercel.DeclType
	for _, v := range variables {
		e.declared[v.Name] = true
		switch {
		case v.Type != nil:
			types = append(types, v.Type)
			options = append(options, cel.Variable(v.Name, v.Type.CelType()))
		case v.CEL != nil:
			options = append(options, cel.Variable(v.Name, v.CEL))
		default:
			options = append(options, cel.Variable(v.Name, cel.DynType))
		}
	}
	if len(types) > 0 {
		provider := servercel.NewDeclTypeProvider(types...)
		if minor >= 31 {
			provider.SetRecognizeKeywordAsFieldName(true)
		}
		more, err := provider.EnvOptions(env.CELTypeProvider())
		if err != nil {
			return nil, fmt.Errorf("the CEL environment of Kubernetes %s: %w", version, err)
		}
		options = append(options, more...)
	}
	if e.env, err = env.Extend(options...); err == nil && len(last) > 0 {
		e.env, err = e.env.Extend(last...)
	}
	if err != nil {
		return nil, fmt.Errorf("the CEL environment of Kubernetes %s: %w", version, err)
	}
	return e, nil
}

package vap

import (
	"fmt"

	"github.com/google/cel-go/cel"
	servercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/manilint/manilint/internal/policy"
	"github.com/manilint/manilint/internal/policy/expression"
	"github.com/manilint/manilint/lint"
)

// A compiler gathers what is wrong with the expressions of a policy.
type compiler struct {
	hasParams bool
	rewrite   func(string) string // what expressions are read as; nil for as they are written
	errs      []*lint.InputError
}

// fail is an error at a line and column of the text of a node.
func (c *compiler) fail(n *lint.Node, line, column int, message string) {
	place := n.Locate()
	span := place.Span
	if place.Precision == lint.Exact {
		span = policy.Within(span, n.Value(), line, column)
	}
	c.errs = append(c.errs, &lint.InputError{Span: span, Message: fmt.Sprintf("%s: %s: %s", n.Resource(), n.Path(), message)})
}

// compile returns nil where a node holds no expression that gives one of the types.
func (c *compiler) compile(env *expression.Environment, n *lint.Node, gives ...*cel.Type) *expression.Expression {
	if !n.IsScalar() {
		c.fail(n, 1, 1, "an expression is expected here")
		return nil
	}
	x, issues := env.Compile(c.read(n), gives...)
	for _, issue := range issues {
		c.fail(n, issue.Line, issue.Column, issue.Message)
	}
	return x
}

// read returns the expression of a node.
func (c *compiler) read(n *lint.Node) string {
	if c.rewrite != nil {
		return c.rewrite(n.Value())
	}
	return n.Value()
}

// conditions compiles match conditions.
func (c *compiler) conditions(env *expression.Environment, list *lint.Node) []part {
	var all []part
	for i, n := range list.Items() {
		if x := c.compile(env, n.Get("expression"), cel.BoolType); x != nil {
			all = append(all, part{x, n.Get("expression"), fmt.Sprintf("%s[%d]", list.Name(), i)})
		}
	}
	return all
}

// define defines variables, each of which may read those before it.
func (c *compiler) define(env *expression.Environment, variables *lint.Node) {
	for _, v := range variables.Items() {
		for _, issue := range env.Define(v.Get("name").Value(), c.read(v.Get("expression"))) {
			c.fail(v.Get("expression"), issue.Line, issue.Column, issue.Message)
		}
	}
}

// variables are those of admission (mustBuildEnvs of k8s.io/apiserver/pkg/admission/plugin/cel).
func (c *compiler) variables() []expression.Variable {
	all := []expression.Variable{
		{Name: "object"}, {Name: "oldObject"}, {Name: "namespaceObject", Type: namespaceType()}, {Name: "request", Type: requestType()},
		{Name: "authorizer", CEL: library.AuthorizerType}, {Name: "authorizer.requestResource", CEL: library.ResourceCheckType},
	}
	if c.hasParams {
		all = append(all, expression.Variable{Name: "params"})
	}
	return all
}

// A field is one of a type that expressions read.
type field struct {
	name     string
	of       *servercel.DeclType
	required bool
}

func objectType(name string, fields ...field) *servercel.DeclType {
	all := map[string]*servercel.DeclField{}
	for _, f := range fields {
		all[f.name] = servercel.NewDeclField(f.name, f.of, f.required, nil, nil)
	}
	return servercel.NewObjectType("kubernetes."+name, all)
}

// requestType is the type of request: the part of an AdmissionRequest that expressions see.
func requestType() *servercel.DeclType {
	text, texts := servercel.StringType, servercel.NewListType(servercel.StringType, -1)
	kind := objectType("GroupVersionKind", field{"group", text, true}, field{"version", text, true}, field{"kind", text, true})
	resource := objectType("GroupVersionResource", field{"group", text, true}, field{"version", text, true}, field{"resource", text, true})
	user := objectType("UserInfo", field{"username", text, false}, field{"uid", text, false}, field{"groups", texts, false},
		field{"extra", servercel.NewMapType(text, texts, -1), false})
	return objectType("AdmissionRequest",
		field{"kind", kind, true}, field{"resource", resource, true}, field{"subResource", text, false},
		field{"requestKind", kind, true}, field{"requestResource", resource, true}, field{"requestSubResource", text, false},
		field{"name", text, true}, field{"namespace", text, false}, field{"operation", text, true}, field{"userInfo", user, true},
		field{"dryRun", servercel.BoolType, false}, field{"options", servercel.DynType, false})
}

// namespaceType is the type of namespaceObject.
func namespaceType() *servercel.DeclType {
	text, moment, number := servercel.StringType, servercel.TimestampType, servercel.IntType
	texts, labels := servercel.NewListType(text, -1), servercel.NewMapType(text, text, -1)
	condition := objectType("NamespaceCondition", field{"status", text, true}, field{"type", text, true}, field{"lastTransitionTime", moment, true},
		field{"message", text, true}, field{"reason", text, true})
	metadata := objectType("NamespaceMetadata",
		field{"name", text, true}, field{"generateName", text, true}, field{"namespace", text, true}, field{"labels", labels, true},
		field{"annotations", labels, true}, field{"UID", text, true}, field{"creationTimestamp", moment, true}, field{"deletionGracePeriodSeconds", number, true},
		field{"deletionTimestamp", moment, true}, field{"generation", number, true}, field{"resourceVersion", text, true}, field{"finalizers", texts, true})
	return objectType("Namespace", field{"metadata", metadata, true},
		field{"spec", objectType("NamespaceSpec", field{"finalizers", texts, true}), true},
		field{"status", objectType("NamespaceStatus", field{"conditions", servercel.NewListType(condition, -1), true}, field{"phase", text, true}), true})
}

// mutating compiles the expressions of a MutatingAdmissionPolicy and returns what is wrong with them.
func mutating(r *lint.Resource, version string) []*lint.InputError {
	c := &compiler{hasParams: r.Get("spec", "paramKind").Exists()}
	before, err := expression.New(version, c.variables(), false)
	if err != nil {
		return []*lint.InputError{{Span: r.Root.Locate().Span, Message: err.Error()}}
	}
	env, err := expression.NewMutating(version, c.variables())
	if err != nil {
		return []*lint.InputError{{Span: r.Root.Locate().Span, Message: err.Error()}}
	}
	for _, n := range r.Get("spec", "matchConditions").Items() {
		c.compile(before, n.Get("expression"), cel.BoolType)
	}
	c.define(env, r.Get("spec", "variables"))
	for _, n := range r.Get("spec", "mutations").Items() {
		if n.Get("patchType").Value() == "JSONPatch" {
			c.compile(env, n.Get("jsonPatch", "expression"), cel.ListType(expression.JSONPatch))
		} else {
			c.compile(env, n.Get("applyConfiguration", "expression"), expression.Object)
		}
	}
	return c.errs
}

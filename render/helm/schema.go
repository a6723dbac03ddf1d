package helm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	schemakind "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"helm.sh/helm/v3/pkg/chart"

	"github.com/manilint/manilint/lint"
)

// A closedLoader refuses to load anything: the schema of a chart must not make us open
// a file or a connection.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) { return nil, fmt.Errorf("%s is not opened", url) }

// checkSchema holds the values of a chart and its subcharts to their values.schema.json,
// as Helm does before it renders. prefix is the path of the chart's values.
func (t *tree) checkSchema(ctx context.Context, c *chart.Chart, values map[string]any, stack *valueStack, prefix []string) []*lint.InputError {
	var errs []*lint.InputError
	if len(c.Schema) > 0 {
		errs = append(errs, t.validate(ctx, c, values, stack, prefix)...)
	}
	for _, sub := range c.Dependencies() {
		if own, ok := values[sub.Name()].(map[string]any); ok {
			errs = append(errs, t.checkSchema(ctx, sub, own, stack, append(prefix[:len(prefix):len(prefix)], sub.Name()))...)
		}
	}
	return errs
}

const (
	// maxSchemaErrors bounds what one chart reports of its schema.
	maxSchemaErrors = 10
	// maxSchemaDepth bounds how deep a schema is nested, and maxSchemaSteps how often
	// one of its parts is applied to a value: anyOf over references that branch again
	// and again requests more than any machine does.
	maxSchemaDepth = 200
	maxSchemaSteps = 1 << 20
)

var errSchemaSteps = fmt.Errorf("checking the values takes more than %d steps; it may branch too often", maxSchemaSteps)

// A schema is compiled once for all renderings of a chart.
type schema struct {
	*jsonschema.Schema
	steps int             // of the validation at work
	ctx   context.Context // which ends it
}

// schema compiles the text of a schema, which is not empty.
func (t *tree) schema(text []byte) (*schema, error) {
	if known := t.schemas[&text[0]]; known != nil {
		return known, nil
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if !closeRefs(parsed, 0) {
		return nil, fmt.Errorf("it is nested deeper than %d levels", maxSchemaDepth)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	const url = "manilint:values.schema.json"
	if err := compiler.AddResource(url, parsed); err != nil {
		return nil, err
	}
	s := &schema{}
	if s.Schema, err = compiler.Compile(url); err != nil {
		return nil, err
	}
	s.countSteps()
	if t.schemas == nil {
		t.schemas = map[*byte]*schema{}
	}
	t.schemas[&text[0]] = s
	return s, nil
}

func (t *tree) validate(ctx context.Context, c *chart.Chart, values map[string]any, stack *valueStack, prefix []string) (errs []*lint.InputError) {
	at := t.firstLine(t.dirOf(c) + "values.schema.json")
	fail := func(err error) []*lint.InputError {
		return []*lint.InputError{{Message: fmt.Sprintf("values.schema.json of chart %s: %v", c.Name(), err), Span: at}}
	}
	defer func() {
		if p := recover(); p != nil {
			errs = fail(fmt.Errorf("%v", p))
		}
	}()
	compiled, err := t.schema(c.Schema)
	if err != nil {
		return fail(err)
	}
	compiled.steps, compiled.ctx = 0, ctx
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	inOrder(invalid)
	type refusal struct {
		path    []string
		message string
	}
	var refused []refusal
	seen := map[string]bool{}
	for _, unit := range invalid.BasicOutput().Errors {
		if unit.Error == nil {
			continue
		}
		path := append([]string(nil), prefix...)
		for _, field := range strings.Split(strings.TrimPrefix(unit.InstanceLocation, "/"), "/") {
			if field != "" {
				path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(field))
			}
		}
		message := unit.Error.String()
		if strings.Contains(message, "validation failed") || strings.HasPrefix(message, "allOf") || strings.HasPrefix(message, "jsonschema") || seen[strings.Join(path, ".")+message] {
			continue // says only that something below does not fit
		}
		seen[strings.Join(path, ".")+message] = true
		refused = append(refused, refusal{path, message})
	}
	if len(refused) == 0 {
		return fail(errors.New("the values do not match"))
	}
	// The validator goes through mappings in no order; which errors are kept must not
	// depend on it.
	slices.SortFunc(refused, func(a, b refusal) int {
		return cmp.Or(slices.Compare(a.path, b.path), strings.Compare(a.message, b.message))
	})
	for _, r := range refused[:min(len(refused), maxSchemaErrors)] {
		path := r.path
		e := &lint.InputError{Message: "the chart's schema refuses the value: " + r.message, Span: t.firstLine("values.yaml")}
		if len(path) > 0 {
			e.Message = fmt.Sprintf("the chart's schema refuses %s: %s", strings.Join(path, "."), r.message)
		}
		if place, missing, ok := stack.nearest(path); ok {
			e.Span = place.span()
			if missing > 0 {
				e.Span = place.key()
			}
		} else if places := stack.find(path); len(path) > 0 && len(places) > 0 {
			e.Span = places[0].span()
		}
		errs = append(errs, e)
	}
	return errs
}

// inOrder sorts the names that errors list.
func inOrder(e *jsonschema.ValidationError) {
	if k, ok := e.ErrorKind.(*schemakind.AdditionalProperties); ok {
		slices.Sort(k.Properties)
	}
	for _, cause := range e.Causes {
		inOrder(cause)
	}
}

// countSteps makes a schema and all that it refers to end a validation, by a panic,
// after maxSchemaSteps or when its context is done. The validator takes no context; it calls
// the check of a format for each schema that it applies.
func (s *schema) countSteps() {
	count := func() {
		if s.steps++; s.steps > maxSchemaSteps {
			panic(errSchemaSteps)
		}
		if s.steps%1024 == 0 && s.ctx.Err() != nil {
			panic(context.Cause(s.ctx))
		}
	}
	seen := map[*jsonschema.Schema]bool{}
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Interface:
			visit(v.Elem())
		case reflect.Pointer:
			part, ok := v.Interface().(*jsonschema.Schema)
			switch {
			case v.IsNil() || ok && seen[part]:
				return
			case ok:
				seen[part] = true
				format := jsonschema.Format{Validate: func(any) error { return nil }}
				if part.Format != nil {
					format = *part.Format
				}
				check := format.Validate
				format.Validate = func(v any) error {
					count()
					return check(v)
				}
				part.Format = &format
			case v.Elem().Kind() != reflect.Struct:
				return
			}
			for i := range v.Elem().NumField() {
				if v.Elem().Type().Field(i).IsExported() {
					visit(v.Elem().Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(v.Index(i))
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				visit(it.Value())
			}
		}
	}
	visit(reflect.ValueOf(s.Schema))
}

// closeRefs takes out references to other documents: what they would demand is not
// checked, and the rest is. It reports whether the schema is nested no deeper than
// maxSchemaDepth.
func closeRefs(schema any, depth int) bool {
	if depth > maxSchemaDepth {
		return false
	}
	switch x := schema.(type) {
	case map[string]any:
		for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
			if ref, ok := x[key].(string); ok && !strings.HasPrefix(ref, "#") {
				delete(x, key)
			}
		}
		if meta, ok := x["$schema"].(string); ok && !strings.Contains(meta, "json-schema.org/draft") {
			delete(x, "$schema")
		}
		delete(x, "$id")
		for _, v := range x {
			if !closeRefs(v, depth+1) {
				return false
			}
		}
	case []any:
		for _, v := range x {
			if !closeRefs(v, depth+1) {
				return false
			}
		}
	}
	return true
}

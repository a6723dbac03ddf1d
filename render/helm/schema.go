package helm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"

	"github.com/manilint/manilint/lint"
)

// A closedLoader refuses to load anything: the schema of a chart must not make us open
// a file or a connection.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) { return nil, fmt.Errorf("%s is not opened", url) }

// checkSchema holds the values of a chart and its subcharts to their values.schema.json,
// as Helm does before it renders. prefix is the path of the chart's values.
func (t *tree) checkSchema(c *chart.Chart, values map[string]any, stack *valueStack, prefix []string) []*lint.InputError {
	var errs []*lint.InputError
	if len(c.Schema) > 0 {
		errs = append(errs, t.validate(c, values, stack, prefix)...)
	}
	for _, sub := range c.Dependencies() {
		if own, ok := values[sub.Name()].(map[string]any); ok {
			errs = append(errs, t.checkSchema(sub, own, stack, append(prefix[:len(prefix):len(prefix)], sub.Name()))...)
		}
	}
	return errs
}

// maxSchemaErrors bounds what one chart reports of its schema.
const maxSchemaErrors = 10

func (t *tree) validate(c *chart.Chart, values map[string]any, stack *valueStack, prefix []string) (errs []*lint.InputError) {
	at := t.firstLine(t.dirOf(c) + "values.schema.json")
	fail := func(err error) []*lint.InputError {
		return []*lint.InputError{{Message: fmt.Sprintf("values.schema.json of chart %s: %v", c.Name(), err), Span: at}}
	}
	defer func() {
		if p := recover(); p != nil {
			errs = fail(fmt.Errorf("%v", p))
		}
	}()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Schema))
	if err != nil {
		return fail(err)
	}
	closeRefs(schema)
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	const url = "manilint:values.schema.json"
	if err := compiler.AddResource(url, schema); err != nil {
		return fail(err)
	}
	compiled, err := compiler.Compile(url)
	if err != nil {
		return fail(err)
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	seen := map[string]bool{}
	for _, unit := range invalid.BasicOutput().Errors {
		if unit.Error == nil || len(errs) >= maxSchemaErrors {
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
		e := &lint.InputError{Message: "the chart's schema refuses the value: " + message, Span: t.firstLine("values.yaml")}
		if len(path) > 0 {
			e.Message = fmt.Sprintf("the chart's schema refuses %s: %s", strings.Join(path, "."), message)
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
	if len(errs) == 0 {
		return fail(errors.New("the values do not fit"))
	}
	return errs
}

// closeRefs takes out references to other documents: what they would demand is not
// checked, and the rest is.
func closeRefs(schema any) {
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
			closeRefs(v)
		}
	case []any:
		for _, v := range x {
			closeRefs(v)
		}
	}
}

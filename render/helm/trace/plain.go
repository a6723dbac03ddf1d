package trace

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"helm.sh/helm/v3/pkg/chartutil"
)

// plain renders those of the templates that are wanted by text/template, without following
// anything.
func (e *Engine) plain(templates map[string]*Unit, wanted func(name string) bool) *Result {
	e.off = true
	r := &Result{}
	e.useFunctions()
	for name, fn := range e.raw {
		e.raw[name] = e.bounded(name, fn)
	}
	root := template.New(rootName).Option(cmp.Or(e.MissingKey, "missingkey=zero"))
	root.Funcs(e.raw).Funcs(template.FuncMap{"include": e.plainInclude(root), "tpl": e.plainTpl(root, 0)})
	names := slices.SortedFunc(maps.Keys(templates), deepestFirst)
	for _, name := range names {
		err := nested(templates[name].Text)
		if err == nil {
			_, err = root.New(name).Parse(templates[name].Text)
		}
		if err != nil {
			r.Failures = append(r.Failures, Failure{name, err})
		}
	}
	for _, name := range names {
		u := templates[name]
		if root.Lookup(name) == nil || strings.HasPrefix(path.Base(name), "_") || !wanted(name) {
			continue
		}
		if e.MissingKey == "" {
			u.Values["Template"] = chartutil.Values{"Name": name, "BasePath": u.BasePath}
		}
		e.reset()
		w := &writer{t: e.tracer}
		if err := e.plainly(root, w, name, u.Values); err != nil {
			r.Failures = append(r.Failures, Failure{name, err})
			if errors.Is(err, ErrTooLarge) || errors.As(err, new(MemoryError)) || e.ctx.Err() != nil {
				break
			}
			continue
		}
		text := string(w.buf)
		if e.MissingKey == "" {
			text = strings.ReplaceAll(text, noValue, "")
		}
		r.Texts = append(r.Texts, &Text{name, text, nil, u.File, true})
	}
	r.sort()
	return r
}

// plainly executes a template of a set.
func (e *Engine) plainly(s *template.Template, w *writer, name string, data any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError{p}
		}
	}()
	return s.ExecuteTemplate(w, name, data)
}

func (e *Engine) plainInclude(s *template.Template) func(string, any) (string, error) {
	return func(name string, data any) (string, error) {
		if err := e.enterTemplate(); err != nil {
			return "", err
		}
		defer e.leaveTemplate()
		w := &writer{t: e.tracer}
		err := s.ExecuteTemplate(w, name, data)
		return string(w.buf), err
	}
}

func (e *Engine) plainTpl(parent *template.Template, depth int) func(string, any) (string, error) {
	return func(text string, data any) (string, error) {
		if err := nested(text); err != nil {
			return "", err
		}
		if depth >= maxTpl {
			return "", errCalls
		}
		if err := e.charge(8 * len(text)); err != nil {
			return "", err
		}
		s, err := parent.Clone()
		if err != nil {
			return "", err
		}
		s.Option("missingkey=zero") // Clone forgets it: https://github.com/golang/go/issues/43022
		s.Funcs(template.FuncMap{"include": e.plainInclude(s), "tpl": e.plainTpl(s, depth+1)})
		t, err := s.New(rootName).Parse(text)
		if err != nil {
			return "", err
		}
		w := &writer{t: e.tracer}
		err = t.Execute(w, data)
		return strings.ReplaceAll(string(w.buf), noValue, ""), err
	}
}

// bounded returns a function that is held to the limits of a rendering.
func (e *Engine) bounded(name string, fn any) any {
	f := describe(name, reflect.ValueOf(fn))
	return reflect.MakeFunc(f.of.Type(), func(values []reflect.Value) []reflect.Value {
		args := make([]any, len(values))
		for i, v := range values {
			args[i] = v.Interface()
		}
		if err := e.before(f, args); err != nil {
			panic(err) // text/template makes it the error of the call
		}
		call := f.of.Call
		if f.more != nil {
			call = f.of.CallSlice
		}
		results := call(values)
		if err := e.after(results[0].Interface()); err != nil {
			panic(err)
		}
		return results
	}).Interface()
}

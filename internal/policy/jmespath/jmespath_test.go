package jmespath

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

const object = `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web, tier: null}
spec:
  hostNetwork: false
  replicas: 3
  containers:
  - name: a
    image: registry.example/a:1
    ports: [{containerPort: 80}, {containerPort: 443}]
  - name: b
    image: nginx
    ports: [{containerPort: 8080}]
`

func parse(t testing.TB) *lint.Resource {
	t.Helper()
	return linttest.Bundle(t.(linttest.T), lint.NewSource("a.yaml", []byte(object))).Resources[0]
}

// search returns the JSON of what an expression gives, else the error, and the path of the node.
func search(t testing.TB, text string) (got, path string) {
	t.Helper()
	x, err := Parse(text)
	if err != nil {
		return "syntax: " + err.Error(), ""
	}
	v := Of(parse(t).Root)
	v.Data.(map[string]Value)["who"] = Unknown("who asks")
	r, err := x.Search(v, &Budget{Steps: 10000})
	if err != nil {
		var missing *NotFoundError
		if errors.As(err, &missing) && missing.Node != nil {
			path = missing.Node.Path()
		}
		return "error: " + err.Error(), path
	}
	data, err := json.Marshal(r.Plain())
	if err != nil {
		t.Fatal(err)
	}
	if r.Node != nil {
		path = r.Node.Path()
	}
	return string(data), path
}

// What expressions give, and the field that it was read from.
func TestExpressions(t *testing.T) {
	for text, want := range map[string][2]string{
		"spec.replicas":                                                        {"3", "spec.replicas"},
		"spec.hostNetwork":                                                     {"false", "spec.hostNetwork"},
		"metadata.labels.tier":                                                 {`error: the field "tier" is not set`, "metadata.labels.tier"},
		"metadata.labels.tier || 'none'":                                       {`"none"`, "metadata.labels.tier"},
		"metadata.none.deeper || `1`":                                          {"1", "metadata.none"},
		"spec.containers[0].image":                                             {`"registry.example/a:1"`, "spec.containers[name=a].image"},
		"spec.containers[-1].name":                                             {`"b"`, "spec.containers[name=b].name"},
		"spec.containers[5].name":                                              {"null", "spec.containers"},
		"spec.containers[].name":                                               {`["a","b"]`, "spec.containers"},
		"spec.containers[*].ports[].containerPort":                             {"[80,443,8080]", "spec.containers"},
		"spec.containers[*].ports[*].containerPort":                            {"[[80,443],[8080]]", "spec.containers"},
		"spec.containers[?name=='b'].image | [0]":                              {`"nginx"`, "spec.containers[name=b].image"},
		"spec.containers[?contains(image, ':')].name":                          {`["a"]`, "spec.containers"},
		"spec.[initContainers, containers][].name":                             {`["a","b"]`, "spec"},
		"spec.containers[].{n: name, i: image}[0]":                             {`{"i":"registry.example/a:1","n":"a"}`, "spec.containers[name=a]"},
		"(spec.containers[].{n: name})[0]":                                     {`{"n":"a"}`, "spec.containers[name=a]"},
		"spec.containers[::-1].name":                                           {`["b","a"]`, "spec.containers"},
		"spec.containers[0:1].name":                                            {`["a"]`, "spec.containers"},
		"keys(metadata.labels)":                                                {`["app"]`, "metadata.labels"},
		"metadata.*":                                                           {`[{"app":"web"},"web"]`, "metadata"},
		"length(spec.containers)":                                              {"2", "spec.containers"},
		"!(spec.hostNetwork) && spec.replicas > `2`":                           {"true", "spec.replicas"},
		"split(spec.containers[1].image, 'i')":                                 {`["ng","nx"]`, "spec.containers[name=b].image"},
		"max_by(spec.containers, &name).image":                                 {`"nginx"`, "spec.containers[name=b].image"},
		"sort_by(spec.containers, &image)[0].name":                             {`"b"`, "spec.containers[name=b].name"},
		"map(&name, spec.containers)":                                          {`["a","b"]`, "spec.containers"},
		"join('-', spec.containers[].name)":                                    {`"a-b"`, "spec.containers"},
		"to_string(metadata.labels)":                                           {`"{\"app\":\"web\"}"`, "metadata.labels"},
		"to_number('3')":                                                       {"3", ""},
		"items(metadata.labels, 'k', 'v')[0].k":                                {`"app"`, "metadata.labels.app"},
		"object_from_lists(spec.containers[].name, spec.containers[].image).b": {`"nginx"`, "spec.containers[name=b].image"},
		"lookup(metadata.labels, 'app')":                                       {`"web"`, "metadata.labels.app"},
		"regex_match('^[a-z./]+:[0-9]$', spec.containers[0].image)":            {"true", "spec.containers[name=a].image"},
		"regex_replace_all('([a-z]+)x', 'abx', '$1')":                          {`"ab"`, ""},
		"pattern_match('reg*/?:*', spec.containers[0].image)":                  {"true", "spec.containers[name=a].image"},
		"label_match(`{\"app\": \"web\"}`, metadata.labels)":                   {"true", "metadata.labels"},
		"add('1Gi', '1Gi')":                                                    {`"2Gi"`, ""},
		"subtract('10s', '4s')":                                                {`"6s"`, ""},
		"multiply(`2`, '1Gi')":                                                 {`"2Gi"`, ""},
		"divide('4Gi', '1Gi')":                                                 {"4", ""},
		"divide('10', `4`)":                                                    {`"2"`, ""},
		"divide(`1`, `0`)":                                                     {"error: divide: division by zero", ""},
		"modulo(`7`, `4`)":                                                     {"3", ""},
		"add('1Gi', `1`)":                                                      {"error: add: the operands do not fit one another", ""},
		"sum(spec.containers[].ports[].containerPort)":                         {"8603", "spec.containers"},
		"semver_compare('1.2.3', '>=1.0.0')":                                   {"true", ""},
		"base64_decode(base64_encode('a'))":                                    {`"a"`, ""},
		"parse_json('{\"a\": [1]}').a[0]":                                      {"1", ""},
		"parse_yaml('a: [1]').a":                                               {"[1]", ""},
		"truncate('abc', `2`)":                                                 {`"ab"`, ""},
		"time_add('2024-01-01T00:00:00Z', '24h')":                              {`"2024-01-02T00:00:00Z"`, ""},
		"time_before('2024-01-01T00:00:00Z', '2024-01-02T00:00:00Z')":          {"true", ""},
		"sha256('a') | truncate(@, `4`)":                                       {`"ca97"`, ""},
		"who.name":                                                             {"error: it depends on who asks, which is not known", ""},
		"who || 'x'":                                                           {"error: it depends on who asks, which is not known", ""},
		"time_now()":                                                           {"error: it depends on the time, which is not known", ""},
		"to_upper(spec.replicas)":                                              {"error: to_upper: a text is expected", ""},
		"metadata.":                                                            {"syntax: the expression is not complete", ""},
		"metadata..name":                                                       {`syntax: "." is not expected here`, ""},
		"nosuch(@)":                                                            {"syntax: there is no function nosuch", ""},
		"'a":                                                                   {"syntax: the text that begins here does not end", ""},
		"a#b":                                                                  {`syntax: "#" is not expected here`, ""},
		"spec.containers[0:1:1:1]":                                             {"syntax: a slice has three parts at most", ""},
		strings.Repeat("(", 300):                                               {"syntax: the expression is nested too deeply", ""},
		"@" + strings.Repeat(" | [@, @][]", 60):                                {"error: it takes too many steps", ""},
	} {
		if got, path := search(t, text); got != want[0] || path != want[1] {
			t.Errorf("%s: %s at %q, want %s at %q", text, got, path, want[0], want[1])
		}
	}
}

func TestWildcards(t *testing.T) {
	for pattern, texts := range map[string][2]string{
		"*": {"", ""}, "?*": {"a", ""}, "a?c": {"abc", "ac"}, "*:latest": {"a:latest", "a:latest1"}, "a*b*c": {"axxbxxc", "axxbxx"}, "": {"", "a"},
	} {
		if !Wildcard(pattern, texts[0]) || pattern != "*" && Wildcard(pattern, texts[1]) {
			t.Errorf("%q: %q", pattern, texts)
		}
	}
	if Wildcard(strings.Repeat("*a", 5000)+"b", strings.Repeat("a", 20000)) {
		t.Error("a pattern that does not match did")
	}
}

// No text makes the parser or the evaluation fail, and what is evaluated ends.
func FuzzExpressions(f *testing.F) {
	for _, text := range []string{"spec.containers[?name=='b'].image | [0]", "{a: b}.*", "sort_by(@, &a)[::-1]", "`{\"a\": 1}`.a", "\"a\".b || !c && d >= `1`", "[[[", "a[1:2:3]", "map(&map(&@, @), [@])"} {
		f.Add(text)
	}
	v := Of(parse(f).Root)
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		if r, err := x.Search(v, &Budget{Steps: 10000}); err == nil {
			r.Plain()
		}
	})
}

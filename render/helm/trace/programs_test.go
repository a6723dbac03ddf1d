package trace

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// operands are what the templates of [program] read: values of each kind, what is not there, and what
// is no value.
var operands = []string{".", "$", ".Values", ".Values.name", ".Values.n", ".Values.f", ".Values.big", ".Values.on", ".Values.off", ".Values.none", ".Values.empty", ".Values.gone", ".Values.gone.x", ".Values.none.x",
	".Values.list", ".Values.lists", ".Values.map", ".Values.map.n", ".Values.map.sub.x", ".Values.noMap", ".Values.noList", ".Values.strings", ".Values.ints", ".Values.typed", ".Values.typed.k", ".Values.keyed",
	".Values.any", ".Values.bytes", ".Values.time", ".Values.time.A", ".Values.error", ".Values.text", ".Values.tpl", ".Chart.Name", ".Chart.Annotations", ".Chart.Annotations.gone", ".Release", ".Release.Name", ".Capabilities.KubeVersion",
	".Capabilities.APIVersions", ".Capabilities.KubeVersion.Minor", ".Files", ".Template.Name", "$.Values.map", "$x", "$x.a", "$x.sub.x", "$x.gone", ".a", ".k", ".sub", ".x.y", "1", "0", "-1", "2.5", "1e3", "'a'", "0x10", "true", "\"s\"", "\"a\"", "\"%v\"", "\"v1\"", "`r`", "nil", "now"}

// called are functions, with how many arguments they mostly take.
var called = map[string]int{"upper": 1, "quote": 1, "squote": 2, "default": 2, "printf": 2, "print": 2, "println": 1, "toYaml": 1, "toJson": 1, "fromYaml": 1, "indent": 2, "nindent": 2, "index": 2, "len": 1, "eq": 2, "ne": 2, "lt": 2, "ge": 2, "and": 2, "or": 3,
	"not": 1, "dict": 2, "list": 3, "get": 2, "hasKey": 2, "set": 3, "unset": 2, "keys": 1, "values": 1, "pick": 2, "omit": 2, "merge": 2, "mergeOverwrite": 2, "deepCopy": 1, "first": 1, "last": 1, "rest": 1, "append": 2, "concat": 2, "has": 2, "uniq": 1,
	"join": 2, "split": 2, "splitList": 2, "trunc": 2, "trimSuffix": 2, "replace": 3, "contains": 2, "add": 2, "mul": 2, "div": 2, "int": 1, "int64": 1, "float64": 1, "toString": 1, "ternary": 3, "coalesce": 3, "empty": 1, "required": 2, "fail": 1, "kindOf": 1,
	"typeOf": 1, "kindIs": 2, "include": 2, "tpl": 2, "lookup": 4, "slice": 3, "b64enc": 1, "b64dec": 1, "sha256sum": 1, "semver": 1, "semverCompare": 2, "regexMatch": 2, "regexReplaceAll": 3, "mustRegexMatch": 2, "html": 1, "js": 1, "urlquery": 2, "until": 1, "untilStep": 3,
	"seq": 2, "dig": 3, "pluck": 2, "compact": 1, "without": 2, "reverse": 1, "sortAlpha": 1, "max": 2, "min": 2, "floor": 1, "round": 2, "atoi": 1, "cat": 2, "date": 2, "toDate": 2, "mustFirst": 1, "mustToJson": 1, "tuple": 2, "chunk": 2, "abbrev": 2, "substr": 3, "repeat": 2,
	"hasPrefix": 2, "title": 1, "wrap": 2, "initial": 1, "prepend": 2, "fromJson": 1, "fromYamlArray": 1, "toToml": 1, "toRawJson": 1, "all": 2, "any": 2, "typeIs": 2, "deepEqual": 2, "osBase": 1, "base": 1, "regexSplit": 3, "regexFind": 2, "getHostByName": 1, "quoted": 1}

// named are their names, in an order that is the same in every run.
var named = slices.Sorted(maps.Keys(called))

func expression(r *rand.Rand, depth int) string {
	if depth <= 0 || r.IntN(3) == 0 {
		return operands[r.IntN(len(operands))]
	}
	switch r.IntN(6) {
	case 0:
		return "(" + pipeline(r, depth-1) + ")"
	case 1:
		return "(" + pipeline(r, depth-1) + ")" + []string{".a", ".k", ".sub.x", ".name", ".gone", ".Minor"}[r.IntN(6)]
	}
	return "(" + call(r, depth-1, 0) + ")"
}

func call(r *rand.Rand, depth, fewer int) string {
	if r.IntN(12) == 0 { // methods
		method := []string{".Files.Get", ".Files.Glob", ".Files.Lines", ".Capabilities.APIVersions.Has", ".Values.Table", ".Values.PathValue", "$x.name", ".Chart.Validate", ".Files.AsConfig", ".Values.AsMap", "now.Format", "(now).Year"}
		return method[r.IntN(len(method))] + strings.Repeat(" "+expression(r, depth), r.IntN(3))
	}
	name := named[r.IntN(len(named))]
	n := called[name] - fewer
	if r.IntN(15) == 0 {
		n += r.IntN(3) - 1
	}
	out := name
	for i := range n {
		arg := expression(r, depth)
		switch {
		case i == 0 && name == "include":
			arg = []string{`"lib"`, `"field"`, `"fails"`, `"gone"`, `"own"`, ".Values.name"}[r.IntN(6)]
		case i == 0 && name == "tpl" && r.IntN(3) > 0:
			arg = []string{"`{{ .Values.name }}`", "`{{ $x := .a }}{{ $x }}{{ .gone }}`", "`{{ define \"own\" }}o{{ . }}{{ end }}{{ template \"own\" . }}`", "`{{ range . }}{{ . }}{{ end }}`", "`{{ .gone.x }}`", "`{{ fail \"f\" }}`"}[r.IntN(6)]
		}
		out += " " + arg
	}
	return out
}

func pipeline(r *rand.Rand, depth int) string {
	out := expression(r, depth)
	if r.IntN(3) == 0 {
		out = call(r, depth, 0)
	}
	for r.IntN(3) == 0 {
		out += " | " + call(r, depth-1, 1)
	}
	return out
}

func nodes(r *rand.Rand, depth int, inRange bool) string {
	var out strings.Builder
	for range 1 + r.IntN(3) {
		left, right := []string{"{{ ", "{{- "}[r.IntN(2)], []string{" }}", " -}}"}[r.IntN(2)]
		act := func(text string) { out.WriteString(left + text + right) }
		out.WriteString([]string{"", " a ", "\n", "\r\n  b: "}[r.IntN(4)])
		if depth <= 0 {
			act(pipeline(r, 1))
			continue
		}
		switch r.IntN(12) {
		case 0:
			act([]string{"if ", "with "}[r.IntN(2)] + pipeline(r, 2))
			out.WriteString(nodes(r, depth-1, inRange))
			switch r.IntN(3) {
			case 0:
				act("else")
				out.WriteString(nodes(r, depth-1, inRange))
			case 1:
				act("else if " + pipeline(r, 1))
				out.WriteString(nodes(r, depth-1, inRange))
			}
			act("end")
		case 1, 2:
			act("range " + []string{"", "$x := ", "$i, $x := ", "$x = ", "$k, $x = "}[r.IntN(4)] + []string{".Values.list", ".Values.map", ".Values.strings", ".Values.keyed", ".Values.any", ".Values.ints", "3", ".Values.lists", "(list 1 nil .Values.map)", pipeline(r, 2)}[r.IntN(10)])
			out.WriteString(nodes(r, depth-1, true))
			if r.IntN(3) == 0 {
				act("else")
				out.WriteString(nodes(r, depth-1, inRange))
			}
			act("end")
		case 3:
			act("with $x := " + pipeline(r, 2))
			out.WriteString(nodes(r, depth-1, inRange))
			act("end")
		case 4:
			act("$x = " + pipeline(r, 2))
		case 5:
			act("$x := " + pipeline(r, 2))
		case 6:
			act("template " + []string{`"lib"`, `"field"`, `"mine"`}[r.IntN(3)] + " " + pipeline(r, 1))
		case 7:
			if inRange {
				act([]string{"break", "continue"}[r.IntN(2)])
			}
		case 8:
			out.WriteString("{{/* c */}}")
		default:
			act(pipeline(r, 3))
		}
	}
	return out.String()
}

// program returns the text of a template.
func program(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 7))
	return "{{ define \"mine\" }}" + nodes(r, 0, false) + "{{ end }}{{ $x := .Values.map }}" + nodes(r, 2, false)
}

// reason is [worded] without the place: that of an operand may be told by what is around it.
func reason(err error) string {
	text := worded(err)
	text = text[strings.LastIndex(text, ">: ")+1:]
	if before, _, ok := strings.Cut(text, " in type "); ok { // which a range or an interface may give another name
		return before
	}
	return text
}

func sameProgram(t *testing.T, seed uint64) (failed bool) {
	t.Helper()
	text := program(seed)
	ours, theirs, ourErr, theirErr := both(text)
	if theirErr != nil && strings.Contains(theirErr.Error(), "got interface {}") {
		return true // a mapping that is nil is passed on here
	}
	if theirErr != nil && strings.Contains(theirErr.Error(), "reflect.Value.Interface on zero Value") {
		return true // two nils that are written out are equal here
	}
	if ours != theirs || (ourErr == nil) != (theirErr == nil) || ourErr != nil && reason(ourErr) != reason(theirErr) {
		t.Errorf("seed %d: %s\n  ours   %q %v\n  theirs %q %v", seed, text, ours, ourErr, theirs, theirErr)
	}
	return theirErr != nil
}

// Templates of all kinds give what text/template gives, their errors included.
func TestProgramsAsTextTemplate(t *testing.T) {
	const n = 2000
	failed := 0
	for seed := range uint64(n) {
		if sameProgram(t, seed) {
			failed++
		}
	}
	if failed == n {
		t.Error("all fail")
	}
	t.Logf("%d of %d fail", failed, n)
}

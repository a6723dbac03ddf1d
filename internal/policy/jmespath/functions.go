package jmespath

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/blang/semver/v4"
	"sigs.k8s.io/yaml"
)

// A function takes from least to most arguments, any number where most is -1.
type function struct {
	least, most int
	run         func(*evaluation, []Value) (Value, error)
}

// maxRepeated bounds the text that one function makes of others.
const maxRepeated = 1 << 20

var (
	errText   = errors.New("a text is expected")
	errNumber = errors.New("a number is expected")
	errList   = errors.New("a list is expected")
	errObject = errors.New("a mapping is expected")
	errLarge  = errors.New("the text is too long")
)

// Functions that the specification and Kyverno have.
var functions map[string]function

func init() { // the functions that take an expression refer to the evaluation, which refers to them
	functions = map[string]function{
		"abs": number(math.Abs), "ceil": number(math.Ceil), "floor": number(math.Floor),
		"avg":                       {1, 1, average},
		"contains":                  {2, 2, contains},
		"ends_with":                 texts(2, func(a []string) (any, error) { return strings.HasSuffix(a[0], a[1]), nil }),
		"starts_with":               texts(2, func(a []string) (any, error) { return strings.HasPrefix(a[0], a[1]), nil }),
		"join":                      {2, 2, join},
		"keys":                      {1, 1, keys},
		"values":                    {1, 1, valuesOf},
		"length":                    {1, 1, length},
		"map":                       {2, 2, mapped},
		"max":                       {1, 1, extreme(1)},
		"min":                       {1, 1, extreme(-1)},
		"max_by":                    {2, 2, extremeBy(1)},
		"min_by":                    {2, 2, extremeBy(-1)},
		"merge":                     {1, -1, merge},
		"not_null":                  {1, -1, notNull},
		"reverse":                   {1, 1, reverse},
		"sort":                      {1, 1, sorted},
		"sort_by":                   {2, 2, sortedBy},
		"to_array":                  {1, 1, toArray},
		"to_number":                 {1, 1, toNumber},
		"to_string":                 {1, 1, toString},
		"type":                      {1, 1, typeOf},
		"compare":                   texts(2, func(a []string) (any, error) { return float64(strings.Compare(a[0], a[1])), nil }),
		"equal_fold":                texts(2, func(a []string) (any, error) { return strings.EqualFold(a[0], a[1]), nil }),
		"replace_all":               texts(3, func(a []string) (any, error) { return replace(a[0], a[1], a[2], -1) }),
		"replace":                   {4, 4, replaceSome},
		"to_upper":                  texts(1, func(a []string) (any, error) { return strings.ToUpper(a[0]), nil }),
		"to_lower":                  texts(1, func(a []string) (any, error) { return strings.ToLower(a[0]), nil }),
		"trim":                      texts(2, func(a []string) (any, error) { return strings.Trim(a[0], a[1]), nil }),
		"trim_prefix":               texts(2, func(a []string) (any, error) { return strings.TrimPrefix(a[0], a[1]), nil }),
		"split":                     {2, 2, split},
		"regex_match":               {2, 2, regexMatch},
		"regex_replace_all":         {3, 3, regexReplace((*regexp.Regexp).ReplaceAllString)},
		"regex_replace_all_literal": {3, 3, regexReplace((*regexp.Regexp).ReplaceAllLiteralString)},
		"pattern_match":             {2, 2, patternMatch},
		"label_match":               {2, 2, labelMatch},
		"to_boolean":                texts(1, toBoolean),
		"base64_encode":             texts(1, func(a []string) (any, error) { return base64.StdEncoding.EncodeToString([]byte(a[0])), nil }),
		"base64_decode":             texts(1, decode),
		"path_canonicalize":         texts(1, func(a []string) (any, error) { return path.Join(a[0]), nil }),
		"truncate":                  {2, 2, truncate},
		"semver_compare":            texts(2, semverCompare),
		"parse_json":                texts(1, parseJSON),
		"parse_yaml":                texts(1, parseYAML),
		"lookup":                    {2, 2, lookup},
		"items":                     {3, 3, items},
		"object_from_lists":         {2, 2, objectFromLists},
		"sha256":                    texts(1, func(a []string) (any, error) { s := sha256.Sum256([]byte(a[0])); return hex.EncodeToString(s[:]), nil }),
		"sha1":                      texts(1, func(a []string) (any, error) { s := sha1.Sum([]byte(a[0])); return hex.EncodeToString(s[:]), nil }),
		"md5":                       texts(1, func(a []string) (any, error) { s := md5.Sum([]byte(a[0])); return hex.EncodeToString(s[:]), nil }),
		"add":                       {2, 2, arithmetic("add")},
		"subtract":                  {2, 2, arithmetic("subtract")},
		"multiply":                  {2, 2, arithmetic("multiply")},
		"divide":                    {2, 2, arithmetic("divide")},
		"modulo":                    {2, 2, arithmetic("modulo")},
		"sum":                       {1, 1, sum},
		"round":                     {2, 2, round},
		"time_before":               times(2, func(t []time.Time) any { return t[0].Before(t[1]) }),
		"time_after":                times(2, func(t []time.Time) any { return t[0].After(t[1]) }),
		"time_between":              times(3, func(t []time.Time) any { return t[0].After(t[1]) && t[0].Before(t[2]) }),
		"time_utc":                  times(1, func(t []time.Time) any { return t[0].UTC().Format(time.RFC3339) }),
		"time_diff":                 times(2, func(t []time.Time) any { return t[1].Sub(t[0]).String() }),
		"time_add":                  texts(2, timeAdd),
	}
	for name, what := range map[string]string{
		"time_now": "the time", "time_now_utc": "the time", "time_since": "the time", "random": "chance",
		"is_external_url": "the network's names", "x509_decode": "a certificate's fields", "image_normalize": "Kyverno's default registry",
		"time_parse": "how a time is written", "time_to_cron": "a schedule", "time_truncate": "a truncated time",
	} {
		functions[name] = function{0, -1, func(*evaluation, []Value) (Value, error) { return Value{}, &UnknownError{what} }}
	}
}

func number(f func(float64) float64) function {
	return function{1, 1, func(_ *evaluation, a []Value) (Value, error) {
		x, ok := a[0].Data.(float64)
		if !ok {
			return Value{}, errNumber
		}
		return Value{Data: f(x)}, nil
	}}
}

// texts makes a function of n texts.
func texts(n int, f func([]string) (any, error)) function {
	return function{n, n, func(e *evaluation, a []Value) (Value, error) {
		all := make([]string, len(a))
		for i, v := range a {
			s, ok := v.Data.(string)
			if !ok {
				return Value{}, errText
			}
			all[i] = s
			if err := e.budget.Spend(len(s) / 1024); err != nil {
				return Value{}, err
			}
		}
		data, err := f(all)
		return Value{Data: data}, err
	}}
}

// Text returns a text or a number as text.
func text(v Value) (string, error) {
	switch d := v.Data.(type) {
	case string:
		return d, nil
	case float64:
		return FormatNumber(d), nil
	}
	return "", errText
}

// FormatNumber writes a number as JSON does.
func FormatNumber(f float64) string {
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Sprint(f)
	}
	return string(data)
}

func listOf(v Value) ([]Value, error) {
	items, ok := v.Data.([]Value)
	if !ok {
		return nil, errList
	}
	return items, nil
}

func average(_ *evaluation, a []Value) (Value, error) {
	items, err := listOf(a[0])
	if err != nil {
		return Value{}, err
	}
	total := 0.0
	for _, item := range items {
		x, ok := item.Data.(float64)
		if !ok {
			return Value{}, errNumber
		}
		total += x
	}
	if len(items) == 0 {
		return Value{}, nil
	}
	return Value{Data: total / float64(len(items))}, nil
}

func contains(_ *evaluation, a []Value) (Value, error) {
	switch in := a[0].Data.(type) {
	case string:
		of, ok := a[1].Data.(string)
		return Value{Data: ok && strings.Contains(in, of)}, nil
	case []Value:
		for _, item := range in {
			if equal(item, a[1]) {
				return Value{Data: true, Node: item.Node}, nil
			}
		}
		return Value{Data: false}, nil
	}
	return Value{}, errors.New("a text or a list is expected")
}

func join(_ *evaluation, a []Value) (Value, error) {
	by, ok := a[0].Data.(string)
	items, err := listOf(a[1])
	if !ok || err != nil {
		return Value{}, errors.New("a text and a list of texts are expected")
	}
	var all []string
	size := 0
	for _, item := range items {
		s, ok := item.Data.(string)
		if !ok {
			return Value{}, errText
		}
		if size += len(s) + len(by); size > maxRepeated {
			return Value{}, errLarge
		}
		all = append(all, s)
	}
	return Value{Data: strings.Join(all, by), Node: a[1].Node}, nil
}

func keys(_ *evaluation, a []Value) (Value, error) {
	m, ok := a[0].Data.(map[string]Value)
	if !ok {
		return Value{}, errObject
	}
	all := []Value{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, Value{name, m[name].Node})
	}
	return Value{Data: all}, nil
}

func valuesOf(_ *evaluation, a []Value) (Value, error) {
	m, ok := a[0].Data.(map[string]Value)
	if !ok {
		return Value{}, errObject
	}
	all := []Value{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[name])
	}
	return Value{Data: all}, nil
}

func length(_ *evaluation, a []Value) (Value, error) {
	switch d := a[0].Data.(type) {
	case string:
		return Value{Data: float64(utf8.RuneCountInString(d))}, nil
	case []Value:
		return Value{Data: float64(len(d))}, nil
	case map[string]Value:
		return Value{Data: float64(len(d))}, nil
	}
	return Value{}, errors.New("a text, a list or a mapping is expected")
}

// expressionOf returns the part that an argument refers to.
func expressionOf(v Value) (*part, error) {
	p, ok := v.Data.(*part)
	if !ok {
		return nil, errors.New("an expression is expected, as &name")
	}
	return p, nil
}

func mapped(e *evaluation, a []Value) (Value, error) {
	p, err := expressionOf(a[0])
	if err != nil {
		return Value{}, err
	}
	items, err := listOf(a[1])
	if err != nil {
		return Value{}, err
	}
	all := []Value{}
	for _, item := range items {
		one, err := e.soft(p, item)
		if err != nil {
			return Value{}, err
		}
		all = append(all, one)
	}
	return Value{all, a[1].Node}, nil
}

// order compares two numbers or two texts.
func order(a, b Value) (int, error) {
	switch x := a.Data.(type) {
	case float64:
		if y, ok := b.Data.(float64); ok {
			return cmp.Compare(x, y), nil
		}
	case string:
		if y, ok := b.Data.(string); ok {
			return cmp.Compare(x, y), nil
		}
	}
	return 0, errors.New("numbers or texts are expected")
}

func extreme(sign int) func(*evaluation, []Value) (Value, error) {
	return func(_ *evaluation, a []Value) (Value, error) {
		items, err := listOf(a[0])
		if err != nil || len(items) == 0 {
			return Value{}, err
		}
		best := items[0]
		for _, item := range items {
			c, err := order(item, best)
			if err != nil {
				return Value{}, err
			}
			if c*sign > 0 {
				best = item
			}
		}
		return best, nil
	}
}

// ranked returns items with what an expression gives for each.
func ranked(e *evaluation, a []Value) (items, by []Value, err error) {
	if items, err = listOf(a[0]); err != nil {
		return nil, nil, err
	}
	p, err := expressionOf(a[1])
	if err != nil {
		return nil, nil, err
	}
	for _, item := range items {
		one, err := e.soft(p, item)
		if err != nil {
			return nil, nil, err
		}
		if _, err := order(one, one); err != nil {
			return nil, nil, err
		}
		if len(by) > 0 {
			if _, err := order(by[0], one); err != nil {
				return nil, nil, err
			}
		}
		by = append(by, one)
	}
	return items, by, nil
}

func extremeBy(sign int) func(*evaluation, []Value) (Value, error) {
	return func(e *evaluation, a []Value) (Value, error) {
		items, by, err := ranked(e, a)
		if err != nil || len(items) == 0 {
			return Value{}, err
		}
		best := 0
		for i := range items {
			if c, _ := order(by[i], by[best]); c*sign > 0 {
				best = i
			}
		}
		return items[best], nil
	}
}

func merge(_ *evaluation, a []Value) (Value, error) {
	all := map[string]Value{}
	for _, v := range a {
		m, ok := v.Data.(map[string]Value)
		if !ok {
			return Value{}, errObject
		}
		maps.Copy(all, m)
	}
	return Value{Data: all}, nil
}

func notNull(_ *evaluation, a []Value) (Value, error) {
	for _, v := range a {
		if v.Data != nil {
			return v, nil
		}
	}
	return Value{}, nil
}

func reverse(_ *evaluation, a []Value) (Value, error) {
	switch d := a[0].Data.(type) {
	case string:
		runes := []rune(d)
		slices.Reverse(runes)
		return Value{Data: string(runes)}, nil
	case []Value:
		all := slices.Clone(d)
		slices.Reverse(all)
		return Value{Data: all}, nil
	}
	return Value{}, errors.New("a text or a list is expected")
}

func sorted(_ *evaluation, a []Value) (Value, error) {
	items, err := listOf(a[0])
	if err != nil {
		return Value{}, err
	}
	all := slices.Clone(items)
	for _, item := range all {
		if _, err := order(item, all[0]); err != nil {
			return Value{}, err
		}
	}
	slices.SortStableFunc(all, func(a, b Value) int { c, _ := order(a, b); return c })
	return Value{Data: all}, nil
}

func sortedBy(e *evaluation, a []Value) (Value, error) {
	items, by, err := ranked(e, a)
	if err != nil {
		return Value{}, err
	}
	at := make([]int, len(items))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { c, _ := order(by[a], by[b]); return c })
	all := []Value{}
	for _, i := range at {
		all = append(all, items[i])
	}
	return Value{Data: all}, nil
}

func toArray(_ *evaluation, a []Value) (Value, error) {
	if _, ok := a[0].Data.([]Value); ok {
		return a[0], nil
	}
	return Value{Data: []Value{a[0]}}, nil
}

func toNumber(_ *evaluation, a []Value) (Value, error) {
	switch d := a[0].Data.(type) {
	case float64:
		return a[0], nil
	case string:
		var f float64
		if json.Unmarshal([]byte(d), &f) == nil {
			return Value{Data: f}, nil
		}
	}
	return Value{}, nil
}

// Text returns what stands for a value inside of a text: a text itself, else its JSON.
func (v Value) Text() (string, error) {
	if s, ok := v.Data.(string); ok {
		return s, nil
	}
	if _, ok := v.Data.(*part); ok {
		return "", errors.New("an expression is no value")
	}
	data, err := json.Marshal(v.Plain())
	return string(data), err
}

func toString(_ *evaluation, a []Value) (Value, error) {
	s, err := a[0].Text()
	if len(s) > maxRepeated {
		return Value{}, errLarge
	}
	return Value{Data: s}, err
}

func typeOf(_ *evaluation, a []Value) (Value, error) {
	switch a[0].Data.(type) {
	case nil:
		return Value{Data: "null"}, nil
	case bool:
		return Value{Data: "boolean"}, nil
	case float64:
		return Value{Data: "number"}, nil
	case string:
		return Value{Data: "string"}, nil
	case []Value:
		return Value{Data: "array"}, nil
	case map[string]Value:
		return Value{Data: "object"}, nil
	}
	return Value{}, errors.New("a value is expected")
}

func replace(s, old, with string, n int) (any, error) {
	count := strings.Count(s, old)
	if n >= 0 {
		count = min(count, n)
	}
	if len(s)+count*len(with) > maxRepeated {
		return nil, errLarge
	}
	return strings.Replace(s, old, with, n), nil
}

func replaceSome(_ *evaluation, a []Value) (Value, error) {
	s, ok1 := a[0].Data.(string)
	old, ok2 := a[1].Data.(string)
	with, ok3 := a[2].Data.(string)
	n, ok4 := a[3].Data.(float64)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Value{}, errors.New("three texts and a number are expected")
	}
	data, err := replace(s, old, with, int(n))
	return Value{Data: data}, err
}

func split(_ *evaluation, a []Value) (Value, error) {
	s, ok1 := a[0].Data.(string)
	by, ok2 := a[1].Data.(string)
	if !ok1 || !ok2 {
		return Value{}, errText
	}
	all := []Value{}
	for _, part := range strings.Split(s, by) {
		all = append(all, Value{part, a[0].Node})
	}
	return Value{Data: all}, nil
}

// regex compiles the first argument and returns the second as text.
func regex(a []Value) (*regexp.Regexp, string, error) {
	pattern, ok := a[0].Data.(string)
	s, err := text(a[1])
	if !ok || err != nil {
		return nil, "", errText
	}
	x, err := regexp.Compile(pattern)
	return x, s, err
}

func regexMatch(e *evaluation, a []Value) (Value, error) {
	x, s, err := regex(a)
	if err == nil {
		err = e.budget.Spend(len(s) / 64)
	}
	if err != nil {
		return Value{}, err
	}
	return Value{Data: x.MatchString(s), Node: a[1].Node}, nil
}

func regexReplace(with func(*regexp.Regexp, string, string) string) func(*evaluation, []Value) (Value, error) {
	return func(e *evaluation, a []Value) (Value, error) {
		x, s, err := regex(a)
		if err == nil {
			err = e.budget.Spend(len(s) / 64)
		}
		if err != nil {
			return Value{}, err
		}
		by, err := text(a[2])
		if err != nil {
			return Value{}, err
		}
		if (len(s)+1)*(len(by)+1) > maxRepeated {
			return Value{}, errLarge
		}
		return Value{Data: with(x, s, by), Node: a[1].Node}, nil
	}
}

func patternMatch(e *evaluation, a []Value) (Value, error) {
	pattern, ok := a[0].Data.(string)
	s, err := text(a[1])
	if !ok || err != nil {
		return Value{}, errText
	}
	if err := e.budget.Spend(len(s) * len(pattern) / 1024); err != nil {
		return Value{}, err
	}
	return Value{Data: Wildcard(pattern, s), Node: a[1].Node}, nil
}

// Wildcard reports whether a text matches a pattern, in which * stands for any text and ?
// for any one character.
func Wildcard(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	i, j, star, from := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

func labelMatch(_ *evaluation, a []Value) (Value, error) {
	wanted, ok1 := a[0].Data.(map[string]Value)
	labels, ok2 := a[1].Data.(map[string]Value)
	if !ok1 || !ok2 {
		return Value{}, errObject
	}
	for name, v := range wanted {
		if got, ok := labels[name]; !ok || !equal(got, v) {
			return Value{Data: false}, nil
		}
	}
	return Value{Data: true}, nil
}

func toBoolean(a []string) (any, error) {
	switch strings.ToLower(a[0]) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, errors.New("true or false is expected")
}

func decode(a []string) (any, error) {
	data, err := base64.StdEncoding.DecodeString(a[0])
	return string(data), err
}

func truncate(_ *evaluation, a []Value) (Value, error) {
	s, ok1 := a[0].Data.(string)
	n, ok2 := a[1].Data.(float64)
	if !ok1 || !ok2 {
		return Value{}, errors.New("a text and a number are expected")
	}
	runes := []rune(s)
	return Value{Data: string(runes[:min(max(int(n), 0), len(runes))])}, nil
}

func semverCompare(a []string) (any, error) {
	version, err := semver.Parse(a[0])
	if err != nil {
		version = semver.Version{} // as Kyverno does
	}
	in, err := semver.ParseRange(a[1])
	if err != nil {
		return nil, err
	}
	return in(version), nil
}

func parseJSON(a []string) (any, error) {
	var data any
	err := json.Unmarshal([]byte(a[0]), &data)
	return From(data).Data, err
}

func parseYAML(a []string) (any, error) {
	data, err := yaml.YAMLToJSON([]byte(a[0]))
	if err != nil {
		return nil, err
	}
	return parseJSON([]string{string(data)})
}

func lookup(_ *evaluation, a []Value) (Value, error) {
	switch d := a[0].Data.(type) {
	case map[string]Value:
		name, ok := a[1].Data.(string)
		if !ok {
			return Value{}, errText
		}
		return d[name], nil
	case []Value:
		n, ok := a[1].Data.(float64)
		if !ok || n != math.Trunc(n) {
			return Value{}, errNumber
		}
		if n < 0 || n >= float64(len(d)) {
			return Value{}, nil
		}
		return d[int(n)], nil
	}
	return Value{}, errors.New("a list or a mapping is expected")
}

func items(_ *evaluation, a []Value) (Value, error) {
	key, ok1 := a[1].Data.(string)
	value, ok2 := a[2].Data.(string)
	if !ok1 || !ok2 {
		return Value{}, errText
	}
	all := []Value{}
	switch d := a[0].Data.(type) {
	case map[string]Value:
		for _, name := range slices.Sorted(maps.Keys(d)) {
			all = append(all, Value{map[string]Value{key: {name, d[name].Node}, value: d[name]}, d[name].Node})
		}
	case []Value:
		for i, item := range d {
			all = append(all, Value{map[string]Value{key: {Data: float64(i)}, value: item}, item.Node})
		}
	default:
		return Value{}, errors.New("a list or a mapping is expected")
	}
	return Value{Data: all}, nil
}

func objectFromLists(_ *evaluation, a []Value) (Value, error) {
	names, err := listOf(a[0])
	if err != nil {
		return Value{}, err
	}
	all, err := listOf(a[1])
	if err != nil {
		return Value{}, err
	}
	m := map[string]Value{}
	for i, name := range names {
		s, err := text(name)
		if err != nil {
			return Value{}, err
		}
		if i < len(all) {
			m[s] = all[i]
		} else {
			m[s] = Value{}
		}
	}
	return Value{Data: m}, nil
}

// times makes a function of n moments, as RFC 3339 writes them.
func times(n int, f func([]time.Time) any) function {
	return texts(n, func(a []string) (any, error) {
		all := make([]time.Time, len(a))
		for i, s := range a {
			t, err := time.Parse(time.RFC3339, s)
			if err != nil {
				return nil, err
			}
			all[i] = t
		}
		return f(all), nil
	})
}

func timeAdd(a []string) (any, error) {
	t, err := time.Parse(time.RFC3339, a[0])
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(a[1])
	if err != nil {
		return nil, err
	}
	return t.Add(d).Format(time.RFC3339), nil
}

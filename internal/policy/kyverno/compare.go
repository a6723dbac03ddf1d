package kyverno

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/blang/semver/v4"

	"github.com/manilint/manilint/internal/policy/jmespath"

	"github.com/manilint/manilint/lint"
)

// matches reports whether a value that is no list matches the leaf of a pattern.
func matches(v, pattern any) bool {
	switch p := pattern.(type) {
	case bool:
		return v == p
	case float64:
		switch x := v.(type) {
		case float64:
			return x == p
		case string:
			n, err := strconv.ParseFloat(x, 64)
			return err == nil && n == p && (p != math.Trunc(p) || isInt(x))
		}
		return false
	case nil:
		return v == nil || v == false || v == 0.0 || v == ""
	case string:
		if v == p {
			return true
		}
		for _, alternative := range strings.Split(p, "|") {
			all := true
			for _, one := range strings.Split(strings.Trim(alternative, " "), "&") {
				all = all && matchesText(v, strings.Trim(one, " "))
			}
			if all {
				return true
			}
		}
	}
	return false
}

func isInt(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

var (
	between    = lint.Regexp(`^([-|\+]?\d+(?:\.\d+)?[A-Za-z]*)-([-|\+]?\d+(?:\.\d+)?[A-Za-z]*)$`)
	notBetween = lint.Regexp(`^([-|\+]?\d+(?:\.\d+)?[A-Za-z]*)!-([-|\+]?\d+(?:\.\d+)?[A-Za-z]*)$`)
)

// operatorOf takes what a pattern begins with.
func operatorOf(pattern string) (op, rest string) {
	if len(pattern) >= 2 {
		for _, op := range []string{">=", "<=", ">", "<", "!"} {
			if rest, ok := strings.CutPrefix(pattern, op); ok {
				return op, strings.TrimSpace(rest)
			}
		}
	}
	return "", strings.TrimSpace(pattern)
}

// matchesText matches a value with one pattern: an operator and what it compares with.
func matchesText(v any, pattern string) bool {
	op, rest := operatorOf(pattern)
	if op == "" {
		if m := notBetween().FindStringSubmatch(pattern); m != nil {
			return compareLeaf(v, "<", m[1]) || compareLeaf(v, ">", m[2])
		}
		if m := between().FindStringSubmatch(pattern); m != nil {
			return compareLeaf(v, ">=", m[1]) && compareLeaf(v, "<=", m[2])
		}
	}
	return compareLeaf(v, op, rest)
}

// compareLeaf compares as durations, else as quantities, else as texts with wildcards.
func compareLeaf(v any, op, pattern string) bool {
	text, ok := numberText(v)
	if wanted, err := time.ParseDuration(pattern); err == nil && ok {
		if got, err := time.ParseDuration(text); err == nil {
			return ordered(op, cmpInt(int64(got), int64(wanted)))
		}
	}
	if wanted, err := jmespath.ParseQuantity(pattern); err == nil && ok {
		if got, err := jmespath.ParseQuantity(text); err == nil {
			return ordered(op, got.Cmp(wanted))
		}
	}
	if op != "" && op != "!" {
		return false
	}
	if b, isBool := v.(bool); isBool {
		text, ok = strconv.FormatBool(b), true
	}
	if f, isNumber := v.(float64); isNumber && f != math.Trunc(f) {
		text = strconv.FormatFloat(f, 'E', -1, 64)
	}
	if v == nil || !ok {
		return false
	}
	return jmespath.Wildcard(pattern, text) == (op == "")
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// ordered reports whether the order of two values is what an operator asks.
func ordered(op string, order int) bool {
	switch op {
	case "":
		return order == 0
	case "!":
		return order != 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case ">=":
		return order >= 0
	}
	return order <= 0
}

// numberText returns a number or a text as text; null stands for 0.
func numberText(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "0", true
	case string:
		return x, true
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<62 {
			return strconv.FormatInt(int64(x), 10), true
		}
		return fmt.Sprintf("%f", x), true
	}
	return "", false
}

// An operator of a condition, in small letters, and whether it holds for a key and a value.
// (https://kyverno.io/docs/policy-types/cluster-policy/preconditions/#operators)
var operators = map[string]func(key, value any) bool{
	"equal": equals, "equals": equals,
	"notequal":  func(k, v any) bool { return k != nil && !equals(k, v) },
	"notequals": func(k, v any) bool { return k != nil && !equals(k, v) },
	"in":        func(k, v any) bool { return all(k, v, true) }, "allin": func(k, v any) bool { return all(k, v, true) },
	"anyin": func(k, v any) bool { return some(k, v, true) },
	"notin": func(k, v any) bool { return all(k, v, false) }, "allnotin": func(k, v any) bool { return all(k, v, false) },
	"anynotin":            func(k, v any) bool { return some(k, v, false) },
	"greaterthan":         func(k, v any) bool { return numeric(">", k, v) },
	"greaterthanorequals": func(k, v any) bool { return numeric(">=", k, v) },
	"lessthan":            func(k, v any) bool { return numeric("<", k, v) },
	"lessthanorequals":    func(k, v any) bool { return numeric("<=", k, v) },
	"durationgreaterthan": func(k, v any) bool { return duration(">", k, v) }, "durationgreaterthanorequals": func(k, v any) bool { return duration(">=", k, v) },
	"durationlessthan": func(k, v any) bool { return duration("<", k, v) }, "durationlessthanorequals": func(k, v any) bool { return duration("<=", k, v) },
}

// seconds returns both sides as durations, where one of them at least is written as one.
func seconds(key, value any) (a, b time.Duration, ok bool) {
	written := func(v any) (time.Duration, bool) {
		s, isText := v.(string)
		d, err := time.ParseDuration(s)
		return d, isText && err == nil && s != "0"
	}
	counted := func(v any) (time.Duration, bool) {
		f, ok := v.(float64)
		return time.Duration(f) * time.Second, ok
	}
	a, okA := written(key)
	b, okB := written(value)
	switch {
	case !okA && !okB:
		return 0, 0, false
	case !okA:
		a, okA = counted(key)
	case !okB:
		b, okB = counted(value)
	}
	return a, b, okA && okB
}

// equals compares a key with a value, which may hold wildcards.
func equals(key, value any) bool {
	switch k := key.(type) {
	case bool:
		return k == value
	case float64:
		switch v := value.(type) {
		case float64:
			return k == v
		case string:
			n, err := strconv.ParseFloat(v, 64)
			return err == nil && n == k && (k != math.Trunc(k) || isInt(v))
		}
		return false
	case string:
		if a, b, ok := seconds(key, value); ok {
			return a == b
		}
		v, ok := value.(string)
		if a, err := jmespath.ParseQuantity(k); err == nil && ok {
			b, err := jmespath.ParseQuantity(v)
			return err == nil && a.Cmp(b) == 0
		}
		return ok && jmespath.Wildcard(v, k)
	case map[string]any, []any:
		a, err1 := json.Marshal(key)
		b, err2 := json.Marshal(value)
		return err1 == nil && err2 == nil && string(a) == string(b)
	}
	return false
}

// numeric compares durations, quantities, numbers and semantic versions.
func numeric(op string, key, value any) bool {
	if a, b, ok := seconds(key, value); ok {
		return ordered(op, cmpInt(int64(a), int64(b)))
	}
	if k, ok := key.(string); ok {
		if v, ok := value.(string); ok {
			a, err1 := jmespath.ParseQuantity(k)
			b, err2 := jmespath.ParseQuantity(v)
			if err1 == nil && err2 == nil {
				return ordered(op, a.Cmp(b))
			}
		}
	}
	a, okA := float(key)
	if d, e, ok := seconds(a, value); okA && ok {
		return ordered(op, cmpInt(int64(d), int64(e)))
	}
	b, okB := float(value)
	if okA && okB {
		return a < b && (op == "<" || op == "<=") || a > b && (op == ">" || op == ">=") || a == b && strings.HasSuffix(op, "=")
	}
	k, ok1 := key.(string)
	v, ok2 := value.(string)
	if !ok1 || !ok2 {
		return false
	}
	x, err1 := semver.Parse(k)
	y, err2 := semver.Parse(v)
	return err1 == nil && err2 == nil && ordered(op, x.Compare(y))
}

func float(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case string:
		f, err := strconv.ParseFloat(x, 64)
		return f, err == nil
	}
	return 0, false
}

// duration compares durations; numbers are seconds.
func duration(op string, key, value any) bool {
	of := func(v any) (time.Duration, bool) {
		switch x := v.(type) {
		case float64:
			return time.Duration(x) * time.Second, true
		case string:
			d, err := time.ParseDuration(x)
			return d, err == nil
		}
		return 0, false
	}
	a, ok1 := of(key)
	b, ok2 := of(value)
	return ok1 && ok2 && ordered(op, cmpInt(int64(a), int64(b)))
}

// keysOf returns a key, or the items of one that is a list, as text.
func keysOf(key any) ([]string, bool) {
	switch k := key.(type) {
	case string:
		return []string{k}, true
	case float64, bool:
		return []string{shownScalar(k)}, true
	case []any:
		keys := make([]string, len(k))
		for i, item := range k {
			keys[i] = shownScalar(item)
		}
		return keys, true
	}
	return nil, false
}

func shownScalar(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return jmespath.FormatNumber(x)
	case nil:
		return "<nil>"
	}
	return fmt.Sprint(v)
}

// in reports whether a key is among a value: the items of a list, a range, a text that
// holds a list as JSON, or a text with wildcards. One of several keys may hold wildcards of
// its own. ok is false where the value is none.
func in(key string, value any, several bool) (among, ok bool) {
	list := func(items []any) bool {
		for _, item := range items {
			s := shownScalar(item)
			if jmespath.Wildcard(s, key) || jmespath.Wildcard(key, s) {
				return true
			}
		}
		return false
	}
	switch v := value.(type) {
	case []any:
		return list(v), true
	case string:
		if key == v || jmespath.Wildcard(v, key) {
			return true, true
		}
		if between().MatchString(v) {
			return matchesText(key, v), true
		}
		if !json.Valid([]byte(v)) {
			return several && jmespath.Wildcard(key, v), true
		}
		var items []string
		if json.Unmarshal([]byte(v), &items) != nil {
			return false, false
		}
		for _, item := range items {
			if key == item || several && list([]any{item}) {
				return true, true
			}
		}
		return false, true
	}
	return false, false
}

// all reports whether all keys are, or are not, among a value.
func all(key, value any, among bool) bool {
	keys, ok := keysOf(key)
	_, several := key.([]any)
	switch value.(type) {
	case []any, string:
	default:
		return false
	}
	for _, k := range keys {
		is, valid := in(k, value, several)
		if !valid || is != among {
			return false
		}
	}
	return ok
}

// some reports whether a key is, or is not, among a value.
func some(key, value any, among bool) bool {
	keys, _ := keysOf(key)
	_, several := key.([]any)
	switch value.(type) {
	case float64, bool: // several keys may be compared with one value
		if several {
			value = []any{value}
		}
	}
	for _, k := range keys {
		if is, valid := in(k, value, several); valid && is == among {
			return true
		}
	}
	return false
}

package helm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"github.com/manilint/manilint/lint"
)

// maxConflicts bounds how many conflicts of values one rendering notes.
const maxConflicts = 20

// conflicts notes where the user's values have a mapping and the chart's own something
// else, or the other way round. Helm then takes the user's and says so in its log.
func (t *tree) conflicts(c *chart.Chart, s *valueStack) []lint.Note {
	var notes []lint.Note
	var walk func(user, own map[string]any, path []string)
	walk = func(user, own map[string]any, path []string) {
		for _, key := range slices.Sorted(maps.Keys(user)) {
			u, o := user[key], own[key]
			if u == nil || isEmpty(o) || len(notes) >= maxConflicts {
				continue
			}
			at := slices.Concat(path, []string{key})
			userMap, userIs := u.(map[string]any)
			ownMap, ownIs := o.(map[string]any)
			switch {
			case userIs && ownIs:
				walk(userMap, ownMap, at)
			case userIs != ownIs:
				what, is := "a mapping", "no mapping"
				if userIs {
					what, is = is, what
				}
				n := lint.Note{Message: fmt.Sprintf("%s is %s here and %s in the chart's own values; Helm takes this one", strings.Join(at, "."), is, what)}
				if places := s.find(at); len(places) > 0 {
					if n.Span = places[0].key(); places[0].layer.flag != "" {
						n.Message = fmt.Sprintf("%s is %s, set by %s, and %s in the chart's own values; Helm takes the former", strings.Join(at, "."), is, places[0].layer.flag, what)
					}
				}
				notes = append(notes, n)
			}
		}
	}
	walk(s.user, c.Values, nil)
	for _, sub := range c.Dependencies() {
		if own, ok := s.user[sub.Name()].(map[string]any); ok {
			walk(own, sub.Values, []string{sub.Name()})
		}
	}
	return notes
}

// isEmpty reports whether a value is nothing, or stands for nothing as in "resources: ”".
func isEmpty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return x == ""
	case []any:
		return len(x) == 0
	}
	return false
}

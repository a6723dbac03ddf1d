package expression

import (
	"strconv"

	"github.com/manilint/manilint/lint"
)

// Data returns what a node holds as Kubernetes' decoder reads it: maps, lists, strings,
// int64, float64 and bool. Fields that are null are left out, as the API server does.
func Data(n *lint.Node) any {
	switch {
	case n.IsNull():
		return nil
	case n.IsMapping():
		fields := n.Fields()
		m := make(map[string]any, len(fields))
		for _, f := range fields {
			if v := Data(f); v != nil {
				m[f.Name()] = v
			}
		}
		return m
	case n.IsSequence():
		items := n.Items()
		list := make([]any, len(items))
		for i, item := range items {
			list[i] = Data(item)
		}
		return list
	}
	if b, ok := n.Bool(); ok {
		return b
	}
	switch n.YAML().ShortTag() {
	case "!!int":
		if i, ok := n.Int(); ok {
			return i
		}
	case "!!float":
		if f, err := strconv.ParseFloat(n.Value(), 64); err == nil {
			if i, ok := n.Int(); ok {
				return i
			}
			return f
		}
	}
	return n.Value()
}

// Of returns the value of a node, for a variable that expressions read. It is plain data:
// what an expression reads of it is converted when it is read.
func Of(n *lint.Node) Value { return Value{Data: Data(n), Node: n} }

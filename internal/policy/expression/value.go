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
	switch n.Tag() {
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
func Of(n *lint.Node) Value {
	data := Data(n)
	return Value{Data: data, Node: n, Size: Size(data)}
}

// Identity are the fields of an object that say which it is.
var Identity = []string{"apiVersion", "kind", "metadata"}

// IdentityOf returns the value of an object of which nothing but [Identity] is read.
func IdentityOf(n *lint.Node) Value {
	m := map[string]any{}
	for _, name := range Identity {
		if v := Data(n.Get(name)); v != nil {
			m[name] = v
		}
	}
	return Value{Data: m, Node: n, Size: Size(m)}
}

// Size returns how many fields and elements data holds.
func Size(data any) int {
	size := 1
	switch data := data.(type) {
	case map[string]any:
		for _, v := range data {
			size += Size(v)
		}
	case []any:
		for _, v := range data {
			size += Size(v)
		}
	}
	return size
}

// Part returns the value of a node in an object whose value is known.
func Part(object Value, n *lint.Node) Value {
	var find func(n *lint.Node) (any, bool)
	find = func(n *lint.Node) (any, bool) {
		if n.Parent() == nil {
			return object.Data, true
		}
		in, ok := find(n.Parent())
		switch in := in.(type) {
		case map[string]any:
			v, there := in[n.Name()]
			return v, ok && there
		case []any:
			if i := n.Index(); ok && i >= 0 && i < len(in) {
				return in[i], true
			}
		}
		return nil, false
	}
	if data, ok := find(n); ok {
		return Value{Data: data, Node: n, Size: object.Size}
	}
	return Of(n)
}

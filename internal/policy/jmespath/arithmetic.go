package jmespath

import (
	"errors"
	"math"
	"strconv"
	"time"

	"gopkg.in/inf.v0"
	"k8s.io/apimachinery/pkg/api/resource"
)

var (
	errOperands = errors.New("the operands do not fit one another")
	errZero     = errors.New("division by zero")
	errWhole    = errors.New("whole numbers are expected")
)

// maxQuantity is how long a quantity may be written; an exponent of many digits takes long.
const maxQuantity = 64

// ParseQuantity parses a quantity that is short enough to compare.
func ParseQuantity(s string) (resource.Quantity, error) {
	if len(s) > maxQuantity {
		return resource.Quantity{}, errors.New("the quantity is too long")
	}
	return resource.ParseQuantity(s)
}

// operand returns a float64, a resource.Quantity or a time.Duration.
func operand(v Value) (any, error) {
	switch d := v.Data.(type) {
	case float64:
		return d, nil
	case string:
		if q, err := ParseQuantity(d); err == nil {
			return q, nil
		}
		if t, err := time.ParseDuration(d); err == nil {
			return t, nil
		}
	}
	return nil, errors.New("a number, a quantity or a duration is expected")
}

func arithmetic(op string) func(*evaluation, []Value) (Value, error) {
	return func(_ *evaluation, a []Value) (Value, error) {
		x, err := operand(a[0])
		if err != nil {
			return Value{}, err
		}
		y, err := operand(a[1])
		if err != nil {
			return Value{}, err
		}
		data, err := calculate(op, x, y)
		return Value{Data: data}, err
	}
}

func sum(_ *evaluation, a []Value) (Value, error) {
	items, err := listOf(a[0])
	if err != nil {
		return Value{}, err
	}
	if len(items) == 0 {
		return Value{}, errors.New("the list is empty")
	}
	total := items[0]
	for _, item := range items[1:] {
		if total, err = arithmetic("add")(nil, []Value{total, item}); err != nil {
			return Value{}, err
		}
	}
	return Value{Data: total.Data}, nil
}

func round(_ *evaluation, a []Value) (Value, error) {
	x, ok1 := a[0].Data.(float64)
	n, ok2 := a[1].Data.(float64)
	if !ok1 || !ok2 || n < 0 || n != math.Trunc(n) {
		return Value{}, errNumber
	}
	shift := math.Pow(10, n)
	return Value{Data: math.Round(x*shift) / shift}, nil
}

// calculate follows Kyverno's table of what can be calculated with what.
func calculate(op string, x, y any) (any, error) {
	if op == "multiply" {
		if _, ok := x.(float64); ok {
			if _, ok := y.(float64); !ok {
				x, y = y, x
			}
		}
	}
	switch a := x.(type) {
	case float64:
		if b, ok := y.(float64); ok {
			return numbers(op, a, b)
		}
	case time.Duration:
		switch b := y.(type) {
		case time.Duration:
			return durations(op, a, b)
		case float64:
			switch {
			case op == "multiply":
				return time.Duration(a.Seconds() * b * float64(time.Second)).String(), nil
			case op == "divide" && b != 0:
				return time.Duration(a.Seconds() / b * float64(time.Second)).String(), nil
			case op == "divide":
				return nil, errZero
			}
		}
	case resource.Quantity:
		switch b := y.(type) {
		case resource.Quantity:
			return quantities(op, a, b)
		case float64:
			return scaled(op, a, b)
		}
	}
	return nil, errOperands
}

func numbers(op string, a, b float64) (any, error) {
	switch op {
	case "add":
		return a + b, nil
	case "subtract":
		return a - b, nil
	case "multiply":
		return a * b, nil
	}
	switch {
	case b == 0:
		return nil, errZero
	case op == "divide":
		return a / b, nil
	case a != math.Trunc(a) || b != math.Trunc(b):
		return nil, errWhole
	}
	return math.Mod(a, b), nil
}

func durations(op string, a, b time.Duration) (any, error) {
	switch {
	case op == "add":
		return (a + b).String(), nil
	case op == "subtract":
		return (a - b).String(), nil
	case op == "multiply":
		return nil, errOperands
	case b == 0:
		return nil, errZero
	case op == "divide":
		return a.Seconds() / b.Seconds(), nil
	}
	return (a % b).String(), nil
}

func quantities(op string, a, b resource.Quantity) (any, error) {
	switch op {
	case "add":
		a.Add(b)
		return a.String(), nil
	case "subtract":
		a.Sub(b)
		return a.String(), nil
	case "multiply":
		return nil, errOperands
	}
	x, y := a.AsApproximateFloat64(), b.AsApproximateFloat64()
	switch {
	case y == 0:
		return nil, errZero
	case op == "divide":
		return x / y, nil
	case x != math.Trunc(x) || y != math.Trunc(y) || math.Abs(x) > math.MaxInt64/2 || math.Abs(y) > math.MaxInt64/2:
		return nil, errWhole
	}
	return resource.NewQuantity(int64(x)%int64(y), a.Format).String(), nil
}

func scaled(op string, a resource.Quantity, b float64) (any, error) {
	by, err := ParseQuantity(strconv.FormatFloat(b, 'g', -1, 64))
	switch {
	case err != nil:
		return nil, err
	case op == "multiply":
		var product inf.Dec
		product.Mul(a.AsDec(), by.AsDec())
		return resource.NewDecimalQuantity(product, a.Format).String(), nil
	case op == "divide" && b == 0:
		return nil, errZero
	case op == "divide":
		var quotient inf.Dec
		quotient.QuoRound(a.AsDec(), by.AsDec(), max(a.AsDec().Scale(), by.AsDec().Scale()), inf.RoundDown)
		return resource.NewDecimalQuantity(quotient, a.Format).String(), nil
	}
	return nil, errOperands
}

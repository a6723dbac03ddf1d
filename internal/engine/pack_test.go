package engine

import (
	"reflect"
	"testing"

	"github.com/manilint/manilint/lint"
)

// Whatever a finding says, it says when it was put away and taken out again.
func TestPackedFindingsComeBack(t *testing.T) {
	src := lint.NewSource("a.yaml", []byte("a: 1\nb: 2\n"))
	related := []lint.Related{{Role: "value", Message: "one", Span: src.LineSpan(1)}, {Role: "guard", Message: "two", Span: src.LineSpan(2)}, {Role: "value", Message: "one", Span: src.LineSpan(1)}}
	found := []*lint.Finding{{}, {Rule: everyImage, Renderings: []lint.Rendering{{Root: "a"}}, Related: related}}
	for i := range reflect.TypeFor[lint.Finding]().NumField() {
		f := &lint.Finding{Rule: everyImage}
		v := reflect.ValueOf(f).Elem().Field(i)
		switch v.Kind() {
		case reflect.String:
			v.SetString("text")
		case reflect.Int:
			v.SetInt(2)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		default:
			switch v.Type() {
			case reflect.TypeFor[lint.Object]():
				f.Object = lint.Object{APIVersion: "v1", Kind: "Pod", Namespace: "a", Name: "b"}
			case reflect.TypeFor[lint.Span]():
				f.Span = src.LineSpan(2)
			default:
				t.Fatalf("field %s of a kind that this test does not set", reflect.TypeFor[lint.Finding]().Field(i).Name)
			}
		}
		found = append(found, f)
	}
	again := unpack(pack(found))
	for i, f := range found {
		if !reflect.DeepEqual(*f, *again[i]) {
			t.Errorf("%+v came back as %+v", *f, *again[i])
		}
	}
}

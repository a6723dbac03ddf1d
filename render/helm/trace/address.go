package trace

import (
	"reflect"
	"strings"
	"sync"
	"unsafe"
)

// This file holds all that manilint does with unsafe, but for the text of a source, which is
// its bytes. The tracer recognises a value
// that a template hands on by the address of its data: nothing is read or written
// through these addresses but in boxed, which makes an interface value. Go does not
// promise the layout of an interface (two words, the second pointing at the data):
// [addressesHold] looks before the first use, and templates are rendered without being
// traced where a release has changed it.

// textAddress returns the address of a string's first byte; s is not empty.
func textAddress(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// bytesAddress returns the address of a slice's first byte; b is not empty.
func bytesAddress(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// Shared returns a string that lies where b lies; b must never change.
func Shared(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// boxAddress returns the address of the data of an interface that holds a number or a bool.
func boxAddress(v any) uintptr { return uintptr((*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1]) }

// boxed returns v, a number or a bool, in an interface whose data lies at an address
// of its own. Go shares the data of small values, so a plain copy would not do.
func boxed(v any) any {
	own := reflect.New(reflect.TypeOf(v))
	own.Elem().Set(reflect.ValueOf(v))
	out := v
	(*[2]unsafe.Pointer)(unsafe.Pointer(&out))[1] = own.UnsafePointer()
	return out
}

// addressesHold reports whether Go lays out interfaces and strings as this file
// supposes, and hands them on with their addresses.
var addressesHold = sync.OnceValue(func() bool {
	pointer := new(int)
	if v := any(pointer); unsafe.Sizeof(v) != 2*unsafe.Sizeof(uintptr(0)) || boxAddress(v) != uintptr(unsafe.Pointer(pointer)) {
		return false
	}
	for _, v := range []any{true, false, 0, 1, 255, int64(7), 0.0, 2.5, int32(-1), uint64(9)} {
		a, b := boxed(v), boxed(v)
		m := map[string]any{"k": a}
		handed := func(x any) any { return x }(m["k"])
		if a != v || b != v || boxAddress(a) == boxAddress(b) || boxAddress(a) == boxAddress(v) || boxAddress(handed) != boxAddress(a) {
			return false
		}
	}
	s, b := strings.Clone("a string of some length"), []byte("bytes")
	return textAddress(s[2:])-textAddress(s) == 2 && textAddress(strings.Clone(s)) != textAddress(s) &&
		Shared(b) == "bytes" && textAddress(Shared(b)) == bytesAddress(b)
})

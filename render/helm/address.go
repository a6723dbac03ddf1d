package helm

import (
	"reflect"
	"unsafe"
)

// This file holds all that manilint does with unsafe. The tracer recognises a value
// that a template hands on by the address of its data: nothing is read or written
// through these addresses but in boxed, which makes an interface value. Go does not
// promise the layout of an interface (two words, the second pointing at the data);
// TestAddresses fails if a release changes it.

// textAddress returns the address of a string's first byte; s is not empty.
func textAddress(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// bytesAddress returns the address of a slice's first byte; b is not empty.
func bytesAddress(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// shared returns a string that lies where b lies; b must never change.
func shared(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

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

package trace

import (
	"encoding/base64"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/gobwas/glob"
)

// Files is what templates see as .Files. Its methods are those of Helm's type. The
// strings that they return lie in the bytes of the chart's files, where the tracer
// recognises them.
type Files map[string][]byte

// GetBytes returns the content of a file; no bytes when there is no such file.
func (f Files) GetBytes(name string) []byte {
	if data, ok := f[name]; ok {
		return data
	}
	return []byte{}
}

// Get returns the content of a file; "" when there is no such file.
func (f Files) Get(name string) string { return Shared(f.GetBytes(name)) }

// Glob returns the files whose names match a pattern; all for a broken pattern.
func (f Files) Glob(pattern string) Files {
	g, err := CompileGlob(pattern)
	if err != nil {
		g, _ = glob.Compile("**")
	}
	out := Files{}
	for name, data := range f {
		if g.Match(name) {
			out[name] = data
		}
	}
	return out
}

// maxGlob bounds how long a pattern may be: the library that Helm matches with follows
// each brace in a brace by a call in a call.
const maxGlob = 1000

// CompileGlob compiles a pattern as Helm does; it is an error where that is too long.
func CompileGlob(pattern string) (glob.Glob, error) {
	if len(pattern) > maxGlob {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", maxGlob)
	}
	return glob.Compile(pattern, '/')
}

// AsConfig returns the files as the YAML of a ConfigMap's data.
func (f Files) AsConfig() string {
	if f == nil {
		return ""
	}
	return toYAML(f.byBase(Shared))
}

// AsSecrets returns the files as the YAML of a Secret's data.
func (f Files) AsSecrets() string {
	if f == nil {
		return ""
	}
	return toYAML(f.byBase(base64.StdEncoding.EncodeToString))
}

func (f Files) byBase(encode func([]byte) string) map[string]string {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	m := make(map[string]string, len(f))
	for _, name := range names {
		m[path.Base(name)] = encode(f[name])
	}
	return m
}

// Lines returns the lines of a file.
func (f Files) Lines(name string) []string {
	if len(f[name]) == 0 {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(Shared(f[name]), "\n"), "\n")
}

// filesRead gives what AsConfig or AsSecrets made of files their origins.
func (t *tracer) filesRead(of, v any) any {
	f, ok := of.(Files)
	s, isText := v.(string)
	if !ok || !isText || s == "" || t.off {
		return v
	}
	s = strings.Clone(s)
	t.learn(s, t.emitted(reflect.ValueOf(f.byBase(Shared)), s))
	return s
}

package helm

import (
	"encoding/base64"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/gobwas/glob"
)

// files is what templates see as .Files. Its methods are those of Helm's type. The
// strings that they return lie in the bytes of the chart's files, where the tracer
// recognises them.
type files map[string][]byte

// GetBytes returns the content of a file; no bytes when there is no such file.
func (f files) GetBytes(name string) []byte {
	if data, ok := f[name]; ok {
		return data
	}
	return []byte{}
}

// Get returns the content of a file; "" when there is no such file.
func (f files) Get(name string) string { return shared(f.GetBytes(name)) }

// Glob returns the files whose names match a pattern; all for a broken pattern.
func (f files) Glob(pattern string) files {
	g, err := glob.Compile(pattern, '/')
	if err != nil {
		g, _ = glob.Compile("**")
	}
	out := files{}
	for name, data := range f {
		if g.Match(name) {
			out[name] = data
		}
	}
	return out
}

// AsConfig returns the files as the YAML of a ConfigMap's data.
func (f files) AsConfig() string {
	if f == nil {
		return ""
	}
	return toYAML(f.byBase(shared))
}

// AsSecrets returns the files as the YAML of a Secret's data.
func (f files) AsSecrets() string {
	if f == nil {
		return ""
	}
	return toYAML(f.byBase(base64.StdEncoding.EncodeToString))
}

func (f files) byBase(encode func([]byte) string) map[string]string {
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
func (f files) Lines(name string) []string {
	if len(f[name]) == 0 {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(shared(f[name]), "\n"), "\n")
}

// filesRead gives what AsConfig or AsSecrets made of files their origins.
func (t *tracer) filesRead(of, v any) any {
	f, ok := of.(files)
	s, isText := v.(string)
	if !ok || !isText || s == "" {
		return v
	}
	s = strings.Clone(s)
	t.learn(s, t.emitted(reflect.ValueOf(f.byBase(shared)), s))
	return s
}

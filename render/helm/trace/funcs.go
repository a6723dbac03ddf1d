package trace

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"

	"sigs.k8s.io/yaml"
)

// functions returns the functions that Helm's templates have, apart from include and
// tpl, which belong to a template. What would differ from run to run has a stand-in;
// what could fill the memory is bounded by limit.
func (t *tracer) functions() template.FuncMap {
	f := sprig.TxtFuncMap()
	delete(f, "env")
	delete(f, "expandenv")
	f["print"], f["printf"], f["println"] = fmt.Sprint, fmt.Sprintf, fmt.Sprintln
	own := template.FuncMap{
		"toToml": toTOML, "fromToml": fromTOML, "toYaml": toYAML, "toYamlPretty": toYAMLPretty,
		"fromYaml": fromYAML, "fromYamlArray": fromYAMLArray, "toJson": toJSON, "fromJson": fromJSON, "fromJsonArray": fromJSONArray,
		"required": t.required, "lookup": t.lookup,
		"fail":          func(message string) (string, error) { return "", Refusal{message, t.dependsOnCluster()} },
		"getHostByName": func(string) string { return "" },
	}
	for name, fn := range own {
		f[name] = fn
	}
	sorted(f)
	t.bound(f)
	for name, fn := range t.standIns() {
		f[name] = fn
	}
	return f
}

// A Refusal is what a template says with fail or required.
type Refusal struct {
	Message string
	Cluster bool // because lookup found nothing: there is no cluster
}

func (r Refusal) Error() string { return r.Message }

func (t *tracer) required(message string, v any) (any, error) {
	if s, ok := v.(string); v == nil || ok && s == "" {
		return v, Refusal{message, t.dependsOnCluster()}
	}
	return v, nil
}

// cluster stands among the paths of values for what lookup finds; no value has its name.
const cluster = "\x00cluster"

// lookup finds nothing, as Helm's does without a cluster.
func (t *tracer) lookup(_, _, _, _ string) (map[string]any, error) {
	found := map[string]any{}
	t.hold(found, &Origin{Kind: FromReads, Paths: []string{cluster}})
	t.reads = append(t.reads, cluster)
	return found, nil
}

// dependsOnCluster reports whether the pipeline at work, or a block around it, has asked
// lookup.
func (t *tracer) dependsOnCluster() bool {
	if slices.Contains(t.reads[min(t.began, len(t.reads)):], cluster) {
		return true
	}
	around := []*Guard{t.guard}
	for _, outer := range t.saved {
		around = append(around, outer.guard)
	}
	for _, g := range around {
		for ; g != nil; g = g.Next {
			if slices.Contains(g.Paths, cluster) {
				return true
			}
		}
	}
	return false
}

// The conversions below are Helm's: they return "" or an "Error" entry where Helm's do.

func toYAML(v any) string {
	data, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

func toYAMLPretty(v any) (string, error) {
	var data bytes.Buffer
	encoder := goyaml.NewEncoder(&data)
	encoder.SetIndent(2)
	if err := encoder.Encode(v); err != nil {
		return "", nil
	}
	return strings.TrimSuffix(data.String(), "\n"), nil
}

func fromYAML(text string) map[string]any {
	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromYAMLArray(text string) []any {
	a := []any{}
	if err := yaml.Unmarshal([]byte(text), &a); err != nil {
		a = []any{err.Error()}
	}
	return a
}

func toTOML(v any) (string, error) {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(v); err != nil {
		return err.Error(), nil
	}
	return b.String(), nil
}

func fromTOML(text string) map[string]any {
	m := map[string]any{}
	if tooNested(text) {
		m["Error"] = errDeep.Error()
		return m
	}
	if err := toml.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func toJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

func fromJSON(text string) map[string]any {
	m := map[string]any{}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromJSONArray(text string) []any {
	a := []any{}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		a = []any{err.Error()}
	}
	return a
}

// sorted replaces the functions that give the parts of a mapping in no order: reports
// must be the same in each run.
func sorted(f template.FuncMap) {
	f["keys"] = func(dicts ...map[string]any) []string {
		keys := []string{}
		for _, dict := range dicts {
			keys = slices.AppendSeq(keys, slices.Values(slices.Sorted(maps.Keys(dict))))
		}
		return keys
	}
	f["values"] = func(dict map[string]any) []any {
		values := []any{}
		for _, key := range slices.Sorted(maps.Keys(dict)) {
			values = append(values, dict[key])
		}
		return values
	}
}

// A certificate is what sprig's functions for certificates return.
type certificate struct{ Cert, Key string }

// standIns returns functions that give the same in every run for those that do not.
func (t *tracer) standIns() template.FuncMap {
	now := time.Unix(1700000000, 0).UTC()
	text := func(n int, alphabet string) (string, error) {
		if n < 0 {
			return "", nil // as sprig has it
		}
		if n > 1<<20 {
			return "", errCall
		}
		var out strings.Builder
		for out.Len() < n {
			t.dummy++
			for _, b := range sha256.Sum256(fmt.Append(nil, t.dummy)) {
				if out.Len() < n {
					out.WriteByte(alphabet[int(b)%len(alphabet)])
				}
			}
		}
		return t.Text(out.String(), generated), nil
	}
	const digits = "0123456789"
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	in := func(n int, alphabet string) func(...int) (string, error) {
		return func(length ...int) (string, error) {
			if len(length) > 0 {
				n = length[0]
			}
			return text(n, alphabet)
		}
	}
	fixed := func(alphabet string) func(int) (string, error) {
		return func(n int) (string, error) { return text(n, alphabet) }
	}
	pair := func() (certificate, error) {
		c, err := standInCertificate()
		return certificate{t.Text(c.Cert, generated), t.Text(c.Key, generated)}, err
	}
	durationRound := sprig.TxtFuncMap()["durationRound"].(func(any) string)
	date := func(layout string, at any) string { return inZone(layout, at, now, time.UTC) }
	return template.FuncMap{
		"randAlphaNum": fixed(letters + digits), "randAlpha": fixed(letters), "randNumeric": fixed(digits),
		"randAscii": fixed(letters + digits + "!#%&()*+-./:;<=>?@[]^_{|}~"),
		"randBytes": func(n int) (string, error) {
			if n < 0 {
				return "", errors.New("randBytes needs a number that is not negative")
			}
			s, err := text(n, letters)
			return t.Text(base64.StdEncoding.EncodeToString([]byte(s)), generated), err
		},
		"randInt": func(low, high int) (any, error) {
			if low >= high {
				return nil, errors.New("randInt needs a lower and a higher number")
			}
			if t.off {
				return low, nil
			}
			n := boxed(low)
			t.hold(n, generated)
			return n, nil
		},
		"shuffle": func(s string) string { return t.Text(s, generated) },
		"uuidv4": func() (string, error) {
			s, err := in(32, "0123456789abcdef")()
			if err != nil {
				return "", err
			}
			return t.Text(s[:8]+"-"+s[8:12]+"-4"+s[13:16]+"-a"+s[17:20]+"-"+s[20:], generated), nil
		},
		"bcrypt": func(string) (string, error) {
			s, err := text(53, letters+digits)
			return t.Text("$2a$10$"+s, generated), err
		},
		"htpasswd": func(user, _ string) (string, error) {
			if strings.Contains(user, ":") {
				return "invalid username: " + user, nil
			}
			s, err := text(53, letters+digits)
			return t.Text(user+":$2a$10$"+s, generated), err
		},
		"encryptAES": func(_, plain string) (string, error) {
			if plain == "" {
				return "", nil
			}
			sum := sha256.Sum256([]byte(plain))
			return t.Text(base64.StdEncoding.EncodeToString(sum[:]), generated), nil
		},
		"genPrivateKey": func(string) (string, error) {
			c, err := standInCertificate()
			return t.Text(c.Key, generated), err
		},
		"genCA":                    func(string, int) (certificate, error) { return pair() },
		"genCAWithKey":             func(string, int, string) (certificate, error) { return pair() },
		"genSelfSignedCert":        func(string, []any, []any, int) (certificate, error) { return pair() },
		"genSelfSignedCertWithKey": func(string, []any, []any, int, string) (certificate, error) { return pair() },
		"genSignedCert":            func(string, []any, []any, int, any) (certificate, error) { return pair() },
		"genSignedCertWithKey":     func(string, []any, []any, int, any, string) (certificate, error) { return pair() },
		"now":                      func() time.Time { return now },
		"ago": func(at any) string {
			if d, ok := at.(time.Time); ok {
				return now.Sub(d).Round(time.Second).String()
			}
			return "0s"
		},
		"date":       date,
		"htmlDate":   func(at any) string { return date("2006-01-02", at) },
		"dateInZone": func(layout string, at any, zone string) string { return inNamedZone(layout, at, now, zone) },
		"date_in_zone": func(layout string, at any, zone string) string {
			return inNamedZone(layout, at, now, zone)
		},
		// These two read the machine's zone and clock in sprig.
		"toDate": func(layout, text string) time.Time {
			when, _ := time.ParseInLocation(layout, text, time.UTC)
			return when
		},
		"mustToDate": func(layout, text string) (time.Time, error) { return time.ParseInLocation(layout, text, time.UTC) },
		"durationRound": func(v any) string {
			if when, ok := v.(time.Time); ok {
				v = now.Sub(when).String()
			}
			return durationRound(v)
		},
		"htmlDateInZone": func(at any, zone string) string { return inNamedZone("2006-01-02", at, now, zone) },
	}
}

var generated = &Origin{Kind: FromGenerated, Random: true}

func inNamedZone(layout string, at any, now time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		loc = time.UTC
	}
	return inZone(layout, at, now, loc)
}

// inZone formats a time as sprig's date does, with now instead of the clock and UTC
// instead of the machine's zone.
func inZone(layout string, at any, now time.Time, loc *time.Location) string {
	when := now
	switch at := at.(type) {
	case time.Time:
		when = at
	case *time.Time:
		when = *at
	case int64:
		when = time.Unix(at, 0)
	case int:
		when = time.Unix(int64(at), 0)
	case int32:
		when = time.Unix(int64(at), 0)
	}
	return when.In(loc).Format(layout)
}

// standInCertificate returns a self-signed certificate with its key, the same each time.
func standInCertificate() (certificate, error) {
	seed := sha256.Sum256([]byte("stand-in"))
	key := ed25519.NewKeyFromSeed(seed[:])
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stand-in"},
		NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(2000000000, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return certificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, err
	}
	return certificate{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}, nil
}

package report
import ("fmt"; "io"; "github.com/manilint/manilint/lint")
type Options struct { Color bool; Width int; Version string; URL string }
type Format func(io.Writer, *lint.Report, Options) error
var Formats = map[string]Format{"text": unix, "unix": unix, "json": unix}
func Names() []string { return []string{"text","unix","json"} }
func Escape(s string) string { return s }
func unix(w io.Writer, r *lint.Report, o Options) error {
 for _, f := range r.Findings { fmt.Fprintf(w, "%s: %s: %s [%s]\n", f.Span.Start, f.Severity, f.Message, f.Rule.ID) }
 return nil
}

package validity

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite requirements.json")

// sources are the modules whose types are read, with what their import paths are cut to.
var sources = []struct{ module, below, prefix string }{
	{"k8s.io/api", "", ""},
	{"k8s.io/apiextensions-apiserver", "pkg/apis", ""},
	{"k8s.io/apimachinery", "pkg/apis", ""},
}

// accepted are fields that the types call required and the API server takes without:
// it sets a default, or the zero value is valid (k8s.io/kubernetes, pkg/apis/*/validation).
// The rule rbac-invalid speaks of the fields of roles and bindings, selector-mismatch of selectors.
var accepted = map[string]bool{
	"core/v1.HTTPHeader.value":                    true,
	"core/v1.Sysctl.value":                        true,
	"core/v1.LimitRangeSpec.limits":               true,
	"core/v1.ISCSIVolumeSource.lun":               true,
	"core/v1.ISCSIPersistentVolumeSource.lun":     true,
	"core/v1.SleepAction.seconds":                 true,
	"core/v1.PreferredSchedulingTerm.preference":  true,
	"batch/v1.PodFailurePolicy.rules":             true,
	"rbac/v1.PolicyRule.verbs":                    true,
	"rbac/v1.RoleRef.kind":                        true,
	"rbac/v1.RoleRef.name":                        true,
	"rbac/v1.RoleBinding.roleRef":                 true,
	"rbac/v1.ClusterRoleBinding.roleRef":          true,
	"rbac/v1.Subject.kind":                        true,
	"rbac/v1.Subject.name":                        true,
	"apps/v1.DeploymentSpec.selector":             true,
	"apps/v1.StatefulSetSpec.selector":            true,
	"apps/v1.DaemonSetSpec.selector":              true,
	"apps/v1.ReplicaSetSpec.selector":             true,
	"core/v1.Event.metadata":                      true,
	"core/v1.Event.involvedObject":                true,
	"resource/v1.ResourcePool.generation":         true,
	"resource/v1.ResourcePool.resourceSliceCount": true,
}

// closed are types of strings without the mark of an enumeration, whose constants are all
// that the API server takes.
var closed = map[string]bool{
	"autoscaling/v2.MetricTargetType": true, "autoscaling/v2.MetricSourceType": true, "autoscaling/v2.HPAScalingPolicyType": true, "autoscaling/v2.ScalingPolicySelect": true,
	"apps/v1.PersistentVolumeClaimRetentionPolicyType": true, "core/v1.OSName": true, "core/v1.ContainerRestartPolicy": true, "core/v1.ResourceResizeRestartPolicy": true,
	"networking/v1.PathType": true, "discovery/v1.AddressType": true, "storage/v1.FSGroupPolicy": true, "storage/v1.VolumeLifecycleMode": true,
	"meta/v1.LabelSelectorOperator": true, "apiextensions/v1.ResourceScope": true, "apiextensions/v1.ConversionStrategyType": true,
	"admissionregistration/v1.ParameterNotFoundActionType": true,
}

// TestRequirementsAreThoseOfTheTypes writes requirements.json from the source of the
// Kubernetes types, as their OpenAPI is: a field is required that neither may be left out of
// JSON nor is marked as optional, and an enumeration is a type of strings marked as one.
func TestRequirementsAreThoseOfTheTypes(t *testing.T) {
	all := requirementTable{Required: map[string][]string{}, Enums: map[string][]string{}}
	for _, s := range sources {
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", s.module).Output()
		if err != nil {
			t.Skipf("the source of the Kubernetes types is not here: %v", err)
		}
		files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), s.below, "*", "v[0-9]", "*types*.go"))
		for _, f := range files {
			readTypes(t, f, &all)
		}
	}
	if len(all.Required) < 100 || len(all.Enums) < 50 {
		t.Fatalf("%d types with required fields and %d enumerations: the source has another form", len(all.Required), len(all.Enums))
	}
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("requirements.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(requirementsJSON, want.Bytes()) && !*update {
		t.Error("requirements.json is not what the types say; run go test ./rules/validity -update")
	}
}

var (
	isEnum     = regexp.MustCompile(`(?m)^//\s*\+(?:k8s:)?enum\s*$`)
	isOptional = regexp.MustCompile(`(?m)^//\s*\+(?:k8s:)?optional\b`)
	isRequired = regexp.MustCompile(`(?m)^//\s*\+(?:k8s:)?required\s*$`)
	hasDefault = regexp.MustCompile(`(?m)^//\s*\+default=`)
	isReported = regexp.MustCompile(`Status$|Condition$|List$|^ContainerState|^NodeSystemInfo$|^Lease|Options$`)
)

func readTypes(t *testing.T, path string, all *requirementTable) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	pkg := filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(path))), filepath.Base(filepath.Dir(path))))
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				name := pkg + "." + s.Name.Name
				if isEnum.MatchString(comments(g.Doc, s.Doc)) {
					closed[name] = true
				}
				if st, ok := s.Type.(*ast.StructType); ok && !isReported.MatchString(s.Name.Name) {
					for _, f := range st.Fields.List {
						if field := requiredField(f); field != "" && !accepted[name+"."+field] {
							all.Required[name] = append(all.Required[name], field)
						}
					}
				}
			case *ast.ValueSpec:
				value, of := first(s.Values), s.Type
				if call, ok := value.(*ast.CallExpr); ok && of == nil && len(call.Args) == 1 {
					value, of = call.Args[0], call.Fun
				}
				id, ok := of.(*ast.Ident)
				if !ok || !closed[pkg+"."+id.Name] || value == nil {
					continue
				}
				text, known := textOf(value)
				if !known {
					t.Errorf("%s: a constant of %s is no text that is understood: the enumeration would lack it", path, id.Name)
				} else if text != "" {
					all.Enums[pkg+"."+id.Name] = append(all.Enums[pkg+"."+id.Name], text)
				}
			}
		}
	}
}

// foreign are constants of other packages of which enumerations are made.
var foreign = map[string]string{"v1.IPv4Protocol": "IPv4", "v1.IPv6Protocol": "IPv6"}

// textOf returns the text that a constant is.
func textOf(value ast.Expr) (string, bool) {
	switch value := value.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(value.Value)
		return text, err == nil
	case *ast.SelectorExpr:
		if from, ok := value.X.(*ast.Ident); ok {
			text, known := foreign[from.Name+"."+value.Sel.Name]
			return text, known
		}
	}
	return "", false
}

func first(list []ast.Expr) ast.Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func comments(groups ...*ast.CommentGroup) string {
	var text strings.Builder
	for _, g := range groups {
		if g != nil {
			for _, c := range g.List {
				text.WriteString(c.Text + "\n")
			}
		}
	}
	return text.String()
}

// requiredField returns the JSON name of a field that must be set, else "". Of a boolean
// that is left out false is meant.
func requiredField(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return ""
	}
	name, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	doc := comments(f.Doc)
	id, _ := f.Type.(*ast.Ident)
	if name == "" || name == "-" || name == "status" || hasDefault.MatchString(doc) || id != nil && id.Name == "bool" {
		return ""
	}
	mayBeLeftOut := slices.Contains(strings.Split(options, ","), "omitempty") || slices.Contains(strings.Split(options, ","), "omitzero")
	if isRequired.MatchString(doc) || !mayBeLeftOut && !isOptional.MatchString(doc) {
		return name
	}
	return ""
}

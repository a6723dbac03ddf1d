package docs_test

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheExtension checks that VS Code's extension declares the commands and settings that it
// has, and, where .ci/run has packaged it, that the package holds what it runs.
func TestTheExtension(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile("../editors/vscode/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	type manifest struct {
		Name, Main, License string
		ActivationEvents    []string
		Contributes         struct {
			Configuration struct{ Properties map[string]any }
			Commands      []struct{ Command, Title string }
		}
	}
	var m manifest
	if err := json.Unmarshal([]byte(read("package.json")), &m); err != nil {
		t.Fatal(err)
	}
	code := read("src/extension.ts")
	var declared, registered []string
	for _, c := range m.Contributes.Commands {
		declared = append(declared, c.Command)
		if !strings.Contains(read("README.md"), "| manilint: "+c.Title+" |") {
			t.Errorf("the extension's README does not list %q", c.Title)
		}
	}
	for _, c := range regexp.MustCompile(`registerCommand\("([^"]+)"`).FindAllStringSubmatch(code, -1) {
		registered = append(registered, c[1])
	}
	slices.Sort(declared)
	slices.Sort(registered)
	if !slices.Equal(declared, registered) || len(declared) == 0 {
		t.Errorf("package.json declares %v, and %v are registered", declared, registered)
	}
	for _, setting := range regexp.MustCompile(`settings\.get<[^>]+>\("([^"]+)"\)`).FindAllStringSubmatch(code, -1) {
		if m.Contributes.Configuration.Properties["manilint."+setting[1]] == nil {
			t.Errorf("package.json declares no setting manilint.%s", setting[1])
		}
	}
	for _, command := range []string{"manilint.explain", "manilint.render"} { // what it asks of the server
		server, err := os.ReadFile("../internal/lsp/look.go")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(code, `"`+command+`"`) || !strings.Contains(string(server), `"`+command+`"`) {
			t.Errorf("%s is not a command of both the server and the extension", command)
		}
		if slices.Contains(declared, command) {
			t.Errorf("%s is registered by the client library, too", command)
		}
	}
	license, err := os.ReadFile("../LICENSE")
	if err != nil || read("LICENSE") != string(license) {
		t.Error("the licence of the extension is not that of the project")
	}

	packed, err := zip.OpenReader("../editors/vscode/manilint.vsix")
	if err != nil {
		t.Skip("the extension is not packaged: npm run package in editors/vscode does that; its content is not tested")
	}
	defer packed.Close()
	files := map[string]string{}
	for _, f := range packed.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(data)
	}
	var inside manifest
	if err := json.Unmarshal([]byte(files["extension/package.json"]), &inside); err != nil || inside.Name != "manilint" {
		t.Fatalf("the package's manifest is %+v: %v", inside, err)
	}
	main := files["extension/"+strings.TrimPrefix(inside.Main, "./")]
	if !strings.Contains(main, "manilint.restart") {
		t.Errorf("the bundle of %d bytes registers no command", len(main))
	}
	if !strings.Contains(files["extension.vsixmanifest"], `Publisher="manilint"`) {
		t.Error("the package's manifest names no publisher")
	}
	if strings.Contains(main, `require("vscode-languageclient`) {
		t.Error("the client library is not bundled")
	}
	for name := range files {
		if strings.Contains(name, "node_modules") || strings.HasSuffix(name, ".ts") {
			t.Errorf("the package holds %s", name)
		}
	}
}

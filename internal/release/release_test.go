package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// dist returns the directory of a release, which .ci/run and the release workflow make.
func dist(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MANILINT_DIST")
	if dir == "" {
		t.Skip("MANILINT_DIST names no directory that go run ./internal/release has written")
	}
	return dir
}

func read(t *testing.T, elements ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// one returns the only file that a pattern matches.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v %v", pattern, found, err)
	}
	return found[0]
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// The checksums are those of all files, and the indexes of package managers have them.
func TestTheChecksumsAreThoseOfTheFiles(t *testing.T) {
	dir := dist(t)
	listed := map[string]string{}
	for line := range strings.Lines(string(read(t, dir, "SHA256SUMS"))) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed[name] = hash
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if e.IsDir() || e.Name() == "SHA256SUMS" {
			continue
		}
		files++
		if got := sum(read(t, dir, e.Name())); listed[e.Name()] != got {
			t.Errorf("%s has %s, listed is %q", e.Name(), got, listed[e.Name()])
		}
	}
	if files != len(listed) || files != 6*3+2*3+2 {
		t.Errorf("%d files, %d listed", files, len(listed))
	}
	index := string(read(t, dir, "manilint.rb")) + string(read(t, dir, "manilint.krew.yaml"))
	for name, hash := range listed {
		if strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".zip") {
			if !strings.Contains(index, name) || !strings.Contains(index, hash) {
				t.Errorf("no index names %s with its checksum", name)
			}
		}
	}
	var plugin struct {
		Spec struct {
			Platforms []struct{ URI, SHA256, Bin string }
		}
	}
	if err := yaml.UnmarshalStrict(read(t, dir, "manilint.krew.yaml"), &map[string]any{}); err != nil {
		t.Error(err)
	}
	if err := yaml.Unmarshal(read(t, dir, "manilint.krew.yaml"), &plugin); err != nil || len(plugin.Spec.Platforms) != len(platforms) {
		t.Errorf("krew: %v %+v", err, plugin)
	}
}

// unpack returns the members of a tar archive, and writes them below dir.
func unpack(t *testing.T, archive, dir string) map[string]*tar.Header {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(read(t, archive)))
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]*tar.Header{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return members
		}
		if err != nil || !filepath.IsLocal(h.Name) {
			t.Fatal(h, err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, data, os.FileMode(h.Mode)); err != nil {
			t.Fatal(err)
		}
		members[h.Name] = h
	}
}

// The program of this platform runs out of its archive, finds what it should, and the pages
// and scripts next to it are those of this version.
func TestTheProgramRunsFromItsArchive(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the archive for Windows is a zip")
	}
	from, dir := dist(t), t.TempDir()
	archive := one(t, from, "manilint_*_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz")
	members := unpack(t, archive, dir)
	program := filepath.Join(dir, "manilint")
	version, err := exec.Command(program, "version").Output()
	said, ok := strings.CutPrefix(strings.TrimSpace(string(version)), "manilint ")
	if err != nil || !ok || !strings.Contains(archive, "manilint_"+fileVersion(said)+"_") {
		t.Errorf("%s says %q: %v", archive, version, err)
	}
	lint := exec.Command(program, "--only", "host-pid", "-f", "unix", "-")
	lint.Stdin = strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostPID: true\n  containers: [{name: web, image: i}]\n")
	if out, _ := lint.Output(); lint.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), ":5:12: ") {
		t.Errorf("exit status %d\n%s", lint.ProcessState.ExitCode(), out)
	}
	for _, name := range []string{"LICENSE", "README.md", "completions/_manilint", "completions/manilint.bash", "completions/manilint.fish", "completions/manilint.ps1", "man/manilint.1", "man/manilint-rbac.1"} {
		h := members[name]
		if h == nil || h.Size == 0 || h.Mode != 0o644 || h.Uid != 0 || h.ModTime != members["manilint"].ModTime {
			t.Errorf("%s is %+v", name, h)
		}
	}
	for _, want := range []string{".SH EXIT STATUS", `.B \-f, \-\-format`, "manilint\\-rbac(1)"} {
		if page := string(read(t, dir, "man/manilint.1")); !strings.Contains(page, want) {
			t.Errorf("the page of man lacks %q", want)
		}
	}
	if out, err := exec.Command("man", "--warnings", "-l", filepath.Join(dir, "man/manilint.1")).CombinedOutput(); !errors.Is(err, exec.ErrNotFound) && (err != nil || bytes.Contains(out, []byte("warning:"))) {
		t.Errorf("man: %v\n%.300s", err, out)
	}
}

// The bills name the modules that go.mod requires, in their versions, and no others.
func TestTheBillsAgreeWithGoMod(t *testing.T) {
	dir := dist(t)
	required := map[string]string{"stdlib": strings.TrimPrefix(runtime.Version(), "go")}
	direct := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)( // indirect)?$`).FindAllStringSubmatch(string(read(t, "../../go.mod")), -1) {
		required[m[1]], direct[m[1]] = m[2], m[3] == ""
	}
	for _, p := range platforms {
		var cyclone struct {
			SpecVersion string
			Components  []struct{ Name, Version, Purl string }
		}
		var spdx struct {
			SPDXVersion string
			Packages    []struct{ Name, VersionInfo string }
		}
		base := "manilint_*_" + p.os + "_" + p.arch
		if err := json.Unmarshal(read(t, one(t, dir, base+".cdx.json")), &cyclone); err != nil || cyclone.SpecVersion != "1.6" {
			t.Fatal(err)
		}
		if err := json.Unmarshal(read(t, one(t, dir, base+".spdx.json")), &spdx); err != nil || spdx.SPDXVersion != "SPDX-2.3" {
			t.Fatal(err)
		}
		if len(cyclone.Components) < 40 || len(spdx.Packages) != len(cyclone.Components)+1 {
			t.Errorf("%v: %d components, %d packages", p, len(cyclone.Components), len(spdx.Packages))
		}
		named := map[string]bool{}
		for _, c := range cyclone.Components {
			named[c.Name] = true
			if required[c.Name] != c.Version {
				t.Errorf("%v: %s %s, go.mod has %q", p, c.Name, c.Version, required[c.Name])
			}
		}
		for _, want := range []string{"helm.sh/helm/v3", "sigs.k8s.io/kustomize/api", "k8s.io/api", "github.com/spf13/cobra"} {
			if !named[want] || !direct[want] {
				t.Errorf("%v: %s is not named", p, want)
			}
		}
		if named["github.com/zricethezav/gitleaks/v8"] {
			t.Errorf("%v: a module of tests is named", p)
		}
	}
}

// Debian's dpkg installs the package, with the program, its pages and scripts.
func TestDpkgInstallsThePackage(t *testing.T) {
	dir := dist(t)
	if _, err := exec.LookPath("dpkg"); err != nil || runtime.GOOS != "linux" {
		t.Skip("dpkg is not here")
	}
	if os.Getuid() != 0 {
		t.Skip("dpkg installs as root alone")
	}
	root := t.TempDir()
	for _, sub := range []string{"info", "updates"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("dpkg", "--root="+root, "-i", one(t, dir, "manilint_*_"+runtime.GOARCH+".deb")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"usr/bin/manilint", "usr/share/man/man1/manilint.1", "usr/share/man/man1/manilint-network.1", "usr/share/bash-completion/completions/manilint",
		"usr/share/zsh/vendor-completions/_manilint", "usr/share/fish/vendor_completions.d/manilint.fish", "usr/share/doc/manilint/copyright"} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out, err := exec.Command(filepath.Join(root, "usr/bin/manilint"), "version").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A commit that is built in two directories gives the same bytes.
func TestTwoBuildsAreTheSame(t *testing.T) {
	dist(t) // its compiled packages are at hand
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var built [2]string
	for i, below := range []string{"a", "elsewhere/and/deeper"} {
		checkout := filepath.Join(t.TempDir(), filepath.FromSlash(below))
		if out, err := exec.Command("git", "clone", "-q", "--no-hardlinks", top, checkout).CombinedOutput(); err != nil {
			t.Skipf("git cannot clone the checkout: %v\n%s", err, out)
		}
		t.Chdir(checkout)
		out := filepath.Join(t.TempDir(), "dist")
		if err := run(out, runtime.GOOS+"/"+runtime.GOARCH, "", true); err != nil {
			t.Fatal(err)
		}
		built[i] = string(read(t, out, "SHA256SUMS"))
	}
	if built[0] != built[1] || strings.Count(built[0], "\n") < 3 {
		t.Errorf("built in one directory\n%s\nin another\n%s", built[0], built[1])
	}
}

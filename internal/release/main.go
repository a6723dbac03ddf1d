// Release builds what a release consists of: an archive for each platform, packages for
// Linux, checksums, bills of materials, a Homebrew formula and a krew manifest.
//
//	go run ./internal/release -out dist
//
// The same commit gives the same bytes wherever it is built with the same Go: paths are
// trimmed, and every date is the commit's. It signs, tags and uploads nothing: that is
// for the workflow, which alone has the identity to do so.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A platform is an operating system and an architecture, as Go calls them.
type platform struct{ os, arch string }

var platforms = []platform{{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}

// nfpm writes the packages of Linux.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"

func main() {
	out := flag.String("out", "dist", "the directory to write to, which must not exist or be empty")
	only := flag.String("platforms", "", "as linux/amd64,darwin/arm64; all when empty")
	tag := flag.String("tag", "", "the tag that the checkout must be at; any commit when empty")
	packages := flag.Bool("packages", true, "whether to write packages for Linux, with "+nfpm)
	flag.Parse()
	if err := run(*out, *only, *tag, *packages); err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

// A release is one at work.
type release struct {
	out     string
	version string // without its v, as files are called
	date    time.Time
	extras  []member          // what every archive holds besides the program
	sums    map[string]string // of what is written, by the names of the files
}

func run(out, only, tag string, packages bool) error {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", out)
	}
	wanted := platforms
	if only != "" {
		wanted = nil
		for name := range strings.SplitSeq(only, ",") {
			system, arch, _ := strings.Cut(name, "/")
			if p := (platform{system, arch}); slices.Contains(platforms, p) {
				wanted = append(wanted, p)
			} else {
				return fmt.Errorf("%s is no platform of a release", name)
			}
		}
	}
	r := &release{out: out, sums: map[string]string{}}
	stamp, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
	if err != nil {
		return fmt.Errorf("the date of the commit is not known: %w", err)
	}
	var seconds int64
	if _, err := fmt.Sscan(string(stamp), &seconds); err != nil {
		return err
	}
	r.date = time.Unix(seconds, 0).UTC()
	if r.extras, err = extras(r.date); err != nil {
		return err
	}
	for _, p := range wanted {
		if err := r.platform(p, tag); err != nil {
			return fmt.Errorf("%s/%s: %w", p.os, p.arch, err)
		}
		if packages && p.os == "linux" {
			if err := r.packages(p); err != nil {
				return fmt.Errorf("packages for %s: %w", p.arch, err)
			}
		}
	}
	if only == "" {
		if err := r.write("manilint.rb", []byte(formula(r))); err != nil {
			return err
		}
		if err := r.write("manilint.krew.yaml", []byte(krew(r))); err != nil {
			return err
		}
	}
	return r.checksums()
}

// platform builds the program for one platform and writes its archive and its bills of
// materials.
func (r *release) platform(p platform, tag string) error {
	binary := filepath.Join(r.out, "bin", p.os+"_"+p.arch, p.program())
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	if tag != "" && info.Main.Version != tag {
		return fmt.Errorf("the program calls itself %s, not %s: is the tag at this commit, and nothing changed since?", info.Main.Version, tag)
	}
	r.version = fileVersion(info.Main.Version)
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	members := append([]member{{name: p.program(), data: data, program: true}}, r.extras...)
	pack := tarball
	if p.os == "windows" {
		pack = zipped
	}
	archive, err := pack(members, r.date)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	b := bill{info: info, platform: p, date: r.date, sum: hex.EncodeToString(sum[:])}
	for name, text := range map[string][]byte{r.archive(p): archive, r.name(p) + ".spdx.json": b.spdx(), r.name(p) + ".cdx.json": b.cycloneDX()} {
		if err := r.write(name, text); err != nil {
			return err
		}
	}
	return nil
}

// fileVersion returns a version as file names have it. Go knows none where the sources are
// no clone of the repository.
func fileVersion(version string) string {
	if strings.HasPrefix(version, "(") {
		return "0.0.0-devel"
	}
	return strings.ReplaceAll(strings.TrimPrefix(version, "v"), "+", "-")
}

func (p platform) program() string {
	if p.os == "windows" {
		return "manilint.exe"
	}
	return "manilint"
}

func (r *release) name(p platform) string { return "manilint_" + r.version + "_" + p.os + "_" + p.arch }

func (r *release) archive(p platform) string {
	if p.os == "windows" {
		return r.name(p) + ".zip"
	}
	return r.name(p) + ".tar.gz"
}

func (r *release) write(name string, data []byte) error {
	sum := sha256.Sum256(data)
	r.sums[name] = hex.EncodeToString(sum[:])
	return os.WriteFile(filepath.Join(r.out, name), data, 0o644)
}

// packages writes the packages for a Linux architecture from nfpm.yaml.
func (r *release) packages(p platform) error {
	stage := filepath.Join(r.out, "stage_"+p.arch)
	defer os.RemoveAll(stage)
	for _, m := range r.extras {
		path := filepath.Join(stage, filepath.FromSlash(m.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, m.data, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, r.date, r.date); err != nil {
			return err
		}
	}
	binary := filepath.Join(r.out, "bin", p.os+"_"+p.arch, p.program())
	if err := os.Chtimes(binary, r.date, r.date); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm", "apk"} {
		name := r.name(p) + "." + kind
		pkg := exec.Command("go", "run", nfpm, "package", "--config", "nfpm.yaml", "--packager", kind, "--target", filepath.Join(r.out, name))
		pkg.Env = append(os.Environ(), "VERSION="+r.version, "ARCH="+p.arch, "BINARY="+binary, "STAGE="+stage,
			fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()), "GOFLAGS=")
		if text, err := pkg.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", kind, err, text)
		}
		data, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		r.sums[name] = hex.EncodeToString(sum[:])
	}
	return nil
}

func (r *release) checksums() error {
	var names []string
	for name := range r.sums {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s  %s\n", r.sums[name], name)
	}
	fmt.Printf("manilint %s of %s with %s: %d files in %s\n", r.version, r.date.Format(time.DateOnly), runtime.Version(), len(names)+1, r.out)
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}

// Perfdoc writes docs/performance.md from the benchmarks of the root package, the size of the
// binary, and runs of other linters over the same files. Run it at the root of the
// module:
//
//	go run ./internal/perfdoc
//
// With -bench FILE it takes what the benchmarks printed from a file; with -peers=false it
// runs no other linter (they are fetched as Go modules).
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed page.md
var page string

// A row is one benchmark: what it printed by unit.
type row struct {
	Name  string
	Value map[string]float64
}

// A peer is another linter, run over the plain files of BenchmarkPlain.
type peer struct {
	Name, Package string
	args          []string
	User          float64
}

// A part is a module and the bytes of its code in the binary.
type part struct {
	Name string
	Size int64
}

func main() {
	from := flag.String("bench", "", "read what the benchmarks printed from `FILE`")
	peers := flag.Bool("peers", true, "run other linters")
	flag.Parse()
	if err := run(*from, *peers); err != nil {
		fmt.Fprintln(os.Stderr, "perfdoc:", err)
		os.Exit(1)
	}
}

func run(from string, withPeers bool) error {
	dir, err := os.MkdirTemp("", "perfdoc")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var printed []byte
	if from != "" {
		printed, err = os.ReadFile(from)
	} else {
		printed, err = goTool("test", "-run", "^$", "-bench", "^Benchmark(Plain|Objects|Charts|Overlays|OneFile|Version)$", "-benchtime", "3x", "-timeout", "60m", ".")
	}
	if err != nil {
		return err
	}
	data := struct {
		Rows          map[string]row
		Peers         []peer
		Parts         []part
		Size, Least   int64
		System        string
		ManilintsUser float64
	}{Rows: parse(string(printed)), System: fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())}
	if len(data.Rows) == 0 {
		return errors.New("no benchmark printed a result")
	}
	exe := filepath.Join(dir, "manilint")
	if data.Size, err = build(exe); err != nil {
		return err
	}
	if data.Least, err = build(exe+"-stripped", "-ldflags=-s -w"); err != nil {
		return err
	}
	if data.Parts, err = parts(exe); err != nil {
		return err
	}
	if withPeers {
		if data.Peers, data.ManilintsUser, err = runPeers(dir, exe); err != nil {
			return err
		}
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"mib": func(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) },
		"get": func(rows map[string]row, name, unit, format string) (string, error) {
			r, ok := rows[name]
			if !ok {
				return "not measured", nil
			}
			v, ok := r.Value[unit]
			if !ok {
				return "", fmt.Errorf("%s printed no %s", name, unit)
			}
			return fmt.Sprintf(format, v), nil
		},
	}).Parse(page)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("docs", "performance.md"), out.Bytes(), 0o644)
}

var result = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// parse reads what go test -bench prints: the value of each unit of each benchmark.
func parse(printed string) map[string]row {
	rows := map[string]row{}
	for _, m := range result.FindAllStringSubmatch(printed, -1) {
		r := row{m[1], map[string]float64{}}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				r.Value[fields[i+1]] = v
			}
		}
		rows[r.Name] = r
	}
	return rows
}

// goTool runs the go command and returns what it prints.
func goTool(args ...string) ([]byte, error) {
	c := exec.Command("go", args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	return out, nil
}

func build(exe string, flags ...string) (int64, error) {
	if _, err := goTool(slices.Concat([]string{"build", "-o", exe}, flags, []string{"."})...); err != nil {
		return 0, err
	}
	info, err := os.Stat(exe)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// parts sums the sizes of functions by module and returns the largest.
func parts(exe string) ([]part, error) {
	modules, err := goTool("list", "-m", "-f", "{{.Path}}", "all")
	if err != nil {
		return nil, err
	}
	symbols, err := goTool("tool", "nm", "-size", exe)
	if err != nil {
		return nil, err
	}
	return sum(strings.Fields(string(modules)), string(symbols)), nil
}

func sum(modules []string, symbols string) []part {
	slices.SortFunc(modules, func(a, b string) int { return len(b) - len(a) }) // the longest path that fits counts
	of := map[string]string{}
	size := map[string]int64{}
	for line := range strings.Lines(symbols) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		name := fields[3]
		if t := fields[2]; err != nil || t != "T" && t != "t" || strings.HasPrefix(name, "local.") { // a second name
			continue
		}
		at := strings.LastIndexByte(name, '/') + 1
		if dot := strings.IndexByte(name[at:], '.'); dot >= 0 {
			name = name[:at+dot]
		}
		module, known := of[name]
		if !known {
			module = "the standard library"
			for _, m := range modules {
				if name == m || strings.HasPrefix(name, m+"/") {
					module = m
					break
				}
			}
			of[name] = module
		}
		size[module] += n
	}
	var all []part
	for name, n := range size {
		all = append(all, part{name, n})
	}
	slices.SortFunc(all, func(a, b part) int { return int(b.Size - a.Size) })
	return all[:min(len(all), 10)]
}

// runPeers runs other linters, and manilint, over plain files.
func runPeers(dir, exe string) (all []peer, ours float64, err error) {
	load := filepath.Join(dir, "load")
	if err := os.Mkdir(load, 0o755); err != nil {
		return nil, 0, err
	}
	c := exec.Command("go", "test", "-count", "1", "-run", "^$", ".")
	c.Env = append(os.Environ(), "MANILINT_FLOOR=load:"+load)
	if out, err := c.CombinedOutput(); err != nil {
		return nil, 0, fmt.Errorf("writing the load: %w\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(load, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, 0, errors.Join(errors.New("no load was written"), err)
	}
	if ours, err = user(exec.Command(exe, "--no-config", "-f", "json", "-q", load)); err != nil {
		return nil, 0, err
	}
	for _, p := range []peer{
		{Name: "kube-score", Package: "github.com/zegl/kube-score/cmd/kube-score@v1.20.0", args: append([]string{"score", "-o", "json"}, files...)},
		// It has no schemas without a network: what it takes is for decoding and looking them up.
		{Name: "kubeconform, without schemas", Package: "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0", args: []string{"-output", "json", "-ignore-missing-schemas", "-schema-location", dir + "/{{ .ResourceKind }}.json", load}},
	} {
		install := exec.Command("go", "install", p.Package)
		install.Env, install.Dir = append(os.Environ(), "GOBIN="+dir, "GOFLAGS="), dir
		if out, err := install.CombinedOutput(); err != nil {
			return nil, 0, fmt.Errorf("%s: %w\n%s", p.Package, err, out)
		}
		name, _, _ := strings.Cut(filepath.Base(p.Package), "@")
		if p.User, err = user(exec.Command(filepath.Join(dir, name), p.args...)); err != nil {
			return nil, 0, err
		}
		all = append(all, p)
	}
	return all, ours, nil
}

// user returns the processor's time of a command in seconds, the least of three runs. What the
// command finds is no failure.
func user(c *exec.Cmd) (float64, error) {
	least := time.Duration(0)
	for i := range 3 {
		again := exec.Command(c.Path, c.Args[1:]...)
		err := again.Run()
		if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
			return 0, fmt.Errorf("%s: %w", c.Path, err)
		}
		if took := again.ProcessState.UserTime(); i == 0 || took < least {
			least = took
		}
	}
	return least.Seconds(), nil
}

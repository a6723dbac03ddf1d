package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/manilint/manilint/internal/cli"
)

// A member is a file of an archive.
type member struct {
	name    string
	data    []byte
	program bool
}

func (m member) mode() os.FileMode {
	if m.program {
		return 0o755
	}
	return 0o644
}

// tarball writes an archive whose bytes depend on nothing but the members and the date.
func tarball(members []member, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	zip, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(zip)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Mode: int64(m.mode()), Size: int64(len(m.data)), ModTime: date, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// zipped is tarball for Windows.
func zipped(members []member, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		header := &zip.FileHeader{Name: m.name, Method: zip.Deflate, Modified: date}
		header.SetMode(m.mode())
		f, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(m.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// extras returns what an archive holds besides the program: the licence, the pages of
// people and of man, and the completion scripts.
func extras(date time.Time) ([]member, error) {
	var all []member
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, member{name: name, data: data})
	}
	for shell, name := range map[string]string{"bash": "manilint.bash", "zsh": "_manilint", "fish": "manilint.fish", "powershell": "manilint.ps1"} {
		var script, said bytes.Buffer
		if status := cli.Run(context.Background(), []string{"completion", shell}, strings.NewReader(""), &script, &said); status != 0 {
			return nil, fmt.Errorf("completion of %s: %s", shell, &said)
		}
		all = append(all, member{name: path.Join("completions", name), data: script.Bytes()})
	}
	root := cli.Command()
	for _, cmd := range append(root.Commands(), root) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		all = append(all, member{name: path.Join("man", name+".1"), data: manPage(cmd, date)})
	}
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// roff escapes a text.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n.", "\n\\&."), "\n'", "\n\\&'")
}

// manPage writes the page of a command in the form of man(7).
func manPage(cmd *cobra.Command, date time.Time) []byte {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	about := cmd.Short
	if !cmd.HasParent() {
		about = "report insecure settings of Kubernetes manifests, Helm charts and Kustomize overlays"
	}
	fmt.Fprintf(&b, ".TH %s 1 %s manilint\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), date.Format(time.DateOnly), roff(name), roff(about))
	use := cmd.Use
	if cmd.HasParent() {
		use = cmd.Parent().Name() + " " + use
	}
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(use))
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	if cmd.HasSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range cmd.Commands() {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s; see %s(1)\n", roff(sub.Use), roff(sub.Short), roff(name+"-"+sub.Name()))
		}
	}
	b.WriteString(".SH OPTIONS\n")
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		what, usage := pflag.UnquoteUsage(f)
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		if f.NoOptDefVal == "" && what != "" {
			flag += " " + what
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s", roff(flag), roff(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			fmt.Fprintf(&b, " (default %s)", roff(f.DefValue))
		}
		b.WriteString("\n")
	})
	if !cmd.HasParent() {
		b.WriteString(".SH EXIT STATUS\n.TP\n.B 0\nclean\n.TP\n.B 1\nfindings at or above \\-\\-fail\\-on\n.TP\n.B 2\nwrong usage or configuration\n.TP\n.B 3\nsomething could not be read, rendered or checked\n")
	}
	return []byte(b.String())
}

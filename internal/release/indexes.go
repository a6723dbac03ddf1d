package main

import (
	"fmt"
	"strings"
)

const (
	about     = "Report insecure settings in Kubernetes manifests, Helm charts and Kustomize overlays"
	homepage  = "https://github.com/manilint/manilint"
	downloads = homepage + "/releases/download/v"
)

func (r *release) url(p platform) string { return downloads + r.version + "/" + r.archive(p) }

// formula writes the formula of Homebrew.
func formula(r *release) string {
	var b strings.Builder
	fmt.Fprintf(&b, "class Manilint < Formula\n  desc %q\n  homepage %q\n  version %q\n  license \"Apache-2.0\"\n", about, homepage, r.version)
	for _, system := range []struct{ block, os string }{{"on_macos", "darwin"}, {"on_linux", "linux"}} {
		fmt.Fprintf(&b, "\n  %s do\n", system.block)
		for _, cpu := range []struct{ block, arch string }{{"on_arm", "arm64"}, {"on_intel", "amd64"}} {
			p := platform{system.os, cpu.arch}
			fmt.Fprintf(&b, "    %s do\n      url %q\n      sha256 %q\n    end\n", cpu.block, r.url(p), r.sums[r.archive(p)])
		}
		b.WriteString("  end\n")
	}
	b.WriteString(`
  def install
    bin.install "manilint"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/manilint.bash" => "manilint"
    zsh_completion.install "completions/_manilint"
    fish_completion.install "completions/manilint.fish"
  end

  test do
    (testpath/"pod.yaml").write <<~YAML
      apiVersion: v1
      kind: Pod
      metadata: {name: web}
      spec:
        hostPID: true
        containers: [{name: web, image: "registry.example/web:1.4.2"}]
    YAML
    assert_match "host-pid", shell_output("#{bin}/manilint --only host-pid pod.yaml", 1)
  end
end
`)
	return b.String()
}

// krew writes the manifest of kubectl's plugin manager.
func krew(r *release) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: manilint
spec:
  version: v%s
  homepage: %s
  shortDescription: Report insecure settings in manifests
  description: |
    %s,
    at the line of the file where each is fixed. It reads files alone: no cluster, no network.
  platforms:
`, r.version, homepage, about)
	for _, p := range platforms {
		fmt.Fprintf(&b, `    - selector: {matchLabels: {os: %s, arch: %s}}
      uri: %s
      sha256: %s
      bin: %s
      files:
        - {from: %s, to: .}
        - {from: LICENSE, to: .}
`, p.os, p.arch, r.url(p), r.sums[r.archive(p)], p.program(), p.program())
	}
	return b.String()
}

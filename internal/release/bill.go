package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A bill is what one program is made of, by what the linker wrote into it: exactly the
// modules that it holds, with the versions and checksums of go.sum.
type bill struct {
	info     *debug.BuildInfo
	platform platform
	date     time.Time
	sum      string // SHA-256 of the program
}

// modules returns the modules that the program holds besides its own, the standard
// library among them.
func (b bill) modules() []*debug.Module {
	all := []*debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(b.info.GoVersion, "go")}}
	for _, m := range b.info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y *debug.Module) int { return strings.Compare(x.Path, y.Path) })
	return all
}

// purl returns the package URL of a module.
func purl(m *debug.Module) string {
	parts := strings.Split(m.Path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return "pkg:golang/" + strings.Join(parts, "/") + "@" + url.PathEscape(m.Version)
}

// digest returns the checksum of a module's content, as go.sum has it, in hexadecimal.
func digest(m *debug.Module) string {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil || len(sum) != 32 {
		return ""
	}
	return hex.EncodeToString(sum)
}

type object = map[string]any

func encode(v any) []byte {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // maps and strings alone
	}
	return append(text, '\n')
}

// cycloneDX writes the bill in the form of CycloneDX 1.6.
func (b bill) cycloneDX() []byte {
	program := object{"type": "application", "bom-ref": purl(&b.info.Main), "name": "manilint", "version": b.info.Main.Version, "purl": purl(&b.info.Main),
		"hashes":     []object{{"alg": "SHA-256", "content": b.sum}},
		"licenses":   []object{{"license": object{"id": "Apache-2.0"}}},
		"properties": []object{{"name": "manilint:platform", "value": b.platform.os + "/" + b.platform.arch}}}
	components, refs := []object{}, []string{}
	for _, m := range b.modules() {
		c := object{"type": "library", "bom-ref": purl(m), "name": m.Path, "version": m.Version, "purl": purl(m), "scope": "required"}
		if sum := digest(m); sum != "" {
			c["hashes"] = []object{{"alg": "SHA-256", "content": sum}}
		}
		components, refs = append(components, c), append(refs, purl(m))
	}
	return encode(object{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata":   object{"timestamp": b.date.Format(time.RFC3339), "component": program},
		"components": components, "dependencies": []object{{"ref": purl(&b.info.Main), "dependsOn": refs}}})
}

// spdx writes the bill in the form of SPDX 2.3.
func (b bill) spdx() []byte {
	id := func(m *debug.Module) string {
		return "SPDXRef-" + strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
				return r
			}
			return '-'
		}, m.Path+"-"+m.Version)
	}
	packages := []object{}
	relations := []object{{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": id(&b.info.Main)}}
	for _, m := range append([]*debug.Module{&b.info.Main}, b.modules()...) {
		p := object{"SPDXID": id(m), "name": m.Path, "versionInfo": m.Version, "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
			"licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
			"externalRefs": []object{{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl(m)}}}
		if sum := digest(m); sum != "" {
			p["checksums"] = []object{{"algorithm": "SHA256", "checksumValue": sum}}
		}
		if m == &b.info.Main {
			p["licenseDeclared"], p["primaryPackagePurpose"] = "Apache-2.0", "APPLICATION"
			p["checksums"] = []object{{"algorithm": "SHA256", "checksumValue": b.sum}}
		} else {
			relations = append(relations, object{"spdxElementId": id(&b.info.Main), "relationshipType": "DEPENDS_ON", "relatedSpdxElement": id(m)})
		}
		packages = append(packages, p)
	}
	name := "manilint-" + b.info.Main.Version + "-" + b.platform.os + "-" + b.platform.arch
	return encode(object{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
		"documentNamespace": "https://github.com/manilint/manilint/spdx/" + url.PathEscape(name) + "/" + b.sum,
		"creationInfo":      object{"created": b.date.Format(time.RFC3339), "creators": []string{"Tool: manilint-release"}},
		"packages":          packages, "relationships": relations})
}

package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manilint/manilint/internal/cli"
	"github.com/manilint/manilint/lint/report"
)

// planted is a password that turns up nowhere else, with characters that URLs,
// base64 and JSON write in another way.
const planted = `Zq7+kuN/tw4x=Pm2Yb`

// shapes are the forms in which the password must not be printed: as it is, in a
// URL, and in base64, alone or in the midst of other text.
func shapes() []string {
	all := []string{planted, url.QueryEscape(planted), url.PathEscape(planted), "kuN/tw4x", "Zq7+kuN"}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte("xyz"[:shift] + planted))
		all = append(all, text[4:len(text)-4])
	}
	return all
}

func plant(text string) string {
	return strings.NewReplacer(
		"@PLAIN@", planted,
		"@URL@", url.QueryEscape(planted),
		"@WORD@", strings.ReplaceAll(planted, "=", "-"),
		"@BASE64@", base64.StdEncoding.EncodeToString([]byte(planted)),
		"@AUTH@", base64.StdEncoding.EncodeToString([]byte("shop:"+planted)),
	).Replace(text)
}

// leaks are inputs that hold the password where manilint finds it, and where it
// fails on what is around it.
var leaks = map[string]map[string]string{
	"name of a container and key": {"a.yaml": `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: "https://shop:@URL@@db/x", image: a, "https://shop:@URL@@db/y": 1}
`},
	"secret": {"a.yaml": `apiVersion: v1
kind: Secret
metadata: {name: db}
stringData:
  password: @PLAIN@
  url: postgres://shop:@URL@@db/shop
  conf.yaml: |
    smtp_password: @PLAIN@
data:
  token: @BASE64@
---
apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '{"auths":{"registry.example":{"auth":"@AUTH@"}}}'
`},
	"one line": {"a.yaml": `{apiVersion: v1, kind: Secret, metadata: {name: db}, stringData: {password: "@PLAIN@"}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db}, spec: {containers: [{name: db, image: db, securityContext: {privileged: true}, env: [{name: DB_PASSWORD, value: "@PLAIN@"}]}]}}
`},
	"stream of JSON": {"a.json": `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"stringData":{"password":"@PLAIN@"},"data":{"token":"@BASE64@"}}
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"db"},"spec":{"containers":[{"name":"db","image":"db","securityContext":{"privileged":true},"env":[{"name":"DB_PASSWORD","value":"@PLAIN@"}]}]}}
`},
	"broken JSON": {"a.json": `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"db"}}
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"stringData":{"password":"@PLAIN@","token":"@PLAIN@"
`},
	"broken JSON over lines": {"a.json": `{
  "apiVersion": "v1",
  "kind": "Secret",
  "metadata": {"name": "db"},
  "stringData": {"password": "@PLAIN@",
    "token": "@PLAIN@"
    "broken"
`},
	"objects without names": {"a.yaml": `apiVersion: v1
kind: List
items:
  - {apiVersion: v1, metadata: {name: db}, stringData: {password: "@PLAIN@"}}
  - metadata: {name: db}
    stringData: {password: "@PLAIN@"}
---
kind: Secret
metadata: {name: db}
stringData: {password: "@PLAIN@"}
`},
	"inside other objects": {"a.yaml": `apiVersion: template.openshift.io/v1
kind: Template
metadata: {name: db}
objects:
  - {kind: Secret, apiVersion: v1, metadata: {name: db}, stringData: {a: "@PLAIN@"}, x: {apiVersion: v1, kind: Pod, spec: {containers: [{name: a, securityContext: {privileged: true}}]}}}
---
apiVersion: work.open-cluster-management.io/v1
kind: ManifestWork
metadata: {name: db}
spec:
  workload:
    manifests:
      - {kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {containers: [{name: a, image: a, securityContext: {privileged: true}}]}, of: &s {kind: Secret, data: {a: "@BASE64@"}}}
      - {<<: *s, data: {a: "@BASE64@"}}
`},
	"below tags": {"a.yaml": `apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  containers:
    - name: db
      image: db
      securityContext: {privileged: true}
      env:
        - name: DB_PASSWORD
          value: &password !!str # of the database
            @PLAIN@
        - {name: OTHER_PASSWORD, value: *password}
`},
	"workload": {"a.yaml": `apiVersion: v1
kind: Pod
metadata:
  name: shop
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"data":{"password":"@BASE64@"}}
spec:
  containers:
    - name: shop
      image: shop
      securityContext: {privileged: true}
      command: [sh, -c, "PGPASSWORD=@PLAIN@ psql"]
      args: ["--password", "@PLAIN@", "--db=amqp://shop:@URL@@mq/"]
      env:
        - {name: DB_PASSWORD, value: "@PLAIN@"}
      readinessProbe:
        httpGet: {port: 80, httpHeaders: [{name: Authorization, value: "Basic @AUTH@"}]}
`},
	"odd workload": {"a.yaml": `apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  containers:
    - name: list
      image: "shop:@WORD@@registry.example/shop:1"
      securityContext: {privileged: true}
      env: ["DB_PASSWORD=@PLAIN@", 1]
    - name: mapping
      image: shop
      securityContext: {privileged: true}
      env: {DB_PASSWORD: "@PLAIN@"}
      command: "mysql --password=@PLAIN@"
    - name: misspelt
      image: shop
      securityContext: {privileged: true}
      envv: [{name: DB_PASSWORD, value: "@PLAIN@"}]
      args: ["login --api-password other-t4ks --password @PLAIN@"]
  volumes: [{name: v, flexVolume: {options: {password: "@PLAIN@"}}}]
`},
	"configuration": {"a.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data:
  app.properties: |
    db.user=shop
    db.password=@PLAIN@
---
apiVersion: db.example.com/v1
kind: Database
metadata: {name: shop}
spec: {adminPassword: "@PLAIN@"}
`},
	"broken":            {"a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: @PLAIN@\n  b: [\n", "b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: ok}\nspec: {containers: [{name: a, image: a}]}\n"},
	"unknown anchor":    {"a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: *@PLAIN@\n"},
	"unknown tag":       {"a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: !<@PLAIN@> @PLAIN@ : [\n"},
	"unclosed quote":    {"a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: \"@PLAIN@\n"},
	"key in place of a": {"a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  @PLAIN@\n  password: x\n"},
	"broken env":        {"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: db}\nspec:\n  containers:\n    - name: a\n      env: [{name: DB_PASSWORD, value: *@PLAIN@}]\n"},
	"chart": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: \"@PLAIN@\"\n",
		"templates/s.yaml": `apiVersion: v1
kind: Secret
metadata: {name: db}
data:
  password: {{ .Values.auth.password | b64enc | quote }}
  url: {{ printf "postgres://shop:%s@db/shop" (urlquery .Values.auth.password) | b64enc }}
  literal-password: {{ "@PLAIN@" | b64enc }}
---
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  containers:
    - {name: shop, image: shop, securityContext: {privileged: true}, env: [{name: DB_PASSWORD, value: {{ .Values.auth.password | quote }}}]}
`},
	"chart that fails": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: \"@PLAIN@\"\n",
		"templates/s.yaml": "{{ fail (printf \"bad password %s, in base64 %s\" .Values.auth.password (b64enc .Values.auth.password)) }}\n",
	},
	"chart with a wrong type": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: \"@PLAIN@\"\n",
		"templates/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata:\n  password: {{ .Values.auth.password.value | quote }}\n  n: {{ index .Values.auth.password \"x\" }}\n",
	},
	"chart with a schema": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: \"@PLAIN@\"\n",
		"values.schema.json": `{"type":"object","properties":{"auth":{"type":"object","properties":{"password":{"type":"string","pattern":"^[a-z]+$","enum":["a","b"]}}}}}`,
		"templates/s.yaml":   "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: {{ .Values.auth.password | quote }}\n",
	},
	"chart of broken YAML": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: \"@PLAIN@\"\n",
		"templates/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: *{{ .Values.auth.password }}\n",
		"templates/t.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db2}\nstringData:\n  password: \"{{ .Values.auth.password }}\n",
	},
	"chart of broken values": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: *@PLAIN@\n",
		"templates/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: {{ .Values.auth.password | quote }}\n",
	},
	"where no rule looks": {"a.yaml": `apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  volumes:
    - name: share
      flexVolume:
        driver: example.com/cifs
        options:
          password: "@PLAIN@"
          passwords: ["@PLAIN@"]
  containers:
    # password: @PLAIN@
    - name: shop # db_password=@PLAIN@
      image: shop:@URL@@registry.example/shop:1
      env: ["DB_PASSWORD=@PLAIN@"]
      command: [sh, -c, "PGPASSWORD=@PLAIN@ psql; mysql --password '@PLAIN@'"]
      args: [--db-password, "@PLAIN@", --token=@PLAIN@]
    - name: misspelt
      image: https://@URL@@registry.example/shop:1
      envv:
        - name: DB_PASSWORD
          value: "@PLAIN@"
        - {name: API_TOKEN, value: "@PLAIN@"}
    - name: mapping
      image: registry.example/shop:1
      imagePullPolicy: "--password @PLAIN@"
      env:
        DB_PASSWORD: "@PLAIN@"
`},
	"chart that fails on an address": {
		"Chart.yaml":       "apiVersion: v2\nname: shop\nversion: 0.1.0\ndependencies: [{name: db, version: 1.0.0, repository: 'https://ci:@URL@@charts.example/stable'}]\n",
		"values.yaml":      "queue: amqp://shop:@URL@@mq:5672/\n",
		"templates/s.yaml": "{{ fail (printf \"no queue at %s\" .Values.queue) }}\n",
	},
	"chart that needs a repository": {
		"Chart.yaml":       "apiVersion: v2\nname: shop\nversion: 0.1.0\ndependencies: [{name: db, version: 1.0.0, repository: 'https://@URL@@charts.example/stable'}]\n",
		"templates/s.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: [{name: shop, image: shop}]}\n",
	},
	"overlay of a remote base": {
		"kustomization.yaml": "resources:\n  - https://ci:@URL@@git.example/shop//deploy?ref=v1\n  - pod.yaml\nhelmCharts: [{name: db, repo: 'https://@URL@@charts.example/stable', version: 1.0.0}]\n",
		"pod.yaml":           "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: [{name: shop, image: shop}]}\n",
	},
	"overlay": {
		"kustomization.yaml": "secretGenerator:\n  - name: db\n    literals: [\"password=@PLAIN@\"]\n    envs: [db.env]\n    files: [token=token.txt]\nconfigMapGenerator:\n  - name: shop\n    literals: [\"DB_PASSWORD=@PLAIN@\"]\nresources: [pod.yaml]\npatches:\n  - patch: |-\n      apiVersion: v1\n      kind: Pod\n      metadata: {name: shop}\n      spec: {containers: [{name: shop, env: [{name: API_PASSWORD, value: \"@PLAIN@\"}]}]}\n",
		"db.env":             "DB_PASS=@PLAIN@\n", "token.txt": "@PLAIN@\n",
		"pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: [{name: shop, image: shop, env: [{name: DB_PASSWORD, value: \"@PLAIN@\"}]}]}\n",
	},
	"overlay that fails": {
		"kustomization.yaml": "secretGenerator:\n  - name: db\n    literals: [\"@WORD@\"]\n",
	},
	"overlay of a broken env file": {
		"kustomization.yaml": "secretGenerator:\n  - name: db\n    envs: [db.env]\n", "db.env": "DB_PASSWORD\xff=@PLAIN@\n",
	},
	"overlay with a broken patch": {
		"kustomization.yaml": "resources: [s.yaml]\npatches:\n  - target: {kind: Secret}\n    patch: |-\n      - op: test\n        path: /stringData/password\n        value: \"@PLAIN@\"\n",
		"s.yaml":             "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: \"x@PLAIN@\"}\n",
	},
	"broken at the secret's line": {
		"a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: @PLAIN@: x\n",
		"b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n\tpassword: @PLAIN@\n",
		"c.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: '@PLAIN@', token: @PLAIN@]}\n",
		"d.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: !!int @PLAIN@\n  password: !!float '@PLAIN@'\n  token: &@PLAIN@ x\n",
		"e.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: %@PLAIN@\n  token: `@PLAIN@\n",
	},
	"schema errors that quote it": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth: {password: \"@PLAIN@\", token: \"@PLAIN@\", apiKey: [\"@PLAIN@\"]}\nsecretKey: \"@PLAIN@\"\n",
		"values.schema.json": `{"type":"object","properties":{"auth":{"type":"object","additionalProperties":false,"properties":{"password":{"const":"x"},"token":{"type":"integer"},"apiKey":{"items":{"maxLength":3,"format":"uri"}}}},"secretKey":{"oneOf":[{"type":"null"},{"not":{"type":"string"}}]}}}`,
		"templates/s.yaml":   "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: [{name: shop, image: shop}]}\n",
	},
	"templates that fail with the value": {
		"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n", "values.yaml": "auth:\n  password: \"@PLAIN@\"\n",
		"templates/a.yaml": "{{ required (printf \"no %s\" .Values.auth.password) .Values.nothing }}\n",
		"templates/b.yaml": "{{ include .Values.auth.password . }}\n",
		"templates/c.yaml": "{{ tpl (printf \"{{ fail \\\"%s\\\" }}\" .Values.auth.password) . }}\n",
		"templates/d.yaml": "{{ semver .Values.auth.password }}\n",
		"templates/e.yaml": "{{ fromJson .Values.auth.password | toYaml | fail }}\n",
		"templates/f.yaml": "{{ index .Values.auth.password .Values.auth.password }}\n",
		"templates/g.yaml": "{{ atoi .Values.auth.password }}{{ mustToDate \"2006\" .Values.auth.password }}\n",
		"templates/h.yaml": "{{ mustRegexMatch .Values.auth.password \"x\" }}{{ b64dec .Values.auth.password | fail }}\n",
	},
	"overlay that does not parse": {
		"kustomization.yaml": "secretGenerator:\n  - name: db\n    literals: [password=*@PLAIN@, *@PLAIN@]\n",
	},
}

func TestNoSecretIsPrinted(t *testing.T) {
	for name, files := range leaks {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(plant(text)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, format := range report.Names() {
				for _, flags := range [][]string{{"--verbose", "--stats", "--profile", "all"}, {"--only", "privileged"}} {
					var stdout, stderr bytes.Buffer
					status := cli.Run(t.Context(), append([]string{dir, "--format", format}, flags...), strings.NewReader(""), &stdout, &stderr)
					if status == 2 {
						t.Fatalf("%s %v: %s", format, flags, stderr.String())
					}
					if flags[0] == "--verbose" && status == 0 {
						t.Errorf("%s: neither a finding nor an error", format)
					}
					for _, shape := range shapes() {
						for stream, text := range map[string]string{"stdout": stdout.String(), "stderr": stderr.String()} {
							if at := strings.Index(text, shape); at >= 0 {
								t.Fatalf("%s %v: %s shows %s: …%s…", format, flags, stream, shape, text[max(0, at-120):min(len(text), at+60)])
							}
						}
					}
				}
			}
		})
	}
}

func TestNoSecretOfStandardInputOrTheCommandLineIsPrinted(t *testing.T) {
	dir := t.TempDir()
	for file, text := range leaks["chart that fails"] {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "@PLAIN@", "none")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range report.Names() {
		for name, args := range map[string][]string{
			"standard input":        {"-"},
			"broken standard input": {"-"},
			"set":                   {dir, "--set", "auth.password=" + planted},
			"broken set":            {dir, "--set", "auth.password[=" + planted},
		} {
			stdin := plant(leaks["secret"]["a.yaml"])
			if name == "broken standard input" {
				stdin = plant(leaks["unknown anchor"]["a.yaml"])
			}
			var stdout, stderr bytes.Buffer
			cli.Run(t.Context(), append(args, "--format", format, "--verbose"), strings.NewReader(stdin), &stdout, &stderr)
			for _, shape := range shapes() {
				if text := fmt.Sprint(stdout.String(), stderr.String()); strings.Contains(text, shape) {
					t.Errorf("%s, %s: shows %s:\n%s", format, name, shape, text)
				}
			}
		}
	}
}

// A baseline is committed: it must not hold what the findings are about.
func TestNoSecretIsInABaseline(t *testing.T) {
	for name, files := range leaks {
		dir := t.TempDir()
		for file, text := range files {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(plant(text)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		baseline := filepath.Join(t.TempDir(), "baseline")
		var stdout, stderr bytes.Buffer
		args := []string{dir, "--profile", "all", "--write-baseline", baseline}
		status := cli.Run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		if status == 2 {
			t.Fatalf("%s: %s", name, stderr.String())
		}
		text, err := os.ReadFile(baseline)
		if err != nil && status != 3 {
			t.Errorf("%s: %v", name, err)
		}
		for _, shape := range shapes() {
			if all := fmt.Sprint(string(text), stdout.String(), stderr.String()); strings.Contains(all, shape) {
				t.Errorf("%s: shows %s:\n%s", name, shape, all)
			}
		}
	}
}

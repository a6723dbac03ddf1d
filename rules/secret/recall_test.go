package secret

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/manilint/manilint/lint"
	"github.com/manilint/manilint/lint/linttest"
)

// The tables below are planted secrets and near misses in the forms that providers
// and Kubernetes document. Tokens are made up here, each run alike, so that the
// repository holds none.

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	hexa   = digits + "abcdef"
	alnum  = lower + upper + digits
)

var source = rand.New(rand.NewPCG(8, 2026))

// chars returns n characters of an alphabet.
func chars(alphabet string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[source.IntN(len(alphabet))])
	}
	return b.String()
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// pemBlock returns a block of a label; the body is no key.
func pemBlock(label string) string {
	body := chars(alnum+"+/", 256)
	return "-----BEGIN " + label + "-----\n" + body[:64] + "\n" + body[64:128] + "\n" + body[128:192] + "\n" + body[192:] + "\n-----END " + label + "-----\n"
}

func jwt() string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"sub":"shop","iat":1700000000,"name":"planted"}`) + "." + chars(alnum, 43)
}

// A planting puts a value somewhere in a manifest.
type planting struct {
	where string // secret, data, env, args, script, configmap, annotation, custom
	name  string
	value string
}

func quote(s string) string { q, _ := json.Marshal(s); return string(q) }

func (p planting) manifest() string {
	switch p.where {
	case "secret":
		return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: app}\nstringData:\n  %s: %s\n", quote(p.name), quote(p.value))
	case "data":
		return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: app}\ndata:\n  %s: %s\n", quote(p.name), b64(p.value))
	case "env":
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n    - name: app\n      image: app\n      env:\n        - {name: %s, value: %s}\n", quote(p.name), quote(p.value))
	case "args":
		words, _ := json.Marshal(strings.Split(p.value, "|"))
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n    - name: app\n      image: app\n      command: %s\n", words)
	case "script":
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n    - name: app\n      image: app\n      args: [sh, -c, %s]\n", quote(p.value))
	case "configmap":
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata:\n  %s: %s\n", quote(p.name), quote(p.value))
	case "annotation":
		return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata:\n  name: app\n  annotations:\n    %s: %s\n", quote(p.name), quote(p.value))
	case "custom":
		return fmt.Sprintf("apiVersion: app.example.com/v1\nkind: App\nmetadata: {name: app}\nspec:\n  settings:\n    %s: %s\n", quote(p.name), quote(p.value))
	}
	panic(p.where)
}

func find(t *testing.T, p planting) []*lint.Finding {
	t.Helper()
	b := linttest.Bundle(t, lint.NewSource("a.yaml", []byte(p.manifest())))
	report := linttest.Check([]*lint.Bundle{b}, Masking...)
	for _, e := range report.Errors {
		t.Errorf("%s %s: %v", p.where, p.name, e)
	}
	return report.Findings
}

func planted() []planting {
	var all []planting
	add := func(where, name, value string) { all = append(all, planting{where, name, value}) }

	// providers' tokens, under names that say nothing
	tokens := []string{
		"gh" + "p_" + chars(alnum, 36), "gh" + "o_" + chars(alnum, 36), "gh" + "s_" + chars(alnum, 36), "gh" + "u_" + chars(alnum, 36),
		"github" + "_pat_" + chars(alnum, 22) + "_" + chars(alnum, 59), "gl" + "pat-" + chars(alnum, 20), "gl" + "dt-" + chars(alnum, 20),
		"gl" + "rt-" + chars(alnum, 20), "AK" + "IA" + chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "AS" + "IA" + chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
		"AI" + "za" + chars(alnum, 35), "xo" + "xb-" + chars(digits, 12) + "-" + chars(digits, 12) + "-" + chars(alnum, 24),
		"xo" + "xp-" + chars(digits, 12) + "-" + chars(digits, 12) + "-" + chars(digits, 12) + "-" + chars(hexa, 32),
		"https://hooks.sl" + "ack.com/services/T" + chars(upper+digits, 8) + "/B" + chars(upper+digits, 8) + "/" + chars(alnum, 24),
		"sk" + "_live_" + chars(alnum, 24), "rk" + "_live_" + chars(alnum, 24), "sk" + "_test_" + chars(alnum, 24),
		"S" + "G." + chars(alnum, 22) + "." + chars(alnum, 43), "np" + "m_" + chars(lower+digits, 36), "py" + "pi-AgEIcHlwaS5vcmc" + chars(alnum, 60),
		"dop_v1_" + chars(hexa, 64), "doo_v1_" + chars(hexa, 64), "dp.pt." + chars(alnum, 43), "sh" + "pat_" + chars(hexa, 32), "sh" + "pss_" + chars(hexa, 32),
		"glc_" + chars(alnum, 40), "gls" + "a_" + chars(alnum, 32) + "_" + chars(hexa, 8), "hv" + "s." + chars(alnum, 95), "hv" + "b." + chars(alnum, 140),
		"sk-ant" + "-api03-" + chars(alnum, 93) + "AA", "sk-" + "proj-" + chars(alnum, 74) + "T3Blb" + "kFJ" + chars(alnum, 74), "h" + "f_" + chars(lower+upper, 34),
		"PMAK-" + chars(hexa, 24) + "-" + chars(hexa, 34), "SK" + chars(hexa, 32), "lin_" + "api_" + chars(alnum, 40), "pul" + "-" + chars(hexa, 40),
		"ATA" + "TT3" + chars(alnum, 186), "dapi" + chars(hexa, 32), "ey" + "JrIjoi" + chars(alnum, 70), "AGE-SECRET-" + "KEY-1" + chars("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
		"sq0" + "atp-" + chars(alnum, 22), "p8e-" + chars(lower+digits, 32), "rub" + "ygems_" + chars(hexa, 48), "CL" + "OJARS_" + chars(lower+digits, 60),
		"snt" + "rys_" + "eyJpYXQiO" + chars(alnum, 20) + "LCJyZWdpb25fdXJs" + chars(alnum, 100) + "_" + chars(alnum, 43), "secret_" + chars(alnum, 43), "ntn_" + chars(digits, 11) + chars(alnum, 35),
		"sg" + "p_" + chars(hexa, 16) + "_" + chars(hexa, 40), "pscale" + "_tkn_" + chars(alnum, 43), "pscale" + "_pw_" + chars(alnum, 43), "EAAC" + "E" + chars(alnum, 120),
		"tk-us-" + chars(alnum, 48), "LTAI" + chars(alnum, 20), "xkey" + "sib-" + chars(hexa, 64) + "-" + chars(lower+digits, 16), "key-" + chars(hexa, 32),
		chars(hexa, 32) + "-us12", "NRAK-" + chars(upper+digits, 27), "fo1_" + chars(alnum, 43), "api-" + "live" + chars(alnum, 30), jwt(),
	}
	for i, token := range tokens {
		where := []string{"secret", "data", "env", "configmap", "annotation", "custom"}[i%6]
		name := "setting"
		switch { // patterns that are made of hexadecimal digits alone want their provider's name next to them
		case strings.HasPrefix(token, "NRAK"):
			name = "newRelicUserKey"
		case strings.HasPrefix(token, "key-"):
			name = "mailgun_key"
		case strings.HasSuffix(token, "-us12"):
			name = "mailchimp_api_key"
		case strings.HasPrefix(token, "secret_"), strings.HasPrefix(token, "ey"+"Jr"), strings.HasPrefix(token, "api-"), strings.HasPrefix(token, "tk-us"), strings.HasPrefix(token, "LTAI"), strings.HasPrefix(token, "glc_"), strings.HasPrefix(token, "EAAC"):
			name = "api_token"
		}
		add(where, name, token)
	}
	// keys
	for i, label := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"} {
		add([]string{"secret", "data", "configmap", "env", "custom", "annotation", "secret"}[i], "file", pemBlock(label))
	}
	add("configmap", "bundle.pem", pemBlock("CERTIFICATE")+pemBlock("PRIVATE KEY"))
	add("env", "KEY", strings.ReplaceAll(pemBlock("RSA PRIVATE KEY"), "\n", `\n`))
	add("secret", "service-account.json", `{"type": "service_account", "project_id": "shop", "private_key_id": "`+chars(hexa, 40)+`", "private_key": `+quote(pemBlock("PRIVATE KEY"))+`, "client_email": "shop@shop.iam.gserviceaccount.com"}`)
	add("configmap", "kubeconfig", "apiVersion: v1\nkind: Config\nusers:\n  - name: admin\n    user:\n      token: "+jwt()+"\n")
	add("secret", "kubeconfig", "apiVersion: v1\nkind: Config\nusers:\n  - name: admin\n    user:\n      client-key-data: "+b64(pemBlock("EC PRIVATE KEY"))+"\n")

	// URLs and connection strings
	pw := func() string { return chars(alnum, 9) + "-" + chars(digits, 2) }
	for i, format := range []string{
		"postgres://shop:%s@db:5432/shop?sslmode=disable", "postgresql://shop:%s@db.shop.svc.cluster.local/shop", "mysql://root:%s@mysql:3306/app", "mongodb://admin:%s@mongo-0.mongo,mongo-1.mongo/app?replicaSet=rs0",
		"mongodb+srv://app:%s@cluster0.ab1cd.mongodb.net/app", "redis://:%s@redis:6379/0", "rediss://default:%s@redis:6380", "amqp://shop:%s@rabbitmq:5672/vhost",
		"amqps://guest2:%s@mq.example.io/", "https://deploy:%s@git.shop.io/shop/app.git", "http://elastic:%s@elasticsearch:9200", "smtp://mailer:%s@smtp.shop.io:587", "ftp://backup:%s@ftp.shop.io/dump",
		"ldap://cn=admin:%s@ldap.shop.io", "nats://shop:%s@nats:4222", "clickhouse://default:%s@clickhouse:9000", "cockroachdb://root:%s@crdb:26257/app", "socks5://proxy:%s@proxy:1080",
		"Server=tcp:db.shop.io,1433;Initial Catalog=shop;User ID=sa;Password=%s;Encrypt=True;", "Data Source=db;User Id=shop;Pwd=%s", "host=db port=5432 user=shop password=%s dbname=shop",
		"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=%s==;EndpointSuffix=core.windows.net", "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=%s=",
		"jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=%s", "shop:%s@tcp(mysql:3306)/shop?parseTime=true",
	} {
		add([]string{"env", "secret", "configmap", "custom", "data"}[i%5], "SETTING", fmt.Sprintf(format, pw()))
	}
	// names that say so
	for i, name := range []string{
		"DB_PASSWORD", "password", "postgresPassword", "MYSQL_ROOT_PASSWORD", "REDIS_PASS", "smtp.password", "PGPASSWORD", "ADMIN_PWD", "passphrase", "keystorePassword",
		"ldap-bind-password", "MINIO_ROOT_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD", "spring.datasource.password", "ROOT_PASSWORD_2", "userPasswd", "SSH_PASSPHRASE", "requirepass",
	} {
		add([]string{"env", "custom", "secret", "configmap", "data"}[i%5], name, pw())
	}
	for i, name := range []string{
		"API_KEY", "apiKey", "CLIENT_SECRET", "oauth.clientSecret", "SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "accessToken", "AUTH_TOKEN", "JWT_SECRET", "SESSION_SECRET",
		"SECRET_KEY_BASE", "encryptionKey", "WEBHOOK_SECRET", "signing-key", "COOKIE_SECRET", "bearerToken", "TOKEN", "secret", "HMAC_KEY", "storageAccountKey",
	} {
		add([]string{"env", "secret", "configmap", "data", "custom", "annotation"}[i%6], name, chars(alnum, 32))
	}
	// weak passwords
	for i, weak := range []string{"changeme", "ChangeMe!", "change-me", "changeit", "admin", "password", "Passw0rd", "postgres", "123456", "secret", "minioadmin", "letmein", "root", "admin123", "test", "welcome1"} {
		add([]string{"secret", "env", "data", "configmap", "custom"}[i%5], "dbPassword", weak)
	}
	// files
	for name, text := range sorted(map[string]string{
		"app.properties":    "server.port=8080\nspring.datasource.password=%s\n",
		"hibernate.conf":    "hibernate.connection.username=sa\nhibernate.connection.password = %s\n",
		"my.cnf":            "[client]\nuser=root\npassword=%s\n",
		"config.ini":        "; settings\n[smtp]\nhost = mail\nsmtp_password = \"%s\"\n",
		"settings.json":     `{"db": {"user": "shop", "password": "%s"}}`,
		"pretty.json":       "{\n  \"clients\": [\n    {\"id\": \"a\", \"clientSecret\": \"%s\"}\n  ]\n}\n",
		"config.toml":       "title = \"shop\"\n[database]\nuser = \"shop\"\npassword = \"%s\"\n",
		"values.yaml":       "auth:\n  username: shop\n  password: %s\n",
		"alertmanager.yml":  "global:\n  smtp_auth_username: x\n  smtp_auth_password: '%s'\nreceivers: []\n",
		"datasources.yaml":  "apiVersion: 1\ndatasources:\n  - name: pg\n    secureJsonData:\n      password: %s\n",
		".env":              "PORT=8080\nDB_PASSWORD=%s\n",
		"env.sh":            "#!/bin/sh\nexport DB_HOST=db\nexport DB_PASSWORD='%s'\n",
		"redis.conf":        "port 6379\nrequirepass %s\n",
		"users.xml":         "<users>\n  <default>\n    <password>%s</password>\n  </default>\n</users>\n",
		"web.config":        "<appSettings>\n  <add key=\"SmtpPassword\" value=\"%s\"/>\n</appSettings>\n",
		"init.sql":          "CREATE DATABASE shop;\nCREATE USER shop WITH PASSWORD '%s';\n",
		"grants.sql":        "CREATE USER 'shop'@'%%' IDENTIFIED BY '%s';\n",
		"backup.sh":         "#!/bin/bash\nset -e\nmysqldump -u root -p%s shop > /backup/shop.sql\n",
		"fetch.sh":          "#!/bin/bash\ncurl -fsS -u admin:%s https://nexus.shop.io/a.jar -o a.jar\n",
		"settings.py":       "import os\nDEBUG = False\nDB = {'USER': 'shop', 'PASSWORD': '%s'}\n",
		"config.js":         "module.exports = {\n  user: 'shop',\n  password: '%s',\n};\n",
		"nginx.conf":        "server {\n  location / {\n    proxy_set_header Authorization \"Bearer %s\";\n    proxy_pass http://up;\n  }\n}\n",
		"realm.json":        `{"realm": "shop", "users": [{"username": "a", "credentials": [{"type": "password", "name": "password", "value": "%s"}]}]}`,
		"rabbitmq.conf":     "default_user = shop\ndefault_pass = %s\n",
		"pgpass.properties": "pg.user=shop\npg.passwd=%s\n",
	}) {
		all = append(all, planting{"configmap", name, fmt.Sprintf(text, chars(alnum, 22))})
	}
	// command lines
	for _, line := range []string{
		"redis-server|--requirepass|%s", "app|--password=%s", "app|--db-password|%s", "mysqld|--user=root|--root-password=%s", "redis-cli|-a|%s|ping", "mysqladmin|-uroot|-p%s|ping",
		"java|-Djavax.net.ssl.keyStorePassword=%s|-jar|app.jar", "curl|-u|admin:%s|https://x.shop.io", "curl|-H|Authorization: Bearer %s|https://x.shop.io", "app|--api-key|%s",
		"app|--db-url=postgres://shop:%s@db/shop", "minio|server|--secret-key=%s", "app|--auth-token=%s", "mongosh|-u|root|-p|%s",
	} {
		add("args", "", fmt.Sprintf(line, chars(alnum, 22)))
	}
	for _, line := range []string{
		"PGPASSWORD=%s pg_dump -h db shop", "export MYSQL_PWD=%s; mysql -u root", "sshpass -p %s ssh host", "docker login -u shop -p %s registry.shop.io", "echo start && redis-cli -h r -a '%s' ping",
		"mc alias set s http://minio:9000 k s --api-key %s", "wget --header='Authorization: Bearer %s' https://x.shop.io", "vault login -method=userpass username=a password=%s", "psql 'host=db user=shop password=%s'",
		"kubectl create secret generic x --docker-password=%s",
	} {
		add("script", "", "set -e\n"+fmt.Sprintf(line, chars(alnum, 22))+"\n")
	}
	// what Kubernetes documents
	add("secret", ".dockerconfigjson", `{"auths":{"https://index.docker.io/v1/":{"username":"shop","password":"`+pw()+`"}}}`)
	add("data", ".dockerconfigjson", `{"auths":{"ghcr.io":{"auth":"`+b64("shop:"+pw())+`"}}}`)
	add("data", ".dockercfg", `{"registry.shop.io":{"username":"shop","auth":"`+b64("shop:"+pw())+`"}}`)
	add("data", "tls.key", pemBlock("EC PRIVATE KEY"))
	add("data", "cookie-secret", string([]byte{0x9f, 1, 2, 3, 0xfe, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}))
	add("data", "keystore.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02"+strings.Repeat("\x01\xfe", 200))
	add("secret", "auth", "admin:$2y$05$"+chars(alnum, 53))
	add("secret", "users", "shop:{SHA}"+chars(alnum, 27)+"=")
	add("annotation", "kubectl.kubernetes.io/last-applied-configuration", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"stringData":{"password":"`+pw()+`"}}`)
	add("annotation", "nginx.ingress.kubernetes.io/configuration-snippet", `proxy_set_header Authorization "Basic `+b64("shop:"+pw())+`";`)
	return all
}

// sorted iterates in the order of the keys: the made-up tokens are then the same in each run.
func sorted(m map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

func nearMisses() []planting {
	var all []planting
	add := func(where, name, value string) { all = append(all, planting{where, name, value}) }
	// references that a tool resolves
	for i, ref := range []string{
		"<path:secret/data/shop#password>", "ref+vault://secret/shop/password", "ref+awsssm://shop/password", "${DB_PASSWORD}", "$(DB_PASSWORD)", "$DB_PASSWORD", "{{ .Values.password }}", "{{password}}",
		"vault:secret/data/shop#password", ">>vault:secret/data/shop#password", "op://shop/db/password", "bao:secret/data/shop#password", "secretref+https://x/y", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf",
		"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/password", "projects/123/secrets/shop/versions/latest", "sm://shop/password", "gcpsm://shop/password", "awssm://shop", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)",
		"ENC[AES256_GCM,data:p673w==,iv:YY=,aad:UQ=,tag:A=,type:str]", "ENC[PKCS7,MIIBeQYJKoZIhvcNAQcDoIIB]", "ENC(Yx8sQ2vTqLw91xRbNfYd==)", "{cipher}AQICAHhz0Q", "%DB_PASSWORD%", "#{DbPassword}#", "@@DB_PASSWORD@@", "__DB_PASSWORD__", "((db-password))",
		"[[ .password ]]", "$__file{/etc/secrets/password}", "$__env{PASSWORD}", "${{ secrets.DB_PASSWORD }}", "<% password %>", "os.environ/DB_PASSWORD", "env://DB_PASSWORD", "file:///run/secrets/password", "!vault |", "$argocd-secret:oidc.clientSecret", "{{ required \"x\" .Values.p }}",
	} {
		add([]string{"secret", "env", "configmap", "custom"}[i%4], "dbPassword", ref)
	}
	// placeholders
	for i, p := range []string{
		"", " ", "<your-password>", "<password>", "REPLACE_ME", "replace-me", "REPLACE_WITH_PASSWORD", "xxxx", "XXXXXXXX", "****", "...", "your-password", "your_password_here", "YOUR-PASSWORD-HERE", "TODO", "TBD", "FIXME: set", "placeholder", "PLACEHOLDER_PASSWORD",
		"REDACTED", "<redacted>", "enter-your-password", "insert password here", "to-be-replaced", "set-me", "[password]", "dummy", "fake-password", "example-password", "none", "null", "n/a", "not-used", "provided-by-ci", "managed-by-terraform", "overridden-by-overlay", "generated-by-operator", "fill-me-in",
	} {
		add([]string{"secret", "env", "configmap", "custom", "data"}[i%5], "dbPassword", p)
	}
	// names about secrets
	for i, pair := range [][2]string{
		{"PASSWORD_FILE", "/run/secrets/password"}, {"passwordFile", "/etc/shop/pw"}, {"SECRET_NAME", "shop-db"}, {"secretName", "shop-db-credentials"}, {"existingSecret", "shop-db"}, {"existingSecretPasswordKey", "postgres-password"},
		{"TOKEN_TTL", "3600"}, {"tokenTTL", "24h"}, {"ACCESS_TOKEN_LIFETIME", "15m"}, {"PASSWORD_MIN_LENGTH", "12"}, {"passwordPolicy", "strong"}, {"PASSWORD_RESET_URL", "https://shop.io/reset"}, {"TOKEN_URL", "https://login.shop.io/token"}, {"token_endpoint", "https://login.shop.io/token"},
		{"tokenReviewerJwt", "/var/run/secrets/kubernetes.io/serviceaccount/token"}, {"ALLOW_EMPTY_PASSWORD", "yes"}, {"ENABLE_PASSWORD_LOGIN", "true"}, {"MYSQL_RANDOM_ROOT_PASSWORD", "1"}, {"DISABLE_TOKEN", "false"}, {"secretKeyRef", "password"}, {"PASSWORD_HASH_ALGORITHM", "argon2id"},
		{"passwordKey", "admin-password"}, {"userPasswordKey", "password"}, {"SECRET_PROVIDER", "vault"}, {"secretStore", "aws-secrets-manager"}, {"SECRETS_DIR", "/secrets"}, {"CREDENTIALS_FILE", "/etc/gcp/key.json"}, {"GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/key.json"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
		{"TLS_SECRET", "shop-tls"}, {"imagePullSecret", "registry-credentials"}, {"JWT_ISSUER", "https://login.shop.io"}, {"JWT_AUDIENCE", "shop"}, {"JWT_PUBLIC_KEY_PATH", "/etc/jwt/pub.pem"}, {"TOKEN_HEADER", "X-Auth-Token"}, {"AUTH_TYPE", "bearer"}, {"authorization", "RBAC"}, {"KEY_PREFIX", "shop"}, {"PARTITION_KEY", "tenant"}, {"SORT_KEY", "created_at"},
		{"MAX_TOKENS", "4096"}, {"MAX_TOKENS_PER_REQUEST", "2048"}, {"tokenizer", "bert-base-uncased"}, {"EOS_TOKEN", "</s>"}, {"passwordPrompt", "Enter it"}, {"SECRET_ROTATION_DAYS", "30"}, {"PASS_THROUGH", "true"}, {"BYPASS", "localhost"}, {"COMPASS_HOST", "compass.shop.io"}, {"passenger_count", "5"},
		{"PUBLIC_KEY", "shop-public"}, {"STRIPE_PUBLISHABLE", "true"}, {"token_bucket_size", "100"}, {"RATE_LIMIT_TOKENS", "50"}, {"keyAlgorithm", "ECDSA"}, {"API_KEY_HEADER", "X-API-Key"}, {"apiKeyName", "shop"}, {"SSH_KEY_PATH", "~/.ssh/id"}, {"tokenRefreshInterval", "10m"}, {"vaultRole", "shop"},
		{"checksum/secret", chars(hexa, 64)}, {"checksum/config", chars(hexa, 64)}, {"passwordVersion", "2"}, {"USER_PASSWORD_ATTRIBUTE", "userPassword"}, {"secretNamespace", "vault"}, {"TOKEN_AUDIENCE", "sts.amazonaws.com"},
	} {
		add([]string{"env", "configmap", "custom", "annotation"}[i%4], pair[0], pair[1])
	}
	// values that only look random
	for i, pair := range [][2]string{
		{"COMMIT", chars(hexa, 40)}, {"image", "registry.shop.io/app@sha256:" + chars(hexa, 64)}, {"digest", "sha256:" + chars(hexa, 64)}, {"BUILD_ID", chars(digits, 18)}, {"uuid", "7f9c2ba4-e88f-4127-a6e3-1d5a1b2c3d4e"}, {"TENANT_ID", "7f9c2ba4-e88f-4127-a6e3-1d5a1b2c3d4e"},
		{"integrity", "sha384-" + chars(alnum, 64)}, {"podTemplateHash", "7d9f8b6c5d"}, {"revision", "a8f3c2"}, {"dashboardUid", chars(alnum, 16)}, {"etag", chars(hexa, 32)}, {"CLIENT_ID", "7f9c2ba4e88f4127a6e31d5a1b2c3d4e"}, {"accountId", "123456789012"}, {"pattern", "^[A-Za-z0-9+/=]{40}$"}, {"cidr", "10.0.0.0/8,172.16.0.0/12"},
		{"roleArn", "arn:aws:iam::123456789012:role/shop"}, {"cert", pemBlock("CERTIFICATE")}, {"ca.crt", pemBlock("CERTIFICATE") + pemBlock("CERTIFICATE")}, {"id_rsa.pub", "ssh-rsa AAAA" + chars(alnum, 200) + " shop@host"}, {"jwt.pub", pemBlock("PUBLIC KEY")}, {"req.csr", pemBlock("CERTIFICATE REQUEST")}, {"crl.pem", pemBlock("X509 CRL")}, {"dhparam.pem", pemBlock("DH PARAMETERS")},
		{"example-key.pem", "-----BEGIN PRIVATE KEY-----\n<your key>\n-----END PRIVATE KEY-----\n"}, {"url", "https://shop.io/path?x=1"}, {"url2", "postgres://shop@db:5432/shop"}, {"url3", "postgres://shop:${DB_PASSWORD}@db/shop"}, {"url4", "http://db.shop.svc:5432"}, {"url5", "amqp://$(USER):$(PASSWORD)@mq/"}, {"url6", "https://{{ .user }}:{{ .password }}@x.shop.io"},
	} {
		add([]string{"secret", "configmap", "custom", "env"}[i%4], pair[0], pair[1])
	}
	// files
	for name, text := range sorted(map[string]string{
		"app.properties":  "server.port=8080\nspring.datasource.password=${DB_PASSWORD}\njwt.expiration=3600\n",
		"grafana.ini":     "[security]\nadmin_user = admin\nadmin_password = $__file{/etc/pw}\ndisable_gravatar = true\n",
		"alertmanager.ym": "global:\n  smtp_auth_password_file: /etc/pw\nroute: {receiver: a}\n",
		"config.yaml":     "auth:\n  passwordSecretRef: {name: db, key: password}\n  secretName: shop-db\n  tokenFile: /t\n  token: ''\n",
		"prometheus.yml":  "scrape_configs:\n  - job_name: k8s\n    bearer_token_file: /var/run/secrets/kubernetes.io/serviceaccount/token\n    authorization: {credentials_file: /etc/t}\n",
		"run.sh":          "#!/bin/sh\nPASSWORD=$(cat /run/pw)\nTOKEN=`vault read -field=token x`\nexport API_KEY=\"${API_KEY:?set it}\"\nmysql -p\"$PASSWORD\" -e 'select 1'\n",
		"app.py":          "import os\npassword = os.environ['PASSWORD']\ntoken = get_token()\napi_key = settings.API_KEY\nsecret: str = None\n",
		"main.go":         "package main\nvar password = os.Getenv(\"PASSWORD\")\nfunc token() string { return secretKey }\n",
		"dash.json":       `{"title": "Logins", "panels": [{"title": "Wrong passwords", "targets": [{"expr": "rate(login_password_wrong_total[5m])", "legendFormat": "{{token}}"}]}]}`,
		"rules.yaml":      "groups:\n  - name: auth\n    rules:\n      - alert: TokenExpiry\n        expr: token_expiry_seconds < 3600\n        annotations: {summary: 'the password of {{ $labels.user }} expires'}\n",
		"nginx.conf":      "server {\n  auth_basic_user_file /etc/nginx/htpasswd;\n  ssl_certificate_key /etc/tls/tls.key;\n  proxy_set_header Authorization $http_authorization;\n}\n",
		"readme.md":       "# Use\nSet the password in the Secret. The token: see the wiki. Your API key is secret.\nPassword: see the wiki.\npassword: missing\n",
		"locale.json":     `{"login.password": "Enter your password", "forgot.password": "Forgot it?", "token.expired": "Your token has expired"}`,
		"logback.xml":     "<configuration><pattern>%d %msg</pattern><property name=\"passwordMask\" value=\"true\"/></configuration>\n",
		"create.sql":      "CREATE TABLE users (id int, password varchar(255), token text);\n",
		"pg_hba.conf":     "local all all md5\nhost all all 10.0.0.0/8 scram-sha-256\n",
		"redis.conf":      "port 6379\n# requirepass foobared\nappendonly yes\n",
		"schema.json":     `{"type": "object", "properties": {"password": {"type": "string", "minLength": 12}, "apiKey": {"type": "string"}}, "required": ["password"]}`,
		"policy.hcl":      "path \"secret/data/shop\" {\n  capabilities = [\"read\"]\n}\n",
		"agent.hcl":       "template {\n  contents = \"{{ with secret \\\"db\\\" }}{{ .Data.password }}{{ end }}\"\n}\n",
	}) {
		all = append(all, planting{"configmap", name, text})
	}
	// command lines
	for _, line := range []string{
		"app|--password-file=/run/pw", "app|--password|$(PASSWORD)", "app|--secret-name|shop-db", "app|--token-ttl=3600s", "app|--authentication-token-webhook=true", "app|--tls-private-key-file=/tls/tls.key", "app|--key|app.kubernetes.io/name",
		"app|--password=", "app|--api-key=<your-api-key>", "redis-cli|ping", "mysql|-p", "kube-apiserver|--service-account-key-file=/k.pub", "app|--token-auth-file|/t.csv", "app|--no-password", "mkdir|-p|/var/lib/app", "curl|-u|$(USER):$(PASSWORD)|https://x",
	} {
		add("args", "", line)
	}
	for _, line := range []string{
		"mkdir -p /data && exec app", "PASSWORD=$(cat /run/pw) app", "mysql -uroot -p\"$MYSQL_ROOT_PASSWORD\" -e 'x'", "curl -u \"$U:$P\" https://x", "redis-cli -a \"${REDIS_PASSWORD}\" ping", "echo 'password: is not set'", "if [ -z \"$TOKEN\" ]; then exit 1; fi",
		"docker login -u u --password-stdin < /run/pw", "vault write auth/kubernetes/login role=shop jwt=@/var/run/secrets/token", "kubectl get secret db -o jsonpath='{.data.password}'", "openssl rand -base64 32 > /run/pw", "test \"$PASSWORD\" = \"\" || app --password \"$PASSWORD\"",
	} {
		add("script", "", line)
	}
	// other parts of Secrets
	for i, pair := range [][2]string{
		{"username", "postgres"}, {"host", "db.shop.svc"}, {"port", "5432"}, {"database", "shop_production"}, {"bucket", "shop-uploads-prod-eu"}, {"region", "eu-west-1"}, {"clientId", "shop-frontend"}, {"tenantId", "7f9c2ba4-e88f-4127-a6e3-1d5a1b2c3d4e"}, {"url", "https://git.shop.io/shop/app.git"}, {"type", "git"},
		{"ca.crt", pemBlock("CERTIFICATE")}, {"tls.crt", pemBlock("CERTIFICATE")}, {"namespace", "shop"}, {"known_hosts", "git.shop.io ssh-ed25519 AAAA" + chars(alnum, 64)}, {"config.json", `{"auths":{}}`}, {"script.sh", "#!/bin/sh\nexec app --password-file /run/pw\n"}, {"config.yaml", "server: {port: 8080}\nlog: {level: info}\n"}, {"insecure", "true"}, {"name", "shop-cluster"}, {"email", "ops@shop.io"},
	} {
		add([]string{"secret", "data"}[i%2], pair[0], pair[1])
	}
	return all
}

func TestPlantedSecretsAreFoundAndNearMissesAreNot(t *testing.T) {
	plantings, misses := planted(), nearMisses()
	if len(plantings) < 150 || len(misses) < 150 {
		t.Fatalf("%d planted secrets and %d near misses are too few", len(plantings), len(misses))
	}
	found := 0
	for _, p := range plantings {
		findings := find(t, p)
		if len(findings) > 0 {
			found++
		} else {
			t.Logf("missed: %s %q = %q", p.where, p.name, p.value)
		}
		for _, f := range findings {
			if text := f.Message + f.Help + f.Path; p.where != "args" && p.where != "script" && len(p.value) > 8 && strings.Contains(text, p.value) {
				t.Errorf("%s %q: the finding shows the value: %s", p.where, p.name, text)
			}
		}
	}
	wrong := 0
	for _, p := range misses {
		for _, f := range find(t, p) {
			wrong++
			t.Errorf("near miss reported: %s %q = %q: %s", p.where, p.name, p.value, f.Message)
		}
	}
	recall := float64(found) / float64(len(plantings))
	precision := float64(found) / float64(found+wrong)
	t.Logf("%d of %d planted secrets found (recall %.3f), %d findings on %d near misses (precision %.3f)", found, len(plantings), recall, wrong, len(misses), precision)
	if recall < 0.98 {
		t.Errorf("recall %.3f", recall)
	}
	if precision < 1 {
		t.Errorf("precision %.3f", precision)
	}
}

// FuzzJudging holds that no value makes a rule panic, and that none is shown.
func FuzzJudging(f *testing.F) {
	for _, p := range append(planted()[:40], nearMisses()[:40]...) {
		f.Add(p.name, p.value)
	}
	f.Add("password", "İİİİKKKKKKghp_")
	f.Add("a.json", "{\"password\": [[[[")
	f.Add("x", "-----BEGIN PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, leaks := range [][]leak{inText(name, value), inScript(value), inSecret("Opaque", "app", name, value), inApplied(value)} {
			for _, l := range leaks {
				if l.line < 0 || l.line > 1+strings.Count(value, "\n") {
					t.Errorf("line %d of %q", l.line, value)
				}
			}
		}
	})
}

func TestThePatternsOfGitleaksAreRead(t *testing.T) {
	table := patterns()
	if len(table.patterns) < 150 {
		t.Errorf("%d patterns", len(table.patterns))
	}
	for _, p := range table.patterns {
		p.compiled()
		for i := range p.Allowlists {
			p.Allowlists[i].compiled()
		}
	}
}

func TestTokensAreCalledByTheirProvidersNames(t *testing.T) {
	for id, want := range map[string]string{
		"github-pat": "a GitHub personal access token", "jwt": "a JSON Web Token", "gitlab-ptt": "a GitLab pipeline trigger token",
		"npm-access-token": "an npm access token", "openai-api-key": "an OpenAI API key", "stripe-access-token": "a Stripe access token",
	} {
		if got := (token{id: id}).label(); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	ids := map[string]bool{}
	for _, p := range patterns().patterns {
		ids[p.ID] = true
	}
	for id := range labels {
		if !ids[id] {
			t.Errorf("%s is no pattern", id)
		}
	}
}

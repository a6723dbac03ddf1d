package secret

import (
	"regexp"
	"strings"
)

var (
	// shellFlag matches --password=x, --password x and -Dname=x in a command line. What
	// follows a blank is no value where it is the next option.
	shellFlag = regexp.MustCompile(`(?:^|[\s"'(])-{1,2}D?([A-Za-z][\w.-]*)(?:=("[^"]*"|'[^']*'|[^\s"';|&)]+)|\s+("[^"]*"|'[^']*'|[^\s"';|&)-][^\s"';|&)]*))`)
	// assign matches NAME=x, export NAME=x and the name = 'x' and name := "x" of other languages.
	assign = regexp.MustCompile(`(?:^|[\s;&|({,"'])(?:export\s+|set\s+|ENV\s+)?([A-Za-z_][\w.-]*)["']?(?:=|\s*(?::=|=>|=)\s*)("[^"]*"|'[^']*'|[^\s"';|&,){}]+)`)
	// label matches name: "x", and name: x at the end of a line.
	label = regexp.MustCompile(`(?:^|[\s;({,"'])([A-Za-z_][\w.-]*)["']?\s*:\s*("[^"]*"|'[^']*'|[^\s"';|&,){}]+\s*[,;]?$)`)
	// special matches the options of well-known clients that carry a password without saying so.
	special = regexp.MustCompile(`(?:\bsshpass\s+(?:-\w+\s+)*-p\s*|\bredis-cli\b[^\n|;&]*?\s(?:-a|--pass)\s+|\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin|mysqlimport)\b[^\n|;&]*?\s-p|\bmongo(?:sh|dump|restore|export|import)?\b[^\n|;&]*?\s-p\s*|\b(?:docker|podman|buildah|skopeo|crane|helm registry|oras|az|kinit)\s+login\b[^\n|;&]*?\s-p\s*)("[^"]*"|'[^']*'|[^\s"'|;&-][^\s"'|;&]*)`)
	// userOption matches curl -u user:password, wget and http's --auth.
	userOption = regexp.MustCompile(`\b(?:curl|http|https|wget|xh|crane|skopeo)\b[^\n|;&]*?\s(?:-u|--user|-a|--auth|--creds|--src-creds|--dest-creds|--proxy-user|-U)(?:=|\s*)("[^"]*"|'[^']*'|[^\s"'|;&]+)`)
	// sqlPassword matches the literals of CREATE USER and ALTER ROLE.
	sqlPassword = regexp.MustCompile(`(?i)\b(?:identified\s+by|(?:with\s+|encrypted\s+|set\s+)*password(?:\s*=|\s+for\s+\S+\s*=)?)\s*\(?\s*'([^']+)'`)
	// directive matches "requirepass x" of configuration files without punctuation.
	directive = regexp.MustCompile(`^\s*([A-Za-z_][\w.-]*)\s+("[^"]*"|'[^']*'|\S+)(?:\s+#.*)?$`)
	// element matches <password>x</password>.
	element = regexp.MustCompile(`<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>([^<>]+)</`)
	// addKey matches <add key="Password" value="x"/>.
	addKey = regexp.MustCompile(`(?i)\b(?:key|name)="([^"]+)"\s+value="([^"]+)"`)
	// expanded matches what a shell puts in.
	expanded = regexp.MustCompile("`|\\$[A-Za-z_{(@*#?0-9]|^<\\(|%[A-Za-z_]+%")
)

// inScript finds literal credentials in a command line, a shell script, source
// code or a configuration file of an unknown kind, line by line.
func inScript(text string) (all []leak) {
	if len(text) > 1<<20 {
		return nil
	}
	several := strings.Contains(strings.TrimSpace(text), "\n")
	n := 0
	for line := range strings.Lines(text) {
		n++
		body := strings.TrimSpace(line)
		if body == "" || strings.HasPrefix(body, "#") || strings.HasPrefix(body, "//") || strings.HasPrefix(body, "--") && !shellFlag.MatchString(body) || strings.HasPrefix(body, "* ") {
			continue
		}
		if len(all) >= maxParts {
			return all
		}
		for _, l := range inLine(body) {
			if several {
				l.line = n
			}
			all = append(all, l)
		}
	}
	return all
}

// inClient finds the passwords that the options of well-known clients carry.
func inClient(line string) (all []leak) {
	for _, m := range special.FindAllStringSubmatch(line, maxParts) {
		if v := unquote(m[1]); isLiteral(v) && !isInert(v) {
			all = append(all, leak{what: "a password", text: v})
		}
	}
	for _, m := range userOption.FindAllStringSubmatch(line, maxParts) {
		if _, v, ok := strings.Cut(unquote(m[1]), ":"); ok && isLiteral(v) && !strings.HasPrefix(v, "//") {
			all = append(all, leak{what: "a password", text: v})
		}
	}
	return all
}

// inLine finds every credential of a line: the first is reported, all are masked.
func inLine(line string) []leak {
	all := inClient(line)
	for _, m := range sqlPassword.FindAllStringSubmatch(line, maxParts) {
		if isLiteral(m[1]) {
			all = append(all, leak{what: "a password", text: m[1]})
		}
	}
	printed := message.MatchString(line)
	for _, expr := range []*regexp.Regexp{shellFlag, assign, label, element, addKey, directive} {
		for _, m := range expr.FindAllStringSubmatch(line, maxParts) {
			raw := strings.TrimRight(strings.Join(m[2:], ""), " ,;") // one of them took part
			v := unquote(raw)
			bare := v == raw && (expr == assign || expr == label)
			switch {
			case !isLiteral(v), strings.Contains(v, "%s"), strings.Contains(v, "%v"):
			case expr == directive && nameHint(m[1]) != password, (expr == assign || expr == label) && printed, bare && isCode(v):
			case expr == label && bare && !isWeak(v) && strings.Trim(v, letters) == "": // password: missing
			default:
				if l := inNamed(m[1], v); l != nil {
					l.field = m[1]
					all = append(all, *l)
				}
			}
		}
	}
	return all
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isLiteral reports whether a word of a script is the value itself.
func isLiteral(v string) bool {
	return v != "" && isPlain(v) && !expanded.MatchString(v) && !partlyInjected.MatchString(v)
}

// isCode reports whether an unquoted right-hand side is an expression: a call, an
// index, a path of names.
func isCode(raw string) bool {
	return strings.ContainsAny(raw, "()[]<>*") || identifierPath.MatchString(raw) && !strings.ContainsAny(raw, "0123456789")
}

var identifierPath = regexp.MustCompile(`^[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+$`)

// message matches lines that print: what they assign is said, not set.
var message = regexp.MustCompile(`^(?:.*[;&|{]\s*|.*\b(?:then|else|do)\s+)?(?:echo|printf?|log\w*|logger|console\.\w+|die|fail|throw|raise|panic|Write-\w+)\b[^>]*$`)

package secret

import (
	"regexp"
	"strings"

	"github.com/manilint/manilint/lint"
)

var (
	// shellFlag matches --password=x, --password x and -Dname=x in a command line. What
	// follows a blank is no value where it is the next option.
	shellFlag = lint.Regexp(`(?:^|[\s"'(])-{1,2}D?([A-Za-z][\w.-]*)(?:=("[^"]*"|'[^']*'|[^\s"';|&)]+)|\s+("[^"]*"|'[^']*'|[^\s"';|&)-][^\s"';|&)]*))`)
	// assign matches NAME=x, export NAME=x and the name = 'x' and name := "x" of other languages.
	assign = lint.Regexp(`(?:^|[\s;&|({,"'])(?:export\s+|set\s+|ENV\s+)?([A-Za-z_][\w.-]*)["']?(?:=|\s*(?::=|=>|=)\s*)("[^"]*"|'[^']*'|(?:[$#%@]\{[^{}]*\}|[^\s"';|&,){}])+)`)
	// label matches name: "x", and name: x at the end of a line.
	label = lint.Regexp(`(?:^|[\s;({,"'])([A-Za-z_][\w.-]*)["']?\s*:\s*("[^"]*"|'[^']*'|(?:[$#%@]\{[^{}]*\}|[^\s"';|&,){}])+\s*[,;]?$)`)
	// special matches the options of well-known clients that carry a password without saying so.
	special = lint.Regexp(`(?:\bsshpass\s+(?:-\w+\s+)*-p\s*|\bredis-cli\b[^\n|;&]*?\s(?:-a|--pass)\s+|\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin|mysqlimport)\b[^\n|;&]*?\s-p|\bmongo(?:sh|dump|restore|export|import)?\b[^\n|;&]*?\s-p\s*|\b(?:docker|podman|buildah|skopeo|crane|helm registry|oras|az|kinit)\s+login\b[^\n|;&]*?\s-p\s*)("[^"]*"|'[^']*'|[^\s"'|;&-][^\s"'|;&]*)`)
	// userOption matches curl -u user:password, wget and http's --auth.
	userOption = lint.Regexp(`\b(?:curl|http|https|wget|xh|crane|skopeo)\b[^\n|;&]*?\s(?:-u|--user|-a|--auth|--creds|--src-creds|--dest-creds|--proxy-user|-U)(?:=|\s*)("[^"]*"|'[^']*'|[^\s"'|;&]+)`)
	// sqlPassword matches the literals of CREATE USER and ALTER ROLE.
	sqlPassword = lint.Regexp(`(?i)\b(?:identified\s+by|(?:with\s+|encrypted\s+|set\s+)*password(?:\s*=|\s+for\s+\S+\s*=)?)\s*\(?\s*'([^']+)'`)
	// directive matches "requirepass x" of configuration files without punctuation.
	directive = lint.Regexp(`^\s*([A-Za-z_][\w.-]*)\s+("[^"]*"|'[^']*'|\S+)(?:\s+#.*)?$`)
	// element matches <password>x</password>.
	element = lint.Regexp(`<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>([^<>]+)</`)
	// addKey matches <add key="Password" value="x"/>.
	addKey = lint.Regexp(`(?i)\b(?:key|name)="([^"]+)"\s+value="([^"]+)"`)
	// expanded matches what a shell puts in.
	expanded = lint.Regexp("`|\\$[A-Za-z_{(@*#?0-9]|^<\\(|%[A-Za-z_]+%")
)

// shapes are the ways to give a name a value, in the order in which they are searched for.
var shapes = []func() *regexp.Regexp{shellFlag, assign, label, element, addKey, directive}

// The places of those that are told apart.
const ofAssign, ofLabel, ofDirective = 1, 2, 5

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
		if body == "" || strings.HasPrefix(body, "#") || strings.HasPrefix(body, "//") || strings.HasPrefix(body, "--") && !shellFlag().MatchString(body) || strings.HasPrefix(body, "* ") {
			continue
		}
		if len(all) >= maxParts {
			return all
		}
		if word, _ := theTriggers().in(body, 0); !word && !hasOption(body) {
			continue
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
	for _, m := range special().FindAllStringSubmatch(line, maxParts) {
		if v := unquote(m[1]); isLiteral(v) && !isInert(v) {
			all = append(all, leak{what: "a password", text: v})
		}
	}
	for _, m := range userOption().FindAllStringSubmatch(line, maxParts) {
		if _, v, ok := strings.Cut(unquote(m[1]), ":"); ok && isLiteral(v) && !strings.HasPrefix(v, "//") {
			all = append(all, leak{what: "a password", text: v})
		}
	}
	return all
}

// inLine finds every credential of a line: the first is reported, all are masked.
func inLine(line string) []leak {
	all := inClient(line)
	for _, m := range sqlPassword().FindAllStringSubmatch(line, maxParts) {
		if isLiteral(m[1]) {
			all = append(all, leak{what: "a password", text: m[1]})
		}
	}
	printed := message().MatchString(line)
	for kind, expr := range shapes {
		for _, m := range expr().FindAllStringSubmatch(line, maxParts) {
			raw := strings.TrimRight(strings.Join(m[2:], ""), " ,;") // one of them took part
			v := unquote(raw)
			bare := v == raw && (kind == ofAssign || kind == ofLabel)
			switch {
			case !isLiteral(v), strings.Contains(v, "%s"), strings.Contains(v, "%v"):
			case kind == ofDirective && nameHint(m[1]) != password, (kind == ofAssign || kind == ofLabel) && printed, bare && isCode(v):
			case kind == ofLabel && bare && !isWeak(v) && strings.Trim(v, letters) == "": // password: missing
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
	return strings.Trim(v, "$#%@{}") != "" && isPlain(v) && !expanded().MatchString(v) && !partlyInjected().MatchString(v)
}

// isCode reports whether an unquoted right-hand side is an expression: a call, an
// index, a path of names.
func isCode(raw string) bool {
	return strings.ContainsAny(raw, "()[]<>*") || strings.ContainsAny(raw, ".:") && !strings.ContainsAny(raw, "0123456789") && identifierPath().MatchString(raw)
}

var identifierPath = lint.Regexp(`^[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w*)+$`)

// message matches lines that print: what they assign is said, not set.
var message = lint.Regexp(`^(?:.*[;&|{]\s*|.*\b(?:then|else|do)\s+)?(?:echo|printf?|log\w*|logger|console\.\w+|die|fail|throw|raise|panic|Write-\w+)\b[^>]*$`)

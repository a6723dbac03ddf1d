package kustomize

import (
	"github.com/manilint/manilint/lint"
)

// Addresses carry credentials: a password or a token in front of the host, a key in
// the query (go-getter's sshkey). kustomize's own errors and ours quote them.
var (
	userinfo = lint.Regexp(`(?i)([a-z][a-z0-9+.-]*://)([^/\s"'@]*(?:@[^/\s"'@]*)*)@`)
	// without a scheme a name alone is no secret: git@example.com:a/b.git
	bareUserinfo = lint.Regexp(`(^|[\s"'(=])([^/\s"'@:=]+:[^/\s"'@]+)@([a-zA-Z0-9.-]+[:/])`)
	queryValue   = lint.Regexp(`([?&])([^=&\s"']+)=([^&\s"']+)`)
)

// harmless are the parameters of kustomize's and go-getter's addresses that say what
// is fetched.
var harmless = map[string]bool{"ref": true, "version": true, "submodules": true, "timeout": true, "depth": true, "archive": true, "checksum": true}

// redacted hides the credentials in the addresses that a message quotes.
func redacted(message string) string {
	message = userinfo().ReplaceAllStringFunc(message, func(found string) string {
		m := userinfo().FindStringSubmatch(found)
		if m[2] == "git" { // what every SSH address of a Git host begins with
			return found
		}
		return m[1] + "xxxxx@"
	})
	message = bareUserinfo().ReplaceAllString(message, "${1}xxxxx@${3}")
	return queryValue().ReplaceAllStringFunc(message, func(found string) string {
		m := queryValue().FindStringSubmatch(found)
		if harmless[m[2]] {
			return found
		}
		return m[1] + m[2] + "=xxxxx"
	})
}

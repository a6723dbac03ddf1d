// Package access is who can do what by the roles and bindings of a bundle: workloads run as
// service accounts, bindings give roles to these, to users and to groups, roles take
// in others and grant powers. It reads policy rules as the authorizer of Kubernetes does, knows its
// built-in roles and its resources, and reports nothing: that is the matter of rules. What a cluster's
// other objects add it does not know.
package access

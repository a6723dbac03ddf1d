package access

import (
	"slices"
	"strings"

	"github.com/manilint/manilint/lint"
)

// Powers to write objects that an operator acts on with rights of its own: its holder
// gets what the operator has. Each names the page that says so.
var (
	// https://argo-cd.readthedocs.io/en/stable/operator-manual/security/ and
	// https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
	DeployByArgoCD = operator("deploy-by-argo-cd", []string{"/argocd"}, lint.High, "deploy anything by Argo CD, with the rights of its controller",
		in("argoproj.io", "applications", "applicationsets", "appprojects"))
	// https://fluxcd.io/flux/security/ and https://fluxcd.io/flux/installation/configuration/multitenancy/
	DeployByFlux = operator("deploy-by-flux", []string{"/fluxcd/"}, lint.High, "deploy anything by Flux, with the rights of its controllers",
		in("kustomize.toolkit.fluxcd.io", "kustomizations"), in("helm.toolkit.fluxcd.io", "helmreleases"))
	// https://docs.crossplane.io/latest/packages/providers/ and https://github.com/crossplane-contrib/provider-kubernetes
	ProvisionByCrossplane = operator("provision-by-crossplane", []string{"/crossplane/"}, lint.High, "install controllers or write any object by Crossplane, with the rights of its providers",
		atCluster("pkg.crossplane.io", "providers", "functions", "configurations"), atCluster("apiextensions.crossplane.io", "compositions", "compositeresourcedefinitions"), atCluster("kubernetes.crossplane.io", "objects"), atCluster("helm.crossplane.io", "releases"),
		in("kubernetes.m.crossplane.io", "objects"), in("helm.m.crossplane.io", "releases"))
	// https://argo-workflows.readthedocs.io/en/latest/service-accounts/
	RunArgoWorkflows = operator("run-argo-workflows", []string{"/workflow-controller", "/argocli"}, lint.Medium, "run pods of its choice by Argo Workflows, as every ServiceAccount",
		in("argoproj.io", "workflows", "cronworkflows", "workflowtemplates"), atCluster("argoproj.io", "clusterworkflowtemplates"))
	// https://tekton.dev/docs/pipelines/auth/
	RunTekton = operator("run-tekton", []string{"/tekton-releases/", "/tektoncd/"}, lint.Medium, "run pods of its choice by Tekton, as every ServiceAccount",
		in("tekton.dev", "taskruns", "pipelineruns", "customruns", "tasks", "pipelines"))
	// https://agent-sandbox.sigs.k8s.io/docs/api/: a claim gets what a template says, which names the account
	RunSandboxes = operator("run-sandboxes", []string{"/agent-sandbox/"}, lint.Medium, "run pods of its choice by agent-sandbox, as every ServiceAccount",
		in("agents.x-k8s.io", "sandboxes"), in("extensions.agents.x-k8s.io", "sandboxtemplates"))
	// https://external-secrets.io/latest/guides/security-best-practices/
	ReadExternalSecrets = operator("read-external-secrets", []string{"/external-secrets/"}, lint.Medium, "fetch any secret of the stores that External Secrets has access to",
		in("external-secrets.io", "externalsecrets", "secretstores", "pushsecrets"), atCluster("external-secrets.io", "clusterexternalsecrets", "clustersecretstores"))
	// https://cert-manager.io/docs/policy/approval/
	IssueCertificates = operator("issue-certificates", []string{"/cert-manager-"}, lint.Low, "get certificates for any name from the issuers of cert-manager",
		in("cert-manager.io", "certificates", "certificaterequests", "issuers"), atCluster("cert-manager.io", "clusterissuers"))
)

// Operators are the powers over objects that operators act on.
var Operators = []*Power{DeployByArgoCD, DeployByFlux, ProvisionByCrossplane, RunArgoWorkflows, RunTekton, RunSandboxes, ReadExternalSecrets, IssueCertificates}

func operator(what string, images []string, severity lint.Severity, can string, targets ...[]Target) *Power {
	return &Power{What: what, Can: can, Severity: severity, images: images, verbs: write, targets: slices.Concat(targets...),
		help: "grant it in a Role, limit the operator to what its users may do (projects, impersonation, policies), or drop {items}",
		here: "limit the operator to what its users may do (projects, impersonation, policies), or drop {items}"}
}

// installed returns the grants less those over objects of operators that the bundle
// itself installs: the roles are the operators' own.
func (g *Graph) installed(grants []*Grant) []*Grant {
	return slices.DeleteFunc(grants, func(gr *Grant) bool { return g.installs[gr.Power] })
}

// findOperators finds out which operators a bundle installs: it defines a kind of theirs, or
// runs an image of theirs.
func (g *Graph) findOperators(b *lint.Bundle) {
	defined := map[[2]string]bool{} // group and plural
	for _, crd := range b.OfKind("CustomResourceDefinition") {
		defined[[2]string{crd.Get("spec", "group").Value(), crd.Get("spec", "names", "plural").Value()}] = true
	}
	var images []string
	for _, c := range b.Containers() {
		images = append(images, c.Get("image").Value())
	}
	for _, p := range Operators {
		g.installs[p] = slices.ContainsFunc(p.targets, func(t Target) bool { return defined[[2]string{t.Group, t.Resource}] }) ||
			slices.ContainsFunc(images, func(image string) bool {
				return slices.ContainsFunc(p.images, func(part string) bool { return strings.Contains(image, part) })
			})
	}
}

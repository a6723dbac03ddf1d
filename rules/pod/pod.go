// Package pod holds the rules about the security context of pods and
// containers: the Pod Security Standards
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/) and what
// they leave out. They judge what the API server would store; what admission control of a
// cluster changes or refuses they do not know.
package pod

import (
	"embed"
	"slices"

	"github.com/manilint/manilint/lint"
)

//go:embed *.md
var docs embed.FS

// Rules are the rules of this package, in the order of docs/rules.md.
var Rules = append(slices.Clip(ofPods), PSALabel)

var ofPods = []*lint.Rule{
	Privileged,
	AllowPrivilegeEscalation,
	RunAsNonRoot,
	RunAsRootUID,
	LowUID,
	LowGID,
	RootGroup,
	ReadOnlyRootFS,
	SecurityContextMissing,
	DropAllCapabilities,
	RestrictedCapabilities,
	BaselineCapabilities,
	NetRaw,
	SysAdmin,
	SysModule,
	DangerousCapabilities,
	InsecureCapabilities,
	HostPID,
	HostIPC,
	HostNetwork,
	HostProcess,
	HostPort,
	HostProbe,
	HostPath,
	HostPathSensitive,
	HostPathWritable,
	RuntimeSocket,
	ProcMount,
	RestrictedProcMount,
	UnsafeSysctls,
	Seccomp,
	SeccompUnconfined,
	AppArmor,
	AppArmorUnconfined,
	SELinuxOptions,
	LinuxHardening,
	GitRepoVolume,
	NonCoreVolumeTypes,
	HostAliases,
	HostUsers,
	SupplementalGroups,
	RecursiveReadOnly,
	SandboxRuntimeClass,
	SudoEntrypoint,
	SCCPrivileged,
}

// The profiles of rules. What baseline forbids restricted forbids too.
var (
	inDefault    = []lint.Profile{lint.ProfileDefault}
	inBaseline   = []lint.Profile{lint.ProfileDefault, lint.ProfileBaseline, lint.ProfileRestricted}
	inRestricted = []lint.Profile{lint.ProfileDefault, lint.ProfileRestricted}
)

// Package helm renders charts in this process and knows, of every rendered byte,
// which template wrote it and which value decided it.
//
// Its engine, package trace, follows the provenance while the templates run; this
// package loads charts, settles values and turns what was followed into places. It
// never opens a network connection, starts no program, reads nothing outside the
// chart (other than the values files and file:// dependencies that it is told of)
// and gives the same text for the same input: functions that make random or
// dated text have constant stand-ins.
package helm

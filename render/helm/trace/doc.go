// Package trace renders Helm's templates and knows, of every byte that they write,
// which text of a template wrote it, which value it was made from, what decided that it
// was written, and what was not written. Its text equals that of Helm's engine.
//
// It knows templates, values and the bytes of files, and no chart: a caller tells an
// [Engine] of the values and files with [Engine.Context] and [Engine.AddFile], hands it
// templates as [Unit] and gets a [Result] of texts with their segments. What a file is,
// it takes as any value and hands back.
//
// Templates run in this process; the functions that make random or dated text have
// constant stand-ins, none reads a file, an address or the environment.
package trace

package main

import "testing"

func TestResultsOfBenchmarksAreRead(t *testing.T) {
	rows := parse("goos: linux\nBenchmarkPlain/2000_files-2  \t 2\t 62 ns/op\t 289.3 MiB\t 4.2 cpu/floor\nBenchmarkVersion \t 1\t 5 ns/op\nPASS\n")
	if len(rows) != 2 || rows["Plain/2000_files"].Value["cpu/floor"] != 4.2 || rows["Version"].Value["ns/op"] != 5 {
		t.Errorf("got %v", rows)
	}
}

func TestSymbolsAreSummedByModule(t *testing.T) {
	got := sum([]string{"example.org/a", "example.org/a/b"}, `
 401000 10 T example.org/a.F
 401010 20 T example.org/a/b/c.(*T).M
 401020 99 B example.org/a.zero
 401030 5 T runtime.main
 401030 5 t local.runtime.main
 401040 3 R type:*example.org/a.T
 401050 6 T example.org/a.init
`)
	want := map[string]int64{"example.org/a": 16, "example.org/a/b": 20, "the standard library": 5}
	for _, p := range got {
		if want[p.Name] != p.Size {
			t.Errorf("%s: %d bytes, want %d", p.Name, p.Size, want[p.Name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}

package main

import (
	"fmt"
	"strings"
)

// A series is a line of Debian kernels, known by the version it began with.
type series struct {
	name    string
	prefix  string     // of the versions that belong to it
	choices [][]string // suites that have it, best choice first; a choice may take several suites
}

// allSeries lists the kernels a guest can have. A choice ends with the suite's name in the security archive,
// which is used where the machine has that archive among its sources.
var allSeries = []series{
	{"6.1", "6.1.", [][]string{{"bookworm", "bookworm-updates", "bookworm-security"}, {"bookworm"}}},
	{"6.12", "6.12.", [][]string{{"bookworm-backports"}, {"trixie", "trixie-updates", "trixie-security"}, {"trixie"}}},
	{"7.2", "7.", [][]string{{"sid"}}},
}

// A kernel lies unpacked in the cache: a bootable image, and its modules without compression.
type kernel struct {
	series  string
	release string // as uname -r has it
	vmlinuz string
	modules string // the folder that holds modules.dep
}

// findSeries finds a series by its name.
func findSeries(name string) (series, error) {
	var names []string
	for _, s := range allSeries {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return series{}, fmt.Errorf("no kernel %q: there are %s", name, strings.Join(names, ", "))
}

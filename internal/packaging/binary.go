package main

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A binary is what a Go program tells of itself.
type binary struct {
	path         string
	architecture string // in Debian's words
	version      string // of the main module; "(devel)" if it was built without version control
	revision     string // of the commit; may be empty
	time         time.Time
	goVersion    string
	modules      []module // that are linked into it
}

// A module is one whose code is in the binary.
type module struct{ path, version string }

// machines are Debian's names of architectures.
var machines = map[elf.Machine]string{
	elf.EM_X86_64:  "amd64",
	elf.EM_AARCH64: "arm64",
	elf.EM_386:     "i386",
	elf.EM_RISCV:   "riscv64",
	elf.EM_S390:    "s390x",
	elf.EM_ARM:     "armel",
}

// architecture returns Debian's name, "" if it is not known. armhf has registers
// for floating point, which programs for GOARM=7 use.
func architecture(machine elf.Machine, goarm string) string {
	if machine == elf.EM_ARM && strings.HasPrefix(goarm, "7") {
		return "armhf"
	}
	return machines[machine]
}

// readBinary looks at a program. One that needs shared libraries is refused, as
// the package depends on none.
func readBinary(path string) (binary, error) {
	b := binary{path: path}
	f, err := elf.Open(path)
	if err != nil {
		return b, fmt.Errorf("read the program: %w; \"make build\" makes bin/telegraf-ipvs", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return b, fmt.Errorf("%s is linked dynamically, and the package depends on no library: build it with CGO_ENABLED=0", path)
		}
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return b, fmt.Errorf("read what %s was built from: %w", path, err)
	}
	b.goVersion, b.version = info.GoVersion, info.Main.Version
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	if b.architecture = architecture(f.Machine, setting["GOARM"]); b.architecture == "" {
		return b, fmt.Errorf("%s is for %v, for which Debian's name is not known here", path, f.Machine)
	}
	b.revision = setting["vcs.revision"]
	if text := setting["vcs.time"]; text != "" {
		if b.time, err = time.Parse(time.RFC3339, text); err != nil {
			return b, fmt.Errorf("%s: time of its commit: %w", path, err)
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.modules = append(b.modules, module{m.Path, m.Version})
	}
	return b, nil
}

// epoch is the time that everything in the package bears.
func (b binary) epoch() (time.Time, error) {
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q is no number of seconds since 1970", text)
		}
		return time.Unix(n, 0).UTC(), nil
	}
	if b.time.IsZero() {
		return time.Time{}, errors.New(b.path + " does not tell the time of its commit, as it was built without version control: set SOURCE_DATE_EPOCH to seconds since 1970")
	}
	return b.time.UTC(), nil
}

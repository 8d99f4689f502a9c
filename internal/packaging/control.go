package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// control returns dpkg's own files. all are those of the package, in the order of
// their paths.
func control(b binary, version, maintainer string, all []file) ([]file, error) {
	var sums, conffiles bytes.Buffer
	for _, f := range all {
		if strings.HasPrefix(f.path, "etc/") {
			fmt.Fprintf(&conffiles, "/%s\n", f.path)
		} else {
			fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.data), f.path)
		}
	}
	list := []file{
		{"control", 0o644, fmt.Appendf(nil, fields, version, b.architecture, maintainer, installedSize(all))},
		{"md5sums", 0o644, sums.Bytes()},
		{"conffiles", 0o644, conffiles.Bytes()},
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		script, err := own.ReadFile("debian/" + name)
		if err != nil {
			return nil, err
		}
		list = append(list, file{name, 0o755, script})
	}
	return list, nil
}

// fields are what dpkg shows of the package. It depends on nothing: the program is
// static, and works in a container that holds nothing else.
const fields = `Package: telegraf-ipvs
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Section: net
Priority: optional
Recommends: systemd
Suggests: telegraf, ipvsadm
Description: IPVS metrics, OpenTSDB listener and PI System output for Telegraf
 telegraf-ipvs reads the virtual and real servers of the Linux load balancer
 IPVS, receives data points in the OpenTSDB formats, and delivers metrics to
 the AVEVA (OSIsoft) PI System through PI Web API, to IRONdb and to OpenTSDB,
 from a queue on disk that survives crashes and outages.
 .
 It runs as a child of the execd plugins of a stock Telegraf, or by itself as
 the service telegraf-ipvs. That service is neither enabled nor started by
 the installation, as it needs a configuration first.
`

// installedSize is the field of that name: KiB, each file and directory rounded up.
func installedSize(all []file) int {
	size := 0
	for _, f := range all {
		size += (len(f.data) + 1023) / 1024
	}
	return size + len(directories(all))
}

// directories are those that hold files of the package, from the top.
func directories(all []file) []string {
	var dirs []string
	for _, f := range all {
		parts := strings.Split(f.path, "/")
		for i := 1; i < len(parts); i++ {
			dirs = append(dirs, strings.Join(parts[:i], "/"))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// directoryMode is that of a directory in the package. Configuration may hold
// secrets; its group comes when the package is configured and the group is there.
func directoryMode(dir string) fs.FileMode {
	if dir == "etc/telegraf-ipvs" {
		return 0o750
	}
	return 0o755
}

// changelog has the one entry that is known of a build: what it was built from.
func changelog(b binary, version, maintainer string, at time.Time) []byte {
	from := "version " + b.version
	if b.revision != "" {
		from = "commit " + b.revision
	}
	return fmt.Appendf(nil, "telegraf-ipvs (%s) unstable; urgency=medium\n\n  * Built from %s\n    with %s.\n\n -- %s  %s\n",
		version, from, b.goVersion, maintainer, at.Format(time.RFC1123Z))
}

package main

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// goVersion takes a Go version apart: numbers, pre-release, metadata.
	goVersion = regexp.MustCompile(`^v([0-9]+\.[0-9]+\.[0-9]+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$`)
	// pseudo is the end of a pre-release that stands for a commit without a tag.
	pseudo = regexp.MustCompile(`^(?:(.*)\.)?([0-9]{8})([0-9]{6})-([0-9a-f]{7})[0-9a-f]{5}$`)
	// debianVersion is what may stand in a file name and in the field Version.
	debianVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~]*(-[0-9A-Za-z.+~]+)?$`)
)

// debian makes a Debian version of a Go version. A "~" sorts before everything,
// even before the end.
//
//	v1.2.3                                     1.2.3
//	v1.2.3-rc.1                                1.2.3~rc.1
//	v1.2.4-0.20261127105808-6897e901e238       1.2.4~git20261127.105808.6897e90
//	v1.2.3-rc.1.0.20261127105808-6897e901e238  1.2.3~rc.1+git20261127.105808.6897e90
//
// The time is in it down to the second, as two commits of one day have an order.
func debian(version string) (string, error) {
	parts := goVersion.FindStringSubmatch(version)
	if parts == nil {
		return "", fmt.Errorf("the program's version %q says nothing, as it was built without version control: name one with -version", version)
	}
	text, pre, meta := parts[1], parts[2], parts[3]
	if p := pseudo.FindStringSubmatch(pre); p != nil {
		sign := "~"
		if before := strings.TrimSuffix(strings.TrimSuffix(p[1], "0"), "."); before != "" {
			text, sign = text+"~"+before, "+"
		}
		text += sign + "git" + p[2] + "." + p[3] + "." + p[4]
	} else if pre != "" {
		text += "~" + strings.ReplaceAll(pre, "-", ".")
	}
	if meta != "" {
		text += "+" + strings.ReplaceAll(meta, "-", ".")
	}
	return text, nil
}

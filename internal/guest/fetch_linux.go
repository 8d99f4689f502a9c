package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"telegraf-ipvs/internal/debian"
)

const metaPackage = "linux-image-cloud-amd64"

// kernelPackage fits the packages that together are one kernel; how many they are has changed over the years.
var kernelPackage = regexp.MustCompile(`^linux-(image|binary|modules|base)-([0-9].*)-cloud-amd64$`)

// fetchKernel downloads the kernel of a series, and returns a folder below work that has the form of the cache.
func fetchKernel(ctx context.Context, s series, work string) (string, error) {
	dir, err := debian.Fetch(ctx, work, s.choices, func(ctx context.Context, a *debian.Apt) (string, error) {
		packages, err := kernelPackages(ctx, a, s)
		if err != nil {
			return "", err
		}
		tree, err := a.Unpack(ctx, packages...)
		if err != nil {
			return "", err
		}
		dir := filepath.Join(filepath.Dir(tree), "kernel")
		return dir, arrange(ctx, tree, dir)
	})
	if errors.Is(err, debian.ErrNoArchive) {
		return "", fmt.Errorf("%w: kernels come from there; "+
			"if the running kernel has IPVS, \"modprobe ip_vs\" as root makes it serve instead (-where namespace)", err)
	}
	return dir, err
}

// kernelPackages follows the dependencies from the meta package to the packages of a kernel, as name=version.
func kernelPackages(ctx context.Context, a *debian.Apt, s series) ([]string, error) {
	var found []string
	seen := map[string]bool{}
	todo := []string{metaPackage}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		version, depends, err := a.Show(ctx, name)
		if err != nil {
			return nil, err
		}
		if name != metaPackage {
			found = append(found, name+"="+version)
		}
		for _, d := range depends {
			part := kernelPackage.FindStringSubmatch(d)
			if part == nil {
				continue
			}
			if !strings.HasPrefix(part[2], s.prefix) {
				return nil, fmt.Errorf("the kernel there is %s", part[2])
			}
			todo = append(todo, d)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s names no kernel", metaPackage)
	}
	return found, nil
}

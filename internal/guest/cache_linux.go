package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"telegraf-ipvs/internal/debian"
)

// getKernel returns the kernel from the cache, where it puts it first if need be.
// Of several runs at the same time one downloads and the others wait for it.
func getKernel(ctx context.Context, s series, progress func(format string, args ...any)) (kernel, error) {
	dir, err := debian.Cached(ctx, "kernels/"+s.name, func(ctx context.Context, work string) (string, error) {
		progress("fetching kernel %s", s.name)
		dir, err := fetchKernel(ctx, s, work)
		if err != nil {
			return "", fmt.Errorf("fetch kernel %s: %w", s.name, err)
		}
		return dir, nil
	})
	if err != nil {
		return kernel{}, err
	}
	return openKernel(s, dir)
}

// openKernel finds a kernel in the cache. Its folder is complete or is not there.
func openKernel(s series, dir string) (kernel, error) {
	found, err := filepath.Glob(filepath.Join(dir, "lib", "modules", "*", "modules.dep"))
	if err != nil {
		return kernel{}, err
	}
	if len(found) != 1 {
		return kernel{}, fmt.Errorf("kernel %s in %s: %w", s.name, dir, fs.ErrNotExist)
	}
	modules := filepath.Dir(found[0])
	return kernel{series: s.name, release: filepath.Base(modules), vmlinuz: filepath.Join(dir, "vmlinuz"), modules: modules}, nil
}

// arrange brings the unpacked packages in root into the form of the cache, in dir: vmlinuz, and the modules
// a guest may want without compression and with fresh indexes.
func arrange(ctx context.Context, root, dir string) error {
	images, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil {
		return err
	}
	trees, err := filepath.Glob(filepath.Join(root, "lib", "modules", "*", "kernel"))
	if err != nil {
		return err
	}
	more, err := filepath.Glob(filepath.Join(root, "usr", "lib", "modules", "*", "kernel"))
	if err != nil {
		return err
	}
	trees = append(trees, more...)
	if len(trees) != 1 {
		return fmt.Errorf("the packages have %d folders of modules", len(trees))
	}
	from := filepath.Dir(trees[0])
	images = append(images, filepath.Join(from, "vmlinuz"))
	release := filepath.Base(from)
	to := filepath.Join(dir, "lib", "modules", release)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if err := os.Rename(images[0], filepath.Join(dir, "vmlinuz")); err != nil {
		return err
	}
	if err := keepModules(from, to); err != nil {
		return err
	}
	if err := decompress(ctx, to); err != nil {
		return err
	}
	depmod, err := debian.FindTool("depmod", "kmod")
	if err != nil {
		return err
	}
	return debian.Execute(ctx, depmod, "-b", dir, release)
}

// keptFolders have the modules that mean anything to a guest without disks and screens.
var keptFolders = []string{
	"kernel/net", "kernel/lib", "kernel/crypto", "kernel/arch",
	"kernel/drivers/net", "kernel/drivers/virtio", "kernel/drivers/char",
}

// keepModules moves the kept folders and the lists that depmod reads from one tree of modules to another.
func keepModules(from, to string) error {
	lists, err := filepath.Glob(filepath.Join(from, "modules.*"))
	if err != nil {
		return err
	}
	names := slices.Clone(keptFolders)
	for _, list := range lists {
		names = append(names, filepath.Base(list))
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			return err
		}
		err := os.Rename(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(to, "kernel/drivers/net/ethernet"))
}

// decompress unpacks all modules below dir in place.
func decompress(ctx context.Context, dir string) error {
	var packed []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".ko.xz") {
			packed = append(packed, name)
		}
		return err
	})
	if err != nil || len(packed) == 0 {
		return err
	}
	xz, err := debian.FindTool("xz", "xz-utils")
	if err != nil {
		return err
	}
	for group := range slices.Chunk(packed, 500) {
		if err := debian.Execute(ctx, xz, append([]string{"-d", "--"}, group...)...); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
)

// run is the command: it returns its exit code.
func run(args []string) int {
	// A child with a parent-death signal dies with the thread that started it. This one lives longest.
	runtime.LockOSThread()
	if isInit() {
		runInit()
	}
	o, err := parseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		return exitUsage
	}
	code, err := perform(o)
	if err != nil {
		o.progress("%v", err)
		code = exitFault
		if failed := (*exitError)(nil); errors.As(err, &failed) {
			code = failed.code
		}
	}
	return code
}

func perform(o *options) (int, error) {
	ctx := context.Background()
	if o.timeout > 0 {
		timeout := &exitError{exitTimeout, fmt.Errorf("killed after the timeout of %v", o.timeout)}
		limited, cancel := context.WithTimeoutCause(ctx, o.timeout, timeout)
		defer cancel()
		ctx = limited
	}
	switch {
	case o.fetch:
		return 0, fetchAll(ctx, o)
	case o.where == whereNamespace || o.where == whereAuto && canUseNamespace(o):
		return runInNamespace(ctx, o)
	default:
		return runInGuest(ctx, o)
	}
}

// fetchAll brings the kernels that -kernel names into the cache.
func fetchAll(ctx context.Context, o *options) error {
	var errs []error
	for _, s := range allSeries {
		if o.kernel != s.name && o.kernel != kernelAll {
			continue
		}
		k, err := getKernel(ctx, s, o.progress)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.progress("kernel %s is %s", s.name, k.release)
	}
	return errors.Join(errs...)
}

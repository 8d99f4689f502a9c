package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

const metaPackage = "linux-image-cloud-amd64"

// kernelPackage fits the packages that together are one kernel; how many they are has changed over the years.
var kernelPackage = regexp.MustCompile(`^linux-(image|binary|modules|base)-([0-9].*)-cloud-amd64$`)

// fetchKernel downloads the kernel of a series with apt, and returns a folder below work that has the form of the cache.
//
// apt gets its own sources, lists and archives below work, so that nothing of the machine's own changes; the way to
// the archive, the keyring and the settings for proxies are the machine's.
func fetchKernel(ctx context.Context, s series, work string) (string, error) {
	sources, err := readSources("/etc/apt")
	if err != nil {
		return "", err
	}
	main, security := archives(sources)
	if len(main) == 0 {
		return "", errors.New("none of the apt sources of this machine is Debian's own archive, where the kernels come from; " +
			"if the running kernel has IPVS, \"modprobe ip_vs\" as root makes it serve instead (-where namespace)")
	}
	var tried []string
	for _, archive := range main {
		for _, choice := range s.choices {
			list, names := sourcesList(archive, security, choice)
			root, err := os.MkdirTemp(work, "apt-")
			if err != nil {
				return "", err
			}
			dir, err := fetchFrom(ctx, s, list, root)
			if err == nil {
				return dir, nil
			}
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			if errors.Is(err, errNoTool) {
				return "", err
			}
			tried = append(tried, fmt.Sprintf("%s: %v", names, err))
		}
	}
	slices.Sort(tried)
	return "", errors.New("tried " + strings.Join(slices.Compact(tried), "; "))
}

// sourcesList writes apt sources for a choice of suites, and names them for people.
func sourcesList(archive source, security []source, choice []string) (list, names string) {
	var plain, secure []string
	for _, suite := range choice {
		if !strings.HasSuffix(suite, "-security") {
			plain = append(plain, suite)
		} else if len(security) > 0 {
			secure = append(secure, suite)
		}
	}
	list = archive.stanza(plain...)
	if len(secure) > 0 {
		list += security[0].stanza(secure...)
	}
	return list, strings.Join(append(plain, secure...), "+") + " of " + strings.Join(archive.uris, " ")
}

// fetchFrom downloads and unpacks the kernel of a series from these sources.
func fetchFrom(ctx context.Context, s series, list, root string) (string, error) {
	a, err := newApt(root, list)
	if err != nil {
		return "", err
	}
	if _, err := a.run(ctx, "apt-get", "-qq", "update"); err != nil {
		return "", err
	}
	packages, err := a.packages(ctx, s)
	if err != nil {
		return "", err
	}
	// apt checks what it downloads against the signed index.
	if _, err := a.run(ctx, "apt-get", append([]string{"-qq", "download"}, packages...)...); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(root, "*.deb"))
	if err != nil {
		return "", err
	}
	dpkg, err := findTool("dpkg-deb", "dpkg")
	if err != nil {
		return "", err
	}
	tree := filepath.Join(root, "tree")
	for _, deb := range debs {
		if err := execute(ctx, dpkg, "-x", deb, tree); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(root, "kernel")
	return dir, arrange(ctx, tree, dir)
}

// An apt is an apt of its own, in one folder.
type apt struct{ root string }

func newApt(root, sources string) (*apt, error) {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "empty"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{
		"kernel.sources": sources,
		"apt.conf":       strings.ReplaceAll(aptConfig, "ROOT", root),
		"state/status":   "",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return &apt{root}, nil
}

// aptConfig is read after the machine's own configuration. Hooks go: they are about the machine's lists and packages.
const aptConfig = `
#clear APT::Update;
#clear DPkg;
#clear APT::Default-Release;
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages { MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages"; flatMetaKey "Packages"; ShortDescription "Packages"; Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages"; Optional "false"; };
Acquire::Languages "none";
Acquire::Retries "2";
APT::Update::Error-Mode "any";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
Debug::NoLocking "true";
Dir::State "ROOT/state";
Dir::State::lists "lists";
Dir::State::status "ROOT/state/status";
Dir::State::extended_states "ROOT/state/extended_states";
Dir::Cache "ROOT/cache";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "ROOT/kernel.sources";
Dir::Etc::sourceparts "ROOT/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "ROOT/empty";
Dir::Log "ROOT";
`

// run runs one of apt's programs and returns its output.
func (a *apt) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	tool, err := findTool(name, "apt")
	if err != nil {
		return nil, err
	}
	cmd := command(ctx, tool, append([]string{"-c", filepath.Join(a.root, "apt.conf")}, args...)...)
	cmd.Dir = a.root
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, commandError(name+" "+args[len(args)-1], err, problems.Bytes())
	}
	return out.Bytes(), nil
}

// packages follows the dependencies from the meta package to the packages of a kernel, as name=version.
func (a *apt) packages(ctx context.Context, s series) ([]string, error) {
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
		text, err := a.run(ctx, "apt-cache", "show", "--no-all-versions", name)
		if err != nil {
			return nil, err
		}
		version, depends := parsePackage(text)
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

// parsePackage reads the version and the names of the dependencies from a record of apt's index.
func parsePackage(record []byte) (version string, depends []string) {
	for line := range strings.Lines(string(record)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "Version":
			version = strings.TrimSpace(value)
		case "Depends", "Pre-Depends":
			for d := range strings.SplitSeq(value, ",") {
				if words := strings.Fields(d); len(words) > 0 {
					depends = append(depends, words[0])
				}
			}
		}
	}
	return version, depends
}

// command is exec.CommandContext for a child that dies with us. Like every start of a child here,
// it is for the main goroutine, which stays on the thread that lives as long as the process.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// execute runs a program of which only failure is of interest.
func execute(ctx context.Context, name string, args ...string) error {
	text, err := command(ctx, name, args...).CombinedOutput()
	if err != nil {
		return commandError(filepath.Base(name), err, text)
	}
	return nil
}

// commandError makes one line of what a program said when it failed: its first error, else its last line.
func commandError(name string, err error, text []byte) error {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	line := lines[len(lines)-1]
	for _, l := range lines {
		if strings.HasPrefix(l, "E:") {
			line = l
			break
		}
	}
	return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(line))
}

package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoArchive is wrapped by the error of a machine whose apt knows no archive of Debian's.
var ErrNoArchive = errors.New("none of the apt sources of this machine is Debian's own archive")

// Fetch tries choices of suites in turn, in each Debian archive that this machine's apt knows, until get has got a folder
// from one, and returns that. A choice is the suites to take packages from together; one that ends with "-security" is
// the security archive's, and is left out where the machine has no such archive among its sources.
//
// An error of get that wraps [ErrNoTool] ends the search. What get leaves lies below work. The error wraps [ErrNoArchive]
// where no Debian archive is known.
func Fetch(ctx context.Context, work string, choices [][]string, get func(context.Context, *Apt) (dir string, err error)) (string, error) {
	sources, err := readSources("/etc/apt")
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %w", ErrNoArchive, err)
	}
	if err != nil {
		return "", err
	}
	main, security := archives(sources)
	if len(main) == 0 {
		return "", ErrNoArchive
	}
	var tried []string
	for _, archive := range main {
		for _, choice := range choices {
			list, names := sourcesList(archive, security, choice)
			root, err := os.MkdirTemp(work, "apt-")
			if err != nil {
				return "", err
			}
			dir, err := fetchFrom(ctx, root, list, get)
			if err == nil {
				return dir, nil
			}
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			if errors.Is(err, ErrNoTool) {
				return "", err
			}
			tried = append(tried, fmt.Sprintf("%s: %v", names, err))
		}
	}
	slices.Sort(tried)
	return "", errors.New("tried " + strings.Join(slices.Compact(tried), "; "))
}

// fetchFrom calls get for an apt that has just read these sources.
func fetchFrom(ctx context.Context, root, list string, get func(context.Context, *Apt) (string, error)) (string, error) {
	a, err := newApt(root, list)
	if err != nil {
		return "", err
	}
	if _, err := a.run(ctx, "apt-get", "-qq", "update"); err != nil {
		return "", err
	}
	return get(ctx, a)
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

// An Apt is an apt of its own in one folder: its sources, lists and archives lie there, so that nothing of the machine's
// own changes. The way to the archive, the keyring and the settings for proxies are the machine's.
type Apt struct{ root string }

func newApt(root, sources string) (*Apt, error) {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "empty"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{
		"debian.sources": sources,
		"apt.conf":       strings.ReplaceAll(aptConfig, "ROOT", root),
		"state/status":   "",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return &Apt{root}, nil
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
Dir::Etc::sourcelist "ROOT/debian.sources";
Dir::Etc::sourceparts "ROOT/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "ROOT/empty";
Dir::Log "ROOT";
`

// run runs one of apt's programs and returns its output.
func (a *Apt) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	tool, err := FindTool(name, "apt")
	if err != nil {
		return nil, err
	}
	cmd := Command(ctx, tool, append([]string{"-c", filepath.Join(a.root, "apt.conf")}, args...)...)
	cmd.Dir = a.root
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, commandError(name+" "+args[len(args)-1], err, problems.Bytes())
	}
	return out.Bytes(), nil
}

// Show returns the newest version of a package, and the names of the packages that it depends on; of alternatives the first.
func (a *Apt) Show(ctx context.Context, name string) (version string, depends []string, err error) {
	text, err := a.run(ctx, "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return "", nil, err
	}
	version, depends = parsePackage(text)
	return version, depends, nil
}

// Unpack downloads packages, given as NAME or NAME=VERSION, and returns the folder that has all their files. Scripts of
// the packages are not run.
func (a *Apt) Unpack(ctx context.Context, packages ...string) (tree string, err error) {
	// apt checks what it downloads against the signed index.
	if _, err := a.run(ctx, "apt-get", append([]string{"-qq", "download"}, packages...)...); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(a.root, "*.deb"))
	if err != nil {
		return "", err
	}
	dpkg, err := FindTool("dpkg-deb", "dpkg")
	if err != nil {
		return "", err
	}
	tree = filepath.Join(a.root, "tree")
	for _, deb := range debs {
		if err := Execute(ctx, dpkg, "-x", deb, tree); err != nil {
			return "", err
		}
	}
	return tree, nil
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

package ipvs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// FindNamespaces returns the network namespaces that pattern stands for now: a
// name below /run/netns, where "ip netns" keeps them, or a path if it holds a
// slash. Either may hold the wildcards of [filepath.Match]. A file that is no
// network namespace is passed over when a wildcard found it, and an error
// otherwise, as is one that does not exist.
func FindNamespaces(pattern string) ([]Namespace, error) {
	path := pattern
	if !strings.ContainsRune(path, '/') {
		path = filepath.Join(namedNamespaces, path)
	}
	if !strings.ContainsAny(path, `*?[\`) {
		ns, err := statNamespace(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("network namespace %s does not exist: \"ip netns\" lists those that have a name", path)
		} else if err != nil {
			return nil, err
		}
		return []Namespace{ns}, nil
	}
	paths, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("network namespaces %q: %w", pattern, err)
	}
	var found []Namespace
	var problems []error
	for _, path := range paths {
		ns, err := statNamespace(path)
		switch {
		case err == nil:
			found = append(found, ns)
		case errors.Is(err, errNoNamespace), errors.Is(err, fs.ErrNotExist):
		default:
			problems = append(problems, err)
		}
	}
	return found, errors.Join(problems...)
}

// namedNamespaces is where "ip netns" keeps its namespaces (NETNS_RUN_DIR).
const namedNamespaces = "/run/netns"

// nsfsMagic is the file system type of namespace files (NSFS_MAGIC in
// include/uapi/linux/magic.h). Docker leaves plain files of that name behind.
const nsfsMagic = 0x6e736673

var errNoNamespace = errors.New("is no network namespace")

// statNamespace identifies the namespace that the file at path holds.
func statNamespace(path string) (Namespace, error) {
	var fsType unix.Statfs_t
	if err := unix.Statfs(path, &fsType); err != nil {
		return Namespace{}, &os.PathError{Op: "stat network namespace", Path: path, Err: err}
	}
	if fsType.Type != nsfsMagic {
		return Namespace{}, fmt.Errorf("%s %w", path, errNoNamespace)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Namespace{}, &os.PathError{Op: "stat network namespace", Path: path, Err: err}
	}
	return Namespace{
		Name: filepath.Base(path),
		Path: path,
		ID:   NamespaceID{Device: uint64(st.Dev), Inode: st.Ino},
	}, nil
}

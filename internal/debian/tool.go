package debian

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// ErrNoTool is wrapped by errors about a program that this machine lacks.
var ErrNoTool = errors.New("not found")

// FindTool finds a program of the host, looking also where only root usually does.
// The error wraps [ErrNoTool] and names the Debian package that has it.
func FindTool(name, debian string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return filepath.Abs(p)
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s %w: install the Debian package %s", name, ErrNoTool, debian)
}

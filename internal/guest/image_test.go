package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/debian"
)

// listing reads an image's archive back: what each path holds, a link's target after an arrow, a folder's slash.
func listing(t *testing.T, m *image) (map[string]string, map[string]cpio.FileMode) {
	t.Helper()
	var archive bytes.Buffer
	require.NoError(t, m.archive(&archive))
	content, modes := map[string]string{}, map[string]cpio.FileMode{}
	seen := map[string]bool{".": true}
	for r := cpio.NewReader(&archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return content, modes
		}
		require.NoError(t, err)
		require.True(t, seen[filepath.Dir(h.Name)], "%s comes before its folder", h.Name)
		seen[h.Name] = true
		modes[h.Name] = h.Mode
		switch h.Mode & cpio.ModeType {
		case cpio.TypeDir:
			content[h.Name] = "/"
		case cpio.TypeSymlink:
			content[h.Name] = "-> " + h.Linkname
		default:
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			content[h.Name] = string(text)
		}
	}
}

func TestImageHasWhatAProgramExpects(t *testing.T) {
	content, modes := listing(t, newImage())
	require.Equal(t, cpio.FileMode(0o755), modes["."].Perm(), "others than root must get in")
	require.Equal(t, cpio.TypeDir|cpio.FileMode(0o1777), modes["tmp"])
	for _, dir := range []string{"dev", "proc", "sys", "run", "etc", "root", "out", "usr/sbin"} {
		require.Equal(t, "/", content[dir], dir)
	}
	require.Equal(t, "-> usr/sbin", content["sbin"])
	require.Contains(t, content["etc/passwd"], "nobody:")
	require.Contains(t, content["etc/group"], "root:")
}

func TestImageAdd(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tree", "sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tree", "sub", "a"), []byte("one"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte("#!/no/such/interpreter -x\n"), 0o755))
	require.NoError(t, os.Symlink("sub/a", filepath.Join(dir, "tree", "link")))
	require.NoError(t, os.Symlink("script", filepath.Join(dir, "alias")))

	m := newImage()
	require.NoError(t, m.add(filepath.Join(dir, "tree"), "/srv/tree"))
	require.NoError(t, m.add(filepath.Join(dir, "alias"), "/sbin/tool"))
	m.symlink("/bin/other", "tool")
	content, modes := listing(t, m)
	require.Equal(t, "one", content["srv/tree/sub/a"])
	require.Equal(t, cpio.TypeReg|cpio.FileMode(0o600), modes["srv/tree/sub/a"])
	require.Equal(t, "-> sub/a", content["srv/tree/link"])
	require.Equal(t, "#!/no/such/interpreter -x\n", content["usr/sbin/tool"], "through the link and the link of /sbin")
	require.Equal(t, "-> tool", content["usr/bin/other"])
	require.True(t, m.has("/sbin/tool"))
	require.True(t, m.has("/usr/sbin/tool"))
	require.False(t, m.has("/sbin/none"))

	require.ErrorIs(t, m.add(filepath.Join(dir, "none"), "/none"), os.ErrNotExist)
}

func TestImageAddsWhatPrograms(t *testing.T) {
	m := newImage()
	require.NoError(t, m.add(dynamicProgram(t), "/bin/program"))
	for _, file := range []string{"/usr/bin/program", "/lib64/ld-linux-x86-64.so.2"} {
		require.True(t, m.has(file), file)
	}
}

func TestGuestImage(t *testing.T) {
	if _, err := debian.FindTool("kmod", "kmod"); err != nil {
		t.Skip(err)
	}
	work := t.TempDir()
	t.Chdir(work)
	require.NoError(t, os.Mkdir("testdata", 0o755))
	require.NoError(t, os.WriteFile("testdata/golden", []byte("gold"), 0o644))
	require.NoError(t, os.WriteFile("program", []byte("no ELF"), 0o755))
	modules := filepath.Join(work, "modules")
	require.NoError(t, os.MkdirAll(filepath.Join(modules, "kernel"), 0o755))
	for name, text := range map[string]string{
		"modules.dep":     "kernel/ip_vs.ko: kernel/nf_conntrack.ko\nkernel/nf_conntrack.ko:\nkernel/virtio_console.ko:\nkernel/btrfs.ko:\n",
		"modules.dep.bin": "index", "kernel/ip_vs.ko": "ipvs", "kernel/nf_conntrack.ko": "ct", "kernel/virtio_console.ko": "port", "kernel/btrfs.ko": "fs",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(modules, name), []byte(text), 0o644))
	}
	k := kernel{release: "6.1.0-cloud", modules: modules}
	parse := func(args ...string) *options {
		o, err := parseOptions(args, io.Discard)
		require.NoError(t, err)
		return o
	}

	m, err := newGuestImage(parse("-env", "A=b", "./program", "-x"), k)
	require.NoError(t, err)
	content, _ := listing(t, m)
	at := func(p string) string { return content[filepath.Join(work, p)[1:]] }
	require.Equal(t, "gold", at("testdata/golden"))
	require.Equal(t, "no ELF", content["program/program"])
	require.Equal(t, "-> ../bin/kmod", content["usr/sbin/modprobe"])
	require.NotEmpty(t, content["init"])
	const dir = "usr/lib/modules/6.1.0-cloud/"
	require.Equal(t, "index", content[dir+"modules.dep.bin"])
	require.Equal(t, "ipvs", content[dir+"kernel/ip_vs.ko"])
	require.NotContains(t, content, dir+"kernel/btrfs.ko")
	require.JSONEq(t, `{"Args": ["/program/program", "-x"], "Env": ["A=b"], "Dir": "`+work+`", "Out": false,
		"Port": ["/`+dir+`kernel/virtio_console.ko"],
		"Modules": ["/`+dir+`kernel/nf_conntrack.ko", "/`+dir+`kernel/ip_vs.ko"]}`, content["job.json"])

	m, err = newGuestImage(parse("-load", "none", "./program"), k)
	require.NoError(t, err)
	content, _ = listing(t, m)
	require.Contains(t, content["job.json"], `"Modules":null`)
	require.Contains(t, content, dir+"kernel/ip_vs.ko", "for modprobe")

	_, err = newGuestImage(parse("-load", "ip_vs,no_such", "./program"), k)
	require.ErrorContains(t, err, "no_such")

	var failed *exitError
	_, err = newGuestImage(parse("./none"), k)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, exitNotFound, failed.code)
}

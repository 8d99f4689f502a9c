// Command helper is the program that the integration test of the guest runs in it.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := do(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}

func do(what string, args []string) error {
	switch what {
	case "cat": // stdin to stdout, and one line to stderr at its end
		n, err := io.Copy(os.Stdout, os.Stdin)
		fmt.Fprintf(os.Stderr, "%d bytes\n", n)
		return err
	case "lines": // an answer to every line as it comes
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println(strings.ToUpper(in.Text()))
		}
		return nil
	case "exit":
		code, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		os.Exit(code)
	case "signal": // says ready, then which signal came, and ends with 3
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGTERM, syscall.SIGUSR1)
		fmt.Println("ready")
		fmt.Println((<-caught).String())
		os.Exit(3)
	case "die": // of a signal
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "out":
		if err := os.MkdirAll("/out/sub", 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(os.Getenv("GUEST_OUT"), "sub", "file"), []byte("kept"), 0o644)
	case "look": // at the guest
		_, err := os.Stat("/proc/net/ip_vs")
		text, _ := os.ReadFile("testdata/helper/main.go")
		dir, _ := os.Getwd()
		fmt.Printf("ipvs=%v uid=%d dir=%s testdata=%v time=%d env=%s\n",
			err == nil, os.Getuid(), dir, len(text) > 0, time.Now().Unix(), os.Getenv("TEST_ENV"))
		if out, err := exec.Command("modprobe", "ip_vs_rr").CombinedOutput(); err != nil {
			return fmt.Errorf("modprobe: %w: %s", err, out)
		}
		_, err = os.Stat("/proc/net/ip_vs")
		fmt.Printf("ipvs=%v\n", err == nil)
		return nil
	case "orphan": // leaves a child behind that holds stdout
		_, err := os.StartProcess("/proc/self/exe", []string{"helper", "sleep"}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
		fmt.Println("left")
		return err
	case "sleep":
		time.Sleep(time.Hour)
	}
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"telegraf-ipvs/internal/config"
	"telegraf-ipvs/internal/execd"
	"telegraf-ipvs/internal/httpauth"
	"telegraf-ipvs/internal/piwebapi/piwebapitest"
)

// simulateCommand serves a PI Web API that is none.
func (p *program) simulateCommand() *cli.Command {
	return &cli.Command{
		Name: "simulate", Usage: "serve a PI Web API with a data archive of its own, to try things out",
		Description: "Prints the lines of a configuration that writes to it, and goes on until Ctrl-C or SIGTERM. A browser\n" +
			"shows its points at the same address, without the path. --point can be given again and again.\n" +
			"--faults breaks requests on purpose, such as reset-after=0.01,503@streamsets/recorded=0.05,slow=0.01:5s.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8180", Usage: "take connections at `ADDRESS`", OnlyOnce: true},
			&cli.StringFlag{Name: "store", Usage: "keep points and values in `FILE`, in place of in memory", OnlyOnce: true},
			&cli.StringFlag{Name: "server", Value: "PISRV01", Usage: "call the data server `NAME`", OnlyOnce: true},
			&cli.StringSliceFlag{Name: "point", Usage: "make the point `NAME[:TYPE]` if it is not there; TYPE is Float64 unless said"},
			&cli.StringFlag{Name: "user", Usage: "ask for a login by Basic, as `NAME`", OnlyOnce: true},
			&cli.StringFlag{Name: "password-file", Usage: "the password of --user is in `FILE`", OnlyOnce: true},
			&cli.StringFlag{Name: "tls-dir", Usage: "use TLS; the authority to trust is ca.pem in `DIR`, made if it is not there", OnlyOnce: true},
			&cli.StringFlag{Name: "faults", Usage: "break requests according to `PLAN`", OnlyOnce: true},
			&cli.Uint64Flag{Name: "seed", Usage: "choose other requests to break by the number `N`", OnlyOnce: true},
		},
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usageError{fmt.Errorf("pi simulate takes no argument %q", c.Args().First())}
			}
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return p.simulate(ctx, c)
		},
	}
}

func (p *program) simulate(ctx context.Context, c *cli.Command) error {
	o := piwebapitest.SimulateOptions{
		Listen: c.String("listen"), Store: c.String("store"), Server: c.String("server"), User: c.String("user"),
		Faults: c.String("faults"), Seed: c.Uint64("seed"),
	}
	if _, err := piwebapitest.ParseFaults(o.Faults, o.Seed); err != nil {
		return usageError{fmt.Errorf("--faults: %w", err)}
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return usageError{fmt.Errorf("--listen %q: want one such as 127.0.0.1:8180", o.Listen)}
	}
	for _, text := range c.StringSlice("point") {
		name, kind, _ := strings.Cut(text, ":")
		o.CreatePoints = append(o.CreatePoints, piwebapitest.PointSpec{Name: name, Type: kind})
	}
	var err error
	passwordFile := c.String("password-file")
	if (o.User == "") != (passwordFile == "") {
		return usageError{errors.New("--user and --password-file belong together: give both, or none")}
	}
	if passwordFile != "" {
		if o.Password, err = httpauth.ReadSecretFile(passwordFile)(); err != nil {
			return err
		}
	}
	if dir := c.String("tls-dir"); dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("--tls-dir: %w", err)
		}
		o.TLS, o.CAFile = true, filepath.Join(dir, "ca.pem")
	}
	h := execd.NewHandler(p.stderr, execd.HandlerOptions{})
	defer h.Close()
	o.Log = func(line string) { slog.New(h).Info(line) }
	var failed error
	o.Ready = func(addr net.Addr) { failed = p.snippet(o, addr, passwordFile) }
	return errors.Join(piwebapitest.Simulate(ctx, o), failed)
}

// snippet prints the configuration of an output that writes to the simulation.
func (p *program) snippet(o piwebapitest.SimulateOptions, addr net.Addr, passwordFile string) error {
	scheme := "http"
	if o.TLS {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return err
	}
	ip := net.ParseIP(host)
	if ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "  %s = %s\n", key, config.Quote(value)) }
	b.WriteString("[[outputs.pi_webapi]]\n")
	line("url", scheme+"://"+net.JoinHostPort(host, port)+"/piwebapi")
	line("data_server", o.Server)
	line("queue_path", absolute("telegraf-ipvs-pi-queue"))
	if o.User == "" {
		line("auth", httpauth.Anonymous)
	} else {
		line("auth", httpauth.Basic)
		line("username", o.User)
		line("password_file", absolute(passwordFile))
	}
	if o.TLS {
		line("tls_ca", absolute(o.CAFile))
	} else if ip != nil && !ip.IsLoopback() && !ip.IsUnspecified() {
		b.WriteString("  allow_plaintext = true\n")
	}
	b.WriteString("  create_points = true\n")
	_, err = fmt.Fprint(p.stdout, b.String())
	return err
}

// absolute returns a path that is good from everywhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

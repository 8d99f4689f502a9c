package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v3"

	"telegraf-ipvs/internal/execd"
	pi "telegraf-ipvs/internal/piwebapi"
)

// webIDCommand converts between paths and WebIDs.
func (p *program) webIDCommand() *cli.Command {
	return &cli.Command{
		Name: "webid", Usage: "print the WebID of a path, or what a WebID says", ArgsUsage: `'\\SERVER\TAG'`,
		Description: "The path is that of a data server, a PI point, an AF element or an AF attribute; a shell wants it\n" +
			"in single quotes. The WebID is of the form that holds the path alone, and says nothing of whether\n" +
			"there is such a thing.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "decode", Usage: "print what the WebID `ID` says", OnlyOnce: true, Validator: given("--decode names no WebID")},
		},
		HideHelpCommand: true,
		OnUsageError:    onUsageError,
		Action: func(_ context.Context, c *cli.Command) error {
			id := c.String("decode")
			switch {
			case c.Args().Len() > 1:
				return usageError{fmt.Errorf("pi webid takes one path; put it in quotes if there are spaces in it")}
			case id != "" && c.Args().Present():
				return usageError{errors.New("pi webid takes a path or --decode ID, not both")}
			case id != "":
				return p.decodeWebID(id)
			case c.Args().First() == "":
				return usageError{errors.New(`pi webid needs a path such as '\\SERVER\TAG', or --decode ID`)}
			}
			return p.encodeWebID(c.Args().First())
		},
	}
}

func (p *program) encodeWebID(path string) error {
	id, err := pi.PathWebID(path)
	if err != nil {
		return err
	}
	if !pi.Portable(path) {
		h := execd.NewHandler(p.stderr, execd.HandlerOptions{})
		defer h.Close()
		slog.New(h).Warn("The path has letters whose capitals the server may write otherwise: ask it for the WebID, or try this one first")
	}
	_, err = fmt.Fprintln(p.stdout, id)
	return err
}

func (p *program) decodeWebID(text string) error {
	id, err := pi.DecodeWebID(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "type\t%v\n", id.Form)
	fmt.Fprintf(w, "kind\t%v\n", id.Kind)
	labels := guidLabels(id.Kind)
	if len(labels) > len(id.GUIDs) { // without the server, or without any
		labels = labels[len(labels)-len(id.GUIDs):]
	}
	for i, label := range labels {
		fmt.Fprintf(w, "%s\t%v\n", label, id.GUIDs[i])
	}
	if id.Kind.Point() && id.Form != pi.FormPath {
		fmt.Fprintf(w, "point id\t%d\n", id.PointID)
	}
	if id.Path != "" {
		fmt.Fprintf(w, "path\t\\\\%s\n", id.Path)
	}
	return w.Flush()
}

// guidLabels says what the GUIDs of a kind stand for, from outside in.
func guidLabels(k pi.WebIDKind) []string {
	switch k {
	case pi.KindElement:
		return []string{"server", "element"}
	case pi.KindElementAttribute:
		return []string{"server", "element", "attribute"}
	case pi.KindEventFrameAttribute:
		return []string{"server", "event frame", "attribute"}
	case pi.KindNotificationAttribute:
		return []string{"server", "notification", "attribute"}
	case pi.KindDatabase:
		return []string{"server", "database"}
	}
	return []string{"server"}
}

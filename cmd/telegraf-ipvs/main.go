// Command telegraf-ipvs reads Linux IPVS for Telegraf. Its help says the rest.
package main

import (
	"os"

	"telegraf-ipvs/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

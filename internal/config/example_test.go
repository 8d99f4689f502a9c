package config_test

import (
	"fmt"

	"telegraf-ipvs/internal/config"
)

func ExampleDecode() {
	type input struct {
		Interval config.Duration `toml:"interval"`
		Netns    string          `toml:"netns"`
	}
	var file struct {
		Inputs struct {
			IPVS []input `toml:"ipvs"`
		} `toml:"inputs"`
	}
	env := func(name string) (string, bool) { return "blue", name == "NETNS" }

	err := config.Decode("plugin.conf", []byte(`
[[inputs.ipvs]]
  interval = "1m30s"
  netns = "${NETNS}"
`), env, &file)
	fmt.Println(file.Inputs.IPVS, err)

	err = config.Decode("plugin.conf", []byte(`
[[inputs.ipvs]]
  intervall = "10s"
  netns = 7
`), env, &file)
	fmt.Println(err)
	// Output:
	// [{1m30s blue}] <nil>
	// plugin.conf:3:3: unknown key "inputs.ipvs.intervall"; did you mean "interval"?
	// plugin.conf:4:11: inputs.ipvs.netns: want string, got integer
}

package configtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/config"
)

type sample struct {
	base
	Address string            `toml:"address"`
	Netns   []string          `toml:"netns"`
	Retries *int              `toml:"retries"`
	Tags    map[string]string `toml:"labels"`
	Auth    *struct {
		User     string `toml:"user"`
		Password string `toml:"password"`
	} `toml:"auth"`
	Mapping []struct {
		Field string `toml:"field"`
	} `toml:"mapping"`
	Log func() `toml:"-"`
}

type base struct {
	Interval config.Duration `toml:"interval"`
}

const good = `# Reads an example
[[inputs.example]]
  ## Documentation, also of something = like an option
  address = "required"

  ## How often
  # interval = "10s"
  # netns = [
  # ]
  # retries = 3

  #
  # [inputs.example.labels]
  #   any = "example"
  # [inputs.example.auth]
  #   user = ""
  #   password = "${PASSWORD}"
  # [[inputs.example.mapping]]
  #   field = "example"
`

func defaults() sample {
	retries := 3
	return sample{base: base{Interval: config.DurationOf(10 * time.Second)}, Retries: &retries}
}

func TestCheckSample(t *testing.T) {
	CheckSample(t, good, "inputs.example", defaults())
	d := defaults()
	CheckSample(t, good, "inputs.example", &d)
}

// recorder takes the errors of CheckSample.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestCheckSampleFinds(t *testing.T) {
	const rest = `# interval = "10s"
# netns = []
# retries = 3
# labels = {}
# auth = { user = "", password = "" }
# mapping = [{ field = "" }]
`
	const note = "\n(lines with one # are options; documentation needs ##)"
	for _, test := range []struct {
		name, sample string
		want         []string
	}{
		{"nothing", "[[inputs.example]]\n# address = \"\"\n" + rest, nil},
		{"wrong defaults", `[[inputs.example]]
# address = "x"
# interval = "20s"
# netns = ["a"]
# retries = 0
# auth = { user = "me", password = "" }
# mapping = []
# labels.x = "example"
`, []string{
			`line 2 shows address = "x", but the default is ""`,
			`line 3 shows interval = 20s, but the default is 10s`,
			`line 4 shows netns = []string{"a"}, but the default is []`,
			`line 5 shows retries = 0, but the default is 3`,
			`line 6 shows auth.user = "me", but the default is ""`,
			`option mapping.field is missing`,
		}},
		{"missing options", "[[inputs.example]]\n## address = \"\"\n", []string{
			"option address is missing", "option interval is missing", "option netns is missing", "option retries is missing",
			"option labels is missing", "option auth is missing", "option auth.user is missing", "option auth.password is missing",
			"option mapping is missing", "option mapping.field is missing"}},
		{"unknown option", "[[inputs.example]]\nadress = ''", []string{
			`sample:2:1: unknown key "inputs.example.adress"; did you mean "address"?`}},
		{"unknown commented option", "[[inputs.example]]\n## doc\n# adress = ''", []string{
			`sample with its options in force:3:1: unknown key "inputs.example.adress"; did you mean "address"?` + note}},
		{"documentation with one sign", "[[inputs.example]]\n# The address", []string{
			"sample with its options in force:2:5: syntax error: expected '=' after key" + note}},
		{"option twice", "[[inputs.example]]\naddress = 'x'\n# address = ''", []string{
			"sample with its options in force:3:1: key address is already defined" + note}},
		{"no header", "address = ''", []string{"want one line [[inputs.example]], got 0"}},
		{"two headers", "[[inputs.example]]\n[[inputs.example]]", []string{"want one line [[inputs.example]], got 2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{TB: t}
			CheckSample(r, test.sample, "inputs.example", defaults())
			var want []string
			for _, w := range test.want {
				want = append(want, "sample of inputs.example: "+w)
			}
			require.ElementsMatch(t, want, r.errors)
		})
	}
}

func TestCheckSampleWantsTags(t *testing.T) {
	type inner struct{ Name string }
	type plugin struct {
		Timeout config.Duration
		List    []inner `toml:"list"`
	}
	require.ElementsMatch(t, []string{
		"field Timeout of configtest.plugin has no toml tag",
		"field Name of configtest.inner has no toml tag",
	}, problems("[[a.b]]\n# list = []", "a.b", plugin{}))
}

package opentsdb

import (
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	tsdb "telegraf-ipvs/internal/opentsdb"
)

// TestReadme looks for every option and every reason in the README.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, table := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Credential](), reflect.TypeFor[Listener](), reflect.TypeFor[Namespace]()} {
		for i := range table.NumField() {
			key := table.Field(i).Tag.Get("toml")
			if key == "credential" || key == "listener" {
				key = "[[inputs.opentsdb." + key + "]]"
			}
			require.Contains(t, string(text), "`"+key+"`")
		}
	}
	for _, reason := range tsdb.Reasons() {
		require.Contains(t, string(text), "`"+reason.String()+"`")
	}
}

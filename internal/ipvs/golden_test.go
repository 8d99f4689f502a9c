package ipvs_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"telegraf-ipvs/internal/ipvs"
	. "telegraf-ipvs/internal/ipvs/ipvstest"
	"telegraf-ipvs/internal/ipvs/livetest"
)

var update = flag.Bool("update", false, "write the expected values of golden files anew")

// A capture is what a golden file holds, decoded.
type capture struct {
	Services []Service
	Info     ipvs.Info
	Timeouts ipvs.Timeouts
	Daemons  []ipvs.Daemon
}

func decodeGolden(t *testing.T, g *Golden) (c capture) {
	t.Helper()
	for _, msg := range g.Services {
		var svc Service
		require.NoError(t, ipvs.DecodeService(walk(t, msg, NewService), &svc.Service))
		c.Services = append(c.Services, svc)
	}
	for _, dest := range g.Destinations {
		var d ipvs.Destination
		svc := &c.Services[dest.Service]
		require.NoError(t, ipvs.DecodeDestination(walk(t, dest.Message, NewDest), svc.Family, &d))
		svc.Destinations = append(svc.Destinations, d)
	}
	var err error
	if g.Info != nil {
		c.Info, err = ipvs.DecodeInfo(walk(t, g.Info, SetInfo))
		require.NoError(t, err)
	}
	if g.Config != nil {
		c.Timeouts, err = ipvs.DecodeTimeouts(walk(t, g.Config, SetConfig))
		require.NoError(t, err)
	}
	for _, msg := range g.Daemons {
		d, err := ipvs.DecodeDaemon(walk(t, msg, NewDaemon))
		require.NoError(t, err)
		c.Daemons = append(c.Daemons, d)
	}
	return c
}

// walk takes a message out of its frame as the client does.
func walk(t *testing.T, msg []byte, cmd uint8) (attrs []byte) {
	t.Helper()
	order := binary.NativeEndian
	r := ipvs.NewReply(order.Uint32(msg[8:]), order.Uint32(msg[12:]), order.Uint16(msg[4:]), cmd)
	_, err := r.Take(msg, func(payload []byte) { attrs = payload })
	require.NoError(t, err)
	require.NotNil(t, attrs)
	return attrs
}

// Messages of real kernels, testdata/netlink/<kernel>/<name>.txt, decode to what
// stands beside them in <name>.json, and to what ipvsadm printed at that moment.
func TestGolden(t *testing.T) {
	if native16(1)[0] == 0 {
		t.Skip("golden files come from little-endian machines")
	}
	files, err := filepath.Glob("../../testdata/netlink/*/*.txt")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no golden files in testdata/netlink")
	}
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, "../../testdata/netlink/"), func(t *testing.T) { replay(t, file, *update) })
	}
}

func replay(t *testing.T, file string, update bool) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	g, err := ReadGolden(f)
	require.NoError(t, err)
	got, err := json.MarshalIndent(decodeGolden(t, g), "", "\t")
	require.NoError(t, err)
	got = append(got, '\n')
	expected := strings.TrimSuffix(file, ".txt") + ".json"
	if update {
		require.NoError(t, os.WriteFile(expected, got, 0o644))
	}
	want, err := os.ReadFile(expected)
	require.NoError(t, err, "make it with -update, and read it")
	require.Equal(t, string(want), string(got))

	oracle, err := os.ReadFile(strings.TrimSuffix(file, ".txt") + oracleSuffix)
	if os.IsNotExist(err) {
		return // the recorder's own test has none
	}
	require.NoError(t, err)
	var table map[string]livetest.Row
	require.NoError(t, json.Unmarshal(oracle, &table))
	var s ipvs.Snapshot
	for _, svc := range decodeGolden(t, g).Services {
		s.Add(svc.Service, svc.Destinations...)
	}
	require.Equal(t, table, rows(&s))
}

// oracleSuffix ends the name of a file with what ipvsadm said of a golden file's
// table.
const oracleSuffix = ".ipvsadm.json"

func TestReadGoldenRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"not hex":           "SVC xyz",
		"no message":        "SVC",
		"short":             "SVC 1400000000",
		"wrong length":      "INFO 150000002200000000000000000000000e010000",
		"unknown label":     "SVCS 140000002200000000000000000000000e010000",
		"extra word":        "INFO x 140000002200000000000000000000000e010000",
		"service not there": "DEST svc#0 1400000022000000000000000000000005010000",
		"bad number":        "DEST svc0 1400000022000000000000000000000005010000",
	} {
		_, err := ReadGolden(strings.NewReader("# comment\n\n" + line + "\n"))
		require.ErrorContains(t, err, "line 3: ", name)
	}
}

// readVectors reads the blocks of a file in the form of the captures from which
// the facts about the kernel were taken: each begins with a line "family N".
func readVectors(t *testing.T, file string) (blocks []*Golden) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var b bytes.Buffer
	flush := func() {
		if b.Len() > 0 {
			g, err := ReadGolden(&b)
			require.NoError(t, err)
			blocks = append(blocks, g)
		}
		b.Reset()
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch label := strings.TrimPrefix(words[0], "GET_"); {
		case label == "family":
			flush()
		case !strings.Contains(line, " len="):
			// words between the captures
		case label == "DEST":
			b.WriteString("DEST " + words[1] + " " + words[len(words)-1] + "\n")
		case label == "SVC" || label == "INFO" || label == "CONFIG" || label == "DAEMON":
			b.WriteString(label + " " + words[len(words)-1] + "\n")
		}
	}
	flush()
	return blocks
}
